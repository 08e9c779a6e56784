//! What RFCs and papers lead one to expect of a flow that has a bottleneck for itself. Steady state only:
//! nothing here knows of slow start, timeouts and the time that it takes to get there.

use super::Scenario;
use crate::tcp::Algorithm;

/// How an algorithm answers to loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// The window is 1.2 / sqrt(p) segments (RFC 3649 2, the response function of standard TCP).
    Reno,
    /// 1.054 * RTT^(3/4) / p^(3/4) segments (RFC 9438 5.1, equation 6, with C of 0.4 and beta of 0.7), but
    /// never fewer than Reno has.
    Cubic,
    /// The bottleneck's rate, whatever is lost (of which that share does not arrive).
    Rate,
}

impl Law {
    /// The law of an algorithm; `None` for one of which nothing is said here.
    #[must_use]
    pub fn of(algorithm: Algorithm) -> Option<Law> {
        match algorithm.name() {
            "reno" => Some(Law::Reno),
            "cubic" => Some(Law::Cubic),
            "bbr" => Some(Law::Rate),
            _ => None,
        }
    }

    /// What remains of the window after a congestion.
    const fn kept(self) -> Option<f64> {
        match self {
            Law::Reno => Some(0.5),
            Law::Cubic => Some(0.7),
            Law::Rate => None,
        }
    }

    /// The mean window in segments at a loss rate of `loss`, over a path of `rtt` seconds, if loss alone
    /// limits it.
    #[must_use]
    pub fn window(self, loss: f64, rtt: f64) -> f64 {
        let reno = 1.2 / loss.sqrt();
        match self {
            Law::Reno => reno,
            Law::Cubic => (1.054 * (rtt / loss).powf(0.75)).max(reno),
            Law::Rate => f64::INFINITY,
        }
    }
}

/// What a flow should get through, in bits per second: what its law gives at the loss rate of the path, but
/// no more than the bottleneck lets through.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "octets of a segment")]
pub fn goodput(algorithm: Algorithm, scenario: &Scenario) -> Option<f64> {
    let law = Law::of(algorithm)?;
    let (loss, rtt) = (scenario.loss, scenario.rtt.as_secs_f64());
    let arriving = scenario.payload_rate() * (1.0 - loss);
    let buffer = scenario.buffer_octets() as f64 / scenario.bdp().max(1.0);
    let most = arriving * law.kept().map_or(1.0, |kept| utilisation(kept, buffer));
    if loss == 0.0 {
        return Some(most);
    }
    let segments = law.window(loss, rtt);
    Some(most.min(segments * scenario.payload() as f64 * 8.0 / rtt * (1.0 - loss)))
}

/// The share of a bottleneck that one flow uses whose window grows by the same amount in each round-trip
/// time until it overflows a buffer of `buffer` BDP, and then keeps `kept` of it. With the BDP as 1, the
/// window goes from `kept` * (1 + buffer) to 1 + buffer; below 1 a round trip carries a window, above it
/// the bottleneck is busy and the round trip takes as long as the window does.
#[must_use]
pub fn utilisation(kept: f64, buffer: f64) -> f64 {
    let least = kept * (1.0 + buffer);
    if least >= 1.0 {
        return 1.0;
    }
    let busy = buffer * (1.0 + buffer / 2.0);
    f64::midpoint(1.0 - least * least, 2.0 * busy) / (1.0 - least + busy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_near(value: f64, expected: f64) {
        assert!((value / expected - 1.0).abs() < 0.005, "{value}, and not {expected}");
    }

    /// Table 1 of RFC 3649 and of RFC 9438 (there as packets per RTT at 100 ms).
    #[test]
    fn windows_are_those_of_the_tables_in_the_rfcs() {
        for (loss, window) in [(1e-2, 12.0), (1e-4, 120.0), (1e-6, 1200.0)] {
            is_near(Law::Reno.window(loss, 0.1), window);
        }
        for (loss, window) in [(1e-2, 12.0), (1e-4, 187.0), (1e-5, 1054.0), (1e-6, 5925.0)] {
            is_near(Law::Cubic.window(loss, 0.1), window);
        }
    }

    #[test]
    fn half_a_window_fills_the_path_from_a_buffer_of_one_bdp_on() {
        is_near(utilisation(0.5, 1.0), 1.0);
        is_near(utilisation(0.5, 4.0), 1.0);
        is_near(utilisation(0.5, 0.0), 0.75);
        is_near(utilisation(0.5, 0.5), 0.964);
        is_near(utilisation(0.7, 0.5), 1.0);
    }

    #[test]
    fn goodput_is_what_the_window_carries_but_no_more_than_the_bottleneck() {
        let scenario = Scenario { loss: 0.01, ..Scenario::default() };
        let reno = goodput(Algorithm::NewReno, &scenario).expect("a law");
        is_near(reno, 12.0 * 1448.0 * 8.0 / 0.04 * 0.99);
        let clean = Scenario { loss: 0.0, ..scenario };
        is_near(goodput(Algorithm::NewReno, &clean).expect("a law"), 96_533_333.0);
    }
}
