//! What the machine of one connection is told from outside: the time, the settings, and where to
//! report. It knows nothing else of the world.

use super::config::Config;
use super::pool::Pool;
use crate::time::Instant;
use crate::trace::{ConnId, DropReason, Event, Mask, Tracer, What};

/// The surroundings of one input.
#[derive(Debug)]
pub struct Context<'a> {
    /// The moment of this input; never earlier than that of the one before.
    pub now: Instant,
    /// The settings.
    pub config: &'a Config,
    /// The connection's number, for events.
    pub conn: ConnId,
    /// Where events go.
    pub tracer: &'a mut Tracer,
    /// Buffers for what is written.
    pub pool: &'a mut Pool,
}

impl Context<'_> {
    /// Reports something, if anybody wants to know.
    #[inline]
    pub fn raise(&mut self, kind: Mask, what: impl FnOnce() -> What) {
        let (at, conn) = (self.now, self.conn);
        self.tracer.raise(kind, || {
            let what = what();
            debug_assert_eq!(what.kind(), kind, "{what:?} is raised as its own kind");
            Event { at, conn: Some(conn), what }
        });
    }

    pub(super) fn dropped(&mut self, why: DropReason) {
        self.tracer.dropped(self.now, Some(self.conn), why, None);
    }
}
