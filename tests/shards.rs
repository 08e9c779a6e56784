//! Shards behind one address: whichever queue a packet comes by, the shard that has its connection gets it.
//! And a driver that polls busily. Stacks joined by wires in memory, each with its driver.

#[path = "common/hosts.rs"]
mod hosts;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use glasstack::device::{Device, Pipe, pipe};
use glasstack::runtime::{Net, Siblings, TcpListener, TcpStream};
use glasstack::stack::{Config, Place, Secret, Stack};
use glasstack::wire::{Frame, Packet};
use hosts::{CLIENT, SERVER};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

/// The client's link to a host with several queues: `choose` says by which of them the nth packet of the
/// client comes, from 0, as a kernel's table of flows would; what is read comes from all.
struct Queues {
    pipes: Vec<Pipe>,
    choose: fn(usize) -> usize,
    written: usize,
}

impl Device for Queues {
    fn name(&self) -> &'static str {
        "queues"
    }

    fn mtu(&self) -> usize {
        1500
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        packets: &mut Vec<Packet>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let polls = self.pipes.iter_mut().map(|pipe| pipe.poll_read(cx, packets, most));
        // All of them, so that each knows whom to wake. A shard that has stopped is not the link's end.
        let polls: Vec<_> = polls.filter(|poll| !matches!(poll, Poll::Ready(Err(_)))).collect();
        polls.into_iter().find(Poll::is_ready).unwrap_or(Poll::Pending)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, frame: &Frame) -> Poll<io::Result<()>> {
        let queue = (self.choose)(self.written);
        let poll = self.pipes[queue].poll_write(cx, frame);
        self.written += usize::from(poll.is_ready());
        poll
    }
}

fn stack(addr: IpAddr, place: Place) -> Box<Stack> {
    let mut config = Config { addrs: vec![addr], place, ..Config::default() };
    config.tcp.msl = Duration::from_millis(20);
    Box::new(Stack::new(config, Secret([7; 32])))
}

/// A client, and two shards of a server behind one address.
fn family(choose: fn(usize) -> usize) -> (Net, [Net; 2]) {
    let (client, shards, _) = family_with_drivers(choose);
    (client, shards)
}

/// The same, with the drivers of the shards.
fn family_with_drivers(
    choose: fn(usize) -> usize,
) -> (Net, [Net; 2], [JoinHandle<io::Result<()>>; 2]) {
    let siblings = Siblings::new();
    let mut pipes = Vec::new();
    let mut drivers = Vec::new();
    let shards = [0, 1].map(|index| {
        let (near, far) = pipe(1500);
        pipes.push(near);
        let engine = stack(SERVER.ip(), Place { index, count: 2 });
        let (net, driver) = Net::among(&siblings, engine, Box::new(far), Vec::new()).unwrap();
        drivers.push(tokio::spawn(driver.run()));
        net
    });
    let device = Queues { pipes, choose, written: 0 };
    let engine = stack(CLIENT, Place::default());
    let (client, driver) = Net::new(engine, Box::new(device), Vec::new()).unwrap();
    tokio::spawn(driver.run());
    (client, shards, drivers.try_into().expect("two"))
}

fn pattern(octets: usize) -> Vec<u8> {
    (0..=250).cycle().take(octets).collect()
}

/// Sends a megabyte there and back, and closes.
async fn echo(mut ours: TcpStream, mut theirs: TcpStream) {
    let echo = tokio::spawn(async move {
        let (mut read, mut write) = theirs.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let sent = pattern(1_000_000);
    let copy = sent.clone();
    let (mut read, mut write) = ours.split();
    let mut received = Vec::new();
    let (result, ()) = tokio::join!(read.read_to_end(&mut received), async {
        write.write_all(&copy).await.unwrap();
        write.shutdown().await.unwrap();
    });
    result.unwrap();
    assert!(received == sent, "what came back is what was sent");
    echo.await.unwrap();
}

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, future).await.unwrap_or_else(|_| panic!("not in time: {what}"))
}

/// The server has the connection on the shard by which the SYN came.
#[tokio::test]
async fn a_connection_lives_on_though_its_packets_come_by_another_queue() {
    for choose in [|nth: usize| usize::from(nth > 0), |nth| nth % 2, |nth| usize::from(nth % 7 < 3)]
    {
        let (client, [first, second]) = family(choose);
        let shard = if choose(0) == 0 { &first } else { &second };
        let listeners = [&first, &second].map(|net| TcpListener::bind(net, SERVER).unwrap());
        let accepted = listeners[choose(0)].accept();
        let connected = async { tokio::join!(TcpStream::connect(&client, SERVER), accepted) };
        let (ours, theirs) = soon("the handshake", connected).await;
        assert_eq!(shard.states().len(), 1);
        assert_eq!(first.states().len() + second.states().len(), 1, "it is on one shard only");
        soon("a megabyte there and back", echo(ours.unwrap(), theirs.unwrap().0)).await;
    }
}

#[tokio::test]
async fn answers_to_our_own_syn_find_the_shard_that_sent_it() {
    let (client, [_first, second]) = family(|_| 0);
    let addr = SocketAddr::new(CLIENT, 80);
    let listener = TcpListener::bind(&client, addr).unwrap();
    let connected = async { tokio::join!(TcpStream::connect(&second, addr), listener.accept()) };
    let (ours, theirs) = soon("the handshake", connected).await;
    soon("a megabyte there and back", echo(ours.unwrap(), theirs.unwrap().0)).await;
}

#[tokio::test]
async fn what_no_shard_knows_is_refused() {
    let (client, _shards) = family(|nth| nth % 2);
    let refused = soon("a refusal", TcpStream::connect(&client, SERVER)).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

/// The handshake is its; what comes later comes to the other.
#[tokio::test]
async fn a_sibling_that_has_stopped_claims_nothing() {
    let (client, [_first, second], [_, driver]) = family_with_drivers(|nth| usize::from(nth < 2));
    let listener = TcpListener::bind(&second, SERVER).unwrap();
    let connected = async { tokio::join!(TcpStream::connect(&client, SERVER), listener.accept()) };
    let (ours, _theirs) = soon("the handshake", connected).await;
    let mut ours = ours.unwrap();
    driver.abort();
    let _ = driver.await;
    ours.write_all(b"anybody?").await.unwrap();
    let error = soon("a reset", ours.read_u8()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

/// Counts how often it is looked at.
struct Counted(Pipe, Arc<AtomicUsize>);

impl Device for Counted {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn mtu(&self) -> usize {
        self.0.mtu()
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        packets: &mut Vec<Packet>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.poll_read(cx, packets, most)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, frame: &Frame) -> Poll<io::Result<()>> {
        self.0.poll_write(cx, frame)
    }
}

/// Far longer than the test takes: the driver never sleeps, and all else goes on.
#[tokio::test]
async fn a_driver_that_polls_busily_lets_tasks_and_timers_run() {
    for busy_poll in [Duration::ZERO, Duration::from_mins(1)] {
        let looks = Arc::new(AtomicUsize::new(0));
        let (near, far) = pipe(1500);
        let device = Counted(far, Arc::clone(&looks));
        let engine = stack(SERVER.ip(), Place::default());
        let (server, mut driver) = Net::new(engine, Box::new(device), Vec::new()).unwrap();
        driver.set_busy_poll(busy_poll);
        tokio::spawn(driver.run());
        let engine = stack(CLIENT, Place::default());
        let (client, driver) = Net::new(engine, Box::new(near), Vec::new()).unwrap();
        tokio::spawn(driver.run());
        let listener = TcpListener::bind(&server, SERVER).unwrap();
        let connected =
            async { tokio::join!(TcpStream::connect(&client, SERVER), listener.accept()) };
        let (ours, theirs) = soon("the handshake", connected).await;
        // The server closes first, so it waits: for 40 ms here, by its driver's alarm.
        let (mut ours, mut theirs) = (ours.unwrap(), theirs.unwrap().0);
        theirs.shutdown().await.unwrap();
        soon("the end", ours.read_to_end(&mut Vec::new())).await.unwrap();
        drop((ours, theirs));
        soon("the end of TIME_WAIT", async {
            while !server.states().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        // Nothing happens now.
        let before = looks.load(Ordering::Relaxed);
        let looked = || looks.load(Ordering::Relaxed) - before;
        if busy_poll.is_zero() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert!(looked() <= 20, "{} looks", looked());
        } else {
            soon("more than 20 looks", async {
                while looked() <= 20 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
            .await;
        }
    }
}
