//! Reads rules: `DIR WHAT ACTION`, words with blanks between them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::rule::{Action, Chance, Name, Ordinals, Rule, What};
use crate::trace::Way;

/// No packet is held back for longer.
const LONGEST_DELAY: Duration = Duration::from_hours(1);

const DIRECTIONS: &str = "a direction: tx (we send it), rx (we receive it) or any";
const PACKETS: &str = "a choice of packets: a share (5%), or SYN, SYN,ACK, FIN, RST, data, ack, icmp or any, \
                       alone or with their number (#3, #2-5, #4-)";
const ACTIONS: &str =
    "an action: drop, dup, delay TIME, corrupt, reorder [PACKETS] or truncate [OCTETS]";
const NUMBERS: &str = "a number from 1 (#3) or a range (#2-5, #4-)";
const TIMES: &str = "a time up to an hour, with its unit: 700ms, 1.5s, 200us";
const SHARES: &str = "a share between 0% and 100%";

/// What is wrong with a rule, where, and how it could read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// The column where it goes wrong, from one.
    pub column: usize,
    /// What was found there; empty at the end.
    pub found: String,
    /// What should have been there.
    pub expected: &'static str,
    /// A rule that is right there.
    pub example: &'static str,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RuleError { column, found, expected, example } = self;
        match found.as_str() {
            "" => write!(f, "it ends at column {column}, where there should be {expected}")?,
            _ => write!(f, "{found:?} at column {column} is not {expected}")?,
        }
        write!(f, "; for example: {example}")
    }
}

impl std::error::Error for RuleError {}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Rule, RuleError> {
        let mut words = Words { text, at: 0 };
        let way = direction(&words.next())?;
        let what = what(&words.next())?;
        let action = action(&mut words)?;
        let rest = words.next();
        if !rest.text.is_empty() {
            return Err(rest.is_not("the end, which comes after the action", "tx 5% drop"));
        }
        Ok(Rule { way, what, action })
    }
}

/// Reads rules with `;` between them. What is blank is no rule.
///
/// # Errors
///
/// One of them is wrong. The column counts from the beginning of that rule.
pub fn parse_list(text: &str) -> Result<Vec<Rule>, RuleError> {
    text.split(';').map(str::trim).filter(|rule| !rule.is_empty()).map(str::parse).collect()
}

/// The words of a rule, one after the other.
struct Words<'a> {
    text: &'a str,
    at: usize,
}

/// A word, and where it begins; empty at the end.
struct Word<'a> {
    text: &'a str,
    column: usize,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Word<'a> {
        let rest = &self.text[self.at..];
        let begin = self.at + (rest.len() - rest.trim_start().len());
        let rest = &self.text[begin..];
        let len = rest.find(char::is_whitespace).unwrap_or(rest.len());
        self.at = begin + len;
        Word { text: &rest[..len], column: self.text[..begin].chars().count() + 1 }
    }
}

impl Word<'_> {
    fn is_not(&self, expected: &'static str, example: &'static str) -> RuleError {
        RuleError { column: self.column, found: self.text.to_owned(), expected, example }
    }
}

fn direction(word: &Word<'_>) -> Result<Option<Way>, RuleError> {
    match word.text {
        "tx" => Ok(Some(Way::Tx)),
        "rx" => Ok(Some(Way::Rx)),
        "any" => Ok(None),
        _ => Err(word.is_not(DIRECTIONS, "tx FIN#1 drop")),
    }
}

fn what(word: &Word<'_>) -> Result<What, RuleError> {
    if let Some(percent) = word.text.strip_suffix('%') {
        let chance = percent.parse().ok().and_then(Chance::from_percent);
        return chance.map(What::Chance).ok_or_else(|| word.is_not(SHARES, "any 5% drop"));
    }
    let (kind, places) = match word.text.split_once('#') {
        Some((kind, places)) => (kind, Some(places)),
        None => (word.text, None),
    };
    let name = match kind.to_ascii_lowercase().as_str() {
        "syn" => Name::Syn,
        "syn,ack" => Name::SynAck,
        "fin" => Name::Fin,
        "rst" => Name::Rst,
        "data" => Name::Data,
        "ack" => Name::Ack,
        "icmp" => Name::Icmp,
        "any" => Name::Any,
        _ => return Err(word.is_not(PACKETS, "tx SYN,ACK#1 drop")),
    };
    let Some(places) = places else { return Ok(What::Named(name, Ordinals::ALL)) };
    let column = word.column + kind.chars().count() + 1;
    let places = Word { text: places, column };
    Ok(What::Named(name, ordinals(&places)?))
}

fn ordinals(word: &Word<'_>) -> Result<Ordinals, RuleError> {
    let range = match word.text.split_once('-') {
        None => number(word.text).map(|only| (only, only)),
        Some((first, "")) => number(first).map(|first| (first, u64::MAX)),
        Some((first, last)) => number(first).zip(number(last)),
    };
    let ordinals = range.and_then(|(first, last)| Ordinals::new(first, last));
    ordinals.ok_or_else(|| word.is_not(NUMBERS, "any ack#2-5 drop"))
}

fn action(words: &mut Words<'_>) -> Result<Action, RuleError> {
    let word = words.next();
    match word.text {
        "drop" => Ok(Action::Drop),
        "dup" => Ok(Action::Duplicate),
        "corrupt" => Ok(Action::Corrupt),
        "delay" => duration(&words.next()).map(Action::Delay),
        "reorder" => {
            let expected = "how many packets overtake it, from 1";
            count(&words.next(), expected, "rx data#3 reorder 2").map(Action::Reorder)
        }
        "truncate" => {
            let expected = "how many octets it loses, from 1";
            count(&words.next(), expected, "rx data#3 truncate 20").map(Action::Truncate)
        }
        _ => Err(word.is_not(ACTIONS, "rx data#3 delay 700ms")),
    }
}

fn duration(word: &Word<'_>) -> Result<Duration, RuleError> {
    let unit = word.text.find(|char: char| char.is_ascii_alphabetic());
    let (amount, unit) = word.text.split_at(unit.unwrap_or(word.text.len()));
    let seconds = match unit {
        "us" => Some(1e-6),
        "ms" => Some(1e-3),
        "s" => Some(1.0),
        _ => None,
    };
    let amount = amount.parse::<f64>().ok().zip(seconds);
    let delay = amount.and_then(|(amount, unit)| Duration::try_from_secs_f64(amount * unit).ok());
    let delay = delay.filter(|delay| !delay.is_zero() && *delay <= LONGEST_DELAY);
    delay.ok_or_else(|| word.is_not(TIMES, "rx data#3 delay 700ms"))
}

/// A number, or one when there is none.
fn count<N: TryFrom<u64> + From<u8>>(
    word: &Word<'_>,
    expected: &'static str,
    example: &'static str,
) -> Result<N, RuleError> {
    match word.text {
        "" => Ok(N::from(1)),
        text => number(text)
            .filter(|number| *number > 0)
            .and_then(|number| N::try_from(number).ok())
            .ok_or_else(|| word.is_not(expected, example)),
    }
}

/// Digits and nothing else: no sign.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Rule {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn what_is_read_is_written_out_the_same() {
        for text in [
            "tx 5% drop",
            "any 0.5% dup",
            "tx FIN#1 drop",
            "rx data#3 delay 700ms",
            "tx SYN,ACK#1 dup",
            "any ack#2-5 drop",
            "rx RST#4- corrupt",
            "any SYN reorder",
            "rx any#7 reorder 3",
            "tx icmp truncate 20",
            "tx any truncate",
        ] {
            assert_eq!(rule(text).to_string(), text);
        }
    }

    #[test]
    fn blanks_and_the_case_of_names_do_not_matter() {
        assert_eq!(rule("  tx   syn,ack#1-1\tdelay  0.7s "), rule("tx SYN,ACK#1 delay 700ms"));
        assert_eq!(rule("any ANY#1- reorder 1"), rule("any any reorder"));
        assert_eq!(parse_list("tx 5% drop; ;rx FIN dup;").map(|rules| rules.len()), Ok(2));
        assert_eq!(parse_list(""), Ok(Vec::new()));
    }

    #[test]
    fn an_error_says_where_what_was_expected_and_an_example() {
        for (text, column, expected) in [
            ("", 1, DIRECTIONS),
            ("both FIN drop", 1, DIRECTIONS),
            ("tx", 3, PACKETS),
            ("tx FNI#1 drop", 4, PACKETS),
            ("tx 101% drop", 4, SHARES),
            ("tx -1% drop", 4, SHARES),
            ("tx NaN% drop", 4, SHARES),
            ("tx FIN#0 drop", 8, NUMBERS),
            ("tx FIN# drop", 8, NUMBERS),
            ("tx data#5-2 drop", 9, NUMBERS),
            ("tx data#+1 drop", 9, NUMBERS),
            ("tx data#1", 10, ACTIONS),
            ("tx data#1 lose", 11, ACTIONS),
            ("tx data#1 delay", 16, TIMES),
            ("tx data#1 delay 700", 17, TIMES),
            ("tx data#1 delay 0s", 17, TIMES),
            ("tx data#1 delay -1s", 17, TIMES),
            ("tx data#1 delay 2h", 17, TIMES),
            ("tx data#1 delay 3601s", 17, TIMES),
        ] {
            let error = text.parse::<Rule>().expect_err(text);
            assert_eq!((error.column, error.expected), (column, expected), "{text}");
            rule(error.example);
        }
        for (text, column) in [("tx any reorder 0", 16), ("rx any truncate 70000", 17)] {
            let error = text.parse::<Rule>().expect_err(text);
            assert_eq!(error.column, column, "{text}");
            rule(error.example);
        }
        let error = "tx 5% drop 3".parse::<Rule>().expect_err("something is behind the action");
        assert_eq!(
            error.to_string(),
            "\"3\" at column 12 is not the end, which comes after the action; for example: tx 5% drop"
        );
    }

    #[test]
    fn a_chance_falls_as_often_as_it_says() {
        let five = Chance::from_percent(5.0).expect("a share");
        let step = u64::MAX / 1_000;
        assert_eq!((0..1_000).filter(|i| five.falls(i * step + step / 2)).count(), 50);
        assert!(!Chance::NEVER.falls(0) && Chance::ALWAYS.falls(u64::MAX));
    }
}
