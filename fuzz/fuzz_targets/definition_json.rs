//! Definitions in JSON: mistakes as text, or a contest.
//!
//! The canonical JSON of the contest is read to the same contest and written to the same bytes.

#![no_main]

use acclaim_contest::{Definition, Overrides};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    match Definition::from_json(text, &Overrides::default()) {
        Ok(definition) => {
            let json = definition.to_json();
            let again = Definition::from_json(json.as_bytes(), &Overrides::default()).unwrap();
            assert_eq!(again.to_json(), json);
            assert_eq!(again, definition);
        }
        Err(mistakes) => {
            let message = mistakes.to_string();
            assert!(!message.is_empty() && message.len() < 1 << 20);
        }
    }
});
