//! The CSV file of entries: mistakes as text, or a contest that its own JSON describes.

#![no_main]

use acclaim_contest::{Definition, Overrides};
use libfuzzer_sys::fuzz_target;

const CONTEST: &str = r#"entries_csv = "entries.csv"
[contest]
id = "plain"
title = "Plain"
time_zone = "UTC"
opens = "2021-03-01T00:00:00"
closes = "2021-03-31T23:59:00"
[winners]
count = 1
[[category]]
id = "c1"
title = "One"
[[category]]
id = "c2"
title = "Two"
"#;

fuzz_target!(|csv: &[u8]| {
    match Definition::from_toml(CONTEST.as_bytes(), &mut |_| Ok(csv.to_vec()), &Overrides::default()) {
        Ok(definition) => {
            assert!(!definition.entries.is_empty());
            let json = definition.to_json();
            assert_eq!(Definition::from_json(json.as_bytes(), &Overrides::default()), Ok(definition));
        }
        Err(mistakes) => {
            let message = mistakes.to_string();
            assert!(!message.is_empty() && message.len() < 1 << 20);
        }
    }
});
