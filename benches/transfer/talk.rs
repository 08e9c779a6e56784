//! What the two say to each other, whatever stack they are on: a request, the octets one way, and a word
//! that they were whole if the caller cannot see it.

use std::io::{self, ErrorKind};

use glasstack::sim::Pattern;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// What is written, or read, in one call.
const PIECE: usize = 64 * 1024;
const WHOLE: u8 = b'W';

/// What the caller asks for.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    pub(crate) octets: u64,
    pub(crate) key: u64,
    pub(crate) caller_sends: bool,
}

/// The caller's part.
///
/// # Errors
///
/// The connection failed, or anything but the right octets came.
pub(crate) async fn call(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: Request,
) -> io::Result<()> {
    let Request { octets, key, caller_sends } = request;
    stream.write_u8(caller_sends.into()).await?;
    stream.write_u64(octets).await?;
    stream.write_u64(key).await?;
    if !caller_sends {
        stream.flush().await?;
        receive(&mut stream, request).await?;
        return stream.shutdown().await;
    }
    send(&mut stream, request).await?;
    stream.shutdown().await?;
    match stream.read_u8().await? {
        WHOLE => Ok(()),
        _ => Err(io::Error::other("the receiver says something else than that it was whole")),
    }
}

/// The part of who is called.
///
/// # Errors
///
/// As of [`call`].
pub(crate) async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let caller_sends = stream.read_u8().await? != 0;
    let (octets, key) = (stream.read_u64().await?, stream.read_u64().await?);
    let request = Request { octets, key, caller_sends };
    if caller_sends {
        receive(&mut stream, request).await?;
        stream.write_u8(WHOLE).await?;
        return stream.shutdown().await;
    }
    send(&mut stream, request).await?;
    stream.shutdown().await?;
    // Until the caller has closed, too.
    match stream.read_u8().await {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::other("the caller says too much")),
    }
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), request: Request) -> io::Result<()> {
    let pattern = Pattern(request.key);
    let mut piece = vec![0; PIECE];
    let mut sent = 0;
    while sent < request.octets {
        let left = usize::try_from(request.octets - sent).unwrap_or(PIECE);
        let piece = &mut piece[..left.min(PIECE)];
        pattern.fill(sent, piece);
        stream.write_all(piece).await?;
        sent += piece.len() as u64;
    }
    stream.flush().await
}

/// Reads to the end, and looks at every octet.
async fn receive(stream: &mut (impl AsyncRead + Unpin), request: Request) -> io::Result<()> {
    let pattern = Pattern(request.key);
    let mut piece = vec![0; PIECE];
    let mut received = 0;
    loop {
        let count = stream.read(&mut piece).await?;
        if count == 0 {
            break;
        }
        let wrong = |at| io::Error::other(format!("octet {at} is wrong"));
        pattern.check(received, &piece[..count]).map_err(wrong)?;
        received += count as u64;
    }
    if received == request.octets {
        Ok(())
    } else {
        Err(io::Error::other(format!("{received} octets came, not {}", request.octets)))
    }
}
