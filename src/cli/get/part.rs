//! FILE.part: where a body is until it is whole. It is opened so that nobody else's file is taken for it,
//! and stays locked until it has FILE's name, or is gone.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::http::HeaderValue;
use rustix::fs::{
    CWD, OFlags, RenameFlags, XattrFlags, fgetxattr, fremovexattr, fsetxattr, renameat_with,
};
use rustix::io::Errno;

use super::super::{Failure, exit};
use crate::http::client::resume::Partial;

/// The attribute of FILE.part that says what it is a part of.
const VALIDATOR: &str = "user.glass.validator";
/// No link is followed, and nobody is waited for at the other end of a pipe.
const AS_IT_IS: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
/// What of a mode is about reading, writing and executing, and not about becoming somebody else.
const PERMISSIONS: u32 = 0o777;

/// What is there of FILE before we begin.
#[derive(Debug, Default)]
pub(super) struct Before {
    pub(super) partial: Partial,
    /// It is FILE itself that it is part of, and not FILE.part.
    pub(super) is_file: bool,
}

impl Before {
    /// What is there of the file `path`.
    pub(super) fn of(path: &Path) -> Result<Before, Failure> {
        let part = part_of(path);
        for (path, is_file) in [(&*part, false), (path, true)] {
            let found = ordinary(path).and_then(|found| match found {
                Some(_) => OpenOptions::new().read(true).as_it_is().open(path).map(Some),
                None => Ok(None),
            });
            let wrong = |error| cannot("read", path, &error);
            let Some(file) = found.map_err(wrong)? else { continue };
            let len = file.metadata().map_err(wrong)?.len();
            let partial = Partial { len, validator: validator(&file) };
            return Ok(Before { partial, is_file });
        }
        Ok(Before::default())
    }
}

/// What becomes of what is there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start<'a> {
    /// What FILE.part has is of no use any more, and FILE is replaced.
    Anew,
    /// There is nothing: neither FILE.part nor FILE is touched.
    New,
    /// It goes on behind this.
    Behind(&'a Before),
}

/// The longest validator that is kept, in octets.
const LONGEST_VALIDATOR: usize = 1024;

/// FILE.part, open, and ours alone.
#[derive(Debug)]
pub(super) struct Part {
    /// The lock lasts as long as this.
    file: Arc<File>,
    /// FILE.
    path: PathBuf,
    /// FILE.part.
    meanwhile: PathBuf,
    replaces: bool,
}

impl Part {
    /// Opens `FILE.part` for the file `path`. `validator` says by what the rest of it can be asked for,
    /// should it be cut.
    pub(super) fn begin(
        path: &Path,
        start: Start<'_>,
        validator: Option<HeaderValue>,
    ) -> Result<Part, Failure> {
        let part = part_of(path);
        let found = match start {
            Start::Behind(Before { is_file: true, .. }) => path,
            Start::Behind(_) | Start::Anew | Start::New => &part,
        };
        let wrong = |error: io::Error| cannot("write", found, &error);
        let file = open(path, found, start).map_err(wrong)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(wrong(somebody_else())),
            // Where there are no locks, there is nobody to be kept out.
            Err(TryLockError::Error(_)) => {}
        }
        let len = file.metadata().map_err(wrong)?.len();
        match start {
            Start::Behind(before) if before.partial.len != len => {
                return Err(wrong(io::Error::other("it has changed meanwhile")));
            }
            Start::Behind(Before { is_file: true, .. }) => {
                if !is_at(&file, path) {
                    return Err(wrong(somebody_else()));
                }
                rename_to_new(path, &part).map_err(wrong)?;
            }
            Start::Behind(_) | Start::Anew | Start::New => {}
        }
        let replaces = !matches!(start, Start::New);
        let it =
            Part { file: Arc::new(file), path: path.to_owned(), meanwhile: part.clone(), replaces };
        // Whoever had the lock until now may have given the file its name, or removed it.
        if !it.has_its_name() {
            return Err(wrong(somebody_else()));
        }
        if let Start::Anew = start {
            if replaces_a_file(path) {
                // It may have been there, and open to more people.
                let _ = it.file.set_permissions(Permissions::from_mode(0o600));
            }
            it.file.set_len(0).map_err(wrong)?;
        }
        it.note(validator, start);
        Ok(it)
    }

    /// To write to.
    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// All of it is there: it becomes FILE, and whoever was allowed to read, write or execute FILE may do
    /// so as before.
    pub(super) fn complete(self) -> Result<(), Failure> {
        let _ = fremovexattr(&self.file, VALIDATOR);
        if self.replaces {
            // Where FILE itself went on, or only FILE.part was there, that is what there was.
            let old = fs::symlink_metadata(&self.path).ok().filter(Metadata::is_file);
            if let Some(old) = old.or_else(|| self.file.metadata().ok()) {
                let mode = Permissions::from_mode(old.mode() & PERMISSIONS);
                let _ = self.file.set_permissions(mode);
            }
        }
        let renamed = if !self.has_its_name() {
            Err(somebody_else())
        } else if self.replaces {
            fs::rename(&self.meanwhile, &self.path)
        } else {
            rename_to_new(&self.meanwhile, &self.path)
        };
        renamed.map_err(|error| {
            let (part, path) = (self.meanwhile.display(), self.path.display());
            let why = format!("cannot give {part} the name {path}: {error}");
            Failure::new(exit::FAILURE, why)
        })
    }

    /// It is of no use any more.
    pub(super) fn remove(self) {
        if self.has_its_name() {
            let _ = fs::remove_file(&self.meanwhile);
        }
    }

    /// How much is there, and how to go on.
    pub(super) fn hint(&self) -> Option<String> {
        let len = self.file.metadata().ok()?.len();
        let part = self.meanwhile.display();
        let how = if self.replaces {
            "the same command with -C - goes on".to_owned()
        } else {
            format!("-C - -o {} goes on", self.path.display())
        };
        Some(format!("{part} has {len} octets: {how} from there"))
    }

    /// Whether FILE.part is the file that is open here.
    fn has_its_name(&self) -> bool {
        is_at(&self.file, &self.meanwhile)
    }

    fn note(&self, validator: Option<HeaderValue>, start: Start<'_>) {
        if !matches!(start, Start::Behind(_)) {
            let _ = fremovexattr(&self.file, VALIDATOR);
        }
        // Not every file system keeps it, and a longer one is not read again.
        if let Some(value) = validator.filter(|value| value.len() <= LONGEST_VALIDATOR) {
            let _ = fsetxattr(&self.file, VALIDATOR, value.as_bytes(), XattrFlags::empty());
        }
    }
}

/// Whether this is the file that is open.
fn is_at(file: &File, path: &Path) -> bool {
    let inode = |found: Metadata| (found.dev(), found.ino());
    let ours = file.metadata().map(inode).ok();
    ours.is_some() && ours == fs::symlink_metadata(path).map(inode).ok()
}

fn replaces_a_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|old| old.is_file())
}

/// `FILE.part`.
fn part_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".part");
    name.into()
}

fn open(path: &Path, found: &Path, start: Start<'_>) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).as_it_is();
    match start {
        Start::Anew => {
            // What is to replace a file is not shown to more people than that.
            if replaces_a_file(path) {
                options.mode(0o600);
            }
            ordinary(found)?;
            options.create(true);
        }
        Start::New => {
            options.create_new(true);
        }
        Start::Behind(_) => {
            ordinary(found)?;
        }
    }
    let file = options.open(found).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            let how = format!("remove it, or go on with it by -C - -o {}", path.display());
            io::Error::new(error.kind(), format!("it is there already; {how}"))
        }
        _ => error,
    })?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(no_file()) }
}

/// What is there under this name; a failure if it is a link, a pipe or whatever else is no file.
fn ordinary(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Ok(Some(found)),
        Ok(_) => Err(no_file()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Renames, and replaces nothing.
fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system that cannot do it at once.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            if fs::symlink_metadata(to).is_ok() {
                return Err(Errno::EXIST.into());
            }
            fs::rename(from, to)
        }
        renamed => Ok(renamed?),
    }
}

/// What an earlier `glass get` has noted down; file systems without attributes have none.
fn validator(file: &File) -> Option<HeaderValue> {
    let mut value = [0; LONGEST_VALIDATOR];
    let len = fgetxattr(file, VALIDATOR, &mut value).ok()?;
    HeaderValue::from_bytes(&value[..len]).ok()
}

fn somebody_else() -> io::Error {
    io::Error::other("somebody else is writing to it")
}

fn no_file() -> io::Error {
    io::Error::other("it is no ordinary file; remove it, or choose another name")
}

fn cannot(doing: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::new(exit::FAILURE, format!("cannot {doing} {}: {error}", path.display()))
}

trait AsItIs {
    fn as_it_is(&mut self) -> &mut Self;
}

impl AsItIs for OpenOptions {
    fn as_it_is(&mut self) -> &mut Self {
        self.custom_flags(AS_IT_IS.bits().cast_signed())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::output::tests::Dir;
    use super::*;

    fn begin(dir: &Dir, start: Start<'_>) -> Result<Part, String> {
        Part::begin(&dir.0.join("f"), start, None).map_err(|failure| failure.message)
    }

    fn fifo(path: &Path) {
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(CWD, path, kind, rustix::fs::Mode::RWXU, 0).unwrap();
    }

    #[test]
    fn links_pipes_and_directories_are_not_written_to_and_not_waited_for() {
        let dir = Dir::new("odd");
        let part = dir.0.join("f.part");
        fs::write(dir.0.join("victim"), "mine").unwrap();
        let odd: [(&str, &dyn Fn()); 3] = [
            ("link", &|| symlink("victim", &part).unwrap()),
            ("pipe", &|| fifo(&part)),
            ("directory", &|| fs::create_dir(&part).unwrap()),
        ];
        let before = Before { partial: Partial { len: 4, validator: None }, is_file: false };
        for (kind, make) in odd {
            make();
            for start in [Start::Anew, Start::Behind(&before)] {
                let why = begin(&dir, start).unwrap_err();
                assert!(why.contains("f.part: it is no ordinary file"), "{kind}: {why}");
            }
            assert!(begin(&dir, Start::New).is_err(), "{kind}");
            let why = Before::of(&dir.0.join("f")).unwrap_err().message;
            assert!(why.contains("no ordinary file"), "{kind}: {why}");
            // And if it has come just before it is opened.
            assert!(OpenOptions::new().append(true).as_it_is().open(&part).is_err(), "{kind}");
            fs::remove_file(&part).or_else(|_| fs::remove_dir(&part)).unwrap();
        }
        assert_eq!(dir.read("victim").as_deref(), Some("mine"));
    }

    #[test]
    fn what_is_new_replaces_nothing() {
        let dir = Dir::new("new");
        fs::write(dir.0.join("f.part"), "mine").unwrap();
        let why = begin(&dir, Start::New).unwrap_err();
        assert!(why.contains("f.part: it is there already; remove it"), "{why}");
        assert_eq!(dir.read("f.part").as_deref(), Some("mine"));
        fs::remove_file(dir.0.join("f.part")).unwrap();
        let part = begin(&dir, Start::New).unwrap();
        assert!(part.hint().unwrap().contains("-C - -o"));
        // Somebody has been faster.
        fs::write(dir.0.join("f"), "mine").unwrap();
        assert!(part.complete().unwrap_err().message.contains("File exists"));
        assert_eq!(dir.read("f").as_deref(), Some("mine"));
        let before = Before { partial: Partial { len: 4, validator: None }, is_file: true };
        let why = begin(&dir, Start::Behind(&before)).unwrap_err();
        assert!(why.contains("File exists"), "f.part is not replaced by f either: {why}");
    }

    #[test]
    fn a_file_that_took_its_place_is_left_alone() {
        let dir = Dir::new("swapped");
        for removes in [true, false] {
            let part = begin(&dir, Start::Anew).unwrap();
            fs::rename(dir.0.join("f.part"), dir.0.join("ours")).unwrap();
            fs::write(dir.0.join("f.part"), "mine").unwrap();
            if removes {
                part.remove();
            } else {
                assert!(part.complete().unwrap_err().message.contains("somebody else"));
            }
            assert_eq!(dir.read("f.part").as_deref(), Some("mine"));
            assert_eq!(dir.read("f"), None);
        }
    }

    #[test]
    fn what_a_file_may_do_stays_but_not_as_whom() {
        let dir = Dir::new("mode");
        let mode = |name: &str| fs::metadata(dir.0.join(name)).unwrap().mode() & 0o7777;
        for (old, new) in [(0o640, 0o640), (0o4755, 0o755), (0o2711, 0o711), (0o1600, 0o600)] {
            fs::write(dir.0.join("f"), "old").unwrap();
            fs::set_permissions(dir.0.join("f"), Permissions::from_mode(old)).unwrap();
            let part = begin(&dir, Start::Anew).unwrap();
            assert_eq!(mode("f.part") & 0o077, 0, "as long as it is not whole, it is ours alone");
            part.complete().unwrap();
            assert_eq!(mode("f"), new, "{old:o}");
            assert_eq!(dir.read("f").as_deref(), Some(""));
        }
    }
}
