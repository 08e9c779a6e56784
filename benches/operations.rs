//! Does one operation of a stack so many times, for `scripts/bench --instructions`: run under callgrind
//! with two counts, the difference is what the operation costs, free of everything around it.

use std::process::ExitCode;

use clap::Parser;
use glasstack::bench::Kind;
use glasstack::bench::operations::{ALL, Entry, MOST_AT_ONCE};

/// Do one operation of a stack so many times
#[derive(Parser)]
struct Cli {
    /// Which operation
    #[arg(long, required_unless_present = "list")]
    operation: Option<String>,
    /// Of which stack
    #[arg(long, default_value = "ours", value_parser = ["ours", "smoltcp"])]
    engine: String,
    /// How many times, 1024 at most; as many as that are prepared in any case
    #[arg(long, default_value_t = MOST_AT_ONCE)]
    count: usize,
    /// Print all operations, one a line: name, stacks, what it is
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.list {
        for Entry { name, what, kinds } in ALL {
            let kinds: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
            println!("{name}\t{}\t{what}", kinds.join(","));
        }
        return ExitCode::SUCCESS;
    }
    let kind = if cli.engine == "ours" { Kind::Ours } else { Kind::Smoltcp };
    let name = cli.operation.unwrap_or_default();
    let operation = Entry::find(&name).and_then(|entry| entry.start(kind));
    let Some(mut operation) = operation.filter(|_| cli.count <= MOST_AT_ONCE) else {
        eprintln!("bench_operations: no {name} with {}, or not so often: see --list", cli.engine);
        return ExitCode::from(2);
    };
    operation.prepare(MOST_AT_ONCE);
    operation.run(cli.count);
    ExitCode::SUCCESS
}
