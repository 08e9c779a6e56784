//! How often the octets of an application are copied between its buffer and the device: a device that
//! notes where in memory everything lies that passes it. What `send_bytes` takes leaves from where it
//! lay, what arrives is read where the device put it, and a write is copied once, for good.

#[path = "common/hosts.rs"]
mod hosts;

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use glasstack::device::{Device, Pipe, pipe};
use glasstack::runtime::{Net, TcpListener, TcpStream};
use glasstack::stack::{Config, Secret, Stack};
use glasstack::wire::{Frame, Packet};
use hosts::{CLIENT, SERVER};
use tokio::io::AsyncWriteExt;

const OCTETS: usize = 3_000_000;

/// Addresses of first octets and of what lies behind the last.
type Places = Arc<Mutex<Vec<Range<usize>>>>;

fn place(octets: &[u8]) -> Range<usize> {
    let range = octets.as_ptr_range();
    range.start.addr()..range.end.addr()
}

/// A device that notes the places of the data it is given, and of the packets it hands over, which it
/// keeps so that no other comes to lie there.
struct Noting {
    inner: Pipe,
    given: Places,
    handed_over: Places,
    kept: Vec<Packet>,
}

impl Noting {
    fn new(inner: Pipe) -> (Self, Places, Places) {
        let (given, handed_over) = (Places::default(), Places::default());
        let device = Noting {
            inner,
            given: given.clone(),
            handed_over: handed_over.clone(),
            kept: Vec::new(),
        };
        (device, given, handed_over)
    }
}

impl Device for Noting {
    fn name(&self) -> &'static str {
        "noting"
    }

    fn mtu(&self) -> usize {
        self.inner.mtu()
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        packets: &mut Vec<Packet>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let before = packets.len();
        let read = self.inner.poll_read(cx, packets, most);
        let new = &packets[before..];
        self.handed_over.lock().unwrap().extend(new.iter().map(|packet| place(&packet.octets)));
        self.kept.extend_from_slice(new);
        read
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, frame: &Frame) -> Poll<io::Result<()>> {
        let written = self.inner.poll_write(cx, frame);
        if written.is_ready() {
            let slices = frame.payload.slices().iter();
            self.given.lock().unwrap().extend(slices.map(|slice| place(slice)));
        }
        written
    }
}

fn net(device: impl Device + 'static, addr: IpAddr) -> Net {
    let config = Config { addrs: vec![addr], mtu: device.mtu(), ..Config::default() };
    let stack = Stack::new(config, Secret([1; 32]));
    let (net, driver) = Net::new(Box::new(stack), Box::new(device), Vec::new()).unwrap();
    tokio::spawn(driver.run());
    net
}

struct World {
    client: TcpStream,
    server: TcpStream,
    /// Where lay what left the client, and what reached the server.
    left: Places,
    arrived: Places,
    /// The stacks live as long as these.
    nets: [Net; 2],
}

async fn world() -> World {
    let (left, right) = pipe(65_535);
    let (left, given, _) = Noting::new(left);
    let (right, _, handed_over) = Noting::new(right);
    let (client, server) = (net(left, CLIENT), net(right, SERVER.ip()));
    let listener = TcpListener::bind(&server, SERVER).unwrap();
    let (ours, theirs) = tokio::join!(TcpStream::connect(&client, SERVER), listener.accept());
    let nets = [client, server];
    World {
        client: ours.unwrap(),
        server: theirs.unwrap().0,
        left: given,
        arrived: handed_over,
        nets,
    }
}

/// Reads it all, and says where it lay.
async fn read(server: &mut TcpStream) -> Vec<Range<usize>> {
    let (mut count, mut places) = (0, Vec::new());
    while count < OCTETS {
        let data = server.recv_bytes(usize::MAX).await.unwrap();
        assert!(!data.is_empty(), "the end came after {count} octets");
        count += data.len();
        places.push(place(&data));
    }
    places
}

/// How many octets of `places` lie within one of `others`.
fn octets_within(places: &[Range<usize>], others: &[Range<usize>]) -> usize {
    let is_within = |place: &&Range<usize>| {
        others.iter().any(|other| other.start <= place.start && place.end <= other.end)
    };
    places.iter().filter(is_within).map(Range::len).sum()
}

#[tokio::test]
async fn what_is_handed_over_leaves_from_where_it_lay_and_is_read_where_it_came() {
    let World { mut client, mut server, left, arrived, nets: _nets } = world().await;
    let data = Bytes::from(vec![b'x'; OCTETS]);
    let (sent, read) = tokio::join!(client.send_bytes(data.clone()), read(&mut server));
    sent.unwrap();
    assert_eq!(
        octets_within(&left.lock().unwrap(), &[place(&data)]),
        OCTETS,
        "no copy on the way out"
    );
    assert_eq!(octets_within(&read, &arrived.lock().unwrap()), OCTETS, "and none on the way in");
}

#[tokio::test]
async fn a_write_is_copied_into_buffers_that_are_used_again() {
    let World { mut client, mut server, left, arrived: _, nets: _nets } = world().await;
    let data = vec![b'x'; OCTETS];
    let (sent, _) = tokio::join!(client.write_all(&data), read(&mut server));
    sent.unwrap();
    let left = left.lock().unwrap();
    assert_eq!(
        octets_within(&left, &[place(&data)]),
        0,
        "the application may use its buffer again"
    );
    assert_eq!(left.iter().map(Range::len).sum::<usize>(), OCTETS);
    // Not one buffer for each of them.
    let pages: BTreeSet<_> = left.iter().map(|place| place.start >> 12).collect();
    assert!(pages.len() * 4096 < OCTETS, "{} pages held {OCTETS} octets", pages.len());
}
