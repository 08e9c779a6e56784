//! The shared library as a tool sees it: found, loaded, and its table of C functions behind safe ones.

use std::ffi::{c_char, c_int, c_long, c_uint, c_ulong, c_void};
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

use libc::{epoll_event, iovec, loff_t, msghdr, nfds_t, pollfd, sockaddr, socklen_t, timeval};
use nix::errno::Errno;

use super::built::built;

/// What a call says: a number, or why not.
pub type Answer = Result<i64, Errno>;

type User = *mut c_void;

/// `struct packetdrill_interface`, in the words of C.
#[repr(C)]
pub struct Table {
    pub user: User,
    pub free: unsafe extern "C" fn(User),
    pub socket: unsafe extern "C" fn(User, c_int, c_int, c_int) -> c_int,
    pub bind: unsafe extern "C" fn(User, c_int, *const sockaddr, socklen_t) -> c_int,
    pub listen: unsafe extern "C" fn(User, c_int, c_int) -> c_int,
    pub accept: unsafe extern "C" fn(User, c_int, *mut sockaddr, *mut socklen_t) -> c_int,
    pub connect: unsafe extern "C" fn(User, c_int, *const sockaddr, socklen_t) -> c_int,
    pub read: unsafe extern "C" fn(User, c_int, *mut c_void, usize) -> isize,
    pub readv: unsafe extern "C" fn(User, c_int, *const iovec, c_int) -> isize,
    pub recv: unsafe extern "C" fn(User, c_int, *mut c_void, usize, c_int) -> isize,
    pub recvfrom: unsafe extern "C" fn(
        User,
        c_int,
        *mut c_void,
        usize,
        c_int,
        *mut sockaddr,
        *mut socklen_t,
    ) -> isize,
    pub recvmsg: unsafe extern "C" fn(User, c_int, *mut msghdr, c_int) -> isize,
    pub write: unsafe extern "C" fn(User, c_int, *const c_void, usize) -> isize,
    pub writev: unsafe extern "C" fn(User, c_int, *const iovec, c_int) -> isize,
    pub send: unsafe extern "C" fn(User, c_int, *const c_void, usize, c_int) -> isize,
    pub sendto: unsafe extern "C" fn(
        User,
        c_int,
        *const c_void,
        usize,
        c_int,
        *const sockaddr,
        socklen_t,
    ) -> isize,
    pub sendmsg: unsafe extern "C" fn(User, c_int, *const msghdr, c_int) -> isize,
    pub fcntl: unsafe extern "C" fn(User, c_int, c_int, ...) -> c_int,
    pub ioctl: unsafe extern "C" fn(User, c_int, c_ulong, ...) -> c_int,
    pub close: unsafe extern "C" fn(User, c_int) -> c_int,
    pub shutdown: unsafe extern "C" fn(User, c_int, c_int) -> c_int,
    pub getsockopt:
        unsafe extern "C" fn(User, c_int, c_int, c_int, *mut c_void, *mut socklen_t) -> c_int,
    pub setsockopt:
        unsafe extern "C" fn(User, c_int, c_int, c_int, *const c_void, socklen_t) -> c_int,
    pub poll: unsafe extern "C" fn(User, *mut pollfd, nfds_t, c_int) -> c_int,
    pub netdev_send: unsafe extern "C" fn(User, *const c_void, usize) -> c_int,
    pub netdev_receive: unsafe extern "C" fn(User, *mut c_void, *mut usize, *mut i64) -> c_int,
    pub usleep: unsafe extern "C" fn(User, c_uint) -> c_int,
    pub gettimeofday: unsafe extern "C" fn(User, *mut timeval, *mut c_void) -> c_int,
    pub epoll_create: unsafe extern "C" fn(User, c_int) -> c_int,
    pub epoll_ctl: unsafe extern "C" fn(User, c_int, c_int, c_int, *mut epoll_event) -> c_int,
    pub epoll_wait: unsafe extern "C" fn(User, c_int, *mut epoll_event, c_int, c_int) -> c_int,
    pub pipe: unsafe extern "C" fn(User, *mut c_int) -> c_int,
    pub splice:
        unsafe extern "C" fn(User, c_int, *mut loff_t, c_int, *mut loff_t, usize, c_uint) -> isize,
}

// SAFETY: the functions may be called from any thread; that is what the interface is for.
unsafe impl Send for Table {}
// SAFETY: as above, and nothing in the table changes.
unsafe impl Sync for Table {}

/// A `packetdrill_interface_init`.
pub type Init = unsafe extern "C" fn(*const c_char, *mut c_void);

/// The library's one function. Loaded once, and never unloaded.
pub fn init() -> Init {
    static INIT: OnceLock<Init> = OnceLock::new();
    *INIT.get_or_init(|| {
        // SAFETY: our own library, whose initialization does nothing.
        let library =
            unsafe { libloading::Library::new(built(&["packetdrill"]).join("libpacketdrill.so")) }
                .expect("it loads");
        let library = Box::leak(Box::new(library));
        // SAFETY: the function has this type.
        let init = unsafe { library.get::<Init>(b"packetdrill_interface_init") };
        *init.expect("it exports its function")
    })
}

/// A host of the library.
pub struct Host(pub Table);

/// Room for what C writes, and a pointer to it.
fn raw<T>(value: &mut T) -> *mut c_void {
    std::ptr::from_mut(value).cast()
}

fn told(result: impl Into<i64>) -> Answer {
    match result.into() {
        -1 => Err(Errno::last()),
        number => Ok(number),
    }
}

fn told_size(result: isize) -> Answer {
    told(i64::try_from(result).expect("64 bits"))
}

pub fn socket_address([a, b, c, d]: [u8; 4], port: u16) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::sa_family_t::try_from(libc::AF_INET).expect("2"),
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([a, b, c, d]) },
        sin_zero: [0; 8],
    }
}

/// What the C calls are, with slices for pointers. Each is made as C would.
// SAFETY of all of them: the pointers are to live memory of the length that is passed with them, and
// the table is the library's.
#[allow(clippy::undocumented_unsafe_blocks, reason = "said above for all of them")]
impl Host {
    pub fn new(flags: &str) -> Self {
        let flags = std::ffi::CString::new(flags).expect("no NUL");
        let mut table = std::mem::MaybeUninit::<Table>::zeroed();
        unsafe {
            init()(flags.as_ptr(), table.as_mut_ptr().cast());
            Host(table.assume_init())
        }
    }

    pub fn free(&self) {
        unsafe { (self.0.free)(self.0.user) }
    }

    pub fn socket(&self, domain: i32, kind: i32, protocol: i32) -> Answer {
        told(unsafe { (self.0.socket)(self.0.user, domain, kind, protocol) })
    }

    /// A TCP socket; `kind` may add flags.
    pub fn tcp(&self, flags: i32) -> i32 {
        let fd = self.socket(libc::AF_INET, libc::SOCK_STREAM | flags, libc::IPPROTO_TCP);
        i32::try_from(fd.expect("a socket")).expect("a descriptor")
    }

    pub fn bind(&self, fd: i32, ip: [u8; 4], port: u16) -> Answer {
        let mut addr = socket_address(ip, port);
        told(unsafe { (self.0.bind)(self.0.user, fd, raw(&mut addr).cast(), 16) })
    }

    pub fn listen(&self, fd: i32) -> Answer {
        told(unsafe { (self.0.listen)(self.0.user, fd, 100) })
    }

    /// The descriptor, and the port of the peer.
    pub fn accept(&self, fd: i32) -> Result<(i32, u16), Errno> {
        let mut addr = socket_address([0; 4], 0);
        let mut len: socklen_t = 16;
        let fd = unsafe { (self.0.accept)(self.0.user, fd, raw(&mut addr).cast(), &raw mut len) };
        let fd = told(fd)?;
        assert_eq!(len, 16);
        Ok((i32::try_from(fd).expect("a descriptor"), u16::from_be(addr.sin_port)))
    }

    pub fn connect(&self, fd: i32, ip: [u8; 4], port: u16) -> Answer {
        let mut addr = socket_address(ip, port);
        told(unsafe { (self.0.connect)(self.0.user, fd, raw(&mut addr).cast(), 16) })
    }

    pub fn recv(&self, fd: i32, len: usize, flags: i32) -> Result<Vec<u8>, Errno> {
        let mut octets = vec![0; len];
        let got = unsafe { (self.0.recv)(self.0.user, fd, octets.as_mut_ptr().cast(), len, flags) };
        octets.truncate(usize::try_from(told_size(got)?).expect("not negative"));
        Ok(octets)
    }

    pub fn read(&self, fd: i32, len: usize) -> Result<Vec<u8>, Errno> {
        let mut octets = vec![0; len];
        let got = unsafe { (self.0.read)(self.0.user, fd, octets.as_mut_ptr().cast(), len) };
        octets.truncate(usize::try_from(told_size(got)?).expect("not negative"));
        Ok(octets)
    }

    pub fn write(&self, fd: i32, octets: &[u8]) -> Answer {
        told_size(unsafe { (self.0.write)(self.0.user, fd, octets.as_ptr().cast(), octets.len()) })
    }

    pub fn fcntl(&self, fd: i32, command: i32, value: c_int) -> Answer {
        told(unsafe { (self.0.fcntl)(self.0.user, fd, command, value) })
    }

    pub fn ioctl(&self, fd: i32, request: c_ulong, value: &mut c_int) -> Answer {
        told(unsafe { (self.0.ioctl)(self.0.user, fd, request, raw(value)) })
    }

    pub fn close(&self, fd: i32) -> Answer {
        told(unsafe { (self.0.close)(self.0.user, fd) })
    }

    pub fn shutdown(&self, fd: i32, how: i32) -> Answer {
        told(unsafe { (self.0.shutdown)(self.0.user, fd, how) })
    }

    /// The octets of an option, of which there may be `room`.
    pub fn option(&self, fd: i32, (level, name): (i32, i32), room: u32) -> Result<Vec<u8>, Errno> {
        let mut octets = vec![0xee; room as usize];
        let mut len = room;
        let result = unsafe {
            let at = octets.as_mut_ptr().cast();
            (self.0.getsockopt)(self.0.user, fd, level, name, at, &raw mut len)
        };
        told(result)?;
        octets.truncate(len as usize);
        Ok(octets)
    }

    pub fn set_option(&self, fd: i32, (level, name): (i32, i32), octets: &[u8]) -> Answer {
        let len = socklen_t::try_from(octets.len()).expect("short");
        told(unsafe {
            (self.0.setsockopt)(self.0.user, fd, level, name, octets.as_ptr().cast(), len)
        })
    }

    pub fn poll(&self, fds: &mut [pollfd], timeout: i32) -> Answer {
        let count = nfds_t::try_from(fds.len()).expect("few");
        told(unsafe { (self.0.poll)(self.0.user, fds.as_mut_ptr(), count, timeout) })
    }

    pub fn epoll_create(&self) -> i32 {
        let fd = told(unsafe { (self.0.epoll_create)(self.0.user, 1) }).expect("an epoll");
        i32::try_from(fd).expect("a descriptor")
    }

    pub fn epoll_ctl(&self, epoll: i32, change: i32, fd: i32, events: i32) -> Answer {
        let data = u64::from(fd.cast_unsigned()) << 8;
        let mut event = epoll_event { events: events.cast_unsigned(), u64: data };
        told(unsafe { (self.0.epoll_ctl)(self.0.user, epoll, change, fd, &raw mut event) })
    }

    /// What is ready: the events, and the descriptors that `epoll_ctl` noted.
    pub fn epoll_wait(&self, epoll: i32, timeout: i32) -> Result<Vec<(i32, u64)>, Errno> {
        let mut found = [epoll_event { events: 0, u64: 0 }; 8];
        let count =
            unsafe { (self.0.epoll_wait)(self.0.user, epoll, found.as_mut_ptr(), 8, timeout) };
        let count = usize::try_from(told(count)?).expect("not negative");
        let found = found[..count].iter();
        Ok(found.map(|event| (event.events.cast_signed(), event.u64 >> 8)).collect())
    }

    pub fn writev(&self, fd: i32, parts: &[&[u8]]) -> Answer {
        let pieces: Vec<_> = parts.iter().map(|part| piece(part)).collect();
        let count = c_int::try_from(pieces.len()).expect("few");
        told_size(unsafe { (self.0.writev)(self.0.user, fd, pieces.as_ptr(), count) })
    }

    pub fn sendmsg(&self, fd: i32, parts: &[&[u8]]) -> Answer {
        self.sendmsg_with(fd, parts, 0)
    }

    pub fn sendmsg_with(&self, fd: i32, parts: &[&[u8]], flags: i32) -> Answer {
        let mut pieces: Vec<_> = parts.iter().map(|part| piece(part)).collect();
        let message = message(&mut pieces);
        told_size(unsafe { (self.0.sendmsg)(self.0.user, fd, &raw const message, flags) })
    }

    pub fn readv(&self, fd: i32, parts: &mut [&mut [u8]]) -> Answer {
        let pieces: Vec<_> = parts.iter().map(|part| piece(part)).collect();
        let count = c_int::try_from(pieces.len()).expect("few");
        told_size(unsafe { (self.0.readv)(self.0.user, fd, pieces.as_ptr(), count) })
    }

    pub fn recvmsg(&self, fd: i32, parts: &mut [&mut [u8]]) -> Answer {
        self.recvmsg_with(fd, parts, 0)
    }

    pub fn recvmsg_with(&self, fd: i32, parts: &mut [&mut [u8]], flags: i32) -> Answer {
        let mut pieces: Vec<_> = parts.iter().map(|part| piece(part)).collect();
        let mut message = message(&mut pieces);
        let got = unsafe { (self.0.recvmsg)(self.0.user, fd, &raw mut message, flags) };
        assert_eq!((message.msg_controllen, message.msg_flags), (0, 0));
        told_size(got)
    }

    pub fn netdev_send(&self, packet: &[u8]) -> Answer {
        told(unsafe { (self.0.netdev_send)(self.0.user, packet.as_ptr().cast(), packet.len()) })
    }

    /// The next packet, and when it left in microseconds.
    pub fn netdev_receive(&self) -> (i64, Vec<u8>) {
        let mut packet = vec![0; 65_536];
        let (mut len, mut micros) = (packet.len(), 0);
        let result = unsafe {
            let at = packet.as_mut_ptr().cast();
            (self.0.netdev_receive)(self.0.user, at, &raw mut len, &raw mut micros)
        };
        assert_eq!(told(result), Ok(0));
        packet.truncate(len);
        (micros, packet)
    }

    pub fn usleep(&self, micros: u32) {
        assert_eq!(unsafe { (self.0.usleep)(self.0.user, micros) }, 0);
    }

    /// Microseconds.
    pub fn clock(&self) -> i64 {
        let mut time = timeval { tv_sec: 0, tv_usec: 0 };
        assert_eq!(unsafe { (self.0.gettimeofday)(self.0.user, &raw mut time, null_mut()) }, 0);
        assert!((0..1_000_000).contains(&time.tv_usec));
        time.tv_sec * 1_000_000 + time.tv_usec
    }

    pub fn pipe(&self) -> Answer {
        let mut ends = [0; 2];
        told(unsafe { (self.0.pipe)(self.0.user, ends.as_mut_ptr()) })
    }

    pub fn splice(&self) -> Answer {
        told_size(unsafe { (self.0.splice)(self.0.user, 0, null_mut(), 1, null_mut(), 1, 0) })
    }

    /// Every call that takes a pointer, with a null one: by name.
    pub fn with_null(&self, fd: i32) -> Vec<(&'static str, Answer)> {
        let (table, user) = (&self.0, self.0.user);
        let mut len: socklen_t = 4;
        let mut count = 4_usize;
        let command: c_long = 0;
        unsafe {
            vec![
                ("bind", told((table.bind)(user, fd, null(), 16))),
                ("connect", told((table.connect)(user, fd, null(), 16))),
                ("read", told_size((table.read)(user, fd, null_mut(), 1))),
                ("readv", told_size((table.readv)(user, fd, null(), 1))),
                ("recv", told_size((table.recv)(user, fd, null_mut(), 1, 0))),
                (
                    "recvfrom",
                    told_size((table.recvfrom)(user, fd, null_mut(), 1, 0, null_mut(), null_mut())),
                ),
                ("recvmsg", told_size((table.recvmsg)(user, fd, null_mut(), 0))),
                ("write", told_size((table.write)(user, fd, null(), 1))),
                ("writev", told_size((table.writev)(user, fd, null(), 1))),
                ("send", told_size((table.send)(user, fd, null(), 1, 0))),
                ("sendto", told_size((table.sendto)(user, fd, null(), 1, 0, null(), 0))),
                ("sendmsg", told_size((table.sendmsg)(user, fd, null(), 0))),
                ("ioctl", told((table.ioctl)(user, fd, libc::FIONBIO, command))),
                ("getsockopt", told((table.getsockopt)(user, fd, 1, 4, null_mut(), &raw mut len))),
                ("getsockopt", told((table.getsockopt)(user, fd, 1, 4, raw(&mut len), null_mut()))),
                ("setsockopt", told((table.setsockopt)(user, fd, 1, 2, null(), 4))),
                ("poll", told((table.poll)(user, null_mut(), 1, 0))),
                ("netdev_send", told((table.netdev_send)(user, null(), 40))),
                (
                    "netdev_receive",
                    told((table.netdev_receive)(user, raw(&mut count), null_mut(), null_mut())),
                ),
                ("epoll_ctl", told((table.epoll_ctl)(user, fd, 1, fd, null_mut()))),
                ("epoll_wait", told((table.epoll_wait)(user, fd, null_mut(), 1, 0))),
                ("nobody", told((table.listen)(null_mut(), fd, 1))),
            ]
        }
    }
}

fn piece(part: &[u8]) -> iovec {
    iovec { iov_base: part.as_ptr().cast_mut().cast(), iov_len: part.len() }
}

fn message(pieces: &mut [iovec]) -> msghdr {
    msghdr {
        msg_name: null_mut(),
        msg_namelen: 0,
        msg_iov: pieces.as_mut_ptr(),
        msg_iovlen: pieces.len(),
        msg_control: null_mut(),
        msg_controllen: 0,
        msg_flags: 0,
    }
}
