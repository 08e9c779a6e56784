//! Curves over time as an SVG picture: panels below one another that share the time axis.
//!
//! The picture is small (curves are thinned to what can be seen), the same at every call, and legible on
//! light and on dark paper: the colours follow what the reader's system prefers. What the curves mean is not
//! known here.

mod axis;
mod svg;
mod thin;

use self::axis::Axis;
use self::svg::{Anchor, Svg};

/// Curves differ in colour up to this many, then the colours come again.
pub const INKS: usize = 6;

/// The width of the picture, and where its curves are in it.
const WIDTH: i32 = 900;
const LEFT: i32 = 66;
const RIGHT: i32 = WIDTH - 16;
/// The height of a panel's curves, and of what is above them and below.
const PANEL: i32 = 116;
const PANEL_HEAD: i32 = 30;
/// Above the first panel: caption, second line, legend. Below the last: the time axis.
const HEAD: i32 = 78;
const FOOT: i32 = 46;
/// The width of a mark's words.
const MARK: i32 = 90;
/// About so many points may be in a picture, and no curve has fewer than this many pairs of them.
const POINTS: usize = 14_000;
const FEWEST_PAIRS: usize = 60;

/// A picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// Under which conditions.
    pub subtitle: String,
    /// What each colour stands for, in the order of [`Line::ink`].
    pub legend: Vec<String>,
    /// The time at the right edge, in seconds; the left edge is 0.
    pub seconds: f64,
    /// From top to bottom.
    pub panels: Vec<Panel>,
}

/// One panel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Panel {
    /// What is measured, and its unit.
    pub title: String,
    /// The curves.
    pub lines: Vec<Line>,
    /// Values to compare them with.
    pub marks: Vec<Mark>,
}

/// A curve.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// Which colour.
    pub ink: usize,
    /// Dashes, for a second curve of the same colour.
    pub dashed: bool,
    /// Seconds and values, by time. The value axis begins at 0.
    pub points: Vec<(f64, f64)>,
}

/// A value to compare curves with: a level line across a panel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mark {
    /// Where.
    pub value: f64,
    /// What it is.
    pub words: String,
}

impl Chart {
    /// The picture: a whole SVG 1.1 document.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let panels = i32::try_from(self.panels.len()).expect("a few panels");
        let bottom = HEAD + panels * (PANEL + PANEL_HEAD);
        let mut svg = Svg::new(WIDTH, bottom + FOOT, &self.title, &self.description());
        svg.text((LEFT, 24), Anchor::Start, "title", &self.title);
        svg.text((LEFT, 44), Anchor::Start, "soft", &self.subtitle);
        self.legend(&mut svg);
        let time = Axis::new(self.seconds, LEFT, RIGHT, 12);
        let pairs = self.pairs();
        let mut top = HEAD;
        for panel in &self.panels {
            top += PANEL_HEAD;
            panel.draw(&mut svg, &time, top, pairs);
            top += PANEL;
        }
        for (at, label) in time.ticks() {
            svg.text((at, bottom + 18), Anchor::Middle, "soft", &label);
        }
        svg.text((RIGHT, bottom + 36), Anchor::End, "soft", "seconds");
        svg.finish()
    }

    /// Of how many pairs of points a curve may consist.
    fn pairs(&self) -> usize {
        let lines: usize = self.panels.iter().map(|panel| panel.lines.len()).sum();
        let most = usize::try_from((RIGHT - LEFT) / 2).expect("a width");
        (POINTS / 2 / lines.max(1)).clamp(FEWEST_PAIRS, most)
    }

    fn legend(&self, svg: &mut Svg) {
        /// About the width of a letter, for placing one entry beside the other.
        const LETTER: i32 = 7;
        let mut x = LEFT;
        for (ink, words) in self.legend.iter().enumerate() {
            svg.stroke((x, 62), (x + 22, 62), &format!("line c{}", ink % INKS));
            svg.text((x + 28, 66), Anchor::Start, "ink", words);
            x += 28 + 18 + LETTER * i32::try_from(words.chars().count()).expect("a few words");
        }
    }

    /// The picture in words, for whoever cannot see it.
    fn description(&self) -> String {
        let panels: Vec<&str> = self.panels.iter().map(|panel| panel.title.as_str()).collect();
        let over =
            format!("{} Over {} seconds: {}.", self.subtitle, self.seconds, panels.join("; "));
        format!("{over} Curves: {}.", self.legend.join(", "))
    }
}

impl Panel {
    fn draw(&self, svg: &mut Svg, time: &Axis, top: i32, pairs: usize) {
        let bottom = top + PANEL;
        let points = self.lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
        let marks = self.marks.iter().map(|mark| mark.value);
        let highest = points.chain(marks).fold(0.0, f64::max);
        let values = Axis::new(highest, bottom, top, 4);
        svg.text((LEFT, top - 8), Anchor::Start, "ink", &self.title);
        for (at, _) in time.ticks() {
            svg.stroke((at, top), (at, bottom), "grid");
        }
        for (at, label) in values.ticks() {
            svg.stroke((LEFT, at), (RIGHT, at), "grid");
            svg.text((LEFT - 8, at + 4), Anchor::End, "soft", &label);
        }
        // Words beside one another: marks may be close.
        for (mark, column) in self.marks.iter().zip(0..) {
            let at = values.at(mark.value);
            svg.stroke((LEFT, at), (RIGHT, at), "mark");
            let right = RIGHT - 4 - column * MARK;
            svg.text((right, at - 3), Anchor::End, "small", &mark.words);
        }
        for line in &self.lines {
            let dashes = if line.dashed { " dashed" } else { "" };
            let points = thin::thin(&line.points, time.most(), pairs);
            let places: Vec<(f64, f64)> =
                points.iter().map(|(x, y)| (time.place(*x), values.place(*y))).collect();
            svg.curve(&places, &format!("line c{}{dashes}", line.ink % INKS));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(lines: usize, points: usize) -> Chart {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let of = |flow: usize| {
            let value = move |at: usize| (at * at * (flow + 1) % 977) as f64;
            (0..points).map(move |at| (at as f64 * 60.0 / points as f64, value(at))).collect()
        };
        let line = |flow| Line { ink: flow, dashed: flow % 2 == 1, points: of(flow) };
        let panel = |title: &str| Panel {
            title: title.to_owned(),
            lines: (0..lines).map(line).collect(),
            marks: vec![Mark { value: 1200.0, words: "a & b < c".to_owned() }],
        };
        Chart {
            title: "reno & \"cubic\"".to_owned(),
            subtitle: "loss < 1 %".to_owned(),
            legend: (0..lines).map(|flow| format!("flow {flow}")).collect(),
            seconds: 60.0,
            panels: ["one", "two", "three", "four", "five"].map(panel).into(),
        }
    }

    #[test]
    fn the_picture_is_well_formed_and_says_what_it_shows() {
        let svg = chart(2, 6000).to_svg();
        let document = roxmltree::Document::parse(&svg).expect("XML");
        assert_eq!(document.root_element().tag_name().name(), "svg");
        let texts: Vec<_> =
            document.descendants().filter(|node| node.has_tag_name("text")).collect();
        let has = |words: &str| texts.iter().any(|node| node.text() == Some(words));
        for words in ["reno & \"cubic\"", "loss < 1 %", "flow 1", "five", "a & b < c", "seconds"] {
            assert!(has(words), "{words}");
        }
        let curves = document.descendants().filter(|node| node.has_tag_name("path")).count();
        assert_eq!(curves, 10);
    }

    #[test]
    fn a_picture_stays_small_however_much_there_is_to_show() {
        for (lines, points) in [(1, 100_000), (3, 6000), (8, 60_000)] {
            let len = chart(lines, points).to_svg().len();
            assert!(len < 150_000, "{lines} lines of {points} points are {len} octets");
        }
    }

    #[test]
    fn nothing_to_show_is_a_picture_too() {
        for chart in [Chart::default(), chart(0, 0), chart(2, 0), chart(1, 1)] {
            let svg = chart.to_svg();
            assert!(roxmltree::Document::parse(&svg).is_ok() && !svg.contains("NaN"), "{svg}");
        }
    }
}
