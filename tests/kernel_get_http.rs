//! `glass get` as an HTTP client: against a server on the kernel's TCP that behaves as it is told
//! (`kernel_get_http/server.py`), with and without TLS, and against our own. That packets get there is for
//! `kernel_get`.

mod kernel_common;

use std::fs;

use kernel_common::{Done, User, directory, needs, run};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};

/// What the lines of all tests begin with: servers, and a way to say what a command should come to.
///
/// `says CODE TEXT COMMAND...` fails unless the command ends with CODE and TEXT is in what it writes, on
/// stdout (which is in the file `out` then) or stderr (`err`).
const BEGIN: &str = r#"
says() {
    code=$1 text=$2; shift 2
    got=0; "$@" >out 2>err || got=$?
    if [ $got != $code ] || { [ -n "$text" ] && ! cat out err | grep -qaF -- "$text"; }; then
        echo "wanted $code and \"$text\", got $got from: $*" >&2
        head -c 3000 err >&2; echo "--- stdout" >&2; head -c 1000 out >&2
        exit 1
    fi
}
is() { [ "$@" ] || { echo "not so: $*" >&2; ls -l >&2; exit 1; }; }
not() { if "$@"; then echo "should not be: $*" >&2; exit 1; fi; }
server() { python3 "$SERVER" "$@" & until nc -z 192.0.2.1 $1; do sleep 0.05; done; }
at=http://192.0.2.1:8000
python3 -c 'import sys
sys.stdout.buffer.write(bytes((n * 7 + n // 256) % 251 for n in range(300_000)))' >whole
server 8000
"#;

/// Runs a line in a network of its own, with the server at port 8000 of 192.0.2.1.
fn play(line: &str) -> Done {
    needs(&["python3", "nc"]);
    let server = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kernel_get_http/server.py");
    let line = format!("set -e\nSERVER={server}\n{BEGIN}\n{line}");
    run(User::Root, &["-q"], &line)
}

#[test]
fn a_download_that_was_cut_goes_on_and_only_then_has_its_name() {
    play(
        r#"
        says 1 "f.part has 100000 octets: the same command with -C - goes on" glass get -o f $at/cut
        not [ -e f ]
        says 0 "" glass get -v -C - -o f $at/cut
        is "$(grep -c '^> Range: bytes=100000-' err)" = 1
        cmp f whole; not [ -e f.part ]
        says 0 "f was complete" glass get --continue -o f $at/file
        cmp f whole

        # A part that another program has left, under the name of the whole.
        head -c 1000 whole >g
        says 0 "" glass get --continue -o g $at/file
        cmp g whole; not [ -e g.part ]

        # A part that is the whole already.
        cp whole h.part
        says 0 "h was complete" glass get -C - -o h $at/file
        cmp h whole; not [ -e h.part ]

        # From nothing.
        says 0 "" glass get -C - -o i $at/file
        cmp i whole
        "#,
    )
    .ended_with(0);
}

#[test]
fn what_does_not_fit_is_not_put_together() {
    play(
        r#"
        says 1 "-C -" glass get -o f $at/no-ranges
        says 0 "begins anew" glass get -C - -o f $at/no-ranges
        cmp f whole

        says 1 "-C -" glass get -o g $at/wrong-range
        says 1 "asked for what follows octet 100000, and sent what follows 5" \
            glass get -C - -o g $at/wrong-range
        is "$(wc -c <g.part)" = 100000; not [ -e g ]

        # Longer than what there is.
        cat whole whole >h
        says 1 "these are not the same" glass get -C - -o h $at/file
        is "$(wc -c <h)" = 600000

        # What has changed since begins anew, if it can be noted down what it was.
        says 1 "-C -" glass get -o i $at/changes
        if python3 -c 'import os; open("x", "w"); os.setxattr("x", "user.x", b"x")'; then
            says 0 "begins anew" glass get -C - -o i $at/changes
        fi

        # An error is no part of a file, nor does it replace one.
        echo old >j
        says 1 "the server answered 404" glass get -o j $at/error
        is "$(cat j)" = old; not [ -e j.part ]
        says 1 "the server answered 404" glass get -C - -o j $at/error
        is "$(cat j)" = old
        says 1 "nothing was written" glass get -o j "$at/to?url=/file"
        is "$(cat j)" = old
        for status in 201 202 204; do
            says 1 "; nothing was written" glass get -C - -o j $at/status/$status
            grep -q "answered $status" err; is "$(cat j)" = old; not [ -e j.part ]
        done

        # A part of something packed is no part of the thing.
        says 1 "ended early" glass get -o k -H 'Accept-Encoding: gzip' $at/cut-gzip
        not [ -e k.part ]
        "#,
    )
    .ended_with(0);
}

/// RFC 9110 15.3.7: what is sent may be less than what was asked for, and says so.
#[test]
fn a_part_is_not_taken_for_the_whole() {
    play(
        r#"
        # The server gives 100,000 octets at a time.
        says 1 "-C -" glass get -o f $at/short-part
        says 1 "100000 octets of 300000 are missing; f.part has 200000 octets" \
            glass get -C - -o f $at/short-part
        not [ -e f ]
        says 0 "" glass get -C - -o f $at/short-part
        cmp f whole; not [ -e f.part ]

        # It says how much it sends, and sends less, or more.
        says 1 "-C -" glass get -o g $at/cut-part
        says 1 "ended early, after 50000 of 200000 octets; g.part has 150000 octets" \
            glass get -C - -o g $at/cut-part
        not [ -e g ]
        cp g.part h.part; cp g.part i.part
        says 1 "more than the 150000 octets that it announced" glass get -C - -o h $at/long-part
        not [ -e h ]
        says 1 "i.part has 300000 octets" glass get -C - -o i $at/endless-part
        cmp i.part whole; not [ -e i ]

        # What nobody has asked for, and what somebody else has.
        # Whether that is all, nobody knows.
        says 1 "-C -" glass get -o s $at/star-part
        says 1 "does not say how long the whole is; s.part has 300000 octets" \
            glass get -C - -o s $at/star-part
        not [ -e s ]

        # One range does not come as several, and nothing comes in place of a file that nobody has told of.
        says 1 "does not say which" glass get -r 0-9 -o m $at/multipart
        not [ -e m ]
        says 0 "0123456789" glass get -r 0-3,5-9 $at/multipart
        says 1 "answered 304" glass get -o m $at/status/304
        says 0 "m is as it was" glass get -H 'If-None-Match: "v1"' -o m $at/status/304
        # -C would refuse it: there is no word of going on.
        says 1 "after 100000 of 300000 octets" glass get -X GET -o x $at/cut
        not grep -q -e "-C -" err; not [ -e x.part ]

        says 1 "nobody had asked for one" glass get -o j $at/unasked-part
        not [ -e j ]; not [ -e j.part ]
        says 1 "nobody had asked for one" glass get -H Range: -r 0-9 $at/unasked-part
        not [ -s out ]
        says 0 "" glass get -r 0-9 $at/unasked-part
        is "$(wc -c <out)" = 10
        says 1 "octets 0 to 9 of 300000, and was asked for bytes=0-19" glass get -r 0-19 $at/unasked-part
        says 1 "octets 5 to 299999 of 300000" glass get -H 'Range: bytes=0-9' $at/wrong-range
        says 1 "ended early, after 50000 of 300000 octets" glass get -r 0- -o k $at/cut-part
        says 1 "ended early" glass get -H 'Range: bytes=0-' -o k $at/cut-part
        not [ -e k ]; not [ -e k.part ]
        says 2 "without a field Range" glass get -C - -H 'Range: bytes=7-' -o k $at/file
        "#,
    )
    .ended_with(0);
}

#[test]
fn redirects_are_followed_as_far_as_is_good() {
    play(
        r#"
        server 8001
        says 0 "it is at /file (-L goes there)" glass get "$at/to?url=/file"
        is "$(cat out)" = "Not here."
        glass get -L "$at/to?url=/to?url=/file" | cmp - whole
        says 1 "more than 20 redirects" glass get -L $at/loop
        says 1 "more than 3 redirects" glass get -L --max-redirs 3 $at/loop
        says 1 "leads to file:" glass get -L "$at/to?url=file:///etc/passwd"
        says 1 "no URL" glass get -L "$at/to?url=http://%5B"
        says 1 "a URL of 70001 octets (Location), which is too long" glass get -L $at/long-location
        is "$(wc -c <err)" -lt 300
        says 0 "(-L goes there)" glass get $at/long-location
        is "$(wc -c <err)" -lt 300
        # Its body is not waited for.
        says 0 "* 302: on to http://192.0.2.1:8000/hints" \
            timeout -k 1 20 glass get -v -L --stall-timeout 30 $at/slow-redirect
        is "$(cat out)" = "after hints"

        says 0 "GET /request" glass get -L -d a=b "$at/to?url=/request"
        not grep -qi -e content- -e a=b out
        says 0 "POST /request" glass get -L -d a=b "$at/to?status=307&url=/request"
        is "$(tail -n 1 out)" = a=b
        says 1 "a pipe gives it once" sh -c \
            "echo x | glass get -L --data-binary @- '$at/to?status=308&url=/request'"

        # Who we are is for the first origin alone; it may come back there.
        elsewhere=http://192.0.2.1:8001
        set -- -L -u me:secret -H 'Cookie: secret' -H 'X-Other: kept'
        says 0 "X-Other: kept" glass get "$@" "$at/to?url=$elsewhere/request"
        not grep -qi -e authorization -e cookie out
        says 0 "Authorization: Basic bWU6c2VjcmV0" glass get "$@" "$at/to?url=/request"
        says 0 "Authorization: Basic" glass get "$@" \
            "$at/to?url=$elsewhere/to?url=$at/request"
        "#,
    )
    .ended_with(0);
}

#[test]
fn a_request_says_what_it_is_told_to() {
    play(
        r#"
        says 0 "GET /request?q HTTP/1.1" glass get "http://192.0.2.1:8000/x/../request?q#fragment"
        grep -q '^User-Agent: glass/' out; grep -qx 'Accept: \*/\*' out
        grep -qx 'Host: 192.0.2.1:8000' out; grep -qx 'Connection: close' out
        says 0 "User-Agent: me" glass get -A me -H Accept: -H 'X-A: 1' -H 'X-B;' $at/request
        not grep -q Accept out; grep -qx 'X-A: 1' out; grep -q '^X-B:' out
        says 0 "DELETE /request" glass get -X DELETE $at/request
        says 0 "HTTP/1.0" glass get --http1.0 $at/request
        says 0 "Authorization: Basic bWU6cEBzcw==" glass get http://me:p%40ss@192.0.2.1:8000/request

        printf 'line\r\nline\n' >data
        says 0 "POST /request" glass get -d @data -d b=2 $at/request
        grep -qx 'Content-Type: application/x-www-form-urlencoded' out
        is "$(tail -n 1 out)" = 'lineline&b=2'
        says 0 "Content-Length: 11" glass get --data-binary @data $at/request
        says 0 "Content-Type: application/json" glass get --json '{"a": 1}' $at/request
        is "$(tail -n 1 out)" = '{"a": 1}'
        says 0 "@data" glass get --data-raw @data $at/request
        says 0 "PUT /request/data" glass get -T data $at/request/
        says 0 "Transfer-Encoding: chunked" sh -c "echo piped | glass get -T - $at/request"
        is "$(tail -n 1 out)" = piped

        glass get -r 100-199 $at/file >part
        head -c 200 whole | tail -c 100 | cmp - part
        glass get -r -100 $at/file >part
        tail -c 100 whole | cmp - part
        says 2 "not a range" glass get -r -o f $at/file
        says 0 "sends all of it, and not the range" glass get -r 0-9 $at/hints
        says 0 "after hints" glass get -i $at/hints
        is "$(head -n 1 out | tr -d '\r')" = 'HTTP/1.1 103 Early Hints'
        grep -q 'X-Case: Kept' out
        says 0 "Content-Length: 300000" glass get -I $at/file
        says 1 "404 Not Found" glass get -I $at/error
        says 1 "nothing here" glass get $at/error
        says 1 "404" glass get -f $at/error; not [ -s out ]
        says 0 "until the end" glass get $at/until-close
        glass get --compressed $at/gzip | uniq -c | grep -q '1000 packed and unpacked'
        says 0 "Content-Encoding: gzip" glass get -I --compressed $at/gzip
        # Members one behind the other are one, and what is none is told.
        says 0 "firstsecond" glass get --compressed $at/two-gzips
        says 1 "cannot be decoded" glass get --compressed -o bad $at/gzip-and-more
        not [ -e bad ]
        "#,
    )
    .ended_with(0);
}

#[test]
fn with_v_both_heads_and_the_connection_are_shown() {
    let done = play("exec glass get -v $at/hints").ended_with(0);
    done.says("* trying 192.0.2.1:8000\n").says("\n* connected: 198.51.100.2:");
    done.says("> GET /hints HTTP/1.1\n> Host: 192.0.2.1:8000\n> User-Agent: glass/");
    done.says("> Connection: close\n>\n< HTTP/1.1 103 Early Hints\n< Link: </a>\n<\n");
    done.says("< HTTP/1.1 200 OK\n< X-Case: Kept\n< Content-Length: 12\n<\n");
    // And no lines of a log among them, unless more is asked for.
    assert!(!done.err.contains("glasstack]"), "{done}");
    play("exec glass get -vv $at/hints").ended_with(0).says("glasstack]");
}

#[test]
fn files_are_named_by_urls_and_by_servers_and_nowhere_else() {
    play(
        r#"
        mkdir in; cd in
        says 0 "" glass get -O $at/file
        cmp file ../whole
        says 2 "does not end in the name of a file" glass get -O $at/
        says 2 "does not end in the name of a file" glass get -O $at/..%2fout
        says 0 "" glass get -OJ "$at/attachment?name=../../evil"
        is "$(cat evil)" = attached; not [ -e ../evil ]
        says 1 "is there already" glass get -OJ "$at/attachment?name=evil"
        says 0 "" glass get -OJ "$at/attachment?name=.profile"
        is "$(cat attachment)" = attached; not [ -e .profile ]
        ln -s nowhere dangling
        says 1 "is there already" glass get -OJ "$at/attachment?name=dangling"
        not [ -e nowhere ]
        echo mine >other.part
        says 1 "go on with it by -C - -o other" glass get -OJ "$at/attachment?name=other"
        is "$(cat other.part)" = mine; not [ -e other ]
        says 0 "" glass get -OJ "$at/attachment?name=-"
        is "$(cat ./-)" = attached; not [ -s out ]
        rm ./-
        says 0 "" glass get -O $at/file/-
        cmp ./- ../whole; not [ -s out ]
        says 2 "a link to what is not there" glass get -o dangling $at/file
        says 0 "" glass get -o a -o b $at/file $at/hints
        cmp a ../whole; is "$(cat b)" = "after hints"
        says 2 "each URL needs one" glass get -o a $at/file $at/hints
        says 2 "no such directory" glass get -o no/f $at/file
        says 2 "it is a directory" glass get -o . $at/file
        says 1 "No space left" glass get -o /dev/full $at/file
        glass get -o - $at/file | cmp - ../whole
        "#,
    )
    .ended_with(0);
}

#[test]
fn servers_that_misbehave_are_told_of() {
    play(
        r#"
        stalls() {
            rm -f f.part
            says 1 "nothing has come or gone for $2" glass get --stall-timeout $1 -o f $at/stalls
            grep -q 'f.part has 10 octets' err
        }
        # Where the machine is slow, the ten octets take longer than that.
        (stalls 0.5 500ms) || stalls 5 5s
        says 1 "it has taken 500ms (--max-time)" glass get --max-time 0.5 $at/silent
        says 1 "no response from 192.0.2.1:8000: invalid HTTP" glass get $at/garbage
        says 1 "closed the connection in the middle" glass get $at/hangs-up
        says 1 "after 10 of 300000 octets" glass get -o /dev/null $at/resets
        says 1 "after 100000 of 300000 octets" glass get -o /dev/null $at/cut
        # The others have their turn all the same, and the first failure is the call's.
        says 1 "after hints" glass get $at/garbage $at/hints $at/hangs-up
        grep -q invalid err; grep -q middle err

        # One who ends a connection between two requests may not have seen the second.
        says 0 "after hints" glass get $at/hangs-up-later $at/hints
        says 1 "closed the connection in the middle" glass get -d x=y $at/hangs-up-later $at/hints
        says 1 "goes over to another protocol" glass get $at/another-protocol

        # Old manners are understood.
        says 0 "" glass get $at/folded
        is "$(cat out)" = folded
        says 0 many glass get $at/many-fields
        says 0 packed glass get --compressed $at/x-gzip
        says 0 "encoded as deflate" glass get --compressed $at/deflate
        "#,
    )
    .ended_with(0);
}

/// The connection is the same when the server keeps it open; the ladder has one.
#[test]
fn several_urls_of_a_server_share_a_connection() {
    let done = play("glass get --ladder $at/connections $at/connections $at/connections");
    let done = done.ended_with(0);
    let out = done.out();
    let ports: Vec<_> = out.lines().collect();
    assert_eq!(ports.len(), 3, "{done}");
    assert!(ports.iter().all(|port| *port == ports[0]), "{done}");
    assert_eq!(done.ladder().states()[..3], ["CLOSED", "SYN_SEND", "ESTABLISHED"], "{done}");
    let done = play("glass get $at/until-close $at/connections $at/connections").ended_with(0);
    let out = done.out();
    assert_eq!(out.lines().nth(1), out.lines().nth(2), "closed once, and opened anew\n{done}");
}

#[test]
fn where_one_address_is_silent_the_next_is_tried() {
    play(
        r#"
        set -- glass get -v --resolve 'two.test:8000:2001:db8::9,192.0.2.1'
        says 0 "after hints" "$@" http://two.test:8000/hints
        grep -q 'trying \[2001:db8::9\]:8000' err; grep -q 'Host: two.test:8000' err
        says 1 "cannot connect to two.test:8000: no answer within 500ms (--connect-timeout)" \
            "$@" -6 --connect-timeout 0.5 http://two.test:8000/hints
        says 0 "" "$@" -4 http://two.test:8000/hints
        not grep -q 'trying \[2001' err
        "#,
    )
    .ended_with(0);
}

#[test]
fn a_signal_ends_it_cleanly() {
    play(
        r#"
        for number in 2:INT 15:TERM; do
            rm -f f.part
            glass get -o f $at/stalls 2>err & pid=$!
            until [ -s f.part ]; do sleep 0.05; done
            kill -${number#*:} $pid
            code=0; wait $pid || code=$?
            is $code = $((128 + ${number%:*}))
            grep -q 'interrupted; .*f.part has 10 octets' err
        done

        # While a name is being resolved.
        echo nameserver 192.0.2.1 >resolv; mount --bind resolv /etc/resolv.conf
        python3 -c 'import socket, time
server = socket.socket(type=socket.SOCK_DGRAM)
server.bind(("192.0.2.1", 53)); server.recv(1000); open("asked", "w"); time.sleep(60)' &
        until grep -q :0035 /proc/net/udp; do sleep 0.05; done
        glass get http://slow.test/ 2>err & pid=$!
        until [ -e asked ]; do sleep 0.05; done
        kill -TERM $pid; code=0; wait $pid || code=$?
        is $code = 143
        "#,
    )
    .ended_with(0);
}

#[test]
fn a_reader_that_does_not_read_is_not_waited_for_for_ever() {
    play(
        r#"
        mkfifo pipe
        says 1 "it has taken 500ms (--max-time)" timeout -k 1 20 glass get --max-time 0.5 -o pipe $at/file
        sleep 60 <pipe & reader=$!
        says 1 "it has taken 500ms (--max-time)" \
            timeout -k 1 20 glass get --max-time 0.5 -o pipe http://192.0.2.2/bytes/50000000
        kill $reader
        "#,
    )
    .ended_with(0);
}

/// Neither where stderr is a file, nor with -q.
#[test]
fn a_bar_is_shown_on_a_terminal_only() {
    play(
        r#"
        says 0 "" glass get -o f $at/file; not [ -s err ]
        script -qec "glass get -o f $at/file" typed >/dev/null; grep -qa '300000\|292.97' typed
        script -qec "glass -q get -o f $at/file" typed >/dev/null; not grep -qa 'KiB' typed
        # A body that no terminal would bear.
        script -qec "glass get $at/file" typed >/dev/null || true; grep -qa 'is no text' typed
        "#,
    )
    .ended_with(0);
}

#[test]
fn much_goes_out_as_well_as_in() {
    play(
        r#"
        head -c 20000000 /dev/urandom >much
        says 0 "" glass get --data-binary @much -o back http://192.0.2.2/echo
        cmp much back
        glass get -T - -X POST http://192.0.2.2/echo <much | cmp - much
        "#,
    )
    .ended_with(0);
}

#[test]
fn tls_is_spoken_with_whom_we_trust_and_said_why_not() {
    let dir = directory("kernel_get_tls");
    let write = |name: &str, host: &str, change: &dyn Fn(&mut CertificateParams)| {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        fs::write(dir.join(format!("{name}.pem")), certificate.pem()).unwrap();
        fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    };
    // As openssl makes them: an authority's.
    write("good", "secure.test", &|params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    write("old", "192.0.2.1", &|params| params.not_after = date_time_ymd(2001, 1, 1));
    let line = format!("dir={}\n{}", dir.display(), TLS);
    play(&line).ended_with(0);
}

const TLS: &str = r#"
    server 8443 $dir/good.pem $dir/good.key
    server 8444 $dir/old.pem $dir/old.key
    at=https://secure.test:8443
    set -- --resolve secure.test:8443:192.0.2.1
    says 1 "nobody whom we trust vouches for the certificate of secure.test" glass get "$@" $at/file
    grep -q -e '--cacert' err
    says 0 "" glass get "$@" --cacert $dir/good.pem -o f $at/file
    cmp f whole
    says 0 "" glass get "$@" -k -o f $at/file
    says 1 "the certificate is not one for 192.0.2.1, but for secure.test" \
        glass get --cacert $dir/good.pem https://192.0.2.1:8443/
    says 1 "has expired" glass get --cacert $dir/old.pem https://192.0.2.1:8444/
    says 1 "does not speak TLS" glass get -k https://192.0.2.2:80/
    says 1 "TLS has not begun within 500ms; perhaps" \
        glass get -k --connect-timeout 0.5 https://192.0.2.1:8000/
    says 1 "https://" glass get http://192.0.2.1:8443/
    says 65 "no certificate in PEM" glass get --cacert $dir/good.key https://192.0.2.1:8443/
    says 2 "No such file" glass get --cacert no.pem https://192.0.2.1:8443/

    says 0 "GET /request" env SSLKEYLOGFILE=keys glass get -v "$@" --cacert $dir/good.pem $at/request
    grep -q '^\* TLSv1.3, TLS_' err; grep -q '^\*   for secure.test' err
    grep -q '^\*   SHA-256 \([0-9A-F]\{2\}:\)\{31\}' err
    grep -q '^CLIENT_TRAFFIC_SECRET_0 ' keys
    is "$(grep -c '^CLIENT_TRAFFIC_SECRET_0 ' keys)" = 1; is "$(stat -c %a keys)" = 600
    says 0 "" env SSLKEYLOGFILE= glass get "$@" -k -o f $at/file; not [ -s err ]
    says 0 "" env SSLKEYLOGFILE=no/keys glass get "$@" -k -o f $at/file
    is "$(grep -c 'key log file.*no/keys' err)" = 1

    # A body without a length ends with TLS, and not with a connection that somebody has cut.
    says 1 "TLS has not ended" glass get "$@" -k $at/until-close

    # From what is secure to what is not, only if it is asked for.
    plain=http://192.0.2.1:8000/hints
    says 1 "anybody can listen (--allow-downgrade" glass get -k -L "$@" "$at/to?url=$plain"
    says 0 "after hints" glass get -k -L --allow-downgrade "$@" "$at/to?url=$plain"
    says 0 "after hints" glass get -k -L "$@" "http://192.0.2.1:8000/to?url=$at/hints"
"#;
