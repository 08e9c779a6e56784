//! What goes along with a request: short data from memory, files and stdin as they are read, on a thread of
//! their own.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::http::{HeaderValue, Method};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use super::super::{Failure, exit};
use super::options::{DataOptions, RequestOptions};
use super::progress::Activity;

/// So much is read at a time, and so many of these may wait.
const CHUNK: usize = 256 << 10;
const CHUNKS: usize = 4;

/// The body of a request.
pub(super) type RequestBody = http_body_util::combinators::UnsyncBoxBody<Bytes, io::Error>;

/// What is to be sent.
#[derive(Clone, Debug)]
pub(super) struct Payload {
    source: Source,
    pub(super) kind: Option<HeaderValue>,
}

#[derive(Clone, Debug)]
enum Source {
    Nothing,
    Text(Bytes),
    /// A file that has so many octets.
    File(PathBuf, u64),
    /// A pipe, or stdin (`None`): as long as it is, and once.
    Pipe(Option<PathBuf>),
}

impl Payload {
    /// What the options say; short data is read now.
    pub(super) fn of(options: &DataOptions) -> Result<Payload, Failure> {
        const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
        const JSON: HeaderValue = HeaderValue::from_static("application/json");
        let text = |parts: Vec<Vec<u8>>| Source::Text(parts.join(&b'&').into());
        let (source, kind) = if let Some(path) = &options.upload_file {
            (Source::of_path(path)?, None)
        } else if let Some(data) = &options.json {
            (Source::of_data(data)?, Some(JSON))
        } else if let [data] = &options.data_binary[..] {
            (Source::of_data(data)?, Some(FORM))
        } else if !options.data_binary.is_empty() {
            let parts = options.data_binary.iter().map(|data| all_of(data));
            (text(parts.collect::<Result<_, _>>()?), Some(FORM))
        } else if !options.data.is_empty() {
            let parts = options.data.iter().map(|data| {
                let mut octets = all_of(data)?;
                if data.starts_with('@') {
                    octets.retain(|octet| !matches!(octet, b'\r' | b'\n' | 0));
                }
                Ok(octets)
            });
            (text(parts.collect::<Result<_, Failure>>()?), Some(FORM))
        } else if !options.data_raw.is_empty() {
            (
                text(options.data_raw.iter().map(|data| data.clone().into_bytes()).collect()),
                Some(FORM),
            )
        } else {
            (Source::Nothing, None)
        };
        Ok(Payload { source, kind })
    }

    /// The body of a request that has none.
    pub(super) fn nothing() -> RequestBody {
        Empty::new().map_err(|never| match never {}).boxed_unsync()
    }

    /// The method, unless it is said.
    pub(super) fn method(&self, options: &RequestOptions) -> Method {
        if let Some(method) = &options.request {
            return method.clone();
        }
        match (options.head, &options.data.upload_file, &self.source) {
            (true, ..) => Method::HEAD,
            (false, Some(_), _) => Method::PUT,
            (false, None, Source::Nothing) => Method::GET,
            (false, None, _) => Method::POST,
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        matches!(self.source, Source::Nothing)
    }

    /// Whether it can be sent once only.
    pub(super) fn is_gone_once_sent(&self) -> bool {
        matches!(self.source, Source::Pipe(_))
    }

    /// How many octets, if that is known.
    pub(super) fn len(&self) -> Option<u64> {
        match &self.source {
            Source::Nothing => Some(0),
            Source::Text(text) => Some(text.len() as u64),
            Source::File(_, len) => Some(*len),
            Source::Pipe(_) => None,
        }
    }

    /// A body of it; `activity` is told of what is taken.
    pub(super) fn body(&self, activity: &Activity) -> Result<RequestBody, Failure> {
        Ok(match &self.source {
            Source::Nothing => Payload::nothing(),
            Source::Text(text) => {
                Full::new(text.clone()).map_err(|never| match never {}).boxed_unsync()
            }
            Source::File(path, len) => {
                let file = File::open(path).map_err(|error| cannot_read(path, &error))?;
                Reading::new(file, Some(*len), activity).boxed_unsync()
            }
            Source::Pipe(None) => Reading::new(io::stdin(), None, activity).boxed_unsync(),
            Source::Pipe(Some(path)) => {
                let path = path.clone();
                Reading::new(Opening::Path(path), None, activity).boxed_unsync()
            }
        })
    }
}

impl Source {
    /// `@FILE`, `@-` or the data itself.
    fn of_data(data: &str) -> Result<Source, Failure> {
        match data.strip_prefix('@') {
            Some(path) => Source::of_path(Path::new(path)),
            None => Ok(Source::Text(data.to_owned().into())),
        }
    }

    fn of_path(path: &Path) -> Result<Source, Failure> {
        if path == Path::new("-") {
            return Ok(Source::Pipe(None));
        }
        let found = fs::metadata(path).map_err(|error| cannot_read(path, &error))?;
        if found.is_dir() {
            return Err(cannot_read(path, &"it is a directory"));
        }
        if !found.is_file() {
            return Ok(Source::Pipe(Some(path.to_owned())));
        }
        // Now, and not when there is a connection.
        File::open(path).map_err(|error| cannot_read(path, &error))?;
        Ok(Source::File(path.to_owned(), found.len()))
    }
}

fn all_of(data: &str) -> Result<Vec<u8>, Failure> {
    let Some(path) = data.strip_prefix('@') else { return Ok(data.as_bytes().to_vec()) };
    let read = match path {
        "-" => {
            let mut octets = Vec::new();
            io::stdin().read_to_end(&mut octets).map(|_| octets)
        }
        path => fs::read(path),
    };
    read.map_err(|error| cannot_read(Path::new(path), &error))
}

fn cannot_read(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(exit::USAGE, format!("cannot read {}, to send it: {error}", path.display()))
}

/// A pipe with a name may keep whoever opens it waiting.
enum Opening {
    Path(PathBuf),
    Open(File),
}

impl Read for Opening {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Opening::Path(path) = self {
            *self = Opening::Open(File::open(path)?);
        }
        match self {
            Opening::Open(file) => file.read(buffer),
            Opening::Path(_) => unreachable!("it was opened"),
        }
    }
}

/// A body that another thread reads.
struct Reading {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    /// What is still to come, if the length was known.
    left: Option<u64>,
    activity: Activity,
}

impl Reading {
    fn new(from: impl Read + Send + 'static, len: Option<u64>, activity: &Activity) -> Reading {
        let (into, chunks) = mpsc::channel(CHUNKS);
        tokio::task::spawn_blocking(move || read_all(from, len, &into));
        Reading { chunks, left: len, activity: activity.clone() }
    }
}

/// Reads until the end, or until nobody wants more. A file that has grown is cut where it ended.
fn read_all(from: impl Read, len: Option<u64>, into: &mpsc::Sender<io::Result<Bytes>>) {
    let mut from = from.take(len.unwrap_or(u64::MAX));
    loop {
        let mut chunk = vec![0; CHUNK];
        let read = match from.read(&mut chunk) {
            Ok(0) => return,
            Ok(read) => {
                chunk.truncate(read);
                Ok(Bytes::from(chunk))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let is_over = read.is_err();
        if into.blocking_send(read).is_err() || is_over {
            return;
        }
    }
}

impl Body for Reading {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let chunk = ready!(self.chunks.poll_recv(cx)).transpose()?;
        match (chunk, self.left) {
            (None, None | Some(0)) => Poll::Ready(None),
            (None, Some(left)) => {
                self.left = Some(0);
                let why = format!("the file to send has become shorter by {left} octets");
                Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::UnexpectedEof, why))))
            }
            (Some(chunk), left) => {
                self.left = left.map(|left| left - chunk.len() as u64);
                self.activity.add(chunk.len());
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sent(len: Option<u64>, octets: usize) -> Result<usize, String> {
        let reading = Reading::new(io::repeat(7).take(octets as u64), len, &Activity::default());
        let body = reading.collect().await.map_err(|error| error.to_string())?;
        Ok(body.to_bytes().len())
    }

    #[tokio::test]
    async fn a_file_goes_as_long_as_it_was() {
        let len = 3 * CHUNK + 5;
        assert_eq!(sent(None, len).await, Ok(len));
        assert_eq!(sent(Some(len as u64), len).await, Ok(len));
        assert_eq!(sent(Some(10), len).await, Ok(10), "it has grown");
        let shorter = sent(Some(len as u64 + 7), len).await.unwrap_err();
        assert!(shorter.contains("shorter by 7"), "{shorter}");
        assert_eq!(sent(Some(0), 0).await, Ok(0));
    }

    #[test]
    fn data_is_joined_as_forms_are() {
        let none = || DataOptions {
            data: Vec::new(),
            data_raw: Vec::new(),
            data_binary: Vec::new(),
            json: None,
            upload_file: None,
        };
        let text = |options: &DataOptions| match Payload::of(options).unwrap().source {
            Source::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
            other => format!("{other:?}"),
        };
        let both = vec!["a=1".to_owned(), "b=2\n".to_owned()];
        assert_eq!(text(&DataOptions { data: both.clone(), ..none() }), "a=1&b=2\n");
        assert_eq!(text(&DataOptions { data_binary: both.clone(), ..none() }), "a=1&b=2\n");
        assert_eq!(text(&DataOptions { data_raw: vec!["@x".to_owned()], ..none() }), "@x");
        let file = concat!("@", env!("CARGO_MANIFEST_DIR"), "/rustfmt.toml").to_owned();
        assert!(!text(&DataOptions { data: vec![file.clone()], ..none() }).contains('\n'));
        let streamed = Payload::of(&DataOptions { data_binary: vec![file], ..none() }).unwrap();
        assert!(matches!(streamed.source, Source::File(..)));
        assert!(Payload::of(&none()).unwrap().is_nothing());
        let missing = DataOptions { json: Some("@/no/such/file".to_owned()), ..none() };
        assert_eq!(Payload::of(&missing).unwrap_err().code, exit::USAGE);
    }
}
