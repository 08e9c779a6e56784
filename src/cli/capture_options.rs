//! `--pcap` and what goes with it: opened before anything else is made, so that what cannot be written is known
//! while nothing has begun.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::UNIX_EPOCH;

use clap::Args;

use super::quantity::octets;
use super::{Failure, exit};
use crate::view::{Capture, CaptureSettings, Origin};

/// What a file may hold unless told otherwise. A pipe may carry any amount.
const USUAL_LIMIT: u64 = 1_000_000_000;
/// Less than that holds nothing.
const LEAST_LIMIT: u64 = 1_000;

/// What to capture, and where to, wherever packets are seen.
#[derive(Args, Debug)]
pub(super) struct CaptureFile {
    /// Write every packet to this file (pcapng, for Wireshark and tshark), with a comment that says what it
    /// meant to the state machine: our state before and after, why, timers, retransmissions, faults. With -
    /// it goes to stdout, for `| wireshark -k -i -`, and what else would go there goes to stderr
    #[arg(long, env = "GLASS_PCAP", value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Keep so many octets of each packet, 64 to 262144
    #[arg(
        long, env = "GLASS_PCAP_SNAPLEN", default_value_t = 262_144, value_name = "OCTETS",
        requires = "pcap", value_parser = clap::value_parser!(u32).range(64..=262_144)
    )]
    pcap_snaplen: u32,
    /// End the capture at this size, as 100mb (kb, mb, gb), or none: the traffic goes on [default: 1gb; none
    /// for stdout]
    #[arg(
        long, env = "GLASS_PCAP_LIMIT", value_name = "SIZE", requires = "pcap", value_parser = limit
    )]
    pcap_limit: Option<u64>,
    /// What has been opened and not begun.
    #[clap(skip)]
    opened: Mutex<Option<File>>,
}

/// The same where there may be TLS.
#[derive(Args, Debug)]
pub(super) struct CaptureOptions {
    #[command(flatten)]
    file: CaptureFile,
    /// Put the secrets of TLS connections into the capture, so that Wireshark reads what they say (then the
    /// file is its owner's alone: mode 0600)
    #[arg(long, env = "GLASS_PCAP_SECRETS", requires = "pcap")]
    pcap_secrets: bool,
    /// What has begun.
    #[clap(skip)]
    started: Arc<OnceLock<Capture>>,
}

/// Who is told the lines of a key log.
pub(super) type KeyLogLines = Arc<dyn Fn(&str) + Send + Sync>;

impl CaptureFile {
    /// Whether there is to be one.
    pub(super) fn is_wanted(&self) -> bool {
        self.pcap.is_some()
    }

    /// Opens the file, for [`CaptureFile::start`]. Before anything is made.
    pub(super) fn open(&self) -> Result<(), Failure> {
        self.open_with(create)
    }

    fn open_with(&self, create: impl FnOnce(&Path) -> io::Result<File>) -> Result<(), Failure> {
        let Some(path) = &self.pcap else { return Ok(()) };
        let file = if is_stdout(path) { take_stdout() } else { create(path) };
        let file = file.map_err(|error| not_captured(path, &error))?;
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        Ok(())
    }

    /// Begins what was opened; `None` when there is nothing, or it has begun.
    pub(super) fn start(&self, settings: CaptureSettings) -> Result<Option<Capture>, Failure> {
        let file = self.opened.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (Some(file), Some(path)) = (file, &self.pcap) else { return Ok(None) };
        let usual = if is_stdout(path) { u64::MAX } else { USUAL_LIMIT };
        let limit = self.pcap_limit.unwrap_or(usual);
        let settings = CaptureSettings { snaplen: self.pcap_snaplen, limit, ..settings };
        Capture::start(file, settings).map(Some).map_err(|error| not_captured(path, &error))
    }

    /// Opens and begins one of what happens in virtual time, where that has to do with wires: it began at
    /// 1970.
    pub(super) fn start_virtual(&self, interface: &str) -> Result<Option<Capture>, Failure> {
        self.open()?;
        self.start(CaptureSettings {
            interface: interface.to_owned(),
            has_faults: true,
            origin: Origin::At(UNIX_EPOCH),
            is_complete: true,
            ..CaptureSettings::default()
        })
    }

    /// The options that ask another subcommand for the same.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        let Some(path) = &self.pcap else { return Vec::new() };
        let snaplen = self.pcap_snaplen.to_string();
        let mut arguments =
            vec!["--pcap".into(), path.into(), "--pcap-snaplen".into(), snaplen.into()];
        if let Some(limit) = self.pcap_limit {
            let limit = if limit == u64::MAX { "none".to_owned() } else { limit.to_string() };
            arguments.extend(["--pcap-limit".into(), limit.into()]);
        }
        arguments
    }
}

impl CaptureOptions {
    /// Opens the file, for [`CaptureOptions::start`]. Before anything is made.
    pub(super) fn open(&self) -> Result<(), Failure> {
        if self.pcap_secrets { self.file.open_with(create_private) } else { self.file.open() }
    }

    /// Begins what was opened; `None` when there is nothing, or it has begun. With secrets it lasts as long as
    /// these options, at least.
    pub(super) fn start(&self, settings: CaptureSettings) -> Result<Option<Capture>, Failure> {
        let capture = self.file.start(settings)?;
        if let Some(capture) = &capture
            && self.pcap_secrets
        {
            let _ = self.started.set(capture.clone());
        }
        Ok(capture)
    }

    /// Takes the lines of a TLS key log into the capture, if that is asked for. It may be made before the
    /// capture has begun.
    pub(super) fn secrets(&self) -> Option<KeyLogLines> {
        let started = Arc::clone(&self.started);
        let tell = move |line: &str| {
            if let Some(capture) = started.get() {
                capture.secrets(line);
            }
        };
        self.pcap_secrets.then(|| Arc::new(tell) as KeyLogLines)
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).open(path)
}

/// For its owner alone.
fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // An old file keeps its mode when it is emptied.
    if file.metadata()?.is_file() {
        file.set_permissions(PermissionsExt::from_mode(0o600))?;
    }
    Ok(file)
}

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

/// Stdout, of which the capture has all: whoever writes there from now on, writes to stderr.
fn take_stdout() -> io::Result<File> {
    let stdout = io::stdout();
    if stdout.is_terminal() {
        return Err(io::Error::other(
            "stdout is a terminal: pipe it to wireshark -k -i - or tshark -i -, or name a file",
        ));
    }
    stdout.lock().flush()?;
    let out = File::from(stdout.as_fd().try_clone_to_owned()?);
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(out)
}

fn not_captured(path: &Path, error: &io::Error) -> Failure {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let hint = match (error.kind(), parent) {
        (ErrorKind::NotFound, Some(parent)) => {
            format!(": there is no directory {}; make it, or name another file", parent.display())
        }
        (ErrorKind::PermissionDenied, _) => ": name a file that you may write".to_owned(),
        (_, _) => String::new(),
    };
    let message = format!("cannot write --pcap {}: {error}{hint}", path.display());
    Failure::new(exit::USAGE, message)
}

fn limit(text: &str) -> Result<u64, String> {
    match text {
        "none" => Ok(u64::MAX),
        text => match octets(text)? {
            0..LEAST_LIMIT => Err("too small for anything: write at least 1kb".to_owned()),
            limit => Ok(limit),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        assert_eq!(limit("none"), Ok(u64::MAX));
        assert_eq!(limit("100mb"), Ok(100_000_000));
        assert!(limit("999").unwrap_err().contains("at least 1kb"));
        assert!(limit("plenty").unwrap_err().contains("not a number of octets"));
    }
}
