//! Reads the ladders that `glass run` prints, as a person would: titles, times, arrows, states.

const STATES: [&str; 11] = [
    "CLOSED",
    "LISTEN",
    "SYN_SEND",
    "SYN_RCVD",
    "ESTABLISHED",
    "FIN_WAIT_1",
    "FIN_WAIT_2",
    "CLOSE_WAIT",
    "CLOSING",
    "LAST_ACK",
    "TIME_WAIT",
];

/// What one connection did.
#[derive(Debug)]
pub struct Ladder {
    /// `#1  192.0.2.1:46054  →  192.0.2.2:80  (they opened)`
    pub title: String,
    pub rows: Vec<Row>,
}

/// One line of a ladder.
#[derive(Debug)]
pub struct Row {
    /// Since the first segment; of a line without a time, that of the line before.
    pub ms: f64,
    pub text: String,
    /// The peer's state after it, and whether it was seen there and then.
    pub peer: Option<(&'static str, bool)>,
    /// Our state after it.
    pub state: &'static str,
}

impl Ladder {
    /// Our states one after the other.
    pub fn states(&self) -> Vec<&'static str> {
        let mut states: Vec<_> = self.rows.iter().map(|row| row.state).collect();
        states.dedup();
        states
    }

    /// The peer's states one after the other.
    pub fn peers(&self) -> Vec<&'static str> {
        let mut states: Vec<_> = self.rows.iter().filter_map(|row| Some(row.peer?.0)).collect();
        states.dedup();
        states
    }

    /// When we came into this state, in milliseconds.
    #[track_caller]
    pub fn entered(&self, state: &str) -> f64 {
        let row = self.rows.iter().find(|row| row.state == state);
        row.unwrap_or_else(|| panic!("never in {state}: {:?}", self.states())).ms
    }

    /// How many segments with these flags we have sent.
    pub fn sent(&self, flags: &str) -> usize {
        let start = format!("◄─ {flags} ");
        self.rows.iter().filter(|row| row.text.contains(&start)).count()
    }
}

/// All ladders in what was written on stderr.
pub fn ladders(text: &str) -> Vec<Ladder> {
    let mut ladders: Vec<Ladder> = Vec::new();
    for line in text.lines() {
        if line.starts_with('#') {
            ladders.push(Ladder { title: line.to_owned(), rows: Vec::new() });
        } else if let Some(ladder) = ladders.last_mut()
            && let Some(lifeline) = line.find(['│', '○', '●', '┊'])
        {
            let (before_it, rest) = line.split_at(lifeline);
            let before = ladder.rows.last().map_or(0.0, |row| row.ms);
            let words: Vec<_> = before_it.split_whitespace().collect();
            let ms = words.first().and_then(|word| word.parse().ok()).unwrap_or(before);
            let state_of = |word: &str| STATES.into_iter().find(|state| *state == word);
            let peer = words.last().and_then(|word| state_of(word));
            let peer = peer.map(|peer| (peer, rest.starts_with('●')));
            let rest = rest.trim_start_matches(['│', '○', '●', '┊']);
            let last = rest.split_whitespace().next_back().unwrap_or_default();
            let Some(state) = state_of(last) else {
                // A note below an arrow, or the legend.
                continue;
            };
            ladder.rows.push(Row { ms, text: rest.to_owned(), peer, state });
        }
    }
    ladders
}
