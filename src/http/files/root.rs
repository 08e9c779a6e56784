//! Opens what lies below a directory, and nothing else.
//!
//! The kernel itself is asked to stay below (`openat2` with `RESOLVE_BENEATH`), so that no link that
//! somebody makes meanwhile leads outside.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

/// To look at what it is. To open a FIFO would let go whoever waits to write into it, and to open a device may
/// do anything.
const TO_LOOK: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// To read, without waiting for whoever writes into a FIFO, and without getting a terminal.
const TO_READ: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// A directory that is served.
#[derive(Debug)]
pub(super) struct Root {
    dir: OwnedFd,
    /// Where it really was when it was opened: absolute, no part of it a link.
    path: PathBuf,
}

/// What was opened.
#[derive(Debug)]
pub(super) enum Found {
    File(File, Metadata),
    Directory(File),
}

/// Why nothing was opened.
#[derive(Debug)]
pub(super) enum Refusal {
    /// There is nothing of that name.
    Absent,
    /// The system does not let us.
    Forbidden,
    /// It is not below the root.
    Outside,
    /// It is neither a file nor a directory.
    Special,
    /// Not now: too much is open.
    Busy,
    /// What should not happen.
    Failed(io::Error),
}

impl Root {
    /// # Errors
    ///
    /// When it is not there, is no directory, or may not be read.
    pub(super) fn open_dir(path: &Path) -> io::Result<Root> {
        let path = fs::canonicalize(path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(&path, flags, Mode::empty())?;
        let root = Root { dir, path };
        // Better now than at the first request: files are read by way of /proc.
        let itself = root.open(Path::new("."));
        itself.map_err(|_| io::Error::other("it cannot be read by way of /proc/self/fd"))?;
        Ok(root)
    }

    /// Opens what `path`, which leads downwards, names: links are followed as long as they stay below.
    /// May take as long as the file system does.
    pub(super) fn open(&self, path: &Path) -> Result<Found, Refusal> {
        judge(self.find_beneath(path)?)
    }

    fn find_beneath(&self, path: &Path) -> Result<OwnedFd, Errno> {
        /// The kernel gives up when something is renamed while it climbs.
        const ATTEMPTS: usize = 8;
        for _ in 0..ATTEMPTS {
            let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
            match openat2(&self.dir, path, TO_LOOK, Mode::empty(), beneath) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                // A link that begins at / may lead inside nevertheless. Linux before 5.6 does not know the
                // call, and some containers forbid what they do not know.
                Err(Errno::XDEV | Errno::NOSYS | Errno::PERM) => break,
                opened => return opened,
            }
        }
        self.find_in_steps(path)
    }

    /// The same without the kernel's help: finds out where the way leads, and then goes there from the
    /// root, step by step, without following any link. Who changes the way meanwhile makes it fail.
    fn find_in_steps(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let real = self.real(path)?;
        let inside = real.strip_prefix(&self.path).map_err(|_| Errno::XDEV)?;
        let (Some(parent), Some(name)) = (inside.parent(), inside.file_name()) else {
            return openat(&self.dir, ".", TO_LOOK, Mode::empty());
        };
        let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut at = openat(&self.dir, ".", step, Mode::empty())?;
        for part in parent {
            at = openat(&at, part, step, Mode::empty())?;
        }
        openat(&at, name, TO_LOOK | OFlags::NOFOLLOW, Mode::empty())
    }

    /// Where `path` really leads. It stays below at every step: nobody learns what is outside, not even
    /// whether it is there.
    fn real(&self, path: &Path) -> Result<PathBuf, Errno> {
        let mut real = self.path.clone();
        for step in path {
            let next = real.join(step);
            real = fs::canonicalize(&next).map_err(|error| {
                if self.leads_outside(next) { Errno::XDEV } else { errno(&error) }
            })?;
            if !real.starts_with(&self.path) {
                return Err(Errno::XDEV);
            }
        }
        Ok(real)
    }

    /// Whether `path`, which leads nowhere, is a link that would lead outside if there were something.
    fn leads_outside(&self, mut path: PathBuf) -> bool {
        /// As many as the kernel follows.
        const MOST_LINKS: usize = 40;
        for _ in 0..MOST_LINKS {
            let Ok(to) = fs::read_link(&path) else { return false };
            path.pop();
            for step in to.components() {
                match step {
                    Component::ParentDir => {
                        path.pop();
                    }
                    Component::Prefix(_) | Component::RootDir => path = PathBuf::from("/"),
                    Component::CurDir => {}
                    Component::Normal(name) => path.push(name),
                }
            }
            if !path.starts_with(&self.path) {
                return true;
            }
        }
        false
    }
}

/// Opens what was found, if it is something to be had.
fn judge(found: OwnedFd) -> Result<Found, Refusal> {
    let found = File::from(found);
    let metadata = found.metadata().map_err(Refusal::Failed)?;
    if metadata.is_file() {
        Ok(Found::File(to_read(&found)?, metadata))
    } else if metadata.is_dir() {
        Ok(Found::Directory(to_read(&found)?))
    } else {
        Err(Refusal::Special)
    }
}

/// The same file, and no other that has its name by now.
fn to_read(found: &File) -> Result<File, Refusal> {
    let itself = format!("/proc/self/fd/{}", found.as_raw_fd());
    match rustix::fs::open(itself, TO_READ, Mode::empty()) {
        Ok(file) => Ok(file.into()),
        Err(Errno::NOENT) => Err(Refusal::Failed(io::Error::other("/proc is not mounted"))),
        Err(error) => Err(error.into()),
    }
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

impl From<Errno> for Refusal {
    fn from(error: Errno) -> Self {
        match error {
            // A name that is too long, goes on behind a file or round in circles is nobody's.
            Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::LOOP => Refusal::Absent,
            Errno::ACCESS | Errno::PERM => Refusal::Forbidden,
            Errno::XDEV => Refusal::Outside,
            // A socket of a file system, a device without a driver.
            Errno::NXIO | Errno::NODEV => Refusal::Special,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN => Refusal::Busy,
            other => Refusal::Failed(other.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::{env, process};

    use super::*;

    /// A directory to serve, beside something that nobody shall see.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let place = env::temp_dir().join(format!("glasstack-root-{name}-{}", process::id()));
            let root = place.join("root");
            fs::create_dir_all(root.join("deep/deeper")).unwrap();
            fs::create_dir_all(place.join("root-too")).unwrap();
            fs::write(place.join("secret"), "secret").unwrap();
            fs::write(place.join("root-too/secret"), "secret").unwrap();
            fs::write(root.join("file"), "file").unwrap();
            fs::write(root.join("deep/file"), "deep").unwrap();
            let links = [
                ("in", "file".into()),
                ("in-dir", "deep".into()),
                ("deep/up", "../file".into()),
                ("deep/deeper/round", "../../deep/file".into()),
                ("absolute", root.join("deep/file")),
                ("absolute-dir", root.join("deep")),
                ("out", "../secret".into()),
                ("out-absolute", place.join("secret")),
                ("out-twin", place.join("root-too/secret")),
                ("out-dir", "..".into()),
                ("out-and-in", "../root/file".into()),
                ("out-proc", "/proc/self/root".into()),
                ("broken", "nowhere".into()),
                ("broken-far", "deep/../nowhere/at/all".into()),
                ("broken-out", "../nowhere".into()),
                ("broken-twice", "broken-out".into()),
                ("broken-absolute", "/nowhere/at/all".into()),
                ("circle", "circle".into()),
            ];
            for (name, to) in links {
                symlink(to, root.join(name)).unwrap();
            }
            rustix::fs::mknodat(
                rustix::fs::CWD,
                root.join("fifo"),
                rustix::fs::FileType::Fifo,
                Mode::RUSR | Mode::WUSR,
                0,
            )
            .unwrap();
            drop(UnixListener::bind(root.join("socket")).unwrap());
            Place(place)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn describe(found: Result<Found, Refusal>) -> String {
        match found {
            Ok(Found::File(mut file, metadata)) => {
                let mut text = String::new();
                file.read_to_string(&mut text).unwrap();
                assert_eq!(metadata.len(), text.len() as u64);
                text
            }
            Ok(Found::Directory(_)) => "a directory".to_owned(),
            Err(refusal) => format!("{refusal:?}"),
        }
    }

    #[test]
    fn links_are_followed_as_long_as_they_stay_inside_by_either_way() {
        let place = Place::new("links");
        let root = Root::open_dir(&place.0.join("root")).unwrap();
        for (path, expected) in [
            (".", "a directory"),
            ("file", "file"),
            ("deep", "a directory"),
            ("deep/file", "deep"),
            ("in", "file"),
            ("in-dir/file", "deep"),
            ("deep/up", "file"),
            ("deep/deeper/round", "deep"),
            ("absolute", "deep"),
            ("absolute-dir/file", "deep"),
            ("out-and-in", "file"),
            ("out", "Outside"),
            ("out-absolute", "Outside"),
            ("out-twin", "Outside"),
            ("out-dir/secret", "Outside"),
            ("out-proc/etc/passwd", "Outside"),
            ("out-dir/nowhere", "Outside"),
            ("out-dir/root/file", "Outside"),
            ("broken-out", "Outside"),
            ("broken-twice", "Outside"),
            ("broken-absolute", "Outside"),
            ("broken-absolute/further", "Outside"),
            ("broken", "Absent"),
            ("broken-far", "Absent"),
            ("circle", "Absent"),
            ("none", "Absent"),
            ("file/below", "Absent"),
            ("fifo", "Special"),
            ("socket", "Special"),
        ] {
            let path = Path::new(path);
            assert_eq!(describe(root.open(path)), expected, "{path:?}");
            let in_steps = root.find_in_steps(path).map_err(Refusal::from).and_then(judge);
            assert_eq!(describe(in_steps), expected, "{path:?} in steps");
        }
    }

    #[test]
    fn a_root_that_was_moved_is_still_the_same() {
        let place = Place::new("moved");
        let root = Root::open_dir(&place.0.join("root")).unwrap();
        fs::rename(place.0.join("root"), place.0.join("elsewhere")).unwrap();
        assert_eq!(describe(root.open(Path::new("deep/file"))), "deep");
        assert_eq!(describe(root.open(Path::new("absolute"))), "Absent");
    }
}
