//! What is noted of requests.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use glasstack::http::{AccessLog, AccessLogFormat, Config, site};
use http::Request;
use http_body_util::BodyExt;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::time::sleep;

use super::talk::Talk;

/// A place that can be looked at.
#[derive(Clone, Default)]
struct Place(Arc<Mutex<Vec<u8>>>);

impl io::Write for Place {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Log {
    place: Place,
    log: AccessLog,
}

impl Log {
    fn new(format: AccessLogFormat) -> Self {
        let place = Place::default();
        let log = AccessLog::to(place.clone(), format).unwrap();
        Log { place, log }
    }

    fn talk(&self, room: usize) -> Talk {
        let config = Config { access_log: Some(self.log.clone()), ..Config::default() };
        Talk::with(site(), config, room)
    }

    fn lines(&self) -> Vec<String> {
        assert_eq!(self.log.finish(), 0);
        let text = String::from_utf8(self.place.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn objects(&self) -> Vec<Value> {
        let lines = self.lines();
        lines.iter().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

/// The values of these keys in each object.
fn values(objects: &[Value], keys: &[&str]) -> Vec<Value> {
    let values = |object: &Value| keys.iter().map(|key| object[key].clone()).collect();
    objects.iter().map(|object| Value::Array(values(object))).collect()
}

#[tokio::test(start_paused = true)]
async fn each_request_has_its_line() {
    let log = Log::new(AccessLogFormat::Json);
    let mut talk = log.talk(65_536);
    talk.say(
        "GET /bytes/1000 HTTP/1.1\r\nhost: x\r\n\r\n\
         HEAD /bytes/1000 HTTP/1.1\r\nhost: x\r\n\r\n\
         POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n\
         GET /status/204 HTTP/1.1\r\nhost: x\r\n\r\n\
         GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n\
         GET /delay/700 HTTP/1.1\r\nhost: x\r\n\r\n\
         GET / HTTP/1.1\r\n\r\n",
    )
    .await;
    talk.hear().await;
    let objects = log.objects();
    let nowhere = objects[4]["octets_out"].clone();
    let keys = ["request", "method", "target", "status", "octets_in", "octets_out", "aborted"];
    assert_eq!(
        Value::Array(values(&objects, &keys)),
        serde_json::json!([
            [1, "GET", "/bytes/1000", 200, 0, 1000, false],
            [2, "HEAD", "/bytes/1000", 200, 0, 0, false],
            [3, "POST", "/echo", 200, 2, 2, false],
            [4, "GET", "/status/204", 204, 0, 0, false],
            [5, "GET", "/nowhere", 404, 0, nowhere, false],
            [6, "GET", "/delay/700", 200, 0, 18, false],
            [7, "GET", "/", 400, 0, 58, false],
        ])
    );
    let slow = &objects[5];
    assert_eq!((&slow["first_us"], &slow["total_us"]), (&700_000.into(), &700_000.into()));
    assert_eq!(slow["peer"], "[2001:db8::1]:40000");
    assert_eq!(slow["conn"], Value::Null, "a pipe has no number");
}

/// HTTP/2 has path and host in fields of their own.
#[tokio::test(start_paused = true)]
async fn over_http_2_a_line_says_what_it_says_over_http_1() {
    let log = Log::new(AccessLogFormat::Json);
    let mut talk = log.talk(65_536);
    talk.say("GET /hello?a=b HTTP/1.1\r\nhost: x.test:8080\r\n\r\n").await;
    talk.hear().await;
    let Talk { stream, stopper, server } = log.talk(65_536);
    let (mut http, driving) =
        http2::handshake::<_, _, String>(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(driving);
    let request = Request::get("http://x.test:8080/hello?a=b").body(String::new()).unwrap();
    let response = http.send_request(request).await.unwrap();
    assert!(response.into_body().collect().await.is_ok());
    drop((http, stopper));
    server.await.unwrap();
    assert_eq!(
        Value::Array(values(&log.objects(), &["method", "target", "host", "version", "status"])),
        serde_json::json!([
            ["GET", "/hello?a=b", "x.test:8080", "HTTP/1.1", 200],
            ["GET", "/hello?a=b", "x.test:8080", "HTTP/2.0", 200],
        ])
    );
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_read_or_did_not_come_has_a_line_too() {
    let log = Log::new(AccessLogFormat::Json);
    for said in ["GET /\"\u{1b}[2J\r\nhost: x\r\n\r\n", "GET /slow HTTP/1.1\r\nho"] {
        let mut talk = log.talk(65_536);
        talk.say(said).await;
        let mut heard = Vec::new();
        talk.stream.read_to_end(&mut heard).await.unwrap();
    }
    let objects = log.objects();
    assert_eq!(
        Value::Array(values(&objects, &["request", "unreadable", "status", "aborted"])),
        serde_json::json!([
            [1, "GET /\"\u{1b}[2J", 400, false],
            [1, "GET /slow HTTP/1.1", 408, false],
        ])
    );
}

#[tokio::test(start_paused = true)]
async fn what_broke_off_is_marked() {
    let log = Log::new(AccessLogFormat::Json);
    // The client goes away in the middle of the answer.
    let mut talk = log.talk(1000);
    talk.say("GET /bytes/1000000 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    talk.stream.read_exact(&mut [0; 5000]).await.unwrap();
    drop(talk.stream);
    sleep(Duration::from_secs(5)).await;
    // The program ends while the answer is being made.
    let mut talk = log.talk(1000);
    talk.say("GET /delay/60000 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    sleep(Duration::from_secs(1)).await;
    talk.stopper.stop();
    talk.server.await.unwrap();
    let objects = log.objects();
    assert_eq!(
        Value::Array(values(&objects, &["target", "status", "aborted"])),
        serde_json::json!([["/bytes/1000000", 200, true], ["/delay/60000", null, true]])
    );
    assert!(objects[0]["octets_out"].as_u64().unwrap() < 1_000_000);
    assert_eq!(objects[1]["first_us"], Value::Null);
}

/// Nobody writes a line into the log but the log.
#[tokio::test(start_paused = true)]
async fn strangers_write_no_lines() {
    for format in AccessLogFormat::ALL {
        let log = Log::new(format);
        let mut talk = log.talk(65_536);
        talk.say(
            b"GET /hello?%0a%22x HTTP/1.1\r\nhost: x\r\nreferer: \"\xff\\\r\nuser-agent: a\tb\"c\r\n\r\n",
        )
        .await;
        talk.hear().await;
        let lines = log.lines();
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert!(line.bytes().all(|octet| (b' '..=b'~').contains(&octet)), "{line}");
        match format {
            AccessLogFormat::Common => {
                assert!(
                    line.contains("] \"GET /hello?%0a%22x HTTP/1.1\" 200 51 -/1 in=0 "),
                    "{line}"
                );
            }
            AccessLogFormat::Combined => {
                assert!(
                    line.contains(" 200 51 \"\\\"\\xff\\\\\" \"a\\x09b\\\"c\" -/1 in=0 "),
                    "{line}"
                );
            }
            AccessLogFormat::Json => {
                let object: Value = serde_json::from_str(line).unwrap();
                assert_eq!(object["agent"], "a\tb\"c");
            }
        }
    }
}
