//! Voters' choices and published totals, from CSV.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::Read,
    path::Path,
};

use anyhow::{Context as _, Result, bail};
use flate2::read::MultiGzDecoder;

/// Which columns hold what.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Columns {
    /// Column of the ballots that tells the voter
    #[arg(long, default_value = "voter_id")]
    voter_column: String,
    /// Column of the category, in both files
    #[arg(long, default_value = "contest")]
    category_column: String,
    /// Column of the entry, in both files
    #[arg(long, default_value = "project_id")]
    entry_column: String,
    /// Column of the published totals
    #[arg(long, default_value = "votes")]
    votes_column: String,
    /// Column of the entries' titles
    #[arg(long, default_value = "name")]
    title_column: String,
}

/// Category and entry.
pub(crate) type Choice = (String, String);

/// One row of the published file.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) choice: Choice,
    pub(crate) title: String,
    pub(crate) votes: u64,
}

fn reader(path: &Path) -> Result<csv::Reader<Box<dyn Read>>> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let gzip = path.extension().is_some_and(|extension| extension == "gz");
    let content: Box<dyn Read> = if gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    Ok(csv::Reader::from_reader(content))
}

fn column(reader: &mut csv::Reader<Box<dyn Read>>, path: &Path, name: &str) -> Result<usize> {
    let found = reader.headers()?.iter().position(|header| header == name);
    found.with_context(|| format!("{} has no column `{name}`", path.display()))
}

/// Each voter's choices, voters in the order of their first row; at most `most` voters.
pub(crate) fn read_votes(path: &Path, columns: &Columns, most: usize) -> Result<Vec<Vec<Choice>>> {
    let mut reader = reader(path)?;
    let voter = column(&mut reader, path, &columns.voter_column)?;
    let category = column(&mut reader, path, &columns.category_column)?;
    let entry = column(&mut reader, path, &columns.entry_column)?;
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut votes: Vec<Vec<Choice>> = Vec::new();
    for row in reader.records() {
        let row = row?;
        let cell = |at: usize| row.get(at).unwrap_or_default().to_owned();
        let number = match numbers.get(&cell(voter)) {
            Some(number) => *number,
            None if votes.len() == most => continue,
            None => {
                numbers.insert(cell(voter), votes.len());
                votes.push(Vec::new());
                votes.len() - 1
            }
        };
        if let Some(choices) = votes.get_mut(number) {
            choices.push((cell(category), cell(entry)));
        }
    }
    Ok(votes)
}

/// The entries with their published totals. Entries are known by their own id, which must be unique.
pub(crate) fn read_published(path: &Path, columns: &Columns) -> Result<Vec<Published>> {
    let mut reader = reader(path)?;
    let category = column(&mut reader, path, &columns.category_column)?;
    let entry = column(&mut reader, path, &columns.entry_column)?;
    let votes = column(&mut reader, path, &columns.votes_column)?;
    let title = column(&mut reader, path, &columns.title_column)?;
    let mut published = Vec::new();
    let mut known = BTreeMap::new();
    for row in reader.records() {
        let row = row?;
        let cell = |at: usize| row.get(at).unwrap_or_default().to_owned();
        if let Some(other) = known.insert(cell(entry), cell(category)) {
            bail!("the entry `{}` stands in `{other}` and in `{}`", cell(entry), cell(category));
        }
        published.push(Published {
            choice: (cell(category), cell(entry)),
            title: cell(title),
            votes: cell(votes).parse().with_context(|| format!("the total of `{}`", cell(entry)))?,
        });
    }
    Ok(published)
}

/// Totals counted here, for a part of the voters.
pub(crate) fn count(votes: &[Vec<Choice>]) -> HashMap<Choice, u64> {
    let mut totals = HashMap::new();
    for choice in votes.iter().flatten() {
        *totals.entry(choice.clone()).or_insert(0) += 1;
    }
    totals
}
