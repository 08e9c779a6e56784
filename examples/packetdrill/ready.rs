//! poll and epoll.

use std::ffi::c_int;
use std::time::Duration;

use glasstack::drill::host::{Call, Errno, PollFd, Reply, Watch, WatchChange};
use libc::{epoll_event, nfds_t, pollfd};

use crate::memory::{In, Out, User, answer};
use crate::sockets::{number, opened};

/// The most files that are asked about at once.
const MOST_FILES: nfds_t = 65_536;

pub(crate) extern "C" fn poll(
    user: User,
    fds: Out<pollfd>,
    count: nfds_t,
    timeout: c_int,
) -> c_int {
    answer(user, |world| {
        if count > MOST_FILES {
            return Err(Errno::EINVAL);
        }
        let asked = fds.as_in().items(usize::try_from(count).expect("few"))?;
        let asked =
            asked.iter().map(|entry| PollFd { fd: entry.fd, events: entry.events, revents: 0 });
        let reply = world.call(Call::Poll { fds: asked.collect(), timeout: patience(timeout) })?;
        if let Reply::Polled(_, told) = &reply {
            fds.write_items(told.iter().map(|entry| pollfd {
                fd: entry.fd,
                events: entry.events,
                revents: entry.revents,
            }))?;
        }
        Ok(number(&reply))
    })
}

/// The size has meant nothing for long, but it has to be positive.
pub(crate) extern "C" fn epoll_create(user: User, size: c_int) -> c_int {
    answer(user, |world| {
        if size <= 0 {
            return Err(Errno::EINVAL);
        }
        opened(world, &world.call(Call::EpollCreate)?)
    })
}

pub(crate) extern "C" fn epoll_ctl(
    user: User,
    epoll: c_int,
    change: c_int,
    fd: c_int,
    event: In<epoll_event>,
) -> c_int {
    answer(user, |world| {
        let change = match change {
            libc::EPOLL_CTL_ADD => WatchChange::Add,
            libc::EPOLL_CTL_MOD => WatchChange::Modify,
            libc::EPOLL_CTL_DEL => WatchChange::Delete,
            _ => return Err(Errno::EINVAL),
        };
        let watch = match change {
            WatchChange::Add | WatchChange::Modify => {
                let event = event.read()?;
                Watch { events: event.events, data: event.u64 }
            }
            WatchChange::Delete => Watch::default(),
        };
        let reply = world.call(Call::EpollControl { epoll, change, fd, watch })?;
        Ok(number(&reply))
    })
}

pub(crate) extern "C" fn epoll_wait(
    user: User,
    epoll: c_int,
    events: Out<epoll_event>,
    most: c_int,
    timeout: c_int,
) -> c_int {
    answer(user, |world| {
        let most = usize::try_from(most).ok().filter(|most| *most > 0).ok_or(Errno::EINVAL)?;
        if events.is_null() {
            return Err(Errno::EFAULT);
        }
        let reply = world.call(Call::EpollWait { epoll, most, timeout: patience(timeout) })?;
        if let Reply::Events(found) = &reply {
            let found = found.iter();
            events.write_items(
                found.map(|watch| epoll_event { events: watch.events, u64: watch.data }),
            )?;
        }
        Ok(number(&reply))
    })
}

/// A timeout in milliseconds; a negative one is none.
fn patience(timeout: c_int) -> Option<Duration> {
    u64::try_from(timeout).ok().map(Duration::from_millis)
}
