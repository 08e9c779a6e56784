//! Serves a directory: each file in it is a resource, whose representations may be asked for whole or in
//! parts, under conditions, and compressed (RFC 9110).
//!
//! Here is what a request comes to. `target` reads its path, `root` opens what is there, `form` selects what is
//! sent of it by `media` and `codings`, `conditions` and `ranges` say how much of that, and `body` reads it.

mod body;
mod codings;
mod conditions;
mod form;
mod listing;
mod made;
mod media;
mod multipart;
mod places;
mod ranges;
mod refused;
mod root;
mod stock;
mod target;
mod validators;
mod work;

use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::body::{Chunks, Means, Slice, Source};
use self::conditions::{Verdict, judge, range_holds};
use self::form::Form;
use self::listing::Listing;
use self::made::Made;
use self::multipart::{Multipart, content_range};
use self::ranges::Wanted;
use self::refused::Refused;
use self::root::{Found, Refusal, Root};
use self::stock::Stock;
use self::target::Target;
use self::validators::Validators;
use self::work::Workers;
use super::pages::Reader;
use super::share::{Share, keeping};

/// How a directory is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether a directory without an `index.html` shows what it holds. It does unless told otherwise.
    pub listing: bool,
    /// Whether files whose names begin with a dot are served and listed. `/.well-known` always is. The
    /// default is not to.
    pub dotfiles: bool,
    /// Whether what can be compressed is, for those who take it. It is unless told otherwise.
    pub compression: bool,
    /// What `Cache-Control` says with each file; with `None` nothing. The default is `no-cache`: a copy may be
    /// kept, and is used only after asking whether it is still right, which costs a 304. Without a word,
    /// caches guess how long a file stays as it is (RFC 9111 4.2.2), and show what it was before.
    pub cache_control: Option<HeaderValue>,
}

impl Default for Options {
    fn default() -> Self {
        Options { listing: true, dotfiles: false, compression: true, cache_control: Some(NO_CACHE) }
    }
}

const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// What is compressed at a time, for each takes up to some megabytes of memory; whoever comes then gets the
/// file as it is.
const MOST_ENCODERS: usize = 32;

/// What all listings together may have waiting for those who asked for them, in KiB.
const MOST_LISTED_KIB: usize = 64 * 1024;

/// What may be done with a file.
const ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

const INDEX: &str = "index.html";

/// The files below `root`, and nothing else, whatever links there are: `index.html` stands for its
/// directory, another directory is listed.
///
/// # Errors
///
/// When `root` is not there, is no directory, or may not be read.
pub fn directory(root: impl AsRef<Path>, options: Options) -> io::Result<Router> {
    let directory = Directory {
        root: Root::open_dir(root.as_ref())?,
        options,
        means: Means {
            workers: Workers::new(),
            open: places::of_this_process(),
            stock: Stock::default(),
        },
        encoders: Arc::new(Semaphore::new(MOST_ENCODERS)),
        listed_kib: Arc::new(Semaphore::new(MOST_LISTED_KIB)),
    };
    Ok(Router::new().fallback(respond).with_state(Arc::new(directory)))
}

/// What is served.
struct Directory {
    root: Root,
    options: Options,
    means: Means,
    encoders: Arc<Semaphore>,
    listed_kib: Arc<Semaphore>,
}

/// What of a request matters here.
struct Ask {
    is_head: bool,
    version: Version,
    uri: Uri,
    headers: HeaderMap,
    /// Of its connection, where that may ask for more at a time.
    share: Option<Share>,
}

impl Ask {
    /// Only GET has ranges (RFC 9110 14.2).
    fn wants_range(&self) -> bool {
        !self.is_head && self.headers.contains_key(header::RANGE)
    }
}

async fn respond(State(directory): State<Arc<Directory>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let reader = Reader::of(&parts.headers);
    match parts.method {
        Method::GET | Method::HEAD => {}
        Method::OPTIONS => {
            return (StatusCode::NO_CONTENT, [(header::ALLOW, ALLOW)]).into_response();
        }
        other => return not_allowed(reader, &other),
    }
    // A connection that asks for much at a time waits for itself.
    let share = parts.extensions.get::<Share>().cloned();
    let place = match &share {
        Some(share) => Some(share.place().await),
        None => None,
    };
    let ask = Ask {
        is_head: parts.method == Method::HEAD,
        version: parts.version,
        uri: parts.uri,
        headers: parts.headers,
        share,
    };
    let workers = directory.means.workers.clone();
    let answered = workers.job(move || {
        let answer = directory.answer(&ask);
        answer.unwrap_or_else(|refused| refused.response(reader, &ask.uri))
    });
    let response = answered.await.unwrap_or_else(|error| {
        log::error!("a request for a file came to nothing: {error}");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    });
    response.map(|body| keeping(place, body))
}

fn not_allowed(reader: Reader, method: &Method) -> Response {
    let text = format!(
        "{method} is not for files: they can be read (GET, HEAD) and asked about (OPTIONS)."
    );
    let mut response = reader.refusal(StatusCode::METHOD_NOT_ALLOWED, &text);
    response.headers_mut().insert(header::ALLOW, ALLOW);
    response
}

/// All of this takes as long as the file system does.
impl Directory {
    fn answer(&self, ask: &Ask) -> Result<Response, Refused> {
        let target = Target::parse(ask.uri.path()).map_err(Refused::Target)?;
        if target.is_hidden() && !self.options.dotfiles {
            return Err(Refused::Hidden);
        }
        let path = target.path();
        match self.root.open(&path)? {
            Found::File(..) if target.is_directory => Err(Refused::Root(Refusal::Absent)),
            Found::File(file, metadata) => {
                let form = Form::select(self, ask, &path, file, &metadata)?;
                self.send(ask, form)
            }
            Found::Directory(_) if !target.is_directory => Ok(redirect(ask, target)),
            Found::Directory(dir) => {
                let index = path.join(INDEX);
                match self.root.open(&index) {
                    Ok(Found::File(file, metadata)) => {
                        let form = Form::select(self, ask, &index, file, &metadata)?;
                        self.send(ask, form)
                    }
                    Ok(Found::Directory(_)) | Err(Refusal::Absent) => self.list(ask, &target, dir),
                    Err(refusal) => Err(refusal.into()),
                }
            }
        }
    }

    fn list(&self, ask: &Ask, target: &Target, dir: std::fs::File) -> Result<Response, Refused> {
        if !self.options.listing {
            return Err(Refused::NoListing);
        }
        let mut response = match judge(&ask.headers, &Validators::default()) {
            Verdict::Holds if ask.is_head => {
                let head = Reader::of(&ask.headers).page(String::new, String::new);
                head.map(|_| Body::from_stream(unknown()))
            }
            Verdict::Holds => {
                let listing = Listing::read(&self.root, target, dir, self.options.dotfiles)?;
                let page = listing.page(Reader::of(&ask.headers), target);
                let room = self.room_for(page.body())?;
                page.map(|body| keeping(Some(room), body))
            }
            Verdict::NotModified => StatusCode::NOT_MODIFIED.into_response(),
            Verdict::Failed => return Err(Refused::Precondition),
        };
        response.headers_mut().insert(header::CACHE_CONTROL, NO_CACHE);
        Ok(response)
    }

    /// What a listing takes of the room for all of them.
    fn room_for(&self, page: &Body) -> Result<OwnedSemaphorePermit, Refused> {
        let octets = page.size_hint().exact().unwrap_or(u64::MAX);
        let kib = u32::try_from(octets.div_ceil(1024)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.listed_kib).try_acquire_many_owned(kib);
        room.map_err(|_| Refused::Root(Refusal::Busy))
    }

    fn send(&self, ask: &Ask, form: Form) -> Result<Response, Refused> {
        let mut headers = form.headers(self);
        match judge(&ask.headers, &form.validators) {
            Verdict::Holds => {}
            Verdict::NotModified => return Ok((StatusCode::NOT_MODIFIED, headers).into_response()),
            Verdict::Failed => return Err(Refused::Precondition),
        }
        let has_parts = form.made.is_none();
        if has_parts {
            headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        }
        if let Some(coding) = form.coding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        }
        let wanted =
            if has_parts && ask.wants_range() && range_holds(&ask.headers, &form.validators) {
                ranges::read(&ask.headers, form.len)
            } else {
                Wanted::Whole
            };
        let (status, body) = match wanted {
            Wanted::Whole => (StatusCode::OK, self.whole(ask, form, &mut headers)?),
            Wanted::Parts(parts) => {
                (StatusCode::PARTIAL_CONTENT, self.some(ask, form, &parts, &mut headers)?)
            }
            Wanted::Nothing => return Err(Refused::Range(form.len)),
        };
        Ok((status, headers, body).into_response())
    }

    /// The whole of it, and what is said of that.
    fn whole(&self, ask: &Ask, form: Form, headers: &mut HeaderMap) -> Result<Body, Refused> {
        headers.insert(header::CONTENT_TYPE, text(form.media.as_str()));
        let slice = Slice::new(form.file, 0..form.len);
        match (form.coding, form.made) {
            // How long it becomes is found out by making it.
            (Some(_), Some(_)) if ask.is_head => Ok(Body::from_stream(unknown())),
            (Some(coding), Some(permit)) => {
                let made = Made::new(slice, form.len, coding, permit)?;
                self.body(ask, Source::Made(made), None, headers)
            }
            (_, _) => self.body(ask, Source::Plain(slice), Some(form.len), headers),
        }
    }

    /// Some of its parts, and what is said of them.
    fn some(
        &self,
        ask: &Ask,
        form: Form,
        parts: &[std::ops::Range<u64>],
        headers: &mut HeaderMap,
    ) -> Result<Body, Refused> {
        let media = form.media.as_str();
        if let [part] = parts {
            headers.insert(header::CONTENT_TYPE, text(media));
            headers.insert(header::CONTENT_RANGE, text(&content_range(part, form.len)));
            let len = part.end - part.start;
            let slice = Slice::new(form.file, part.clone());
            return self.body(ask, Source::Plain(slice), Some(len), headers);
        }
        let multipart = Multipart::new(parts, &form.file, form.len, media)?;
        headers.insert(header::CONTENT_TYPE, text(&multipart.content_type));
        self.body(ask, multipart.source, Some(multipart.len), headers)
    }

    /// A body of so many octets, if that is known, of which the first are read already. To HEAD only the
    /// length is told.
    fn body(
        &self,
        ask: &Ask,
        source: Source,
        len: Option<u64>,
        headers: &mut HeaderMap,
    ) -> Result<Body, Refused> {
        let (len, body) = if ask.is_head {
            (len, Body::empty())
        } else {
            let name = ask.uri.path();
            let chunks = Chunks::begin(source, len, name, &self.means)?;
            (chunks.len(), Body::new(chunks))
        };
        if let Some(len) = len {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(len));
        }
        Ok(body)
    }
}

/// Nothing, and not that it is nothing.
fn unknown() -> impl futures_util::Stream<Item = io::Result<bytes::Bytes>> {
    futures_util::stream::empty()
}

/// To the same directory, by its own name: links on its page lead from there.
fn redirect(ask: &Ask, mut target: Target) -> Response {
    target.is_directory = true;
    let mut location = target.to_string();
    if let Some(query) = ask.uri.query() {
        location.push('?');
        location.push_str(query);
    }
    let Ok(value) = HeaderValue::from_str(&location) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let reader = Reader::of(&ask.headers);
    let words = format!("This is a directory: it is at {target}.");
    let mut response = reader.refusal(StatusCode::MOVED_PERMANENTLY, &words);
    response.headers_mut().insert(header::LOCATION, value);
    // What is a directory today may be a file tomorrow.
    response.headers_mut().insert(header::CACHE_CONTROL, NO_CACHE);
    response
}

fn text(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("media types are visible ASCII")
}

#[cfg(test)]
mod tests;
