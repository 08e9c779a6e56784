//! BBR against a small ideal bottleneck, in virtual time.

mod bandwidth;
mod cycle;
mod hostile;
mod losses;
mod network;
mod probe_rtt;
mod repairs;
