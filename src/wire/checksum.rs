//! The Internet checksum (RFC 1071) over pieces of any length, on top of etherparse's sums.

use std::net::IpAddr;

use etherparse::checksum::Sum16BitWords;

use super::payload::Payload;

/// A running sum. Pieces are added in order; an odd one shifts those behind it by an octet.
#[derive(Clone, Copy, Default)]
pub(crate) struct Checksum {
    /// The folded ones' complement sum so far, in the byte order of the data.
    sum: u16,
    odd: bool,
}

impl Checksum {
    /// Begins with the pseudo-header of TCP and UDP (RFC 9293 3.1).
    ///
    /// # Panics
    ///
    /// When the addresses are of different families, which no parsed or routed packet has.
    pub(crate) fn pseudo_header(src: IpAddr, dst: IpAddr, protocol: u8, len: usize) -> Self {
        let mut sum = Checksum::default();
        match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                sum.add(&src.octets());
                sum.add(&dst.octets());
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                sum.add(&src.octets());
                sum.add(&dst.octets());
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
                panic!("a packet from {src} to {dst}: two address families in one packet")
            }
        }
        let len = u32::try_from(len).expect("an IP packet is shorter than 2^32");
        sum.add(&len.to_be_bytes());
        sum.add(&[0, protocol]);
        sum
    }

    /// Adds `bytes` behind what was added before.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        // `ones_complement` gives the inverse of the folded sum, in memory order.
        let folded = !Sum16BitWords::new().add_slice(bytes).ones_complement();
        let part = if self.odd { folded.swap_bytes() } else { folded };
        let (sum, carry) = self.sum.overflowing_add(part);
        self.sum = sum + u16::from(carry);
        self.odd ^= bytes.len() % 2 == 1;
    }

    pub(super) fn add_payload(&mut self, payload: &Payload) {
        payload.slices().iter().for_each(|slice| self.add(slice));
    }

    /// The two octets to put into a header, in the order of the wire.
    pub(crate) fn finish(self) -> [u8; 2] {
        (!self.sum).to_ne_bytes()
    }

    /// The sum so far, as a device wants it that finishes it.
    pub(super) fn unfinished(self) -> [u8; 2] {
        self.sum.to_ne_bytes()
    }

    /// Whether data that contains its own checksum is whole.
    pub(super) fn is_valid(self) -> bool {
        self.sum == 0xffff
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    /// RFC 1071's definition, as slow and as plain as can be.
    fn plain(bytes: &[u8]) -> [u8; 2] {
        let mut sum = 0_u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
        }
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        (!u16::try_from(sum).expect("folded")).to_be_bytes()
    }

    #[test]
    fn pieces_sum_to_the_whole_wherever_it_is_cut() {
        let data: Vec<u8> = (0..41_u8).map(|i| i.wrapping_mul(91) ^ 0x5a).collect();
        for first in 0..data.len() {
            for second in first..data.len() {
                let mut payload = Payload::new();
                for piece in [&data[..first], &data[first..second], &data[second..]] {
                    payload.push(Bytes::copy_from_slice(piece));
                }
                let mut sum = Checksum::default();
                sum.add_payload(&payload);
                assert_eq!(sum.finish(), plain(&data));
            }
        }
    }
}
