//! Tests of the warnings about a valid definition.

use crate::support::{PLAIN, from_toml};

/// Returns the warnings of the plain definition with this publication table and more text after it.
fn warnings_for(publication: &str, more: &str) -> Vec<String> {
    let definition = from_toml(&format!("{PLAIN}\n[publication]\n{publication}\n{more}")).unwrap();
    let warnings = definition.warnings();
    assert!(warnings.iter().all(|warning| warning.key == "publication.entries"), "{warnings:?}");
    warnings.into_iter().map(|warning| warning.problem).collect()
}

#[test]
fn default_publication_has_no_warnings() {
    assert!(from_toml(PLAIN).unwrap().warnings().is_empty());
    assert!(warnings_for("", "").is_empty());
}

/// All combinations: a warning appears exactly if entries are public before the standings or result
/// that can be computed from them.
#[test]
fn warns_of_entries_public_before_result() {
    let at = |word: &str| match word {
        "live" | "public" => 0,
        "after-close" | "closed" => 1,
        _ => 2,
    };
    for entries in ["live", "after-close", "certified"] {
        for standings in ["public", "after-close", "organisers"] {
            for result in ["closed", "certified"] {
                let table = format!("entries = {entries:?}\nstandings = {standings:?}\nresult = {result:?}");
                let standings_at = if standings == "organisers" { at(result) } else { at(standings) };
                let warnings = warnings_for(&table, "");
                assert_eq!(
                    warnings.len(),
                    usize::from(at(entries) < at(result).max(standings_at)),
                    "{table}: {warnings:?}"
                );
                for warning in &warnings {
                    assert!(warning.starts_with(&format!("is {entries:?}: ")), "{warning}");
                    assert_eq!(
                        warning.contains("the result is public"),
                        at(entries) < at(result),
                        "{warning}"
                    );
                    // Standings for organisers never become public by themselves.
                    let is_never = standings == "organisers";
                    let words =
                        ["the standings are public", "the standings are for organisers and auditors only"];
                    let has = words.map(|words| warning.contains(words));
                    let is_early = at(entries) < standings_at;
                    assert_eq!(has, [is_early && !is_never, is_early && is_never], "{warning}");
                }
            }
        }
    }
}

#[test]
fn jurors_scores_are_named_where_there_are_jurors() {
    let panel = "[[panel]]\nid = \"experts\"\nkind = \"score\"\nscale = [0, 10]";
    let table = "entries = \"after-close\"";
    assert!(!warnings_for(table, "")[0].contains("juror"));
    let by_scores = PLAIN.replace("count = 1", "count = 1\nby = \"scores\"");
    let definition = from_toml(&format!("{by_scores}\n[publication]\n{table}\n{panel}")).unwrap();
    assert!(definition.warnings()[0].problem.contains("the scores of each juror by name"));
}

#[test]
fn rehearsal_gets_warnings_of_contest() {
    let table = "[publication]\nentries = \"after-close\"";
    let rehearsal = PLAIN.replace("title = \"Plain\"", "title = \"Plain\"\ntest = true");
    let definition = from_toml(&format!("{rehearsal}\n{table}")).unwrap();
    assert!(definition.test);
    assert_eq!(definition.warnings().len(), 1);
    assert!(from_toml(&rehearsal).unwrap().warnings().is_empty());
}
