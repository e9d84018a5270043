//! The pool of connections, and the ways to use it.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use acclaim_contest::ContestId;
use acclaim_store::error::{Result, StoreError};
use parking_lot::{Mutex, MutexGuard};
use sqlx_core::{
    connection::Connection as _,
    error::Error,
    pool::{Pool, PoolOptions},
    query::{Query, query},
    raw_sql::raw_sql,
    row::Row as _,
    sql_str::AssertSqlSafe,
};
use sqlx_postgres::{PgArguments, PgConnectOptions, PgRow, Postgres};

use crate::{
    connection::{Durability, PooledConnection, Tx, call_with_timeout, with_timeout},
    error::{expect_row_count, is_missing_table, unavailable},
    schema::{self, OpenError},
};

/// A connection that lay idle for longer is asked whether it lives before it is used.
const IDLE_CHECK_DELAY: Duration = Duration::from_secs(1);
/// What a client waits beyond the server's own time-out for a statement.
const TIMEOUT_MARGIN: Duration = Duration::from_secs(2);

/// Where the database is, and how long to wait for it.
#[derive(Clone)]
pub struct Settings {
    /// `postgres://user:password@host:port/database`; `?sslmode=verify-full` and others as sqlx has them. With
    /// `statement-cache-capacity=0` every statement is within a transaction, unnamed: for a pooler.
    pub url: String,
    /// At most so many connections.
    pub connections: u32,
    /// How long to wait for a connection, a new one or one that others use.
    pub acquire: Duration,
    /// How long a statement may take.
    pub statement: Duration,
    /// How long a commit may take, which includes a synchronous standby's answer; a statement that commits by itself has both times.
    pub commit: Duration,
}

impl Settings {
    /// The usual settings: 16 connections, and seconds of patience.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            connections: 16,
            acquire: Duration::from_secs(5),
            statement: Duration::from_secs(10),
            commit: Duration::from_secs(10),
        }
    }
}

/// Without the URL, which may hold a password.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("connections", &self.connections)
            .field("acquire", &self.acquire)
            .field("statement", &self.statement)
            .field("commit", &self.commit)
            .finish_non_exhaustive()
    }
}

/// Everything that must last, of a cluster.
pub struct PostgresDatabase {
    pool: Pool<Postgres>,
    /// How the pool connects.
    connect: PgConnectOptions,
    /// Not behind a pooler that lends a connection for a transaction only.
    names_statements: bool,
    settings: Settings,
    /// Numbers of contests, which name their partitions. A number is never used again: one that is out of date leads to a table that is not
    /// there, and is looked up anew.
    numbers: Mutex<HashMap<ContestId, i32>>,
}

/// Connections are made when they are first needed.
fn pool(options: PgConnectOptions, settings: &Settings) -> Pool<Postgres> {
    PoolOptions::<Postgres>::new()
        .max_connections(settings.connections)
        .acquire_timeout(settings.acquire)
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(async move {
                Ok(about.idle_for < IDLE_CHECK_DELAY
                    || call_with_timeout(TIMEOUT_MARGIN, connection.ping()).await.is_ok())
            })
        })
        // After a failover the address may lead to the former primary.
        .after_connect(|connection, _| {
            Box::pin(async move {
                match call_with_timeout(TIMEOUT_MARGIN, schema::in_recovery(connection)).await? {
                    false => Ok(()),
                    true => Err(Error::Protocol("the database server is in recovery".to_owned())),
                }
            })
        })
        .connect_lazy_with(options)
}

impl fmt::Debug for PostgresDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresDatabase").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl PostgresDatabase {
    /// Connects to a database that `acclaim migrate` has prepared.
    ///
    /// # Errors
    /// [`OpenError`]: nobody answers, the schema is of another version, or the server does not keep what it is given.
    pub async fn connect(settings: &Settings) -> std::result::Result<Self, OpenError> {
        let schema::Options { connect: options, names_statements } =
            schema::options(&settings.url, settings.statement)?;
        let mut first = schema::connect(&options, settings.acquire).await?;
        call_with_timeout(settings.statement, async { Ok(schema::check(&mut first).await) }).await??;
        let _closed = call_with_timeout(TIMEOUT_MARGIN, first.close()).await;
        Ok(Self::with_pool(options, names_statements, settings.clone()))
    }

    fn with_pool(connect: PgConnectOptions, names_statements: bool, settings: Settings) -> Self {
        let pool = pool(connect.clone(), &settings);
        Self { pool, connect, names_statements, settings, numbers: Mutex::default() }
    }

    /// The same database with a pool of its own, of at most `connections`: for the sequencer, so that no flood of
    /// requests delays it.
    #[must_use]
    pub fn with_connections(&self, connections: u32) -> Self {
        let settings = Settings { connections, ..self.settings.clone() };
        Self::with_pool(self.connect.clone(), self.names_statements, settings)
    }

    /// Brings a database's schema up to date, from nothing if it is empty.
    ///
    /// # Errors
    /// [`OpenError`]: nobody answers, the schema is newer than this program, or a statement failed. Nothing was changed then.
    pub async fn migrate(url: &str) -> std::result::Result<(), OpenError> {
        schema::migrate(url).await
    }

    /// Closes the connections once they are idle.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// How long work on an open transaction, or one read, may take.
    pub(crate) fn statement_timeout(&self) -> Duration {
        self.settings.statement + TIMEOUT_MARGIN
    }

    /// How long a statement that commits by itself may take; `None` where every statement is within a transaction.
    pub(crate) fn autocommit_timeout(&self) -> Option<Duration> {
        self.names_statements.then_some(self.statement_timeout() + self.settings.commit)
    }

    /// How connections are made.
    pub(crate) fn options(&self) -> Arc<PgConnectOptions> {
        self.pool.connect_options()
    }

    pub(crate) async fn acquire(&self) -> std::result::Result<PooledConnection, Error> {
        let connection = self.pool.acquire().await?;
        Ok(PooledConnection::new(connection, self.names_statements))
    }

    /// Begins a transaction.
    pub(crate) async fn begin(&self, durability: Durability) -> Result<Tx> {
        self.begin_for(durability, self.settings.statement, self.settings.commit).await
    }

    /// Begins a transaction each of whose statements may take so long, and its commit.
    pub(crate) async fn begin_for(
        &self,
        durability: Durability,
        statement: Duration,
        commit: Duration,
    ) -> Result<Tx> {
        let connection = self.acquire().await.map_err(unavailable)?;
        with_timeout(self.statement_timeout(), Tx::begin(connection, durability, statement, commit)).await
    }

    /// Runs a statement that changes one row, or none and is a conflict.
    pub(crate) async fn change_one(
        &self,
        statement: Query<'_, Postgres, PgArguments>,
        otherwise: impl FnOnce() -> String + Send,
    ) -> Result<()> {
        let mut tx = self.begin(Durability::Durable).await?;
        with_timeout(self.statement_timeout(), async {
            let changed = statement.execute(&mut *tx).await.map_err(unavailable)?.rows_affected();
            expect_row_count(changed, 1, || StoreError::Conflict(otherwise()))
        })
        .await?;
        tx.commit().await
    }

    async fn try_rows(
        &self,
        query: Query<'_, Postgres, PgArguments>,
    ) -> std::result::Result<Vec<PgRow>, Error> {
        let mut connection = self.acquire().await?;
        let rows = if self.names_statements {
            call_with_timeout(self.statement_timeout(), query.fetch_all(&mut connection)).await?
        } else {
            call_with_timeout(
                self.statement_timeout(),
                rows_of_transaction(&mut connection, self.settings.statement, query),
            )
            .await?
        };
        connection.release();
        Ok(rows)
    }

    /// All rows of one statement that reads.
    pub(crate) async fn rows(&self, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>> {
        self.try_rows(query).await.map_err(unavailable)
    }

    /// The row of one statement that reads at most one.
    pub(crate) async fn row(&self, query: Query<'_, Postgres, PgArguments>) -> Result<Option<PgRow>> {
        Ok(self.rows(query).await?.pop())
    }

    /// All rows of a statement on a partition of a contest, whose text `sql` makes from the contest's number; `None` if there is no such contest.
    pub(crate) async fn partition_rows(
        &self,
        contest: &ContestId,
        sql: impl Fn(i32) -> String,
        bind: impl for<'q> Fn(Query<'q, Postgres, PgArguments>) -> Query<'q, Postgres, PgArguments>,
    ) -> Result<Option<Vec<PgRow>>> {
        loop {
            let Some((number, known)) = self.number(contest).await? else { return Ok(None) };
            match self.try_rows(bind(query(AssertSqlSafe(sql(number))))).await {
                Ok(rows) => return Ok(Some(rows)),
                // Deleted since its number was learnt: look again, but believe no second time.
                Err(error) if known && is_missing_table(&error) => self.forget_number(contest),
                Err(error) => return Err(unavailable(error)),
            }
        }
    }

    /// The number of a contest, and whether it was known without asking.
    pub(crate) async fn number(&self, contest: &ContestId) -> Result<Option<(i32, bool)>> {
        let known = self.numbers().get(contest).copied();
        if let Some(number) = known {
            return Ok(Some((number, true)));
        }
        let row = self.row(query("SELECT number FROM contests WHERE id = $1").bind(contest.as_str())).await?;
        let number: Option<i32> = row.map(|row| row.try_get(0)).transpose().map_err(unavailable)?;
        if let Some(number) = number {
            self.numbers().insert(contest.clone(), number);
        }
        Ok(number.map(|number| (number, false)))
    }

    /// The contest may be gone, and another one have its id.
    pub(crate) fn forget_number(&self, contest: &ContestId) {
        self.numbers().remove(contest);
    }

    fn numbers(&self) -> MutexGuard<'_, HashMap<ContestId, i32>> {
        self.numbers.lock()
    }
}

/// Reads in a transaction: what was prepared is executed where it was prepared.
async fn rows_of_transaction(
    connection: &mut PooledConnection,
    limit: Duration,
    query: Query<'_, Postgres, PgArguments>,
) -> std::result::Result<Vec<PgRow>, Error> {
    let begin = format!("BEGIN READ ONLY; SET LOCAL statement_timeout = {}", limit.as_millis());
    raw_sql(AssertSqlSafe(begin)).execute(&mut *connection).await?;
    let rows = query.fetch_all(&mut *connection).await?;
    raw_sql("COMMIT").execute(connection).await?;
    Ok(rows)
}
