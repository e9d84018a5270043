//! The schema's version, and the checks of a server before data is entrusted to it.
//!
//! The statements here are not prepared. Each is executed once, and outside a transaction a pooler
//! can change the connection between preparing and executing.

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

/// The migrations. Migration N leads from schema version N - 1 to N. New ones are only added at the
/// end.
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
/// The schema version of this program.
pub const SCHEMA_VERSION: i32 = 9;
/// Key of the lock that migrations hold: `acclaim1` in ASCII.
const MIGRATION_LOCK: i64 = 0x6163_636c_6169_6d31;
/// Time-out of connecting, and of each statement of a migration, which includes its wait for locks.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the database cannot be used. No text of it holds a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is not a valid `postgres://` URL.
    #[error("the database's URL cannot be read: {0}")]
    Url(String),
    /// The server does not answer, or reports an error.
    #[error("the database cannot be used: {0}")]
    Server(String),
    /// The database has no schema yet.
    #[error("the database has no tables of Acclaim yet: run `acclaim migrate`")]
    Empty,
    /// The schema is of an older program.
    #[error(
        "the database's schema has version {found}, but this program needs {SCHEMA_VERSION}: run `acclaim migrate`"
    )]
    Older {
        /// The schema's version.
        found: i32,
    },
    /// The schema is of a newer program.
    #[error(
        "the database's schema has version {found}, but this program only knows {SCHEMA_VERSION}: use the program that ran `acclaim migrate` last"
    )]
    Newer {
        /// The schema's version.
        found: i32,
    },
    /// A setting of the server that can lose recorded ballots.
    #[error("the database server has {setting} = off, so a crash can lose recorded ballots: turn it on")]
    Unsafe {
        /// The name of the setting.
        setting: &'static str,
    },
    /// The server is a standby.
    #[error("the database server is a standby (in recovery): connect to the primary")]
    InRecovery,
}

impl From<Error> for OpenError {
    fn from(error: Error) -> Self {
        Self::Server(error.to_string())
    }
}

/// The options of connections.
pub(crate) struct Options {
    /// The options of sqlx.
    pub(crate) connect: PgConnectOptions,
    /// Whether statements are prepared under names, and used again.
    pub(crate) names_statements: bool,
}

/// Parses the URL, and adds the options of all connections of this program.
pub(crate) fn options(url: &str, statement: Duration) -> Result<Options, OpenError> {
    // sqlx accepts any scheme, so it is checked here.
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(OpenError::Url("it does not begin with postgres://".to_owned()));
    }
    let options = PgConnectOptions::from_str(url).map_err(|error| OpenError::Url(error.to_string()))?;
    // No statement reads a float. A pooler may not know the setting.
    let options = options.application_name("acclaim").extra_float_digits(None).disable_statement_logging();
    let names_statements = names_statements(url);
    // Without names every statement is in a transaction, which sets the time-out itself. A pooler
    // would refuse `options`.
    let connect = if names_statements {
        options.options([("statement_timeout", statement.as_millis().to_string())])
    } else {
        options
    };
    Ok(Options { connect, names_statements })
}

/// Whether statements have names: yes, unless the URL switches off the cache of statements.
///
/// In that case the driver would still name statements, but never use them again.
fn names_statements(url: &str) -> bool {
    let capacity = Url::parse(url).ok().and_then(|url| {
        let pairs = url.query_pairs();
        pairs.filter(|(key, _)| key == "statement-cache-capacity").map(|(_, value)| value.parse()).last()
    });
    capacity != Some(Ok(0_usize))
}

/// Opens one connection, outside the pool.
pub(crate) async fn connect(options: &PgConnectOptions, limit: Duration) -> Result<PgConnection, OpenError> {
    timeout(limit, PgConnection::connect_with(options))
        .await
        .map_err(|_| OpenError::Server(format!("no answer within {limit:?}")))?
        .map_err(OpenError::from)
}

/// Whether the server is in recovery, and so accepts no writes.
pub(crate) async fn in_recovery(connection: &mut PgConnection) -> Result<bool, Error> {
    raw_sql("SELECT pg_is_in_recovery()").fetch_one(connection).await?.try_get(0)
}

/// Refuses a server that can lose data, and a schema of another version.
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

/// Returns the schema's version, or 0 if there is no schema.
async fn version(connection: &mut PgConnection) -> Result<i32, Error> {
    let table = "SELECT to_regclass('acclaim_schema') IS NOT NULL";
    let table = raw_sql(table).fetch_one(&mut *connection).await?;
    if !table.try_get::<bool, _>(0)? {
        return Ok(0);
    }
    raw_sql("SELECT version FROM acclaim_schema").fetch_one(connection).await?.try_get(0)
}

/// Updates the schema in one transaction. Does nothing if it is up to date. Several processes can
/// call it at once.
pub(crate) async fn migrate(url: &str) -> Result<(), OpenError> {
    let mut connection = connect(&options(url, MIGRATION_TIMEOUT)?.connect, MIGRATION_TIMEOUT).await?;
    raw_sql("BEGIN").execute(&mut connection).await?;
    // After an error the connection is dropped, and the transaction ends with it.
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
