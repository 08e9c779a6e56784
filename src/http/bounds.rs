//! What one client may take: in time, in octets, in number. All of it is for whoever shares the
//! responder with a client that is slow, broken or hostile.

use std::time::Duration;

/// The bounds on requests and on the pace of their client. Those on connections are
/// [`Limits`](crate::serving::Limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// What the head of a request may take from its first octet to its last; for the first one on a
    /// connection, from when that was opened. It is answered with 408 then. The default is 30 s.
    pub head_timeout: Duration,
    /// How long a connection is kept open between two requests. The default is 60 s.
    pub idle_timeout: Duration,
    /// How slowly the body of a request may arrive while somebody waits for it; 408 then.
    pub body_pace: Pace,
    /// How slowly responses may be taken. The connection is reset then.
    pub response_pace: Pace,
    /// Octets of a request's head, at least 1; 431 beyond. The default is 64 KiB.
    pub head_octets: usize,
    /// Fields in a request's head; 431 beyond. The default is 100.
    pub fields: usize,
    /// Octets of a request's target, the URI that the first line names; 414 beyond. The default is
    /// 8 KiB, of which every server should be capable (RFC 9112 3).
    pub target_octets: usize,
    /// Octets of a request's body; 413 beyond. The default is 16 GiB: bodies are streamed, and what is
    /// held of one does not grow with it.
    pub body_octets: u64,
    /// Requests on one connection: the answer to the last of them says `Connection: close`. By default
    /// there is no such bound (`u64::MAX`).
    pub requests: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            head_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_mins(1),
            body_pace: Pace::default(),
            response_pace: Pace::default(),
            head_octets: 64 * 1024,
            fields: 100,
            target_octets: 8 * 1024,
            body_octets: 16 << 30,
            requests: u64::MAX,
        }
    }
}

/// The least that is asked of a peer that is waited for. It has `patience` to begin with; waiting uses that
/// up, and each octet that comes through earns some of it back: a second for every `rate` octets, and
/// never more than the whole. So a peer that stands still is given up after `patience`, one that drips
/// more slowly than `rate` little later, and one that keeps the rate never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long it may stand still. The default is 30 s.
    pub patience: Duration,
    /// Octets per second in the long run; with 0 any octet earns all the patience back. The default is
    /// 240.
    pub rate: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { patience: Duration::from_secs(30), rate: 240 }
    }
}

impl Pace {
    /// What so many octets earn.
    pub(super) fn earned(self, octets: u64) -> Duration {
        let nanos = u128::from(octets) * 1_000_000_000;
        let earned = nanos.checked_div(u128::from(self.rate));
        let earned = earned.and_then(|nanos| u64::try_from(nanos).ok());
        earned.map_or(self.patience, Duration::from_nanos).min(self.patience)
    }
}
