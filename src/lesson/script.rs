//! A lesson's exchange as a drill script: what one of the ends called, sent and received, with the states that it
//! was in. `glass drill` plays it, and finds the same.

use std::fmt::Write;
use std::time::Duration;

use super::stage::End;
use super::{Language, Lesson, View};
use crate::seq::Seq;
use crate::tcp::State;
use crate::time::Instant;
use crate::trace::{Call, ConnId, Event, Role, SegmentSummary, What};
use crate::wire::Flags;

/// The socket that opens or listens, and the one that is accepted.
const FIRST: u32 = 3;
const ACCEPTED: u32 = 4;

/// All that can be told of `lesson` as scripts, ready for `glass drill`; the most telling first.
#[must_use]
pub fn scripts(lesson: &Lesson) -> Vec<(View, String)> {
    let views = lesson.plot.scripts.iter();
    views.filter_map(|view| Some((*view, script(lesson, *view)?))).collect()
}

/// The script of one view of `lesson`; `None` when there is no such connection.
#[must_use]
pub fn script(lesson: &Lesson, view: View) -> Option<String> {
    let events = &lesson.performance.logs[view.end as usize];
    let mut opened = events.iter().filter_map(|event| match event.what {
        What::Opened { role, .. } => Some((event.conn?, role, event.at)),
        _ => None,
    });
    let (id, role, at) = opened.nth(view.connection.checked_sub(1)?)?;
    let mut writer = Writer::new(id, role);
    if view.connection > 1 || role == Role::Active {
        writer.at = at;
    }
    writer.heading(lesson, view);
    events.iter().for_each(|event| writer.on_event(event));
    writer.assert_state();
    writer.end_reading();
    Some(writer.text)
}

/// Writes a script line by line.
struct Writer {
    text: String,
    id: ConnId,
    socket: u32,
    is_accepted: bool,
    /// When the last line happens.
    at: Instant,
    /// Ours and the peer's first numbers.
    iss: Option<Seq>,
    irs: Option<Seq>,
    /// What is being read, and since when.
    reading: Option<(Instant, usize)>,
    /// The program has aborted, and is heard no more.
    aborted: bool,
    /// The window that was told last.
    window: Option<u16>,
    /// A state that has been entered and not been told yet, and when.
    entered: Option<(Instant, State)>,
}

impl Writer {
    fn new(id: ConnId, role: Role) -> Self {
        let (socket, is_accepted) = match role {
            Role::Active => (FIRST, true),
            Role::Passive => (ACCEPTED, false),
        };
        let (iss, irs, window, entered) = (None, None, None, None);
        Writer {
            text: String::new(),
            id,
            socket,
            is_accepted,
            at: Instant::ZERO,
            iss,
            irs,
            window,
            reading: None,
            aborted: false,
            entered,
        }
    }

    fn heading(&mut self, lesson: &Lesson, view: View) {
        let Lesson { plot, .. } = lesson;
        let side = match view.end {
            End::Left => "the client's",
            End::Right => "the server's",
        };
        let which = match view.connection {
            1 => String::new(),
            connection => format!(", connection {connection}"),
        };
        for reading in plot.readings.iter().take(1) {
            let line = &lesson.text(Language::En).line;
            let _ = writeln!(self.text, "// RFC {} {}: {line}", reading.rfc, reading.sections);
        }
        let _ = writeln!(self.text, "// glass lesson {}, from {side} end{which}.", plot.name);
        let _ = writeln!(self.text, "      0 socket(..., SOCK_STREAM, IPPROTO_TCP) = {FIRST}");
        for option in view.options {
            self.call(&format!("setsockopt({FIRST}, {option}) = 0"));
        }
        if self.is_accepted {
            self.call(&format!("fcntl({FIRST}, F_SETFL, O_RDWR|O_NONBLOCK) = 0"));
            self.call(&format!("connect({FIRST}, ..., ...) = -1 EINPROGRESS (in progress)"));
        } else {
            self.call(&format!("bind({FIRST}, ..., ...) = 0"));
            self.call(&format!("listen({FIRST}, 1) = 0"));
        }
        self.text.push('\n');
    }

    fn on_event(&mut self, event: &Event) {
        if event.conn != Some(self.id) {
            return;
        }
        if self.entered.is_some_and(|(at, _)| at < event.at) {
            self.assert_state();
        }
        let at = event.at;
        match &event.what {
            What::Received { seg, .. } => self.received(at, seg),
            What::Sent { seg, .. } => self.sent(at, seg),
            What::State { to, .. } => self.state(at, *to),
            What::Call { call, error: None } => self.called(at, *call),
            _ => {}
        }
    }

    fn received(&mut self, at: Instant, seg: &SegmentSummary) {
        self.irs.get_or_insert(seg.seq);
        let header = Self::header(seg, (self.irs, self.iss));
        let options = self.options(seg);
        self.line(at, &format!("< {header} win {}{options}", seg.wnd));
    }

    fn sent(&mut self, at: Instant, seg: &SegmentSummary) {
        self.iss.get_or_insert(seg.seq);
        let header = Self::header(seg, (self.iss, self.irs));
        // A window is worth a word when it is another than before. That of a RST means nothing.
        let is_news =
            !seg.flags.contains(Flags::RST) && self.window.replace(seg.wnd) != Some(seg.wnd);
        let window = if is_news { format!(" win {}", seg.wnd) } else { String::new() };
        let has_options = seg.flags.contains(Flags::SYN) || !seg.options.sack.is_empty();
        let options = if has_options { " <...>" } else { "" };
        self.line(at, &format!("> {header}{window}{options}"));
    }

    fn state(&mut self, at: Instant, to: State) {
        self.entered = Some((at, to));
        if to == State::Established && !self.is_accepted {
            self.is_accepted = true;
            self.line(at, &format!("accept({FIRST}, ..., ...) = {ACCEPTED}"));
        }
    }

    /// What is called before the connection was accepted, our machine has called itself.
    fn called(&mut self, at: Instant, call: Call) {
        if !self.is_accepted || self.aborted {
            return;
        }
        let socket = self.socket;
        match call {
            Call::Send { octets } => {
                self.line(at, &format!("write({socket}, ..., {octets}) = {octets}"));
            }
            // Nothing was there, or the end.
            Call::Receive { octets: 0 } => {}
            // However many pieces it took, until something else happens it is one call.
            Call::Receive { octets } => match &mut self.reading {
                Some((_, all)) => *all += octets,
                None => self.reading = Some((at, octets)),
            },
            Call::Shutdown => self.line(at, &format!("shutdown({socket}, SHUT_WR) = 0")),
            Call::Close => self.line(at, &format!("close({socket}) = 0")),
            Call::Abort => {
                self.aborted = true;
                let linger = "SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8";
                self.line(at, &format!("setsockopt({socket}, {linger}) = 0"));
                self.line(at, &format!("close({socket}) = 0"));
            }
        }
    }

    /// Tells the state that was entered last, unless there is nobody to ask.
    fn assert_state(&mut self) {
        let Some((_, state)) = self.entered.take().filter(|_| self.is_accepted) else { return };
        let name = match state {
            State::Closed | State::Listen => return,
            State::SynSent => "TCP_SYN_SENT",
            State::SynReceived => "TCP_SYN_RECV",
            State::Established => "TCP_ESTABLISHED",
            State::FinWait1 => "TCP_FIN_WAIT1",
            State::FinWait2 => "TCP_FIN_WAIT2",
            State::CloseWait => "TCP_CLOSE_WAIT",
            State::Closing => "TCP_CLOSING",
            State::LastAck => "TCP_LAST_ACK",
            State::TimeWait => "TCP_TIME_WAIT",
        };
        self.call(&format!("%{{ assert tcpi_state == {name} }}%"));
    }

    /// `P. 1:101(100) ack 1`.
    fn header(seg: &SegmentSummary, (first, other): (Option<Seq>, Option<Seq>)) -> String {
        let from = |number: Seq, first: Option<Seq>| number.since(first.unwrap_or_default());
        let names = [
            (Flags::SYN, 'S'),
            (Flags::FIN, 'F'),
            (Flags::RST, 'R'),
            (Flags::PSH, 'P'),
            (Flags::ACK, '.'),
        ];
        let flags = names.iter().filter(|(flag, _)| seg.flags.contains(*flag));
        let flags: String = flags.map(|(_, name)| *name).collect();
        let seq = from(seg.seq, first);
        let end = seq.wrapping_add(seg.len);
        let ack = if seg.flags.contains(Flags::ACK) {
            format!(" ack {}", from(seg.ack, other))
        } else {
            String::new()
        };
        format!("{flags} {seq}:{end}({}){ack}", seg.len)
    }

    fn options(&self, seg: &SegmentSummary) -> String {
        let mut words = Vec::new();
        words.extend(seg.options.mss.map(|mss| format!("mss {mss}")));
        if seg.options.sack_permitted {
            words.push("nop,nop,sackOK".to_owned());
        }
        words.extend(seg.options.window_scale.map(|shift| format!("nop,wscale {shift}")));
        let first = self.iss.unwrap_or_default();
        let blocks = seg.options.sack.as_slice().iter();
        let blocks: Vec<_> = blocks
            .map(|(left, right)| format!("{}:{}", left.since(first), right.since(first)))
            .collect();
        if !blocks.is_empty() {
            words.push(format!("nop,nop,sack {}", blocks.join(" ")));
        }
        if words.is_empty() { String::new() } else { format!(" <{}>", words.join(",")) }
    }

    /// Writes the call that what was read makes.
    fn end_reading(&mut self) {
        if let Some((at, octets)) = self.reading.take() {
            let socket = self.socket;
            self.line(at, &format!("read({socket}, ..., {octets}) = {octets}"));
        }
    }

    fn line(&mut self, at: Instant, what: &str) {
        self.end_reading();
        let after = at.since(self.at);
        self.at = at;
        let _ = writeln!(self.text, "{:>7} {what}", format!("+{}", seconds(after)));
    }

    fn call(&mut self, what: &str) {
        self.line(self.at, what);
    }
}

/// `1`, `.5`, `2.000001`: in seconds, without what says nothing.
fn seconds(span: Duration) -> String {
    let text = format!("{}.{:06}", span.as_secs(), span.subsec_micros());
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match text.strip_prefix("0.") {
        Some(_) => text[1..].to_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        for (micros, text) in
            [(0, "0"), (10_000, ".01"), (1_500_000, "1.5"), (20_000_001, "20.000001")]
        {
            assert_eq!(seconds(Duration::from_micros(micros)), text);
        }
    }
}
