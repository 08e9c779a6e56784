//! One table of what HTTP is answered with, row by row: the request as octets over the kernel's TCP, the same by
//! curl where curl can say it, with HTTP/1 and HTTP/2, and the responder by hand. docs/http-table.md is made
//! from it: `GLASS_BLESS=1 cargo test --test kernel_http_table`.

#[path = "http_table/curl.rs"]
mod curl;
#[path = "http_table/files.rs"]
mod files;
mod kernel_common;
#[path = "http_table/mistakes.rs"]
mod mistakes;
#[path = "http_table/page.rs"]
mod page;
#[path = "http_table/reply.rs"]
mod reply;
#[path = "http_table/requests.rs"]
mod requests;
#[path = "http_table/row.rs"]
mod row;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use kernel_common::{Running, User, command, directory, needs, shell_inside};
use reply::Reply;
use row::{Answer, Body, ByHand, Curl, HELLO, Row, Section, Server, as_octets};
use rustix::process::Signal;

/// What is asked behind a row, to see whether the connection goes on.
const ONE_MORE: [(Server, &str, &str); 3] = [
    (Server::BuiltIn, "/hello", HELLO),
    (Server::Files, "/digits", "0123456789"),
    (Server::ByHand, "/hello", HELLO),
];

const LINE: &[u8; 63] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz\n";

fn sections() -> Vec<Section> {
    [requests::sections(), mistakes::sections(), files::sections()].into_iter().flatten().collect()
}

/// A server, and what ETAG stands for in its rows.
struct Asked {
    server: Server,
    running: Running,
    tag: String,
    dir: PathBuf,
}

impl Asked {
    /// For the test `name`.
    fn start(name: &str, server: Server) -> Asked {
        let dir = directory(&format!("http-table-{name}-{server:?}"));
        let www = dir.join("www");
        fs::create_dir_all(&www).expect("a directory");
        files::make(&www);
        let options = match server {
            Server::BuiltIn => vec![],
            Server::Files => vec![www.to_str().expect("UTF-8")],
            Server::ByHand => vec!["--responder", "by-hand"],
        };
        let mut running =
            Running::start(command(User::Root, "", &[&["serve", "-q"], &*options].concat()));
        running.wait_for_out("http://192.0.2.2/\n");
        let line = "curl -sSI http://192.0.2.2/digits";
        let head = shell_inside(&running, line).ended_with(0).out();
        let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap_or("no tag");
        Asked { server, running, tag: tag.to_owned(), dir }
    }

    fn with_tag(&self, text: &str) -> String {
        text.replace("ETAG", &self.tag)
    }

    /// What comes back to each of these rows, and whether it ends in a reset.
    fn raw(&self, rows: &[&Row]) -> Vec<(Vec<u8>, bool)> {
        let one_more = ONE_MORE.iter().find(|(server, ..)| *server == self.server).expect("a path");
        let one_more = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", one_more.1);
        let said: Vec<_> = rows
            .iter()
            .map(|row| {
                let behind = if row.is_cut { "" } else { &one_more };
                let request = self.with_tag(&row.request);
                match row.then {
                    None => (hex(&as_octets(&(request + behind))), None),
                    Some(then) => (
                        hex(&as_octets(&request)),
                        Some(hex(&as_octets(&(then.to_owned() + behind)))),
                    ),
                }
            })
            .collect();
        let input = self.dir.join("requests.json");
        fs::write(&input, serde_json::to_vec(&said).expect("JSON")).expect("a file");
        let client = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/http_table/client.py");
        let line = format!("python3 '{client}' <'{}'", input.display());
        let done = shell_inside(&self.running, &line).ended_with(0);
        let heard: Vec<(String, bool)> = serde_json::from_slice(&done.out).expect("JSON");
        assert_eq!(heard.len(), rows.len(), "{done}");
        heard.into_iter().map(|(octets, reset)| (from_hex(&octets), reset)).collect()
    }

    fn stop(self) {
        self.running.signal(Signal::TERM);
        self.running.wait().ended_with(0);
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

fn from_hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).expect("ASCII"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal")).collect()
}

/// What differs between an answer and what was to come.
fn difference(asked: &Asked, reply: &Reply, expected: &Answer, is_head: bool) -> Option<String> {
    if reply.status != expected.status {
        return Some(format!("{} and not {}", reply.status, expected.status));
    }
    if let Some(why) = body_difference(&reply.body, expected.body) {
        return Some(why);
    }
    if reply.status < 200 {
        return None;
    }
    let server = if asked.server == Server::ByHand {
        "glasstack"
    } else {
        concat!("glasstack/", env!("CARGO_PKG_VERSION"))
    };
    let mut wanted: Vec<(&str, String)> =
        expected.fields.iter().map(|(name, value)| (*name, asked.with_tag(value))).collect();
    wanted.push(("server", server.to_owned()));
    let has_body = !is_head && !matches!(reply.status, 204 | 304);
    let ignored = |name: &str| name == "date" || name == "content-length" && has_body;
    for (name, value) in reply.fields.iter().filter(|(name, _)| !ignored(name)) {
        let Some(at) = wanted.iter().position(|(wanted, _)| wanted == name) else {
            return Some(format!("{name}: {value}, which is not awaited"));
        };
        let (_, wanted) = wanted.remove(at);
        let agrees = match wanted.strip_suffix('*') {
            Some(start) => value.starts_with(start),
            None => *value == wanted,
        };
        if !agrees {
            return Some(format!("{name}: {value} and not {wanted}"));
        }
    }
    wanted.first().map(|(name, value)| format!("no {name}: {value}"))
}

fn body_difference(body: &[u8], expected: Body) -> Option<String> {
    let agrees = match expected {
        Body::Is(text) => body == text.as_bytes(),
        Body::Has(words) => String::from_utf8_lossy(body).contains(words),
        Body::Pattern(octets) => {
            body.len() == octets && body.iter().zip(LINE.iter().cycle()).all(|(a, b)| a == b)
        }
    };
    let start = || String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
    (!agrees).then(|| format!("the content is {:?} and not {expected:?}", start()))
}

/// What is wrong with what came back to a row, which is all of it.
fn raw_difference(asked: &Asked, row: &Row, (octets, reset): &(Vec<u8>, bool)) -> Option<String> {
    if *reset {
        return Some("a reset".to_owned());
    }
    let mut replies = match reply::read(octets, row.method()) {
        Ok(replies) => replies,
        Err(why) => return Some(why),
    };
    if !row.ends {
        let one_more =
            ONE_MORE.iter().find(|(server, ..)| *server == asked.server).expect("a path");
        match replies.pop() {
            Some(last) if last.status == 200 && last.body == one_more.2.as_bytes() => {}
            other => return Some(format!("the connection does not go on: {other:?}")),
        }
    }
    if replies.len() != row.answers.len() {
        return Some(format!(
            "{} answers and not {}: {replies:?}",
            replies.len(),
            row.answers.len()
        ));
    }
    let is_head = row.method() == "HEAD";
    replies
        .iter()
        .zip(&row.answers)
        .find_map(|(reply, answer)| difference(asked, reply, answer, is_head))
}

/// The same for the responder by hand, which has the same contents but fields of its own.
fn by_hand_difference(row: &Row, (octets, reset): &(Vec<u8>, bool)) -> Option<String> {
    if *reset {
        return Some("a reset".to_owned());
    }
    let replies = match reply::read(octets, row.method()) {
        Ok(replies) => replies,
        Err(why) => return Some(why),
    };
    let mut statuses: Vec<u16> = match row.by_hand {
        ByHand::Same => row.answers.iter().map(|answer| answer.status).collect(),
        ByHand::Says(status) | ByHand::Refuses(status) => vec![status],
        ByHand::Nothing => Vec::new(),
    };
    let goes_on =
        matches!(row.by_hand, ByHand::Says(_)) || row.by_hand == ByHand::Same && !row.ends;
    statuses.extend(goes_on.then_some(200));
    let heard: Vec<_> = replies.iter().map(|reply| reply.status).collect();
    if heard != statuses {
        return Some(format!("{heard:?} and not {statuses:?}"));
    }
    replies.iter().zip(&row.answers).filter(|(reply, _)| reply.status == 200).find_map(
        |(reply, answer)| {
            if answer.status == 200 { body_difference(&reply.body, answer.body) } else { None }
        },
    )
}

/// Fails with all that is wrong.
#[track_caller]
fn all_agree(who: &str, found: impl IntoIterator<Item = (String, String)>) {
    let wrong: Vec<_> = found.into_iter().map(|(row, why)| format!("{row}\n    {why}")).collect();
    assert!(wrong.is_empty(), "{who}: {} rows differ\n{}", wrong.len(), wrong.join("\n"));
}

fn named(section: &Section, row: &Row) -> String {
    format!("{} / {}: {:.120?}", section.title, row.what, row.request)
}

/// The rows of a server that `wanted` is true of, with their names.
fn rows_of(
    sections: &[Section],
    server: Server,
    wanted: impl Fn(&Row) -> bool,
) -> (Vec<String>, Vec<&Row>) {
    let sections = sections.iter().filter(|section| section.server == server);
    let rows = sections.flat_map(|section| section.rows.iter().map(move |row| (section, row)));
    rows.filter(|(_, row)| wanted(row)).map(|(section, row)| (named(section, row), row)).unzip()
}

#[test]
fn each_row_is_answered_octet_for_octet() {
    needs(&["curl", "python3"]);
    let sections = sections();
    let mut wrong = Vec::new();
    for server in [Server::BuiltIn, Server::Files] {
        let asked = Asked::start("raw", server);
        let (names, rows) = rows_of(&sections, server, |_| true);
        for ((name, row), heard) in names.into_iter().zip(&rows).zip(asked.raw(&rows)) {
            wrong.extend(raw_difference(&asked, row, &heard).map(|why| (name, why)));
        }
        asked.stop();
    }
    all_agree("raw", wrong);
}

#[test]
fn curl_gets_the_same_with_either_version() {
    needs(&["curl"]);
    let sections = sections();
    let mut wrong = Vec::new();
    for server in [Server::BuiltIn, Server::Files] {
        let asked = Asked::start("curl", server);
        for version in [Curl::Http1, Curl::Both] {
            let (names, rows) = rows_of(&sections, server, |row| row.curl >= version);
            let heard = curl::ask(&asked, &rows, version);
            for ((name, row), reply) in names.into_iter().zip(&rows).zip(heard) {
                let why = match reply {
                    Ok(reply) => curl::difference(&asked, row, &reply, version),
                    Err(why) => Some(why),
                };
                wrong.extend(why.map(|why| (name, format!("{version:?}: {why}"))));
            }
        }
        asked.stop();
    }
    all_agree("curl", wrong);
}

#[test]
fn the_responder_by_hand_has_its_column() {
    needs(&["curl", "python3"]);
    let sections = sections();
    let asked = Asked::start("raw", Server::ByHand);
    let (names, rows) = rows_of(&sections, Server::BuiltIn, |row| row.by_hand != ByHand::Nothing);
    let heard = asked.raw(&rows);
    let found = names.into_iter().zip(&rows).zip(heard);
    let wrong: Vec<_> = found
        .filter_map(|((name, row), heard)| Some((name, by_hand_difference(row, &heard)?)))
        .collect();
    asked.stop();
    all_agree("by hand", wrong);
}

#[test]
fn the_page_in_docs_is_made_from_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/http-table.md");
    let made = page::page(&sections());
    if std::env::var_os("GLASS_BLESS").is_some() {
        fs::write(&path, &made).expect("docs/http-table.md should be writable");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/http-table.md is not what the table says; make it again with\n    \
         GLASS_BLESS=1 cargo test --test kernel_http_table\nand look at it before you commit it"
    );
}

#[test]
fn the_table_is_long_enough_and_each_row_is_another() {
    let sections = sections();
    let rows: Vec<_> = sections
        .iter()
        .flat_map(|section| {
            section
                .rows
                .iter()
                .map(move |row| (section.server as u8, &row.request, row.then, row.is_cut))
        })
        .collect();
    assert!(rows.len() >= 60, "{}", rows.len());
    let mut different = rows.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), rows.len());
}
