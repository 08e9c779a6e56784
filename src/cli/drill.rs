//! `glass drill`: packetdrill scripts against our stack, in virtual time.

use std::io::{self, Write};
use std::path::PathBuf;
use std::thread;
use std::time::UNIX_EPOCH;

use clap::{Args, ValueEnum};

use super::capture_options::CaptureFile;
use super::options::Output;
use super::{Failure, exit};
use crate::drill::plan::Choices;
use crate::drill::report::{Reasons, Tally, json, summary, summary_json, text};
use crate::drill::run::BEGIN;
use crate::drill::script::Definition;
use crate::drill::suite::{self, Verdict};
use crate::drill::{IpVersion, Profile};
use crate::time::Instant;
use crate::view::{Capture, CaptureSettings, Origin};

/// Run packetdrill scripts against this stack, without a network and in no time
///
/// One line for each script on stdout; for one that fails, what happened so far with our state and
/// timers, and what was expected; with -v also for those that pass. Exit code 0 when all pass, 1 when one
/// fails, 65 when one is no script, or asks for what is not supported, 2 when one is not there. One that can only mean the other
/// version of IP is skipped, with the reason.
#[derive(Args, Debug)]
pub(super) struct Drill {
    /// Scripts, or folders of *.pkt
    #[arg(value_name = "FILE|DIR", required = true)]
    paths: Vec<PathBuf>,
    /// Whose choices to make where systems differ: options, windows, timers
    #[arg(long, value_enum, default_value_t, env = "GLASS_PROFILE")]
    profile: Profile,
    /// Over which version of IP to play the scripts, which are written for IPv4
    #[arg(long, alias = "ip_version", value_enum, default_value_t, env = "GLASS_IP_VERSION")]
    ip_version: IpVersion,
    /// What to write
    #[arg(long, value_enum, default_value_t, env = "GLASS_FORMAT")]
    format: Format,
    /// Instead of each script, tell how those of each folder went, and what kept how many from passing
    #[arg(long, env = "GLASS_SUMMARY")]
    summary: bool,
    /// Scripts to run at once [default: one for each processor]
    #[arg(long, short, env = "GLASS_JOBS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Define a word for scripts and #ifdef; may be given again
    #[arg(long, short = 'D', env = "GLASS_DEFINE", value_name = "NAME[=VALUE]", value_parser = definition)]
    define: Vec<Definition>,
    /// How far times may be off, in microseconds, whatever scripts say [default: 4000, or the script's]
    #[arg(
        long = "tolerance_usecs",
        alias = "tolerance-usecs",
        env = "GLASS_TOLERANCE_USECS",
        value_name = "N"
    )]
    tolerance_usecs: Option<u64>,
    #[command(flatten)]
    capture: CaptureFile,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// One object a line for each script, and one for all
    Json,
}

fn definition(text: &str) -> Result<Definition, String> {
    text.parse::<Definition>().map_err(|error| error.to_string())
}

impl Drill {
    pub(super) fn execute(self, output: &Output) -> Result<u8, Failure> {
        let scripts =
            suite::scripts(&self.paths).map_err(|message| Failure::new(exit::USAGE, message))?;
        let capture = self.capture(scripts.len())?;
        let choices = Choices {
            profile: self.profile,
            ip_version: self.ip_version,
            definitions: self.define.into_iter().collect(),
            tolerance_usecs: self.tolerance_usecs,
        };
        let available = thread::available_parallelism().map_or(1, usize::from);
        let jobs = self.jobs.map_or(available, usize::from);
        let (style, verbose) = (output.style(), output.verbose > 0);
        let (mut tally, mut reasons) = (Tally::default(), Reasons::default());
        let mut out = io::BufWriter::new(io::stdout());
        let mut written = Ok(());
        let mut each = |verdict: Verdict| {
            tally.add(&verdict);
            if self.summary {
                return reasons.add(&verdict);
            }
            let told = match self.format {
                Format::Text => text(&verdict, verbose, &style),
                Format::Json => json(&verdict, verbose),
            };
            if written.is_ok() {
                written = out.write_all(told.as_bytes());
            }
        };
        match (capture, scripts.as_slice()) {
            (Some(capture), [script]) => {
                let sink = Box::new(capture.sink());
                drop(capture);
                each(suite::run_file_telling(script, &choices, sink));
            }
            (_, scripts) => suite::run_all(scripts, &choices, jobs, each),
        }
        let end = match self.format {
            Format::Text if self.summary => reasons.text() + &summary(&tally),
            Format::Text => summary(&tally),
            Format::Json => summary_json(&tally, self.summary.then_some(&reasons)),
        };
        written
            .and_then(|()| out.write_all(end.as_bytes()))
            .and_then(|()| out.flush())
            .map_err(|error| Failure::new(exit::FAILURE, format!("cannot write: {error}")))?;
        Ok(match (tally.refused, tally.failed) {
            (0, 0) => 0,
            (0, _) => exit::FAILURE,
            (_, _) => exit::BAD_INPUT,
        })
    }

    /// What captures, if anything does. Its times are those of the script.
    fn capture(&self, scripts: usize) -> Result<Option<Capture>, Failure> {
        if self.capture.is_wanted() && scripts != 1 {
            let message = format!(
                "--pcap captures one script, for all of them use the same addresses and ports, and these \
                 are {scripts}: name one"
            );
            return Err(Failure::new(exit::USAGE, message));
        }
        self.capture.open()?;
        self.capture.start(CaptureSettings {
            interface: "drill".to_owned(),
            origin: Origin::At(UNIX_EPOCH - BEGIN.since(Instant::ZERO)),
            is_complete: true,
            ..CaptureSettings::default()
        })
    }
}
