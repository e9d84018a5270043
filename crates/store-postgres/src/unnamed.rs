//! Statements without names, for poolers.
//!
//! A statement that is prepared under a name belongs to one connection of the server. A pooler can
//! give each transaction another connection. There the statement is missing, or another client uses
//! its name.
//!
//! An unnamed statement lives until the next one, so it is safe within a transaction.

use futures_util::{future::BoxFuture, stream::BoxStream};
use sqlx_core::{
    Either,
    error::{BoxDynError, Error},
    executor::{Execute, Executor},
    sql_str::SqlStr,
};
use sqlx_postgres::{PgArguments, PgQueryResult, PgRow, PgStatement, PgTypeInfo, Postgres};

use crate::connection::PooledConnection;

type Step = Either<PgQueryResult, PgRow>;

/// A statement that has a name if the connection names its statements.
struct Statement<E> {
    statement: E,
    named: bool,
}

impl<'q, E: Execute<'q, Postgres>> Execute<'q, Postgres> for Statement<E> {
    fn sql(self) -> SqlStr {
        self.statement.sql()
    }

    fn statement(&self) -> Option<&PgStatement> {
        self.statement.statement()
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, BoxDynError> {
        self.statement.take_arguments()
    }

    fn persistent(&self) -> bool {
        self.named && self.statement.persistent()
    }
}

impl<'c> Executor<'c> for &'c mut PooledConnection {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, statement: E) -> BoxStream<'e, Result<Step, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let named = self.names_statements();
        self.inner_mut().fetch_many(Statement { statement, named })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, statement: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let named = self.names_statements();
        self.inner_mut().fetch_optional(Statement { statement, named })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'c: 'e,
    {
        self.inner_mut().prepare_with(sql, parameters)
    }
}
