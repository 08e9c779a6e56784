//! The two ends of `glass wire`: a network namespace each. This thread goes from one to the other; what it
//! opens or starts meanwhile stays where it was.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;

use nix::sched::{CloneFlags, setns, unshare};

use super::namespace::{self, NamespaceError};

/// Where this thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// CMD's.
    Near,
    /// The other.
    Far,
}

/// Both namespaces, which last for as long as this or somebody in them.
#[derive(Debug)]
pub(super) struct Ends {
    near: File,
    far: File,
    /// What could not be set in them. Not fatal.
    pub(super) warnings: Vec<String>,
}

impl Ends {
    /// Makes both, and moves this process to the near one, as [`namespace::enter`] does.
    ///
    /// # Errors
    ///
    /// As of [`namespace::enter`].
    ///
    /// # Panics
    ///
    /// When this process has more than one thread.
    pub(super) fn make() -> Result<Ends, NamespaceError> {
        let failed = |error| NamespaceError::new("make a second network namespace", error);
        let mut warnings = namespace::enter()?.warnings;
        let near = here().map_err(failed)?;
        // In the same user namespace, where this is permitted.
        unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| failed(errno.into()))?;
        warnings.extend(namespace::open_up());
        let far = here().map_err(failed)?;
        let ends = Ends { near, far, warnings };
        for end in [End::Far, End::Near] {
            ends.go_to(end).map_err(failed)?;
            // Where there is no IPv6 there is nothing to pass on.
            let _ = fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1");
        }
        Ok(ends)
    }

    /// Moves this thread.
    pub(super) fn go_to(&self, end: End) -> io::Result<()> {
        let namespace = match end {
            End::Near => &self.near,
            End::Far => &self.far,
        };
        Ok(setns(namespace, CloneFlags::CLONE_NEWNET)?)
    }

    /// Does something at the far end, and comes back.
    pub(super) fn at_far<T>(&self, call: impl FnOnce() -> T) -> io::Result<T> {
        self.go_to(End::Far)?;
        let result = call();
        self.go_to(End::Near)?;
        Ok(result)
    }

    /// The file by which others enter the far end, for as long as this process lives.
    pub(super) fn far_path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.far.as_raw_fd())
    }

    /// Whether the kernel of the far end has a socket that waits for connections to `port`.
    pub(super) fn far_listens(&self, port: u16) -> io::Result<bool> {
        self.at_far(|| {
            let tables = ["tcp", "tcp6"].map(|name| format!("/proc/thread-self/net/{name}"));
            tables.iter().any(|path| {
                // Without IPv6 there is no second table.
                fs::read_to_string(path).is_ok_and(|table| listens(&table, port))
            })
        })
    }
}

/// The network namespace of this thread.
fn here() -> io::Result<File> {
    File::open("/proc/thread-self/ns/net")
}

/// Whether a table of the kernel's TCP sockets has one in LISTEN on `port`.
fn listens(table: &str, port: u16) -> bool {
    const LISTEN: &str = "0A";
    table.lines().any(|line| {
        let mut columns = line.split_whitespace().skip(1);
        let local = columns.next().and_then(|ends| ends.rsplit_once(':'));
        let local = local.and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
        local == Some(port) && columns.nth(1) == Some(LISTEN)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_found_in_the_table() {
        let table = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 60124 1
   1: 027100CB:0050 017100CB:C350 01 00000000:00000000 00:00000000 00000000     0        0 60125 1
";
        assert!(listens(table, 8000));
        assert!(!listens(table, 80), "that one is connected");
        assert!(!listens(table, 50_000), "that is the port of a peer");
        let table6 =
            "   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A";
        assert!(listens(table6, 80));
    }
}
