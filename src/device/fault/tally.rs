//! How often each rule matched: kept by the faults, read by whoever reports at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::rule::Rule;

/// The counts of all rules. Clones look at the same.
#[derive(Clone, Debug)]
pub struct Tally(Arc<[Count]>);

#[derive(Debug)]
struct Count {
    rule: Arc<str>,
    /// Packets that it is about.
    matched: AtomicU64,
    /// Of these, those that no rule before it had struck.
    struck: AtomicU64,
}

impl Tally {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let count = |rule: &Rule| Count {
            rule: rule.to_string().into(),
            matched: AtomicU64::new(0),
            struck: AtomicU64::new(0),
        };
        Tally(rules.iter().map(count).collect())
    }

    pub(super) fn rule(&self, index: usize) -> Arc<str> {
        Arc::clone(&self.0[index].rule)
    }

    pub(super) fn matched(&self, index: usize) {
        self.0[index].matched.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn struck(&self, index: usize) {
        self.0[index].struck.fetch_add(1, Ordering::Relaxed);
    }

    /// For each rule, in order: its words, how many packets it matched, and how many of these it struck.
    pub fn counts(&self) -> impl Iterator<Item = (&str, u64, u64)> {
        self.0.iter().map(|count| {
            let Count { rule, matched, struck } = count;
            (&**rule, matched.load(Ordering::Relaxed), struck.load(Ordering::Relaxed))
        })
    }

    /// A line for each rule, for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.counts().map(|(rule, matched, struck)| line(rule, matched, struck)).collect()
    }
}

fn line(rule: &str, matched: u64, struck: u64) -> String {
    let packets = |number: u64| match number {
        1 => "1 packet".to_owned(),
        number => format!("{number} packets"),
    };
    match (matched, struck) {
        (0, _) => format!("fault '{rule}' never matched: no such packet came by"),
        (_, 0) => {
            let matched = packets(matched);
            format!("fault '{rule}' struck nothing: a rule before it took the {matched} it matched")
        }
        (_, _) => format!("fault '{rule}' struck {}", packets(struck)),
    }
}
