//! Octets that anybody can make and check at any place of a stream, without keeping the stream.

/// A stream without end, determined by a key. Two places of it look alike only by chance, so octets
/// that are lost, doubled or out of place are seen at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pattern(pub u64);

impl Pattern {
    /// Fills `buffer` with the octets from `position` on.
    pub fn fill(self, position: u64, buffer: &mut [u8]) {
        let mut at = position;
        let mut rest = buffer;
        while !rest.is_empty() {
            let word = self.word(at / 8);
            let word = &word[within(at)..];
            let (now, later) = rest.split_at_mut(word.len().min(rest.len()));
            now.copy_from_slice(&word[..now.len()]);
            at += now.len() as u64;
            rest = later;
        }
    }

    /// Whether `octets` are those from `position` on.
    ///
    /// # Errors
    ///
    /// The position of the first that is not.
    pub fn check(self, position: u64, octets: &[u8]) -> Result<(), u64> {
        let mut at = position;
        let mut rest = octets;
        while !rest.is_empty() {
            let word = self.word(at / 8);
            let word = &word[within(at)..];
            let (now, later) = rest.split_at(word.len().min(rest.len()));
            if now != &word[..now.len()] {
                let same = now.iter().zip(word).take_while(|(octet, right)| octet == right);
                return Err(at + same.count() as u64);
            }
            at += now.len() as u64;
            rest = later;
        }
        Ok(())
    }

    /// Eight octets, by the finalizer of splitmix64.
    fn word(self, index: u64) -> [u8; 8] {
        let mut z = self.0.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).to_le_bytes()
    }
}

fn within(position: u64) -> usize {
    usize::try_from(position % 8).expect("below 8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_same_however_it_is_cut() {
        let pattern = Pattern(5);
        let mut whole = [0; 100];
        pattern.fill(3, &mut whole);
        for cut in 0..100 {
            let mut rest = vec![0; 100 - cut];
            pattern.fill(3 + cut as u64, &mut rest);
            assert_eq!(rest, whole[cut..]);
            assert_eq!(pattern.check(3 + cut as u64, &rest), Ok(()));
        }
    }

    #[test]
    fn the_first_wrong_octet_is_named() {
        let mut octets = [0; 64];
        Pattern(5).fill(1000, &mut octets);
        octets[37] ^= 1;
        assert_eq!(Pattern(5).check(1000, &octets), Err(1037));
        assert!(Pattern(5).check(1001, &octets[..8]).is_err());
    }
}
