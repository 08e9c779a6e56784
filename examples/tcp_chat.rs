//! A room where everybody who calls hears what the others say, on a TCP of our own.
//!
//!     cargo build --example tcp_chat && sudo target/debug/examples/tcp_chat
//!     nc 192.0.2.2 2323          # or: telnet 192.0.2.2 2323; as many as you like
//!
//! To be read in class. Each person is one task; what is said goes into one queue that all of them read.
//! Nothing is without a bound, for people are slow, absent and malicious: the room, a line, a name, the time
//! to give it, how fast one speaks, how far behind one reads, and what waits in the stack for a peer whose
//! window is closed. Who speaks too fast is not told so: her window closes, and her program waits. It makes the TUN that it is given (else glass0), and answers until Ctrl-C.

use std::collections::BTreeSet;
use std::error::Error;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{env, io};

use futures_util::StreamExt;
use glasstack::device::{LinkSetup, Tun};
use glasstack::runtime::{Net, TcpSocket, TcpStream, WriteHalf};
use glasstack::serving::{Limits, Linger, Stop, accept, close, stop};
use glasstack::stack::Config;
use tokio::io::AsyncWriteExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{sleep, timeout};
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};

/// People at a time.
const PEOPLE: usize = 100;
/// Octets of a line, and of a name.
const LINE: usize = 400;
const NAME: usize = 20;
/// Lines that somebody may be behind the others.
const BEHIND: usize = 256;
/// Octets that may wait in the stack for somebody to take them, and how long they may.
const UNSENT: u32 = 16 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);
/// After each line its speaker is not heard for so long: nobody can speak faster than others read.
const BREATH: Duration = Duration::from_millis(20);
/// How long somebody may take to give a name.
const SHYNESS: Duration = Duration::from_mins(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let tun = env::args().nth(1).unwrap_or_else(|| "glass0".to_owned());
    match serve(&tun).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tcp_chat: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(tun: &str) -> Result<(), Box<dyn Error>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let tun = Tun::open(tun, &LinkSetup::default()).await?;
    let config = Config { addrs: vec!["192.0.2.2".parse()?], ..Config::default() };
    let (net, driver) = Net::open(tun, config, Vec::new())?;
    let driver = tokio::spawn(driver.run());

    let mut socket = TcpSocket::new(&net);
    socket.bind("192.0.2.2:2323".parse()?);
    socket.set_send_buffer_size(UNSENT)?;
    let listener = socket.listen(PEOPLE)?;
    println!("a room at {}, until Ctrl-C", listener.local_addr()?);

    let room = Room { names: Arc::default(), said: broadcast::channel(BEHIND).0 };
    let (stopper, stopped) = stop();
    let answer = |stream| meet(stream, room.clone(), stopped.clone());
    let limits = Limits { connections: PEOPLE, ..Limits::default() };
    let mut meeting = Box::pin(accept(listener, limits, stopped.clone(), answer));
    tokio::select! {
        () = &mut meeting => {}
        ended = driver => ended??,
        _ = interrupt.recv() => {
            stopper.stop();
            meeting.await;
        }
    }
    Ok(())
}

/// What all who are here share.
#[derive(Clone)]
struct Room {
    names: Arc<Mutex<BTreeSet<String>>>,
    /// Who said it, and the line.
    said: broadcast::Sender<(Arc<str>, Arc<str>)>,
}

/// A name in the room, which is free again when this is dropped, however that comes.
struct Person {
    name: Arc<str>,
    room: Room,
}

impl Room {
    fn enter(&self, name: &str) -> Result<Person, &'static str> {
        if name.is_empty() || name.len() > NAME || !name.chars().all(char::is_alphanumeric) {
            return Err("A name is made of letters and digits, 20 octets at most.\n");
        }
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if !names.insert(name.to_owned()) {
            return Err("Somebody here has that name.\n");
        }
        Ok(Person { name: name.into(), room: self.clone() })
    }

    fn people(&self) -> String {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

impl Person {
    /// Says `line` to all others. Nobody waits for anybody: who is too far behind finds out.
    fn say(&self, line: String) {
        let _ = self.room.said.send((Arc::clone(&self.name), line.into()));
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        self.room.names.lock().unwrap_or_else(PoisonError::into_inner).remove(&*self.name);
        self.say(format!("* {} has left\n", self.name));
    }
}

/// One person, from the first word to the last.
async fn meet(mut stream: TcpStream, room: Room, mut stopped: Stop) {
    let (input, mut output) = stream.split();
    let lines = FramedRead::new(input, LinesCodec::new_with_max_length(LINE));
    let ended = tokio::select! {
        ended = visit(lines, &mut output, &room) => ended,
        () = stopped.given() => Ok("The room closes."),
    };
    let told = match ended {
        Ok(word) => tell(&mut output, &format!("* {word}\n")).await,
        Err(error) => Err(error),
    };
    match told {
        // Our FIN, and then what still comes: a RST would take our last words away.
        Ok(()) => close(stream, &Linger::default()).await,
        // Nobody reads there, or the connection has failed: a RST, and all that waits is let go.
        Err(_) => stream.abort(),
    }
}

/// Returns with what to say at the end.
async fn visit(
    mut lines: impl StreamExt<Item = Result<String, LinesCodecError>> + Unpin,
    output: &mut WriteHalf<'_>,
    room: &Room,
) -> io::Result<&'static str> {
    let person = loop {
        tell(output, "Your name? ").await?;
        match timeout(SHYNESS, lines.next()).await {
            Ok(Some(Ok(name))) => match room.enter(name.trim()) {
                Ok(person) => break person,
                Err(why) => tell(output, why).await?,
            },
            Ok(Some(Err(error))) => return refused(error),
            Ok(None) => return Ok("Goodbye."),
            Err(_) => return Ok("Another time."),
        }
    };
    let mut said = room.said.subscribe();
    tell(output, &format!("* here are: {} (/who, /quit)\n", room.people())).await?;
    person.say(format!("* {} has joined\n", person.name));
    loop {
        tokio::select! {
            line = lines.next() => match line {
                Some(Ok(line)) => match line.trim() {
                    "" => {}
                    "/quit" => return Ok("Goodbye."),
                    "/who" => tell(output, &format!("* here are: {}\n", room.people())).await?,
                    line => {
                        // A terminal obeys control characters, and it is not the speaker's.
                        let line = line.replace(char::is_control, "?");
                        person.say(format!("{}: {line}\n", person.name));
                        sleep(BREATH).await;
                    }
                },
                Some(Err(error)) => return refused(error),
                // Their FIN. We may still speak: the connection is half open until ours.
                None => return Ok("Goodbye."),
            },
            heard = said.recv() => match heard {
                Ok((name, _)) if name == person.name => {}
                Ok((_, line)) => tell(output, &line).await?,
                Err(RecvError::Lagged(_)) => return Ok("You are too slow for this room."),
                Err(RecvError::Closed) => return Ok("The room closes."),
            },
        }
    }
}

/// Writes a line. Whoever takes nothing for so long is not there: that is an error as well.
async fn tell(output: &mut WriteHalf<'_>, line: &str) -> io::Result<()> {
    timeout(PATIENCE, output.write_all(line.as_bytes())).await?
}

/// What is to be said to somebody who sends what is no line.
fn refused(error: LinesCodecError) -> io::Result<&'static str> {
    match error {
        LinesCodecError::MaxLineLengthExceeded => Ok("Lines are 400 octets at most."),
        LinesCodecError::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            Ok("This is a room for text.")
        }
        LinesCodecError::Io(error) => Err(error),
    }
}
