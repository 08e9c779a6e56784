//! Events as JSON lines, for as long as somebody reads them; and ladders, meanwhile.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use tokio::time::timeout;

use super::Source;
use super::feed::Watcher;
use super::query::{pairs, unknown};
use super::server::{refused, text};
use crate::trace::{ConnId, Event, Mask};
use crate::view::Style;

/// An empty line comes so often, so that a reader who has gone is noticed where nothing else happens.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Octets that go together, if there are as many.
const CHUNK: usize = 32 << 10;

/// Packets, whole, belong into a capture.
const OFFERED: Mask = Mask::all().difference(Mask::PACKETS);

/// `GET /v1/events?kinds=states,segments`: all kinds unless told otherwise. While anybody reads it, ladders are
/// recorded.
pub(super) async fn events(
    State(source): State<Arc<Source>>,
    RawQuery(query): RawQuery,
) -> Response {
    let mut kinds = OFFERED;
    for (name, value) in pairs(query.as_deref()) {
        let named = match name.as_str() {
            "kinds" => self::kinds(&value),
            _ => Err(unknown(&name, "kinds")),
        };
        match named {
            Ok(named) => kinds = named,
            Err(why) => return refused(&why),
        }
    }
    let lines = unfold(source.feed.watch(kinds), |mut watcher| async move {
        let chunk = next_chunk(&mut watcher).await;
        Some((Ok::<_, std::convert::Infallible>(chunk), watcher))
    });
    let kind = [(header::CONTENT_TYPE, "application/jsonl")];
    (kind, Body::from_stream(lines)).into_response()
}

/// `GET /v1/ladders/ID?width=100&utf8=true`, or `?format=svg`.
pub(super) async fn ladder(
    State(source): State<Arc<Source>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Ok(id) = id.parse() else {
        return refused("the number of a connection stands at the end of the path");
    };
    let mut style = Style { color: false, ..Style::default() };
    let mut is_picture = false;
    for (name, value) in pairs(query.as_deref()) {
        match (name.as_str(), value.parse::<usize>(), value.as_str()) {
            ("width", Ok(width @ 1..=1_000), _) => style.width = width,
            ("utf8", _, "true" | "1") => style.utf8 = true,
            ("utf8", _, "false" | "0") => style.utf8 = false,
            ("format", _, "text") => is_picture = false,
            ("format", _, "svg") => is_picture = true,
            ("width" | "utf8" | "format", _, _) => {
                return refused(&format!("{name}={value} cannot be"));
            }
            _ => return refused(&unknown(&name, "width, utf8, format")),
        }
    }
    let svg = [(header::CONTENT_TYPE, "image/svg+xml")];
    let drawn = if is_picture {
        source.feed.picture(ConnId(id)).map(|picture| (svg, picture).into_response())
    } else {
        source.feed.ladder(ConnId(id), &style).map(text)
    };
    drawn.unwrap_or_else(|| {
        let why = "nothing was seen of it while anybody read /v1/events\n";
        (StatusCode::NOT_FOUND, why).into_response()
    })
}

/// `states,segments`: names of [`Mask`]; `none` for none.
fn kinds(list: &str) -> Result<Mask, String> {
    let mut kinds = Mask::empty();
    for name in list.split(',').filter(|name| !matches!(*name, "" | "none")) {
        match Mask::from_name(&name.to_uppercase()) {
            Some(kind) if OFFERED.contains(kind) => kinds |= kind,
            Some(_) => return Err(format!("{name} are not told here: --pcap captures them")),
            None => {
                let all: Vec<_> =
                    OFFERED.iter_names().map(|(name, _)| name.to_lowercase()).collect();
                return Err(format!("{name} is no kind; there are {}", all.join(", ")));
            }
        }
    }
    Ok(kinds)
}

/// Lines of what has happened, or an empty one.
async fn next_chunk(watcher: &mut Watcher) -> String {
    let mut chunk = String::new();
    let some = async {
        line(&mut chunk, &watcher.next().await);
        while chunk.len() < CHUNK
            && let Some(another) = watcher.ready()
        {
            line(&mut chunk, &another);
        }
    };
    if timeout(HEARTBEAT, some).await.is_err() {
        chunk.push('\n');
    }
    chunk
}

fn line(chunk: &mut String, told: &Result<Arc<Event>, u64>) {
    match told {
        Ok(event) => {
            chunk.push_str(&serde_json::to_string(&**event).expect("events are data"));
            chunk.push('\n');
        }
        // Whoever reads too slowly misses some: the stack does not wait.
        Err(missed) => {
            let _ = writeln!(chunk, r#"{{"event":"missed","count":{missed}}}"#);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_by_their_names() {
        assert_eq!(kinds("states,segments"), Ok(Mask::STATES | Mask::SEGMENTS));
        assert_eq!(kinds("none"), Ok(Mask::empty()));
        let wrong = kinds("moods").unwrap_err();
        assert!(wrong.contains("windows") && !wrong.contains("packets"), "{wrong}");
        assert!(kinds("states,packets").unwrap_err().contains("--pcap"));
        assert!(!OFFERED.intersects(Mask::PACKETS) && OFFERED.contains(Mask::DATA));
    }
}
