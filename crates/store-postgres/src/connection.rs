//! Connections on loan from the pool, and transactions on them. Every wait has an end.

use std::{
    io,
    ops::{Deref, DerefMut},
    time::Duration,
};

use acclaim_store::error::{Result, StoreError};
use sqlx_core::{error::Error, pool::PoolConnection, raw_sql::raw_sql, sql_str::AssertSqlSafe};
use sqlx_postgres::{PgConnection, Postgres};
use tokio::time::timeout;

use crate::error::unavailable;

/// A connection on loan. Unless its work went well it is closed when it goes back: after an error, a time-out or a caller who stopped waiting,
/// nobody knows in what state it is. A server whose connection ends without a commit undoes the transaction.
#[derive(Debug)]
pub(crate) struct Lent {
    connection: PoolConnection<Postgres>,
    /// Whether statements are named on the server and used again.
    names: bool,
    sound: bool,
}

impl Lent {
    pub(crate) fn new(connection: PoolConnection<Postgres>, names: bool) -> Self {
        Self { connection, names, sound: false }
    }

    /// Whether its statements outlive a transaction.
    pub(crate) fn names_statements(&self) -> bool {
        self.names
    }

    /// What sends bytes that are no statement with arguments.
    pub(crate) fn wire(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Its work went well: others may have it.
    pub(crate) fn give_back(mut self) {
        self.sound = true;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.sound {
            self.connection.close_on_drop();
        }
    }
}

/// How a transaction is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// On the disks of the server and of its synchronous standby.
    Durable,
    /// Soon on disk; for what may as well be lost in a crash.
    Soon,
}

/// A transaction. Dropped without [`Tx::commit`] it is undone.
pub(crate) struct Tx {
    lent: Lent,
    commit: Duration,
}

impl Tx {
    pub(crate) async fn begin(
        mut lent: Lent,
        durability: Durability,
        statement: Duration,
        commit: Duration,
    ) -> Result<Self> {
        // One round trip, and local to the transaction: a pooler in between may change servers after each. A transaction whose client fell
        // silent ends too, and with it its locks, for which the contest's next append waits.
        let begin = format!(
            "BEGIN; SET LOCAL synchronous_commit = {}; SET LOCAL statement_timeout = {millis};
             SET LOCAL idle_in_transaction_session_timeout = {millis}",
            if durability == Durability::Durable { "on" } else { "off" },
            millis = statement.as_millis(),
        );
        raw_sql(AssertSqlSafe(begin)).execute(&mut lent).await.map_err(unavailable)?;
        Ok(Self { lent, commit })
    }

    /// Commits. `Unknown` unless the server said that it is done: even a server that reports an error may have committed, such as one that
    /// is stopped while it waits for its standby.
    pub(crate) async fn commit(mut self) -> Result<()> {
        commits_within(self.commit, async {
            raw_sql("COMMIT")
                .execute(&mut self.lent)
                .await
                .map_err(|error| StoreError::Unknown(error.to_string()))
        })
        .await?;
        self.lent.give_back();
        Ok(())
    }
}

impl Deref for Tx {
    type Target = Lent;

    fn deref(&self) -> &Lent {
        &self.lent
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Lent {
        &mut self.lent
    }
}

/// Waits so long and no longer for work that has not been committed.
pub(crate) async fn within<T>(limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(StoreError::Unavailable(no_answer(limit))))
}

/// Waits so long and no longer for work that commits.
pub(crate) async fn commits_within<T>(limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(StoreError::Unknown(no_answer(limit))))
}

/// As [`within`], for a single call of sqlx.
pub(crate) async fn answer<T>(
    limit: Duration,
    work: impl Future<Output = std::result::Result<T, Error>>,
) -> std::result::Result<T, Error> {
    timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(Error::Io(io::Error::new(io::ErrorKind::TimedOut, no_answer(limit)))))
}

fn no_answer(limit: Duration) -> String {
    format!("no answer from the database within {limit:?}")
}
