//! Which TCP/IP stack runs: ours, or smoltcp behind the same sockets.

use std::fmt::Display;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;

use super::tcp_options::TcpOptions;
use super::{Failure, exit};
use crate::engine::recording::Recording;
use crate::engine::{Engine, Smoltcp, SmoltcpConfig};
use crate::runtime;
use crate::stack::{self, Secret, Stack};

/// The two engines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum EngineKind {
    /// The stack of this project
    #[default]
    Ours,
    /// The smoltcp crate
    Smoltcp,
}

/// smoltcp's TIME_WAIT cannot be set. What our own lasts by default says whether --msl was given.
const USUAL_MSL: Duration = Duration::from_secs(30);

/// Octets that smoltcp may hold each way for one connection: what our own stack takes as well.
const SMOLTCP_BUFFER: usize = 1024 * 1024;

impl EngineKind {
    /// Refuses options that this engine has no use for: nobody should wait for what cannot come.
    pub(super) fn check(self, options: &TcpOptions) -> Result<(), Failure> {
        let refuse = |option: &str, why: &str| {
            let hint = "leave it out, or use --engine ours";
            Err(Failure::new(
                exit::USAGE,
                format!("--engine smoltcp cannot do {option}: {why}; {hint}"),
            ))
        };
        match self {
            EngineKind::Ours => Ok(()),
            EngineKind::Smoltcp if options.record.is_some() => {
                refuse("--record", "its inputs and random numbers are not ours to record")
            }
            EngineKind::Smoltcp if options.events.is_some() => {
                refuse("--events", "it raises no events")
            }
            EngineKind::Smoltcp if options.msl != USUAL_MSL => {
                refuse("--msl", "its TIME_WAIT lasts 10 seconds")
            }
            EngineKind::Smoltcp if options.cc.is_some() => {
                refuse("--cc", "it has one congestion control, built in")
            }
            EngineKind::Smoltcp if options.loss_detection.is_some() => {
                refuse("--loss-detection", "it has one way, built in")
            }
            EngineKind::Smoltcp if options.mtu_probing.is_some() => {
                refuse("--mtu-probing", "it knows nothing of paths")
            }
            EngineKind::Smoltcp if options.ecn.is_some() => {
                refuse("--ecn", "it knows no explicit congestion notification")
            }
            EngineKind::Smoltcp => Ok(()),
        }
    }

    /// Whether there are events to draw ladders from.
    pub(super) const fn has_ladders(self) -> bool {
        match self {
            EngineKind::Ours => true,
            EngineKind::Smoltcp => false,
        }
    }

    /// Whether it can be one of several behind the same addresses.
    pub(super) const fn has_siblings(self) -> bool {
        match self {
            EngineKind::Ours => true,
            EngineKind::Smoltcp => false,
        }
    }

    /// Whether it can leave segmentation and checksums to a device.
    pub(super) const fn has_offload(self) -> bool {
        match self {
            EngineKind::Ours => true,
            EngineKind::Smoltcp => false,
        }
    }

    /// What makes engines.
    pub(super) fn maker(self, options: &TcpOptions) -> Result<EngineMaker, Failure> {
        let secret = runtime::secret().map_err(without_randomness)?;
        let recording = match &options.record {
            Some(path) => Some(Recording::create(path).map_err(|error| not_recorded(path, error))?),
            None => None,
        };
        let recording = options.record.clone().zip(recording);
        Ok(EngineMaker { kind: self, secret, recording })
    }
}

/// Makes the engines of all shards: they have one secret, and one recording.
pub(super) struct EngineMaker {
    kind: EngineKind,
    secret: Secret,
    recording: Option<(PathBuf, Recording<BufWriter<File>>)>,
}

impl EngineMaker {
    /// An engine with these settings.
    pub(super) fn make(&self, config: stack::Config) -> Result<Box<dyn Engine>, Failure> {
        match self.kind {
            EngineKind::Ours => self.ours(config),
            EngineKind::Smoltcp => smoltcp(config),
        }
    }

    fn ours(&self, config: stack::Config) -> Result<Box<dyn Engine>, Failure> {
        let mut stack = Stack::new(config, self.secret);
        if let Some((path, recording)) = &self.recording {
            let recorder = recording.recorder(stack.config(), self.secret);
            let recorder = recorder.map_err(|error| not_recorded(path, error))?;
            stack.set_journal(Box::new(recorder));
        }
        Ok(Box::new(stack))
    }
}

fn not_recorded(path: &Path, error: impl Display) -> Failure {
    Failure::new(exit::USAGE, format!("cannot write --record {}: {error}", path.display()))
}

fn smoltcp(config: stack::Config) -> Result<Box<dyn Engine>, Failure> {
    Ok(Box::new(Smoltcp::new(SmoltcpConfig {
        addrs: config.addrs,
        mtu: config.mtu,
        receive_buffer: SMOLTCP_BUFFER,
        send_buffer: SMOLTCP_BUFFER,
        events: config.events,
        seed: getrandom::u64().map_err(without_randomness)?,
        ..SmoltcpConfig::default()
    })))
}

fn without_randomness(error: impl Display) -> Failure {
    Failure::new(exit::UNAVAILABLE, format!("cannot start the stack: {error}"))
}
