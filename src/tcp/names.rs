//! The names of the states as people meet them, in one table: the course notes' spelling (the
//! default), RFC 9293's, the one `ss` prints, and Chinese.

use super::state::State;

/// One state's names.
struct Names {
    course: &'static str,
    rfc: &'static str,
    ss: &'static str,
    chinese: &'static str,
}

const fn names(state: State) -> Names {
    const fn n(
        course: &'static str,
        rfc: &'static str,
        ss: &'static str,
        chinese: &'static str,
    ) -> Names {
        Names { course, rfc, ss, chinese }
    }
    match state {
        State::Closed => n("CLOSED", "CLOSED", "UNCONN", "关闭"),
        State::Listen => n("LISTEN", "LISTEN", "LISTEN", "监听"),
        State::SynSent => n("SYN_SEND", "SYN-SENT", "SYN-SENT", "同步已发送"),
        State::SynReceived => n("SYN_RCVD", "SYN-RECEIVED", "SYN-RECV", "同步已收到"),
        State::Established => n("ESTABLISHED", "ESTABLISHED", "ESTAB", "已建立"),
        State::FinWait1 => n("FIN_WAIT_1", "FIN-WAIT-1", "FIN-WAIT-1", "终止等待1"),
        State::FinWait2 => n("FIN_WAIT_2", "FIN-WAIT-2", "FIN-WAIT-2", "终止等待2"),
        State::CloseWait => n("CLOSE_WAIT", "CLOSE-WAIT", "CLOSE-WAIT", "关闭等待"),
        State::Closing => n("CLOSING", "CLOSING", "CLOSING", "正在关闭"),
        State::LastAck => n("LAST_ACK", "LAST-ACK", "LAST-ACK", "最后确认"),
        State::TimeWait => n("TIME_WAIT", "TIME-WAIT", "TIME-WAIT", "时间等待"),
    }
}

/// The course notes' spelling: `SYN_SEND`.
#[must_use]
pub const fn course(state: State) -> &'static str {
    names(state).course
}

/// RFC 9293's spelling: `SYN-SENT`.
#[must_use]
pub const fn rfc(state: State) -> &'static str {
    names(state).rfc
}

/// What `ss` prints: `SYN-SENT`, `ESTAB`.
#[must_use]
pub const fn ss(state: State) -> &'static str {
    names(state).ss
}

/// The Chinese name.
#[must_use]
pub const fn chinese(state: State) -> &'static str {
    names(state).chinese
}

/// The state that somebody means by any of these names, or by `ss`'s word for filters (`established`),
/// in any case, with any sign between the words.
#[must_use]
pub fn find(name: &str) -> Option<State> {
    let plain = |name: &str| {
        let letters = name.chars().filter(|sign| !matches!(sign, '-' | '_' | ' '));
        letters.collect::<String>().to_lowercase()
    };
    let wanted = plain(name);
    State::ALL.into_iter().find(|state| {
        let Names { course, rfc, ss, chinese } = names(*state);
        [course, rfc, ss, chinese].into_iter().any(|name| plain(name) == wanted)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_spelling_is_understood() {
        for state in State::ALL {
            for spelling in [course, rfc, ss, chinese] {
                assert_eq!(find(spelling(state)), Some(state));
                assert_eq!(find(&spelling(state).to_lowercase()), Some(state));
            }
        }
        assert_eq!(find("time wait"), Some(State::TimeWait));
        assert_eq!(find("fin_wait"), None);
    }

    #[test]
    fn no_two_states_share_a_name() {
        for spelling in [course, rfc, ss, chinese] {
            let distinct: BTreeSet<_> = State::ALL.into_iter().map(spelling).collect();
            assert_eq!(distinct.len(), State::ALL.len());
        }
    }
}
