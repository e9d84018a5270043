//! The database of a cluster: contests, logs, commands, keys and leases in PostgreSQL.
//!
//! Statements are prepared at run time and not checked by sqlx's macros: a build needs no database and no description of one, and compiles
//! faster; the conformance suite runs every statement against a real server. Those that touch a contest's partitions name them, which the
//! macros could not check anyway.
//!
//! sqlx comes as its parts `sqlx-core` and `sqlx-postgres`. The crate `sqlx` also names its SQLite driver, and although nothing
//! switches that on, Cargo then allows only one version of SQLite's bindings: an older one than that of `store-sqlite`.

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
