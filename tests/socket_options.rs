//! What can be set on sockets: two stacks joined by a wire in memory, each with its driver.

#[path = "common/hosts.rs"]
mod hosts;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use glasstack::device::{Device, pipe};
use glasstack::engine::{Smoltcp, SmoltcpConfig};
use glasstack::runtime::{Net, TcpListener, TcpSocket, TcpStream};
use glasstack::stack::{Config, Secret, Stack};
use glasstack::tcp::{Algorithm, EcnMode, Keepalive, Timer};
use hosts::{CLIENT, MTU, SERVER, host};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn net(device: impl Device + 'static, addr: IpAddr) -> Net {
    let config = Config { addrs: vec![addr], mtu: MTU, ..Config::default() };
    let stack = Stack::new(config, Secret([7; 32]));
    let (net, driver) = Net::new(Box::new(stack), Box::new(device), Vec::new()).unwrap();
    tokio::spawn(driver.run());
    net
}

/// A client's and a server's stack.
fn two() -> (Net, Net) {
    let (left, right) = pipe(MTU);
    (net(left, CLIENT), net(right, SERVER.ip()))
}

async fn joined(socket: TcpSocket, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let (ours, accepted) = tokio::join!(socket.connect(SERVER), listener.accept());
    (ours.unwrap(), accepted.unwrap().0)
}

async fn connected() -> (TcpStream, TcpStream) {
    let (client, server) = two();
    let listener = TcpListener::bind(&server, SERVER).unwrap();
    joined(TcpSocket::new(&client), &listener).await
}

fn has_timer(stream: &TcpStream, timer: Timer) -> bool {
    stream.status().unwrap().status.timers.iter().any(|left| left.timer == timer)
}

#[tokio::test]
async fn a_drop_closes_and_one_that_lingers_for_no_time_aborts() {
    for (linger, aborts) in
        [(None, false), (Some(Duration::from_secs(5)), false), (Some(Duration::ZERO), true)]
    {
        let (mut ours, mut theirs) = connected().await;
        ours.set_linger(linger).unwrap();
        assert_eq!(ours.linger().unwrap(), linger);
        ours.write_all(b"last words").await.unwrap();
        drop(ours);
        let mut read = Vec::new();
        let result = theirs.read_to_end(&mut read).await;
        if aborts {
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        } else {
            result.unwrap();
            assert_eq!(read, b"last words", "{linger:?}");
        }
    }
}

#[tokio::test]
async fn a_socket_can_be_told_to_abort_before_it_connects() {
    let (client, server) = two();
    let listener = TcpListener::bind(&server, SERVER).unwrap();
    let mut socket = TcpSocket::new(&client);
    socket.set_linger(Some(Duration::ZERO));
    let (ours, mut theirs) = joined(socket, &listener).await;
    drop(ours);
    let error = theirs.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn buffers_and_the_rest_are_chosen_for_one_socket() {
    let (client, server) = two();
    let listener = TcpListener::bind(&server, SERVER).unwrap();
    let mut socket = TcpSocket::new(&client);
    socket.set_recv_buffer_size(5_000).unwrap();
    socket.set_send_buffer_size(7_000).unwrap();
    socket.configure(|settings| settings.tcp.ecn = EcnMode::On).unwrap();
    let (ours, mut theirs) = joined(socket, &listener).await;
    let status = ours.status().unwrap().status;
    assert!(status.ecn && theirs.status().unwrap().status.ecn, "both sides agree on ECN");
    assert_eq!(status.receive_window, 5_000);
    let bulk = vec![7; 1 << 21];
    // Nobody reads: so much goes into the peer's buffer and ours, and then no more.
    let writing = theirs.write_all(&bulk);
    tokio::time::timeout(Duration::from_millis(50), writing).await.unwrap_err();
    assert!(ours.status().unwrap().status.receive_queue <= 5_000);
    let usual = joined(TcpSocket::new(&client), &listener).await.0;
    let status = usual.status().unwrap().status;
    assert!(!status.ecn && status.receive_window == 1 << 20, "others are as ever");
}

#[tokio::test]
async fn a_listening_socket_hands_on_what_was_chosen_for_it() {
    let (client, server) = two();
    let mut socket = TcpSocket::new(&server);
    socket.bind(SERVER);
    socket.set_nodelay(true);
    socket.set_keepalive(Some(Keepalive::default()));
    socket.set_congestion(Algorithm::NewReno);
    socket.set_recv_buffer_size(5_000).unwrap();
    let listener = socket.listen(5).unwrap();
    let (_ours, theirs) = joined(TcpSocket::new(&client), &listener).await;
    assert!(theirs.nodelay().unwrap() && has_timer(&theirs, Timer::Keepalive));
    assert_eq!(theirs.status().unwrap().status.receive_window, 5_000);
}

#[tokio::test]
async fn a_user_timeout_gives_up() {
    let (client, _server) = two();
    let mut socket = TcpSocket::new(&client);
    socket.set_user_timeout(Some(Duration::from_millis(30)));
    // Nobody has this address.
    let error = socket.connect(SocketAddr::new(host(77), 80)).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn keep_alive_and_congestion_control_can_be_set_later() {
    let (ours, _theirs) = connected().await;
    assert!(!has_timer(&ours, Timer::Keepalive));
    ours.set_keepalive(Some(Keepalive::default())).unwrap();
    assert!(has_timer(&ours, Timer::Keepalive));
    ours.set_congestion(Algorithm::NewReno).unwrap();
    assert_eq!(ours.status().unwrap().status.cwnd, 14_600);
}

#[tokio::test]
async fn the_mark_tells_where_urgent_data_ends() {
    let (mut ours, mut theirs) = connected().await;
    ours.send_urgent(b"stop!").await.unwrap();
    ours.write_all(b" go on").await.unwrap();
    ours.shutdown().await.unwrap();
    let mut buffer = [0; 100];
    let mut before = Vec::new();
    while !theirs.is_at_mark().unwrap() {
        let octets = theirs.read(&mut buffer).await.unwrap();
        assert!(octets > 0, "the mark comes before the end; read so far {before:?}");
        before.extend_from_slice(&buffer[..octets]);
    }
    assert_eq!(before, b"stop");
    let mut rest = Vec::new();
    theirs.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"! go on");
    assert!(!theirs.is_at_mark().unwrap());
}

#[tokio::test]
async fn an_engine_without_these_says_so() {
    let (left, _right) = pipe(MTU);
    let config = SmoltcpConfig { addrs: vec![CLIENT], ..SmoltcpConfig::default() };
    let engine = Box::new(Smoltcp::new(config));
    let (net, driver) = Net::new(engine, Box::new(left), Vec::new()).unwrap();
    tokio::spawn(driver.run());
    let mut socket = TcpSocket::new(&net);
    let error = socket.set_send_buffer_size(1000).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Unsupported);
}
