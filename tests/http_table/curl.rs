//! The rows as curl says them.

use std::fmt::Write as _;
use std::fs;

use super::reply::{Reply, fields_of};
use super::row::{Answer, Curl, Row};
use super::{Asked, shell_inside};

/// What curl gets for each of these rows, with this version of HTTP.
pub fn ask(asked: &Asked, rows: &[&Row], version: Curl) -> Vec<Result<Reply, String>> {
    let dir = asked.dir.join(format!("curl-{version:?}"));
    fs::create_dir_all(&dir).expect("a directory");
    let mut script = format!("cd '{}'\n", dir.display());
    for (n, row) in rows.iter().enumerate() {
        let words = words(&asked.with_tag(&row.request), version);
        let _ = writeln!(script, "curl -sS -o body-{n} -D head-{n} {words} 2>error-{n}; echo $?");
    }
    let file = dir.join("script");
    fs::write(&file, script).expect("a file");
    let done = shell_inside(&asked.running, &format!("sh '{}'", file.display())).ended_with(0);
    let codes = done.out();
    let codes: Vec<_> = codes.lines().collect();
    assert_eq!(codes.len(), rows.len(), "{done}");
    let read = |name: String| fs::read(dir.join(name)).unwrap_or_default();
    codes
        .iter()
        .enumerate()
        .map(|(n, code)| {
            if *code != "0" {
                let error = String::from_utf8_lossy(&read(format!("error-{n}"))).into_owned();
                return Err(format!("curl ends with {code}: {error}"));
            }
            let head = String::from_utf8_lossy(&read(format!("head-{n}"))).into_owned();
            // curl shows the head in place of a body that it does not ask for.
            let body = if rows[n].method() == "HEAD" { vec![] } else { read(format!("body-{n}")) };
            reply(&head, body)
        })
        .collect()
}

/// The last head there is, and the body.
fn reply(head: &str, body: Vec<u8>) -> Result<Reply, String> {
    let head = head.trim_end().rsplit("\r\n\r\n").next().unwrap_or_default();
    let (line, fields) = head.split_once("\r\n").ok_or_else(|| format!("{head:?} is no head"))?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| format!("{line:?} has no status"))?;
    // HTTP/2 has no reasons, and curl leaves the blank.
    Ok(Reply { status, fields: fields_of(fields)?, body })
}

/// What curl gets is what the row says, but for what belongs to HTTP/1 alone.
pub fn difference(asked: &Asked, row: &Row, reply: &Reply, version: Curl) -> Option<String> {
    let expected = row.answers.last().expect("curl waits for an answer");
    let is_of_http1 = |name: &str| name == "connection" || name == "transfer-encoding";
    let fields =
        expected.fields.iter().filter(|(name, _)| version == Curl::Http1 || !is_of_http1(name));
    let expected =
        Answer { status: expected.status, fields: fields.copied().collect(), body: expected.body };
    super::difference(asked, reply, &expected, row.method() == "HEAD")
}

/// The options and the URL for a request.
fn words(request: &str, version: Curl) -> String {
    let (head, body) = request.split_once("\r\n\r\n").expect("a head");
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let [method, target, spoken] = [(); 3].map(|()| first.next().expect("three words"));
    let mut words = match (version, spoken) {
        (Curl::Both, _) => "--http2-prior-knowledge",
        (_, "HTTP/1.0") => "--http1.0",
        _ => "--http1.1",
    }
    .to_owned();
    words += if method == "HEAD" { " -I" } else { " -X " };
    words += if method == "HEAD" { "" } else { method };
    for name in ["User-Agent", "Accept", "Content-Type"] {
        let _ = write!(words, " -H '{name}:'");
    }
    for line in lines.filter(|line| !line.starts_with("Content-Length:")) {
        let _ = write!(words, " -H '{line}'");
    }
    if !body.is_empty() {
        let _ = write!(words, " --data-binary '{body}'");
    }
    // What is no path of a URL has an option of its own.
    match target.strip_prefix('/') {
        Some(_) => write!(words, " --path-as-is -g 'http://192.0.2.2{target}'"),
        None => write!(words, " --request-target '{target}' http://192.0.2.2/"),
    }
    .expect("a String takes all");
    words
}
