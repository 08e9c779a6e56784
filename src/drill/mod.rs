//! `glass drill`: packetdrill scripts, run against our stack in virtual time.

pub mod host;
mod packet;
pub mod plan;
mod profile;
pub mod report;
pub mod run;
pub mod script;
pub mod suite;

pub use profile::Profile;
