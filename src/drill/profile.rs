//! What differs between systems without being right or wrong: scripts that were written for one of them
//! expect its choices.

use std::time::Duration;

use super::host::{Habits, WindowUnit};
use crate::stack::Settings;
use crate::tcp::{Algorithm, Config, Keepalive, MtuProbing};
use crate::wire::{HeaderStyle, OptionOrder};

/// Whose choices to make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// The values that the RFCs suggest.
    #[default]
    Rfc,
    /// Those of Linux.
    Linux,
    /// Those of FreeBSD.
    Freebsd,
}

impl Profile {
    /// What sockets start from; the segment size is set from the MTU.
    #[must_use]
    pub fn settings(self) -> Settings {
        let options = match self {
            Profile::Rfc | Profile::Linux => OptionOrder::Linux,
            Profile::Freebsd => OptionOrder::Bsd,
        };
        let header = HeaderStyle { options, ..HeaderStyle::default() };
        Settings { tcp: self.tcp(), header, route: None }
    }

    fn tcp(self) -> Config {
        match self {
            // RFC 9293 3.4.2 (MSL), RFC 6298 2.1 and 2.4 (RTO), RFC 9293 3.8.6.3 (half a second at most
            // for an ACK), RFC 6928 (initial window). Probing is for scripts to ask for (RFC 4821).
            Profile::Rfc => Config {
                msl: Duration::from_mins(2),
                receive_buffer: 65_535,
                send_buffer: 1 << 20,
                delayed_ack: Duration::from_millis(200),
                initial_rto: Duration::from_secs(1),
                min_rto: Duration::from_secs(1),
                min_variation: Duration::ZERO,
                max_rto: Duration::from_mins(1),
                congestion: Algorithm::NewReno,
                rack: false,
                tail_loss_probe: false,
                frto: false,
                restart_after_idle: true,
                path_mtu_probing: MtuProbing::Off,
                ..Config::default()
            },
            // Half of tcp_rmem's middle value is announced; its last decides the shift, and tcp_wmem's
            // last how far the send buffer grows.
            Profile::Linux => Config {
                msl: Duration::from_secs(30),
                receive_buffer: 65_536,
                window_shift: Some(7),
                send_buffer: 4 << 20,
                delayed_ack: Duration::from_millis(40),
                quick_acks: 16,
                initial_rto: Duration::from_secs(1),
                min_rto: Duration::from_millis(200),
                min_variation: Duration::from_millis(200),
                require_timestamps: false,
                max_rto: Duration::from_mins(2),
                syn_retries: 6,
                data_retries: 15,
                restart_after_idle: true,
                path_mtu_probing: MtuProbing::Off,
                ..Config::default()
            },
            // net.inet.tcp.recvspace and sendspace; kern.ipc.maxsockbuf decides the shift.
            Profile::Freebsd => Config {
                msl: Duration::from_secs(30),
                receive_buffer: 65_536,
                whole_segment_buffer: true,
                small_window_steps: true,
                window_shift: Some(6),
                send_buffer: 32_768,
                delayed_ack: Duration::from_millis(40),
                initial_rto: Duration::from_secs(1),
                min_rto: Duration::from_millis(230),
                min_variation: Duration::ZERO,
                max_rto: Duration::from_mins(1),
                syn_retries: 12,
                data_retries: 12,
                congestion: Algorithm::NewReno,
                rack: false,
                tail_loss_probe: false,
                frto: false,
                restart_after_idle: true,
                path_mtu_probing: MtuProbing::Off,
                ..Config::default()
            },
        }
    }

    /// What differs in the socket calls.
    #[must_use]
    pub fn habits(self) -> Habits {
        let is_freebsd = self == Profile::Freebsd;
        Habits {
            accept_inherits_nonblocking: is_freebsd,
            buffers_count_double: self == Profile::Linux,
            buffers_hold_whole_segments: is_freebsd,
            unconnected_write_is_enotconn: is_freebsd,
            congestion_windows: if is_freebsd { WindowUnit::Octets } else { WindowUnit::Segments },
            keepalive: match self {
                Profile::Rfc | Profile::Linux => Keepalive::default(),
                Profile::Freebsd => Keepalive { probes: 8, ..Keepalive::default() },
            },
        }
    }

    /// The names that [`Profile::defines`] may give.
    pub const NAMES: [&str; 2] = ["STANDARD", "FreeBSD"];

    /// What `#ifdef` finds defined, unless the command line defines one of these names itself: FreeBSD's
    /// scripts tell with it where that system departs from the standard.
    #[must_use]
    pub fn defines(self) -> &'static str {
        match self {
            Profile::Rfc | Profile::Linux => "STANDARD",
            Profile::Freebsd => "FreeBSD",
        }
    }
}
