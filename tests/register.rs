//! The registers: `docs/rfc9293.md` has every requirement of RFC 9293, `docs/rfcs.md` every other RFC that
//! the sources name, each with the code that does it and the test that shows it. Here they are held to it:
//! nothing is missing, code and tests are where they are said to be, and each test carries the number of
//! what it shows.
//!
//! The requirements themselves are `register/requirements.txt`; `register/rows.rs` reads the tables and
//! `register/places.rs` finds places in the sources.

#[path = "register/places.rs"]
mod places;
#[path = "register/rows.rs"]
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use places::{Files, Project};
use rows::{Place, Row, names, numbered};

const REQUIREMENTS: &str = include_str!("register/requirements.txt");
const LEVELS: [&str; 4] = ["MUST-", "SHLD-", "REC-", "MAY-"];

/// What is being built: rows that name code and tests which are not there yet. That is a defect, and
/// `nothing_is_awaited` says what is missing; an entry goes when its row is right.
const AWAITED: [(&str, &[&str]); 0] = [];

/// Something that a register has wrong, and about what.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    about: String,
    line: usize,
    what: String,
}

/// How far a row says that something is done, with the reason where it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How<'a> {
    Done,
    InPart(&'a str),
    Declined(&'a str),
    /// It is asked of applications.
    TheApplications(&'a str),
    /// An RFC that is named, but not implemented.
    Named(&'a str),
}

impl<'a> How<'a> {
    fn parse(cell: &'a str) -> Option<How<'a>> {
        let (word, reason) = cell.split_once(": ").unwrap_or((cell, ""));
        let has_reason = !reason.is_empty();
        match word {
            "done" if !has_reason => Some(How::Done),
            "in part" if has_reason => Some(How::InPart(reason)),
            "declined" if has_reason => Some(How::Declined(reason)),
            "the application's" if has_reason => Some(How::TheApplications(reason)),
            "named" if has_reason => Some(How::Named(reason)),
            _ => None,
        }
    }

    fn needs_code(self) -> bool {
        matches!(self, How::Done | How::InPart(_))
    }
}

/// What a register is checked against.
struct Checker<'a> {
    files: &'a dyn Files,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    fn wrong(&mut self, about: &str, line: usize, what: String) {
        self.findings.push(Finding { about: about.to_owned(), line, what });
    }

    /// The places in a cell; what is wrong with how they are written is found.
    fn places(&mut self, about: &str, line: usize, cell: &str) -> Vec<Place> {
        rows::places(cell).unwrap_or_else(|why| {
            self.wrong(about, line, why);
            Vec::new()
        })
    }

    fn check_code(&mut self, about: &str, row: &Row, cell: &str) {
        let places = self.places(about, row.line, cell);
        if places.is_empty() {
            self.wrong(about, row.line, "no code is named".to_owned());
        }
        for Place { path, items } in places {
            let Some(source) = self.files.read(&path) else {
                self.wrong(about, row.line, format!("there is no file {path}"));
                continue;
            };
            if items.is_empty() {
                self.wrong(about, row.line, format!("nothing is named in {path}"));
            }
            for item in items.iter().filter(|item| !places::defines(&source, item)) {
                self.wrong(about, row.line, format!("{path} does not define {item}"));
            }
        }
    }

    /// `mark` is what each test has to carry; with `in_head` the first lines of its file may do so for it.
    fn check_tests(&mut self, about: &str, row: &Row, cell: &str, in_head: bool) {
        let places = self.places(about, row.line, cell);
        if places.is_empty() {
            self.wrong(about, row.line, "no test is named".to_owned());
        }
        for Place { path, items } in places {
            let Some(source) = self.files.read(&path) else {
                self.wrong(about, row.line, format!("there is no file {path}"));
                continue;
            };
            if Path::new(&path).extension().is_some_and(|kind| kind == "pkt") {
                if !path.starts_with("tests/drill/") {
                    self.wrong(
                        about,
                        row.line,
                        format!("{path} is not among the scripts that run"),
                    );
                }
                if !names(&source, about) {
                    self.wrong(about, row.line, format!("{path} does not say {about}"));
                }
                continue;
            }
            if items.is_empty() {
                self.wrong(about, row.line, format!("no test is named in {path}"));
            }
            let head = if in_head { places::head(&source) } else { String::new() };
            for item in items {
                match places::test(&source, &item) {
                    None => self.wrong(about, row.line, format!("{path} has no test {item}")),
                    Some(text) => {
                        let says = names(&text, about) || names(&head, about);
                        if !says && !rows::is_named_for(&item, about) {
                            self.wrong(about, row.line, format!("{item} does not say {about}"));
                        }
                    }
                }
            }
        }
    }
}

/// The register of RFC 9293 against the list of its requirements.
fn check_requirements(list: &str, register: &str, files: &dyn Files) -> Vec<Finding> {
    let mut checker = Checker { files, findings: Vec::new() };
    let mut left: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.splitn(3, ' ');
        let (id, section) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        left.insert(id, (section, words.next().unwrap_or_default()));
    }
    for row in rows::rows(register, "id") {
        let [id, level, asks, how, code, tests] = &row.cells[..] else {
            checker.wrong(&row.cells[0], row.line, format!("{} columns", row.cells.len()));
            continue;
        };
        let Some((section, expected)) = left.remove(id.as_str()) else {
            checker.wrong(
                id,
                row.line,
                "there is no such requirement, or it came before".to_owned(),
            );
            continue;
        };
        if row.section != section {
            checker.wrong(id, row.line, format!("it belongs to section {section}"));
        }
        if level != expected {
            checker.wrong(id, row.line, format!("its level is {expected}"));
        }
        if asks.is_empty() {
            checker.wrong(id, row.line, "it does not say what is asked".to_owned());
        }
        let may = match How::parse(how) {
            Some(How::Done) => true,
            Some(How::Declined(_)) => level == "MAY",
            Some(How::TheApplications(_)) => level == "SHOULD NOT",
            Some(How::InPart(_) | How::Named(_)) | None => false,
        };
        if !may {
            checker.wrong(id, row.line, format!("a {level} cannot be \"{how}\""));
        }
        let needs_code = How::parse(how).is_some_and(How::needs_code);
        if needs_code || !code.is_empty() {
            checker.check_code(id, &row, code);
        }
        if needs_code || !tests.is_empty() {
            checker.check_tests(id, &row, tests, false);
        }
    }
    for id in left.into_keys() {
        checker.wrong(id, 0, "it is missing".to_owned());
    }
    checker.findings
}

/// The register of the other RFCs against those that the sources `cite`.
fn check_rfcs(cited: &BTreeSet<String>, register: &str, files: &dyn Files) -> Vec<Finding> {
    let mut checker = Checker { files, findings: Vec::new() };
    let mut left = cited.clone();
    let mut seen = BTreeSet::new();
    for row in rows::rows(register, "RFC") {
        let [rfc, about, how, code, tests] = &row.cells[..] else {
            checker.wrong(&row.cells[0], row.line, format!("{} columns", row.cells.len()));
            continue;
        };
        left.remove(rfc);
        if !seen.insert(rfc.clone()) {
            checker.wrong(rfc, row.line, "it came before".to_owned());
        }
        if about.is_empty() {
            checker.wrong(rfc, row.line, "it does not say what it is about".to_owned());
        }
        match How::parse(how) {
            Some(how) if how.needs_code() => {
                checker.check_code(rfc, &row, code);
                checker.check_tests(rfc, &row, tests, true);
            }
            Some(How::Declined(_) | How::Named(_)) => {}
            _ => checker.wrong(rfc, row.line, format!("an RFC cannot be \"{how}\"")),
        }
    }
    for rfc in left {
        checker.wrong(&rfc, 0, "the sources name it, and it is missing".to_owned());
    }
    checker.findings
}

/// The RFCs and drafts that a source names, but for RFC 9293.
fn cited(source: &str) -> BTreeSet<String> {
    let rfcs = numbered(source, &["RFC "]).into_iter().map(str::to_owned);
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let drafts = source.match_indices("draft-ietf-").map(|(at, _)| {
        let name: String = source[at..].chars().take_while(|c| is_name(*c)).collect();
        // Without the number of its version.
        let number = name.rsplit_once('-').filter(|(_, end)| end.parse::<u8>().is_ok());
        number.map_or(name.clone(), |(start, _)| start.to_owned())
    });
    rfcs.chain(drafts).filter(|name| name != "RFC 9293").collect()
}

fn files_below(dir: &str, kinds: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(dir)];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).expect("it can be listed") {
            let path = entry.expect("it can be listed").path();
            let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
            if path.is_dir() {
                dirs.push(path);
            } else if kinds.contains(&kind) {
                found.push(path);
            }
        }
    }
    found
}

/// Each finding on a line, for those that are awaited or for all others.
fn report(register: &str, findings: &[Finding], awaited: bool) -> String {
    let is_awaited = |about: &str| AWAITED.iter().any(|(_, abouts)| abouts.contains(&about));
    let concerns = |finding: &&Finding| is_awaited(&finding.about) == awaited;
    let lines = findings.iter().filter(concerns);
    let lines =
        lines.map(|Finding { about, line, what }| format!("{register}:{line}: {about}: {what}\n"));
    lines.collect()
}

fn findings_in_the_requirements() -> Vec<Finding> {
    check_requirements(
        REQUIREMENTS,
        &Project.read("docs/rfc9293.md").expect("it is there"),
        &Project,
    )
}

fn findings_in_the_rfcs() -> Vec<Finding> {
    let sources = files_below("src", &["rs"]);
    let cited = sources.iter().flat_map(|path| cited(&fs::read_to_string(path).expect("a source")));
    check_rfcs(&cited.collect(), &Project.read("docs/rfcs.md").expect("it is there"), &Project)
}

#[test]
fn every_requirement_has_its_code_and_its_test() {
    let rows = rows::rows(&Project.read("docs/rfc9293.md").expect("it is there"), "id");
    let wrong = report("docs/rfc9293.md", &findings_in_the_requirements(), false);
    assert!(wrong.is_empty(), "\n{wrong}");
    println!("{} of {}", rows.len(), REQUIREMENTS.lines().count() - 1);
    assert_eq!(rows.len(), 119);
}

#[test]
fn every_rfc_that_is_named_has_its_row() {
    let wrong = report("docs/rfcs.md", &findings_in_the_rfcs(), false);
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// What is marked as awaited is not there, and has to come; once it is, the mark has to go.
#[test]
fn nothing_is_awaited() {
    let (requirements, rfcs) = (findings_in_the_requirements(), findings_in_the_rfcs());
    let mut missing = report("docs/rfc9293.md", &requirements, true);
    missing += &report("docs/rfcs.md", &rfcs, true);
    let is_there = |about: &&str| !requirements.iter().chain(&rfcs).any(|f| f.about == *about);
    let all = AWAITED.iter().flat_map(|(_, abouts)| abouts.iter().copied());
    let there: Vec<_> = all.filter(is_there).collect();
    let what: Vec<_> = AWAITED.iter().map(|(what, _)| what).collect();
    assert!(
        what.is_empty(),
        "\nawaited: {what:?}\nwhat is there already: {there:?}\nmissing:\n{missing}"
    );
}

#[test]
fn nobody_names_a_requirement_that_there_is_not() {
    let known: BTreeSet<&str> =
        REQUIREMENTS.lines().filter_map(|line| line.split(' ').next()).collect();
    let mut paths = files_below("src", &["rs"]);
    paths.extend(files_below("tests", &["rs", "pkt"]).into_iter().filter(|path| {
        // This file makes some up.
        !path.ends_with("tests/register.rs")
    }));
    for path in paths {
        let text = fs::read_to_string(&path).expect("a source");
        let unknown: Vec<_> =
            numbered(&text, &LEVELS).into_iter().filter(|id| !known.contains(id)).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", path.display());
    }
}

mod the_checker {
    use super::*;

    /// Files that are made up.
    struct Made(&'static [(&'static str, &'static str)]);

    impl Files for Made {
        fn read(&self, path: &str) -> Option<String> {
            let Made(files) = self;
            files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned())
        }
    }

    const FILES: Made = Made(&[
        (
            "src/a.rs",
            "//! RFC 7 is done here.\npub struct Tcb {\n    pub(super) nxt: Seq,\n}\n\nfn probe() {}\n",
        ),
        (
            "tests/t.rs",
            "//! About RFC 7.\n\n// MUST-1, MAY-1\n#[test]\nfn shows() {\n    probe(); // MUST-2\n}\n\n\
             // MUST-30\n#[test]\nfn other() {\n}\n\n// MUST-1\nfn helper() {}\n\n\
             // MUST-1\n#[test]\n#[ignore = \"slow\"]\nfn sleeps() {\n}\n",
        ),
        ("tests/drill/x.pkt", "// RFC 9293 1.1 (MUST-1): so it is.\n"),
        ("tests/x.pkt", "// RFC 9293 1.1 (MUST-1): so it is.\n"),
    ]);
    const LIST: &str = "# a comment\nMUST-1 1.1 MUST\nMAY-1 1.2 MAY\nSHLD-1 1.2 SHOULD NOT\n";
    const HEAD: &str = "| id | level | asks | how | code | test |\n|---|---|---|---|---|---|\n";

    /// What is wrong when the row of MUST-1 reads so.
    fn wrong(row: &str) -> Vec<String> {
        let register = format!(
            "## 1.1 One\n{HEAD}{row}\n\n## 1.2 Two\n{HEAD}\
             | MAY-1 | MAY | b | declined: for a reason | | |\n\
             | SHLD-1 | SHOULD NOT | c | the application's: its data | | |\n"
        );
        whats(check_requirements(LIST, &register, &FILES))
    }

    fn whats(findings: Vec<Finding>) -> Vec<String> {
        findings.into_iter().map(|Finding { about, what, .. }| format!("{about}: {what}")).collect()
    }

    #[test]
    fn what_is_right_is_left_in_peace() {
        for row in [
            "| MUST-1 | MUST | a | done | `src/a.rs` `probe` | `tests/t.rs` `shows` |",
            "| MUST-1 | MUST | a | done | `src/a.rs` `Tcb`, `nxt` | `tests/drill/x.pkt` |",
            "| MUST-1 | MUST | a | done | in `src/a.rs` `nxt` | `tests/drill/x.pkt`, `tests/t.rs` `shows` |",
        ] {
            assert_eq!(wrong(row), [""; 0], "{row}");
        }
    }

    #[test]
    fn each_defect_of_a_row_is_named() {
        for (row, what) in [
            ("", "it is missing"),
            ("| MUST-1 | MUST | a | done | `src/a.rs` `probe` |", "5 columns"),
            (
                "| MUST-1 | MAY | a | done | `src/a.rs` `probe` | `tests/t.rs` `shows` |",
                "its level is MUST",
            ),
            (
                "| MUST-1 | MUST | | done | `src/a.rs` `probe` | `tests/t.rs` `shows` |",
                "it does not say what is asked",
            ),
            ("| MUST-1 | MUST | a | declined: no | | |", "a MUST cannot be \"declined: no\""),
            (
                "| MUST-1 | MUST | a | in part: no | `src/a.rs` `probe` | `tests/t.rs` `shows` |",
                "a MUST cannot be \"in part: no\"",
            ),
            (
                "| MUST-1 | MUST | a | the application's: no | | |",
                "a MUST cannot be \"the application's: no\"",
            ),
            ("| MUST-1 | MUST | a | | | |", "a MUST cannot be \"\""),
            ("| MUST-1 | MUST | a | done | | `tests/t.rs` `shows` |", "no code is named"),
            (
                "| MUST-1 | MUST | a | done | `src/b.rs` `probe` | `tests/t.rs` `shows` |",
                "there is no file src/b.rs",
            ),
            (
                "| MUST-1 | MUST | a | done | `src/a.rs` | `tests/t.rs` `shows` |",
                "nothing is named in src/a.rs",
            ),
            (
                "| MUST-1 | MUST | a | done | `src/a.rs` `prob` | `tests/t.rs` `shows` |",
                "src/a.rs does not define prob",
            ),
            (
                "| MUST-1 | MUST | a | done | `probe` | `tests/t.rs` `shows` |",
                "`probe` is in no file",
            ),
            ("| MUST-1 | MUST | a | done | `src/a.rs` `probe` | |", "no test is named"),
            (
                "| MUST-1 | MUST | a | done | `src/a.rs` `probe` | `tests/u.rs` `shows` |",
                "there is no file tests/u.rs",
            ),
            (
                "| MUST-1 | MUST | a | done | `src/a.rs` `probe` | `tests/t.rs` |",
                "no test is named in tests/t.rs",
            ),
            (
                "| MUST-1 | MUST | a | done | `src/a.rs` `probe` | `tests/t.rs` `show` |",
                "tests/t.rs has no test show",
            ),
            (
                "| MUST-1 | MUST | a | done | `src/a.rs` `probe` | `tests/t.rs` `helper` |",
                "tests/t.rs has no test helper",
            ),
            (
                "| MUST-1 | MUST | a | done | `src/a.rs` `probe` | `tests/t.rs` `other` |",
                "other does not say MUST-1",
            ),
            (
                "| MUST-1 | MUST | a | done | `src/a.rs` `probe` | `tests/drill/y.pkt` |",
                "there is no file tests/drill/y.pkt",
            ),
            (
                "| MUST-1 | MUST | a | done | `src/a.rs` `probe` | `tests/x.pkt` |",
                "tests/x.pkt is not among the scripts that run",
            ),
            (
                "| MUST-1 | MUST | a | done | `src/a.rs` `probe` | `tests/t.rs` `sleeps` |",
                "tests/t.rs has no test sleeps",
            ),
        ] {
            let found = wrong(row);
            assert!(found.contains(&format!("MUST-1: {what}")), "{row}: {found:?}");
        }
    }

    #[test]
    fn a_row_that_is_unknown_repeated_or_elsewhere_is_named() {
        let row = |id: &str| {
            format!("| {id} | MUST | a | done | `src/a.rs` `probe` | `tests/t.rs` `shows` |")
        };
        let unknown = wrong(&format!("{}\n{}", row("MUST-1"), row("MUST-2")));
        assert_eq!(unknown, ["MUST-2: there is no such requirement, or it came before"]);
        let repeated = wrong(&format!("{}\n{}", row("MUST-1"), row("MUST-1")));
        assert_eq!(repeated, ["MUST-1: there is no such requirement, or it came before"]);
        let elsewhere = wrong(&format!("\n## 1.4 Else\n{HEAD}{}", row("MUST-1")));
        assert_eq!(elsewhere, ["MUST-1: it belongs to section 1.1"]);
        let silent =
            wrong("| MUST-1 | MUST | a | done | `src/a.rs` `probe` | `tests/drill/x.pkt |");
        assert!(silent[0].contains("has no other"), "{silent:?}");
    }

    #[test]
    fn a_may_needs_its_reason_and_a_script_its_number() {
        let with = |row: &str| {
            let list = "MAY-1 1.1 MAY\n";
            whats(check_requirements(list, &format!("## 1.1 One\n{HEAD}{row}\n"), &FILES))
        };
        assert_eq!(with("| MAY-1 | MAY | a | declined: why not | | |"), [""; 0]);
        for how in ["declined", "declined:", "declined: ", "named: it is", "the application's: x"] {
            assert_eq!(with(&format!("| MAY-1 | MAY | a | {how} | | |")).len(), 1, "{how}");
        }
        let script = "| MAY-1 | MAY | a | done | `src/a.rs` `probe` | `tests/drill/x.pkt` |";
        assert_eq!(with(script), ["MAY-1: tests/drill/x.pkt does not say MAY-1"]);
    }

    #[test]
    fn an_rfc_that_the_sources_name_needs_its_row() {
        let check = |rows: &str| {
            let register =
                format!("| RFC | about | how | code | test |\n|---|---|---|---|---|\n{rows}\n");
            whats(check_rfcs(&cited("see RFC 7, RFC 8 2.1 and RFC 9293"), &register, &FILES))
        };
        let seven = "| RFC 7 | a | done | `src/a.rs` `probe` | `tests/t.rs` `other` |";
        let eight = "| RFC 8 | b | named: its numbers are | | |";
        assert_eq!(check(&format!("{seven}\n{eight}")), [""; 0]);
        assert_eq!(check(seven), ["RFC 8: the sources name it, and it is missing"]);
        assert_eq!(check(&format!("{seven}\n{eight}\n{eight}")), ["RFC 8: it came before"]);
        let unsaid = "| RFC 8 | b | in part: no c | `src/a.rs` `probe` | `tests/t.rs` `other` |";
        assert_eq!(check(&format!("{seven}\n{unsaid}")), ["RFC 8: other does not say RFC 8"]);
        let bare = "| RFC 8 | | done | | |";
        assert_eq!(check(&format!("{seven}\n{bare}")).len(), 3);
    }

    #[test]
    fn drafts_are_cited_without_their_version() {
        let found = cited("after draft-ietf-ccwg-bbr-06: and RFC 5681, (RFC 9293 3.1)");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["RFC 5681", "draft-ietf-ccwg-bbr"]);
    }

    #[test]
    fn a_longer_number_is_another_one() {
        assert!(names("(MUST-3, MUST-4)", "MUST-3") && names("MUST-36 and MUST-3", "MUST-3"));
        assert!(!names("MUST-36", "MUST-3") && !names("AMUST-3", "MUST-3"));
        let is_named_for = rows::is_named_for;
        assert!(is_named_for("a_quench_is_dropped_must_55", "MUST-55"));
        assert!(is_named_for("must_56_shld_25_hold", "SHLD-25"));
        assert!(!is_named_for("it_is_must_55", "MUST-5") && !is_named_for("amust_5", "MUST-5"));
    }

    #[test]
    fn definitions_are_told_from_uses() {
        let source = "// fn gone() {}\nuse a::used;\npub(super) const fn made<T>() { used(); }\n\
                      \x20   Variant(u8),\n    Plain,\n    Fields {\n    pub field: u32,\n    own: u8,\n\
                      pub const LIMIT: u32 = call(1);\n";
        for item in ["made", "Variant", "Plain", "Fields", "field", "own", "LIMIT"] {
            assert!(places::defines(source, item), "{item}");
        }
        for item in ["gone", "used", "mad", "call", "u32", "Plai"] {
            assert!(!places::defines(source, item), "{item}");
        }
    }

    #[test]
    fn a_test_is_its_comment_its_attributes_and_its_body() {
        let source = "// before\n\nmod tests {\n    // MUST-1\n    #[tokio::test]\n    async fn a() {\n\
                      \x20       // MUST-2\n    }\n\n    // MUST-3\n    #[test]\n    fn b() {}\n\n    // MUST-4\n    #[test]\n    fn d() {\n    }\n}\n";
        let a = places::test(source, "a").expect("it is there");
        assert!(names(&a, "MUST-1") && names(&a, "MUST-2") && !names(&a, "MUST-3"), "{a}");
        let b = places::test(source, "b").expect("it is there");
        assert!(names(&b, "MUST-3") && !names(&b, "MUST-4"), "{b}");
        assert_eq!(places::test(source, "c"), None);
    }
}
