//! The TCP options this stack understands (RFC 9293 3.2, RFC 7323, RFC 2018), read and written.
//! What they mean for a connection is decided in `tcp/`.

use etherparse::{TcpOptionElement, TcpOptionsIterator};
use smallvec::SmallVec;

use super::style::OptionOrder;
use crate::seq::Seq;

/// The options of one segment. Anything else in the header is skipped (RFC 9293 3.1, MUST-6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Options {
    /// Maximum segment size in octets (RFC 9293 3.7.1). Only SYNs carry it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mss: Option<u16>,
    /// Window scale, a shift count (RFC 7323 2.2). Only SYNs carry it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_scale: Option<u8>,
    /// The sender understands SACK (RFC 2018 2). Only SYNs carry it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sack_permitted: bool,
    /// Timestamps (RFC 7323 3.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamps: Option<Timestamps>,
    /// Out-of-order data the sender holds (RFC 2018 3).
    #[serde(skip_serializing_if = "SackBlocks::is_empty")]
    pub sack: SackBlocks,
}

/// The timestamps option (RFC 7323 3.2), in ticks of the sender's own clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Timestamps {
    /// `TSval`: the sender's clock when it sent.
    pub val: u32,
    /// `TSecr`: the `TSval` it echoes. Means nothing without the ACK flag.
    pub ecr: u32,
}

impl Timestamps {
    /// Octets of the option and what aligns it.
    pub const LEN: usize = 12;

    /// The option behind two NOPs (RFC 7323, appendix A).
    pub(super) fn octets(self) -> [u8; Self::LEN] {
        let mut octets = [1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0];
        octets[4..8].copy_from_slice(&self.val.to_be_bytes());
        octets[8..].copy_from_slice(&self.ecr.to_be_bytes());
        octets
    }
}

/// Up to four ranges `[left, right)` of sequence numbers, the newest first.
#[derive(Clone, Copy, Default)]
pub struct SackBlocks {
    blocks: [(Seq, Seq); Self::MOST],
    len: u8,
}

impl SackBlocks {
    /// As many as fit into a header (RFC 2018 3).
    pub const MOST: usize = 4;

    /// Adds a block behind the others; says whether there was room.
    pub fn push(&mut self, left: Seq, right: Seq) -> bool {
        let at = usize::from(self.len);
        let room = at < Self::MOST;
        if room {
            self.blocks[at] = (left, right);
            self.len += 1;
        }
        room
    }

    /// Keeps at most the first `blocks`.
    pub fn truncate(&mut self, blocks: usize) {
        if blocks < usize::from(self.len) {
            self.len = u8::try_from(blocks).expect("fewer than a u8 already holds");
        }
    }

    /// The blocks, in the order of the option.
    #[must_use]
    pub fn as_slice(&self) -> &[(Seq, Seq)] {
        &self.blocks[..usize::from(self.len)]
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl PartialEq for SackBlocks {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for SackBlocks {}

impl std::fmt::Debug for SackBlocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

impl serde::Serialize for SackBlocks {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.as_slice().iter().map(|(left, right)| (left.0, right.0)))
    }
}

/// Elements as etherparse writes them; a full set and its padding.
pub(super) type Elements = SmallVec<[TcpOptionElement; 8]>;

impl Options {
    /// Reads the option bytes of a header. An option with an impossible length ends the reading: what
    /// came before it counts (RFC 9293 3.1, MUST-7).
    pub(super) fn parse(bytes: &[u8]) -> Options {
        // What nearly every segment has, in the layout that RFC 7323 appendix A recommends.
        if let [1, 1, 8, 10, val @ .., a, b, c, d] = bytes
            && let Ok(val) = <[u8; 4]>::try_from(val)
        {
            let (val, ecr) = (u32::from_be_bytes(val), u32::from_be_bytes([*a, *b, *c, *d]));
            return Options { timestamps: Some(Timestamps { val, ecr }), ..Options::default() };
        }
        Options::parse_any(bytes)
    }

    fn parse_any(mut bytes: &[u8]) -> Options {
        let mut options = Options::default();
        loop {
            let mut elements = TcpOptionsIterator::from_slice(bytes);
            match elements.next() {
                Some(Ok(element)) => {
                    options.take(bytes, &element);
                    bytes = elements.rest();
                }
                None => return options,
                // A kind that etherparse does not know: its length octet says where the next begins.
                Some(Err(etherparse::TcpOptionReadError::UnknownId(_))) => {
                    match bytes.get(1).map(|len| usize::from(*len)) {
                        Some(len) if len >= 2 && len <= bytes.len() => bytes = &bytes[len..],
                        _ => return options,
                    }
                }
                Some(Err(_)) => return options,
            }
        }
    }

    fn take(&mut self, bytes: &[u8], element: &TcpOptionElement) {
        match *element {
            TcpOptionElement::Noop => {}
            TcpOptionElement::MaximumSegmentSize(mss) => self.mss = Some(mss),
            TcpOptionElement::WindowScale(shift) => self.window_scale = Some(shift),
            TcpOptionElement::SelectiveAcknowledgementPermitted => self.sack_permitted = true,
            TcpOptionElement::SelectiveAcknowledgement(first, others) => {
                debug_assert_eq!(bytes[0], 5, "the kind of SACK");
                self.sack = SackBlocks::default();
                for (left, right) in std::iter::once(first).chain(others.into_iter().flatten()) {
                    self.sack.push(Seq(left), Seq(right));
                }
            }
            TcpOptionElement::Timestamp(val, ecr) => {
                self.timestamps = Some(Timestamps { val, ecr });
            }
        }
    }

    /// Whether there is nothing but timestamps: as on nearly every segment.
    pub(super) fn only_timestamps(&self) -> Option<Timestamps> {
        let is_syn = self.mss.is_some() || self.window_scale.is_some() || self.sack_permitted;
        self.timestamps.filter(|_| !is_syn && self.sack.is_empty())
    }

    /// The elements to write, each aligned as is customary: pairs of NOPs before what is two octets
    /// short of a word. SACK blocks that do not fit any more are left out.
    pub(super) fn elements(&self, order: OptionOrder) -> Elements {
        let mut elements = Elements::new();
        elements.extend(self.mss.map(TcpOptionElement::MaximumSegmentSize));
        match order {
            OptionOrder::Linux => self.write_in_linux_order(&mut elements),
            OptionOrder::Bsd => self.write_in_bsd_order(&mut elements),
        }
        self.write_sack_blocks(&mut elements);
        elements
    }

    fn write_in_linux_order(&self, elements: &mut Elements) {
        use TcpOptionElement::{Noop, SelectiveAcknowledgementPermitted, Timestamp, WindowScale};
        match (self.sack_permitted, self.timestamps) {
            (true, None) => elements.extend([Noop, Noop, SelectiveAcknowledgementPermitted]),
            (true, Some(ts)) => {
                elements.extend([SelectiveAcknowledgementPermitted, Timestamp(ts.val, ts.ecr)]);
            }
            (false, Some(ts)) => elements.extend([Noop, Noop, Timestamp(ts.val, ts.ecr)]),
            (false, None) => {}
        }
        if let Some(shift) = self.window_scale {
            elements.extend([Noop, WindowScale(shift)]);
        }
    }

    fn write_in_bsd_order(&self, elements: &mut Elements) {
        use TcpOptionElement::{Noop, SelectiveAcknowledgementPermitted, Timestamp, WindowScale};
        if let Some(shift) = self.window_scale {
            elements.extend([Noop, WindowScale(shift)]);
        }
        if self.sack_permitted {
            elements.push(SelectiveAcknowledgementPermitted);
        }
        if let Some(ts) = self.timestamps {
            // Its ten octets end on a word.
            if !self.sack_permitted {
                elements.extend([Noop, Noop]);
            }
            elements.push(Timestamp(ts.val, ts.ecr));
        }
    }

    fn write_sack_blocks(&self, elements: &mut Elements) {
        use TcpOptionElement::{Noop, SelectiveAcknowledgement};
        let blocks = self.sack.as_slice();
        let fitting = blocks.len().min(self.room_for_sack());
        if let Some((first, others)) = blocks[..fitting].split_first() {
            let mut rest = [None; 3];
            for (to, (left, right)) in rest.iter_mut().zip(others) {
                *to = Some((left.0, right.0));
            }
            elements.extend([Noop, Noop, SelectiveAcknowledgement((first.0.0, first.1.0), rest)]);
        }
    }

    /// How many SACK blocks fit beside the other options: three with timestamps, four without.
    #[must_use]
    pub fn room_for_sack(&self) -> usize {
        let others = self.len_without_sack();
        (40_usize.saturating_sub(others + 4) / 8).min(SackBlocks::MOST)
    }

    /// The octets they take in a header, padding included.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a length on the wire, not of a collection")]
    pub fn len(&self) -> usize {
        let blocks = self.sack.as_slice().len().min(self.room_for_sack());
        self.len_without_sack() + if blocks == 0 { 0 } else { 4 + 8 * blocks }
    }

    fn len_without_sack(&self) -> usize {
        let mss = if self.mss.is_some() { 4 } else { 0 };
        let scale = if self.window_scale.is_some() { 4 } else { 0 };
        let sack_and_timestamps = match (self.sack_permitted, self.timestamps.is_some()) {
            (false, false) => 0,
            (true, false) => 4,
            (false | true, true) => Timestamps::LEN,
        };
        mss + scale + sack_and_timestamps
    }
}

#[cfg(test)]
mod tests {
    use etherparse::TcpHeader;

    use super::*;

    fn written(options: &Options) -> Vec<u8> {
        written_as(OptionOrder::Linux, options)
    }

    fn written_as(order: OptionOrder, options: &Options) -> Vec<u8> {
        let mut header = TcpHeader::default();
        header.set_options(&options.elements(order)).expect("the options fit");
        header.options.as_slice().to_vec()
    }

    #[test]
    fn either_order_says_the_same() {
        for mask in 0..16_u8 {
            let on = |bit: u8| mask & (1 << bit) != 0;
            let options = Options {
                mss: on(0).then_some(1460),
                window_scale: on(1).then_some(6),
                sack_permitted: on(2),
                timestamps: on(3).then_some(Timestamps { val: 100, ecr: 0 }),
                ..Options::default()
            };
            let octets = written_as(OptionOrder::Bsd, &options);
            assert_eq!(Options::parse(&octets), options);
            assert_eq!(octets.len(), options.len(), "{options:?}");
        }
    }

    // MUST-69
    #[test]
    fn the_bsd_order_ends_in_zeros() {
        let options = Options {
            mss: Some(1460),
            window_scale: Some(6),
            sack_permitted: true,
            ..Options::default()
        };
        let octets = written_as(OptionOrder::Bsd, &options);
        assert_eq!(octets, [2, 4, 5, 180, 1, 3, 3, 6, 4, 2, 0, 0]);
    }

    // MUST-68
    #[test]
    fn what_is_written_is_read_again_and_takes_the_length_it_says() {
        let mut sack = SackBlocks::default();
        for left in [500, 100, 900, 1300] {
            sack.push(Seq(left), Seq(left + 50));
        }
        for mask in 0..32_u8 {
            let on = |bit: u8| mask & (1 << bit) != 0;
            let mut options = Options {
                mss: on(0).then_some(1460),
                window_scale: on(1).then_some(7),
                sack_permitted: on(2),
                timestamps: on(3).then_some(Timestamps { val: 1, ecr: u32::MAX }),
                sack: if on(4) { sack } else { SackBlocks::default() },
            };
            let bytes = written(&options);
            assert_eq!(bytes.len(), options.len(), "{options:?}");
            let room = options.room_for_sack();
            options.sack.truncate(room);
            assert_eq!(Options::parse(&bytes), options);
        }
    }

    #[test]
    fn the_usual_option_reads_the_same_by_the_short_way() {
        let usual = Options {
            timestamps: Some(Timestamps { val: 0x0102_0304, ecr: 0xfffe_fdfc }),
            ..Options::default()
        };
        let bytes = written(&usual);
        assert_eq!((Options::parse(&bytes), Options::parse_any(&bytes)), (usual, usual));
        assert_eq!(
            usual.only_timestamps().map(Timestamps::octets),
            Some(bytes.try_into().unwrap())
        );
        for len in [0, 4, 8, 11] {
            assert_eq!(Options::parse(&written(&usual)[..len]), Options::default());
        }
    }

    // MUST-6
    #[test]
    fn unknown_options_are_skipped() {
        // Kind 34 (TCP Fast Open) and kind 254 (experimental) around an MSS.
        let bytes = [34, 4, 1, 2, 2, 4, 5, 180, 254, 4, 0, 0, 4, 2, 1, 0];
        let options = Options::parse(&bytes);
        assert_eq!(options.mss, Some(1460));
        assert!(options.sack_permitted);
    }

    // MUST-4, MUST-64: end of list, no operation and segment size, wherever they begin.
    #[test]
    fn options_may_begin_at_any_octet() {
        let octets = [1, 2, 4, 5, 180, 1, 1, 3, 3, 7, 0, 2, 4, 9, 9, 9];
        let options = Options::parse(&octets);
        assert_eq!((options.mss, options.window_scale), (Some(1460), Some(7)));
        assert_eq!(Options::parse(&octets[1..]), options);
        assert_eq!(Options::parse(&[0; 4]), Options::default());
    }

    // MUST-7
    #[test]
    fn impossible_lengths_end_the_reading() {
        for bad in [&[2, 4, 5, 180, 254, 0][..], &[2, 4, 5, 180, 254, 1], &[2, 4, 5, 180, 254, 9]] {
            assert_eq!(Options::parse(bad).mss, Some(1460), "{bad:?}");
        }
        assert_eq!(Options::parse(&[2, 0, 0, 0]), Options::default());
        assert_eq!(Options::parse(&[254]), Options::default());
    }
}
