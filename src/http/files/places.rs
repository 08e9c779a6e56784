//! How many files may stay open while they are sent: fewer than this process may have, so that there is always
//! something left to open a small file, a directory or a log with.

use std::sync::{Arc, LazyLock};

use rustix::process::{Resource, getrlimit};
use tokio::sync::Semaphore;

/// Each goes with up to five chunks, and where there are many with two, which are short then (`stock`).
const MOST: u64 = 16 * 1024;
/// What is left to others, where a quarter of all is less.
const LEAST_FOR_OTHERS: u64 = 64;

/// The places of all directories that are served.
pub(super) fn of_this_process() -> Arc<Semaphore> {
    static PLACES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        Arc::new(Semaphore::new(places(limit)))
    });
    Arc::clone(&PLACES)
}

/// Where so many files may be open.
fn places(limit: u64) -> usize {
    let others = (limit / 4).max(LEAST_FOR_OTHERS);
    usize::try_from((limit - others.min(limit)).clamp(1, MOST)).expect("16 Ki")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_left_for_others() {
        for (limit, expected) in
            [(0, 1), (64, 1), (100, 36), (256, 192), (1024, 768), (u64::MAX, 16_384)]
        {
            assert_eq!(places(limit), expected, "{limit}");
        }
    }
}
