//! Rates, times, shares and sizes of buffers, as people write them on a command line: a number and its
//! unit, with or without a blank between them, in capitals or not.

use std::time::Duration;

use crate::sim::bottleneck::Buffer;

/// Bits per second: `100mbit`, `1.5 Gbit/s`, `64000`.
pub(super) fn rate(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, f64); 5] =
        [("", 1.0), ("bit", 1.0), ("kbit", 1e3), ("mbit", 1e6), ("gbit", 1e9)];
    let plain = text.trim_end_matches("/s");
    let bits = number(plain, &UNITS).filter(|bits| (1e3..=1e12).contains(bits));
    bits.map(whole).ok_or_else(|| {
        "not a rate from 1kbit to 1000gbit: write a number with kbit, mbit or gbit, as 100mbit"
            .into()
    })
}

/// A time up to an hour: `40ms`, `1.5s`, `200us`, `2min`.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, f64); 4] = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("min", 60.0)];
    const MOST: f64 = 3600.0;
    let seconds = number(text, &UNITS).filter(|seconds| *seconds <= MOST);
    seconds.map(Duration::from_secs_f64).ok_or_else(|| {
        "not a time up to an hour: write a number with us, ms, s or min, as 40ms".into()
    })
}

/// The same, and not nothing.
pub(super) fn some_time(text: &str) -> Result<Duration, String> {
    match time(text)? {
        Duration::ZERO => Err("it has to be longer than nothing: write something like 10ms".into()),
        time => Ok(time),
    }
}

/// A share from 0 to 1: `1%`, `0.1 %`, `0.01`.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let share = number(text, &[("", 1.0), ("%", 0.01)]).filter(|share| *share <= 1.0);
    share.ok_or_else(|| "not a share from 0% to 100%: write it as 1% or 0.01".into())
}

/// A buffer: `1bdp`, `64kb`, `100packets`.
pub(super) fn buffer(text: &str) -> Result<Buffer, String> {
    const OCTETS: [(&str, f64); 5] =
        [("b", 1.0), ("kb", 1e3), ("mb", 1e6), ("kib", 1024.0), ("mib", 1_048_576.0)];
    const PACKETS: [(&str, f64); 2] = [("packets", 1.0), ("packet", 1.0)];
    const MOST: f64 = 1e9;
    let octets = || Some(Buffer::Octets(whole(number(text, &OCTETS).filter(|n| *n <= MOST)?)));
    let packets = || {
        let packets = number(text, &PACKETS).filter(|n| *n <= MOST && n.fract() == 0.0)?;
        Some(Buffer::Packets(usize::try_from(whole(packets)).ok()?))
    };
    let products = || {
        let products = number(text, &[("bdp", 1.0)]).filter(|n| *n <= 1000.0)?;
        Some(Buffer::Bdp(products))
    };
    octets().or_else(packets).or_else(products).ok_or_else(|| {
        "not a buffer: write bandwidth-delay products as 1bdp, octets as 64kb (b, kb, mb, kib, mib), \
         or packets as 100packets"
            .into()
    })
}

/// So many octets, up to 2^53 of them: `64kib`, `16gib`, `100`.
pub(super) fn octets(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, f64); 8] = [
        ("", 1.0),
        ("b", 1.0),
        ("kb", 1e3),
        ("mb", 1e6),
        ("gb", 1e9),
        ("kib", 1024.0),
        ("mib", 1_048_576.0),
        ("gib", 1_073_741_824.0),
    ];
    const MOST: f64 = 9_007_199_254_740_992.0;
    let octets = number(text, &UNITS).filter(|octets| *octets <= MOST && octets.fract() == 0.0);
    octets.map(whole).ok_or_else(|| {
        "not a number of octets: write it with b, kb, mb, gb, kib, mib or gib, as 64kib".into()
    })
}

/// A number that is not negative, times the factor of the unit behind it.
fn number(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(text.len());
    let (amount, unit) = text.split_at(end);
    let unit = unit.trim_start();
    let (_, factor) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    // Divided where that is exact: 0.1 % is the number that 0.001 is.
    let amount: f64 = amount.parse().ok()?;
    Some(if *factor < 1.0 { amount / (1.0 / factor) } else { amount * factor })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked by the callers"
)]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        for (text, bits) in [
            ("100mbit", 100_000_000),
            ("100 Mbit/s", 100_000_000),
            ("1.5gbit", 1_500_000_000),
            ("64kbit", 64_000),
            ("64000", 64_000),
            ("64000bit", 64_000),
        ] {
            assert_eq!(rate(text), Ok(bits), "{text}");
        }
        for bad in ["", "mbit", "100mb", "-5mbit", "0mbit", "1e9", "1.2.3mbit", "nan", "2000gbit"] {
            assert!(rate(bad).unwrap_err().contains("as 100mbit"), "{bad}");
        }
    }

    #[test]
    fn times() {
        for (text, micros) in
            [("40ms", 40_000), ("0.2 s", 200_000), ("7us", 7), ("1min", 60_000_000)]
        {
            assert_eq!(time(text), Ok(Duration::from_micros(micros)), "{text}");
        }
        for bad in ["40", "ms", "-1s", "61min", "1h", "inf s"] {
            assert!(time(bad).unwrap_err().contains("as 40ms"), "{bad}");
        }
        assert!(time("0s").is_ok() && some_time("0s").is_err());
    }

    #[test]
    fn shares() {
        assert_eq!((share("1%"), share("0.01"), share("0.1 %")), (Ok(0.01), Ok(0.01), Ok(0.001)));
        assert_eq!((share("0"), share("100%")), (Ok(0.0), Ok(1.0)));
        for bad in ["101%", "2", "-1%", "one", "%", "1%%"] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_of_octets() {
        for (text, expected) in
            [("0", 0), ("64 KiB", 65_536), ("1.5kib", 1536), ("16gib", 16 << 30)]
        {
            assert_eq!(octets(text), Ok(expected), "{text}");
        }
        for bad in ["", "kib", "0.3", "1e3", "-1", "10000000gib", "1tib"] {
            assert!(octets(bad).unwrap_err().contains("as 64kib"), "{bad}");
        }
    }

    #[test]
    fn buffers() {
        assert_eq!(buffer("1bdp"), Ok(Buffer::Bdp(1.0)));
        assert_eq!(buffer("0.5 BDP"), Ok(Buffer::Bdp(0.5)));
        assert_eq!(buffer("64kb"), Ok(Buffer::Octets(64_000)));
        assert_eq!(buffer("64KiB"), Ok(Buffer::Octets(65_536)));
        assert_eq!(buffer("100packets"), Ok(Buffer::Packets(100)));
        for bad in ["", "1", "1.5packets", "bdp", "-1bdp", "1gb", "1001bdp"] {
            assert!(buffer(bad).unwrap_err().contains("as 1bdp"), "{bad}");
        }
    }
}
