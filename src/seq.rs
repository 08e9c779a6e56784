//! Sequence numbers and their arithmetic modulo 2^32 (RFC 9293 3.4).

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// A TCP sequence number: one octet's place in the stream, modulo 2^32.
///
/// Two numbers are compared by the shorter way round the circle, which is right as long as they lie
/// less than 2^31 apart; windows of at most 2^30 octets (RFC 7323 2.3) keep them so. There is no
/// `Ord`: on a circle "less than" is not transitive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Seq(pub u32);

impl Seq {
    /// `self < other` on the circle.
    #[must_use]
    pub const fn lt(self, other: Seq) -> bool {
        (self.0.wrapping_sub(other.0).cast_signed()) < 0
    }

    /// `self =< other` on the circle.
    #[must_use]
    pub const fn le(self, other: Seq) -> bool {
        self.0 == other.0 || self.lt(other)
    }

    /// `self > other` on the circle.
    #[must_use]
    pub const fn gt(self, other: Seq) -> bool {
        other.lt(self)
    }

    /// `self >= other` on the circle.
    #[must_use]
    pub const fn ge(self, other: Seq) -> bool {
        other.le(self)
    }

    /// The later of the two.
    #[must_use]
    pub const fn max(self, other: Seq) -> Seq {
        if self.lt(other) { other } else { self }
    }

    /// The earlier of the two.
    #[must_use]
    pub const fn min(self, other: Seq) -> Seq {
        if other.lt(self) { other } else { self }
    }

    /// Octets from `earlier` up to here, when it is indeed not later; otherwise zero.
    #[must_use]
    pub const fn since(self, earlier: Seq) -> u32 {
        if earlier.le(self) { self.0.wrapping_sub(earlier.0) } else { 0 }
    }
}

impl Add<u32> for Seq {
    type Output = Seq;

    fn add(self, octets: u32) -> Seq {
        Seq(self.0.wrapping_add(octets))
    }
}

impl AddAssign<u32> for Seq {
    fn add_assign(&mut self, octets: u32) {
        *self = *self + octets;
    }
}

impl Sub<u32> for Seq {
    type Output = Seq;

    fn sub(self, octets: u32) -> Seq {
        Seq(self.0.wrapping_sub(octets))
    }
}

/// The octets from `other` forward to `self`, going round the circle if need be.
impl Sub for Seq {
    type Output = u32;

    fn sub(self, other: Seq) -> u32 {
        self.0.wrapping_sub(other.0)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_holds_across_the_wrap() {
        let before = Seq(u32::MAX - 1);
        let after = before + 4;
        assert_eq!(after, Seq(2));
        assert!(before.lt(after) && after.gt(before));
        assert!(before.le(before) && before.ge(before));
        assert_eq!(before.max(after), after);
        assert_eq!(before.min(after), before);
    }

    #[test]
    fn distance_goes_forward_and_since_never_backward() {
        assert_eq!(Seq(2) - Seq(u32::MAX), 3);
        assert_eq!(Seq(10).since(Seq(4)), 6);
        assert_eq!(Seq(4).since(Seq(10)), 0);
    }
}
