//! The socket: made so that only its user can open it, and gone when the program has ended.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::process::geteuid;
use tokio::net::{UnixListener, UnixStream};

use super::place;

/// A socket that is listened on. Dropped, it is removed.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// What tells the file from another that has taken its place.
    inode: Option<u64>,
}

impl Socket {
    /// In the user's own directory, for the program that serves `device`. What programs have left behind there
    /// that nobody answers for is removed.
    ///
    /// # Errors
    ///
    /// There is no such directory to be had, or no socket can be made in it.
    pub fn for_device(device: &str) -> io::Result<Socket> {
        let directory = place::directory()?;
        // One at a time: a socket that is bound and not listened on yet looks as if nobody answered.
        let lock = File::open(&directory)?;
        flock(&lock, FlockOperation::LockExclusive)?;
        for path in place::sockets_in(&directory) {
            if nobody_answers(&path) {
                let _ = fs::remove_file(path);
            }
        }
        match Socket::bind(&directory.join(place::name_for(device))) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                Socket::bind(&directory.join(place::second_name_for(device)))
            }
            bound => bound,
        }
    }

    /// At this very path. A socket that is there already is replaced, if nobody answers.
    ///
    /// # Errors
    ///
    /// It is answered, something else is there, or the directory is not.
    pub fn at(path: &Path) -> io::Result<Socket> {
        if nobody_answers(path) {
            let _ = fs::remove_file(path);
        }
        Socket::bind(path)
    }

    fn bind(path: &Path) -> io::Result<Socket> {
        // Whoever comes in the moment before its mode is set is asked who they are, as everybody is.
        let listener = UnixListener::bind(path)?;
        let inode = fs::symlink_metadata(path).ok().map(|found| found.ino());
        let socket = Socket { listener, path: path.to_owned(), inode };
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        Ok(socket)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next who calls, if it is the user of this program, or root. Others, who can only come here where a
    /// directory lets them, find it closed at once. Cancel safe.
    ///
    /// # Errors
    ///
    /// No connection can be taken.
    pub async fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            let user = stream.peer_cred()?.uid();
            if may_ask(user, geteuid().as_raw()) {
                return Ok(stream);
            }
            log::warn!("user {user} may not look into this program");
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let there = fs::symlink_metadata(&self.path).ok().map(|found| found.ino());
        if there.is_some() && there == self.inode {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn may_ask(user: u32, ours: u32) -> bool {
    user == ours || user == 0
}

/// Whether this is a socket that no program listens on any more.
fn nobody_answers(path: &Path) -> bool {
    use std::os::unix::net::UnixStream;
    // A file refuses connections as well.
    let is_socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    is_socket
        && UnixStream::connect(path)
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("glasstack-{name}-{}.sock", std::process::id()))
    }

    #[tokio::test]
    async fn it_is_for_its_user_alone_and_gone_in_the_end() {
        let path = place("alone");
        let socket = Socket::at(&path).expect("nothing is there");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let _asks = UnixStream::connect(&path).await.expect("we are its user");
        socket.accept().await.expect("so we are let in");
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn only_what_nobody_answers_is_replaced() {
        let path = place("stale");
        let first = Socket::at(&path).unwrap();
        let refused = Socket::at(&path).expect_err("somebody answers");
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        // A program that ended without a word leaves the file.
        fs::hard_link(&path, place("kept")).unwrap();
        drop(first);
        fs::rename(place("kept"), &path).unwrap();
        let second = Socket::at(&path).expect("nobody answers any more");
        drop(second);
        fs::write(&path, "no socket").unwrap();
        Socket::at(&path).expect_err("a file is not ours to remove");
        assert_eq!(fs::read_to_string(&path).unwrap(), "no socket");
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn the_user_and_root_may_ask() {
        assert!(may_ask(1000, 1000) && may_ask(0, 1000));
        assert!(!may_ask(1000, 0) && !may_ask(1001, 1000));
    }
}
