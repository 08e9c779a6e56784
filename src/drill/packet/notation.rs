//! Packets in the words of scripts.

use super::super::script::ast::TcpOption;

const LETTERS: [(u8, char); 7] =
    [(2, 'S'), (1, 'F'), (4, 'R'), (8, 'P'), (32, 'U'), (64, 'E'), (128, 'W')];
const ACK: u8 = 16;

/// Flags as a script writes them: `S.`, `P.`, `.`, `-`.
#[must_use]
pub fn flags(flags: u8) -> String {
    let mut text: String =
        LETTERS.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, letter)| letter).collect();
    if flags & ACK != 0 {
        text.push('.');
    }
    if text.is_empty() { "-".to_owned() } else { text }
}

/// An option as a script writes it.
#[must_use]
pub fn option(option: &TcpOption) -> String {
    match option {
        TcpOption::Eol => "eol".to_owned(),
        TcpOption::Nop => "nop".to_owned(),
        TcpOption::Mss(mss) => format!("mss {mss}"),
        TcpOption::WindowScale(shift) => format!("wscale {shift}"),
        TcpOption::SackPermitted => "sackOK".to_owned(),
        TcpOption::Sack(blocks) => {
            let blocks: Vec<String> =
                blocks.iter().map(|(left, right)| format!("{left}:{right}")).collect();
            format!("sack {}", blocks.join(" "))
        }
        TcpOption::Timestamps { val, ecr } => format!("TS val {val} ecr {ecr}"),
        TcpOption::Other { kind, data } => {
            let data = hex(data);
            match kind {
                34 => format!("FO {data}"),
                19 => format!("md5 {data}"),
                _ => format!("option {kind} {data}"),
            }
        }
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |text, octet| text + &format!("{octet:02x}"))
}

/// A segment: `P. 1:101(100) ack 1 win 65535 <nop,nop,TS val 1 ecr 2>`.
#[must_use]
pub fn segment(
    flag_bits: u8,
    seq: u32,
    len: usize,
    ack: Option<u32>,
    win: u16,
    urg: u16,
    options: &[TcpOption],
) -> String {
    let end = u64::from(seq) + len as u64;
    let mut parts = vec![flags(flag_bits), format!("{seq}:{end}({len})")];
    parts.extend(ack.map(|ack| format!("ack {ack}")));
    parts.push(format!("win {win}"));
    parts.extend((urg != 0).then(|| format!("urg {urg}")));
    if !options.is_empty() {
        let options: Vec<String> = options.iter().map(option).collect();
        parts.push(format!("<{}>", options.join(",")));
    }
    parts.join(" ")
}
