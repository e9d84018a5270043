//! The embedded stores: the database in one SQLite file, the intake in the process, and the highest
//! published checkpoints as files.
//!
//! The database uses `rusqlite`, not sqlx. A batch of ballots is a few thousand small inserts,
//! which plain SQLite does about three times as fast.

mod commands;
mod contest_number;
mod contests;
pub mod database;
pub mod directory;
mod erasure;
mod error;
pub mod intake;
mod keys;
mod ledger;
mod move_mark;
mod move_source;
mod pass_revocations;
pub mod published_checkpoints;
mod readers;
mod schema;
mod writer;

pub use database::SqliteDatabase;
pub use directory::{DataDirectory, DirectoryError};
pub use intake::LocalIntake;
pub use published_checkpoints::PublishedCheckpointFiles;
pub use schema::OpenError;
