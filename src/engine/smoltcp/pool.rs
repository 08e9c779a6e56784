//! Sockets that are used again, with their buffers, as smoltcp's users have them: to make the buffers anew
//! for each connection costs more than a short connection does.

use smoltcp::socket::{Socket, tcp};

/// How many are kept while nobody needs them.
const MOST_SPARE: usize = 64;

#[derive(Default)]
pub(super) struct Pool {
    spare: Vec<tcp::Socket<'static>>,
}

impl Pool {
    /// A CLOSED socket; its settings may be those of an earlier connection.
    pub(super) fn take(&mut self, receive: usize, send: usize) -> tcp::Socket<'static> {
        let buffer = |octets: usize| tcp::SocketBuffer::new(vec![0; octets]);
        let spare = self.spare.pop();
        spare.unwrap_or_else(|| tcp::Socket::new(buffer(receive), buffer(send)))
    }

    pub(super) fn put(&mut self, socket: Socket<'static>) {
        let Socket::Tcp(mut socket) = socket;
        if self.spare.len() < MOST_SPARE {
            // LISTEN and SYN-SENT reset everything else.
            socket.abort();
            self.spare.push(socket);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Smoltcp, SmoltcpConfig};
    use crate::engine::Engine;
    use crate::stack::{Config, Ready, Secret, Stack};
    use crate::tcp::{Received, State};
    use crate::time::Instant;

    /// Lets both say all they have to say.
    fn settle(one: &mut dyn Engine, other: &mut dyn Engine, now: Instant) {
        loop {
            let mut count = 0;
            while let Some(frame) = one.poll_output(now) {
                other.on_packet(&frame.to_bytes(), now);
                count += 1;
            }
            while let Some(frame) = other.poll_output(now) {
                one.on_packet(&frame.to_bytes(), now);
                count += 1;
            }
            if count == 0 {
                return;
            }
        }
    }

    /// More connections than there are ports, in less than a TIME-WAIT, and the server closes first: each is
    /// taken on, and only a few are kept.
    #[test]
    fn one_short_connection_after_another() {
        let (here, there) = ([192, 0, 2, 2], [192, 0, 2, 1]);
        let addrs = vec![here.into()];
        let time_wait = 8;
        let mut server =
            Smoltcp::new(SmoltcpConfig { addrs, time_wait, ..SmoltcpConfig::default() });
        let addrs = vec![there.into()];
        let config = Config { addrs, ..Config::default() };
        let mut client = Stack::new(config, Secret([1; 32]));
        let listener = server.listen((here, 80).into(), 4).expect("a free port");
        let mut now = Instant::ZERO;
        for number in 0..2_000_u32 {
            now += Duration::from_micros(100);
            // The same port comes again after a hundred others.
            let port = u16::try_from(40_000 + number % 100).expect("a port");
            let asking = client
                .connect(Some((there, port).into()), (here, 80).into(), now)
                .expect("the port is free again");
            settle(&mut client, &mut server, now);
            let answering = server.accept(listener).expect("it was taken on");
            server.send(answering, b"hello", now).expect("established");
            server.release(answering, now);
            settle(&mut client, &mut server, now);
            let received = client.receive_bytes(asking, 100, now);
            assert_eq!(received, Ok(Received::Data(b"hello".as_slice().into())), "{number}");
            client.release(asking, now);
            settle(&mut client, &mut server, now);
            assert!(server.take_ready().iter().all(|ready| *ready == Ready::Listener(listener)));
            client.take_ready();
            let states = server.states();
            assert!(states.iter().all(|(_, state)| *state == State::TimeWait), "{states:?}");
            assert!(states.len() <= time_wait, "{number}: {states:?}");
        }
    }
}
