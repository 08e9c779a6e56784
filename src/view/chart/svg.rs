//! The few elements of SVG that a chart needs.

use std::fmt::Write as _;

/// Curves are drawn in tenths of a unit: whole numbers are shorter to write.
const FINE: f64 = 10.0;

/// Colours that are told apart by those who do not see all of them (Okabe and Ito), for light paper and,
/// lighter, for dark.
const STYLE: &str = "\
text{font:12px Helvetica,Arial,'Liberation Sans','DejaVu Sans',sans-serif}
.paper{fill:#fff}.ink{fill:#1f2328}.soft{fill:#57606a}
text.title{font-size:16px;font-weight:bold;fill:#1f2328}text.small{font-size:10px;fill:#57606a}
.grid{stroke:#d8dee4}.mark{stroke:#6e7781;stroke-dasharray:2 3}
.line{fill:none;stroke-width:1.4;stroke-linejoin:round}
path.line{stroke-width:14}.dashed{stroke-dasharray:50 30}
.c0{stroke:#0072b2}.c1{stroke:#d55e00}.c2{stroke:#009e73}
.c3{stroke:#b0508a}.c4{stroke:#8a6d00}.c5{stroke:#444}
@media(prefers-color-scheme:dark){
.paper{fill:#0d1117}.ink,text.title{fill:#e6edf3}.soft,text.small{fill:#9da7b3}
.grid{stroke:#2b323b}.mark{stroke:#8b949e}
.c0{stroke:#56b4e9}.c1{stroke:#ff9d5c}.c2{stroke:#3fd6a5}
.c3{stroke:#e59ac8}.c4{stroke:#e6d34a}.c5{stroke:#ccc}}
";

/// On which side of its place a text stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A document that grows.
pub(super) struct Svg(String);

impl Svg {
    pub(super) fn new(width: i32, height: i32, title: &str, description: &str) -> Self {
        let (title, description) = (escaped(title), escaped(description));
        Svg(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" role=\"img\" \
             width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
             <title>{title}</title>\n<desc>{description}</desc>\n<style>\n{STYLE}</style>\n\
             <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n"
        ))
    }

    /// A line of text at a point of its base line.
    pub(super) fn text(&mut self, (x, y): (i32, i32), anchor: Anchor, class: &str, words: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let words = escaped(words);
        self.line(&format!("<text x=\"{x}\" y=\"{y}\" class=\"{class}\"{anchor}>{words}</text>"));
    }

    /// A straight line.
    pub(super) fn stroke(&mut self, (x1, y1): (i32, i32), (x2, y2): (i32, i32), class: &str) {
        self.line(&format!(
            "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" class=\"{class}\"/>"
        ));
    }

    /// A line through points.
    pub(super) fn curve(&mut self, points: &[(f64, f64)], class: &str) {
        let mut way = String::new();
        let mut before = None;
        for point in points {
            let (x, y) = (fine(point.0), fine(point.1));
            let _ = match before {
                None => write!(way, "M{x},{y}l0,0"),
                // A minus sign separates as well as a comma does.
                Some((left, top)) if y < top => write!(way, " {}{}", x - left, y - top),
                Some((left, top)) => write!(way, " {},{}", x - left, y - top),
            };
            before = Some((x, y));
        }
        self.line(&format!("<path transform=\"scale(.1)\" class=\"{class}\" d=\"{way}\"/>"));
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }

    fn line(&mut self, element: &str) {
        self.0.push_str(element);
        self.0.push('\n');
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it saturates")]
fn fine(place: f64) -> i64 {
    (place * FINE).round() as i64
}

/// The words as XML character data.
fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_goes_from_point_to_point_in_small_steps() {
        let mut svg = Svg(String::new());
        svg.curve(&[(10.0, 20.0), (11.0, 15.5), (11.2, 30.0)], "line c0");
        assert!(svg.0.contains("d=\"M100,200l0,0 10-45 2,145\""), "{}", svg.0);
    }
}
