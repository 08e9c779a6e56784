//! One connection, as many octets as it takes: download and upload.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::response::{lengths, request};
use crate::{Load, Measured, Span};

/// What goes to the kernel, or comes from it, in one call.
const PIECE: usize = 256 * 1024;
/// When nothing moves for so long, the row has failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads responses, one after another, until the time is up; the last one is left unread.
pub(crate) fn download(load: &Load) -> io::Result<Measured> {
    let mut source = Source::connect(load)?;
    source.read_for(load.warmup())?;
    let span = Span::begin(load)?;
    let octets = source.read_for(load.duration())?;
    Ok(per_second(octets, span.end(load)?))
}

/// Writes until the time is up, then closes and waits until the server has seen that too: every octet
/// that is counted has arrived. There is no warm-up, for its octets could not be told from the rest.
pub(crate) fn upload(load: &Load) -> io::Result<Measured> {
    let mut stream = connect(load)?;
    let piece = vec![b'x'; PIECE];
    let span = Span::begin(load)?;
    let mut octets = 0;
    while span.began.elapsed() < load.duration() {
        octets += stream.write(&piece)?;
    }
    stream.shutdown(Shutdown::Write)?;
    match stream.read(&mut [0; 1]) {
        Ok(0) => {}
        Ok(_) => return Err(io::Error::other("the server talks back")),
        Err(error) => return Err(error),
    }
    Ok(per_second(octets as u64, span.end(load)?))
}

fn per_second(octets: u64, span: Span) -> Measured {
    #[allow(clippy::cast_precision_loss, reason = "a rate, to three digits")]
    let value = octets as f64 / span.seconds;
    Measured { value, unit: "octets/s", work: octets, more: Vec::new(), span }
}

fn connect(load: &Load) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&load.addr, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// A connection that is asked again whenever a response has come to its end.
struct Source {
    stream: TcpStream,
    request: Vec<u8>,
    buffer: Vec<u8>,
    /// Octets of the response that are still to come.
    left: u64,
}

impl Source {
    fn connect(load: &Load) -> io::Result<Source> {
        let request = request(&load.path, true);
        Ok(Source { stream: connect(load)?, request, buffer: vec![0; PIECE], left: 0 })
    }

    /// Reads for so long, and says how much.
    fn read_for(&mut self, duration: Duration) -> io::Result<u64> {
        let began = Instant::now();
        let mut octets = 0;
        while began.elapsed() < duration {
            if self.left == 0 {
                self.ask()?;
            }
            let most = usize::try_from(self.left).map_or(PIECE, |left| left.min(PIECE));
            let count = read(&mut self.stream, &mut self.buffer[..most])? as u64;
            self.left -= count;
            octets += count;
        }
        Ok(octets)
    }

    fn ask(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.request)?;
        let mut filled = 0;
        loop {
            filled += read(&mut self.stream, &mut self.buffer[filled..])?;
            if let Some((head, body)) = lengths(&self.buffer[..filled])? {
                self.left = body.saturating_sub((filled - head) as u64);
                return Ok(());
            }
        }
    }
}

/// As `Read::read`, and the end is an error.
fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    match stream.read(buffer)? {
        0 => Err(io::Error::new(ErrorKind::UnexpectedEof, "the server has closed")),
        count => Ok(count),
    }
}
