//! Definitions in TOML: mistakes as text, or a contest that its own JSON describes.

#![no_main]

use acclaim_contest::{Definition, Overrides};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let entries = b"id,category,title\nx1,photos,One\n";
    let read = Definition::from_toml(text, &mut |_| Ok(entries.to_vec()), &Overrides::default());
    match read {
        Ok(definition) => {
            let json = definition.to_json();
            assert_eq!(Definition::from_json(json.as_bytes(), &Overrides::default()), Ok(definition));
        }
        Err(mistakes) => {
            let message = mistakes.to_string();
            assert!(!message.is_empty() && message.len() < 1 << 20);
        }
    }
});
