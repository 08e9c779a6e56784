//! Recordings: files that hold every input of a stack with its instant, and replay to the same packets.
//!
//! A recording begins with a magic number, then come records in postcard's encoding, each preceded by its
//! length (`u32`, little endian). Each says which stack it is of, for those behind one address may be
//! several (`stack::Place`): first what that stack started with, then its inputs, one after the other.
//! The records of several stacks mingle as they came. A recording holds the stacks' secret and all data, so
//! it is made readable by its owner only: whoever has it can forge segments of connections that still
//! live.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::stack::{Config, Input, Journal, Secret, Stack, checksum};
use crate::time::Instant;
use crate::trace::{Event, Mask};

/// The first octets of a recording: a name and a version.
const MAGIC: &[u8; 8] = b"glassr07";
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

/// What a record is about; before it stands the place of the stack that it is of.
#[derive(Serialize, Deserialize)]
enum Record {
    Start(Box<Start>),
    Entry(Entry),
}

/// A recording that is being written, by the recorders of one stack or several. Clones write to the same.
#[derive(Debug)]
pub struct Recording<W: Write>(Arc<Mutex<Out<W>>>);

/// Where the records go.
#[derive(Debug)]
struct Out<W: Write> {
    /// `None` once writing has failed: the stacks go on without.
    out: Option<W>,
    failure: Option<String>,
}

impl Recording<BufWriter<File>> {
    /// Makes the file `path`, or empties it, for its owner's eyes only (mode 0600).
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
        // An old file keeps its mode when it is emptied.
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        Recording::new(BufWriter::new(file))
    }
}

impl<W: Write> Recording<W> {
    /// Begins a recording on `out`.
    ///
    /// # Errors
    ///
    /// `out` cannot be written.
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(MAGIC)?;
        Ok(Recording(Arc::new(Mutex::new(Out { out: Some(out), failure: None }))))
    }

    /// A recorder for a stack that starts with `config` and `secret`.
    ///
    /// # Errors
    ///
    /// The recording cannot be written.
    pub fn recorder(&self, config: &Config, secret: Secret) -> io::Result<Recorder<W>> {
        let recorder = Recorder { of: config.place.index, recording: self.clone() };
        recorder.write(&Record::Start(Box::new(Start { config: config.clone(), secret })))?;
        Ok(recorder)
    }

    /// Why it stopped, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.lock().failure.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Out<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Write> Clone for Recording<W> {
    fn clone(&self) -> Self {
        Recording(Arc::clone(&self.0))
    }
}

/// Writes down what one stack is told.
#[derive(Debug)]
pub struct Recorder<W: Write> {
    /// The stack's place.
    of: u32,
    recording: Recording<W>,
}

impl<W: Write> Recorder<W> {
    fn write(&self, record: &Record) -> io::Result<()> {
        let mut recording = self.recording.lock();
        recording.out.as_mut().map_or(Ok(()), |out| write_record(out, &(self.of, record)))
    }
}

impl<W: Write + Send> Journal for Recorder<W> {
    fn note(&mut self, at: Instant, input: Input) {
        if let Err(error) = self.write(&Record::Entry(Entry { at, input })) {
            let mut recording = self.recording.lock();
            recording.failure.get_or_insert(error.to_string());
            recording.out = None;
        }
    }
}

/// With the last of those who share it.
impl<W: Write> Drop for Out<W> {
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
    events: Mask,
    /// By their places.
    stacks: BTreeMap<u32, Replayed>,
    inputs: u64,
}

/// A stack that is fed again.
#[derive(Debug)]
struct Replayed {
    stack: Stack,
    /// When a packet, or the time, last came to it.
    fed: Instant,
}

/// What a replay tells of one of its stacks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Told<'a> {
    /// Something happened.
    Event(&'a Event),
    /// A round of its driver is over, as far as the inputs let one know: see [`crate::trace::Sink::settle`].
    RoundIsOver,
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
        let mut replay = Replay { input, events, stacks: BTreeMap::new(), inputs: 0 };
        match replay.next()? {
            Some((of, Record::Start(start))) => replay.start(of, *start),
            Some((_, Record::Entry(_))) => return Err(invalid("an input before the start")),
            None => return Err(invalid("the recording ends before it begins")),
        }
        Ok(replay)
    }

    /// Feeds everything, and tells `on_event` each event as it is raised.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a record makes no sense.
    pub fn run(self, mut on_event: impl FnMut(&Event)) -> io::Result<Outcome> {
        self.run_by_rounds(|_, told| {
            if let Told::Event(event) = told {
                on_event(event);
            }
        })
    }

    /// As [`Replay::run`], and says in which place the stack is that an event is of, and when a round is over.
    ///
    /// # Errors
    ///
    /// As [`Replay::run`].
    pub fn run_by_rounds(mut self, mut tell: impl FnMut(u32, Told<'_>)) -> io::Result<Outcome> {
        let mut outcome = Outcome::default();
        loop {
            match self.next() {
                Ok(Some((of, Record::Start(start)))) => self.start(of, *start),
                Ok(Some((of, Record::Entry(entry)))) => {
                    let replayed = self.stacks.get_mut(&of);
                    let replayed =
                        replayed.ok_or_else(|| invalid("an input of an unknown stack"))?;
                    self.inputs += 1;
                    if replayed.begins_a_round_with(&entry) {
                        tell(of, Told::RoundIsOver);
                    }
                    let is_drained = matches!(entry.input, Input::Drain(_));
                    let stack = &mut replayed.stack;
                    step(stack, self.inputs, entry, &mut outcome);
                    stack.take_ready();
                    stack.take_events().iter().for_each(|event| tell(of, Told::Event(event)));
                    if is_drained && !stack.has_output() {
                        tell(of, Told::RoundIsOver);
                    }
                }
                Ok(None) => break,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    outcome.cut_off = true;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        outcome.inputs = self.inputs;
        Ok(outcome)
    }

    fn start(&mut self, of: u32, Start { mut config, secret }: Start) {
        config.events = self.events;
        let stack = Stack::new(config, secret);
        self.stacks.insert(of, Replayed { stack, fed: Instant::ZERO });
    }

    fn next(&mut self) -> io::Result<Option<(u32, Record)>> {
        read_record(&mut self.input)
    }
}

impl Replayed {
    /// Whether a driver does this at the beginning of a round, and has not begun it before: what is fed
    /// together is fed at one instant.
    fn begins_a_round_with(&mut self, entry: &Entry) -> bool {
        let is_fed = matches!(entry.input, Input::Packet(_) | Input::Timeout);
        is_fed && std::mem::replace(&mut self.fed, entry.at) != entry.at
    }
}

/// Feeds the input with this number to its stack.
fn step(stack: &mut Stack, number: u64, Entry { at, input }: Entry, outcome: &mut Outcome) {
    let recorded = match &input {
        Input::Drain(recorded) => Some(*recorded),
        _ => None,
    };
    let replayed = stack.apply(at, input).as_ref().map(checksum);
    match recorded {
        Some(recorded) if recorded == replayed => {
            outcome.same += u64::from(replayed.is_some());
        }
        Some(_) => {
            outcome.difference.get_or_insert(Difference { input: number, at });
        }
        None => {}
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::stack::Place;
    use crate::tcp::{Algorithm, EcnMode, Received};
    use crate::trace::{Passage, What};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn stack(addr: [u8; 4], secret: u8) -> (Stack, Config, Secret) {
        let mut config =
            Config { addrs: vec![addr.into()], events: Mask::all(), ..Config::default() };
        config.tcp.ecn = EcnMode::On;
        let secret = Secret([secret; 32]);
        (Stack::new(config.clone(), secret), config, secret)
    }

    /// A server that is recorded while a client fetches from it over a wire that loses every fifth
    /// packet. Returns the recording and the server's events.
    fn recorded_session() -> (Vec<u8>, Vec<Event>) {
        let (mut server, config, secret) = stack([192, 0, 2, 2], 1);
        let (mut client, ..) = stack([192, 0, 2, 1], 2);
        let file = Shared::default();
        let recording = Recording::new(file.clone()).unwrap();
        server.set_journal(Box::new(recording.recorder(&config, secret).unwrap()));
        drop(recording);
        let addr = SocketAddr::from(([192, 0, 2, 2], 80));
        let listener = server.listen(addr, 8).unwrap();
        let calling = client.connect(None, addr, Instant::ZERO).unwrap();
        let (mut now, mut events, mut packets) = (Instant::ZERO, Vec::new(), 0);
        let (mut accepted, mut fetched) = (None, 0);
        loop {
            let mut moved = false;
            for to_server in [true, false] {
                let (from, to) =
                    if to_server { (&mut client, &mut server) } else { (&mut server, &mut client) };
                while let Some(frame) = from.poll_output(now) {
                    packets += 1;
                    moved = true;
                    if packets % 5 != 0 {
                        to.on_packet(&frame.to_bytes(), now);
                    }
                }
            }
            if let Some(handle) = server.accept(listener) {
                server.set_nodelay(handle, true, now);
                server.set_congestion(handle, Algorithm::NewReno, now);
                server.send(handle, &vec![7; 20_000], now).unwrap();
                server.mark_urgent(handle, now).unwrap();
                server.send(handle, &vec![7; 20_000], now).unwrap();
                server.close(handle, now).unwrap();
                accepted = Some(handle);
            }
            while let Ok(Received::Data(data)) = client.receive_bytes(calling, 9999, now) {
                fetched += data.len();
                moved = true;
            }
            if let Ok(Received::Finished) = client.receive_bytes(calling, 1, now) {
                client.release(calling, now);
            }
            events.extend(server.take_events());
            if !moved && !server.has_output() && !client.has_output() {
                match [server.next_deadline(), client.next_deadline()].into_iter().flatten().min() {
                    Some(deadline) => now = deadline,
                    None => break,
                }
                server.on_timeout(now);
                client.on_timeout(now);
            }
        }
        server.release(accepted.expect("the handshake came through"), now);
        server.poll_output(now);
        events.extend(server.take_events());
        assert_eq!(fetched, 40_000);
        drop(server);
        let recording = std::mem::take(&mut *file.0.lock().unwrap());
        (recording, events)
    }

    #[test]
    fn a_replay_gives_the_same_packets_and_events() {
        let (recording, events) = recorded_session();
        let mut replayed = Vec::new();
        let replay = Replay::new(&recording[..], Mask::all()).unwrap();
        let outcome = replay.run(|event| replayed.push(event.clone())).unwrap();
        assert_eq!(outcome.difference, None);
        assert!(outcome.same > 30 && !outcome.cut_off, "{outcome:?}");
        assert_eq!(replayed, events);
    }

    #[test]
    fn a_replay_tells_when_a_round_is_over() {
        let (recording, events) = recorded_session();
        let (mut rounds, mut round) = (Vec::new(), Vec::new());
        let replay = Replay::new(&recording[..], Mask::all()).unwrap();
        let told = replay.run_by_rounds(|of, told| match told {
            Told::Event(event) => round.push(event.clone()),
            Told::RoundIsOver => {
                assert_eq!(of, 0, "there is one stack");
                rounds.push(std::mem::take(&mut round));
            }
        });
        told.unwrap();
        let passages = |round: &Vec<Event>| {
            let passes = |event: &Event| match &event.what {
                What::Packet(passage) => Some((event.at, matches!(**passage, Passage::Leaves(_)))),
                _ => None,
            };
            round.iter().filter_map(passes).collect::<Vec<_>>()
        };
        let rounds: Vec<_> = rounds.iter().map(passages).filter(|one| !one.is_empty()).collect();
        // It has sent all that it had to say in each of them, and nothing came afterwards.
        assert!(rounds.len() > 10, "{rounds:?}");
        assert!(rounds.iter().all(|one| one.is_sorted() && one[0].0 == one[one.len() - 1].0));
        let count = rounds.iter().map(Vec::len).sum::<usize>();
        assert_eq!(count, passages(&events).len(), "the last is over, too");
    }

    #[test]
    fn a_changed_input_shows_as_a_difference() {
        let (mut recording, _) = recorded_session();
        // Some octet of the 40,000 that were written.
        let data = recording.windows(8).position(|octets| octets == [7; 8]).unwrap();
        recording[data + 4] = 8;
        let outcome = Replay::new(&recording[..], Mask::empty()).unwrap().run(|_| {}).unwrap();
        assert!(outcome.difference.is_some());
    }

    #[test]
    fn a_recording_that_was_cut_off_replays_to_there() {
        let (recording, _) = recorded_session();
        let part = &recording[..recording.len() - 3];
        let outcome = Replay::new(part, Mask::empty()).unwrap().run(|_| {}).unwrap();
        assert!(outcome.cut_off && outcome.difference.is_none());
        let error = Replay::new(&b"glassr99 and more"[..], Mask::empty()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    /// Two stacks behind one address; each segment of the client's comes to the one that does not know
    /// it, and is handed on.
    #[test]
    fn the_inputs_of_siblings_are_replayed_each_to_its_own() {
        let addr = [192, 0, 2, 2];
        let file = Shared::default();
        let recording = Recording::new(file.clone()).unwrap();
        let mut siblings: Vec<Stack> = Vec::new();
        for index in 0..2 {
            let place = Place { index, count: 2 };
            let config = Config {
                addrs: vec![addr.into()],
                events: Mask::all() - Mask::PACKETS,
                place,
                ..Config::default()
            };
            let secret = Secret([1; 32]);
            let mut stack = Stack::new(config.clone(), secret);
            stack.set_journal(Box::new(recording.recorder(&config, secret).unwrap()));
            siblings.push(stack);
        }
        let (mut client, ..) = stack([192, 0, 2, 1], 2);
        let server = SocketAddr::from((addr, 80));
        let listener = siblings[0].listen(server, 8).unwrap();
        let (now, mut events) = (Instant::ZERO, Vec::new());
        let calling = client.connect(None, server, now).unwrap();
        for nth in 0..20 {
            while let Some(frame) = client.poll_output(now) {
                let to = usize::from(nth > 0);
                siblings[to].on_packet(&frame.to_bytes(), now);
            }
            for stray in siblings[1].take_strays(now) {
                let is_known = siblings[0].id_of(&stray.tuple).is_some();
                let owner = &mut siblings[usize::from(!is_known)];
                if is_known {
                    owner.on_device_packet(&stray.packet, now);
                } else {
                    owner.on_unclaimed(&stray.packet, now);
                }
            }
            if let Some(handle) = siblings[0].accept(listener) {
                siblings[0].send(handle, &[7; 5_000], now).unwrap();
                siblings[0].release(handle, now);
            }
            if let Ok(Received::Finished) = client.receive_bytes(calling, 9_999, now) {
                client.abort(calling, now);
            }
            for sibling in &mut siblings {
                while let Some(frame) = sibling.poll_output(now) {
                    client.on_packet(&frame.to_bytes(), now);
                }
                sibling.take_ready();
                events.extend(sibling.take_events());
            }
        }
        assert!(siblings[0].states().next().is_none(), "all was handed on, even the RST");
        drop((siblings, recording));
        let recording = std::mem::take(&mut *file.0.lock().unwrap());
        let mut replayed = Vec::new();
        let replay = Replay::new(&recording[..], Mask::all() - Mask::PACKETS).unwrap();
        let outcome = replay.run(|event| replayed.push(event.clone())).unwrap();
        assert_eq!(outcome.difference, None);
        assert_eq!(outcome.same, 5, "SYN,ACK and four segments of data");
        let sorted = |events: Vec<Event>| {
            let (mut first, second): (Vec<_>, Vec<_>) =
                events.into_iter().partition(|event| event.conn.is_some_and(|conn| conn.0 == 1));
            first.extend(second);
            first
        };
        assert_eq!(sorted(replayed), sorted(events));
    }
}
