//! What happened, as data. The machine raises events where facts become true; nothing in the machine
//! acts on them. Views (`view/`) turn them into log lines, ladders and files.

mod drop_reason;
mod event;
mod mask;
mod passage;
mod segment;
mod strike;
mod tracer;

pub use drop_reason::DropReason;
pub use event::{
    Call, ConnId, ErrorEffect, Event, PathMtuChange, ProbeFate, RecoveryChange, Role, TimerChange,
    Undone, What,
};
pub use mask::Mask;
pub use passage::{Fate, Passage};
pub use segment::{Retransmission, SegmentSummary};
pub use strike::{Harm, Strike, Way};
pub use tracer::{Segments, Sink, Tracer};
