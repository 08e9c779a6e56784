//! A timer of the kernel that is exact to microseconds; tokio's own are exact to a millisecond.

use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;

use crate::time::Instant;

/// Wakes its task at an instant.
#[derive(Debug)]
pub(crate) struct Alarm {
    fd: AsyncFd<OwnedFd>,
    /// What the kernel's timer is set to.
    armed: Option<Instant>,
}

impl Alarm {
    /// # Errors
    ///
    /// The process has no file descriptor left, or there is no runtime to register it with.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let fd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // SAFETY: the descriptor is owned, and stays in the `AsyncFd` for as long as that lives.
        #[expect(unsafe_code, reason = "registering a descriptor asks for this promise")]
        let fd = unsafe { AsyncFd::register(fd)? };
        Ok(Alarm { fd, armed: None })
    }

    /// Sees to it that `poll` is ready at `deadline` at the latest. A deadline that has moved later, as
    /// most do, costs no system call: the alarm goes off early and is set again then.
    pub(crate) fn set(&mut self, deadline: Option<Instant>, now: Instant) -> io::Result<()> {
        let Some(deadline) = deadline.filter(|at| self.armed.is_none_or(|armed| *at < armed))
        else {
            return Ok(());
        };
        // Zero would turn it off.
        let wait = deadline.since(now).max(Duration::from_nanos(1));
        let value = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(wait.subsec_nanos()),
        };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &once)?;
        self.armed = Some(deadline);
        Ok(())
    }

    /// Ready once after the alarm has gone off.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.fd.poll_read_ready(cx))?;
            let mut expirations = [0; 8];
            match rustix::io::read(guard.get_inner(), &mut expirations) {
                Ok(_) => {
                    self.armed = None;
                    return Poll::Ready(Ok(()));
                }
                Err(rustix::io::Errno::AGAIN) => guard.clear_ready(),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }
}
