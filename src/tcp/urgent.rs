//! Urgent data (RFC 9293 3.8.5; RFC 6093): octets like all others, and a pointer to where they end. It
//! came to be used for one octet, the last; where that begins is the mark. New applications should do
//! without.

use super::tcb::Tcb;
use crate::error::Error;
use crate::seq::Seq;

impl Tcb {
    /// Marks what was written so far as urgent: the urgent pointer will stand at its end (RFC 9293
    /// 3.8.5; RFC 6093 asks new applications not to use it).
    ///
    /// # Errors
    ///
    /// As [`Tcb::send`].
    pub fn mark_urgent(&mut self) -> Result<(), Error> {
        self.may_send()?;
        let written = u32::try_from(self.snd.queue.len()).expect("the send buffer is below 2^32");
        self.snd.up = Some(self.queue_start() + written);
        Ok(())
    }

    /// Whether the next octet to be read is the last of the peer's urgent data, as far as it has announced
    /// any (MUST-32; what `sockatmark` tells of sockets that read it in line).
    #[must_use]
    pub fn is_at_mark(&self) -> bool {
        self.rcv.up == Some(self.read_place() + 1)
    }

    /// Octets that the reader still has to read, or to wait for, to the end of the peer's urgent data; 0 when
    /// there is none, or it lies behind (MUST-33).
    pub(super) fn urgent_octets(&self) -> u32 {
        self.rcv.up.map_or(0, |up| up.since(self.read_place()))
    }

    /// A read ends at the mark, so that whoever reads can find it.
    pub(super) fn up_to_mark(&self, most: usize) -> usize {
        let mark = self.rcv.up.map(|up| up - 1);
        match mark.map(|mark| mark.since(self.read_place())) {
            Some(octets @ 1..) => most.min(octets as usize),
            Some(0) | None => most,
        }
    }

    /// Behind the reader it is of no use any more, and would seem to lie ahead after 2 GiB.
    pub(super) fn forget_mark_once_read(&mut self) {
        let place = self.read_place();
        self.rcv.up = self.rcv.up.filter(|up| up.gt(place));
    }

    /// The number of the next octet to be read.
    #[expect(clippy::cast_possible_truncation, reason = "sequence numbers wrap")]
    fn read_place(&self) -> Seq {
        let read = self.rcv.delivered - self.rcv.queue.ready_len() as u64;
        self.irs + 1 + read as u32
    }
}
