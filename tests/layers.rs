//! The layers of docs/architecture.md, read off the sources: who may use whom, which crates the pure
//! layers may use, and where `unsafe` may stand. The checker itself is held against made-up sources.
//!
//! `layers/paths.rs` finds the paths in a source; what they may be is here.

#[path = "layers/paths.rs"]
mod paths;

use std::path::{Path, PathBuf};
use std::{env, fs};

use paths::Source;

/// Every top-level module and its layer. A module uses only layers with a lower number.
const LAYERS: [(&str, u8); 21] = [
    ("time", 0),
    ("seq", 0),
    ("error", 0),
    ("wire", 1),
    ("trace", 2),
    ("tcp", 2),
    ("stack", 3),
    ("device", 4),
    ("engine", 4),
    ("sim", 4),
    ("runtime", 4),
    ("serving", 5),
    ("http", 5),
    ("services", 5),
    ("view", 5),
    ("drill", 5),
    ("lesson", 5),
    ("bench", 5),
    ("control", 5),
    ("cli", 6),
    ("main", 6),
];

/// Within a layer, who may use whom.
const SIBLINGS: [(&str, &str); 13] = [
    // What happened is told in the words of the machine, and the machine tells it.
    ("trace", "tcp"),
    ("tcp", "trace"),
    // The driver drives an engine with the packets of a device. A virtual network has both ends.
    ("runtime", "device"),
    ("runtime", "engine"),
    ("sim", "device"),
    ("sim", "engine"),
    // Accepting, lingering and stopping are below whoever answers.
    ("http", "serving"),
    ("services", "serving"),
    // The ladder of a script looks as other ladders do.
    ("drill", "view"),
    // A lesson runs scripts and shows what they did.
    ("lesson", "drill"),
    ("lesson", "view"),
    // Whoever looks into a running program sees its ladders.
    ("control", "view"),
    // The program is one call.
    ("main", "cli"),
];

/// The last pure layer: the same inputs give the same packets, so nothing here asks the system.
const LAST_PURE: u8 = 3;

/// The crates that the pure layers may use, and why each is harmless. None does I/O, reads a clock or
/// draws a random number.
const PURE_CRATES: [(&str, &str); 8] = [
    ("bitflags", "flags and masks"),
    ("bytes", "payload that is shared and not copied"),
    ("etherparse", "parses and writes headers"),
    ("hashbrown", "the table of connections: slots by a hash of ours"),
    ("serde", "events and snapshots as data"),
    ("siphasher", "a hash keyed with the secret: ISNs, ports, the connection table"),
    ("slab", "connections in slots"),
    ("smallvec", "short lists without an allocation"),
];

/// What of `std` the pure layers may not use: the clock, chance, and the rest of the system.
const IMPURE_STD: [&[&str]; 13] = [
    &["std", "time", "Instant"],
    &["std", "time", "SystemTime"],
    &["std", "hash", "RandomState"],
    &["std", "collections", "hash_map", "RandomState"],
    &["std", "thread"],
    &["std", "fs"],
    &["std", "env"],
    &["std", "process"],
    &["std", "os"],
    &["std", "io", "stdout"],
    &["std", "io", "stderr"],
    &["std", "net", "TcpStream"],
    &["std", "net", "UdpSocket"],
];

/// Where `unsafe` may stand.
const UNSAFE_ALLOWED_IN: &str = "device";

fn layer(module: &str) -> Option<u8> {
    LAYERS.iter().find(|(name, _)| *name == module).map(|(_, layer)| *layer)
}

/// What is wrong with the source of one file, `path` being relative to src. `crates` are the
/// package's dependencies, as they are spelled in code.
fn violations(path: &str, text: &str, crates: &[String]) -> Vec<String> {
    let Some(source) = Source::parse(path, text) else {
        return Vec::new(); // lib.rs: the root, which only names the modules
    };
    let own = source.top_module();
    let Some(own_layer) = layer(own) else {
        return vec![format!(
            "{path}: the module {own} is in no layer; say which in tests/layers.rs"
        )];
    };
    let mut found = Vec::new();
    let mut wrong = |line: usize, why: String| found.push(format!("{path}:{line}: {why}"));
    for used in source.paths() {
        let first = used.segments[0].as_str();
        if first == "crate" || first == "glasstack" {
            let Some(target) = used.segments.get(1).filter(|name| *name != own) else { continue };
            if let Some(why) = may_not_use(own, own_layer, target) {
                wrong(used.line, why);
            }
        } else if own_layer <= LAST_PURE {
            let is_pure = PURE_CRATES.iter().any(|(name, _)| *name == first);
            if crates.iter().any(|name| name == first) && !is_pure {
                wrong(used.line, format!("{own} is pure and may not use the crate {first}"));
            }
            if IMPURE_STD.iter().any(|prefix| used.starts_with(prefix)) {
                let name = used.segments.join("::");
                wrong(used.line, format!("{own} is pure and may not use {name}"));
            }
        }
    }
    if own != UNSAFE_ALLOWED_IN {
        for line in source.lines_with(&["unsafe", "unsafe_code"]) {
            wrong(line, format!("unsafe outside src/{UNSAFE_ALLOWED_IN}"));
        }
    }
    found
}

fn may_not_use(own: &str, own_layer: u8, target: &str) -> Option<String> {
    match layer(target) {
        Some(theirs) if theirs < own_layer => None,
        Some(theirs) if theirs == own_layer => {
            let is_allowed = SIBLINGS.contains(&(own, target));
            (!is_allowed).then(|| format!("{own} and {target} are both in L{own_layer}"))
        }
        Some(theirs) => Some(format!("{own} (L{own_layer}) may not use {target} (L{theirs})")),
        None => Some(format!("{own} uses {target} of the crate's root, which is in no layer")),
    }
}

/// The names under `[dependencies]`.
fn dependencies(manifest: &str) -> Vec<String> {
    let section = manifest.lines().skip_while(|line| line.trim() != "[dependencies]").skip(1);
    let entries = section.take_while(|line| !line.starts_with('['));
    let names = entries.filter_map(|line| line.split_once('=')).map(|(name, _)| name.trim());
    names.filter(|name| !name.starts_with('#')).map(|name| name.replace('-', "_")).collect()
}

fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("src can be listed") {
        let path = entry.expect("src can be listed").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn every_module_keeps_to_its_layer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = dependencies(&fs::read_to_string(root.join("Cargo.toml")).expect("Cargo.toml"));
    assert!(crates.iter().any(|name| name == "tokio"), "the dependencies are found: {crates:?}");
    let src = root.join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    files.sort();
    assert!(files.len() > 50, "the sources are found: {files:?}");
    let found: Vec<String> = files
        .iter()
        .flat_map(|file| {
            let name = file.strip_prefix(&src).expect("below src").to_str().expect("in UTF-8");
            violations(name, &fs::read_to_string(file).expect("a source"), &crates)
        })
        .collect();
    assert!(found.is_empty(), "against docs/architecture.md:\n{}", found.join("\n"));
}

/// The violations of a made-up source.
fn check(path: &str, text: &str) -> Vec<String> {
    let crates = ["tokio", "log", "rustix", "nix", "getrandom", "bytes", "etherparse"];
    violations(path, text, &crates.map(str::to_owned))
}

#[test]
fn a_lower_layer_may_be_used_and_a_higher_one_not() {
    assert_eq!(check("tcp/tcb.rs", "use crate::seq::Seq;\nuse crate::wire::Segment;"), [""; 0]);
    let found = check("tcp/tcb.rs", "use std::fmt;\nuse crate::stack::Stack;");
    assert_eq!(found, ["tcp/tcb.rs:2: tcp (L2) may not use stack (L3)"]);
    assert_eq!(check("seq.rs", "use crate::tcp::State;").len(), 1);
    assert_eq!(check("cli/run.rs", "use crate::view::Style; use crate::seq::Seq;"), [""; 0]);
}

#[test]
fn siblings_are_used_only_where_it_says_so() {
    assert_eq!(check("trace/event.rs", "use crate::tcp::State;"), [""; 0]);
    assert_eq!(check("http/server.rs", "use crate::serving::stop;"), [""; 0]);
    assert_eq!(check("serving/stop.rs", "use crate::http::serve;").len(), 1);
    assert_eq!(check("device/tun.rs", "use crate::runtime::Net;").len(), 1);
    assert_eq!(check("time.rs", "use crate::seq::Seq;").len(), 1);
    assert_eq!(check("tcp/a/b.rs", "use crate::tcp::State; use super::x;"), [""; 0]);
}

#[test]
fn every_way_to_write_a_path_is_seen() {
    for (path, text) in [
        ("wire/tcp.rs", "use crate::{seq::Seq, stack::{Stack, Config}};"),
        ("wire/tcp.rs", "use crate::{\n    stack as other,\n};"),
        ("wire/tcp.rs", "pub(crate) use crate::stack;"),
        ("wire/tcp.rs", "fn f() -> crate::stack::Stack { todo!() }"),
        ("wire/tcp.rs", "fn f() { let x: Vec<crate::stack::Stack>; }"),
        ("wire/tcp.rs", "use super::super::stack::Stack;"),
        ("wire/mod.rs", "use super::stack::Stack;"),
        ("wire.rs", "use super::stack::Stack;"),
        ("wire/a/mod.rs", "use super::super::stack::Stack;"),
        ("wire/tcp.rs", "mod tests { use super::super::super::stack::Stack; }"),
        ("wire/tcp.rs", "use glasstack::stack::Stack;"),
        ("wire/tcp.rs", "fn f() { crate::nowhere::f() }"),
    ] {
        assert!(!check(path, text).is_empty(), "{path}: {text}");
    }
    for (path, text) in [
        ("wire/tcp.rs", "// use crate::stack::Stack;\n/* crate::stack /* crate::stack */ */"),
        ("wire/tcp.rs", "//! See [`crate::stack`].\nconst X: &str = \"crate::stack\";"),
        ("wire/tcp.rs", "const X: &str = r#\"\"crate::stack\"#; const C: char = '\"';"),
        ("wire/tcp.rs", "fn f<'a>(x: &'a str) {} const B: u8 = b'\\''; "),
        ("wire/tcp.rs", "use super::super::wire::x; use super::stack::local;"),
        ("wire/tcp.rs", "mod tests { use super::super::stack::local; } use super::stack::x;"),
        ("lib.rs", "pub mod wire; pub mod nowhere;"),
    ] {
        assert_eq!(check(path, text), [""; 0], "{path}: {text}");
    }
}

#[test]
fn the_pure_layers_use_pure_crates_only() {
    for text in [
        "use tokio::time::sleep;",
        "use ::tokio;",
        "fn f() { log::info!(\"x\"); }",
        "use {bytes::Bytes, rustix::time};",
        "use nix as other;",
        "fn f() { getrandom::fill(&mut x) }",
        "use std::time::{Duration, Instant};",
        "use std::{fmt, fs};",
        "fn f() { std::thread::sleep(x) }",
        "use std::time::SystemTime as Now;",
        "use std::collections::hash_map::{Entry, RandomState};",
    ] {
        assert_eq!(check("stack/mod.rs", text).len(), 1, "{text}");
        assert_eq!(check("runtime/mod.rs", text), [""; 0], "{text}");
    }
    let pure = "use bytes::Bytes; use std::time::Duration; use std::net::IpAddr; use log_lines::x;";
    assert_eq!(check("stack/mod.rs", pure), [""; 0]);
}

#[test]
fn unsafe_stands_in_device_only() {
    assert_eq!(check("device/tun.rs", "fn f() { unsafe { g() } }"), [""; 0]);
    let found = check("runtime/clock.rs", "\nfn f() { unsafe { g() } }");
    assert_eq!(found, ["runtime/clock.rs:2: unsafe outside src/device"]);
    assert_eq!(check("cli/child.rs", "#[allow(unsafe_code)]").len(), 1);
    assert_eq!(check("cli/child.rs", "// unsafe\nconst X: &str = \"unsafe\";"), [""; 0]);
}

#[test]
fn a_module_without_a_layer_is_refused() {
    assert_eq!(check("gadget/mod.rs", "").len(), 1);
    assert_eq!(check("main.rs", "fn main() { glasstack::cli::main() }"), [""; 0]);
}

#[test]
fn dependencies_are_read_from_the_manifest() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\n# a = 1\ntun-tap = \"1\"\n\nlog = \"2\"\n\
                    [dev-dependencies]\nproptest = \"1\"\n";
    assert_eq!(dependencies(manifest), ["tun_tap", "log"]);
}
