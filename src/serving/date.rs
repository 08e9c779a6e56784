//! The date of a response, written once a second and not once a response.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

thread_local! {
    /// The second since the epoch that was asked for last, and how it is written.
    static LAST: RefCell<(u64, Arc<str>)> = RefCell::new((u64::MAX, Arc::from("")));
}

/// `now` as the Date field has it (RFC 9110 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`. A clock that was
/// never set stands at the first second of 1970.
#[must_use]
pub fn http_date(now: SystemTime) -> Arc<str> {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let second = since.as_secs();
    LAST.with_borrow_mut(|(last, written)| {
        if *last != second {
            (*last, *written) = (second, httpdate::fmt_http_date(UNIX_EPOCH + since).into());
        }
        written.clone()
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    // RFC 9110 5.6.7
    #[test]
    fn each_second_has_its_own_date() {
        let at = |seconds: u64, millis| {
            http_date(UNIX_EPOCH + Duration::from_millis(seconds * 1000 + millis)).to_string()
        };
        assert_eq!(at(784_111_777, 0), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(at(784_111_777, 999), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(at(784_111_778, 0), "Sun, 06 Nov 1994 08:49:38 GMT");
        assert_eq!(at(784_111_777, 5), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
