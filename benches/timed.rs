//! `cargo bench`: the operations of `glasstack::bench::operations`, timed, ours beside smoltcp.

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use glasstack::bench::operations::{ALL, MOST_AT_ONCE};
use glasstack::runtime::clock::Clock;

fn operations(criterion: &mut Criterion) {
    let clock = Clock::start();
    for entry in ALL {
        let mut group = criterion.benchmark_group(entry.name);
        group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
        for kind in entry.kinds {
            // Set up when it is its turn, and only if it was asked for.
            let mut operation = None;
            group.bench_function(kind.name(), |bencher| {
                let operation =
                    operation.get_or_insert_with(|| entry.start(*kind).expect("as the table says"));
                bencher.iter_custom(|iterations| {
                    let mut left = usize::try_from(iterations).expect("memory ends long before");
                    let mut spent = Duration::ZERO;
                    while left > 0 {
                        let count = left.min(MOST_AT_ONCE);
                        operation.prepare(count);
                        let before = clock.now();
                        operation.run(count);
                        spent += clock.now().since(before);
                        left -= count;
                    }
                    spent
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, operations);
criterion_main!(benches);
