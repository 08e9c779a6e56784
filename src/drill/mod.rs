//! `glass drill`: packetdrill scripts, run against our stack in virtual time.

pub mod script;
