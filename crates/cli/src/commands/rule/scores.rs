//! The commands `acclaim rule score` and `acclaim rule scores`.
//!
//! The first one enters jurors' scores from a table, and checks all of them before it sends any.
//! The second one shows the current scores.

#![expect(clippy::indexing_slicing, reason = "reading a JSON value by a key that is not there gives null")]

mod file;

use std::collections::{BTreeMap, HashSet};

use acclaim_contest::{
    PanelId,
    juror::{Jurors, is_same_name},
};
use acclaim_service::score_sheet::{ScoreSheet, ScoreValidator, SheetField, recused_scores};
use acclaim_tables::is_total;
use anyhow::{Result, anyhow, bail};
use serde_json::{Value, json};

use self::file::{Row, rows};
use super::{
    super::table_file::{Mistake, TableFile, format_mistakes},
    catalogue::{Catalogue, Contest},
};
use crate::{
    args::{contest::ShowArgs, rule::ScoreArgs},
    client::{Client, IdempotencyKey},
    outcome::Outcome,
    output::{self, Table},
};

/// A placeholder for the name of the staff key that enters the scores, which only the server knows.
/// It is as long as the longest possible name.
const KEY_NAME_PLACEHOLDER: &str =
    "----------------------------------------------------------------------------------------------------";

/// The rows of each panel, juror, category and criterion. One request enters the rows of one of
/// these.
type Sheets<'a> = BTreeMap<(&'a str, &'a str, &'a str, &'a str), Vec<&'a Row>>;

/// Reads and checks a table of scores, and enters them.
pub(super) fn enter(args: &ScoreArgs) -> Result<Outcome> {
    let file = TableFile::read(&args.csv, "the scores in")?;
    let client = Client::open(&args.target)?;
    let contest = Contest::fetch(&client, &args.contest)?;
    let (jurors, own_juror) = jurors(&client, args)?;
    let found = rows(&file, &args.columns, &panel_jurors(&contest, args, own_juror.as_ref(), &jurors));
    found.notes.iter().for_each(|note| output::note(&output::printable(note)));
    let refused = |mistakes| format_mistakes(mistakes, &args.csv, "the scores", "nothing was sent");
    let (mut rows, mut mistakes) = (found.rows, found.mistakes);
    if rows.is_empty() && !mistakes.is_empty() {
        return Err(anyhow!(refused(mistakes)));
    }
    match fill_in(&mut rows, &found.columns, args, &contest, &client) {
        Err(error) if !mistakes.is_empty() => bail!("{}\n  and {error:#}", refused(mistakes)),
        filled => filled?,
    }
    let jury = ScoreValidator::new(&contest.panels, &contest.categories, &contest.entries, &jurors);
    let recusals = recusals(&client, args)?;
    register(&mut rows, &jurors);
    mistakes.extend(find_entries(&mut rows, &contest));
    mistakes.extend(totals(&rows, &jurors));
    mistakes.extend(wrong_rows(&mut rows, &mistakes, own_juror.as_ref(), &jury, &recusals));
    let sheets = sheets(&rows);
    if !mistakes.is_empty() {
        return Err(anyhow!(refused(mistakes)));
    }
    if sheets.is_empty() {
        bail!("the scores in {}: the table has no row with a score", args.csv.display());
    }
    let key = IdempotencyKey::new()?;
    for (number, ((panel, juror, category, criterion), rows)) in sheets.into_iter().enumerate() {
        let values: Vec<_> = rows.iter().map(|row| (&row.entry, &row.value)).collect();
        let mut body = json!({"panel": panel, "juror": juror, "category": category, "values": values});
        let mut label = format!("{juror}, {category}");
        if !criterion.is_empty() {
            body["criterion"] = criterion.into();
            label = format!("{label}, {criterion}");
        }
        let path = format!("/v1/contests/{}/scores", args.contest);
        let answer = client.post(&path, &key.part(number), &body)?;
        output::line(format_args!("{label}: recorded at index {}", answer["index"]))?;
    }
    Ok(Outcome::Done)
}

/// Fills in the panel and the juror of each row if the file does not name them. They come from
/// `--panel`, from the contest's only panel, or from the juror's key.
fn fill_in(
    rows: &mut [Row],
    columns: &[&str],
    args: &ScoreArgs,
    contest: &Contest,
    client: &Client,
) -> Result<()> {
    let has = |name: &str| columns.contains(&name);
    let (names_panels, names_jurors) = (has("panel"), has("juror"));
    if let (true, Some(panel)) = (names_panels, &args.panel) {
        bail!("the file has a column panel: leave out --panel {panel}");
    }
    let mut panel = args.panel.as_ref().or_else(|| only_panel(contest)).map(ToString::to_string);
    let mut juror = None;
    if !(names_jurors && (names_panels || panel.is_some())) {
        let own_scores: Value = client.get(&format!("/v1/contests/{}/scores", args.contest))?.json()?;
        let text = |key: &str| own_scores[key].as_str().map(str::to_owned);
        panel = panel.or_else(|| text("panel"));
        juror = text("juror");
    }
    if !names_panels && panel.is_none() {
        bail!("the file has no column panel: name the panel with --panel");
    }
    if !names_jurors && juror.is_none() {
        bail!("the file has no column juror: add one, or use a juror's key");
    }
    for row in rows {
        if !names_panels {
            panel.as_deref().unwrap_or_default().clone_into(&mut row.panel);
        }
        if !names_jurors {
            juror.as_deref().unwrap_or_default().clone_into(&mut row.juror);
        }
    }
    Ok(())
}

fn only_panel(contest: &Contest) -> Option<&PanelId> {
    match &contest.panels[..] {
        [only] => Some(&only.id),
        _ => None,
    }
}

/// Returns the names that the columns of a wide table can have: the jurors of the panel that the
/// scores are for.
fn panel_jurors<'a>(
    contest: &Contest,
    args: &ScoreArgs,
    own_juror: Option<&(String, String)>,
    jurors: &'a Jurors,
) -> Vec<&'a str> {
    let own_panel = own_juror.and_then(|(panel, _)| panel.parse().ok());
    let panel = args.panel.as_ref().or(own_panel.as_ref()).or_else(|| only_panel(contest));
    panel.map_or_else(Vec::new, |panel| jurors.of(panel).iter().map(String::as_str).collect())
}

/// Replaces titles of categories and entries by their ids. Fills in the category of an entry if the
/// file has none. Returns the mistakes of names that are not found.
fn find_entries(rows: &mut [Row], contest: &Contest) -> Vec<Mistake> {
    let catalogue = Catalogue::new(contest);
    let mut mistakes = Vec::new();
    for row in rows {
        if !row.category.is_empty() {
            match catalogue.category(&row.category) {
                Ok(category) => category.id.as_str().clone_into(&mut row.category),
                Err(problem) => mistakes.push((row.number, "category".to_owned(), problem)),
            }
        }
        if row.entry.is_empty() {
            continue;
        }
        match catalogue.entry(&row.entry, &row.category) {
            Ok(entry) => {
                entry.id.as_str().clone_into(&mut row.entry);
                if row.category.is_empty() {
                    entry.category.as_str().clone_into(&mut row.category);
                }
            }
            Err(problem) => mistakes.push((row.number, "entry".to_owned(), problem)),
        }
    }
    mistakes
}

/// Returns the mistakes of rows whose juror's name is a word for a row of totals, and not a known
/// juror.
fn totals(rows: &[Row], jurors: &Jurors) -> Vec<Mistake> {
    let is_registered =
        |row: &&Row| row.panel.parse::<PanelId>().is_ok_and(|panel| jurors.find(&panel, &row.juror).is_ok());
    let totals = rows.iter().filter(|row| is_total(&row.juror) && !is_registered(row));
    let problem = |row: &Row| format!("{:?} is a row of totals, and not a juror; delete it", row.juror);
    totals.map(|row| (row.number, "juror".to_owned(), problem(row))).collect()
}

/// Returns the panel, juror and entry of each current recusal that the key may read.
fn recusals(client: &Client, args: &ScoreArgs) -> Result<HashSet<[String; 3]>> {
    let answer: Value = client.get(&format!("/v1/contests/{}/recusals", args.contest))?.json()?;
    let standing = answer["recusals"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(standing.map(|recusal| ["panel", "juror", "entry"].map(|key| text(&recusal[key]))).collect())
}

/// Returns the contest's jurors. With a juror's key, also returns the panel and name of that juror,
/// who is then the only juror in the list.
fn jurors(client: &Client, args: &ScoreArgs) -> Result<(Jurors, Option<(String, String)>)> {
    let status: Value = client.get(&format!("/v1/contests/{}/jury", args.contest))?.json()?;
    let mut jurors = Jurors::default();
    let own_panel = status["panels"][0]["panel"].as_str().unwrap_or_default();
    let own_juror = status["juror"].as_str().map(|juror| (own_panel.to_owned(), juror.to_owned()));
    for panel in status["panels"].as_array().into_iter().flatten() {
        let Some(Ok(id)) = panel["panel"].as_str().map(str::parse::<PanelId>) else { continue };
        let names = panel["jurors"].as_array().into_iter().flatten();
        names.filter_map(|juror| juror["juror"].as_str()).for_each(|juror| jurors.add(&id, juror));
    }
    Ok((jurors, own_juror))
}

/// Returns the mistake of a row that the juror of this panel and name cannot enter with the own
/// key.
fn not_own(row: &Row, panel: &str, juror: &str) -> Option<Mistake> {
    if row.panel != panel {
        return Some((row.number, "panel".to_owned(), format!("the key is for {panel:?} alone")));
    }
    (!is_same_name(&row.juror, juror))
        .then(|| (row.number, "juror".to_owned(), format!("the key is for {juror:?} alone")))
}

/// Replaces each juror's name by the registered spelling, so that rows with two spellings are one
/// juror's sheet. Unknown names stay, and become mistakes later.
fn register(rows: &mut [Row], jurors: &Jurors) {
    for row in rows {
        let found = row.panel.parse::<PanelId>().ok().and_then(|panel| jurors.find(&panel, &row.juror).ok());
        if let Some(juror) = found {
            juror.clone_into(&mut row.juror);
        }
    }
}

fn sheets(rows: &[Row]) -> Sheets<'_> {
    let mut sheets = Sheets::new();
    for row in rows {
        sheets.entry((&row.panel, &row.juror, &row.category, &row.criterion)).or_default().push(row);
    }
    sheets
}

/// Returns the mistakes of the rows by the contest's rules.
///
/// Leaves out cells with `known` mistakes, because their intended values are unknown.
fn wrong_rows(
    rows: &mut Vec<Row>,
    known: &[Mistake],
    own_juror: Option<&(String, String)>,
    jury: &ScoreValidator<'_>,
    recusals: &HashSet<[String; 3]>,
) -> Vec<Mistake> {
    let place = |(row, column, _): &Mistake| (*row, column.clone());
    let mut wrong_cells: HashSet<(u32, String)> = known.iter().map(place).collect();
    // In a row with an extra cell, every cell may be in the wrong column.
    rows.retain(|row| !wrong_cells.contains(&(row.number, String::new())));
    // An ambiguous value must not count as another row's rank.
    rows.iter_mut()
        .filter(|row| wrong_cells.contains(&(row.number, row.value_column.clone())))
        .for_each(|row| row.value.clear());
    let mut found = Vec::new();
    let not_own = own_juror
        .into_iter()
        .flat_map(|(panel, juror)| rows.iter().filter_map(move |row| not_own(row, panel, juror)));
    for mistake in not_own.filter(|mistake| !wrong_cells.contains(&place(mistake))).collect::<Vec<_>>() {
        // A juror's key does not give the jurors of other panels, so these cells are not checked
        // further.
        wrong_cells.extend(["panel", "juror"].map(|column| (mistake.0, column.to_owned())));
        found.push(mistake);
    }
    let sheets = sheets(rows);
    let by_rules = sheets.iter().flat_map(|(of, rows)| check(jury, recusals, *of, rows));
    found.extend(by_rules.filter(|mistake| !wrong_cells.contains(&place(mistake))));
    found
}

/// Returns the mistakes of a sheet, each with its rows.
fn check(
    jury: &ScoreValidator<'_>,
    recusals: &HashSet<[String; 3]>,
    (panel, juror, category, criterion): (&str, &str, &str, &str),
    rows: &[&Row],
) -> Vec<Mistake> {
    let sheet = ScoreSheet {
        panel: panel.to_owned(),
        juror: juror.to_owned(),
        category: category.to_owned(),
        criterion: (!criterion.is_empty()).then(|| criterion.to_owned()),
        values: rows.iter().map(|row| (row.entry.clone(), row.value.clone())).collect(),
    };
    let mut found = jury.command(&sheet, KEY_NAME_PLACEHOLDER).err().unwrap_or_default();
    let recusal = |entry: &str| [panel, juror, entry].map(str::to_owned);
    found.extend(recused_scores(&sheet, |entry| recusals.contains(&recusal(entry))));
    let mut mistakes = Vec::new();
    for mistake in found {
        let (column, of_rows) = match mistake.place {
            SheetField::Panel => ("panel", rows),
            SheetField::Juror => ("juror", rows),
            SheetField::Category => ("category", rows),
            SheetField::Criterion => ("criterion", rows),
            SheetField::Values => ("", rows.get(..1).unwrap_or_default()),
            SheetField::Entry(index) => ("entry", rows.get(index..=index).unwrap_or_default()),
            SheetField::Score(index) => ("value", rows.get(index..=index).unwrap_or_default()),
        };
        let column = |row: &Row| if column == "value" { row.value_column.clone() } else { column.to_owned() };
        mistakes.extend(of_rows.iter().map(|row| (row.number, column(row), mistake.problem.clone())));
    }
    mistakes
}

/// Prints the current scores.
pub(super) fn show(args: &ShowArgs) -> Result<Outcome> {
    let scores: Value =
        Client::open(&args.target)?.get(&format!("/v1/contests/{}/scores", args.contest))?.json()?;
    if args.json {
        output::json(&scores)?;
        return Ok(Outcome::Done);
    }
    let mut table = Table::new(&["panel", "juror", "category", "criterion", "entry", ">value"]);
    for sheet in scores["scores"].as_array().into_iter().flatten() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        for value in sheet["values"].as_array().into_iter().flatten() {
            let of_sheet = ["panel", "juror", "category", "criterion"].map(|key| text(&sheet[key]));
            let [panel, juror, category, criterion] = of_sheet;
            table.row([panel, juror, category, criterion, text(&value[0]), text(&value[1])]);
        }
    }
    table.print()?;
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use acclaim_contest::{Category, Entry, rules::Panel};

    use super::*;
    use crate::args::rule::ScoreColumns;

    fn of_file(content: &str) -> super::file::ScoreRows {
        rows(&TableFile::of(content.as_bytes()).unwrap(), &ScoreColumns::default(), &[])
    }

    #[test]
    fn rows_of_two_spellings_are_one_jurors_sheet() {
        let content = "panel,juror,category,entry,value\ne,Julián Diaz,a,a1,9\ne,Julia\u{301}n Diaz,a,a2,5\ne,Average,a,a1,7\n";
        let mut rows = of_file(content).rows;
        let (mut jurors, panel) = (Jurors::default(), "e".parse().unwrap());
        jurors.add(&panel, "Julián Diaz");
        register(&mut rows, &jurors);
        let sheets = sheets(&rows);
        let read: Vec<_> = sheets.iter().map(|((_, juror, ..), rows)| (*juror, rows.len())).collect();
        assert_eq!(read, [("Average", 1), ("Julián Diaz", 2)]);
    }

    /// Returns the mistakes reported for a file. The panel `e` has ranks, and its jurors are Ama
    /// and Kofi. An organiser sends the file, or Ama if `is_amas`.
    fn all_mistakes(content: &str, is_amas: bool) -> Vec<String> {
        let panels = r#"[{"id":"e","kind":"rank","points":[12,10],"trim":0,"minimum_jurors":1,"weight":1},
            {"id":"f","kind":"points","trim":0,"minimum_jurors":1,"weight":1}]"#;
        let panels: Vec<Panel> = serde_json::from_str(panels).unwrap();
        let categories: Vec<Category> = serde_json::from_str(r#"[{"id":"a","title":"A"}]"#).unwrap();
        let entries = r#"[{"id":"x","category":"a","title":"X"},{"id":"y","category":"a","title":"Y"}]"#;
        let entries: Vec<Entry> = serde_json::from_str(entries).unwrap();
        let mut jurors = Jurors::default();
        for name in ["Ama", "Kofi"] {
            if name == "Ama" || !is_amas {
                jurors.add(&"e".parse().unwrap(), name);
            }
        }
        let own_juror = is_amas.then(|| ("e".to_owned(), "Ama".to_owned()));
        let jury = ScoreValidator::new(&panels, &categories, &entries, &jurors);
        let found = of_file(content);
        let (mut rows, mut mistakes) = (found.rows, found.mistakes);
        register(&mut rows, &jurors);
        let contest =
            Contest { panels: panels.clone(), categories: categories.clone(), entries: entries.clone() };
        mistakes.extend(find_entries(&mut rows, &contest));
        mistakes.extend(totals(&rows, &jurors));
        mistakes.extend(wrong_rows(&mut rows, &mistakes, own_juror.as_ref(), &jury, &HashSet::new()));
        mistakes.sort();
        mistakes.into_iter().map(|(row, column, _)| format!("{row} {column}")).collect()
    }

    #[test]
    fn reports_all_mistakes_and_each_cell_once() {
        for (content, is_amas, expected) in [
            // A mistake of form and a mistake against the rules, in two rows and in one.
            (
                "panel;juror;category;entry;value\ne;Ama;a;x;1.000\ne;Average;a;y;2\ne;Nobody;a;x;1,000",
                false,
                &["2 value", "3 juror", "4 juror", "4 value"][..],
            ),
            // A missing cell is reported as missing, and the rest of the row is checked.
            (
                "panel,juror,category,entry,value\ne,,a,z,1\ne,Ama,,z,\n",
                false,
                &["2 entry", "2 juror", "3 category", "3 entry", "3 value"],
            ),
            // An ambiguous value takes no rank.
            ("panel;juror;category;entry;value\ne;Ama;a;x;1.000\ne;Ama;a;y;1", false, &["2 value"]),
            // A shifted row is reported as shifted, and for nothing else.
            (
                "panel,juror,category,entry,value\ne,Mensah, Ama,a,x,1\ne,Ama,a,y,one",
                false,
                &["2 ", "3 value"],
            ),
            // A juror's key, which does not know the jurors of other panels.
            (
                "panel,juror,category,entry,value\ne,Kofi,a,x,1\nf,Esi,a,z,1\ne,Ama,a,y,0.5",
                true,
                &["2 juror", "3 entry", "3 panel", "4 value"],
            ),
        ] {
            assert_eq!(all_mistakes(content, is_amas), expected, "{content}");
        }
    }
}
