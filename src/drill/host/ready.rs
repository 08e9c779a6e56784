//! poll and epoll: which files are ready, and whether that is news.

use std::collections::BTreeMap;

use super::Host;
use super::call::{Attempt, Errno, Fd, PollFd, Reply, Watch, WatchChange};
use super::files::File;
use super::socket::{Role, Socket};
use crate::stack::Handle;
use crate::tcp::State;

/// An epoll instance.
#[derive(Debug, Default)]
pub(super) struct Epoll {
    watched: BTreeMap<Fd, Watched>,
}

#[derive(Clone, Copy, Debug)]
struct Watched {
    watch: Watch,
    /// What was told last, for watches that tell changes only.
    told: Option<Marks>,
}

/// What changes when there is news to read, or new room to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Marks {
    /// Octets received, connections to accept, and the state.
    input: (u64, usize, State),
    /// Whether there is room, and how often there was too little.
    output: (bool, u64),
}

/// Whether a file is ready, in the bits of `poll`.
struct Readiness {
    events: i16,
    marks: Marks,
}

impl Epoll {
    pub(super) fn change(
        &mut self,
        change: WatchChange,
        fd: Fd,
        watch: Watch,
    ) -> Result<(), Errno> {
        let known = self.watched.contains_key(&fd);
        match change {
            WatchChange::Add if known => return Err(Errno::EEXIST),
            WatchChange::Modify | WatchChange::Delete if !known => return Err(Errno::ENOENT),
            WatchChange::Add | WatchChange::Modify => {
                self.watched.insert(fd, Watched { watch, told: None });
            }
            WatchChange::Delete => {
                self.watched.remove(&fd);
            }
        }
        Ok(())
    }

    pub(super) fn forget(&mut self, fd: Fd) {
        self.watched.remove(&fd);
    }
}

impl Host {
    pub(super) fn poll(&self, mut fds: Vec<PollFd>) -> Attempt {
        for entry in &mut fds {
            entry.revents = match self.readiness(entry.fd) {
                _ if entry.fd < 0 => 0,
                Ok(ready) => ready.events & (entry.events | libc::POLLERR | libc::POLLHUP),
                Err(_) => libc::POLLNVAL,
            };
        }
        let ready = fds.iter().filter(|entry| entry.revents != 0).count();
        let count = i64::try_from(ready).expect("a length in memory");
        (ready > 0).then_some(Ok(Reply::Polled(count, fds)))
    }

    pub(super) fn epoll_wait(&mut self, epoll: Fd, most: usize) -> Attempt {
        let watched = match self.files.epoll_mut(epoll) {
            Ok(epoll) => epoll.watched.clone(),
            Err(error) => return Some(Err(error)),
        };
        if most == 0 {
            return Some(Err(Errno::EINVAL));
        }
        let mut found = Vec::new();
        for (fd, entry) in watched {
            if found.len() == most {
                break;
            }
            let Ok(ready) = self.readiness(fd) else { continue };
            let events = news(&entry, &ready);
            if events != 0 {
                found.push(Watch { events, data: entry.watch.data });
                self.note_told(epoll, fd, ready.marks);
            }
        }
        (!found.is_empty()).then_some(Ok(Reply::Events(found)))
    }

    fn note_told(&mut self, epoll: Fd, fd: Fd, marks: Marks) {
        if let Ok(epoll) = self.files.epoll_mut(epoll)
            && let Some(entry) = epoll.watched.get_mut(&fd)
        {
            entry.told = Some(marks);
            if entry.watch.events & flag(libc::EPOLLONESHOT) != 0 {
                entry.watch.events &= flag(libc::EPOLLONESHOT | libc::EPOLLET);
            }
        }
    }

    fn readiness(&self, fd: Fd) -> Result<Readiness, Errno> {
        match self.files.get(fd)? {
            File::Epoll(_) => Ok(Readiness::nothing()),
            File::Socket(socket) => Ok(match socket.role {
                Role::Idle => {
                    Readiness { events: libc::POLLOUT | libc::POLLHUP, ..Readiness::nothing() }
                }
                Role::Listener(id) => {
                    let waiting = self.stack.waiting_to_be_accepted(id);
                    let events = if waiting > 0 { libc::POLLIN | libc::POLLRDNORM } else { 0 };
                    let mut ready = Readiness { events, ..Readiness::nothing() };
                    ready.marks.input.1 = waiting;
                    ready
                }
                Role::Connection(handle) => self.connection_readiness(socket, handle),
            }),
        }
    }

    fn connection_readiness(&self, socket: &Socket, handle: Handle) -> Readiness {
        let summary = self.stack.status(handle, self.now);
        let state = summary.as_ref().map_or(State::Closed, |summary| summary.status.state);
        let received = summary.as_ref().map_or(0, |summary| summary.status.octets_received);
        let room = self.stack.is_writable(handle);
        let mut events = 0;
        if self.stack.is_readable(handle) || socket.read_shut {
            events |= libc::POLLIN | libc::POLLRDNORM;
        }
        if room {
            events |= libc::POLLOUT | libc::POLLWRNORM;
        }
        if socket.pending_error(&self.stack).is_some() {
            events |= libc::POLLERR;
        }
        events |= match state {
            State::Closed => libc::POLLHUP | libc::POLLRDHUP,
            State::Closing | State::LastAck | State::TimeWait => libc::POLLHUP | libc::POLLRDHUP,
            State::CloseWait => libc::POLLRDHUP,
            State::Listen
            | State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2 => 0,
        };
        let marks = Marks { input: (received, 0, state), output: (room, socket.short_writes) };
        Readiness { events, marks }
    }
}

impl Readiness {
    fn nothing() -> Self {
        let marks = Marks { input: (0, 0, State::Closed), output: (false, 0) };
        Readiness { events: 0, marks }
    }
}

/// What `epoll_wait` tells of a watch; 0 for nothing.
fn news(entry: &Watched, ready: &Readiness) -> u32 {
    let asked = entry.watch.events;
    if asked & !flag(libc::EPOLLONESHOT | libc::EPOLLET) == 0 {
        // A watch for one event that has come.
        return 0;
    }
    let bits = u32::from(ready.events.cast_unsigned());
    let events = bits & (asked | flag(libc::EPOLLERR | libc::EPOLLHUP));
    let only_changes = asked & flag(libc::EPOLLET) != 0;
    match entry.told {
        Some(told) if only_changes => {
            let input = told.input != ready.marks.input;
            let output = told.output != ready.marks.output;
            let wakes = (input && events & !flag(libc::EPOLLOUT | libc::EPOLLWRNORM) != 0)
                || (output && events & flag(libc::EPOLLOUT) != 0);
            if wakes { events } else { 0 }
        }
        Some(_) | None => events,
    }
}

const fn flag(bits: i32) -> u32 {
    bits.cast_unsigned()
}
