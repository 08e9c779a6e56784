//! The options of `glass get`, by what they are about. Where curl has a flag for it, it has curl's name.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ::http::{HeaderName, HeaderValue, Method};
use clap::Args;

use super::super::options::seconds;

/// What is asked for.
#[derive(Args, Debug)]
pub(super) struct RequestOptions {
    /// The method [default: GET; HEAD with -I, POST with data, PUT with -T]
    #[arg(short = 'X', long, env = "GLASS_REQUEST", value_name = "METHOD", value_parser = method)]
    pub(super) request: Option<Method>,
    /// A field of the request, "Name: value"; "Name:" leaves ours out, "Name;" sends it empty. May be
    /// repeated
    #[arg(short = 'H', long, env = "GLASS_HEADER", value_name = "FIELD", value_parser = field)]
    pub(super) header: Vec<Field>,
    /// Who we say we are
    #[arg(
        short = 'A', long, env = "GLASS_USER_AGENT", value_name = "NAME",
        default_value = concat!("glass/", env!("CARGO_PKG_VERSION")), value_parser = value
    )]
    pub(super) user_agent: HeaderValue,
    /// Say who you are (the Basic scheme), to this server only; a user in the URL does the same
    #[arg(
        short, long, env = "GLASS_USER", value_name = "USER:PASSWORD", hide_env_values = true,
        value_parser = user
    )]
    pub(super) user: Option<String>,
    /// Ask for the head alone, and show it
    #[arg(short = 'I', long, env = "GLASS_HEAD", conflicts_with_all = ["data", "data_raw", "data_binary", "json", "upload_file"])]
    pub(super) head: bool,
    /// Ask for a part: FIRST-LAST, FIRST- or -LAST_SO_MANY, the first octet being 0
    #[arg(
        short, long, env = "GLASS_RANGE", value_name = "RANGE", value_parser = range,
        allow_hyphen_values = true
    )]
    pub(super) range: Option<String>,
    /// Ask for the body in gzip, br or zstd, and decode it
    #[arg(long, env = "GLASS_COMPRESSED", conflicts_with = "range")]
    pub(super) compressed: bool,
    /// Speak HTTP/1.0
    #[arg(id = "http1_0", long = "http1.0", env = "GLASS_HTTP1_0")]
    pub(super) http1_0: bool,
    #[command(flatten)]
    pub(super) data: DataOptions,
}

/// What goes along.
#[derive(Args, Debug)]
pub(super) struct DataOptions {
    /// Send this as a form does; @FILE sends a file without its line ends, @- stdin. Several are joined
    /// with &
    #[arg(short, long, env = "GLASS_DATA", value_name = "DATA", conflicts_with_all = ["data_raw", "data_binary", "json", "upload_file"])]
    pub(super) data: Vec<String>,
    /// As --data, but @ means nothing
    #[arg(long, env = "GLASS_DATA_RAW", value_name = "DATA", conflicts_with_all = ["data_binary", "json", "upload_file"])]
    pub(super) data_raw: Vec<String>,
    /// As --data, but a file goes as it is; a single one, or stdin, of any length
    #[arg(long, env = "GLASS_DATA_BINARY", value_name = "DATA", conflicts_with_all = ["json", "upload_file"])]
    pub(super) data_binary: Vec<String>,
    /// As --data-binary, and says that it is JSON
    #[arg(long, env = "GLASS_JSON", value_name = "DATA", conflicts_with = "upload_file")]
    pub(super) json: Option<String>,
    /// Send this file with PUT; - is stdin. A URL that ends in / gets the name of the file
    #[arg(short = 'T', long, env = "GLASS_UPLOAD_FILE", value_name = "FILE")]
    pub(super) upload_file: Option<PathBuf>,
}

/// Where what comes goes to.
#[derive(Args, Debug)]
pub(super) struct ResultOptions {
    /// Write the body to FILE instead of stdout: to FILE.part until it is whole. - is stdout. For several
    /// URLs so many times
    #[arg(short, long, env = "GLASS_OUTPUT", value_name = "FILE", conflicts_with = "remote_name")]
    pub(super) output: Vec<PathBuf>,
    /// Write the body to a file called as the URL's path ends
    #[arg(short = 'O', long, env = "GLASS_REMOTE_NAME")]
    pub(super) remote_name: bool,
    /// With -O, call it as the server proposes, if it does; a file that is there already stays
    #[arg(short = 'J', long, env = "GLASS_REMOTE_HEADER_NAME", requires = "remote_name", conflicts_with_all = ["continue_at", "resume"])]
    pub(super) remote_header_name: bool,
    /// "-C -" goes on where FILE.part ends, or else FILE: if the server still has the same, and can
    #[arg(short = 'C', long, env = "GLASS_CONTINUE_AT", value_name = "-", value_parser = from_the_end, conflicts_with_all = ["range", "compressed", "include", "head"])]
    pub(super) continue_at: Option<FromTheEnd>,
    /// The same as -C -
    #[arg(id = "resume", long = "continue", env = "GLASS_CONTINUE", conflicts_with_all = ["range", "compressed", "include", "head"])]
    pub(super) resume: bool,
    /// Write the heads of responses too, before the body
    #[arg(short, long, env = "GLASS_INCLUDE")]
    pub(super) include: bool,
    /// Say nothing of the body when the status is an error
    #[arg(short, long, env = "GLASS_FAIL")]
    pub(super) fail: bool,
}

/// `-C -`.
#[derive(Clone, Copy, Debug)]
pub(super) struct FromTheEnd;

impl ResultOptions {
    pub(super) fn goes_on(&self) -> bool {
        self.resume || self.continue_at.is_some()
    }
}

/// Where it goes, and with whom it talks.
#[derive(Args, Debug)]
pub(super) struct WayOptions {
    /// Follow redirects
    #[arg(short = 'L', long, env = "GLASS_LOCATION")]
    pub(super) location: bool,
    /// So many at most
    #[arg(long, env = "GLASS_MAX_REDIRS", value_name = "NUMBER", default_value_t = 20)]
    pub(super) max_redirs: u16,
    /// Follow even from https to http
    #[arg(long, env = "GLASS_ALLOW_DOWNGRADE")]
    pub(super) allow_downgrade: bool,
    /// Take any certificate: what is said is secret, but to whom nobody knows
    #[arg(short = 'k', long, env = "GLASS_INSECURE")]
    pub(super) insecure: bool,
    /// Trust the certificates of this PEM file, and those whom they vouch for, instead of the system's
    #[arg(long, env = "GLASS_CACERT", value_name = "FILE", conflicts_with = "insecure")]
    pub(super) cacert: Option<PathBuf>,
    /// Use IPv4 only
    #[arg(short = '4', long, env = "GLASS_IPV4", conflicts_with = "ipv6")]
    pub(super) ipv4: bool,
    /// Use IPv6 only
    #[arg(short = '6', long, env = "GLASS_IPV6")]
    pub(super) ipv6: bool,
    /// HOST, at this PORT, is at ADDRESS, whatever the system says; several with commas between. May be
    /// repeated
    #[arg(long, env = "GLASS_RESOLVE", value_name = "HOST:PORT:ADDRESS", value_parser = told)]
    pub(super) resolve: Vec<Told>,
    /// Give up connecting after so many seconds: for the name, all its addresses and TLS together
    #[arg(
        long, env = "GLASS_CONNECT_TIMEOUT", default_value = "10", value_name = "SECONDS",
        value_parser = seconds
    )]
    pub(super) connect_timeout: Duration,
    /// Give a URL up after so many seconds in all [default: never]
    #[arg(long, env = "GLASS_MAX_TIME", value_name = "SECONDS", value_parser = long_time)]
    pub(super) max_time: Option<Duration>,
    /// Give a URL up when nothing has come or gone for so many seconds; 0: never
    #[arg(
        long, env = "GLASS_STALL_TIMEOUT", default_value = "300", value_name = "SECONDS",
        value_parser = long_time_or_none
    )]
    pub(super) stall_timeout: Duration,
}

/// `-H`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// The request has it.
    Set(HeaderName, HeaderValue),
    /// The request does not have it, even if it is one of ours.
    Leave(HeaderName),
}

impl Field {
    pub(super) fn name(&self) -> &HeaderName {
        match self {
            Field::Set(name, _) | Field::Leave(name) => name,
        }
    }
}

/// `--resolve`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) addrs: Vec<IpAddr>,
}

fn method(text: &str) -> Result<Method, String> {
    Method::from_bytes(text.as_bytes()).map_err(|_| "not a method, as GET and PUT are".to_owned())
}

fn value(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| "has control characters".to_owned())
}

fn field(text: &str) -> Result<Field, String> {
    let form = "write \"Name: value\", \"Name:\" or \"Name;\"";
    let named = |name: &str| {
        HeaderName::from_bytes(name.trim().as_bytes())
            .map_err(|_| format!("\"{}\" is no name of a field; {form}", name.escape_debug()))
    };
    let (name, rest) = match (text.split_once(':'), text.strip_suffix(';')) {
        (Some((name, rest)), _) => (named(name)?, rest.trim()),
        (None, Some(name)) => return Ok(Field::Set(named(name)?, HeaderValue::from_static(""))),
        (None, None) => return Err(format!("there is no colon; {form}")),
    };
    if name == ::http::header::CONTENT_LENGTH || name == ::http::header::TRANSFER_ENCODING {
        return Err(format!("{name} follows from what is sent, and is not to be chosen"));
    }
    if rest.is_empty() { Ok(Field::Leave(name)) } else { Ok(Field::Set(name, value(rest)?)) }
}

fn user(text: &str) -> Result<String, String> {
    if text.contains(':') {
        Ok(text.to_owned())
    } else {
        Err("there is no password: write USER:PASSWORD (GLASS_USER keeps it off the command line)"
            .to_owned())
    }
}

/// One range or several, as the header field has them behind `bytes=`.
fn range(text: &str) -> Result<String, String> {
    let is_number = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    let is_range = |part: &str| match part.trim_matches([' ', '\t']).split_once('-') {
        Some(("", "")) | None => false,
        Some((first, last)) => {
            let in_order = match (first.parse::<u64>(), last.parse::<u64>()) {
                (Ok(first), Ok(last)) => first <= last,
                _ => true,
            };
            is_number(first) && is_number(last) && in_order
        }
    };
    if text.split(',').all(is_range) {
        Ok(text.to_owned())
    } else {
        Err("not a range: 0-499, 500- (from there on), -500 (the last 500), or several with commas"
            .to_owned())
    }
}

fn from_the_end(text: &str) -> Result<FromTheEnd, String> {
    match text {
        "-" => Ok(FromTheEnd),
        _ => Err("it goes on where the file ends: write -C - (for a part, -r)".to_owned()),
    }
}

fn told(text: &str) -> Result<Told, String> {
    let form = "write HOST:PORT:ADDRESS, such as example.test:443:192.0.2.2";
    let parts = text.splitn(3, ':').collect::<Vec<_>>();
    let &[host, port, addrs] = &parts[..] else { return Err(form.to_owned()) };
    let port = port.parse().map_err(|_| format!("{port} is no port; {form}"))?;
    let addrs: Result<Vec<IpAddr>, String> = addrs
        .split(',')
        .map(|addr| {
            let bare = addr.trim().trim_start_matches('[').trim_end_matches(']');
            bare.parse().map_err(|_| format!("{addr} is no address; {form}"))
        })
        .collect();
    Ok(Told { host: host.to_owned(), port, addrs: addrs? })
}

/// Seconds, up to a month.
fn long_time(text: &str) -> Result<Duration, String> {
    const MOST: f64 = 31.0 * 86_400.0;
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if (0.001..=MOST).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(format!("not between 0.001 and {MOST} seconds"))
    }
}

fn long_time_or_none(text: &str) -> Result<Duration, String> {
    if text.parse() == Ok(0.0) { Ok(Duration::ZERO) } else { long_time(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_set_left_out_or_empty() {
        let set = |name: &str, value: &str| {
            Field::Set(name.parse().unwrap(), HeaderValue::from_str(value).unwrap())
        };
        assert_eq!(field("X-A:  b: c "), Ok(set("x-a", "b: c")));
        assert_eq!(field("Accept:"), Ok(Field::Leave("accept".parse().unwrap())));
        assert_eq!(field("X-A;"), Ok(set("x-a", "")));
        for bad in ["", "X A: b", ": b", "X-A", "X: a\nY: b", "Content-Length: 7"] {
            assert!(field(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ranges_are_checked() {
        for good in ["0-499", "500-", "-500", "0-0,5-", "0-1, 3-4"] {
            assert!(range(good).is_ok(), "{good}");
        }
        for bad in ["", "-", "5", "9-5", "a-b", "0-1,", "bytes=0-1", "1-2-3", "0-1\n"] {
            assert!(range(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn hosts_can_be_told() {
        let one = told("a.test:443:192.0.2.2,[2001:db8::2]").unwrap();
        assert_eq!((one.host.as_str(), one.port, one.addrs.len()), ("a.test", 443, 2));
        assert!(told("a.test:443:2001:db8::2").is_ok());
        for bad in ["a.test", "a.test:443", "a.test:x:192.0.2.2", "a.test:443:b.test"] {
            assert!(told(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_may_be_long_but_not_endless() {
        assert_eq!(long_time("86400"), Ok(Duration::from_hours(24)));
        assert!(long_time("0").is_err());
        assert_eq!(long_time_or_none("0"), Ok(Duration::ZERO));
        for bad in ["-1", "nan", "inf", "1e9"] {
            assert!(long_time_or_none(bad).is_err(), "{bad}");
        }
    }
}
