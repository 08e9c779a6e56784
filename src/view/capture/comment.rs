//! What is said of a packet, in one line: `#1 CLOSE_WAIT -> LAST_ACK (CLOSE; RFC 9293 3.10.4); retransmission
//! timer 201.0 ms`.

use std::fmt::Write;

use super::super::words;
use crate::tcp::{Cause, State, Timer};
use crate::time::Instant;
use crate::trace::{ConnId, DropReason, Harm, Retransmission, TimerChange};
use crate::wire::Flags;

/// No comment is longer, in octets. Only something hostile could make one so long.
const LONGEST: usize = 4_000;

/// What a packet meant to one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    /// The state that it found, or was sent in.
    pub state: Option<State>,
    /// The states entered: because of it, or in order to send it.
    pub steps: Vec<Step>,
    /// Octets of calls since the last segment: SEND and RECEIVE.
    pub sent: usize,
    pub received: usize,
    /// Timers that ran out and made it leave.
    pub fired: Vec<Timer>,
    /// Why it was sent again.
    pub again: Option<Retransmission>,
    /// Why it was not acted on.
    pub dropped: Option<DropReason>,
    /// What else happened.
    pub told: Vec<String>,
    /// Timers set and cleared.
    pub timers: Vec<(Timer, TimerChange)>,
    /// Payload, and how many segments it is cut into or was put together from, if several.
    pub several: Option<(u32, u32)>,
    /// The congestion window, if it changed.
    pub cwnd: Option<u32>,
}

/// A transition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub at: Instant,
    pub from: State,
    pub to: State,
    pub cause: Cause,
    pub section: &'static str,
}

impl Notes {
    /// The last change of each timer is what counts.
    pub fn timer(&mut self, timer: Timer, change: TimerChange) {
        match self.timers.iter_mut().find(|(known, _)| *known == timer) {
            Some((_, known)) => *known = change,
            None => self.timers.push((timer, change)),
        }
    }

    /// In words, for the packet of connection `conn` that passed at `at`.
    pub fn words(&self, conn: ConnId, at: Instant) -> String {
        let mut parts = vec![self.states(conn, at)];
        parts.extend(self.dropped.map(|why| format!("not acted on: {}", words::dropped(why))));
        parts.extend(self.again.map(|why| words::again(why).to_owned()));
        parts.extend(self.fired.iter().map(|timer| format!("{} timer fired", timer.words())));
        parts.extend(
            (self.sent > 0).then(|| format!("SEND of {}", words::counted(self.sent, "octet"))),
        );
        parts.extend(
            (self.received > 0)
                .then(|| format!("RECEIVE of {}", words::counted(self.received, "octet"))),
        );
        parts.extend(self.several.map(|(len, segments)| format!("{len} in {segments} segments")));
        parts.extend(self.told.iter().cloned());
        parts.extend(self.timers.iter().map(|(timer, change)| timer_words(*timer, *change, at)));
        parts.extend(self.cwnd.map(|cwnd| format!("cwnd {cwnd}")));
        parts.join("; ")
    }

    /// `#1 FIN_WAIT_1 -> FIN_WAIT_2 (rcv ACK of FIN; RFC 9293 3.10.7.4 fifth) -> ...`.
    fn states(&self, conn: ConnId, at: Instant) -> String {
        let mut text = conn.to_string();
        let first = self.steps.first().map(|step| step.from).or(self.state);
        if let Some(first) = first {
            let _ = write!(text, " {first}");
        }
        for Step { at: then, to, cause, section, .. } in &self.steps {
            let ago = at.since(*then);
            let before = match ago.as_millis() {
                0 => String::new(),
                _ => format!(" {} before", words::span(ago)),
            };
            let _ = write!(text, " -> {to} ({}{before}; RFC 9293 {section})", cause.words());
        }
        text
    }
}

fn timer_words(timer: Timer, change: TimerChange, at: Instant) -> String {
    let name = timer.words();
    match change {
        TimerChange::Armed { until } => format!("{name} timer {}", words::span(until.since(at))),
        TimerChange::Cleared => format!("{name} timer off"),
        TimerChange::Fired => format!("{name} timer fired"),
    }
}

/// What a fault did to a packet, or is about to do.
pub(super) fn struck(rule: &str, harm: Harm) -> String {
    format!("{} by '{rule}'", harm.word())
}

/// What is to be said of a segment that left and is of no connection.
pub(super) const fn stray(flags: Flags) -> Option<&'static str> {
    if flags.contains(Flags::RST) {
        Some("answers what is of no connection (RFC 9293 3.10.7.1)")
    } else if flags.contains(Flags::SYN) {
        Some("a SYN cookie: nothing is kept (RFC 4987 3.6)")
    } else {
        None
    }
}

/// All of it, cut where a hostile peer would make it too long.
pub(super) fn joined(parts: &[String]) -> String {
    let mut text = parts.join(" | ");
    if text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        text.truncate(end);
        text.push_str(" ...");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_cause_that_lies_back_says_how_long() {
        let cause = Cause::Close;
        let step = Step {
            at: Instant::from_millis(100),
            from: State::Established,
            to: State::FinWait1,
            cause,
            section: cause.section(),
        };
        let mut notes = Notes { steps: vec![step], ..Notes::default() };
        let at = Instant::from_millis(350);
        notes.timer(Timer::Persist, TimerChange::Fired);
        notes.timer(Timer::Persist, TimerChange::Armed { until: at + Duration::from_millis(20) });
        assert_eq!(
            notes.words(ConnId(3), at),
            "#3 ESTABLISHED -> FIN_WAIT_1 (CLOSE 250.0 ms before; RFC 9293 3.10.4); persist timer 20.0 ms"
        );
    }

    #[test]
    fn nobody_makes_a_comment_as_long_as_he_likes() {
        let parts = vec!["ü".repeat(5_000)];
        let text = joined(&parts);
        assert!((LONGEST - 2..LONGEST + 8).contains(&text.len()), "{}", text.len());
        assert!(text.ends_with(" ..."));
    }
}
