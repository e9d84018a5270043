//! Staff keys and the values of the installation.

use std::collections::HashSet;

use acclaim_contest::{ContestId, Instant, PanelId};
use acclaim_store::{
    Keys, RequestId,
    error::Result,
    keys::{KeyRevocationOutcome, KeyRevocationRequest, StaffKey},
};
use async_trait::async_trait;
use sqlx_core::{
    error::Error,
    query::{Query, query},
    raw_sql::raw_sql,
    row::Row as _,
};
use sqlx_postgres::{PgArguments, PgRow, Postgres};

use crate::{
    connection::{Durability, PooledConnection, with_timeout},
    database::PostgresDatabase,
    error::{corrupt, unavailable},
};

const ALL_KEYS: &str =
    "SELECT name, role, contests, panel, created, revoked, expires FROM staff_keys ORDER BY name";

#[async_trait]
impl Keys for PostgresDatabase {
    async fn add_staff_key(&self, hash: [u8; 32], key: &StaffKey) -> Result<()> {
        let contests = key.contests.as_ref().map(serde_json::to_string).transpose().map_err(corrupt)?;
        let statement = query(
            "INSERT INTO staff_keys (name, hash, role, contests, panel, created, expires) VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, created = excluded.created, expires = excluded.expires, revoked = NULL
             WHERE (staff_keys.revoked IS NOT NULL OR staff_keys.expires <= excluded.created) AND staff_keys.role = 'juror' AND excluded.role = 'juror'
             AND staff_keys.contests = excluded.contests AND staff_keys.panel = excluded.panel",
        )
        .bind(&key.name)
        .bind(hash.to_vec())
        .bind(key.role.as_str())
        .bind(contests)
        .bind(key.panel.as_ref().map(PanelId::as_str))
        .bind(key.created.seconds())
        .bind(key.expires.map(|at| at.seconds()));
        self.change_one(statement, || format!("the name {} is in use", key.name)).await
    }

    async fn staff_keys(&self) -> Result<Vec<StaffKey>> {
        let rows = self.rows(query(ALL_KEYS)).await?;
        rows.iter().map(staff_key).collect()
    }

    async fn staff_key(&self, hash: [u8; 32]) -> Result<Option<StaffKey>> {
        let statement = query(
            "SELECT name, role, contests, panel, created, revoked, expires FROM staff_keys WHERE hash = $1",
        );
        self.row(statement.bind(&hash[..])).await?.as_ref().map(staff_key).transpose()
    }

    async fn valid_key_hashes(&self, now: Instant) -> Result<HashSet<[u8; 32]>> {
        let statement =
            query("SELECT hash FROM staff_keys WHERE revoked IS NULL AND (expires IS NULL OR expires > $1)");
        let rows = self.rows(statement.bind(now.seconds())).await?;
        let hash = |row: &PgRow| {
            let hash: Vec<u8> = row.try_get(0).map_err(unavailable)?;
            hash.try_into().map_err(|_| corrupt("the hash of a staff key"))
        };
        rows.iter().map(hash).collect()
    }

    async fn revoke_staff_key(&self, name: &str, at: Instant) -> Result<()> {
        let statement = query("UPDATE staff_keys SET revoked = $1 WHERE name = $2 AND revoked IS NULL");
        self.change_one(statement.bind(at.seconds()).bind(name), || {
            format!("there is no key {name} to revoke")
        })
        .await
    }

    async fn revoke_staff_key_once(&self, request: &KeyRevocationRequest) -> Result<KeyRevocationOutcome> {
        let mut tx = self.begin(Durability::Durable).await?;
        let revocation = with_timeout(self.statement_timeout(), revoke_once(&mut tx, request)).await?;
        tx.commit().await?;
        Ok(revocation)
    }

    async fn installation_values(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let rows = self.rows(query("SELECT name, value FROM installation ORDER BY name")).await?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<std::result::Result<_, _>>()
            .map_err(unavailable)
    }

    async fn add_installation_value(&self, name: &str, value: &[u8]) -> Result<()> {
        let statement =
            query("INSERT INTO installation (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING");
        self.change_one(statement.bind(name).bind(value), || format!("the value {name} already exists")).await
    }
}

async fn revoke_once(
    tx: &mut PooledConnection,
    request: &KeyRevocationRequest,
) -> Result<KeyRevocationOutcome> {
    // If two keys revoke each other at once, the second request waits here, and sees the result of
    // the first.
    raw_sql("LOCK TABLE staff_keys IN SHARE ROW EXCLUSIVE MODE")
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
    let KeyRevocationRequest { id, name, at, .. } = request;
    let statement = query("SELECT revoked FROM key_revocations WHERE staff = $1 AND key = $2");
    let row = statement.bind(&id.by).bind(&id.key).fetch_optional(&mut *tx).await.map_err(unavailable)?;
    let before: Option<String> = row.map(|row| row.try_get(0)).transpose().map_err(unavailable)?;
    let before = before.map(|json| serde_json::from_str(&json)).transpose().map_err(corrupt)?;
    let rows = query(ALL_KEYS).fetch_all(&mut *tx).await.map_err(unavailable)?;
    let keys = rows.iter().map(staff_key).collect::<Result<Vec<_>>>()?;
    let key = match request.decide(before, &keys) {
        Ok(key) => key,
        Err(answer) => return Ok(answer),
    };
    let statement = query("UPDATE staff_keys SET revoked = $1 WHERE name = $2 AND revoked IS NULL");
    statement.bind(at.seconds()).bind(name).execute(&mut *tx).await.map_err(unavailable)?;
    key_revocation(id, &key)?.execute(tx).await.map_err(unavailable)?;
    Ok(KeyRevocationOutcome::Done(Box::new(key)))
}

/// The statement that stores the result of a request to revoke a staff key.
pub(crate) fn key_revocation<'a>(
    id: &'a RequestId,
    key: &StaffKey,
) -> Result<Query<'a, Postgres, PgArguments>> {
    let revoked = serde_json::to_string(key).map_err(corrupt)?;
    let statement = query("INSERT INTO key_revocations (staff, key, revoked) VALUES ($1, $2, $3)");
    Ok(statement.bind(&id.by).bind(&id.key).bind(revoked))
}

fn staff_key(row: &PgRow) -> Result<StaffKey> {
    type Row = (String, String, Option<String>, Option<String>, i64, Option<i64>, Option<i64>);
    let read = || -> std::result::Result<Row, Error> {
        Ok((
            row.try_get(0)?,
            row.try_get(1)?,
            row.try_get(2)?,
            row.try_get(3)?,
            row.try_get(4)?,
            row.try_get(5)?,
            row.try_get(6)?,
        ))
    };
    let (name, role, contests, panel, created, revoked, expires) = read().map_err(unavailable)?;
    let contests: Option<Vec<ContestId>> =
        contests.map(|json| serde_json::from_str(&json)).transpose().map_err(corrupt)?;
    let instant =
        |seconds| Instant::from_seconds(seconds).ok_or_else(|| corrupt("an instant of a staff key"));
    Ok(StaffKey {
        name,
        role: role.parse().map_err(corrupt)?,
        contests,
        panel: panel.map(|panel| panel.parse()).transpose().map_err(corrupt)?,
        created: instant(created)?,
        expires: expires.map(instant).transpose()?,
        revoked: revoked.map(instant).transpose()?,
    })
}
