//! The window we offer, and when it is worth telling (RFC 9293 3.8.6.2.2). How large the buffer behind it is
//! stands in `buffers`; the peer's window is `snd.wnd`.

use super::config::Config;
use super::context::Context;
use super::pool::Pool;
use super::state::State;
use super::tcb::Tcb;

impl Tcb {
    /// What the receive buffer has free, of what others leave of it, as far as it can be said in units of the
    /// scale.
    fn free_window(&self, config: &Config, pool: &Pool) -> u32 {
        let ready = u32::try_from(self.rcv.queue.ready_len()).unwrap_or(u32::MAX);
        let free = self.receive_buffer(config).min(left_of(pool)).saturating_sub(ready);
        let shift = self.negotiated.rcv_shift.unwrap_or(0);
        (free >> shift).min(0xffff) << shift
    }

    /// The window field of the next segment. The right edge moves only by a worthwhile step (silly
    /// window syndrome, RFC 9293 3.8.6.2.2, MUST-39), and never back.
    pub(super) fn window_field(&mut self, syn: bool, cx: &Context<'_>) -> u16 {
        if syn {
            // The window of a SYN is not scaled (RFC 7323 2.2): no more than this is on offer yet.
            self.rcv.wnd = self.rcv.wnd.min(0xffff).min(left_of(cx.pool));
            return u16::try_from(self.rcv.wnd).unwrap_or(u16::MAX);
        }
        let free = self.free_window(cx.config, cx.pool);
        let step = step(u32::from(self.own_mss(cx.config)), cx.config, cx.pool);
        let step = if cx.config.small_window_steps && free >= step { 0 } else { step };
        if free >= self.rcv.wnd.saturating_add(step) {
            self.rcv.wnd = free;
        }
        let shift = self.negotiated.rcv_shift.unwrap_or(0);
        u16::try_from(self.rcv.wnd >> shift).unwrap_or(u16::MAX)
    }

    /// Whether reading has made so much room that the peer should be told at once.
    pub(super) fn window_update_is_due(&self, config: &Config, pool: &Pool) -> bool {
        let can_receive = match self.state {
            State::Established | State::FinWait1 | State::FinWait2 => true,
            State::Closed
            | State::Listen
            | State::SynSent
            | State::SynReceived
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait => false,
        };
        let free = self.free_window(config, pool);
        let step = step(2 * u32::from(self.own_mss(config)), config, pool);
        can_receive && free >= self.rcv.wnd.saturating_add(step) && free / 2 >= self.rcv.wnd
    }
}

/// How much others let a receive queue take in: what has come in is not left any more, so that of all that is
/// left now a ninth would find no room.
fn left_of(pool: &Pool) -> u32 {
    let longest = pool.queues.longest_queue();
    u32::try_from(longest - longest / 8).unwrap_or(u32::MAX)
}

/// What is worth telling: so much, or half of the buffer if that is less. Of the buffer as others leave it: else
/// a window that was closed would not open again for segments that are longer than what is left.
fn step(octets: u32, config: &Config, pool: &Pool) -> u32 {
    octets.min(config.receive_buffer.min(left_of(pool)) / 2)
}
