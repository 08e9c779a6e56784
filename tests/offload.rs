//! Segmentation offload: two stacks on devices that cut long segments as a kernel does, and check what
//! they are given. Nothing longer than the MTU ever reaches the wire between them.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use etherparse::{IpHeaders, IpNumber, TcpHeader, TcpHeaderSlice};
use glasstack::device::{Device, Pipe, pipe};
use glasstack::runtime::{Net, TcpListener, TcpStream};
use glasstack::stack::{Config, Secret, Stack};
use glasstack::wire::{Features, Frame, Packet};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const MTU: usize = 1500;

/// A wire that finishes checksums and cuts segments, and counts the long ones.
struct Cutter {
    inner: Pipe,
    waiting: VecDeque<Frame>,
    long: Arc<AtomicUsize>,
}

impl Device for Cutter {
    fn name(&self) -> &'static str {
        "cutter"
    }

    fn mtu(&self) -> usize {
        MTU
    }

    fn features(&self) -> Features {
        Features { checksum: true, segmentation: true }
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        packets: &mut Vec<Packet>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let _ = self.poll_flush(cx)?;
        self.inner.poll_read(cx, packets, most)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, frame: &Frame) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        let whole = frame.to_bytes();
        if frame.offload.segment_size > 0 {
            self.long.fetch_add(1, Ordering::Relaxed);
        }
        if frame.offload.checksum {
            self.waiting.extend(cut(&whole, usize::from(frame.offload.segment_size)));
        } else {
            self.waiting.push_back(frame.clone());
        }
        let _ = self.poll_flush(cx)?;
        Poll::Ready(Ok(()))
    }
}

impl Cutter {
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(frame) = self.waiting.front() {
            ready!(self.inner.poll_write(cx, frame))?;
            self.waiting.pop_front();
        }
        Poll::Ready(Ok(()))
    }
}

/// What a kernel makes of a long segment: such with `size` octets of data each, the numbers going on,
/// PSH and FIN on the last alone, all checksums right.
fn cut(whole: &Bytes, size: usize) -> Vec<Frame> {
    let (ip, rest) = IpHeaders::from_slice(whole).expect("an IP header");
    let start = whole.len() - rest.payload.len();
    let tcp = TcpHeaderSlice::from_slice(rest.payload).expect("a TCP header").to_header();
    check_partial_checksum(&ip, &tcp, rest.payload.len());
    let data = &whole[start + tcp.header_len()..];
    assert!(size > 0 || whole.len() <= MTU, "{} octets that are not to be cut", whole.len());
    let size = if size == 0 { data.len().max(1) } else { size };
    let pieces = data.len().div_ceil(size).max(1);
    let piece = |index: usize| {
        let data = &data[index * size..data.len().min((index + 1) * size)];
        let is_last = index + 1 == pieces;
        let mut tcp = tcp.clone();
        let offset = u32::try_from(index * size).expect("64 KB");
        tcp.sequence_number = tcp.sequence_number.wrapping_add(offset);
        tcp.psh &= is_last;
        tcp.fin &= is_last;
        let mut ip = ip.clone();
        ip.set_payload_len(tcp.header_len() + data.len()).expect("64 KB");
        let mut head = Vec::new();
        match &mut ip {
            IpHeaders::Ipv4(header, _) => {
                tcp.checksum = tcp.calc_checksum_ipv4(header, data).expect("64 KB");
                header.header_checksum = header.calc_header_checksum();
            }
            IpHeaders::Ipv6(header, _) => {
                tcp.checksum = tcp.calc_checksum_ipv6(header, data).expect("64 KB");
            }
        }
        ip.write(&mut head).expect("a vector takes it");
        head.extend_from_slice(&tcp.to_bytes());
        let payload = Bytes::copy_from_slice(data).into();
        Frame { head: head.as_slice().into(), payload, ..Frame::default() }
    };
    (0..pieces).map(piece).collect()
}

/// The field holds the sum of the pseudo-header, for the device to go on with.
fn check_partial_checksum(ip: &IpHeaders, tcp: &TcpHeader, length: usize) {
    let sum = match ip {
        IpHeaders::Ipv4(ip, _) => etherparse::checksum::Sum16BitWords::new()
            .add_4bytes(ip.source)
            .add_4bytes(ip.destination),
        IpHeaders::Ipv6(ip, _) => etherparse::checksum::Sum16BitWords::new()
            .add_16bytes(ip.source)
            .add_16bytes(ip.destination),
    };
    let sum = sum
        .add_2bytes([0, IpNumber::TCP.0])
        .add_2bytes(u16::try_from(length).expect("64 KB").to_be_bytes());
    let expected = u16::from_be_bytes((!sum.ones_complement()).to_ne_bytes());
    assert_eq!(tcp.checksum, expected, "the sum of the pseudo-header");
}

/// A stack on one end of a wire, and how many long segments it has sent.
fn net(inner: Pipe, addr: IpAddr) -> (Net, Arc<AtomicUsize>) {
    let long = Arc::<AtomicUsize>::default();
    let device = Cutter { inner, waiting: VecDeque::new(), long: long.clone() };
    let features = device.features();
    let config = Config { addrs: vec![addr], features, ..Config::default() };
    let stack = Stack::new(config, Secret([3; 32]));
    let (net, driver) = Net::new(Box::new(stack), Box::new(device), Vec::new()).unwrap();
    tokio::spawn(driver.run());
    (net, long)
}

#[tokio::test]
async fn long_segments_are_cut_and_everything_arrives_both_ways() {
    exchange("192.0.2.1", "192.0.2.2").await;
}

#[tokio::test]
async fn long_segments_are_cut_over_ipv6_as_well() {
    exchange("2001:db8::1", "2001:db8::2").await;
}

async fn exchange(client: &str, server: &str) {
    let addr = SocketAddr::new(server.parse().unwrap(), 80);
    let (left, right) = pipe(MTU);
    let (client, from_client) = net(left, client.parse().unwrap());
    let (server, from_server) = net(right, addr.ip());
    let listener = TcpListener::bind(&server, addr).unwrap();
    let (ours, accepted) = tokio::join!(TcpStream::connect(&client, addr), listener.accept());
    let (mut ours, (mut theirs, _)) = (ours.unwrap(), accepted.unwrap());
    // Not a multiple of anything, so that the last segment is a short one.
    let sent: Vec<u8> = (0..=250).cycle().take(5_000_003).collect();
    let copy = sent.clone();
    let echo = tokio::spawn(async move {
        let (mut read, mut write) = theirs.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let (mut read, mut write) = ours.split();
    let mut received = Vec::new();
    let (read, ()) = tokio::join!(read.read_to_end(&mut received), async {
        write.write_all(&copy).await.unwrap();
        write.shutdown().await.unwrap();
    });
    assert_eq!(read.unwrap(), sent.len());
    assert!(received == sent, "what came back is what was sent");
    echo.await.unwrap();
    for long in [from_client, from_server] {
        let long = long.load(Ordering::Relaxed);
        assert!(long > 20, "only {long} segments were long ones");
    }
}
