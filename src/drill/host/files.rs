//! Descriptors and what they mean.

use std::collections::BTreeMap;

use super::call::{Errno, Fd};
use super::ready::Epoll;
use super::socket::{Role, Socket};
use crate::stack::{Settings, Stack};

/// What a descriptor stands for.
pub(super) enum File {
    Socket(Box<Socket>),
    Epoll(Epoll),
}

pub(super) struct Files {
    open: BTreeMap<Fd, File>,
    descriptors: Box<dyn FnMut() -> Fd + Send>,
    default_settings: std::cell::OnceCell<Settings>,
}

impl Files {
    pub(super) fn new(descriptors: Box<dyn FnMut() -> Fd + Send>) -> Self {
        Files { open: BTreeMap::new(), descriptors, default_settings: std::cell::OnceCell::new() }
    }

    pub(super) fn default_settings(&self, stack: &Stack) -> &Settings {
        self.default_settings.get_or_init(|| stack.default_settings())
    }

    pub(super) fn set_default_settings(&mut self, settings: Settings) {
        self.default_settings = settings.into();
    }

    /// A number for a new file.
    pub(super) fn next_number(&mut self) -> Fd {
        (self.descriptors)()
    }

    pub(super) fn insert(&mut self, fd: Fd, file: File) {
        self.open.insert(fd, file);
    }

    /// Whether no socket is bound, listens or is connected.
    pub(super) fn are_unused(&self) -> bool {
        self.open.values().all(|file| match file {
            File::Socket(socket) => socket.bound.is_none() && socket.role == Role::Idle,
            File::Epoll(_) => true,
        })
    }

    /// Forgets a descriptor; no epoll watches it any more.
    pub(super) fn close(&mut self, fd: Fd) -> Result<File, Errno> {
        let file = self.open.remove(&fd).ok_or(Errno::EBADF)?;
        for other in self.open.values_mut() {
            if let File::Epoll(epoll) = other {
                epoll.forget(fd);
            }
        }
        Ok(file)
    }

    pub(super) fn get(&self, fd: Fd) -> Result<&File, Errno> {
        self.open.get(&fd).ok_or(Errno::EBADF)
    }

    pub(super) fn socket(&self, fd: Fd) -> Result<&Socket, Errno> {
        match self.get(fd)? {
            File::Socket(socket) => Ok(socket),
            File::Epoll(_) => Err(Errno::ENOTSOCK),
        }
    }

    pub(super) fn socket_mut(&mut self, fd: Fd) -> Result<&mut Socket, Errno> {
        match self.open.get_mut(&fd).ok_or(Errno::EBADF)? {
            File::Socket(socket) => Ok(socket),
            File::Epoll(_) => Err(Errno::ENOTSOCK),
        }
    }

    pub(super) fn epoll_mut(&mut self, fd: Fd) -> Result<&mut Epoll, Errno> {
        match self.open.get_mut(&fd).ok_or(Errno::EBADF)? {
            File::Socket(_) => Err(Errno::EINVAL),
            File::Epoll(epoll) => Ok(epoll),
        }
    }
}
