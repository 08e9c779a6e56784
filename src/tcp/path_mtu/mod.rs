//! How large packets may be on the path: less than what the two ends have agreed on, when a router says so
//! (RFC 1191, RFC 8201), or when full segments vanish without a word (RFC 4821 7.7); and more again after a
//! while. How larger sizes are tried is in `search`.
//!
//! Sizes here are those of segments as in Eff.snd.MSS: data and options, of IP and of TCP. A packet is longer by the headers of
//! IP and TCP. Most connections never learn anything of their path, and have nothing of this.

mod search;

use std::time::Duration;

use search::Probe;

use super::config::{Config, MtuProbing};
use super::context::Context;
use super::tcb::Tcb;
use crate::seq::Seq;
use crate::time::Instant;
use crate::trace::{DropReason, Mask, PathMtuChange, What};

/// What was learnt is believed for so long (RFC 1191 6.3, RFC 8201 4, RFC 8899 5.1.1).
const LASTS: Duration = Duration::from_mins(10);
/// What full segments are cut down to when they seem to vanish (RFC 4821 7.2), and when those do, too: what
/// every host takes.
const BASE: u16 = 1024;
const SMALL: u16 = 536;
/// No IPv6 link carries less (RFC 8200 5).
const LEAST_OF_IPV6: u16 = 1280;
/// The header of TCP, without options.
const TCP_HEADER: u16 = 20;
/// Octets of options that a segment has at most, of IP and of TCP each.
const MOST_OPTIONS: u32 = 40;
/// So often a router may be believed that less passes than it was thought: no path has more steps down,
/// and each makes us send again what is in flight. Then it is the least at once.
const MOST_CUTS: u8 = 8;

/// What is known of a path, for one connection or for the next one to the same address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownPath {
    /// The largest segment that may be sent; `u16::MAX`: whatever the ends take.
    size: u16,
    /// No larger one passes, as far as is known; `u16::MAX`: nothing is.
    most: u16,
    /// A router has said that one of `most` passes.
    most_is_told: bool,
    /// Larger sizes are being tried.
    searching: bool,
    /// How `size` came about.
    source: MtuSource,
    /// All this is believed until then.
    until: Instant,
}

/// Why a path is taken to carry what it is taken to carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MtuSource {
    /// It is what our link carries, and the peer takes.
    #[default]
    Ends,
    /// A router has said so.
    Told,
    /// Full segments seem to vanish, so they are small, or they are to begin small.
    Assumed,
    /// A packet of that length has arrived.
    Probed,
}

/// What a connection knows of its path.
#[derive(Clone, Debug)]
pub(super) struct PathMtu {
    known: KnownPath,
    /// How often a router was believed since larger sizes were tried.
    cuts: u8,
    /// Probes of the size that is tried now that were lost.
    failures: u8,
    probe: Option<Probe>,
    /// Nobody has been told since it changed.
    is_news: bool,
}

impl KnownPath {
    const fn new(now: Instant) -> Self {
        KnownPath {
            size: u16::MAX,
            most: u16::MAX,
            most_is_told: false,
            searching: false,
            source: MtuSource::Ends,
            until: now,
        }
    }

    /// A path that carries segments of `size`, for tests.
    #[cfg(test)]
    pub(crate) const fn sample(size: u16, until: Instant) -> Self {
        KnownPath { size, until, ..KnownPath::new(until) }
    }

    /// When it is too old to be believed; `None` when nothing is known that would be worth it.
    #[must_use]
    pub fn until(&self) -> Option<Instant> {
        (self.size != u16::MAX).then_some(self.until)
    }
}

impl PathMtu {
    const fn new(known: KnownPath) -> Self {
        PathMtu { known, cuts: 0, failures: 0, probe: None, is_news: false }
    }

    pub(super) fn fingerprint(&self, now: Instant) -> String {
        let left = self.known.until.since(now);
        let KnownPath { size, most, most_is_told, searching, .. } = self.known;
        let search = (self.cuts, self.failures, &self.probe);
        format!("{:?}", (size, most, most_is_told, searching, left, search))
    }
}

/// For the stack.
impl Tcb {
    /// Begins with what another connection has learnt of the same path.
    pub fn begin_with_path(&mut self, known: KnownPath) {
        self.path_mss = known.size;
        self.network.get_or_insert_default().path_mtu = Some(PathMtu::new(known));
    }

    /// What is known of the path, if that has changed since the last call.
    pub fn take_path_news(&mut self) -> Option<KnownPath> {
        let path = self.network.as_deref_mut()?.path_mtu.as_mut()?;
        std::mem::take(&mut path.is_news).then_some(path.known)
    }
}

/// What both ends and the network say.
impl Tcb {
    pub(super) const IPV4_HEADER: u8 = 20;
    pub(super) const IPV6_HEADER: u8 = 40;

    pub(super) const fn is_over_ipv6(&self) -> bool {
        self.ip_header > Tcb::IPV4_HEADER
    }

    /// The segment size is known, as far as the ends go.
    pub(super) fn begin_path_mtu(&mut self, cx: &mut Context<'_>) {
        let ends = self.mss_of_ends(cx.config);
        let base = BASE.max(self.least_segment(cx.config));
        if self.path_mtu().is_some() {
            if self.path_mss < ends {
                self.tell_path_mtu(PathMtuChange::Known, cx);
            }
        } else if cx.config.path_mtu_probing == MtuProbing::Always
            && self.may_probe_path(cx.config)
            && base < ends
        {
            self.path_mtu_mut(cx.now).known.searching = true;
            self.set_path_size(base, MtuSource::Assumed, PathMtuChange::Known, cx);
        }
    }

    /// The segment size that our link carries and the peer takes (RFC 9293 3.7.1).
    pub(super) fn mss_of_ends(&self, config: &Config) -> u16 {
        self.negotiated.peer_mss.min(self.own_mss(config))
    }

    /// The largest segment to be sent, options of IP and TCP counted: what both ends take and the path does.
    pub(super) fn segment_limit(&self, config: &Config) -> u16 {
        self.mss_of_ends(config).min(self.path_mss)
    }

    /// The longest packet to be sent, in octets.
    pub(super) fn mtu(&self, config: &Config) -> u32 {
        u32::from(self.segment_limit(config)) + u32::from(self.headers())
    }

    /// Octets of options that a segment has now, of IP and of TCP.
    fn all_options(&self, cx: &Context<'_>) -> u32 {
        let tcp = u32::try_from(self.options_len(cx.now)).expect("at most 40");
        tcp + u32::from(cx.config.ip_options)
    }

    /// Octets of header in each packet, without options.
    pub(super) fn headers(&self) -> u16 {
        u16::from(self.ip_header) + TCP_HEADER
    }

    pub(super) fn path_mtu(&self) -> Option<&PathMtu> {
        self.network.as_deref()?.path_mtu.as_ref()
    }

    pub(super) fn known_path(&self) -> Option<KnownPath> {
        self.path_mtu().map(|path| path.known)
    }

    pub(super) fn mtu_source(&self) -> MtuSource {
        self.path_mtu().map_or(MtuSource::Ends, |path| path.known.source)
    }

    /// No segment has to be smaller than that: whoever says so is not believed.
    fn least_segment(&self, config: &Config) -> u16 {
        let is_v6 = self.is_over_ipv6();
        let least = config.min_path_mtu.max(if is_v6 { LEAST_OF_IPV6 } else { 0 });
        least.saturating_sub(self.headers()).max(1)
    }

    fn path_mtu_mut(&mut self, now: Instant) -> &mut PathMtu {
        let network = self.network.get_or_insert_default();
        network.path_mtu.get_or_insert_with(|| PathMtu::new(KnownPath::new(now)))
    }

    /// Segments have another size from now on. What is known of the path begins to grow old.
    fn set_path_size(
        &mut self,
        size: u16,
        source: MtuSource,
        change: PathMtuChange,
        cx: &mut Context<'_>,
    ) {
        let before = self.segment_limit(cx.config);
        self.path_mss = size;
        let path = self.path_mtu_mut(cx.now);
        path.known.size = size;
        path.known.source = source;
        path.known.until = cx.now + LASTS;
        path.is_news = true;
        if self.segment_limit(cx.config) != before {
            self.tell_path_mtu(change, cx);
        }
    }

    fn tell_path_mtu(&self, change: PathMtuChange, cx: &mut Context<'_>) {
        let mtu = self.mtu(cx.config);
        cx.raise(Mask::PATH, || What::PathMtu { mtu, change });
    }
}

/// A router says that a segment is too big.
impl Tcb {
    /// Whether that can be true of the segment with `seq`, that left in a packet of `len` octets: then the
    /// size that segments may have. An attacker who has guessed what is in flight gets us to send small
    /// segments for ten minutes, and no smaller ones than the configuration allows (RFC 5927 7).
    pub(super) fn judge_too_big(
        &self,
        mtu: u32,
        seq: Seq,
        len: u32,
        cx: &Context<'_>,
    ) -> Result<u16, DropReason> {
        let sent = self.flight.find(seq).ok_or(DropReason::IcmpNotInFlight)?;
        let headers = u32::from(self.headers());
        let data = sent.largest_segment();
        let options = self.all_options(cx);
        let mtu = match mtu {
            0 => plateau_below(len.min(data + options + headers)),
            mtu => mtu,
        };
        let told = u16::try_from(mtu.saturating_sub(headers)).unwrap_or(u16::MAX);
        let size = told.max(self.least_segment(cx.config));
        let of_the_probe = self.mtu_probe().filter(|probe| probe.covers(seq));
        let too_big = of_the_probe.map_or(self.segment_limit(cx.config), Probe::size);
        let is_larger = size >= too_big;
        // Nor can it be true of a segment that is smaller than that, whatever options it had.
        if is_larger || data + 2 * MOST_OPTIONS <= u32::from(size) {
            return Err(DropReason::IcmpNotTooBig);
        }
        Ok(size)
    }

    /// Segments become no larger than `size`, and those in flight that are go again at once, in pieces. That
    /// says nothing of congestion: the windows stay (RFC 1191 6.4).
    pub(super) fn shrink(&mut self, size: u16, seq: Seq, cx: &mut Context<'_>) {
        let least = self.least_segment(cx.config);
        let is_smaller = size < self.segment_limit(cx.config);
        let path = self.path_mtu_mut(cx.now);
        path.probe = None;
        path.failures = 0;
        let size = if path.cuts < MOST_CUTS { size } else { least };
        path.known.most = size;
        path.known.most_is_told = true;
        if is_smaller {
            path.cuts += u8::from(path.cuts < MOST_CUTS);
            path.known.searching = false;
            self.set_path_size(size, MtuSource::Told, PathMtuChange::Told, cx);
        }
        let room = self.payload_room(cx);
        self.recovery.force_one |= self.flight.mark_too_large(seq, room);
    }
}

/// Nobody says anything.
impl Tcb {
    /// The retransmission timer ran out again. If it is always full segments that do not arrive, they may be
    /// too large for a router that is silent about it, or whose words do not get through to us: smaller ones
    /// tell (RFC 4821 7.7, RFC 8899 4.3). If it was something else, larger ones are tried soon.
    pub(super) fn suspect_black_hole(&mut self, cx: &mut Context<'_>) {
        let is_wanted = cx.config.path_mtu_probing != MtuProbing::Off;
        let is_time = self.retries >= 2 && self.retries.is_multiple_of(2);
        if !is_wanted || !is_time || !self.state.is_synchronized() || self.snd.syn {
            return;
        }
        let target = if self.retries == 2 { BASE } else { SMALL };
        let target = target.max(self.least_segment(cx.config));
        let options = self.all_options(cx);
        let first = self.flight.out().and_then(|out| out.first());
        let is_larger =
            first.is_some_and(|first| first.largest_segment() + options > u32::from(target));
        if !is_larger || self.segment_limit(cx.config) <= target {
            return;
        }
        let path = self.path_mtu_mut(cx.now);
        path.known.most = u16::MAX;
        path.known.most_is_told = false;
        path.known.searching = true;
        path.failures = 0;
        self.set_path_size(target, MtuSource::Assumed, PathMtuChange::BlackHole, cx);
    }
}

/// What routers that do not tell are likely to mean (RFC 1191 7.1): the next common size below a packet of
/// `len` octets.
fn plateau_below(len: u32) -> u32 {
    const COMMON: [u32; 10] = [32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 508, 296, 68];
    COMMON.into_iter().find(|common| *common < len).unwrap_or(68)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plateaus_go_down_and_end() {
        let steps = |len| std::iter::successors(Some(len), |len| Some(plateau_below(*len)));
        let down: Vec<_> = steps(1_500).take(6).collect();
        assert_eq!(down, [1_500, 1_492, 1_006, 508, 296, 68]);
        assert_eq!((plateau_below(0), plateau_below(u32::MAX)), (68, 32_000));
    }

    /// RFC 8201 4: a host never takes less for the path MTU.
    #[test]
    fn no_ipv6_path_carries_less_than_1280() {
        let config = Config::default();
        let tcb = Tcb::new(Seq(0), 0, &config);
        assert_eq!(tcb.least_segment(&config), 552 - 40);
        let mut tcb = tcb.over_ipv6(&config);
        assert_eq!(tcb.least_segment(&config), 1_280 - 60);
        let config = Config { min_path_mtu: 1_400, ..config };
        assert_eq!(tcb.least_segment(&config), 1_400 - 60);
        let config = Config { min_path_mtu: 0, ..config };
        tcb.ip_header = Tcb::IPV4_HEADER;
        assert_eq!(tcb.least_segment(&config), 1, "whatever is configured");
    }

    #[test]
    fn an_idle_connection_pays_with_one_pointer() {
        assert_eq!(size_of::<Option<Box<super::super::network::Network>>>(), 8);
    }
}
