//! The Internet checksum (RFC 1071) over pieces of any length.

use std::net::IpAddr;

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
        let len = u32::try_from(len).expect("an IP packet is shorter than 2^32");
        // Addition knows no order: the addresses as they are, the rest as the numbers that it is.
        let sum = u64::from(len.to_be()) + u64::from(u16::from(protocol).to_be());
        let sum = match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                sum + sum_of(&src.octets()) + sum_of(&dst.octets())
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                sum + sum_of(&src.octets()) + sum_of(&dst.octets())
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
                panic!("a packet from {src} to {dst}: two address families in one packet")
            }
        };
        Checksum { sum: folded(sum), odd: false }
    }

    /// Adds `bytes` behind what was added before.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        let part = folded(sum_of(bytes));
        let part = if self.odd { part.swap_bytes() } else { part };
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

/// The sum of `bytes` as words in the byte order of memory, with a zero behind an odd octet, folded to 33 bits:
/// words of any size that 16 bits divide will do (RFC 1071 2). Two sums, for an addition waits for the one
/// before it.
fn sum_of(bytes: &[u8]) -> u64 {
    const WORD: usize = size_of::<u64>();
    let (blocks, rest) = bytes.as_chunks::<{ 4 * WORD }>();
    let (mut even, mut odd) = (0_u128, 0_u128);
    for block in blocks {
        let (words, _) = block.as_chunks::<WORD>();
        even += word(words[0]) + word(words[2]);
        odd += word(words[1]) + word(words[3]);
    }
    let (words, rest) = rest.as_chunks::<WORD>();
    words.iter().for_each(|octets| even += word(*octets));
    let sum = even + odd + u128::from(last_word(rest));
    // What is carried out of 64 bits is worth as much at the low end.
    let (sum, carry) = low_half(sum).overflowing_add(low_half(sum >> 64));
    let sum = sum + u64::from(carry);
    (sum & 0xffff_ffff) + (sum >> 32)
}

/// Up to seven octets, summed as words of 32 and 16 bits.
fn last_word(octets: &[u8]) -> u64 {
    let (words, rest) = octets.as_chunks::<4>();
    let (halves, rest) = rest.as_chunks::<2>();
    let words = words.first().map_or(0, |octets| u64::from(u32::from_ne_bytes(*octets)));
    let half = halves.first().map_or(0, |octets| u64::from(u16::from_ne_bytes(*octets)));
    let last = rest.first().map_or(0, |octet| u64::from(u16::from_ne_bytes([*octet, 0])));
    words + half + last
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is asked for")]
const fn low_half(sum: u128) -> u64 {
    sum as u64
}

fn word(octets: [u8; 8]) -> u128 {
    u128::from(u64::from_ne_bytes(octets))
}

/// To 16 bits, carries added at the low end.
fn folded(sum: u64) -> u16 {
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    u16::try_from(sum).expect("it was folded")
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
