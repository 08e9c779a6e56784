//! Many experiments, as many at once as there are cores. Each is as if it ran alone.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{Outcome, Scenario};

/// Runs all and keeps of each what `keep` makes of it, in the order of the scenarios.
///
/// # Errors
///
/// As [`Scenario::run`].
pub fn run_all<T: Send>(
    scenarios: &[Scenario],
    keep: impl Fn(Outcome) -> T + Sync,
) -> Result<Vec<T>, String> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(scenarios.len()));
    let work = || {
        while let Some((index, scenario)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            scenarios.get(index).map(|scenario| (index, scenario))
        } {
            let result = scenario.run().map(&keep);
            results.lock().expect("no thread panics with it").push((index, result));
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        (1..cores.min(scenarios.len())).for_each(|_| {
            scope.spawn(work);
        });
        work();
    });
    let mut results = results.into_inner().expect("no thread panics with it");
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
