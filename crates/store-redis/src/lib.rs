//! The intake in Redis, for any number of processes: deduplication, buffer and counts in one script call a micro-batch and shard; the highest
//! checkpoint shown; and the news between processes.
//!
//! Redis is trusted with nothing but time: what it loses is noticed and rebuilt from the ledger, and what others write into it is dropped.

pub mod carrier;
mod connection;
mod durability;
#[cfg(fuzzing)]
pub mod fuzz;
mod intake;
mod item;
mod kept;
mod late;
mod layout;
mod redis;
mod sealed;
mod shown;
mod wakes;

pub use self::{
    connection::RedisConnectError,
    intake::RedisIntake,
    redis::{Redis, Settings},
    shown::RedisShown,
};
