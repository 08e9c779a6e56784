//! What people look at: events as log lines, as JSON lines and as ladders, the diagram of the states, and
//! the curves of experiments. Everything here reads events, or what came of an experiment, and changes
//! nothing; how a packet came to be is none of its business.

mod capture;
pub mod chart;
pub mod curves;
mod diagram;
mod json_lines;
pub mod ladder;
mod log_lines;
pub mod screen;
pub mod sockets;
mod words;

pub use capture::{
    Capture, CaptureSettings, CaptureSink, CapturedHost, Origin, PassingSink, WireCapture,
};
pub use diagram::states_svg;
pub use json_lines::JsonLines;
pub use ladder::{Drawing, Ladder, LadderRecorder, Limits, Mark, PictureStyle, Style};
pub use log_lines::LogLines;
pub(crate) use words::counted;
