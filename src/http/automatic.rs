//! The answers that hyper gives by itself to heads it cannot read: a status and no word. They are known by their
//! form, so that one with words can go in their place.

/// How long the answer is that stands at the end of `written`; 0 when none does. Nothing of ours looks like
/// one, for every head that we send names the server.
pub(super) fn answer_at_the_end_of(written: &[u8]) -> usize {
    const LONGEST: usize = 160;
    if !written.ends_with(b"\r\n\r\n") {
        return 0;
    }
    let tail = &written[written.len().saturating_sub(LONGEST)..];
    let start = tail.windows(STATUS_LINES[0].0.len()).rposition(|start| start == STATUS_LINES[0].0);
    let answer = start.map_or(&[][..], |start| &tail[start..]);
    if is_answer(answer) { answer.len() } else { 0 }
}

/// What each begins with, and goes on with.
const STATUS_LINES: [(&[u8], &[u8]); 3] = [
    (b"HTTP/1.", b" 400 Bad Request\r\n"),
    (b"HTTP/1.", b" 414 URI Too Long\r\n"),
    (b"HTTP/1.", b" 431 Request Header Fields Too Large\r\n"),
];

fn is_answer(text: &[u8]) -> bool {
    let after_status = STATUS_LINES.iter().find_map(|(start, end)| {
        let (_minor, rest) = text.strip_prefix(*start)?.split_first()?;
        rest.strip_prefix(*end)
    });
    let Some(fields) = after_status else { return false };
    // HTTP/1.0 closes without saying so.
    let fields = fields.strip_prefix(b"connection: close\r\n").unwrap_or(fields);
    let Some(fields) = fields.strip_prefix(b"content-length: 0\r\n") else { return false };
    fields == b"\r\n" || (fields.starts_with(b"date: ") && fields.len() == DATE.len() + 2)
}

/// How long all of them are.
const DATE: &[u8] = b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\
                          content-length: 0\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";

    #[test]
    fn it_is_known_alone_and_behind_something_else() {
        assert_eq!(answer_at_the_end_of(ANSWER.as_bytes()), ANSWER.len());
        let behind = format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi{ANSWER}");
        assert_eq!(answer_at_the_end_of(behind.as_bytes()), ANSWER.len());
        let old = ANSWER.replace("/1.1", "/1.0").replace("connection: close\r\n", "");
        assert_eq!(answer_at_the_end_of(old.as_bytes()), old.len());
    }

    #[test]
    fn what_is_ours_is_not_taken_for_it() {
        for ours in [
            ANSWER.replace("date", "server: x\r\ndate"),
            ANSWER.replace("431 Request Header Fields Too Large", "404 Not Found"),
            ANSWER.replace(": 0", ": 1"),
            format!("{ANSWER}x"),
            "\r\n\r\n".to_owned(),
            String::new(),
        ] {
            assert_eq!(answer_at_the_end_of(ours.as_bytes()), 0, "{ours}");
        }
    }
}
