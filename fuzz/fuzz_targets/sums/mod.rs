//! The Internet checksum as slow and as plain as can be, for packets that are put right.

/// Of `data`, on top of the sum `start` of something else.
pub fn internet_sum(data: &[u8], start: u32) -> u16 {
    let pairs = data
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |second| u32::from(*second)));
    let mut sum = start + pairs.sum::<u32>();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("folded")
}
