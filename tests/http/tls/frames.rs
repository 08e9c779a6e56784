//! HTTP/2 octet by octet (RFC 9113 4), for what no library would send.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;

pub const REFUSED_STREAM: u32 = 7;
pub const ENHANCE_YOUR_CALM: u32 = 11;

#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The reason of a RST_STREAM or a GOAWAY.
    pub fn reason(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut octets = vec![len[1], len[2], len[3], kind, flags];
    octets.extend(stream.to_be_bytes());
    octets.extend(payload);
    octets
}

/// The fields of `GET path` (RFC 7541: three from the table, one or two spelled out).
pub fn get(path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x86, 0x41, 1, b'x', 0x44, u8::try_from(path.len()).unwrap()];
    block.extend(path.as_bytes());
    block
}

/// A request without a body.
pub fn request(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &get(path))
}

/// The client's end of a connection.
pub struct Raw {
    pub stream: DuplexStream,
}

impl Raw {
    /// After the preface and with settings that change nothing.
    pub async fn begin(stream: DuplexStream) -> Raw {
        let mut raw = Raw { stream };
        raw.send(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await;
        raw
    }

    pub async fn send(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).await.unwrap();
    }

    /// The next frame; `None` at the end. What asks for an answer gets one.
    pub async fn frame(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        if self.stream.read(&mut head[..1]).await.ok()? == 0 {
            return None;
        }
        self.stream.read_exact(&mut head[1..]).await.ok()?;
        let len = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; len as usize];
        self.stream.read_exact(&mut payload).await.ok()?;
        let stream = u32::from_be_bytes(head[5..].try_into().unwrap());
        let found = Frame { kind: head[3], flags: head[4], stream, payload };
        if matches!(found.kind, SETTINGS | PING) && found.flags & ACK == 0 {
            let payload: &[u8] = if found.kind == PING { &found.payload } else { &[] };
            // Whoever leaves need not hear it.
            let _ = self.stream.write_all(&frame(found.kind, ACK, 0, payload)).await;
        }
        Some(found)
    }

    /// The next frame of this kind.
    pub async fn next(&mut self, kind: u8) -> Frame {
        loop {
            let frame =
                self.frame().await.unwrap_or_else(|| panic!("no frame of kind {kind} came"));
            if frame.kind == kind {
                return frame;
            }
        }
    }

    /// All frames until the server closes.
    pub async fn rest(&mut self) -> Vec<Frame> {
        let mut all = Vec::new();
        while let Some(frame) = self.frame().await {
            all.push(frame);
        }
        all
    }
}
