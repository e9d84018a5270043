//! The HTTP API: routes, wire types, and the one table of errors.
//!
//! The API has no state but caches: any replica takes any request.

mod auth;
mod ballot_service;
mod ballots;
mod base_path;
mod body;
mod bulk;
mod casting;
mod client_address;
mod commands;
mod compression;
mod conditional;
mod contests;
mod cross_origin;
mod description;
mod docs;
mod document;
mod errors;
mod extract;
mod framing;
#[cfg(fuzzing)]
pub mod fuzz;
mod health;
mod host;
mod jury_status;
mod limits;
mod log;
mod long_answers;
mod memory;
mod metrics;
mod mine;
mod negotiation;
mod network_shares;
mod page;
mod pass_revocations;
mod passes;
pub mod problem;
mod publication;
mod recusals;
mod render_cache;
mod result;
mod router;
mod scores;
pub mod server;
mod shared;
mod staff_keys;
mod standings;
mod state;
mod tally_events;
mod turn;
mod turnout;

pub use base_path::{BasePath, BasePathError};
pub use client_address::ForwardedHeader;
pub use cross_origin::{OriginError, Origins};
pub use limits::Limits;
pub use metrics::Metrics;
pub use router::{openapi, operation, operation_in_full, router};
pub use state::{Api, Settings};
