//! The lessons: each shows what it says. Its ladder and its words are kept in `tests/lessons`; what a text says of
//! times and counts is looked up in the events; its script passes.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use std::{env, fs};

use glasstack::drill::plan::Choices;
use glasstack::drill::report::text;
use glasstack::drill::suite::{self, Verdict};
use glasstack::lesson::{Language, Lesson, Sheet, names, plots, script};
use glasstack::tcp::State;
use glasstack::time::Instant;
use glasstack::trace::{Event, Retransmission, What};
use glasstack::view::Style;
use glasstack::wire::Flags;
use unicode_width::UnicodeWidthStr;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn lesson(name: &str) -> Lesson {
    Lesson::play(name).unwrap_or_else(|| panic!("there is no lesson {name}"))
}

/// All lessons, by name: none goes missing unnoticed.
const ALL: [&str; 25] = [
    "three-way-handshake",
    "four-way-close",
    "three-packet-close",
    "active-close",
    "time-wait-2msl",
    "old-duplicate-syn",
    "simultaneous-open",
    "simultaneous-close",
    "half-close",
    "close-wait-leak",
    "reset-vs-fin",
    "connection-refused",
    "syn-lost",
    "syn-ack-lost",
    "data-lost",
    "fast-retransmit",
    "reordering",
    "zero-window",
    "nagle-and-delayed-ack",
    "slow-start",
    "keep-alive",
    "syn-flood-and-cookies",
    "half-open-after-a-crash",
    "http-one-connection-per-request",
    "http-keep-alive",
];

#[test]
fn all_lessons_are_there() {
    let there: BTreeSet<_> = names().collect();
    assert_eq!(there, BTreeSet::from(ALL));
    assert_eq!(names().count(), ALL.len(), "no name is there twice");
}

#[test]
fn each_lesson_is_as_it_was_when_somebody_read_it() {
    let bless = env::var_os("GLASS_BLESS").is_some();
    let mut different = Vec::new();
    for name in names() {
        let lesson = lesson(name);
        for (language, suffix) in [(Language::En, ""), (Language::Zh, ".zh")] {
            let shown = Sheet::new(&lesson, language, &Style::default()).whole();
            let path = root().join(format!("tests/lessons/{name}{suffix}.txt"));
            if bless {
                fs::write(&path, &shown).expect("tests/lessons is writable");
            }
            if fs::read_to_string(&path).unwrap_or_default() != shown {
                different.push(path.display().to_string());
            }
        }
    }
    assert!(
        different.is_empty(),
        "not what is shown now: {}\nGLASS_BLESS=1 cargo test --test lessons writes them anew; read them \
         before you commit them",
        different.join(" ")
    );
    let kept = fs::read_dir(root().join("tests/lessons")).expect("the folder").count();
    assert_eq!(kept, 2 * names().count(), "a file in tests/lessons is of no lesson");
}

#[test]
fn every_remark_is_about_a_row_of_its_own_and_they_come_in_order() {
    for name in names() {
        let lesson = lesson(name);
        let remarks = lesson.text(Language::En).remarks.len();
        assert_eq!(
            lesson.places.len(),
            remarks,
            "{name}: a remark is about a row that is not there"
        );
        let in_order = lesson.places.windows(2).all(|pair| pair[0] < pair[1]);
        assert!(in_order, "{name}: {:?}", lesson.places);
        let shown = Sheet::new(&lesson, Language::En, &Style::default()).whole();
        for number in 1..=remarks {
            let marks = shown.lines().filter(|line| line.starts_with(&format!("[{number}] ")));
            assert_eq!(marks.count(), 2, "{name}: [{number}] at a row and at a remark");
        }
    }
}

#[test]
fn lines_are_no_wider_than_the_terminal() {
    for name in names() {
        let lesson = lesson(name);
        for language in Language::ALL {
            for (width, utf8) in [(64, true), (80, false), (100, true), (160, true)] {
                let style = Style { width, utf8, ..Style::default() };
                let shown = Sheet::new(&lesson, language, &style).whole();
                for line in shown.lines() {
                    assert!(line.width() <= width, "{name}, {width} columns: {line}");
                    let ladder = utf8 || language == Language::Zh;
                    assert!(ladder || line.is_ascii(), "{name} in ASCII: {line}");
                }
            }
        }
    }
}

#[test]
fn step_by_step_nothing_is_left_out() {
    for name in names() {
        let lesson = lesson(name);
        let sheet = Sheet::new(&lesson, Language::En, &Style::default());
        let rows: Vec<String> = lesson
            .ladders(&Style { width: 96, ..Style::default() })
            .into_iter()
            .flat_map(|l| l.rows)
            .collect();
        assert_eq!(sheet.steps(), rows.len() + 2, "{name}");
        assert_eq!(sheet.upto(sheet.steps()), sheet.whole(), "{name}");
        for (index, row) in rows.iter().enumerate() {
            let line = row.lines().next().expect("a row has a line").trim();
            let count = |steps| sheet.upto(steps).matches(line).count();
            assert_eq!(count(index + 1), count(index) + 1, "{name}, step {}: {line}", index + 1);
            let answer = &lesson.text(Language::En).answer.trim()[..30];
            assert!(!sheet.upto(index).contains(answer), "{name}: the answer comes last");
        }
    }
}

#[test]
fn remarks_appear_with_their_row() {
    let lesson = lesson("three-way-handshake");
    let sheet = Sheet::new(&lesson, Language::En, &Style::default());
    assert!(sheet.upto(0).ends_with("LISTEN\n"), "nothing has happened: {}", sheet.upto(0));
    assert!(sheet.upto(2).contains("\n[2] One segment says two things."));
    assert!(!sheet.upto(2).contains("\n[1] The client"), "only of the last row");
}

#[test]
fn the_scripts_and_sections_that_lessons_name_are_there() {
    for plot in plots() {
        assert!(!plot.readings.is_empty() && !plot.drills.is_empty(), "{}", plot.name);
        for path in plot.drills {
            assert!(root().join(path).is_file(), "{}: {path}", plot.name);
        }
    }
}

#[test]
fn the_script_of_a_lesson_passes() {
    let (mut passed, mut failed) = (0, String::new());
    for name in names() {
        let Some(written) = script::script(&lesson(name)) else { continue };
        let outcome = suite::run_text(&written, &Choices::default());
        let verdict = Verdict { path: name.into(), outcome };
        if verdict.has_passed() {
            passed += 1;
        } else {
            let told = text(&verdict, true, &Style::default());
            failed.extend([name, ":\n", &written, "\n", &told, "\n"]);
        }
    }
    assert!(failed.is_empty(), "{failed}");
    assert!(passed >= 15, "most lessons are scripts, not {passed}");
}

/// What the events of one end say.
struct End<'a>(&'a [Event]);

const CLIENT: usize = 0;
const SERVER: usize = 1;

fn end(lesson: &Lesson, end: usize) -> End<'_> {
    End(&lesson.performance.logs[end])
}

impl End<'_> {
    /// When segments left that `is_it` is true of.
    fn sent(&self, is_it: impl Fn(Flags, u32, Option<Retransmission>) -> bool) -> Vec<Duration> {
        let sent = self.0.iter().filter(|event| match &event.what {
            What::Sent { seg, retransmission, .. } => is_it(seg.flags, seg.len, *retransmission),
            _ => false,
        });
        sent.map(|event| event.at.since(Instant::ZERO)).collect()
    }

    /// When a state was entered.
    fn entered(&self, state: State) -> Vec<Duration> {
        let entered = self.0.iter().filter(|event| match event.what {
            What::State { to, .. } => to == state,
            _ => false,
        });
        entered.map(|event| event.at.since(Instant::ZERO)).collect()
    }
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn is_syn(flags: Flags, _: u32, _: Option<Retransmission>) -> bool {
    flags == Flags::SYN
}

#[test]
fn syns_go_after_one_and_three_seconds() {
    let syn_lost = lesson("syn-lost");
    assert_eq!(end(&syn_lost, CLIENT).sent(is_syn), [ms(0), ms(1000), ms(3000)]);
    let answer_lost = lesson("syn-ack-lost");
    let answers = |flags: Flags, _, _| flags == Flags::SYN | Flags::ACK;
    assert_eq!(end(&answer_lost, SERVER).sent(answers), [ms(10), ms(1010)]);
    assert_eq!(end(&answer_lost, SERVER).entered(State::Established), [ms(1030)]);
}

#[test]
fn a_refusal_takes_a_round_trip() {
    assert_eq!(end(&lesson("connection-refused"), CLIENT).entered(State::Closed), [ms(20)]);
}

#[test]
fn time_wait_lasts_four_minutes_from_the_last_fin() {
    for (name, who, closed) in [
        ("four-way-close", CLIENT, 240_570),
        ("active-close", SERVER, 240_110),
        // It began at 60 ms, and anew with the second FIN.
        ("time-wait-2msl", CLIENT, 241_070),
        ("simultaneous-close", CLIENT, 240_150),
    ] {
        let lesson = lesson(name);
        assert_eq!(end(&lesson, who).entered(State::Closed), [ms(closed)], "{name}");
    }
    let both = lesson("simultaneous-close");
    assert_eq!(end(&both, SERVER).entered(State::TimeWait).len(), 1, "both wait");
}

#[test]
fn the_leak_lasts() {
    let leak = lesson("close-wait-leak");
    assert_eq!(end(&leak, CLIENT).entered(State::Closed).len(), 1);
    let server = end(&leak, SERVER);
    assert_eq!(server.entered(State::CloseWait).len(), 1);
    assert!(server.entered(State::LastAck).is_empty() && server.entered(State::Closed).is_empty());
}

#[test]
fn a_loss_is_noticed_by_the_timer_or_at_once() {
    let again = |_: Flags, _: u32, why: Option<Retransmission>| why.is_some();
    let slow = lesson("data-lost");
    assert_eq!(end(&slow, CLIENT).sent(again), [ms(1100), ms(3100)]);
    let fast = lesson("fast-retransmit");
    let first = end(&fast, CLIENT).sent(|_, len, why| len > 0 && why.is_none());
    let [repair] = end(&fast, CLIENT).sent(again)[..] else { panic!("one repair") };
    assert_eq!(repair.saturating_sub(first[1]).as_millis(), 27, "27 ms after it was sent");
    assert!(end(&lesson("reordering"), CLIENT).sent(again).is_empty(), "nothing was lost");
}

#[test]
fn nagle_costs_220_ms() {
    let nagle = lesson("nagle-and-delayed-ack");
    let answers = end(&nagle, SERVER).sent(|_, len, _| len == 500);
    let calls = end(&nagle, CLIENT).sent(is_syn);
    let took = |nth: usize| answers[nth].saturating_sub(calls[nth]).as_millis();
    assert_eq!((took(0), took(1)), (250, 31));
}

#[test]
fn the_window_doubles() {
    let sent = end(&lesson("slow-start"), SERVER).sent(|_, len, _| len > 0);
    let at = |millis| sent.iter().filter(|at| **at == ms(millis)).count();
    assert_eq!([at(30), at(50), at(70)], [2, 4, 8]);
}

#[test]
fn questions_come_after_two_hours_and_every_75_seconds() {
    let lesson = lesson("keep-alive");
    let asked: Vec<u64> = end(&lesson, CLIENT)
        .sent(|flags, _, _| flags == Flags::ACK)
        .iter()
        .map(Duration::as_secs)
        .collect();
    assert_eq!(
        asked,
        [0, 7200, 14_400, 14_475, 14_550, 14_625],
        "the handshake's, and five questions"
    );
}

#[test]
fn three_cookies_are_sent_and_one_comes_back() {
    let flood = lesson("syn-flood-and-cookies");
    assert_eq!(flood.performance.cookies, [3, 1]);
}

#[test]
fn keeping_the_connection_saves_four_segments() {
    let segments = |name: &str| {
        let lesson = lesson(name);
        [CLIENT, SERVER]
            .map(|who| end(&lesson, who).sent(|_, _, _| true).len())
            .iter()
            .sum::<usize>()
    };
    assert_eq!(segments("http-one-connection-per-request"), 2 * 7);
    assert_eq!(segments("http-keep-alive"), 10);
}
