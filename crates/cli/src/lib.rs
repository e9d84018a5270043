//! The library of the program `acclaim`: its commands, configuration and wiring.

pub mod args;
pub mod client;
pub mod clock;
pub mod commands;
pub mod config;
pub mod confirm;
mod descriptors;
pub mod engine;
pub mod folder;
mod loopback;
pub mod outcome;
pub mod output;
pub mod progress;
pub mod random;
mod relocation;
pub mod voting_client;
pub mod witness;

/// The allocator of the process. Requests allocate on one thread and free on another, which
/// mimalloc handles well. Its feature `override` replaces C's allocator too, and therefore
/// SQLite's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
