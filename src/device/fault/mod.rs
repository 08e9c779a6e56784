//! Faults on purpose: packets lost, doubled, late, damaged or out of order, by chance or by name, on
//! any device.
//!
//! A rule is `DIR WHAT ACTION`:
//!
//! - DIR: `tx` (our stack sends it), `rx` (our stack would receive it), `any`.
//! - WHAT: a share of all packets (`5%`), or a name:
//!   `SYN` (without ACK: it opens), `SYN,ACK`, `FIN` and `RST` (any segment that has it), `data` (any
//!   segment with payload), `ack` (nothing but an ACK), `icmp`, `any`; behind it the number of the
//!   packet (`#3`), a range (`#2-5`) or a beginning (`#4-`). Without a number it means every one.
//! - ACTION: `drop`; `dup`; `delay 700ms`; `corrupt` (a bit turned over behind the IP header);
//!   `reorder [N]` (held until N packets of the connection, one unless said otherwise, have gone past,
//!   and for a tenth of a second at most); `truncate [N]` (loses its last octets, one unless said
//!   otherwise).
//!
//! Numbers count the packets of that kind as they come by, for each connection and each direction of
//! its own, repetitions too: `tx FIN#1 drop` loses the first FIN of every connection, and lets its
//! retransmission, which is FIN#2, pass. A SYN with another sequence number begins another connection.
//! What is not TCP counts for each pair of addresses.
//!
//! The first rule that matches a packet strikes it. The others count it all the same, so that
//! `tx FIN#1 drop` and `tx FIN#2 delay 1s` mean what they say together.
//!
//! The chance of a packet depends on the seed, the rule, the number of its connection and its own number
//! in it, and on nothing else.
//!
//! A device that segments for us has to be kept from it: the third segment means nothing in a frame
//! of 64 KB.

mod faults;
mod faulty;
mod parse;
mod rule;
mod sight;
mod tally;

pub use faults::Faults;
pub use faulty::Faulty;
pub use parse::{RuleError, parse_list};
pub use rule::{Action, Chance, Name, Ordinals, Rule, What};
pub use tally::Tally;

#[cfg(test)]
mod tests;
