//! The codings of a body undone: gzip, br and zstd, by tower-http.

use std::convert::Infallible;
use std::error::Error;
use std::future::ready;

use ::http::{HeaderValue, Request, Response, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Body;
use tower::{ServiceExt, service_fn};
use tower_http::decompression::Decompression;

/// A body, decoded or as it came.
pub(super) type ResponseBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// As it came.
pub(super) fn untouched<B>(response: Response<B>) -> Response<ResponseBody>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    response.map(|body| body.map_err(Into::into).boxed_unsync())
}

/// Decoded, if its coding is one that we know. A response that is decoded has no length any more.
pub(super) async fn decoded<B>(mut response: Response<B>) -> Response<ResponseBody>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>> + Send> + Send + 'static,
{
    // However it is written (RFC 9110 8.4.1), and by its old name (8.4.1.3).
    if let Some(coding) = response.headers_mut().get_mut(header::CONTENT_ENCODING) {
        let name = coding.as_bytes().to_ascii_lowercase();
        let name = if name == b"x-gzip" { b"gzip".to_vec() } else { name };
        *coding = HeaderValue::from_bytes(&name).expect("it was one in capitals");
    }
    let mut response = Some(response);
    let given = service_fn(move |_: Request<()>| {
        ready(Ok::<_, Infallible>(response.take().expect("it is asked for once")))
    });
    let asked = Decompression::new(given).oneshot(Request::new(())).await;
    asked.unwrap_or_else(|never| match never {}).map(BodyExt::boxed_unsync)
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
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
            let body = decoded(coded.clone()).await.into_body().collect().await.unwrap();
            assert_eq!(body.to_bytes(), TEXT, "{coding}");
            let body = untouched(coded.clone()).into_body().collect().await.unwrap();
            assert_eq!(body.to_bytes(), short, "{coding}");
            if coding == "gzip" {
                let mut old = coded.clone();
                old.headers_mut().insert(header::CONTENT_ENCODING, "X-Gzip".parse().unwrap());
                let body = decoded(old).await.into_body().collect().await.unwrap();
                assert_eq!(body.to_bytes(), TEXT, "by its old name");
            }
            let cut = coded.map(|_| Full::new(short.slice(..short.len() / 2)));
            assert!(decoded(cut).await.into_body().collect().await.is_err(), "{coding}");
        }
    }
}
