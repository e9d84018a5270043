//! The sequencer's settings.

use std::{collections::HashSet, sync::Arc, time::Duration};

use acclaim_contest::ContestId;
use acclaim_store::Witness;

/// The settings of an installation that concern the sequencer.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Time after the closing instant during which a ballot that arrived in time can still be on
    /// its way to the intake.
    ///
    /// It is the API's longest request deadline and a margin. The sequencer appends `closed` after
    /// it.
    pub grace: Duration,
    /// Approximate maximum of ballots in one append.
    pub batch: usize,
    /// Shortest time between two publications of a live tally.
    pub publish_interval: Duration,
    /// Delay after a failure before the sequencer tries again.
    pub retry_after: Duration,
    /// Number of intake shards of contests that open from now on.
    pub shards: u16,
    /// Duration of a lease.
    ///
    /// When its holder dies, another process takes over after at most 1.25 times this duration.
    pub lease: Duration,
    /// The witnesses that cosign the published checkpoints.
    pub witnesses: Vec<Arc<dyn Witness>>,
    /// Shortest time between two checkpoints of one contest that go to witnesses.
    pub witness_interval: Duration,
    /// Longest time that a witness may take to answer.
    pub witness_timeout: Duration,
    /// Contests that the sequencer ignores, because their logs are damaged or older than published
    /// checkpoints.
    ///
    /// All other contests continue.
    pub without: HashSet<ContestId>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(6),
            batch: 4_096,
            publish_interval: Duration::from_millis(250),
            retry_after: Duration::from_millis(500),
            shards: 1,
            lease: Duration::from_secs(3),
            witnesses: Vec::new(),
            witness_interval: Duration::from_secs(1),
            witness_timeout: Duration::from_secs(5),
            without: HashSet::new(),
        }
    }
}
