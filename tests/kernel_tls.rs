//! HTTPS and HTTP/2 through the built program: curl, openssl and h2load are the other side.

mod kernel_common;

use std::fs;
use std::path::{Path, PathBuf};

use kernel_common::{
    EACH, Family, Running, User, command, directory, needs, poll, run, run_over, shell_inside,
};
use rustix::process::Signal;
use serde_json::Value;

const HELLO: &str = "Hello from glasstack, a TCP/IP stack in userspace.\n";

#[test]
fn curl_trusts_the_certificate_that_was_made() {
    needs(&["curl"]);
    let line = "for version in --http2 --http1.1 --http1.0; do
                  curl -sS $version -w '%{http_version}\\n' https://192.0.2.2/hello
                done";
    for (user, family) in EACH {
        let done = run_over(family, user, &["--tls"], line).ended_with(0);
        assert_eq!(done.out(), format!("{HELLO}2\n{HELLO}1.1\n{HELLO}1\n"), "{user:?}\n{done}");
        let url = family.of("http://192.0.2.2/");
        done.says(&url).says(&url.replace("http:", "https:")).says("CMD's curl trusts it");
    }
    let line = "echo $SSL_CERT_FILE; test -e $SSL_CERT_FILE";
    let done = run_over(Family::V4, User::Root, &["--tls"], line).ended_with(0);
    let out = done.out();
    assert!(
        !fs::exists(out.trim()).expect("one can look"),
        "the file for CMD is gone with it\n{done}"
    );
}

#[test]
fn the_certificate_is_what_was_asked_for() {
    needs(&["curl", "openssl"]);
    let options = ["--tls", "--cert-out", "c.pem", "--tls-name", "www.example,*.sub.example"];
    let line = "unset SSL_CERT_FILE CURL_CA_BUNDLE
                openssl x509 -in c.pem -noout -fingerprint -sha256 -ext subjectAltName
                curl -sS --cacert c.pem --resolve www.example:443:192.0.2.2 https://www.example/hello
                curl -sS --cacert c.pem 'https://[2001:db8::2]/hello'
                curl -sS --cacert c.pem --resolve other.example:443:192.0.2.2 https://other.example/
                echo $?; curl -sS https://192.0.2.2/; echo $?; date -d '23 hours ago' +%s
                date -d \"$(openssl x509 -in c.pem -noout -startdate | cut -d= -f2)\" +%s";
    let done = run(User::Root, &options, line).ended_with(0);
    let out = done.out();
    let fingerprint = out.lines().next().and_then(|line| line.split('=').nth(1)).unwrap();
    assert_eq!(fingerprint.len(), 95, "{done}");
    done.says(&format!("SHA-256 {fingerprint}, written to c.pem"));
    for name in [
        "IP Address:192.0.2.2",
        "IP Address:2001:DB8:0:0:0:0:0:2",
        "DNS:localhost",
        "DNS:www.example",
        "DNS:*.sub.example",
    ] {
        assert!(out.contains(name), "{name}\n{done}");
    }
    assert_eq!(out.matches(HELLO).count(), 2, "{done}");
    assert_eq!(
        out.matches("60\n").count(),
        2,
        "not trusted: another name, and nobody to trust\n{done}"
    );
    let times: Vec<u64> = out.lines().rev().take(2).map(|line| line.parse().unwrap()).collect();
    assert!(times[0] < times[1], "valid from a day ago\n{done}");
}

#[test]
fn http2_is_spoken_where_a_client_begins_with_it() {
    needs(&["curl"]);
    let line = "curl -sS --http2-prior-knowledge http://192.0.2.2/connection
                curl -sS -w ' %{http_version}' http://192.0.2.2/hello";
    for (user, family) in EACH {
        let done = run_over(family, user, &[], line).ended_with(0);
        let out = done.out();
        let (report, rest) = out.split_once("\n}\n").expect("a report");
        let report: Value = serde_json::from_str(&format!("{report}}}")).unwrap();
        assert_eq!(report["http"], "HTTP/2.0", "{done}");
        assert!(report["state"] == "ESTABLISHED", "{done}");
        assert_eq!(rest, format!("{HELLO} 1.1"), "{done}");
    }
    let line = "curl -sS --http2-prior-knowledge http://192.0.2.2/hello
                curl -sS --http2 -w '%{http_version}' https://192.0.2.2/hello";
    let done = run(User::Root, &["--tls", "--http2", "off"], line).ended_with(0);
    assert_eq!(done.out(), format!("{HELLO}1.1"), "{done}");
}

#[test]
fn openssl_agrees_in_both_versions_and_resumes() {
    needs(&["openssl"]);
    let line = "ask() {
                  printf 'GET /connection HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n' |
                    openssl s_client -connect 192.0.2.2:443 -verify_return_error -ign_eof -quiet \
                      -servername localhost \"$@\" 2>err
                }
                for version in -tls1_2 -tls1_3; do
                  ask $version -sess_out s && ask $version -sess_in s -alpn http/1.1
                done
                ! openssl s_client -connect 192.0.2.2:443 -tls1_1 </dev/null >/dev/null 2>&1";
    let done = run(User::Root, &["--tls"], line).ended_with(0);
    let out = done.out();
    for words in ["\"TLSv1.2\"", "\"TLSv1.3\"", "\"resumed\": true", "\"resumed\": false"] {
        assert_eq!(out.matches(words).count(), 2, "{words}\n{done}");
    }
    assert_eq!(out.matches("\"alpn\": \"http/1.1\"").count(), 2, "{done}");
    assert_eq!(out.matches("\"server_name\": \"localhost\"").count(), 4, "{done}");
}

#[test]
fn what_is_spoken_to_the_wrong_port_is_answered() {
    needs(&["curl"]);
    let line = "curl -sS -w '%{http_code}' http://192.0.2.2:443/hello
                curl -sS https://192.0.2.2:80/hello; echo $?";
    let done = run(User::Root, &["-vv", "--tls"], line).ended_with(0);
    let out = done.out();
    assert!(out.starts_with("This port speaks TLS") && out.contains("400"), "{done}");
    assert!(out.ends_with("35\n"), "no handshake\n{done}");
    done.says("speaks plain HTTP to the port of TLS").says("speaks TLS to the port of plain HTTP");
}

#[test]
fn much_goes_both_ways_as_it_is() {
    needs(&["curl"]);
    let line = "head -c 5000000 /dev/urandom >f
                for version in --http2 --http1.1; do
                  curl -sS $version --data-binary @f https://192.0.2.2/echo | cmp - f || exit
                  curl -sS $version https://192.0.2.2/bytes/20000000 | wc -c
                done
                curl -sS --http2-prior-knowledge --data-binary @f http://192.0.2.2/echo | cmp - f";
    for (user, family) in EACH {
        let done = run_over(family, user, &["--tls"], line).ended_with(0);
        assert_eq!(done.out(), "20000000\n20000000\n", "{user:?}\n{done}");
        for ladder in kernel_common::ladders(&done.err) {
            let resets = ladder.rows.iter().filter(|row| row.text.contains("RST")).count();
            assert_eq!(resets, 0, "{}\n{done}", ladder.title);
        }
    }
}

#[test]
fn thousands_of_requests_at_once() {
    needs(&["h2load"]);
    let line = "for url in https://192.0.2.2/hello http://192.0.2.2/hello; do
                  h2load -n 5000 -c 10 -m 20 $url
                done
                h2load -n 2000 -c 10 --h1 https://192.0.2.2/hello";
    let done = run(User::Root, &["-q", "--tls"], line).ended_with(0);
    let out = done.out();
    let all: Vec<_> = out.lines().filter(|line| line.starts_with("requests: ")).collect();
    assert_eq!(all.len(), 3, "{done}");
    for (line, count) in all.iter().zip([5000, 5000, 2000]) {
        assert!(line.contains(&format!("{count} succeeded, 0 failed, 0 errored")), "{done}");
    }
}

#[test]
fn the_closing_is_as_without_tls() {
    needs(&["curl", "openssl"]);
    let they = ["LISTEN", "SYN_RCVD", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSED"];
    let we =
        ["LISTEN", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "TIME_WAIT", "CLOSED"];
    for version in ["--http2", "--http1.1"] {
        let line = format!("curl -sS {version} https://192.0.2.2/hello");
        let done = run(User::Root, &["--tls", "--close-after", "200"], &line).ended_with(0);
        assert_eq!(done.ladder().states(), they, "{version}\n{done}");
        assert_eq!(done.ladder().sent("FIN,ACK"), 1, "our FIN alone, and no reset for it\n{done}");
    }
    // Of clients that leave after the answer, and do not read to the end, the kernel resets the connection.
    let line = "printf 'GET /hello HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' |
                  openssl s_client -connect 192.0.2.2:443 -ign_eof -quiet 2>/dev/null; sleep 0.5";
    let options = ["--tls", "--close-after", "request", "--msl", "0.1"];
    let done = run(User::Root, &options, line).ended_with(0);
    assert_eq!(done.ladder().states(), we, "{done}");
}

#[test]
fn secrets_are_written_for_wireshark() {
    needs(&["curl"]);
    let dir = directory("keylog");
    let file = dir.join("keys");
    let mut command = command(
        User::Root,
        "",
        &[
            "run",
            "--tls",
            "--",
            "env",
            "-u",
            "SSLKEYLOGFILE",
            "curl",
            "-sS",
            "https://192.0.2.2/hello",
        ],
    );
    command.env("SSLKEYLOGFILE", &file);
    Running::start(command).wait().ended_with(0);
    let lines = fs::read_to_string(&file).expect("the file was written");
    for label in ["CLIENT_HANDSHAKE_TRAFFIC_SECRET ", "SERVER_TRAFFIC_SECRET_0 "] {
        assert_eq!(lines.matches(label).count(), 1, "{lines}");
    }
}

/// Keys and certificates of every form, made by openssl: `NAME.key` and `NAME.pem`, each signed by `ca.pem`;
/// `chain.pem` with both.
fn authority(dir: &Path) {
    let line = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
                  -subj /CN=authority -keyout ca.key -out ca.pem
                openssl genrsa -traditional -out pkcs1.key 2048
                openssl ecparam -genkey -name prime256v1 -noout -out sec1.key
                openssl genpkey -algorithm ed25519 -out pkcs8.key
                openssl pkey -in pkcs1.key -aes128 -passout pass:x -out locked.key
                openssl rsa -in pkcs1.key -aes128 -passout pass:x -traditional -out locked1.key
                printf 'subjectAltName=IP:192.0.2.2' >names
                for name in pkcs1 sec1 pkcs8; do
                  openssl req -new -key $name.key -subj /CN=$name |
                    openssl x509 -req -CA ca.pem -CAkey ca.key -days 2 -extfile names -out $name.pem
                done
                cat pkcs8.pem ca.pem >chain.pem; cat pkcs8.key chain.pem >both.pem
                cat ca.pem pkcs8.pem >wrong-order.pem; : >empty
                sed 's/^M/*/' pkcs8.pem >broken.pem; openssl x509 -in pkcs8.pem -outform der -out der";
    let mut command = std::process::Command::new("sh");
    command.args(["-ec", line]).current_dir(dir);
    Running::start(command).wait().ended_with(0);
}

fn paths(dir: &Path) -> impl Fn(&str) -> String {
    let dir: PathBuf = dir.to_owned();
    move |name| dir.join(name).to_str().expect("UTF-8").to_owned()
}

#[test]
fn certificates_and_keys_of_every_form_are_taken() {
    needs(&["curl", "openssl"]);
    let dir = directory("certificates");
    authority(&dir);
    let path = paths(&dir);
    let line = format!("curl -sS --cacert {} https://192.0.2.2/hello", path("ca.pem"));
    for (cert, key) in [
        ("pkcs1.pem", Some("pkcs1.key")),
        ("sec1.pem", Some("sec1.key")),
        ("chain.pem", Some("pkcs8.key")),
        ("both.pem", None),
    ] {
        let cert = path(cert);
        let key = key.map(&path);
        let mut options = vec!["--cert", &cert];
        options.extend(key.iter().flat_map(|key| ["--key", key]));
        let done = run(User::Root, &options, &line).ended_with(0);
        assert_eq!(done.out(), HELLO, "{done}");
        done.says(&format!("HTTPS with the certificate in {cert}, SHA-256 "));
    }
}

#[test]
fn what_is_wrong_with_certificates_and_options_is_said() {
    needs(&["openssl"]);
    let dir = directory("bad-certificates");
    authority(&dir);
    let path = paths(&dir);
    let files = |cert: &str, key: &str| {
        vec!["--cert".to_owned(), path(cert), "--key".to_owned(), path(key)]
    };
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    for (options, code, said) in [
        (files("none.pem", "pkcs8.key"), 2, "none.pem cannot be read: No such file"),
        (files("pkcs8.pem", "none.key"), 2, "none.key cannot be read: No such file"),
        (files(".", "pkcs8.key"), 2, "cannot be read: Is a directory"),
        (files("empty", "pkcs8.key"), 65, "empty has no certificate in it"),
        (files("pkcs8.key", "pkcs8.key"), 65, "pkcs8.key has no certificate in it"),
        (files("der", "pkcs8.key"), 65, "openssl x509 -inform der"),
        (files("broken.pem", "pkcs8.key"), 65, "broken.pem is no PEM file"),
        (files("pkcs8.pem", "empty"), 65, "empty has no private key in it"),
        (vec!["--cert".to_owned(), path("pkcs8.pem")], 65, "name the file that has it with --key"),
        (files("pkcs8.pem", "locked.key"), 65, "wants a password: openssl pkey -in FILE"),
        (files("pkcs1.pem", "locked1.key"), 65, "wants a password"),
        (files("pkcs8.pem", "sec1.key"), 65, "is not that of the certificate in"),
        (files("wrong-order.pem", "pkcs8.key"), 65, "the server's own has to come first"),
        (words("--key x"), 2, "add --cert FILE"),
        (words("--cert-out x"), 2, "add --tls"),
        (words("--tls-name x"), 2, "add --tls"),
        (words("--tls --tls-name a_b..c"), 2, "not a host name"),
        (words("--plain-http off"), 2, "add --tls"),
        (words("--tls-port 8443"), 2, "--tls-port is the port of HTTPS: add --tls"),
        (words("--tls-timeout 5"), 2, "--tls-timeout is about HTTPS: add --tls"),
        (words("--tls --cert x"), 2, "leave one of them out"),
        (words("--tls --tls-port 80"), 2, "cannot have the same port"),
        (words("--tls --tls-port 7"), 2, "choose another --port or --tls-port"),
        (words("--tls --cert-out /no/such/place"), 2, "cannot write the certificate"),
        (words("--tls --responder by-hand"), 2, "--responder by-hand cannot do --tls"),
    ] {
        let options: Vec<_> = options.iter().map(String::as_str).collect();
        let done = run(User::Root, &options, "true").ended_with(code);
        done.says(said);
    }
}

#[test]
fn the_plain_port_may_send_everybody_to_tls_or_be_closed() {
    needs(&["curl"]);
    let options = ["--tls", "--tls-port", "8443", "--plain-http", "redirect"];
    let line = "curl -sS -L --data-binary words -w ' %{url_effective}' http://192.0.2.2/echo?x";
    for (user, family) in EACH {
        let done = run_over(family, user, &options, line).ended_with(0);
        let expected = family.of("words https://192.0.2.2:8443/echo?x");
        assert_eq!(done.out(), expected, "{done}");
    }
    let line = "curl -sS http://192.0.2.2/; echo $?; curl -sS https://192.0.2.2/hello";
    let done = run(User::Root, &["--tls", "--plain-http", "off"], line).ended_with(0);
    assert_eq!(done.out(), format!("7\n{HELLO}"), "refused\n{done}");
    assert!(!done.err.contains("http://"), "{done}");
}

#[test]
fn a_certificate_is_read_again_when_it_is_asked_for() {
    needs(&["curl", "openssl"]);
    let dir = directory("reload");
    authority(&dir);
    let path = paths(&dir);
    let put = |name: &str| {
        fs::copy(path(&format!("{name}.pem")), path("now.pem")).unwrap();
        fs::copy(path(&format!("{name}.key")), path("now.key")).unwrap();
    };
    put("sec1");
    let (cert, key) = (path("now.pem"), path("now.key"));
    let options = ["serve", "--cert", &cert, "--key", &key, "--plain-http", "off"];
    let mut serving = Running::start(command(User::Root, "", &options));
    serving.wait_for_out("https://192.0.2.2/\n");
    let subject = || {
        let line = "openssl s_client -connect 192.0.2.2:443 </dev/null 2>/dev/null | \
                    openssl x509 -noout -subject";
        shell_inside(&serving, line).ended_with(0).out()
    };
    assert!(subject().contains("sec1"));
    put("pkcs1");
    serving.signal(Signal::HUP);
    poll("the other certificate is shown", || subject().contains("pkcs1").then_some(()));
    fs::write(path("now.pem"), "nothing").unwrap();
    serving.signal(Signal::HUP);
    assert!(subject().contains("pkcs1"));
    serving.signal(Signal::TERM);
    let done = serving.wait().ended_with(0);
    done.says("the certificate is now SHA-256 ").says("the certificate stays as it was: ");
}

#[test]
fn a_session_is_good_on_every_queue() {
    needs(&["openssl"]);
    let line = "ask() {
                  printf 'GET /connection HTTP/1.0\\r\\n\\r\\n' |
                    openssl s_client -connect 192.0.2.2:443 -ign_eof -quiet \"$@\" 2>/dev/null
                }
                ask -sess_out s >/dev/null
                for n in 1 2 3 4 5 6 7 8; do ask -sess_in s; done";
    let done = run_over(Family::V4, User::Root, &["--tls", "--queues", "2"], line).ended_with(0);
    assert_eq!(done.out().matches("\"resumed\": true").count(), 8, "{done}");
}
