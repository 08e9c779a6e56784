//! `TCP_INFO`: a snapshot of a connection in the words and the layout of Linux.

use std::net::SocketAddr;

use crate::seq::Seq;
use crate::stack::Summary;
use crate::tcp::{Config, RecoveryState, State, Tcb, Timer};
use crate::time::Instant;
use crate::trace::ConnId;

/// The duplicate ACKs that are taken for a loss, which Linux calls reordering.
const REORDERING: u64 = 3;
/// The threshold of a connection that has met no loss.
const INFINITE_THRESHOLD: u64 = 0x7fff_ffff;

/// One snapshot: its fields in the order of `struct tcp_info`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpInfo {
    fields: Vec<Field>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    name: &'static str,
    octets: usize,
    /// `None`: this stack does not know.
    value: Option<u64>,
}

/// How congestion windows are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowUnit {
    /// In segments, as Linux does.
    Segments,
    /// In octets, as FreeBSD does.
    Octets,
}

impl TcpInfo {
    /// Of a connection.
    #[must_use]
    pub fn of(summary: &Summary, unit: WindowUnit) -> Self {
        let mut info = Info { fields: Vec::with_capacity(50) };
        info.octets(summary);
        info.timers_and_sizes(summary);
        info.flight(summary, unit);
        info.totals(summary);
        TcpInfo { fields: info.fields }
    }

    /// Of a socket without a connection: `state` is all there is.
    #[must_use]
    pub fn of_state(state: State) -> Self {
        let fields = vec![Field { name: "tcpi_state", octets: 1, value: Some(number(state)) }];
        TcpInfo { fields }
    }

    /// The names of the fields that this stack knows the values of.
    #[must_use]
    pub fn known_fields() -> Vec<&'static str> {
        let info = TcpInfo::any();
        let known = info.fields.iter().filter(|field| field.value.is_some());
        known.map(|field| field.name).collect()
    }

    /// Of a connection that has just begun.
    fn any() -> Self {
        let any = SocketAddr::from(([0; 4], 0));
        let config = Config::default();
        let status = Tcb::new(Seq(0), 0, &config).status(Instant::ZERO, &config);
        let summary = Summary { id: ConnId(0), local: any, remote: any, status };
        TcpInfo::of(&summary, WindowUnit::Segments)
    }

    /// A field by its name; `None` when there is no such field, or this stack does not know it.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<u64> {
        self.fields.iter().find(|field| field.name == name)?.value
    }

    /// What the octets of `struct tcp_info` say, as [`TcpInfo::to_octets`] writes them: of the fields that
    /// this stack knows, as many as there are octets.
    #[must_use]
    pub fn from_octets(octets: &[u8]) -> Self {
        let mut fields = TcpInfo::any().fields;
        let mut at = 0_usize;
        for field in &mut fields {
            at = at.next_multiple_of(field.octets);
            let there = octets.get(at..at + field.octets);
            let value = there.map(|there| {
                let place = |(octet, place): (&u8, usize)| u64::from(*octet) << (8 * place);
                if cfg!(target_endian = "little") {
                    there.iter().zip(0..).map(place).sum()
                } else {
                    there.iter().rev().zip(0..).map(place).sum()
                }
            });
            field.value = field.value.and(value);
            at += field.octets;
        }
        TcpInfo { fields }
    }

    /// The octets of `struct tcp_info`; what is not known is zero.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        for field in &self.fields {
            while octets.len() % field.octets != 0 {
                octets.push(0);
            }
            let value = field.value.unwrap_or(0).to_ne_bytes();
            let value = if cfg!(target_endian = "little") {
                &value[..field.octets]
            } else {
                &value[8 - field.octets..]
            };
            octets.extend_from_slice(value);
        }
        octets
    }
}

/// A snapshot being made.
struct Info {
    fields: Vec<Field>,
}

impl Info {
    fn add(&mut self, name: &'static str, octets: usize, value: u64) {
        self.fields.push(Field { name, octets, value: Some(value) });
    }

    fn unknown(&mut self, name: &'static str, octets: usize) {
        self.fields.push(Field { name, octets, value: None });
    }

    /// The fields of one octet.
    fn octets(&mut self, summary: &Summary) {
        let status = &summary.status;
        self.add("tcpi_state", 1, number(status.state));
        self.add("tcpi_ca_state", 1, congestion_state(status.recovery));
        let probes = status.timers.iter().any(|left| left.timer == Timer::Persist);
        let timeouts = u64::from(status.timeouts);
        self.add("tcpi_retransmits", 1, if probes { 0 } else { timeouts });
        self.add("tcpi_probes", 1, if probes { timeouts } else { 0 });
        self.add("tcpi_backoff", 1, timeouts);
        let scales = status.send_window_scale.is_some();
        let options = [(status.timestamps, 1), (status.sack, 2), (scales, 4), (status.ecn, 8)];
        let options = options.iter().filter(|(on, _)| *on).map(|(_, bit)| bit).sum();
        self.add("tcpi_options", 1, options);
        let [snd, rcv] = [status.send_window_scale, status.receive_window_scale]
            .map(|shift| u64::from(shift.unwrap_or(0)));
        self.add("tcpi_wscale", 1, snd | rcv << 4);
        let limited = u64::from(status.path.delivery_rate_is_app_limited);
        self.add("tcpi_delivery_rate_app_limited", 1, limited);
    }

    fn timers_and_sizes(&mut self, summary: &Summary) {
        let status = &summary.status;
        self.add("tcpi_rto", 4, micros(status.rto));
        self.unknown("tcpi_ato", 4);
        self.add("tcpi_snd_mss", 4, status.send_mss.into());
        self.unknown("tcpi_rcv_mss", 4);
    }

    fn flight(&mut self, summary: &Summary, unit: WindowUnit) {
        let status = &summary.status;
        self.add("tcpi_unacked", 4, status.segments_in_flight.into());
        self.add("tcpi_sacked", 4, status.segments_sacked.into());
        self.add("tcpi_lost", 4, status.segments_lost.into());
        self.add("tcpi_retrans", 4, status.segments_sent_again.into());
        self.unknown("tcpi_fackets", 4);
        for name in [
            "tcpi_last_data_sent",
            "tcpi_last_ack_sent",
            "tcpi_last_data_recv",
            "tcpi_last_ack_recv",
        ] {
            self.unknown(name, 4);
        }
        self.add("tcpi_pmtu", 4, status.path.mtu.into());
        self.unknown("tcpi_rcv_ssthresh", 4);
        self.add("tcpi_rtt", 4, status.srtt.map_or(0, micros));
        self.add("tcpi_rttvar", 4, micros(status.rttvar));
        let per = match unit {
            WindowUnit::Segments => status.send_mss.max(1),
            WindowUnit::Octets => 1,
        };
        let is_infinite = u64::from(status.ssthresh) >= INFINITE_THRESHOLD;
        let threshold =
            if is_infinite { INFINITE_THRESHOLD } else { u64::from(status.ssthresh / per) };
        self.add("tcpi_snd_ssthresh", 4, threshold);
        self.add("tcpi_snd_cwnd", 4, u64::from(status.cwnd / per));
        self.add("tcpi_advmss", 4, status.receive_mss.into());
        self.add("tcpi_reordering", 4, REORDERING);
        self.unknown("tcpi_rcv_rtt", 4);
        self.add("tcpi_rcv_space", 4, status.receive_window.into());
        self.add("tcpi_total_retrans", 4, status.retransmissions);
    }

    fn totals(&mut self, summary: &Summary) {
        let status = &summary.status;
        self.add("tcpi_pacing_rate", 8, status.path.pacing_rate.unwrap_or(u64::MAX));
        self.unknown("tcpi_max_pacing_rate", 8);
        self.add("tcpi_bytes_acked", 8, status.octets_acknowledged);
        self.add("tcpi_bytes_received", 8, status.octets_received);
        self.add("tcpi_segs_out", 4, status.segments_sent);
        self.add("tcpi_segs_in", 4, status.segments_received);
        self.add("tcpi_notsent_bytes", 4, u64::try_from(status.unsent).unwrap_or(u64::MAX));
        let path = &status.path;
        self.add("tcpi_min_rtt", 4, path.min_rtt.map_or(0, micros));
        self.unknown("tcpi_data_segs_in", 4);
        self.unknown("tcpi_data_segs_out", 4);
        self.add("tcpi_delivery_rate", 8, path.delivery_rate.unwrap_or(0));
        for name in ["tcpi_busy_time", "tcpi_rwnd_limited", "tcpi_sndbuf_limited"] {
            self.unknown(name, 8);
        }
        let per = u64::from(status.send_mss.max(1));
        self.add("tcpi_delivered", 4, path.delivered.div_ceil(per));
        self.unknown("tcpi_delivered_ce", 4);
        let sent = status.octets_acknowledged + u64::from(status.in_flight) + path.sent_again;
        self.add("tcpi_bytes_sent", 8, sent);
        self.add("tcpi_bytes_retrans", 8, path.sent_again);
        self.add("tcpi_dsack_dups", 4, path.arrived_twice.into());
        self.add("tcpi_reord_seen", 4, path.reordering_seen.into());
        self.unknown("tcpi_rcv_ooopack", 4);
        self.add("tcpi_snd_wnd", 4, status.send_window.into());
        self.add("tcpi_rcv_wnd", 4, status.receive_window.into());
    }
}

/// The numbers of `enum` in Linux's `netinet/tcp.h`.
fn number(state: State) -> u64 {
    match state {
        State::Established => 1,
        State::SynSent => 2,
        State::SynReceived => 3,
        State::FinWait1 => 4,
        State::FinWait2 => 5,
        State::TimeWait => 6,
        State::Closed => 7,
        State::CloseWait => 8,
        State::LastAck => 9,
        State::Listen => 10,
        State::Closing => 11,
    }
}

fn congestion_state(recovery: RecoveryState) -> u64 {
    match recovery {
        RecoveryState::Open => 0,
        RecoveryState::Disorder => 1,
        RecoveryState::Reduced => 2,
        RecoveryState::Recovery => 3,
        RecoveryState::Loss => 4,
    }
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_say_what_was_written() {
        let mut info = TcpInfo::any();
        for (field, value) in info.fields.iter_mut().zip(0x0123_4567_89ab_cdef_u64..) {
            let room = 64 - 8 * u32::try_from(field.octets).expect("8 at most");
            field.value = field.value.and(Some(value << room >> room));
        }
        let octets = info.to_octets();
        assert_eq!(TcpInfo::from_octets(&octets), info);
        let short = TcpInfo::from_octets(&octets[..1]);
        assert_eq!((short.field("tcpi_state"), short.field("tcpi_rto")), (Some(0xef), None));
    }
}
