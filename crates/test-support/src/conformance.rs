//! The conformance suite: each function checks one guarantee of the traits in `acclaim-store`.
//!
//! It runs against every intake and every ledger.

mod commands;
mod contests;
mod cosigned;
mod intake;
mod keys;
mod ledger;
mod pass_revocations;
mod passes;
mod samples;
mod subjects;

use acclaim_store::{Database, StoreError};

pub use self::{
    cosigned::check_cosigned,
    intake::check_intake,
    passes::{expected_first_count, expected_repeated_count},
    samples::definition,
};

/// Checks every guarantee of a database.
///
/// # Errors
/// Any error of the database. A broken guarantee panics.
pub async fn check_database(database: &dyn Database) -> Result<(), StoreError> {
    contests::drafts(database).await?;
    ledger::log(database).await?;
    ledger::everything_at_once(database).await?;
    contests::tag_keys(database).await?;
    commands::commands(database).await?;
    passes::passes(database).await?;
    subjects::subjects(database).await?;
    pass_revocations::pass_revocations(database).await?;
    keys::keys(database).await
}
