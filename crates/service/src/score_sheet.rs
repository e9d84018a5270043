//! The rules for scores that jurors enter. They are the tally's rules.
//!
//! The API checks them before it queues a command, and reports each mistake with its place. The
//! functions are pure, so that a reader of spreadsheets can run the same check before it sends
//! scores.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use acclaim_ballot_log::{Event, Salt};
use acclaim_contest::{
    Category, Decimal, Entry, EntryId, Instant,
    juror::Jurors,
    rules::{Panel, PanelKind},
};
use acclaim_store::Command;
use acclaim_text::quoted;

/// One juror's scores in a category as given, for one criterion if the panel has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoreSheet {
    /// The panel's id.
    pub panel: String,
    /// The juror's name.
    pub juror: String,
    /// The category's id.
    pub category: String,
    /// The criterion; `None` if the panel has no criteria.
    pub criterion: Option<String>,
    /// Entry and score. An empty list takes earlier scores back.
    pub values: Vec<(String, String)>,
}

/// The place of a mistake in a [`ScoreSheet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SheetField {
    /// [`ScoreSheet::panel`]
    Panel,
    /// [`ScoreSheet::juror`]
    Juror,
    /// [`ScoreSheet::category`]
    Category,
    /// [`ScoreSheet::criterion`]
    Criterion,
    /// All of [`ScoreSheet::values`].
    Values,
    /// The entry of the value with this index.
    Entry(usize),
    /// The score of the value with this index.
    Score(usize),
}

impl fmt::Display for SheetField {
    /// Writes the place as the field of a request, for example `values[3][1]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panel => f.write_str("panel"),
            Self::Juror => f.write_str("juror"),
            Self::Category => f.write_str("category"),
            Self::Criterion => f.write_str("criterion"),
            Self::Values => f.write_str("values"),
            Self::Entry(index) => write!(f, "values[{index}][0]"),
            Self::Score(index) => write!(f, "values[{index}][1]"),
        }
    }
}

/// One mistake in a [`ScoreSheet`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The place of the mistake.
    pub place: SheetField,
    /// The problem, and what would be right.
    pub problem: String,
}

/// Checks the scores of one contest.
pub struct ScoreValidator<'a> {
    panels: &'a [Panel],
    categories: HashSet<&'a str>,
    /// The category of each entry.
    entries: HashMap<&'a str, &'a str>,
    jurors: &'a Jurors,
}

impl<'a> ScoreValidator<'a> {
    /// Returns the check for these panels, categories and entries, and for the jurors that are
    /// named.
    #[must_use]
    pub fn new(
        panels: &'a [Panel],
        categories: &'a [Category],
        entries: &'a [Entry],
        jurors: &'a Jurors,
    ) -> Self {
        Self {
            jurors,
            panels,
            categories: categories.iter().map(|category| category.id.as_str()).collect(),
            entries: entries.iter().map(|entry| (entry.id.as_str(), entry.category.as_str())).collect(),
        }
    }

    /// Returns the command by which the staff key `by` enters a sheet.
    ///
    /// The juror is in the registered spelling, and the scores are in the log's notation.
    ///
    /// # Errors
    /// Every mistake of the sheet; at least one.
    pub fn command(&self, sheet: &ScoreSheet, by: &str) -> Result<Command, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let mut wrong = |place, problem| mistakes.push(Mistake { place, problem });
        let panel = self.panel(&sheet.panel).map_err(|problem| wrong(SheetField::Panel, problem)).ok();
        // An unknown panel has no list of jurors to compare with.
        let juror = panel.map_or(Ok(sheet.juror.as_str()), |panel| self.jurors.find(&panel.id, &sheet.juror));
        let juror =
            juror.map_err(|unknown| wrong(SheetField::Juror, unknown.to_string())).unwrap_or_default();
        if let Some(problem) =
            panel.and_then(|panel| find_criterion_problem(panel, sheet.criterion.as_deref()))
        {
            wrong(SheetField::Criterion, problem);
        }
        let category_is_known = self.categories.contains(&*sheet.category);
        if !category_is_known {
            wrong(SheetField::Category, format!("there is no category {}", quoted(&sheet.category)));
        }
        let mut seen = HashSet::new();
        let mut ranks = HashSet::new();
        let mut values: Vec<(EntryId, String)> = Vec::with_capacity(sheet.values.len());
        for (index, (entry, score)) in sheet.values.iter().enumerate() {
            match self.entries.get(&**entry) {
                None => wrong(SheetField::Entry(index), format!("there is no entry {}", quoted(entry))),
                Some(category) if category_is_known && *category != sheet.category => wrong(
                    SheetField::Entry(index),
                    format!("{} stands in the category {}", quoted(entry), quoted(category)),
                ),
                Some(_) if !seen.insert(entry) => {
                    wrong(SheetField::Entry(index), format!("{} is there twice", quoted(entry)));
                }
                Some(_) => {}
            }
            match read_score(panel, score, &mut ranks) {
                Ok(score) => values.extend(entry.parse().ok().map(|entry| (entry, score.to_string()))),
                Err(problem) => wrong(SheetField::Score(index), problem),
            }
        }
        match (mistakes.is_empty(), sheet.panel.parse(), sheet.category.parse()) {
            (true, Ok(panel), Ok(category)) => {
                let (juror, criterion) = (juror.to_owned(), sheet.criterion.clone());
                check_entry_size(Command::Score { panel, juror, category, criterion, values }, by)
            }
            _ => Err(mistakes),
        }
    }

    fn panel(&self, id: &str) -> Result<&'a Panel, String> {
        self.panels.iter().find(|panel| panel.id.as_str() == id).ok_or_else(|| {
            let ids: Vec<&str> = self.panels.iter().map(|panel| panel.id.as_str()).collect();
            match ids.is_empty() {
                true => "the contest has no panels".to_owned(),
                false => format!("there is no panel {}; the contest has {}", quoted(id), ids.join(", ")),
            }
        })
    }
}

/// Returns a mistake for each score of an entry for which the sheet's juror is recused.
pub fn recused_scores(sheet: &ScoreSheet, is_recused: impl Fn(&str) -> bool) -> Vec<Mistake> {
    let mistake = |(index, entry): (usize, &String)| Mistake {
        place: SheetField::Entry(index),
        problem: format!(
            "{} is recused for {}: leave it out, or take the recusal back first",
            quoted(&sheet.juror),
            quoted(entry)
        ),
    };
    let entries = sheet.values.iter().map(|(entry, _)| entry).enumerate();
    entries.filter(|(_, entry)| is_recused(entry)).map(mistake).collect()
}

fn find_criterion_problem(panel: &Panel, given: Option<&str>) -> Option<String> {
    let names: Vec<&str> = panel.criteria.iter().map(|(name, _)| name.as_str()).collect();
    let one_of = || names.join(", ");
    match given {
        None if names.is_empty() => None,
        None => Some(format!("is missing: the panel {} scores by {}", panel.id, one_of())),
        Some(_) if names.is_empty() => Some(format!("the panel {} has no criteria", panel.id)),
        Some(name) if names.contains(&name) => None,
        Some(name) => Some(format!(
            "the panel {} has no criterion {}; it scores by {}",
            panel.id,
            quoted(name),
            one_of()
        )),
    }
}

/// Reads a score that the panel accepts. Without a panel it accepts every number.
///
/// A panel of kind `rank` accepts each rank once.
fn read_score(panel: Option<&Panel>, text: &str, ranks: &mut HashSet<Decimal>) -> Result<Decimal, String> {
    let invalid =
        || format!("{} is not a number like 7 or 8.25 with at most four decimal places", quoted(text));
    let score = Decimal::read(text).ok_or_else(invalid)?;
    let Some(panel) = panel else { return Ok(score) };
    panel.check_score(score).map_err(|error| error.to_string())?;
    if panel.kind == PanelKind::Rank && !ranks.insert(score) {
        return Err(format!("the rank {score} is given twice"));
    }
    Ok(score)
}

/// Checks that the command fits into one log entry.
fn check_entry_size(command: Command, by: &str) -> Result<Command, Vec<Mistake>> {
    let Command::Score { panel, juror, category, criterion, values } = command.clone() else {
        return Ok(command);
    };
    // All instants have the same length.
    let at = Instant::at_or_before(jiff::Timestamp::UNIX_EPOCH);
    let event = Event::Scores { panel, juror, category, criterion, values, by: by.to_owned(), at };
    // All salts have the same length.
    match event.encode(Some(Salt([0; 16]))) {
        Ok(_) => Ok(command),
        Err(error) => {
            let problem = format!("too large for one log entry: {error}");
            Err(vec![Mistake { place: SheetField::Values, problem }])
        }
    }
}

#[cfg(test)]
mod tests {
    use acclaim_contest::definition::Overrides;

    use super::*;

    fn panels() -> Vec<Panel> {
        let json = r#"[
            {"id":"experts","kind":"score","scale":[1,10],"criteria":[["impact",2],["reach",1]],"trim":0,"minimum_jurors":1,"weight":1},
            {"id":"plain","kind":"score","scale":[0,5],"trim":0,"minimum_jurors":1,"weight":1},
            {"id":"points","kind":"points","trim":0,"minimum_jurors":1,"weight":1},
            {"id":"ranks","kind":"rank","points":[12,10],"trim":0,"minimum_jurors":1,"weight":1}]"#;
        serde_json::from_str(json).unwrap()
    }

    fn jurors() -> Jurors {
        let mut jurors = Jurors::default();
        for panel in panels() {
            ["Ama", "Ama Mensah", "Julián Diaz"].iter().for_each(|juror| jurors.add(&panel.id, juror));
        }
        jurors
    }

    fn definition() -> acclaim_contest::Definition {
        let json = r#"{"contest":{"id":"a","title":"T","time_zone":"UTC","opens":"2021-03-01T00:00:00Z","closes":"2021-04-01T00:00:00Z"},
            "winners":{"count":1,"from":"all","by":"votes"},"category":[{"id":"a","title":"A"},{"id":"b","title":"B"}],
            "entry":[{"id":"a1","category":"a","title":"One"},{"id":"a2","category":"a","title":"Two"},{"id":"b1","category":"b","title":"Three"}]}"#;
        acclaim_contest::Definition::from_json(json.as_bytes(), &Overrides::default()).unwrap()
    }

    fn sheet(panel: &str, criterion: Option<&str>, values: &[(&str, &str)]) -> ScoreSheet {
        ScoreSheet {
            panel: panel.to_owned(),
            juror: "Ama".to_owned(),
            category: "a".to_owned(),
            criterion: criterion.map(str::to_owned),
            values: values.iter().map(|(entry, score)| ((*entry).to_owned(), (*score).to_owned())).collect(),
        }
    }

    fn check_sheet(sheet: &ScoreSheet) -> Result<Command, Vec<String>> {
        let (panels, definition, jurors) = (panels(), definition(), jurors());
        let jury = ScoreValidator::new(&panels, &definition.categories, &definition.entries, &jurors);
        let to_texts = |mistakes: Vec<Mistake>| {
            mistakes.iter().map(|mistake| format!("{}: {}", mistake.place, mistake.problem)).collect()
        };
        jury.command(sheet, "chair").map_err(to_texts)
    }

    #[track_caller]
    fn wrong(sheet: &ScoreSheet, expected: &str) {
        let mistakes = check_sheet(sheet).unwrap_err();
        assert!(mistakes.len() == 1 && mistakes[0].starts_with(expected), "{mistakes:?}");
    }

    #[test]
    fn normalizes_valid_sheet_into_command() {
        let given = sheet("experts", Some("impact"), &[("a1", "8.50"), ("a2", "10.0000")]);
        let Ok(Command::Score { values, criterion, .. }) = check_sheet(&given) else { panic!("{given:?}") };
        let values: Vec<_> = values.iter().map(|(entry, score)| (entry.as_str(), score.as_str())).collect();
        assert_eq!((values, criterion.as_deref()), (vec![("a1", "8.5"), ("a2", "10")], Some("impact")));
        for (panel, values) in [
            ("plain", &[("a1", "0"), ("a2", "5")][..]),
            ("points", &[("a1", "1000000"), ("a2", "0.0001")]),
            ("ranks", &[("a1", "1"), ("a2", "2")]),
            ("plain", &[]),
        ] {
            assert!(check_sheet(&sheet(panel, None, values)).is_ok(), "{panel} {values:?}");
        }
    }

    #[test]
    fn every_spelling_of_a_juror_becomes_the_registered_one() {
        for spelling in ["Julián Diaz", "Julia\u{301}n Diaz", "JULIÁN  diaz", " julián\u{a0}diaz"] {
            let given = ScoreSheet { juror: spelling.to_owned(), ..sheet("plain", None, &[("a1", "3")]) };
            let Ok(Command::Score { juror, .. }) = check_sheet(&given) else { panic!("{spelling:?}") };
            assert_eq!(juror, "Julián Diaz");
        }
    }

    #[test]
    fn names_field_of_every_mistake() {
        wrong(
            &sheet("jury", None, &[("a1", "3")]),
            "panel: there is no panel \"jury\"; the contest has experts, plain",
        );
        wrong(
            &ScoreSheet { category: "c".to_owned(), ..sheet("plain", None, &[("a1", "3")]) },
            "category: there is no category \"c\"",
        );
        wrong(
            &sheet("experts", None, &[("a1", "3")]),
            "criterion: is missing: the panel experts scores by impact, reach",
        );
        wrong(
            &sheet("experts", Some("style"), &[]),
            "criterion: the panel experts has no criterion \"style\"",
        );
        wrong(&sheet("plain", Some("impact"), &[]), "criterion: the panel plain has no criteria");
        wrong(&sheet("plain", None, &[("a1", "3"), ("x", "3")]), "values[1][0]: there is no entry \"x\"");
        wrong(&sheet("plain", None, &[("b1", "3")]), "values[0][0]: \"b1\" stands in the category \"b\"");
        wrong(&sheet("plain", None, &[("a1", "3"), ("a1", "4")]), "values[1][0]: \"a1\" is there twice");
        for score in [
            "",
            "x",
            "-1",
            "+1",
            "1e2",
            "1,5",
            ".5",
            "1.",
            "01",
            "0.00001",
            "12345678901",
            "٣",
            "1.2.3",
            " 1",
        ] {
            wrong(&sheet("points", None, &[("a1", score)]), "values[0][1]: ");
        }
        wrong(
            &sheet("experts", Some("reach"), &[("a1", "0.9999")]),
            "values[0][1]: 0.9999 is not from 1 to 10",
        );
        wrong(&sheet("plain", None, &[("a1", "5.0001")]), "values[0][1]: 5.0001 is not from 0 to 5");
        wrong(
            &sheet("points", None, &[("a1", "1000000.0001")]),
            "values[0][1]: 1000000.0001 is not from 0 to 1000000",
        );
        for rank in ["0", "1.5", "1000001"] {
            wrong(&sheet("ranks", None, &[("a1", rank)]), "values[0][1]: ");
        }
        wrong(
            &sheet("ranks", None, &[("a1", "2"), ("a2", "2.0")]),
            "values[1][1]: the rank 2 is given twice",
        );
        for name in ["", "Average", "A\u{202e}ma", &"A".repeat(101)] {
            let expected = "juror: the panel plain has no juror ";
            wrong(&ScoreSheet { juror: name.to_owned(), ..sheet("plain", None, &[]) }, expected);
        }
        let near = "juror: the panel plain has no juror \"Ama Mensha\"; did you mean \"Ama Mensah\"?";
        wrong(&ScoreSheet { juror: "Ama Mensha".to_owned(), ..sheet("plain", None, &[]) }, near);
        let all = ScoreSheet { category: "c".to_owned(), ..sheet("jury", None, &[("x", "?")]) };
        assert_eq!(check_sheet(&all).unwrap_err().len(), 4, "reports all mistakes at once");
    }

    #[test]
    fn refuses_sheet_larger_than_one_entry() {
        let panels = panels();
        let ids: Vec<String> = (0..5_000).map(|number| format!("entry-{number:05}")).collect();
        let entries: Vec<String> =
            ids.iter().map(|id| format!(r#"{{"id":"{id}","category":"a","title":"T"}}"#)).collect();
        let entries: Vec<Entry> = serde_json::from_str(&format!("[{}]", entries.join(","))).unwrap();
        let definition = definition();
        let jurors = jurors();
        let jury = ScoreValidator::new(&panels, &definition.categories, &entries, &jurors);
        let values: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), "1")).collect();
        let mistakes = jury.command(&sheet("plain", None, &values), "chair").unwrap_err();
        assert!(mistakes.len() == 1 && mistakes[0].place == SheetField::Values, "{mistakes:?}");
        assert!(jury.command(&sheet("plain", None, &values[..2_000]), "chair").is_ok());
    }
}
