//! Sockets but for their data: from `socket` to `close`.

use std::ffi::{c_int, c_long, c_ulong};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use glasstack::drill::host::{Call, Errno, Fd, How, Reply};
use libc::{sa_family_t, sockaddr_in, sockaddr_in6, socklen_t};

use crate::memory::{In, Out, User, answer};
use crate::world::World;

/// Octets that were written and not sent yet (`linux/sockios.h`).
const SIOCOUTQNSD: c_ulong = 0x894b;

/// The number that a call brought.
pub(crate) fn number(reply: &Reply) -> i64 {
    match reply {
        Reply::Number(number) | Reply::Polled(number, _) => *number,
        Reply::File(fd) | Reply::Accepted(fd, _) => (*fd).into(),
        Reply::Events(found) => i64::try_from(found.len()).expect("a length in memory"),
        Reply::Received(octets) => i64::try_from(octets.len()).expect("a length in memory"),
        Reply::Option(_) | Reply::Addr(_) => 0,
    }
}

/// A call that brings a number.
fn plain(user: User, call: Call) -> c_int {
    answer(user, |world| world.call(call).map(|reply| number(&reply)))
}

/// A call that brings a file: without a descriptor for it, it is given up.
pub(crate) fn opened(world: &World, reply: &Reply) -> Result<i64, Errno> {
    match reply {
        Reply::File(-1) | Reply::Accepted(-1, _) => {
            world.call(Call::Close { fd: -1 })?;
            Err(Errno::EMFILE)
        }
        reply => Ok(number(reply)),
    }
}

pub(crate) extern "C" fn socket(user: User, domain: c_int, kind: c_int, protocol: c_int) -> c_int {
    const FLAGS: c_int = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    answer(user, |world| {
        if !world.has_domain(domain) {
            return Err(Errno::EAFNOSUPPORT);
        }
        let of_tcp = protocol == 0 || protocol == libc::IPPROTO_TCP;
        if kind & !FLAGS != libc::SOCK_STREAM || !of_tcp {
            return Err(Errno::EPROTONOSUPPORT);
        }
        let nonblocking = kind & libc::SOCK_NONBLOCK != 0;
        opened(world, &world.call(Call::Socket { nonblocking })?)
    })
}

pub(crate) extern "C" fn bind(user: User, fd: c_int, addr: In<u8>, len: socklen_t) -> c_int {
    answer(user, |world| world.bind(fd, address(addr, len)?).map(|reply| number(&reply)))
}

pub(crate) extern "C" fn listen(user: User, fd: c_int, backlog: c_int) -> c_int {
    plain(user, Call::Listen { fd, backlog })
}

pub(crate) extern "C" fn accept(
    user: User,
    fd: c_int,
    addr: Out<u8>,
    len: Out<socklen_t>,
) -> c_int {
    answer(user, |world| {
        if !addr.is_null() && len.is_null() {
            return Err(Errno::EFAULT);
        }
        let reply = world.call(Call::Accept { fd, nonblocking: false })?;
        if let Reply::Accepted(_, peer) = &reply {
            tell_address(*peer, world.has_long_addresses(), addr, len)?;
        }
        opened(world, &reply)
    })
}

pub(crate) extern "C" fn connect(user: User, fd: c_int, addr: In<u8>, len: socklen_t) -> c_int {
    answer(user, |world| world.connect(fd, address(addr, len)?).map(|reply| number(&reply)))
}

pub(crate) extern "C" fn fcntl(user: User, fd: c_int, command: c_int, value: c_long) -> c_int {
    answer(user, |world| {
        let call = match command {
            libc::F_GETFL => Call::GetFlags { fd },
            // The upper half is not C's: it passes an `int`.
            #[expect(clippy::cast_possible_truncation, reason = "an int in a wider register")]
            libc::F_SETFL => Call::SetFlags { fd, flags: value as c_int },
            libc::F_GETFD => Call::GetDescriptorFlags { fd },
            libc::F_SETFD => Call::SetDescriptorFlags { fd },
            _ => return unknown(world, fd, Errno::EINVAL),
        };
        world.call(call).map(|reply| number(&reply))
    })
}

pub(crate) extern "C" fn ioctl(
    user: User,
    fd: c_int,
    request: c_ulong,
    value: Out<c_int>,
) -> c_int {
    answer(user, |world| {
        let call = match request {
            0x8905 => Call::AtMark { fd },
            libc::FIONREAD => Call::BytesReadable { fd },
            libc::TIOCOUTQ => Call::BytesUnacknowledged { fd },
            SIOCOUTQNSD => Call::BytesUnsent { fd },
            libc::FIONBIO => {
                let nonblocking = value.as_in().read()? != 0;
                return world.call(Call::SetNonblocking { fd, nonblocking }).map(|_| 0);
            }
            _ => return unknown(world, fd, Errno::ENOTTY),
        };
        let octets = number(&world.call(call)?);
        value.write(c_int::try_from(octets).unwrap_or(c_int::MAX))?;
        Ok(0)
    })
}

/// The answer to a command nobody knows, unless the file is what is wrong.
fn unknown(world: &World, fd: Fd, errno: Errno) -> Result<i64, Errno> {
    world.call(Call::GetDescriptorFlags { fd })?;
    Err(errno)
}

pub(crate) extern "C" fn close(user: User, fd: c_int) -> c_int {
    answer(user, |world| {
        world.call(Call::Close { fd })?;
        // The host knew it, so it is one of ours; when it is closed already, so much the better.
        let _ = nix::unistd::close(fd);
        Ok(0)
    })
}

pub(crate) extern "C" fn shutdown(user: User, fd: c_int, how: c_int) -> c_int {
    answer(user, |world| {
        let how = match how {
            libc::SHUT_RD => How::Read,
            libc::SHUT_WR => How::Write,
            libc::SHUT_RDWR => How::Both,
            _ => return unknown(world, fd, Errno::EINVAL),
        };
        world.call(Call::Shutdown { fd, how }).map(|reply| number(&reply))
    })
}

/// An address that C passes; one of IPv4 in the form of IPv6 is one of IPv4.
fn address(addr: In<u8>, len: socklen_t) -> Result<SocketAddr, Errno> {
    let holds = |least: usize| if (len as usize) < least { Err(Errno::EINVAL) } else { Ok(()) };
    if addr.is_null() {
        return Err(Errno::EFAULT);
    }
    holds(size_of::<sa_family_t>())?;
    let family: sa_family_t = addr.cast().read()?;
    match c_int::from(family) {
        libc::AF_INET => {
            holds(size_of::<sockaddr_in>())?;
            let addr: sockaddr_in = addr.cast().read()?;
            let ip = Ipv4Addr::from_bits(u32::from_be(addr.sin_addr.s_addr));
            Ok(SocketAddrV4::new(ip, u16::from_be(addr.sin_port)).into())
        }
        libc::AF_INET6 => {
            holds(size_of::<sockaddr_in6>())?;
            let addr: sockaddr_in6 = addr.cast().read()?;
            let ip = Ipv6Addr::from(addr.sin6_addr.s6_addr);
            Ok(SocketAddr::new(ip.to_canonical(), u16::from_be(addr.sin6_port)))
        }
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

/// Puts as much of an address as there is room for, and says how long it is; a null says not to. `is_long`:
/// in the form of IPv6, whatever it is.
fn tell_address(
    told: SocketAddr,
    is_long: bool,
    addr: Out<u8>,
    len: Out<socklen_t>,
) -> Result<(), Errno> {
    if addr.is_null() {
        return Ok(());
    }
    let octets = match told {
        SocketAddr::V4(told) if is_long => {
            long(SocketAddrV6::new(told.ip().to_ipv6_mapped(), told.port(), 0, 0))
        }
        SocketAddr::V4(told) => short(told),
        SocketAddr::V6(told) => long(told),
    };
    let room = (len.as_in().read()? as usize).min(octets.len());
    addr.octets(&octets[..room])?;
    len.write(socklen_t::try_from(octets.len()).expect("28 at most"))
}

/// `struct sockaddr_in`.
fn short(addr: SocketAddrV4) -> Vec<u8> {
    let mut octets = head(libc::AF_INET, addr.port());
    octets.extend(addr.ip().octets());
    octets.resize(size_of::<sockaddr_in>(), 0);
    octets
}

/// `struct sockaddr_in6`.
fn long(addr: SocketAddrV6) -> Vec<u8> {
    let mut octets = head(libc::AF_INET6, addr.port());
    octets.extend(addr.flowinfo().to_be_bytes());
    octets.extend(addr.ip().octets());
    octets.extend(addr.scope_id().to_ne_bytes());
    octets
}

fn head(family: c_int, port: u16) -> Vec<u8> {
    let family = sa_family_t::try_from(family).expect("a small number");
    family.to_ne_bytes().into_iter().chain(port.to_be_bytes()).collect()
}
