//! The scripts in `tests/drill`: what RFC 9293 asks for, in the language of packetdrill, against our
//! stack. One file each, named for what it holds true.

mod drill_support;

use drill_support::{choices, choices_over, run, scripts, tally};
use glasstack::drill::suite::Outcome;
use glasstack::drill::{IpVersion, Profile};

#[test]
fn every_script_passes() {
    let paths = scripts("drill");
    let tally = run(&paths, &choices(Profile::Rfc));
    println!("{} scripts, {:.1} s of virtual time", paths.len(), tally.virtual_time.as_secs_f64());
    assert_eq!((tally.failed, tally.refused), (0, 0), "the report above says what differs");
    assert!(tally.passed >= 400, "{} scripts", tally.passed);
    // What is for IPv6 alone has a twin for IPv4 alone.
    assert!(tally.skipped <= 5, "{} scripts", tally.skipped);
}

/// Whether the address is long or short decides nothing: the same scripts hold over IPv6, number for number.
#[test]
fn every_script_passes_over_ipv6() {
    let paths = scripts("drill");
    let tally = run(&paths, &choices_over(Profile::Rfc, IpVersion::V6));
    assert_eq!((tally.failed, tally.refused), (0, 0), "the report above says what differs");
    assert!(tally.passed >= 400, "{} scripts", tally.passed);
    // One in fifty.
    assert!(tally.skipped * 50 <= paths.len(), "{} scripts have no twin", tally.skipped);
}

/// A script for one version alone says why, and is not skipped over both.
#[test]
fn every_script_is_for_one_version_at_least() {
    let paths = scripts("drill");
    let [mut v4, mut v6] = [Vec::new(), Vec::new()];
    for (version, skipped) in [(IpVersion::V4, &mut v4), (IpVersion::V6, &mut v6)] {
        tally(&paths, &choices_over(Profile::Rfc, version), |verdict| {
            if let Outcome::Skipped(skip) = &verdict.outcome {
                println!("over {version}: {}: {}", verdict.path.display(), skip.why);
                skipped.push(verdict.path.clone());
            }
        });
    }
    assert!(!v4.is_empty() && !v6.is_empty(), "some scripts are for one version alone");
    let nowhere: Vec<_> = v4.iter().filter(|path| v6.contains(path)).collect();
    assert!(nowhere.is_empty(), "{nowhere:?}");
}

/// The first line of a script says where the RFC says it.
#[test]
fn every_script_names_its_source() {
    for path in scripts("drill").iter().chain(&scripts("drill_profiles")) {
        let text = std::fs::read_to_string(path).expect("it was listed");
        let first = text.lines().next().unwrap_or_default();
        let rest = first.strip_prefix("// RFC ").unwrap_or_default();
        let names_section = rest
            .split([' ', ',', ':'])
            .nth(1)
            .is_some_and(|section| section.split('.').all(|part| part.parse::<u8>().is_ok()));
        assert!(names_section && first.ends_with(['.', '!']), "{}: {first}", path.display());
    }
}

/// Where systems differ, scripts that hold for one of them.
#[test]
fn every_profile_makes_its_own_choices() {
    for (name, profile) in [("linux", Profile::Linux), ("freebsd", Profile::Freebsd)] {
        let paths = scripts(&format!("drill_profiles/{name}"));
        for version in IpVersion::ALL {
            let here = run(&paths, &choices_over(profile, version));
            assert_eq!((here.failed, here.refused), (0, 0), "{name}: the report says what differs");
            assert!(here.passed >= 3, "{name} over {version}");
        }
        let elsewhere = tally(&paths, &choices(Profile::Rfc), |_| ());
        assert_eq!(elsewhere.passed, 0, "{name}: what holds everywhere belongs in tests/drill");
    }
}
