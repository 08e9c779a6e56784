//! A real browser: Chromium visits a page with style, pictures and a video twice, by HTTP and by HTTPS, and seeks
//! in the video. It is large, so it is not asked for: without it this test says that it was left out, unless
//! `GLASS_BROWSER=must` (scripts/browser). With `GLASS_BLESS=1` what the page looked like becomes
//! docs/browser.png.

mod kernel_common;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::{env, fs};

use kernel_common::{User, directory, ladders, needs, run};
use serde_json::Value;

/// What is said of a run, on the real stderr: what a test prints is held back while it passes.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "kernel_browser: {text}");
}

fn has_chromium() -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let is_there = env::split_paths(&path).any(|dir| dir.join("chromium").exists());
    let must = env::var_os("GLASS_BROWSER").is_some_and(|value| value == "must");
    assert!(is_there || !must, "this test needs chromium: apt-get install chromium");
    if !is_there {
        say("left out, there is no chromium: apt-get install chromium, or scripts/browser");
    }
    is_there
}

/// One request in the access log.
struct Noted {
    conn: u64,
    is_https: bool,
    path: String,
    status: u64,
}

fn noted(path: &Path) -> Vec<Noted> {
    let text = fs::read_to_string(path).expect("a log");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
    lines
        .filter_map(|line| {
            let target = line["target"].as_str()?;
            let path = target.strip_prefix("https://192.0.2.2").unwrap_or(target);
            Some(Noted {
                conn: line["conn"].as_u64()?,
                is_https: line["version"] == "HTTP/2.0",
                path: path.to_owned(),
                status: line["status"].as_u64()?,
            })
        })
        .collect()
}

/// How often each status was answered for paths that `wanted` is true of.
fn statuses(log: &[Noted], is_https: bool, wanted: impl Fn(&str) -> bool) -> BTreeMap<u64, usize> {
    let mut count = BTreeMap::new();
    for line in log.iter().filter(|line| line.is_https == is_https && wanted(&line.path)) {
        *count.entry(line.status).or_default() += 1;
    }
    count
}

#[test]
fn chromium_loads_seeks_and_revalidates() {
    if !has_chromium() {
        return;
    }
    needs(&["python3", "openssl"]);
    let dir = directory("browser");
    let place = |name: &str| dir.join(name).to_str().expect("UTF-8").to_owned();
    fs::create_dir_all(place("www")).expect("a directory");
    let [www, cert, log] = ["www", "cert.pem", "log"].map(place);
    let options = [
        &["--dir", &www, "--tls", "--cert-out", &cert, "--access-log", &log][..],
        &["--access-log-format", "json"],
    ];
    let line = format!(
        "PYTHONDONTWRITEBYTECODE=1 HOME='{home}' python3 '{root}/tests/browser/visits.py' \
         '{www}' '{cert}' '{profile}' '{shot}'",
        root = env!("CARGO_MANIFEST_DIR"),
        home = dir.display(),
        profile = place("profile"),
        shot = place("shot.png"),
    );
    let done = run(User::Root, &options.concat(), &line).ended_with(0);

    // What the browser made of it: twice the same, by each scheme.
    let out = done.out();
    let seen: Vec<Value> =
        out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let visits: Vec<_> = seen.iter().map(|seen| (&seen["scheme"], &seen["visit"])).collect();
    assert_eq!(visits.len(), 4, "{visits:?}\n{done}");
    for seen in &seen {
        assert_eq!(seen["color"], "rgb(0, 90, 160)", "the style is there\n{done}");
        assert_eq!(seen["pictures"], 8, "the pictures are there\n{done}");
        assert_eq!(seen["duration"], 20, "the video is there\n{done}");
        // The ground of second 15, as near as VP8 comes to it.
        for (part, wanted) in [(0, 150), (1, 80), (2, 128)] {
            let part = seen["ground"][part].as_i64().expect("a color");
            assert!((part - wanted).abs() < 20, "not second 15: {seen}\n{done}");
        }
    }

    // What it asked for.
    let log = noted(Path::new(&log));
    let is_video = |path: &str| path == "/video.webm";
    let is_page = |path: &str| !is_video(path) && path != "/favicon.ico";
    for is_https in [false, true] {
        let page = statuses(&log, is_https, is_page);
        let first_and_second = BTreeMap::from([(200, 10), (304, 10)]);
        assert_eq!(page, first_and_second, "https: {is_https}\n{done}");
        let video = statuses(&log, is_https, is_video);
        assert!(video.get(&206) >= Some(&2), "it seeks by parts: {video:?}\n{done}");
        assert!(video.keys().all(|status| [200, 206, 304].contains(status)), "{video:?}\n{done}");
        say(&format!("https: {is_https}, page {page:?}, video {video:?}"));
    }

    // Over which connections: several at a time by HTTP/1.1, one by HTTP/2, each with its ladder.
    let of = |is_https| log.iter().filter(move |line| line.is_https == is_https);
    let first: Vec<u64> = of(false).take(10).map(|line| line.conn).collect();
    let parallel = first.iter().collect::<std::collections::BTreeSet<_>>().len();
    assert!(parallel >= 3, "a browser opens several: {first:?}\n{done}");
    let secure = of(true).map(|line| line.conn).collect::<std::collections::BTreeSet<_>>().len();
    assert_eq!(secure, 1, "HTTP/2 needs one\n{done}");
    let ladders = ladders(&done.err);
    for line in &log {
        let title = format!("#{} ", line.conn);
        assert!(ladders.iter().any(|ladder| ladder.title.starts_with(&title)), "{title}\n{done}");
    }
    say(&format!("{} ladders; {parallel} connections for the first ten files", ladders.len()));

    let shot = fs::read(place("shot.png")).expect("a screenshot");
    assert!(shot.starts_with(b"\x89PNG"), "{} octets", shot.len());
    if env::var_os("GLASS_BLESS").is_some() {
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/browser.png");
        fs::write(kept, shot).expect("docs/browser.png should be writable");
    }
}
