//! Fewer points that look the same.

/// Cuts the time to `most` into `pairs` pieces and keeps the least and the greatest of each, in their order:
/// no peak is lost. The first and the last point stay.
pub(super) fn thin(points: &[(f64, f64)], most: f64, pairs: usize) -> Vec<(f64, f64)> {
    if points.len() <= 2 * pairs {
        return points.to_vec();
    }
    let mut kept = Vec::with_capacity(2 * pairs + 2);
    kept.extend(points.first());
    for bucket in points.chunk_by(|a, b| piece(*a, most, pairs) == piece(*b, most, pairs)) {
        let extreme = |sign: f64| {
            let by_value = |a: &&(f64, f64), b: &&(f64, f64)| (sign * a.1).total_cmp(&(sign * b.1));
            bucket.iter().min_by(by_value).copied().expect("no chunk is empty")
        };
        let (least, greatest) = (extreme(1.0), extreme(-1.0));
        let (first, second) =
            if least.0 <= greatest.0 { (least, greatest) } else { (greatest, least) };
        kept.push(first);
        if second.0 > first.0 {
            kept.push(second);
        }
    }
    kept.extend(points.last());
    kept
}

#[expect(clippy::cast_precision_loss, reason = "a width in units of a picture")]
fn piece(point: (f64, f64), most: f64, pairs: usize) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
    let piece = (point.0 / most * pairs as f64) as i64;
    piece
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_stay_and_points_go() {
        let mut points: Vec<(f64, f64)> = (0..10_000).map(|at| (f64::from(at), 1.0)).collect();
        points[5_001].1 = 9.0;
        points[7_777].1 = 0.0;
        let thinned = thin(&points, 10_000.0, 100);
        assert!(thinned.len() <= 202, "{}", thinned.len());
        assert!(thinned.contains(&(5_001.0, 9.0)) && thinned.contains(&(7_777.0, 0.0)));
        assert_eq!((thinned[0], thinned[thinned.len() - 1]), (points[0], points[9_999]));
        assert!(thinned.is_sorted_by(|a, b| a.0 <= b.0));
    }

    #[test]
    fn a_few_points_stay_all() {
        let points = [(0.0, 1.0), (1.0, 2.0), (2.0, 1.0)];
        assert_eq!(thin(&points, 2.0, 2), points);
    }
}
