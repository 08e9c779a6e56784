//! What a transfer has come to: counted for the timeouts, shown where somebody looks on.

use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the bar is drawn.
const TICK: Duration = Duration::from_millis(125);

/// Octets that have come or gone. Cheap to clone; all clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct Activity {
    octets: Arc<AtomicU64>,
    bar: Option<ProgressBar>,
}

impl Activity {
    /// Shows the octets of `bar` as well.
    pub(super) fn shown_by(bar: Option<ProgressBar>) -> Activity {
        Activity { octets: Arc::default(), bar }
    }

    pub(super) fn add(&self, octets: usize) {
        self.octets.fetch_add(octets as u64, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.inc(octets as u64);
        }
    }

    pub(super) fn octets(&self) -> u64 {
        self.octets.load(Ordering::Relaxed)
    }

    /// Takes the bar away, if there is one.
    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A bar on stderr for `total` octets, of which `already` are there. `None` where nobody would see it.
pub(super) fn bar(what: &str, total: Option<u64>, already: u64) -> Option<ProgressBar> {
    if !stderr().is_terminal() {
        return None;
    }
    // Names from URLs and servers may be anything.
    let what: String = what.chars().filter(|sign| !sign.is_control()).take(30).collect();
    let target = ProgressDrawTarget::stderr_with_hz(8);
    let bar = ProgressBar::with_draw_target(total, target).with_message(what);
    bar.set_style(style(total.is_some()));
    bar.set_position(already);
    bar.reset_eta();
    bar.enable_steady_tick(TICK);
    Some(bar)
}

fn style(has_total: bool) -> ProgressStyle {
    let template = if has_total {
        "{msg} {wide_bar} {percent:>3}% {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}"
    } else {
        "{msg} {spinner} {bytes} {binary_bytes_per_sec} {elapsed}"
    };
    ProgressStyle::with_template(template).expect("the template is well-formed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_count_together_and_the_templates_are_well_formed() {
        let bar = ProgressBar::hidden();
        let activity = Activity::shown_by(Some(bar.clone()));
        activity.clone().add(5);
        activity.add(2);
        assert_eq!((activity.octets(), bar.position()), (7, 7));
        for has_total in [false, true] {
            bar.set_style(style(has_total));
        }
    }
}
