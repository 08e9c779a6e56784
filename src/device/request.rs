//! What is asked of the TUN driver that no crate of ours asks: queues, a header in front of each packet,
//! the offloads behind it. The only unsafe code for these is here.

use std::ffi::c_char;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;

/// What a TUN can have beside the plain one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kind {
    /// A virtio-net header in front of each packet.
    pub has_header: bool,
    /// Several queues.
    pub multi_queue: bool,
}

impl Kind {
    fn flags(self) -> libc::c_int {
        let header = if self.has_header { libc::IFF_VNET_HDR } else { 0 };
        let queues = if self.multi_queue { libc::IFF_MULTI_QUEUE } else { 0 };
        header | queues
    }
}

/// Opens the driver. What comes of it is no TUN yet.
///
/// # Errors
///
/// As of the system.
pub(super) fn open_driver() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/net/tun")
}

/// What the driver knows of. A driver that does not say is taken to know all: it will refuse then.
#[allow(unsafe_code, reason = "a request to the kernel that no crate makes")]
pub(super) fn known(driver: &File) -> Kind {
    let mut flags: libc::c_uint = 0;
    // SAFETY: the descriptor is open, and TUNGETFEATURES writes one unsigned int.
    let result = unsafe { libc::ioctl(driver.as_raw_fd(), libc::TUNGETFEATURES, &raw mut flags) };
    let all = Kind { has_header: true, multi_queue: true };
    if result < 0 {
        return all;
    }
    let knows = |flag: libc::c_int| flags & flag.cast_unsigned() != 0;
    Kind { has_header: knows(libc::IFF_VNET_HDR), multi_queue: knows(libc::IFF_MULTI_QUEUE) }
}

/// Makes, or attaches to, a queue of the interface `name`. Returns the name as well: a `%d` in it has
/// become a number.
///
/// # Errors
///
/// As of the request `TUNSETIFF`; `EINVAL` from kernels that know no such kind.
#[allow(unsafe_code, reason = "a request to the kernel that no crate makes")]
pub(super) fn open(name: &str, kind: Kind) -> io::Result<(File, String)> {
    let file = open_driver()?;
    // SAFETY: `ifreq` is plain data, for which zeros are a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let room = request.ifr_name.len() - 1;
    for (to, octet) in request.ifr_name[..room].iter_mut().zip(name.bytes()) {
        *to = c_char::from_ne_bytes([octet]);
    }
    let flags = libc::IFF_TUN | libc::IFF_NO_PI | kind.flags();
    request.ifr_ifru.ifru_flags = i16::try_from(flags).expect("the flags are sixteen bits");
    // SAFETY: the descriptor is open, and the request is as TUNSETIFF wants it and outlives the call.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let given = request.ifr_name.iter().map(|letter| letter.to_ne_bytes()[0]);
    let given = given.take_while(|letter| *letter != 0).collect();
    let given = String::from_utf8(given).unwrap_or_else(|_| name.to_owned());
    Ok((file, given))
}

/// Says which offloads (`TUN_F_*`) whoever reads from the TUN can do with; they are one set for all of
/// its queues.
///
/// # Errors
///
/// `EINVAL` when the kernel does not know one of them.
#[allow(unsafe_code, reason = "a request to the kernel that no crate makes")]
pub(super) fn set_offloads(file: &File, offloads: libc::c_uint) -> io::Result<()> {
    let offloads = libc::c_ulong::from(offloads);
    // SAFETY: the descriptor is open, and TUNSETOFFLOAD takes a number and no memory.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETOFFLOAD, offloads) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
