//! Leases on contests, by the server's clock.

use std::time::Duration;

use acclaim_contest::ContestId;
use acclaim_store::{Leases, error::Result, lease::RenewedLease};
use async_trait::async_trait;
use sqlx_core::{query::query, row::Row as _};
use sqlx_postgres::PgRow;

use crate::{
    connection::{Durability, with_timeout},
    database::PostgresDatabase,
    error::{corrupt, unavailable},
};

/// Leases are not synced to disk: a lease lost in a crash costs only some wasted work.
#[async_trait]
impl Leases for PostgresDatabase {
    async fn take_lease(&self, contest: &ContestId, holder: u64, lasts: Duration) -> Result<bool> {
        // The statement uses the time of the clock. The transaction's time does not advance while
        // the statement waits for a lock.
        let statement = query(
            "INSERT INTO leases (contest, holder, until)
             SELECT number, $2, clock_timestamp() + $3 * interval '1 microsecond' FROM contests WHERE id = $1
             ON CONFLICT (contest) DO UPDATE SET holder = excluded.holder, until = excluded.until
             WHERE leases.holder = excluded.holder OR leases.until < clock_timestamp()",
        )
        .bind(contest.as_str())
        .bind(holder.cast_signed())
        .bind(i64::try_from(lasts.as_micros()).unwrap_or(i64::MAX));
        let mut tx = self.begin(Durability::Asynchronous).await?;
        let taken = with_timeout(self.statement_timeout(), async {
            statement.execute(&mut *tx).await.map_err(unavailable)
        })
        .await?;
        tx.commit().await?;
        Ok(taken.rows_affected() == 1)
    }

    async fn renew_leases(
        &self,
        contests: &[ContestId],
        holder: u64,
        lasts: Duration,
    ) -> Result<Vec<RenewedLease>> {
        let statement = query(
            "WITH mine AS (SELECT contest, id FROM leases JOIN contests ON contest = number WHERE holder = $1 AND id = ANY ($3)
                 FOR UPDATE OF leases SKIP LOCKED)
             UPDATE leases SET until = clock_timestamp() + $2 * interval '1 microsecond' FROM mine
             WHERE leases.contest = mine.contest
             RETURNING mine.id, EXISTS (SELECT FROM commands WHERE commands.contest = mine.contest AND outcome IS NULL)",
        )
        .bind(holder.cast_signed())
        .bind(i64::try_from(lasts.as_micros()).unwrap_or(i64::MAX))
        .bind(contests.iter().map(ContestId::to_string).collect::<Vec<_>>());
        let mut tx = self.begin(Durability::Asynchronous).await?;
        let renewing = async { statement.fetch_all(&mut *tx).await.map_err(unavailable) };
        let rows = with_timeout(self.statement_timeout(), renewing).await?;
        tx.commit().await?;
        let renewed = |row: &PgRow| {
            let id: &str = row.try_get(0).map_err(unavailable)?;
            let contest = id.parse().map_err(corrupt)?;
            Ok(RenewedLease { contest, commands_wait: row.try_get(1).map_err(unavailable)? })
        };
        rows.iter().map(renewed).collect()
    }

    fn leases_expire(&self) -> bool {
        true
    }

    async fn contests_without_lease(&self) -> Result<Vec<ContestId>> {
        let statement = query(
            "SELECT id FROM contests WHERE NOT EXISTS
             (SELECT 1 FROM leases WHERE contest = number AND until > clock_timestamp()) ORDER BY id",
        );
        let id = |row: &PgRow| {
            let id: &str = row.try_get(0).map_err(unavailable)?;
            id.parse().map_err(corrupt)
        };
        self.rows(statement).await?.iter().map(id).collect()
    }

    async fn release_lease(&self, contest: &ContestId, holder: u64) -> Result<()> {
        let statement =
            query("DELETE FROM leases USING contests WHERE contest = number AND id = $1 AND holder = $2")
                .bind(contest.as_str())
                .bind(holder.cast_signed());
        let mut tx = self.begin(Durability::Asynchronous).await?;
        with_timeout(self.statement_timeout(), async {
            statement.execute(&mut *tx).await.map_err(unavailable)
        })
        .await?;
        tx.commit().await
    }
}
