//! Packets and time.

use std::ffi::{c_int, c_uint};
use std::time::Duration;

use glasstack::drill::host::Errno;
use glasstack::time::Instant;
use libc::timeval;

use crate::memory::{In, Out, User, answer};

pub(crate) extern "C" fn netdev_send(user: User, packet: In<u8>, len: usize) -> c_int {
    answer(user, |world| {
        world.on_packet(&packet.octets(len)?);
        Ok(0)
    })
}

/// The next packet that leaves, however long that takes. When it would take for ever, there is nobody
/// to tell: the tool asks again until it gets a packet. So the process ends.
pub(crate) extern "C" fn netdev_receive(
    user: User,
    packet: Out<u8>,
    len: Out<usize>,
    micros: Out<i64>,
) -> c_int {
    answer(user, |world| {
        let room = len.as_in().read()?;
        let Some(sent) = world.next_packet() else {
            eprintln!(
                "libpacketdrill.so: the script waits for a packet, but the stack has none to send \
                 and no timer is armed: it would wait for ever"
            );
            std::process::abort();
        };
        if sent.packet.len() > room {
            return Err(Errno::EMSGSIZE);
        }
        packet.octets(&sent.packet)?;
        len.write(sent.packet.len())?;
        micros.write(whole_micros(sent.at))?;
        Ok(0)
    })
}

pub(crate) extern "C" fn usleep(user: User, micros: c_uint) -> c_int {
    answer(user, |world| {
        world.sleep(Duration::from_micros(micros.into()));
        Ok(0)
    })
}

pub(crate) extern "C" fn gettimeofday(
    user: User,
    time: Out<timeval>,
    zone: Out<[c_int; 2]>,
) -> c_int {
    const SECOND: i64 = 1_000_000;
    answer(user, |world| {
        let micros = whole_micros(world.clock());
        if !time.is_null() {
            time.write(timeval { tv_sec: micros / SECOND, tv_usec: micros % SECOND })?;
        }
        if !zone.is_null() {
            zone.write([0, 0])?;
        }
        Ok(0)
    })
}

fn whole_micros(at: Instant) -> i64 {
    i64::try_from(at.as_micros()).unwrap_or(i64::MAX)
}
