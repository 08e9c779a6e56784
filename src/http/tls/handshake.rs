//! The beginning of a connection by TLS, and what becomes of it when it fails.

use std::io;
use std::sync::Arc;

use rustls::AlertDescription;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::super::opening::Opening;
use super::Tls;
use super::stream::{Outside, TlsStream};
use crate::serving::{self, Connection, Linger, within};

/// The first octet of a record with a handshake message in it (RFC 8446 5.1).
const HANDSHAKE: u8 = 22;

/// What octets are read by at first: most ClientHellos fit.
const FIRST_READ: usize = 2048;

/// To whoever speaks HTTP without TLS, in their own language.
const THIS_IS_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    connection: close\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    content-length: 69\r\n\
    \r\n\
    This port speaks TLS: write https:// in place of http:// in the URL.\n";

/// A connection after its handshake. `None` when there is none: what was to be said and done is then over.
pub(super) async fn accept<C: Connection>(
    tls: &Tls,
    mut connection: C,
    linger: &Linger,
) -> Option<TlsStream<C>> {
    let peer = connection.peer_addr();
    let outside = Outside::of(&connection);
    let deadline = Instant::now() + tls.handshake_timeout;
    let mut first = Vec::with_capacity(FIRST_READ);
    let error = match timeout_at(deadline, connection.read_buf(&mut first)).await {
        Ok(Ok(0)) => return None,
        Ok(Ok(_)) if speaks_http(&first) => {
            log::debug!("{peer}: speaks plain HTTP to the port of TLS");
            refuse(connection, THIS_IS_TLS, linger).await;
            return None;
        }
        Ok(Ok(_)) => {
            let opening = Opening::holding(connection, first);
            let acceptor = TlsAcceptor::from(Arc::clone(&tls.server));
            match timeout_at(deadline, acceptor.accept(opening).into_fallible()).await {
                Ok(Ok(stream)) => return Some(TlsStream::new(stream, outside)),
                Ok(Err((error, opening))) => {
                    log::debug!("{peer}: {}", in_words(&error));
                    // What is wrong was said by an alert, which must not be overtaken by a reset.
                    serving::close(opening, linger).await;
                    return None;
                }
                Err(elapsed) => io::Error::from(elapsed),
            }
        }
        Ok(Err(error)) => error,
        Err(elapsed) => elapsed.into(),
    };
    log::debug!("{peer}: {}", in_words(&error));
    None
}

/// A request begins with a method, in capitals, or with an empty line that a client has left there
/// (RFC 9112 2.2).
fn speaks_http(first: &[u8]) -> bool {
    debug_assert!(!HANDSHAKE.is_ascii_uppercase() && !matches!(HANDSHAKE, b'\r' | b'\n'));
    first.first().is_some_and(|octet| octet.is_ascii_uppercase() || matches!(octet, b'\r' | b'\n'))
}

async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, words: &[u8], linger: &Linger) {
    if within(linger.quiet, stream.write_all(words)).await.is_ok() {
        serving::close(stream, linger).await;
    }
}

/// Why there is no connection by TLS.
fn in_words(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::TimedOut {
        return "the TLS handshake took too long".to_owned();
    }
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::AlertReceived(
            alert @ (AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown),
        )) => format!("the client does not trust our certificate ({alert:?})"),
        Some(rustls::Error::AlertReceived(alert)) => format!("the client gave up: {alert:?}"),
        Some(rustls::Error::NoApplicationProtocol) => {
            "the client offers no protocol that we speak (ALPN)".to_owned()
        }
        _ => format!("no TLS handshake: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_for_plain_http_are_counted_right() {
        let text = std::str::from_utf8(THIS_IS_TLS).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
    }
}
