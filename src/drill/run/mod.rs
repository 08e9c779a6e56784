//! Running a plan: event after event against a host in virtual time, until one is not as the script
//! says. Nothing sleeps, nothing is random: the same script runs the same way each time.
//!
//! `schedule` is when events take place, `calls` makes calls and looks at what they return, `inject`
//! and `expect` are packets to and from the stack, `connection` knows whose they are and how their
//! numbers are counted, `subject` is what it all is played against, `outcome` is what came of it.

mod calls;
mod connection;
mod expect;
mod inject;
mod outcome;
mod schedule;
mod subject;
mod waiting;

use std::collections::BTreeMap;
use std::time::Duration;

pub use outcome::{Difference, Failure, Mark, Note, Row, Run};
pub use subject::{Returned, Subject};

use connection::Connections;
use schedule::Previous;
use subject::Simulated;
use waiting::Waiting;

use super::host::{Call, Fd, Reply, TcpInfo, Value};
use super::plan::{Deed, Order, Plan, Step, information_constant};
use super::script::code::{Statement, Variables};
use crate::tcp::State;
use crate::time::Instant;
use crate::trace::Sink;

/// Where the script's clock begins on that of the stack: not at its beginning, so that nothing that
/// begins at zero passes for right.
pub const BEGIN: Instant = Instant::from_millis(10_000);

/// Runs a plan against our own stack in virtual time.
#[must_use]
pub fn run(plan: &Plan) -> Run {
    run_against(plan, Box::new(Simulated::new(&plan.setup, None)))
}

/// The same, and tells `sink` what happens in the stack meanwhile.
#[must_use]
pub fn run_telling(plan: &Plan, sink: Box<dyn Sink>) -> Run {
    run_against(plan, Box::new(Simulated::new(&plan.setup, Some(sink))))
}

/// Runs a plan against whatever there is.
#[must_use]
pub fn run_against(plan: &Plan, subject: Box<dyn Subject>) -> Run {
    let mut runner = Runner::new(plan, subject);
    let failure = runner.all().err();
    runner.into_run(failure)
}

/// What a step came to.
type Result<T = ()> = std::result::Result<T, Box<Failure>>;

struct Runner<'a> {
    plan: &'a Plan,
    subject: Box<dyn Subject>,
    connections: Connections,
    /// Descriptors of the script, and what the host calls them.
    fds: BTreeMap<Fd, Fd>,
    /// A call that has not returned.
    waiting: Option<Waiting<'a>>,
    previous: Previous,
    variables: Variables,
    rows: Vec<Row>,
    notes: Vec<Note>,
    steps_done: usize,
    unasked: usize,
}

impl<'a> Runner<'a> {
    fn new(plan: &'a Plan, subject: Box<dyn Subject>) -> Self {
        let setup = &plan.setup;
        Runner {
            plan,
            subject,
            connections: Connections::new(setup.local, setup.remote),
            fds: BTreeMap::new(),
            waiting: None,
            previous: Previous::begin(BEGIN),
            variables: Variables::default(),
            rows: Vec::new(),
            notes: Vec::new(),
            steps_done: 0,
            unasked: 0,
        }
    }

    fn all(&mut self) -> Result {
        let plan = self.plan;
        self.obey(&plan.init)?;
        for step in &plan.steps {
            self.step(step)?;
            self.steps_done += 1;
        }
        self.wait_for_call()
    }

    fn step(&mut self, step: &'a Step) -> Result {
        let base = self.base_of(step);
        let result = match &step.deed {
            Deed::Inject(packet) => {
                self.go_to(step, base)?;
                self.inject(step, packet)
            }
            Deed::Expect(packet) => self.expect(step, packet, base),
            Deed::Call(call) => {
                self.go_to(step, base)?;
                self.call(step, call, base)
            }
            Deed::Orders(orders) => {
                self.go_to(step, base)?;
                self.obey(orders)?;
                self.row(Mark::Note, step.at.line, format!("{}", step.text));
                Ok(())
            }
            Deed::Assert(statements) => {
                self.go_to(step, base)?;
                self.assert(step, statements)
            }
        };
        self.previous = self.previous_of(step, base);
        match result {
            Err(failure) if self.is_fatal(step) => Err(failure),
            Err(failure) => {
                self.notes.push(Note { line: step.at.line, text: failure.to_string() });
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Whether a failure of this event ends the script.
    fn is_fatal(&self, step: &Step) -> bool {
        match step.deed {
            Deed::Inject(_) | Deed::Expect(_) => !self.plan.setup.packets_are_non_fatal,
            Deed::Call(_) => !self.plan.setup.calls_are_non_fatal,
            Deed::Orders(_) | Deed::Assert(_) => true,
        }
    }

    fn obey(&mut self, orders: &[Order]) -> Result {
        for order in orders {
            match order {
                Order::Settings(at, defaults) => {
                    let configured = self.subject.configure(defaults);
                    configured.map_err(|why| Failure::at(*at, why))?;
                }
                Order::Count { at, state, count } => self.count(*at, *state, *count)?,
            }
        }
        Ok(())
    }

    fn count(&self, at: super::script::ast::Position, state: State, count: usize) -> Result {
        if !self.subject.tells_all() {
            let what = "nobody to ask which connections there are";
            return Err(Failure::at(at, what).into());
        }
        let all = self.subject.statuses();
        let found = all.iter().filter(|summary| summary.status.state == state).count();
        if found == count {
            return Ok(());
        }
        let states: Vec<_> = all.iter().map(|summary| summary.status.state.to_string()).collect();
        let what = format!(
            "{count} connection(s) should be in {state}, {found} are; the states are: {}",
            if states.is_empty() { "none".to_owned() } else { states.join(", ") },
        );
        Err(Failure::at(at, what).into())
    }

    fn assert(&mut self, step: &Step, statements: &[Statement]) -> Result {
        let info = self.information();
        if info.is_none() && self.connections.current().is_some() {
            self.unasked += 1;
            let text = format!("nobody to ask: {}", step.text);
            self.notes.push(Note { line: step.at.line, text });
            return Ok(());
        }
        let longer_by = u64::from(self.plan.setup.longer_by());
        let lookup = |name: &str| {
            let field = info.as_ref().and_then(|info| info.field(name));
            // Scripts count packets as they are over IPv4.
            let field = field.map(|value| match name {
                "tcpi_pmtu" => value.saturating_sub(longer_by),
                _ => value,
            });
            let field = field.and_then(|value| i64::try_from(value).ok());
            field.or_else(|| information_constant(name))
        };
        for statement in statements {
            match statement.run(&mut self.variables, &lookup) {
                Ok(printed) => {
                    let line = statement.at.line;
                    self.notes.extend(printed.map(|text| Note { line, text }));
                }
                Err(failure) => {
                    let text = format!("the assertion fails: {failure}");
                    self.row(Mark::Note, statement.at.line, statement.text.clone());
                    return Err(Failure::at(failure.at, text).into());
                }
            }
        }
        self.row(Mark::Note, step.at.line, step.text.to_string());
        Ok(())
    }

    /// `TCP_INFO` of the connection under test. `None` while there is none, or when it has no descriptor and
    /// cannot be asked without.
    fn information(&mut self) -> Option<TcpInfo> {
        let current = self.connections.current()?;
        if let Some(fd) = current.fd.and_then(|fd| self.fds.get(&fd).copied()) {
            let (level, name) = (libc::SOL_TCP, libc::TCP_INFO);
            let call = Call::GetOption { fd, level, name };
            if let Some(Ok(Reply::Option(Value::Info(info)))) = self.subject.call(call, false) {
                return Some(info);
            }
        }
        if !self.subject.tells_all() {
            return None;
        }
        let summary = current.tuple.and_then(|tuple| self.subject.status(&tuple));
        let unit = self.plan.setup.habits.congestion_windows;
        Some(summary.map_or_else(
            || TcpInfo::of_state(State::Closed),
            |summary| TcpInfo::of(&summary, unit),
        ))
    }

    fn row(&mut self, mark: Mark, line: u32, text: String) {
        self.row_at(self.subject.now(), mark, Some(line), text);
    }

    fn row_at(&mut self, at: Instant, mark: Mark, line: Option<u32>, text: String) {
        let current = self.connections.current();
        let status = current.and_then(|current| current.tuple);
        let status = status.and_then(|tuple| self.subject.status(&tuple));
        let state = match (&status, current) {
            (Some(summary), _) => Some(summary.status.state),
            (None, Some(current)) if current.is_listening => Some(State::Listen),
            (None, Some(_)) => Some(State::Closed),
            (None, None) => None,
        };
        let timers = status.map_or_else(Vec::new, |summary| summary.status.timers);
        self.rows.push(Row { at: elapsed(at), line, mark, text, state, timers });
    }

    fn into_run(mut self, failure: Option<Box<Failure>>) -> Run {
        // A packet is looked at when the script comes to it, which may be long after it left.
        self.rows.sort_by_key(|row| row.at);
        Run {
            failure,
            length: elapsed(self.subject.now()),
            rows: self.rows,
            notes: self.notes,
            steps: self.steps_done,
            unasked: self.unasked,
        }
    }
}

/// How long the script has run.
fn elapsed(at: Instant) -> Duration {
    at.since(BEGIN)
}
