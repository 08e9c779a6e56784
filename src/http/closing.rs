//! Who closes first, and how long `CLOSE_WAIT` lasts.
//!
//! A server that closes as soon as it reads the peer's FIN hides half of RFC 9293's states: its FIN
//! rides with the ACK of the peer's, and the close takes three segments. `--close-after` takes it
//! apart.

use std::future::poll_fn;
use std::str::FromStr;
use std::time::Duration;
use std::{error, fmt};

use tokio::io::AsyncRead;
use tokio::time::{sleep, timeout};

use super::bounds::Pace;
use super::waiting::Waiting;
use crate::serving::{self, Connection, Linger, StatusSource, Stop};
use crate::tcp::State;

/// When our side closes. `--close-after request|never|MS` chooses; without it, promptly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CloseAfter {
    /// As web servers do: connections are kept alive, and closed at once when the peer has closed.
    /// The close takes three segments or four, depending on which of ACK and FIN is ready first.
    /// Our side closes first where HTTP asks for it: after a reply to `Connection: close` or to
    /// HTTP/1.0, and when a connection is idle for too long.
    #[default]
    Promptly,
    /// Our side closes first, after one response (which says `Connection: close`): `FIN_WAIT_1`,
    /// `FIN_WAIT_2`, `TIME_WAIT`.
    Request,
    /// The peer closes first, and our side never: `CLOSE_WAIT` until the program is told to stop.
    /// This is the leak that `ss` shows on many a server, and like there each such connection keeps
    /// its place among those that may be open.
    Never,
    /// The peer closes first, and our side so much later: `CLOSE_WAIT`, then `LAST_ACK`. The time
    /// runs from when the responder reads the peer's FIN: at once while the connection is idle, and
    /// after the response when the peer closed ahead of it.
    Delay(Duration),
}

impl CloseAfter {
    /// Whether a connection stays open for a second request.
    #[must_use]
    pub const fn keeps_alive(self) -> bool {
        match self {
            CloseAfter::Request => false,
            CloseAfter::Promptly | CloseAfter::Never | CloseAfter::Delay(_) => true,
        }
    }

    /// Whether the peer is given the time to close ahead of us, even where HTTP would have us
    /// close first.
    const fn lets_the_peer_begin(self) -> bool {
        match self {
            CloseAfter::Promptly | CloseAfter::Request => false,
            CloseAfter::Never | CloseAfter::Delay(_) => true,
        }
    }
}

impl FromStr for CloseAfter {
    type Err = ParseCloseAfterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseCloseAfterError(text.to_owned());
        match text {
            "request" => Ok(CloseAfter::Request),
            "never" => Ok(CloseAfter::Never),
            _ if text.bytes().all(|octet| octet.is_ascii_digit()) => text
                .parse()
                .map(|ms| CloseAfter::Delay(Duration::from_millis(ms)))
                .map_err(|_| error()),
            _ => Err(error()),
        }
    }
}

/// As [`FromStr`] reads it, and `promptly`, which is what holds without the flag.
impl fmt::Display for CloseAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CloseAfter::Promptly => f.pad("promptly"),
            CloseAfter::Request => f.pad("request"),
            CloseAfter::Never => f.pad("never"),
            CloseAfter::Delay(delay) => delay.as_millis().fmt(f),
        }
    }
}

/// The text is none of `request`, `never` and a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseCloseAfterError(String);

impl fmt::Display for ParseCloseAfterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\"{}\" is not a time to close: use \"request\" (our side closes first, after each \
             response), \"never\", or how many milliseconds after the peer, such as 500",
            self.0
        )
    }
}

impl error::Error for ParseCloseAfterError {}

/// How the conversation on a connection came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The peer's FIN was read.
    PeerClosed,
    /// HTTP says that this response was the last one. The peer knows where it ends.
    LastResponse,
    /// Only our FIN can tell the peer that the response is complete (HTTP/1.0, length unknown).
    ResponseEndsWithOurFin,
    /// An error, a timeout, or the signal to stop.
    GivenUp,
    /// The peer takes what we send too slowly, or not at all.
    Stalled,
}

/// What the closing goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) close_after: CloseAfter,
    pub(super) peer_closes_within: Duration,
    pub(super) linger: Linger,
    /// How slowly the peer may take what is left to send.
    pub(super) pace: Pace,
}

/// Waits as the rules say, then closes.
pub(super) async fn close<C: Connection>(
    mut stream: C,
    ended: Ended,
    rules: &Rules,
    mut stop: Stop,
) {
    if ended == Ended::Stalled {
        return stream.abort();
    }
    let waiting = async {
        if peer_began(&mut stream, ended, rules).await {
            match rules.close_after {
                CloseAfter::Promptly | CloseAfter::Request => {}
                CloseAfter::Never => std::future::pending().await,
                CloseAfter::Delay(delay) => sleep(delay).await,
            }
        }
    };
    tokio::select! {
        () = stop.given() => {}
        () = waiting => {}
    }
    let status = stream.status_source();
    serving::finish(&mut stream, &rules.linger).await;
    // What hyper has written may still wait for a peer that reads nothing, and would for ever.
    if !is_taken(&status, rules.pace).await {
        stream.abort();
    }
}

/// Waits until the peer has all that we sent, and says whether it came to that at this pace.
async fn is_taken(status: &StatusSource, pace: Pace) -> bool {
    /// Between two looks; most need one.
    const LOOK: Duration = Duration::from_millis(500);
    let mut waiting = Waiting::new(pace);
    let mut acknowledged = None;
    loop {
        let Some(report) = status.ask() else { return true };
        if report.status.send_queue == 0 || report.status.state == State::Closed {
            return true;
        }
        let now = report.status.octets_acknowledged;
        let before = acknowledged.replace(now).unwrap_or(now);
        let progress = usize::try_from(now.saturating_sub(before)).unwrap_or(usize::MAX);
        if progress > 0 {
            waiting.on_progress(progress);
        }
        let given_up = timeout(LOOK, poll_fn(|cx| waiting.poll_end(cx))).await;
        if given_up.is_ok() {
            return false;
        }
    }
}

/// Whether the peer has closed ahead of us. Where the rules want that, it is waited for.
async fn peer_began<S: AsyncRead + Unpin>(stream: &mut S, ended: Ended, rules: &Rules) -> bool {
    match ended {
        Ended::PeerClosed => true,
        Ended::LastResponse if rules.close_after.lets_the_peer_begin() => {
            serving::wait_for_close(stream, rules.peer_closes_within, &rules.linger).await
        }
        Ended::LastResponse | Ended::ResponseEndsWithOurFin => false,
        Ended::GivenUp | Ended::Stalled => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let all = [CloseAfter::Request, CloseAfter::Never, CloseAfter::Delay(Duration::ZERO)];
        for policy in all {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        assert_eq!("500".parse(), Ok(CloseAfter::Delay(Duration::from_millis(500))));
    }

    #[test]
    fn refuses_the_rest_and_says_what_it_takes() {
        for text in ["", "soon", "-1", "+5", "5ms", "1.5", "Never", "99999999999999999999"] {
            let error = text.parse::<CloseAfter>().expect_err(text).to_string();
            assert!(error.contains(&format!("\"{text}\"")), "{error}");
            assert!(error.contains("milliseconds"), "{error}");
        }
    }
}
