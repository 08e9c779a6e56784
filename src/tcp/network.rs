//! What the network tells of our segments, by ICMP errors (RFC 9293 3.9.2.2). Most connections never hear of
//! any. Which connection an error is about, the stack has found out; what becomes of segments that are too
//! big is in `path_mtu`.

use super::context::Context;
use super::path_mtu::PathMtu;
use super::state::{Cause, State};
use super::tcb::Tcb;
use crate::error::Error;
use crate::seq::Seq;
use crate::trace::{DropReason, ErrorEffect, Mask, Role, What};
use crate::wire::Problem;

/// What was heard of the network, or found out about it.
#[derive(Clone, Debug, Default)]
pub(super) struct Network {
    trouble: Option<Trouble>,
    pub(super) path_mtu: Option<PathMtu>,
}

/// A soft error, as long as it may be what keeps a connection from getting on.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    error: Error,
    /// How much had been delivered then: once it is more, the error is history.
    delivered: u64,
}

impl Tcb {
    /// An ICMP error came about the segment of this connection that begins with `seq`, in a packet of
    /// `len` octets.
    ///
    /// A forged one has to name a number that is in flight: the sender of a real one has seen the segment
    /// (RFC 5927 4.1).
    ///
    /// # Errors
    ///
    /// Why nothing comes of it.
    pub fn on_network_error(
        &mut self,
        problem: Problem,
        (seq, len): (Seq, u32),
        cx: &mut Context<'_>,
    ) -> Result<(), DropReason> {
        let is_in_flight = self.snd.una.le(seq) && seq.lt(self.snd.nxt);
        if !is_in_flight {
            return Err(DropReason::IcmpNotInFlight);
        }
        let tell = |effect, cx: &mut Context<'_>| {
            cx.raise(Mask::PATH | Mask::REPORTS, || What::NetworkError { problem, seq, effect });
        };
        let error = match problem {
            Problem::SourceQuench => return Err(DropReason::SourceQuench),
            Problem::TooBig { mtu } => {
                let size = self.judge_too_big(mtu, seq, len, cx)?;
                tell(ErrorEffect::Shrinks, cx);
                self.shrink(size, seq, cx);
                return Ok(());
            }
            Problem::PortUnreachable => Error::ConnectionRefused,
            Problem::ProtocolUnreachable => Error::ProtocolUnreachable,
            Problem::Prohibited => Error::Prohibited,
            Problem::NetworkUnreachable => Error::NetworkUnreachable,
            // Lost on the way, or for the way: the peer cannot be reached like this.
            Problem::HostUnreachable | Problem::TimeExceeded | Problem::ParameterProblem => {
                Error::HostUnreachable
            }
        };
        if is_hard(problem) && !self.state.is_synchronized() {
            tell(ErrorEffect::Aborts, cx);
            self.give_up_the_attempt(error, cx);
        } else {
            tell(ErrorEffect::Remembered, cx);
            let delivered = self.progress.delivered;
            let network = self.network.get_or_insert_default();
            network.trouble = Some(Trouble { error, delivered });
        }
        Ok(())
    }

    /// The error that has been heard of since anything was delivered last: the likely cause, should nothing
    /// ever be (RFC 9293 3.9.2.2, SHLD-25).
    pub(super) fn trouble(&self) -> Option<Error> {
        let trouble = self.network.as_deref()?.trouble?;
        (trouble.delivered == self.progress.delivered).then_some(trouble.error)
    }

    /// Nobody will answer our SYN (RFC 9293 3.9.2.2, SHLD-26). One that answers another's goes back to where
    /// it came from, as for a RST.
    fn give_up_the_attempt(&mut self, error: Error, cx: &mut Context<'_>) {
        if self.state == State::SynReceived && self.role == Role::Passive {
            self.enter(State::Listen, Cause::Unreachable, cx);
        } else {
            self.fail(error, Cause::Unreachable, cx);
        }
    }
}

/// Whether it is of no use to go on trying. That ends an attempt to connect, and nothing else: an error
/// that comes in the middle of a connection, where the peer has been heard before, is more likely forged or
/// passing than true, and if it is true the timeout finds out (RFC 5927 5.2, RFC 5461;
/// docs/decisions/0010-errors-of-the-network.md).
const fn is_hard(problem: Problem) -> bool {
    match problem {
        Problem::ProtocolUnreachable | Problem::PortUnreachable | Problem::Prohibited => true,
        Problem::NetworkUnreachable
        | Problem::HostUnreachable
        | Problem::TooBig { .. }
        | Problem::TimeExceeded
        | Problem::ParameterProblem
        | Problem::SourceQuench => false,
    }
}
