//! `--ladder-svg` and `--ladder-html` through the built program: what was drawn of connections with the kernel, and
//! what is told when it cannot be.

mod kernel_common;

use std::fs;

use kernel_common::{Running, User, command, directory, needs, run};
use roxmltree::Document;

const LINE: &str = "curl -sS http://192.0.2.2/hello";

#[test]
fn the_ladders_are_drawn_to_files_however_quiet() {
    needs(&["curl"]);
    let dir = directory("pictures");
    let (svg, html) = (dir.join("ladder.svg"), dir.join("ladder.html"));
    let [svg_path, html_path] = [&svg, &html].map(|path| path.to_str().expect("UTF-8"));
    let options = ["-q", "--ladder-svg", svg_path, "--ladder-html", html_path];
    let done = run(User::Root, &options, LINE).ended_with(0);
    assert_eq!(done.err, "", "quiet is quiet");
    let svg = fs::read_to_string(svg).expect("the picture");
    let document = Document::parse(&svg).expect("XML");
    let has = |words: &str| document.descendants().any(|node| node.text() == Some(words));
    for words in ["peer (client)", "us (server)", "SYN_RCVD", "CLOSE_WAIT", "§3.10.7.4 eighth"] {
        assert!(has(words), "{words} is missing in\n{svg}");
    }
    let html = fs::read_to_string(html).expect("the page");
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains("SYN-RECV"), "{html}");
}

#[test]
fn sections_and_timers_are_shown_when_they_are_asked_for() {
    needs(&["curl"]);
    let plain = run(User::Root, &[], LINE).ended_with(0);
    assert!(!plain.err.contains('§') && !plain.err.contains("timer set"), "{plain}");
    let done = run(User::Root, &["--sections", "--timers"], LINE).ended_with(0);
    done.says("SYN_RCVD     §3.10.7.2").says("retransmission timer set: ");
}

#[test]
fn the_program_inside_does_not_write_over_them() {
    needs(&["curl"]);
    let svg = directory("pictures-inside").join("ladder.svg");
    let before = format!("export GLASS_LADDER_SVG={}", svg.display());
    let line = "glass get http://192.0.2.2/hello; echo ${GLASS_LADDER_SVG-not set}";
    let arguments = ["run", "--", "sh", "-c", line];
    let done = Running::start(command(User::Root, &before, &arguments)).wait().ended_with(0);
    assert!(done.out().ends_with("not set\n"), "{done}");
    let svg = fs::read_to_string(svg).expect("the picture");
    assert!(Document::parse(&svg).is_ok() && svg.contains("us (server)"), "{svg}");
}

#[test]
fn files_that_cannot_be_written_are_told_of_before_anything_starts() {
    for option in ["--ladder-svg", "--ladder-html"] {
        let done = run(User::Root, &[option, "/nowhere/file"], "echo started").ended_with(2);
        assert_eq!(done.out(), "", "CMD was not started\n{done}");
        done.says(&format!("cannot write {option} /nowhere/file: "));
    }
    let options = ["--engine", "smoltcp", "--ladder-svg", "/dev/null"];
    let done = run(User::Root, &options, "echo started").ended_with(2);
    done.says("smoltcp cannot do --ladder-svg: it raises no events");
}
