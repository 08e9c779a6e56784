//! The constants that scripts name, with the values of Linux.

#![expect(clippy::cast_possible_wrap, reason = "constants are small")]

/// `[(name, value)]` of constants of the same name in `libc`.
macro_rules! of_libc {
    ($($name:ident)*) => { &[$((stringify!($name), libc::$name as i64)),*] };
}

const SOCKETS: &[(&str, i64)] = of_libc! {
    AF_INET AF_INET6 PF_INET PF_INET6 SOCK_STREAM SOCK_NONBLOCK SOCK_CLOEXEC
    IPPROTO_IP IPPROTO_TCP IPPROTO_IPV6
    SHUT_RD SHUT_WR SHUT_RDWR SOMAXCONN
    F_GETFL F_SETFL F_GETFD F_SETFD FD_CLOEXEC O_RDONLY O_WRONLY O_RDWR O_NONBLOCK
    FIONREAD TIOCOUTQ FIONBIO
    MSG_PEEK MSG_DONTWAIT MSG_WAITALL MSG_NOSIGNAL MSG_OOB MSG_TRUNC MSG_CMSG_CLOEXEC
};

const OPTIONS: &[(&str, i64)] = of_libc! {
    SOL_SOCKET SOL_TCP SOL_IP SOL_IPV6
    SO_ACCEPTCONN SO_DOMAIN SO_ERROR SO_KEEPALIVE SO_LINGER SO_OOBINLINE SO_PRIORITY SO_PROTOCOL
    SO_RCVBUF SO_RCVLOWAT SO_RCVTIMEO SO_REUSEADDR SO_REUSEPORT SO_SNDBUF SO_SNDTIMEO SO_TYPE
    IP_MTU_DISCOVER IP_RECVERR IP_TOS IP_TTL IP_PMTUDISC_DONT IP_PMTUDISC_DO IP_PMTUDISC_WANT
    IP_PMTUDISC_PROBE
    IPV6_UNICAST_HOPS IPV6_TCLASS IPV6_RECVERR IPV6_MTU_DISCOVER IPV6_V6ONLY
    IPV6_PMTUDISC_DONT IPV6_PMTUDISC_DO IPV6_PMTUDISC_WANT IPV6_PMTUDISC_PROBE
    TCP_CONGESTION TCP_INFO TCP_KEEPCNT TCP_KEEPIDLE TCP_KEEPINTVL TCP_LINGER2 TCP_MAXSEG
    TCP_NODELAY TCP_QUICKACK TCP_SYNCNT TCP_USER_TIMEOUT
};

const READINESS: &[(&str, i64)] = of_libc! {
    POLLIN POLLOUT POLLERR POLLHUP POLLNVAL POLLPRI POLLRDNORM POLLWRNORM POLLRDHUP
    EPOLL_CTL_ADD EPOLL_CTL_MOD EPOLL_CTL_DEL EPOLL_CLOEXEC
    EPOLLIN EPOLLOUT EPOLLERR EPOLLHUP EPOLLPRI EPOLLRDHUP EPOLLRDNORM EPOLLWRNORM
    EPOLLONESHOT EPOLLET
};

/// Those that `libc` lacks.
const OTHERS: &[(&str, i64)] = &[
    // linux/sockios.h
    ("SIOCATMARK", 0x8905),
    ("SIOCINQ", 0x541b),
    ("SIOCOUTQ", 0x5411),
    ("SIOCOUTQNSD", 0x894b),
    // netinet/ip.h (RFC 791, RFC 2474)
    ("IPTOS_LOWDELAY", 0x10),
    ("IPTOS_THROUGHPUT", 0x08),
    ("IPTOS_RELIABILITY", 0x04),
    ("IPTOS_DSCP_CS0", 0x00),
    ("IPTOS_DSCP_CS1", 0x20),
    ("IPTOS_DSCP_CS2", 0x40),
    ("IPTOS_DSCP_CS3", 0x60),
    ("IPTOS_DSCP_CS4", 0x80),
    ("IPTOS_DSCP_CS5", 0xa0),
    ("IPTOS_DSCP_CS6", 0xc0),
    ("IPTOS_DSCP_CS7", 0xe0),
    ("IPTOS_DSCP_EF", 0xb8),
];

/// What assertions compare the fields of `TCP_INFO` with.
const INFORMATION: &[(&str, i64)] = &[
    ("TCP_CA_Open", 0),
    ("TCP_CA_Disorder", 1),
    ("TCP_CA_CWR", 2),
    ("TCP_CA_Recovery", 3),
    ("TCP_CA_Loss", 4),
    ("TCP_ESTABLISHED", 1),
    ("TCP_SYN_SENT", 2),
    ("TCP_SYN_RECV", 3),
    ("TCP_FIN_WAIT1", 4),
    ("TCP_FIN_WAIT2", 5),
    ("TCP_TIME_WAIT", 6),
    ("TCP_CLOSE", 7),
    ("TCP_CLOSE_WAIT", 8),
    ("TCP_LAST_ACK", 9),
    ("TCP_LISTEN", 10),
    ("TCP_CLOSING", 11),
    ("TCPI_ESTABLISHED", 1),
    ("TCPI_SYN_SENT", 2),
    ("TCPI_SYN_RECEIVED", 3),
    ("TCPI_FIN_WAIT_1", 4),
    ("TCPI_FIN_WAIT_2", 5),
    ("TCPI_TIME_WAIT", 6),
    ("TCPI_CLOSED", 7),
    ("TCPI_CLOSE_WAIT", 8),
    ("TCPI_LAST_ACK", 9),
    ("TCPI_LISTEN", 10),
    ("TCPI_CLOSING", 11),
    ("TCPI_OPT_TIMESTAMPS", 1),
    ("TCPI_OPT_SACK", 2),
    ("TCPI_OPT_WSCALE", 4),
    ("TCPI_OPT_ECN", 8),
    ("TCPI_OPT_ECN_SEEN", 16),
    ("TCPI_OPT_SYN_DATA", 32),
    ("TCP_INFINITE_SSTHRESH", 0x7fff_ffff),
];

/// The value of a constant in a call.
pub(super) fn constant(name: &str) -> Option<i64> {
    let all = [SOCKETS, OPTIONS, READINESS, OTHERS];
    all.iter().find_map(|table| look_up(table, name))
}

/// The value of a constant in an assertion.
#[must_use]
pub fn information_constant(name: &str) -> Option<i64> {
    look_up(INFORMATION, name)
}

fn look_up(table: &[(&str, i64)], wanted: &str) -> Option<i64> {
    table.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value)
}
