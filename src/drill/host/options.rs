//! getsockopt and setsockopt.

use std::time::Duration;

use super::Host;
use super::call::{Errno, Fd, Value};
use super::info::TcpInfo;
use super::socket::{Role, Socket};
use crate::drill::IpVersion;
use crate::stack::Settings;
use crate::tcp::{self, Algorithm, State};

/// Options that change nothing in this stack, and are told as they were set.
const KEPT: [(i32, i32); 11] = [
    (libc::SOL_SOCKET, libc::SO_REUSEADDR),
    (libc::SOL_SOCKET, libc::SO_REUSEPORT),
    (libc::SOL_SOCKET, libc::SO_PRIORITY),
    (libc::SOL_SOCKET, libc::SO_OOBINLINE),
    (libc::SOL_IP, libc::IP_RECVERR),
    (libc::SOL_IP, libc::IP_MTU_DISCOVER),
    (libc::SOL_IPV6, libc::IPV6_RECVERR),
    (libc::SOL_IPV6, libc::IPV6_MTU_DISCOVER),
    (libc::SOL_IPV6, libc::IPV6_V6ONLY),
    (libc::SOL_TCP, libc::TCP_QUICKACK),
    (libc::SOL_SOCKET, libc::SO_RCVLOWAT),
];

/// The smallest buffer that can be asked for.
const LEAST_BUFFER: i32 = 2_048;

impl Host {
    pub(super) fn option(&mut self, fd: Fd, level: i32, name: i32) -> Result<Value, Errno> {
        if (level, name) == (libc::SOL_SOCKET, libc::SO_ERROR) {
            let error = self.files.socket_mut(fd)?.take_error(&self.stack);
            return Ok(Value::Int(error.map_or(0, |error| error as i32)));
        }
        let socket = self.files.socket(fd)?;
        match level {
            libc::SOL_SOCKET => self.socket_option(socket, name),
            libc::SOL_TCP => self.tcp_option(socket, name),
            libc::SOL_IP => ip_option(socket, level, name),
            libc::SOL_IPV6 if self.ip_version() == IpVersion::V6 || name == libc::IPV6_V6ONLY => {
                ip_option(socket, level, name)
            }
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    fn socket_option(&self, socket: &Socket, name: i32) -> Result<Value, Errno> {
        let tcp = &socket.settings.tcp;
        Ok(match name {
            libc::SO_RCVBUF => Value::Int(self.told_buffer(socket, tcp.receive_buffer as usize)),
            libc::SO_SNDBUF => Value::Int(self.told_buffer(socket, tcp.send_buffer)),
            libc::SO_KEEPALIVE => Value::Int(tcp.keepalive.is_some().into()),
            libc::SO_TYPE => Value::Int(libc::SOCK_STREAM),
            libc::SO_PROTOCOL => Value::Int(libc::IPPROTO_TCP),
            libc::SO_DOMAIN => Value::Int(self.ip_version().domain()),
            libc::SO_ACCEPTCONN => Value::Int(matches!(socket.role, Role::Listener(_)).into()),
            libc::SO_LINGER => Value::Linger(
                socket.linger.is_some(),
                whole(socket.linger.unwrap_or_default().as_secs()),
            ),
            libc::SO_RCVTIMEO => Value::Time(socket.receive_timeout.unwrap_or_default()),
            libc::SO_SNDTIMEO => Value::Time(socket.send_timeout.unwrap_or_default()),
            _ => return kept(socket, libc::SOL_SOCKET, name),
        })
    }

    fn tcp_option(&self, socket: &Socket, name: i32) -> Result<Value, Errno> {
        let tcp = &socket.settings.tcp;
        let keepalive = socket.keepalive;
        Ok(match name {
            libc::TCP_NODELAY => Value::Int((!tcp.nagle).into()),
            libc::TCP_MAXSEG => Value::Int(self.segment_size(socket)),
            libc::TCP_KEEPIDLE => Value::Int(whole(keepalive.idle.as_secs())),
            libc::TCP_KEEPINTVL => Value::Int(whole(keepalive.interval.as_secs())),
            libc::TCP_KEEPCNT => Value::Int(whole(keepalive.probes.into())),
            libc::TCP_SYNCNT => Value::Int(whole(tcp.syn_retries.into())),
            libc::TCP_LINGER2 => Value::Int(whole(tcp.orphan_timeout.as_secs())),
            libc::TCP_USER_TIMEOUT => {
                let millis = tcp.user_timeout.unwrap_or_default().as_millis();
                Value::Int(i32::try_from(millis).unwrap_or(i32::MAX))
            }
            libc::TCP_CONGESTION => Value::Text(tcp.congestion.name().to_owned()),
            libc::TCP_INFO => Value::Info(self.info(socket)),
            _ => return kept(socket, libc::SOL_TCP, name),
        })
    }

    fn segment_size(&self, socket: &Socket) -> i32 {
        let connected = socket.handle().and_then(|handle| self.stack.status(handle, self.now));
        let size = connected.map(|summary| summary.status.send_mss);
        let own = u32::from(socket.settings.tcp.mss.saturating_sub(self.ip_version().longer_by()));
        i32::try_from(size.unwrap_or(own)).unwrap_or(i32::MAX)
    }

    fn info(&self, socket: &Socket) -> TcpInfo {
        let unit = self.habits.congestion_windows;
        match socket.role {
            Role::Idle => TcpInfo::of_state(State::Closed),
            Role::Listener(_) => TcpInfo::of_state(State::Listen),
            Role::Connection(handle) => match self.stack.status(handle, self.now) {
                Some(summary) => TcpInfo::of(&summary, unit),
                None => TcpInfo::of_state(State::Closed),
            },
        }
    }

    /// The size of a buffer, as this kind of system tells it.
    fn told_buffer(&self, socket: &Socket, octets: usize) -> i32 {
        let mut octets = u64::try_from(octets).unwrap_or(u64::MAX);
        if self.habits.buffers_count_double && socket.buffer_was_set {
            octets = octets.saturating_mul(2);
        }
        if self.habits.buffers_hold_whole_segments
            && let Some(summary) = socket.handle().and_then(|at| self.stack.status(at, self.now))
            && summary.status.state != State::SynSent
        {
            octets = octets.next_multiple_of(u64::from(summary.status.send_mss.max(1)));
        }
        whole(octets)
    }

    pub(super) fn set_option(
        &mut self,
        fd: Fd,
        level: i32,
        name: i32,
        value: &Value,
    ) -> Result<(), Errno> {
        let version = self.ip_version();
        let socket = self.files.socket_mut(fd)?;
        let mut settings = socket.settings.clone();
        match level {
            libc::SOL_SOCKET => set_socket_option(socket, &mut settings.tcp, name, value)?,
            libc::SOL_TCP if name == libc::TCP_MAXSEG => {
                set_segment_size(&mut settings.tcp, version.longer_by(), value)?;
            }
            libc::SOL_TCP => set_tcp_option(socket, &mut settings.tcp, name, value)?,
            libc::SOL_IP => set_ip_option(socket, &mut settings, level, name, value)?,
            libc::SOL_IPV6 if version == IpVersion::V6 || name == libc::IPV6_V6ONLY => {
                set_ip_option(socket, &mut settings, level, name, value)?;
            }
            _ => return Err(Errno::ENOPROTOOPT),
        }
        if settings != socket.settings {
            socket.settings = settings.clone();
            match socket.role {
                Role::Idle => {}
                Role::Listener(id) => self.stack.configure_listener(id, settings),
                Role::Connection(handle) => self.stack.configure(handle, settings, self.now),
            }
        }
        Ok(())
    }
}

/// An option of `SOL_IP` or `SOL_IPV6`.
fn ip_option(socket: &Socket, level: i32, name: i32) -> Result<Value, Errno> {
    match (level, name) {
        (libc::SOL_IP, libc::IP_TTL) | (libc::SOL_IPV6, libc::IPV6_UNICAST_HOPS) => {
            Ok(Value::Int(socket.settings.header.ttl.into()))
        }
        (libc::SOL_IP, libc::IP_TOS) | (libc::SOL_IPV6, libc::IPV6_TCLASS) => {
            Ok(Value::Int(socket.settings.header.tos.into()))
        }
        _ => kept(socket, level, name),
    }
}

fn kept(socket: &Socket, level: i32, name: i32) -> Result<Value, Errno> {
    if !KEPT.contains(&(level, name)) {
        return Err(Errno::ENOPROTOOPT);
    }
    let found = socket.kept.iter().find(|(which, _)| *which == (level, name));
    Ok(Value::Int(found.map_or(0, |(_, value)| *value)))
}

fn keep(socket: &mut Socket, level: i32, name: i32, value: &Value) -> Result<(), Errno> {
    if !KEPT.contains(&(level, name)) {
        return Err(Errno::ENOPROTOOPT);
    }
    let value = value.int()?;
    socket.kept.retain(|(which, _)| *which != (level, name));
    socket.kept.push(((level, name), value));
    Ok(())
}

fn set_socket_option(
    socket: &mut Socket,
    tcp: &mut tcp::Config,
    name: i32,
    value: &Value,
) -> Result<(), Errno> {
    match name {
        libc::SO_RCVBUF => {
            tcp.receive_buffer = value.int()?.max(LEAST_BUFFER).cast_unsigned();
            socket.buffer_was_set = true;
        }
        libc::SO_SNDBUF => {
            let octets = value.int()?.max(LEAST_BUFFER).cast_unsigned();
            tcp.send_buffer = octets as usize;
            socket.buffer_was_set = true;
        }
        libc::SO_KEEPALIVE => {
            tcp.keepalive = (value.int()? != 0).then_some(socket.keepalive);
        }
        libc::SO_LINGER => match value {
            Value::Linger(on, seconds) => {
                let seconds = u64::try_from(*seconds).map_err(|_| Errno::EINVAL)?;
                socket.linger = on.then(|| Duration::from_secs(seconds));
            }
            Value::Int(_) | Value::Time(_) | Value::Text(_) | Value::Info(_) => {
                return Err(Errno::EINVAL);
            }
        },
        libc::SO_RCVTIMEO => socket.receive_timeout = timeout(value)?,
        libc::SO_SNDTIMEO => socket.send_timeout = timeout(value)?,
        _ => return keep(socket, libc::SOL_SOCKET, name, value),
    }
    Ok(())
}

/// `TCP_MAXSEG`: the settings count as over IPv4, where packets are `longer_by` fewer octets.
fn set_segment_size(tcp: &mut tcp::Config, longer_by: u16, value: &Value) -> Result<(), Errno> {
    let size = u16::try_from(value.int()?).ok().filter(|size| (48..=65_495).contains(size));
    tcp.mss = size.ok_or(Errno::EINVAL)?.saturating_add(longer_by).min(tcp.mss);
    Ok(())
}

fn set_tcp_option(
    socket: &mut Socket,
    tcp: &mut tcp::Config,
    name: i32,
    value: &Value,
) -> Result<(), Errno> {
    let within = |least: i32, most: i32| {
        value
            .int()
            .and_then(|n| if (least..=most).contains(&n) { Ok(n) } else { Err(Errno::EINVAL) })
    };
    match name {
        libc::TCP_NODELAY => tcp.nagle = value.int()? == 0,
        libc::TCP_KEEPIDLE => socket.keepalive.idle = seconds(within(1, 32_767)?),
        libc::TCP_KEEPINTVL => socket.keepalive.interval = seconds(within(1, 32_767)?),
        libc::TCP_KEEPCNT => socket.keepalive.probes = within(1, 127)?.cast_unsigned(),
        libc::TCP_SYNCNT => tcp.syn_retries = within(1, 127)?.cast_unsigned(),
        libc::TCP_LINGER2 => tcp.orphan_timeout = seconds(within(0, i32::MAX)?),
        libc::TCP_USER_TIMEOUT => {
            let millis = u64::from(within(0, i32::MAX)?.cast_unsigned());
            tcp.user_timeout = (millis > 0).then(|| Duration::from_millis(millis));
        }
        libc::TCP_CONGESTION => match value {
            Value::Text(name) => tcp.congestion = algorithm(name).ok_or(Errno::ENOENT)?,
            Value::Int(_) | Value::Linger(..) | Value::Time(_) | Value::Info(_) => {
                return Err(Errno::EINVAL);
            }
        },
        _ => return keep(socket, libc::SOL_TCP, name, value),
    }
    if tcp.keepalive.is_some() {
        tcp.keepalive = Some(socket.keepalive);
    }
    Ok(())
}

fn set_ip_option(
    socket: &mut Socket,
    settings: &mut Settings,
    level: i32,
    name: i32,
    value: &Value,
) -> Result<(), Errno> {
    match (level, name) {
        (libc::SOL_IP, libc::IP_TTL) | (libc::SOL_IPV6, libc::IPV6_UNICAST_HOPS) => {
            match u8::try_from(value.int()?) {
                Ok(ttl) if ttl > 0 => settings.header.ttl = ttl,
                _ => return Err(Errno::EINVAL),
            }
        }
        (libc::SOL_IP, libc::IP_TOS) | (libc::SOL_IPV6, libc::IPV6_TCLASS) => {
            // The two bits of ECN are not the application's.
            settings.header.tos = u8::try_from(value.int()? & 0xfc).expect("masked");
        }
        _ => return keep(socket, level, name, value),
    }
    Ok(())
}

/// A congestion control by its name on Linux or on FreeBSD.
pub(in crate::drill) fn algorithm(name: &str) -> Option<Algorithm> {
    let name = if name == "newreno" { "reno" } else { name };
    name.parse().ok()
}

fn timeout(value: &Value) -> Result<Option<Duration>, Errno> {
    match value {
        Value::Time(time) => Ok(Some(*time).filter(|time| !time.is_zero())),
        Value::Int(_) | Value::Linger(..) | Value::Text(_) | Value::Info(_) => Err(Errno::EINVAL),
    }
}

fn seconds(seconds: i32) -> Duration {
    Duration::from_secs(seconds.cast_unsigned().into())
}

fn whole(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
