//! What `-v` shows besides the ladder: the steps to a connection, and the heads as they go over it.

use std::fmt::Write as _;
use std::io::{Write, stderr};
use std::sync::{Arc, Mutex, PoisonError};

use ::http::StatusCode;
use url::Url;

use super::super::{Failure, exit};
use crate::http::client::text::{is_unseen, short};
use crate::http::client::{Facts, Side, Step, TlsFacts, Transcript};

/// The heads of a URL, those of redirects among them, are kept up to here.
const MOST_KEPT: usize = 1 << 20;

/// The heads of responses, kept for `-i` and `-I`, and shown with `-v`.
#[derive(Clone, Debug, Default)]
pub(super) struct Heads {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    text: Vec<u8>,
    /// There was more.
    is_cut: bool,
}

impl Heads {
    /// For a connector and a session.
    pub(super) fn transcript(&self, is_kept: bool, is_shown: bool) -> Transcript {
        let kept = Arc::clone(&self.kept);
        Transcript::new(move |side, head| {
            if is_kept && side == Side::Response {
                kept.lock().unwrap_or_else(PoisonError::into_inner).add(head);
            }
            if is_shown {
                let mark = match side {
                    Side::Request => '>',
                    Side::Response => '<',
                };
                let text = marked(mark, head);
                let _ = stderr().lock().write_all(text.as_bytes());
            }
        })
    }

    /// Those that were kept are of no use any more.
    pub(super) fn forget(&self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Kept::default();
    }

    /// All heads since the last call.
    pub(super) fn take(&self) -> Result<Vec<u8>, Failure> {
        let kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        if kept.is_cut {
            let why = format!("the heads come to more than {MOST_KEPT} octets");
            return Err(Failure::new(exit::FAILURE, why));
        }
        Ok(kept.text)
    }
}

impl Kept {
    fn add(&mut self, head: &[u8]) {
        if self.is_cut || self.text.len() + head.len() > MOST_KEPT {
            *self = Kept { text: Vec::new(), is_cut: true };
        } else {
            self.text.extend_from_slice(head);
        }
    }
}

/// Tells a person of a step.
pub(super) fn show(step: &Step<'_>) {
    let text = match step {
        Step::Resolved { host, addrs } => {
            let addrs: Vec<_> = addrs.iter().map(|addr| addr.ip().to_string()).collect();
            if addrs.iter().any(|addr| host.trim_matches(['[', ']']) == addr) {
                return;
            }
            format!("* {host} is at {}\n", addrs.join(", "))
        }
        Step::Trying(remote) => format!("* trying {remote}\n"),
        Step::Failed(remote, why) => format!("* not {remote}: {why}\n"),
        Step::Connected { local, remote } => format!("* connected: {local} to {remote}\n"),
        Step::Ready(Facts { tls: Some(tls), .. }) => secured(tls),
        Step::Ready(Facts { tls: None, .. }) => return,
    };
    let _ = stderr().lock().write_all(text.as_bytes());
}

/// Tells a person where a redirect leads.
pub(super) fn show_redirect(status: StatusCode, to: &Url) {
    let text = format!("* {}: on to {}\n", status.as_u16(), short(to.as_str()));
    let _ = stderr().lock().write_all(text.as_bytes());
}

fn secured(tls: &TlsFacts) -> String {
    let mut text = format!("* {}, {}\n", tls.version, tls.cipher);
    if let Some(certificate) = &tls.certificate {
        let names = certificate.names.join(", ");
        let _ = write!(
            text,
            "* certificate of {} by {}\n*   for {}\n*   until {}\n*   SHA-256 {}\n",
            clean(&certificate.subject),
            clean(&certificate.issuer),
            clean(&names),
            certificate.not_after,
            certificate.fingerprint_text(),
        );
    }
    text
}

/// Each line of a head behind a mark.
fn marked(mark: char, head: &[u8]) -> String {
    let text = String::from_utf8_lossy(head);
    let lines = text.strip_suffix('\n').unwrap_or(&text).split('\n');
    lines.fold(String::new(), |mut shown, line| {
        let line = clean(line.strip_suffix('\r').unwrap_or(line));
        shown.push(mark);
        if !line.is_empty() {
            shown.push(' ');
        }
        shown + &line + "\n"
    })
}

/// Heads for a terminal.
pub(super) fn readable(heads: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(heads).replace("\r\n", "\n");
    text.split('\n').map(clean).collect::<Vec<_>>().join("\n").into_bytes()
}

/// Without what a terminal would obey, and what turns round the text beside it.
pub(super) fn clean(text: &str) -> String {
    let harmless = |sign: char| if is_unseen(sign) && sign != '\t' { '\u{fffd}' } else { sign };
    text.chars().map(harmless).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_shown_line_by_line_and_cannot_command_a_terminal() {
        let head = b"HTTP/1.1 200 OK\r\nX: \x1b[31mred\r\nY: \xff\xe2\x80\xaeder\r\n\r\n";
        let shown = "< HTTP/1.1 200 OK\n< X: \u{fffd}[31mred\n< Y: \u{fffd}\u{fffd}der\n<\n";
        assert_eq!(marked('<', head), shown);
    }

    #[test]
    fn heads_are_kept_up_to_a_limit() {
        let heads = Heads::default();
        let add = |len| heads.kept.lock().unwrap().add(&vec![b'x'; len]);
        add(MOST_KEPT);
        assert_eq!(heads.take().unwrap().len(), MOST_KEPT);
        add(MOST_KEPT);
        add(1);
        assert_eq!(heads.kept.lock().unwrap().text.capacity(), 0);
        add(1);
        assert!(heads.take().unwrap_err().message.contains("more than 1048576 octets"));
        add(1);
        assert_eq!(heads.take().unwrap(), b"x", "and the next URL begins anew");
    }
}
