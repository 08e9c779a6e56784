//! What holds of the code between `%{` and `}%`.

use super::super::ast::Position;
use super::super::error::SyntaxError;
use super::{Failure, Statement, Variables, parse, unassigned};

const BEGIN: Position = Position { line: 1, column: 1 };

fn code(text: &str) -> Vec<Statement> {
    parse(text, BEGIN).unwrap_or_else(|error| panic!("{text}\n{}: {error}", error.at))
}

fn lookup(name: &str) -> Option<i64> {
    match name {
        "tcpi_snd_cwnd" => Some(8),
        "tcpi_rtt" => Some(1500),
        "tcpi_options" => Some(7),
        "OPT_ECN" => Some(8),
        _ => None,
    }
}

/// Runs it all; what the last statement printed.
fn run(text: &str) -> Result<Option<String>, Failure> {
    let mut variables = Variables::default();
    let mut printed = None;
    for statement in code(text) {
        printed = statement.run(&mut variables, &lookup)?;
    }
    Ok(printed)
}

fn shown(expr: &str) -> String {
    match run(&format!("print({expr})")) {
        Ok(printed) => printed.expect("print prints"),
        Err(failure) => format!("! {failure}"),
    }
}

fn failure(text: &str) -> String {
    run(text).expect_err(text).to_string()
}

fn error(text: &str) -> SyntaxError {
    parse(text, BEGIN).expect_err(text)
}

#[test]
fn expressions_mean_what_they_mean_in_python() {
    for (expr, value) in [
        ("2 + 3 * 4", "14"),
        ("(2 + 3) * 4", "20"),
        ("10 - 3 - 2", "5"),
        ("2 ** 3 ** 2", "512"),
        ("-2 ** 2", "-4"),
        ("2 ** -0", "1"),
        ("-7 // 2", "-4"),
        ("-7 % 3", "2"),
        ("7 % -3", "-2"),
        ("8 / 2", "4"),
        ("1 << 4 | 1", "17"),
        ("6 & 3 ^ 1", "3"),
        ("-1 >> 200", "-1"),
        ("~5", "-6"),
        ("0xFf", "255"),
        ("+-+1", "-1"),
        ("1 < 2 <= 2 != 3", "True"),
        ("3 > 2 > 2", "False"),
        ("1 == True", "True"),
        ("True + 1", "2"),
        ("not 1 == 2", "True"),
        ("not not 0", "False"),
        ("0 or 5", "5"),
        ("1 and 0 and 2", "0"),
        ("1 or nothing_known", "1"),
        ("2 in [1, 2]", "True"),
        ("2 not in (1, 3,)", "True"),
        ("'b' in 'abc'", "True"),
        ("1 in ()", "False"),
        ("'a' + \"b\"", "ab"),
        ("'a' < 'b'", "True"),
        ("'a' == 1", "False"),
        ("['a', 1, True]", "['a', 1, True]"),
        ("[1, 2] == (1, 2)", "True"),
        ("abs(-3), min(3, 1, 2), max([1, 5])", "3 1 5"),
        ("int(' 12 ') + int(True), len('abc') + len([1])", "13 4"),
        ("'cwnd=%d' % tcpi_snd_cwnd", "cwnd=8"),
        ("'%d %s %r %x %X %o %%' % (1, 'a', 'b', 255, 255, 8)", "1 a 'b' ff FF 10 %"),
        ("'[%5d|%-5d|%05d|%+d]' % (1, 2, -3, 4)", "[    1|2    |-0003|+4]"),
        ("1,\n  2", "1 2"),
        ("", ""),
    ] {
        assert_eq!(shown(expr), value, "{expr}");
    }
}

#[test]
fn what_has_no_value_is_told() {
    let max = i128::MAX;
    for (expr, why) in [
        ("1 // 0", "1 is divided by zero"),
        ("1 / 0", "1 is divided by zero"),
        ("1 % 0", "1 is divided by zero"),
        ("7 / 2", "7 / 2 is no whole number; `//` rounds down"),
        (&format!("{max} + 1"), "the result does not fit 128 bits"),
        ("1 << 127", "the result does not fit 128 bits"),
        ("2 ** 127", "the result does not fit 128 bits"),
        ("2 ** -1", "2 ** -1 is no integer"),
        ("1 << -1", "a shift by -1 bits"),
        ("1 + 'a'", "'a' is no number"),
        ("1 < 'a'", "'a' is no number"),
        ("1 in 2", "2 is no list"),
        ("tcpi_nothing", "tcpi_nothing is not known"),
        ("[[1]]", "a list in a list is not supported"),
        ("len(1)", "1 has no length"),
        ("min([])", "an empty list has no least and no greatest member"),
        ("abs(1, 2)", "it takes one value"),
        ("max(1)", "it takes a list, or two values or more"),
        ("int('x')", "'x' is no number"),
        ("'%d' % 'a'", "'a' is no number"),
        ("'%d %d' % 1", "a text has more `%` fields than values"),
        ("'%d' % (1, 2)", "a text has fewer `%` fields than values"),
        ("'%' % 1", "a text ends in the middle of a `%` field"),
        ("'%f' % 1", "`%f` is not supported (%d %x %X %o %s %r %%)"),
        ("'%999d' % 1", "a `%` field is wider than 255"),
        ("'%200d%200d%200d%200d%200d%200d' % (1,1,1,1,1,1)", "a text of more than 1024 octets"),
    ] {
        assert_eq!(shown(expr), format!("! {why}"), "{expr}");
    }
}

#[test]
fn variables_last_and_hide_what_is_looked_up() {
    assert_eq!(run("a = 1; a += 2; a -= 10\nprint(a)"), Ok(Some("-7".to_owned())));
    assert_eq!(run("tcpi_rtt = 1\nprint(tcpi_rtt)"), Ok(Some("1".to_owned())));
    assert_eq!(
        run("# nothing\n\n;;\n  x = 'a' # b\nx += 'c'; print(x)"),
        Ok(Some("ac".to_owned()))
    );
    assert_eq!(run("x = 1 + \\\n 2\nprint(x)"), Ok(Some("3".to_owned())));
    assert_eq!(run("x = 1"), Ok(None));
}

#[test]
fn an_assertion_that_fails_tells_both_sides() {
    for (text, words) in [
        ("assert tcpi_snd_cwnd == 10", "tcpi_snd_cwnd == 10 does not hold: tcpi_snd_cwnd is 8"),
        (
            "assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd",
            "tcpi_snd_cwnd == 10 does not hold: tcpi_snd_cwnd is 8",
        ),
        (
            "assert tcpi_snd_cwnd == 10, 'cwnd=%d' % tcpi_snd_cwnd",
            "tcpi_snd_cwnd == 10 does not hold: tcpi_snd_cwnd is 8; cwnd=8",
        ),
        (
            "assert 1000 <= tcpi_rtt <=  1200",
            "1000 <= tcpi_rtt <= 1200 does not hold: tcpi_rtt is 1500",
        ),
        (
            "assert (tcpi_options & OPT_ECN) != 0",
            "(tcpi_options & OPT_ECN) != 0 does not hold: tcpi_options & OPT_ECN is 0, where \
             tcpi_options is 7, OPT_ECN is 8",
        ),
        (
            "want = 10; assert tcpi_snd_cwnd == want or tcpi_rtt < 2 * want",
            "tcpi_snd_cwnd == want or tcpi_rtt < 2 * want does not hold: tcpi_snd_cwnd is 8, want \
             is 10, tcpi_rtt is 1500, 2 * want is 20",
        ),
        ("assert not tcpi_rtt", "not tcpi_rtt does not hold: tcpi_rtt is 1500"),
        ("assert 'a' == 'b'", "'a' == 'b' does not hold"),
        ("assert False, 'never'", "False does not hold; never"),
        ("assert 0, 1 // 0", "0 does not hold; its message fails: 1 is divided by zero"),
    ] {
        assert_eq!(failure(text), words, "{text}");
    }
    assert_eq!(run("assert tcpi_snd_cwnd == 8, 1 // 0"), Ok(None), "a message may wait");
}

#[test]
fn a_failure_has_a_place() {
    let at = |text: &str| run(text).expect_err(text).at;
    assert_eq!(at("x = 1\n  assert x == 2"), Position { line: 2, column: 3 });
    assert_eq!(at("x = 1 + (2 // 0)"), Position { line: 1, column: 10 });
}

#[test]
fn names_that_nothing_assigns_are_listed() {
    let statements =
        code("a = b + c; c = 1; c += d\nassert a == b, e\nprint(f, min(g, 1))\nh += 1");
    let names: Vec<_> = unassigned(&statements).into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["b", "c", "d", "e", "f", "g", "h"]);
    assert_eq!(unassigned(&code("x = 1\ny = x")), []);
    assert_eq!(unassigned(&statements)[2].0, Position { line: 1, column: 24 });
}

#[test]
fn a_statement_knows_its_place_and_its_text() {
    let statements = code("  a = 1 ; assert (a\n == 1) # why\n");
    assert_eq!(statements.len(), 2);
    assert_eq!(
        (statements[0].at, statements[0].text.as_str()),
        (Position { line: 1, column: 3 }, "a = 1")
    );
    assert_eq!(
        (statements[1].at, statements[1].text.as_str()),
        (Position { line: 1, column: 11 }, "assert (a\n == 1)")
    );
}

#[test]
fn mistakes_are_told_with_their_place() {
    let lines = "assert CONDITION, print(...), NAME = VALUE, NAME += VALUE or NAME -= VALUE";
    let operands = "a number, a name, a 'text', a list or brackets";
    let end = "an operator, or the end of the statement (a new line or `;`)";
    for (text, column, expected, found) in [
        ("1 + 1", 1, lines, "`1`"),
        ("tcpi_rtt", 9, &format!("`=` behind `tcpi_rtt` ({lines})"), "the end of the code"),
        ("assert", 7, operands, "the end of the code"),
        ("assert 1 +\n2", 11, operands, "the end of the line"),
        ("assert a = 1", 10, end, "`=`"),
        ("assert a b", 10, end, "`b`"),
        ("assert (a", 10, "`)` behind an expression in brackets", "the end of the code"),
        (
            "assert (a == 1, 'a')",
            8,
            "assert CONDITION, MESSAGE without brackets around both",
            "a list, which always holds",
        ),
        ("print 1", 7, "`(` behind print", "`1`"),
        ("print(1 2)", 9, "`)` or `,` in a list", "`2`"),
        ("x = 'a", 5, "`'` at the end of the text, on its line", "none"),
        (r"x = '\q'", 5, r#"escapes like \' \" \\ \n \t and no others"#, "another in this text"),
        ("x = 010", 5, "a number that does not begin with 0", "`010`"),
        (
            "x = 170141183460469231731687303715884105728",
            5,
            "a number that fits 128 bits",
            "`170141183460469231731687303715884105728`",
        ),
        ("x = a not b", 11, "`in` behind `not` between two values", "`b`"),
        ("True = 1", 1, lines, "`True`"),
        ("x = $", 5, "a word or a sign of Python", "`$`"),
    ] {
        let at = Position { line: 1, column };
        assert_eq!(error(text), SyntaxError::new(at, expected, found), "{text}");
    }
}

#[test]
fn the_rest_of_python_is_named() {
    for (text, column, what) in [
        ("if a: b = 1", 1, "`if` in %{ }%"),
        ("for x in y: z = 1", 1, "`for` in %{ }%"),
        ("import os", 1, "`import` in %{ }%"),
        ("def f(): return 1", 1, "`def` in %{ }%"),
        ("x = a if b else c", 7, "`if` in %{ }%"),
        ("x = a is None", 7, "`is` in %{ }%"),
        ("x = lambda: 1", 5, "`lambda` in %{ }%"),
        ("x.y = 1", 2, "access to an attribute (`.`) in %{ }%"),
        ("x = y.z", 6, "access to an attribute (`.`) in %{ }%"),
        ("x = y[0]", 6, "an index (`[`) in %{ }%"),
        ("x[0] = 1", 2, "an index (`[`) in %{ }%"),
        ("x = {}", 5, "`{` in %{ }%"),
        ("x *= 2", 3, "`*=` in %{ }%"),
        ("x = 1.5", 5, "a number with a fraction (`1.5`) in %{ }%"),
        ("x = sum(y)", 5, "the function `sum` in %{ }%"),
        ("exit(1)", 1, "the call `exit(...)` as a statement in %{ }%"),
    ] {
        let at = Position { line: 1, column };
        assert_eq!(error(text), SyntaxError::unsupported(at, what), "{text}");
    }
}
