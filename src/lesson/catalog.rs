//! The lessons, in the order in which one would take them.

use super::plot::Plot;
use super::{attacks, closing, flow, http, losing, opening};

/// All lessons.
pub fn plots() -> impl Iterator<Item = &'static Plot> {
    let groups: [&'static [Plot]; 6] = [
        &opening::PLOTS,
        &closing::PLOTS,
        &losing::PLOTS,
        &flow::PLOTS,
        &attacks::PLOTS,
        &http::PLOTS,
    ];
    groups.into_iter().flatten()
}

/// What they are called.
pub fn names() -> impl Iterator<Item = &'static str> {
    plots().map(|plot| plot.name)
}
