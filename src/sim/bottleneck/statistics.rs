//! A few figures instead of many.

/// The median; between two, the middle of them. 0 of nothing.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return 0.0 };
    f64::midpoint(values[last / 2], values[last.div_ceil(2)])
}

/// The arithmetic mean; 0 of nothing.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a count of values in memory")]
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The least value that `percent` of 100 values do not exceed (nearest rank); `None` of nothing. Reorders
/// the values.
#[must_use]
pub fn percentile<T: Ord + Copy>(values: &mut [T], percent: usize) -> Option<T> {
    let rank = (values.len() * percent).div_ceil(100).max(1);
    let index = rank.min(values.len()).checked_sub(1)?;
    Some(*values.select_nth_unstable(index).1)
}

/// Jain's fairness index: 1 when all have the same, 1/n when one of n has all. 1 when nobody has
/// anything, for that is even too.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a count of flows")]
pub fn jain(shares: &[f64]) -> f64 {
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    if squares == 0.0 { 1.0 } else { sum * sum / (shares.len() as f64 * squares) }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these sums are exact")]
mod tests {
    use super::*;

    #[test]
    fn medians_and_means() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!((mean(&[1.0, 2.0, 6.0]), mean(&[])), (3.0, 0.0));
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let mut values: Vec<u32> = (1..=200).rev().collect();
        assert_eq!(percentile(&mut values, 95), Some(190));
        assert_eq!(percentile(&mut values, 100), Some(200));
        assert_eq!(percentile(&mut values, 0), Some(1));
        assert_eq!(percentile(&mut [7], 95), Some(7));
        assert_eq!(percentile::<u32>(&mut [], 95), None);
    }

    #[test]
    fn fairness_is_between_one_nth_and_one() {
        assert_eq!(jain(&[5.0, 5.0, 5.0, 5.0]), 1.0);
        assert_eq!(jain(&[8.0, 0.0, 0.0, 0.0]), 0.25);
        assert_eq!(jain(&[3.0, 1.0]), 0.8);
        assert_eq!((jain(&[0.0, 0.0]), jain(&[])), (1.0, 1.0));
    }
}
