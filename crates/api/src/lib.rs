//! The HTTP API: routes, wire types, the one table of errors. Stateless beyond caches: any replica takes any request.

mod auth;
mod ballots;
mod body;
mod bulk;
mod casting;
mod commands;
mod contests;
mod desk;
mod directory;
mod extract;
mod following;
#[cfg(fuzzing)]
pub mod fuzz;
mod health;
pub mod jury;
mod jury_status;
mod limits;
mod log;
mod metrics;
mod mine;
mod negotiation;
mod page;
mod passes;
pub mod problem;
mod publication;
mod recorded;
mod recusals;
mod rendered;
mod result;
mod revocation;
mod rounds;
mod router;
mod scores;
pub mod server;
mod shares;
mod sheet;
mod staff_keys;
mod standings;
mod state;
mod turnout;

pub use limits::Limits;
pub use metrics::Metrics;
pub use router::{openapi, operation, router};
pub use state::{Api, Settings};
