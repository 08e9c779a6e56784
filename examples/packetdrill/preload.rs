//! For its Python assertions (`%{ }%`) the tool asks the kernel for `TCP_INFO`, and not this library,
//! also when it tests this library. When it is started with the library in `LD_PRELOAD`, its question
//! comes here: what is asked of a descriptor of ours gets our answer, everything else the kernel's.

use std::ffi::c_int;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use glasstack::drill::host::{Call, Errno, Fd};
use libc::socklen_t;

use crate::memory::{Answer, Out, never_unwinding};
use crate::options;
use crate::world::World;

/// How a congestion control fares (`linux/inet_diag.h`): ours has nothing to tell, as Reno on Linux.
const TCP_CC_INFO: c_int = 26;
/// Memory in use (`asm-generic/socket.h`): this stack has no such account, and tells zeros.
const SO_MEMINFO: c_int = 55;

/// The host that was made last.
static LAST: Mutex<Weak<World>> = Mutex::new(Weak::new());

/// From now on, this host is asked.
pub(crate) fn answer_for(world: &Arc<World>) {
    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(world);
}

/// The C library's, in a process with this library preloaded.
// SAFETY: it takes the place of the C library's function on purpose, with its declaration, and does
// the same for every descriptor but ours.
#[unsafe(no_mangle)]
extern "C" fn getsockopt(
    fd: c_int,
    level: c_int,
    name: c_int,
    value: Out<u8>,
    len: Out<socklen_t>,
) -> c_int {
    never_unwinding(|| {
        let world = LAST.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        match world.filter(|world| is_ours(world, fd)) {
            None => kernel(fd, level, name, value, len),
            Some(world) => match tell(&world, fd, (level, name), value, len) {
                Ok(()) => 0,
                Err(errno) => {
                    errno.set();
                    c_int::FAILED
                }
            },
        }
    })
}

fn is_ours(world: &World, fd: Fd) -> bool {
    world.call(Call::GetDescriptorFlags { fd }).is_ok()
}

fn tell(
    world: &World,
    fd: Fd,
    option: (c_int, c_int),
    value: Out<u8>,
    len: Out<socklen_t>,
) -> Result<(), Errno> {
    let room = options::room(len)?;
    let mut octets = match option {
        (libc::SOL_TCP, TCP_CC_INFO) => return len.write(0),
        (libc::SOL_SOCKET, SO_MEMINFO) => Vec::new(),
        (level, name) => options::option(world, fd, level, name)?,
    };
    // A newer kernel has more fields: whoever knows them finds zeros.
    octets.resize(room, 0);
    value.octets(&octets)
}

fn kernel(fd: c_int, level: c_int, name: c_int, value: Out<u8>, len: Out<socklen_t>) -> c_int {
    // SAFETY: the arguments are those that the caller passes to the same function of the kernel.
    let result = unsafe {
        libc::syscall(libc::SYS_getsockopt, fd, level, name, value.as_raw(), len.as_raw())
    };
    c_int::from_number(result)
}
