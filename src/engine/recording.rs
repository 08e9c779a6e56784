//! Recordings: files that hold every input of a stack with its instant, and replay to the same packets.
//!
//! A recording begins with a magic number, then come records in postcard's encoding, each preceded by its
//! length (`u32`, little endian): first what the stack started with, then input after input. It holds
//! the stack's secret and all data, so it is made readable by its owner only: whoever has it can forge
//! segments of connections that still live.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::stack::{Config, Input, Journal, Secret, Stack, checksum};
use crate::time::Instant;
use crate::trace::{Event, Mask};

/// The first octets of a recording: a name and a version.
const MAGIC: &[u8; 8] = b"glassr01";
/// No record is longer: a packet or one write of an application, and a little.
const LONGEST: u32 = 1 << 30;

#[derive(Serialize, Deserialize)]
struct Start {
    config: Config,
    secret: Secret,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    at: Instant,
    input: Input,
}

/// Writes a recording.
#[derive(Debug)]
pub struct Recorder<W: Write + Send> {
    /// `None` once writing has failed: the stack goes on without.
    out: Option<W>,
    failure: Option<io::Error>,
}

impl Recorder<BufWriter<File>> {
    /// Makes the file `path`, or empties it, for its owner's eyes only (mode 0600), and begins a
    /// recording of a stack that starts with `config` and `secret`.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn create(path: &Path, config: &Config, secret: Secret) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
        // An old file keeps its mode when it is emptied.
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        Recorder::new(BufWriter::new(file), config, secret)
    }
}

impl<W: Write + Send> Recorder<W> {
    /// Begins a recording on `out`.
    ///
    /// # Errors
    ///
    /// `out` cannot be written.
    pub fn new(mut out: W, config: &Config, secret: Secret) -> io::Result<Self> {
        out.write_all(MAGIC)?;
        write_record(&mut out, &Start { config: config.clone(), secret })?;
        Ok(Recorder { out: Some(out), failure: None })
    }

    /// Why it stopped, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }
}

impl<W: Write + Send> Journal for Recorder<W> {
    fn note(&mut self, at: Instant, input: Input) {
        if let Some(out) = &mut self.out
            && let Err(error) = write_record(out, &Entry { at, input })
        {
            self.failure = Some(error);
            self.out = None;
        }
    }
}

impl<W: Write + Send> Drop for Recorder<W> {
    fn drop(&mut self) {
        if let Some(out) = &mut self.out {
            let _ = out.flush();
        }
    }
}

fn write_record(out: &mut impl Write, record: &impl Serialize) -> io::Result<()> {
    let octets = postcard::to_stdvec(record).map_err(io::Error::other)?;
    let len = u32::try_from(octets.len()).map_err(io::Error::other)?;
    out.write_all(&len.to_le_bytes())?;
    out.write_all(&octets)
}

/// A recording being replayed.
#[derive(Debug)]
pub struct Replay<R> {
    input: R,
    stack: Stack,
    inputs: u64,
}

/// What a replay came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Inputs fed.
    pub inputs: u64,
    /// Packets that came out the same.
    pub same: u64,
    /// The first place where they did not, if there is one.
    pub difference: Option<Difference>,
    /// The recording ends in the middle of a record: what was recording it was cut off.
    pub cut_off: bool,
}

/// Where a replay first gave something else than was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The number of the input, from 1.
    pub input: u64,
    /// When, on the stack's clock.
    pub at: Instant,
}

impl Replay<BufReader<File>> {
    /// Opens a recording. The events in `events` will be raised.
    ///
    /// # Errors
    ///
    /// The file cannot be read ([`io::ErrorKind`] as of the system), or is no recording, or one of
    /// another version ([`io::ErrorKind::InvalidData`]).
    pub fn open(path: &Path, events: Mask) -> io::Result<Self> {
        Replay::new(BufReader::new(File::open(path)?), events)
    }
}

impl<R: Read> Replay<R> {
    /// Begins to read a recording.
    ///
    /// # Errors
    ///
    /// As [`Replay::open`].
    pub fn new(mut input: R, events: Mask) -> io::Result<Self> {
        let mut magic = [0; MAGIC.len()];
        let is_ours = input.read_exact(&mut magic).is_ok() && magic == *MAGIC;
        if !is_ours {
            return Err(invalid("not a recording of this version of glass"));
        }
        let Some(Start { mut config, secret }) = read_record(&mut input)? else {
            return Err(invalid("the recording ends before it begins"));
        };
        config.events = events;
        Ok(Replay { input, stack: Stack::new(config, secret), inputs: 0 })
    }

    /// Feeds everything, and tells `on_event` each event as it is raised.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a record makes no sense.
    pub fn run(mut self, mut on_event: impl FnMut(&Event)) -> io::Result<Outcome> {
        let mut outcome = Outcome::default();
        loop {
            match read_record(&mut self.input) {
                Ok(Some(entry)) => self.step(entry, &mut outcome),
                Ok(None) => break,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    outcome.cut_off = true;
                    break;
                }
                Err(error) => return Err(error),
            }
            self.stack.take_ready();
            self.stack.take_events().iter().for_each(&mut on_event);
        }
        outcome.inputs = self.inputs;
        Ok(outcome)
    }

    fn step(&mut self, Entry { at, input }: Entry, outcome: &mut Outcome) {
        self.inputs += 1;
        let recorded = match &input {
            Input::Drain(recorded) => Some(*recorded),
            _ => None,
        };
        let replayed = self.stack.apply(at, input).as_ref().map(checksum);
        match recorded {
            Some(recorded) if recorded == replayed => {
                outcome.same += u64::from(replayed.is_some());
            }
            Some(_) => {
                outcome.difference.get_or_insert(Difference { input: self.inputs, at });
            }
            None => {}
        }
    }
}

/// The next record; `None` at the end of the file.
fn read_record<T: DeserializeOwned>(input: &mut impl Read) -> io::Result<Option<T>> {
    let mut len = [0; 4];
    let mut have = 0;
    while have < len.len() {
        match input.read(&mut len[have..])? {
            0 if have == 0 => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            octets => have += octets,
        }
    }
    let len = u32::from_le_bytes(len);
    if len > LONGEST {
        return Err(invalid("a record of impossible length"));
    }
    let mut octets = Vec::new();
    let read = input.take(u64::from(len)).read_to_end(&mut octets)?;
    if read < len as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let record = postcard::from_bytes(&octets).map_err(|_| invalid("a record makes no sense"))?;
    Ok(Some(record))
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
