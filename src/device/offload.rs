//! A TUN that does the work of a network card: the kernel cuts long segments, puts those that arrive
//! together, and leaves checksums alone that never see a wire. In front of each packet stands a
//! virtio-net header that says which of these is due (virtio 1.2, 5.1.6; linux/virtio_net.h).
//!
//! Which offloads the kernel grants is asked for here, one after the other; [`super::request`] is how.

use crate::wire::{Features, Flags, Frame, ip};

/// Octets of the header.
pub(super) const HEADER: usize = 10;

/// The checksum is still to be filled in; on what we read: it has never been on a wire.
const NEEDS_CHECKSUM: u8 = 1;
/// The kernel has looked at the checksum.
const CHECKSUM_VALID: u8 = 2;

const NO_SEGMENTS: u8 = 0;
const TCP_IPV4: u8 = 1;
const TCP_IPV6: u8 = 4;
/// With one of the two before it: CWR is set, which belongs to the first segment alone (RFC 3168 6.1.2).
const ECN: u8 = 0x80;

/// Where the flags and the checksum stand in a TCP header.
const TCP_FLAGS: usize = 13;
const TCP_CHECKSUM: u16 = 16;

/// Asks for each offload with those before it, as long as they are granted: checksums, long segments over
/// IPv4 and IPv6, long segments with CWR. `ask` says whether the kernel takes a set of `TUN_F_*`; what it
/// took last holds. What it refused is not among the features: a kernel that cannot join segments cannot
/// be trusted to cut them.
pub(super) fn negotiate(mut ask: impl FnMut(libc::c_uint) -> bool) -> Features {
    let checksum = libc::TUN_F_CSUM;
    let long = checksum | libc::TUN_F_TSO4 | libc::TUN_F_TSO6;
    if !ask(checksum) {
        // So that nothing is left of what somebody else has asked for before.
        ask(0);
        return Features::default();
    }
    let segmentation = ask(long);
    if segmentation {
        // Without: segments with CWR come one by one.
        ask(long | libc::TUN_F_TSO_ECN);
    }
    Features { checksum: true, segmentation }
}

/// The header in front of a frame of ours.
pub(super) fn header(frame: &Frame) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    if !frame.offload.checksum {
        return header;
    }
    let is_v6 = ip::version(&frame.head) == Some(6);
    // The headers we send have no options and no extensions.
    let ip_header: u16 = if is_v6 { 40 } else { 20 };
    header[0] = NEEDS_CHECKSUM;
    header[1] = NO_SEGMENTS;
    if frame.offload.segment_size > 0 {
        let head_len = u16::try_from(frame.head.len()).expect("headers are short");
        let flags = frame.head.get(usize::from(ip_header) + TCP_FLAGS).copied().unwrap_or_default();
        let has_cwr = Flags::from_bits_retain(flags).contains(Flags::CWR);
        header[1] = if is_v6 { TCP_IPV6 } else { TCP_IPV4 } | if has_cwr { ECN } else { 0 };
        header[2..4].copy_from_slice(&head_len.to_ne_bytes());
        header[4..6].copy_from_slice(&frame.offload.segment_size.to_ne_bytes());
    }
    header[6..8].copy_from_slice(&ip_header.to_ne_bytes());
    header[8..10].copy_from_slice(&TCP_CHECKSUM.to_ne_bytes());
    header
}

/// Whether the kernel vouches for the checksum of a packet with this header.
pub(super) fn is_verified(header: &[u8]) -> bool {
    header.first().is_some_and(|flags| flags & (NEEDS_CHECKSUM | CHECKSUM_VALID) != 0)
}

/// How long the segments are that a packet with this header was put together from; 0 for one alone.
pub(super) fn segment_size(header: &[u8]) -> u16 {
    match header {
        [_, kind, _, _, low, high, ..] if matches!(kind & !ECN, TCP_IPV4 | TCP_IPV6) => {
            u16::from_ne_bytes([*low, *high])
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Offload;

    /// A frame of ours with these flags, behind an IP header of this version.
    fn frame(version: u8, flags: Flags, offload: Offload) -> Frame {
        let ip_header = if version == 6 { 40 } else { 20 };
        let mut head = vec![0; ip_header + 32];
        head[0] = version << 4;
        head[ip_header + TCP_FLAGS] = flags.bits();
        Frame { head: head.as_slice().into(), offload, ..Frame::default() }
    }

    fn number(header: [u8; HEADER], at: usize) -> u16 {
        u16::from_ne_bytes([header[at], header[at + 1]])
    }

    #[test]
    fn the_header_says_what_is_left_to_do() {
        for (version, ip_header, kind) in [(4, 20, 1), (6, 40, 4)] {
            let of = |flags, offload| header(&frame(version, flags, offload));
            assert_eq!(of(Flags::ACK, Offload::default()), [0; HEADER]);
            let short = of(Flags::ACK | Flags::CWR, Offload { checksum: true, segment_size: 0 });
            assert_eq!((short[0], short[1]), (1, 0), "one segment has nothing to be cut");
            assert_eq!([2, 4, 6, 8].map(|at| number(short, at)), [0, 0, ip_header, 16]);
            let offload = Offload { checksum: true, segment_size: 1448 };
            let long = of(Flags::ACK, offload);
            assert_eq!((long[0], long[1]), (1, kind));
            assert_eq!(
                [2, 4, 6, 8].map(|at| number(long, at)),
                [ip_header + 32, 1448, ip_header, 16]
            );
            assert_eq!(of(Flags::ACK | Flags::CWR, offload)[1], kind | 0x80, "CWR");
            assert_eq!(of(Flags::ACK | Flags::ECE, offload)[1], kind, "ECE is on every segment");
        }
    }

    #[test]
    fn only_what_the_kernel_says_is_verified() {
        assert!(!is_verified(&[0; HEADER]) && !is_verified(&[]));
        assert_eq!((segment_size(&[0; HEADER]), segment_size(&[])), (0, 0));
        assert!(is_verified(&[1, 0, 0, 0]) && is_verified(&[2, 0]));
    }

    #[test]
    fn only_tcp_comes_joined() {
        let header = |kind: u8| {
            let [low, high] = 1448_u16.to_ne_bytes();
            [1, kind, 0, 0, low, high, 0, 0, 0, 0]
        };
        for (kind, size) in [(0, 0), (1, 1448), (4, 1448), (0x81, 1448), (0x84, 1448), (3, 0)] {
            assert_eq!(segment_size(&header(kind)), size, "kind {kind}");
        }
    }

    /// What is left of the features when the kernel refuses some offloads, and what it took last.
    fn without(refused: libc::c_uint) -> (Features, libc::c_uint) {
        let mut holds = libc::c_uint::MAX;
        let features = negotiate(|asked| {
            let takes = asked & refused == 0;
            if takes {
                holds = asked;
            }
            takes
        });
        (features, holds)
    }

    #[test]
    fn what_the_kernel_refuses_is_no_feature() {
        let (checksum, tso) = (libc::TUN_F_CSUM, libc::TUN_F_TSO4 | libc::TUN_F_TSO6);
        let both = Features { checksum: true, segmentation: true };
        assert_eq!(without(0), (both, checksum | tso | libc::TUN_F_TSO_ECN));
        assert_eq!(without(libc::TUN_F_TSO_ECN), (both, checksum | tso));
        let one = Features { checksum: true, segmentation: false };
        assert_eq!(without(libc::TUN_F_TSO6), (one, checksum));
        assert_eq!(without(libc::TUN_F_TSO4), (one, checksum));
        assert_eq!(without(checksum), (Features::default(), 0));
    }
}
