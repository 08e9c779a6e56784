//! An idealised path for tests: one flow, in virtual time, with a full window and an ACK for every
//! segment. And what holds for every algorithm.

use std::time::Duration;

use super::{Ack, CongestionControl, LostSegment, Path, Signal};
use crate::seq::Seq;
use crate::time::Instant;

/// The sender's side of one connection, as far as congestion control hears of it.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub now: Instant,
    pub mss: u32,
    pub rtt: Duration,
    pub una: Seq,
    pub nxt: Seq,
    /// Segments acknowledged so far.
    pub segments: u64,
    lost: u64,
}

impl Flow {
    /// With sequence numbers that soon wrap.
    pub(super) fn new(mss: u32, rtt: Duration) -> Self {
        let una = Seq(u32::MAX - 20 * mss);
        Flow { now: Instant::from_millis(1), mss, rtt, una, nxt: una, segments: 0, lost: 0 }
    }

    pub(super) fn path(&self) -> Path {
        Path {
            now: self.now,
            una: self.una,
            nxt: self.nxt,
            srtt: Some(self.rtt),
            min_rtt: Some(self.rtt),
            delivered: self.segments * u64::from(self.mss),
            lost: self.lost,
            ..Path::sample(self.mss, self.nxt - self.una)
        }
    }

    /// Sends so much, if `control` lets it.
    pub(super) fn send(&mut self, control: &mut dyn CongestionControl, octets: u32) {
        let idle = self.una == self.nxt;
        control.on_send(&self.path(), idle);
        let room = control.window().saturating_sub(self.nxt - self.una);
        self.nxt += octets.min(room / self.mss * self.mss);
    }

    /// The peer acknowledges so much of what is out.
    pub(super) fn acknowledge(&mut self, control: &mut dyn CongestionControl, octets: u32) {
        control.on_ack(&self.ack(octets));
    }

    /// The same, but only what `on_ack` would be told.
    pub(super) fn ack(&mut self, octets: u32) -> Ack {
        let in_flight_before = self.nxt - self.una;
        let octets = octets.min(in_flight_before);
        self.una += octets;
        self.segments += u64::from(octets / self.mss);
        Ack {
            path: self.path(),
            octets,
            delivered: octets,
            in_flight_before,
            rtt: Some(self.rtt),
            ..Ack::sample(self.mss, 0)
        }
    }

    /// The window is filled; then comes the ACK of one segment, as many of which as are out come in
    /// each round trip.
    pub(super) fn step(&mut self, control: &mut dyn CongestionControl) {
        self.send(control, u32::MAX);
        let out = (self.nxt - self.una) / self.mss;
        self.now += self.rtt / out.max(1);
        self.acknowledge(control, self.mss);
    }

    /// One round trip of them.
    pub(super) fn round(&mut self, control: &mut dyn CongestionControl) {
        let end = self.now + self.rtt;
        while self.now < end {
            self.step(control);
        }
    }

    /// A round trip in which the application sends so much, at its beginning.
    pub(super) fn quiet_round(&mut self, control: &mut dyn CongestionControl, octets: u32) {
        self.send(control, octets);
        self.now += self.rtt;
        while self.una != self.nxt {
            self.acknowledge(control, self.mss);
        }
    }

    /// `segments` are lost out of a window, and repaired at once.
    pub(super) fn lose(&mut self, control: &mut dyn CongestionControl, segments: u32) {
        self.send(control, u32::MAX);
        self.lose_of_what_is_out(control, segments);
    }

    pub(super) fn lose_of_what_is_out(
        &mut self,
        control: &mut dyn CongestionControl,
        segments: u32,
    ) {
        for _ in 0..segments {
            self.lost += u64::from(self.mss);
            control.on_lost(&self.lost_segment(), &self.path());
        }
        control.on_congestion(Signal::Loss, &self.path());
        control.on_recovered(&self.path());
    }

    fn lost_segment(&self) -> LostSegment {
        LostSegment {
            octets: self.mss,
            in_flight_then: 0,
            delivered_then: 0,
            lost_then: 0,
            app_limited_then: false,
        }
    }
}

mod tests {
    use proptest::prelude::*;

    use super::super::{Algorithm, Control};
    use super::*;

    const MSS: u32 = 1000;

    fn control(algorithm: Algorithm) -> Control {
        Control::new(algorithm, 10, MSS)
    }

    /// The average window, in segments, with so many segments between two losses; after some warming
    /// up.
    fn average_window(algorithm: Algorithm, rtt: Duration, periods: &[u64]) -> f64 {
        let (mut control, mut flow) = (control(algorithm), Flow::new(MSS, rtt));
        // Near the expected window, not at the hundred thousands where slow start would end.
        flow.lose(&mut control, 1);
        let mut from = (flow.now, flow.segments);
        for (nth, period) in periods.iter().enumerate() {
            let next = flow.segments + period;
            while flow.segments < next {
                flow.step(&mut control);
            }
            flow.lose(&mut control, 1);
            if nth == periods.len() / 3 {
                from = (flow.now, flow.segments);
            }
        }
        let seconds = flow.now.since(from.0).as_secs_f64();
        let segments = f64::from(u32::try_from(flow.segments - from.1).unwrap());
        segments / seconds * rtt.as_secs_f64()
    }

    fn assert_near(measured: f64, expected: f64, tolerance: f64) {
        let off = measured / expected - 1.0;
        assert!(off.abs() < tolerance, "{measured:.1} measured, {expected:.1} expected");
    }

    /// sqrt(3/2p): a sawtooth between W/2 and W, 3/8 W^2 segments each.
    #[test]
    fn reno_responds_to_loss_as_the_square_root() {
        for period in [100, 1000, 10_000] {
            let window =
                average_window(Algorithm::NewReno, Duration::from_millis(50), &[period; 30]);
            #[expect(clippy::cast_precision_loss, reason = "small")]
            assert_near(window, (1.5 * period as f64).sqrt(), 0.1);
        }
    }

    /// RFC 9438 5.1, equation 6, where the path is long and losses are few; as Reno on a short path.
    #[test]
    fn cubic_responds_to_loss_by_its_formula() {
        for (ms, period, expected) in [
            (100, 10_000, 187.0),
            (100, 100_000, 1054.0),
            (200, 100_000, 1772.0),
            (10, 1000, 38.0),
            (10, 10_000, 120.0),
        ] {
            let window = average_window(Algorithm::Cubic, Duration::from_millis(ms), &[period; 40]);
            assert_near(window, expected, 0.06);
        }
    }

    /// As far apart as if every segment were lost with the same probability, 1 / `mean`.
    fn at_random(mean: f64, losses: usize) -> Vec<u64> {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let uniform = (f64::from(u32::try_from(state >> 32).unwrap()) + 1.0) / 4_294_967_296.0;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
            let period = (-uniform.ln() * mean) as u64;
            period + 1
        };
        (0..losses).map(|_| next()).collect()
    }

    /// The formulas are for regular losses. Random ones leave Reno's windows as they are, and make
    /// CUBIC's larger: the longest pauses between two let the curve become steep.
    #[test]
    fn random_losses_do_much_as_regular_ones() {
        let rtt = Duration::from_millis(100);
        let window = average_window(Algorithm::NewReno, rtt, &at_random(1000.0, 1500));
        assert_near(window, 38.7, 0.15);
        let window = average_window(Algorithm::Cubic, rtt, &at_random(10_000.0, 600));
        assert_near(window, 1.2 * 187.0, 0.15);
    }

    /// The part of a bottleneck of `bdp` segments that is used, with room for `buffer` more in its
    /// queue. What is beyond is lost.
    fn utilisation(algorithm: Algorithm, bdp: u32, buffer: u32, seconds: u64) -> f64 {
        let rtt = Duration::from_millis(100);
        let (mut control, mut flow) = (control(algorithm), Flow::new(MSS, rtt));
        let mut from = None;
        let warm = flow.now + Duration::from_secs(seconds / 3);
        let end = flow.now + Duration::from_secs(seconds);
        while flow.now < end {
            // What waits in the queue makes the round trip longer.
            let out = control.window() / MSS;
            flow.rtt = rtt.max(rtt * out / bdp);
            flow.step(&mut control);
            if control.window() / MSS > bdp + buffer {
                flow.lose(&mut control, 1);
            }
            if flow.now > warm && from.is_none() {
                from = Some((flow.now, flow.segments));
            }
        }
        let from = from.unwrap();
        let took = flow.now.since(from.0).as_secs_f64() / rtt.as_secs_f64();
        f64::from(u32::try_from(flow.segments - from.1).unwrap()) / (took * f64::from(bdp))
    }

    /// Without a queue three quarters, the mean of a sawtooth from 1/2 to 1; with one of a BDP all.
    #[test]
    fn reno_needs_a_queue_to_fill_a_path() {
        assert_near(utilisation(Algorithm::NewReno, 100, 0, 300), 0.75, 0.03);
        assert_near(utilisation(Algorithm::NewReno, 100, 100, 300), 1.0, 0.01);
    }

    /// Without a queue: the mean of W_max - C (K - t)^3 from 0 to K is W_max (1 - 0.3/4), were it not
    /// for fast convergence, which makes every other curve flat at 0.85 of it.
    #[test]
    fn cubic_nearly_fills_a_path_without_a_queue() {
        assert_near(utilisation(Algorithm::Cubic, 1000, 0, 600), 0.925, 0.06);
        assert_near(utilisation(Algorithm::Cubic, 1000, 500, 300), 1.0, 0.01);
    }

    #[derive(Clone, Debug)]
    enum Call {
        Send { idle: bool },
        Ack { octets: u32, rtt: Duration, in_recovery: bool, ece: bool, limited: bool },
        Lost(u32),
        Congestion(Signal),
        Timeout,
        Recovered,
        Idle,
        Remember,
        Undo,
    }

    fn hostile() -> impl Strategy<Value = u32> {
        prop_oneof![Just(0), Just(1), Just(1 << 30), Just(u32::MAX), any::<u32>(), 0_u32..200_000]
    }

    fn time() -> impl Strategy<Value = Duration> {
        let usual = vec![0, 1, 20, 5_000, 100_000, 2_000_000, 400_000_000, 20_000_000_000];
        prop::sample::select(usual).prop_map(Duration::from_micros)
    }

    fn call() -> impl Strategy<Value = Call> {
        let ack = (hostile(), time(), any::<bool>(), 0_u8..10, any::<bool>()).prop_map(
            |(octets, rtt, in_recovery, ece, limited)| Call::Ack {
                octets,
                rtt,
                in_recovery,
                ece: ece == 0,
                limited,
            },
        );
        prop_oneof![
            2 => any::<bool>().prop_map(|idle| Call::Send { idle }),
            12 => ack,
            1 => hostile().prop_map(Call::Lost),
            1 => Just(Call::Congestion(Signal::Loss)),
            1 => Just(Call::Congestion(Signal::Marked)),
            1 => Just(Call::Timeout),
            2 => Just(Call::Recovered),
            1 => Just(Call::Idle),
            1 => Just(Call::Remember),
            1 => Just(Call::Undo),
        ]
    }

    fn make(control: &mut Control, memory: &mut Control, call: &Call, path: Path, before: u32) {
        match call {
            Call::Send { idle } => control.on_send(&path, *idle),
            Call::Ack { octets, rtt, in_recovery, ece, limited } => control.on_ack(&Ack {
                path,
                octets: *octets,
                delivered: *octets,
                in_flight_before: before,
                rtt: Some(*rtt),
                in_recovery: *in_recovery,
                ece: *ece,
                window_limited: *limited,
                ..Ack::sample(path.mss, 0)
            }),
            Call::Lost(octets) => {
                let (in_flight_then, delivered_then, lost_then) = (before, 0, 0);
                let octets = *octets;
                let lost = LostSegment {
                    octets,
                    in_flight_then,
                    delivered_then,
                    lost_then,
                    app_limited_then: false,
                };
                control.on_lost(&lost, &path);
            }
            Call::Congestion(why) => control.on_congestion(*why, &path),
            Call::Timeout => control.on_timeout(&path),
            Call::Recovered => control.on_recovered(&path),
            Call::Idle => control.on_idle(&path),
            Call::Remember => *memory = control.clone(),
            Call::Undo => control.undo(memory, &path),
        }
    }

    type Moment = (Call, Duration, u32, u32, u32, Option<Duration>);

    fn moment() -> impl Strategy<Value = Moment> {
        (call(), time(), hostile(), hostile(), hostile(), prop::option::of(time()))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// Whatever is said, the window stays within bounds; and a full one grows again.
        #[test]
        fn no_call_breaks_a_window(
            which in 0..2_usize,
            mss in prop_oneof![Just(1_u32), Just(65_535), 500_u32..10_000],
            initial in 1_u32..50,
            moments in prop::collection::vec(moment(), 0..60),
        ) {
            let algorithm = [Algorithm::NewReno, Algorithm::Cubic][which];
            let mut control = Control::new(algorithm, initial, mss);
            let mut memory = control.clone();
            let mut now = Instant::ZERO;
            for (call, later, in_flight, before, una, srtt) in moments {
                now += later;
                let (una, nxt) = (Seq(una), Seq(una) + in_flight);
                let path = Path { now, una, nxt, srtt, ..Path::sample(mss, in_flight) };
                make(&mut control, &mut memory, &call, path, before);
                prop_assert!((mss..=1 << 30).contains(&control.window()), "{:?}", control);
                prop_assert!(control.slow_start_threshold() >= 2 * mss);
            }
            if mss < 500 {
                return Ok(());
            }
            let mut flow = Flow::new(mss, Duration::from_millis(100));
            flow.now = now;
            control.on_recovered(&flow.path());
            let before = control.window();
            let grows = (0..3000).any(|_| {
                flow.send(&mut control, u32::MAX);
                flow.now += flow.rtt;
                flow.acknowledge(&mut control, u32::MAX);
                control.window() > before
            });
            prop_assert!(grows || before == 1 << 30, "stuck at {}: {:?}", before, control);
        }
    }
}
