//! What people look at: events as log lines, as JSON lines and as ladders, and the diagram of the
//! states. Everything here reads events and changes nothing; how a packet came to be is none of its
//! business.

mod diagram;
mod json_lines;
pub mod ladder;
mod log_lines;
mod words;

pub use diagram::states_svg;
pub use json_lines::JsonLines;
pub use ladder::{Ladder, LadderRecorder, Limits, Style};
pub use log_lines::LogLines;
