//! Reading and writing, in all the forms that POSIX has for it.

use std::ffi::{c_int, c_uint};

use bytes::{Bytes, BytesMut};
use glasstack::drill::host::{Call, Errno, Fd, Reply};
use libc::{loff_t, socklen_t};

use crate::memory::{In, Out, User, answer};
use crate::sockets::number;
use crate::world::World;

/// The most pieces that a call takes (`IOV_MAX`).
const MOST_PIECES: usize = 1024;

/// `struct iovec`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct IoVec {
    base: Out<u8>,
    len: usize,
}

/// `struct msghdr`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Message {
    name: Out<u8>,
    name_len: socklen_t,
    pieces: In<IoVec>,
    piece_count: usize,
    control: Out<u8>,
    control_len: usize,
    flags: c_int,
}

pub(crate) extern "C" fn read(user: User, fd: c_int, base: Out<u8>, len: usize) -> isize {
    answer(user, |world| receive(world, fd, &[IoVec { base, len }], 0))
}

pub(crate) extern "C" fn readv(user: User, fd: c_int, pieces: In<IoVec>, count: c_int) -> isize {
    answer(user, |world| receive(world, fd, &few(pieces, count)?, 0))
}

pub(crate) extern "C" fn recv(
    user: User,
    fd: c_int,
    base: Out<u8>,
    len: usize,
    flags: c_int,
) -> isize {
    answer(user, |world| receive(world, fd, &[IoVec { base, len }], flags))
}

/// A stream does not say whom each octet is from: the address is empty, as on Linux.
pub(crate) extern "C" fn recvfrom(
    user: User,
    fd: c_int,
    base: Out<u8>,
    len: usize,
    flags: c_int,
    from: Out<u8>,
    from_len: Out<socklen_t>,
) -> isize {
    answer(user, |world| {
        let count = receive(world, fd, &[IoVec { base, len }], flags)?;
        if !from.is_null() {
            from_len.write(0)?;
        }
        Ok(count)
    })
}

pub(crate) extern "C" fn recvmsg(
    user: User,
    fd: c_int,
    message: Out<Message>,
    flags: c_int,
) -> isize {
    answer(user, |world| {
        let told = message.as_in().read()?;
        let count = receive(world, fd, &told.pieces()?, flags)?;
        message.write(Message { name_len: 0, control_len: 0, flags: 0, ..told })?;
        Ok(count)
    })
}

pub(crate) extern "C" fn write(user: User, fd: c_int, base: In<u8>, len: usize) -> isize {
    answer(user, |world| transmit(world, fd, base.octets(len)?, 0))
}

pub(crate) extern "C" fn writev(user: User, fd: c_int, pieces: In<IoVec>, count: c_int) -> isize {
    answer(user, |world| transmit(world, fd, gather(&few(pieces, count)?)?, 0))
}

pub(crate) extern "C" fn send(
    user: User,
    fd: c_int,
    base: In<u8>,
    len: usize,
    flags: c_int,
) -> isize {
    answer(user, |world| transmit(world, fd, base.octets(len)?, flags))
}

/// A stream has its peer: the address says nothing.
pub(crate) extern "C" fn sendto(
    user: User,
    fd: c_int,
    base: In<u8>,
    len: usize,
    flags: c_int,
    _to: In<u8>,
    _to_len: socklen_t,
) -> isize {
    send(user, fd, base, len, flags)
}

pub(crate) extern "C" fn sendmsg(
    user: User,
    fd: c_int,
    message: In<Message>,
    flags: c_int,
) -> isize {
    answer(user, |world| transmit(world, fd, gather(&message.read()?.pieces()?)?, flags))
}

/// There are no pipes here.
pub(crate) extern "C" fn pipe(user: User, _ends: Out<[c_int; 2]>) -> c_int {
    answer(user, |_| Err(Errno::ENOSYS))
}

/// There is nothing to splice with.
pub(crate) extern "C" fn splice(
    user: User,
    _from: c_int,
    _from_offset: In<loff_t>,
    _to: c_int,
    _to_offset: In<loff_t>,
    _len: usize,
    _flags: c_uint,
) -> isize {
    answer(user, |_| Err(Errno::ENOSYS))
}

impl Message {
    fn pieces(&self) -> Result<Vec<IoVec>, Errno> {
        if self.piece_count > MOST_PIECES {
            return Err(Errno::EMSGSIZE);
        }
        self.pieces.items(self.piece_count)
    }
}

fn few(pieces: In<IoVec>, count: c_int) -> Result<Vec<IoVec>, Errno> {
    match usize::try_from(count) {
        Ok(count) if count <= MOST_PIECES => pieces.items(count),
        Ok(_) | Err(_) => Err(Errno::EINVAL),
    }
}

/// Receives into the pieces, in their order.
fn receive(world: &World, fd: Fd, pieces: &[IoVec], flags: c_int) -> Result<i64, Errno> {
    // Before anything is taken out of the stream, for it could not be put back.
    if pieces.iter().any(|piece| piece.len > 0 && piece.base.is_null()) {
        return Err(Errno::EFAULT);
    }
    let len = pieces.iter().fold(0_usize, |sum, piece| sum.saturating_add(piece.len));
    let reply = world.call(Call::Receive { fd, len, flags })?;
    if let Reply::Received(octets) = &reply {
        scatter(octets.clone(), pieces)?;
    }
    Ok(number(&reply))
}

fn scatter(mut octets: Bytes, pieces: &[IoVec]) -> Result<(), Errno> {
    for piece in pieces {
        let part = octets.split_to(piece.len.min(octets.len()));
        piece.base.octets(&part)?;
    }
    Ok(())
}

fn gather(pieces: &[IoVec]) -> Result<Bytes, Errno> {
    let mut data = BytesMut::new();
    for piece in pieces {
        data.extend_from_slice(&piece.base.as_in().octets(piece.len)?);
    }
    Ok(data.freeze())
}

fn transmit(world: &World, fd: Fd, data: Bytes, flags: c_int) -> Result<i64, Errno> {
    if flags & libc::MSG_FASTOPEN != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    world.call(Call::Send { fd, data, flags }).map(|reply| number(&reply))
}
