//! Many small requests: over connections that stay, over a new one each, or one after another.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::response::{lengths, request};
use crate::{Load, Measured, Span};

/// When nothing moves for so long, the row has failed.
const PATIENCE: Duration = Duration::from_secs(5);
/// So many failures in a row end it: the server is not there any more.
const MOST_FAILURES: u32 = 1000;
/// Room for a response.
const ROOM: usize = 4096;

/// `load.connections` at a time, each with one request on its way.
pub(crate) fn many(load: &Load, keeps: bool) -> io::Result<Measured> {
    let mut clients = Clients::connect(load, keeps)?;
    clients.run_for(load.warmup())?;
    (clients.answers, clients.failures) = (0, 0);
    let span = Span::begin(load)?;
    clients.run_for(load.duration())?;
    let span = span.end(load)?;
    let work = clients.answers;
    #[allow(clippy::cast_precision_loss, reason = "a rate, to three digits")]
    let value = work as f64 / span.seconds;
    let more = vec![("failures", f64::from(clients.failures))];
    Ok(Measured { value, unit: "requests/s", work, more, span })
}

/// One connection, blocking: what a request takes from the write to the end of the response.
pub(crate) fn one_at_a_time(load: &Load) -> io::Result<Measured> {
    let mut stream = TcpStream::connect_timeout(&load.addr, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = request(&load.path, true);
    let mut run_for = |duration: Duration| -> io::Result<Vec<Duration>> {
        let began = Instant::now();
        let mut times = Vec::new();
        while began.elapsed() < duration {
            let asked = Instant::now();
            stream.write_all(&request)?;
            let mut inbox = Inbox::new();
            while !inbox.read(&mut stream)? {}
            times.push(asked.elapsed());
        }
        Ok(times)
    };
    run_for(load.warmup())?;
    let span = Span::begin(load)?;
    let mut times = run_for(load.duration())?;
    let span = span.end(load)?;
    times.sort_unstable();
    let microseconds = |percent: usize| {
        let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
    };
    let more = vec![("p99", microseconds(99))];
    let (value, work) = (microseconds(50), times.len() as u64);
    Ok(Measured { value, unit: "us", work, more, span })
}

/// A response as far as it has come.
struct Inbox {
    buffer: [u8; ROOM],
    filled: usize,
}

impl Inbox {
    fn new() -> Self {
        Inbox { buffer: [0; ROOM], filled: 0 }
    }

    /// Reads once. Says whether the response is there in full; then the next one may come.
    fn read(&mut self, stream: &mut TcpStream) -> io::Result<bool> {
        match stream.read(&mut self.buffer[self.filled..])? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            count => self.filled += count,
        }
        let Some((head, body)) = lengths(&self.buffer[..self.filled])? else {
            return Ok(false);
        };
        let is_whole = (self.filled - head) as u64 >= body;
        if is_whole {
            self.filled = 0;
        }
        Ok(is_whole)
    }
}

/// One connection of many.
struct Client {
    stream: TcpStream,
    inbox: Inbox,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connecting,
    Waiting,
    /// The answer is there; the server is to close.
    Closing,
}

struct Clients {
    load: Request,
    epoll: OwnedFd,
    all: Vec<Client>,
    answers: u64,
    failures: u32,
}

/// What to ask, and whom.
struct Request {
    addr: std::net::SocketAddr,
    text: Vec<u8>,
    keeps: bool,
}

impl Clients {
    fn connect(load: &Load, keeps: bool) -> io::Result<Clients> {
        let text = request(&load.path, keeps);
        let load_of = Request { addr: load.addr, text, keeps };
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut clients =
            Clients { load: load_of, epoll, all: Vec::new(), answers: 0, failures: 0 };
        for at in 0..load.connections {
            let client = clients.begin(at)?;
            clients.all.push(client);
        }
        Ok(clients)
    }

    fn run_for(&mut self, duration: Duration) -> io::Result<()> {
        let began = Instant::now();
        let patience = PATIENCE.try_into().expect("five seconds");
        let mut events = Vec::with_capacity(self.all.len());
        while began.elapsed() < duration {
            let spare = rustix::buffer::spare_capacity(&mut events);
            if epoll::wait(&self.epoll, spare, Some(&patience))? == 0 {
                let what = "no connection has moved for five seconds";
                return Err(io::Error::new(ErrorKind::TimedOut, what));
            }
            for event in events.drain(..) {
                let at = usize::try_from(event.data.u64()).expect("an index of ours");
                if let Err(error) = self.advance(at) {
                    self.failures += 1;
                    if self.failures > MOST_FAILURES {
                        return Err(error);
                    }
                    self.all[at] = self.begin(at)?;
                }
            }
        }
        Ok(())
    }

    /// Starts a connection, which is registered under `at`; edges only, so once is enough.
    fn begin(&self, at: usize) -> io::Result<Client> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket =
            rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        match rustix::net::connect(&socket, &self.load.addr) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        let edges = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(&self.epoll, &stream, EventData::new_u64(at as u64), edges)?;
        Ok(Client { stream, inbox: Inbox::new(), stage: Stage::Connecting })
    }

    /// Does for one connection what can be done now.
    fn advance(&mut self, at: usize) -> io::Result<()> {
        let client = &mut self.all[at];
        loop {
            let done = match client.stage {
                Stage::Connecting => {
                    // Before the connection is there this says so.
                    client.stream.write_all(&self.load.text).map(|()| Some(Stage::Waiting))
                }
                Stage::Waiting => match client.inbox.read(&mut client.stream) {
                    Ok(false) => Ok(None),
                    Ok(true) => {
                        self.answers += 1;
                        if self.load.keeps {
                            client.stream.write_all(&self.load.text).map(|()| None)
                        } else {
                            Ok(Some(Stage::Closing))
                        }
                    }
                    Err(error) => Err(error),
                },
                // The server closes first, so that this side keeps no port in TIME-WAIT.
                Stage::Closing => match client.stream.read(&mut [0; 1]) {
                    Ok(0) => {
                        self.all[at] = self.begin(at)?;
                        return Ok(());
                    }
                    Ok(_) => Err(io::Error::other("more than was announced")),
                    Err(error) => Err(error),
                },
            };
            match done {
                Ok(stage) => client.stage = stage.unwrap_or(client.stage),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}
