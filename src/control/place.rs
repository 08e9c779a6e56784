//! Where the sockets of running programs are: in a directory of the user's own, one for each TUN.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

/// How their names end.
const SUFFIX: &str = ".sock";

/// The directories where this user's sockets may be, the preferred one first.
#[must_use]
pub fn directories() -> Vec<PathBuf> {
    candidates(geteuid().as_raw(), std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from))
}

fn candidates(user: u32, runtime: Option<PathBuf>) -> Vec<PathBuf> {
    let runtime = runtime.filter(|path| path.is_absolute());
    let usual = PathBuf::from(format!("/run/user/{user}"));
    let mut found: Vec<PathBuf> =
        runtime.into_iter().chain([usual]).map(|above| above.join("glasstack")).collect();
    found.dedup();
    found.push(PathBuf::from(format!("/tmp/glasstack-{user}")));
    found
}

/// The first of the directories that can be had, made if need be; nobody but this user can look into it.
///
/// # Errors
///
/// None of them can be had: the reason for the last.
pub fn directory() -> io::Result<PathBuf> {
    let mut failure = io::Error::other("there is no place for it");
    for path in directories() {
        match make_private(&path) {
            Ok(()) => return Ok(path),
            Err(error) => {
                failure = io::Error::new(error.kind(), format!("{}: {error}", path.display()));
            }
        }
    }
    Err(failure)
}

/// Makes the directory, or sees to it that the one that is there is this user's and nobody else's: in /tmp
/// anybody could have made it.
fn make_private(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    let found = fs::symlink_metadata(path)?;
    if !found.is_dir() || found.uid() != geteuid().as_raw() {
        return Err(io::Error::other("it is there and no directory of yours"));
    }
    if found.mode() & 0o077 != 0 {
        let hint = "others may open it: chmod 700, or choose another with --control";
        return Err(io::Error::other(hint));
    }
    Ok(())
}

/// The socket of the program that serves `device`.
#[must_use]
pub fn name_for(device: &str) -> String {
    format!("{device}{SUFFIX}")
}

/// Its name when that one is taken: another program has a TUN of the same name, in a network namespace of
/// its own.
#[must_use]
pub fn second_name_for(device: &str) -> String {
    format!("{device}-{}{SUFFIX}", std::process::id())
}

/// The sockets that are there, in order of their names. Not all of them need to be answered any more.
#[must_use]
pub fn sockets() -> Vec<PathBuf> {
    directories().iter().flat_map(|directory| sockets_in(directory)).collect()
}

pub(super) fn sockets_in(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let is_socket = |path: &PathBuf| path.to_string_lossy().ends_with(SUFFIX);
    let mut found: Vec<_> = entries.map(|entry| entry.path()).filter(is_socket).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_users_runtime_directory_comes_first() {
        let paths = |runtime: Option<&str>| candidates(1000, runtime.map(PathBuf::from));
        let usual = ["/run/user/1000/glasstack", "/tmp/glasstack-1000"].map(PathBuf::from);
        assert_eq!(paths(None), usual);
        assert_eq!(paths(Some("/run/user/1000")), usual);
        assert_eq!(paths(Some("relative")), usual);
        assert_eq!(paths(Some("/x"))[0], Path::new("/x/glasstack"));
        assert_eq!(paths(Some("/x"))[1..], usual);
    }

    #[test]
    fn a_directory_that_others_may_open_is_refused() {
        let place = std::env::temp_dir().join(format!("glasstack-place-{}", std::process::id()));
        make_private(&place).expect("it is not there yet");
        assert_eq!(fs::metadata(&place).unwrap().mode() & 0o777, 0o700);
        make_private(&place).expect("it is there and ours");
        fs::set_permissions(&place, fs::Permissions::from_mode(0o750)).unwrap();
        assert!(make_private(&place).unwrap_err().to_string().contains("others may open it"));
        fs::remove_dir(&place).unwrap();
        std::os::unix::fs::symlink("/", &place).unwrap();
        assert!(make_private(&place).unwrap_err().to_string().contains("no directory of yours"));
        fs::remove_file(&place).unwrap();
    }
}
