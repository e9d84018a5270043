//! The arrival of an installation from another database.
//!
//! One transaction writes all of it, into a database that holds no installation.

use std::time::Duration;

use acclaim_contest::{BallotId, BallotState, ContestId, PanelId};
use acclaim_store::{
    ContestRecord, RequestId,
    command::{CommandOutcome, QueuedCommand},
    contests::MintParameters,
    error::Result,
    keys::StaffKey,
    ledger::{Head, RecordedBallot},
    pass_revocations::{PassRevocation, RevokedVoter},
    relocation::Part,
};
use sqlx_core::{
    query::{Query, query},
    raw_sql::raw_sql,
    row::Row as _,
    sql_str::AssertSqlSafe,
};
use sqlx_postgres::{PgArguments, Postgres};

use crate::{
    append::{self, Batch},
    connection::{Durability, PooledConnection, Tx, with_timeout},
    contests::{create, store_subjects},
    database::PostgresDatabase,
    error::{corrupt, expect_row_count, signed, unavailable},
    keys::key_revocation,
    pass_revocations::stored_generation,
};

/// Name of the installation's value that holds the id of the move.
const MOVED_FROM: &str = "moved-from";
/// Time-out of one step. The commit of a large installation on a slow disk is one step.
const STEP_TIMEOUT: Duration = Duration::from_secs(600);
/// How long to wait for other transactions. An example is an earlier attempt whose connection has
/// not ended yet.
const LOCK_TIMEOUT: &str = "30s";

/// The content of a database before an installation is moved into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MoveTargetState {
    /// No installation.
    Empty,
    /// An installation that was moved here. The text is the id of its move.
    MovedHere(String),
    /// Other data. The text lists its kinds and numbers.
    Occupied(String),
}

/// The transaction that writes a moved installation. If it is dropped without
/// [`MoveTarget::commit`], it leaves nothing.
pub struct MoveTarget {
    tx: Tx,
    state: MoveTargetState,
    /// The number of the contest that parts belong to, and the next index of its log.
    contest: Option<(i32, u64)>,
}

impl PostgresDatabase {
    /// Begins to write a moved installation.
    ///
    /// No other process can create an installation here meanwhile. This waits for an earlier move
    /// until its outcome is known.
    ///
    /// # Errors
    /// As for any write.
    pub async fn move_target(&self) -> Result<MoveTarget> {
        let mut tx = self.begin_for(Durability::Durable, STEP_TIMEOUT, STEP_TIMEOUT).await?;
        let state = with_timeout(STEP_TIMEOUT, async {
            let lock = format!(
                "SET LOCAL lock_timeout = '{LOCK_TIMEOUT}';
                 LOCK TABLE installation, staff_keys, retired, contests IN SHARE ROW EXCLUSIVE MODE"
            );
            raw_sql(AssertSqlSafe(lock)).execute(&mut *tx).await.map_err(unavailable)?;
            read_state(&mut tx).await
        })
        .await?;
        Ok(MoveTarget { tx, state, contest: None })
    }

    /// Host, port and name of the database, without credentials.
    #[must_use]
    pub fn address(&self) -> String {
        let options = self.options();
        let database = options.get_database().unwrap_or(options.get_username());
        format!("{}:{}/{database}", options.get_host(), options.get_port())
    }
}

async fn read_state(tx: &mut PooledConnection) -> Result<MoveTargetState> {
    let value = query("SELECT value FROM installation WHERE name = $1").bind(MOVED_FROM);
    if let Some(row) = value.fetch_optional(&mut *tx).await.map_err(unavailable)? {
        let id: Vec<u8> = row.try_get(0).map_err(unavailable)?;
        return Ok(MoveTargetState::MovedHere(String::from_utf8_lossy(&id).into_owned()));
    }
    let counts = query(
        "SELECT (SELECT count(*) FROM contests), (SELECT string_agg(id, ', ') FROM (SELECT id FROM contests ORDER BY id LIMIT 3) AS first),
         (SELECT count(*) FROM staff_keys), (SELECT count(*) FROM installation), (SELECT count(*) FROM retired)",
    );
    let row = counts.fetch_one(tx).await.map_err(unavailable)?;
    let count = |column: usize| row.try_get::<i64, _>(column).map_err(unavailable);
    let (contests, keys, values, retired) = (count(0)?, count(2)?, count(3)?, count(4)?);
    if contests + keys + values + retired == 0 {
        return Ok(MoveTargetState::Empty);
    }
    let first: Option<String> = row.try_get(1).map_err(unavailable)?;
    let named = first.map(|ids| format!(" ({ids}{})", if contests > 3 { ", ..." } else { "" }));
    let mut kinds = Vec::new();
    for (count, kind) in [
        (contests, format!("contests{}", named.unwrap_or_default())),
        (keys, "staff keys".to_owned()),
        (values, "values of an installation".to_owned()),
        (retired, "ids of deleted contests".to_owned()),
    ] {
        kinds.extend((count > 0).then(|| format!("{kind}: {count}")));
    }
    Ok(MoveTargetState::Occupied(kinds.join(", ")))
}

impl MoveTarget {
    /// The content of the database before the move.
    #[must_use]
    pub fn state(&self) -> &MoveTargetState {
        &self.state
    }

    /// Writes the next part.
    ///
    /// # Errors
    /// As for any write; `Corrupt` for a part of a contest without a contest before it.
    pub async fn take(&mut self, part: Part) -> Result<()> {
        with_timeout(STEP_TIMEOUT, self.insert(part)).await
    }

    /// Commits, and stores the id of the move. The installation is durable when this returns.
    ///
    /// # Errors
    /// `Unknown` if the commit may have happened. Its outcome needs no further step:
    /// [`PostgresDatabase::move_target`] finds it.
    pub async fn commit(mut self, id: &str) -> Result<()> {
        let value = query("INSERT INTO installation (name, value) VALUES ($1, $2)").bind(MOVED_FROM);
        with_timeout(STEP_TIMEOUT, insert_rows(&mut self.tx, value.bind(id.as_bytes()), 1)).await?;
        with_timeout(STEP_TIMEOUT, advance_generation_sequence(&mut self.tx)).await?;
        self.tx.commit().await
    }

    async fn insert(&mut self, part: Part) -> Result<()> {
        let tx = &mut *self.tx;
        let contest =
            || self.contest.ok_or_else(|| corrupt("a part of no contest")).map(|(number, _)| number);
        match part {
            Part::Values(values) => insert_values(tx, values).await,
            Part::StaffKeys(keys) => insert_staff_keys(tx, &keys).await,
            Part::KeyRevocations(revocations) => insert_key_revocations(tx, &revocations).await,
            Part::Retired(ids) => insert_retired(tx, &ids).await,
            Part::Contest(record, head) => {
                self.contest = Some((insert_contest(tx, &record, head.as_ref()).await?, 0));
                Ok(())
            }
            Part::Subjects(subjects) => {
                let is_stored = store_subjects(tx, contest()?, &subjects).await?;
                expect_row_count(u64::from(is_stored), 1, || {
                    corrupt("a contest's subject rules were sent twice")
                })
            }
            Part::Entries(entries) => {
                let (number, from) = self.contest.ok_or_else(|| corrupt("entries of no contest"))?;
                self.contest = Some((number, from + entries.len() as u64));
                append::insert(tx, number, Batch { from, entries: &entries, ..Batch::default() }, unavailable)
                    .await
            }
            Part::Tiles(tiles) => {
                append::insert(tx, contest()?, Batch { tiles: &tiles, ..Batch::default() }, unavailable).await
            }
            Part::Ballots(ballots) => insert_ballots(tx, contest()?, ballots).await,
            Part::Commands(commands) => insert_commands(tx, contest()?, &commands).await,
            Part::Passes(passes) => insert_passes(tx, contest()?, passes).await,
            Part::PassRequests(requests) => insert_pass_requests(tx, contest()?, requests).await,
            Part::Revocations(revocations) => insert_revocations(tx, contest()?, revocations).await,
            Part::RevokedVoters(voters) => insert_revoked_voters(tx, contest()?, voters).await,
            Part::Rejections(rejections) => append::insert_rejections(tx, contest()?, &rejections).await,
            Part::Turnout(turnout) => {
                append::insert(tx, contest()?, Batch { turnout: &turnout, ..Batch::default() }, unavailable)
                    .await
            }
            Part::End => Ok(()),
        }
    }
}

/// Runs an insertion of `count` new rows.
async fn insert_rows(
    tx: &mut PooledConnection,
    statement: Query<'_, Postgres, PgArguments>,
    count: usize,
) -> Result<()> {
    let inserted = statement.execute(tx).await.map_err(unavailable)?.rows_affected();
    expect_row_count(inserted, count, || corrupt(format!("{inserted} rows were inserted instead of {count}")))
}

async fn insert_values(tx: &mut PooledConnection, values: Vec<(String, Vec<u8>)>) -> Result<()> {
    let (names, values): (Vec<String>, Vec<Vec<u8>>) = values.into_iter().unzip();
    let count = names.len();
    let statement =
        query("INSERT INTO installation (name, value) SELECT * FROM unnest($1::text[], $2::bytea[])");
    insert_rows(tx, statement.bind(names).bind(values), count).await
}

async fn insert_staff_keys(tx: &mut PooledConnection, keys: &[([u8; 32], StaffKey)]) -> Result<()> {
    for (hash, key) in keys {
        let contests = key.contests.as_ref().map(serde_json::to_string).transpose().map_err(corrupt)?;
        let statement = query(
            "INSERT INTO staff_keys (name, hash, role, contests, panel, created, revoked, expires)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&key.name)
        .bind(&hash[..])
        .bind(key.role.as_str())
        .bind(contests)
        .bind(key.panel.as_ref().map(PanelId::as_str))
        .bind(key.created.seconds())
        .bind(key.revoked.map(|at| at.seconds()))
        .bind(key.expires.map(|at| at.seconds()));
        insert_rows(tx, statement, 1).await?;
    }
    Ok(())
}

async fn insert_key_revocations(
    tx: &mut PooledConnection,
    revocations: &[(RequestId, StaffKey)],
) -> Result<()> {
    for (id, key) in revocations {
        insert_rows(tx, key_revocation(id, key)?, 1).await?;
    }
    Ok(())
}

async fn insert_retired(tx: &mut PooledConnection, ids: &[ContestId]) -> Result<()> {
    let ids: Vec<&str> = ids.iter().map(ContestId::as_str).collect();
    let count = ids.len();
    insert_rows(tx, query("INSERT INTO retired (id) SELECT * FROM unnest($1::text[])").bind(ids), count).await
}

/// Creates a contest in its current state, with the head of its log. Returns its number.
async fn insert_contest(
    tx: &mut PooledConnection,
    record: &ContestRecord,
    head: Option<&Head>,
) -> Result<i32> {
    let state = &record.state;
    let number = create(tx, &record.definition, record.tag_key.as_deref().unwrap_or_default()).await?;
    let statement = query(
        "UPDATE contests SET revision = $1, phase = $2, closes = $3, withdrawn = $4, epoch = $5, shards = $6 WHERE number = $7",
    )
    .bind(signed(record.revision)?)
    .bind(state.phase.as_str())
    .bind(state.closes.seconds())
    .bind(serde_json::to_string(&state.withdrawn).map_err(corrupt)?)
    .bind(state.epoch.cast_signed())
    .bind(i32::from(state.shards))
    .bind(number);
    insert_rows(tx, statement, 1).await?;
    if let Some(head) = head {
        let statement =
            query("INSERT INTO heads (contest, size, root, checkpoint, cursors) VALUES ($1, $2, $3, $4, $5)")
                .bind(number)
                .bind(signed(head.size)?)
                .bind(&head.root.0[..])
                .bind(&head.checkpoint)
                .bind(head.cursors.to_bytes());
        insert_rows(tx, statement, 1).await?;
    }
    Ok(number)
}

async fn insert_ballots(tx: &mut PooledConnection, contest: i32, ballots: Vec<RecordedBallot>) -> Result<()> {
    let ids: Vec<(BallotId, u64)> = ballots.iter().map(|ballot| (ballot.id, ballot.index)).collect();
    append::insert(tx, contest, Batch { ballots: &ids, ..Batch::default() }, unavailable).await?;
    let marks: Vec<(BallotId, BallotState)> = ballots
        .into_iter()
        .filter(|ballot| ballot.state != BallotState::Recorded)
        .map(|ballot| (ballot.id, ballot.state))
        .collect();
    append::mark_ballots(tx, contest, &marks).await
}

async fn insert_commands(
    tx: &mut PooledConnection,
    contest: i32,
    commands: &[(QueuedCommand, Option<CommandOutcome>)],
) -> Result<()> {
    let (mut keys, mut staff, mut bodies, mut received, mut outcomes) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::<Option<String>>::new());
    for (queued, outcome) in commands {
        keys.push(queued.key.as_str());
        staff.push(queued.by.as_str());
        bodies.push(serde_json::to_string(&queued.command).map_err(corrupt)?);
        received.push(queued.received.to_string());
        outcomes.push(outcome.as_ref().map(serde_json::to_string).transpose().map_err(corrupt)?);
    }
    let statement = query(
        "INSERT INTO commands (contest, key, staff, command, received, outcome)
         SELECT $1, key, staff, command, received, outcome
         FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
         WITH ORDINALITY AS listed (key, staff, command, received, outcome, place) ORDER BY place",
    );
    let statement = statement.bind(contest).bind(keys).bind(staff).bind(bodies).bind(received).bind(outcomes);
    insert_rows(tx, statement, commands.len()).await
}

async fn insert_passes(tx: &mut PooledConnection, contest: i32, passes: Vec<(String, u64)>) -> Result<()> {
    let totals = passes.iter().map(|(_, total)| signed(*total)).collect::<Result<Vec<i64>>>()?;
    let sources: Vec<String> = passes.into_iter().map(|(source, _)| source).collect();
    let count = sources.len();
    let statement = query(
        "INSERT INTO passes (contest, source, total) SELECT $1, * FROM unnest($2::text[], $3::bigint[])",
    );
    insert_rows(tx, statement.bind(contest).bind(sources).bind(totals), count).await
}

async fn insert_pass_requests(
    tx: &mut PooledConnection,
    contest: i32,
    requests: Vec<(RequestId, [u8; 32], Option<MintParameters>)>,
) -> Result<()> {
    let count = requests.len();
    let (mut keys, mut staff, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut pass_keys, mut expiries, mut admissions, mut generations) = (
        Vec::<Option<i64>>::new(),
        Vec::<Option<i64>>::new(),
        Vec::<Option<i64>>::new(),
        Vec::<Option<i32>>::new(),
    );
    for (RequestId { by, key }, request, minting) in requests {
        keys.push(key);
        staff.push(by);
        hashes.push(request.to_vec());
        pass_keys.push(minting.map(|minting| i64::from(minting.pass_key)));
        expiries.push(minting.map(|minting| minting.expires.seconds()));
        admissions.push(minting.map(|minting| minting.admitted.seconds()));
        generations.push(minting.map(|minting| stored_generation(minting.generation)).transpose()?);
    }
    let statement = query(
        "INSERT INTO pass_requests (contest, key, staff, request, pass_key, expires, admitted, generation, schema)
         SELECT $1, *, 7 FROM unnest($2::text[], $3::text[], $4::bytea[], $5::bigint[], $6::bigint[], $7::bigint[], $8::integer[])",
    );
    let statement = statement.bind(contest).bind(keys).bind(staff).bind(hashes);
    let statement = statement.bind(pass_keys).bind(expiries).bind(admissions).bind(generations);
    insert_rows(tx, statement, count).await
}

async fn insert_revocations(
    tx: &mut PooledConnection,
    contest: i32,
    revocations: Vec<(u32, PassRevocation)>,
) -> Result<()> {
    for (generation, PassRevocation { id, request, mode, reason, at }) in revocations {
        let statement = query(
            "INSERT INTO revocations (generation, contest, key, staff, request, mode, reason, at)
             OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(stored_generation(generation)?)
        .bind(contest)
        .bind(id.key)
        .bind(id.by)
        .bind(request.to_vec())
        .bind(mode.as_str())
        .bind(reason)
        .bind(at.seconds());
        insert_rows(tx, statement, 1).await?;
    }
    Ok(())
}

async fn insert_revoked_voters(
    tx: &mut PooledConnection,
    contest: i32,
    voters: Vec<RevokedVoter>,
) -> Result<()> {
    let count = voters.len();
    let (mut tags, mut generations, mut barred) = (Vec::new(), Vec::new(), Vec::new());
    for RevokedVoter { voter, generation, is_barred } in voters {
        tags.push(voter.0.to_vec());
        generations.push(stored_generation(generation)?);
        barred.push(is_barred);
    }
    let statement = query(
        "INSERT INTO revoked_voters (contest, tag, generation, barred)
         SELECT $1, * FROM unnest($2::bytea[], $3::integer[], $4::boolean[])",
    );
    insert_rows(tx, statement.bind(contest).bind(tags).bind(generations).bind(barred), count).await
}

/// Advances the sequence, so that later revocations have higher generations than the moved ones.
async fn advance_generation_sequence(tx: &mut PooledConnection) -> Result<()> {
    let statement = query(
        "SELECT setval(pg_get_serial_sequence('revocations', 'generation'), newest)
         FROM (SELECT greatest((SELECT max(generation) FROM revocations), (SELECT max(generation) FROM revoked_voters)) AS newest) AS found
         WHERE newest IS NOT NULL",
    );
    statement.fetch_optional(tx).await.map_err(unavailable)?;
    Ok(())
}
