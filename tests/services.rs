//! echo (RFC 862), discard (RFC 863), daytime (RFC 867) and chargen (RFC 864), over the kernel's loopback and over pipes.

#[path = "common/hosts.rs"]
mod hosts;

use std::time::{Duration, SystemTime};

use glasstack::services::{Config, Service, serve};
use glasstack::serving::{Stopper, stop};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

/// The example of RFC 867.
fn a_day_in_1982() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(383_333_863)
}

async fn start(service: Service) -> (TcpStream, Stopper) {
    let listener = TcpListener::bind((hosts::LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stopper, stop) = stop();
    tokio::spawn(serve(service, listener, Config::new(a_day_in_1982), stop));
    (TcpStream::connect(addr).await.unwrap(), stopper)
}

async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.expect("the end should be a FIN");
    rest
}

#[tokio::test]
async fn echo_finishes_after_the_peer_has_closed() {
    let (mut stream, _stopper) = start(Service::Echo).await;
    stream.write_all(b"hi\n").await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(rest(&mut stream).await, b"hi\n");
}

#[tokio::test]
async fn echo_talks_and_listens_at_once() {
    let (stream, _stopper) = start(Service::Echo).await;
    let sent: Vec<u8> = (0..10_000_000_u32).map(|n| (n % 251) as u8).collect();
    let (mut input, mut output) = stream.into_split();
    let sending = async {
        output.write_all(&sent).await.unwrap();
        output.shutdown().await.unwrap();
    };
    let mut got = Vec::new();
    let ((), read) = tokio::join!(sending, input.read_to_end(&mut got));
    read.unwrap();
    assert!(got == sent, "{} octets came back", got.len());
}

#[tokio::test]
async fn discard_says_nothing() {
    let (mut stream, _stopper) = start(Service::Discard).await;
    stream.write_all(&vec![b'x'; 5_000_000]).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(rest(&mut stream).await, b"");
}

#[tokio::test]
async fn daytime_closes_first_whatever_it_is_told() {
    let (mut stream, _stopper) = start(Service::Daytime).await;
    stream.write_all(b"what time is it?\n").await.unwrap();
    assert_eq!(rest(&mut stream).await, b"Tue, 23 Feb 1982 17:37:43 GMT\r\n");
}

#[tokio::test]
async fn chargen_turns_the_lines_and_drains_what_it_is_told() {
    let (stream, _stopper) = start(Service::Chargen).await;
    let (mut input, mut output) = stream.into_split();
    let mut got = vec![0; 74 * 200];
    // More than any buffer holds: it arrives only if it is read.
    let babble = vec![b'x'; 20_000_000];
    let both = async {
        tokio::join!(
            async {
                input.read_exact(&mut got).await.unwrap();
                let mut more = Vec::new();
                input.read_to_end(&mut more).await
            },
            async {
                output.write_all(&babble).await.unwrap();
                output.shutdown().await
            }
        )
    };
    let (read, written) =
        timeout(Duration::from_mins(1), both).await.expect("the babble is not drained");
    written.unwrap();
    read.unwrap();
    let text = String::from_utf8(got).unwrap();
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(lines[0], &text[..72]);
    assert!(lines[0].starts_with(" !\"#$%&'()*+,-./0123456789"));
    assert!(lines[1].starts_with("!\"#$%&'()*+,-./0123456789"));
    assert!(lines.iter().all(|line| line.len() == 72));
    assert_eq!(lines[95], lines[0], "once around the 95 characters");
    assert!(lines[94].starts_with("~ !"));
}

#[tokio::test]
async fn a_stop_closes_what_is_open() {
    let (mut stream, stopper) = start(Service::Echo).await;
    stream.write_all(b"x").await.unwrap();
    stream.read_exact(&mut [0]).await.unwrap();
    stopper.stop();
    assert_eq!(rest(&mut stream).await, b"");
}

#[tokio::test(start_paused = true)]
async fn silence_is_borne_for_ten_minutes() {
    let config = Config::new(a_day_in_1982);
    for service in [Service::Echo, Service::Discard, Service::Chargen] {
        let (mut ours, _theirs) = duplex(64);
        let start = Instant::now();
        let error = service.talk(&mut ours, &config).await.expect_err("nobody said anything");
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut, "{service}");
        assert_eq!(start.elapsed(), Duration::from_mins(10), "{service}");
    }
}
