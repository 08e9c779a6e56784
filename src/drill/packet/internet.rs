//! The headers of IPv4 (RFC 791) and IPv6 (RFC 8200) around what is made, and the checksums that the addresses
//! are part of.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::checksum::Sum16BitWords;
use etherparse::{IpDscp, IpEcn, IpNumber, Ipv4Header, Ipv6FlowLabel, Ipv6Header};

use super::super::script::ast::{Ecn, IpInfo};
use super::{Ends, Unmakeable};

/// What a packet has for its hop limit when nobody says otherwise.
const HOPS: u8 = 64;

/// Where a packet comes from and where it goes, both of one version.
#[derive(Clone, Copy, Debug)]
pub(super) enum Route {
    V4(Ipv4Addr, Ipv4Addr),
    V6(Ipv6Addr, Ipv6Addr),
}

impl Route {
    pub(super) fn of(ends: Ends) -> Result<Route, Unmakeable> {
        match (ends.src.ip(), ends.dst.ip()) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => Ok(Route::V4(src, dst)),
            (IpAddr::V6(src), IpAddr::V6(dst)) => Ok(Route::V6(src, dst)),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
                Err(Unmakeable("its two addresses are not of one version of IP".to_owned()))
            }
        }
    }

    /// The way back.
    pub(super) fn back(self) -> Route {
        match self {
            Route::V4(src, dst) => Route::V4(dst, src),
            Route::V6(src, dst) => Route::V6(dst, src),
        }
    }

    /// The header of a packet with `len` octets behind it.
    pub(super) fn header(
        self,
        info: &IpInfo,
        protocol: IpNumber,
        len: usize,
    ) -> Result<Vec<u8>, Unmakeable> {
        let too_long = || Unmakeable("the packet is longer than 65,535 octets".to_owned());
        let len = u16::try_from(len).map_err(|_| too_long())?;
        let hops = info.ttl.unwrap_or(HOPS);
        let tos = info.tos.unwrap_or(0) | info.ecn.map_or(0, ecn_bits);
        match self {
            Route::V4(src, dst) => {
                let header = Ipv4Header::new(len, hops, protocol, src.octets(), dst.octets());
                let mut header = header.map_err(|_| too_long())?;
                header.dscp = IpDscp::try_new(tos >> 2).expect("six bits");
                header.ecn = IpEcn::try_new(tos & 3).expect("two bits");
                header.header_checksum = header.calc_header_checksum();
                Ok(header.to_bytes().to_vec())
            }
            Route::V6(src, dst) => {
                let header = Ipv6Header {
                    traffic_class: tos,
                    flow_label: Ipv6FlowLabel::ZERO,
                    payload_length: len,
                    next_header: protocol,
                    hop_limit: hops,
                    source: src.octets(),
                    destination: dst.octets(),
                };
                Ok(header.to_bytes().to_vec())
            }
        }
    }

    /// The checksum of `octets`, whose own checksum is still zero, with the pseudo-header: one sum for both
    /// versions, for zeros add nothing (RFC 9293 3.1).
    pub(super) fn checksum(self, protocol: IpNumber, octets: &[u8]) -> u16 {
        let len = u32::try_from(octets.len()).expect("a packet is short");
        let sum = Sum16BitWords::new();
        let sum = match self {
            Route::V4(src, dst) => sum.add_slice(&src.octets()).add_slice(&dst.octets()),
            Route::V6(src, dst) => sum.add_slice(&src.octets()).add_slice(&dst.octets()),
        };
        let sum = sum.add_2bytes([0, protocol.0]).add_slice(&len.to_be_bytes());
        u16::from_be_bytes(sum.add_slice(octets).ones_complement().to_ne_bytes())
    }
}

/// The checksum of `octets` alone, whose own checksum is still zero.
pub(super) fn checksum_alone(octets: &[u8]) -> u16 {
    u16::from_be_bytes(Sum16BitWords::new().add_slice(octets).ones_complement().to_ne_bytes())
}

/// The two bits of the ECN field; what may be either is ECT(0).
pub(in crate::drill) fn ecn_bits(ecn: Ecn) -> u8 {
    match ecn {
        Ecn::NotEct => 0,
        Ecn::Ect1 => 1,
        Ecn::Ect0 | Ecn::Ect01 => 2,
        Ecn::Ce => 3,
    }
}
