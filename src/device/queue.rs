//! How a TUN comes to be: made, or attached to, with one queue or several. Reading and writing is in
//! [`super::tun`], one queue at a time.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{FromRawFd, IntoRawFd};

use nix::errno::Errno;
use tun_tap::{Iface, Mode};

use super::error::TunError;
use super::netlink::{Link, Netlink};
use super::offload;
use super::request::{self, Kind, open_driver};
use super::setup::{self, LinkSetup, OffloadMode};
use crate::wire::Features;

/// The longest name of an interface: `IFNAMSIZ` less the final NUL.
const LONGEST_NAME: usize = 15;

/// One queue of a TUN, open and not in use yet: it can go to the thread, and the runtime, that will read
/// it ([`super::Tun::new`]).
///
/// The kernel chooses the queue of a packet for us by its connection: the one that packets of this
/// connection were last written to, if that was less than three seconds ago; else one that only depends on
/// the two ends.
#[derive(Debug)]
pub struct Queue {
    pub(super) file: File,
    pub(super) name: String,
    pub(super) mtu: usize,
    pub(super) has_header: bool,
    pub(super) features: Features,
}

impl Queue {
    /// Makes a new TUN, gives it the addresses and the MTU of `setup` and sets its link up. Returns its
    /// queues, which are as many as `setup` says. Takes `CAP_NET_ADMIN`. A name that ends in `%d` gets
    /// the first free number for it.
    ///
    /// # Errors
    ///
    /// There is an interface of this name already, whatever it is, or one with these addresses; or as
    /// [`TunError`] says.
    pub async fn create(name: &str, setup: &LinkSetup) -> Result<Vec<Queue>, TunError> {
        match name.strip_suffix("%d") {
            Some(stem) => check_name(&format!("{stem}00"))?,
            None => check_name(name)?,
        }
        let known = known()?;
        let netlink = Netlink::open().map_err(|source| setup::asking("anything", source))?;
        if let Some(link) = find(&netlink, name).await? {
            let attachable = link.tun.as_ref().is_some_and(|tun| tun.persistent && !tun.tap);
            let (name, kind) = (name.to_owned(), link.describe());
            return Err(TunError::Taken { name, kind, attachable });
        }
        setup::check_addresses_free(&netlink, setup).await?;
        let count = setup.queues.most();
        let opened = open(name, setup.offload, count, count > 1, known);
        let opened = opened.map_err(|error| match Errno::from_raw(raw(&error)) {
            Errno::EPERM => TunError::CreateDenied { name: name.to_owned() },
            Errno::EBUSY => TunError::Busy { name: name.to_owned() },
            _ => refused("make the TUN", name, setup, error),
        })?;
        let link = setup::configure(&netlink, &opened.name, setup).await?;
        opened.queues(link.mtu)
    }

    /// Attaches to a persistent TUN that is set up already, for which its owner needs no privilege:
    /// `ip tuntap add dev NAME mode tun user NAME_OF_OWNER`, with `multi_queue` at the end for more than
    /// one queue. Nothing of it is changed. Takes up to a second, until the kernel has seen that somebody
    /// is there.
    ///
    /// # Errors
    ///
    /// It is not there, not ours, in use, or not as `setup` says; or as [`TunError`] says.
    pub async fn attach(name: &str, setup: &LinkSetup) -> Result<Vec<Queue>, TunError> {
        check_name(name)?;
        let known = known()?;
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
        let tun = link.tun.clone().unwrap_or_default();
        if tun.queues > 0 {
            // The kernel would let us in beside whoever has these, and share the packets out.
            return Err(TunError::Busy { name: name.to_owned() });
        }
        let count = if tun.multi_queue { setup.queues.most() } else { 1 };
        let opened = open(name, setup.offload, count, tun.multi_queue, known);
        let opened = opened.map_err(|error| match Errno::from_raw(raw(&error)) {
            Errno::EPERM => {
                TunError::NotOwner { name: name.to_owned(), owner: tun.owner, group: tun.group }
            }
            Errno::EBUSY => TunError::Busy { name: name.to_owned() },
            _ => refused("attach to the TUN", name, setup, error),
        })?;
        setup::wait_until_running(&netlink, name).await;
        opened.queues(link.mtu)
    }

    /// The interface.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The longest IP packet it carries, in octets.
    #[must_use]
    pub fn mtu(&self) -> usize {
        self.mtu
    }

    /// What it does for a stack.
    #[must_use]
    pub fn features(&self) -> Features {
        self.features
    }
}

/// An open TUN, and the name that it has got.
struct Opened {
    name: String,
    files: Vec<File>,
    has_header: bool,
    features: Features,
    insists: bool,
}

impl Opened {
    fn queues(self, mtu: usize) -> Result<Vec<Queue>, TunError> {
        let Opened { name, files, has_header, features, insists } = self;
        if insists && !features.segmentation {
            return Err(TunError::NoOffload { name });
        }
        let queue = |file| Queue { file, name: name.clone(), mtu, has_header, features };
        Ok(files.into_iter().map(queue).collect())
    }
}

/// Opens `count` queues, with offload as `mode` says and the driver can. The checks before this leave a
/// moment in which somebody else can make a persistent TUN of the same name, to which the kernel then
/// attaches us; `setup::configure` sees that and backs out.
fn open(
    name: &str,
    mode: OffloadMode,
    count: usize,
    multi_queue: bool,
    known: Kind,
) -> io::Result<Opened> {
    if multi_queue && !known.multi_queue {
        return Err(Errno::EINVAL.into());
    }
    let wants = |has_header| Kind { has_header, multi_queue };
    let (first, name, has_header) = match mode {
        OffloadMode::Off => open_plain(name, wants(false))?,
        OffloadMode::On if !known.has_header => return Err(Errno::EINVAL.into()),
        OffloadMode::Auto if !known.has_header => open_plain(name, wants(false))?,
        OffloadMode::On | OffloadMode::Auto => match request::open(name, wants(true)) {
            Ok((file, name)) => (file, name, true),
            Err(error)
                if mode == OffloadMode::Auto && error.raw_os_error() == Some(libc::EINVAL) =>
            {
                open_plain(name, wants(false))?
            }
            Err(error) => return Err(error),
        },
    };
    let features = if has_header {
        offload::negotiate(|offloads| request::set_offloads(&first, offloads).is_ok())
    } else {
        // What somebody else has asked for before is still in force.
        let _ = request::set_offloads(&first, 0);
        Features::default()
    };
    let mut files = vec![first];
    while files.len() < count {
        files.push(request::open(&name, wants(has_header))?.0);
    }
    Ok(Opened { name, files, has_header, features, insists: mode == OffloadMode::On })
}

#[allow(unsafe_code, reason = "a descriptor passes from one owner to the next")]
fn open_plain(name: &str, kind: Kind) -> io::Result<(File, String, bool)> {
    if kind.multi_queue {
        let (file, name) = request::open(name, kind)?;
        return Ok((file, name, false));
    }
    let iface = Iface::without_packet_info(name, Mode::Tun)?;
    let name = iface.name().to_owned();
    // SAFETY: `into_raw_fd` hands over the only owner of an open descriptor.
    let file = unsafe { File::from_raw_fd(iface.into_raw_fd()) };
    Ok((file, name, false))
}

/// What the kernel's refusal of a TUN means, where it is not a question of who may. EINVAL is its answer
/// to kinds of TUN that it does not know; all else that it could mean has been looked at before.
fn refused(doing: &'static str, name: &str, setup: &LinkSetup, error: io::Error) -> TunError {
    let is_unknown = Errno::from_raw(raw(&error)) == Errno::EINVAL;
    if is_unknown && setup.offload == OffloadMode::On {
        TunError::NoOffload { name: name.to_owned() }
    } else if is_unknown && setup.queues.most() > 1 {
        TunError::NoQueues { name: name.to_owned() }
    } else {
        failed(doing, name, error)
    }
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

/// What the driver can do. Opens it for nothing else, because afterwards an error could be of the open or
/// of the request that follows it.
fn known() -> Result<Kind, TunError> {
    match open_driver() {
        Ok(driver) => Ok(request::known(&driver)),
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

pub(super) fn raw(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(0)
}

pub(super) fn failed(doing: &'static str, name: &str, source: io::Error) -> TunError {
    TunError::System { doing, name: name.to_owned(), source }
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

    /// Nothing is opened: what the driver does not know is not asked of it.
    #[test]
    fn a_driver_without_headers_or_queues_is_not_asked_for_them() {
        let without_header = Kind { has_header: false, multi_queue: true };
        let insisting = LinkSetup { offload: OffloadMode::On, ..LinkSetup::default() };
        let error = open("t0", insisting.offload, 1, false, without_header).err().unwrap();
        let error = refused("make the TUN", "t0", &insisting, error);
        assert!(matches!(error, TunError::NoOffload { .. }), "{error}");
        let without_queues = Kind { has_header: true, multi_queue: false };
        let two = LinkSetup { queues: setup::Queues::Exactly(2), ..LinkSetup::default() };
        let error = open("t0", two.offload, 2, true, without_queues).err().unwrap();
        let error = refused("make the TUN", "t0", &two, error);
        assert!(matches!(error, TunError::NoQueues { .. }), "{error}");
    }
}
