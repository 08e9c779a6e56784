//! The ECN field of an IP header.

/// Whether a packet may be marked, and whether it was (RFC 3168 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ecn {
    /// Not-ECT: routers that are congested can only drop it.
    #[default]
    #[serde(rename = "not-ect")]
    NotEct,
    /// ECT(1): they may mark it instead, by the rules of an experiment (RFC 8311).
    Ect1,
    /// ECT(0): they may mark it instead.
    Ect0,
    /// CE: one has marked it.
    Ce,
}

impl Ecn {
    /// The two low bits of `tos`.
    #[must_use]
    pub const fn of_tos(tos: u8) -> Ecn {
        match tos & 3 {
            0 => Ecn::NotEct,
            1 => Ecn::Ect1,
            2 => Ecn::Ect0,
            _ => Ecn::Ce,
        }
    }

    /// The field.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Ecn::NotEct => 0,
            Ecn::Ect1 => 1,
            Ecn::Ect0 => 2,
            Ecn::Ce => 3,
        }
    }

    /// Whether a router may mark the packet, or has.
    #[must_use]
    pub const fn is_capable(self) -> bool {
        !matches!(self, Ecn::NotEct)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_low_bits_and_only_these_count() {
        for bits in 0..=3 {
            assert_eq!(Ecn::of_tos(0xa8 | bits).bits(), bits);
        }
    }
}
