//! A directory to serve, beside something that nobody shall see. It goes away with the test.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, process};

use axum::Router;
use glasstack::http::directory;
use glasstack::http::files::Options;

/// When the files of a place were changed, and how HTTP writes that.
pub const CHANGED: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
pub const BEFORE: &str = "Sun, 09 Sep 2001 01:46:39 GMT";
pub const LATER: &str = "Sun, 09 Sep 2001 01:46:41 GMT";

pub fn changed() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_000_000_000)
}

pub const SECRET: &str = "nobody shall see this";

pub struct Place {
    dir: PathBuf,
}

impl Place {
    /// With a few files in it.
    pub fn new(name: &str) -> Place {
        let dir = env::temp_dir().join(format!("glasstack-files-{name}-{}", process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("root")).unwrap();
        fs::create_dir_all(dir.join("root-too")).unwrap();
        fs::write(dir.join("secret"), SECRET).unwrap();
        fs::write(dir.join("root-too/secret"), SECRET).unwrap();
        let place = Place { dir };
        place.write("index.html", b"<p>front\n");
        place.write("deep/index.html", b"<p>deep\n");
        place.write("list/notes.txt", b"notes\n");
        place.write("digits", b"0123456789");
        place.write("empty.txt", b"");
        place.write("hundred.bin", &(0..100).collect::<Vec<u8>>());
        place.write("with space & more?.txt", b"space\n");
        place.write(".hidden/file", b"hidden\n");
        place.write(".well-known/security.txt", b"contact\n");
        symlink("digits", place.root().join("link")).unwrap();
        symlink(place.root().join("digits"), place.root().join("absolute")).unwrap();
        symlink("../secret", place.root().join("out")).unwrap();
        symlink("..", place.root().join("out-dir")).unwrap();
        place
    }

    /// Writes a file that was last changed in 2001.
    pub fn write(&self, name: &str, content: &[u8]) {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        self.date(name, changed());
    }

    pub fn date(&self, name: &str, changed: SystemTime) {
        File::options()
            .write(true)
            .open(self.root().join(name))
            .unwrap()
            .set_modified(changed)
            .unwrap();
    }

    pub fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    pub fn beside(&self) -> &Path {
        &self.dir
    }

    pub fn serve(&self) -> Router {
        self.serve_with(Options::default())
    }

    pub fn serve_with(&self, options: Options) -> Router {
        directory(self.root(), options).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}
