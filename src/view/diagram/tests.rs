//! The picture holds the whole table, and nothing in it stands on anything else. These tests read the
//! picture back; only where the lines run is taken from the code that draws.

use super::*;

/// How many hundredths of its size a letter is wide, on average and generously: sans-serif fonts
/// differ, and the picture must hold with each of them.
const BREADTH: i32 = 60;

/// A piece of the picture: left, top, right, bottom.
#[derive(Clone, Copy, Debug)]
struct Area(i32, i32, i32, i32);

impl Area {
    fn grown(self, by: i32) -> Self {
        Area(self.0 - by, self.1 - by, self.2 + by, self.3 + by)
    }

    fn meets(self, other: Self) -> bool {
        self.0 < other.2 && other.0 < self.2 && self.1 < other.3 && other.1 < self.3
    }

    fn holds(self, other: Self) -> bool {
        self.0 <= other.0 && self.1 <= other.1 && other.2 <= self.2 && other.3 <= self.3
    }
}

/// Every `<text>` in a piece of the picture: where it is, and what it says.
fn texts(svg: &str) -> Vec<(Area, String)> {
    svg.lines().filter_map(|line| line.strip_prefix("<text ")).map(read_text).collect()
}

fn read_text(line: &str) -> (Area, String) {
    let (attributes, content) = line.split_once('>').expect("the tag ends");
    let content = content.strip_suffix("</text>").expect("one text in a line");
    let size = number(attributes, "font-size");
    let (mut words, mut width) = (content.to_owned(), breadth(content, size));
    if let Some((first, section)) = content.split_once("<tspan ") {
        let (attributes, section) = section.split_once('>').expect("the tag ends");
        let section = section.strip_suffix("</tspan>").expect("the section ends");
        words = format!("{first} {section}");
        let gap = number(attributes, "dx");
        width = breadth(first, size) + gap + breadth(section, number(attributes, "font-size"));
    }
    let (x, y) = (number(attributes, "x"), number(attributes, "y"));
    let left = match attribute(attributes, "text-anchor") {
        "start" => x,
        "middle" => x - width / 2,
        "end" => x - width,
        other => panic!("no such anchor: {other}"),
    };
    (Area(left, y - size * 3 / 4, left + width, y + size / 4), words)
}

fn breadth(words: &str, size: i32) -> i32 {
    i32::try_from(words.chars().count()).expect("a line") * size * BREADTH / 100
}

fn attribute<'a>(attributes: &'a str, name: &str) -> &'a str {
    let start = format!("{name}=\"");
    let at = if attributes.starts_with(&start) {
        0
    } else {
        attributes.find(&format!(" {start}")).expect(name) + 1
    };
    attributes[at + start.len()..].split('"').next().expect("a quote")
}

fn number(attributes: &str, name: &str) -> i32 {
    attribute(attributes, name).parse().expect("a number")
}

/// What is in the group of this id.
fn group<'a>(svg: &'a str, id: &str) -> Option<&'a str> {
    let (_, group) = svg.split_once(&format!("<g id=\"{id}\">"))?;
    group.split("</g>").next()
}

fn box_of(state: State) -> Area {
    let (x, y) = place(state);
    Area(x, y, x + BOX_WIDTH, y + height(state))
}

/// The straight pieces of a line, with their breadth.
fn pieces(route: &Route) -> Vec<Area> {
    let piece = |ends: &[(i32, i32)]| {
        let ((a, b), (c, d)) = (ends[0], ends[1]);
        assert!(a == c || b == d, "{} to {} runs aslant", route.from, route.to);
        Area(a.min(c), b.min(d), a.max(c), b.max(d)).grown(2)
    };
    points(route).windows(2).map(piece).collect()
}

/// Whether the line between the two states says so.
fn is_on_a_line(svg: &str, from: State, to: State, words: &str, section: &str) -> bool {
    let Some(group) = group(svg, &format!("{from}-to-{to}")) else { return false };
    let said: Vec<_> = texts(group).into_iter().map(|(_, words)| words).collect();
    let below = [words.to_owned(), section.to_owned()];
    said.contains(&format!("{words} {section}")) || said.windows(2).any(|pair| *pair == below)
}

/// Whether the box lists the exit, and the legend its section.
fn is_listed_in_the_box(svg: &str, from: State, to: State, words: &str, section: &str) -> bool {
    let card = group(svg, &from.to_string()).expect("a box for every state");
    let said = texts(card).into_iter().map(|(_, words)| words).collect::<Vec<_>>().join(" ");
    let exits = said.split("→ ").find_map(|exits| exits.strip_prefix(&format!("{to}: ")));
    let keys = [format!("{words} {section}"), format!("{words} in {from} {section}")];
    exits.is_some_and(|exits| exits.trim().split(", ").any(|exit| exit == words))
        && texts(svg).iter().any(|(_, text)| keys.contains(text))
}

#[test]
fn every_arrow_of_the_table_is_in_the_picture() {
    let svg = states_svg(None);
    for (from, to, cause) in ARROWS {
        let (words, section) = (cause.words(), cause.section_from(*from));
        assert!(
            is_on_a_line(&svg, *from, *to, words, section)
                || is_listed_in_the_box(&svg, *from, *to, words, section),
            "{from} to {to} by {words} ({section}) is not in the picture"
        );
    }
}

#[test]
fn the_picture_shows_no_arrow_that_the_table_lacks() {
    let svg = states_svg(None);
    for from in State::ALL {
        for to in State::ALL {
            for (_, _, cause) in ARROWS {
                let (words, section) = (cause.words(), cause.section_from(from));
                let shown = is_on_a_line(&svg, from, to, words, section)
                    || is_listed_in_the_box(&svg, from, to, words, section);
                assert_eq!(shown, ARROWS.contains(&(from, to, *cause)), "{from} to {to}: {words}");
            }
        }
    }
}

#[test]
fn every_line_has_a_cause() {
    for Route { from, to, .. } in ROUTES {
        assert!(!drawn(*from, *to).is_empty(), "no arrow for the line from {from} to {to}");
    }
}

#[test]
fn boxes_have_names_and_hold_what_is_written_in_them() {
    let svg = states_svg(None);
    for state in State::ALL {
        let texts = texts(group(&svg, &state.to_string()).expect("a box for every state"));
        assert!(texts.iter().any(|(_, words)| words == names::course(state)));
        assert!(texts.iter().any(|(_, words)| words == names::rfc(state)));
        for (area, words) in texts {
            assert!(box_of(state).holds(area), "{words:?} leaves the box of {state}");
        }
    }
}

#[test]
fn nothing_stands_on_anything_else() {
    for lit in [None, Some(State::Established)] {
        let texts = texts(&states_svg(lit));
        for (nth, (area, words)) in texts.iter().enumerate() {
            assert!(Area(0, 0, WIDTH, HEIGHT).holds(*area), "{words:?} leaves the page");
            for (other, others) in &texts[nth + 1..] {
                assert!(!area.meets(*other), "{words:?} stands on {others:?}");
            }
            for state in State::ALL {
                let clear = box_of(state).holds(*area) || !box_of(state).meets(*area);
                assert!(clear, "{words:?} stands on the edge of {state}");
            }
        }
    }
}

#[test]
fn lines_keep_clear_of_boxes_labels_and_each_other() {
    let texts = texts(&states_svg(None));
    for (nth, route) in ROUTES.iter().enumerate() {
        let who = format!("the line from {} to {}", route.from, route.to);
        for piece in pieces(route) {
            for state in State::ALL {
                assert!(!piece.meets(box_of(state).grown(-3)), "{who} runs through {state}");
            }
            for (area, words) in &texts {
                assert!(!piece.meets(*area), "{who} runs through {words:?}");
            }
            for other in ROUTES[nth + 1..].iter().flat_map(pieces) {
                assert!(!piece.meets(other.grown(4)), "{who} touches another at {other:?}");
            }
        }
    }
}

#[test]
fn boxes_keep_clear_of_each_other() {
    for (nth, state) in State::ALL.iter().enumerate() {
        for other in &State::ALL[nth + 1..] {
            assert!(!box_of(*state).grown(10).meets(box_of(*other)), "{state} touches {other}");
        }
    }
}

#[test]
fn marks_of_xml_are_escaped() {
    assert_eq!(escaped("a<b>&\"c\""), "a&lt;b&gt;&amp;\"c\"");
}
