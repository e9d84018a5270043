//! The command `acclaim rule choose`: a panel's choice of winners, for one category on the command
//! line or for many in a table.

use std::{collections::BTreeMap, path::Path};

use acclaim_tables::Header;
use anyhow::{Result, anyhow, bail};
use serde_json::{Value, json};

use super::{
    super::table_file::{Mistake, TableFile, format_mistakes, has_name},
    catalogue::{Catalogue, Contest},
};
use crate::{
    args::rule::ChooseArgs,
    client::{Client, IdempotencyKey},
    commands::contest::step,
    outcome::Outcome,
    output,
};

/// The ids of the winners by category, in the order of the rows.
type Choices = BTreeMap<String, Vec<String>>;

pub(super) fn choose(args: &ChooseArgs) -> Result<Outcome> {
    match (&args.csv, &args.category) {
        (Some(file), _) => from_table(args, file),
        (None, Some(category)) => {
            let body = body(args, category.as_str(), &json!(args.entries));
            step(&args.target, &args.contest, "choices", &body)
        }
        (None, None) => bail!("name a category, or a table with --csv"),
    }
}

fn body(args: &ChooseArgs, category: &str, winners: &Value) -> Value {
    let mut body = json!({"category": category, "winners": winners});
    if let (Some(note), Some(fields)) = (&args.note, body.as_object_mut()) {
        fields.insert("note".to_owned(), note.as_str().into());
    }
    body
}

fn from_table(args: &ChooseArgs, file: &Path) -> Result<Outcome> {
    let table = TableFile::read(file, "the choices in")?;
    let client = Client::open(&args.target)?;
    let contest = Contest::fetch(&client, &args.contest)?;
    let (choices, mistakes) = choices(&table, args, &Catalogue::new(&contest))?;
    if !mistakes.is_empty() {
        return Err(anyhow!(format_mistakes(mistakes, file, "the choices", "nothing was sent")));
    }
    if choices.is_empty() {
        bail!("the choices in {}: the table has no row with a choice", file.display());
    }
    let (key, path) = (IdempotencyKey::new()?, format!("/v1/contests/{}/choices", args.contest));
    for (number, (category, winners)) in choices.iter().enumerate() {
        let answer = client.post(&path, &key.part(number), &body(args, category, &json!(winners)))?;
        let index = answer.get("index").cloned().unwrap_or_default();
        let winners = if winners.is_empty() { "no winner".to_owned() } else { winners.join(", ") };
        output::line(format_args!("{category}: {winners}: recorded at index {index}"))?;
    }
    Ok(Outcome::Done)
}

/// Reads the choices of a table, and its mistakes. A category with an empty entry has no winner.
fn choices(
    table: &TableFile,
    args: &ChooseArgs,
    catalogue: &Catalogue<'_>,
) -> Result<(Choices, Vec<Mistake>)> {
    let column = |option: &str, named: &Option<String>, name: &str| {
        table.column(option, named.as_deref(), name)?.ok_or_else(|| {
            let listed = table.header.list_names();
            anyhow!("there is no column {name}: name it with {option}. The columns are {listed}")
        })
    };
    let category = column("--category-column", &args.category_column, "category")?;
    let entry = column("--entry-column", &args.entry_column, "entry")?;
    let is_known =
        |index: usize, name: &str| index == category || index == entry || has_name(&args.leave_out, name);
    let names = table.header.names().iter().enumerate();
    if let Some((_, name)) =
        names.filter(|(_, name)| !name.is_empty()).find(|(index, name)| !is_known(*index, name))
    {
        bail!(
            "the column {name:?} is unknown; the known columns are category and entry. To ignore it, use --leave-out {name:?}"
        );
    }
    let (mut choices, mut mistakes) = (Choices::new(), Vec::new());
    for row in table.rows().filter(|row| !table.header.is_repeated_by(*row)) {
        let number = row.number();
        let mut add_mistake =
            |column: &str, problem: String| mistakes.push((number, column.to_owned(), problem));
        if let Some(problem) = table.header.find_unnamed_cell(row) {
            add_mistake("", problem);
            continue;
        }
        if let Some(word) = Header::total_label(row) {
            add_mistake("", format!("{word:?} is a row of totals, and not a choice; delete it"));
            continue;
        }
        let category = match catalogue.category(row.cell(category)) {
            Ok(category) => category.id.as_str(),
            Err(problem) => {
                add_mistake("category", problem);
                continue;
            }
        };
        let is_new = !choices.contains_key(category);
        let winners = choices.entry(category.to_owned()).or_default();
        match row.cell(entry) {
            "" if is_new => {}
            "" => {
                add_mistake(
                    "entry",
                    format!("is empty, but the category {category} has a winner in another row"),
                );
            }
            name => match catalogue.entry(name, category) {
                Ok(winner) if winner.category.as_str() != category => {
                    add_mistake("entry", format!("{name:?} is in the category {}", winner.category));
                }
                Ok(winner) if winners.iter().any(|earlier| earlier == winner.id.as_str()) => {
                    add_mistake("entry", format!("{name:?} is in the table twice"));
                }
                Ok(winner) => winners.push(winner.id.to_string()),
                Err(problem) => add_mistake("entry", problem),
            },
        }
    }
    Ok((choices, mistakes))
}
