//! The TUN: one IP packet per read and per write. Without offload what the stack sees is what is on the
//! wire; with it (`offload`) the kernel cuts and joins segments. Addresses, MTU and link are in
//! [`super::setup`].

use std::fs::{self, File, OpenOptions};
use std::future::Future;
use std::io::{self, ErrorKind};
use std::os::fd::{FromRawFd, IntoRawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use nix::errno::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tun_tap::{Iface, Mode};

use super::Device;
use super::descriptor::Descriptor;
use super::error::TunError;
use super::netlink::{Link, Netlink};
use super::offload;
use super::setup::{self, LinkSetup, OffloadMode};
use crate::wire::{Features, Frame, Packet};

/// The longest name of an interface: `IFNAMSIZ` less the final NUL.
const LONGEST_NAME: usize = 15;

/// A TUN of ours. It belongs to the tokio runtime it was made in.
///
/// Dropping it deletes the interface, unless it is a persistent one that was attached.
pub struct Tun {
    fd: Arc<AsyncFd<File>>,
    /// Done when the interface has been deleted, of which reading alone would never hear.
    gone: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_gone: bool,
    name: String,
    mtu: usize,
    descriptor: Descriptor,
    refused: u64,
}

impl Tun {
    /// Makes a new TUN, gives it the addresses and the MTU of `setup` and sets its link up.
    /// Takes `CAP_NET_ADMIN`. A name that ends in `%d` gets the first free number for it.
    ///
    /// # Errors
    ///
    /// There is an interface of this name already, whatever it is, or one with these addresses; or as
    /// [`TunError`] says.
    pub async fn create(name: &str, setup: &LinkSetup) -> Result<Tun, TunError> {
        match name.strip_suffix("%d") {
            Some(stem) => check_name(&format!("{stem}00"))?,
            None => check_name(name)?,
        }
        check_driver()?;
        let netlink = Netlink::open().map_err(|source| setup::asking("anything", source))?;
        if let Some(link) = find(&netlink, name).await? {
            let attachable = link.tun.as_ref().is_some_and(|tun| tun.persistent && !tun.tap);
            let (name, kind) = (name.to_owned(), link.describe());
            return Err(TunError::Taken { name, kind, attachable });
        }
        setup::check_addresses_free(&netlink, setup).await?;
        let opened = open(name, setup.offload);
        let opened = opened.map_err(|error| match Errno::from_raw(raw(&error)) {
            Errno::EPERM => TunError::CreateDenied { name: name.to_owned() },
            Errno::EBUSY => TunError::Busy { name: name.to_owned() },
            _ => failed("make the TUN", name, error),
        })?;
        let link = setup::configure(&netlink, &opened.name, setup).await?;
        Tun::new(opened, link.mtu)
    }

    /// Attaches to a persistent TUN that is set up already, for which its owner needs no privilege:
    /// `ip tuntap add dev NAME mode tun user NAME_OF_OWNER`. Nothing of it is changed.
    /// Takes up to a second, until the kernel has seen that somebody is there.
    ///
    /// # Errors
    ///
    /// It is not there, not ours, in use, or not as `setup` says; or as [`TunError`] says.
    pub async fn attach(name: &str, setup: &LinkSetup) -> Result<Tun, TunError> {
        check_name(name)?;
        check_driver()?;
        let netlink = Netlink::open().map_err(|source| setup::asking("anything", source))?;
        let Some(link) = find(&netlink, name).await? else {
            let commands = setup::commands_to_make(name, setup);
            return Err(TunError::Missing { name: name.to_owned(), commands });
        };
        let addresses = netlink.addresses().await;
        let addresses = addresses.map_err(|source| setup::asking("addresses", source))?;
        let faults = setup::faults(name, &link, &addresses, setup);
        if !faults.is_empty() {
            return Err(TunError::Unfit { name: name.to_owned(), faults });
        }
        let opened = open(name, setup.offload);
        let opened = opened.map_err(|error| match Errno::from_raw(raw(&error)) {
            Errno::EPERM => {
                let tun = link.tun.clone().unwrap_or_default();
                TunError::NotOwner { name: name.to_owned(), owner: tun.owner, group: tun.group }
            }
            Errno::EBUSY => TunError::Busy { name: name.to_owned() },
            _ => failed("attach to the TUN", name, error),
        })?;
        setup::wait_until_running(&netlink, name).await;
        Tun::new(opened, link.mtu)
    }

    #[allow(unsafe_code, reason = "the runtime watches a descriptor")]
    fn new(opened: Opened, mtu: usize) -> Result<Tun, TunError> {
        let Opened { file, name, has_header } = opened;
        let set_up = || {
            rustix::io::ioctl_fionbio(&file, true)?;
            let interest = Interest::READABLE | Interest::WRITABLE | Interest::ERROR;
            // SAFETY: a `File` is the same open descriptor for as long as it lives.
            let registered = unsafe { AsyncFd::register_with_interest(file, interest) };
            registered.map_err(io::Error::from)
        };
        let fd = Arc::new(set_up().map_err(|source| failed("watch the TUN", &name, source))?);
        let gone = Box::pin(deleted(fd.clone()));
        let descriptor = Descriptor::new(has_header);
        Ok(Tun { fd, gone, is_gone: false, name, mtu, descriptor, refused: 0 })
    }

    /// How many packets of ours the kernel refused: malformed, or while the link was down.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// How many packets the kernel dropped because we did not read them in time: its queue (500
    /// packets unless `txqueuelen` says otherwise) was full. `None` when it does not say.
    #[must_use]
    pub fn kernel_drops(&self) -> Option<u64> {
        // Not /sys/class/net, which may show another network namespace.
        let table = fs::read_to_string("/proc/thread-self/net/dev").ok()?;
        dropped_on_transmit(&table, &self.name)
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if !self.is_gone {
            ready!(self.gone.as_mut().poll(cx));
            self.is_gone = true;
        }
        Poll::Ready(self.gone_error())
    }

    fn gone_error(&self) -> io::Error {
        let what = format!("the TUN {} is gone: somebody deleted the interface", self.name);
        io::Error::new(ErrorKind::NotConnected, what)
    }
}

impl Device for Tun {
    fn name(&self) -> &str {
        &self.name
    }

    fn mtu(&self) -> usize {
        self.mtu
    }

    fn features(&self) -> Features {
        self.descriptor.features()
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        packets: &mut Vec<Packet>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            let Poll::Ready(guard) = self.fd.poll_read_ready(cx) else {
                return self.poll_gone(cx).map(Err);
            };
            let mut guard = guard?;
            let mut count = 0;
            while count < most.max(1) {
                match self.descriptor.read(guard.get_inner()) {
                    Ok(packet) => packets.extend(packet),
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        guard.clear_ready();
                        break;
                    }
                    // What was read before it counts; the error will come again.
                    Err(_) if count > 0 => break,
                    Err(error) if is_deleted(&error) => {
                        drop(guard);
                        return Poll::Ready(Err(self.gone_error()));
                    }
                    Err(error) => return Poll::Ready(Err(error)),
                }
                count += 1;
            }
            if count > 0 {
                return Poll::Ready(Ok(count));
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, frame: &Frame) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.fd.poll_write_ready(cx))?;
            let Err(error) = self.descriptor.write(guard.get_inner(), frame) else {
                return Poll::Ready(Ok(()));
            };
            match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock => guard.clear_ready(),
                _ if is_refusal(&error) => {
                    self.refused += 1;
                    log::debug!("{}: the kernel refused a packet: {error}", self.name);
                    return Poll::Ready(Ok(()));
                }
                _ if is_deleted(&error) => {
                    drop(guard);
                    return Poll::Ready(Err(self.gone_error()));
                }
                _ => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl std::fmt::Debug for Tun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tun")
            .field("name", &self.name)
            .field("mtu", &self.mtu)
            .finish_non_exhaustive()
    }
}

/// Returns when the interface that `fd` is attached to has been deleted. The kernel then reports an
/// error, and neither readable nor writable.
async fn deleted(fd: Arc<AsyncFd<File>>) {
    // When the runtime is shutting down the answer is an error, and nobody asks any more.
    let _ = fd.ready(Interest::ERROR).await;
}

/// Opens the device and makes or attaches the interface. The two checks before this leave a moment in
/// which somebody else can make a persistent TUN of the same name, to which the kernel then attaches
/// us; `setup::configure` sees that it is persistent and backs out.
fn open(name: &str, mode: OffloadMode) -> io::Result<Opened> {
    match mode {
        OffloadMode::Off => open_plain(name),
        OffloadMode::On => open_offloading(name),
        OffloadMode::Auto => open_offloading(name).or_else(|error| match error.raw_os_error() {
            Some(libc::EINVAL) => open_plain(name),
            _ => Err(error),
        }),
    }
}

#[allow(unsafe_code, reason = "a descriptor passes from one owner to the next")]
fn open_plain(name: &str) -> io::Result<Opened> {
    let iface = Iface::without_packet_info(name, Mode::Tun)?;
    let name = iface.name().to_owned();
    // SAFETY: `into_raw_fd` hands over the only owner of an open descriptor.
    let file = unsafe { File::from_raw_fd(iface.into_raw_fd()) };
    offload::ask_for_nothing(&file);
    Ok(Opened { file, name, has_header: false })
}

fn open_offloading(name: &str) -> io::Result<Opened> {
    let (file, name) = offload::open(name)?;
    offload::ask_for_long_segments(&file);
    Ok(Opened { file, name, has_header: true })
}

/// An open TUN, and the name that it has got.
struct Opened {
    file: File,
    name: String,
    has_header: bool,
}

async fn find(netlink: &Netlink, name: &str) -> Result<Option<Link>, TunError> {
    // A pattern names no interface yet, and the kernel would refuse a name that is too long.
    if name.ends_with("%d") {
        return Ok(None);
    }
    netlink.link(name).await.map_err(|source| failed("look for the interface", name, source))
}

/// Refuses what the kernel would refuse, cut short or fill in.
fn check_name(name: &str) -> Result<(), TunError> {
    let why = if name.is_empty() {
        "it is empty"
    } else if name.len() > LONGEST_NAME {
        "an interface's name has at most 15 octets"
    } else if name == "." || name == ".." {
        "it would be a directory in /sys/class/net"
    } else if name.contains(['/', ':', '%', '\0']) {
        "it must not contain '/', ':', '%' or NUL"
    } else if name.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
        "it must not contain whitespace or control characters"
    } else {
        return Ok(());
    };
    Err(TunError::BadName { name: name.to_owned(), why })
}

/// Opens the device once for nothing, because afterwards an error could be of the open or of the
/// request that follows it.
fn check_driver() -> Result<(), TunError> {
    match OpenOptions::new().read(true).write(true).open("/dev/net/tun") {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(TunError::OpenDenied(error))
        }
        Err(error) => match Errno::from_raw(raw(&error)) {
            Errno::ENOENT | Errno::ENODEV | Errno::ENXIO | Errno::ENOTDIR => {
                Err(TunError::NoDriver(error))
            }
            _ => Err(failed("open", "/dev/net/tun", error)),
        },
    }
}

/// The packet is lost and the device is well: it was malformed (EINVAL), too long, the link is down
/// (EIO), or there was no memory for it.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        Errno::from_raw(raw(error)),
        Errno::EINVAL
            | Errno::EMSGSIZE
            | Errno::E2BIG
            | Errno::EIO
            | Errno::ENOMEM
            | Errno::ENOBUFS
            | Errno::ENETDOWN
    )
}

fn is_deleted(error: &io::Error) -> bool {
    Errno::from_raw(raw(error)) == Errno::EBADFD
}

fn raw(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(0)
}

fn failed(doing: &'static str, name: &str, source: io::Error) -> TunError {
    TunError::System { doing, name: name.to_owned(), source }
}

/// The "drop" column of the transmitting half of /proc/net/dev: what the kernel sends, we read.
fn dropped_on_transmit(table: &str, name: &str) -> Option<u64> {
    const RECEIVING_COLUMNS: usize = 8;
    const DROP: usize = 3;
    let counters = table.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
    counters?.split_whitespace().nth(RECEIVING_COLUMNS + DROP)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_names_never_reach_the_kernel() {
        for name in [
            "",
            "sixteen-octets-xx",
            "a/b",
            "a b",
            "a\tb",
            ".",
            "..",
            "a:0",
            "tun%d",
            "\u{e9}".repeat(8).as_str(),
        ] {
            let refused = check_name(name).expect_err(name);
            assert_eq!(refused.exit_code(), 2);
            assert!(refused.to_string().contains(&format!("{name:?}")), "{refused}");
        }
        for name in ["glass0", "fifteen-octets-", "a.b", "\u{e9}"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn drops_are_read_from_the_right_interface_and_column() {
        let table = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    2    3    4     5          6         7      100       9   10   11   12    13      14         15
 tun10:       0       0    0    0    0     0          0         0        0       0    0    5    0     0       0          0
  tun1:       0       0    0    0    0     0          0         0        0       0    0   42    0     0       0          0
";
        assert_eq!(dropped_on_transmit(table, "tun1"), Some(42));
        assert_eq!(dropped_on_transmit(table, "lo"), Some(11));
        assert_eq!(dropped_on_transmit(table, "tun"), None);
    }
}
