//! Headers from a template: what the kernel has to be told differs from segment to segment, and the
//! rest is copied. Checksums of canned payload are summed once.

use bytes::Bytes;
use glasstack::wire::{Features, Frame, Head, Offload, Payload};

/// Octets of the IP header, and of the TCP header without options.
pub(crate) const HEADER: usize = 20;

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const PSH: u8 = 0x08;
pub(crate) const ACK: u8 = 0x10;

/// A received segment, as far as it matters here.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) octets: &'a [u8],
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u8,
    pub(crate) window: u16,
    /// Where the data begins.
    data: usize,
}

impl<'a> Seen<'a> {
    /// `None` for whatever is not TCP over IPv4.
    pub(crate) fn parse(octets: &'a [u8]) -> Option<Self> {
        if octets.len() < 2 * HEADER || octets[0] != 0x45 || octets[9] != 6 {
            return None;
        }
        let word = |at: usize| {
            u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
        };
        let data = HEADER + usize::from(octets[32] >> 4) * 4;
        Some(Seen {
            octets,
            seq: word(24),
            ack: word(28),
            flags: octets[33],
            window: u16::from_be_bytes([octets[34], octets[35]]),
            data: data.min(octets.len()),
        })
    }

    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(crate) fn data(&self) -> &'a [u8] {
        &self.octets[self.data..]
    }

    /// By how much the peer's windows are shifted, from its SYN.
    pub(crate) fn window_scale(&self) -> u8 {
        let mut options = &self.octets[2 * HEADER..self.data];
        loop {
            match options {
                [3, 3, shift, ..] => return (*shift).min(14),
                [1, rest @ ..] => options = rest,
                [kind, length, ..] if *kind > 1 && *length >= 2 => {
                    options = options.get(usize::from(*length)..).unwrap_or_default();
                }
                _ => return 0,
            }
        }
    }

    /// What acknowledges all of it.
    pub(crate) fn next(&self) -> u32 {
        let extra = u32::from(self.has(FIN)) + u32::from(self.has(SYN));
        self.seq.wrapping_add(len(self.data())).wrapping_add(extra)
    }
}

/// Something to send again and again, with its sum.
#[derive(Clone)]
pub(crate) struct Canned {
    pub(crate) payload: Bytes,
    sum: u32,
}

impl Canned {
    pub(crate) fn new(payload: Bytes) -> Self {
        let sum = sum(&payload);
        Canned { payload, sum }
    }
}

/// Makes frames to one host.
pub(crate) struct Template {
    head: [u8; 2 * HEADER],
    features: Features,
    mss: u16,
}

impl Template {
    /// With the window that is offered, in octets shifted by `SHIFT`.
    pub(crate) fn new(features: Features, mss: u16, window: u16) -> Self {
        let mut head = [0; 2 * HEADER];
        // Version and length, don't fragment, 64 hops, TCP; the data offset of five words.
        (head[0], head[6], head[8], head[9], head[32]) = (0x45, 0x40, 64, 6, 0x50);
        head[34..36].copy_from_slice(&window.to_be_bytes());
        Template { head, features, mss }
    }

    /// Octets of data in a full segment.
    pub(crate) fn segment(&self) -> u32 {
        u32::from(self.mss)
    }

    /// The answer to the sender of `seen`.
    pub(crate) fn frame(
        &self,
        seen: &Ends,
        (seq, ack, flags): (u32, u32, u8),
        options: &[u8],
        canned: Option<&Canned>,
    ) -> Frame {
        let payload_len = canned.map_or(0, |canned| canned.payload.len());
        let tcp_len = u16::try_from(HEADER + options.len() + payload_len).expect("within 64 KB");
        let mut head = Head::from_slice(&self.head);
        head.extend_from_slice(options);
        let total = tcp_len + 20;
        head[2..4].copy_from_slice(&total.to_be_bytes());
        head[12..16].copy_from_slice(&seen.us);
        head[16..20].copy_from_slice(&seen.them);
        head[20..22].copy_from_slice(&seen.our_port);
        head[22..24].copy_from_slice(&seen.their_port);
        head[24..28].copy_from_slice(&seq.to_be_bytes());
        head[28..32].copy_from_slice(&ack.to_be_bytes());
        head[32] += u8::try_from(options.len()).expect("at most 40") << 2;
        head[33] = flags;
        let ip = !fold(sum(&head[..HEADER]));
        head[10..12].copy_from_slice(&ip.to_be_bytes());
        let pseudo = sum(&head[12..20]) + 6 + u32::from(tcp_len);
        let check = if self.features.checksum {
            fold(pseudo)
        } else {
            !fold(pseudo + sum(&head[HEADER..]) + canned.map_or(0, |canned| canned.sum))
        };
        head[36..38].copy_from_slice(&check.to_be_bytes());
        let is_long = payload_len > usize::from(self.mss);
        let segment_size = if is_long { self.mss } else { 0 };
        let payload = canned.map_or_else(Payload::new, |canned| canned.payload.clone().into());
        let offload = Offload { checksum: self.features.checksum, segment_size };
        Frame { head, payload, offload }
    }
}

/// Who talks to whom, as the answer has it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Ends {
    us: [u8; 4],
    them: [u8; 4],
    our_port: [u8; 2],
    their_port: [u8; 2],
}

impl Ends {
    pub(crate) fn of(seen: &Seen<'_>) -> Self {
        let octets = seen.octets;
        Ends {
            us: [octets[16], octets[17], octets[18], octets[19]],
            them: [octets[12], octets[13], octets[14], octets[15]],
            our_port: [octets[22], octets[23]],
            their_port: [octets[20], octets[21]],
        }
    }
}

pub(crate) fn len(octets: &[u8]) -> u32 {
    u32::try_from(octets.len()).expect("a packet is short")
}

/// The sum of RFC 1071 over whole packets at most, not folded all the way.
fn sum(octets: &[u8]) -> u32 {
    let (pairs, odd) = octets.as_chunks::<2>();
    let sum: u32 = pairs.iter().map(|pair| u32::from(u16::from_be_bytes(*pair))).sum();
    let sum = sum + odd.first().map_or(0, |last| u32::from(*last) << 8);
    u32::from(fold(sum))
}

fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).expect("just folded")
}
