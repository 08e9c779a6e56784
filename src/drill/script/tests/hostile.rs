//! Whatever a script says, reading and running it ends, and not with a panic.

use proptest::prelude::*;
use proptest::sample::Index;

use super::super::ast::Action;
use super::super::code::Variables;
use super::super::{Definitions, parse};

/// A bit of everything.
const SCRIPT: &str = r#"--ip_version=ipv4 --define=WAIT=.1
--local_ip=192.0.2.1
`sysctl -w a=b`
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 setsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0
#ifdef LINUX
+WAIT < [ect0] S 0:0(0) win 65535 <mss 1460,nop,wscale 7,sackOK,TS val 1 ecr 0>
#else
+WAIT < (tos 0x10, flowlabel 0x1) 1 > 2 S 0:0(0) win 65535 <mss 1460> /* none */
#endif
+0~+.1 > S. 0:0(0) ack 1 <...>
* > . 1:1(0) ack 1 <nop,nop,sack 1:2 3:4>
+0...0.5 accept(3, ..., ...) = 4 // wait
+0 write(4, "a\x00" "b"..., 0x10) = -1 EAGAIN (try again)
+0 < icmp unreachable frag_needed mtu 1200 [1:1001(1000)]
+0 < udp (10)
+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=0}], 1, -1) = 1
+0 %{ assert 1 <= tcpi_rtt <= -2 ** 3 // 4 or not (x in [1, 'a']), 'rtt=%5d %s' % (x, 'b')
x = 0x10; x += max(1, abs(~2)) % 3 << 2; print(x, "y") # comment
}%
`cleanup`
"#;

/// Runs what code there is; it may fail.
fn read_and_run(text: &str) {
    let Ok(script) = parse(text, &Definitions::new()) else { return };
    let mut variables = Variables::default();
    let statements = script.events.iter().filter_map(|event| match &event.action {
        Action::Code(statements) => Some(statements),
        Action::Packet(_) | Action::Call(_) | Action::Command(_) => None,
    });
    for statement in statements.flatten() {
        let _ = statement.run(&mut variables, &|name| name.len().try_into().ok());
    }
}

#[test]
fn the_script_that_is_mutated_is_right() {
    let script = parse(SCRIPT, &Definitions::new()).unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(script.events.len(), 11);
}

#[test]
fn brackets_may_be_nested_but_not_without_end() {
    let call = |depth| format!("0 f({}{}) = 0", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&call(20), &Definitions::new()).is_ok());
    for open in ["[", "{", "f(", "{a=", "{a([", "\"\" "] {
        read_and_run(&format!("0 f({}", open.repeat(100_000)));
    }
    for open in ["(", "[", "-", "not ", "~", "2**", "abs(", "1+", "a and ", "1<", "(1,", "'a' % "] {
        read_and_run(&format!("0 %{{ assert {} }}%", open.repeat(100_000)));
        read_and_run(&format!("0 %{{ assert {}1 }}%", open.repeat(100_000)));
    }
}

#[test]
fn a_script_may_be_long_whatever_it_repeats() {
    for piece in
        ["0 f(\"\") = 0 (a) ", "0 > . 1:1(0) ", "0 `a` ", "0 %{ a = '' }% ", "/**/ ", "// a\n"]
    {
        let text = piece.repeat(500_000 / piece.len()) + "0 end() = 0";
        assert!(parse(&text, &Definitions::new()).is_ok(), "{piece}");
    }
    for piece in [" ", "\n", "# a\n", "\\\n", "a = 1;"] {
        let text = format!("0 %{{ {} }}%", piece.repeat(500_000 / piece.len()));
        assert!(parse(&text, &Definitions::new()).is_ok(), "{piece}");
    }
}

#[test]
fn long_chains_are_not_deep() {
    for operator in ["+", "-", "|", " and ", " or ", "==", "*1+"] {
        let code = vec!["1"; 100_000].join(operator);
        let text = format!("0 %{{ assert {code} }}%");
        assert!(parse(&text, &Definitions::new()).is_ok(), "{operator}");
        read_and_run(&text);
    }
}

proptest! {
    #[test]
    fn mutations_of_a_script_do_not_panic(
        mutations in prop::collection::vec((any::<Index>(), 0..5_usize, any::<char>()), 1..20),
    ) {
        let mut chars: Vec<char> = SCRIPT.chars().collect();
        for (index, mutation, char) in mutations {
            let at = index.index(chars.len());
            match mutation {
                0 => { chars.remove(at); }
                1 => chars.insert(at, char),
                2 => chars[at] = char,
                // Signs that mean something are worth more than any.
                3 => chars[at] = chars[chars.len() - 1 - at],
                _ => chars.swap(at, at / 2),
            }
        }
        read_and_run(&chars.into_iter().collect::<String>());
    }

    #[test]
    fn lines_in_any_order_do_not_panic(
        lines in prop::collection::vec(any::<Index>(), 1..30),
        cut in any::<Index>(),
    ) {
        let all: Vec<&str> = SCRIPT.lines().collect();
        let lines: Vec<&str> = lines.iter().map(|line| all[line.index(all.len())]).collect();
        let text = lines.join("\n");
        let chars = text.chars().count();
        let cut: String = text.chars().take(cut.index(chars + 1)).collect();
        read_and_run(&cut);
        read_and_run(&text);
    }

    #[test]
    fn code_of_any_words_does_not_panic(
        words in prop::collection::vec(prop::sample::select(vec![
            "assert", "print", "x", "=", "+=", "-=", "1", "0", "-", "+", "*", "**", "/", "//", "%",
            "170141183460469231731687303715884105727", "<<", ">>", "~", "&", "|", "^", "==", "<",
            "in", "not", "and", "or", "(", ")", "[", "]", ",", ";", "\n", "'%5d'", "'a'", "True",
            "abs(", "min(", "max(", "int(", "len(", "tcpi_state",
        ]), 0..40),
    ) {
        read_and_run(&format!("0 %{{ {} }}%", words.join(" ")));
    }

    #[test]
    fn arithmetic_never_panics(
        left in prop::sample::select(vec![i128::MIN + 1, -3, -1, 0, 1, 2, 7, 127, 128, i128::MAX]),
        right in prop::sample::select(vec![i128::MIN + 1, -3, -1, 0, 1, 2, 7, 127, 128, i128::MAX]),
        operator in prop::sample::select(vec![
            "+", "-", "*", "/", "//", "%", "**", "<<", ">>", "&", "|", "^",
        ]),
    ) {
        // -MAX - 1 is the least there is.
        read_and_run(&format!("0 %{{ print(({left}) {operator} ({right}))\nx = {left} - 1\n\
                               x = x {operator} ({right}) }}%"));
    }
}
