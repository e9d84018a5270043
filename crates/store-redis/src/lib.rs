//! The intake in Redis, for any number of processes: deduplication, buffer and counts in one script call a micro-batch and shard; the highest
//! checkpoint shown; and the news between processes.
//!
//! Redis is trusted with nothing but time: what it loses is noticed and rebuilt from the ledger, and what others write into it is dropped.

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
