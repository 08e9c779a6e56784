//! The thread that writes a capture. Shards hand it records and go on, whatever becomes of the file: a disk
//! that is full or a pipe that nobody reads holds no packet up.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::super::words::counted;
use super::blocks::{Blocks, LOST, PacketBlock, WIRE};
use super::octets::Octets;
use super::{CaptureSettings, Origin};
use crate::runtime::clock::time_of_day;
use crate::time::Instant;
use crate::trace::Way;

/// Records that may wait to be written, and the octets of memory that are kept for them.
pub(super) const MOST_WAITING: usize = 16 * 1024;
pub(super) const MOST_OCTETS: usize = 64 << 20;

/// How long a record waits for an earlier one of another shard, whose thread may not have its turn at once. As
/// soon as nothing has come for so long all is written. One shard alone tells of everything in order.
const HOLD: Duration = Duration::from_millis(500);

/// A packet for the file.
#[derive(Debug)]
pub(super) struct Record {
    pub at: Instant,
    pub way: Way,
    pub is_lost: bool,
    pub octets: Octets,
    pub comment: String,
}

impl Record {
    /// Octets of memory that are kept for it.
    fn kept(&self) -> usize {
        self.octets.kept() + self.comment.len()
    }
}

/// The hands that write. Dropping it waits until all is written.
pub(super) struct Writer {
    settings: CaptureSettings,
    shared: Arc<Shared>,
    /// `None` when nothing comes any more.
    sender: Option<SyncSender<Message>>,
    thread: Option<JoinHandle<()>>,
}

/// What both sides look at.
#[derive(Debug, Default)]
struct Shared {
    /// Nothing more is written.
    is_over: AtomicBool,
    waiting_octets: AtomicUsize,
    /// Those who tell of packets.
    sinks: AtomicUsize,
    /// Packets that were not written because too many were waiting.
    left_out: AtomicU64,
    /// What the stack's clock is counted from.
    origin: OnceLock<SystemTime>,
}

enum Message {
    Packet(Box<Record>),
    Secrets(Vec<u8>),
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Writer {
    pub fn start(out: Box<dyn Write + Send>, settings: CaptureSettings) -> io::Result<Writer> {
        let (sender, receiver) = sync_channel(MOST_WAITING);
        let shared = Arc::new(Shared::default());
        let work = Work {
            settings: settings.clone(),
            shared: Arc::clone(&shared),
            held: BTreeMap::new(),
            held_octets: 0,
            serial: 0,
            newest: Instant::ZERO,
            written: [0; 2],
            remark: None,
        };
        let thread = thread::Builder::new()
            .name("capture".to_owned())
            .spawn(move || work.run(BufWriter::new(out), &receiver))?;
        Ok(Writer { settings, shared, sender: Some(sender), thread: Some(thread) })
    }

    pub fn settings(&self) -> &CaptureSettings {
        &self.settings
    }

    /// There is one more who tells of packets.
    pub fn add_sink(&self) {
        self.shared.sinks.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether it still writes.
    pub fn is_open(&self) -> bool {
        !self.shared.is_over.load(Ordering::Relaxed)
    }

    /// Octets of memory that are kept for what waits, and how many packets were left out.
    #[cfg(test)]
    pub fn waiting(&self) -> (usize, u64) {
        let Shared { waiting_octets, left_out, .. } = &*self.shared;
        (waiting_octets.load(Ordering::Relaxed), left_out.load(Ordering::Relaxed))
    }

    pub fn write(&self, record: Record) {
        let record = Box::new(record);
        if !self.is_open() {
            return;
        }
        let Shared { waiting_octets, left_out, origin, .. } = &*self.shared;
        origin.get_or_init(|| match self.settings.origin {
            Origin::Now => time_of_day() - record.at.since(Instant::ZERO),
            Origin::At(time) => time,
        });
        let octets = record.kept();
        let Some(sender) = &self.sender else { return };
        let is_full = waiting_octets.load(Ordering::Relaxed) + octets > MOST_OCTETS;
        waiting_octets.fetch_add(octets, Ordering::Relaxed);
        let is_taken = if self.settings.is_complete {
            sender.send(Message::Packet(record)).is_ok()
        } else {
            !is_full && sender.try_send(Message::Packet(record)).is_ok()
        };
        if !is_taken {
            waiting_octets.fetch_sub(octets, Ordering::Relaxed);
            if left_out.fetch_add(1, Ordering::Relaxed) == 0 && self.is_open() {
                log::warn!("the capture is written too slowly: some packets are not in it");
            }
        }
    }

    pub fn secrets(&self, line: &str) {
        let line = [line.trim_end().as_bytes(), b"\n"].concat();
        let is_taken = |sender: &SyncSender<_>| sender.try_send(Message::Secrets(line)).is_ok();
        if !self.sender.as_ref().is_some_and(is_taken) && self.is_open() {
            log::warn!("the capture is written too slowly: secrets of TLS are not in it");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread has.
struct Work {
    settings: CaptureSettings,
    shared: Arc<Shared>,
    /// What waits for earlier records, in order.
    held: BTreeMap<(Instant, u64), Box<Record>>,
    held_octets: usize,
    serial: u64,
    newest: Instant,
    /// Packets in the file, by interface.
    written: [u64; 2],
    /// Why it ends early.
    remark: Option<String>,
}

impl Work {
    fn run(mut self, out: BufWriter<Box<dyn Write + Send>>, receiver: &Receiver<Message>) {
        if let Err(error) = self.write_all(out, receiver) {
            log::warn!("the capture is no longer written: {error}");
        }
        self.shared.is_over.store(true, Ordering::Relaxed);
        // Whoever waits for room finds that it has become pointless.
        for _ in receiver {}
    }

    fn write_all(
        &mut self,
        out: BufWriter<Box<dyn Write + Send>>,
        receiver: &Receiver<Message>,
    ) -> io::Result<()> {
        let name = &self.settings.interface;
        let mut interfaces = vec![(name.clone(), "packets as they came through")];
        if self.settings.has_faults {
            interfaces.push((format!("{name} (lost)"), "packets that faults took"));
        }
        let mut file = Blocks::begin(out, &interfaces, self.settings.snaplen)?;
        file.flush()?;
        let mut message = receiver.recv().map_err(|_| RecvTimeoutError::Disconnected);
        let mut is_done = false;
        while !is_done && self.remark.is_none() {
            match message {
                Ok(Message::Packet(record)) => self.hold(record),
                Ok(Message::Secrets(lines)) => file.secrets(&lines)?,
                Err(RecvTimeoutError::Timeout) => self.write_held(&mut file, Instant::NEVER)?,
                Err(RecvTimeoutError::Disconnected) => is_done = true,
            }
            message = match receiver.try_recv() {
                Ok(message) => Ok(message),
                Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty) => {
                    self.write_settled(&mut file)?;
                    file.flush()?;
                    // What does not happen now need not be seen soon.
                    if self.held.is_empty() || self.settings.is_complete {
                        receiver.recv().map_err(|_| RecvTimeoutError::Disconnected)
                    } else {
                        receiver.recv_timeout(self.hold_time())
                    }
                }
            };
            while self.held.len() > MOST_WAITING || self.held_octets > MOST_OCTETS {
                self.write_first(&mut file)?;
            }
        }
        self.write_held(&mut file, Instant::NEVER)?;
        self.finish(&mut file)
    }

    fn hold(&mut self, record: Box<Record>) {
        self.shared.waiting_octets.fetch_sub(record.kept(), Ordering::Relaxed);
        self.newest = self.newest.max(record.at);
        self.held_octets += record.kept();
        self.serial += 1;
        self.held.insert((record.at, self.serial), record);
    }

    fn hold_time(&self) -> Duration {
        let sinks = self.shared.sinks.load(Ordering::Relaxed);
        if sinks > 1 { HOLD } else { Duration::ZERO }
    }

    /// Writes what no earlier record can come before any more.
    fn write_settled(&mut self, file: &mut Blocks<impl Write>) -> io::Result<()> {
        let newest = self.newest.since(Instant::ZERO).saturating_sub(self.hold_time());
        self.write_held(file, Instant::ZERO + newest)
    }

    /// Writes what was not after `until`.
    fn write_held(&mut self, file: &mut Blocks<impl Write>, until: Instant) -> io::Result<()> {
        while self.held.keys().next().is_some_and(|(at, _)| *at <= until) {
            self.write_first(file)?;
        }
        Ok(())
    }

    fn write_first(&mut self, file: &mut Blocks<impl Write>) -> io::Result<()> {
        let Some((_, record)) = self.held.pop_first() else { return Ok(()) };
        self.held_octets -= record.kept();
        // Beyond the limit nothing is.
        if self.remark.is_none() { self.write(file, *record) } else { Ok(()) }
    }

    fn write(&mut self, file: &mut Blocks<impl Write>, record: Record) -> io::Result<()> {
        let Record { at, way, is_lost, octets, comment } = record;
        let octets = octets.into_bytes();
        let kept = octets.len().min(self.settings.snaplen as usize);
        let interface = if is_lost && self.settings.has_faults { LOST } else { WIRE };
        let packet = PacketBlock {
            interface,
            way,
            time: self.time_of(at),
            octets: &octets[..kept],
            len: octets.len(),
            comment: &comment,
        };
        if file.len() + packet.size() > self.settings.limit {
            let limit = self.settings.limit;
            log::warn!("the capture has reached its limit of {limit} octets: it ends here");
            self.remark = Some(format!("the capture ends at its limit of {limit} octets"));
            return Ok(());
        }
        self.written[interface as usize] += 1;
        file.packet(&packet)
    }

    fn finish(&mut self, file: &mut Blocks<impl Write>) -> io::Result<()> {
        let left_out = self.shared.left_out.load(Ordering::Relaxed);
        let time = self.time_of(self.newest);
        let remark = self.remark.as_deref();
        file.statistics(WIRE, time, (self.written[0], left_out), remark)?;
        if self.settings.has_faults {
            file.statistics(LOST, time, (self.written[1], 0), remark)?;
        }
        if left_out > 0 {
            let packets = counted(left_out, "packet");
            log::warn!("the capture lacks {packets}: it was written too slowly");
        }
        file.flush()
    }

    /// Since 1970.
    fn time_of(&self, at: Instant) -> Duration {
        let origin = self.shared.origin.get().copied().unwrap_or(UNIX_EPOCH);
        let time = origin + at.since(Instant::ZERO);
        time.duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}
