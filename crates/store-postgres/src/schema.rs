//! The schema's version, and what a server must be like before anything is trusted to it. Its statements are not prepared: each is executed
//! once, and outside of a transaction a pooler may lend another connection between preparing and executing.

use std::{str::FromStr as _, time::Duration};

use sqlx_core::{
    Url,
    connection::{ConnectOptions as _, Connection as _},
    error::Error,
    raw_sql::raw_sql,
    row::Row as _,
    sql_str::AssertSqlSafe,
};
use sqlx_postgres::{PgConnectOptions, PgConnection};
use tokio::time::timeout;

/// Migration N leads from version N - 1 to N. They are only ever added to.
const MIGRATIONS: &[(i32, &str)] = &[
    (1, include_str!("../migrations/1.sql")),
    (2, include_str!("../migrations/2.sql")),
    (3, include_str!("../migrations/3.sql")),
    (4, include_str!("../migrations/4.sql")),
    (5, include_str!("../migrations/5.sql")),
    (6, include_str!("../migrations/6.sql")),
    (7, include_str!("../migrations/7.sql")),
    (8, include_str!("../migrations/8.sql")),
    (SCHEMA_VERSION, include_str!("../migrations/9.sql")),
];
/// The version that this program works with.
pub const SCHEMA_VERSION: i32 = 9;
/// Key of the lock that migrations hold: `acclaim1` in ASCII.
const MIGRATION_LOCK: i64 = 0x6163_636c_6169_6d31;
/// How long connecting may take, and how long a migration waits for its locks.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the database cannot be used. No text of it holds a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is no `postgres://` URL.
    #[error("the database's URL cannot be read: {0}")]
    Url(String),
    /// Nobody answers, or not as hoped.
    #[error("the database cannot be used: {0}")]
    Server(String),
    /// The database was never migrated.
    #[error("the database has no tables of acclaim yet: run `acclaim migrate`")]
    Empty,
    /// An older program's.
    #[error(
        "the database's schema has version {found}, this program needs {SCHEMA_VERSION}: run `acclaim migrate`"
    )]
    Older {
        /// Its version.
        found: i32,
    },
    /// A newer program's.
    #[error(
        "the database's schema has version {found}, this program knows {SCHEMA_VERSION}: use the program that ran `acclaim migrate` last"
    )]
    Newer {
        /// Its version.
        found: i32,
    },
    /// A setting with which `recorded` would be an empty promise.
    #[error(
        "the database server has {setting} = off, so that a crash loses ballots that were promised: turn it on"
    )]
    Unsafe {
        /// Its name.
        setting: &'static str,
    },
    /// It follows another server.
    #[error("the database server is in recovery, a standby: connect to the primary")]
    InRecovery,
}

impl From<Error> for OpenError {
    fn from(error: Error) -> Self {
        Self::Server(error.to_string())
    }
}

/// How to connect.
pub(crate) struct Options {
    pub(crate) connect: PgConnectOptions,
    /// Whether statements are prepared under names, and used again.
    pub(crate) names_statements: bool,
}

/// The URL's parts, with what every connection of this program has.
pub(crate) fn options(url: &str, statement: Duration) -> Result<Options, OpenError> {
    // sqlx takes any scheme.
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(OpenError::Url("it does not begin with postgres://".to_owned()));
    }
    let options = PgConnectOptions::from_str(url).map_err(|error| OpenError::Url(error.to_string()))?;
    // No statement reads a float; a pooler need not know the setting.
    let options = options.application_name("acclaim").extra_float_digits(None).disable_statement_logging();
    let names_statements = names_statements(url);
    // Without names every statement is in a transaction, which sets the time-out for itself; a pooler would refuse `options`.
    let connect = if names_statements {
        options.options([("statement_timeout", statement.as_millis().to_string())])
    } else {
        options
    };
    Ok(Options { connect, names_statements })
}

/// Unless the URL switches the cache of statements off. The driver would go on naming them, and never use them again.
fn names_statements(url: &str) -> bool {
    let capacity = Url::parse(url).ok().and_then(|url| {
        let pairs = url.query_pairs();
        pairs.filter(|(key, _)| key == "statement-cache-capacity").map(|(_, value)| value.parse()).last()
    });
    capacity != Some(Ok(0_usize))
}

/// One connection, outside of the pool.
pub(crate) async fn connect(options: &PgConnectOptions, limit: Duration) -> Result<PgConnection, OpenError> {
    timeout(limit, PgConnection::connect_with(options))
        .await
        .map_err(|_| OpenError::Server(format!("no answer within {limit:?}")))?
        .map_err(OpenError::from)
}

/// Whether a server may not be written to.
pub(crate) async fn in_recovery(connection: &mut PgConnection) -> Result<bool, Error> {
    raw_sql("SELECT pg_is_in_recovery()").fetch_one(connection).await?.try_get(0)
}

/// Refuses a server that does not keep what it is given, and a schema of another version.
pub(crate) async fn check(connection: &mut PgConnection) -> Result<(), OpenError> {
    if in_recovery(connection).await? {
        return Err(OpenError::InRecovery);
    }
    for setting in ["fsync", "full_page_writes"] {
        let show = AssertSqlSafe(format!("SHOW {setting}"));
        let row = raw_sql(show).fetch_one(&mut *connection).await?;
        if row.try_get::<String, _>(0)? != "on" {
            return Err(OpenError::Unsafe { setting });
        }
    }
    match version(connection).await? {
        SCHEMA_VERSION => Ok(()),
        0 => Err(OpenError::Empty),
        found if found < SCHEMA_VERSION => Err(OpenError::Older { found }),
        found => Err(OpenError::Newer { found }),
    }
}

/// The schema's version, 0 if there is none.
async fn version(connection: &mut PgConnection) -> Result<i32, Error> {
    let table = "SELECT to_regclass('acclaim_schema') IS NOT NULL";
    let table = raw_sql(table).fetch_one(&mut *connection).await?;
    if !table.try_get::<bool, _>(0)? {
        return Ok(0);
    }
    raw_sql("SELECT version FROM acclaim_schema").fetch_one(connection).await?.try_get(0)
}

/// Brings the schema up to date, in one transaction; a schema that is, is left alone. Several may try at once.
pub(crate) async fn migrate(url: &str) -> Result<(), OpenError> {
    let mut connection = connect(&options(url, MIGRATION_TIMEOUT)?.connect, MIGRATION_TIMEOUT).await?;
    raw_sql("BEGIN").execute(&mut connection).await?;
    // Dropped with an error, the connection ends and with it the transaction.
    let lock = AssertSqlSafe(format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"));
    raw_sql(lock).execute(&mut connection).await?;
    let found = version(&mut connection).await?;
    if found > SCHEMA_VERSION {
        return Err(OpenError::Newer { found });
    }
    if found == 0 {
        let table =
            "CREATE TABLE acclaim_schema (version integer NOT NULL); INSERT INTO acclaim_schema VALUES (0)";
        raw_sql(table).execute(&mut connection).await?;
    }
    for (number, migration) in MIGRATIONS {
        if *number > found {
            raw_sql(*migration).execute(&mut connection).await?;
            let done = AssertSqlSafe(format!("UPDATE acclaim_schema SET version = {number}"));
            raw_sql(done).execute(&mut connection).await?;
        }
    }
    raw_sql("COMMIT").execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}
