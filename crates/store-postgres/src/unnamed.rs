//! Statements without names.
//!
//! A statement that is prepared under a name lives on one connection of the server. A pooler that lends another one to each transaction loses it, or
//! finds the name in use by another client. An unnamed one lives until the next, so that within a transaction it is safe.

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

/// A statement that is named if the connection's statements are.
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
