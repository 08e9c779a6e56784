//! The program `glass`. Everything is in the library: `glasstack::cli`.

fn main() -> std::process::ExitCode {
    glasstack::cli::main()
}
