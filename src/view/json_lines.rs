//! Every event as one line of JSON: what `--events FILE` writes.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::trace::{Event, Mask, Sink};

/// Writes each event as one JSON object on a line of its own. Lines are buffered; dropping it, or
/// [`JsonLines::flush`], writes out what is left.
///
/// When the writer fails, that is logged once and nothing more is written: a full disk must not stop
/// a connection.
#[derive(Debug)]
pub struct JsonLines<W: Write + Send> {
    /// `None` once writing has failed.
    out: Option<BufWriter<W>>,
}

impl JsonLines<File> {
    /// Writes to the file at `path`, which is made, or emptied if it exists.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened for writing.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        File::create(path).map(JsonLines::new)
    }
}

impl<W: Write + Send> JsonLines<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        JsonLines { out: Some(BufWriter::new(out)) }
    }

    /// Writes out what is buffered.
    pub fn flush(&mut self) {
        self.attempt(Write::flush);
    }

    /// Whether it still writes: `false` after the first failure.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        self.out.is_some()
    }

    fn attempt(&mut self, work: impl FnOnce(&mut BufWriter<W>) -> io::Result<()>) {
        let Some(out) = &mut self.out else { return };
        if let Err(error) = work(out) {
            log::error!(target: "glasstack", "events are no longer written: {error}");
            // Taken apart, so that dropping the buffer does not try once more.
            let _ = self.out.take().map(BufWriter::into_parts);
        }
    }
}

impl<W: Write + Send> Sink for JsonLines<W> {
    fn wanted(&self) -> Mask {
        // Octets belong into a capture.
        Mask::all() - Mask::PACKETS
    }

    fn record(&mut self, event: &Event) {
        if event.what.kind() == Mask::PACKETS {
            return;
        }
        self.attempt(|out| {
            serde_json::to_writer(&mut *out, event)?;
            out.write_all(b"\n")
        });
    }
}

impl<W: Write + Send> Drop for JsonLines<W> {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::tcp::{Cause, State, Timer};
    use crate::time::Instant;
    use crate::trace::{ConnId, DropReason, SegmentSummary, TimerChange, What};
    use crate::wire::{Ecn, Flags, Options, ParseError};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no test panics while it writes").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Fails always, and counts how often it was asked.
    struct Full(Arc<AtomicUsize>);

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn event(what: What) -> Event {
        Event { at: Instant::from_micros(7), conn: Some(ConnId(1)), what }
    }

    #[test]
    fn every_event_is_one_line_of_json() {
        let seg = SegmentSummary {
            seq: crate::seq::Seq(5),
            ack: crate::seq::Seq(6),
            flags: Flags::SYN | Flags::ACK,
            wnd: 9,
            len: 0,
            segment_size: 0,
            ecn: Ecn::NotEct,
            options: Options { mss: Some(1460), ..Options::default() },
        };
        let (from, to, cause) = (State::Listen, State::SynReceived, Cause::SynArrived);
        let timer = Timer::Retransmission;
        let all = [
            event(What::State { from, to, cause, section: cause.section() }),
            event(What::Sent { seg, state: to, retransmission: None }),
            event(What::Timer { timer, change: TimerChange::Armed { until: Instant::ZERO } }),
            event(What::Timer { timer, change: TimerChange::Fired }),
            event(What::Dropped { why: DropReason::Malformed(ParseError::Truncated), from: None }),
            event(What::Removed),
        ];
        let text = Shared::default();
        let mut sink = JsonLines::new(text.clone());
        for event in &all {
            sink.record(event);
        }
        drop(sink);
        let text = String::from_utf8(text.0.lock().expect("nobody writes").clone());
        let text = text.expect("JSON is UTF-8");
        assert_eq!(
            text.lines().next(),
            Some(
                r#"{"at_ns":7000,"conn":1,"event":"state","from":"LISTEN","to":"SYN_RCVD","cause":"syn-arrived","section":"3.10.7.2"}"#
            )
        );
        assert_eq!(text.lines().count(), all.len());
        for line in text.lines() {
            let value: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
            assert!(value.is_object() && value["event"].is_string(), "{line}");
        }
    }

    #[test]
    fn a_failing_writer_is_left_alone_after_its_first_failure() {
        let asked = Arc::new(AtomicUsize::new(0));
        let mut sink = JsonLines::new(Full(asked.clone()));
        sink.record(&event(What::Removed));
        assert!(sink.is_writing(), "the line fits into the buffer");
        sink.flush();
        assert!(!sink.is_writing());
        sink.record(&event(What::Removed));
        sink.flush();
        drop(sink);
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }
}
