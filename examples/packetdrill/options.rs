//! getsockopt and setsockopt: the values of options as C has them.

use std::ffi::c_int;
use std::time::Duration;

use glasstack::drill::host::{Call, Errno, Fd, Reply, Value};
use libc::{linger, socklen_t, timeval};

use crate::memory::{In, Out, User, answer};
use crate::world::World;

/// The room that the name of a congestion control takes (`TCP_CA_NAME_MAX`).
const NAME_ROOM: usize = 16;

pub(crate) extern "C" fn getsockopt(
    user: User,
    fd: c_int,
    level: c_int,
    name: c_int,
    value: Out<u8>,
    len: Out<socklen_t>,
) -> c_int {
    answer(user, |world| {
        let room = room(len)?;
        let octets = option(world, fd, level, name)?;
        let told = &octets[..octets.len().min(room)];
        value.octets(told)?;
        len.write(socklen_t::try_from(told.len()).expect("less than the room"))?;
        Ok(0)
    })
}

pub(crate) extern "C" fn setsockopt(
    user: User,
    fd: c_int,
    level: c_int,
    name: c_int,
    value: In<u8>,
    len: socklen_t,
) -> c_int {
    answer(user, |world| {
        if value.is_null() {
            return Err(Errno::EFAULT);
        }
        let value = parse(level, name, value, len as usize)?;
        world.call(Call::SetOption { fd, level, name, value }).map(|_| 0)
    })
}

/// How much room C says there is.
pub(crate) fn room(len: Out<socklen_t>) -> Result<usize, Errno> {
    match c_int::try_from(len.as_in().read()?) {
        Ok(room) => Ok(usize::try_from(room).expect("not negative")),
        Err(_) => Err(Errno::EINVAL),
    }
}

/// The octets of an option.
pub(crate) fn option(world: &World, fd: Fd, level: c_int, name: c_int) -> Result<Vec<u8>, Errno> {
    match world.call(Call::GetOption { fd, level, name })? {
        Reply::Option(value) => Ok(octets(value)),
        _ => unreachable!("GetOption brings an option"),
    }
}

fn octets(value: Value) -> Vec<u8> {
    match value {
        Value::Int(number) => number.to_ne_bytes().to_vec(),
        Value::Linger(on, seconds) => {
            [c_int::from(on), seconds].iter().flat_map(|part| part.to_ne_bytes()).collect()
        }
        Value::Time(time) => {
            let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
            let micros = i64::from(time.subsec_micros());
            [seconds, micros].iter().flat_map(|part| part.to_ne_bytes()).collect()
        }
        Value::Text(text) => {
            let mut octets = text.into_bytes();
            octets.resize(NAME_ROOM, 0);
            octets
        }
        Value::Info(info) => info.to_octets(),
    }
}

fn parse(level: c_int, name: c_int, value: In<u8>, len: usize) -> Result<Value, Errno> {
    let holds = |least: usize| if len < least { Err(Errno::EINVAL) } else { Ok(()) };
    Ok(match (level, name) {
        (libc::SOL_SOCKET, libc::SO_LINGER) => {
            holds(size_of::<linger>())?;
            let value: linger = value.cast().read()?;
            Value::Linger(value.l_onoff != 0, value.l_linger)
        }
        (libc::SOL_SOCKET, libc::SO_RCVTIMEO | libc::SO_SNDTIMEO) => {
            holds(size_of::<timeval>())?;
            Value::Time(duration(value.cast().read()?)?)
        }
        (libc::SOL_TCP, libc::TCP_CONGESTION) => {
            holds(1)?;
            let octets = value.octets(len.min(NAME_ROOM - 1))?;
            let name = octets.split(|octet| *octet == 0).next().unwrap_or_default();
            Value::Text(String::from_utf8_lossy(name).into_owned())
        }
        // Those of IP may be a single octet.
        (libc::SOL_IP, _) if (1..size_of::<c_int>()).contains(&len) => {
            Value::Int(value.read()?.into())
        }
        _ => {
            holds(size_of::<c_int>())?;
            Value::Int(value.cast().read()?)
        }
    })
}

/// How long to wait. A negative time is no time at all, as on Linux: the call does not wait.
fn duration(time: timeval) -> Result<Duration, Errno> {
    match u32::try_from(time.tv_usec) {
        Ok(micros) if micros < 1_000_000 => {
            let whole = u64::try_from(time.tv_sec).map(Duration::from_secs);
            let least = Duration::from_nanos(1);
            Ok(whole.map_or(least, |whole| whole + Duration::from_micros(micros.into())))
        }
        Ok(_) | Err(_) => Err(Errno::EDOM),
    }
}
