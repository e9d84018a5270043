//! The interfaces between the API and the sequencer: the traits of the stores, the hub, and the
//! keys.
//!
//! The traits state what each store guarantees. The hub carries notices between the parts of the
//! processes. The database holds keys only hashed or wrapped.
//!
//! One conformance suite (`acclaim-test-support`) runs against every implementation.

pub mod block;
pub mod certification;
pub mod clock;
pub mod command;
pub mod contests;
pub mod error;
pub mod hub;
pub mod intake;
pub mod jurors;
pub mod keyring;
pub mod keys;
pub mod lease;
pub mod ledger;
pub mod pass_revocations;
pub mod published_checkpoints;
pub mod relocation;
pub mod request_id;
pub mod staff_keys;
pub mod witness;

use std::sync::Arc;

pub use clock::Clock;
pub use command::{Command, CommandOutcome, Commands};
pub use contests::{ContestRecord, Contests};
pub use error::StoreError;
pub use hub::Hub;
pub use intake::Intake;
pub use keyring::Keyring;
pub use keys::Keys;
pub use lease::Leases;
pub use ledger::Ledger;
pub use pass_revocations::PassRevocations;
pub use published_checkpoints::PublishedCheckpoints;
pub use request_id::RequestId;
pub use witness::{Witness, WitnessAnswer};

/// A database that holds all durable data of an installation.
pub trait Database: Contests + Ledger + Commands + Keys + Leases + PassRevocations {}

impl<T: Contests + Ledger + Commands + Keys + Leases + PassRevocations> Database for T {}

/// The stores of one installation. `cli` creates them.
#[derive(Clone)]
pub struct Stores {
    /// Contests, logs, commands, keys.
    pub database: Arc<dyn Database>,
    /// Accepted ballots that are not in the log yet.
    pub intake: Arc<dyn Intake>,
    /// The highest published checkpoint and the newest cosigned one, kept outside the database.
    pub published_checkpoints: Arc<dyn PublishedCheckpoints>,
    /// Notices between the parts.
    pub hub: Arc<Hub>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}
