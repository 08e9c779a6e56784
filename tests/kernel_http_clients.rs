//! Clients of HTTP as people use them: curl in its many ways, openssl, wrk and h2load, whose load is that of
//! scripts/load, but small.

mod kernel_common;

use std::process::Command;

use kernel_common::{EACH, GLASS, Running, User, directory, needs, poll, run, run_over};

/// Of `sha256sum`.
fn sum_in(text: &str) -> String {
    let sum = text.split_whitespace().next().unwrap_or_default();
    assert_eq!(sum.len(), 64, "{text}");
    sum.to_owned()
}

#[test]
fn curl_speaks_every_version() {
    needs(&["curl", "openssl"]);
    let line = "for version in --http1.0 --http1.1 --http2 --http2-prior-knowledge; do
                  curl -sS $version -o /dev/null -w '%{http_code} %{http_version}\\n' http://192.0.2.2/hello
                done
                curl -sS --http2 -o /dev/null -w '%{http_code} %{http_version}\\n' https://192.0.2.2/hello
                printf 'GET /hello HTTP/1.0\\r\\n\\r\\n' |
                  openssl s_client -connect 192.0.2.2:443 -ign_eof -quiet 2>/dev/null | tail -n 1";
    for (user, family) in EACH {
        let done = run_over(family, user, &["--tls"], line).ended_with(0);
        // Of the upgrade to HTTP/2 that `--http2` offers on the plain port nothing is made (RFC 9113 3.1).
        let expected = "200 1\n200 1.1\n200 1.1\n200 2\n200 2\n\
                        Hello from glasstack, a TCP/IP stack in userspace.\n";
        assert_eq!(done.out(), expected, "{user:?}\n{done}");
    }
}

#[test]
fn fifty_at_once_all_arrive() {
    needs(&["curl"]);
    let line = "curl -sS -Z --parallel-max 50 'http://192.0.2.2/bytes/[1000-1049]' -o 'a#1'
                curl -sS -Z --parallel-max 50 --http2 'https://192.0.2.2/bytes/[1000-1049]' -o 'b#1'
                for n in $(seq 1000 1049); do wc -c <a$n; wc -c <b$n; done";
    for (user, family) in EACH {
        // curl knows the brackets of an address from those of a range.
        let done = run_over(family, user, &["--tls"], line).ended_with(0);
        let expected = (1000..1050).map(|n| format!("{n}\n{n}\n")).collect::<Vec<_>>().concat();
        assert_eq!(done.out(), expected, "{user:?}\n{done}");
    }
}

#[test]
fn an_upload_has_the_sum_that_it_had() {
    needs(&["curl"]);
    let line = "head -c 3000000 /dev/urandom >f; sha256sum f
                curl -sS -T f http://192.0.2.2/sum; curl -sS -T - http://192.0.2.2/sum <f
                curl -sS --http2 -T - https://192.0.2.2/sum <f; curl -sS --data-binary @f https://192.0.2.2/sum";
    for (user, family) in EACH {
        let done = run_over(family, user, &["--tls"], line).ended_with(0);
        let out = done.out();
        let (first, rest) = out.split_once('\n').expect("lines");
        let expected = format!("octets 3000000\nsha256 {}\n", sum_in(first)).repeat(4);
        assert_eq!(rest, expected, "{user:?}\n{done}");
    }
}

#[test]
fn a_download_that_was_cut_is_resumed() {
    needs(&["curl"]);
    let www = directory("resume");
    let file = www.join("file");
    let content: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).take(3_000_000).collect();
    std::fs::write(&file, content).expect("a file");
    let line = format!(
        "curl -sN http://192.0.2.2/file 2>/dev/null | head -c 1000001 >part
         curl -sS -C - -o part -w '%{{http_code}} %{{size_download}}\\n' http://192.0.2.2/file
         cmp part '{}'",
        file.display()
    );
    let done = run(User::Root, &["--dir", www.to_str().expect("UTF-8")], &line).ended_with(0);
    assert_eq!(done.out(), "206 1999999\n", "the rest alone\n{done}");
}

/// scripts/load, small.
#[test]
fn load_and_large_files_bring_no_error() {
    needs(&["curl", "h2load", "python3", "wrk"]);
    let dir = directory("load");
    let mut command = Command::new("python3");
    command
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/lib/load.py"))
        .args(["--glass", GLASS, "--requests", "2000", "--connections", "100"])
        .args(["--octets", "10000000"])
        .arg("--folder")
        .arg(&dir);
    let done = Running::start(command).wait().ended_with(0);
    let out = done.out();
    assert_eq!(out.matches(" | well | ").count(), 6 + 4 + 4, "{done}");
    poll("nothing is left", || (std::fs::read_dir(&dir).ok()?.count() == 0).then_some(()));
}
