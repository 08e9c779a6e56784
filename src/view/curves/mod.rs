//! What came of experiments with a bottleneck (`sim::bottleneck`), for people: curves, rows of figures,
//! summaries, and the tables of docs/congestion.md.

mod csv;
mod figure;
mod goodput;
mod summary;
pub mod tables;
mod words;

pub use csv::{rows, write_csv};
pub use figure::figure;
pub use summary::Summary;
