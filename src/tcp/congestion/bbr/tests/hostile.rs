//! Whatever is told, in whatever order: no panic, and something can always be sent.

use std::time::Duration;

use proptest::prelude::*;

use super::super::Bbr;
use crate::seq::Seq;
use crate::tcp::congestion::{Ack, CongestionControl, LostSegment, Path, RateSample, Signal};
use crate::time::Instant;

fn octets() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), Just(1), Just(1460), 0..100_000_u32, Just(u32::MAX), any::<u32>()]
}

fn totals() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0..10_000_000_u64, Just(u64::MAX), any::<u64>()]
}

fn time() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::from_nanos(1)),
        Just(Duration::from_micros(20)),
        (0..300_u64).prop_map(Duration::from_millis),
        Just(Duration::from_secs(2)),
        Just(Duration::from_hours(3)),
        Just(Duration::MAX),
    ]
}

prop_compose! {
    /// Time goes on, or not; the rest is anything.
    fn path()(
        pause in prop_oneof![3 => Just(0), 6 => 0..400_000_000_u64, 1 => Just(u64::MAX / 64)],
        mss in prop_oneof![8 => Just(1460), 1 => octets()],
        (in_flight, una, nxt) in (octets(), any::<u32>(), any::<u32>()),
        (srtt, min_rtt) in (proptest::option::of(time()), proptest::option::of(time())),
        (delivered, lost) in (totals(), totals()),
    ) -> (u64, Path) {
        let (una, nxt, now) = (Seq(una), Seq(nxt), Instant::ZERO);
        let segment = mss;
        (pause, Path { now, mss, segment, in_flight, una, nxt, srtt, min_rtt, delivered, lost })
    }
}

prop_compose! {
    fn sample()(
        (delivered, prior_delivered, lost) in (totals(), totals(), totals()),
        (interval, rtt) in (time(), proptest::option::of(time())),
        (in_flight_then, app_limited) in (octets(), any::<bool>()),
    ) -> RateSample {
        RateSample { delivered, interval, prior_delivered, in_flight_then, lost, rtt, app_limited }
    }
}

prop_compose! {
    fn ack()(
        (octets, delivered, lost, in_flight_before) in (octets(), octets(), octets(), octets()),
        rtt in proptest::option::of(time()),
        rate in proptest::option::weighted(0.9, sample()),
        (window_limited, in_recovery, ece) in any::<(bool, bool, bool)>(),
    ) -> Ack {
        Ack {
            octets, delivered, lost, in_flight_before, rtt, window_limited, in_recovery, ece, rate,
            ..Ack::sample(1460, 0)
        }
    }
}

#[derive(Clone, Debug)]
enum Call {
    Negotiated(bool),
    Send(bool),
    Ack(Ack),
    Lost(LostSegment),
    Congestion(bool),
    Timeout,
    Recovered,
    Idle,
    Undo,
}

fn call() -> impl Strategy<Value = Call> {
    let lost = (octets(), octets(), totals(), totals(), any::<bool>()).prop_map(|lost| {
        let (octets, in_flight_then, delivered_then, lost_then, app_limited_then) = lost;
        LostSegment { octets, in_flight_then, delivered_then, lost_then, app_limited_then }
    });
    prop_oneof![
        1 => any::<bool>().prop_map(Call::Negotiated),
        2 => any::<bool>().prop_map(Call::Send),
        12 => ack().prop_map(Call::Ack),
        3 => lost.prop_map(Call::Lost),
        1 => any::<bool>().prop_map(Call::Congestion),
        1 => Just(Call::Timeout),
        1 => Just(Call::Recovered),
        1 => Just(Call::Idle),
        1 => Just(Call::Undo),
    ]
}

fn make(bbr: &mut Bbr, before: &Bbr, call: &Call, path: &Path) {
    match call {
        Call::Negotiated(sack) => bbr.on_negotiated(*sack),
        Call::Send(idle) => bbr.on_send(path, *idle),
        Call::Ack(ack) => bbr.on_ack(&Ack { path: *path, ..*ack }),
        Call::Lost(lost) => bbr.on_lost(lost, path),
        Call::Congestion(true) => bbr.on_congestion(Signal::Loss, path),
        Call::Congestion(false) => bbr.on_congestion(Signal::Marked, path),
        Call::Timeout => bbr.on_timeout(path),
        Call::Recovered => bbr.on_recovered(path),
        Call::Idle => bbr.on_idle(path),
        Call::Undo => bbr.undo(before, path),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn nothing_makes_it_panic_or_stop(
        segments in octets(),
        mss in octets(),
        calls in proptest::collection::vec((path(), call()), 1..150),
    ) {
        let mut bbr = Bbr::new(segments, mss);
        let mut before = bbr.clone();
        let mut now = 0_u64;
        for ((pause, mut path), call) in calls {
            now = now.saturating_add(pause);
            path.now = Instant::from_nanos(now);
            make(&mut bbr, &before, &call, &path);
            if matches!(call, Call::Congestion(_)) {
                before = bbr.clone();
            }
            prop_assert!((1..=1 << 30).contains(&bbr.window()), "{}", bbr.window());
            prop_assert!(bbr.pacing_rate().is_some_and(|rate| rate >= 100));
            prop_assert!(bbr.send_quantum() > 0);
            if let Call::Ack(_) = call {
                let least = (u64::from(path.mss.max(1)) * 4).min(1 << 30);
                prop_assert!(u64::from(bbr.window()) >= least, "{} of {least}", bbr.window());
            }
        }
    }
}
