//! The list of voters for minting or revoking passes. It is read and checked as a whole, by the
//! contest's own rules, before the first request.

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

/// The largest number of voters in one request.
pub(super) const MAX_VOTERS_PER_REQUEST: u64 = 10_000;
/// The prefix of the text that stands in place of a subject, for a voter without a name.
const UNNAMED_PREFIX: &str = "pass:";
/// The largest number of persons, and of one person's places, that the report lists.
const MAX_LISTED: usize = 100;

/// The source of a list.
pub(super) enum Source<'a> {
    /// A file with a subject on each line, with its content.
    File(&'a Path, Vec<u8>),
    /// A column of a table.
    Column(Column<'a>),
    /// The command line.
    Given(&'a [String]),
}

/// A list with each person once.
pub(super) struct List {
    /// The first spelling of each person's subject.
    pub(super) subjects: Vec<String>,
    /// The group of each person. Empty without a column of groups.
    groups: Vec<Option<String>>,
    /// Notes on rows that are ignored.
    notes: Vec<String>,
    /// A sentence for each person that is in the list more than once.
    same_person: Vec<String>,
    /// The number of the contest's newest revocation, or 0.
    pub(super) generation: u32,
}

/// The API's answer about a contest's subjects.
#[derive(Deserialize)]
struct ContestSubjects {
    subjects: Value,
    kept: bool,
    /// The number of the newest revocation. Missing in the answer of an older server.
    #[serde(default)]
    generation: u32,
}

impl<'a> Source<'a> {
    /// Reads the source that the arguments of `acclaim pass mint` name.
    pub(super) fn of_mint(args: &'a MintArgs) -> Result<Self> {
        let Some(file) = &args.subjects else { return Ok(Self::Given(&args.subject)) };
        let content = table_file::content(file, "the subjects in")?;
        if args.subject_column.is_some() || Table::is_workbook(&content) {
            return Ok(Self::Column(Column::read(file, &content, args)?));
        }
        Ok(Self::File(file, content))
    }

    /// Reads the list in a file of lines, or takes the list on the command line.
    pub(super) fn of(file: Option<&'a Path>, given: &'a [String]) -> Result<Self> {
        let Some(file) = file else { return Ok(Self::Given(given)) };
        let content = table_file::content(file, "the subjects in")?;
        Ok(Self::File(file, content))
    }

    /// Returns the name of the list in messages.
    fn name(&self) -> String {
        match self {
            Self::File(file, _) | Self::Column(Column { file, .. }) => file.display().to_string(),
            Self::Given(_) => "--subject".to_owned(),
        }
    }

    /// Returns the word for one place in the list.
    fn place(&self) -> &'static str {
        match self {
            Self::File(..) => "line",
            Self::Column(..) => "row",
            Self::Given(_) => "number",
        }
    }

    /// Returns the place and the text of each subject.
    fn subjects(&self, rules: &SubjectRules) -> Result<Vec<(usize, String)>> {
        match self {
            Self::File(_, content) => rules
                .lines(content)
                .map_err(|(line, problem)| anyhow!("{}, line {line}: {problem}", self.name())),
            Self::Column(column) => column.subjects(rules),
            Self::Given(subjects) => Ok((1..).zip(subjects.iter().cloned()).collect()),
        }
    }

    /// Returns the texts for requests that revoke passes. Checks the whole list before the first
    /// request.
    ///
    /// # Errors
    /// If the list is empty, if it has refused subjects (the error lists the first hundred), or if
    /// the contest cannot be read.
    pub(super) fn for_revocation(
        &self,
        client: &Client,
        contest: &ContestId,
        default_scheme: Option<DefaultScheme>,
    ) -> Result<Vec<String>> {
        let (rules, _) = rules(client, contest, default_scheme)?;
        let lines = self.subjects(&rules)?;
        if lines.is_empty() {
            bail!("{}: the list has no subject, so no pass can be revoked", self.name());
        }
        let named: Vec<_> = lines.iter().filter(|(_, text)| !text.starts_with(UNNAMED_PREFIX)).collect();
        let place = |position: usize| named.get(position).map_or(0, |(place, _)| *place);
        rules
            .persons(named.iter().map(|(_, text)| text.as_str()))
            .map_err(|refused| anyhow!(refusal(self, &refused, "revoked", place)))?;
        Ok(lines.into_iter().map(|(_, text)| text).collect())
    }
}

impl List {
    /// Reads and checks the whole list. Changes nothing.
    ///
    /// # Errors
    /// If the list is empty, if it has refused subjects (the error lists the first hundred), or if
    /// the contest cannot be read.
    pub(super) fn read(
        client: &Client,
        contest: &ContestId,
        source: &Source<'_>,
        default_scheme: Option<DefaultScheme>,
    ) -> Result<Self> {
        let (rules, generation) = rules(client, contest, default_scheme)?;
        if rules == SubjectRules::Raw {
            output::note(
                "note: this contest is from an older version of the program, which compares subjects byte for byte: \
                 two spellings of one address are two voters",
            );
        }
        let lines = source.subjects(&rules)?;
        if lines.is_empty() {
            bail!("{}: the list has no subject, so no pass can be minted", source.name());
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

    /// Returns the subjects of each group. Without a column of groups, all subjects are in the
    /// group `group`.
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

    /// Returns the report on the minted list, for standard error.
    pub(super) fn report(&self) -> String {
        let passes = self.subjects.len();
        let repeated = self.same_person.len();
        let mut report =
            format!("minted: {passes}, persons more than once in the list: {repeated}, refused: 0");
        for note in self.notes.iter().take(MAX_LISTED) {
            report.push_str(&format!("\n  {note}"));
        }
        for one in self.same_person.iter().take(MAX_LISTED) {
            report.push_str(&format!("\n  {one}"));
        }
        if repeated > MAX_LISTED {
            report.push_str(&format!("\n  and {} more persons", repeated - MAX_LISTED));
        }
        output::printable(&report)
    }
}

impl Source<'_> {
    /// Returns a hint if a file of lines looks like a table.
    fn hint(&self) -> Option<Hint> {
        let Self::File(_, content) = self else { return None };
        let table = TableFile::of(content).ok()?;
        let names = table.header.names();
        let is_header = names.len() > 1 && names.iter().all(|name| !name.contains('@'));
        let hint = || {
            format!(
                "the file looks like a table with the columns {}: name the column of the subjects with --subject-column",
                table.header.list_names()
            )
        };
        is_header.then(|| Hint(hint()))
    }
}

/// Fetches the rules by which the contest compares subjects, and the number of its newest
/// revocation.
///
/// # Errors
/// If the contest cannot be read, if this program does not know its rules, or if `asked`
/// contradicts them.
fn rules(
    client: &Client,
    contest: &ContestId,
    default_scheme: Option<DefaultScheme>,
) -> Result<(SubjectRules, u32)> {
    let answer: ContestSubjects = client.get(&format!("/v1/contests/{contest}/passes"))?.json()?;
    let known: SubjectRules = serde_json::from_value(answer.subjects.clone()).with_context(|| {
        let form = answer.subjects.get("form").cloned().unwrap_or_default();
        format!(
            "the contest compares subjects in the form {form}, which this program does not know: use the program of the server's version"
        )
    })?;
    let rules = match (answer.kept, known) {
        (false, SubjectRules::Canonical1 { domains, .. }) => {
            SubjectRules::resolve(None, default_scheme, &domains)
        }
        (_, kept) => SubjectRules::resolve(Some(kept), default_scheme, &DomainTable::default()),
    };
    let rules = rules.map_err(|error| anyhow!(Refusal(error.to_string())))?;
    Ok((rules, answer.generation))
}

/// Returns the error message that lists the refused subjects, at most the first hundred.
fn refusal(
    source: &Source<'_>,
    refused: &RefusedSubjects,
    done: &str,
    place: impl Fn(usize) -> usize,
) -> String {
    let count = refused.count;
    let subjects_are = if count == 1 { "subject is" } else { "subjects are" };
    let mut text = format!("{}: {count} {subjects_are} refused, and nothing was {done}", source.name());
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
