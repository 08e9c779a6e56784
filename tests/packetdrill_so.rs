//! The shared library for the public packetdrill tool, used as the tool uses it: through its table of C
//! functions, with a thread for calls that block, in virtual time.

#![allow(unsafe_code, reason = "calls a C interface")]

#[path = "examples/built.rs"]
mod built;
#[path = "packetdrill_so/library.rs"]
mod library;
#[path = "packetdrill_so/peer.rs"]
mod peer;

use std::env;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;

use library::Host;
use nix::errno::Errno;
use peer::{Flags, HERE, Peer, Segment, THERE, syn_of};

const PORT: u16 = 8080;
const MILLI: i64 = 1_000;
const SECOND: i64 = 1_000_000;
/// What the tests' peers start from.
const THEIRS: u32 = 1_000_000;
const FLAGS: &str = "timestamps=0,sack=0";

/// A host that listens.
fn listening() -> (Host, i32) {
    let host = Host::new(FLAGS);
    let listener = host.tcp(0);
    assert_eq!(host.bind(listener, HERE, PORT), Ok(0));
    assert_eq!(host.listen(listener), Ok(0));
    (host, listener)
}

/// A connection of that peer that the application has; its descriptor, and what we send next.
fn established(peer: &Peer<'_>, listener: i32) -> (i32, u32) {
    peer.send(&Segment::new(Flags::Syn, THEIRS - 1, 0));
    let (_, answer) = peer.host.netdev_receive();
    let (_, ours) = syn_of(&answer);
    peer.send(&Segment::new(Flags::Ack, THEIRS, ours.wrapping_add(1)));
    let (fd, port) = peer.host.accept(listener).expect("a connection");
    assert_eq!(port, peer.port);
    (fd, ours.wrapping_add(1))
}

/// Makes a call on a thread of its own, does `meanwhile` once it sleeps, and returns what it brought and
/// what time the thread found it to be afterwards.
fn while_blocked<R: Send>(
    host: &Host,
    call: impl FnOnce(&Host) -> R + Send,
    meanwhile: impl FnOnce(),
) -> (R, i64) {
    let thread_id = AtomicI32::new(0);
    thread::scope(|scope| {
        let caller = scope.spawn(|| {
            thread_id.store(nix::unistd::gettid().as_raw(), Ordering::SeqCst);
            let result = call(host);
            (result, host.clock())
        });
        // As the tool finds out: it looks at the state of the thread.
        while !sleeps(thread_id.load(Ordering::SeqCst)) {
            thread::yield_now();
        }
        meanwhile();
        caller.join().expect("no panic")
    })
}

fn sleeps(thread_id: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/self/task/{thread_id}/stat"));
    stat.is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S')))
}

#[test]
fn a_hundred_connections_from_accept_to_time_wait() {
    let (host, listener) = listening();
    for number in 0..100 {
        let peer = Peer { host: &host, port: 10_000 + number, our_port: PORT };
        one_connection(&peer, listener, number % 4 == 0);
    }
    assert_eq!(host.close(listener), Ok(0));
    host.free();
}

/// Handshake, data both ways, a loss if wanted, and the end that the application begins.
fn one_connection(peer: &Peer<'_>, listener: i32, loses_data: bool) {
    let host = peer.host;
    let mut ours = 0;
    let mut opened_at = 0;
    let (accepted, accepted_at) = while_blocked(
        host,
        |host| host.accept(listener),
        || {
            peer.send(&Segment::new(Flags::Syn, THEIRS - 1, 0));
            let (_, syn_ack) = host.netdev_receive();
            ours = syn_of(&syn_ack).1.wrapping_add(1);
            host.usleep(20_000);
            peer.send(&Segment::new(Flags::Ack, THEIRS, ours));
            opened_at = host.clock();
        },
    );
    let (fd, port) = accepted.expect("a connection");
    assert_eq!(port, peer.port);
    // The clock had not moved when the connection opened, and moves by one with the question.
    assert_eq!(accepted_at + 1, opened_at, "the thread learns when its call ended");

    let (heard, _) = while_blocked(
        host,
        |host| host.read(fd, 4_096),
        || peer.send(&Segment::new(Flags::PushAck, THEIRS, ours).with(&[7; 100])),
    );
    assert_eq!(heard, Ok(vec![7; 100]));
    let theirs = THEIRS + 100;
    peer.expect(&Segment::new(Flags::Ack, ours, theirs));

    assert_eq!(host.write(fd, &[9; 200]), Ok(200));
    let said = Segment::new(Flags::PushAck, ours, theirs).with(&[9; 200]);
    let first_at = peer.expect(&said);
    if loses_data {
        let again_at = peer.expect(&said);
        let waited = again_at - first_at;
        assert!((200 * MILLI..3 * SECOND).contains(&waited), "sent again after {waited} us");
    }
    let ours = ours.wrapping_add(200);
    peer.send(&Segment::new(Flags::Ack, theirs, ours));

    assert_eq!(host.close(fd), Ok(0));
    peer.expect(&Segment::new(Flags::FinAck, ours, theirs));
    peer.send(&Segment::new(Flags::FinAck, theirs, ours.wrapping_add(1)));
    peer.expect(&Segment::new(Flags::Ack, ours.wrapping_add(1), theirs + 1));
}

#[test]
fn a_blocking_connect_ends_when_it_ended_however_far_time_has_gone_since() {
    let host = Host::new(FLAGS);
    let fd = host.tcp(0);
    let mut answered_at = 0;
    let (connected, ended_at) = while_blocked(
        &host,
        |host| host.connect(fd, THERE, 80),
        || {
            let (sent_at, syn) = host.netdev_receive();
            let (our_port, ours) = syn_of(&syn);
            let peer = Peer { host: &host, port: 80, our_port };
            host.usleep(100_000);
            peer.send(&Segment::new(Flags::SynAck, THEIRS - 1, ours.wrapping_add(1)));
            answered_at = host.clock() - 1;
            assert_eq!(answered_at, sent_at + 100 * MILLI);
            peer.expect(&Segment::new(Flags::Ack, ours.wrapping_add(1), THEIRS));
            host.usleep(600_000_000);
        },
    );
    assert_eq!((connected, ended_at), (Ok(0), answered_at));
    assert!(host.clock() > answered_at + 600 * SECOND, "asked again, it is as late as it is");
    host.free();
}

#[test]
fn a_connect_is_refused_or_runs_out_of_time() {
    let host = Host::new(FLAGS);
    let refused = host.tcp(0);
    let (result, _) = while_blocked(
        &host,
        |host| host.connect(refused, THERE, 80),
        || {
            let (our_port, ours) = syn_of(&host.netdev_receive().1);
            let peer = Peer { host: &host, port: 80, our_port };
            peer.send(&Segment::new(Flags::RstAck, 0, ours.wrapping_add(1)));
        },
    );
    assert_eq!(result, Err(Errno::ECONNREFUSED));

    let lost = host.tcp(0);
    let mut sent = Vec::new();
    let (result, ended_at) = while_blocked(
        &host,
        |host| host.connect(lost, THERE, 81),
        || {
            sent.extend((0..7).map(|_| host.netdev_receive().0));
            host.usleep(200_000_000);
        },
    );
    assert_eq!(result, Err(Errno::ETIMEDOUT));
    let gaps: Vec<_> = sent.windows(2).map(|pair| (pair[1] - pair[0]) / SECOND).collect();
    assert_eq!(gaps, [1, 2, 4, 8, 16, 32], "every loss doubles the wait");
    assert_eq!((ended_at - sent[6]) / SECOND, 64);
    host.free();
}

#[test]
fn poll_and_epoll_wait_for_packets_and_for_time() {
    let (host, listener) = listening();
    let peer = Peer { host: &host, port: 20_000, our_port: PORT };
    let mut asked = [libc::pollfd { fd: listener, events: libc::POLLIN, revents: 0 }];
    assert_eq!(host.poll(&mut asked, 0), Ok(0));
    let begun_at = host.clock();
    let (ready, ended_at) = while_blocked(
        &host,
        |host| host.poll(&mut [libc::pollfd { fd: listener, events: 1, revents: 0 }], 250),
        || host.usleep(9_000_000),
    );
    assert_eq!((ready, ended_at), (Ok(0), begun_at + 250 * MILLI), "its patience ends");

    let (fd, ours) = established(&peer, listener);
    let epoll = host.epoll_create();
    assert_eq!(host.epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN), Ok(0));
    assert_eq!(host.epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, 0), Err(Errno::EEXIST));
    assert_eq!(host.epoll_wait(epoll, 0), Ok(Vec::new()));
    let data = Segment::new(Flags::PushAck, THEIRS, ours).with(b"news");
    let (found, _) = while_blocked(&host, |host| host.epoll_wait(epoll, -1), || peer.send(&data));
    assert_eq!(found, Ok(vec![(libc::EPOLLIN, u64::from(fd.cast_unsigned()))]));
    asked[0] = libc::pollfd { fd, events: libc::POLLIN | libc::POLLOUT, revents: 0 };
    assert_eq!(host.poll(&mut asked, -1), Ok(1));
    assert_eq!(asked[0].revents, libc::POLLIN | libc::POLLOUT);
    assert_eq!(host.epoll_ctl(epoll, libc::EPOLL_CTL_DEL, fd, 0), Ok(0));
    assert_eq!(host.epoll_wait(epoll, 0), Ok(Vec::new()));
    asked[0].fd = 9_999;
    assert_eq!((host.poll(&mut asked, -1), asked[0].revents), (Ok(1), libc::POLLNVAL));
    host.free();
}

#[test]
fn a_call_that_blocks_on_the_driving_thread_lets_time_pass() {
    let (host, listener) = listening();
    let peer = Peer { host: &host, port: 20_003, our_port: PORT };
    let (fd, ours) = established(&peer, listener);
    let before = host.clock();
    let mut asked = [libc::pollfd { fd, events: libc::POLLIN, revents: 0 }];
    assert_eq!(host.poll(&mut asked, 250), Ok(0));
    assert_eq!(host.clock(), before + 250 * MILLI + 1);
    let timeout = [3_i64, 0].map(i64::to_ne_bytes).concat();
    assert_eq!(host.set_option(fd, (libc::SOL_SOCKET, libc::SO_RCVTIMEO), &timeout), Ok(0));
    let before = host.clock();
    assert_eq!(host.read(fd, 1), Err(Errno::EAGAIN));
    assert_eq!(host.clock(), before + 3 * SECOND + 1);
    // Nobody acknowledges: in the end the connection is given up.
    assert_eq!(host.write(fd, &[0; 100]), Ok(100));
    peer.expect(&Segment::new(Flags::PushAck, ours, THEIRS).with(&[0; 100]));
    assert_eq!(host.set_option(fd, (libc::SOL_SOCKET, libc::SO_RCVTIMEO), &[0; 16]), Ok(0));
    assert_eq!(host.read(fd, 1), Err(Errno::ETIMEDOUT));
    host.free();
}

#[test]
fn a_call_that_nothing_can_end_ends_the_process() {
    let done = in_process("a_call_that_nothing_can_end_ends_the_process", || {
        let (host, listener) = listening();
        let _ = host.accept(listener);
    });
    let Some(done) = done else { return };
    let message = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.signal(), Some(libc::SIGABRT), "{message}");
    assert!(message.contains("it would block for ever"), "{message}");
}

#[test]
fn pieces_are_gathered_and_scattered() {
    let (host, listener) = listening();
    let peer = Peer { host: &host, port: 20_001, our_port: PORT };
    let (fd, ours) = established(&peer, listener);
    assert_eq!(host.writev(fd, &[b"ab", b"", b"cde"]), Ok(5));
    peer.expect(&Segment::new(Flags::PushAck, ours, THEIRS).with(b"abcde"));
    let ours = ours.wrapping_add(5);
    peer.send(&Segment::new(Flags::Ack, THEIRS, ours));
    assert_eq!(host.sendmsg(fd, &[b"f", b"gh"]), Ok(3));
    peer.expect(&Segment::new(Flags::PushAck, ours, THEIRS).with(b"fgh"));
    peer.send(&Segment::new(Flags::PushAck, THEIRS, ours.wrapping_add(3)).with(b"0123456789"));

    let mut readable = 0;
    assert_eq!(host.ioctl(fd, libc::FIONREAD, &mut readable), Ok(0));
    assert_eq!(readable, 10);
    assert_eq!(host.recv(fd, 4, libc::MSG_PEEK), Ok(b"0123".to_vec()));
    let (mut first, mut second) = ([0; 2], [0; 3]);
    assert_eq!(host.readv(fd, &mut [&mut first, &mut second]), Ok(5));
    assert_eq!((&first, &second), (b"01", b"234"));
    assert_eq!(host.recvmsg(fd, &mut [&mut second, &mut [], &mut first]), Ok(5));
    assert_eq!((&second, &first), (b"567", b"89"));
    assert_eq!(host.recv(fd, 1, libc::MSG_DONTWAIT), Err(Errno::EAGAIN));
    host.free();
}

#[test]
fn options_have_the_layout_of_c() {
    let host = Host::new("");
    let fd = host.tcp(0);
    let linger = (libc::SOL_SOCKET, libc::SO_LINGER);
    let octets = [1_i32, 30].map(i32::to_ne_bytes).concat();
    assert_eq!(host.set_option(fd, linger, &octets), Ok(0));
    assert_eq!(host.option(fd, linger, 8), Ok(octets));
    assert_eq!(host.set_option(fd, linger, &[1, 0, 0, 0]), Err(Errno::EINVAL));
    let timeout = (libc::SOL_SOCKET, libc::SO_RCVTIMEO);
    let octets = [1_i64, 500_000].map(i64::to_ne_bytes).concat();
    assert_eq!(host.set_option(fd, timeout, &octets), Ok(0));
    assert_eq!(host.option(fd, timeout, 16), Ok(octets));
    let too_much = [0_i64, SECOND].map(i64::to_ne_bytes).concat();
    assert_eq!(host.set_option(fd, timeout, &too_much), Err(Errno::EDOM));
    let congestion = (libc::SOL_TCP, libc::TCP_CONGESTION);
    assert_eq!(host.set_option(fd, congestion, b"reno\0\0"), Ok(0));
    assert_eq!(host.set_option(fd, congestion, b"none"), Err(Errno::ENOENT));
    assert_eq!(host.option(fd, congestion, 5), Ok(b"reno\0".to_vec()));
    let info = host.option(fd, (libc::SOL_TCP, libc::TCP_INFO), 1_000).expect("a snapshot");
    assert_eq!(info[0], 7, "TCP_CLOSE");
    let ttl = (libc::SOL_IP, libc::IP_TTL);
    assert_eq!(host.set_option(fd, ttl, &[9]), Ok(0));
    assert_eq!(host.option(fd, ttl, 4), Ok(9_i32.to_ne_bytes().to_vec()));
    assert_eq!(host.option(fd, ttl, 1), Ok(vec![9]));
    assert_eq!(host.option(fd, (libc::SOL_TCP, 9_999), 4), Err(Errno::ENOPROTOOPT));
    assert_eq!(host.set_option(fd, (77, 1), &[0; 4]), Err(Errno::ENOPROTOOPT));
    host.free();
}

#[test]
fn what_is_wrong_has_its_error_number() {
    let (host, listener) = listening();
    let (inet, stream) = (libc::AF_INET, libc::SOCK_STREAM);
    assert_eq!(host.socket(libc::AF_INET6, stream, 0), Err(Errno::EAFNOSUPPORT));
    assert_eq!(host.socket(inet, libc::SOCK_DGRAM, 0), Err(Errno::EPROTONOSUPPORT));
    assert_eq!(host.socket(inet, stream, libc::IPPROTO_UDP), Err(Errno::EPROTONOSUPPORT));
    let fd = host.tcp(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC);
    let flags = host.fcntl(fd, libc::F_GETFL, 0).expect("flags");
    assert_eq!(flags & i64::from(libc::O_NONBLOCK), libc::O_NONBLOCK.into());
    assert_eq!(host.fcntl(fd, libc::F_SETFL, 0), Ok(0));
    assert_eq!(host.fcntl(fd, libc::F_GETFL, 0), Ok(libc::O_RDWR.into()));
    assert_eq!(host.fcntl(fd, 99, 0), Err(Errno::EINVAL));
    assert_eq!(host.ioctl(fd, 0xdead, &mut 0), Err(Errno::ENOTTY));
    assert_eq!(host.ioctl(listener, libc::FIONBIO, &mut 1), Ok(0));
    assert_eq!(host.accept(listener).map(|_| ()), Err(Errno::EAGAIN));
    assert_eq!(host.accept(fd).map(|_| ()), Err(Errno::EINVAL));
    assert_eq!(host.read(fd, 1), Err(Errno::ENOTCONN));
    assert_eq!(host.shutdown(fd, 9), Err(Errno::EINVAL));
    assert_eq!(host.bind(fd, [10, 0, 0, 1], 1), Err(Errno::EADDRNOTAVAIL));
    assert_eq!(host.epoll_wait(fd, 0), Err(Errno::EINVAL));
    assert_eq!((host.pipe(), host.splice()), (Err(Errno::ENOSYS), Err(Errno::ENOSYS)));
    for (call, answer) in host.with_null(fd) {
        assert_eq!(answer, Err(Errno::EFAULT), "{call} with a null pointer");
    }
    assert_eq!(host.close(fd), Ok(0));
    assert_eq!(host.close(fd), Err(Errno::EBADF));
    assert_eq!(host.write(fd, b"x"), Err(Errno::EBADF));
    assert_eq!(host.fcntl(fd, 99, 0), Err(Errno::EBADF));
    host.free();
}

#[test]
fn the_first_address_that_is_bound_is_that_of_the_host_unless_a_flag_names_one() {
    let host = Host::new("");
    assert_eq!(host.bind(host.tcp(0), [192, 168, 77, 7], PORT), Ok(0));
    assert_eq!(host.bind(host.tcp(0), HERE, PORT), Err(Errno::EADDRNOTAVAIL));
    host.free();
    let host = Host::new("mtu=1400, local_ip=192.168.0.1");
    assert_eq!(host.bind(host.tcp(0), [192, 168, 77, 7], PORT), Err(Errno::EADDRNOTAVAIL));
    assert_eq!(host.bind(host.tcp(0), HERE, PORT), Ok(0));
    host.free();
}

#[test]
fn a_number_closed_behind_its_back_comes_again_and_the_old_connection_ends() {
    // In a process of its own: nobody else opens descriptors there.
    let name = "a_number_closed_behind_its_back_comes_again_and_the_old_connection_ends";
    let done = in_process(name, || {
        let (host, listener) = listening();
        let peer = Peer { host: &host, port: 20_002, our_port: PORT };
        let (fd, ours) = established(&peer, listener);
        nix::unistd::close(fd).expect("a real descriptor");
        assert_eq!(host.tcp(0), fd);
        peer.expect(&Segment::new(Flags::FinAck, ours, THEIRS));
        assert_eq!(host.read(fd, 1), Err(Errno::ENOTCONN), "it is a new socket");
        host.free();
    });
    let Some(done) = done else { return };
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
}

#[test]
fn freeing_a_host_interrupts_who_sleeps_in_it() {
    let (host, listener) = listening();
    let thread_id = AtomicI32::new(0);
    let result = thread::scope(|scope| {
        let sleeper = scope.spawn(|| {
            thread_id.store(nix::unistd::gettid().as_raw(), Ordering::SeqCst);
            host.accept(listener).map(|_| ())
        });
        while !sleeps(thread_id.load(Ordering::SeqCst)) {
            thread::yield_now();
        }
        host.free();
        sleeper.join().expect("no panic")
    });
    assert_eq!(result, Err(Errno::EINTR));
}

/// Runs `body` in a process of its own: the test `name` starts itself again. `None` inside.
fn in_process(name: &str, body: impl FnOnce()) -> Option<Output> {
    const INSIDE: &str = "GLASS_TEST_INSIDE";
    if env::var_os(INSIDE).is_some() {
        body();
        return None;
    }
    let this = env::current_exe().expect("a program knows where it is");
    let words = ["--exact", name, "--nocapture", "--test-threads=1"];
    Some(Command::new(this).args(words).env(INSIDE, "1").output().expect("it starts"))
}

#[test]
fn flags_that_mean_nothing_end_the_process() {
    let done = in_process("flags_that_mean_nothing_end_the_process", || {
        Host::new("mtu=1500,colour=blue");
    });
    let Some(done) = done else { return };
    let message = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{message}");
    assert!(message.contains("`colour`") && message.contains("`profile`"), "{message}");
}

#[test]
fn waiting_for_a_packet_that_no_timer_can_bring_ends_the_process() {
    let done = in_process("waiting_for_a_packet_that_no_timer_can_bring_ends_the_process", || {
        listening().0.netdev_receive();
    });
    let Some(done) = done else { return };
    let message = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.signal(), Some(libc::SIGABRT), "{message}");
    assert!(message.contains("no timer is armed"), "{message}");
}
