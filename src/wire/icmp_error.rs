//! What ICMP errors say, in one form for both versions: those of ICMPv4 (RFC 792, RFC 1191, RFC 1812 5.2.7) and
//! of ICMPv6 (RFC 4443 3), and what they quote. What follows from an error is not decided here.

use std::net::IpAddr;

use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice, ip_number};

use super::tcp::Ports;
use super::{ParseError, ipv6};
use crate::seq::Seq;

/// A packet of ours did not arrive, and somebody says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpError {
    /// What is wrong.
    pub problem: Problem,
    /// The packet.
    pub quoted: Quoted,
}

/// What is wrong, by its meaning: several codes may mean the same. The codes named are those of ICMPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "problem", rename_all = "kebab-case")]
pub enum Problem {
    /// There is no way to the network, for now (codes 0, 6, 8, 11).
    NetworkUnreachable,
    /// There is no way to the host, for now (codes 1, 5, 7, 12).
    HostUnreachable,
    /// A router is not to let it through (codes 9, 10, 13 to 15).
    Prohibited,
    /// The host does not speak the protocol (code 2).
    ProtocolUnreachable,
    /// Nobody has the port (code 3).
    PortUnreachable,
    /// It is too large for the next link, and must not be cut (code 4).
    TooBig {
        /// The longest packet that the link carries, in octets; 0: not told, as by routers from before
        /// RFC 1191.
        mtu: u32,
    },
    /// It was under way for too long, or not all of its fragments came (type 11).
    TimeExceeded,
    /// Something in its header cannot be (type 12).
    ParameterProblem,
    /// A router asks for fewer packets (type 4). Nobody should ask so any more (RFC 6633).
    SourceQuench,
}

/// A packet, as far as an error quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// Its source: we.
    pub src: IpAddr,
    /// Its destination.
    pub dst: IpAddr,
    /// What it carried.
    pub protocol: u8,
    /// Octets in all of it, header included, as its header says.
    pub len: u32,
    /// The first octets behind its header: RFC 792 asks for no more.
    pub beginning: [u8; Quoted::LEAST],
}

impl Quoted {
    /// So much behind its header is quoted at least.
    pub const LEAST: usize = 8;

    /// The ports and the sequence number, if it carried a TCP segment.
    #[must_use]
    pub fn tcp(&self) -> Option<(Ports, Seq)> {
        let [s0, s1, d0, d1, seq @ ..] = self.beginning;
        let ports = Ports { src: u16::from_be_bytes([s0, s1]), dst: u16::from_be_bytes([d0, d1]) };
        (self.protocol == ip_number::TCP.0).then(|| (ports, Seq(u32::from_be_bytes(seq))))
    }
}

/// Reads an error of ICMPv4: `message` is the whole payload of an IP packet, and its checksum is right.
/// `None` if it is no error, or asks for nothing that a host would do: a redirect, an unknown type or code,
/// or a fragment that does not tell whose it is.
///
/// # Errors
///
/// It quotes less than it has to.
pub fn parse_v4(message: &[u8]) -> Result<Option<IcmpError>, ParseError> {
    let [kind, code, _, _, _, _, mtu @ ..] =
        *message.first_chunk::<8>().ok_or(ParseError::Truncated)?;
    let Some(problem) = problem_v4(kind, code, u16::from_be_bytes(mtu)) else { return Ok(None) };
    let quote = &message[8..];
    let header = Ipv4HeaderSlice::from_slice(quote).map_err(|_| ParseError::Truncated)?;
    if header.fragments_offset().value() != 0 {
        return Ok(None);
    }
    let beginning = quote.get(header.slice().len()..).and_then(|rest| rest.first_chunk());
    let quoted = Quoted {
        src: header.source_addr().into(),
        dst: header.destination_addr().into(),
        protocol: header.protocol().0,
        len: header.total_len().into(),
        beginning: *beginning.ok_or(ParseError::Truncated)?,
    };
    Ok(Some(IcmpError { problem, quoted }))
}

/// Reads an error of ICMPv6 in the same way. `None` too if it quotes less than it has to, for what stands
/// between the header and the segment may be long.
#[must_use]
pub fn parse_v6(message: &[u8]) -> Option<IcmpError> {
    let [kind, code, _, _, mtu @ ..] = *message.first_chunk::<8>()?;
    let problem = problem_v6(kind, code, u32::from_be_bytes(mtu))?;
    let quote = &message[8..];
    let header = Ipv6HeaderSlice::from_slice(quote).ok()?;
    let (protocol, at) = ipv6::upper_layer(quote)?;
    let quoted = Quoted {
        src: header.source_addr().into(),
        dst: header.destination_addr().into(),
        protocol: protocol.0,
        len: u32::from(header.payload_length()) + 40,
        beginning: *quote.get(at..)?.first_chunk()?,
    };
    Some(IcmpError { problem, quoted })
}

/// A header that nobody knows at the other end is a protocol that nobody speaks (RFC 4443 3.4, code 1).
const fn problem_v6(kind: u8, code: u8, mtu: u32) -> Option<Problem> {
    Some(match (kind, code) {
        (1, 0) => Problem::NetworkUnreachable,
        (1, 1 | 5 | 6) => Problem::Prohibited,
        (1, 2 | 3) => Problem::HostUnreachable,
        (1, 4) => Problem::PortUnreachable,
        (2, _) => Problem::TooBig { mtu },
        (3, 0 | 1) => Problem::TimeExceeded,
        (4, 1) => Problem::ProtocolUnreachable,
        (4, _) => Problem::ParameterProblem,
        (_, _) => return None,
    })
}

const fn problem_v4(kind: u8, code: u8, mtu: u16) -> Option<Problem> {
    Some(match (kind, code) {
        (3, 0 | 6 | 8 | 11) => Problem::NetworkUnreachable,
        (3, 1 | 5 | 7 | 12) => Problem::HostUnreachable,
        (3, 2) => Problem::ProtocolUnreachable,
        (3, 3) => Problem::PortUnreachable,
        (3, 4) => Problem::TooBig { mtu: mtu as u32 },
        (3, 9 | 10 | 13..=15) => Problem::Prohibited,
        (4, 0) => Problem::SourceQuench,
        (11, 0 | 1) => Problem::TimeExceeded,
        (12, 0..=2) => Problem::ParameterProblem,
        (_, _) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error about a segment from 192.0.2.2, port 80, with number 7.
    fn message(kind: u8, code: u8, mtu: u16) -> Vec<u8> {
        let mut header =
            etherparse::Ipv4Header::new(1_480, 64, ip_number::TCP, [192, 0, 2, 2], [192, 0, 2, 1])
                .expect("it is short");
        header.header_checksum = header.calc_header_checksum();
        let [high, low] = mtu.to_be_bytes();
        let segment = [0, 80, 0x9c, 0x40, 0, 0, 0, 7];
        [&[kind, code, 0, 0, 0, 0, high, low][..], &header.to_bytes(), &segment].concat()
    }

    #[test]
    fn an_error_says_what_is_wrong_with_which_segment() {
        let error = parse_v4(&message(3, 4, 1_300)).expect("it is whole").expect("it is an error");
        assert_eq!(error.problem, Problem::TooBig { mtu: 1_300 });
        let IcmpError { quoted, .. } = error;
        assert_eq!((quoted.src, quoted.dst), ([192, 0, 2, 2].into(), [192, 0, 2, 1].into()));
        assert_eq!(quoted.len, 1_500);
        assert_eq!(quoted.tcp(), Some((Ports { src: 80, dst: 40_000 }, Seq(7))));
        let other = Quoted { protocol: ip_number::UDP.0, ..quoted };
        assert_eq!(other.tcp(), None);
    }

    #[test]
    fn every_code_means_something_or_nothing() {
        let meaning = |kind, code| {
            let error = parse_v4(&message(kind, code, 0)).expect("it is whole");
            error.map(|error| error.problem)
        };
        let unreachable = [
            Problem::NetworkUnreachable,
            Problem::HostUnreachable,
            Problem::ProtocolUnreachable,
            Problem::PortUnreachable,
            Problem::TooBig { mtu: 0 },
            Problem::HostUnreachable,
            Problem::NetworkUnreachable,
            Problem::HostUnreachable,
            Problem::NetworkUnreachable,
            Problem::Prohibited,
            Problem::Prohibited,
            Problem::NetworkUnreachable,
            Problem::HostUnreachable,
            Problem::Prohibited,
            Problem::Prohibited,
            Problem::Prohibited,
        ];
        for (code, problem) in (0..).zip(unreachable) {
            assert_eq!(meaning(3, code), Some(problem), "code {code}");
        }
        assert_eq!(meaning(3, 16), None);
        assert_eq!(meaning(4, 0), Some(Problem::SourceQuench));
        assert_eq!(meaning(5, 1), None, "redirects are for routers' eyes");
        assert_eq!(meaning(11, 1), Some(Problem::TimeExceeded));
        assert_eq!(meaning(12, 0), Some(Problem::ParameterProblem));
        assert_eq!(meaning(0, 0), None, "an echo is no error");
    }

    #[test]
    fn what_is_cut_short_is_no_error_and_no_panic() {
        let whole = message(3, 1, 0);
        for len in 0..whole.len() {
            assert_eq!(parse_v4(&whole[..len]), Err(ParseError::Truncated), "{len} octets");
        }
        // The quote says that its header is longer than what is quoted, or is of another version.
        for (at, octet) in [(8, 0x4f), (8, 0x44), (8, 0x65)] {
            let mut broken = whole.clone();
            broken[at] = octet;
            assert_eq!(parse_v4(&broken), Err(ParseError::Truncated));
        }
        let mut fragment = whole;
        fragment[8 + 7] = 1;
        assert_eq!(parse_v4(&fragment), Ok(None));
    }

    #[test]
    fn every_code_of_icmpv6_means_something_or_nothing() {
        let meaning = |kind, code| problem_v6(kind, code, 1_280);
        let unreachable = [
            Problem::NetworkUnreachable,
            Problem::Prohibited,
            Problem::HostUnreachable,
            Problem::HostUnreachable,
            Problem::PortUnreachable,
            Problem::Prohibited,
            Problem::Prohibited,
        ];
        for (code, problem) in (0..).zip(unreachable) {
            assert_eq!(meaning(1, code), Some(problem), "code {code}");
        }
        assert_eq!(meaning(1, 7), None);
        assert_eq!(meaning(2, 0), Some(Problem::TooBig { mtu: 1_280 }));
        assert_eq!(meaning(3, 1), Some(Problem::TimeExceeded));
        assert_eq!(meaning(4, 0), Some(Problem::ParameterProblem));
        assert_eq!(meaning(4, 1), Some(Problem::ProtocolUnreachable));
        assert_eq!(meaning(128, 0), None, "an echo is no error");
    }

    proptest::proptest! {
        #[test]
        fn anything_can_be_read(message: Vec<u8>, kind in 3_u8..13) {
            let _ = parse_v4(&message);
            let _ = parse_v4(&[&[kind][..], &message].concat());
            let _ = parse_v6(&[&[kind - 2][..], &message].concat());
        }
    }
}
