//! `glass drill`: packetdrill scripts, run against our stack in virtual time.

pub mod host;
mod packet;
mod profile;
pub mod script;

pub use profile::Profile;
