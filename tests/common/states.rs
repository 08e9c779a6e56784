//! Ways into each of the eleven states, by real exchanges.

use super::{Prober, State, ack, fin, syn, syn_ack};

/// The states of an open connection that take segments as RFC 9293 3.10.7.4 has it.
pub const OPEN_STATES: [State; 8] = [
    State::SynReceived,
    State::Established,
    State::FinWait1,
    State::FinWait2,
    State::CloseWait,
    State::Closing,
    State::LastAck,
    State::TimeWait,
];

impl Prober {
    /// A new prober whose connection is in `state`; the prober has opened it, where that can be.
    #[track_caller]
    pub fn in_state(state: State) -> Prober {
        let mut prober = Prober::new();
        prober.reach(state);
        prober
    }

    /// As [`Prober::in_state`], opened by the stack.
    #[track_caller]
    pub fn active_in_state(state: State) -> Prober {
        let mut prober = Prober::new();
        prober.reach_actively(state);
        prober
    }

    /// Opens a connection and brings it to `state`. All that the stack has sent was looked at, and all
    /// but what the state waits for was acknowledged.
    #[track_caller]
    pub fn reach(&mut self, state: State) -> &mut Self {
        match state {
            State::Closed => {
                let listener = self.listener.take().expect("nobody listens twice");
                self.stack.unlisten(listener, self.now);
            }
            State::Listen => {}
            State::SynSent => return self.reach_actively(state),
            State::SynReceived => {
                self.send(syn()).expect(syn_ack().seq(0).ack(1));
            }
            State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait => {
                self.send(syn()).expect(syn_ack().seq(0).ack(1)).send(ack()).accept();
                self.leave_established(state);
            }
        }
        self.arrive(state)
    }

    /// As [`Prober::reach`], opened by the stack. SYN_RCVD is that of a simultaneous open.
    #[track_caller]
    pub fn reach_actively(&mut self, state: State) -> &mut Self {
        self.connect().expect(syn().seq(0));
        match state {
            State::Closed | State::Listen => unreachable!("{state} is nobody's doing"),
            State::SynSent => {}
            State::SynReceived => {
                self.send(syn()).expect(syn_ack().seq(0).ack(1));
            }
            State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait => {
                self.send(syn_ack()).expect(ack().seq(1).ack(1));
                self.leave_established(state);
            }
        }
        self.arrive(state)
    }

    #[track_caller]
    fn leave_established(&mut self, state: State) {
        match state {
            State::Closed
            | State::Listen
            | State::SynSent
            | State::SynReceived
            | State::Established => {}
            State::FinWait1 => {
                self.close().expect(fin().seq(1).ack(1));
            }
            State::FinWait2 => {
                self.close().expect(fin().seq(1).ack(1)).send(ack().ack(2));
            }
            State::CloseWait => {
                self.send(fin()).expect(ack().ack(2));
            }
            State::Closing => {
                self.close().expect(fin().seq(1).ack(1)).send(fin().ack(1)).expect(ack().ack(2));
            }
            State::LastAck => {
                self.send(fin()).expect(ack().ack(2)).close().expect(fin().seq(1).ack(2));
            }
            State::TimeWait => {
                self.close().expect(fin().seq(1).ack(1)).send(ack().ack(2));
                self.send(fin()).expect(ack().seq(2).ack(2));
            }
        }
    }

    #[track_caller]
    fn arrive(&mut self, state: State) -> &mut Self {
        self.expect_silence();
        if state != State::Listen {
            self.expect_state(state);
        }
        self
    }
}
