//! The kernel's TCP sockets, as `ss` sees them: asked for one by one, over netlink (`sock_diag(7)`). No privileges
//! are needed; only the network namespace of whoever opened this is seen.

use std::io;
use std::net::SocketAddr;

use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr as NetlinkAddr};

use crate::tcp::State;

/// Says which state a connection of the kernel is in.
#[derive(Debug)]
pub struct KernelSockets {
    socket: Socket,
    buffer: Vec<u8>,
    /// The number of the last question.
    asked: u32,
}

/// An answer about one socket is a few hundred octets.
const ANSWER: usize = 4096;

impl KernelSockets {
    /// Opens the way to the kernel of this thread's network namespace.
    ///
    /// # Errors
    ///
    /// The kernel has no `sock_diag`, or no file descriptor is left.
    pub fn open() -> io::Result<Self> {
        let socket = Socket::new(NETLINK_SOCK_DIAG)?;
        socket.connect(&NetlinkAddr::new(0, 0))?;
        Ok(KernelSockets { socket, buffer: Vec::with_capacity(ANSWER), asked: 0 })
    }

    /// The state of the connection from `local`, the kernel's own end, to `remote`; `None` when the kernel has
    /// no such connection.
    ///
    /// # Errors
    ///
    /// The kernel does not answer as it should.
    pub fn state(&mut self, local: SocketAddr, remote: SocketAddr) -> io::Result<Option<State>> {
        self.ask(local, remote)?;
        match self.answer()? {
            NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(found)) => {
                let id = &found.header.socket_id;
                // Without a connection the listener at that port is found.
                let is_it = id.destination_port == remote.port();
                Ok(state(found.header.state).filter(|_| is_it))
            }
            NetlinkPayload::Error(error) if error.raw_code() == -libc::ENOENT => Ok(None),
            NetlinkPayload::Error(error) => Err(error.to_io()),
            _ => Err(io::Error::other("the kernel answers something else")),
        }
    }

    fn ask(&mut self, local: SocketAddr, remote: SocketAddr) -> io::Result<()> {
        self.asked = self.asked.wrapping_add(1);
        let mut request = NetlinkMessage::new(
            header(self.asked),
            SockDiagMessage::InetRequest(InetRequest {
                family: if local.is_ipv4() { AF_INET } else { AF_INET6 },
                protocol: IPPROTO_TCP,
                extensions: ExtensionFlags::empty(),
                states: StateFlags::all(),
                socket_id: SocketId {
                    source_port: local.port(),
                    destination_port: remote.port(),
                    source_address: local.ip(),
                    destination_address: remote.ip(),
                    interface_id: 0,
                    cookie: [0xff; 8],
                },
            })
            .into(),
        );
        request.finalize();
        self.buffer.clear();
        self.buffer.resize(request.buffer_len(), 0);
        request.serialize(&mut self.buffer);
        self.socket.send(&self.buffer, 0)?;
        Ok(())
    }

    /// What the kernel says to the last question. Answers to earlier ones, which nobody has waited for, are
    /// left behind.
    fn answer(&mut self) -> io::Result<NetlinkPayload<SockDiagMessage>> {
        loop {
            self.buffer.clear();
            self.socket.recv(&mut self.buffer, 0)?;
            let answer = NetlinkMessage::<SockDiagMessage>::deserialize(&self.buffer);
            let NetlinkMessage { header, payload, .. } = answer.map_err(io::Error::other)?;
            if header.sequence_number == self.asked {
                return Ok(payload);
            }
        }
    }
}

fn header(number: u32) -> NetlinkHeader {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST;
    header.sequence_number = number;
    header
}

/// The kernel's numbers (`include/net/tcp_states.h`).
const fn state(number: u8) -> Option<State> {
    Some(match number {
        1 => State::Established,
        2 => State::SynSent,
        3 | 12 => State::SynReceived,
        4 => State::FinWait1,
        5 => State::FinWait2,
        6 => State::TimeWait,
        7 => State::Closed,
        8 => State::CloseWait,
        9 => State::LastAck,
        10 => State::Listen,
        11 => State::Closing,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_kernel_tells_of_its_own_connections() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let there = listener.local_addr().expect("an address");
        let client = TcpStream::connect(there).expect("it listens");
        let here = client.local_addr().expect("an address");
        let (server, _) = listener.accept().expect("somebody called");
        let mut kernel = KernelSockets::open().expect("sock_diag");
        // The two ends tell each other what happens, which takes a moment.
        let mut come_to = |expected: [Option<State>; 2]| {
            let ends = [(here, there), (there, here)];
            let mut look = || ends.map(|(one, other)| kernel.state(one, other).expect("an answer"));
            let mut looks = 1_000;
            while look() != expected && looks > 0 {
                looks -= 1;
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            assert_eq!(look(), expected);
        };
        come_to([Some(State::Established); 2]);
        drop(client);
        come_to([Some(State::FinWait2), Some(State::CloseWait)]);
        drop(server);
        come_to([Some(State::TimeWait), None]);
    }

    #[test]
    fn an_answer_that_nobody_waited_for_is_not_taken_for_another() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let there = listener.local_addr().expect("an address");
        let client = TcpStream::connect(there).expect("it listens");
        let here = client.local_addr().expect("an address");
        let mut kernel = KernelSockets::open().expect("sock_diag");
        kernel.ask(here, there).expect("a question");
        let nobody = "127.0.0.1:1".parse().expect("an address");
        assert_eq!(kernel.state(nobody, nobody).expect("an answer"), None);
        let state = kernel.state(here, there).expect("an answer");
        assert_eq!(state, Some(State::Established));
    }
}
