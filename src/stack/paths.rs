//! What connections have learnt of the paths to their peers, for the next ones to the same addresses
//! (RFC 1191 6.2, RFC 8201 5.2). Connections that stand already find out for themselves.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::tcp::KnownPath;
use crate::time::Instant;

/// So many paths are remembered: a peer can have us learn of one address after another.
const MOST: usize = 256;

/// Paths of which something is known, by the address that they lead to.
#[derive(Debug, Default)]
pub(super) struct Paths {
    known: BTreeMap<IpAddr, KnownPath>,
}

impl Paths {
    /// A connection to `addr` has learnt something, or that what was known is so no more.
    pub(super) fn learn(&mut self, addr: IpAddr, path: KnownPath, now: Instant) {
        if path.until().is_none_or(|until| until <= now) {
            self.known.remove(&addr);
            return;
        }
        if self.known.len() >= MOST && !self.known.contains_key(&addr) {
            self.known.retain(|_, path| path.until().is_some_and(|until| until > now));
            // All are fresh: that which will be old first makes room.
            let oldest = self.known.iter().min_by_key(|(_, path)| path.until()).map(|(at, _)| *at);
            if let Some(oldest) = oldest.filter(|_| self.known.len() >= MOST) {
                self.known.remove(&oldest);
            }
        }
        self.known.insert(addr, path);
    }

    /// What is known of the path to `addr` and not too old to be believed.
    pub(super) fn to(&self, addr: IpAddr, now: Instant) -> Option<KnownPath> {
        let path = self.known.get(&addr)?;
        path.until().filter(|until| *until > now).map(|_| *path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Instant {
        Instant::from_millis(1_000 * secs)
    }

    fn addr(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from(number).into()
    }

    #[test]
    fn what_is_known_is_bounded_and_grows_old() {
        let mut paths = Paths::default();
        for number in 0..1_000_u32 {
            paths.learn(addr(number), KnownPath::sample(1_260, at(600 + u64::from(number))), at(0));
        }
        assert_eq!(paths.known.len(), MOST);
        assert!(paths.to(addr(743), at(0)).is_none(), "the oldest made room");
        assert!(paths.to(addr(744), at(0)).is_some());
        assert!(paths.to(addr(744), at(1_344)).is_none(), "it is too old");
    }

    #[test]
    fn a_path_that_carries_everything_is_not_worth_remembering() {
        let mut paths = Paths::default();
        paths.learn(addr(1), KnownPath::sample(1_260, at(600)), at(0));
        paths.learn(addr(1), KnownPath::sample(u16::MAX, at(600)), at(0));
        assert!(paths.to(addr(1), at(0)).is_none());
    }
}
