//! The access log of `run` and `serve`: opened before anything answers, and complete when all has ended.

use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use super::http_options::HttpOptions;
use super::{Failure, exit};
use crate::http::AccessLog;
use crate::view::counted;

/// The log that was asked for, if any. When this is dropped, all that was logged has been written; so it
/// has to outlive the responders.
pub(super) struct OpenLog {
    log: Option<AccessLog>,
    reopening: Vec<JoinHandle<()>>,
}

impl OpenLog {
    /// Each of `signals` makes a log in a file open it again.
    pub(super) fn open(options: &HttpOptions, signals: &[SignalKind]) -> Result<Self, Failure> {
        let Some(path) = &options.access_log else {
            return Ok(OpenLog { log: None, reopening: Vec::new() });
        };
        let failed = |error| {
            let path = path.display();
            Failure::new(exit::USAGE, format!("cannot write --access-log {path}: {error}"))
        };
        let format = options.access_log_format;
        if path == Path::new("-") {
            let log = AccessLog::to(std::io::stdout(), format).map_err(failed)?;
            return Ok(OpenLog { log: Some(log), reopening: Vec::new() });
        }
        let log = AccessLog::append(path, format).map_err(failed)?;
        let reopening = signals.iter().map(|kind| {
            let (mut signal, log) = (signal(*kind).map_err(failed)?, log.clone());
            Ok::<_, Failure>(tokio::spawn(async move {
                while signal.recv().await.is_some() {
                    log.reopen();
                }
            }))
        });
        let reopening = reopening.collect::<Result<_, _>>()?;
        Ok(OpenLog { log: Some(log), reopening })
    }

    /// For the responders.
    pub(super) fn log(&self) -> Option<AccessLog> {
        self.log.clone()
    }
}

impl Drop for OpenLog {
    fn drop(&mut self) {
        self.reopening.iter().for_each(JoinHandle::abort);
        let lost = self.log.as_ref().map_or(0, AccessLog::finish);
        if lost > 0 {
            let lines = counted(lost, "line");
            log::warn!("of the access log {lines} did not get written");
        }
    }
}
