use super::*;
use crate::stack::{Bookmark, Config, Secret, Stack};
use crate::time::Instant;

/// A connection of a real stack, as it comes over the wire: each field that is read is there by its name.
pub(in crate::view) fn connection() -> serde_json::Value {
    let config = Config { addrs: vec!["192.0.2.2".parse().unwrap()], ..Config::default() };
    let mut stack = Stack::new(config, Secret([7; 32]));
    let remote = "192.0.2.1:80".parse().unwrap();
    stack.connect(None, remote, Instant::ZERO).expect("there is room");
    while stack.poll_output(Instant::ZERO).is_some() {}
    let later = Instant::from_millis(400);
    let page = stack.page(Bookmark::default(), 10, later);
    serde_json::to_value(&page.connections[0]).expect("it is data")
}

fn read(value: serde_json::Value) -> Connection {
    serde_json::from_value(value).expect("every field is there")
}

#[test]
fn what_a_stack_tells_is_understood() {
    let connection = read(connection());
    assert_eq!(connection.state, State::SynSent);
    let mut table = Table::new(Naming::Ss, false);
    table.connection(&connection);
    let text = table.render(false);
    assert!(text.starts_with("SYN-SENT  0  0  192.0.2.2:"), "{text}");
    assert!(text.ends_with("192.0.2.1:80  #1  retransmission 600ms\n"), "{text}");
}

#[test]
fn columns_are_as_wide_as_need_be() {
    let mut table = Table::new(Naming::Course, true);
    let mut later = connection();
    later["id"] = 12.into();
    later["state"] = "ESTABLISHED".into();
    later["local"] = "192.0.2.2:80".into();
    later["remote"] = "[2001:db8::1]:40000".into();
    later["send_queue"] = 123_456.into();
    later["timeouts"] = 2.into();
    later["retransmissions"] = 3.into();
    table.connection(&read(later.clone()));
    // It has moved on while the list was read: the later word counts.
    later["send_queue"] = 7.into();
    table.connection(&read(later));
    let local = "0.0.0.0:80".parse().unwrap();
    table.listener(&Listener { local, accept_queue: 1, half_open: 2, backlog: 1024 });
    let told = table.render(true);
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines.len(), 5, "{told}");
    assert_eq!(
        lines[0],
        "State        Recv-Q  Send-Q  Local Address:Port  Peer Address:Port    Conn  Timers"
    );
    assert_eq!(lines[1], "LISTEN            1    1024  0.0.0.0:80          0.0.0.0:*");
    assert_eq!(lines[2], "\t half-open:2");
    assert_eq!(
        lines[3],
        "ESTABLISHED       0       7  192.0.2.2:80        [2001:db8::1]:40000  #12   \
         retransmission 600ms (after 2 timeouts)"
    );
    assert!(lines[4].contains(" backoff:2 mss:"), "{told}");
    assert!(lines[4].contains(" retrans:0/3"), "{told}");
    assert!(!lines[4].contains("ssthresh"), "there is none yet: {told}");
}
