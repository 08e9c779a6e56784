//! What was measured, for people and for programs.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::Options;
use super::side::Held;

/// All of it. Memory is in octets for each connection.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// Connections that were asked for.
    pub(crate) connections: usize,
    /// What answered.
    pub(crate) responder: &'static str,
    /// Seconds until all were established.
    pub(crate) open_seconds: f64,
    /// Seconds until all had fetched their page.
    pub(crate) fetch_seconds: f64,
    /// Pages that came whole.
    pub(crate) pages: usize,
    /// After the handshake.
    pub(crate) idle: Both,
    /// After the page.
    pub(crate) after_fetch: Both,
}

/// Of both sides.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Both {
    /// The client's.
    pub(crate) client: Figures,
    /// The server's.
    pub(crate) server: Figures,
}

/// One side at one time.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Figures {
    /// Connections in ESTABLISHED.
    pub(crate) established: usize,
    /// Segments that were sent more than once.
    pub(crate) retransmissions: u64,
    /// Packets to it that the kernel dropped.
    pub(crate) dropped: u64,
    /// Octets of the stack for each connection.
    pub(crate) stack: usize,
    /// Octets of sockets, tasks and what they hold, for each connection.
    pub(crate) others: usize,
    /// Octets of the process in memory for each connection.
    pub(crate) resident: usize,
}

impl Report {
    /// `held` is what the client and the server held before, while all were idle, and after the fetch.
    pub(crate) fn new(
        options: &Options,
        open: Duration,
        fetch: Duration,
        pages: usize,
        held: &[(Held, Held)],
    ) -> Report {
        let [before, idle, after] = held else { unreachable!("three times") };
        let both = |now: &(Held, Held)| Both {
            client: Figures::new(options.connections, &before.0, &now.0),
            server: Figures::new(options.connections, &before.1, &now.1),
        };
        Report {
            connections: options.connections,
            responder: options.responder.name(),
            open_seconds: open.as_secs_f64(),
            fetch_seconds: fetch.as_secs_f64(),
            pages,
            idle: both(idle),
            after_fetch: both(after),
        }
    }

    /// Every row of it, with a name.
    pub(crate) fn rows(&self) -> [(&'static str, Figures); 4] {
        [
            ("client, established", self.idle.client),
            ("server, established", self.idle.server),
            ("client, after the page", self.after_fetch.client),
            ("server, after the page", self.after_fetch.server),
        ]
    }
}

impl Figures {
    fn new(connections: usize, before: &Held, now: &Held) -> Figures {
        let each = |now: usize, before: usize| now.saturating_sub(before).div_ceil(connections);
        Figures {
            established: now.established,
            retransmissions: now.retransmissions,
            dropped: now.dropped,
            stack: each(now.stack, before.stack),
            others: each(now.others, before.others),
            resident: each(now.resident, before.resident),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { connections, responder, open_seconds, fetch_seconds, pages, .. } = self;
        writeln!(f, "{connections} connections to {responder}: open after {open_seconds:.1} s,")?;
        writeln!(
            f,
            "{pages} pages fetched in {fetch_seconds:.1} s; octets for each connection:\n"
        )?;
        writeln!(
            f,
            "| side | established | stack | sockets and tasks | resident | sent again | dropped |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        for (name, figures) in self.rows() {
            let Figures { established, stack, others, resident, retransmissions, dropped } =
                figures;
            writeln!(
                f,
                "| {name} | {established} | {stack} | {others} | {resident} | {retransmissions} | {dropped} |"
            )?;
        }
        Ok(())
    }
}
