//! The sockets mean what tokio's mean: two stacks joined by a wire in memory, each with its driver.

#[path = "common/hosts.rs"]
mod hosts;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use glasstack::device::{Device, pipe, pipe_of_depth};
use glasstack::engine::{Smoltcp, SmoltcpConfig};
use glasstack::runtime::{Net, Parts, TcpListener, TcpSocket, TcpStream, serve_per_shard};
use glasstack::stack::{Config, Secret, Stack};
use glasstack::tcp::State;
use hosts::{CLIENT, MTU, SERVER, far_host};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn config(addr: IpAddr) -> Config {
    let mut config = Config { addrs: vec![addr], mtu: MTU, ..Config::default() };
    config.tcp.msl = Duration::from_millis(20);
    config
}

fn net(device: impl Device + 'static, addr: IpAddr) -> Net {
    let stack = Stack::new(config(addr), Secret([1; 32]));
    let (net, driver) = Net::new(Box::new(stack), Box::new(device), Vec::new()).unwrap();
    tokio::spawn(driver.run());
    net
}

/// A client's and a server's stack.
fn two() -> (Net, Net) {
    let (left, right) = pipe(MTU);
    (net(left, CLIENT), net(right, SERVER.ip()))
}

/// A client's and a server's end of one connection.
async fn connected(client: &Net, server: &Net) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(server, SERVER).unwrap();
    let (ours, accepted) = tokio::join!(TcpStream::connect(client, SERVER), listener.accept());
    let (theirs, peer) = accepted.unwrap();
    let ours = ours.unwrap();
    assert_eq!(peer, ours.local_addr().unwrap());
    assert_eq!(theirs.local_addr().unwrap(), SERVER);
    (ours, theirs)
}

fn pattern(octets: usize) -> Vec<u8> {
    (0..=250).cycle().take(octets).collect()
}

#[tokio::test]
async fn data_goes_both_ways_and_shutdown_is_the_end_of_a_stream() {
    let (client, server) = two();
    let (mut ours, mut theirs) = connected(&client, &server).await;
    let echo = tokio::spawn(async move {
        let (mut read, mut write) = theirs.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let sent = pattern(3_000_000);
    let copy = sent.clone();
    let (mut read, mut write) = ours.split();
    let mut received = Vec::new();
    let (read_to_end, ()) = tokio::join!(read.read_to_end(&mut received), async {
        write.write_all(&copy).await.unwrap();
        write.shutdown().await.unwrap();
    });
    assert_eq!(read_to_end.unwrap(), sent.len());
    assert!(received == sent, "what came back is what was sent");
    echo.await.unwrap();
}

#[tokio::test]
async fn owned_halves_close_when_the_write_half_is_dropped_and_reunite() {
    let (client, server) = two();
    let (ours, theirs) = connected(&client, &server).await;
    let (mut read, write) = ours.into_split();
    drop(write);
    let (mut their_read, mut their_write) = theirs.into_split();
    let mut nothing = Vec::new();
    assert_eq!(their_read.read_to_end(&mut nothing).await.unwrap(), 0);
    their_write.write_all(b"still open this way").await.unwrap();
    let mut theirs = their_read.reunite(their_write).unwrap();
    theirs.shutdown().await.unwrap();
    let mut text = String::new();
    read.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "still open this way");
}

#[tokio::test]
async fn a_port_where_nobody_listens_refuses() {
    let (client, _server) = two();
    let error = TcpStream::connect(&client, SERVER).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn an_abort_is_a_reset_for_the_peer() {
    let (client, server) = two();
    let (ours, mut theirs) = connected(&client, &server).await;
    ours.abort();
    let error = theirs.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    let error = theirs.write_all(b"too late").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn dropping_with_unread_data_resets_and_without_closes() {
    let (client, server) = two();
    let (mut ours, mut theirs) = connected(&client, &server).await;
    ours.write_all(b"never read").await.unwrap();
    theirs.write_all(b"x").await.unwrap();
    // It has come when the answer has.
    assert_eq!(ours.read_u8().await.unwrap(), b'x');
    theirs.write_all(b"y").await.unwrap();
    drop(theirs);
    let error = async {
        ours.read_u8().await?;
        ours.read_u8().await
    };
    assert_eq!(error.await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);

    let (mut ours, theirs) = connected(&client, &server).await;
    drop(theirs);
    let mut nothing = Vec::new();
    assert_eq!(ours.read_to_end(&mut nothing).await.unwrap(), 0);
}

#[tokio::test]
async fn a_writer_waits_for_a_reader_and_both_come_to_the_end() {
    let (client, server) = two();
    let (mut ours, mut theirs) = connected(&client, &server).await;
    let data = pattern(5_000_000);
    let copy = data.clone();
    let writer = tokio::spawn(async move {
        ours.write_all(&copy).await.unwrap();
        ours.shutdown().await.unwrap();
        ours
    });
    // Both buffers are full long before the end: the writer waits.
    tokio::task::yield_now().await;
    assert!(!writer.is_finished());
    let mut received = Vec::new();
    theirs.read_to_end(&mut received).await.unwrap();
    assert!(received == data);
    drop(writer.await.unwrap());
}

#[tokio::test]
async fn bytes_travel_without_being_copied_by_the_sender() {
    let (client, server) = two();
    let (mut ours, mut theirs) = connected(&client, &server).await;
    let data = bytes::Bytes::from(pattern(100_000));
    ours.send_bytes(data.clone()).await.unwrap();
    ours.shutdown().await.unwrap();
    let mut received = Vec::new();
    loop {
        let piece = theirs.recv_bytes(64 * 1024).await.unwrap();
        if piece.is_empty() {
            break;
        }
        received.extend_from_slice(&piece);
    }
    assert!(received == data);
}

/// smoltcp's send buffer takes what fits, and nothing else: the rest has to follow.
#[tokio::test]
async fn bytes_travel_whole_where_the_engine_takes_a_part_at_a_time() {
    let (left, right) = pipe(MTU);
    let client = net(left, CLIENT);
    let config = SmoltcpConfig { addrs: vec![SERVER.ip()], ..SmoltcpConfig::default() };
    let engine = Box::new(Smoltcp::new(config));
    let (server, driver) = Net::new(engine, Box::new(right), Vec::new()).unwrap();
    tokio::spawn(driver.run());
    let (mut ours, mut theirs) = connected(&client, &server).await;
    let data = bytes::Bytes::from(pattern(3_000_000));
    let copy = data.clone();
    let writer = tokio::spawn(async move {
        theirs.send_bytes(copy).await.unwrap();
        theirs.shutdown().await.unwrap();
        theirs.read_to_end(&mut Vec::new()).await.unwrap();
    });
    let mut received = Vec::new();
    ours.read_to_end(&mut received).await.unwrap();
    assert!(received == data, "{} octets came", received.len());
    drop(ours);
    writer.await.unwrap();
}

#[tokio::test]
async fn a_slow_device_slows_the_sender_down_and_loses_nothing() {
    let (left, right) = pipe_of_depth(MTU, 1);
    let client = net(left, CLIENT);
    let server = net(right, SERVER.ip());
    let (mut ours, mut theirs) = connected(&client, &server).await;
    let data = pattern(300_000);
    let copy = data.clone();
    tokio::spawn(async move {
        ours.write_all(&copy).await.unwrap();
        ours.shutdown().await.unwrap();
    });
    let mut received = Vec::new();
    theirs.read_to_end(&mut received).await.unwrap();
    assert!(received == data);
}

#[tokio::test]
async fn a_socket_chooses_its_port_and_ports_are_not_taken_twice() {
    let (client, server) = two();
    let listener = TcpListener::bind(&server, SERVER).unwrap();
    let again = TcpListener::bind(&server, SERVER).unwrap_err();
    assert_eq!(again.kind(), io::ErrorKind::AddrInUse);
    let foreign = TcpListener::bind(&server, SocketAddr::new(far_host(1), 80));
    assert_eq!(foreign.unwrap_err().kind(), io::ErrorKind::AddrNotAvailable);

    let local = SocketAddr::new(CLIENT, 4711);
    let mut socket = TcpSocket::new(&client);
    socket.bind(local);
    socket.set_nodelay(true);
    let (ours, _) = tokio::join!(socket.connect(SERVER), listener.accept());
    let ours = ours.unwrap();
    assert_eq!(ours.local_addr().unwrap(), local);
    assert!(ours.nodelay().unwrap());
    let status = ours.status().unwrap().status;
    assert_eq!(status.state, State::Established);
    assert_eq!(status.send_mss, 1460);

    let mut socket = TcpSocket::new(&client);
    socket.bind(local);
    let taken = socket.connect(SERVER).await.unwrap_err();
    assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn when_the_driver_ends_whoever_waits_finds_out() {
    let (left, _right) = pipe(MTU);
    let addr = CLIENT;
    let stack = Stack::new(config(addr), Secret([1; 32]));
    let (net, driver) = Net::new(Box::new(stack), Box::new(left), Vec::new()).unwrap();
    let running = tokio::spawn(driver.run());
    let listener = TcpListener::bind(&net, SocketAddr::new(addr, 80)).unwrap();
    let waiting = tokio::spawn(async move { listener.accept().await.map(|_| ()) });
    tokio::task::yield_now().await;
    running.abort();
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotConnected);
}

#[tokio::test]
async fn nothing_is_left_of_a_closed_connection() {
    let (client, server) = two();
    let (mut ours, mut theirs) = connected(&client, &server).await;
    ours.shutdown().await.unwrap();
    let mut nothing = Vec::new();
    theirs.read_to_end(&mut nothing).await.unwrap();
    theirs.shutdown().await.unwrap();
    ours.read_to_end(&mut nothing).await.unwrap();
    drop((ours, theirs));
    // TIME_WAIT takes 40 ms here.
    tokio::time::timeout(Duration::from_secs(10), async {
        while !(client.states().is_empty() && server.states().is_empty()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("both tables are empty in the end");
}

#[test]
fn a_service_runs_on_every_shard() {
    let addr = CLIENT;
    let mut shards: Vec<Box<dyn FnOnce() -> io::Result<Parts> + Send>> = Vec::new();
    let mut wires = Vec::new();
    for number in 0..3 {
        let (left, right) = pipe(MTU);
        wires.push(right);
        shards.push(Box::new(move || {
            let engine = Box::new(Stack::new(config(addr), Secret([number; 32])));
            Ok(Parts {
                engine,
                device: Box::new(left),
                sinks: Vec::new(),
                busy_poll: Duration::ZERO,
            })
        }));
    }
    let threads = serve_per_shard(shards, |net| async move {
        // Each shard has a table of its own, so the same port can be had on each.
        let listener = TcpListener::bind(&net, SERVER_ON_CLIENT)?;
        assert_eq!(listener.local_addr()?, SERVER_ON_CLIENT);
        Ok(())
    })
    .unwrap();
    assert_eq!(threads.len(), 3);
    for thread in threads {
        thread.join().unwrap();
    }
}

const SERVER_ON_CLIENT: SocketAddr = SocketAddr::new(CLIENT, 80);

#[tokio::test]
async fn what_is_seen_by_peeking_is_read_all_the_same() {
    let (left, right) = pipe(1500);
    let ours = Smoltcp::new(SmoltcpConfig { addrs: vec![CLIENT], ..SmoltcpConfig::default() });
    let (client, driver) = Net::new(Box::new(ours), Box::new(left), Vec::new()).unwrap();
    tokio::spawn(driver.run());
    let server = net(right, SERVER.ip());
    let (ours, theirs) = connected(&client, &server).await;
    // smoltcp's stream, and one of ours: each reads in its turn.
    let (mut reads, mut writes) = (ours, theirs);
    for _ in 0..2 {
        let mut room = [0; 8];
        let error = reads.try_read(&mut room).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        writes.writable().await.unwrap();
        assert_eq!(writes.try_write(b"once").unwrap(), 4);
        reads.readable().await.unwrap();
        for _ in 0..2 {
            assert_eq!(reads.peek(&mut room).await.unwrap(), 4);
            assert_eq!(&room[..4], b"once");
        }
        assert_eq!(reads.peek(&mut room[..2]).await.unwrap(), 2);
        assert_eq!(reads.try_read(&mut room).unwrap(), 4);
        std::mem::swap(&mut reads, &mut writes);
    }
    writes.shutdown().await.unwrap();
    assert_eq!(reads.peek(&mut [0; 8]).await.unwrap(), 0, "the end can be seen as well");
    assert_eq!(reads.try_read(&mut [0; 8]).unwrap(), 0);
    while let Ok(1..) = reads.try_write(&[0; 10_000]) {}
    let error = reads.try_write(b"x").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "the buffers are full");
}
