//! Reads voters' choices and published totals from CSV files.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    fs::File,
    io::Read,
    path::Path,
};

use anyhow::{Context as _, Result, bail};
use csv::StringRecord;
use flate2::read::MultiGzDecoder;

/// The names of the columns.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Columns")]
pub(crate) struct Columns {
    /// Column of the ballots with the voter
    #[arg(long, value_name = "NAME", default_value = "voter_id")]
    pub(crate) voter_column: String,
    /// Column of the ballots with the category
    #[arg(long, value_name = "NAME", default_value = "contest")]
    pub(crate) category_column: String,
    /// Column of the ballots with the entry
    #[arg(long, value_name = "NAME", default_value = "project_id")]
    pub(crate) entry_column: String,
    /// Column of the published file with the category
    #[arg(long, value_name = "NAME", default_value = "contest")]
    pub(crate) published_category_column: String,
    /// Column of the published file with the entry
    #[arg(long, value_name = "NAME", default_value = "project_id")]
    pub(crate) published_entry_column: String,
    /// Column of the published file with the total
    #[arg(long, value_name = "NAME", default_value = "votes")]
    pub(crate) published_votes_column: String,
}

/// The column of the published file with the entries' titles. It is optional.
const TITLE_COLUMN: &str = "name";

/// A category and an entry, by their names in the files.
pub(crate) type Choice = (String, String);

/// One voter, with the votes of the voter's ballot.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Voter {
    pub(crate) id: String,
    pub(crate) choices: Vec<Choice>,
    /// The lines of the choices in the file. The header is line 1.
    pub(crate) rows: Vec<u64>,
}

impl Voter {
    /// Returns the voter and the rows as text for messages.
    pub(crate) fn place(&self) -> String {
        let rows: Vec<String> = self.rows.iter().map(u64::to_string).collect();
        format!("voter `{}`, row{} {}", self.id, if rows.len() == 1 { "" } else { "s" }, rows.join(", "))
    }
}

/// One row of the published file.
#[derive(Debug)]
pub(crate) struct PublishedTotal {
    pub(crate) choice: Choice,
    /// Empty if the file has no title.
    pub(crate) title: String,
    pub(crate) votes: u64,
}

type Rows = csv::Reader<Box<dyn Read>>;

/// Opens a CSV file. A name that ends in `.gz` means gzip.
pub(crate) fn open(path: &Path) -> Result<Rows> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let gzip = path.extension().is_some_and(|extension| extension == "gz");
    let content: Box<dyn Read> = if gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    Ok(csv::Reader::from_reader(content))
}

fn column(rows: &mut Rows, name: &str) -> Result<usize> {
    let found = rows.headers()?.iter().position(|header| header == name);
    found.with_context(|| format!("the file has no column `{name}`"))
}

fn cell(row: &StringRecord, at: usize) -> &str {
    row.get(at).unwrap_or_default()
}

/// Returns the choices of each voter, in the order of the voters' first rows.
///
/// Rows of further voters are skipped after `max_voters` voters.
pub(crate) fn read_votes(mut rows: Rows, columns: &Columns, max_voters: usize) -> Result<Vec<Voter>> {
    let voter = column(&mut rows, &columns.voter_column)?;
    let category = column(&mut rows, &columns.category_column)?;
    let entry = column(&mut rows, &columns.entry_column)?;
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut voters: Vec<Voter> = Vec::new();
    for row in rows.records() {
        let row = row?;
        let full = voters.len() == max_voters;
        let number = match numbers.entry(cell(&row, voter).to_owned()) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(_) if full => continue,
            Entry::Vacant(new) => {
                voters.push(Voter { id: new.key().clone(), choices: Vec::new(), rows: Vec::new() });
                *new.insert(voters.len() - 1)
            }
        };
        if let Some(voter) = voters.get_mut(number) {
            voter.choices.push((cell(&row, category).to_owned(), cell(&row, entry).to_owned()));
            voter.rows.push(row.position().map_or(0, csv::Position::line));
        }
    }
    Ok(voters)
}

/// Returns the entries with their published totals. Each entry may appear once.
pub(crate) fn read_published(mut rows: Rows, columns: &Columns) -> Result<Vec<PublishedTotal>> {
    let category = column(&mut rows, &columns.published_category_column)?;
    let entry = column(&mut rows, &columns.published_entry_column)?;
    let votes = column(&mut rows, &columns.published_votes_column)?;
    let title = column(&mut rows, TITLE_COLUMN).ok();
    let mut published = Vec::new();
    let mut known = HashSet::new();
    for row in rows.records() {
        let row = row?;
        let choice = (cell(&row, category).to_owned(), cell(&row, entry).to_owned());
        if !known.insert(choice.clone()) {
            bail!("the entry `{}` of `{}` appears twice", choice.1, choice.0);
        }
        let votes = cell(&row, votes)
            .parse()
            .with_context(|| format!("the total of `{}` is not a number", choice.1))?;
        let title = title.map_or("", |title| cell(&row, title)).to_owned();
        published.push(PublishedTotal { choice, title, votes });
    }
    Ok(published)
}

/// Counts the totals of the given voters.
pub(crate) fn count(voters: &[Voter]) -> HashMap<&Choice, u64> {
    let mut totals = HashMap::new();
    for choice in voters.iter().flat_map(|voter| &voter.choices) {
        *totals.entry(choice).or_insert(0) += 1;
    }
    totals
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, FromArgMatches as _};

    use super::*;

    fn columns() -> Columns {
        let command = Columns::augment_args(clap::Command::new("columns"));
        Columns::from_arg_matches(&command.get_matches_from(["columns"])).unwrap()
    }

    fn rows(text: &'static str) -> Rows {
        csv::Reader::from_reader(Box::new(text.as_bytes()))
    }

    fn voter(id: &str, choices: &[(&str, &str)], rows: &[u64]) -> Voter {
        let choices = choices.iter().map(|(category, entry)| ((*category).into(), (*entry).into())).collect();
        Voter { id: id.into(), choices, rows: rows.into() }
    }

    #[test]
    fn collects_scattered_rows_of_a_voter_in_one_ballot() {
        let text = "voter_id,contest,project_id\nb,x,1\na,x,2\nb,y,3\nc,x,1\na,y,3\n";
        let all = [
            voter("b", &[("x", "1"), ("y", "3")], &[2, 4]),
            voter("a", &[("x", "2"), ("y", "3")], &[3, 6]),
            voter("c", &[("x", "1")], &[5]),
        ];
        assert_eq!([all[0].place(), all[2].place()], ["voter `b`, rows 2, 4", "voter `c`, row 5"]);
        assert_eq!(read_votes(rows(text), &columns(), usize::MAX).unwrap(), all);
        // The first two voters keep the rows that follow the third voter's row.
        assert_eq!(read_votes(rows(text), &columns(), 2).unwrap(), all[..2]);
    }

    #[test]
    fn names_missing_column_bad_total_and_repeated_entry() {
        let error = read_votes(rows("voter_id,contest\n"), &columns(), 1).unwrap_err();
        assert!(error.to_string().contains("`project_id`"), "{error}");
        let error = read_published(rows("contest,project_id,votes\nx,7,many\n"), &columns()).unwrap_err();
        assert!(error.to_string().contains("the total of `7`"), "{error}");
        let error = read_published(rows("contest,project_id,votes\nx,7,1\nx,7,1\n"), &columns()).unwrap_err();
        assert!(error.to_string().contains("twice"), "{error}");
    }
}
