//! Source routes (RFC 791 3.1, RFC 1122 3.2.1.8): an IPv4 option that names the hosts to pass on the way. A
//! packet is addressed to the first of them; each puts its own address where the next was named, so that who
//! gets the packet in the end can answer by the same way.

use std::net::{IpAddr, Ipv4Addr};

use etherparse::{Ipv4Header, Ipv4Options};

use super::frame::{Frame, Head};
use super::ip;

/// The kinds of the option, with the bit that has it copied into fragments.
const LOOSE: u8 = 131;
const STRICT: u8 = 137;
const END: u8 = 0;
const NO_OPERATION: u8 = 1;

/// The hosts to pass on the way to a peer.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SourceRoute {
    hops: Vec<Ipv4Addr>,
    is_strict: bool,
    is_learned: bool,
}

/// What a source route of a packet for us says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It has come to its end: this is the way back.
    Complete(SourceRoute),
    /// There are hosts left to pass, and we are no router; or it names what is no host.
    Unusable,
}

impl SourceRoute {
    /// As many as an IP header has room for.
    pub const MOST_HOPS: usize = 9;

    /// By these hosts, in this order; others may lie between them. `None` without any, or with more than
    /// [`SourceRoute::MOST_HOPS`].
    #[must_use]
    pub fn by(hops: &[Ipv4Addr]) -> Option<SourceRoute> {
        let fits = (1..=Self::MOST_HOPS).contains(&hops.len());
        fits.then(|| SourceRoute { hops: hops.to_vec(), is_strict: false, is_learned: false })
    }

    /// The same with no others between them.
    #[must_use]
    pub fn strictly(self) -> SourceRoute {
        SourceRoute { is_strict: true, ..self }
    }

    /// The hosts.
    #[must_use]
    pub fn hops(&self) -> &[Ipv4Addr] {
        &self.hops[..self.hops.len().min(Self::MOST_HOPS)]
    }

    /// Whether it came with a packet of the peer's, and was not chosen here.
    #[must_use]
    pub fn is_learned(&self) -> bool {
        self.is_learned
    }

    /// The octets it takes in every IP header.
    pub(crate) fn octets(&self) -> u16 {
        4 + 4 * u16::try_from(self.hops().len()).expect("at most nine")
    }

    /// What the route in the header of a received packet says, if there is one. Options that cannot be read
    /// are none.
    pub(crate) fn of(header: &[u8]) -> Option<Arrival> {
        let mut options = header.get(20..)?;
        loop {
            let len = match options {
                [] | [END, ..] => return None,
                [NO_OPERATION, ..] => 1,
                [_, len, ..] => usize::from(*len),
                [_] => return None,
            };
            let option = options.get(..len).filter(|option| !option.is_empty())?;
            match option {
                [kind @ (LOOSE | STRICT), _, next, recorded @ ..] => {
                    let is_complete = usize::from(*next) > len;
                    return Some(Self::back(*kind == STRICT, recorded, is_complete));
                }
                [LOOSE | STRICT, ..] => return Some(Arrival::Unusable),
                // One octet that is no NOP says that it has none.
                [kind, ..] if len == 1 && *kind != NO_OPERATION => return None,
                [..] => options = &options[len..],
            }
        }
    }

    fn back(is_strict: bool, recorded: &[u8], is_complete: bool) -> Arrival {
        let hop = |octets: &[u8]| <[u8; 4]>::try_from(octets).map(Ipv4Addr::from);
        let hops: Result<Vec<_>, _> = recorded.chunks(4).rev().map(hop).collect();
        let is_host = |hop: &Ipv4Addr| ip::may_be_source(IpAddr::V4(*hop));
        match hops {
            Ok(hops) if is_complete && hops.iter().all(is_host) && !hops.is_empty() => {
                Arrival::Complete(SourceRoute { hops, is_strict, is_learned: true })
            }
            Ok(_) | Err(_) => Arrival::Unusable,
        }
    }

    /// Sends a packet of ours that has no options by this way. Its checksums stay right: that of TCP is about
    /// where the packet goes in the end (RFC 9293 3.9.2.1).
    pub(crate) fn lead(&self, frame: &mut Frame) {
        let Some((first, others)) = self.hops().split_first() else { return };
        let Ok((mut header, transport)) = Ipv4Header::from_slice(&frame.head) else { return };
        let kind = if self.is_strict { STRICT } else { LOOSE };
        let len = u8::try_from(self.octets() - 1).expect("at most 40");
        let mut octets = vec![NO_OPERATION, kind, len, 4];
        others.iter().for_each(|hop| octets.extend(hop.octets()));
        octets.extend(header.destination);
        header.destination = first.octets();
        header.options = Ipv4Options::try_from(&octets[..]).expect("whole words, at most ten");
        header.total_len = header.total_len.saturating_add(self.octets());
        header.header_checksum = header.calc_header_checksum();
        let mut head = Head::from_slice(&header.to_bytes());
        head.extend_from_slice(transport);
        frame.head = head;
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::wire::HeaderStyle;

    const US: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
    const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

    fn hop(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(198, 51, 100, last)
    }

    /// What the options say behind a header.
    fn of(options: &[u8]) -> Option<Arrival> {
        SourceRoute::of(&[&[0; 20], options].concat())
    }

    #[test]
    fn the_way_out_is_the_way_back_turned_round() {
        let route = SourceRoute::by(&[hop(1), hop(2)]).expect("two");
        let head = ip::header(HeaderStyle::default(), US.into(), PEER.into(), 6, 0);
        let mut frame = Frame { head, ..Frame::default() };
        route.lead(&mut frame);
        let packet = frame.to_bytes();
        let datagram = ip::parse(&packet).expect("a sound packet");
        assert_eq!(datagram.dst, IpAddr::V4(hop(1)));
        let expected = [&[1, 131, 11, 4][..], &hop(2).octets(), &PEER.octets()].concat();
        assert_eq!(packet[20..], expected);
        assert_eq!(usize::from(route.octets()), expected.len());
        assert_eq!(SourceRoute::of(&packet), Some(Arrival::Unusable), "two hosts are left");

        // Both hosts have put themselves in.
        let mut arrived = packet.to_vec();
        arrived[23] = 12;
        arrived[24..32].copy_from_slice(&[hop(1).octets(), hop(2).octets()].concat());
        let Some(Arrival::Complete(back)) = SourceRoute::of(&arrived) else { panic!("it is over") };
        assert_eq!(back.hops(), [hop(2), hop(1)]);
        assert!(back.is_learned() && !route.is_learned() && !back.is_strict);
    }

    #[test]
    fn a_header_has_room_for_nine() {
        assert_eq!(SourceRoute::by(&[]), None);
        assert_eq!(SourceRoute::by(&[hop(1); 10]), None);
        let route = SourceRoute::by(&[hop(1); 9]).expect("nine").strictly();
        let head = ip::header(HeaderStyle::default(), US.into(), PEER.into(), 6, 0);
        let mut frame = Frame { head, ..Frame::default() };
        route.lead(&mut frame);
        assert_eq!((frame.len(), frame.head[21]), (60, 137));
        ip::parse(&frame.to_bytes()).expect("a sound packet");
    }

    proptest! {
        #[test]
        fn any_options_are_read_and_any_way_back_fits(
            mut options in vec(any::<u8>(), 0..=40),
            kind in prop_oneof![Just(LOOSE), Just(STRICT), any::<u8>()],
        ) {
            if let Some(first) = options.first_mut() {
                *first = kind;
            }
            if let Some(Arrival::Complete(route)) = of(&options) {
                let head = ip::header(HeaderStyle::default(), US.into(), PEER.into(), 6, 0);
                let mut frame = Frame { head, ..Frame::default() };
                route.lead(&mut frame);
                prop_assert!(ip::parse(&frame.to_bytes()).is_ok());
                prop_assert_eq!(frame.len(), 20 + usize::from(route.octets()));
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_no_route() {
        for options in
            [&[][..], &[0, 131, 7, 8], &[7, 0, 0, 0], &[7, 200, 0, 0], &[1, 1, 131], &[7, 1]]
        {
            assert_eq!(of(options), None, "{options:?}");
        }
        assert_eq!(of(&[]), None);
        for options in [
            &[131, 2, 1, 1][..],
            &[131, 3, 4, 0],
            &[131, 6, 7, 1, 2, 3],
            &[131, 7, 4, 198, 51, 100, 1],
            &[131, 7, 8, 224, 0, 0, 1],
        ] {
            assert_eq!(of(options), Some(Arrival::Unusable), "{options:?}");
        }
        let behind = of(&[7, 3, 4, 1, 137, 7, 8, 198, 51, 100, 1, 0]);
        let Some(Arrival::Complete(route)) = behind else { panic!("{behind:?}") };
        assert!(route.is_strict && route.hops() == [hop(1)]);
    }
}
