//! Every arrow of the state diagram is taken by some story, and no other.

mod common;

use common::stories::all_arrows;
use glasstack::tcp::{ARROWS, Arrow, is_arrow};

/// A line for each: from, to, why.
fn list<'a>(arrows: impl Iterator<Item = &'a Arrow>) -> Vec<String> {
    arrows.map(|(from, to, cause)| format!("{from} -> {to}: {}", cause.words())).collect()
}

#[test]
fn every_arrow_is_taken() {
    let taken = all_arrows();
    let missing = list(ARROWS.iter().filter(|arrow| !taken.contains(arrow)));
    assert!(missing.is_empty(), "no story takes\n  {}", missing.join("\n  "));
}

#[test]
fn no_other_arrow_is_taken() {
    let taken = all_arrows();
    let foreign = list(taken.iter().filter(|(from, to, cause)| !is_arrow(*from, *to, *cause)));
    assert!(foreign.is_empty(), "the table has no\n  {}", foreign.join("\n  "));
}
