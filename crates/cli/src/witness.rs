//! Witnesses (C2SP tlog-witness): the client with which the sequencer submits checkpoints to them, and the service that is one.

pub mod client;
mod files;
mod keys;
pub mod service;
mod state;

pub use keys::Identity;
