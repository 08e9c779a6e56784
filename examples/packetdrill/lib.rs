//! The shared library by which the public packetdrill tool drives this stack, in virtual time and
//! without root: `packetdrill --so_filename=/path/to/libpacketdrill.so script.pkt`.
//! docs/packetdrill-so.md says how to build and use it.
//!
//! Here is the one function that the tool looks for. `flags` reads what it passes, `world` is the host
//! in its virtual time and the threads that wait in it, `interface` is the table of functions that the
//! tool gets, and the functions are in `sockets`, `transfer`, `options`, `ready` and `net`. All that is
//! unsafe about C's pointers is in `memory`. `preload` answers what the tool asks the kernel.

#![allow(
    unsafe_code,
    reason = "C calls in, with pointers, and looks the functions up by their names"
)]

mod flags;
mod interface;
mod memory;
mod net;
mod options;
mod preload;
mod ready;
mod sockets;
mod transfer;
mod world;

use std::sync::Arc;

use flags::Flags;
use interface::Interface;
use memory::{In, Out, never_unwinding};
use world::World;

/// Makes a host as `flags` say and fills the table. Flags that mean nothing end the process with a
/// message and the exit code 2, for the interface has no way to say so.
// SAFETY: no other symbol of this name is linked in, and the tool declares the function like this.
#[unsafe(no_mangle)]
extern "C" fn packetdrill_interface_init(flags: In<u8>, ifc: Out<Interface>) {
    never_unwinding(|| {
        let flags = flags.text().unwrap_or_default();
        let flags = Flags::parse(&flags).unwrap_or_else(|why| {
            eprintln!("libpacketdrill.so: --so_flags: {why}");
            std::process::exit(2);
        });
        let world = Arc::new(World::new(&flags));
        preload::answer_for(&world);
        if ifc.write(Interface::of(world)).is_err() {
            eprintln!("libpacketdrill.so: packetdrill_interface_init got no table to fill");
            std::process::abort();
        }
    });
}
