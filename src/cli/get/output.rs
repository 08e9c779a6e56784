//! Where a body goes: stdout, or FILE by way of FILE.part, which is FILE's name only once all of it is
//! there. Whatever may take its time is done on a thread of its own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::http::HeaderValue;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::super::{Failure, exit};
use super::part::{Before, Part, Start};

/// So many pieces may wait to be written, and so many are written at once.
const PIECES: usize = 64;

/// Where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    Stdout,
    /// A device or a pipe: written to as it is.
    Special(PathBuf),
    File(PathBuf),
}

impl Destination {
    /// What `path`, which a person has written, means.
    pub(super) fn of(path: &Path) -> Result<Destination, Failure> {
        if path == Path::new("-") { Ok(Destination::Stdout) } else { Destination::at(path) }
    }

    /// What is at `path`. A link is followed to where it leads.
    pub(super) fn at(path: &Path) -> Result<Destination, Failure> {
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
                if fs::symlink_metadata(path).is_ok() {
                    return Err(wrong(&"it is a link to what is not there"));
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
        Before::of(path)
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
    /// Until it is settled.
    writer: Option<JoinHandle<io::Result<()>>>,
    /// FILE.part, if it goes there.
    part: Option<Part>,
    /// So much was there, or was given to be written.
    octets: u64,
    what: String,
}

impl Saving {
    /// Begins to write. `validator` says by what the rest of it can be asked for, should it be cut.
    pub(super) async fn begin(
        destination: &Destination,
        start: Start<'_>,
        validator: Option<HeaderValue>,
    ) -> Result<Saving, Failure> {
        let (file, what, part) = match destination {
            Destination::Stdout => {
                let stdout = io::stdout().as_fd().try_clone_to_owned();
                let file = stdout.map(|stdout| Arc::new(File::from(stdout)));
                (file.map_err(|error| cannot_write("stdout", &error))?, "stdout".to_owned(), None)
            }
            Destination::Special(path) => {
                let what = path.display().to_string();
                // Whoever opens a pipe waits for the other end.
                let path = path.clone();
                let opened = spawn_blocking(move || OpenOptions::new().write(true).open(path));
                let file = opened.await.unwrap_or_else(|error| Err(io::Error::other(error)));
                let file = file.map(Arc::new).map_err(|error| cannot_write(&what, &error))?;
                (file, what, None)
            }
            Destination::File(path) => {
                let part = Part::begin(path, start, validator)?;
                (part.file(), format!("{}.part", path.display()), Some(part))
            }
        };
        let (into, pieces) = mpsc::channel(PIECES);
        let writer = spawn_blocking(move || write_all(file, pieces));
        let octets = match start {
            Start::Behind(before) => before.partial.len,
            Start::Anew | Start::New => 0,
        };
        Ok(Saving { pieces: Some(into), writer: Some(writer), part, octets, what })
    }

    /// Takes a piece, as soon as there is room.
    pub(super) async fn write(&mut self, piece: Bytes) -> Result<(), Failure> {
        let pieces = self.pieces.as_ref().expect("nothing is written once it is settled");
        let len = piece.len() as u64;
        if pieces.send(piece).await.is_ok() {
            self.octets += len;
            return Ok(());
        }
        // It does not take any more, and says why.
        self.settle().await
    }

    /// All of it was there: FILE.part becomes FILE.
    pub(super) async fn finish(mut self) -> Result<(), Failure> {
        self.settle().await?;
        self.part.take().map_or(Ok(()), Part::complete)
    }

    /// It was cut. What is there stays if it `can_go_on`; says where and how much, if that is of use. With a
    /// pipe it takes as long as the reader does.
    pub(super) async fn give_up(mut self, can_go_on: bool) -> Option<String> {
        let Some(part) = self.part.take() else {
            // What has come is of use all the same, to whoever reads.
            let _ = self.settle().await;
            return None;
        };
        let is_written = self.settle().await.is_ok();
        if !can_go_on || (self.octets == 0 && is_written) {
            part.remove();
            return None;
        }
        part.hint()
    }

    /// Waits until all is written. Cancel safe.
    pub(super) async fn settle(&mut self) -> Result<(), Failure> {
        self.pieces = None;
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let written = writer.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        self.writer = None;
        written.map_err(|error| cannot_write(&self.what, &error))
    }
}

/// FILE was complete before we began: the same as if it had become so now.
pub(super) fn was_complete(destination: &Destination, before: &Before) -> Result<(), Failure> {
    match destination {
        Destination::File(path) if !before.is_file => {
            Part::begin(path, Start::Behind(before), None)?.complete()
        }
        _ => Ok(()),
    }
}

/// Writes what comes, as much at a time as there is.
fn write_all(mut file: Arc<File>, mut pieces: mpsc::Receiver<Bytes>) -> io::Result<()> {
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

fn cannot_write(what: &str, error: &io::Error) -> Failure {
    Failure::new(exit::FAILURE, format!("cannot write the body to {what}: {error}"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A new directory, removed at the end.
    pub(in super::super) struct Dir(pub(in super::super) PathBuf);

    impl Dir {
        pub(in super::super) fn new(name: &str) -> Dir {
            let name = format!("glass-get-{name}-{}", std::process::id());
            let dir = std::env::temp_dir().join(name);
            let _ = fs::remove_dir_all(&dir);
            fs::create_dir_all(&dir).unwrap();
            Dir(fs::canonicalize(dir).unwrap())
        }

        fn file(&self) -> Destination {
            Destination::of(&self.0.join("f")).unwrap()
        }

        pub(in super::super) fn read(&self, name: &str) -> Option<String> {
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
        let mut saving = Saving::begin(&dir.file(), Start::Anew, None).await.unwrap();
        write(&mut saving, "new ").await;
        assert_eq!(dir.read("f").as_deref(), Some("old"));
        let second = Saving::begin(&dir.file(), Start::Anew, None).await;
        assert!(second.is_err(), "one at a time");
        write(&mut saving, "file").await;
        // Until it has its name, and not only until it is written.
        saving.settle().await.unwrap();
        assert!(Saving::begin(&dir.file(), Start::Anew, None).await.is_err());
        saving.finish().await.unwrap();
        assert_eq!(dir.read("f").as_deref(), Some("new file"));
        assert_eq!(dir.read("f.part"), None);
    }

    #[tokio::test]
    async fn what_was_cut_goes_on() {
        let dir = Dir::new("cut");
        let tag = HeaderValue::from_static("\"a\"");
        let mut saving = Saving::begin(&dir.file(), Start::Anew, Some(tag.clone())).await.unwrap();
        write(&mut saving, "half").await;
        let hint = saving.give_up(true).await.unwrap();
        assert!(hint.contains("f.part has 4 octets") && hint.contains("-C -"), "{hint}");
        assert_eq!(dir.read("f"), None);
        let before = dir.file().before().unwrap();
        assert_eq!(before.partial.len, 4);
        // Not every file system can keep it.
        assert!(before.partial.validator.is_none_or(|kept| kept == tag));
        let before = dir.file().before().unwrap();
        let mut saving = Saving::begin(&dir.file(), Start::Behind(&before), None).await.unwrap();
        write(&mut saving, " and half").await;
        saving.finish().await.unwrap();
        assert_eq!(dir.read("f").as_deref(), Some("half and half"));
        // And a file that another program has left.
        let before = dir.file().before().unwrap();
        assert_eq!(before.partial.len, 13);
        let mut saving = Saving::begin(&dir.file(), Start::Behind(&before), None).await.unwrap();
        write(&mut saving, "!").await;
        saving.finish().await.unwrap();
        assert_eq!(dir.read("f").as_deref(), Some("half and half!"));
    }

    #[tokio::test]
    async fn what_cannot_go_on_is_not_kept() {
        let dir = Dir::new("gone");
        let mut saving = Saving::begin(&dir.file(), Start::Anew, None).await.unwrap();
        write(&mut saving, "decoded").await;
        assert_eq!(saving.give_up(false).await, None);
        let saving = Saving::begin(&dir.file(), Start::Anew, None).await.unwrap();
        assert_eq!(saving.give_up(true).await, None, "there is nothing of it");
        assert_eq!(dir.read("f.part"), None);
    }

    #[tokio::test]
    async fn a_full_device_is_told() {
        let full = Destination::of(Path::new("/dev/full")).unwrap();
        assert!(matches!(full, Destination::Special(_)));
        let mut saving = Saving::begin(&full, Start::Anew, None).await.unwrap();
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
