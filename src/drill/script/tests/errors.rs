//! Every mistake is told with its place, and in words by which a person can mend it.

use super::super::{Definition, Definitions, SyntaxError, parse};

const TIMES: &str = "a time (0.1, +.1, *, 1~2) at the start of an event";
const ACTIONS: &str = "a packet (`<` or `>`), a call, a `command` or %{ assertions }%";
const MOMENT: &str = "one moment for anything but a packet from the stack (`>`)";
const ARGUMENTS: &str =
    "an argument: a number, NAME, A|B, \"text\", [array], {structure}, function(...) or `...`";
const FLAGS: &str = "flags (letters of SFRPUEW, `.` for ACK, `-` for none)";
const IP_FIELDS: &str =
    "ect0, ect1, ect01, noecn, ce, tos 0xN (class), ttl N (hlim) or flowlabel 0xN";
const ONCE: &str = "every field of the IP header once (`tos` has the ECN field in it)";
const WINDOW: &str = "`win N`, which every segment to the stack needs";
const OPTIONS: &str = "an option: mss N, wscale N, sackOK, sack A:B, TS val N ecr N, nop, eol, \
                       FO HEX, FOEXP HEX, md5 HEX";
const COMMENTS: &str =
    "// in front of a comment, or #ifdef, #ifndef, #else, #endif at the start of a line";
const NEW_LINE: &str = "a new line behind an option (--name=value has no blanks in it)";
const OCTETS: &str = "octets as pairs of hex digits (0a1b), or a name that is defined as such";
const VALUES: &str = "a number, a word, a \"text\" or a `command` as the value of the definition";

fn error(text: &str) -> SyntaxError {
    match parse(text, &Definitions::new()) {
        Ok(script) => panic!("{text}\nis no mistake: {script:?}"),
        Err(error) => error,
    }
}

/// Text, place, what is expected and what is found.
fn check(mistakes: &[(&str, &str, &str, &str)]) {
    for (text, at, expected, found) in mistakes {
        let error = error(text);
        assert_eq!(error.to_string(), format!("expected {expected}, found {found}"), "{text}");
        assert_eq!((error.at.to_string().as_str(), error.unsupported), (*at, false), "{text}");
    }
}

#[test]
fn an_event_has_a_time_and_an_action() {
    check(&[
        ("", "1:1", TIMES, "the end of the script"),
        ("`init`", "1:7", TIMES, "the end of the script"),
        ("0", "1:2", ACTIONS, "the end of the script"),
        ("0 close(3) = 0\nclose(3) = 0", "2:1", TIMES, "`close`"),
        ("0 close(3) = 0\n--mtu=1", "2:1", "options only before the first event", "`--mtu=1`"),
        ("0 close(3) = 0\n# comment\n", "2:1", COMMENTS, "`#`"),
        ("-1 close(3) = 0", "1:1", "a time that is not negative", "`-1`"),
        ("+-.1 close(3) = 0", "1:2", "a time that is not negative", "`-.1`"),
        (
            "0.0000000001 close(3) = 0",
            "1:1",
            "a time with at most 9 decimals, which is to the nanosecond",
            "`0.0000000001`",
        ),
        ("10000000 close(3) = 0", "1:1", "a time of at most 1000000 seconds", "`10000000`"),
        ("* close(3) = 0", "1:1", MOMENT, "`*` as its time"),
        ("* < . 1:1(0) win 1", "1:1", MOMENT, "`*` as its time"),
        ("+0~+1 `a`", "1:1", MOMENT, "a range of times"),
        ("2~1 > . 1:1(0)", "1:3", "a range of times that ends after its beginning", "2s to 1s"),
        (
            "+0~1 > . 1:1(0)",
            "1:4",
            "`+` in front of the end of a range that begins with `+`",
            "`1`",
        ),
        ("+1...0.5 accept(3) = 4", "1:6", "a call that returns after it began", "1s...500ms"),
        ("0... accept(3) = 4", "1:6", "the time at which the call has to return", "`accept`"),
        (
            "0 close(3) = 0\n`a`\n`b`",
            "3:1",
            "the end of the script behind a `command` without a time",
            "``b``",
        ),
    ]);
}

#[test]
fn what_begins_ends() {
    check(&[
        ("0 `abc", "1:3", "a backquote at the end of the command", "none"),
        ("0 %{ abc", "1:3", "`}%` somewhere behind `%{`", "none"),
        ("/* abc", "1:1", "`*/` somewhere behind `/*`", "none"),
        (
            "0 %{\n assert a =\n}%",
            "2:11",
            "an operator, or the end of the statement (a new line or `;`)",
            "`=`",
        ),
    ]);
}

#[test]
fn a_call_has_brackets_a_result_and_known_arguments() {
    check(&[
        ("0 close 3", "1:9", "`(` in front of the arguments of a call", "`3`"),
        ("0 close(3", "1:10", "`)` or `,` behind the arguments", "the end of the script"),
        (
            "0 close(3)\n+0 close(4) = 0",
            "1:11",
            "`=` and the result behind a call",
            "the end of the line",
        ),
        ("0 close(3) =\n", "1:13", ARGUMENTS, "the end of the line"),
        ("0 f(1 2) = 0", "1:7", "`)` or `,` behind the arguments", "`2`"),
        ("0 f({1=2}) = 0", "1:7", "`,` or `}` behind a member without a name", "`=`"),
        ("0 f(a=1) = 0", "1:6", "`)` or `,` behind the arguments", "`=`"),
        (
            "0 f(99999999999999999999) = 0",
            "1:5",
            "an argument, a number from -9223372036854775808 to 9223372036854775807",
            "`99999999999999999999`",
        ),
        ("0 f(\"a) = 0", "1:5", "a `\"` at the end of the text, on the same line", "none"),
        (
            "0 f(\"\\q\") = 0",
            "1:5",
            "escapes like \\\" \\\\ \\n \\t \\r \\0 \\x41 and no others",
            "`\"\\q\"`",
        ),
        ("0 f(@) = 0", "1:5", "a word or a sign of the script language", "`@`"),
        ("0 f() = 0 (note\n", "1:11", "a `)` on the same line as the `(` of a note", "none"),
        ("0 f() = 0 EAGAIN EAGAIN", "1:18", TIMES, "`EAGAIN`"),
    ]);
}

#[test]
fn a_segment_has_flags_numbers_and_a_window() {
    check(&[
        ("0 < . 1:1(0) ack 1", "1:19", WINDOW, "the end of the script"),
        ("0 < . 1:1(0) ack 1\n0 close(3) = 0", "1:19", WINDOW, "the end of the line"),
        ("0 < 1:1(0) win 1", "1:5", FLAGS, "`1`"),
        ("0 > . 1:1(0) badsum", "1:14", TIMES, "`badsum`"),
        ("0 < X 1:1(0) win 1", "1:5", FLAGS, "`X`"),
        ("0 < SS 1:1(0) win 1", "1:5", "every flag once", "`S` again"),
        ("0 < S 1(0)", "1:8", "`:` in seq:end(len)", "`(`"),
        ("0 < S 1:1", "1:10", "`(` in seq:end(len)", "the end of the script"),
        (
            "0 < . 1:1011(1000) ack 1 win 1",
            "1:9",
            "1001 as the end of seq:end(len), for 1 + 1000 = 1001",
            "1011",
        ),
        (
            "0 < . 1:1(65536)",
            "1:11",
            "the octets of payload in seq:end(len), a number from 0 to 65535",
            "`65536`",
        ),
        ("0 < . 1:1(0) win 65536", "1:18", "a window, a number from 0 to 65535", "`65536`"),
    ]);
}

#[test]
fn other_packets_and_headers() {
    check(&[
        (
            "0 < [ect01] . 1:1(0) win 1",
            "1:6",
            "one value for a packet to the stack (ect0 or ect1)",
            "`ect01`",
        ),
        ("0 < [ect2] . 1:1(0) win 1", "1:6", IP_FIELDS, "`ect2`"),
        ("0 < [tos 256] . 1:1(0) win 1", "1:10", "DSCP and ECN, a number from 0 to 255", "`256`"),
        (
            "0 < [flowlabel 0x100000] . 1:1(0) win 1",
            "1:16",
            "the flow label, a number from 0 to 1048575",
            "`0x100000`",
        ),
        ("0 < [tos 1, ect0] . 1:1(0) win 1", "1:13", ONCE, "another `ect0`"),
        ("0 < [ce) . 1:1(0) win 1", "1:8", "`]` or `,` behind a field of the IP header", "`)`"),
        ("0 < 1 1 S 1:1(0) win 1", "1:7", "`>` between two ports (1234 > 80)", "`1`"),
        ("0 < udp 10", "1:11", "`>` between two ports (1234 > 80)", "the end of the script"),
        (
            "0 < udp (65536)",
            "1:10",
            "the octets of a datagram, a number from 0 to 65535",
            "`65536`",
        ),
        ("0 < icmp", "1:9", "the type of an ICMP message (unreachable)", "the end of the script"),
        (
            "0 < icmp unreachable frag_needed mtu",
            "1:37",
            "the MTU of the next hop, a number from 0 to 4294967295",
            "the end of the script",
        ),
        (
            "0 < icmp unreachable [1:1(0)",
            "1:29",
            "`]` behind the segment that an ICMP message quotes",
            "the end of the script",
        ),
    ]);
}

#[test]
fn options_are_known_and_fill_whole_words() {
    check(&[
        ("0 < . 1:1(0) ack 1 <nop>", "1:20", WINDOW, "`<`"),
        ("0 < . 1:1(0) win 1 <...>", "1:21", "the options of a segment to the stack", "`...`"),
        ("0 < . 1:1(0) win 1 <mss 1>,", "1:27", TIMES, "`,`"),
        (
            "0 < . 1:1(0) win 1 <mss 1460,wscale 1>",
            "1:20",
            "options of a multiple of 4 octets (fill with nop or eol)",
            "7 octets",
        ),
        (
            "0 < . 1:1(0) win 1 <mss 65536>",
            "1:25",
            "a segment size, a number from 0 to 65535",
            "`65536`",
        ),
        (
            "0 < . 1:1(0) win 1 <sack 1:2 3:4 5:6 7:8,sack 1:2>",
            "1:20",
            "options of at most 40 octets",
            "44 octets",
        ),
        ("0 < . 1:1(0) win 1 <mms 1>", "1:21", OPTIONS, "`mms`"),
        (
            "0 < . 1:1(0) win 1 <mss 1",
            "1:26",
            "`>` or `,` behind an option",
            "the end of the script",
        ),
        ("0 < . 1:1(0) win 1 <TS 1>", "1:24", "`val` in TS val N ecr N", "`1`"),
        ("0 < . 1:1(0) win 1 <sack 1>", "1:27", "`:` between the edges of a block", "`>`"),
        ("0 < . 1:1(0) win 1 <FO 123>", "1:24", OCTETS, "`123`"),
        ("0 < . 1:1(0) win 1 <FO \"ab\">", "1:24", "octets without quotes", "`\"ab\"`"),
        ("0 < . 1:1(0) win 1 <md5 0011>", "1:25", "16 octets behind md5", "2"),
        ("0 > . 1:1(0) <... ,nop>", "1:19", "`>` behind `...` in the options", "`,`"),
    ]);
}

#[test]
fn conditions_are_balanced() {
    check(&[
        ("#ifdef A\n", "1:1", "an #endif behind #ifdef", "none"),
        ("#ifdef\n", "1:1", "a name behind #ifdef", "none"),
        ("#else\n", "1:1", "#ifdef or #ifndef before #else", "none"),
        ("#ifdef A\n#else\n#else\n#endif\n", "3:1", "one #else for #ifdef", "a second"),
        ("#ifdef A B\n#endif\n", "1:1", "nothing more on this line", "`B`"),
        (" #ifdef A\n #endif\n", "1:2", COMMENTS, "`#`"),
        ("#define A 1\n0 close(3) = 0", "1:1", COMMENTS, "`#`"),
        ("#ifdef A\n#ifndef B\n#endif\n", "1:1", "an #endif behind #ifdef", "none"),
    ]);
}

#[test]
fn an_option_is_one_word() {
    check(&[
        ("--mtu=\n0 close(3) = 0", "1:1", "a value behind `=`", "`--mtu`"),
        (
            "--define=1A=1\n0 close(3) = 0",
            "1:1",
            "a name of letters, digits and `_` that does not begin with a digit",
            "`1A`",
        ),
        ("--define\n", "1:1", "--define=NAME or --define=NAME=value", "no name"),
        ("--define=A=1 2\n0 f() = 0", "1:14", NEW_LINE, "`2`"),
        ("--define=A==\n", "1:1", VALUES, "`=`"),
        ("--so_flags=\"a\n", "1:1", "a `\"` at the end of the text, on the same line", "none"),
        ("--mtu 1500\n0 f() = 0", "1:7", NEW_LINE, "`1500`"),
        ("--define=A=3\n0 < A 1:1(0)", "2:7", "`>` between two ports (1234 > 80)", "`1`"),
    ]);
}

#[test]
fn what_is_left_out_is_named() {
    for (text, at, what) in [
        ("0 < ipv4 1.2.3.4 > 5.6.7.8: . 1:1(0) win 1", "1:5", "encapsulation (`ipv4`)"),
        ("0 < (ttl 1) mpls (label 0)", "1:13", "encapsulation (`mpls`)"),
        ("0 < encap psp spi 1 . 1:1(0) win 1", "1:5", "encapsulation (`encap`)"),
        ("0 > sctp: INIT", "1:5", "the protocol `sctp`"),
        ("0 < SEWA 1:1(0) win 1", "1:5", "the flag `A` of accurate ECN"),
        ("0 < S5. 1:1(0) win 1", "1:5", "the counter of accurate ECN in the flags"),
        ("0 < .5 1:1(0) win 1", "1:5", "the counter of accurate ECN in the flags"),
        ("0 < . ...(0) win 1", "1:7", "an unchecked sequence number (`...`)"),
        ("0 < R. 1:1(0)! win 1", "1:14", "an absolute sequence number (`!`)"),
        ("0 < . 1:1(0) win 1/udp(1 > 2)", "1:19", "TCP in UDP (`/udp`)"),
        ("0 < . 1:1(0) win 1 <md5 valid>", "1:25", "signing segments (`md5 valid`)"),
        ("0 < . 1:1(0) win 1 <ECN e0b 1>", "1:21", "the option `ECN`"),
        ("0 < icmp echo_request id 1", "1:23", "the identifier of an echo (`id`)"),
        ("0 < icmp unreachable [udp (1)]", "1:23", "quoting anything but TCP (`udp`)"),
        ("0 < icmp unreachable [1:1(0)/udp(1 > 2)]", "1:29", "TCP in UDP (`/udp`)"),
    ] {
        let error = error(text);
        assert_eq!((error.at.to_string().as_str(), error.found.as_str()), (at, what), "{text}");
        assert!(error.unsupported, "{text}");
        assert_eq!(error.to_string(), format!("{what} is not supported"));
    }
}

#[test]
fn a_word_that_was_defined_is_told_with_its_value() {
    let definitions = [Definition { name: "MSS".to_owned(), value: Some("\"a\"".to_owned()) }];
    let error = parse("0 < S 0:0(0) win 1 <mss MSS>", &definitions.into_iter().collect());
    let words = "expected a segment size, a number from 0 to 65535, found `MSS`, which is \
                 defined as `\"a\"`";
    assert_eq!(error.map_err(|error| error.to_string()), Err(words.to_owned()));
}

#[test]
fn a_definition_is_a_name_and_one_word() {
    for (text, column) in [("", 1), ("a b", 1), ("1a=2", 1), ("a=", 3), ("ä=1", 1), ("a=1 2", 3)] {
        let error = text.parse::<Definition>().expect_err(text);
        assert_eq!((error.at.line, error.at.column), (1, column), "{text}");
    }
    let definition = "CC=\"a b\"".parse::<Definition>();
    let value = Some("\"a b\"".to_owned());
    assert_eq!(definition, Ok(Definition { name: "CC".to_owned(), value }));
}
