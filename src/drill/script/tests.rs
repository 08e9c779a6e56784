//! What holds of scripts. What is refused, and in which words, is in `errors`; that nothing
//! panics, in `hostile`.

mod errors;
mod hostile;

use std::time::Duration;

use super::ast::{
    Action, Body, Call, Direction, Ecn, Event, Expr, ExprKind, Icmp, IpInfo, Options, Packet,
    Position, Script, Tcp, TcpOption, Time,
};
use super::{Definitions, parse};

fn script(text: &str) -> Script {
    defined(text, &[])
}

fn defined(text: &str, definitions: &[&str]) -> Script {
    let definitions: Definitions =
        definitions.iter().map(|text| text.parse().expect("a definition")).collect();
    parse(text, &definitions).unwrap_or_else(|error| panic!("{text}\n{}: {error}", error.at))
}

fn event(text: &str) -> Event {
    script(text).events.pop().expect("there is an event")
}

fn packet(text: &str) -> Packet {
    match event(&format!("0 {text}")).action {
        Action::Packet(packet) => packet,
        other => panic!("{text} is {other:?}"),
    }
}

fn tcp(text: &str) -> Tcp {
    match packet(text).body {
        Body::Tcp(tcp) => tcp,
        other => panic!("{text} is {other:?}"),
    }
}

fn call(text: &str) -> Call {
    match event(text).action {
        Action::Call(call) => call,
        other => panic!("{text} is {other:?}"),
    }
}

/// An argument as it would be written, without its place.
fn shown(expr: &Expr) -> String {
    let all = |exprs: &[Expr]| exprs.iter().map(shown).collect::<Vec<_>>().join(", ");
    match &expr.kind {
        ExprKind::Ellipsis => "...".to_owned(),
        ExprKind::Integer(number) => number.to_string(),
        ExprKind::Name(name) => name.clone(),
        ExprKind::Text(text) => format!("text {text:?}"),
        ExprKind::TextEllipsis(text) => format!("text {text:?}..."),
        ExprKind::Or(exprs) => format!("or({})", all(exprs)),
        ExprKind::Array(exprs) => format!("[{}]", all(exprs)),
        ExprKind::Function(name, args) => format!("{name}({})", all(args)),
        ExprKind::Struct(fields) => {
            let fields = fields.iter().map(|field| match &field.name {
                None => shown(&field.value),
                Some(name) if field.args.is_empty() => format!("{name}={}", shown(&field.value)),
                Some(name) => format!("{name}({})={}", all(&field.args), shown(&field.value)),
            });
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
    }
}

fn argument(text: &str) -> String {
    shown(&call(&format!("0 f({text}) = 0")).args[0])
}

fn nanos(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

#[test]
fn a_time_is_exact_to_the_nanosecond() {
    for (text, time) in [
        ("0", Time::Absolute(nanos(0))),
        ("0.100", Time::Absolute(nanos(100_000_000))),
        ("17", Time::Absolute(nanos(17_000_000_000))),
        ("+0", Time::Relative(nanos(0))),
        ("+.1", Time::Relative(nanos(100_000_000))),
        ("+0.3", Time::Relative(nanos(300_000_000))),
        ("+ .000000001", Time::Relative(nanos(1))),
        ("+0.1234567890", Time::Relative(nanos(123_456_789))),
        ("*", Time::Any),
        ("1~1.2", Time::AbsoluteRange(nanos(1_000_000_000), nanos(1_200_000_000))),
        ("+0~+.1", Time::RelativeRange(nanos(0), nanos(100_000_000))),
        ("+0 ~ +0", Time::RelativeRange(nanos(0), nanos(0))),
    ] {
        assert_eq!(event(&format!("{text} > . 1:1(0) ack 1")).time, time, "{text}");
    }
}

#[test]
fn a_segment_has_flags_numbers_a_window_and_options() {
    let segment = "< SEW 0:10(10) win 32792 urg 3 <mss 1000,sackOK,nop,nop>";
    assert_eq!(
        tcp(segment),
        Tcp {
            flags: 2 | 64 | 128,
            seq: 0,
            len: 10,
            ack: None,
            win: Some(32_792),
            urg: Some(3),
            options: Options::Exactly(vec![
                TcpOption::Mss(1000),
                TcpOption::SackPermitted,
                TcpOption::Nop,
                TcpOption::Nop,
            ]),
            bad_checksum: false,
        }
    );
    assert!(tcp("< . 1:1(0) ack 1 win 500 <nop,nop,nop,nop> badsum").bad_checksum);
    let answer = tcp("> S. 0:0(0) ack 11 <...>");
    assert_eq!((answer.ack, answer.win, answer.options), (Some(11), None, Options::Any));
}

#[test]
fn flags_come_in_any_order() {
    for (text, flags) in [
        ("S", 2),
        ("S.", 18),
        (".S", 18),
        (". P", 24),
        ("FP.", 25),
        ("PF .", 25),
        (".", 16),
        ("-", 0),
        ("R.", 20),
        ("FSRPUEW.", 255),
    ] {
        assert_eq!(tcp(&format!("> {text} 0:0(0)")).flags, flags, "{text}");
    }
}

#[test]
fn sequence_numbers_wrap() {
    let segment = tcp("> . 4294967295:1(2) ack 4294967295");
    assert_eq!((segment.seq, segment.len, segment.ack), (u32::MAX, 2, Some(u32::MAX)));
}

#[test]
fn every_option_of_tcp() {
    let octets = |kind, data: &[u8]| TcpOption::Other { kind, data: data.to_vec() };
    let md5 = "md5 000102030405060708090a0b0c0d0e0f,nop,nop";
    for (text, options) in [
        ("mss 1460", vec![TcpOption::Mss(1460)]),
        ("wscale 14,eol", vec![TcpOption::WindowScale(14), TcpOption::Eol]),
        ("nop,nop,sack 1:2", vec![TcpOption::Nop, TcpOption::Nop, TcpOption::Sack(vec![(1, 2)])]),
        (
            "sack 1:2 3:4 5:6,eol,eol",
            vec![TcpOption::Sack(vec![(1, 2), (3, 4), (5, 6)]), TcpOption::Eol, TcpOption::Eol],
        ),
        (
            "nop,nop,TS val 100 ecr 0x10",
            vec![TcpOption::Nop, TcpOption::Nop, TcpOption::Timestamps { val: 100, ecr: 16 }],
        ),
        ("FO,nop,nop", vec![octets(34, &[]), TcpOption::Nop, TcpOption::Nop]),
        ("FO 00ab,FO 1234", vec![octets(34, &[0, 0xab]), octets(34, &[0x12, 0x34])]),
        ("FOEXP", vec![octets(254, &[0xf9, 0x89])]),
        ("FOEXP ABcd1234", vec![octets(254, &[0xf9, 0x89, 0xab, 0xcd, 0x12, 0x34])]),
        (
            md5,
            vec![
                octets(19, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]),
                TcpOption::Nop,
                TcpOption::Nop,
            ],
        ),
    ] {
        let segment = tcp(&format!("> . 1:1(0) ack 1 <{text}>"));
        assert_eq!(segment.options, Options::Exactly(options), "{text}");
    }
}

#[test]
fn the_ip_header_stands_in_either_kind_of_brackets() {
    let nothing = IpInfo::default();
    for (text, ip) in [
        ("", nothing),
        ("[ect0]", IpInfo { ecn: Some(Ecn::Ect0), ..nothing }),
        ("(ect1)", IpInfo { ecn: Some(Ecn::Ect1), ..nothing }),
        ("[ect01]", IpInfo { ecn: Some(Ecn::Ect01), ..nothing }),
        ("[noecn]", IpInfo { ecn: Some(Ecn::NotEct), ..nothing }),
        ("[ce]", IpInfo { ecn: Some(Ecn::Ce), ..nothing }),
        ("[tos 0x10]", IpInfo { tos: Some(16), ..nothing }),
        ("(class 0x10)", IpInfo { tos: Some(16), ..nothing }),
        ("[ttl 64]", IpInfo { ttl: Some(64), ..nothing }),
        ("(hlim 64)", IpInfo { ttl: Some(64), ..nothing }),
        ("[flowlabel 0xfffff]", IpInfo { flow_label: Some(0xf_ffff), ..nothing }),
        ("[tos 0x10, flowlabel 0x1]", IpInfo { tos: Some(16), flow_label: Some(1), ..nothing }),
        (
            "[ttl 1,ce,flowlabel 2]",
            IpInfo { ecn: Some(Ecn::Ce), ttl: Some(1), flow_label: Some(2), ..nothing },
        ),
    ] {
        assert_eq!(packet(&format!("> {text} . 1:1(0) ack 1")).ip, ip, "{text}");
    }
}

#[test]
fn a_packet_may_name_its_ports() {
    let segment = packet("< [ect0] 1234 > 80 . 1:1(0) ack 1 win 0");
    assert_eq!((segment.direction, segment.ports), (Direction::In, Some((1234, 80))));
    assert_eq!(packet("> . 1:1(0) ack 1").ports, None);
}

#[test]
fn a_datagram_has_octets_and_maybe_ports() {
    let datagram = packet("< udp (1000)");
    assert_eq!((datagram.ports, datagram.body), (None, Body::Udp { len: 1000 }));
    assert_eq!(packet("> udp 53 > 4000 (0)").ports, Some((53, 4000)));
    assert_eq!(packet("> 53 > 4000 udp (0)").ports, Some((53, 4000)));
}

#[test]
fn an_icmp_message_may_quote_a_segment() {
    for (text, code, mtu, quoted) in [
        ("unreachable", None, None, None),
        ("unreachable port_unreachable", Some("port_unreachable"), None, None),
        (
            "unreachable frag_needed mtu 1200 [1:1001(1000)]",
            Some("frag_needed"),
            Some(1200),
            Some((1, 1000)),
        ),
        ("unreachable mtu 1280", None, Some(1280), None),
    ] {
        let (kind, code) = ("unreachable".to_owned(), code.map(str::to_owned));
        let icmp = Icmp { kind, code, mtu, quoted };
        assert_eq!(packet(&format!("< icmp {text}")).body, Body::Icmp(icmp), "{text}");
    }
}

#[test]
fn a_call_has_arguments_a_result_and_maybe_an_error_and_a_note() {
    let refused = call("+0 read(4, ..., 1000) = -1 EAGAIN (nothing there: don't wait)");
    assert_eq!((refused.name.as_str(), refused.args.len()), ("read", 3));
    assert_eq!(shown(&refused.result), "-1");
    assert_eq!(refused.errno.as_deref(), Some("EAGAIN"));
    assert_eq!(refused.at, Position { line: 1, column: 4 });

    let flags = call("+0 fcntl(3, F_GETFL) = 0x02 (flags O_RDWR)");
    assert_eq!((shown(&flags.result), flags.errno), ("2".to_owned(), None));

    let named = call("0 fcntl(3, F_GETFL) = O_RDWR|O_NONBLOCK (both)");
    assert_eq!(shown(&named.result), "or(O_RDWR, O_NONBLOCK)");
    assert!(call("0 getpid() = 0").args.is_empty());
}

#[test]
fn a_note_ends_with_its_bracket_and_the_next_event_follows() {
    let script = script("0 close(3) = 0 (\"a ` `%{)\n+0 close(4) = -1 EBADF\n* > . 1:1(0)");
    let texts: Vec<&str> = script.events.iter().map(|event| &*event.text).collect();
    assert_eq!(texts, ["close(3) = 0 (\"a ` `%{)", "close(4) = -1 EBADF", "> . 1:1(0)"]);
}

#[test]
fn a_blocking_call_says_when_it_returns() {
    assert_eq!(call("+0...0.5 accept(3, ..., ...) = 4").end, Some(nanos(500_000_000)));
    assert_eq!(call("1.5...1.5 accept(3, ..., ...) = 4").end, Some(nanos(1_500_000_000)));
    assert_eq!(call("+.1 ...0.2 accept(3, ..., ...) = 4").end, Some(nanos(200_000_000)));
    assert_eq!(call("+0 accept(3, ..., ...) = 4").end, None);
}

#[test]
fn every_kind_of_argument() {
    for (text, kind) in [
        ("...", "..."),
        ("12", "12"),
        ("-12", "-12"),
        ("0x1F", "31"),
        ("SOL_SOCKET", "SOL_SOCKET"),
        ("A|B | C", "or(A, B, C)"),
        ("1|0x10", "or(1, 16)"),
        ("\"text\"", "text [116, 101, 120, 116]"),
        ("\"\"", "text []"),
        (r#""\"\\\n\t\r\0\x0a\xFf""#, "text [34, 92, 10, 9, 13, 0, 10, 255]"),
        ("\"a\" \"b\"\n\"c\"", "text [97, 98, 99]"),
        ("\"GET\"...", "text [71, 69, 84]..."),
        ("[]", "[]"),
        ("[1, [2], []]", "[1, [2], []]"),
        ("{onoff=1, linger=0}", "{onoff=1, linger=0}"),
        ("{fd=4, events=POLLIN|POLLOUT}", "{fd=4, events=or(POLLIN, POLLOUT)}"),
        ("{..., 100}", "{..., 100}"),
        (
            "{msg_name(...)=..., msg_iov(1)=[{..., 5}]}",
            "{msg_name(...)=..., msg_iov(1)=[{..., 5}]}",
        ),
        ("htons(80)", "htons(80)"),
        ("{sin_addr=inet_addr(\"1.2\")}", "{sin_addr=inet_addr(text [49, 46, 50])}"),
    ] {
        assert_eq!(argument(text), kind, "{text}");
    }
}

#[test]
fn commands_stand_before_between_and_behind_the_events() {
    let script = script("`first`\n0 `a \\`b\\`\n c`\n+0 close(3) = 0\n`last`");
    assert_eq!(script.init.map(|command| command.text).as_deref(), Some("first"));
    assert_eq!(script.cleanup.map(|command| command.at), Some(Position { line: 5, column: 1 }));
    let Action::Command(command) = &script.events[0].action else { panic!("no command") };
    assert_eq!(command.text, "a \\`b\\`\n c");
    assert_eq!(command.at, Position { line: 2, column: 3 });
}

#[test]
fn options_come_first_and_lose_their_quotes() {
    let script = script(
        "--ip_version=ipv6 --local_ip=fd3d::1 // comment\n--mtu=1500\n--strict_segments\n\
         --so_flags=\"a  b=c\"\n--define=CC=\"reno\"\n--remote_ip=192.0.2.1\n0 close(3) = 0",
    );
    let options: Vec<_> = script
        .options
        .iter()
        .map(|option| (option.name.as_str(), option.value.as_deref()))
        .collect();
    assert_eq!(
        options,
        [
            ("ip_version", Some("ipv6")),
            ("local_ip", Some("fd3d::1")),
            ("mtu", Some("1500")),
            ("strict_segments", None),
            ("so_flags", Some("a  b=c")),
            ("define", Some("CC=\"reno\"")),
            ("remote_ip", Some("192.0.2.1")),
        ]
    );
    assert_eq!(script.options[1].at, Position { line: 1, column: 19 });
}

#[test]
fn comments_are_blanks() {
    let event = event("/* one\n 0 x */ 0 // two\n  close( /* three */ 3) = 0 // four");
    assert_eq!(event.at, Position { line: 2, column: 9 });
    assert_eq!(&*event.text, "close( 3) = 0");
}

#[test]
fn the_text_of_an_event_is_what_was_written() {
    let script = script("0   <  S   0:0(0)\t win 10\n<mss  1>\n+0 %{\n assert 1\n}%\n");
    assert_eq!(&*script.events[0].text, "< S 0:0(0) win 10 <mss 1>");
    assert_eq!(&*script.events[1].text, "%{ assert 1 }%");
}

#[test]
fn columns_count_characters() {
    let call = call("/* äöü */ 0 write(3, \"ä\", LEN) = 2");
    assert_eq!(call.args[2].at, Position { line: 1, column: 27 });
    assert_eq!(call.args[1].kind, ExprKind::Text("ä".as_bytes().to_vec()));
}

#[test]
fn what_is_not_wanted_is_left_out_and_lines_stay_what_they_are() {
    let text = "#ifdef A\n0 a() = 0\n#ifndef B // why\n0 ab() = 0\n#else\n0 b() = 0\n#endif\n\
                #else\n0 anything ` goes\n#ifdef A\n#else\n#endif\n#endif\n0 end() = 0\n";
    let lines = |definitions: &[&str]| {
        let text = text.replace("anything ` goes", "neither() = 0");
        let script = defined(&text, definitions);
        script.events.iter().map(|event| event.at.line).collect::<Vec<_>>()
    };
    assert_eq!(lines(&["A"]), [2, 4, 14]);
    assert_eq!(lines(&["A", "B"]), [2, 6, 14]);
    assert_eq!(lines(&["B=1"]), [9, 14]);
    assert_eq!(defined(text, &["A"]).events.len(), 3, "what is left out may be anything");
}

#[test]
fn a_defined_word_stands_for_its_value() {
    let definitions = ["MSS=1460", "CALL=close", "CC=\"reno\"", "RUN=`true`", "ONE=.1", "NOTHING"];
    let script = defined(
        "0 < S 0:0(0) win 1 <mss MSS>\n+ONE CALL(MSS, CC, NOTHING) = 0 (MSS)\n+0 RUN",
        &definitions,
    );
    let Action::Packet(Packet { body: Body::Tcp(tcp), .. }) = &script.events[0].action else {
        panic!("no segment");
    };
    assert_eq!(tcp.options, Options::Exactly(vec![TcpOption::Mss(1460)]));
    assert_eq!(script.events[1].time, Time::Relative(nanos(100_000_000)));
    let Action::Call(call) = &script.events[1].action else { panic!("no call") };
    let args: Vec<String> = call.args.iter().map(shown).collect();
    assert_eq!(call.name, "close");
    assert_eq!(args, ["1460", "text [114, 101, 110, 111]", "NOTHING"]);
    assert!(matches!(&script.events[2].action, Action::Command(command) if command.text == "true"));
    assert_eq!(&*script.events[1].text, "CALL(MSS, CC, NOTHING) = 0 (MSS)", "as it was written");
}

#[test]
fn a_script_defines_words_but_does_not_change_those_of_the_command_line() {
    let text = "--define=A=1 --define=B=2\n0 f(A, B) = 0\n#ifdef B\n0 g() = 0\n#endif\n";
    let script = defined(text, &["A=10"]);
    let Action::Call(call) = &script.events[0].action else { panic!("no call") };
    assert_eq!(call.args.iter().map(shown).collect::<Vec<_>>(), ["10", "2"]);
    assert_eq!(script.events.len(), 2);

    let late = "#ifdef B\n--mtu=1500\n#endif\n--define=B\n0 g() = 0\n";
    assert_eq!(self::script(late).options.len(), 1, "it is not defined before it is defined");
}

#[test]
fn code_is_read_with_the_script() {
    let script = script("0 %{ assert a == 1; b = 2 }%\n+0 %{\n# nothing\n  print(b)\n}%");
    let Action::Code(first) = &script.events[0].action else { panic!("no code") };
    assert_eq!(first[1].at, Position { line: 1, column: 21 });
    assert_eq!(first[1].text, "b = 2");
    let Action::Code(second) = &script.events[1].action else { panic!("no code") };
    assert_eq!(second[0].at, Position { line: 4, column: 3 });
}
