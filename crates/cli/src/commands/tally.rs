//! `acclaim tally`: the result document from an exported log.

use std::{
    fs::File,
    io::{self, IsTerminal as _},
};

use acclaim_ballot_log::entry::MAX_ENTRY_LENGTH;
use acclaim_tally::Replay;
use anyhow::{Context as _, Result, anyhow, bail};

use crate::{
    args::log::TallyArgs,
    folder::{self, Folder},
    lines::Lines,
    outcome::{Outcome, Refused},
    output,
};

/// Counts a log and prints its result, byte for byte as it is published.
///
/// # Errors
/// [`Refused`] with the index, if the log has an entry that no log has; other errors if it cannot be read.
pub fn run(args: &TallyArgs) -> Result<Outcome> {
    let folder = Folder::open(&args.folder)?;
    let origin = match &args.origin {
        Some(origin) => origin.clone(),
        None => origin(&folder)?,
    };
    let mut replay = Replay::without_tiles(&origin);
    let path = folder.path(folder::LOG);
    let named = || path.display().to_string();
    let mut lines = Lines::new(File::open(&path).with_context(named)?, MAX_ENTRY_LENGTH);
    while let Some(line) = lines.next_line().with_context(named)? {
        if line.torn {
            return Err(Refused(format!("index {}: the log ends in the middle of this entry", replay.size())).into());
        }
        replay.push(line.bytes).map_err(|error| Refused(error.to_string()))?;
    }
    let result = replay.result().ok_or_else(|| anyhow!("the log is empty"))?;
    output::write(&result.json)?;
    if io::stdout().is_terminal() {
        output::write(b"\n")?;
    }
    Ok(Outcome::Done)
}

/// The log's origin, which its result names: the first line of its checkpoint, whose signature is the audit's business.
fn origin(folder: &Folder) -> Result<String> {
    let Some(note) = folder.read_if_there(folder::CHECKPOINT)? else {
        bail!("there is no checkpoint in the folder to tell the log's origin: give it with --origin");
    };
    let note = String::from_utf8(note).context("the checkpoint")?;
    Ok(note.lines().next().unwrap_or_default().to_owned())
}
