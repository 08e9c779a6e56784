//! The access log: one line for each request, written when its response is over. A line names the
//! connection as the event log and the ladder do, so that a request can be found among its segments.

mod entry;
mod escape;
mod format;
mod record;
mod writer;

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

pub(super) use self::entry::{ConnectionLog, Entry};
pub(super) use self::escape::printable;
use self::format::line;
pub use self::format::{Format, ParseFormatError};
use self::record::Record;
use self::writer::{Output, Writer};

/// An access log. Cheap to clone; all clones write to the same place.
///
/// Lines are gathered and written by a thread of its own, a twentieth of a second after the first at
/// the latest. A log that cannot be written never holds up an answer: what finds no room is counted
/// as lost, and the first time that is said.
#[derive(Clone, Debug)]
pub struct AccessLog {
    format: Format,
    writer: Arc<Writer>,
}

impl AccessLog {
    /// A log at the end of the file at `path`, which is made if need be.
    ///
    /// # Errors
    ///
    /// The file cannot be opened, or there is no thread to write it.
    pub fn append(path: &Path, format: Format) -> io::Result<Self> {
        Ok(AccessLog { format, writer: Arc::new(Writer::start(Output::file(path)?)?) })
    }

    /// A log that goes to `output`.
    ///
    /// # Errors
    ///
    /// There is no thread to write it.
    pub fn to(output: impl Write + Send + 'static, format: Format) -> io::Result<Self> {
        Ok(AccessLog { format, writer: Arc::new(Writer::start(Output::stream(output))?) })
    }

    /// Opens the file again by its name, for those who move it away (logrotate). What was logged before
    /// is still written to the old one.
    pub fn reopen(&self) {
        self.writer.reopen();
    }

    /// Writes what there is, and waits until that is done; for two seconds at most. Nothing is logged
    /// after that. Returns how many lines were lost.
    #[expect(clippy::must_use_candidate, reason = "who does not care need not look")]
    pub fn finish(&self) -> u64 {
        self.writer.finish()
    }

    fn record(&self, record: &Record<'_>) {
        line(self.format, record, |line| self.writer.write(line));
    }
}

/// Two logs are the same when they write to the same place.
impl PartialEq for AccessLog {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.writer, &other.writer)
    }
}

impl Eq for AccessLog {}
