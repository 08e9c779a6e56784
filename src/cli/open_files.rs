//! How many files this process may have open: as many as it may allow itself. A server has one for each large file
//! that it sends, and the usual limit, 1,024, is meant for programs that cannot have more (`select`).

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What it was before it was raised.
static AT_FIRST: OnceLock<Rlimit> = OnceLock::new();

/// Raises the limit to the highest that the system lets us.
pub(super) fn raise() {
    let at_first = AT_FIRST.get_or_init(|| getrlimit(Resource::Nofile));
    set(Rlimit { current: at_first.maximum, maximum: at_first.maximum });
}

/// Starts another program, which gets the limit that this one was started with.
pub(super) fn as_at_first<T>(start: impl FnOnce() -> T) -> T {
    let Some(at_first) = AT_FIRST.get() else { return start() };
    set(*at_first);
    let started = start();
    raise();
    started
}

fn set(limit: Rlimit) {
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        log::debug!("the limit on open files stays as it is: {error}");
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn soft_limit_of_a_child(limit: impl FnOnce(&mut Command) -> std::process::Output) -> String {
        let output = limit(Command::new("sh").args(["-c", "ulimit -S -n"]));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[test]
    fn ours_is_raised_and_that_of_others_is_not() {
        let before = getrlimit(Resource::Nofile);
        // Something to raise.
        let low = before.maximum.map_or(1000, |most| most - 1);
        setrlimit(Resource::Nofile, Rlimit { current: Some(low), maximum: before.maximum })
            .unwrap();
        raise();
        assert_eq!(getrlimit(Resource::Nofile).current, before.maximum);
        let theirs = soft_limit_of_a_child(|command| as_at_first(|| command.output().unwrap()));
        assert_eq!(theirs, low.to_string());
        assert_eq!(getrlimit(Resource::Nofile).current, before.maximum);
    }
}
