//! What is written is read back to the same, and nothing read makes it panic.

use acclaim_contest::definition::{Definition, Overrides};
use proptest::prelude::*;

use crate::support::PLAIN;

fn plain() -> Definition {
    Definition::from_toml(PLAIN.as_bytes(), &mut |_| Err("none".to_owned()), &Overrides::default()).unwrap()
}

proptest! {
    #[test]
    fn a_definition_is_read_back_as_it_was_written(
        title in "[\\PC&&[^\\s]][\\PC]{0,40}",
        least in 1_u32..=1,
        most in 1_u32..=3,
        revisions in proptest::option::of(1_u32..100),
        test in any::<bool>(),
    ) {
        use acclaim_contest::rules::Revision;
        let mut definition = plain();
        definition.title = title;
        definition.test = test;
        definition.rules.ballot.votes_per_category = [least, most];
        definition.rules.ballot.revisions = revisions;
        definition.rules.ballot.revision = if revisions.is_some() { Revision::Replace } else { Revision::Final };
        // Some of these titles are refused; what is accepted comes back.
        if let Ok(read) = Definition::from_json(definition.to_json().as_bytes(), &Overrides::default()) {
            prop_assert_eq!(read, definition);
        }
    }

    #[test]
    fn no_bytes_make_reading_panic(at in 0..PLAIN.len(), byte in any::<u8>()) {
        let mut text = PLAIN.as_bytes().to_vec();
        text[at] = byte;
        let _any = Definition::from_toml(&text, &mut |_| Err("none".to_owned()), &Overrides::default());
        let _any = Definition::from_json(&text, &Overrides::default());
        let mut json = plain().to_json().into_bytes();
        let place = at % json.len();
        json[place] = byte;
        let _any = Definition::from_json(&json, &Overrides::default());
    }
}

#[test]
fn the_plain_definition_comes_back_exactly() {
    let definition = plain();
    assert_eq!(Definition::from_json(definition.to_json().as_bytes(), &Overrides::default()), Ok(definition));
}

#[test]
fn deep_nesting_is_refused() {
    let deep = "[".repeat(200_000);
    assert!(Definition::from_json(deep.as_bytes(), &Overrides::default()).is_err());
    let toml = format!("a = {deep}");
    assert!(
        Definition::from_toml(toml.as_bytes(), &mut |_| Err(String::new()), &Overrides::default()).is_err()
    );
}
