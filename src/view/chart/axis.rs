//! An axis: from values to places, and where its ticks are.

/// From 0 at one end to a round number at the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    most: f64,
    step: f64,
    begin: i32,
    end: i32,
}

impl Axis {
    /// Reaches to `most`, or a little beyond, with at most `ticks` steps. `begin` is the place of 0.
    pub(super) fn new(most: f64, begin: i32, end: i32, ticks: u32) -> Self {
        let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
        let step = round_step(most / f64::from(ticks));
        // A tick that is reached to a hundredth needs no other beyond it.
        let steps = (most / step - 0.01).ceil().max(1.0);
        Axis { most: most.max(steps * step), step, begin, end }
    }

    /// The value at its end.
    pub(super) const fn most(&self) -> f64 {
        self.most
    }

    /// The place of a value.
    pub(super) fn place(&self, value: f64) -> f64 {
        f64::from(self.begin) + f64::from(self.end - self.begin) * (value / self.most)
    }

    /// The place of a value, in whole units.
    #[expect(clippy::cast_possible_truncation, reason = "places are in the picture")]
    pub(super) fn at(&self, value: f64) -> i32 {
        self.place(value).round() as i32
    }

    /// Where the ticks are, and what is written at them.
    pub(super) fn ticks(&self) -> impl Iterator<Item = (i32, String)> {
        let digits = usize::from(self.step < 1.0) + usize::from(self.step < 0.1);
        (0..)
            .map(|index| f64::from(index) * self.step)
            .take_while(|value| *value <= self.most * 1.000_001)
            .map(move |value| (self.at(value), format!("{value:.digits$}")))
    }
}

/// The next of 1, 2, 5, 10, 20, 50 ... from `least` on. Steps below 0.01 do not occur: units are chosen so
/// that values are larger.
fn round_step(least: f64) -> f64 {
    let mut power = 0.01;
    loop {
        for factor in [1.0, 2.0, 5.0] {
            if power * factor >= least * 0.999_999 {
                return power * factor;
            }
        }
        power *= 10.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(most: f64, ticks: u32) -> Vec<String> {
        Axis::new(most, 0, 100, ticks).ticks().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(labels(60.0, 12).last().map(String::as_str), Some("60"));
        assert_eq!(labels(97.0, 4), ["0", "50", "100"]);
        assert_eq!(labels(0.7, 4), ["0.0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(labels(1042.0, 4), ["0", "500", "1000", "1500"]);
        assert_eq!(labels(1004.0, 4), ["0", "500", "1000"]);
        assert_eq!(labels(0.0, 4).len(), labels(f64::NAN, 4).len());
    }

    #[test]
    fn places_go_from_begin_to_end() {
        let axis = Axis::new(100.0, 200, 100, 4);
        assert_eq!((axis.at(0.0), axis.at(50.0), axis.at(100.0)), (200, 150, 100));
    }
}
