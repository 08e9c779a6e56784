//! docs/states.svg is what the code draws from the table of arrows.

use std::path::Path;

use glasstack::tcp::State;
use glasstack::view::states_svg;

#[test]
fn the_picture_in_docs_is_the_one_the_code_draws() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/states.svg");
    let drawn = states_svg(None);
    if std::env::var_os("GLASS_BLESS").is_some() {
        std::fs::write(&path, &drawn).expect("docs/states.svg should be writable");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == drawn,
        "docs/states.svg is not what view::states_svg draws; draw it again with\n    \
         GLASS_BLESS=1 cargo test --test diagram\nand look at it before you commit it"
    );
}

#[test]
fn the_present_state_is_told_in_words_too() {
    let plain = states_svg(None);
    assert!(!plain.contains(">now<"), "nothing is lit when no state is given");
    for state in State::ALL {
        let svg = states_svg(Some(state));
        assert_eq!(svg.matches(">now<").count(), 1, "one box is marked for {state}");
        assert!(svg.contains(&format!("The connection is in {state} now.")));
        let (_, card) = svg.split_once(&format!("<g id=\"{state}\">")).expect("a box");
        let (card, _) = card.split_once("</g>").expect("its end");
        assert!(card.contains(">now<"), "the mark stands in the box of {state}");
    }
}
