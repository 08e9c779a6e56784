//! Where examples are, built just now: `cargo test --test NAME` alone does not build them.

use std::env;
use std::path::PathBuf;
use std::process::Command;

/// The directory in which these are.
pub fn built(names: &[&str]) -> PathBuf {
    let this = env::current_exe().expect("a program knows where it is");
    let profile = this.ancestors().nth(2).expect("target/PROFILE/deps/this");
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo has told this test of itself would be news to build scripts that look at it (ring's does),
    // and everything above them would be built once more, here and then again outside.
    let of_this_test =
        ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
    for (name, _) in env::vars_os() {
        let is_about_us = |prefix| name.to_string_lossy().starts_with(prefix);
        if of_this_test.iter().copied().any(is_about_us) {
            cargo.env_remove(&name);
        }
    }
    cargo.args(["build", "--quiet", "--locked", "--offline", "--target-dir"]);
    cargo.arg(profile.parent().expect("target")).current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args(names.iter().flat_map(|name| ["--example", name]));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.status().expect("cargo runs");
    assert!(status.success(), "these examples do not build: {names:?}");
    profile.join("examples")
}
