//! What is agreed on, who is turned away and how, and how connections end (RFC 5246, RFC 7301, RFC 8446,
//! RFC 9112).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use glasstack::http::tls::Secrets;
use glasstack::http::{CloseAfter, Config};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};

use super::client::Client;
use super::world::{BOTH, World, identity, shake_hands, told};

// RFC 5246, RFC 8446, RFC 7301 3.2
#[tokio::test]
async fn both_versions_and_every_protocol_are_agreed_on_and_told() {
    let world = World::new();
    for version in BOTH {
        for (offered, chosen) in [
            (&["http/1.1"][..], Some("http/1.1")),
            (&["http/1.0"], Some("http/1.0")),
            (&["spdy/3", "http/1.1"], Some("http/1.1")),
            (&[], None),
        ] {
            let (mut client, _server) = world.https(&world.client(version, offered)).await;
            let report = told(&mut client).await;
            assert_eq!(report["tls"]["alpn"].as_str(), chosen, "{report}");
            let expected = if version.version == rustls::ProtocolVersion::TLSv1_3 {
                ("TLSv1.3", "TLS13_AES_256_GCM_SHA384")
            } else {
                ("TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")
            };
            let tls = &report["tls"];
            assert_eq!((tls["version"].as_str(), tls["cipher"].as_str()), {
                (Some(expected.0), Some(expected.1))
            });
            assert_eq!(tls["key_exchange"], "X25519");
            assert_eq!(tls["server_name"], "localhost");
            assert_eq!(tls["resumed"], false);
            assert_eq!(report["http"], "HTTP/1.1");
        }
        // The server's order counts: HTTP/2 where the client can do both.
        let client = world.client(version, &["http/1.1", "h2"]);
        let (stream, _server) = world.connect();
        let stream = shake_hands(&client, stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    }
}

// RFC 8446 2.2
#[tokio::test]
async fn a_session_is_resumed_at_a_later_connection() {
    let world = World::new();
    for version in BOTH {
        let client = world.client(version, &[]);
        for resumed in [false, true, true] {
            let (mut client, _server) = world.https(&client).await;
            let report = told(&mut client).await;
            assert_eq!(report["tls"]["resumed"], resumed, "{report}");
        }
    }
}

// RFC 7301 3.2
#[tokio::test]
async fn who_speaks_nothing_that_we_do_is_told_so() {
    let world = World::with(Config::default(), |tls| tls.http2 = false);
    for version in BOTH {
        for offered in ["h2", "smtp"] {
            let (stream, _server) = world.connect();
            let error = shake_hands(&world.client(version, &[offered]), stream).await.unwrap_err();
            assert!(error.to_string().contains("NoApplicationProtocol"), "{offered}: {error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn plain_http_is_told_that_this_is_tls() {
    let world = World::new();
    for request in
        ["GET / HTTP/1.1\r\nhost: x\r\n\r\n", "\r\nPOST /", "PRI * HTTP/2.0\r\n\r\n", "O"]
    {
        let (stream, _server) = world.connect();
        let mut client = Client::new(stream);
        client.send(request).await;
        let reply = client.reply().await;
        assert_eq!((reply.status, reply.field("connection")), (400, Some("close")));
        assert!(reply.text().contains("write https://"), "{}", reply.text());
        client.expect_close().await;
        // What still comes does not destroy the answer.
        client.send(&"x".repeat(200_000)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_has_its_time_and_no_more() {
    let world = World::new();
    // The beginning of a ClientHello; one of which an octet comes each second; nothing at all.
    let beginnings: [(&[u8], u64); 3] = [
        (&[22, 3, 1, 2, 0, 1, 0, 1, 252], 0),
        (&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3], 1),
        (&[], 0),
    ];
    for (beginning, pause) in beginnings {
        let (mut stream, server) = world.connect();
        let start = Instant::now();
        for octet in beginning {
            sleep(Duration::from_secs(pause)).await;
            if stream.write_all(&[*octet]).await.is_err() {
                break;
            }
        }
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0, "it is closed without a word");
        assert!((10..=11).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
        drop(server);
    }
    // Who is done in time is not held to it.
    let (mut client, _server) = world.https(&world.client(BOTH[1], &[])).await;
    sleep(Duration::from_secs(20)).await;
    assert_eq!(client.get("/hello").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_handshake_ends_with_an_alert() {
    let world = World::new();
    let mut long = vec![22, 3, 3, 0xff, 0xff];
    long.resize(70_000, 7);
    let junk: [&[u8]; 5] = [
        &[22, 3, 1, 0, 5, 1, 0, 0, 1, 7],
        &[22, 3, 1, 0, 4, 99, 0, 0, 0],
        &[0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 16],
        &[23, 3, 3, 0, 1, 0],
        &long,
    ];
    for octets in junk {
        let (mut stream, _server) = world.connect();
        stream.write_all(octets).await.unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await.unwrap();
        assert!(said.len() >= 7 && said[0] == 21 && said[5] == 2, "a fatal alert: {said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_is_said_inside_and_outside_and_a_half_close_gets_its_answer() {
    let world = World::new();
    for version in BOTH {
        // The client ends with close_notify, and reads on.
        let (mut client, _server) = world.https(&world.client(version, &[])).await;
        client.send("GET /bytes/300000 HTTP/1.1\r\nhost: x\r\n\r\n").await;
        client.close().await;
        assert_eq!(client.reply().await.body.len(), 300_000);
        // rustls gives an error for a FIN without close_notify.
        client.expect_close().await;

        // We end, because HTTP says so.
        let (mut client, _server) = world.https(&world.client(version, &[])).await;
        client.send("GET /hello HTTP/1.0\r\n\r\n").await;
        assert_eq!(client.reply().await.status, 200);
        client.expect_close().await;

        // The client ends inside, and waits for our end before its FIN, as Python's `unwrap` does.
        let (mut client, _server) = world.https(&world.client(version, &[])).await;
        client.get("/hello").await;
        let (stream, session) = client.stream.get_mut().get_mut();
        session.send_close_notify();
        let mut notice = Vec::new();
        session.write_tls(&mut notice).unwrap();
        stream.write_all(&notice).await.unwrap();
        client.expect_close().await;

        // The client ends with a FIN alone, as many do.
        let (mut client, _server) = world.https(&world.client(version, &[])).await;
        client.send("GET /hello HTTP/1.1\r\nhost: x\r\n\r\n").await;
        client.stream.get_mut().get_mut().0.shutdown().await.unwrap();
        assert_eq!(client.reply().await.status, 200);
        client.expect_close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_counted_from_the_peers_end() {
    let delay = CloseAfter::Delay(Duration::from_millis(500));
    let config = Config { close_after: delay, ..Config::default() };
    let world = World::with(config, |_| {});
    let (mut client, _server) = world.https(&world.client(BOTH[1], &[])).await;
    client.get("/hello").await;
    let start = Instant::now();
    client.close().await;
    client.expect_close().await;
    assert_eq!(start.elapsed(), Duration::from_millis(500));

    // A FIN without close_notify is an end as well.
    let (mut client, _server) = world.https(&world.client(BOTH[1], &[])).await;
    client.get("/hello").await;
    let start = Instant::now();
    client.stream.get_mut().get_mut().0.shutdown().await.unwrap();
    client.expect_close().await;
    assert_eq!(start.elapsed(), Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_asks_for_nothing_is_closed_when_we_stop() {
    let world = World::new();
    let (mut stream, server) = world.connect();
    stream.write_all(&[22, 3, 1]).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let start = Instant::now();
    server.stopper.stop();
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    server.task.await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn the_secrets_are_told_to_those_who_listen() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&lines);
    let world = World::with(Config::default(), |tls| {
        let listen = move |line: &str| listener.lock().unwrap().push(line.to_owned());
        tls.secrets = Secrets::default().and(Arc::new(listen));
    });
    for (version, labels) in [
        (BOTH[0], &["CLIENT_RANDOM"][..]),
        (
            BOTH[1],
            &[
                "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
                "CLIENT_TRAFFIC_SECRET_0",
                "EXPORTER_SECRET",
                "SERVER_HANDSHAKE_TRAFFIC_SECRET",
                "SERVER_TRAFFIC_SECRET_0",
            ],
        ),
    ] {
        let (mut client, _server) = world.https(&world.client(version, &[])).await;
        client.get("/hello").await;
        let lines = std::mem::take(&mut *lines.lock().unwrap());
        let mut found: Vec<_> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, labels);
        for line in &lines {
            let parts: Vec<_> = line.split(' ').collect();
            assert_eq!((parts.len(), parts[1].len(), parts[2].len()), (3, 64, 96), "{line}");
        }
    }
}

#[tokio::test]
async fn another_certificate_is_shown_to_those_who_come_later() {
    let world = World::new();
    let client = world.client(BOTH[1], &[]);
    let (mut before, _server) = world.https(&client).await;
    world.tls.show(identity().0);
    let (stream, _server) = world.connect();
    // A session that is resumed would show none.
    let error = shake_hands(&world.client(BOTH[1], &[]), stream).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    assert_eq!(before.get("/hello").await.status, 200, "who was there before goes on");
}
