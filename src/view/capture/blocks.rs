//! The blocks of a pcapng file.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::interface_statistics::{
    InterfaceStatisticsBlock, InterfaceStatisticsOption,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::blocks::unknown::UnknownBlock;
use pcap_file::pcapng::{PcapNgBlock, PcapNgWriter};
use pcap_file::{DataLink, Endianness, PcapError};

use crate::trace::Way;

/// The interface of what comes through.
pub(super) const WIRE: u32 = 0;
/// The interface of what faults took.
pub(super) const LOST: u32 = 1;

/// Time stamps are in nanoseconds.
const NANOSECONDS: u8 = 9;
/// `epb_flags`: which way a packet went, as our stack sees it.
const INBOUND: u32 = 1;
const OUTBOUND: u32 = 2;
/// A Decryption Secrets Block, and the kind of secrets that a TLS key log has.
const SECRETS_BLOCK: u32 = 0x0000_000a;
const TLS_KEY_LOG: u32 = 0x544c_534b;
/// What a packet takes in the file beside its octets and its comment, at most.
const AROUND_A_PACKET: usize = 64;

/// A file in the making, and how long it is.
pub(super) struct Blocks<W: Write> {
    file: PcapNgWriter<Counted<W>>,
}

/// A packet as it is written.
pub(super) struct PacketBlock<'a> {
    pub interface: u32,
    pub way: Way,
    /// Since 1970.
    pub time: Duration,
    /// As much of it as is kept.
    pub octets: &'a [u8],
    /// How long it was.
    pub len: usize,
    pub comment: &'a str,
}

impl PacketBlock<'_> {
    /// Octets that it takes in the file at most.
    pub fn size(&self) -> u64 {
        (AROUND_A_PACKET + self.octets.len() + self.comment.len()) as u64
    }
}

impl<W: Write> Blocks<W> {
    /// Begins a file with these interfaces.
    pub fn begin(
        out: W,
        interfaces: &[(String, &'static str)],
        snaplen: u32,
    ) -> io::Result<Blocks<W>> {
        let application = concat!("glasstack ", env!("CARGO_PKG_VERSION"));
        let section = SectionHeaderBlock {
            // dumpcap takes no other from a pipe.
            endianness: Endianness::native(),
            options: vec![SectionHeaderOption::UserApplication(application.into())],
            ..SectionHeaderBlock::default()
        };
        let out = Counted { out, octets: 0 };
        let file = PcapNgWriter::with_section_header(out, section).map_err(unwritten)?;
        let mut blocks = Blocks { file };
        for (name, description) in interfaces {
            blocks.write(InterfaceDescriptionBlock {
                linktype: DataLink::RAW,
                snaplen,
                options: vec![
                    InterfaceDescriptionOption::IfName(name.as_str().into()),
                    InterfaceDescriptionOption::IfDescription((*description).into()),
                    InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
                ],
            })?;
        }
        Ok(blocks)
    }

    /// Octets written so far.
    pub fn len(&self) -> u64 {
        self.file.get_ref().octets
    }

    pub fn packet(&mut self, packet: &PacketBlock<'_>) -> io::Result<()> {
        let PacketBlock { interface, way, time, octets, len, comment } = packet;
        let direction = match way {
            Way::Rx => INBOUND,
            Way::Tx => OUTBOUND,
        };
        // It has a field that others cannot set.
        let mut block = EnhancedPacketBlock::default();
        block.interface_id = *interface;
        block.timestamp = *time;
        block.original_len = u32::try_from(*len).unwrap_or(u32::MAX);
        block.data = Cow::Borrowed(octets);
        block.options = vec![EnhancedPacketOption::Flags(direction)];
        if !comment.is_empty() {
            block.options.push(EnhancedPacketOption::Comment(Cow::Borrowed(comment)));
        }
        self.write(block)
    }

    /// Lines of a TLS key log.
    pub fn secrets(&mut self, lines: &[u8]) -> io::Result<()> {
        let len = u32::try_from(lines.len()).map_err(io::Error::other)?;
        let value = [&TLS_KEY_LOG.to_ne_bytes(), &len.to_ne_bytes(), lines].concat();
        // Its length is found out when it is written.
        self.write(UnknownBlock::new(SECRETS_BLOCK, 0, &value))
    }

    /// What is said of an interface at the end: packets that are in the file and packets that are not.
    pub fn statistics(
        &mut self,
        interface: u32,
        time: Duration,
        (written, left_out): (u64, u64),
        remark: Option<&str>,
    ) -> io::Result<()> {
        let mut options = vec![
            InterfaceStatisticsOption::IsbIfRecv(written + left_out),
            InterfaceStatisticsOption::IsbIfDrop(left_out),
        ];
        options.extend(remark.map(|remark| InterfaceStatisticsOption::Comment(remark.into())));
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        // The higher half stands first whatever the order of octets; the crate writes one number.
        let timestamp = if cfg!(target_endian = "little") { nanos.rotate_left(32) } else { nanos };
        self.write(InterfaceStatisticsBlock { interface_id: interface, timestamp, options })
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.file.get_mut().flush()
    }

    fn write<'a>(&mut self, block: impl PcapNgBlock<'a>) -> io::Result<()> {
        self.file.write_pcapng_block(block).map(|_| ()).map_err(unwritten)
    }
}

fn unwritten(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

/// Counts what passes.
struct Counted<W> {
    out: W,
    octets: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let written = self.out.write(octets)?;
        self.octets += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
