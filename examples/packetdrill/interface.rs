//! The table of functions that the tool gets: `struct packetdrill_interface`.

use std::ffi::{c_int, c_long, c_uint, c_ulong};
use std::sync::Arc;

use libc::{epoll_event, loff_t, nfds_t, pollfd, socklen_t, timeval};

use crate::memory::{In, Out, User, never_unwinding};
use crate::transfer::{IoVec, Message};
use crate::world::World;
use crate::{net, options, ready, sockets, transfer};

/// Which host, and what can be done with it; in this order. The third arguments of `fcntl` and `ioctl`
/// are variadic in C, which Rust cannot define: where Linux runs, they are passed as these are.
#[repr(C)]
pub(crate) struct Interface {
    user: User,
    free: extern "C" fn(User),
    socket: extern "C" fn(User, c_int, c_int, c_int) -> c_int,
    bind: extern "C" fn(User, c_int, In<u8>, socklen_t) -> c_int,
    listen: extern "C" fn(User, c_int, c_int) -> c_int,
    accept: extern "C" fn(User, c_int, Out<u8>, Out<socklen_t>) -> c_int,
    connect: extern "C" fn(User, c_int, In<u8>, socklen_t) -> c_int,
    read: extern "C" fn(User, c_int, Out<u8>, usize) -> isize,
    readv: extern "C" fn(User, c_int, In<IoVec>, c_int) -> isize,
    recv: extern "C" fn(User, c_int, Out<u8>, usize, c_int) -> isize,
    recvfrom: extern "C" fn(User, c_int, Out<u8>, usize, c_int, Out<u8>, Out<socklen_t>) -> isize,
    recvmsg: extern "C" fn(User, c_int, Out<Message>, c_int) -> isize,
    write: extern "C" fn(User, c_int, In<u8>, usize) -> isize,
    writev: extern "C" fn(User, c_int, In<IoVec>, c_int) -> isize,
    send: extern "C" fn(User, c_int, In<u8>, usize, c_int) -> isize,
    sendto: extern "C" fn(User, c_int, In<u8>, usize, c_int, In<u8>, socklen_t) -> isize,
    sendmsg: extern "C" fn(User, c_int, In<Message>, c_int) -> isize,
    fcntl: extern "C" fn(User, c_int, c_int, c_long) -> c_int,
    ioctl: extern "C" fn(User, c_int, c_ulong, Out<c_int>) -> c_int,
    close: extern "C" fn(User, c_int) -> c_int,
    shutdown: extern "C" fn(User, c_int, c_int) -> c_int,
    getsockopt: extern "C" fn(User, c_int, c_int, c_int, Out<u8>, Out<socklen_t>) -> c_int,
    setsockopt: extern "C" fn(User, c_int, c_int, c_int, In<u8>, socklen_t) -> c_int,
    poll: extern "C" fn(User, Out<pollfd>, nfds_t, c_int) -> c_int,
    netdev_send: extern "C" fn(User, In<u8>, usize) -> c_int,
    netdev_receive: extern "C" fn(User, Out<u8>, Out<usize>, Out<i64>) -> c_int,
    usleep: extern "C" fn(User, c_uint) -> c_int,
    gettimeofday: extern "C" fn(User, Out<timeval>, Out<[c_int; 2]>) -> c_int,
    epoll_create: extern "C" fn(User, c_int) -> c_int,
    epoll_ctl: extern "C" fn(User, c_int, c_int, c_int, In<epoll_event>) -> c_int,
    epoll_wait: extern "C" fn(User, c_int, Out<epoll_event>, c_int, c_int) -> c_int,
    pipe: extern "C" fn(User, Out<[c_int; 2]>) -> c_int,
    splice: extern "C" fn(User, c_int, In<loff_t>, c_int, In<loff_t>, usize, c_uint) -> isize,
}

const _: () = assert!(size_of::<Interface>() == 33 * size_of::<usize>(), "33 pointers");

impl Interface {
    /// The table for a host.
    pub(crate) fn of(world: Arc<World>) -> Self {
        Interface {
            user: User::of(world),
            free,
            socket: sockets::socket,
            bind: sockets::bind,
            listen: sockets::listen,
            accept: sockets::accept,
            connect: sockets::connect,
            read: transfer::read,
            readv: transfer::readv,
            recv: transfer::recv,
            recvfrom: transfer::recvfrom,
            recvmsg: transfer::recvmsg,
            write: transfer::write,
            writev: transfer::writev,
            send: transfer::send,
            sendto: transfer::sendto,
            sendmsg: transfer::sendmsg,
            fcntl: sockets::fcntl,
            ioctl: sockets::ioctl,
            close: sockets::close,
            shutdown: sockets::shutdown,
            getsockopt: options::getsockopt,
            setsockopt: options::setsockopt,
            poll: ready::poll,
            netdev_send: net::netdev_send,
            netdev_receive: net::netdev_receive,
            usleep: net::usleep,
            gettimeofday: net::gettimeofday,
            epoll_create: ready::epoll_create,
            epoll_ctl: ready::epoll_ctl,
            epoll_wait: ready::epoll_wait,
            pipe: transfer::pipe,
            splice: transfer::splice,
        }
    }
}

/// The end of the host. Its descriptors are left to the tool, which may have closed them already: their
/// numbers may mean something else by now.
extern "C" fn free(user: User) {
    never_unwinding(|| {
        if let Some(world) = user.take() {
            world.retire();
        }
    });
}
