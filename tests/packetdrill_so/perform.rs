//! Calls of scripts, made through the table of C functions. Where the table has several functions for the same
//! thing (read, readv, recv, recvfrom, recvmsg), each has its turn.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use glasstack::drill::host::{Call, Fd, How, PollFd, Reply, TcpInfo, Value, Watch, WatchChange};
use libc::{epoll_event, pollfd, sockaddr_in, sockaddr_in6, socklen_t};
use nix::errno::Errno;

use super::library::{Answer, Host};

/// What a call brought.
type Performed = Result<Reply, Errno>;

/// The turn of the functions that do the same.
static TURN: AtomicUsize = AtomicUsize::new(0);

/// Room for the longest option.
const ROOM: u32 = 1_000;

/// Makes `call` as a program in C would. `domain` is the family of its sockets.
pub fn perform(host: &Host, call: &Call, domain: i32) -> Performed {
    let number = |answer: Answer| answer.map(Reply::Number);
    match call {
        Call::Socket { nonblocking } => {
            let kind = libc::SOCK_STREAM | if *nonblocking { libc::SOCK_NONBLOCK } else { 0 };
            host.socket(domain, kind, libc::IPPROTO_TCP).map(file)
        }
        Call::Bind { fd, addr } => number(host.bind_to(*fd, in_family(*addr, domain))),
        Call::Listen { fd, backlog } => number(host.listen_to(*fd, *backlog)),
        Call::Accept { fd, nonblocking } => accept(host, *fd, *nonblocking),
        Call::Connect { fd, addr } => number(host.connect_to(*fd, in_family(*addr, domain))),
        Call::Receive { fd, len, flags } => receive(host, *fd, *len, *flags),
        Call::Send { fd, data, flags } => number(send(host, *fd, data, *flags)),
        Call::GetFlags { fd } => number(host.fcntl(*fd, libc::F_GETFL, 0)),
        Call::SetFlags { fd, flags } => number(host.fcntl(*fd, libc::F_SETFL, *flags)),
        Call::GetDescriptorFlags { fd } => number(host.fcntl(*fd, libc::F_GETFD, 0)),
        Call::SetDescriptorFlags { fd } => number(host.fcntl(*fd, libc::F_SETFD, libc::FD_CLOEXEC)),
        // SIOCATMARK and SIOCOUTQNSD: linux/sockios.h.
        Call::AtMark { fd } => asked(host, *fd, 0x8905),
        Call::BytesReadable { fd } => asked(host, *fd, libc::FIONREAD),
        Call::BytesUnacknowledged { fd } => asked(host, *fd, libc::TIOCOUTQ),
        Call::BytesUnsent { fd } => asked(host, *fd, 0x894b),
        Call::SetNonblocking { fd, nonblocking } => {
            number(host.ioctl(*fd, libc::FIONBIO, &mut i32::from(*nonblocking)))
        }
        Call::Close { fd } => number(host.close(*fd)),
        Call::Shutdown { fd, how } => number(host.shutdown(*fd, direction(*how))),
        Call::GetOption { fd, level, name } => {
            let octets = host.option(*fd, (*level, *name), ROOM)?;
            Ok(Reply::Option(value((*level, *name), &octets)))
        }
        Call::SetOption { fd, level, name, value } => {
            number(host.set_option(*fd, (*level, *name), &octets(value)))
        }
        Call::Poll { fds, timeout } => poll(host, fds, *timeout),
        Call::EpollCreate => Ok(Reply::File(host.epoll_create())),
        Call::EpollControl { epoll, change, fd, watch } => {
            let change = match change {
                WatchChange::Add => libc::EPOLL_CTL_ADD,
                WatchChange::Modify => libc::EPOLL_CTL_MOD,
                WatchChange::Delete => libc::EPOLL_CTL_DEL,
            };
            let event = epoll_event { events: watch.events, u64: watch.data };
            number(host.epoll_change(*epoll, change, *fd, event))
        }
        Call::EpollWait { epoll, most, timeout } => {
            let found = host.epoll_events(*epoll, *most, millis(*timeout))?;
            let watch = |event: &epoll_event| Watch { events: event.events, data: event.u64 };
            Ok(Reply::Events(found.iter().map(watch).collect()))
        }
        Call::Name { .. } | Call::PeerName { .. } => {
            unreachable!("the interface has no getsockname, and scripts do not call it")
        }
    }
}

/// An address as a socket of that family has it (RFC 4291 2.5.5.2).
fn in_family(addr: SocketAddr, domain: i32) -> SocketAddr {
    match addr.ip() {
        IpAddr::V4(ip) if domain == libc::AF_INET6 => {
            SocketAddr::new(ip.to_ipv6_mapped().into(), addr.port())
        }
        _ => addr,
    }
}

fn file(number: i64) -> Reply {
    Reply::File(i32::try_from(number).expect("a descriptor"))
}

/// The interface has `accept` alone: what `accept4` adds is a call of its own.
fn accept(host: &Host, fd: Fd, nonblocking: bool) -> Performed {
    let (accepted, peer) = host.accept_from(fd)?;
    if nonblocking {
        host.fcntl(accepted, libc::F_SETFL, libc::O_NONBLOCK)?;
    }
    Ok(Reply::Accepted(accepted, peer))
}

fn receive(host: &Host, fd: Fd, len: usize, flags: i32) -> Performed {
    let turn = TURN.fetch_add(1, Ordering::Relaxed) % 5;
    let mut octets = vec![0; len];
    let (first, second) = octets.split_at_mut(len / 3);
    let got = match turn {
        0 if flags == 0 => host.read(fd, len).map(|got| scattered(&got, first, second)),
        1 if flags == 0 => host.readv(fd, &mut [first, second]).map(whole),
        2 => host.recvmsg_with(fd, &mut [first, second], flags).map(whole),
        3 => host.recvfrom(fd, len, flags).map(|got| scattered(&got, first, second)),
        _ => host.recv(fd, len, flags).map(|got| scattered(&got, first, second)),
    };
    octets.truncate(got?);
    Ok(Reply::Received(Bytes::from(octets)))
}

/// Puts what came in one piece where two pieces are.
fn scattered(got: &[u8], first: &mut [u8], second: &mut [u8]) -> usize {
    let here = got.len().min(first.len());
    first[..here].copy_from_slice(&got[..here]);
    second[..got.len() - here].copy_from_slice(&got[here..]);
    got.len()
}

fn whole(number: i64) -> usize {
    usize::try_from(number).expect("a length")
}

fn send(host: &Host, fd: Fd, data: &[u8], flags: i32) -> Answer {
    let turn = TURN.fetch_add(1, Ordering::Relaxed) % 5;
    let (first, second) = data.split_at(data.len() / 3);
    match turn {
        0 if flags == 0 => host.write(fd, data),
        1 if flags == 0 => host.writev(fd, &[first, second]),
        2 => host.sendmsg_with(fd, &[first, second], flags),
        3 => host.sendto(fd, data, flags),
        _ => host.send(fd, data, flags),
    }
}

/// What an ioctl leaves in its argument.
fn asked(host: &Host, fd: Fd, request: libc::c_ulong) -> Performed {
    let mut found = -1;
    host.ioctl(fd, request, &mut found)?;
    Ok(Reply::Number(found.into()))
}

fn direction(how: How) -> i32 {
    match how {
        How::Read => libc::SHUT_RD,
        How::Write => libc::SHUT_WR,
        How::Both => libc::SHUT_RDWR,
    }
}

fn poll(host: &Host, fds: &[PollFd], timeout: Option<Duration>) -> Performed {
    let entry = |entry: &PollFd| pollfd { fd: entry.fd, events: entry.events, revents: -1 };
    let mut asked: Vec<_> = fds.iter().map(entry).collect();
    let count = host.poll(&mut asked, millis(timeout))?;
    let told = asked.iter().map(|entry| PollFd {
        fd: entry.fd,
        events: entry.events,
        revents: entry.revents,
    });
    Ok(Reply::Polled(count, told.collect()))
}

fn millis(timeout: Option<Duration>) -> i32 {
    timeout.map_or(-1, |timeout| i32::try_from(timeout.as_millis()).expect("it was an int"))
}

/// An option as C passes it.
fn octets(value: &Value) -> Vec<u8> {
    match value {
        Value::Int(number) => number.to_ne_bytes().to_vec(),
        Value::Linger(on, seconds) => [i32::from(*on), *seconds].map(i32::to_ne_bytes).concat(),
        Value::Time(time) => {
            let seconds = i64::try_from(time.as_secs()).expect("not that long");
            [seconds, time.subsec_micros().into()].map(i64::to_ne_bytes).concat()
        }
        Value::Text(text) => text.clone().into_bytes(),
        Value::Info(_) => unreachable!("nobody sets TCP_INFO"),
    }
}

/// What C finds where an option was put.
fn value((level, name): (i32, i32), octets: &[u8]) -> Value {
    let int = |at: usize| i32::from_ne_bytes(octets[at..at + 4].try_into().expect("4 octets"));
    let long = |at: usize| i64::from_ne_bytes(octets[at..at + 8].try_into().expect("8 octets"));
    match (level, name) {
        (libc::SOL_SOCKET, libc::SO_LINGER) => Value::Linger(int(0) != 0, int(4)),
        (libc::SOL_SOCKET, libc::SO_RCVTIMEO | libc::SO_SNDTIMEO) => {
            let [seconds, micros] = [long(0), long(8)].map(|part| u64::try_from(part).expect("+"));
            Value::Time(Duration::from_secs(seconds) + Duration::from_micros(micros))
        }
        (libc::SOL_TCP, libc::TCP_CONGESTION) => {
            let name = octets.split(|octet| *octet == 0).next().unwrap_or_default();
            Value::Text(String::from_utf8(name.to_vec()).expect("a name"))
        }
        (libc::SOL_TCP, libc::TCP_INFO) => Value::Info(TcpInfo::from_octets(octets)),
        _ => Value::Int(int(0)),
    }
}

/// What the C calls with addresses of either version are.
// SAFETY of all of them: the pointers are to live memory of the length that is passed with them, and
// the table is the library's.
#[allow(clippy::undocumented_unsafe_blocks, reason = "said above for all of them")]
impl Host {
    pub fn bind_to(&self, fd: i32, addr: SocketAddr) -> Answer {
        let octets = address(addr);
        let len = length(&octets);
        told(unsafe { (self.0.bind)(self.0.user, fd, octets.as_ptr().cast(), len) })
    }

    pub fn connect_to(&self, fd: i32, addr: SocketAddr) -> Answer {
        let octets = address(addr);
        let len = length(&octets);
        told(unsafe { (self.0.connect)(self.0.user, fd, octets.as_ptr().cast(), len) })
    }

    pub fn listen_to(&self, fd: i32, backlog: i32) -> Answer {
        told(unsafe { (self.0.listen)(self.0.user, fd, backlog) })
    }

    /// The descriptor, and the peer.
    pub fn accept_from(&self, fd: i32) -> Result<(i32, SocketAddr), Errno> {
        let mut octets = [0_u8; size_of::<sockaddr_in6>()];
        let mut len = length(&octets);
        let room = octets.as_mut_ptr().cast();
        let fd = told(unsafe { (self.0.accept)(self.0.user, fd, room, &raw mut len) })?;
        let peer = read_address(&octets[..len as usize]);
        Ok((i32::try_from(fd).expect("a descriptor"), peer))
    }

    pub fn recvfrom(&self, fd: i32, len: usize, flags: i32) -> Result<Vec<u8>, Errno> {
        let mut octets = vec![0; len];
        let mut from = [0xee_u8; size_of::<sockaddr_in6>()];
        let mut from_len = length(&from);
        let got = unsafe {
            let (at, from) = (octets.as_mut_ptr().cast(), from.as_mut_ptr().cast());
            (self.0.recvfrom)(self.0.user, fd, at, len, flags, from, &raw mut from_len)
        };
        octets.truncate(whole(told(got as i64)?));
        assert_eq!(from_len, 0, "a stream does not say whom an octet is from");
        Ok(octets)
    }

    pub fn send(&self, fd: i32, data: &[u8], flags: i32) -> Answer {
        let (at, len) = (data.as_ptr().cast(), data.len());
        told(unsafe { (self.0.send)(self.0.user, fd, at, len, flags) } as i64)
    }

    pub fn sendto(&self, fd: i32, data: &[u8], flags: i32) -> Answer {
        let (at, len) = (data.as_ptr().cast(), data.len());
        let to = std::ptr::null();
        told(unsafe { (self.0.sendto)(self.0.user, fd, at, len, flags, to, 0) } as i64)
    }

    pub fn epoll_change(&self, epoll: i32, change: i32, fd: i32, event: epoll_event) -> Answer {
        let mut event = event;
        told(unsafe { (self.0.epoll_ctl)(self.0.user, epoll, change, fd, &raw mut event) })
    }

    pub fn epoll_events(
        &self,
        epoll: i32,
        most: usize,
        timeout: i32,
    ) -> Result<Vec<epoll_event>, Errno> {
        let mut found = vec![epoll_event { events: 0, u64: 0 }; most];
        let most = i32::try_from(most).expect("few");
        let count =
            unsafe { (self.0.epoll_wait)(self.0.user, epoll, found.as_mut_ptr(), most, timeout) };
        found.truncate(whole(told(count)?));
        Ok(found)
    }
}

fn told(result: impl Into<i64>) -> Answer {
    match result.into() {
        -1 => Err(Errno::last()),
        number => Ok(number),
    }
}

fn length(octets: &[u8]) -> socklen_t {
    socklen_t::try_from(octets.len()).expect("short")
}

/// `struct sockaddr_in` or `struct sockaddr_in6`.
fn address(addr: SocketAddr) -> Vec<u8> {
    let (family, size) = match addr.ip() {
        IpAddr::V4(_) => (libc::AF_INET, size_of::<sockaddr_in>()),
        IpAddr::V6(_) => (libc::AF_INET6, size_of::<sockaddr_in6>()),
    };
    let family = libc::sa_family_t::try_from(family).expect("a small number");
    let mut octets = [family.to_ne_bytes(), addr.port().to_be_bytes()].concat();
    match addr.ip() {
        IpAddr::V4(ip) => octets.extend(ip.octets()),
        IpAddr::V6(ip) => octets.extend([0; 4].into_iter().chain(ip.octets())),
    }
    octets.resize(size, 0);
    octets
}

fn read_address(octets: &[u8]) -> SocketAddr {
    let port = u16::from_be_bytes([octets[2], octets[3]]);
    let ip: IpAddr = match octets.len() {
        16 => Ipv4Addr::new(octets[4], octets[5], octets[6], octets[7]).into(),
        28 => Ipv6Addr::from(<[u8; 16]>::try_from(&octets[8..24]).expect("16")).into(),
        len => panic!("an address of {len} octets"),
    };
    SocketAddr::new(ip.to_canonical(), port)
}
