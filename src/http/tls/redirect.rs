//! What answers on the plain port when everything is to go by TLS.

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderValue, StatusCode, Uri, header};

use crate::http::Endpoints;

/// Sends every request to the same place by `https`, at this port (308, so that a POST stays one).
pub fn redirect(port: u16) -> Router {
    Router::new().fallback(move |request: Request| async move { to_https(&request, port) })
}

fn to_https(request: &Request, port: u16) -> Response {
    let Some(location) = location(request, port) else {
        return (StatusCode::BAD_REQUEST, "The host of this request cannot be read.\n")
            .into_response();
    };
    let text = format!("This is at {}.\n", location.to_str().unwrap_or("its https:// address"));
    (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)], text).into_response()
}

/// The host that the client has named; without one, as HTTP/1.0 may be, the address that it came to.
fn location(request: &Request, port: u16) -> Option<HeaderValue> {
    let host = match (request.uri().authority(), request.headers().get(header::HOST)) {
        (Some(authority), _) => authority.host().to_owned(),
        (None, Some(host)) => Authority::try_from(host.as_bytes()).ok()?.host().to_owned(),
        (None, None) => {
            let local = request.extensions().get::<Endpoints>()?.local.ip();
            if local.is_ipv6() { format!("[{local}]") } else { local.to_string() }
        }
    };
    let authority = if port == 443 { host } else { format!("{host}:{port}") };
    let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    // OPTIONS * is about the server.
    let path = if path == "*" { "/" } else { path };
    let uri = Uri::builder().scheme("https").authority(authority).path_and_query(path).build();
    HeaderValue::try_from(uri.ok()?.to_string()).ok()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn the_place_is_the_same_but_for_the_scheme_and_the_port() {
        for (uri, host, port, location) in [
            ("/a?b=c", Some("192.0.2.2"), 443, Some("https://192.0.2.2/a?b=c")),
            ("/", Some("192.0.2.2:80"), 443, Some("https://192.0.2.2/")),
            ("/", Some("[2001:db8::2]:8080"), 8443, Some("https://[2001:db8::2]:8443/")),
            ("http://name.example/x", Some("other.example"), 443, Some("https://name.example/x")),
            ("*", Some("name.example"), 443, Some("https://name.example/")),
            ("/", None, 443, Some("https://[2001:db8::2]/")),
            ("/", Some("a b"), 443, None),
            ("/", Some(""), 443, None),
        ] {
            let mut request = Request::builder().uri(uri);
            if let Some(host) = host {
                request = request.header(header::HOST, host);
            }
            let mut request = request.body(Body::empty()).unwrap();
            let [local, remote] =
                ["[2001:db8::2]:80", "[2001:db8::1]:40000"].map(|addr| addr.parse().unwrap());
            request.extensions_mut().insert(Endpoints { local, remote });
            let found = super::location(&request, port);
            assert_eq!(found.as_ref().map(|value| value.to_str().unwrap()), location, "{uri}");
        }
    }
}
