//! Looking on from inside of the program that is looked into: the same questions and answers as on the socket,
//! and no socket that others could find.

use std::io;
use std::sync::Arc;

use axum::Router;
use tokio::net::UnixStream;

use super::Source;
use super::client::Client;
use super::feed::Over;
use super::server::{answer, router};

/// What is looked into, for whoever is in the same program.
#[derive(Clone, Debug)]
pub struct Inside {
    router: Router,
    _over: Arc<Over>,
}

impl Inside {
    /// Must be called before anything happens that is to be seen.
    #[must_use]
    pub fn new(source: Source) -> Inside {
        let over = Arc::new(source.feed.watch_over(source.nets.clone()));
        Inside { router: router(Arc::new(source)), _over: over }
    }

    /// A conversation, answered by a task of this runtime for as long as it lasts.
    ///
    /// # Errors
    ///
    /// The system has no more sockets.
    pub async fn client(&self) -> io::Result<Client> {
        let (asks, answers) = UnixStream::pair()?;
        let router = self.router.clone();
        tokio::spawn(async move { answer(answers, router).await });
        Client::over(asks, "this program".as_ref()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Feed;

    #[tokio::test]
    async fn it_is_answered_without_a_socket() {
        let source =
            Source { device: "glass0".to_owned(), nets: Vec::new(), feed: Feed::default() };
        let mut client = Inside::new(source).client().await.expect("a pair of sockets");
        assert_eq!((client.who.device.as_str(), client.who.shards), ("glass0", 0));
        let error = client.text("/v1/nothing").await.expect_err("there is no such path");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
