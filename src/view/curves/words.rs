//! Rates, sizes, times and conditions in words.

use std::fmt::Write as _;
use std::time::Duration;

use crate::sim::bottleneck::{Buffer, Scenario};

/// `100 Mbit/s`.
pub(super) fn rate(bits: f64) -> String {
    scaled(bits, &[(1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s"), (1.0, "bit/s")])
}

/// `500 kB`.
pub(super) fn octets(octets: f64) -> String {
    scaled(octets, &[(1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")])
}

/// `40 ms`.
pub(super) fn time(time: Duration) -> String {
    scaled(time.as_secs_f64(), &[(1.0, "s"), (1e-3, "ms"), (1e-6, "us")])
}

/// `0.1 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{} %", number(share * 100.0))
}

/// At most three digits behind the point, and no zeros at the end.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The bottleneck, without its seed.
pub(super) fn conditions(scenario: &Scenario) -> String {
    let room = octets(float(scenario.buffer_octets()));
    let buffer = match scenario.buffer {
        Buffer::Octets(_) => room,
        Buffer::Packets(packets) => format!("{packets} packets"),
        Buffer::Bdp(products) => format!("{} BDP ({room})", number(products)),
    };
    let mut words = format!(
        "{}, RTT {}, buffer {buffer}, loss {}",
        rate(float(scenario.rate)),
        time(scenario.rtt),
        percent(scenario.loss)
    );
    if scenario.reorder > 0.0 {
        let (share, delay) = (percent(scenario.reorder), time(scenario.reorder_delay));
        let _ = write!(words, ", {share} up to {delay} late");
    }
    if let Some(above) = scenario.mark_above_octets() {
        let _ = write!(words, ", marked above {}", octets(float(above)));
    }
    words
}

#[expect(clippy::cast_precision_loss, reason = "for display only")]
fn float(amount: u64) -> f64 {
    amount as f64
}

/// With the largest unit of which it is one, or the smallest there is.
fn scaled(value: f64, units: &[(f64, &str)]) -> String {
    let fits = units.iter().find(|(factor, _)| value >= *factor).or(units.last());
    let (factor, unit) = fits.expect("there are units");
    let value = value / factor;
    let text = if value >= 100.0 { format!("{value:.0}") } else { number(value) };
    format!("{text} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_those_that_people_would_take() {
        assert_eq!(rate(100e6), "100 Mbit/s");
        assert_eq!(rate(1.5e9), "1.5 Gbit/s");
        assert_eq!(octets(499_999.0), "500 kB");
        assert_eq!(octets(0.0), "0 B");
        assert_eq!(time(Duration::from_millis(40)), "40 ms");
        assert_eq!(time(Duration::from_micros(1500)), "1.5 ms");
        assert_eq!(time(Duration::ZERO), "0 us");
        assert_eq!(percent(0.001), "0.1 %");
    }

    #[test]
    fn conditions_in_one_line() {
        let scenario = Scenario { loss: 0.01, ..Scenario::default() };
        let words = conditions(&scenario);
        assert_eq!(words, "100 Mbit/s, RTT 40 ms, buffer 1 BDP (500 kB), loss 1 %");
        let reorder_delay = Duration::from_millis(5);
        let late =
            Scenario { buffer: Buffer::Packets(10), reorder: 0.5, reorder_delay, ..scenario };
        assert!(conditions(&late).ends_with("buffer 10 packets, loss 1 %, 50 % up to 5 ms late"));
    }
}
