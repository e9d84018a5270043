//! `acclaim rule score` and `acclaim rule scores`: jurors' scores from a spreadsheet, all checked before any is sent, and those that stand.

#![expect(clippy::indexing_slicing, reason = "reading a JSON value by a key that is not there gives null")]

mod file;

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write as _,
    path::Path,
};

use acclaim_api::jury::{Jury, Place, Sheet, recused_scores};
use acclaim_contest::{
    Category, Entry, PanelId,
    juror::{Jurors, is_same},
    rules::Panel,
};
use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::{Value, json};

use self::file::{Mistake, Row, read, rows};
use crate::{
    args::{contest::ShowArgs, rule::ScoreArgs},
    client::{Client, IdempotencyKey},
    outcome::Outcome,
    output::{self, Table},
};

/// The most mistakes that are listed.
const MOST_MISTAKES: usize = 100;
/// As long as a staff key's name can be: which one enters the scores, the server knows.
const BY: &str =
    "----------------------------------------------------------------------------------------------------";

/// Rows of one panel, juror, category and criterion: what one request enters.
type Sheets<'a> = BTreeMap<(&'a str, &'a str, &'a str, &'a str), Vec<&'a Row>>;

pub(super) fn enter(args: &ScoreArgs) -> Result<Outcome> {
    let content = read(&args.csv)?;
    let (columns, mut rows, mut mistakes) = rows(&content);
    if rows.is_empty() && !mistakes.is_empty() {
        return Err(anyhow!(listed(mistakes, &args.csv)));
    }
    let client = Client::open(&args.target)?;
    match fill_in(&mut rows, &columns, args, &client) {
        Err(error) if !mistakes.is_empty() => bail!("{}\n  and {error:#}", listed(mistakes, &args.csv)),
        filled => filled?,
    }
    let contest = contest(&client, args)?;
    let (jurors, own) = jurors(&client, args)?;
    let jury = Jury::new(&contest.panels, &contest.categories, &contest.entries, &jurors);
    let recusals = recusals(&client, args)?;
    register(&mut rows, &jurors);
    mistakes.extend(wrong_rows(&mut rows, &mistakes, own.as_ref(), &jury, &recusals));
    let sheets = sheets(&rows);
    if !mistakes.is_empty() {
        return Err(anyhow!(listed(mistakes, &args.csv)));
    }
    if sheets.is_empty() {
        bail!("the scores in {}: there are none", args.csv.display());
    }
    let key = IdempotencyKey::new()?;
    for (number, ((panel, juror, category, criterion), rows)) in sheets.into_iter().enumerate() {
        let values: Vec<_> = rows.iter().map(|row| (&row.entry, &row.value)).collect();
        let mut body = json!({"panel": panel, "juror": juror, "category": category, "values": values});
        let mut about = format!("{juror}, {category}");
        if !criterion.is_empty() {
            body["criterion"] = criterion.into();
            about = format!("{about}, {criterion}");
        }
        let path = format!("/v1/contests/{}/scores", args.contest);
        let done = client.post(&path, &key.part(number), &body)?;
        output::line(format_args!("{about}: recorded at index {}", done["index"]))?;
    }
    Ok(Outcome::Done)
}

/// Panel and juror where the file does not say them: the option's, or those of the juror whose key it is.
fn fill_in(rows: &mut [Row], columns: &[String], args: &ScoreArgs, client: &Client) -> Result<()> {
    let has = |name: &str| columns.iter().any(|column| column == name);
    let (names_panels, names_jurors) = (has("panel"), has("juror"));
    if let (true, Some(panel)) = (names_panels, &args.panel) {
        bail!("the file has a column panel: leave out --panel {panel}");
    }
    let mut panel = args.panel.as_ref().map(ToString::to_string);
    let mut juror = None;
    if !(names_jurors && (names_panels || panel.is_some())) {
        let own: Value = client.get(&format!("/v1/contests/{}/scores", args.contest))?.json()?;
        let text = |key: &str| own[key].as_str().map(str::to_owned);
        panel = panel.or_else(|| text("panel"));
        juror = text("juror");
    }
    if !names_panels && panel.is_none() {
        bail!("the file has no column panel: name the panel with --panel");
    }
    if !names_jurors && juror.is_none() {
        bail!("the file has no column juror, and the key is not that of one");
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

/// Panel, juror and entry of each recusal that stands and the key may read.
fn recusals(client: &Client, args: &ScoreArgs) -> Result<HashSet<[String; 3]>> {
    let answer: Value = client.get(&format!("/v1/contests/{}/recusals", args.contest))?.json()?;
    let standing = answer["recusals"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(standing.map(|recusal| ["panel", "juror", "entry"].map(|key| text(&recusal[key]))).collect())
}

struct Contest {
    panels: Vec<Panel>,
    categories: Vec<Category>,
    entries: Vec<Entry>,
}

fn contest(client: &Client, args: &ScoreArgs) -> Result<Contest> {
    let mut contest = client.contest(&args.contest)?;
    for entry in contest["entries"].as_array_mut().into_iter().flatten() {
        // What the server says beyond the definition.
        entry.as_object_mut().and_then(|entry| entry.remove("withdrawn"));
    }
    let named = || format!("the server's contest {}", args.contest);
    Ok(Contest {
        panels: serde_json::from_value(contest["rules"]["panels"].take()).with_context(named)?,
        categories: serde_json::from_value(contest["categories"].take()).with_context(named)?,
        entries: serde_json::from_value(contest["entries"].take()).with_context(named)?,
    })
}

/// The contest's jurors; and with a juror's key that key's panel and juror, who is then the only one.
fn jurors(client: &Client, args: &ScoreArgs) -> Result<(Jurors, Option<(String, String)>)> {
    let status: Value = client.get(&format!("/v1/contests/{}/jury", args.contest))?.json()?;
    let mut jurors = Jurors::default();
    let own_panel = status["panels"][0]["panel"].as_str().unwrap_or_default();
    let own = status["juror"].as_str().map(|juror| (own_panel.to_owned(), juror.to_owned()));
    for panel in status["panels"].as_array().into_iter().flatten() {
        let Some(Ok(id)) = panel["panel"].as_str().map(str::parse::<PanelId>) else { continue };
        let names = panel["jurors"].as_array().into_iter().flatten();
        names.filter_map(|juror| juror["juror"].as_str()).for_each(|juror| jurors.add(&id, juror));
    }
    Ok((jurors, own))
}

/// The mistake of a row that the juror whose key it is cannot enter.
fn not_own(row: &Row, panel: &str, juror: &str) -> Option<Mistake> {
    if row.panel != panel {
        return Some((row.line, "panel", format!("the key is for {panel:?} alone")));
    }
    (!is_same(&row.juror, juror)).then(|| (row.line, "juror", format!("the key is for {juror:?} alone")))
}

/// Writes each juror in the registered spelling, so that rows of two spellings are one juror's sheet. Who is no juror stays, and is a mistake later.
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

/// What is wrong with the rows by the contest's rules, except in cells that are `known` to be wrong: their intended value is unknown.
fn wrong_rows(
    rows: &mut Vec<Row>,
    known: &[Mistake],
    own: Option<&(String, String)>,
    jury: &Jury<'_>,
    recusals: &HashSet<[String; 3]>,
) -> Vec<Mistake> {
    let mut wrong: HashSet<(usize, &str)> = known.iter().map(|(line, column, _)| (*line, *column)).collect();
    // A row with a cell too many may have each of its cells in the wrong column.
    rows.retain(|row| !wrong.contains(&(row.line, "")));
    // A value that can be read in two ways is not another row's rank.
    rows.iter_mut().filter(|row| wrong.contains(&(row.line, "value"))).for_each(|row| row.value.clear());
    let mut found = Vec::new();
    let not_own = own
        .into_iter()
        .flat_map(|(panel, juror)| rows.iter().filter_map(move |row| not_own(row, panel, juror)));
    for mistake in not_own.filter(|(line, column, _)| !wrong.contains(&(*line, *column))).collect::<Vec<_>>()
    {
        // A juror's key does not tell the jurors of other panels.
        wrong.extend([(mistake.0, "panel"), (mistake.0, "juror")]);
        found.push(mistake);
    }
    let sheets = sheets(rows);
    let by_rules = sheets.iter().flat_map(|(of, rows)| check(jury, recusals, *of, rows));
    found.extend(by_rules.filter(|(line, column, _)| !wrong.contains(&(*line, *column))));
    found
}

/// The mistakes of a sheet, each at its rows.
fn check(
    jury: &Jury<'_>,
    recusals: &HashSet<[String; 3]>,
    (panel, juror, category, criterion): (&str, &str, &str, &str),
    rows: &[&Row],
) -> Vec<Mistake> {
    let sheet = Sheet {
        panel: panel.to_owned(),
        juror: juror.to_owned(),
        category: category.to_owned(),
        criterion: (!criterion.is_empty()).then(|| criterion.to_owned()),
        values: rows.iter().map(|row| (row.entry.clone(), row.value.clone())).collect(),
    };
    let mut found = jury.command(&sheet, BY).err().unwrap_or_default();
    let recusal = |entry: &str| [panel, juror, entry].map(str::to_owned);
    found.extend(recused_scores(&sheet, |entry| recusals.contains(&recusal(entry))));
    let mut mistakes = Vec::new();
    for mistake in found {
        let (column, of_rows) = match mistake.place {
            Place::Panel => ("panel", rows),
            Place::Juror => ("juror", rows),
            Place::Category => ("category", rows),
            Place::Criterion => ("criterion", rows),
            Place::Values => ("", rows.get(..1).unwrap_or_default()),
            Place::Entry(index) => ("entry", rows.get(index..=index).unwrap_or_default()),
            Place::Score(index) => ("value", rows.get(index..=index).unwrap_or_default()),
        };
        mistakes.extend(of_rows.iter().map(|row| (row.line, column, mistake.problem.clone())));
    }
    mistakes
}

fn listed(mut mistakes: Vec<Mistake>, file: &Path) -> String {
    mistakes.sort();
    let mut text = match mistakes.len() {
        1 => "the scores have a mistake; nothing was sent".to_owned(),
        count => format!("the scores have {count} mistakes; nothing was sent"),
    };
    for (line, column, problem) in mistakes.iter().take(MOST_MISTAKES) {
        let column = if column.is_empty() { String::new() } else { format!("{column}: ") };
        let _infallible = write!(text, "\n  {}:{line}: {column}{problem}", file.display());
    }
    if mistakes.len() > MOST_MISTAKES {
        let _infallible = write!(text, "\n  and {} more", mistakes.len() - MOST_MISTAKES);
    }
    text
}

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
    use super::*;

    #[test]
    fn rows_of_two_spellings_are_one_jurors_sheet() {
        let content = "panel,juror,category,entry,value\ne,Julián Diaz,a,a1,9\ne,Julia\u{301}n Diaz,a,a2,5\ne,Average,a,a1,7\n";
        let (_, mut rows, _) = rows(content.as_bytes());
        let (mut jurors, panel) = (Jurors::default(), "e".parse().unwrap());
        jurors.add(&panel, "Julián Diaz");
        register(&mut rows, &jurors);
        let sheets = sheets(&rows);
        let read: Vec<_> = sheets.iter().map(|((_, juror, ..), rows)| (*juror, rows.len())).collect();
        assert_eq!(read, [("Average", 1), ("Julián Diaz", 2)]);
    }

    /// The mistakes reported for a file for the panel `e` of ranks, of the jurors Ama and Kofi, sent by an organiser or by Ama.
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
        let own = is_amas.then(|| ("e".to_owned(), "Ama".to_owned()));
        let jury = Jury::new(&panels, &categories, &entries, &jurors);
        let (_, mut rows, mut mistakes) = rows(content.as_bytes());
        register(&mut rows, &jurors);
        mistakes.extend(wrong_rows(&mut rows, &mistakes, own.as_ref(), &jury, &HashSet::new()));
        mistakes.sort();
        mistakes.into_iter().map(|(line, column, _)| format!("{line} {column}")).collect()
    }

    #[test]
    fn every_mistake_is_told_at_once_and_each_cell_once() {
        for (content, is_amas, expected) in [
            // A cell of the form and one of the rules, in two rows and in one.
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
            // What can be read in two ways takes no rank.
            ("panel;juror;category;entry;value\ne;Ama;a;x;1.000\ne;Ama;a;y;1", false, &["2 value"]),
            // A shifted row is reported as shifted, and for nothing else.
            (
                "panel,juror,category,entry,value\ne,Mensah, Ama,a,x,1\ne,Ama,a,y,one",
                false,
                &["2 ", "3 value"],
            ),
            // A juror's key, which knows no other panel's jurors.
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
