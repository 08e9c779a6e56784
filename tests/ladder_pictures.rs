//! Ladders as pictures and pages: what is in them, that they are well-formed, that words keep to their places. The
//! pictures in `ladders/` and `docs/ladder.svg` are what the code draws; after a change that is meant:
//! `GLASS_BLESS=1 cargo test --test ladder_pictures`, and look at them.

#[path = "ladders/boxes.rs"]
mod boxes;
#[path = "ladders/stage.rs"]
mod stage;

use std::path::Path;
use std::{env, fs};

use boxes::Picture;
use glasstack::sim::Plan;
use glasstack::view::{Ladder, PictureStyle};
use roxmltree::Document;
use stage::{Stage, request, response};

const NAMES: [&str; 2] = ["client", "server"];

impl Stage {
    fn svg(mut self) -> String {
        let [client, server] = self.run();
        server.svg_with(&client, NAMES, &PictureStyle::default())
    }

    fn page(mut self, title: &str) -> String {
        let [client, server] = self.run();
        server.page_with(&client, NAMES, title, &PictureStyle::default())
    }
}

fn handshake_and_close() -> Stage {
    Stage::new().listen(response()).connect(request())
}

fn lost_fin() -> Stage {
    Stage::new().with_faults("tx FIN#1 drop").listen(response()).connect(request())
}

/// All stories that are drawn in tests.
fn stories() -> Vec<(&'static str, Stage)> {
    let late = "rx data#1 delay 300ms";
    let refused = Stage::new().connect(request());
    let unheard = Stage::new().with_faults("rx SYN drop").listen(response()).connect(request());
    let long = Plan { octets: 2_000_000, ..response() };
    let wanted = Plan { expected: 2_000_000, ..request() };
    vec![
        ("handshake-and-close", handshake_and_close()),
        ("simultaneous-open", Stage::new().call_each_other()),
        ("lost-fin", lost_fin()),
        ("late", Stage::new().with_faults(late).listen(response()).connect(request())),
        ("refused", refused),
        ("unheard", unheard),
        ("long", Stage::new().listen(long.clone()).connect(wanted.clone())),
        ("lossy", Stage::new().with_faults("tx 3% drop").listen(long).connect(wanted)),
        ("two", handshake_and_close().connect(request())),
    ]
}

/// Holds `drawn` to the file of this name, or writes it there.
fn is_kept(drawn: &str, name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if env::var_os("GLASS_BLESS").is_some() {
        fs::write(&path, drawn).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == drawn,
        "{name} is not what the code draws; draw it again with\n    \
         GLASS_BLESS=1 cargo test --test ladder_pictures\nand look at it before you commit it"
    );
}

#[test]
fn three_stories_look_as_they_did() {
    for (name, stage) in stories().into_iter().take(3) {
        is_kept(&stage.svg(), &format!("tests/ladders/{name}.svg"));
    }
}

#[test]
fn the_picture_in_docs_is_the_one_the_code_draws() {
    is_kept(&lost_fin().svg(), "docs/ladder.svg");
}

#[test]
fn words_keep_to_their_places() {
    for (name, stage) in stories() {
        let svg = stage.svg();
        let picture = Picture::read(&svg);
        picture.is_inside(name);
        picture.words_are_apart(name);
    }
}

#[test]
fn what_crosses_on_the_way_crosses_in_the_picture() {
    let crossings = |stage: Stage| Picture::read(&stage.svg()).crossings();
    assert!(crossings(Stage::new().call_each_other()) >= 2);
    assert_eq!(crossings(handshake_and_close()), 0);
}

#[test]
fn a_picture_says_what_the_ladder_says() {
    let svg = lost_fin().svg();
    for words in [
        "FIN,ACK  seq 501  ack 102",
        "dropped by 'tx FIN#1 drop'",
        "mss 1460, sackOK, ts, ws 5",
        "§3.10.7.4 eighth",
        "LAST_ACK",
        "TIME_WAIT",
        "loss probe",
        "5 segments in, 4 out, 1 retransmitted",
    ] {
        let words = words.replace('\'', "'");
        assert!(svg.contains(&words), "{words} is missing");
    }
    let document = Document::parse(&svg).expect("XML");
    let with = |class: &str| {
        let has = |node: &roxmltree::Node<'_, '_>| {
            node.attribute("class").is_some_and(|all| all.split(' ').any(|one| one == class))
        };
        document.descendants().filter(has).count()
    };
    assert!(with("cross") >= 2 && with("again") >= 2, "a loss is crossed, a repetition dashed");
    assert_eq!(with("reckoned"), 0, "both ends have told");
    let root = document.root_element();
    for name in ["title", "desc"] {
        assert!(root.children().any(|node| node.has_tag_name(name) && node.text().is_some()));
    }
}

#[test]
fn sections_can_be_left_out() {
    let mut stage = handshake_and_close();
    let [client, server] = stage.run();
    let without = server.svg_with(
        &client,
        NAMES,
        &PictureStyle { sections: false, ..PictureStyle::default() },
    );
    assert!(!without.contains("class=\"section\""));
    let with = server.svg_with(&client, NAMES, &PictureStyle::default());
    assert!(with.matches("class=\"section\"").count() >= 9);
}

#[test]
fn the_peer_of_one_end_is_a_line_without_states() {
    let mut stage = handshake_and_close();
    let [_client, server] = stage.run();
    let id = server.ids().next().expect("a connection");
    let svg = server.svg(id, &PictureStyle::default()).expect("its ladder");
    let document = Document::parse(&svg).expect("XML");
    let bare = document.descendants().filter(|node| node.attribute("class") == Some("bare"));
    assert_eq!(bare.count(), 1);
    assert!(server.svg(glasstack::trace::ConnId(99), &PictureStyle::default()).is_none());
}

#[test]
fn nothing_to_show_is_a_picture_too() {
    let style = PictureStyle::default();
    let svg = Ladder::new().svg_all(&style);
    assert!(Document::parse(&svg).is_ok() && svg.contains("No connection was seen"), "{svg}");
    assert!(Ladder::new().page("nothing", &style).contains("No connection was seen"));
}

#[test]
fn names_and_titles_stay_words() {
    let mut stage = handshake_and_close();
    let [client, server] = stage.run();
    let (names, style) = (["<b>&\u{1b}", "\"a'"], PictureStyle::default());
    let svg = server.svg_with(&client, names, &style);
    let document = Document::parse(&svg).expect("XML, whatever the names are");
    assert!(document.descendants().any(|node| node.text() == Some("<b>&\u{fffd}")));
    let page = server.page_with(&client, names, "</title><script>alert(1)</script>", &style);
    assert!(!page.contains("<script>alert"), "a title is a title");
    assert!(!page.contains("<b>"), "a name is a name");
}

#[test]
fn a_page_needs_nothing_else_and_tells_every_field() {
    let page = lost_fin().page("A lost FIN");
    for outside in ["src=", "url(", "@import", "<link", "https://"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert_eq!(page.replace("http://www.w3.org/2000/svg", "").matches("http://").count(), 0);
    for words in [
        "A lost FIN",
        "FIN-WAIT-2",
        "最后确认",
        "LAST-ACK",
        "state of client",
        "dropped by &#39;tx FIN#1 drop&#39;",
        "1048576 (field 32768)",
    ] {
        let plain = words.replace("&#39;", "'");
        assert!(page.contains(words) || page.contains(&plain), "{words} is missing");
    }
    // Every row that can have the focus has its line in the table.
    let rows: Vec<_> = page.split("data-row=\"").skip(1).collect();
    assert!(rows.len() >= 8);
    for row in rows {
        let (id, _) = row.split_once('"').expect("its end");
        assert!(page.contains(&format!("<tr id=\"{id}\">")), "{id}");
    }
}
