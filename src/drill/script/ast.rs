//! A script as it was written: options, events, and what each says. Nothing here knows what a call or
//! a packet does; names are kept as they stand, so that what is not supported can be named.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::code::Statement;

/// A place in a script, both counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

impl fmt::Display for Position {
    /// `LINE:COLUMN`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// One script.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    /// `--option` or `--option=value`, in order.
    pub options: Vec<ScriptOption>,
    /// The command in front of the first event.
    pub init: Option<Command>,
    /// The events, in order. Never empty.
    pub events: Vec<Event>,
    /// The command behind the last event.
    pub cleanup: Option<Command>,
}

/// An option line of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptOption {
    /// Where it stands.
    pub at: Position,
    /// The name, without the dashes.
    pub name: String,
    /// What follows `=`, without quotes.
    pub value: Option<String>,
}

/// When an event takes place, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// `0.1`: this long after the script began.
    Absolute(Duration),
    /// `+0.1`: this long after the event before.
    Relative(Duration),
    /// `*`: whenever it comes. Packets from the stack only.
    Any,
    /// `1~1.2`: between these two. Packets from the stack only.
    AbsoluteRange(Duration, Duration),
    /// `+0~+.1`: between these two after the event before. Packets from the stack only.
    RelativeRange(Duration, Duration),
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Where its time stands.
    pub at: Position,
    /// When.
    pub time: Time,
    /// What.
    pub action: Action,
    /// The action as it was written, with runs of blanks as one.
    pub text: Arc<str>,
}

/// What happens, or is expected to.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// `<` or `>`.
    Packet(Packet),
    /// `name(args) = result`.
    Call(Call),
    /// `` `command` ``.
    Command(Command),
    /// `%{ code }%`.
    Code(Vec<Statement>),
}

/// A shell command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Where it stands.
    pub at: Position,
    /// The text between the backquotes; it may have several lines.
    pub text: String,
}

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `<`: to the stack.
    In,
    /// `>`: from the stack.
    Out,
}

/// A packet line.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet {
    /// Where the `<` or `>` stands.
    pub at: Position,
    /// Which way.
    pub direction: Direction,
    /// `[ecn, tos, ttl, flow label]`.
    pub ip: IpInfo,
    /// `1234 > 80`: labels of the two ends, the sender's first.
    pub ports: Option<(u16, u16)>,
    /// The rest.
    pub body: Body,
}

/// What a packet line says of the IP header. What is `None` is not checked, or has its default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IpInfo {
    /// The congestion field.
    pub ecn: Option<Ecn>,
    /// The whole octet of DSCP and ECN.
    pub tos: Option<u8>,
    /// Time to live, or hop limit.
    pub ttl: Option<u8>,
    /// The flow label; IPv6 only.
    pub flow_label: Option<u32>,
}

/// The ECN field (RFC 3168 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ecn {
    /// `noecn`: 0.
    NotEct,
    /// `ect1`: 1.
    Ect1,
    /// `ect0`: 2.
    Ect0,
    /// `ce`: 3.
    Ce,
    /// `ect01`: 1 or 2. Packets from the stack only.
    Ect01,
}

/// What a packet carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A TCP segment.
    Tcp(Tcp),
    /// A UDP datagram of so many octets: `udp (LEN)`.
    Udp {
        /// Octets of payload.
        len: u16,
    },
    /// An ICMP error that quotes a segment.
    Icmp(Icmp),
}

/// A TCP segment, its numbers counted from the script's initial ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// The flags as octet 13 of the header has them (FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32,
    /// ECE 64, CWR 128).
    pub flags: u8,
    /// First sequence number.
    pub seq: u32,
    /// Octets of payload.
    pub len: u16,
    /// `ack N`.
    pub ack: Option<u32>,
    /// `win N`, as the header has it.
    pub win: Option<u16>,
    /// `urg N`.
    pub urg: Option<u16>,
    /// `<...>` is `Any`: not checked.
    pub options: Options,
    /// `badsum`: the checksum is wrong. Packets to the stack only; the public tool has no such word.
    pub bad_checksum: bool,
}

/// The options of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Options {
    /// Not checked.
    Any,
    /// Exactly these, in this order.
    Exactly(Vec<TcpOption>),
}

/// One TCP option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TcpOption {
    /// `eol`.
    Eol,
    /// `nop`.
    Nop,
    /// `mss N`.
    Mss(u16),
    /// `wscale N`.
    WindowScale(u8),
    /// `sackOK`.
    SackPermitted,
    /// `sack a:b c:d`.
    Sack(Vec<(u32, u32)>),
    /// `TS val N ecr N`.
    Timestamps {
        /// `TSval`.
        val: u32,
        /// `TSecr`.
        ecr: u32,
    },
    /// Any other, by its kind, with what follows the length octet: `FO`, `FOEXP`, `md5`.
    Other {
        /// The kind.
        kind: u8,
        /// The octets behind kind and length.
        data: Vec<u8>,
    },
}

/// `icmp TYPE [CODE] [mtu N] [id N] [[seq:end(len)]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Icmp {
    /// The type, by its name: `unreachable`.
    pub kind: String,
    /// The code, by its name: `frag_needed`.
    pub code: Option<String>,
    /// The MTU of the next hop.
    pub mtu: Option<u32>,
    /// The first sequence number that is quoted, and how many octets of payload.
    pub quoted: Option<(u32, u16)>,
}

/// `[...END] name(args) = result [ERRNO] [(note)]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Where the name stands.
    pub at: Position,
    /// The name.
    pub name: String,
    /// The arguments.
    pub args: Vec<Expr>,
    /// `...END`: the call may block, and has to return then. Counted as the time of the event is: from
    /// the script's start for an absolute time, from the event before for a relative one.
    pub end: Option<Duration>,
    /// What it has to return.
    pub result: Expr,
    /// The name of the error it has to set.
    pub errno: Option<String>,
}

/// An argument or a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// Where it begins.
    pub at: Position,
    /// What it says.
    pub kind: ExprKind,
}

/// What an argument can be.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `...`.
    Ellipsis,
    /// A number, decimal or `0x`.
    Integer(i64),
    /// A name: `SOL_SOCKET`.
    Name(String),
    /// `"text"`, escapes resolved; several in a row are one.
    Text(Vec<u8>),
    /// `"text"...`: begins with this.
    TextEllipsis(Vec<u8>),
    /// `a|b|c`.
    Or(Vec<Expr>),
    /// `[a, b]`.
    Array(Vec<Expr>),
    /// `{a, name=b, name(c)=d}`.
    Struct(Vec<Field>),
    /// `name(args)`: `htons(80)`, `inet_addr("192.0.2.1")`.
    Function(String, Vec<Expr>),
}

/// One member of a structure.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Where it begins.
    pub at: Position,
    /// `name=`, if there is one.
    pub name: Option<String>,
    /// `name(args)=`: the arguments.
    pub args: Vec<Expr>,
    /// What it holds.
    pub value: Expr,
}
