//! Making calls, and what they return.

use std::net::SocketAddr;

use super::outcome::seconds;
use super::waiting::Waiting;
use super::{Difference, Failure, Mark, Result, Runner, elapsed};
use crate::drill::host::{Call, Errno, Fd, PollFd, Reply, Value, Watch};
use crate::drill::plan::{Expected, Out, PlannedCall, Step};
use crate::drill::script::ast::Time;
use crate::stack::FourTuple;
use crate::time::Instant;

impl<'a> Runner<'a> {
    pub(super) fn call(&mut self, step: &'a Step, call: &'a PlannedCall, base: Instant) -> Result {
        // One call at a time, as of a program with one thread.
        self.wait_for_call()?;
        let began = self.subject.now();
        if let Call::Send { fd, data, .. } = &call.call {
            self.connections.writes(*fd, data);
        }
        let is_first = self.is_first_connect(&call.call);
        let returned = self.subject.call(self.translated(&call.call), call.end.is_some());
        // One that is connected already stays with whom it is.
        if let Call::Connect { fd, addr } = &call.call
            && is_first
        {
            self.note_connect(*fd, *addr);
        }
        match (returned, call.end) {
            (Some(result), None) => self.returned(step, call, &result),
            (Some(result), Some(_)) => {
                self.returned(step, call, &result)?;
                self.in_time(step, began, end_of(step, call, base), began)
            }
            (None, Some(_)) => {
                self.row(Mark::Begun, step.at.line, format!("{} ...", step.text));
                let end = end_of(step, call, base);
                self.waiting = Some(Waiting { step, call, end, began });
                Ok(())
            }
            (None, None) => {
                self.row(Mark::Call, step.at.line, format!("{} blocks", step.text));
                let what = "the call blocks, and the script does not allow for it: write \
                            TIME...END before a call that may block";
                Err(Failure { expected: Some(step.text.to_string()), ..Failure::at(step.at, what) }
                    .into())
            }
        }
    }

    /// A call has returned: is it what the script says, and what follows from it?
    pub(super) fn returned(
        &mut self,
        step: &'a Step,
        call: &'a PlannedCall,
        result: &std::result::Result<Reply, Errno>,
    ) -> Result {
        if let Call::Send { fd, .. } = &call.call {
            let taken = match result {
                Ok(Reply::Number(taken)) => usize::try_from(*taken).unwrap_or(0),
                Ok(_) | Err(_) => 0,
            };
            self.connections.wrote(*fd, taken);
        }
        let differences = differences(&call.call, &call.expected, result);
        let got = told(&call.call, result);
        if differences.is_empty() {
            self.follow(call, result);
            self.row(Mark::Call, step.at.line, step.text.to_string());
            return Ok(());
        }
        let text = format!("{} (returned {got})", step.text);
        self.row(Mark::Call, step.at.line, text);
        let failure = Failure {
            expected: Some(step.text.to_string()),
            got: Some(format!("{got} at {}", seconds(elapsed(self.subject.now())))),
            differences,
            ..Failure::at(step.at, "the call did not return what it should")
        };
        Err(failure.into())
    }

    /// What the runner has to know of a call that went as it should.
    fn follow(&mut self, call: &PlannedCall, result: &std::result::Result<Reply, Errno>) {
        let number = call.expected.result.and_then(|number| Fd::try_from(number).ok());
        match (&call.call, result, number) {
            (Call::Socket { .. }, Ok(Reply::File(fd)), Some(number)) => {
                self.fds.insert(number, *fd);
                self.connections.socket(number);
            }
            (Call::EpollCreate, Ok(Reply::File(fd)), Some(number)) => {
                self.fds.insert(number, *fd);
            }
            (Call::Accept { .. }, Ok(Reply::Accepted(fd, remote)), Some(number)) => {
                self.fds.insert(number, *fd);
                if let Some(local) = self.name_of(*fd) {
                    let tuple = FourTuple { local, remote: *remote };
                    self.connections.accepted(number, tuple);
                }
            }
            (Call::Bind { fd, addr }, Ok(_), _) => self.connections.bound(*fd, *addr),
            (Call::Listen { fd, .. }, Ok(_), _) => self.connections.listening(*fd),
            (Call::Close { fd }, Ok(_), _) => {
                self.fds.remove(fd);
                self.connections.closed(*fd);
            }
            _ => {}
        }
    }

    /// Whether a call opens a connection: a `connect` on a socket that has none, or none any more.
    fn is_first_connect(&mut self, call: &Call) -> bool {
        let Call::Connect { fd, .. } = call else { return false };
        let Some(fd) = self.fds.get(fd).copied() else { return false };
        matches!(self.subject.call(Call::PeerName { fd }, false), Some(Err(_)))
    }

    /// `connect` has sent a SYN, whatever it returns.
    fn note_connect(&mut self, fd: Fd, remote: SocketAddr) {
        let live = self.fds.get(&fd).copied();
        if let Some(local) = live.and_then(|fd| self.name_of(fd)) {
            self.connections.connecting(fd, FourTuple { local, remote });
        }
    }

    fn name_of(&mut self, fd: Fd) -> Option<SocketAddr> {
        match self.subject.call(Call::Name { fd }, false) {
            Some(Ok(Reply::Addr(addr))) => Some(addr),
            Some(_) | None => None,
        }
    }

    /// The call with the host's descriptors for those of the script. One that the script has not
    /// opened is one that the host does not know.
    fn translated(&self, call: &Call) -> Call {
        let mut call = call.clone();
        for fd in call.descriptors() {
            *fd = self.fds.get(fd).copied().unwrap_or(-1);
        }
        call
    }
}

/// When a call that may block has to return.
fn end_of(step: &Step, call: &PlannedCall, base: Instant) -> Instant {
    let end = call.end.unwrap_or_default();
    match step.time {
        Time::Absolute(_) | Time::AbsoluteRange(..) | Time::Any => super::BEGIN + end,
        Time::Relative(_) | Time::RelativeRange(..) => base + end,
    }
}

/// Where a result is not what the script says.
fn differences(
    call: &Call,
    expected: &Expected,
    result: &std::result::Result<Reply, Errno>,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    let number = match result {
        Ok(reply) => returned_number(call, reply, expected),
        Err(_) => -1,
    };
    if let Some(wanted) = expected.result
        && wanted != number
    {
        let got = told(call, result);
        differences.push(Difference::new("result", &wanted, &got));
        return differences;
    }
    let error = result.as_ref().err().copied();
    if expected.errno.is_some() && expected.errno != error {
        let name = |errno: Option<Errno>| errno.map_or("none".to_owned(), |e| format!("{e:?}"));
        differences.push(Difference::new("error", &name(expected.errno), &name(error)));
    }
    if let Ok(reply) = result {
        differences.extend(out_difference(&expected.out, reply));
    }
    differences
}

/// What C would see as the result.
fn returned_number(call: &Call, reply: &Reply, expected: &Expected) -> i64 {
    let length = |len: usize| i64::try_from(len).expect("a length in memory");
    match (call, reply) {
        // The number of a new file is the script's to choose.
        (_, Reply::File(_) | Reply::Accepted(..)) => match expected.result {
            Some(number) if number >= 0 => number,
            Some(_) | None => 0,
        },
        (call, _) if tells_a_number(call) => 0,
        (_, Reply::Number(number) | Reply::Polled(number, _)) => *number,
        (_, Reply::Received(data)) => length(data.len()),
        (_, Reply::Events(events)) => length(events.len()),
        (_, Reply::Option(_) | Reply::Addr(_)) => 0,
    }
}

/// Calls that return 0, and leave a number in their argument.
fn tells_a_number(call: &Call) -> bool {
    matches!(
        call,
        Call::AtMark { .. }
            | Call::BytesReadable { .. }
            | Call::BytesUnacknowledged { .. }
            | Call::BytesUnsent { .. }
    )
}

fn out_difference(expected: &Out, reply: &Reply) -> Option<Difference> {
    match (expected, reply) {
        (Out::Nothing, _) => None,
        (Out::Value(wanted), Reply::Option(got)) => {
            (wanted != got).then(|| Difference::new("value", &value(wanted), &value(got)))
        }
        (Out::Value(Value::Int(wanted)), Reply::Number(got)) => {
            (i64::from(*wanted) != *got).then(|| Difference::new("value", &wanted, &got))
        }
        (Out::Octets(wanted), Reply::Received(got)) => {
            (wanted != got).then(|| Difference::new("data", &text(wanted), &text(got)))
        }
        (Out::Begin(wanted), Reply::Received(got)) => {
            (!got.starts_with(wanted)).then(|| Difference::new("data", &text(wanted), &text(got)))
        }
        (Out::Polled(wanted), Reply::Polled(_, got)) => {
            let same = |(a, b): (&PollFd, &PollFd)| a.revents == b.revents;
            (!wanted.iter().zip(got).all(same))
                .then(|| Difference::new("revents", &revents(wanted), &revents(got)))
        }
        (Out::Events(wanted), Reply::Events(got)) => {
            // Descriptors in the data are the script's own: the host does not look into it.
            (wanted != got).then(|| Difference::new("events", &watches(wanted), &watches(got)))
        }
        (_, got) => Some(Difference::new("value", &"another kind of answer", &format!("{got:?}"))),
    }
}

/// A result in the words of a script.
fn told(call: &Call, result: &std::result::Result<Reply, Errno>) -> String {
    match result {
        Err(errno) => format!("-1 {errno:?} ({})", errno.desc()),
        Ok(Reply::File(_) | Reply::Accepted(..)) => "a new descriptor".to_owned(),
        Ok(Reply::Option(found)) => format!("0 with {}", value(found)),
        Ok(Reply::Number(found)) if tells_a_number(call) => format!("0 with [{found}]"),
        Ok(reply) => {
            let any = Expected { result: None, errno: None, out: Out::Nothing };
            returned_number(call, reply, &any).to_string()
        }
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::Int(number) => format!("[{number}]"),
        Value::Linger(on, seconds) => format!("{{onoff={}, linger={seconds}}}", u8::from(*on)),
        Value::Time(time) => {
            format!("{{tv_sec={}, tv_usec={}}}", time.as_secs(), time.subsec_micros())
        }
        Value::Text(text) => format!("\"{text}\""),
        Value::Info(_) => "TCP_INFO".to_owned(),
    }
}

fn text(octets: &[u8]) -> String {
    format!("\"{}\"", octets.escape_ascii())
}

fn revents(fds: &[PollFd]) -> String {
    let each: Vec<_> = fds.iter().map(|entry| format!("{:#x}", entry.revents)).collect();
    each.join(", ")
}

fn watches(watches: &[Watch]) -> String {
    let each: Vec<_> = watches
        .iter()
        .map(|watch| format!("{{events={:#x}, data={}}}", watch.events, watch.data))
        .collect();
    if each.is_empty() { "none".to_owned() } else { each.join(", ") }
}
