//! What is answered to what. `request`, `ack-only` and `connection` keep nothing at all between two
//! batches: what the peer's segment says of both sequence numbers is enough. `bulk` keeps for each port
//! of the peer how far it has got.

use bytes::Bytes;
use clap::ValueEnum;
use glasstack::wire::{Features, Frame};

use crate::canned::{ACK, Canned, Ends, FIN, PSH, RST, SYN, Seen, Template, len};

/// The initial sequence number of every connection.
const ISS: u32 = 1;
/// By how much our windows are shifted.
const SHIFT: u8 = 7;
/// Frames that are made before they are written.
const AT_ONCE: usize = 64;
/// Octets of data in one packet at most, as for the stack: 64 KB less the longest headers.
const MOST_DATA: usize = 65_535 - 60 - 60;
/// Octets of timestamps, which the stack sends with each segment. The canned segments have none, but no
/// more data for it either, so that both have the same work.
const TIMESTAMPS: u16 = 12;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Answer {
    /// A request with as many octets as it asks for (/bytes/N), as fast as the window allows
    Bulk,
    /// Data with ACKs, one for each batch
    AckOnly,
    /// Each segment of data with one response of 100 octets
    Request,
    /// The same, and a FIN with it
    Connection,
}

pub(crate) struct Answers {
    answer: Answer,
    template: Template,
    syn_options: [u8; 8],
    /// The response, or a full segment of data.
    canned: Canned,
    flight: u32,
    /// Bulk: one connection at a time.
    flow: Option<Flow>,
}

/// A bulk answer, under way.
struct Flow {
    ends: Ends,
    scale: u8,
    /// The next octet to be sent, the first that is not acknowledged, and the end of the window.
    next: u32,
    una: u32,
    edge: u32,
    /// What the peer's data is acknowledged with.
    ack: u32,
    /// Octets that are still to be sent, from `next` on.
    left: u64,
    head: Option<Canned>,
    /// ACKs that told nothing new, and the octet that was last gone back to.
    same: u32,
    back_to: Option<u32>,
}

impl Answers {
    pub(crate) fn new(answer: Answer, mtu: u16, features: Features, flight: u32) -> Self {
        let mss = mtu - 40 - TIMESTAMPS;
        let window = u16::try_from(flight >> SHIFT).unwrap_or(u16::MAX);
        let [high, low] = mss.to_be_bytes();
        let payload = match answer {
            Answer::Bulk => {
                // Whole segments, as many as fit into a packet.
                let room = if features.segmentation { MOST_DATA } else { 0 };
                let segments = (room / usize::from(mss)).max(1);
                vec![b'x'; segments * usize::from(mss)]
            }
            Answer::AckOnly => Vec::new(),
            Answer::Request | Answer::Connection => response(100, 100),
        };
        Answers {
            answer,
            template: Template::new(features, mss, window),
            syn_options: [2, 4, high, low, 1, 3, 3, SHIFT],
            canned: Canned::new(Bytes::from(payload)),
            flight,
            flow: None,
        }
    }

    /// Takes a packet, and makes the frames that answer it at once.
    pub(crate) fn on_packet(&mut self, octets: &[u8], frames: &mut Vec<Frame>) {
        let Some(seen) = Seen::parse(octets) else { return };
        let ends = Ends::of(&seen);
        if seen.has(SYN) {
            let numbers = (ISS, seen.next(), SYN | ACK);
            frames.push(self.template.frame(&ends, numbers, &self.syn_options, None));
            if self.answer == Answer::Bulk {
                self.flow = Some(Flow::new(&seen));
            }
            return;
        }
        if seen.has(RST) {
            self.flow = None;
            return;
        }
        match self.answer {
            Answer::Bulk => {
                if let Some(flow) = &mut self.flow {
                    flow.on_segment(&seen, self.flight);
                }
            }
            Answer::AckOnly if !seen.has(FIN) => {
                if !seen.data().is_empty() {
                    let numbers = (seen.ack, seen.next(), ACK);
                    // One connection is all there is: the last of a batch stands for all of it.
                    frames.clear();
                    frames.push(self.template.frame(&ends, numbers, &[], None));
                }
            }
            Answer::Request | Answer::Connection if !seen.data().is_empty() => {
                let fin = if self.answer == Answer::Connection { FIN } else { 0 };
                let numbers = (seen.ack, seen.next(), ACK | PSH | fin);
                frames.push(self.template.frame(&ends, numbers, &[], Some(&self.canned)));
            }
            Answer::AckOnly | Answer::Request | Answer::Connection => {
                if seen.has(FIN) {
                    // A connection has had our FIN with its response.
                    let fin = if self.answer == Answer::Connection { 0 } else { FIN };
                    let numbers = (seen.ack, seen.next(), ACK | fin);
                    frames.push(self.template.frame(&ends, numbers, &[], None));
                }
            }
        }
    }

    /// Makes the next frames of a bulk answer; says whether there are any.
    pub(crate) fn poll_bulk(&mut self, frames: &mut Vec<Frame>) -> bool {
        let Some(flow) = &mut self.flow else { return false };
        while frames.len() < AT_ONCE {
            let Some(frame) = flow.poll(&self.template, &self.canned) else { break };
            frames.push(frame);
        }
        !frames.is_empty()
    }

    /// Nothing was heard for a while: what was sent is sent again.
    pub(crate) fn on_quiet(&mut self) {
        if let Some(flow) = &mut self.flow {
            flow.go_back();
        }
    }
}

impl Flow {
    fn new(syn: &Seen<'_>) -> Self {
        let next = ISS + 1;
        Flow {
            ends: Ends::of(syn),
            scale: syn.window_scale(),
            next,
            una: next,
            edge: next,
            ack: syn.next(),
            left: 0,
            head: None,
            same: 0,
            back_to: None,
        }
    }

    fn on_segment(&mut self, seen: &Seen<'_>, flight: u32) {
        let window = (u32::from(seen.window) << self.scale).min(flight);
        let edge = seen.ack.wrapping_add(window);
        if is_before(self.una, seen.ack) {
            (self.una, self.same) = (seen.ack, 0);
            if is_before(self.next, seen.ack) {
                // More than was sent since going back: the old ones have arrived.
                let ahead = seen.ack.wrapping_sub(self.next);
                self.left = self.left.saturating_sub(u64::from(ahead));
                self.next = seen.ack;
            }
        } else if seen.ack == self.una && edge == self.edge && seen.data().is_empty() {
            self.same += 1;
            if self.same == 3 && self.back_to != Some(self.una) {
                self.go_back();
            }
        }
        if is_before(self.edge, edge) {
            self.edge = edge;
        }
        if !seen.data().is_empty() && seen.seq == self.ack {
            let number = path_number(seen.data()).unwrap_or(0);
            self.head = Some(Canned::new(Bytes::from(response(number, 0))));
            self.left = number;
        }
        self.ack = seen.next();
    }

    fn go_back(&mut self) {
        self.left += u64::from(self.next.wrapping_sub(self.una));
        (self.next, self.back_to) = (self.una, Some(self.una));
    }

    fn poll(&mut self, template: &Template, full: &Canned) -> Option<Frame> {
        if let Some(head) = self.head.take() {
            let numbers = (self.next, self.ack, ACK);
            self.next = self.next.wrapping_add(len(&head.payload));
            return Some(template.frame(&self.ends, numbers, &[], Some(&head)));
        }
        let room = self.edge.wrapping_sub(self.next).cast_signed().max(0).cast_unsigned();
        let mut most = u64::from(len(&full.payload)).min(self.left);
        if u64::from(room) < most && self.next == self.una {
            // The window is smaller than a packet, as first windows are: what fits, in whole segments.
            most = u64::from(room - room % template.segment());
        }
        // No short packet while a whole one will fit later, except for the last.
        if most == 0 || u64::from(room) < most {
            return None;
        }
        let numbers = (self.next, self.ack, ACK);
        self.next = self.next.wrapping_add(u32::try_from(most).expect("a segment is short"));
        self.left -= most;
        if most < full.payload.len() as u64 {
            let end = usize::try_from(most).expect("a segment is short");
            let last = Canned::new(full.payload.slice(..end));
            return Some(template.frame(&self.ends, numbers, &[], Some(&last)));
        }
        Some(template.frame(&self.ends, numbers, &[], Some(full)))
    }
}

fn is_before(earlier: u32, later: u32) -> bool {
    later.wrapping_sub(earlier).cast_signed() > 0
}

/// The head of a response with a body of so many octets, and the first of them.
fn response(announced: u64, body: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {announced}\r\n\r\n");
    let mut response = head.into_bytes();
    response.resize(response.len() + body, b'x');
    response
}

/// N of "GET /bytes/N HTTP/1.1".
fn path_number(request: &[u8]) -> Option<u64> {
    let request = std::str::from_utf8(request).ok()?;
    request.strip_prefix("GET /bytes/")?.split(' ').next()?.parse().ok()
}
