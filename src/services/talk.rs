//! What each service says. None of them closes the connection: whoever calls does, when they
//! return.

use std::io;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};

use crate::serving::within;

/// RFC 862: sends back what arrives, until the peer closes. Reads on only as fast as its answers
/// are taken, so that a peer that never reads costs 16 KiB.
///
/// # Errors
///
/// The connection failed, or nothing moved for `idle`.
pub async fn echo<S>(stream: &mut S, idle: Duration) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut buf = vec![0; 16 * 1024];
    loop {
        match within(idle, stream.read(&mut buf)).await? {
            0 => return within(idle, stream.flush()).await,
            read => write(stream, &buf[..read], idle).await?,
        }
    }
}

/// RFC 863: throws away what arrives, until the peer closes.
///
/// # Errors
///
/// The connection failed, or nothing moved for `idle`.
pub async fn discard<S>(stream: &mut S, idle: Duration) -> io::Result<()>
where
    S: AsyncRead + Unpin,
{
    let mut buf = vec![0; 64 * 1024];
    while within(idle, stream.read(&mut buf)).await? > 0 {}
    Ok(())
}

/// RFC 867: says that it is `now`, in UTC, as one line. The peer has nothing to say.
///
/// # Errors
///
/// The connection failed, or nothing moved for `idle`.
pub async fn daytime<S>(stream: &mut S, idle: Duration, now: SystemTime) -> io::Result<()>
where
    S: AsyncWrite + Unpin,
{
    let line = format!("{}\r\n", httpdate::fmt_http_date(now));
    write(stream, line.as_bytes(), idle).await?;
    within(idle, stream.flush()).await
}

/// RFC 864: sends lines of characters until the peer closes, and throws away what it says.
///
/// # Errors
///
/// The connection failed, or nothing was taken for `idle`.
pub async fn chargen<S>(stream: &mut S, idle: Duration) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut input, mut output) = split(stream);
    let talking = async {
        loop {
            write(&mut output, &CHARACTERS, idle).await?;
        }
    };
    // The peer may well be silent: only what we send has to move.
    let listening = async {
        let mut buf = vec![0; 4 * 1024];
        while input.read(&mut buf).await? > 0 {}
        Ok(())
    };
    tokio::select! {
        ended = listening => ended,
        failed = talking => failed,
    }
}

/// Writes all of `octets`, each part of which may take `idle`.
async fn write<S: AsyncWrite + Unpin>(
    stream: &mut S,
    mut octets: &[u8],
    idle: Duration,
) -> io::Result<()> {
    while !octets.is_empty() {
        match within(idle, stream.write(octets)).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => octets = &octets[written..],
        }
    }
    Ok(())
}

/// The printing characters of ASCII, space to tilde.
const PRINTING: usize = 95;
/// Characters in a line, without its CR LF.
const WIDTH: usize = 72;

/// The pattern RFC 864 suggests, once around: each line begins one character further on.
static CHARACTERS: [u8; PRINTING * (WIDTH + 2)] = {
    let mut lines = [0; PRINTING * (WIDTH + 2)];
    let mut at = 0;
    let mut first = b' ';
    while at < lines.len() {
        let mut next = first;
        let end = at + WIDTH;
        while at < end {
            lines[at] = next;
            next = following(next);
            at += 1;
        }
        lines[at] = b'\r';
        lines[at + 1] = b'\n';
        at += 2;
        first = following(first);
    }
    lines
};

const fn following(character: u8) -> u8 {
    if character == b'~' { b' ' } else { character + 1 }
}
