//! Fragments of IP packets, both ways: a whole packet of its parts, and parts of a packet that is longer than
//! the link carries. Which parts belong together, and how long to wait for them, is not decided here.

use std::net::IpAddr;

use bytes::{Bytes, BytesMut};
use etherparse::{
    IpFragOffset, IpNumber, Ipv4HeaderSlice, Ipv6FragmentHeader, Ipv6Header, ip_number,
};

use super::ecn::Ecn;
use super::frame::{Frame, Head};
use super::ip::{self, Datagram, Fragment};
use super::payload::Payload;

/// The longest packet.
pub(crate) const LONGEST: usize = 65_535;

/// Where the length stands in the header of either family, and the octet with the ECN field.
const TOTAL_LENGTH: usize = 2;
const PAYLOAD_LENGTH: usize = 4;

/// How long a packet is that has `payload_len` octets of payload behind the headers that `part` has in common
/// with it; `None` if none can be as long (RFC 791 3.1; RFC 8200 4.5).
pub(crate) fn whole_len(part: &Datagram, fragment: Fragment, payload_len: usize) -> Option<usize> {
    let len = part.header.len() - usize::from(fragment.own_header) + payload_len;
    let most = match part.src {
        IpAddr::V4(_) => LONGEST,
        // Its length does not count the header that every packet has.
        IpAddr::V6(_) => LONGEST + Ipv6Header::LEN,
    };
    (len <= most).then_some(len)
}

/// The whole packet: the headers of its first fragment, and all payload. `is_marked`: one of the fragments was
/// marked CE. `None` if it would be too long.
pub(crate) fn join<'a>(
    first: &Datagram,
    fragment: Fragment,
    payload: impl Iterator<Item = &'a Bytes> + Clone,
    is_marked: bool,
) -> Option<Bytes> {
    let payload_len = payload.clone().map(Bytes::len).sum();
    let len = whole_len(first, fragment, payload_len)?;
    let mut header = first.header.clone();
    header.truncate(header.len() - usize::from(fragment.own_header));
    let ce = Ecn::Ce.bits() * u8::from(is_marked);
    match first.src {
        IpAddr::V4(_) => {
            let total = u16::try_from(len).ok()?;
            header[TOTAL_LENGTH..][..2].copy_from_slice(&total.to_be_bytes());
            header[1] |= ce;
            // No flags, no offset.
            header[6..8].fill(0);
            header[10..12].fill(0);
            let sum = Ipv4HeaderSlice::from_slice(&header).ok()?.to_header().calc_header_checksum();
            header[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        IpAddr::V6(_) => {
            let behind = u16::try_from(len - Ipv6Header::LEN).ok()?;
            header[PAYLOAD_LENGTH..][..2].copy_from_slice(&behind.to_be_bytes());
            header[1] |= ce << 4;
            header[usize::from(fragment.named_at)] = first.protocol;
        }
    }
    let mut whole = BytesMut::with_capacity(len);
    whole.extend_from_slice(&header);
    payload.for_each(|piece| whole.extend_from_slice(piece));
    Some(whole.freeze())
}

/// The fragments of a packet of ours, none longer than `mtu`. `id` tells them from those of others; IPv4 has
/// room for its lower half only. A packet that is short enough stays whole.
pub(crate) fn cut(frame: Frame, mtu: usize, id: u32) -> Vec<Frame> {
    let is_v6 = ip::version(&frame.head) == Some(6);
    let (ip_header, own_header) =
        if is_v6 { (Ipv6Header::LEN, Ipv6FragmentHeader::LEN) } else { (20, 0) };
    // All but the last carry whole units of eight octets.
    let room = mtu.saturating_sub(ip_header + own_header) / 8 * 8;
    if frame.len() <= mtu || room == 0 || frame.head.len() < ip_header {
        return vec![frame];
    }
    let whole = frame.to_bytes();
    let (header, payload) = (whole.slice(..ip_header), whole.slice(ip_header..));
    let count = payload.len().div_ceil(room);
    (0..count)
        .map(|index| {
            let from = index * room;
            let piece = payload.slice(from..(from + room).min(payload.len()));
            let more = index + 1 < count;
            let head = if is_v6 {
                head_v6(&header, from, more, id, piece.len())
            } else {
                head_v4(&header, from, more, id, piece.len())
            };
            Frame { head, payload: Payload::from(piece), ..Frame::default() }
        })
        .collect()
}

fn head_v4(header: &[u8], from: usize, more: bool, id: u32, len: usize) -> Head {
    let header = Ipv4HeaderSlice::from_slice(header).expect("a header of ours");
    let mut header = header.to_header();
    let [_, _, high, low] = id.to_be_bytes();
    header.identification = u16::from_be_bytes([high, low]);
    header.dont_fragment = false;
    header.more_fragments = more;
    header.fragment_offset = units(from);
    header.set_payload_len(len).expect("a fragment is shorter than its packet");
    header.header_checksum = header.calc_header_checksum();
    Head::from_slice(&header.to_bytes())
}

fn head_v6(header: &[u8], from: usize, more: bool, id: u32, len: usize) -> Head {
    let (mut header, _) = Ipv6Header::from_slice(header).expect("a header of ours");
    let next = std::mem::replace(&mut header.next_header, ip_number::IPV6_FRAGMENTATION_HEADER);
    let behind = Ipv6FragmentHeader::LEN + len;
    header.set_payload_length(behind).expect("a fragment is shorter than its packet");
    let own = Ipv6FragmentHeader::new(IpNumber(next.0), units(from), more, id);
    let mut head = Head::from_slice(&header.to_bytes());
    head.extend_from_slice(&own.to_bytes());
    head
}

fn units(octets: usize) -> IpFragOffset {
    let units = u16::try_from(octets / 8).ok().and_then(|units| IpFragOffset::try_new(units).ok());
    units.expect("an offset is less than the longest packet")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::HeaderStyle;

    /// A packet of ours with so many octets of payload.
    fn frame(ends: [&str; 2], len: usize) -> Frame {
        let [src, dst] = ends.map(|addr| addr.parse().unwrap());
        let payload: Vec<u8> = (0..len).map(|at| at.to_le_bytes()[0] ^ 0x5a).collect();
        let head = ip::header(HeaderStyle::default(), src, dst, 17, len);
        Frame { head, payload: Bytes::from(payload).into(), ..Frame::default() }
    }

    const FAMILIES: [[&str; 2]; 2] = [["192.0.2.2", "192.0.2.1"], ["2001:db8::2", "2001:db8::1"]];

    #[test]
    fn parts_fit_the_link_and_make_the_packet_again() {
        for ends in FAMILIES {
            for (len, mtu) in [(1481, 1500), (5000, 1500), (65_000, 1280), (100, 68), (1461, 1500)]
            {
                let whole = frame(ends, len).to_bytes();
                let parts: Vec<_> = cut(frame(ends, len), mtu, 0x0001_0203)
                    .iter()
                    .map(|part| ip::parse(&part.to_bytes()).expect("a sound packet"))
                    .collect();
                assert!(parts.iter().all(|part| part.header.len() + part.payload.len() <= mtu));
                let Some(fragment) = parts[0].fragment else {
                    assert_eq!((parts.len(), whole.len() <= mtu), (1, true));
                    continue;
                };
                let mut expected = 0;
                for (index, part) in parts.iter().enumerate() {
                    let fragment = part.fragment.expect("one of several");
                    assert_eq!(usize::from(fragment.offset), expected);
                    assert_eq!(fragment.more, index + 1 < parts.len());
                    assert_eq!(fragment.id & 0xffff, 0x0203);
                    expected += part.payload.len();
                }
                let payload = parts.iter().map(|part| &part.payload);
                let joined = join(&parts[0], fragment, payload, false).expect("not too long");
                let (mut joined, mut whole) = (joined.to_vec(), whole.to_vec());
                if ends == FAMILIES[0] {
                    // That it was cut is to be seen: it has a number, and no "don't fragment".
                    for packet in [&mut joined, &mut whole] {
                        packet[4..8].fill(0);
                        packet[10..12].fill(0);
                    }
                }
                assert_eq!(joined, whole);
            }
        }
    }

    #[test]
    fn a_mark_on_a_part_is_a_mark_on_the_whole() {
        for ends in FAMILIES {
            let parts = cut(frame(ends, 2000), 1500, 7);
            let first = ip::parse(&parts[0].to_bytes()).expect("a sound packet");
            let fragment = first.fragment.expect("one of several");
            let payload = [first.payload.clone()];
            let joined = |is_marked| {
                let whole = join(&first, fragment, payload.iter(), is_marked);
                ip::parse(&whole.expect("not too long")).expect("a sound packet").ecn
            };
            assert_eq!((joined(false), joined(true)), (Ecn::NotEct, Ecn::Ce));
        }
    }

    #[test]
    fn nothing_longer_than_the_longest_packet_is_made() {
        for (ends, most) in FAMILIES.into_iter().zip([LONGEST - 20, LONGEST]) {
            let parts = cut(frame(ends, 2000), 1500, 7);
            let first = ip::parse(&parts[0].to_bytes()).expect("a sound packet");
            let fragment = first.fragment.expect("one of several");
            for (len, fits) in [(most, true), (most + 1, false)] {
                let payload = [Bytes::from(vec![0; len])];
                assert_eq!(join(&first, fragment, payload.iter(), false).is_some(), fits);
            }
        }
    }
}
