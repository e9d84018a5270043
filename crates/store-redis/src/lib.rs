//! The stores in Redis, for any number of processes: the intake, the highest published checkpoints,
//! and the notices between processes.
//!
//! One script call for each micro-batch and shard does deduplication, buffering and counting.
//!
//! Redis is not trusted: it can only delay ballots. Lost data is noticed and rebuilt from the
//! ledger. Data that other programs write into Redis is dropped.

mod connection;
mod drain_waiters;
mod durability;
#[cfg(fuzzing)]
pub mod fuzz;
mod intake;
mod item;
mod layout;
pub mod notice_bridge;
mod published_checkpoints;
mod redis;
mod sealed;
mod sealed_store;
mod shard_backoff;

pub use self::{
    connection::RedisConnectError,
    intake::RedisIntake,
    published_checkpoints::RedisPublishedCheckpoints,
    redis::{Redis, Settings},
};
