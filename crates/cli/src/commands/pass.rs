//! The command `acclaim pass mint`, and the minting of passes in requests of bounded size.

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

/// A voter's pass in the API's answer.
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
    let add_fields = |body: &mut Value, group: Option<&str>| {
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
        let recipients = match &list {
            Some(list) => PassRecipients::List { subjects, generation: list.generation },
            None => PassRecipients::Count(args.count.unwrap_or(0)),
        };
        let add_fields = |body: &mut Value| add_fields(body, *group);
        mint_each(&client, &args.contest, recipients, add_fields, |piece| {
            passes.write(&piece, |pass| {
                template.replace("{contest}", args.contest.as_str()).replace("{pass}", pass)
            })
        })
    });
    passes.finish(minted)?;
    match (list, args.count) {
        (Some(list), _) => output::note(&list.report()),
        (None, count) => output::note(&format!("minted: {}", count.unwrap_or(0))),
    }
    Ok(Outcome::Done)
}

/// Returns the template of the links to the ballot page.
fn link_template(args: &MintArgs, client: &Client) -> String {
    if args.link_template.is_none() && args.target.url.is_none() {
        output::note(
            "the links have no server address: use --link-template 'https://.../c/{contest}#{pass}'",
        );
    }
    match (&args.link_template, client.public_url()) {
        (Some(LinkTemplate(template)), _) => template.clone(),
        (None, Some(url)) => format!("{url}/c/{{contest}}#{{pass}}"),
        (None, None) => "/c/{contest}#{pass}".to_owned(),
    }
}

/// The output for passes as CSV: a new file or standard output.
struct PassFile {
    out: Box<dyn Write>,
    /// The byte order mark with `--excel`, otherwise empty. Written before the first row.
    mark: &'static str,
    file: Option<PathBuf>,
    written: usize,
}

impl PassFile {
    fn create(args: &MintArgs) -> Result<Self> {
        let out: Box<dyn Write> = match &args.out {
            Some(file) => {
                let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
                Box::new(created.with_context(|| format!("cannot create the file {}", file.display()))?)
            }
            None => Box::new(io::stdout()),
        };
        let mark = if args.excel { BYTE_ORDER_MARK } else { "" };
        Ok(Self { out, mark, file: args.out.clone(), written: 0 })
    }

    /// Writes the passes of one answer at once, so that a later error loses none of them.
    fn write(&mut self, piece: &[MintedPass], link: impl Fn(&str) -> String) -> Result<()> {
        let mut rows = String::new();
        // The header is written with the first passes, so that a failed command prints nothing.
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

    /// Ends the output. After a failure, removes an empty file, which would be in the way of the
    /// next attempt. Reports how many passes a file has.
    fn finish(self, minted: Result<()>) -> Result<()> {
        let (Err(error), Some(file)) = (&minted, &self.file) else { return minted };
        if self.written == 0 {
            let _ignored = fs::remove_file(file);
            return minted;
        }
        let so_far = format!(
            "{error}. {} passes were minted before the error and are in {}. Mint the whole list again into another file: the voters get the same passes",
            self.written,
            file.display()
        );
        minted.context(so_far)
    }
}

/// Mints `count` passes for voters without names.
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

/// The voters that passes are minted for.
#[derive(Clone, Copy)]
enum PassRecipients<'a> {
    /// The voters with these subjects. `generation` is the contest's newest revocation.
    List { subjects: &'a [String], generation: u32 },
    /// This number of voters without names.
    Count(u64),
}

/// Returns the idempotency key of a request for these subjects.
///
/// The same subjects get the same passes again, which are not counted again. After a revocation the
/// key is different, and new passes are minted.
fn mint_key(contest: &ContestId, body: &Value, generation: u32) -> String {
    let content = match generation {
        0 => format!("{contest} {body}"),
        _ => format!("{contest} {generation} {body}"),
    };
    IdempotencyKey::of(&content).part(0)
}

/// Mints passes in requests of bounded size. `take` gets the passes of each answer.
fn mint_each(
    client: &Client,
    contest: &ContestId,
    recipients: PassRecipients<'_>,
    add_fields: impl Fn(&mut Value),
    mut take: impl FnMut(Vec<MintedPass>) -> Result<()>,
) -> Result<()> {
    let random_key = IdempotencyKey::new()?;
    let path = format!("/v1/contests/{contest}/passes");
    let total = match recipients {
        PassRecipients::List { subjects, .. } => subjects.len() as u64,
        PassRecipients::Count(count) => count,
    };
    let bar = progress::bar(total, "passes");
    let pieces = total.div_ceil(MAX_VOTERS_PER_REQUEST);
    for number in 0..usize::try_from(pieces)? {
        let from = number as u64 * MAX_VOTERS_PER_REQUEST;
        let to = (from + MAX_VOTERS_PER_REQUEST).min(total);
        let mut body = match recipients {
            PassRecipients::List { subjects, .. } => {
                json!({"subjects": subjects.get(usize::try_from(from)?..usize::try_from(to)?)})
            }
            PassRecipients::Count(_) => json!({"count": to - from}),
        };
        add_fields(&mut body);
        let key = match recipients {
            PassRecipients::List { generation, .. } => mint_key(contest, &body, generation),
            PassRecipients::Count(_) => random_key.part(number),
        };
        let answer: Answer = serde_json::from_value(client.post(&path, &key, &body)?)?;
        bar.inc(answer.passes.len() as u64);
        take(answer.passes)?;
    }
    bar.finish_and_clear();
    Ok(())
}
