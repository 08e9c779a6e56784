//! `glass replay`: feeds a recording to the stack again, without a network and in no time.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use clap::Args;

use super::capture_options::CaptureOptions;
use super::ladder_options::LadderOptions;
use super::options::Output;
use super::{Failure, exit};
use crate::engine::recording::{self, Told};
use crate::trace::{Mask, Sink};
use crate::view::{
    Capture, CaptureSettings, CaptureSink, JsonLines, Ladder, Limits, LogLines, Origin, counted,
};

/// Replay what --record wrote: the same packets, byte for byte, and the ladder of each connection
///
/// The ladders go to stdout. Exit code 0 when every packet came out as recorded, 1 when one did not,
/// 65 when the file is no recording.
#[derive(Args, Debug)]
pub(super) struct Replay {
    /// The recording
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write every event to this file, one JSON object a line
    #[arg(long, env = "GLASS_EVENTS", value_name = "FILE")]
    events: Option<PathBuf>,
    #[command(flatten)]
    capture: CaptureOptions,
    #[command(flatten)]
    ladder: LadderOptions,
}

impl Replay {
    pub(super) fn execute(self, output: &Output) -> Result<(), Failure> {
        let name = self.file.display();
        let bad = |error: io::Error| {
            let code = match error.kind() {
                io::ErrorKind::InvalidData => exit::BAD_INPUT,
                _ => exit::USAGE,
            };
            Failure::new(code, format!("cannot replay {name}: {error}"))
        };
        let files = self.ladder.open()?;
        // The peer's side is reckoned from the packets: a recording has nothing else of it.
        let mut ladder = Ladder::with_limits(Limits { peer: true, ..Limits::default() });
        ladder.show_timers(self.ladder.timers);
        let mut log = LogLines::new();
        let mut events = match &self.events {
            Some(path) => Some(JsonLines::create(path).map_err(|error| {
                let path = path.display();
                Failure::new(exit::USAGE, format!("cannot write --events {path}: {error}"))
            })?),
            None => None,
        };
        let mut captures = self.captures()?;
        let wanted = events.as_ref().map_or(Mask::empty(), Sink::wanted)
            | captures.as_ref().map_or(Mask::empty(), |captures| captures.first.wanted())
            | ladder.wanted()
            | log.wanted();
        let replay = recording::Replay::open(&self.file, wanted).map_err(bad)?;
        let outcome = replay
            .run_by_rounds(|of, told| {
                if let Some(captures) = &mut captures {
                    captures.take(of, told);
                }
                let Told::Event(event) = told else { return };
                ladder.record(event);
                log.record(event);
                if let Some(events) = &mut events {
                    events.record(event);
                }
            })
            .map_err(bad)?;
        // They are complete when these are gone.
        drop(captures);
        let text = ladder.render(&self.ladder.style(output.style()));
        let _ = write!(io::stdout(), "{text}");
        files.write(&ladder, &format!("glass replay {name}"), exit::FAILURE)?;
        if outcome.cut_off {
            output.note(format_args!("{name} ends in the middle of an input: it was cut off"));
        }
        match outcome.difference {
            None => {
                let inputs = counted(outcome.inputs, "input");
                let same = counted(outcome.same, "packet");
                output.note(format_args!("{inputs}, {same}, all as recorded"));
                Ok(())
            }
            Some(difference) => Err(Failure::new(
                exit::FAILURE,
                format!(
                    "input {} of {name}, at {} s, gave another packet than was recorded: this \
                     program is not the one that recorded it, or it does not behave the same twice, \
                     which is a bug",
                    difference.input, difference.at
                ),
            )),
        }
    }

    /// What captures, if anything does. A recording does not keep the time of day: its capture begins with
    /// that of computers, so that the same recording makes the same file.
    fn captures(&self) -> Result<Option<Captures>, Failure> {
        self.capture.open()?;
        let settings = CaptureSettings {
            interface: "replay".to_owned(),
            origin: Origin::At(UNIX_EPOCH),
            is_complete: true,
            ..CaptureSettings::default()
        };
        Ok(self.capture.start(settings)?.map(|capture| {
            let first = capture.sink();
            Captures { capture, first, others: BTreeMap::new() }
        }))
    }
}

/// A capture of all stacks of a recording: each has a sink of its own.
struct Captures {
    capture: Capture,
    /// Of the stack in the first place. Most are alone.
    first: CaptureSink,
    others: BTreeMap<u32, CaptureSink>,
}

impl Captures {
    fn take(&mut self, of: u32, told: Told<'_>) {
        let sink = match of {
            0 => &mut self.first,
            _ => self.others.entry(of).or_insert_with(|| self.capture.sink()),
        };
        match told {
            Told::Event(event) => sink.record(event),
            Told::RoundIsOver => sink.settle(),
        }
    }
}
