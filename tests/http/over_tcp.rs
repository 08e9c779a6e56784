//! HTTP on our own TCP, two stacks in memory: what takes both to get right.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use glasstack::device::{Device, pipe};
use glasstack::http::{AccessLog, AccessLogFormat, Bounds, Config, Pace, serve, site};
use glasstack::runtime::{Net, TcpListener, TcpStream};
use glasstack::serving::{Stopper, stop};
use glasstack::stack::{self, Secret, Stack};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};

const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 80);

fn net(device: impl Device + 'static, addr: IpAddr) -> Net {
    let mut config = stack::Config { addrs: vec![addr], ..stack::Config::default() };
    config.tcp.msl = Duration::from_millis(20);
    let stack = Stack::new(config, Secret([7; 32]));
    let (net, driver) = Net::new(Box::new(stack), Box::new(device), Vec::new()).unwrap();
    tokio::spawn(driver.run());
    net
}

/// A client's stack, a server's, and what answers on it.
fn two(config: Config) -> (Net, Net, Stopper) {
    let (left, right) = pipe(1500);
    let client = net(left, Ipv4Addr::new(192, 0, 2, 1).into());
    let server = net(right, SERVER.ip());
    let (stopper, stop) = stop();
    let listener = TcpListener::bind(&server, SERVER).unwrap();
    tokio::spawn(serve(listener, site(), config, stop));
    (client, server, stopper)
}

/// A connection whose client asks for so many octets and takes none of them.
async fn ask(client: &Net, octets: u32) -> TcpStream {
    let mut stream = TcpStream::connect(client, SERVER).await.unwrap();
    let request = format!("GET /bytes/{octets} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Whether it is larger than all buffers, or fits into those of the server so that HTTP is soon done with it:
/// an answer that nobody takes does not keep its connection for ever.
#[tokio::test]
async fn who_takes_nothing_is_cut_off_however_large_the_answer() {
    let patience = Duration::from_millis(800);
    let bounds = Bounds { response_pace: Pace { patience, rate: 0 }, ..Bounds::default() };
    let (client, server, _stopper) = two(Config { bounds, ..Config::default() });
    for octets in [20_000_000, 1_800_000] {
        let start = Instant::now();
        let mut stream = ask(&client, octets).await;
        let gone = async {
            sleep(patience).await;
            while !server.states().is_empty() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(20), gone).await.expect("the server is rid of it");
        assert!(start.elapsed() > patience);
        let error = stream.read_to_end(&mut Vec::new()).await.expect_err("it was cut off");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{octets}");
    }
}

/// It takes longer than anybody may stand still.
#[tokio::test]
async fn who_takes_it_slowly_gets_it_whole() {
    let octets = match take_slowly(Duration::from_millis(400)).await {
        Ok(octets) => octets,
        // A machine that is slow stands still itself.
        Err(_) => take_slowly(Duration::from_secs(4)).await.expect("a pause is not standing still"),
    };
    assert!(octets > 1_800_000, "{octets}");
}

/// Reads with pauses of a tenth of what one may stand still; all that came.
async fn take_slowly(patience: Duration) -> io::Result<usize> {
    let bounds = Bounds { response_pace: Pace { patience, rate: 100_000 }, ..Bounds::default() };
    let (client, _server, _stopper) = two(Config { bounds, ..Config::default() });
    let start = Instant::now();
    let mut stream = ask(&client, 1_800_000).await;
    let (mut all, mut piece) = (0, vec![0; 100_000]);
    while let octets @ 1.. = stream.read(&mut piece).await? {
        all += octets;
        sleep(patience / 10).await;
    }
    assert!(start.elapsed() > patience);
    Ok(all)
}

#[derive(Clone, Default)]
struct Place(Arc<Mutex<Vec<u8>>>);

impl io::Write for Place {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_access_log_has_the_numbers_of_the_stack() {
    let place = Place::default();
    let log = AccessLog::to(place.clone(), AccessLogFormat::Common).unwrap();
    let config = Config { access_log: Some(log.clone()), ..Config::default() };
    let (client, server, _stopper) = two(config);
    let mut ids = Vec::new();
    for octets in [1, 2, 3] {
        let mut stream = ask(&client, octets).await;
        ids.push(server.states()[0].0);
        stream.read_to_end(&mut Vec::new()).await.unwrap();
        drop(stream);
        while !server.states().is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
    }
    assert_eq!(log.finish(), 0);
    let text = String::from_utf8(place.0.lock().unwrap().clone()).unwrap();
    let found: Vec<_> = text.lines().map(|line| line.split(' ').nth(10).unwrap()).collect();
    let expected: Vec<_> = ids.iter().map(|id| format!("{id}/1")).collect();
    assert_eq!(found, expected, "{text}");
    assert!(text.starts_with("192.0.2.1 - - ["), "{text}");
}
