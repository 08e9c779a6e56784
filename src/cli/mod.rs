//! The command line: one file per subcommand, and what they share.

mod access_log;
mod addresses;
mod bench;
mod capture_options;
pub mod child;
mod control_options;
mod drill;
mod ends;
mod engine;
mod files_options;
mod get;
mod http_options;
mod ladder_options;
mod lesson;
mod lesson_files;
mod looking;
pub mod namespace;
mod open_files;
mod options;
mod peers;
mod quantity;
mod replay;
mod run;
mod serve;
mod server;
mod shard;
mod shards;
mod sim;
mod ss;
mod step;
mod tcp_options;
mod terminal;
mod tls_options;
mod watch;
mod wire;

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A userspace TCP/IP stack one can see through.
#[derive(Debug, Parser)]
#[command(name = "glass", version, about, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    output: options::Output,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Serve(serve::Serve),
    Get(Box<get::Get>),
    Replay(replay::Replay),
    Drill(drill::Drill),
    Bench(bench::Bench),
    Sim(sim::Sim),
    Lesson(lesson::LessonCommand),
    Ss(ss::Ss),
    Watch(watch::Watch),
    Wire(wire::Wire),
}

/// Exit codes, as docs/architecture.md lists them (those above 64 are sysexits.h's).
mod exit {
    pub(super) const FAILURE: u8 = 1;
    pub(super) const USAGE: u8 = 2;
    pub(super) const BAD_INPUT: u8 = 65;
    pub(super) const UNAVAILABLE: u8 = 69;
    /// A failure of `glass run` or `glass wire` itself, and not of CMD.
    pub(super) const RUN_FAILED: u8 = 125;
}

/// Why a command failed: the exit code, and what to tell a person.
#[derive(Debug)]
struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    fn new(code: u8, message: impl fmt::Display) -> Self {
        Failure { code, message: message.to_string() }
    }
}

impl From<crate::device::TunError> for Failure {
    fn from(error: crate::device::TunError) -> Self {
        Failure::new(error.exit_code(), error)
    }
}

/// Runs the program; its arguments are those of the process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors, and go to stdout.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { 0 });
        }
    };
    cli.output.init_log(matches!(cli.command, Command::Get(_)));
    let result = match cli.command {
        Command::Run(run) => run.execute(&cli.output),
        Command::Serve(serve) => serve.execute(&cli.output).map(|()| 0),
        Command::Get(get) => get.execute(&cli.output).map(|()| 0),
        Command::Replay(replay) => replay.execute(&cli.output).map(|()| 0),
        Command::Drill(drill) => drill.execute(&cli.output),
        Command::Bench(bench) => bench.execute(&cli.output).map(|()| 0),
        Command::Watch(watch) => watch.execute(&cli.output).map(|()| 0),
        Command::Ss(ss) => ss.execute().map(|()| 0),
        Command::Sim(sim) => sim.execute(&cli.output).map(|()| 0),
        Command::Lesson(lesson) => lesson.execute(&cli.output),
        Command::Wire(wire) => wire.execute(&cli.output),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "glass: {}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}

/// A tokio runtime on this very thread, which becomes the shard's.
fn runtime(code: u8) -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(code, format!("cannot start: {error}")))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Every option can come from the environment, and says what it does.
    #[test]
    fn every_option_has_help_and_a_variable() {
        for command in Cli::command().get_subcommands() {
            for argument in command.get_arguments().filter(|argument| !argument.is_positional()) {
                let name = format!("{} --{}", command.get_name(), argument.get_id());
                assert!(argument.get_help().is_some(), "{name} has no help");
                let variable = argument.get_env().and_then(|env| env.to_str()).unwrap_or("");
                assert!(variable.starts_with("GLASS_"), "{name} has no variable");
            }
        }
    }

    /// Whoever exports a variable has it in every command: it must not mean different things.
    #[test]
    fn a_variable_is_of_one_option() {
        let cli = Cli::command();
        let mut known = std::collections::BTreeMap::new();
        for argument in cli.get_subcommands().flat_map(clap::Command::get_arguments) {
            let Some(variable) = argument.get_env().and_then(|env| env.to_str()) else { continue };
            let option = (argument.get_id().as_str(), argument.get_action().takes_values());
            let first = *known.entry(variable).or_insert(option);
            assert_eq!(first, option, "{variable}: its name, and whether it takes a value");
        }
        assert!(known.len() > 50, "{known:?}");
    }

    #[test]
    fn what_would_do_nothing_is_refused() {
        for (line, needed) in [
            ("glass run --pcap-limit 1mb -- true", "--pcap <FILE>"),
            ("glass run --pcap-snaplen 96 -- true", "--pcap <FILE>"),
            ("glass lesson data-lost --pcap-snaplen 96", "--pcap <FILE>"),
            ("glass serve --access-log-format json", "--access-log <FILE|->"),
            ("glass run --fault= -- true", "there is no rule in it; for example: tx FIN#1 drop"),
            ("glass wire --fault=; -- true", "there is no rule in it"),
        ] {
            let error = Cli::try_parse_from(line.split(' ')).expect_err(line);
            assert!(error.to_string().contains(needed), "{line}: {error}");
            assert_eq!(error.exit_code(), i32::from(exit::USAGE));
        }
    }

    #[test]
    fn the_interface_has_one_name_everywhere() {
        for command in ["serve", "ss", "watch"] {
            for option in ["--dev", "--tun"] {
                let parsed = Cli::try_parse_from(["glass", command, option, "glass7"]);
                assert!(parsed.is_ok(), "glass {command} {option}: {parsed:?}");
            }
        }
    }
}
