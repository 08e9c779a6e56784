//! What stands below a connection when more is asked for: the words are those of `ss -i` where it has some,
//! sizes are in octets.

use super::{Connection, span};

/// One line.
#[must_use]
pub fn details(connection: &Connection) -> String {
    let mut words = Words(String::new());
    negotiated(connection, &mut words);
    times(connection, &mut words);
    sizes(connection, &mut words);
    traffic(connection, &mut words);
    words.0
}

struct Words(String);

impl Words {
    fn add(&mut self, word: impl AsRef<str>) {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.push_str(word.as_ref());
    }

    fn add_if(&mut self, is_so: bool, word: impl AsRef<str>) {
        if is_so {
            self.add(word);
        }
    }

    /// Unless it is nothing.
    fn count(&mut self, name: &str, count: u64) {
        self.add_if(count > 0, format!("{name}:{count}"));
    }
}

fn negotiated(connection: &Connection, words: &mut Words) {
    words.add_if(connection.timestamps, "ts");
    words.add_if(connection.sack, "sack");
    words.add_if(connection.ecn, "ecn");
    words.add(&connection.congestion);
    if let (Some(theirs), Some(ours)) =
        (connection.send_window_scale, connection.receive_window_scale)
    {
        words.add(format!("wscale:{theirs},{ours}"));
    }
    words.add_if(connection.recovery != "open", format!("ca:{}", connection.recovery));
}

fn times(connection: &Connection, words: &mut Words) {
    words.add(format!("rto:{}", span(connection.rto_us)));
    if let Some(srtt) = connection.srtt_us {
        words.add(format!("rtt:{}/{}", span(srtt), span(connection.rttvar_us)));
    }
    if let Some(least) = connection.path.min_rtt_us {
        words.add(format!("minrtt:{}", span(least)));
    }
    words.count("backoff", connection.timeouts.into());
}

fn sizes(connection: &Connection, words: &mut Words) {
    words.add(format!(
        "mss:{} rcvmss:{} pmtu:{}",
        connection.send_mss, connection.receive_mss, connection.path.mtu
    ));
    if let Some(probe) = connection.path.mtu_probe {
        words.add(format!("probing:{probe}"));
    }
    let mss = connection.send_mss.max(1);
    words.add(format!("cwnd:{} ({} segments)", connection.cwnd, connection.cwnd / mss));
    // At first there is no threshold.
    words.add_if(connection.ssthresh != u32::MAX, format!("ssthresh:{}", connection.ssthresh));
    words.add(format!("snd_wnd:{} rcv_wnd:{}", connection.send_window, connection.receive_window));
    words.count("notsent", connection.unsent);
    words.count("out_of_order", connection.out_of_order);
}

fn traffic(connection: &Connection, words: &mut Words) {
    let Connection { path, .. } = connection;
    words.count("bytes_acked", connection.octets_acknowledged);
    words.count("bytes_received", connection.octets_received);
    words.count("bytes_retrans", path.sent_again);
    words.add(format!(
        "segs_out:{} segs_in:{}",
        connection.segments_sent, connection.segments_received
    ));
    words.count("unacked", connection.segments_in_flight.into());
    words.count("in_flight", connection.in_flight.into());
    words.count("lost", connection.segments_lost.into());
    words.count("sacked", connection.segments_sacked.into());
    let again = connection.retransmissions;
    words.add_if(again > 0, format!("retrans:{}/{again}", connection.segments_sent_again));
    words.count("dsack_dups", path.arrived_twice.into());
    if let Some(rate) = path.pacing_rate {
        words.add(format!("pacing_rate:{}", per_second(rate)));
    }
    if let Some(rate) = path.delivery_rate {
        words.add(format!("delivery_rate:{}", per_second(rate)));
        words.add_if(path.delivery_rate_is_app_limited, "app_limited");
    }
    if let Some(trouble) = &path.trouble {
        words.add(format!("trouble:{trouble}"));
    }
}

/// Octets per second as bits per second, as rates of links are told.
fn per_second(octets: u64) -> String {
    let bits = octets.saturating_mul(8);
    match bits {
        0..10_000 => format!("{bits}bit/s"),
        10_000..10_000_000 => format!("{}kbit/s", bits / 1_000),
        10_000_000..10_000_000_000 => format!("{}Mbit/s", bits / 1_000_000),
        _ => format!("{}Gbit/s", bits / 1_000_000_000),
    }
}
