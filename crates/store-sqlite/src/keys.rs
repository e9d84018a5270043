//! Staff keys, leases, and the values of the installation.

use std::{collections::HashSet, time::Duration};

use acclaim_contest::{ContestId, Instant, PanelId};
use acclaim_store::{
    Keys, Leases,
    error::{Result, StoreError},
    keys::{KeyRevocationOutcome, KeyRevocationRequest, StaffKey},
    lease::RenewedLease,
};
use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use crate::{
    database::SqliteDatabase,
    error::{corrupt, unavailable},
};

#[async_trait]
impl Keys for SqliteDatabase {
    async fn add_staff_key(&self, hash: [u8; 32], key: &StaffKey) -> Result<()> {
        let key = key.clone();
        self.write(move |tx| {
            let contests = key.contests.as_ref().map(serde_json::to_string).transpose().map_err(corrupt)?;
            let panel = key.panel.as_ref().map(PanelId::as_str);
            let added = tx
                .execute(
                    "INSERT INTO staff_keys (name, hash, role, contests, panel, created, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                     ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, created = excluded.created, expires = excluded.expires, revoked = NULL
                     WHERE (staff_keys.revoked IS NOT NULL OR staff_keys.expires <= excluded.created) AND staff_keys.role = 'juror' AND excluded.role = 'juror'
                     AND staff_keys.contests = excluded.contests AND staff_keys.panel = excluded.panel",
                    params![
                        key.name,
                        hash,
                        key.role.as_str(),
                        contests,
                        panel,
                        key.created.seconds(),
                        key.expires.map(|at| at.seconds())
                    ],
                )
                .map_err(unavailable)?;
            match added {
                1 => Ok(()),
                _ => Err(StoreError::Conflict(format!("the name {} is in use", key.name))),
            }
        })
        .await
    }

    async fn staff_keys(&self) -> Result<Vec<StaffKey>> {
        self.read(all_keys).await
    }

    async fn staff_key(&self, hash: [u8; 32]) -> Result<Option<StaffKey>> {
        self.read(move |tx| {
            tx.prepare_cached(
                "SELECT name, role, contests, panel, created, revoked, expires FROM staff_keys WHERE hash = ?1",
            )
            .and_then(|mut statement| statement.query_row([hash], stored_key).optional())
            .map_err(unavailable)?
            .map(staff_key)
            .transpose()
        })
        .await
    }

    async fn valid_key_hashes(&self, now: Instant) -> Result<HashSet<[u8; 32]>> {
        self.read(move |tx| {
            let mut statement = tx
                .prepare_cached(
                    "SELECT hash FROM staff_keys WHERE revoked IS NULL AND (expires IS NULL OR expires > ?1)",
                )
                .map_err(unavailable)?;
            let rows = statement.query_map([now.seconds()], |row| row.get(0)).map_err(unavailable)?;
            rows.map(|row| row.map_err(unavailable)).collect()
        })
        .await
    }

    async fn revoke_staff_key(&self, name: &str, at: Instant) -> Result<()> {
        let name = name.to_owned();
        self.write(move |tx| revoke(tx, &name, at)).await
    }

    async fn revoke_staff_key_once(&self, request: &KeyRevocationRequest) -> Result<KeyRevocationOutcome> {
        let request = request.clone();
        self.write(move |tx| revoke_once(tx, &request)).await
    }

    async fn installation_values(&self) -> Result<Vec<(String, Vec<u8>)>> {
        self.read(|tx| {
            let mut statement = tx
                .prepare_cached("SELECT name, value FROM installation ORDER BY name")
                .map_err(unavailable)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(unavailable)?;
            rows.map(|row| row.map_err(unavailable)).collect()
        })
        .await
    }

    async fn add_installation_value(&self, name: &str, value: &[u8]) -> Result<()> {
        let (name, value) = (name.to_owned(), value.to_vec());
        self.write(move |tx| {
            let added = tx
                .execute(
                    "INSERT INTO installation (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
                    params![name, value],
                )
                .map_err(unavailable)?;
            match added {
                1 => Ok(()),
                _ => Err(StoreError::Conflict(format!("the value {name} already exists"))),
            }
        })
        .await
    }
}

fn all_keys(tx: &Transaction<'_>) -> Result<Vec<StaffKey>> {
    let mut statement = tx
        .prepare_cached(
            "SELECT name, role, contests, panel, created, revoked, expires FROM staff_keys ORDER BY name",
        )
        .map_err(unavailable)?;
    let rows = statement.query_map([], stored_key).map_err(unavailable)?;
    rows.map(|row| staff_key(row.map_err(unavailable)?)).collect()
}

fn revoke_once(tx: &Transaction<'_>, request: &KeyRevocationRequest) -> Result<KeyRevocationOutcome> {
    let KeyRevocationRequest { id, name, at, .. } = request;
    let before: Option<String> = tx
        .query_row(
            "SELECT revoked FROM key_revocations WHERE staff = ?1 AND key = ?2",
            params![id.by, id.key],
            |row| row.get(0),
        )
        .optional()
        .map_err(unavailable)?;
    let before = before.map(|json| serde_json::from_str(&json)).transpose().map_err(corrupt)?;
    let key = match request.decide(before, &all_keys(tx)?) {
        Ok(key) => key,
        Err(answer) => return Ok(answer),
    };
    tx.execute(
        "UPDATE staff_keys SET revoked = ?1 WHERE name = ?2 AND revoked IS NULL",
        params![at.seconds(), name],
    )
    .map_err(unavailable)?;
    let revoked = serde_json::to_string(&key).map_err(corrupt)?;
    tx.execute(
        "INSERT INTO key_revocations (staff, key, revoked) VALUES (?1, ?2, ?3)",
        params![id.by, id.key, revoked],
    )
    .map_err(unavailable)?;
    Ok(KeyRevocationOutcome::Done(Box::new(key)))
}

fn revoke(tx: &Transaction<'_>, name: &str, at: Instant) -> Result<()> {
    let revoked = tx
        .execute(
            "UPDATE staff_keys SET revoked = ?1 WHERE name = ?2 AND revoked IS NULL",
            params![at.seconds(), name],
        )
        .map_err(unavailable)?;
    match revoked {
        1 => Ok(()),
        _ => Err(StoreError::Conflict(format!("there is no key {name} to revoke"))),
    }
}

/// Only one process has the file, so it always holds every lease.
#[async_trait]
impl Leases for SqliteDatabase {
    async fn take_lease(&self, _: &ContestId, _: u64, _: Duration) -> Result<bool> {
        Ok(true)
    }

    async fn renew_leases(&self, _: &[ContestId], _: u64, _: Duration) -> Result<Vec<RenewedLease>> {
        Ok(Vec::new())
    }

    fn leases_expire(&self) -> bool {
        false
    }

    async fn contests_without_lease(&self) -> Result<Vec<ContestId>> {
        Ok(Vec::new())
    }

    async fn release_lease(&self, _: &ContestId, _: u64) -> Result<()> {
        Ok(())
    }
}

/// A row's name, role, contests, panel, and the instants `created`, `revoked` and `expires`.
pub(crate) type StoredKey = (String, String, Option<String>, Option<String>, i64, Option<i64>, Option<i64>);

pub(crate) fn stored_key(row: &Row<'_>) -> rusqlite::Result<StoredKey> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?))
}

pub(crate) fn staff_key(
    (name, role, contests, panel, created, revoked, expires): StoredKey,
) -> Result<StaffKey> {
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
