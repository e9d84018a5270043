//! The list of voters that passes are minted for: read and checked whole, by the contest's own rules, before the first request.

use std::{collections::BTreeMap, path::Path};

use acclaim_contest::{
    ContestId, SubjectRules,
    subject::{DefaultScheme, DomainTable, Person, RefusedSubjects},
};
use acclaim_tables::Table;
use anyhow::{Context as _, Result, anyhow, bail};
use serde::Deserialize;
use serde_json::Value;

use super::{
    super::table_file::{self, TableFile},
    column::Column,
};
use crate::{
    args::staff::MintArgs,
    client::Client,
    outcome::{Hint, Refusal},
    output,
};

/// Voters of one request.
pub(super) const MAX_VOTERS_PER_REQUEST: u64 = 10_000;
/// Begins what minting answers in the place of a subject for a voter without a name.
const MADE_UP: &str = "pass:";
/// Persons and places of one, at most, that the report lists.
const MAX_LISTED: usize = 100;

/// Where a list comes from.
pub(super) enum Source<'a> {
    /// A file of lines, with its content.
    File(&'a Path, Vec<u8>),
    /// A column of a table.
    Column(Column<'a>),
    /// The command line.
    Given(&'a [String]),
}

/// A list, each person once.
pub(super) struct List {
    /// How each person is written first.
    pub(super) subjects: Vec<String>,
    /// The group of each, if a column names them.
    groups: Vec<Option<String>>,
    /// What of the file was passed over.
    notes: Vec<String>,
    /// A sentence for each person who is there more than once.
    same_person: Vec<String>,
    /// The contest's newest revocation.
    pub(super) generation: u32,
}

/// As the API answers.
#[derive(Deserialize)]
struct ContestSubjects {
    subjects: Value,
    kept: bool,
    /// A server of an earlier version knows none.
    #[serde(default)]
    generation: u32,
}

impl<'a> Source<'a> {
    /// The list that a request to mint names.
    pub(super) fn of_mint(args: &'a MintArgs) -> Result<Self> {
        let Some(file) = &args.subjects else { return Ok(Self::Given(&args.subject)) };
        let content = table_file::content(file, "the subjects in")?;
        if args.subject_column.is_some() || Table::is_workbook(&content) {
            return Ok(Self::Column(Column::read(file, &content, args)?));
        }
        Ok(Self::File(file, content))
    }

    /// The list in a file of lines, or else on the command line.
    pub(super) fn of(file: Option<&'a Path>, given: &'a [String]) -> Result<Self> {
        let Some(file) = file else { return Ok(Self::Given(given)) };
        let content = table_file::content(file, "the subjects in")?;
        Ok(Self::File(file, content))
    }

    /// What the list is called in messages.
    fn name(&self) -> String {
        match self {
            Self::File(file, _) | Self::Column(Column { file, .. }) => file.display().to_string(),
            Self::Given(_) => "--subject".to_owned(),
        }
    }

    /// What one place of it is called.
    fn place(&self) -> &'static str {
        match self {
            Self::File(..) => "line",
            Self::Column(..) => "row",
            Self::Given(_) => "number",
        }
    }

    /// Places and texts.
    fn subjects(&self, rules: &SubjectRules) -> Result<Vec<(usize, String)>> {
        match self {
            Self::File(_, content) => rules
                .lines(content)
                .map_err(|(line, problem)| anyhow!("{}, line {line}: {problem}", self.name())),
            Self::Column(column) => column.subjects(rules),
            Self::Given(subjects) => Ok((1..).zip(subjects.iter().cloned()).collect()),
        }
    }

    /// The list's texts as a request for a revocation has them: checked whole, before the first of several requests.
    ///
    /// # Errors
    /// With every line that is refused, of the first hundred; or if the contest cannot be asked.
    pub(super) fn for_revocation(
        &self,
        client: &Client,
        contest: &ContestId,
        asked: Option<DefaultScheme>,
    ) -> Result<Vec<String>> {
        let (rules, _) = rules(client, contest, asked)?;
        let lines = self.subjects(&rules)?;
        if lines.is_empty() {
            bail!("{}: there is no subject whose passes could be revoked", self.name());
        }
        let named: Vec<_> = lines.iter().filter(|(_, text)| !text.starts_with(MADE_UP)).collect();
        let place = |position: usize| named.get(position).map_or(0, |(place, _)| *place);
        rules
            .persons(named.iter().map(|(_, text)| text.as_str()))
            .map_err(|refused| anyhow!(refusal(self, &refused, "revoked", place)))?;
        Ok(lines.into_iter().map(|(_, text)| text).collect())
    }
}

impl List {
    /// Reads and checks the whole list. Nothing is changed.
    ///
    /// # Errors
    /// With every line that is refused, of the first hundred; or if the contest cannot be asked.
    pub(super) fn read(
        client: &Client,
        contest: &ContestId,
        source: &Source<'_>,
        asked: Option<DefaultScheme>,
    ) -> Result<Self> {
        let (rules, generation) = rules(client, contest, asked)?;
        if rules == SubjectRules::Raw {
            output::note(
                "note: this contest is older than the canonical form of subjects, so they are compared byte for byte: \
                 two spellings of an address are two voters",
            );
        }
        let lines = source.subjects(&rules)?;
        if lines.is_empty() {
            bail!("{}: there is no subject to mint a pass for", source.name());
        }
        let place = |position: usize| lines.get(position).map_or(0, |(place, _)| *place);
        let persons = rules.persons(lines.iter().map(|(_, text)| text.as_str())).map_err(|refused| {
            let refusal = refusal(source, &refused, "minted", place);
            source
                .hint()
                .map_or_else(|| anyhow!(refusal.clone()), |hint| anyhow!(hint).context(refusal.clone()))
        })?;
        if let Source::Column(column) = source {
            column.check_groups(&persons)?;
        }
        let first = |person: &Person| person.positions.first().and_then(|first| lines.get(*first));
        let subjects = persons.iter().filter_map(first).map(|(_, text)| text.clone()).collect();
        let same_person = persons
            .iter()
            .filter(|person| person.positions.len() > 1)
            .map(|person| same_person(source, person, place))
            .collect();
        let (groups, notes) = match source {
            Source::Column(column) => (column.groups(&persons), column.notes.clone()),
            Source::File(..) | Source::Given(_) => (Vec::new(), Vec::new()),
        };
        Ok(Self { subjects, groups, notes, same_person, generation })
    }

    /// The subjects of each group; without a column of groups all of them in one.
    pub(super) fn by_group<'l>(&'l self, group: Option<&'l str>) -> Vec<(Option<&'l str>, Vec<String>)> {
        if self.groups.is_empty() {
            return vec![(group, self.subjects.clone())];
        }
        let mut by_group: BTreeMap<Option<&str>, Vec<String>> = BTreeMap::new();
        for (subject, group) in self.subjects.iter().zip(&self.groups) {
            by_group.entry(group.as_deref()).or_default().push(subject.clone());
        }
        by_group.into_iter().collect()
    }

    /// What was done with the list, for standard error.
    pub(super) fn report(&self) -> String {
        let passes = self.subjects.len();
        let twice = self.same_person.len();
        let mut report = format!("minted: {passes}, persons more than once in the list: {twice}, refused: 0");
        for note in self.notes.iter().take(MAX_LISTED) {
            report.push_str(&format!("\n  {note}"));
        }
        for one in self.same_person.iter().take(MAX_LISTED) {
            report.push_str(&format!("\n  {one}"));
        }
        if twice > MAX_LISTED {
            report.push_str(&format!("\n  and {} more persons", twice - MAX_LISTED));
        }
        output::printable(&report)
    }
}

impl Source<'_> {
    /// What to try when a file of lines looks like a table.
    fn hint(&self) -> Option<Hint> {
        let Self::File(_, content) = self else { return None };
        let table = TableFile::of(content).ok()?;
        let names = table.header.names();
        let is_header = names.len() > 1 && names.iter().all(|name| !name.contains('@'));
        let hint = || {
            format!(
                "the file looks like a table with the columns {}: --subject-column says which one holds the subjects",
                table.header.list_names()
            )
        };
        is_header.then(|| Hint(hint()))
    }
}

/// The rules by which the contest compares subjects, and its newest revocation.
fn rules(client: &Client, contest: &ContestId, asked: Option<DefaultScheme>) -> Result<(SubjectRules, u32)> {
    let answer: ContestSubjects = client.get(&format!("/v1/contests/{contest}/passes"))?.json()?;
    let known: SubjectRules = serde_json::from_value(answer.subjects.clone()).with_context(|| {
        let form = answer.subjects.get("form").cloned().unwrap_or_default();
        format!(
            "the contest compares subjects in the form {form}, which this program does not know: use one of the server's version"
        )
    })?;
    let rules = match (answer.kept, known) {
        (false, SubjectRules::Canonical1 { domains, .. }) => SubjectRules::resolve(None, asked, &domains),
        (_, kept) => SubjectRules::resolve(Some(kept), asked, &DomainTable::default()),
    };
    let rules = rules.map_err(|error| anyhow!(Refusal(error.to_string())))?;
    Ok((rules, answer.generation))
}

/// Every line that is refused, of the first hundred.
fn refusal(
    source: &Source<'_>,
    refused: &RefusedSubjects,
    done: &str,
    place: impl Fn(usize) -> usize,
) -> String {
    let count = refused.count;
    let are = if count == 1 { "subject is" } else { "subjects are" };
    let mut text = format!("{}: {count} {are} refused, and nothing was {done}", source.name());
    for one in &refused.first {
        text.push_str(&format!("\n  {} {}: {one}", source.place(), place(one.position)));
    }
    let more = count.saturating_sub(refused.first.len());
    if more > 0 {
        text.push_str(&format!("\n  and {more} more"));
    }
    text
}

fn same_person(source: &Source<'_>, person: &Person, place: impl Fn(usize) -> usize) -> String {
    let places = person.positions.iter().take(MAX_LISTED).map(|position| place(*position).to_string());
    let places = places.collect::<Vec<_>>().join(", ");
    let more = person.positions.len().saturating_sub(MAX_LISTED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}s {places}{more} are one person: {}", source.place(), person.canonical)
}
