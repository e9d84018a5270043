//! `acclaim pass`

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt as _,
};

use acclaim_contest::ContestId;
use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    args::staff::MintArgs,
    client::{Client, IdempotencyKey},
    outcome::Outcome,
    output::{self, Unwritable},
    progress,
};

/// Passes of one request.
const PIECE: u64 = 10_000;

/// A voter's pass as the API hands it out.
#[derive(Debug, Deserialize)]
pub(super) struct Minted {
    pub(super) subject: String,
    pub(super) pass: String,
}

#[derive(Deserialize)]
struct Answer {
    passes: Vec<Minted>,
}

pub(super) fn mint(args: &MintArgs) -> Result<Outcome> {
    let subjects = match &args.subjects {
        Some(file) => {
            let text =
                fs::read_to_string(file).with_context(|| format!("the subjects in {}", file.display()))?;
            let lines: Vec<String> =
                text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
            if let Some(line) = lines.iter().find(|line| line.contains([',', ';'])) {
                bail!(
                    "{}: `{line}` looks like a table's row; the file has one subject a line",
                    file.display()
                );
            }
            lines
        }
        None => args.subject.clone(),
    };
    let nowhere = args.link_template.is_none() && args.target.url.is_none();
    if args.count.is_none() && subjects.is_empty() {
        bail!("there is no subject to mint a pass for");
    }
    let client = Client::open(&args.target)?;
    let template = match (&args.link_template, client.public_url()) {
        (Some(template), _) => template.clone(),
        (None, Some(url)) => format!("{url}/c/{{contest}}#{{pass}}"),
        (None, None) => "/c/{contest}#{pass}".to_owned(),
    };
    if nowhere {
        output::note(
            "links lack the server's address: give --link-template 'https://.../c/{contest}#{pass}'",
        );
    }
    let out: Box<dyn Write> = match &args.out {
        Some(file) => {
            let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
            Box::new(opened.with_context(|| format!("the new file {}", file.display()))?)
        }
        None => Box::new(io::stdout()),
    };
    let mut csv = csv::Writer::from_writer(out);
    // With the first passes and not before: a command that fails prints nothing.
    let mut begun = false;
    let more = |body: &mut Value| {
        for (key, value) in [
            ("channel", args.channel.as_ref().map(ToString::to_string)),
            ("group", args.group.clone()),
            ("expires", args.expires.clone()),
        ] {
            if let Some(value) = value {
                body[key] = value.into();
            }
        }
    };
    // Written piece by piece: what was minted is never lost to an error further on.
    let minted = mint_each(&client, &args.contest, &subjects, args.count.unwrap_or(0), more, |piece| {
        if !std::mem::replace(&mut begun, true) {
            csv.write_record(["subject", "pass", "link"])?;
        }
        for minted in piece {
            let link = template.replace("{contest}", args.contest.as_str()).replace("{pass}", &minted.pass);
            csv.write_record([&minted.subject, &minted.pass, &link])?;
        }
        Ok(csv.flush().map_err(Unwritable)?)
    });
    if let (Err(_), Some(file), false) = (&minted, &args.out, begun) {
        // Empty, and this command's own: it would only be in the way of the next attempt.
        let _left_there = fs::remove_file(file);
    }
    minted.map(|()| Outcome::Done)
}

/// Mints `count` passes for made-up subjects.
pub(super) fn mint_all(client: &Client, contest: &ContestId, count: u64) -> Result<Vec<Minted>> {
    let mut all = Vec::new();
    mint_each(
        client,
        contest,
        &[],
        count,
        |_| {},
        |piece| {
            all.extend(piece);
            Ok(())
        },
    )?;
    Ok(all)
}

/// Mints for these subjects, or if there are none for `count` made-up ones, in requests of bounded size; `take` gets each answer's passes.
fn mint_each(
    client: &Client,
    contest: &ContestId,
    subjects: &[String],
    count: u64,
    more: impl Fn(&mut Value),
    mut take: impl FnMut(Vec<Minted>) -> Result<()>,
) -> Result<()> {
    let fresh = IdempotencyKey::new()?;
    let path = format!("/v1/contests/{contest}/passes");
    let total = if subjects.is_empty() { count } else { subjects.len() as u64 };
    let bar = progress::bar(total, "passes");
    let pieces = total.div_ceil(PIECE);
    for number in 0..usize::try_from(pieces)? {
        let from = number as u64 * PIECE;
        let to = (from + PIECE).min(total);
        let mut body = match subjects.get(usize::try_from(from)?..usize::try_from(to)?) {
            Some(piece) => json!({"subjects": piece}),
            None => json!({"count": to - from}),
        };
        more(&mut body);
        // The same subjects again are the same passes, and not counted again.
        let key = match subjects {
            [] => fresh.part(number),
            _ => IdempotencyKey::of(&format!("{contest} {body}")).part(0),
        };
        let answer: Answer = serde_json::from_value(client.post(&path, &key, &body)?)?;
        bar.inc(answer.passes.len() as u64);
        take(answer.passes)?;
    }
    bar.finish_and_clear();
    Ok(())
}
