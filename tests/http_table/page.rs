//! The table as a page.

use std::fmt::Write as _;

use super::row::{Answer, Body, ByHand, Curl, Row, Section, Server};

const INTRODUCTION: &str = "\
# What HTTP is answered with

Made from the table in `tests/http_table` by `GLASS_BLESS=1 cargo test --test kernel_http_table`, which sends each row
over the kernel's TCP as it stands here, octet for octet, and holds the answer to it: the status, each field, the
content, and whether the connection goes on (one more request on it is answered) or ends. Lines end in CR LF unless
it says otherwise, and `\u{2026}(N)` is the sign before it, N times in all. Left out of the answers are `date`, `server` and
`content-length` where the content follows; `*` in a value stands for anything.

**curl** says whether curl gets the same: `1` with HTTP/1, `1, 2` with HTTP/2 as well, nothing where it would not say such a
request. **by hand** is what `--responder by-hand` ([examples/http_by_hand.rs](../examples/http_by_hand.rs)) answers
instead, which has `/hello`, `/bytes/N` and `/echo` alone.
";

pub fn page(sections: &[Section]) -> String {
    let mut page = INTRODUCTION.to_owned();
    for section in sections {
        let by_hand = section.server == Server::BuiltIn;
        let (head, line) = if by_hand { (" by hand |", "---|") } else { ("", "") };
        let _ = write!(
            page,
            "\n## {}\n\n| | request | answer | curl |{head}\n|---|---|---|---|{line}\n",
            section.title
        );
        for row in &section.rows {
            let answers: Vec<_> = row.answers.iter().map(answer).collect();
            let mut said = answers.join("<br>and<br>");
            if row.ends {
                said += if said.is_empty() { "*the end*" } else { "<br>*the end*" };
            }
            let curl = match row.curl {
                Curl::Never => "",
                Curl::Http1 => "1",
                Curl::Both => "1, 2",
            };
            let _ = write!(page, "| {} | {} | {said} | {curl} |", row.what, request(row));
            if by_hand {
                let _ = write!(page, " {} |", by_hand_of(row.by_hand));
            }
            page.push('\n');
        }
    }
    page
}

fn request(row: &Row) -> String {
    let mut text = lines(&row.request);
    if let Some(then) = row.then {
        let _ = write!(text, "<br>*after the first answer:*<br>{}", lines(then));
    }
    if row.is_cut {
        text += if text.is_empty() { "*the end*" } else { "<br>*the end*" };
    }
    text
}

fn answer(answer: &Answer) -> String {
    let status = http::StatusCode::from_u16(answer.status).expect("a status");
    let mut text = format!("**{status}**");
    for (name, value) in &answer.fields {
        let _ = write!(text, "<br>{}", code(&format!("{name}: {value}")));
    }
    match answer.body {
        Body::Is("") | Body::Has("") => {}
        Body::Is(body) => {
            let _ = write!(text, "<br>{}", code(&body.escape_debug().to_string()));
        }
        Body::Has(words) => {
            let words = code(&words.escape_debug().to_string());
            let _ = write!(text, "<br>\u{2026} {words} \u{2026}");
        }
        Body::Pattern(octets) => {
            let _ = write!(text, "<br>{octets} octets of the pattern");
        }
    }
    text
}

fn by_hand_of(by_hand: ByHand) -> String {
    match by_hand {
        ByHand::Same => "the same".to_owned(),
        ByHand::Says(status) => status.to_string(),
        ByHand::Refuses(status) => format!("{status}, *the end*"),
        ByHand::Nothing => String::new(),
    }
}

/// Each line as code; what is not printed is escaped.
fn lines(text: &str) -> String {
    let text = shortened(text);
    let has_bare_lf = text.replace("\r\n", "").contains('\n');
    let text =
        if has_bare_lf { text.replace("\r\n", "\\r\\n").replace('\n', "\\n\r\n") } else { text };
    let mut lines: Vec<_> = text.split("\r\n").collect();
    // The empty line behind a head says nothing, unless a body follows.
    while lines.len() > 1 && lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    lines.iter().map(|line| code(line)).collect::<Vec<_>>().join("<br>")
}

/// A sign that comes often in a row, and lines that only count, are told once.
fn shortened(text: &str) -> String {
    let mut short = String::new();
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        let mut count = 1;
        while signs.next_if_eq(&sign).is_some() {
            count += 1;
        }
        if count > 20 {
            let _ = write!(short, "{sign}\u{2026}({count})");
        } else {
            short.extend(std::iter::repeat_n(sign, count));
        }
    }
    let lines: Vec<_> = short.split("\r\n").collect();
    if lines.len() < 50 {
        return short;
    }
    let (first, last) = (&lines[..4], &lines[lines.len() - 3..]);
    format!("{}\r\n\u{2026}\r\n{}", first.join("\r\n"), last.join("\r\n"))
}

fn code(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|sign| match sign {
            '|' => "\\|".to_owned(),
            '\u{2026}' => sign.to_string(),
            sign if sign.is_control() => sign.escape_debug().to_string(),
            sign if sign.is_ascii() => sign.to_string(),
            sign => format!("\\x{:02x}", u32::from(sign)),
        })
        .collect();
    if escaped.is_empty() { String::new() } else { format!("`{escaped}`") }
}
