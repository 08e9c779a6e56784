//! TCP options as octets (RFC 9293 3.2), each kept where it stands.

use super::super::script::ast::TcpOption;

const EOL: u8 = 0;
const NOP: u8 = 1;
const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;

/// The octets of `options`, in order.
pub(super) fn write(options: &[TcpOption]) -> Vec<u8> {
    let mut octets = Vec::new();
    for option in options {
        match option {
            TcpOption::Eol => octets.push(EOL),
            TcpOption::Nop => octets.push(NOP),
            TcpOption::Mss(mss) => with_length(&mut octets, MSS, &mss.to_be_bytes()),
            TcpOption::WindowScale(shift) => with_length(&mut octets, WINDOW_SCALE, &[*shift]),
            TcpOption::SackPermitted => with_length(&mut octets, SACK_PERMITTED, &[]),
            TcpOption::Sack(blocks) => {
                let edges = blocks.iter().flat_map(|(left, right)| [left, right]);
                let data: Vec<u8> = edges.flat_map(|edge| edge.to_be_bytes()).collect();
                with_length(&mut octets, SACK, &data);
            }
            TcpOption::Timestamps { val, ecr } => {
                let data = [val.to_be_bytes(), ecr.to_be_bytes()].concat();
                with_length(&mut octets, TIMESTAMPS, &data);
            }
            TcpOption::Other { kind, data } => with_length(&mut octets, *kind, data),
        }
    }
    octets
}

fn with_length(octets: &mut Vec<u8>, kind: u8, data: &[u8]) {
    octets.push(kind);
    octets.push(u8::try_from(data.len() + 2).unwrap_or(u8::MAX));
    octets.extend_from_slice(data);
}

/// The options in `octets`, paddings counted; `None` when a length cannot be.
pub(super) fn read(mut octets: &[u8]) -> Option<Vec<TcpOption>> {
    let mut options = Vec::new();
    while let Some((kind, rest)) = octets.split_first() {
        if *kind == EOL || *kind == NOP {
            options.push(if *kind == EOL { TcpOption::Eol } else { TcpOption::Nop });
            octets = rest;
            continue;
        }
        let len = usize::from(*rest.first()?);
        let data = octets.get(2..len)?;
        options.push(known(*kind, data));
        octets = &octets[len..];
    }
    Some(options)
}

fn known(kind: u8, data: &[u8]) -> TcpOption {
    match (kind, data) {
        (MSS, [high, low]) => TcpOption::Mss(u16::from_be_bytes([*high, *low])),
        (WINDOW_SCALE, [shift]) => TcpOption::WindowScale(*shift),
        (SACK_PERMITTED, []) => TcpOption::SackPermitted,
        (SACK, edges) if edges.len() % 8 == 0 && !edges.is_empty() => {
            let blocks = edges.chunks_exact(8).map(|pair| (number(&pair[..4]), number(&pair[4..])));
            TcpOption::Sack(blocks.collect())
        }
        (TIMESTAMPS, both) if both.len() == 8 => {
            TcpOption::Timestamps { val: number(&both[..4]), ecr: number(&both[4..]) }
        }
        (kind, data) => TcpOption::Other { kind, data: data.to_vec() },
    }
}

fn number(octets: &[u8]) -> u32 {
    octets.iter().fold(0, |number, octet| number << 8 | u32::from(*octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_in_the_same_order() {
        let options = vec![
            TcpOption::Nop,
            TcpOption::Timestamps { val: 1, ecr: u32::MAX },
            TcpOption::Mss(1460),
            TcpOption::Sack(vec![(1, 2), (3, 4)]),
            TcpOption::WindowScale(7),
            TcpOption::SackPermitted,
            TcpOption::Other { kind: 34, data: vec![1, 2, 3, 4] },
            TcpOption::Eol,
            TcpOption::Eol,
        ];
        assert_eq!(read(&write(&options)), Some(options));
    }

    #[test]
    fn impossible_lengths_are_refused() {
        for octets in [&[2_u8][..], &[2, 0], &[2, 1], &[2, 5, 0], &[8, 10, 0]] {
            assert_eq!(read(octets), None, "{octets:?}");
        }
    }
}
