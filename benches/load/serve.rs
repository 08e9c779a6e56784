//! The server on kernel sockets: one thread, epoll, and just enough HTTP for the load: /bytes/N,
//! keep-alive or "Connection: close". What the kernel's own TCP does with the least above it.

use std::convert::Infallible;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use slab::Slab;

/// What goes to the kernel, or comes from it, in one call.
const PIECE: usize = 256 * 1024;
/// The longest request, by far.
const ROOM: usize = 4096;

/// One of what epoll tells about.
enum Entry {
    Listener { listener: TcpListener, discards: bool },
    Http(Talk),
    Discard(TcpStream),
}

/// A connection that talks HTTP.
struct Talk {
    stream: TcpStream,
    request: Vec<u8>,
    head: Vec<u8>,
    /// Octets of the body that are still to go.
    left: u64,
    closes: bool,
}

/// Answers until the process is ended.
pub(crate) fn serve(http: SocketAddr, discard: SocketAddr) -> io::Result<Infallible> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let mut entries = Slab::new();
    for (addr, discards) in [(http, false), (discard, true)] {
        let listener = TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        let entry = entries.vacant_entry();
        watch(&epoll, &listener, entry.key())?;
        entry.insert(Entry::Listener { listener, discards });
    }
    let mut body = vec![b'x'; PIECE];
    let mut events = Vec::with_capacity(256);
    loop {
        epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), None)?;
        for event in events.drain(..) {
            let at = usize::try_from(event.data.u64()).expect("an index of ours");
            let result = match &mut entries[at] {
                Entry::Listener { .. } => accept(&epoll, &mut entries, at),
                Entry::Http(talk) => talk.go_on(&body),
                Entry::Discard(stream) => drain(stream, &mut body),
            };
            match result {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // It has ended, in whichever way: closing the socket unregisters it.
                Ok(()) | Err(_) => drop(entries.remove(at)),
            }
        }
    }
}

/// Edges only: everything here goes on until it would block.
fn watch(epoll: &OwnedFd, what: impl AsFd, at: usize) -> io::Result<()> {
    let edges = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
    Ok(epoll::add(epoll, what, EventData::new_u64(at as u64), edges)?)
}

fn accept(epoll: &OwnedFd, entries: &mut Slab<Entry>, at: usize) -> io::Result<()> {
    loop {
        let Entry::Listener { listener, discards } = &entries[at] else {
            unreachable!("a listener stays where it is");
        };
        let discards = *discards;
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(error),
            // That one has gone again.
            Err(_) => continue,
        };
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let entry = entries.vacant_entry();
        watch(epoll, &stream, entry.key())?;
        entry.insert(if discards {
            Entry::Discard(stream)
        } else {
            let (request, head) = (Vec::new(), Vec::new());
            Entry::Http(Talk { stream, request, head, left: 0, closes: false })
        });
    }
}

fn drain(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<()> {
    while stream.read(buffer)? > 0 {}
    Ok(())
}

impl Talk {
    /// Goes on until it would block, which is an error; `Ok` when the connection is done.
    fn go_on(&mut self, body: &[u8]) -> io::Result<()> {
        loop {
            while self.left > 0 {
                let count = usize::try_from(self.left).map_or(PIECE, |left| left.min(PIECE));
                self.left -= self.stream.write(&body[..count])? as u64;
            }
            if self.closes {
                return self.stream.shutdown(Shutdown::Both);
            }
            let mut piece = [0; ROOM];
            match self.stream.read(&mut piece)? {
                0 => return Ok(()),
                count => self.request.extend_from_slice(&piece[..count]),
            }
            if self.request.ends_with(b"\r\n\r\n") {
                self.answer(body)?;
            } else if self.request.len() > ROOM {
                return Err(ErrorKind::InvalidData.into());
            }
        }
    }

    /// Writes the head, and with it a body that is short.
    fn answer(&mut self, body: &[u8]) -> io::Result<()> {
        let request = String::from_utf8_lossy(&self.request);
        let path = request.split(' ').nth(1).unwrap_or_default();
        let number = path.strip_prefix("/bytes/").and_then(|number| number.parse().ok());
        self.left = number.ok_or(ErrorKind::InvalidData)?;
        self.closes = request.contains("Connection: close");
        self.head.clear();
        write!(self.head, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", self.left)?;
        let short = usize::try_from(self.left).map_or(0, |left| if left < ROOM { left } else { 0 });
        self.head.extend_from_slice(&body[..short]);
        self.left -= short as u64;
        self.request.clear();
        // A socket that was empty until now takes it whole.
        self.stream.write_all(&self.head)
    }
}
