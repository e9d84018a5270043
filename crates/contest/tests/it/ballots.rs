//! Tests of the ballot check, against a contest of two categories.

use std::collections::HashSet;

use acclaim_contest::{
    BallotValidator, Definition,
    ballot::{MAX_SELECTIONS_LENGTH, SelectionError, SelectionReason},
};
use proptest::{collection::vec, prelude::*};

use crate::support::{from_toml, plain_with};

fn contest(ballot: &str) -> Definition {
    let second = "[[category]]\nid = \"c0\"\ntitle = \"Zero\"\n";
    let entries: String =
        (0..4).map(|i| format!("[[entry]]\nid = \"z{i}\"\ncategory = \"c0\"\ntitle = \"Z\"\n")).collect();
    let text = plain_with("votes_per_category = [1, 1]", ballot);
    from_toml(&format!("{text}{second}{entries}")).unwrap()
}

fn validator(ballot: &str) -> BallotValidator {
    let Definition { categories, entries, rules, .. } = contest(ballot);
    BallotValidator::new(&categories, &entries, &rules, &HashSet::from(["z3".parse().unwrap()]))
}

#[track_caller]
fn assert_refused(
    validator: &BallotValidator,
    selections: &[(&str, &str)],
    category: &str,
    entry: &str,
    reason: SelectionReason,
) {
    let error = validator.check(&mut selections.to_vec()).unwrap_err();
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    assert_eq!(error, SelectionError { category: some(category), entry: some(entry), reason });
}

#[test]
fn sorts_valid_ballots() {
    let validator = validator("votes_per_category = [1, 2]");
    let mut selections = vec![("c1", "e2"), ("c0", "z2"), ("c1", "e1"), ("c0", "z0")];
    validator.check(&mut selections).unwrap();
    assert_eq!(selections, [("c0", "z0"), ("c0", "z2"), ("c1", "e1"), ("c1", "e2")]);
    // A ballot may leave categories out.
    validator.check(&mut [("c1", "e1")]).unwrap();
}

#[test]
fn each_mistake_has_its_reason() {
    let one = validator("votes_per_category = [1, 1]\nvotes_in_all = 2");
    assert_refused(&one, &[], "", "", SelectionReason::Empty);
    assert_refused(&one, &[("c9", "e1")], "c9", "e1", SelectionReason::UnknownCategory);
    assert_refused(&one, &[("c9", "e9")], "c9", "e9", SelectionReason::UnknownCategory);
    assert_refused(&one, &[("c1", "e9")], "c1", "e9", SelectionReason::UnknownEntry);
    assert_refused(&one, &[("c1", "z1")], "c1", "z1", SelectionReason::EntryOfAnotherCategory);
    assert_refused(&one, &[("c1", "e1"), ("c0", "z3")], "c0", "z3", SelectionReason::Withdrawn);
    assert_refused(&one, &[("c1", "e1"), ("c1", "e1")], "c1", "e1", SelectionReason::Repeated);
    assert_refused(&one, &[("c1", "e1"), ("c1", "e2")], "c1", "", SelectionReason::TooManyInCategory);
    assert_refused(&one, &[("c0", "z0"), ("c1", "e1"), ("c0", "z1")], "", "", SelectionReason::TooManyInAll);
    let two = validator("votes_per_category = [2, 3]");
    assert_refused(
        &two,
        &[("c1", "e1"), ("c1", "e2"), ("c0", "z0")],
        "c0",
        "",
        SelectionReason::TooFewInCategory,
    );
}

#[test]
fn ballot_must_fit_in_log_entry() {
    let id = |i: usize| format!("{i:064}");
    let text = plain_with("[1, 1]", "[1, 1000]").replace("\"c1\"", &format!("\"{}\"", id(0)));
    let more: String = (1..=300)
        .map(|i| format!("[[entry]]\nid = \"{}\"\ncategory = \"{}\"\ntitle = \"T\"\n", id(i), id(0)))
        .collect();
    let definition = from_toml(&format!("{text}{more}")).unwrap();
    let too_many = more.replace("id = \"0", "id = \"1");
    let refused = from_toml(&format!("{text}{more}{too_many}")).unwrap_err().to_string();
    assert!(
        refused.contains("votes in the category") && refused.contains("do not fit in a ballot"),
        "{refused}"
    );

    // Each of two such categories fits in a ballot, but not both together.
    let second = format!(
        "[[category]]\nid = \"{}\"\ntitle = \"Two\"\n{}",
        id(1),
        too_many.replace(&format!("category = \"{}", id(0)), &format!("category = \"{}", id(1)))
    );
    let both = from_toml(&format!("{text}{more}{second}")).unwrap();
    let validator = BallotValidator::new(&both.categories, &both.entries, &both.rules, &HashSet::new());
    let selections: Vec<_> =
        both.entries.iter().map(|entry| (entry.category.as_str(), entry.id.as_str())).collect();
    assert_eq!(validator.check(&mut selections.clone()).unwrap_err().reason, SelectionReason::TooLong);
    let mut fitting = selections[..selections.len() / 2].to_vec();
    validator.check(&mut fitting).unwrap();
    assert!(serde_json::to_string(&fitting).unwrap().len() <= MAX_SELECTIONS_LENGTH);
    assert_eq!(definition.entries.len(), 302);
}

#[test]
fn reasons_are_codes() {
    let validator = validator("votes_per_category = [1, 1]");
    let long = "é".repeat(1000);
    let error = validator.check(&mut [("c0", &*long)]).unwrap_err();
    assert_eq!(error.entry.as_ref().unwrap().chars().count(), 80);
    let error = validator.check(&mut [("c1", "z1")]).unwrap_err();
    assert_eq!(
        serde_json::to_string(&error).unwrap(),
        r#"{"category":"c1","entry":"z1","reason":"entry-of-another-category"}"#
    );
    assert_eq!(error.to_string(), r#"category "c1", entry "z1": the entry is in another category"#);
    assert_eq!(
        serde_json::to_string(&validator.check(&mut []).unwrap_err()).unwrap(),
        r#"{"reason":"empty"}"#
    );
}

/// Whether a ballot is valid, computed without sorting or indexes.
fn is_valid(selections: &[(&str, &str)], [least, most]: [usize; 2], in_all: usize) -> bool {
    let stands = |(category, entry): &(&str, &str)| {
        matches!((*category, *entry), ("c0", "z0" | "z1" | "z2") | ("c1", "e1" | "e2"))
    };
    let count = |id: &str| selections.iter().filter(|(category, _)| *category == id).count();
    let fits = |votes: usize| votes == 0 || (least..=most).contains(&votes);
    !selections.is_empty()
        && selections.len() <= in_all
        && selections.iter().all(stands)
        && selections.iter().collect::<HashSet<_>>().len() == selections.len()
        && fits(count("c0"))
        && fits(count("c1"))
}

proptest! {
    #[test]
    fn check_agrees_with_simple_definition(
        selections in vec(("c[01]", "e[12]|z[0123]"), 0..5),
        least in 1usize..3,
        more in 0usize..2,
        in_all in 2usize..5,
    ) {
        let most = least + more;
        let validator = validator(&format!("votes_per_category = [{least}, {most}]\nvotes_in_all = {in_all}"));
        let mut selections: Vec<_> = selections.iter().map(|(c, e)| (c.as_str(), e.as_str())).collect();
        let expected = is_valid(&selections, [least, most], in_all);
        prop_assert_eq!(validator.check(&mut selections).is_ok(), expected);
    }
}
