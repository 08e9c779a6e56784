//! The rows of the matrix: what can happen to a connection (RFC 9293 3.10), and the cells that no script
//! can show, with the reason.

use glasstack::tcp::{State, Timer};

/// Events that belong together: one table.
pub struct Group {
    pub title: &'static str,
    pub events: &'static [Event],
}

pub struct Event {
    /// As scripts call it.
    pub name: &'static str,
    /// What it is, for the table.
    pub what: &'static str,
    pub kind: Kind,
}

/// How a run shows that an event took place.
pub enum Kind {
    /// A segment arrived that has all of the flags `with` and none of `without`; `.` is ACK.
    Segment { with: &'static str, without: &'static str, carries: Carries },
    /// An ICMP error of one of these codes arrived.
    Icmp(&'static [&'static str]),
    /// One of these calls was made.
    Call(&'static [&'static str]),
    /// The state was asked for.
    Status,
    /// The timer was running.
    Timer(Timer),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    Anything,
    Text,
    Options,
    WrongChecksum,
}

/// A segment with these flags, and without those.
const fn flags(
    name: &'static str,
    what: &'static str,
    with: &'static str,
    without: &'static str,
) -> Event {
    let kind = Kind::Segment { with, without, carries: Carries::Anything };
    Event { name, what, kind }
}

const fn text(name: &'static str, what: &'static str) -> Event {
    let kind = Kind::Segment { with: "", without: "R", carries: Carries::Text };
    Event { name, what, kind }
}

const fn icmp(name: &'static str, what: &'static str, codes: &'static [&'static str]) -> Event {
    Event { name, what, kind: Kind::Icmp(codes) }
}

const fn call(name: &'static str, what: &'static str, calls: &'static [&'static str]) -> Event {
    Event { name, what, kind: Kind::Call(calls) }
}

const fn timer(name: &'static str, what: &'static str, timer: Timer) -> Event {
    Event { name, what, kind: Kind::Timer(timer) }
}

const ODD_OPTIONS: Event = Event {
    name: "odd options",
    what: "unknown, or out of place",
    kind: Kind::Segment { with: "", without: "", carries: Carries::Options },
};

const WRONG_CHECKSUM: Event = Event {
    name: "bad checksum",
    what: "",
    kind: Kind::Segment { with: "", without: "", carries: Carries::WrongChecksum },
};

const STATUS: Event = Event { name: "STATUS", what: "`TCP_INFO`", kind: Kind::Status };

pub const GROUPS: &[Group] = &[
    Group {
        title: "Segments that open",
        events: &[flags("SYN", "", "S", ".R"), flags("SYN,ACK", "", "S.", "R")],
    },
    Group {
        title: "Resets",
        events: &[
            flags("RST at the expected number", "SEG.SEQ = RCV.NXT", "R", ""),
            flags("RST inside the window", "but not at RCV.NXT", "R", ""),
            flags("RST outside the window", "", "R", ""),
        ],
    },
    Group {
        title: "Acknowledgments",
        events: &[
            flags("old ACK", "SEG.ACK < SND.UNA", ".", "R"),
            flags("acceptable ACK", "SND.UNA ≤ SEG.ACK ≤ SND.NXT", ".", "R"),
            flags("future ACK", "SEG.ACK > SND.NXT", ".", "R"),
            flags("ACK of long ago", "SEG.ACK < SND.UNA - MAX.SND.WND", ".", "R"),
        ],
    },
    Group {
        title: "Text",
        events: &[
            text("data expected next", "at RCV.NXT"),
            text("data beyond a gap", "inside the window"),
            text("data before the window", "received before"),
            text("data beyond the window", ""),
            text("data across the window's edge", "begins inside, ends beyond"),
        ],
    },
    Group {
        title: "FIN",
        events: &[
            flags("FIN expected next", "at RCV.NXT", "F", ""),
            flags("FIN beyond a gap", "", "F", ""),
            flags("FIN with data", "", "F", ""),
            flags("FIN again", "the one received before", "F", ""),
        ],
    },
    Group {
        title: "Odd segments",
        events: &[
            flags("URG", "", "U", ""),
            flags("no flags", "and whatever has no ACK", "", ".SR"),
            ODD_OPTIONS,
            WRONG_CHECKSUM,
        ],
    },
    Group {
        title: "Errors of the network",
        events: &[
            icmp("hard error", "no such port or protocol", &["port_unr", "protocol_unr"]),
            icmp("soft error", "no way to the network or host", &["net_unr", "host_unr"]),
            icmp("packet too big", "for a link on the way", &["frag_needed"]),
        ],
    },
    Group {
        title: "Calls",
        events: &[
            call("OPEN", "`connect`, `listen`", &["connect(", "listen("]),
            call("SEND", "`write`", &["write(", "send("]),
            call("RECEIVE", "`read`", &["read(", "recv("]),
            call("CLOSE", "`close`", &["close(", "shutdown("]),
            call("ABORT", "`close`, lingering for 0 s", &["close("]),
            call("shutdown", "of one side", &["shutdown("]),
            STATUS,
        ],
    },
    Group {
        title: "Timers",
        events: &[
            timer("retransmission timeout", "", Timer::Retransmission),
            timer("R2", "sent again too often", Timer::Retransmission),
            timer("user timeout", "", Timer::User),
            timer("persist", "the peer's window is closed", Timer::Persist),
            timer("loss probe", "RFC 8985 7", Timer::LossProbe),
            timer("reordering", "RFC 8985 6", Timer::Reordering),
            timer("pacing", "what leaves next has its time", Timer::Pacing),
            timer("delayed ACK", "", Timer::DelayedAck),
            timer("keep-alive", "", Timer::Keepalive),
            timer("FIN-WAIT-2 timeout", "nobody reads", Timer::Orphan),
            timer("2 MSL", "", Timer::TimeWait),
        ],
    },
];

/// Cells without a script: in these states these events, because.
pub struct Excuse {
    pub states: &'static [State],
    pub events: &'static [&'static str],
    pub reason: &'static str,
}

const TIMERS_OF_FLIGHT: &[&str] = &[
    "retransmission timeout",
    "R2",
    "user timeout",
    "persist",
    "loss probe",
    "reordering",
    "pacing",
];

pub const EXCUSES: &[Excuse] = {
    use State::{
        CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, Listen, SynReceived,
        SynSent, TimeWait,
    };
    &[
        Excuse {
            states: &[SynReceived, Established, FinWait1, FinWait2],
            events: &["FIN again"],
            reason: "impossible: none has been received, or the state would be another",
        },
        Excuse {
            states: &[Closed, Listen],
            events: TIMERS_OF_FLIGHT,
            reason: "impossible: nothing is out",
        },
        Excuse {
            states: &[FinWait2, TimeWait],
            events: TIMERS_OF_FLIGHT,
            reason: "impossible: all of ours is acknowledged, nothing is out",
        },
        Excuse {
            states: &[SynSent, SynReceived],
            events: &["persist", "pacing"],
            reason: "impossible: a SYN needs neither a window nor a pace",
        },
        Excuse {
            states: &[SynSent, SynReceived],
            events: &["loss probe", "reordering"],
            reason: "impossible: SACK is not in use before both SYNs are acknowledged",
        },
        Excuse {
            states: &[Closed, Listen, SynSent, SynReceived],
            events: &["delayed ACK"],
            reason: "impossible: text is taken in ESTABLISHED at the earliest",
        },
        Excuse {
            states: &[CloseWait, Closing, LastAck, TimeWait],
            events: &["delayed ACK"],
            reason: "impossible: the peer has closed, no text is taken",
        },
        Excuse {
            states: &[Closed, Listen, SynSent, SynReceived],
            events: &["keep-alive"],
            reason: "impossible: it begins with ESTABLISHED",
        },
        Excuse {
            states: &[TimeWait],
            events: &["keep-alive"],
            reason: "impossible: it ends with TIME-WAIT",
        },
        Excuse {
            states: &[
                Closed,
                Listen,
                SynSent,
                SynReceived,
                Established,
                FinWait1,
                CloseWait,
                Closing,
                LastAck,
                TimeWait,
            ],
            events: &["FIN-WAIT-2 timeout"],
            reason: "impossible: it runs in FIN-WAIT-2 only",
        },
        Excuse {
            states: &[
                Closed,
                Listen,
                SynSent,
                SynReceived,
                Established,
                FinWait1,
                FinWait2,
                CloseWait,
                Closing,
                LastAck,
            ],
            events: &["2 MSL"],
            reason: "impossible: it runs in TIME-WAIT only",
        },
    ]
};
