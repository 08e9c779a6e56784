//! A TUN that does the work of a network card: the kernel cuts long segments, puts those that arrive
//! together, and leaves checksums alone that never see a wire. In front of each packet stands a
//! virtio-net header that says which of these is due (virtio 1.2, 5.1.6; linux/virtio_net.h).
//!
//! Opening such a TUN and asking for offloads are two requests that no crate of ours makes: the only
//! unsafe code for it is here.

use std::ffi::c_char;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;

use crate::wire::Frame;

/// Octets of the header.
pub(super) const HEADER: usize = 10;

/// The checksum is still to be filled in; on what we read: it has never been on a wire.
const NEEDS_CHECKSUM: u8 = 1;
/// The kernel has looked at the checksum.
const CHECKSUM_VALID: u8 = 2;

const NO_SEGMENTS: u8 = 0;
const TCP_IPV4: u8 = 1;

/// Where the checksum stands in a TCP header.
const TCP_CHECKSUM: u16 = 16;
/// The IPv4 headers we send have no options.
const IPV4_HEADER: u16 = 20;

/// Opens `/dev/net/tun` and makes, or attaches to, the interface `name`, with a virtio-net header in
/// front of each packet. Returns the name as well: a `%d` in it has become a number.
///
/// # Errors
///
/// As of the request `TUNSETIFF`; `EINVAL` from kernels that know no such header.
#[allow(unsafe_code, reason = "a request to the kernel that no crate makes")]
pub(super) fn open(name: &str) -> io::Result<(File, String)> {
    let file = OpenOptions::new().read(true).write(true).open("/dev/net/tun")?;
    // SAFETY: `ifreq` is plain data, for which zeros are a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let room = request.ifr_name.len() - 1;
    for (to, octet) in request.ifr_name[..room].iter_mut().zip(name.bytes()) {
        *to = c_char::from_ne_bytes([octet]);
    }
    let flags = libc::IFF_TUN | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
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

/// Asks the kernel to hand over TCP segments as they are sent, long and without checksums; as much of
/// that as it grants. Says whether long ones can come.
pub(super) fn ask_for_long_segments(file: &File) -> bool {
    let checksum = libc::TUN_F_CSUM;
    let long = checksum | libc::TUN_F_TSO4 | libc::TUN_F_TSO6 | libc::TUN_F_TSO_ECN;
    set(file, long).is_ok() || {
        // Without: each packet as it is, at most without its checksum.
        let _ = set(file, checksum).or_else(|_| set(file, 0));
        false
    }
}

/// Takes back what somebody else has asked for before.
pub(super) fn ask_for_nothing(file: &File) {
    let _ = set(file, 0);
}

#[allow(unsafe_code, reason = "a request to the kernel that no crate makes")]
fn set(file: &File, offloads: libc::c_uint) -> io::Result<()> {
    let offloads = libc::c_ulong::from(offloads);
    // SAFETY: the descriptor is open, and TUNSETOFFLOAD takes a number and no memory.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETOFFLOAD, offloads) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The header in front of a frame of ours.
pub(super) fn header(frame: &Frame) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    if !frame.offload.checksum {
        return header;
    }
    header[0] = NEEDS_CHECKSUM;
    header[1] = NO_SEGMENTS;
    if frame.offload.segment_size > 0 {
        let head_len = u16::try_from(frame.head.len()).expect("headers are short");
        header[1] = TCP_IPV4;
        header[2..4].copy_from_slice(&head_len.to_ne_bytes());
        header[4..6].copy_from_slice(&frame.offload.segment_size.to_ne_bytes());
    }
    header[6..8].copy_from_slice(&IPV4_HEADER.to_ne_bytes());
    header[8..10].copy_from_slice(&TCP_CHECKSUM.to_ne_bytes());
    header
}

/// Whether the kernel vouches for the checksum of a packet with this header.
pub(super) fn is_verified(header: &[u8]) -> bool {
    header.first().is_some_and(|flags| flags & (NEEDS_CHECKSUM | CHECKSUM_VALID) != 0)
}

/// How long the segments are that a packet with this header was put together from; 0 for one alone.
pub(super) fn segment_size(header: &[u8]) -> u16 {
    match header {
        [_, kind, _, _, low, high, ..] if *kind != NO_SEGMENTS => u16::from_ne_bytes([*low, *high]),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Offload;

    #[test]
    fn the_header_says_what_is_left_to_do() {
        let plain = Frame { head: [0; 40].as_slice().into(), ..Frame::default() };
        assert_eq!(header(&plain), [0; HEADER]);
        let checksum = Offload { checksum: true, segment_size: 0 };
        let frame = Frame { offload: checksum, ..plain.clone() };
        assert_eq!((header(&frame)[0], header(&frame)[1]), (1, 0));
        let long = Offload { checksum: true, segment_size: 1448 };
        let frame = header(&Frame { offload: long, ..plain });
        let number = |at: usize| u16::from_ne_bytes([frame[at], frame[at + 1]]);
        assert_eq!((frame[0], frame[1]), (1, 1));
        assert_eq!([number(2), number(4), number(6), number(8)], [40, 1448, 20, 16]);
    }

    #[test]
    fn only_what_the_kernel_says_is_verified() {
        assert!(!is_verified(&[0; HEADER]) && !is_verified(&[]));
        assert_eq!((segment_size(&[0; HEADER]), segment_size(&[])), (0, 0));
        assert!(is_verified(&[1, 0, 0, 0]) && is_verified(&[2, 0]));
    }
}
