//! The command `acclaim entries`, which imports entries from a table into a draft or into a new
//! definition.

mod definition_toml;
mod draft;
mod ids;
mod import;
mod rows;

use std::{collections::HashMap, fs::OpenOptions, io::Write as _, path::Path};

use acclaim_contest::{CategoryId, Definition, Overrides};
use anyhow::{Context as _, Result, anyhow, bail};

use self::{
    draft::{Changes, Draft},
    import::Import,
};
use super::{
    contest::format_mistakes as listed_mistakes,
    table_file::{TableFile, format_mistakes},
};
use crate::{
    args::entries::{EntriesCommand, ImportArgs},
    client::Client,
    outcome::Outcome,
    output::{self, Table},
};

/// The number of entries in the preview.
const MAX_SHOWN: usize = 10;

pub(super) fn run(command: EntriesCommand) -> Result<Outcome> {
    match command {
        EntriesCommand::Import(args) => import(&args),
    }
}

fn import(args: &ImportArgs) -> Result<Outcome> {
    let table = TableFile::read(&args.file, "the entries in")?;
    let client = if args.out.is_some() { None } else { client(args)? };
    let draft = match &client {
        Some(client) => Draft::fetch(client, &args.contest)?,
        None => None,
    };
    if args.edit && draft.is_none() {
        bail!(
            "there is no draft {}: write a definition with --out FILE, and then run `acclaim contest create`",
            args.contest
        );
    }
    let draft_definition = draft.as_ref().map(|draft| &draft.definition);
    let categories = draft_definition.map_or(&[][..], |definition| &definition.categories);
    let entries = draft_definition.map_or(&[][..], |definition| &definition.entries);
    let mut import = rows::read(&table, &args.columns, categories)?;
    ids::assign_ids(&mut import, entries);
    if !import.mistakes.is_empty() {
        let consequence = "nothing was written";
        return Err(anyhow!(format_mistakes(import.mistakes, &args.file, "the entries", consequence)));
    }
    let changes = draft::changes(&import, entries);
    preview(&import, draft.as_ref().map(|_| &changes))?;
    match (&args.out, draft, client) {
        (Some(out), ..) => write(args, out, &import),
        (None, Some(draft), Some(client)) if args.edit => {
            draft.put(&client, &import)?;
            output::line(format_args!("the draft {} now has these entries", args.contest))?;
            Ok(Outcome::Done)
        }
        (None, Some(_), _) => {
            print_and_finish("nothing was written: to put the entries into the draft, use --edit")
        }
        (None, None, _) => print_and_finish(
            "nothing was written, and there is no draft of this id: to write a definition, use --out FILE",
        ),
    }
}

fn print_and_finish(message: &str) -> Result<Outcome> {
    output::line(message)?;
    Ok(Outcome::Done)
}

/// Returns a client, or `None` if no installation exists that could have the draft.
fn client(args: &ImportArgs) -> Result<Option<Client>> {
    let target = &args.target;
    if !args.edit && target.url.is_none() && !target.data_directory().exists() {
        return Ok(None);
    }
    Client::open(target).map(Some)
}

/// Writes a definition into a new file, and prints what is still missing in it.
fn write(args: &ImportArgs, out: &Path, import: &Import) -> Result<Outcome> {
    let text = definition_toml::toml(args, import);
    let file = OpenOptions::new().write(true).create_new(true).open(out);
    let mut file = file.with_context(|| format!("cannot create the file {}", out.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write the file {}", out.display()))?;
    let mut load = |_: &str| Err("the definition names no other file".to_owned());
    match Definition::from_toml(text.as_bytes(), &mut load, &Overrides::default()) {
        Ok(_) => output::line(format_args!("written: {0}. Next: acclaim contest create {0}", out.display()))?,
        Err(mistakes) => {
            output::line(format_args!(
                "written: {}. Complete it before `acclaim contest create`:",
                out.display()
            ))?;
            output::line(listed_mistakes(&mistakes, out))?;
        }
    }
    Ok(Outcome::Done)
}

/// Prints the categories, the first entries, the columns that voters see, and the columns that are
/// not published.
fn preview(import: &Import, changes: Option<&Changes>) -> Result<()> {
    let mut counts: HashMap<&CategoryId, usize> = HashMap::new();
    import.entries.iter().for_each(|row| *counts.entry(&row.entry.category).or_default() += 1);
    let mut table = Table::new(&["category", "title", ">entries"]);
    for category in &import.categories {
        let entries = counts.get(&category.id).copied().unwrap_or_default();
        table.row([category.id.to_string(), category.title.clone(), entries.to_string()]);
    }
    table.print()?;
    output::line("")?;
    let mut table = Table::new(&["row", "id", "title"]);
    for row in import.entries.iter().take(MAX_SHOWN) {
        table.row([row.number.to_string(), row.entry.id.to_string(), row.entry.title.clone()]);
    }
    table.print()?;
    if import.entries.len() > MAX_SHOWN {
        output::line(format_args!("and {} more", import.entries.len() - MAX_SHOWN))?;
    }
    output::line("")?;
    output::line(format_args!("voters see: {}", import.seen.join(", ")))?;
    if !import.left_out.is_empty() {
        output::line(format_args!("left out, not published: {}", import.left_out.join(", ")))?;
    }
    import.notes.iter().try_for_each(output::line)?;
    if let Some(changes) = changes {
        output::line(format_args!(
            "in the draft: {} new, {} changed, {} unchanged, {} removed",
            changes.new,
            changes.changed,
            changes.same,
            changes.removed.len()
        ))?;
        for entry in changes.removed.iter().take(MAX_SHOWN) {
            output::line(format_args!("  removed: {entry}"))?;
        }
    }
    Ok(())
}
