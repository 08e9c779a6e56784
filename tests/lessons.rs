//! The lessons: each shows what it says. Its ladder and its words are kept in `tests/lessons`; what a text says of
//! times and counts is looked up in the events; its script passes.

#[path = "ladders/boxes.rs"]
mod boxes;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use std::{env, fs};

use boxes::Picture;
use glasstack::drill::plan::Choices;
use glasstack::drill::report::text;
use glasstack::drill::suite::{self, Verdict};
use glasstack::lesson::course::File;
use glasstack::lesson::{End, Language, Lesson, Sheet, View, course, names, plots, script};
use glasstack::tcp::State;
use glasstack::tcp::names as spelt;
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

/// Plays a script.
fn drilled(name: &str, view: View, written: &str) -> Verdict {
    let outcome = suite::run_text(written, &Choices::default());
    Verdict { path: format!("{name}, {view}").into(), outcome }
}

#[test]
fn each_script_of_a_lesson_passes() {
    let mut failed = String::new();
    for name in names() {
        let lesson = lesson(name);
        let scripts = script::scripts(&lesson);
        assert_eq!(scripts.len(), lesson.plot.scripts.len(), "{name}: there is no such connection");
        for (view, written) in scripts {
            let verdict = drilled(name, view, &written);
            if !verdict.has_passed() {
                failed.extend([&written, "\n", &text(&verdict, true, &Style::default()), "\n"]);
            }
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

/// Those that would pass, and tell nothing of what the lesson is about.
const BESIDE_THE_POINT: [(&str, End, usize); 4] = [
    // What it does before it crashes.
    ("half-open-after-a-crash", End::Right, 1),
    // Strangers who are answered and forgotten.
    ("syn-flood-and-cookies", End::Right, 1),
    ("syn-flood-and-cookies", End::Right, 2),
    ("syn-flood-and-cookies", End::Right, 3),
];

/// Where an answer rides on an ACK that a script would have to go alone, or a setting of the stack that no socket
/// has makes the difference, a view is no script; all others are told.
#[test]
fn what_is_not_told_as_a_script_is_none() {
    for name in names() {
        let lesson = lesson(name);
        for (end, connection) in
            [End::Left, End::Right].into_iter().flat_map(|end| (1..4).map(move |nth| (end, nth)))
        {
            let view = View { end, connection, options: &[] };
            let told = lesson.plot.scripts.iter();
            let mut told = told.map(|view| (view.end, view.connection));
            let is_told = told.any(|known| known == (end, connection))
                || BESIDE_THE_POINT.contains(&(name, end, connection));
            let Some(written) = script::script(&lesson, view).filter(|_| !is_told) else {
                continue;
            };
            assert!(!drilled(name, view, &written).has_passed(), "{name}: {view} is a script");
        }
    }
}

#[test]
fn the_course_in_docs_is_what_the_program_makes() {
    let bless = env::var_os("GLASS_BLESS").is_some();
    let mut different = Vec::new();
    let files = course::docs();
    for file in &files {
        let path = root().join("docs").join(&file.path);
        if bless {
            fs::create_dir_all(path.parent().expect("a folder")).expect("docs is writable");
            fs::write(&path, &file.text).expect("docs is writable");
        }
        if fs::read_to_string(&path).unwrap_or_default() != file.text {
            different.push(file.path.as_str());
        }
    }
    assert!(
        different.is_empty(),
        "not what the program makes: {}\nGLASS_BLESS=1 cargo test --test lessons writes them anew; look at \
         them before you commit them",
        different.join(" ")
    );
    for folder in ["course", "course/zh"] {
        for entry in fs::read_dir(root().join("docs").join(folder)).expect("the folder") {
            let name = entry.expect("a file").file_name().into_string().expect("a name");
            let known = files.iter().any(|file| file.path == format!("{folder}/{name}"));
            assert!(known || name == "zh", "docs/{folder}/{name} is of no lesson");
        }
    }
}

fn is_page(file: &File) -> bool {
    Path::new(&file.path).extension().is_some_and(|kind| kind == "md")
}

/// Each link of a page, without the words.
fn links(page: &str) -> Vec<&str> {
    let mut in_code = false;
    let lines = page.lines().filter(|line| {
        in_code ^= line.starts_with("```");
        !in_code
    });
    let ends = lines.flat_map(|line| line.split("](").skip(1));
    ends.filter_map(|rest| rest.split_once(')')).map(|(to, _)| to).collect()
}

/// Where a link leads that stands in the file `from`: a file, and a place in it.
fn target(from: &str, link: &str) -> (String, Option<String>) {
    let (file, place) =
        link.split_once('#').map_or((link, None), |(file, place)| (file, Some(place)));
    let mut folders: Vec<_> = from.split('/').collect();
    if !file.is_empty() {
        folders.pop();
    }
    for part in file.split('/').filter(|part| !part.is_empty()) {
        match part {
            ".." if folders.last().is_some_and(|last| *last != "..") => {
                folders.pop();
            }
            part => folders.push(part),
        }
    }
    (folders.join("/"), place.map(str::to_owned))
}

#[test]
fn every_link_of_the_course_leads_somewhere() {
    let alone = course::files(&[Language::Zh]);
    let both = course::files(&Language::ALL);
    let docs = course::docs();
    for (files, base) in [(alone, None), (both, None), (docs, Some(root().join("docs")))] {
        let find = |path: &str| files.iter().find(|file| file.path == path);
        let mut followed = 0;
        for file in files.iter().filter(|file| is_page(file)) {
            for link in links(&file.text) {
                if let Some(rfc) = link.strip_prefix("https://www.rfc-editor.org/rfc/rfc") {
                    let (number, section) = rfc.split_once(".html#section-").expect("a section");
                    assert!(number.parse::<u16>().is_ok(), "{}: {link}", file.path);
                    let is_section = section.split('.').all(|part| part.parse::<u8>().is_ok());
                    assert!(is_section, "{}: {link}", file.path);
                    continue;
                }
                let (path, place) = target(&file.path, link);
                let beside = base.as_ref().is_some_and(|base| base.join(&path).is_file());
                let known = find(&path);
                assert!(known.is_some() || beside, "{}: {link} leads nowhere", file.path);
                if let (Some(place), Some(known)) = (place, known) {
                    let anchor = format!("<a id=\"{place}\"></a>");
                    assert!(known.text.contains(&anchor), "{}: {link} has no place", file.path);
                }
                followed += 1;
            }
        }
        assert!(followed > 300, "only {followed}");
    }
}

#[test]
fn pages_have_all_that_a_lesson_has_and_lead_from_one_to_the_next() {
    let files = course::docs();
    let page = |path: String| {
        let file = files.iter().find(|file| file.path == path);
        file.unwrap_or_else(|| panic!("there is no {path}")).text.as_str()
    };
    for (language, folder) in [(Language::En, "course"), (Language::Zh, "course/zh")] {
        let index = page(format!("{folder}/README.md"));
        let number = if language == Language::En { "25 lessons" } else { "二十五课" };
        assert!(names().count() == 25 && index.contains(number), "the title says how many");
        let mut before = 0;
        for name in names() {
            let at = index.find(&format!("({name}.md)")).expect("it is in the index");
            assert!(at > before, "{name}: the index has the order of the lessons");
            before = at;
            let text = page(format!("{folder}/{name}.md"));
            let lesson = lesson(name);
            let words = lesson.text(language);
            assert!(text.contains(&format!("# {}\n", words.title)), "{name}");
            for number in 1..=words.remarks.len() {
                assert!(text.contains(&format!("\n{number}. ")), "{name}: remark {number}");
            }
            assert!(text.contains(&format!("{name}.svg)")), "{name}: its picture");
            assert!(text.contains(&format!("glass lesson {name}")), "{name}: its command");
            for (_, script) in script::scripts(&lesson) {
                assert!(text.contains(script.trim()), "{name}: its script");
            }
            for state in lesson.states() {
                assert!(text.contains(spelt::chinese(state)), "{name}: {state}");
            }
        }
        let all: Vec<_> = names().collect();
        for pair in all.windows(2) {
            let (one, other) = (
                page(format!("{folder}/{}.md", pair[0])),
                page(format!("{folder}/{}.md", pair[1])),
            );
            assert!(one.contains(&format!("({}.md) →", pair[1])), "{pair:?}");
            assert!(other.contains(&format!("({}.md) · ", pair[0])), "{pair:?}");
        }
    }
    for glossary in ["glossary.md", "glossary.zh.md"] {
        let glossary = page(glossary.to_owned());
        for state in State::ALL {
            for name in [spelt::course(state), spelt::rfc(state), spelt::ss(state)] {
                assert!(glossary.contains(&format!("`{name}`")), "{name}");
            }
            assert!(glossary.contains(spelt::chinese(state)), "{state}");
        }
    }
}

#[test]
fn what_the_glossary_cites_is_in_the_register() {
    let register = fs::read_to_string(root().join("docs/rfcs.md")).expect("the register");
    for file in course::docs().iter().filter(|file| is_page(file)) {
        for rfc in links(&file.text).iter().filter_map(|link| link.split_once("/rfc/rfc")) {
            let (number, _) = rfc.1.split_once('.').expect("a number");
            let is_known = number == "9293" || register.contains(&format!("| RFC {number} |"));
            assert!(is_known, "{}: RFC {number} has no row in docs/rfcs.md", file.path);
        }
    }
}

#[test]
fn a_lesson_is_drawn_with_the_numbers_of_its_remarks() {
    for name in names() {
        let lesson = lesson(name);
        let svg = lesson.svg();
        let picture = Picture::read(&svg);
        picture.is_inside(name);
        picture.words_are_apart(name);
        let crosses = picture.crossings() > 0;
        let is_at_once = name.starts_with("simultaneous");
        assert!(crosses || !is_at_once, "{name}: what is on its way at once crosses");
        let marks = svg.split("class=\"mark\"").skip(1).map(|rest| {
            let (_, rest) = rest.split_once('>').expect("its words");
            rest.split_once('<').expect("its end").0.parse::<usize>().expect("a number")
        });
        let marks: Vec<_> = marks.collect();
        assert_eq!(marks, (1..=lesson.places.len()).collect::<Vec<_>>(), "{name}");
        // Nothing is left out: the rows of the text are those of the picture.
        let rows: usize = lesson.ladders(&Style::default()).iter().map(|one| one.rows.len()).sum();
        assert_eq!(svg.matches("class=\"row\"").count(), rows, "{name}");
    }
}

/// What the events of one end say.
struct Seen<'a>(&'a [Event]);

const CLIENT: usize = 0;
const SERVER: usize = 1;

fn end(lesson: &Lesson, end: usize) -> Seen<'_> {
    Seen(&lesson.performance.logs[end])
}

impl Seen<'_> {
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
    assert_eq!((took(0), took(1)), (260, 41));
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
