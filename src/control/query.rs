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

/// The pairs of a query. What is not known is left to whoever comes after us.
pub(super) fn pairs(query: Option<&str>) -> impl Iterator<Item = (String, String)> + '_ {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.map(|(name, value)| (name.into_owned(), value.into_owned()))
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
                "limit" => {
                    let limit = value.parse().map_err(|_| format!("limit={value} is no number"))?;
                    parsed.limit = usize::clamp(limit, 1, PAGE);
                }
                "states" => {
                    let find = |name| names::find(name).ok_or(format!("{name} is no state"));
                    parsed.states = value.split(',').map(find).collect::<Result<_, _>>()?;
                }
                "family" => match value.as_str() {
                    "4" => parsed.ipv6 = false,
                    "6" => parsed.ipv4 = false,
                    _ => return Err(format!("family={value} is neither 4 nor 6")),
                },
                _ => {}
            }
        }
        Ok(parsed)
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
        assert_eq!(Query::parse(Some("limit=1000000")).unwrap().limit, PAGE);
        assert!(Query::parse(Some("states=asleep")).unwrap_err().contains("asleep"));
        assert!(Query::parse(Some("family=5")).is_err());
    }
}
