//! What a client of HTTP/2 may keep of the server, and for how long, whatever windows it opens (RFC 9113 5.2, 10.5).

use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs, process};

use glasstack::http::{Bounds, Config, directory, files};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep, timeout};

use super::frames::{
    ACK, DATA, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM, Raw, SETTINGS, frame,
    request,
};
use super::world::{Server, answering, plain};

const WINDOW_UPDATE: u8 = 8;
/// As a reason to take a request back.
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// A client whose windows are shut until it opens them.
async fn shut(config: Config) -> (Raw, Server) {
    let (stream, server) = plain(config);
    let mut raw = Raw { stream };
    raw.send(&[PREFACE, &no_window()].concat()).await;
    (raw, server)
}

fn no_window() -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])
}

fn open(stream: u32, octets: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &octets.to_be_bytes())
}

/// Sends what `bait` makes each five seconds, while twenty answers wait. Returns how long the server goes along.
async fn lasts(before: &[u8], bait: impl Fn(u32) -> Vec<u8>) -> u64 {
    let (mut raw, _server) = shut(Config::default()).await;
    let start = Instant::now();
    for id in 0..20 {
        raw.send(&request(2 * id + 1, "/bytes/100000000")).await;
    }
    raw.send(before).await;
    let mut next = start;
    for nth in 0..100 {
        next += Duration::from_secs(5);
        loop {
            match tokio::time::timeout_at(next, raw.frame()).await {
                Ok(None) => return start.elapsed().as_secs(),
                Ok(Some(_)) => {}
                Err(_) => break,
            }
        }
        let _ = raw.stream.write_all(&bait(nth)).await;
    }
    panic!("it would go on for ever");
}

/// The peer is there all the time: it answers to PING, and asks for this and that.
#[tokio::test(start_paused = true)]
async fn answers_that_nobody_takes_end_the_connection_whatever_else_goes_on() {
    let another = |nth: u32| request(101 + 2 * nth, "/status/204");
    assert_eq!(lasts(&[], another).await, 30, "empty answers");
    let drop_by_drop = lasts(&[], |nth| open(2 * (nth % 20) + 1, 1)).await;
    assert!((30..=31).contains(&drop_by_drop), "one octet at a time: {drop_by_drop} s");
    let stream = [request(101, "/stream/10000?ms=1000"), open(101, 1 << 20)].concat();
    let beside = lasts(&stream, |_| Vec::new()).await;
    assert!((30..=35).contains(&beside), "beside an answer that takes long to make: {beside} s");
}

#[tokio::test(start_paused = true)]
async fn who_takes_answers_slowly_gets_all_of_them() {
    let (mut raw, _server) = shut(Config::default()).await;
    for id in [1, 3, 5] {
        raw.send(&request(id, "/bytes/30000")).await;
    }
    let (mut octets, mut ended, mut seconds) = (0, 0, 0);
    while ended < 3 {
        match timeout(Duration::from_secs(1), raw.frame()).await {
            Ok(frame) => {
                let frame = frame.expect("300 octets a second are enough");
                if frame.kind == DATA {
                    octets += frame.payload.len();
                    ended += i32::from(frame.flags & END_STREAM != 0);
                }
            }
            Err(_) => {
                seconds += 1;
                for (id, octets) in [(0, 300), (1, 100), (3, 100), (5, 100)] {
                    let _ = raw.stream.write_all(&open(id, octets)).await;
                }
            }
        }
    }
    assert_eq!(octets, 90_000);
    assert!(seconds >= 290, "{seconds} s");
}

/// A directory with one file, which is longer than what is read of it at once.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        let path = env::temp_dir().join(format!("glasstack-shares-{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("large"), vec![7; 300_000]).unwrap();
        Place(path)
    }

    /// How often this process has the file open.
    fn open(&self) -> usize {
        let file = self.0.join("large");
        let all = fs::read_dir("/proc/self/fd").unwrap();
        all.flatten().filter(|fd| fs::read_link(fd.path()).is_ok_and(|to| to == file)).count()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Counts the answers that begin, until none does any more.
async fn begun(raw: &mut Raw) -> usize {
    let mut begun = 0;
    while let Ok(frame) = timeout(Duration::from_millis(300), raw.frame()).await {
        begun += usize::from(frame.expect("the connection goes on").kind == HEADERS);
    }
    begun
}

#[tokio::test]
async fn one_connection_has_its_share_of_files_and_waits_for_itself() {
    let place = Place::new();
    let router = directory(&place.0, files::Options::default()).unwrap();
    let (stream, _server) = answering(router, Config::default());
    let mut raw = Raw { stream };
    raw.send(&[PREFACE, &no_window()].concat()).await;
    for id in 0..100 {
        raw.send(&request(2 * id + 1, "/large")).await;
    }
    assert_eq!((begun(&mut raw).await, place.open()), (32, 32));
    // One is taken back, and one is taken.
    raw.send(&frame(RST_STREAM, 0, 1, &CANCEL)).await;
    assert_eq!((begun(&mut raw).await, place.open()), (1, 32));
    raw.send(&[open(0, 1 << 20), open(3, 1 << 20)].concat()).await;
    assert_eq!((begun(&mut raw).await, place.open()), (1, 32));
}

/// Asks and takes it back when a frame of this kind has come. Says whether the server still answers.
async fn take_back(raw: &mut Raw, id: u32, path: &str, when: u8) -> bool {
    let asked = [request(id, path), frame(PING, 0, 0, &[7; 8])].concat();
    if raw.stream.write_all(&asked).await.is_err() {
        return false;
    }
    loop {
        match raw.frame().await {
            None => return false,
            Some(frame) if frame.kind == GOAWAY => return false,
            Some(frame) if frame.kind == when && (when != PING || frame.flags & ACK != 0) => break,
            Some(_) => {}
        }
    }
    raw.stream.write_all(&frame(RST_STREAM, 0, id, &CANCEL)).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_taken_back_when_they_were_begun_end_the_connection() {
    // When it has been read; or when the answer is there, and waits for a window.
    for (path, when) in [("/delay/60000", PING), ("/bytes/1000", HEADERS)] {
        let (mut raw, _server) = shut(Config::default()).await;
        let mut taken_back = 0;
        while taken_back < 2000 && take_back(&mut raw, 2 * taken_back + 1, path, when).await {
            taken_back += 1;
        }
        assert!((257..=259).contains(&taken_back), "{path}: {taken_back}");
    }
}

/// A browser that leaves page after page before they have come.
#[tokio::test(start_paused = true)]
async fn who_takes_back_some_now_and_then_may_go_on() {
    let (stream, _server) = plain(Config::default());
    let mut raw = Raw::begin(stream).await;
    for nth in 0..1000 {
        assert!(take_back(&mut raw, 2 * nth + 1, "/delay/60000", PING).await, "the {nth}th");
        if nth % 100 == 99 {
            sleep(Duration::from_secs(10)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn so_many_requests_to_a_connection() {
    let bounds = Bounds { requests: 3, ..Bounds::default() };
    let (stream, _server) = plain(Config { bounds, ..Config::default() });
    let mut raw = Raw::begin(stream).await;
    for id in [1, 3] {
        raw.send(&request(id, "/hello")).await;
        raw.next(DATA).await;
    }
    let start = Instant::now();
    assert!(timeout(Duration::from_secs(9), raw.next(GOAWAY)).await.is_err(), "not yet");
    raw.send(&request(5, "/hello")).await;
    let frames = raw.rest().await;
    assert!(frames.iter().any(|frame| frame.kind == GOAWAY && frame.reason() == 0), "{frames:?}");
    assert!(frames.iter().any(|frame| frame.kind == DATA && frame.stream == 5), "{frames:?}");
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}
