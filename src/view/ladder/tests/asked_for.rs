//! What is shown when it is asked for: sections, timers that run, pictures of one end.

use std::time::Duration;

use super::*;
use crate::view::PictureStyle;

fn with_sections(width: usize) -> Style {
    Style { sections: true, width, ..Style::default() }
}

impl Story {
    fn armed(&mut self, timer: Timer, millis: u64) -> &mut Self {
        let until = Instant::from_micros(self.micros) + Duration::from_millis(millis);
        self.tell(What::Timer { timer, change: TimerChange::Armed { until } })
    }

    fn cleared(&mut self, timer: Timer) -> &mut Self {
        self.tell(What::Timer { timer, change: TimerChange::Cleared })
    }
}

#[test]
fn sections_stand_behind_our_states_where_there_is_room() {
    let mut story = Story::server();
    story.after(100).received(FIN, 1, 1, 0).state(CloseWait, Cause::FinArrived);
    story.after(10).state(LastAck, Cause::Close).sent(FIN, 1, 2, 0);
    let picture = story.ladder.render(&with_sections(110));
    for end in [
        "●  SYN_RCVD     §3.10.7.2\n",
        "●  ESTABLISHED  §3.10.7.4 fifth\n",
        "●  CLOSE_WAIT   §3.10.7.4 eighth\n",
        "●  LAST_ACK     §3.10.4\n",
    ] {
        assert!(picture.contains(end), "{end}\n{picture}");
    }
    for width in 60..130 {
        let picture = story.ladder.render(&with_sections(width));
        assert!(picture.lines().all(|line| line.width() <= width), "{width}\n{picture}");
    }
    let narrow = story.ladder.render(&with_sections(70));
    let plain = story.ladder.render(&Style { width: 70, ..Style::default() });
    assert_eq!(narrow, plain, "without room they are left out");
}

#[test]
fn timers_that_run_follow_what_has_set_them() {
    let tell = |timers: bool| {
        let mut story = Story::new(Role::Passive);
        story.ladder = Ladder::new();
        story.ladder.show_timers(timers);
        let (local, remote) = ("192.0.2.2:80", "192.0.2.1:40312");
        let (local, remote) = (local.parse().expect("one"), remote.parse().expect("one"));
        story.tell(What::Opened { local, remote, role: Role::Passive });
        story.received(Flags::SYN, 0, 0, 0).state(SynReceived, Cause::SynArrived);
        story.sent(Flags::SYN | ACK, 0, 1, 0).armed(Timer::Retransmission, 1000);
        story.after(34).received(ACK, 1, 1, 0).cleared(Timer::Retransmission);
        story.state(Established, Cause::SynAcknowledged);
        story.picture()
    };
    assert!(!tell(false).contains("timer"), "they are many, and not shown");
    let picture = tell(true);
    let lines: Vec<_> = picture.lines().collect();
    let at = |words: &str| {
        let found = lines.iter().position(|line| line.contains(words));
        found.unwrap_or_else(|| panic!("{words}\n{picture}"))
    };
    assert_eq!(at("retransmission timer set: 1.00 s"), at("SYN,ACK") + 1, "{picture}");
    assert_eq!(at("retransmission timer cleared"), at("ESTABLISHED") + 1, "{picture}");
    let cleared = lines[at("retransmission timer cleared")];
    assert!(
        cleared.ends_with("│  ESTABLISHED"),
        "what follows a change is not before it: {cleared}"
    );
    assert!(lines[at("ESTABLISHED")].contains("── ACK"), "the change stays with its segment");
}

#[test]
fn timers_do_not_keep_a_transfer_from_being_folded() {
    let mut story = Story::new(Role::Passive);
    story.ladder.show_timers(true);
    story.id = 2;
    for nth in 0..1_000 {
        story.after(10).sent(ACK, 1 + nth * 1448, 1, 1448).armed(Timer::Retransmission, 200);
    }
    let picture = story.picture();
    assert!(picture.lines().count() < 20, "{picture}");
    assert!(picture.contains("segments, 1.4 MB"), "{picture}");
}

#[test]
fn what_is_reckoned_is_hollow_in_the_picture() {
    let mut story = Story::server();
    story.ladder.limits.peer = true;
    story.tell(What::PeerObserved { state: Established });
    let svg = story.ladder.svg(ConnId(1), &PictureStyle::default()).expect("a ladder");
    roxmltree::Document::parse(&svg).expect("XML");
    assert!(svg.contains("class=\"name open reckoned\""), "SYN_SEND was reckoned\n{svg}");
    assert!(svg.contains("class=\"name flow\""), "ESTABLISHED was seen\n{svg}");
    assert!(svg.contains("state reckoned from the packets"), "the legend says so\n{svg}");
}

#[test]
fn pictures_are_bounded_in_number() {
    let mut story = Story::new(Role::Passive);
    for id in 2..=150 {
        story.id = id;
        story.received(ACK, 1, 1, 0);
    }
    let svg = story.ladder.svg_all(&PictureStyle::default());
    assert_eq!(svg.matches("class=\"title\"").count(), Ladder::MOST_PICTURES);
    assert!(svg.contains("50 more connections: not drawn."), "what is left out is counted");
    let page = story.ladder.page("many", &PictureStyle::default());
    assert_eq!(page.matches("<section class=\"ladder\"").count(), Ladder::MOST_PICTURES);
}
