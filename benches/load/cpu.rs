//! CPU time of processes: of this one, and of the server while it runs.

use std::os::unix::process::parent_id;
use std::{fs, io};

/// CPU seconds since each process began.
pub(crate) struct Clocks {
    pub(crate) client: f64,
    /// `None` when nobody asks.
    pub(crate) server: Option<f64>,
}

impl Clocks {
    /// Now; `server` is a process id, or "parent".
    pub(crate) fn read(server: Option<&str>) -> io::Result<Clocks> {
        let server = match server {
            None => None,
            Some("parent") => Some(of_process(&parent_id().to_string())?),
            Some(pid) => Some(of_process(pid)?),
        };
        Ok(Clocks { client: of_process("self")?, server })
    }

    /// What was spent since `earlier`.
    pub(crate) fn since(&self, earlier: &Clocks) -> Clocks {
        let server = self.server.zip(earlier.server).map(|(now, then)| now - then);
        Clocks { client: self.client - earlier.client, server }
    }
}

/// The sum over the threads, in nanoseconds up to the last tick: /proc/PID/stat counts whole ticks only.
fn of_process(pid: &str) -> io::Result<f64> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else {
            // It has just ended.
            continue;
        };
        let spent = text.split(' ').next().and_then(|number| number.parse::<u64>().ok());
        sum += spent.ok_or_else(|| io::Error::other("the kernel keeps no schedstat"))?;
    }
    Ok(std::time::Duration::from_nanos(sum).as_secs_f64())
}
