//! Lists of voters, read as files, with each line read under all rules.
//!
//! The canonical form of a canonical form is the same text, under each set of rules.

#![no_main]

use acclaim_contest::{
    SubjectRules,
    subject::{DefaultScheme, DomainRule, DomainTable, MAX_LENGTH, PlusHandling},
};
use libfuzzer_sys::fuzz_target;

fn table() -> DomainTable {
    let row = |domain: &str| DomainRule { domain: domain.to_owned(), ..DomainRule::default() };
    DomainTable::new(&[
        DomainRule { plus: Some(PlusHandling::Keep), ..row("plus.example") },
        DomainRule { strip: Some(".-_'/=".to_owned()), ..row("strip.example") },
        DomainRule { alias_of: Some("strip.example".to_owned()), ..row("*.alias.example") },
        DomainRule { alias_of: Some("a.wild.example".to_owned()), ..row("*.wild.example") },
    ])
    .unwrap()
}

fn check(text: &str, rules: &SubjectRules, others: &SubjectRules) {
    match rules.canonical(text) {
        Ok(canonical) => {
            assert!(canonical.chars().count() <= MAX_LENGTH);
            assert_eq!(rules.canonical(&canonical).as_deref(), Ok(canonical.as_str()));
            assert_eq!(others.canonical(&canonical).as_deref(), Ok(canonical.as_str()));
        }
        Err(reason) => {
            let message = reason.to_string();
            assert!(!message.is_empty() && message.len() < 300, "{message}");
        }
    }
}

fuzz_target!(|content: &[u8]| {
    let [addresses, ids] = [DefaultScheme::Addresses, DefaultScheme::Ids]
        .map(|subjects_are| SubjectRules::Canonical1 { subjects_are, domains: table() });
    match addresses.lines(content) {
        Ok(lines) => {
            for (number, line) in &lines {
                assert!(*number > 0 && !line.is_empty());
                check(line, &addresses, &ids);
                check(line, &ids, &addresses);
            }
            let texts = lines.iter().map(|(_, line)| line.as_str());
            if let Ok(persons) = addresses.persons(texts) {
                let places: usize = persons.iter().map(|person| person.positions.len()).sum();
                assert_eq!(places, lines.len());
            }
        }
        Err((line, problem)) => assert!(line > 0 && !problem.is_empty()),
    }
    let _raw_lines = SubjectRules::Raw.lines(content);
});
