//! What must not be guessed: initial sequence numbers (RFC 6528), ephemeral ports (RFC 6056), timestamp
//! offsets (RFC 7323 5.4), SYN cookies (`syn_cookies`) and the keys of the hash tables, all from one secret.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

use siphasher::sip::{SipHasher13, SipHasher24};

use super::FourTuple;
use crate::seq::Seq;
use crate::time::Instant;

/// 256 bits from the system's randomness, drawn once when a stack starts. With the same secret and the
/// same inputs a stack does the same again, octet for octet; a test passes what it likes.
#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
pub struct Secret(pub [u8; 32]);

/// Never shown: whoever knows it can forge segments.
impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The first and last port for connections of ours.
pub(super) const EPHEMERAL: (u16, u16) = (32_768, 60_999);

impl Secret {
    /// A keyed hash, different for each `purpose`.
    pub(super) fn hash(&self, purpose: u8, value: impl Hash) -> u64 {
        let (low, high) = self.0.split_at(16);
        let mut key = <[u8; 16]>::try_from(low).expect("half of 32");
        key[0] ^= purpose;
        let mut hasher = SipHasher24::new_with_key(&key);
        hasher.write(high);
        value.hash(&mut hasher);
        hasher.finish()
    }

    /// ISN = M + F(four-tuple, secret): a clock of 4 us plus what nobody else can compute (RFC 6528 3).
    #[expect(clippy::cast_possible_truncation, reason = "sequence numbers wrap")]
    pub(super) fn initial_sequence(&self, tuple: &FourTuple, now: Instant) -> Seq {
        let clock = (now.as_nanos() / 4_000) as u32;
        Seq(clock.wrapping_add(self.hash(1, tuple) as u32))
    }

    /// The same for all connections between two hosts, so that timestamps grow from one to the next
    /// (RFC 6191, RFC 7323 5.4).
    #[expect(clippy::cast_possible_truncation, reason = "any 32 bits of it will do")]
    pub(super) fn timestamp_offset(&self, local: IpAddr, remote: IpAddr) -> u32 {
        self.hash(2, (local, remote)) as u32
    }

    /// The number of the `nth` packet of ours that is cut (RFC 7739 4): nobody can tell the next from it.
    #[expect(clippy::cast_possible_truncation, reason = "any 32 bits of it will do")]
    pub(super) fn fragment_id(&self, nth: u64) -> u32 {
        self.hash(8, nth) as u32
    }

    /// The ports to try for a connection to `remote`, in order: from a point that depends on the
    /// destination, moved on by `count` (RFC 6056 3.3.3).
    pub(super) fn ports(
        &self,
        local: IpAddr,
        remote: SocketAddr,
        count: u64,
    ) -> impl Iterator<Item = u16> + use<> {
        let (first, last) = EPHEMERAL;
        let range = u64::from(last - first) + 1;
        let start = self.hash(3, (local, remote)) % range + count % range;
        (0..range).map(move |step| {
            first + u16::try_from((start + step) % range).expect("within the range")
        })
    }

    pub(super) fn table_hasher(&self) -> TableHasher {
        TableHasher(self.hash(4, ()), self.hash(5, ()))
    }
}

/// Keys for the table of connections, so that nobody can aim at one bucket.
#[derive(Clone, Debug)]
pub(super) struct TableHasher(u64, u64);

impl TableHasher {
    /// All octets of both ends in one go: this is done for every packet.
    pub(super) fn hash(&self, tuple: &FourTuple) -> u64 {
        let FourTuple { local, remote } = tuple;
        let hasher = SipHasher13::new_with_keys(self.0, self.1);
        let mut key = [0; 36];
        let mut len = 0;
        let mut add = |octets: &[u8]| {
            key[len..len + octets.len()].copy_from_slice(octets);
            len += octets.len();
        };
        for end in [local, remote] {
            match end.ip() {
                IpAddr::V4(ip) => add(&ip.octets()),
                IpAddr::V6(ip) => add(&ip.octets()),
            }
            add(&end.port().to_be_bytes());
        }
        hasher.hash(&key[..len])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn tuple(port: u16) -> FourTuple {
        FourTuple {
            local: SocketAddr::from(([192, 0, 2, 2], 80)),
            remote: SocketAddr::from(([192, 0, 2, 1], port)),
        }
    }

    // MUST-9
    #[test]
    fn sequence_numbers_follow_the_clock_and_differ_by_connection() {
        let secret = Secret([7; 32]);
        let start = secret.initial_sequence(&tuple(1), Instant::ZERO);
        assert_eq!(secret.initial_sequence(&tuple(1), Instant::from_micros(400)), start + 100);
        assert_ne!(secret.initial_sequence(&tuple(2), Instant::ZERO), start);
        assert_ne!(Secret([8; 32]).initial_sequence(&tuple(1), Instant::ZERO), start);
    }

    #[test]
    fn every_port_is_tried_once() {
        let remote = SocketAddr::from(([192, 0, 2, 1], 80));
        let ports: BTreeSet<u16> = Secret([7; 32]).ports(remote.ip(), remote, u64::MAX).collect();
        let (first, last) = EPHEMERAL;
        assert_eq!(ports.len(), usize::from(last - first) + 1);
        assert_eq!((ports.first(), ports.last()), (Some(&first), Some(&last)));
    }

    #[test]
    fn who_does_not_know_the_secret_cannot_aim_at_one_bucket() {
        let bucket = |secret, port| Secret([secret; 32]).table_hasher().hash(&tuple(port)) % 64;
        let aimed = (1..=u16::MAX).filter(|port| bucket(7, *port) == 0).take(640);
        let hit: BTreeSet<u64> = aimed.map(|port| bucket(8, port)).collect();
        assert_eq!(hit.len(), 64, "what shares a bucket by one secret is spread by another");
    }
}
