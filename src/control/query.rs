//! What is asked for behind the question mark of a path.

use url::form_urlencoded;

use super::PAGE;
use crate::stack::{Bookmark, Summary};
use crate::tcp::{State, names};

/// Which connections, and from where on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// The shard, and the place in it.
    pub from: (usize, Bookmark),
    pub limit: usize,
    /// None: all.
    pub states: Vec<State>,
    pub ipv4: bool,
    pub ipv6: bool,
}

/// The pairs of a query.
pub(super) fn pairs(query: Option<&str>) -> impl Iterator<Item = (String, String)> + '_ {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.map(|(name, value)| (name.into_owned(), value.into_owned()))
}

/// What is said to somebody who asks with a name that is not among these.
pub(super) fn unknown(name: &str, known: &str) -> String {
    format!("{name} is nothing that can be asked for here; there are: {known}")
}

impl Query {
    /// # Errors
    ///
    /// What is wrong, for whoever asked.
    pub(super) fn parse(query: Option<&str>) -> Result<Query, String> {
        let mut parsed = Query {
            from: (0, Bookmark::default()),
            limit: PAGE,
            states: Vec::new(),
            ipv4: true,
            ipv6: true,
        };
        for (name, value) in pairs(query) {
            match name.as_str() {
                "from" => {
                    parsed.from = bookmark(&value).ok_or(format!("from={value} is no place"))?;
                }
                "limit" => match value.parse() {
                    Ok(limit @ 1..=PAGE) => parsed.limit = limit,
                    _ => return Err(format!("limit={value} is no number from 1 to {PAGE}")),
                },
                "states" => {
                    let find = |name| names::find(name).ok_or(format!("{name} is no state"));
                    parsed.states = value.split(',').map(find).collect::<Result<_, _>>()?;
                }
                "family" => match value.as_str() {
                    "4" => parsed.ipv6 = false,
                    "6" => parsed.ipv4 = false,
                    _ => return Err(format!("family={value} is neither 4 nor 6")),
                },
                _ => return Err(unknown(&name, "from, limit, states, family")),
            }
        }
        Ok(parsed)
    }

    /// The same place, or a later one in this shard if nothing that is asked for can be before it: those who do
    /// not want to see handshakes are not held up by a flood of SYNs.
    pub(super) fn skip(&self, at: Bookmark) -> Bookmark {
        let wants_handshakes = self.states.is_empty() || self.states.contains(&State::SynReceived);
        if at.table == 0 && !wants_handshakes { Bookmark::BEHIND_HANDSHAKES } else { at }
    }

    pub(super) fn takes(&self, summary: &Summary) -> bool {
        let state = summary.status.state;
        let family = if summary.local.is_ipv4() { self.ipv4 } else { self.ipv6 };
        family && (self.states.is_empty() || self.states.contains(&state))
    }
}

/// As it stands in an answer, and comes back in the next request.
pub(super) fn written(shard: usize, at: Bookmark) -> String {
    format!("{shard}.{}.{}", at.table, at.place)
}

fn bookmark(text: &str) -> Option<(usize, Bookmark)> {
    let mut parts = text.split('.');
    let shard = parts.next()?.parse().ok()?;
    let table = parts.next()?.parse().ok()?;
    let place = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some((shard, Bookmark { table, place }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_as_it_was() {
        let at = Bookmark { table: 2, place: 70_000 };
        assert_eq!(bookmark(&written(3, at)), Some((3, at)));
        for bad in ["", "1", "1.2", "1.2.3.4", "1.2.x", "1.999.0"] {
            assert_eq!(bookmark(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_asked_for_is_understood_or_told() {
        let query = Query::parse(Some("states=time-wait,ESTAB&family=6&limit=5")).unwrap();
        assert_eq!(query.states, [State::TimeWait, State::Established]);
        assert_eq!((query.ipv4, query.ipv6, query.limit), (false, true, 5));
        assert_eq!(Query::parse(Some("limit=1000&")).unwrap().limit, PAGE);
        for wrong in ["limit=0", "limit=1001", "limit=-1", "limit=many", "limit="] {
            assert!(Query::parse(Some(wrong)).unwrap_err().contains("from 1 to 1000"), "{wrong}");
        }
        let wrong = Query::parse(Some("state=ESTAB")).unwrap_err();
        assert!(wrong.starts_with("state is nothing") && wrong.contains("states"), "{wrong}");
        assert!(Query::parse(Some("states=asleep")).unwrap_err().contains("asleep"));
        assert!(Query::parse(Some("family=5")).is_err());
    }

    #[test]
    fn handshakes_that_nobody_asks_for_are_not_gone_through() {
        let start = Bookmark::default();
        let skip = |query, at| Query::parse(query).unwrap().skip(at);
        assert_eq!(skip(Some("states=TIME_WAIT"), start), Bookmark::BEHIND_HANDSHAKES);
        assert_eq!(skip(Some("states=SYN_RCVD,TIME_WAIT"), start), start);
        assert_eq!(skip(None, start), start);
        let later = Bookmark { table: 1, place: 7 };
        assert_eq!(skip(Some("states=TIME_WAIT"), later), later);
    }
}
