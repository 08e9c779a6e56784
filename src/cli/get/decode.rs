//! The codings of a body undone: gzip, br and zstd (RFC 9110 8.4), by async-compression.

use std::error::Error;
use std::io;
use std::pin::Pin;

use ::http::{HeaderMap, Response, header};
use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body, Frame};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt};
use tokio_util::io::StreamReader;

/// What a step of decoding gives at most, in octets.
const PIECE: usize = 32 * 1024;

/// Codings of one body that are undone; more of them are somebody's joke.
const MOST_CODINGS: usize = 4;

/// A body, decoded or as it came.
pub(super) type ResponseBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

type Octets = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;
type Source = StreamReader<Octets, Bytes>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Br,
    Zstd,
}

/// As it came.
pub(super) fn untouched<B>(response: Response<B>) -> Response<ResponseBody>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    response.map(|body| body.map_err(Into::into).boxed_unsync())
}

/// Decoded, if all of its codings are ones that we know. A response that is decoded has no length any more.
pub(super) fn decoded<B>(mut response: Response<B>) -> Response<ResponseBody>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let codings = codings_of(response.headers()).unwrap_or_default();
    if codings.is_empty() {
        return untouched(response);
    }
    response.headers_mut().remove(header::CONTENT_ENCODING);
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.map(|body| {
        let octets: Octets = Box::pin(body.into_data_stream().map_err(io::Error::other));
        // What was done last is undone first.
        let plain = codings.into_iter().rev().fold(octets, undo);
        let frames = plain
            .map_ok(Frame::data)
            .map_err(|error| error.downcast::<hyper::Error>().map_or_else(Into::into, Into::into));
        StreamBody::new(frames).boxed_unsync()
    })
}

/// In the order in which they were done; `None` when one of them is not known.
fn codings_of(fields: &HeaderMap) -> Option<Vec<Coding>> {
    let mut codings = Vec::new();
    for field in fields.get_all(header::CONTENT_ENCODING) {
        let names = field.to_str().ok()?.split(',').map(str::trim);
        for name in names.filter(|name| !name.is_empty()) {
            // However it is written (RFC 9110 8.4.1), and by its old name (8.4.1.3).
            codings.push(match name.to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => Coding::Gzip,
                "br" => Coding::Br,
                "zstd" => Coding::Zstd,
                "identity" => continue,
                _ => return None,
            });
        }
    }
    (codings.len() <= MOST_CODINGS).then_some(codings)
}

fn undo(octets: Octets, coding: Coding) -> Octets {
    let source = StreamReader::new(octets);
    match coding {
        Coding::Gzip => {
            let mut decoder = GzipDecoder::new(source);
            // One behind the other are one (RFC 1952 2.2), as frames of zstd are (RFC 8878 3.1).
            decoder.multiple_members(true);
            pieces(decoder, GzipDecoder::get_mut)
        }
        Coding::Br => pieces(BrotliDecoder::new(source), BrotliDecoder::get_mut),
        Coding::Zstd => {
            let mut decoder = ZstdDecoder::new(source);
            decoder.multiple_members(true);
            pieces(decoder, ZstdDecoder::get_mut)
        }
    }
}

/// What comes out of `decoder`. Its source has to end with it; nothing at all, as behind the head of an
/// answer to HEAD, stays nothing.
fn pieces<D>(decoder: D, source: fn(&mut D) -> &mut Source) -> Octets
where
    D: AsyncRead + Send + Unpin + 'static,
{
    Box::pin(stream::try_unfold((decoder, false), move |(mut decoder, begun)| async move {
        let mut piece = BytesMut::with_capacity(PIECE);
        let is_nothing = !begun && source(&mut decoder).fill_buf().await?.is_empty();
        if !is_nothing && decoder.read_buf(&mut piece).await? > 0 {
            return Ok(Some((piece.freeze(), (decoder, true))));
        }
        if source(&mut decoder).fill_buf().await?.is_empty() {
            return Ok(None);
        }
        let why = "something else comes behind the end of what was encoded";
        Err(io::Error::new(io::ErrorKind::InvalidData, why))
    }))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::ready;

    use ::http::Request;
    use http_body_util::Full;
    use tower::{ServiceExt, service_fn};
    use tower_http::compression::Compression;

    use super::*;

    async fn coded(coding: &str, text: &'static [u8]) -> Response<Full<Bytes>> {
        let plain = service_fn(move |_: Request<()>| {
            ready(Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(text)))))
        });
        let request = Request::get("/").header(header::ACCEPT_ENCODING, coding).body(()).unwrap();
        let coded = Compression::new(plain).oneshot(request).await.unwrap();
        assert_eq!(coded.headers()[header::CONTENT_ENCODING], coding);
        let (parts, body) = coded.into_parts();
        Response::from_parts(parts, Full::new(body.collect().await.unwrap().to_bytes()))
    }

    #[tokio::test]
    async fn what_is_asked_for_can_be_decoded() {
        const TEXT: &[u8] = &[b'x'; 100_000];
        for coding in ["gzip", "br", "zstd"] {
            let coded = coded(coding, TEXT).await;
            let short = coded.body().clone().collect().await.unwrap().to_bytes();
            assert!(short.len() < 1000, "{coding}: {}", short.len());
            let body = decoded(coded.clone()).into_body().collect().await.unwrap();
            assert_eq!(body.to_bytes(), TEXT, "{coding}");
            let body = untouched(coded.clone()).into_body().collect().await.unwrap();
            assert_eq!(body.to_bytes(), short, "{coding}");
            if coding == "gzip" {
                let mut old = coded.clone();
                old.headers_mut().insert(header::CONTENT_ENCODING, "X-Gzip".parse().unwrap());
                let body = decoded(old).into_body().collect().await.unwrap();
                assert_eq!(body.to_bytes(), TEXT, "by its old name");
            }
            let cut = coded.map(|_| Full::new(short.slice(..short.len() / 2)));
            assert!(decoded(cut).into_body().collect().await.is_err(), "{coding}");
        }
    }

    async fn plain(codings: &str, octets: Vec<u8>) -> Result<Vec<u8>, String> {
        let response = Response::builder().header(header::CONTENT_ENCODING, codings);
        let body = decoded(response.body(Full::from(octets)).unwrap()).into_body();
        body.collect().await.map(|all| all.to_bytes().into()).map_err(|error| error.to_string())
    }

    const ONE: &[u8] = &[b'1'; 100];
    const TWO: &[u8] = &[b'2'; 100];

    async fn octets(coding: &str, text: &'static [u8]) -> Vec<u8> {
        coded(coding, text).await.into_body().collect().await.unwrap().to_bytes().into()
    }

    #[tokio::test]
    async fn nothing_stays_nothing() {
        for coding in ["gzip", "br", "zstd"] {
            assert_eq!(plain(coding, Vec::new()).await.unwrap(), b"", "{coding}");
        }
    }

    // RFC 1952 2.2, RFC 8878 3.1
    #[tokio::test]
    async fn one_behind_the_other_are_one() {
        for coding in ["gzip", "zstd"] {
            let [one, two] = [octets(coding, ONE).await, octets(coding, TWO).await];
            assert_eq!(
                plain(coding, [&one[..], &two].concat()).await.unwrap(),
                [ONE, TWO].concat()
            );
            assert!(plain(coding, [&one[..], &two[..5]].concat()).await.is_err(), "{coding}");
        }
    }

    #[tokio::test]
    async fn what_comes_behind_the_end_is_told() {
        for coding in ["gzip", "br", "zstd"] {
            let octets = [&octets(coding, ONE).await[..], b"and more"].concat();
            assert!(plain(coding, octets).await.is_err(), "{coding}");
        }
    }

    #[tokio::test]
    async fn codings_are_undone_in_turn_and_left_alone_when_one_is_not_known() {
        const LONG: &[u8] = include_bytes!("decode.rs");
        let inner = octets("br", LONG).await;
        let outer = octets("gzip", Vec::leak(inner)).await;
        assert_eq!(plain("identity, BR,x-gzip", outer.clone()).await.unwrap(), LONG);
        assert_eq!(plain("compress, br", outer.clone()).await.unwrap(), outer);
        assert_eq!(plain("", outer.clone()).await.unwrap(), outer);
        assert_eq!(plain("gzip, gzip, gzip, gzip, gzip", outer.clone()).await.unwrap(), outer);
    }
}
