//! A directory as a site.

use std::path::PathBuf;
use std::{env, fs, process};

use glasstack::http::directory;

use super::client::on_loopback;

/// A directory that goes away with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("glasstack-{name}-{}", process::id()));
        fs::create_dir_all(path.join("deep")).unwrap();
        fs::write(path.join("index.html"), "<p>front\n").unwrap();
        fs::write(path.join("deep/index.html"), "<p>deep\n").unwrap();
        fs::write(path.join("notes.txt"), "notes\n").unwrap();
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn files_and_nothing_else() {
    let root = Directory::new("files");
    let (mut client, _server) = on_loopback(directory(&root.0)).await;
    for (path, kind, body) in [
        ("/", "text/html", "<p>front\n"),
        ("/deep/", "text/html", "<p>deep\n"),
        ("/notes.txt", "text/plain", "notes\n"),
    ] {
        let reply = client.get(path).await;
        assert_eq!((reply.status, reply.text()), (200, body), "{path}");
        assert_eq!(reply.field("content-type"), Some(kind), "{path}");
        client.send(&format!("HEAD {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        assert_eq!(client.head().await.field("content-length"), reply.field("content-length"));
    }
    for path in ["/none", "/../../../../../../etc/passwd", "/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/%"]
    {
        let reply = client.get(path).await;
        assert_eq!(reply.status, 404, "{path}");
        assert!(reply.text().starts_with("There is no file at "), "{}", reply.text());
    }
    client.send("POST /notes.txt HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.field("allow")), (405, Some("get,head")));
}
