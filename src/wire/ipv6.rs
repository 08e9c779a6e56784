//! IPv6 headers (RFC 8200): read, written, marked; and the extension headers between them and the payload,
//! skipped within limits. Nobody here has a use for any of them but the fragment header.

use std::net::Ipv6Addr;

use bytes::Bytes;
use etherparse::{
    IpEcn, IpNumber, Ipv6FragmentHeaderSlice, Ipv6Header, Ipv6HeaderSlice, ip_number,
};
use smallvec::SmallVec;

use super::ParseError;
use super::ecn::Ecn;
use super::frame::Head;
use super::ip::{Datagram, Defect, DefectKind, Fragment};
use super::style::HeaderStyle;

/// Octets of the header that every packet has.
const FIXED: usize = 40;
/// Where it names what follows.
const NEXT_HEADER: usize = 6;
/// Extension headers that are looked at, and octets of them all: a host may set such limits (RFC 8504 5.3),
/// and no sender needs as many.
const MOST_EXTENSIONS: usize = 8;
const MOST_OCTETS: usize = 1024;

/// An option that takes no room for a length.
const PAD1: u8 = 0;
const PADN: u8 = 1;
/// What Destination Options and Hop-by-Hop Options begin with: the next header, and their length.
const OPTIONS_FROM: usize = 2;

/// Reads a packet.
pub(super) fn parse(bytes: &Bytes) -> Result<Datagram, ParseError> {
    use etherparse::err::ipv6::HeaderSliceError;
    let header = Ipv6HeaderSlice::from_slice(bytes).map_err(|error| match error {
        HeaderSliceError::Len(_) => ParseError::Truncated,
        HeaderSliceError::Content(_) => ParseError::IpVersion,
    })?;
    let payload_len = usize::from(header.payload_length());
    let is_jumbo = payload_len == 0 && header.next_header() == ip_number::IPV6_HEADER_HOP_BY_HOP;
    if is_jumbo && bytes.len() > FIXED {
        return Err(ParseError::Jumbogram);
    }
    let total_len = FIXED + payload_len;
    let whole = bytes.get(..total_len).ok_or(ParseError::Truncated)?;
    let chain = match header.next_header() {
        // What nearly all packets are.
        ip_number::TCP => Chain::ends(ip_number::TCP, NEXT_HEADER, FIXED),
        _ => walk(whole)?,
    };
    Ok(Datagram {
        src: header.source_addr().into(),
        dst: header.destination_addr().into(),
        protocol: chain.protocol.0,
        protocol_at: place(chain.protocol_at),
        ecn: Ecn::of_tos(header.ecn().value()),
        fragment: chain.fragment,
        defect: chain.defect,
        header: SmallVec::from_slice(&whole[..chain.end]),
        payload: bytes.slice(chain.end..total_len),
    })
}

pub(super) fn header(
    style: HeaderStyle,
    src: Ipv6Addr,
    dst: Ipv6Addr,
    protocol: IpNumber,
    payload_len: u16,
) -> Head {
    let header = Ipv6Header {
        traffic_class: style.tos,
        payload_length: payload_len,
        next_header: protocol,
        hop_limit: style.ttl,
        source: src.octets(),
        destination: dst.octets(),
        ..Ipv6Header::default()
    };
    Head::from_slice(&header.to_bytes())
}

pub(super) fn mark(packet: &Bytes) -> Option<Bytes> {
    let header = Ipv6HeaderSlice::from_slice(packet).ok()?;
    Ecn::of_tos(header.ecn().value()).is_capable().then(|| {
        let mut header = header.to_header();
        header.set_ecn(IpEcn::THREE);
        [&header.to_bytes()[..], &packet[FIXED..]].concat().into()
    })
}

/// What the headers of a packet lead to, which may have been cut short: what an ICMP error quotes.
/// The protocol, and where its header begins; `None` if that is not to be seen.
pub(super) fn upper_layer(quoted: &[u8]) -> Option<(IpNumber, usize)> {
    Ipv6HeaderSlice::from_slice(quoted).ok()?;
    let chain = walk(quoted).ok()?;
    let is_there = chain.defect.is_none() && chain.fragment.is_none_or(|part| part.offset == 0);
    is_there.then_some((chain.protocol, chain.end))
}

/// What the headers that begin with `next` lead to at last, whatever is wrong with each of them: the protocol, and as
/// much of it as has come. `None` if there are so many that nobody need know.
pub(super) fn carried(mut next: IpNumber, mut rest: &[u8]) -> Option<(IpNumber, &[u8])> {
    for _ in 0..=MOST_EXTENSIONS {
        let units = usize::from(*rest.get(1).unwrap_or(&0));
        let len = match next {
            ip_number::IPV6_HEADER_HOP_BY_HOP
            | ip_number::IPV6_DESTINATION_OPTIONS
            | ip_number::IPV6_ROUTE_HEADER
            | ip_number::MOBILITY
            | ip_number::HIP
            | ip_number::SHIM6 => (units + 1) * 8,
            ip_number::IPV6_FRAGMENTATION_HEADER => 8,
            ip_number::AUTHENTICATION_HEADER => (units + 2) * 4,
            _ => return Some((next, rest)),
        };
        let Some(following) = rest.first() else { return Some((next, rest)) };
        next = IpNumber(*following);
        rest = rest.get(len..).unwrap_or_default();
    }
    None
}

/// What the extension headers of a packet lead to.
struct Chain {
    protocol: IpNumber,
    /// Where the octet that names it stands.
    protocol_at: usize,
    /// Where the payload begins.
    end: usize,
    fragment: Option<Fragment>,
    defect: Option<Defect>,
}

impl Chain {
    const fn ends(protocol: IpNumber, protocol_at: usize, end: usize) -> Self {
        Chain { protocol, protocol_at, end, fragment: None, defect: None }
    }

    fn with_defect(self, kind: DefectKind, at: usize) -> Self {
        Chain { defect: Some(Defect { kind, at: place(at) }), ..self }
    }
}

/// Goes from header to header, as far as the packet is to be read here: to the payload, to the part that only
/// the whole packet has, or to the first mistake.
fn walk(packet: &[u8]) -> Result<Chain, ParseError> {
    let mut chain = Chain::ends(IpNumber(packet[NEXT_HEADER]), NEXT_HEADER, FIXED);
    for _ in 0..=MOST_EXTENSIONS {
        let (next, at) = (chain.protocol, chain.end);
        let len = match next {
            // Only the first of all can be this one (RFC 8200 4.1).
            ip_number::IPV6_HEADER_HOP_BY_HOP if at > FIXED => {
                let named_at = chain.protocol_at;
                return Ok(chain.with_defect(DefectKind::NextHeader, named_at));
            }
            ip_number::IPV6_HEADER_HOP_BY_HOP | ip_number::IPV6_DESTINATION_OPTIONS => {
                let extension = extension(packet, at)?;
                if let Some((kind, option_at)) = unknown_option(extension) {
                    return Ok(chain.with_defect(kind, at + option_at));
                }
                extension.len()
            }
            ip_number::IPV6_ROUTE_HEADER => {
                const TYPE: usize = 2;
                const SEGMENTS_LEFT: usize = 3;
                let extension = extension(packet, at)?;
                // We are the end of every route. Type 0, which no node may follow (RFC 5095), is
                // no different from those that nobody knows (RFC 8200 4.4).
                if extension[SEGMENTS_LEFT] > 0 {
                    return Ok(chain.with_defect(DefectKind::Field, at + TYPE));
                }
                extension.len()
            }
            ip_number::IPV6_FRAGMENTATION_HEADER => {
                let rest = packet.get(at..).unwrap_or_default();
                let part = Ipv6FragmentHeaderSlice::from_slice(rest);
                let part = part.map_err(|_| ParseError::Truncated)?;
                if part.is_fragmenting_payload() {
                    return Ok(fragment(packet, &chain, &part));
                }
                // All of a packet in one fragment is no fragment (RFC 6946).
                part.slice().len()
            }
            _ => return Ok(chain),
        };
        chain = Chain::ends(IpNumber(packet[at]), at, at + len);
        if chain.end > FIXED + MOST_OCTETS {
            return Err(ParseError::ExtensionHeaders);
        }
    }
    Err(ParseError::ExtensionHeaders)
}

/// The packet is a part of a larger one, whose headers are looked at when it is whole. But the first part must
/// show that they end in it (RFC 7112).
fn fragment(packet: &[u8], before: &Chain, part: &Ipv6FragmentHeaderSlice<'_>) -> Chain {
    let (named_at, header_at) = (before.protocol_at, before.end);
    let own_header = part.slice().len();
    let fragment = Fragment {
        id: part.identification(),
        offset: part.fragment_offset().value() << 3,
        more: part.more_fragments(),
        own_header: u8::try_from(own_header).expect("it has eight octets"),
        named_at: place(named_at),
    };
    let end = header_at + own_header;
    let chain =
        Chain { fragment: Some(fragment), ..Chain::ends(part.next_header(), header_at, end) };
    if fragment.offset == 0 && !is_complete(packet, part.next_header(), end) {
        return chain.with_defect(DefectKind::IncompleteChain, 0);
    }
    chain
}

/// Whether all headers from `at` on, the first of which is `next`, end within the packet, with that of
/// the payload.
fn is_complete(packet: &[u8], mut next: IpNumber, mut at: usize) -> bool {
    for _ in 0..MOST_EXTENSIONS {
        match next {
            ip_number::IPV6_HEADER_HOP_BY_HOP
            | ip_number::IPV6_DESTINATION_OPTIONS
            | ip_number::IPV6_ROUTE_HEADER => match extension(packet, at) {
                Ok(extension) => {
                    next = IpNumber(extension[0]);
                    at += extension.len();
                }
                Err(_) => return false,
            },
            _ => break,
        }
    }
    let payload = packet.get(at..).unwrap_or_default();
    let needed = match next {
        ip_number::TCP => payload.get(12).map_or(20, |offset| usize::from(offset >> 4) * 4).max(20),
        ip_number::UDP | ip_number::IPV6_ICMP => 8,
        _ => 1,
    };
    payload.len() >= needed
}

/// The extension header at `at`, all of it: at least eight octets.
fn extension(packet: &[u8], at: usize) -> Result<&[u8], ParseError> {
    let rest = packet.get(at..).unwrap_or_default();
    let units = *rest.get(1).ok_or(ParseError::Truncated)?;
    rest.get(..(usize::from(units) + 1) * 8).ok_or(ParseError::Truncated)
}

/// The first option that may not be skipped, and where it stands in `extension`. We know none, so the two
/// highest bits of each decide (RFC 8200 4.2).
fn unknown_option(extension: &[u8]) -> Option<(DefectKind, usize)> {
    const LENGTH: usize = 1;
    let mut at = OPTIONS_FROM;
    while let Some(kind) = extension.get(at) {
        at += match (kind, kind >> 6) {
            (&PAD1, _) => 1,
            (&PADN, _) | (_, 0) => {
                let len = usize::from(*extension.get(at + LENGTH).unwrap_or(&u8::MAX));
                if at + 2 + len > extension.len() {
                    return Some((DefectKind::Field, at + LENGTH));
                }
                2 + len
            }
            (_, 1) => return Some((DefectKind::SilentOption, at)),
            (_, _) => return Some((DefectKind::Option, at)),
        };
    }
    None
}

fn place(at: usize) -> u16 {
    u16::try_from(at).expect("headers end within the first kilooctets of a packet")
}

#[cfg(test)]
mod tests;
