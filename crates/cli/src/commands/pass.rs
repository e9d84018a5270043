//! `acclaim pass`

mod column;
mod list;
mod revoke;

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
};

use acclaim_contest::{
    ContestId,
    csv_cell::{BYTE_ORDER_MARK, cell, row},
};
use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use self::list::{List, MAX_VOTERS_PER_REQUEST, Source};
pub(super) use self::revoke::{count, revoke};
use crate::{
    args::staff::{LinkTemplate, MintArgs},
    client::{Client, IdempotencyKey},
    outcome::Outcome,
    output::{self, StdoutError},
    progress,
};

/// A voter's pass as the API hands it out.
#[derive(Debug, Deserialize)]
pub(super) struct MintedPass {
    pub(super) subject: String,
    pub(super) pass: String,
}

#[derive(Deserialize)]
struct Answer {
    passes: Vec<MintedPass>,
}

pub(super) fn mint(args: &MintArgs) -> Result<Outcome> {
    let source = Source::of_mint(args)?;
    let client = Client::open(&args.target)?;
    let list = match args.count {
        Some(_) => None,
        None => Some(List::read(&client, &args.contest, &source, args.subjects_are)?),
    };
    let template = link_template(args, &client);
    let mut passes = PassFile::create(args)?;
    let more = |body: &mut Value, group: Option<&str>| {
        for (key, value) in [
            ("channel", args.channel.as_ref().map(ToString::to_string)),
            ("group", group.map(str::to_owned)),
            ("expires", args.expires.clone()),
            ("subjects_are", args.subjects_are.map(|kind| kind.as_str().to_owned())),
        ] {
            if let Some(value) = value {
                body[key] = value.into();
            }
        }
    };
    let unnamed = [(args.group.as_deref(), Vec::new())];
    let lists = list.as_ref().map_or_else(|| unnamed.to_vec(), |list| list.by_group(args.group.as_deref()));
    let minted = lists.iter().try_for_each(|(group, subjects)| {
        let whom = match &list {
            Some(list) => PassRecipients::List { subjects, generation: list.generation },
            None => PassRecipients::Count(args.count.unwrap_or(0)),
        };
        let more = |body: &mut Value| more(body, *group);
        mint_each(&client, &args.contest, whom, more, |piece| {
            passes.write(&piece, |pass| {
                template.replace("{contest}", args.contest.as_str()).replace("{pass}", pass)
            })
        })
    });
    passes.end(minted)?;
    match (list, args.count) {
        (Some(list), _) => output::note(&list.report()),
        (None, count) => output::note(&format!("minted: {}", count.unwrap_or(0))),
    }
    Ok(Outcome::Done)
}

/// What links look like.
fn link_template(args: &MintArgs, client: &Client) -> String {
    if args.link_template.is_none() && args.target.url.is_none() {
        output::note(
            "links lack the server's address: give --link-template 'https://.../c/{contest}#{pass}'",
        );
    }
    match (&args.link_template, client.public_url()) {
        (Some(LinkTemplate(template)), _) => template.clone(),
        (None, Some(url)) => format!("{url}/c/{{contest}}#{{pass}}"),
        (None, None) => "/c/{contest}#{pass}".to_owned(),
    }
}

/// Where passes are written, as CSV: a new file or standard output.
struct PassFile {
    out: Box<dyn Write>,
    /// Written before the first row.
    mark: &'static str,
    file: Option<PathBuf>,
    written: usize,
}

impl PassFile {
    fn create(args: &MintArgs) -> Result<Self> {
        let out: Box<dyn Write> = match &args.out {
            Some(file) => {
                let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
                Box::new(opened.with_context(|| format!("the new file {}", file.display()))?)
            }
            None => Box::new(io::stdout()),
        };
        let mark = if args.excel { BYTE_ORDER_MARK } else { "" };
        Ok(Self { out, mark, file: args.out.clone(), written: 0 })
    }

    /// Written piece by piece: what was minted is never lost to an error further on.
    fn write(&mut self, piece: &[MintedPass], link: impl Fn(&str) -> String) -> Result<()> {
        let mut rows = String::new();
        // With the first passes and not before: a command that fails prints nothing.
        if self.written == 0 {
            rows.push_str(self.mark);
            rows.push_str("subject,pass,link\n");
        }
        for minted in piece {
            rows.push_str(&row([cell(&minted.subject), cell(&minted.pass), cell(&link(&minted.pass))]));
            rows.push('\n');
        }
        self.out.write_all(rows.as_bytes()).and_then(|()| self.out.flush()).map_err(StdoutError)?;
        self.written += piece.len();
        Ok(())
    }

    /// An empty file of a command that failed would only be in the way of the next attempt; one with passes is reported.
    fn end(self, minted: Result<()>) -> Result<()> {
        let (Err(error), Some(file)) = (&minted, &self.file) else { return minted };
        if self.written == 0 {
            let _left_there = fs::remove_file(file);
            return minted;
        }
        let so_far = format!(
            "{error}. {} passes were minted before that and are in {}. Minting the whole list again into another file gives the same voters",
            self.written,
            file.display()
        );
        minted.context(so_far)
    }
}

/// Mints `count` passes for made-up subjects.
pub(super) fn mint_all(client: &Client, contest: &ContestId, count: u64) -> Result<Vec<MintedPass>> {
    let mut all = Vec::new();
    mint_each(
        client,
        contest,
        PassRecipients::Count(count),
        |_| {},
        |piece| {
            all.extend(piece);
            Ok(())
        },
    )?;
    Ok(all)
}

/// Whom passes are minted for.
#[derive(Clone, Copy)]
enum PassRecipients<'a> {
    /// These, in a contest whose newest revocation is this one.
    List { subjects: &'a [String], generation: u32 },
    /// Voters without names.
    Count(u64),
}

/// The key of a request for these subjects. The same subjects again are the same passes, and not counted again, until passes are revoked: then new ones are
/// minted.
fn mint_key(contest: &ContestId, body: &Value, generation: u32) -> String {
    let content = match generation {
        0 => format!("{contest} {body}"),
        _ => format!("{contest} {generation} {body}"),
    };
    IdempotencyKey::of(&content).part(0)
}

/// Mints in requests of bounded size; `take` gets each answer's passes.
fn mint_each(
    client: &Client,
    contest: &ContestId,
    whom: PassRecipients<'_>,
    more: impl Fn(&mut Value),
    mut take: impl FnMut(Vec<MintedPass>) -> Result<()>,
) -> Result<()> {
    let fresh = IdempotencyKey::new()?;
    let path = format!("/v1/contests/{contest}/passes");
    let total = match whom {
        PassRecipients::List { subjects, .. } => subjects.len() as u64,
        PassRecipients::Count(count) => count,
    };
    let bar = progress::bar(total, "passes");
    let pieces = total.div_ceil(MAX_VOTERS_PER_REQUEST);
    for number in 0..usize::try_from(pieces)? {
        let from = number as u64 * MAX_VOTERS_PER_REQUEST;
        let to = (from + MAX_VOTERS_PER_REQUEST).min(total);
        let mut body = match whom {
            PassRecipients::List { subjects, .. } => {
                json!({"subjects": subjects.get(usize::try_from(from)?..usize::try_from(to)?)})
            }
            PassRecipients::Count(_) => json!({"count": to - from}),
        };
        more(&mut body);
        let key = match whom {
            PassRecipients::List { generation, .. } => mint_key(contest, &body, generation),
            PassRecipients::Count(_) => fresh.part(number),
        };
        let answer: Answer = serde_json::from_value(client.post(&path, &key, &body)?)?;
        bar.inc(answer.passes.len() as u64);
        take(answer.passes)?;
    }
    bar.finish_and_clear();
    Ok(())
}
