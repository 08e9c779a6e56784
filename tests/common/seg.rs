//! Segments as tests write them: relative numbers, and only what matters.

use std::fmt;

use bytes::Bytes;
use glasstack::wire::{Ecn, Flags, Options};

/// A segment to send or to expect. Numbers count from each side's SYN, which is 0. What is left out is
/// filled in when it is sent and not looked at when it is expected; flags (but for PSH) and data
/// always count.
#[derive(Clone, Debug)]
pub struct Seg {
    pub flags: Flags,
    pub seq: Option<u32>,
    pub ack: Option<u32>,
    pub wnd: Option<u16>,
    pub up: Option<u16>,
    pub data: Bytes,
    /// The length alone, for data whose octets do not matter.
    pub len: Option<usize>,
    pub options: Option<Options>,
    /// The ECN field of the IP header.
    pub ecn: Option<Ecn>,
}

fn seg(flags: Flags) -> Seg {
    let data = Bytes::new();
    let (seq, ack, wnd, up, options, ecn) = Default::default();
    Seg { flags, seq, ack, wnd, up, data, len: None, options, ecn }
}

pub fn syn() -> Seg {
    seg(Flags::SYN)
}

pub fn syn_ack() -> Seg {
    seg(Flags::SYN | Flags::ACK)
}

pub fn ack() -> Seg {
    seg(Flags::ACK)
}

pub fn fin() -> Seg {
    seg(Flags::FIN | Flags::ACK)
}

pub fn rst() -> Seg {
    seg(Flags::RST)
}

pub fn rst_ack() -> Seg {
    seg(Flags::RST | Flags::ACK)
}

/// No flag at all.
pub fn bare() -> Seg {
    seg(Flags::empty())
}

pub fn data(octets: impl AsRef<[u8]>) -> Seg {
    ack().data(octets)
}

/// `len` octets of data; sent, they are those of [`pattern`].
pub fn octets(len: usize) -> Seg {
    Seg { len: Some(len), ..ack() }
}

/// Octets that tell their place in the stream, the first of them at sequence number 1.
pub fn pattern(from: u32, len: usize) -> Vec<u8> {
    let octet = |place: u32| (place ^ (place >> 8)).to_le_bytes()[0];
    (from..).take(len).map(octet).collect()
}

impl Seg {
    pub fn seq(self, seq: u32) -> Seg {
        Seg { seq: Some(seq), ..self }
    }

    pub fn ack(self, ack: u32) -> Seg {
        Seg { ack: Some(ack), flags: self.flags | Flags::ACK, ..self }
    }

    pub fn wnd(self, wnd: u16) -> Seg {
        Seg { wnd: Some(wnd), ..self }
    }

    pub fn data(self, octets: impl AsRef<[u8]>) -> Seg {
        Seg { data: Bytes::copy_from_slice(octets.as_ref()), ..self }
    }

    pub fn flag(self, flag: Flags) -> Seg {
        Seg { flags: self.flags | flag, ..self }
    }

    pub fn urgent(self, up: u16) -> Seg {
        Seg { up: Some(up), ..self.flag(Flags::URG) }
    }

    pub fn options(self, options: Options) -> Seg {
        Seg { options: Some(options), ..self }
    }

    pub fn ecn(self, ecn: Ecn) -> Seg {
        Seg { ecn: Some(ecn), ..self }
    }

    pub fn text_len(&self) -> usize {
        self.len.unwrap_or(self.data.len())
    }
}

/// As a person says it: `FIN,ACK seq 1 ack 2 len 0`.
impl fmt::Display for Seg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.flags)?;
        let numbers = [("seq", self.seq), ("ack", self.ack), ("win", self.wnd.map(u32::from))];
        for (name, number) in numbers {
            if let Some(number) = number {
                write!(f, " {name} {}", number.cast_signed())?;
            }
        }
        if self.text_len() > 0 || self.flags == Flags::ACK {
            write!(f, " len {}", self.text_len())?;
        }
        if let Some(up) = self.up {
            write!(f, " up {up}")?;
        }
        if let Some(options) = &self.options {
            write!(f, " {options:?}")?;
        }
        if let Some(ecn) = self.ecn {
            write!(f, " {ecn:?}")?;
        }
        Ok(())
    }
}
