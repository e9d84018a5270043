//! The mark of a moved installation, and the triggers that block all writes while the mark is set.

use acclaim_store::{error::Result, relocation::MoveMark};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::error::{corrupt, unavailable};

/// Name of the installation's value that holds the mark.
pub(crate) const MARK_NAME: &str = "moved";
/// Tables that are locked while the mark is set.
///
/// A process that opened the file before the mark was set could otherwise still write.
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

/// Returns the mark, or `None` if it is not set.
pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Option<MoveMark>> {
    let value: Option<Vec<u8>> = connection
        .query_row("SELECT value FROM installation WHERE name = ?1", [MARK_NAME], |row| row.get(0))
        .optional()?;
    let unreadable = |error: serde_json::Error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, error.into())
    };
    value.map(|json| serde_json::from_slice(&json).map_err(unreadable)).transpose()
}

/// Sets the mark, or replaces it.
pub(crate) fn write(tx: &Transaction<'_>, mark: &MoveMark) -> Result<()> {
    let json = serde_json::to_vec(mark).map_err(corrupt)?;
    // This is not an upsert: the trigger on insertions would abort it, even where a row can be
    // updated.
    let changed = tx
        .execute("UPDATE installation SET value = ?1 WHERE name = ?2", params![json, MARK_NAME])
        .map_err(unavailable)?;
    if changed == 0 {
        tx.execute("INSERT INTO installation (name, value) VALUES (?1, ?2)", params![MARK_NAME, json])
            .map_err(unavailable)?;
    }
    Ok(())
}

/// The names of the triggers that block writes, and the events that fire them.
fn write_locks() -> Vec<(String, String)> {
    let all = LOCKED_TABLES
        .into_iter()
        .flat_map(|table| ["INSERT", "UPDATE", "DELETE"].map(|event| (event, table)));
    // All other values are only inserted. The mark itself changes.
    all.chain([("INSERT", "installation")])
        .map(|(event, table)| {
            (format!("moved_{table}_{}", event.to_lowercase()), format!("BEFORE {event} ON {table}"))
        })
        .collect()
}

/// Blocks all writes until the mark is removed.
pub(crate) fn install_write_locks(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    for (name, event) in write_locks() {
        let trigger = format!(
            "CREATE TRIGGER IF NOT EXISTS {name} {event} BEGIN SELECT RAISE(ABORT, 'the installation was moved'); END"
        );
        tx.execute_batch(&trigger)?;
    }
    Ok(())
}

/// Removes the mark, and allows writes again.
pub(crate) fn remove(tx: &Transaction<'_>) -> Result<()> {
    tx.execute("DELETE FROM installation WHERE name = ?1", [MARK_NAME]).map_err(unavailable)?;
    for (name, _) in write_locks() {
        tx.execute_batch(&format!("DROP TRIGGER IF EXISTS {name}")).map_err(unavailable)?;
    }
    Ok(())
}
