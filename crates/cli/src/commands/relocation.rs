//! The command `acclaim move`: it moves an embedded installation into a cluster.
//!
//! One transaction reads the data directory's database and sets the mark that the installation has
//! moved. Another transaction writes the cluster's database. The mark is committed first. If
//! anything fails between the two commits, the data directory and the cluster never both serve the
//! installation:
//!
//! - The move stops before the mark: nothing has changed.
//! - The move stops after the mark and before the other commit: neither side serves. The same move
//!   can be run again and copies everything again, or `--take-back` removes the mark.
//! - The move stops after both commits: the cluster serves. The same move, run again, notes that it
//!   is complete.

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

/// The largest number of parts in the channel between the two databases.
const PARTS: usize = 4;

/// Runs `acclaim move`, or takes an interrupted move back.
pub(super) fn run(args: &MoveArgs) -> Result<Outcome> {
    let config = Config::read(args.config.as_deref())?;
    let cluster = config.cluster()?.context(
        "no cluster is configured: set ACCLAIM_REDIS_URL and ACCLAIM_POSTGRES_URL, or name its configuration with --config",
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
        let summary = relocate(&from, &to, keyring).await?;
        report(args, &to, summary.as_ref())
    })
}

/// The data directory that the installation leaves.
struct SourceInstallation<'a> {
    path: &'a Path,
    /// Declared before the directory, because fields are dropped in order: it is closed before the
    /// directory is unlocked.
    database: Arc<SqliteDatabase>,
    published_checkpoints: PublishedCheckpointFiles,
    /// The data directory, which is locked as long as this value lives.
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

/// The cluster that the installation moves to.
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

/// Opens the installation's keys with the cluster's secret, which must be the data directory's
/// secret.
async fn open_keyring(from: &SourceInstallation<'_>, config: &Config) -> Result<Keyring> {
    let hint = || {
        let file = from.path.join("secret");
        anyhow!(Hint(format!(
            "the cluster needs the secret in {0}: set ACCLAIM_INSTALLATION_SECRET_FILE={0}",
            file.display()
        )))
    };
    // In an empty database, `Keyring::open` would make a new installation.
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

/// Moves the installation, or finishes an interrupted move. Returns `None` if the move was complete
/// before.
async fn relocate(
    from: &SourceInstallation<'_>,
    to: &Destination,
    keyring: Keyring,
) -> Result<Option<RelocationSummary>> {
    let mark = from.database.move_mark().await?;
    let move_target = to.database.move_target().await.context("the cluster's database failed")?;
    if let Some(mark) = &mark {
        require_same_destination(from, to, mark)?;
    }
    match (mark, move_target.state()) {
        (Some(mark), MoveTargetState::MovedHere(id)) if *id == mark.id => {
            from.database.set_move_mark(&MoveMark { complete: true, ..mark }).await?;
            Ok(None)
        }
        (Some(mark), MoveTargetState::Empty) if mark.complete => bail!(
            "the installation was moved to {}, but that database holds none. If the database is lost, restore it from its backup, \
             or return to this data directory with `acclaim move --take-back`",
            mark.to
        ),
        (mark, MoveTargetState::Empty) => {
            let id = mark.map_or_else(random::hex::<16>, |mark| Ok(mark.id))?;
            copy(from, to, keyring, move_target, id).await.map(Some)
        }
        (_, MoveTargetState::MovedHere(_)) => {
            bail!("the database {} holds another installation, which was moved there", to.database.address())
        }
        (_, MoveTargetState::Occupied(held)) => bail!(
            "the database {} is not empty ({held}): make a new database, and prepare it with `acclaim migrate`",
            to.database.address()
        ),
    }
}

/// Checks that a mark is for this destination. An installation that may have arrived in one
/// database must not move to another.
fn require_same_destination(from: &SourceInstallation<'_>, to: &Destination, mark: &MoveMark) -> Result<()> {
    let address = to.database.address();
    if mark.to != address {
        let verb = if mark.complete { "was" } else { "may have been" };
        bail!("the installation in {} {verb} moved to {}, not to {address}", from.path.display(), mark.to);
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
    let published = published_checkpoints(from, to).await?;
    let (sender, mut parts) = mpsc::channel(PARTS);
    let (mark_sender, mark_receiver) = oneshot::channel();
    let database = Arc::clone(&from.database);
    let move_source = tokio::spawn(async move { database.move_out(sender, mark_receiver).await });
    let mut relocation = Relocation::new(keyring, move_target, published, to.shards);
    loop {
        match parts.recv().await {
            Some(Part::End) => break,
            Some(part) => relocation.take(part).await?,
            None => {
                move_source.await??;
                bail!("the data directory's database returned only a part of the installation");
            }
        }
    }
    let (summary, move_target) = relocation.finish()?;
    // The checkpoints are recorded before a process of the cluster can serve the installation.
    for (contest, checkpoint) in &summary.checkpoints {
        to.published_checkpoints
            .record_before_publish(contest, checkpoint)
            .await
            .context("the cluster's Redis failed")?;
    }
    let mark = MoveMark { id, to: to.database.address(), complete: false };
    let is_aborted = mark_sender.send(mark.clone()).is_err();
    move_source.await??;
    if is_aborted {
        bail!("the data directory's database was closed before the end of the move");
    }
    move_target.commit(&mark.id).await.context(
        "the installation left the data directory, but it is not known whether it arrived in the cluster: run the same command again",
    )?;
    from.database.set_move_mark(&MoveMark { complete: true, ..mark }).await.context(
        "the installation arrived in the cluster, but the data directory does not note it: run the same command again",
    )?;
    Ok(summary)
}

/// Returns the highest published checkpoints of each contest, from the data directory and from the
/// cluster.
async fn published_checkpoints(
    from: &SourceInstallation<'_>,
    to: &Destination,
) -> Result<BTreeMap<ContestId, Vec<String>>> {
    let mut published = BTreeMap::new();
    for record in from.database.contests().await? {
        let contest = record.id();
        let here = from.published_checkpoints.highest(contest).await?;
        let there = to.published_checkpoints.highest(contest).await.context("the cluster's Redis failed")?;
        published.insert(contest.clone(), here.into_iter().chain(there).collect());
    }
    Ok(published)
}

/// Returns the installation to the data directory, unless the cluster holds it or has continued its
/// logs.
async fn take_back(from: &SourceInstallation<'_>, to: &Destination, keyring: &Keyring) -> Result<Outcome> {
    let Some(mark) = from.database.move_mark().await? else {
        bail!("the installation in {} was not moved", from.path.display());
    };
    require_same_destination(from, to, &mark)?;
    // The target is held until the mark is removed, so that no other move can arrive meanwhile.
    let move_target = to.database.move_target().await.context("the cluster's database failed")?;
    if *move_target.state() == MoveTargetState::MovedHere(mark.id) {
        let why = format!("the database {} holds the installation: run the server on that cluster", mark.to);
        return Err(Refusal(why).into());
    }
    for (contest, published) in published_checkpoints(from, to).await? {
        let head = from.database.head(&contest).await?;
        LogReader::begin(keyring, &contest, head, &published)?;
    }
    from.database.remove_move_mark().await?;
    output::line(format_args!("taken back: the installation is in {} again", from.path.display()))?;
    Ok(Outcome::Done)
}

fn report(args: &MoveArgs, to: &Destination, summary: Option<&RelocationSummary>) -> Result<Outcome> {
    let address = to.database.address();
    let Some(summary) = summary else {
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
            "contests": summary.contests,
            "entries": summary.entries,
            "ballots": summary.ballots,
            "staff_keys": summary.staff_keys,
        }))?;
    } else {
        FieldList::default()
            .with("moved", format_args!("{} to {address}", args.from.display()))
            .with("contests", summary.contests)
            .with("entries", summary.entries)
            .with("ballots", summary.ballots)
            .with("staff keys", summary.staff_keys)
            .print()?;
    }
    Ok(Outcome::Done)
}
