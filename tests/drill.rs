//! The scripts in `tests/drill`: what RFC 9293 asks for, in the language of packetdrill, against our
//! stack. One file each, named for what it holds true.

mod drill_support;

use drill_support::{choices, run, scripts, tally};
use glasstack::drill::Profile;

#[test]
fn every_script_passes() {
    let paths = scripts("drill");
    let tally = run(&paths, &choices(Profile::Rfc));
    println!("{} scripts, {:.1} s of virtual time", paths.len(), tally.virtual_time.as_secs_f64());
    assert_eq!((tally.failed, tally.refused), (0, 0), "the report above says what differs");
    assert!(tally.passed >= 400, "{} scripts", tally.passed);
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
        let here = run(&paths, &choices(profile));
        assert_eq!((here.failed, here.refused), (0, 0), "{name}: the report says what differs");
        assert!(here.passed >= 3, "{name}");
        let elsewhere = tally(&paths, &choices(Profile::Rfc), |_| ());
        assert_eq!(elsewhere.passed, 0, "{name}: what holds everywhere belongs in tests/drill");
    }
}
