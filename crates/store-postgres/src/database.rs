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

/// A connection that was idle for longer is tested before it is used.
const IDLE_CHECK_DELAY: Duration = Duration::from_secs(1);
/// The additional time that a client waits after the server's own time-out of a statement.
const TIMEOUT_MARGIN: Duration = Duration::from_secs(2);

/// The address of the database, and the time-outs.
#[derive(Clone)]
pub struct Settings {
    /// `postgres://user:password@host:port/database`, with `?sslmode=verify-full` and other
    /// parameters of sqlx.
    ///
    /// With `statement-cache-capacity=0` every statement is unnamed and within a transaction. A
    /// pooler needs this.
    pub url: String,
    /// The largest number of connections.
    pub connections: u32,
    /// Time-out of acquiring a connection: a new one, or one that other requests use.
    pub acquire: Duration,
    /// Time-out of a statement.
    pub statement: Duration,
    /// Time-out of a commit, which includes the answer of a synchronous standby. A statement that
    /// commits by itself has the sum of both time-outs.
    pub commit: Duration,
}

impl Settings {
    /// The default settings: 16 connections, and time-outs of 5 to 10 seconds.
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

/// Leaves the URL out, because it can hold a password.
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

/// The ledger, contests, commands and keys of a cluster.
pub struct PostgresDatabase {
    pool: Pool<Postgres>,
    /// The options of new connections.
    connect: PgConnectOptions,
    /// Whether statements have names. Not behind a pooler that gives a connection to each
    /// transaction only.
    names_statements: bool,
    settings: Settings,
    /// Cached numbers of contests, which name their partitions.
    ///
    /// A number is never used again. An outdated number leads to a missing table, and is then read
    /// again.
    numbers: Mutex<HashMap<ContestId, i32>>,
}

/// Creates the pool. Connections are made when they are first needed.
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
        // After a failover the address can lead to the former primary.
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
    /// - [`OpenError::Url`] if the URL cannot be read.
    /// - [`OpenError::Server`] if the server does not answer or reports an error.
    /// - [`OpenError::Empty`], [`OpenError::Older`] or [`OpenError::Newer`] if the schema is of
    ///   another version.
    /// - [`OpenError::Unsafe`] or [`OpenError::InRecovery`] if the server would not keep the data.
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

    /// Returns the same database with its own pool of at most `connections`.
    ///
    /// The sequencer uses it, so that many requests at once cannot delay it.
    #[must_use]
    pub fn with_connections(&self, connections: u32) -> Self {
        let settings = Settings { connections, ..self.settings.clone() };
        Self::with_pool(self.connect.clone(), self.names_statements, settings)
    }

    /// Updates a database's schema. Creates it if the database is empty.
    ///
    /// # Errors
    /// [`OpenError`] if the URL cannot be read, the server does not answer, the schema is newer
    /// than this program, or a statement failed. Nothing was changed then.
    pub async fn migrate(url: &str) -> std::result::Result<(), OpenError> {
        schema::migrate(url).await
    }

    /// Closes the connections when they are idle.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Time-out of the work in a transaction, or of one read.
    pub(crate) fn statement_timeout(&self) -> Duration {
        self.settings.statement + TIMEOUT_MARGIN
    }

    /// Time-out of a statement that commits by itself; `None` if every statement must be in a
    /// transaction.
    pub(crate) fn autocommit_timeout(&self) -> Option<Duration> {
        self.names_statements.then_some(self.statement_timeout() + self.settings.commit)
    }

    /// The options of the connections.
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

    /// Begins a transaction with these time-outs for each statement and for the commit.
    pub(crate) async fn begin_for(
        &self,
        durability: Durability,
        statement: Duration,
        commit: Duration,
    ) -> Result<Tx> {
        let connection = self.acquire().await.map_err(unavailable)?;
        with_timeout(self.statement_timeout(), Tx::begin(connection, durability, statement, commit)).await
    }

    /// Runs a statement that must change one row.
    ///
    /// # Errors
    /// `Conflict` with the text of `otherwise` if it changes another number of rows.
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

    /// Returns all rows of one statement that only reads.
    pub(crate) async fn rows(&self, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>> {
        self.try_rows(query).await.map_err(unavailable)
    }

    /// Returns the row of one statement that reads at most one row.
    pub(crate) async fn row(&self, query: Query<'_, Postgres, PgArguments>) -> Result<Option<PgRow>> {
        Ok(self.rows(query).await?.pop())
    }

    /// Returns all rows of a statement on a contest's partition; `None` if the contest does not
    /// exist.
    ///
    /// `sql` returns the statement for the contest's number.
    pub(crate) async fn partition_rows(
        &self,
        contest: &ContestId,
        sql: impl Fn(i32) -> String,
        bind: impl for<'q> Fn(Query<'q, Postgres, PgArguments>) -> Query<'q, Postgres, PgArguments>,
    ) -> Result<Option<Vec<PgRow>>> {
        loop {
            let Some((number, is_cached)) = self.number(contest).await? else { return Ok(None) };
            match self.try_rows(bind(query(AssertSqlSafe(sql(number))))).await {
                Ok(rows) => return Ok(Some(rows)),
                // The contest was deleted after its number was cached. The number is read again,
                // but only once.
                Err(error) if is_cached && is_missing_table(&error) => self.forget_number(contest),
                Err(error) => return Err(unavailable(error)),
            }
        }
    }

    /// Returns the number of a contest, and whether it came from the cache.
    pub(crate) async fn number(&self, contest: &ContestId) -> Result<Option<(i32, bool)>> {
        let cached = self.numbers().get(contest).copied();
        if let Some(number) = cached {
            return Ok(Some((number, true)));
        }
        let row = self.row(query("SELECT number FROM contests WHERE id = $1").bind(contest.as_str())).await?;
        let number: Option<i32> = row.map(|row| row.try_get(0)).transpose().map_err(unavailable)?;
        if let Some(number) = number {
            self.numbers().insert(contest.clone(), number);
        }
        Ok(number.map(|number| (number, false)))
    }

    /// Removes a number from the cache: the contest can be gone, and another contest can have its
    /// id.
    pub(crate) fn forget_number(&self, contest: &ContestId) {
        self.numbers().remove(contest);
    }

    fn numbers(&self) -> MutexGuard<'_, HashMap<ContestId, i32>> {
        self.numbers.lock()
    }
}

/// Reads in a transaction, so that the statement is prepared and executed on the same connection.
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
