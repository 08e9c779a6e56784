//! `glass drill`: packetdrill scripts, run against our stack in virtual time.

pub mod host;
mod ip_version;
mod packet;
pub mod plan;
mod profile;
pub mod report;
pub mod run;
pub mod script;
pub mod suite;
pub mod twin;
mod words;

pub use ip_version::IpVersion;
pub use profile::Profile;
pub use words::Words;
