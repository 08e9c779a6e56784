//! One connection and one request at a time: what goes to the same place goes by the same connection, if
//! the server keeps it open.

use std::error::Error as StdError;
use std::time::Duration;
use std::{error, fmt, io};

use http::{Request, Response, Uri};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::connector::Connector;
use super::dial::Dial;
use super::error::ConnectError;
use super::transcript::Transcript;

/// So many fields a response may have; how long they may be together is hyper's limit.
const MOST_FIELDS: usize = 1000;

/// A client that can be followed: nothing happens but what the last request asked for.
#[derive(Debug)]
pub struct Session<D, B> {
    connector: Connector<D>,
    transcript: Option<Transcript>,
    open: Option<Open<B>>,
}

#[derive(Debug)]
struct Open<B> {
    origin: Origin,
    sender: SendRequest<B>,
    connection: JoinHandle<Result<(), hyper::Error>>,
}

/// Scheme, host and port.
type Origin = (Option<String>, Option<String>, Option<u16>);

/// Why there is no response.
#[derive(Debug)]
pub enum SendError {
    /// There is no connection.
    Connect(ConnectError),
    /// There was one, and no response that can be understood came by it.
    Http(hyper::Error),
    /// It was kept open from the request before, and ended before this one was answered: the server may never
    /// have seen it. What may be asked for twice can be sent again, and has a new connection then (RFC 9112
    /// 9.3.1).
    Stale(hyper::Error),
}

impl<D, B> Session<D, B>
where
    D: Dial,
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// One that connects by `connector`.
    pub fn new(connector: Connector<D>) -> Self {
        Session { connector, transcript: None, open: None }
    }

    /// Tells `transcript`, which the connector has too, when to look for heads.
    #[must_use]
    pub fn with_transcript(mut self, transcript: Transcript) -> Self {
        self.transcript = Some(transcript);
        self
    }

    /// Sends `request`, whose URI is absolute, and returns the response as soon as its head has come. The
    /// fields are sent as they are, with none added but those that the framing takes.
    ///
    /// The response before must have been read to its end, or be given up: then its connection is not used
    /// again.
    ///
    /// # Errors
    ///
    /// Whatever [`SendError`] has.
    pub async fn send(&mut self, mut request: Request<B>) -> Result<Response<Incoming>, SendError> {
        let url = request.uri().clone();
        // In origin form: what else there is, only proxies understand.
        *request.uri_mut() =
            url.path_and_query().map_or_else(Uri::default, |path| Uri::from(path.clone()));
        let mut is_new = self.connect(&url).await?;
        loop {
            if let Some(transcript) = &self.transcript {
                transcript.expect();
            }
            let open = self.open.as_mut().expect("it was connected");
            match open.sender.try_send_request(request).await {
                Ok(response) => return Ok(response),
                Err(mut failed) => match failed.take_message() {
                    // It was kept open for us, and closed before we said a word.
                    Some(unsent) if !is_new => {
                        request = unsent;
                        self.open = None;
                        is_new = self.connect(&url).await?;
                    }
                    _ => {
                        self.open = None;
                        let error = failed.into_error();
                        let is_stale =
                            !is_new && !error.is_parse() && !error.is_user() && !is_ours(&error);
                        let kind = if is_stale { SendError::Stale } else { SendError::Http };
                        return Err(kind(error));
                    }
                },
            }
        }
    }

    /// Lets the connection end, as soon as the last response has been read, and waits for that for
    /// `patience` at most.
    pub async fn close(mut self, patience: Duration) {
        if let Some(Open { sender, connection, .. }) = self.open.take() {
            drop(sender);
            let _ = timeout(patience, connection).await;
        }
    }

    /// Whether a connection had to be opened.
    async fn connect(&mut self, url: &Uri) -> Result<bool, SendError> {
        let origin =
            (url.scheme_str().map(str::to_owned), url.host().map(str::to_owned), url.port_u16());
        if let Some(open) = &mut self.open
            && open.origin == origin
            && !open.sender.is_closed()
            && open.sender.ready().await.is_ok()
        {
            return Ok(false);
        }
        self.open = None;
        let stream = self.connector.connect(url).await.map_err(SendError::Connect)?;
        let (sender, connection) = http1::Builder::new()
            .title_case_headers(true)
            // As a client should read them (RFC 9112, sections 5.1 and 5.2).
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .max_headers(MOST_FIELDS)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(SendError::Http)?;
        let connection = tokio::spawn(connection);
        self.open = Some(Open { origin, sender, connection });
        Ok(true)
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Connect(error) => error.fmt(f),
            SendError::Http(error) | SendError::Stale(error) => {
                // hyper's own words do not say what lies below.
                match error.source() {
                    Some(below) => write!(f, "{error}: {below}"),
                    None => error.fmt(f),
                }
            }
        }
    }
}

impl error::Error for SendError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            SendError::Connect(error) => Some(error),
            SendError::Http(error) | SendError::Stale(error) => Some(error),
        }
    }
}

/// Whether it is we who have had enough of what the server sends, and not the server that has left.
fn is_ours(error: &hyper::Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|error| error.kind() == io::ErrorKind::InvalidData)
}
