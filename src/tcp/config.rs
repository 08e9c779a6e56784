//! The settings of the TCP machine, with their defaults and where these come from.

use std::time::Duration;

use super::congestion::Algorithm;
use super::negotiation::DEFAULT_MSS;

/// Settings that all connections of a stack share, or start from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Config {
    /// Maximum segment lifetime: `TIME_WAIT` lasts twice as long. Default 30 s, as most systems have it
    /// (RFC 9293 3.4.2 suggests 2 minutes).
    pub msl: Duration,
    /// The largest segment to announce to peers, in octets of data (RFC 9293 3.7.1). The stack sets
    /// it from the MTU. Default 536, what every IPv4 host takes.
    pub mss: u16,
    /// Octets of IP options in front of each segment, which the data has to leave room for. The stack sets it
    /// from the route of a connection. Default 0.
    pub ip_options: u16,
    /// Whether sizes of packets are found out that a path carries and nobody tells. Default: when full
    /// segments seem to vanish.
    pub path_mtu_probing: MtuProbing,
    /// No ICMP error makes packets shorter than that, in octets: a forged one shall not get us to send a
    /// header for every few octets. Default 552, the least that IPv4 paths have shown; IPv6 has 1280 at least.
    pub min_path_mtu: u16,
    /// RCV.BUFF: octets a peer may send ahead of the application. Default 1 MiB.
    pub receive_buffer: u32,
    /// What it may grow to where windows turn out too small for the path. Default 0: it does not grow.
    pub receive_buffer_max: u32,
    /// Once the segment size is known, RCV.BUFF is rounded up to a multiple of it, as on FreeBSD. Default
    /// false.
    pub whole_segment_buffer: bool,
    /// The right edge of the window moves with every ACK that leaves anyway, however little, as on
    /// FreeBSD; only windows that are small themselves are not offered. Default false: it moves by a
    /// segment or half of the buffer (RFC 9293 3.8.6.2.2).
    pub small_window_steps: bool,
    /// Octets an application may write ahead of the peer's acknowledgments. Default 1 MiB.
    pub send_buffer: usize,
    /// What that may grow to with the congestion window. Default 0: it does not grow.
    pub send_buffer_max: usize,
    /// Octets of data that one segment may carry when the device cuts it into such as the path allows.
    /// The stack sets it from what its device can do. Default 0: it cannot.
    pub burst: u32,
    /// Offer window scaling (RFC 7323 2). Default true.
    pub window_scaling: bool,
    /// The shift to announce, 0 to 14 (RFC 7323 2.3). Default none: the smallest with which the whole
    /// receive buffer can be announced, as large as it may become.
    pub window_shift: Option<u8>,
    /// Offer timestamps (RFC 7323 3). Default true.
    pub timestamps: bool,
    /// Where timestamps are in use, drop what comes without (RFC 7323 3.2). Default true; Linux takes it.
    pub require_timestamps: bool,
    /// Offer SACK (RFC 2018). Default true.
    pub sack: bool,
    /// Report what arrives twice, where SACK is in use (D-SACK, RFC 2883). Default true.
    pub dsack: bool,
    /// Explicit congestion notification (RFC 3168). Default: when the peer asks for it.
    pub ecn: EcnMode,
    /// Nagle's algorithm (RFC 9293 3.7.4, SHLD-7). Default true.
    pub nagle: bool,
    /// How long an acknowledgment may wait for company. Default 40 ms; longer than
    /// [`Config::LONGEST_ACK_DELAY`] counts as that.
    pub delayed_ack: Duration,
    /// So many segments at the beginning of a connection are acknowledged at once, as on Linux, to help
    /// the peer's slow start. Default 0.
    pub quick_acks: u32,
    /// The retransmission timeout before anything was measured (RFC 6298 2.1). Default 1 s.
    pub initial_rto: Duration,
    /// Its floor. Default 200 ms; RFC 6298 2.4 suggests 1 s, which no current system uses.
    pub min_rto: Duration,
    /// The least that it allows for variation, beyond the smoothed round-trip time: G in RFC 6298 2.3,
    /// where Linux has 200 ms. Default 50 ms: over a path that never varies the timeout would come just
    /// when the acknowledgment does, once the floor of 200 ms is no more than that.
    pub min_variation: Duration,
    /// Its ceiling, at least 60 s (RFC 6298 2.5). Default 60 s.
    pub max_rto: Duration,
    /// R2 for SYNs, as a number of retransmissions (RFC 9293 3.8.3, MUST-23: at least 3 minutes).
    /// Default 8: given up after 243 s.
    pub syn_retries: u32,
    /// R2 for everything else (SHLD-11: at least 100 s). Default 15.
    pub data_retries: u32,
    /// The same once the application has let go: neither silence nor a window that stays closed, with every
    /// probe of it answered, may keep what nobody waits for any longer (RFC 6429, docs/decisions/0016). Default 8: given up
    /// after 102 s, when acknowledgments came at once.
    pub orphan_retries: u32,
    /// Give up when nothing was acknowledged for this long (RFC 9293 3.9.1.1). Default none: R2 decides.
    pub user_timeout: Option<Duration>,
    /// Probe connections that are silent (RFC 9293 3.8.4). Default none (MUST-25).
    pub keepalive: Option<Keepalive>,
    /// How long `FIN_WAIT_2` may last once nobody reads any more. Default 60 s.
    pub orphan_timeout: Duration,
    /// Tell losses by time (RACK, RFC 8985), where SACK is in use; otherwise by counting (RFC 6675). Default
    /// true.
    pub rack: bool,
    /// Probe for the loss of the last segments (RFC 8985 7), where SACK is in use. Default true.
    pub tail_loss_probe: bool,
    /// The least time to wait before such a probe: what timers and schedulers may be late. Default 2 ms.
    pub min_probe_timeout: Duration,
    /// How much later it comes when less than two segments are out, which a peer may acknowledge late
    /// (TLP.max_ack_delay). Default 50 ms.
    pub max_ack_delay: Duration,
    /// After a timeout, wait for proof that anything was lost before sending more than one segment again
    /// (F-RTO, RFC 5682). Default true.
    pub frto: bool,
    /// How the congestion window moves. Default CUBIC.
    pub congestion: Algorithm,
    /// The initial congestion window in segments (RFC 6928). Default 10.
    pub initial_window: u32,
    /// After a pause of more than an RTO, begin again with the initial window (RFC 5681 4.1). Default
    /// false: a window that was in use is kept for five minutes (RFC 7661 4.3).
    pub restart_after_idle: bool,
    /// Immediate ACKs that unacceptable segments can draw from one connection in a second (RFC 5961 7).
    /// Default 10.
    pub challenge_acks: u32,
}

/// When a connection tries packets of several lengths to see which arrive (RFC 4821, RFC 8899). That ICMP
/// errors are heard does not depend on it (RFC 1191, RFC 8201).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MtuProbing {
    /// Never.
    Off,
    /// When full segments seem to vanish, and when what was known of the path is ten minutes old.
    #[default]
    OnBlackHole,
    /// From the beginning: segments are small until larger ones have arrived.
    Always,
}

/// When a connection uses explicit congestion notification (RFC 3168 6.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EcnMode {
    /// Never.
    Off,
    /// When the peer asks for it.
    #[default]
    Accept,
    /// Our SYNs ask for it, too.
    On,
}

/// When and how often to ask a silent peer whether it is there (RFC 9293 3.8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Keepalive {
    /// Silence before the first probe. The RFC asks for a default of no less than two hours (MUST-28).
    pub idle: Duration,
    /// Between probes.
    pub interval: Duration,
    /// Probes without an answer before the connection is given up.
    pub probes: u32,
}

impl Default for Keepalive {
    /// Two hours, then nine probes 75 s apart.
    fn default() -> Self {
        Keepalive { idle: Duration::from_hours(2), interval: Duration::from_secs(75), probes: 9 }
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            msl: Duration::from_secs(30),
            mss: DEFAULT_MSS,
            ip_options: 0,
            path_mtu_probing: MtuProbing::OnBlackHole,
            min_path_mtu: 552,
            receive_buffer: 1 << 20,
            receive_buffer_max: 0,
            whole_segment_buffer: false,
            small_window_steps: false,
            send_buffer: 1 << 20,
            send_buffer_max: 0,
            burst: 0,
            window_scaling: true,
            window_shift: None,
            timestamps: true,
            require_timestamps: true,
            sack: true,
            dsack: true,
            ecn: EcnMode::Accept,
            nagle: true,
            delayed_ack: Duration::from_millis(40),
            quick_acks: 0,
            initial_rto: Duration::from_secs(1),
            min_rto: Duration::from_millis(200),
            min_variation: Duration::from_millis(50),
            max_rto: Duration::from_mins(1),
            syn_retries: 8,
            data_retries: 15,
            orphan_retries: 8,
            user_timeout: None,
            keepalive: None,
            orphan_timeout: Duration::from_mins(1),
            rack: true,
            tail_loss_probe: true,
            min_probe_timeout: Duration::from_millis(2),
            max_ack_delay: Duration::from_millis(50),
            frto: true,
            congestion: Algorithm::default(),
            initial_window: 10,
            restart_after_idle: false,
            challenge_acks: 10,
        }
    }
}

impl Config {
    /// Half a second is too long for an acknowledgment to wait (RFC 9293 3.8.6.3, MUST-40).
    pub const LONGEST_ACK_DELAY: Duration = Duration::from_millis(499);

    /// The shift that lets the whole receive buffer be announced (RFC 7323 2.2); at most 14 (2.3).
    #[must_use]
    pub(super) fn shift_to_announce(&self) -> u8 {
        let wanted = self.window_shift.map(|shift| shift.min(14));
        wanted.unwrap_or_else(|| self.least_shift())
    }

    fn least_shift(&self) -> u8 {
        let most = self.receive_buffer.max(self.receive_buffer_max);
        (0..14).find(|shift| most >> shift <= 0xffff).unwrap_or(14)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shift_is_the_smallest_that_reaches_the_buffer() {
        for (buffer, shift) in [(65_535, 0), (65_536, 1), (1 << 20, 5), (1 << 30, 14)] {
            let config = Config { receive_buffer: buffer, ..Config::default() };
            assert_eq!(config.shift_to_announce(), shift, "{buffer}");
            let config = Config { receive_buffer_max: buffer, receive_buffer: 1000, ..config };
            assert_eq!(config.shift_to_announce(), shift, "growing to {buffer}");
        }
    }
}
