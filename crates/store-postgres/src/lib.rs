//! The database of a cluster in PostgreSQL: contests, logs, commands, keys and leases.
//!
//! Statements are prepared at run time. sqlx's macros do not check them. So a build needs no
//! database and no description of one, and is faster. The conformance suite runs every statement
//! against a real server. The macros could not check statements that name the partitions of a
//! contest.
//!
//! The crate uses sqlx's parts `sqlx-core` and `sqlx-postgres`. The crate `sqlx` also depends on
//! its optional SQLite driver. Cargo then allows only one version of SQLite's bindings, even if the
//! driver is off. That version is older than the one of `store-sqlite`.

mod append;
mod commands;
mod connection;
mod contest_row;
mod contests;
pub mod database;
mod error;
mod keys;
mod leases;
mod ledger;
pub mod move_target;
mod pass_revocations;
pub mod schema;
mod unnamed;

pub use database::{PostgresDatabase, Settings};
pub use move_target::{MoveTarget, MoveTargetState};
pub use schema::OpenError;
