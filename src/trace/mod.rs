//! What happened, as data. The machine raises events where facts become true; nothing in the machine
//! acts on them. Views (`view/`) turn them into log lines, ladders and files.

mod drop_reason;
mod event;
mod passage;
mod strike;
mod tracer;

pub use drop_reason::DropReason;
pub use event::{
    Call, ConnId, ErrorEffect, Event, Mask, PathMtuChange, ProbeFate, RecoveryChange,
    Retransmission, Role, SegmentSummary, TimerChange, Undone, What,
};
pub use passage::{Fate, Passage};
pub use strike::{Harm, Strike, Way};
pub use tracer::{Segments, Sink, Tracer};
