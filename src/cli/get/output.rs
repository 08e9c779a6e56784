//! Where a body goes: stdout, or FILE by way of FILE.part, which is FILE's name only once all of it is
//! there. Whatever may take its time is done on a thread of its own.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, IoSlice, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use ::http::HeaderValue;
use bytes::Bytes;
use rustix::fs::{XattrFlags, fgetxattr, fremovexattr, fsetxattr};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::super::{Failure, exit};
use crate::http::client::resume::Partial;

/// So many pieces may wait to be written, and so many are written at once.
const PIECES: usize = 64;
/// The attribute of FILE.part that says what it is a part of.
const VALIDATOR: &str = "user.glass.validator";

/// Where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    Stdout,
    /// A device or a pipe: written to as it is.
    Special(PathBuf),
    File(PathBuf),
}

/// What is there of FILE before we begin.
#[derive(Debug, Default)]
pub(super) struct Before {
    pub(super) partial: Partial,
    /// It is FILE itself that it is part of, and not FILE.part.
    is_file: bool,
}

impl Destination {
    /// What `path` means. A link is followed to where it leads.
    pub(super) fn of(path: &Path) -> Result<Destination, Failure> {
        if path == Path::new("-") {
            return Ok(Destination::Stdout);
        }
        let wrong = |why: &dyn std::fmt::Display| {
            Failure::new(exit::USAGE, format!("cannot write to {}: {why}", path.display()))
        };
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => Err(wrong(&"it is a directory; name a file in it")),
            Ok(found) if found.is_file() => {
                Ok(Destination::File(fs::canonicalize(path).map_err(|error| wrong(&error))?))
            }
            Ok(_) => Ok(Destination::Special(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
                if dir.is_some_and(|dir| !dir.is_dir()) {
                    return Err(wrong(&"there is no such directory"));
                }
                if path.file_name().is_none() {
                    return Err(wrong(&"it is not the name of a file"));
                }
                Ok(Destination::File(path.to_owned()))
            }
            Err(error) => Err(wrong(&error)),
        }
    }

    /// What is there already, to go on with.
    pub(super) fn before(&self) -> Result<Before, Failure> {
        let Destination::File(path) = self else {
            let why = "-C goes on with a file: name it with -o or -O";
            return Err(Failure::new(exit::USAGE, why));
        };
        let part = part_of(path);
        for (path, is_file) in [(&part, false), (path, true)] {
            let Ok(file) = File::open(path) else { continue };
            let found = file.metadata().map_err(|error| cannot("read", path, &error))?;
            if !found.is_file() {
                continue;
            }
            let partial = Partial { len: found.len(), validator: validator(&file) };
            return Ok(Before { partial, is_file });
        }
        Ok(Before::default())
    }

    /// Whether a person would see what is written.
    pub(super) fn is_terminal(&self) -> bool {
        use std::io::IsTerminal;
        *self == Destination::Stdout && io::stdout().is_terminal()
    }

    /// The last part of its name.
    pub(super) fn name(&self) -> String {
        match self {
            Destination::Stdout => "stdout".to_owned(),
            Destination::Special(path) | Destination::File(path) => {
                path.file_name().unwrap_or_default().to_string_lossy().into_owned()
            }
        }
    }
}

/// A body on its way to where it belongs.
#[derive(Debug)]
pub(super) struct Saving {
    pieces: Option<mpsc::Sender<Bytes>>,
    writer: JoinHandle<io::Result<()>>,
    /// FILE, and FILE.part with what is in it, if it is that.
    file: Option<(PathBuf, PathBuf)>,
    /// So much was there, or was given to be written.
    octets: u64,
    what: String,
}

impl Saving {
    /// Begins to write, behind `before` if that is given. `validator` says by what the rest of it can be
    /// asked for, should it be cut.
    pub(super) async fn begin(
        destination: &Destination,
        before: Option<&Before>,
        validator: Option<HeaderValue>,
    ) -> Result<Saving, Failure> {
        let octets = before.map_or(0, |before| before.partial.len);
        let (file, what, paths) = match destination {
            Destination::Stdout => {
                let stdout = io::stdout().as_fd().try_clone_to_owned();
                let file = stdout.map(File::from);
                (file.map_err(|error| cannot_write("stdout", &error))?, "stdout".to_owned(), None)
            }
            Destination::Special(path) => {
                let what = path.display().to_string();
                // Whoever opens a pipe waits for the other end.
                let path = path.clone();
                let opened = spawn_blocking(move || OpenOptions::new().write(true).open(path));
                let file = opened.await.unwrap_or_else(|error| Err(io::Error::other(error)));
                (file.map_err(|error| cannot_write(&what, &error))?, what, None)
            }
            Destination::File(path) => {
                let part = part_of(path);
                let file = open_part(path, &part, before, validator)?;
                (file, part.display().to_string(), Some((path.clone(), part)))
            }
        };
        let (into, pieces) = mpsc::channel(PIECES);
        let writer = spawn_blocking(move || write_all(file, pieces));
        Ok(Saving { pieces: Some(into), writer, file: paths, octets, what })
    }

    /// Takes a piece, as soon as there is room.
    pub(super) async fn write(&mut self, piece: Bytes) -> Result<(), Failure> {
        let Some(pieces) = &self.pieces else { return Ok(()) };
        let len = piece.len() as u64;
        if pieces.send(piece).await.is_ok() {
            self.octets += len;
            return Ok(());
        }
        // It does not take any more, and says why.
        self.settle().await
    }

    /// All of it was there: FILE.part becomes FILE.
    pub(super) async fn finish(mut self) -> Result<u64, Failure> {
        self.settle().await?;
        if let Some((path, part)) = self.file.take() {
            complete(&path, &part)?;
        }
        Ok(self.octets)
    }

    /// It was cut. What is there stays if it `can_go_on`; says where and how much, if that is of use.
    pub(super) async fn give_up(mut self, can_go_on: bool) -> Option<String> {
        let is_written = self.settle().await.is_ok();
        let (_, part) = self.file.take()?;
        if !can_go_on || (self.octets == 0 && is_written) {
            let _ = fs::remove_file(part);
            return None;
        }
        let len = fs::metadata(&part).ok()?.len();
        let part = part.display();
        Some(format!("{part} has {len} octets: the same command with -C - goes on from there"))
    }

    /// Waits until all is written.
    async fn settle(&mut self) -> Result<(), Failure> {
        if self.pieces.take().is_none() {
            return Ok(());
        }
        let written = (&mut self.writer).await.unwrap_or_else(|error| Err(io::Error::other(error)));
        written.map_err(|error| cannot_write(&self.what, &error))
    }
}

/// FILE was complete before we began: the same as if it had become so now.
pub(super) fn was_complete(destination: &Destination, before: &Before) -> Result<(), Failure> {
    match destination {
        Destination::File(path) if !before.is_file => complete(path, &part_of(path)),
        _ => Ok(()),
    }
}

fn complete(path: &Path, part: &Path) -> Result<(), Failure> {
    if let Ok(file) = File::open(part) {
        let _ = fremovexattr(&file, VALIDATOR);
        // What FILE was allowed to whom stays so.
        if let Ok(old) = fs::metadata(path) {
            let _ = file.set_permissions(old.permissions());
        }
    }
    fs::rename(part, path).map_err(|error| cannot_write(&path.display().to_string(), &error))
}

/// `FILE.part`.
fn part_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".part");
    name.into()
}

fn open_part(
    path: &Path,
    part: &Path,
    before: Option<&Before>,
    validator: Option<HeaderValue>,
) -> Result<File, Failure> {
    let wrong = |error: &dyn std::fmt::Display| cannot("write", part, error);
    if before.is_some_and(|before| before.is_file) {
        fs::rename(path, part).map_err(|error| wrong(&error))?;
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    let file = options.open(part).map_err(|error| wrong(&error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(wrong(&"somebody else is writing to it")),
        // Where there are no locks, there is nobody to be kept out.
        Err(TryLockError::Error(_)) => {}
    }
    let len = file.metadata().map_err(|error| wrong(&error))?.len();
    match before {
        None => file.set_len(0).map_err(|error| wrong(&error))?,
        Some(before) if before.partial.len == len => {}
        Some(_) => return Err(wrong(&"it has changed meanwhile")),
    }
    let _ = match validator {
        Some(value) => fsetxattr(&file, VALIDATOR, value.as_bytes(), XattrFlags::empty()),
        None if before.is_none() => fremovexattr(&file, VALIDATOR),
        None => Ok(()),
    };
    Ok(file)
}

/// What an earlier `glass get` has noted down; file systems without attributes have none.
fn validator(file: &File) -> Option<HeaderValue> {
    let mut value = [0; 1024];
    let len = fgetxattr(file, VALIDATOR, &mut value).ok()?;
    HeaderValue::from_bytes(&value[..len]).ok()
}

/// Writes what comes, as much at a time as there is.
fn write_all(mut file: File, mut pieces: mpsc::Receiver<Bytes>) -> io::Result<()> {
    let mut batch = Vec::with_capacity(PIECES);
    while pieces.blocking_recv_many(&mut batch, PIECES) > 0 {
        let mut slices: Vec<IoSlice<'_>> = batch.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut slices = &mut slices[..];
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            match file.write_vectored(slices) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut slices, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        batch.clear();
    }
    Ok(())
}

fn cannot(doing: &str, path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(exit::FAILURE, format!("cannot {doing} {}: {error}", path.display()))
}

fn cannot_write(what: &str, error: &io::Error) -> Failure {
    Failure::new(exit::FAILURE, format!("cannot write the body to {what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new directory, removed at the end.
    struct Dir(PathBuf);

    impl Dir {
        fn new(name: &str) -> Dir {
            let name = format!("glass-get-{name}-{}", std::process::id());
            let dir = std::env::temp_dir().join(name);
            let _ = fs::remove_dir_all(&dir);
            fs::create_dir_all(&dir).unwrap();
            Dir(fs::canonicalize(dir).unwrap())
        }

        fn file(&self) -> Destination {
            Destination::of(&self.0.join("f")).unwrap()
        }

        fn read(&self, name: &str) -> Option<String> {
            fs::read_to_string(self.0.join(name)).ok()
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    async fn write(saving: &mut Saving, text: &'static str) {
        saving.write(Bytes::from_static(text.as_bytes())).await.unwrap();
    }

    #[tokio::test]
    async fn a_file_has_its_name_only_when_it_is_whole() {
        let dir = Dir::new("whole");
        fs::write(dir.0.join("f"), "old").unwrap();
        let mut saving = Saving::begin(&dir.file(), None, None).await.unwrap();
        write(&mut saving, "new ").await;
        assert_eq!(dir.read("f").as_deref(), Some("old"));
        let second = Saving::begin(&dir.file(), None, None).await;
        assert!(second.is_err(), "one at a time");
        write(&mut saving, "file").await;
        assert_eq!(saving.finish().await.unwrap(), 8);
        assert_eq!(dir.read("f").as_deref(), Some("new file"));
        assert_eq!(dir.read("f.part"), None);
    }

    #[tokio::test]
    async fn what_was_cut_goes_on() {
        let dir = Dir::new("cut");
        let tag = HeaderValue::from_static("\"a\"");
        let mut saving = Saving::begin(&dir.file(), None, Some(tag.clone())).await.unwrap();
        write(&mut saving, "half").await;
        let hint = saving.give_up(true).await.unwrap();
        assert!(hint.contains("f.part has 4 octets") && hint.contains("-C -"), "{hint}");
        assert_eq!(dir.read("f"), None);
        let before = dir.file().before().unwrap();
        assert_eq!(before.partial.len, 4);
        // Not every file system can keep it.
        assert!(before.partial.validator.is_none_or(|kept| kept == tag));
        let before = dir.file().before().unwrap();
        let mut saving = Saving::begin(&dir.file(), Some(&before), None).await.unwrap();
        write(&mut saving, " and half").await;
        assert_eq!(saving.finish().await.unwrap(), 13);
        assert_eq!(dir.read("f").as_deref(), Some("half and half"));
        // And a file that another program has left.
        let before = dir.file().before().unwrap();
        assert_eq!(before.partial.len, 13);
        let mut saving = Saving::begin(&dir.file(), Some(&before), None).await.unwrap();
        write(&mut saving, "!").await;
        saving.finish().await.unwrap();
        assert_eq!(dir.read("f").as_deref(), Some("half and half!"));
    }

    #[tokio::test]
    async fn what_cannot_go_on_is_not_kept() {
        let dir = Dir::new("gone");
        let mut saving = Saving::begin(&dir.file(), None, None).await.unwrap();
        write(&mut saving, "decoded").await;
        assert_eq!(saving.give_up(false).await, None);
        let saving = Saving::begin(&dir.file(), None, None).await.unwrap();
        assert_eq!(saving.give_up(true).await, None, "there is nothing of it");
        assert_eq!(dir.read("f.part"), None);
    }

    #[tokio::test]
    async fn a_full_device_is_told() {
        let full = Destination::of(Path::new("/dev/full")).unwrap();
        assert!(matches!(full, Destination::Special(_)));
        let mut saving = Saving::begin(&full, None, None).await.unwrap();
        let _ = saving.write(Bytes::from_static(b"x")).await;
        let error = saving.finish().await.unwrap_err().message;
        assert!(error.contains("/dev/full: No space left"), "{error}");
    }

    #[test]
    fn only_what_can_be_written_to_is_taken() {
        for bad in ["/", "/no/such/directory/f", "/tmp"] {
            assert_eq!(Destination::of(Path::new(bad)).unwrap_err().code, exit::USAGE, "{bad}");
        }
        assert_eq!(Destination::of(Path::new("-")).unwrap(), Destination::Stdout);
        assert!(Destination::Stdout.before().is_err());
    }
}
