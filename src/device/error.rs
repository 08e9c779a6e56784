//! Why there is no TUN, in words that say what to do about it.

use std::{fmt, io};

use super::cidr::Cidr;

/// Exit code: the command line is wrong.
const USAGE: u8 = 2;
/// Exit code: the device or the environment is not available (`EX_UNAVAILABLE` of sysexits.h).
const UNAVAILABLE: u8 = 69;
/// Exit code: permission is missing (`EX_NOPERM` of sysexits.h).
const NO_PERMISSION: u8 = 77;

/// Why a TUN could not be made, attached or set up. Each message names what was asked for and ends
/// with what to do.
#[derive(Debug)]
pub enum TunError {
    /// The kernel would not take this as the name of an interface, or would change it.
    BadName {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is no `/dev/net/tun`, or no driver behind it.
    NoDriver(io::Error),
    /// `/dev/net/tun` may not be opened.
    OpenDenied(io::Error),
    /// Making the interface, or setting it up, takes `CAP_NET_ADMIN`.
    CreateDenied {
        /// The interface.
        name: String,
    },
    /// There is an interface of this name, which is never taken silently.
    Taken {
        /// The interface.
        name: String,
        /// What it is, in words: "a persistent TUN".
        kind: String,
        /// Whether it could be attached instead.
        attachable: bool,
    },
    /// Another process is attached to the TUN.
    Busy {
        /// The interface.
        name: String,
    },
    /// The address, or its network, is on another interface of this host.
    AddressTaken {
        /// The address that was asked for.
        address: Cidr,
        /// The address that stands in its way.
        other: Cidr,
        /// The interface that has it.
        interface: String,
    },
    /// There is no interface of this name to attach to.
    Missing {
        /// The interface.
        name: String,
        /// The commands that make it.
        commands: Vec<String>,
    },
    /// The TUN belongs to somebody else.
    NotOwner {
        /// The interface.
        name: String,
        /// The user id it belongs to, if it belongs to a user.
        owner: Option<u32>,
        /// The group id it belongs to, if it belongs to a group.
        group: Option<u32>,
    },
    /// The interface is there but cannot be attached as it is.
    Unfit {
        /// The interface.
        name: String,
        /// All that is wrong with it.
        faults: Vec<Fault>,
    },
    /// Offload was insisted on, and the kernel has none for a TUN.
    NoOffload {
        /// The interface.
        name: String,
    },
    /// Several queues were asked for, and the kernel's TUNs have one each.
    NoQueues {
        /// The interface.
        name: String,
    },
    /// The system refused something else.
    System {
        /// What was being done.
        doing: &'static str,
        /// The interface.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}

/// One thing that is wrong with an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong: "the link is down".
    pub what: String,
    /// The commands that mend it.
    pub mend: Vec<String>,
}

impl TunError {
    /// The program's exit code: 77 when permission is missing, 69 when the device is not to be had,
    /// 2 when the name can never be right.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            TunError::BadName { .. } => USAGE,
            TunError::OpenDenied(_) => NO_PERMISSION,
            TunError::CreateDenied { .. } => NO_PERMISSION,
            TunError::NotOwner { .. } => NO_PERMISSION,
            TunError::NoDriver(_) => UNAVAILABLE,
            TunError::Taken { .. } => UNAVAILABLE,
            TunError::Busy { .. } => UNAVAILABLE,
            TunError::AddressTaken { .. } => UNAVAILABLE,
            TunError::Missing { .. } => UNAVAILABLE,
            TunError::Unfit { .. } => UNAVAILABLE,
            TunError::NoOffload { .. } => UNAVAILABLE,
            TunError::NoQueues { .. } => UNAVAILABLE,
            TunError::System { .. } => UNAVAILABLE,
        }
    }
}

impl fmt::Display for TunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TunError::BadName { name, why } => {
                write!(f, "{name:?} cannot be the name of an interface: {why}")
            }
            TunError::NoDriver(source) => write!(
                f,
                "cannot open /dev/net/tun: {source}. There is no TUN driver here. On a host, load \
                 it: sudo modprobe tun. In a container, pass it in: docker run --device \
                 /dev/net/tun ..."
            ),
            TunError::OpenDenied(source) => write!(
                f,
                "cannot open /dev/net/tun: {source}. Run glass as root, or let everybody open the \
                 device, as udev does: sudo chmod 0666 /dev/net/tun. In a container, pass it in: \
                 docker run --device /dev/net/tun ..."
            ),
            TunError::CreateDenied { name } => fmt_create_denied(f, name),
            TunError::Taken { name, kind, attachable } => {
                write!(f, "there is an interface {name} already: {kind}. Choose another name")?;
                if *attachable { f.write_str(", or ask to attach to it") } else { Ok(()) }
            }
            TunError::Busy { name } => write!(
                f,
                "another process is attached to the TUN {name}. Stop it, or choose another name"
            ),
            TunError::AddressTaken { address, other, interface } => write!(
                f,
                "{address} cannot be given to a TUN: the interface {interface} has {other}, and \
                 packets would go there. Choose another address, or stop what uses {interface}"
            ),
            TunError::Missing { name, commands } => {
                write!(f, "there is no interface {name} to attach to. Make it:")?;
                fmt_commands(f, commands)
            }
            TunError::NotOwner { name, owner, group } => fmt_not_owner(f, name, *owner, *group),
            TunError::Unfit { name, faults } => {
                write!(f, "cannot attach to the interface {name}:")?;
                faults.iter().try_for_each(|fault| {
                    write!(f, "\n  {}", fault.what)?;
                    fmt_commands(f, &fault.mend)
                })
            }
            TunError::NoOffload { name } => write!(
                f,
                "the kernel here has no segmentation offload for the TUN {name} (IFF_VNET_HDR and \
                 TUNSETOFFLOAD, which Linux has). Use --offload auto, which does without, or \
                 --offload off"
            ),
            TunError::NoQueues { name } => write!(
                f,
                "the kernel here gives the TUN {name} one queue only (IFF_MULTI_QUEUE is in Linux 3.8 \
                 and later). Use --queues 1"
            ),
            TunError::System { doing, name, source } => {
                write!(f, "cannot {doing} {name}: {source}")
            }
        }
    }
}

/// The message holds what the system said, so there is no `source` to print after it.
impl std::error::Error for TunError {}

fn fmt_create_denied(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let program = std::env::current_exe().map_or("glass".into(), |path| path.display().to_string());
    write!(f, "making the TUN {name} takes CAP_NET_ADMIN, which this process lacks. One of:")?;
    fmt_commands(
        f,
        &[
            "glass run -- CMD...                     # in a network namespace: no root needed"
                .to_owned(),
            "sudo glass ...                          # as root".to_owned(),
            format!("sudo setcap cap_net_admin+ep {program}    # for everybody who runs this file"),
            format!(
                "sudo ip tuntap add dev {name} mode tun user $USER    # a TUN of yours, to attach to"
            ),
        ],
    )
}

fn fmt_not_owner(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    owner: Option<u32>,
    group: Option<u32>,
) -> fmt::Result {
    write!(f, "the TUN {name} belongs to ")?;
    match (owner, group) {
        (Some(owner), Some(group)) => write!(f, "user {owner} and group {group}")?,
        (Some(owner), None) => write!(f, "user {owner}")?,
        (None, Some(group)) => write!(f, "group {group}")?,
        (None, None) => f.write_str("somebody else")?,
    }
    write!(f, ", and this process is user {}. Make it yours:", nix::unistd::geteuid())?;
    fmt_commands(
        f,
        &[
            format!("sudo ip tuntap del dev {name} mode tun"),
            format!("sudo ip tuntap add dev {name} mode tun user $USER"),
        ],
    )
}

fn fmt_commands(f: &mut fmt::Formatter<'_>, commands: &[String]) -> fmt::Result {
    commands.iter().try_for_each(|command| write!(f, "\n    {command}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied() -> io::Error {
        io::Error::from_raw_os_error(13)
    }

    #[test]
    fn each_message_says_what_to_do() {
        let name = || "glass0".to_owned();
        let cases = [
            (TunError::NoDriver(io::ErrorKind::NotFound.into()), 69, "modprobe tun"),
            (TunError::OpenDenied(denied()), 77, "chmod 0666"),
            (TunError::CreateDenied { name: name() }, 77, "setcap cap_net_admin+ep"),
            (TunError::CreateDenied { name: name() }, 77, "ip tuntap add dev glass0 mode tun user"),
            (TunError::CreateDenied { name: name() }, 77, "glass run"),
            (TunError::Busy { name: name() }, 69, "another name"),
            (
                TunError::Taken { name: name(), kind: "a bridge".into(), attachable: false },
                69,
                "a bridge",
            ),
            (TunError::NotOwner { name: name(), owner: Some(7), group: None }, 77, "user 7"),
            (TunError::BadName { name: name(), why: "no" }, 2, "\"glass0\""),
            (TunError::NoOffload { name: name() }, 69, "--offload auto"),
            (TunError::NoQueues { name: name() }, 69, "--queues 1"),
        ];
        for (error, code, words) in cases {
            assert_eq!(error.exit_code(), code, "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn each_fault_comes_with_its_commands() {
        let fault = |what: &str, mend: &str| Fault { what: what.into(), mend: vec![mend.into()] };
        let faults = vec![fault("the link is down", "ip link"), fault("no address", "ip addr")];
        let error = TunError::Unfit { name: "t".into(), faults };
        assert_eq!(
            error.to_string(),
            "cannot attach to the interface t:\n  the link is down\n    ip link\n  no address\n    \
             ip addr"
        );
    }
}
