//! `acclaim move`: an embedded installation becomes a cluster's.
//!
//! One transaction reads the data directory's database and leaves the mark that it is gone; one transaction writes the cluster's. The mark comes
//! first, and whatever happens between the two, both serve never:
//!
//! - cut off before the mark: nothing has happened;
//! - after the mark, before the other commit: neither serves; the same move again copies anew, or `--take-back` removes the mark;
//! - after both: the cluster serves; the same move again notes that it is complete.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use acclaim_contest::ContestId;
use acclaim_sequencer::LogReader;
use acclaim_store::{
    Contests as _, Keyring, Keys as _, Ledger as _, PublishedCheckpoints as _,
    keyring::Secret,
    relocation::{MoveMark, Part},
};
use acclaim_store_postgres::{MoveTarget, MoveTargetState, PostgresDatabase};
use acclaim_store_redis::{Redis, RedisPublishedCheckpoints};
use acclaim_store_sqlite::{DataDirectory, PublishedCheckpointFiles, SqliteDatabase};
use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::serve::log_to_stderr;
use crate::{
    args::relocation::MoveArgs,
    clock::SystemClock,
    config::{Cluster, Config},
    outcome::{Hint, Outcome, Refusal},
    output::{self, FieldList},
    random,
    relocation::{Relocation, RelocationSummary},
};

/// Parts on their way between the two databases.
const PARTS: usize = 4;

pub(super) fn run(args: &MoveArgs) -> Result<Outcome> {
    let config = Config::read(args.config.as_deref())?;
    let cluster = config.cluster()?.context(
        "there is no destination: ACCLAIM_REDIS_URL and ACCLAIM_POSTGRES_URL, or the file of --config, name the cluster",
    )?;
    log_to_stderr();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let from = SourceInstallation::open(&args.from)?;
        let keyring = open_keyring(&from, &config).await?;
        let to = Destination::connect(&config, &cluster, &keyring).await?;
        if args.take_back {
            return take_back(&from, &to, &keyring).await;
        }
        let moved = relocate(&from, &to, keyring).await?;
        report(args, &to, moved.as_ref())
    })
}

/// Where the installation is.
struct SourceInstallation<'a> {
    path: &'a Path,
    /// Declared before the directory: closed before others may have it.
    database: Arc<SqliteDatabase>,
    published_checkpoints: PublishedCheckpointFiles,
    /// Locked.
    _directory: DataDirectory,
}

impl<'a> SourceInstallation<'a> {
    fn open(path: &'a Path) -> Result<Self> {
        if !path.join("acclaim.db").exists() {
            bail!("there is no installation in {}: it has no acclaim.db", path.display());
        }
        let directory = DataDirectory::lock(path)?;
        let database = Arc::new(directory.database_to_move()?);
        Ok(Self {
            path,
            database,
            published_checkpoints: directory.published_checkpoints()?,
            _directory: directory,
        })
    }
}

/// Where it goes.
struct Destination {
    database: PostgresDatabase,
    published_checkpoints: RedisPublishedCheckpoints,
    shards: u16,
}

impl Destination {
    async fn connect(config: &Config, cluster: &Cluster, keyring: &Keyring) -> Result<Self> {
        let database = PostgresDatabase::connect(&cluster.postgres).await?;
        let redis = Redis::connect(&cluster.redis, Arc::new(SystemClock)).await?;
        let published_checkpoints = RedisPublishedCheckpoints::new(&redis, keyring.notice_key());
        Ok(Self { database, published_checkpoints, shards: config.redis.shards.get() })
    }
}

/// Opens the installation's keys with the cluster's secret: it must be the same.
async fn open_keyring(from: &SourceInstallation<'_>, config: &Config) -> Result<Keyring> {
    let hint = || {
        let file = from.path.join("secret");
        anyhow!(Hint(format!(
            "the cluster needs the secret in {0}: set ACCLAIM_INSTALLATION_SECRET_FILE={0}",
            file.display()
        )))
    };
    // Opening would found an installation where there is none.
    if from.database.installation_values().await?.is_empty() {
        bail!("there is no installation in {}: its database is empty", from.path.display());
    }
    let secret: Secret = config.secret().map_err(|error| hint().context(format!("{error:#}")))?;
    Keyring::open(&*from.database, secret, config.installation.name.as_deref()).await.map_err(|error| {
        match error {
            acclaim_store::keyring::KeyringError::WrongSecret(_) => {
                hint().context("the cluster's secret does not open the keys of the data directory")
            }
            other => other.into(),
        }
    })
}

/// Moves, or finishes a move; `None` if it was complete before.
async fn relocate(
    from: &SourceInstallation<'_>,
    to: &Destination,
    keyring: Keyring,
) -> Result<Option<RelocationSummary>> {
    let mark = from.database.move_mark().await?;
    let move_target = to.database.move_target().await.context("the cluster's database")?;
    if let Some(mark) = &mark {
        same_destination(from, to, mark)?;
    }
    match (mark, move_target.state()) {
        (Some(mark), MoveTargetState::MovedHere(id)) if *id == mark.id => {
            from.database.set_move_mark(&MoveMark { complete: true, ..mark }).await?;
            Ok(None)
        }
        (Some(mark), MoveTargetState::Empty) if mark.complete => bail!(
            "the installation was moved to {}, but that database holds none: if it was lost for good, go on from its backup, \
             or here after `acclaim move --take-back`",
            mark.to
        ),
        (mark, MoveTargetState::Empty) => {
            let id = mark.map_or_else(random::hex::<16>, |mark| Ok(mark.id))?;
            copy(from, to, keyring, move_target, id).await.map(Some)
        }
        (_, MoveTargetState::MovedHere(_)) => {
            bail!("the database {} holds an installation that was moved there", to.database.address())
        }
        (_, MoveTargetState::Occupied(held)) => bail!(
            "the database {} is not empty ({held}): an installation moves into one that `acclaim migrate` has just made",
            to.database.address()
        ),
    }
}

/// A mark binds to one destination: what may have arrived there must not arrive elsewhere too.
fn same_destination(from: &SourceInstallation<'_>, to: &Destination, mark: &MoveMark) -> Result<()> {
    let address = to.database.address();
    if mark.to != address {
        let how = if mark.complete { "was" } else { "may have been" };
        bail!("the installation in {} {how} moved to {}, not to {address}", from.path.display(), mark.to);
    }
    Ok(())
}

async fn copy(
    from: &SourceInstallation<'_>,
    to: &Destination,
    keyring: Keyring,
    move_target: MoveTarget,
    id: String,
) -> Result<RelocationSummary> {
    let shown = published_checkpoints(from, to).await?;
    let (sender, mut parts) = mpsc::channel(PARTS);
    let (go, mark_receiver) = oneshot::channel();
    let database = Arc::clone(&from.database);
    let move_source = tokio::spawn(async move { database.move_out(sender, mark_receiver).await });
    let mut relocation = Relocation::new(keyring, move_target, shown, to.shards);
    loop {
        match parts.recv().await {
            Some(Part::End) => break,
            Some(part) => relocation.take(part).await?,
            None => {
                move_source.await??;
                bail!("the data directory's database gave only a part of the installation");
            }
        }
    }
    let (moving, move_target) = relocation.finish()?;
    // Before anybody can serve there.
    for (contest, checkpoint) in &moving.checkpoints {
        to.published_checkpoints
            .record_before_publish(contest, checkpoint)
            .await
            .context("the cluster's Redis")?;
    }
    let mark = MoveMark { id, to: to.database.address(), complete: false };
    let unsent = go.send(mark.clone()).is_err();
    move_source.await??;
    if unsent {
        bail!("the data directory's database was given up");
    }
    move_target.commit(&mark.id).await.context(
        "the installation left the data directory, and may or may not have arrived: run the same command again, which finds out",
    )?;
    from.database.set_move_mark(&MoveMark { complete: true, ..mark }).await.context(
        "the installation has arrived; run the same command again to note it in the data directory",
    )?;
    Ok(moving)
}

/// By contest, the highest checkpoints that were shown: here, and there if there is one already.
async fn published_checkpoints(
    from: &SourceInstallation<'_>,
    to: &Destination,
) -> Result<BTreeMap<ContestId, Vec<String>>> {
    let mut shown = BTreeMap::new();
    for record in from.database.contests().await? {
        let contest = record.id();
        let here = from.published_checkpoints.highest(contest).await?;
        let there = to.published_checkpoints.highest(contest).await.context("the cluster's Redis")?;
        shown.insert(contest.clone(), here.into_iter().chain(there).collect());
    }
    Ok(shown)
}

/// Has the installation go on where it was, unless the cluster holds it or has gone on with it.
async fn take_back(from: &SourceInstallation<'_>, to: &Destination, keyring: &Keyring) -> Result<Outcome> {
    let Some(mark) = from.database.move_mark().await? else {
        bail!("the installation in {} was not moved", from.path.display());
    };
    same_destination(from, to, &mark)?;
    // Held until the mark is gone: nothing arrives meanwhile.
    let move_target = to.database.move_target().await.context("the cluster's database")?;
    if *move_target.state() == MoveTargetState::MovedHere(mark.id) {
        let why = format!("the database {} holds the installation: serve it there", mark.to);
        return Err(Refusal(why).into());
    }
    for (contest, shown) in published_checkpoints(from, to).await? {
        let head = from.database.head(&contest).await?;
        LogReader::begin(keyring, &contest, head, &shown)?;
    }
    from.database.remove_move_mark().await?;
    output::line(format_args!("taken back: the installation goes on in {}", from.path.display()))?;
    Ok(Outcome::Done)
}

fn report(args: &MoveArgs, to: &Destination, moving: Option<&RelocationSummary>) -> Result<Outcome> {
    let address = to.database.address();
    let Some(moving) = moving else {
        if args.json {
            output::json(&json!({"to": address, "before": true}))?;
        } else {
            output::line(format_args!("moved before: {} is at {address}", args.from.display()))?;
        }
        return Ok(Outcome::Done);
    };
    if args.json {
        output::json(&json!({
            "to": address,
            "before": false,
            "contests": moving.contests,
            "entries": moving.entries,
            "ballots": moving.ballots,
            "staff_keys": moving.staff_keys,
        }))?;
    } else {
        FieldList::default()
            .with("moved", format_args!("{} to {address}", args.from.display()))
            .with("contests", moving.contests)
            .with("entries", moving.entries)
            .with("ballots", moving.ballots)
            .with("staff keys", moving.staff_keys)
            .print()?;
    }
    Ok(Outcome::Done)
}
