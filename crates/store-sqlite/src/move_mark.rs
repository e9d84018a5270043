//! The mark that the installation is elsewhere, and the triggers that keep everybody from writing while it is there.

use acclaim_store::{error::Result, relocation::MoveMark};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::error::{corrupt, unavailable};

/// Name of the installation's value that is the mark.
pub(crate) const MARK_NAME: &str = "moved";
/// Tables that nobody may change any more once the mark is there. Who opened the file before it was can write still.
const LOCKED_TABLES: [&str; 9] = [
    "staff_keys",
    "key_revocations",
    "contests",
    "heads",
    "commands",
    "passes",
    "pass_requests",
    "revocations",
    "revoked_voters",
];

/// The mark, if it is there.
pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Option<MoveMark>> {
    let value: Option<Vec<u8>> = connection
        .query_row("SELECT value FROM installation WHERE name = ?1", [MARK_NAME], |row| row.get(0))
        .optional()?;
    let unreadable = |error: serde_json::Error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, error.into())
    };
    value.map(|json| serde_json::from_slice(&json).map_err(unreadable)).transpose()
}

pub(crate) fn write(tx: &Transaction<'_>, mark: &MoveMark) -> Result<()> {
    let json = serde_json::to_vec(mark).map_err(corrupt)?;
    // Not an upsert: its insertion would be stopped by the fence, even where there is something to update.
    let changed = tx
        .execute("UPDATE installation SET value = ?1 WHERE name = ?2", params![json, MARK_NAME])
        .map_err(unavailable)?;
    if changed == 0 {
        tx.execute("INSERT INTO installation (name, value) VALUES (?1, ?2)", params![MARK_NAME, json])
            .map_err(unavailable)?;
    }
    Ok(())
}

/// Names of the triggers that keep everybody from writing, and what sets them off.
fn fences() -> Vec<(String, String)> {
    let all = LOCKED_TABLES
        .into_iter()
        .flat_map(|table| ["INSERT", "UPDATE", "DELETE"].map(|event| (event, table)));
    // Other values are only ever inserted; the mark itself changes.
    all.chain([("INSERT", "installation")])
        .map(|(event, table)| {
            (format!("moved_{table}_{}", event.to_lowercase()), format!("BEFORE {event} ON {table}"))
        })
        .collect()
}

/// Keeps everybody from writing, until the mark is removed.
pub(crate) fn install_write_locks(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    for (name, event) in fences() {
        let trigger = format!(
            "CREATE TRIGGER IF NOT EXISTS {name} {event} BEGIN SELECT RAISE(ABORT, 'the installation was moved'); END"
        );
        tx.execute_batch(&trigger)?;
    }
    Ok(())
}

/// Removes the mark, and lets everybody write again.
pub(crate) fn remove(tx: &Transaction<'_>) -> Result<()> {
    tx.execute("DELETE FROM installation WHERE name = ?1", [MARK_NAME]).map_err(unavailable)?;
    for (name, _) in fences() {
        tx.execute_batch(&format!("DROP TRIGGER IF EXISTS {name}")).map_err(unavailable)?;
    }
    Ok(())
}
