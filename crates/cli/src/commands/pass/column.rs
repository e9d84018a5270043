//! The subjects in a column of a table, with the groups in another column.

use std::path::Path;

use acclaim_contest::{
    SubjectRules,
    id::{is_id, slug},
    spreadsheet,
    subject::Person,
};
use acclaim_tables::{Header, Row, Table};
use anyhow::{Result, anyhow, bail};

use super::super::table_file::{self, Mistake, TableFile};
use crate::args::staff::MintArgs;

/// The subjects in a column of a table.
pub(super) struct Column<'a> {
    pub(super) file: &'a Path,
    places: Vec<SubjectRow>,
    /// Rows of totals, which are ignored if they have no subject.
    totals: Vec<SubjectRow>,
    /// Notes on rows that are ignored.
    pub(super) notes: Vec<String>,
}

/// The subject in one row of a table.
struct SubjectRow {
    row: usize,
    subject: String,
    group: Option<String>,
}

impl<'a> Column<'a> {
    /// Reads the column that `--subject-column` names, or the only column of a workbook.
    pub(super) fn read(file: &'a Path, content: &[u8], args: &MintArgs) -> Result<Self> {
        let unreadable =
            |problem: String| anyhow!("cannot read the subjects in {}: {problem}", file.display());
        match &args.subject_column {
            Some(column) => {
                let table = TableFile::of(content).map_err(unreadable)?;
                Self::named(&table, file, column, args)
            }
            None => {
                let table = spreadsheet::read(content).map_err(|error| unreadable(error.to_string()))?;
                Self::only(&table, file)
            }
        }
    }

    fn named(table: &TableFile, file: &'a Path, column: &str, args: &MintArgs) -> Result<Self> {
        let subject = table.named("--subject-column", column)?;
        let group =
            args.group_column.as_deref().map(|name| table.named("--group-column", name)).transpose()?;
        let mut read = Self { file, places: Vec::new(), totals: Vec::new(), notes: Vec::new() };
        let mut mistakes: Vec<Mistake> = Vec::new();
        for row in table.rows() {
            let number = row.number();
            if let Some(problem) = table.header.find_unnamed_cell(row) {
                mistakes.push((number, String::new(), problem));
            } else if table.header.is_repeated_by(row) {
                read.notes.push(format!("row {number} repeats the first row, and is ignored"));
            } else if let Some(word) = Header::total_label(row) {
                let note =
                    format!("row {number} is a row of totals ({word}) without a voter, and is ignored");
                read.notes.push(note);
                read.totals.push(place(row, subject, group));
            } else if row.cell(subject).is_empty() {
                mistakes.push((number, column.to_owned(), "is empty: the row has no subject".to_owned()));
            } else {
                let place = place(row, subject, group);
                if place.group.as_deref() == Some("") {
                    let cell = group.map(|group| row.cell(group)).unwrap_or_default();
                    let problem =
                        format!("{cell:?} has no letter a-z or digit 0-9, from which a group's name is made");
                    mistakes.push((number, args.group_column.clone().unwrap_or_default(), problem));
                }
                read.places.push(place);
            }
        }
        if !mistakes.is_empty() {
            bail!(table_file::format_mistakes(mistakes, file, "the subjects", "nothing was minted"));
        }
        read.notes.extend(table.table.blank_rows().iter().map(|row| format!("row {row} is blank")));
        Ok(read)
    }

    fn only(table: &Table, file: &'a Path) -> Result<Self> {
        let is_single = |row: Row<'_>| row.cells().filter(|cell| !cell.is_empty()).count() == 1;
        if let Some(row) = table.rows().find(|row| !is_single(*row)) {
            let cells: Vec<&str> = row.cells().collect();
            bail!(
                "{}: row {} has several columns ({}): name the column of the subjects with --subject-column",
                file.display(),
                row.number(),
                cells.join(", ")
            );
        }
        let column = |row: Row<'_>| row.cells().position(|cell| !cell.is_empty()).unwrap_or(0);
        let places = table.rows().map(|row| place(row, column(row), None)).collect();
        Ok(Self { file, places, totals: Vec::new(), notes: Vec::new() })
    }

    /// Returns the row number and text of each subject.
    ///
    /// # Errors
    /// If a row of totals has a subject that the contest would accept, because it may be a voter.
    pub(super) fn subjects(&self, rules: &SubjectRules) -> Result<Vec<(usize, String)>> {
        let is_voter =
            |total: &&SubjectRow| !total.subject.is_empty() && rules.canonical(&total.subject).is_ok();
        if let Some(total) = self.totals.iter().find(is_voter) {
            bail!(
                "{}: row {} looks like a row of totals, but has the subject {:?}: delete the row, or mint that voter's pass with --subject",
                self.file.display(),
                total.row,
                total.subject
            );
        }
        Ok(self.places.iter().map(|place| (place.row, place.subject.clone())).collect())
    }

    /// Returns the group of each person.
    pub(super) fn groups(&self, persons: &[Person]) -> Vec<Option<String>> {
        let firsts = persons.iter().map(|person| person.positions.first());
        firsts.map(|first| self.places.get(*first?).and_then(|place| place.group.clone())).collect()
    }

    /// Checks that each person is in one group only.
    ///
    /// # Errors
    /// If the rows of one person have different groups. The error lists them.
    pub(super) fn check_groups(&self, persons: &[Person]) -> Result<()> {
        let mut mistakes: Vec<Mistake> = Vec::new();
        for person in persons {
            let mut of_person = person.positions.iter().filter_map(|position| self.places.get(*position));
            let Some(first) = of_person.next() else { continue };
            let Some(other) = of_person.find(|place| place.group != first.group) else { continue };
            let group = |place: &SubjectRow| format!("{:?}", place.group.as_deref().unwrap_or_default());
            let problem = format!(
                "the person of row {} is in the group {} there, but in {} here; correct one of the rows",
                first.row,
                group(first),
                group(other)
            );
            mistakes.push((u32::try_from(other.row).unwrap_or(u32::MAX), String::new(), problem));
        }
        if mistakes.is_empty() {
            return Ok(());
        }
        bail!(table_file::format_mistakes(mistakes, self.file, "the subjects", "nothing was minted"))
    }
}

fn place(row: Row<'_>, subject: usize, group: Option<usize>) -> SubjectRow {
    let group = group.map(|group| row.cell(group)).filter(|group| !group.is_empty());
    let group = group.map(|group| if is_id(group) { group.to_owned() } else { slug(group) });
    SubjectRow {
        row: usize::try_from(row.number()).unwrap_or(usize::MAX),
        subject: row.cell(subject).to_owned(),
        group,
    }
}
