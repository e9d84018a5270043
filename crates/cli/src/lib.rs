//! The binary `acclaim`: roles and tools, configuration and wiring.

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

/// Requests allocate on one thread and free on another; this allocator takes that well. By its feature `override` it is C's, and so SQLite's, too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
