//! Witnesses (C2SP tlog-witness): the client that submits the sequencer's checkpoints to a witness,
//! and the witness service itself.

pub mod client;
mod files;
mod keys;
pub mod service;
mod state;

pub use keys::Identity;
