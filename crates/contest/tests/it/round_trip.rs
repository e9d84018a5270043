//! Tests that a written definition is read back unchanged, and that reading never panics.

use acclaim_contest::definition::{Definition, Overrides};
use proptest::prelude::*;

use crate::support::PLAIN;

fn plain() -> Definition {
    Definition::from_toml(PLAIN.as_bytes(), &mut |_| Err("none".to_owned()), &Overrides::default()).unwrap()
}

proptest! {
    #[test]
    fn json_round_trips(
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
        // Some of these titles are refused. An accepted definition is read back unchanged.
        if let Ok(read) = Definition::from_json(definition.to_json().as_bytes(), &Overrides::default()) {
            prop_assert_eq!(read, definition);
        }
    }

    #[test]
    fn changed_byte_does_not_panic(at in 0..PLAIN.len(), byte in any::<u8>()) {
        let mut text = PLAIN.as_bytes().to_vec();
        text[at] = byte;
        let _any = Definition::from_toml(&text, &mut |_| Err("none".to_owned()), &Overrides::default());
        let _any = Definition::from_json(&text, &Overrides::default());
        let mut json = plain().to_json().into_bytes();
        let position = at % json.len();
        json[position] = byte;
        let _any = Definition::from_json(&json, &Overrides::default());
    }
}

#[test]
fn plain_definition_round_trips() {
    let definition = plain();
    assert_eq!(Definition::from_json(definition.to_json().as_bytes(), &Overrides::default()), Ok(definition));
}

#[test]
fn rejects_deep_nesting() {
    let deep = "[".repeat(200_000);
    assert!(Definition::from_json(deep.as_bytes(), &Overrides::default()).is_err());
    let toml = format!("a = {deep}");
    assert!(
        Definition::from_toml(toml.as_bytes(), &mut |_| Err(String::new()), &Overrides::default()).is_err()
    );
}
