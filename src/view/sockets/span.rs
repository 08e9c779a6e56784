//! How long something takes, in few letters.

/// Microseconds in the unit that suits them: `350us`, `12ms`, `1.5s`, `2min30s`.
#[must_use]
pub fn span(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros}us"),
        1_000..10_000 => tenths(micros / 100, "ms"),
        10_000..1_000_000 => format!("{}ms", micros / 1_000),
        1_000_000..60_000_000 => tenths(micros / 100_000, "s"),
        60_000_000..3_600_000_000 => {
            let seconds = micros / 1_000_000;
            format!("{}min{:02}s", seconds / 60, seconds % 60)
        }
        _ => {
            let minutes = micros / 60_000_000;
            format!("{}h{:02}min", minutes / 60, minutes % 60)
        }
    }
}

fn tenths(tenths: u64, unit: &str) -> String {
    match tenths % 10 {
        0 => format!("{}{unit}", tenths / 10),
        rest => format!("{}.{rest}{unit}", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_in_its_unit() {
        let spans = [0, 999, 1_000, 1_550, 12_999, 999_999, 1_000_000, 59_990_000].map(span);
        assert_eq!(spans, ["0us", "999us", "1ms", "1.5ms", "12ms", "999ms", "1s", "59.9s"]);
        assert_eq!(span(150_000_000), "2min30s");
        assert_eq!(span(7_200_000_000), "2h00min");
    }
}
