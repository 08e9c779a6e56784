//! A picture as rectangles: where its words are, about, and what its lines do.

use roxmltree::{Document, Node};

/// One text, and the room that it takes.
struct Words {
    text: String,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

pub struct Picture {
    width: f64,
    height: f64,
    words: Vec<Words>,
    /// Arrows: from and to.
    shafts: Vec<[(f64, f64); 2]>,
}

impl Picture {
    pub fn read(svg: &str) -> Picture {
        let document = Document::parse(svg).expect("XML");
        let root = document.root_element();
        let view_box = root.attribute("viewBox").expect("a box");
        let sides: Vec<f64> =
            view_box.split(' ').map(|side| side.parse().expect("a side")).collect();
        let texts = document.descendants().filter(|node| node.has_tag_name("text"));
        let lines = document.descendants().filter(|node| {
            node.has_tag_name("line") && node.attribute("class").is_some_and(is_shaft)
        });
        Picture {
            width: sides[2],
            height: sides[3],
            words: texts.map(words).collect(),
            shafts: lines
                .map(|line| {
                    [("x1", "y1"), ("x2", "y2")].map(|(x, y)| (number(line, x), number(line, y)))
                })
                .collect(),
        }
    }

    #[track_caller]
    pub fn is_inside(&self, name: &str) {
        assert!(!self.words.is_empty());
        for words in &self.words {
            let fits = words.left >= 0.0
                && words.right <= self.width
                && words.top >= 0.0
                && words.bottom <= self.height;
            assert!(fits, "{name}: '{}' is not inside", words.text);
        }
    }

    #[track_caller]
    pub fn words_are_apart(&self, name: &str) {
        for (index, one) in self.words.iter().enumerate() {
            for other in &self.words[index + 1..] {
                let meet = one.left < other.right
                    && other.left < one.right
                    && one.top < other.bottom
                    && other.top < one.bottom;
                assert!(!meet, "{name}: '{}' and '{}' overlap", one.text, other.text);
            }
        }
    }

    /// How many pairs of arrows cross.
    pub fn crossings(&self) -> usize {
        let pairs = self.shafts.iter().enumerate().flat_map(|(index, one)| {
            self.shafts[index + 1..].iter().map(move |other| (*one, *other))
        });
        pairs.filter(|(one, other)| cross(*one, *other)).count()
    }
}

fn is_shaft(class: &str) -> bool {
    class.split(' ').any(|one| one == "shaft")
}

fn number(node: Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).and_then(|value| value.parse().ok()).unwrap_or_default()
}

/// Letters are as wide as the fonts that the picture asks for have them.
fn words(node: Node<'_, '_>) -> Words {
    let class = node.attribute("class").unwrap_or_default();
    let (letter, size) = match class {
        "title" => (9.6, 16.0),
        "end" => (7.4, 12.0),
        "section" => (5.72, 9.5),
        _ => (6.62, 11.0),
    };
    let pieces = node.descendants().filter(Node::is_text).filter_map(|node| node.text());
    let pieces: Vec<&str> = pieces.collect();
    let text = pieces.join(" ");
    let letters: usize = pieces.iter().map(|piece| piece.chars().count()).sum();
    #[expect(clippy::cast_precision_loss, reason = "a few letters")]
    let width = letters as f64 * letter + 10.0 * (pieces.len().max(1) - 1) as f64;
    let (mut x, mut y) = (number(node, "x"), number(node, "y"));
    for group in node.ancestors().filter_map(|node| node.attribute("transform")) {
        let inner = group.trim_start_matches("translate(").trim_end_matches(')');
        let (dx, dy) = inner.split_once(' ').expect("two numbers");
        x += dx.parse::<f64>().expect("a number");
        y += dy.parse::<f64>().expect("a number");
    }
    let left = match node.attribute("text-anchor") {
        Some("middle") => x - width / 2.0,
        Some("end") => x - width,
        _ => x,
    };
    Words { text, left, right: left + width, top: y - 0.78 * size, bottom: y + 0.2 * size }
}

fn cross(one: [(f64, f64); 2], other: [(f64, f64); 2]) -> bool {
    let side = |line: [(f64, f64); 2], point: (f64, f64)| {
        (line[1].0 - line[0].0) * (point.1 - line[0].1)
            - (line[1].1 - line[0].1) * (point.0 - line[0].0)
    };
    let parts = |line, ends: [(f64, f64); 2]| side(line, ends[0]) * side(line, ends[1]) < 0.0;
    parts(one, other) && parts(other, one)
}
