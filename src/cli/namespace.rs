//! The private network namespace of `glass run`: made by the process for itself, before it has a
//! second thread. What is inside it (the TUN, its addresses, the loopback) is set up afterwards, by
//! [`crate::device`].

use std::path::Path;
use std::{fmt, fs, io};

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::unistd::{getegid, geteuid};

const FAILED: u8 = 125;
const UNAVAILABLE: u8 = 69;
const NO_PERMISSION: u8 = 77;

/// The switches by which a host keeps ordinary users from making user namespaces, the value that
/// does so, and the one that does not.
const SWITCHES: [(&str, &str, &str); 3] = [
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ("user.max_user_namespaces", "0", "15000"),
];

/// The namespace this process is now in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Whether it took a user namespace too: then this process and its children believe to be root,
    /// and files they make belong to whoever started them.
    pub user: bool,
    /// What could not be set inside it, and what will therefore not work. Not fatal.
    pub warnings: Vec<String>,
}

/// Moves this process into a network namespace of its own, in which it may do as it likes: directly
/// when that is permitted, else by way of a user namespace, in which whoever started it is root
/// (any other user id, and `exec` would drop the capabilities). Inside, unprivileged `ping` works,
/// and packets are forwarded between interfaces.
///
/// After an error the process may be halfway: it should end.
///
/// # Errors
///
/// The kernel has no namespaces, or does not let us.
///
/// # Panics
///
/// When this process has more than one thread: the others would stay where they are.
pub fn enter() -> Result<Namespace, NamespaceError> {
    let threads = fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    assert_eq!(threads, 1, "a namespace is entered before the first thread is started");

    let user = match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => false,
        Err(Errno::EPERM) => {
            enter_user_namespace()?;
            true
        }
        Err(errno) => return Err(NamespaceError::new("make a network namespace", errno.into())),
    };
    Ok(Namespace { user, warnings: open_up() })
}

/// Allows everybody to ping and packets of both families to pass in the namespace of this thread. Returns
/// what could not be set.
pub(super) fn open_up() -> Vec<String> {
    let settings = [
        ("ipv4/ping_group_range", "0 0", "ping may need privileges"),
        ("ipv4/ip_forward", "1", "a nested glass get reaches only the addresses of this namespace"),
        ("ipv6/conf/default/disable_ipv6", "0", "there is no IPv6"),
        (
            "ipv6/conf/all/forwarding",
            "1",
            "a nested glass get reaches only addresses of this namespace",
        ),
    ];
    let failed = settings.into_iter().filter_map(|(name, value, then)| {
        // The kernel answers for the namespace of whoever opens the file.
        let path = format!("/proc/sys/net/{name}");
        let error = fs::write(&path, value).err()?;
        // Whether there is IPv6 at all is said elsewhere.
        let is_missing = error.kind() == io::ErrorKind::NotFound && name.starts_with("ipv6");
        (!is_missing).then(|| format!("cannot write {value:?} to {path}: {error}; {then}"))
    });
    failed.collect()
}

fn enter_user_namespace() -> Result<(), NamespaceError> {
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
        .map_err(|errno| NamespaceError::new("make a user namespace", errno.into()))?;
    // A program with file capabilities (setcap) is not dumpable, and its /proc/self is root's: not
    // the root that we are now. There is nothing in this process that its user may not see.
    let _ = prctl::set_dumpable(true);
    for (file, text) in [
        // Whoever may not set groups may map one: or they could shed a group that forbids something.
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("0 {user} 1")),
        ("gid_map", format!("0 {group} 1")),
    ] {
        let path = Path::new("/proc/self").join(file);
        fs::write(path, text)
            .map_err(|error| NamespaceError::new("become root in a user namespace", error))?;
    }
    Ok(())
}

/// Why there is no namespace, and what to do.
#[derive(Debug)]
pub struct NamespaceError {
    doing: &'static str,
    source: io::Error,
    /// The commands that turn off what forbids it, as far as we can see.
    remedies: Vec<String>,
}

impl NamespaceError {
    pub(super) fn new(doing: &'static str, source: io::Error) -> Self {
        NamespaceError { doing, source, remedies: remedies(Path::new("/proc/sys")) }
    }

    /// The program's exit code: 77 when it is not permitted, 69 when the kernel has no namespaces or
    /// no more of them, 125 for anything else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match Errno::from_raw(self.source.raw_os_error().unwrap_or(0)) {
            Errno::EPERM | Errno::EACCES => NO_PERMISSION,
            // A limit of zero is a ban.
            Errno::ENOSPC | Errno::EUSERS if !self.remedies.is_empty() => NO_PERMISSION,
            Errno::ENOSPC | Errno::EUSERS | Errno::EINVAL | Errno::ENOSYS => UNAVAILABLE,
            _ => FAILED,
        }
    }
}

impl fmt::Display for NamespaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}. ", self.doing, self.source)?;
        match self.exit_code() {
            NO_PERMISSION if self.remedies.is_empty() => f.write_str(
                "Run glass as root. In a container, start it with --privileged, or with --cap-add \
                 NET_ADMIN --cap-add SYS_ADMIN, and with --device /dev/net/tun",
            ),
            NO_PERMISSION => {
                f.write_str("Run glass as root, or let users make user namespaces:")?;
                self.remedies.iter().try_for_each(|command| write!(f, "\n    {command}"))
            }
            UNAVAILABLE => f.write_str(
                "The kernel was built without namespaces (CONFIG_NET_NS, CONFIG_USER_NS), or has no \
                 more to give: see /proc/sys/user/max_net_namespaces",
            ),
            _ => f.write_str("Running glass as root may help"),
        }
    }
}

/// The message holds what the system said, so there is no `source` to print after it.
impl std::error::Error for NamespaceError {}

/// The commands for those of the switches under `root` that stand in the way.
fn remedies(root: &Path) -> Vec<String> {
    let stands_in_the_way = |name: &str, bad: &str| {
        let file = root.join(name.replace('.', "/"));
        fs::read_to_string(file).is_ok_and(|value| value.trim() == bad)
    };
    SWITCHES
        .iter()
        .filter(|(name, bad, _)| stands_in_the_way(name, bad))
        .map(|(name, _, good)| format!("sudo sysctl -w {name}={good}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(errno: Errno, remedies: &[&str]) -> NamespaceError {
        let remedies = remedies.iter().map(|&command| command.to_owned()).collect();
        NamespaceError { doing: "make a user namespace", source: errno.into(), remedies }
    }

    #[test]
    fn only_the_switch_that_stands_in_the_way_is_named() {
        let root = std::env::temp_dir().join(format!("glass-switches-{}", std::process::id()));
        fs::create_dir_all(root.join("kernel")).unwrap();
        fs::create_dir_all(root.join("user")).unwrap();
        fs::write(root.join("kernel/unprivileged_userns_clone"), "1\n").unwrap();
        fs::write(root.join("kernel/apparmor_restrict_unprivileged_userns"), "1\n").unwrap();
        fs::write(root.join("user/max_user_namespaces"), "0\n").unwrap();
        let found = remedies(&root);
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(
            found,
            [
                "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
                "sudo sysctl -w user.max_user_namespaces=15000",
            ]
        );
        assert!(remedies(&root).is_empty());
    }

    #[test]
    fn each_message_says_what_to_do() {
        let switch = "sudo sysctl -w kernel.unprivileged_userns_clone=1";
        for (error, code, words) in [
            (error(Errno::EPERM, &[switch]), 77, switch),
            (error(Errno::EPERM, &[]), 77, "--cap-add"),
            (error(Errno::ENOSPC, &[switch]), 77, switch),
            (error(Errno::ENOSPC, &[]), 69, "max_net_namespaces"),
            (error(Errno::EINVAL, &[]), 69, "CONFIG_USER_NS"),
            (error(Errno::ENOMEM, &[]), 125, "root"),
        ] {
            assert_eq!(error.exit_code(), code, "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
