//! The tally turns a log into champions and winners: admission, fold, result document, audit.
//!
//! The result is a pure function of the log. [`Tally::admit`] decides whether an entry may be the
//! next one, and [`Tally::fold`] applies it. The sequencer, the live tally and the auditor all run
//! these two functions and no others. [`Replay`] adds the Merkle tree and checks certifications.
//! [`Audit`] compares a log with a checkpoint and a published result.
//!
//! The crate uses no I/O, no clock, no randomness and no floating point. The same log gives the
//! same bytes on every machine.

mod admit;
pub mod audit;
mod ballot_counts;
mod ballots;
mod certified_snapshot;
mod chunked;
mod correction;
mod count;
mod countback;
mod cut;
mod document;
mod draw;
mod earliest;
mod figures;
mod fold;
mod fraction;
mod lookup;
mod numbers;
mod outcome;
mod panel;
mod partition;
mod projection;
mod ranked;
mod ranking;
mod recusals;
mod refusal;
pub mod replay;
pub mod result;
mod roster;
mod rule;
mod rulings;
mod scores;
mod sheet_layout;
mod sheets;
mod standings;
mod tally;
mod tally_figures;
mod tie_break;
mod undecided;

pub use audit::{Audit, AuditPlan, AuditReport, ExpectedLog, Finding};
pub use ballot_counts::BallotCounts;
pub use document::{CategoryTally, LogHead, TallyDocument, TallyFigures, TallyHead};
pub use outcome::{Champion, Decision, Outcome, Place, Tie, Winner};
pub use projection::{LoggedBallot, Projection};
pub use refusal::Refusal;
pub use replay::{PreparedLine, Replay, ReplayError, ReplayProblem};
pub use result::{CertifyRequest, ResultDocument};
pub use rule::{OrderedEntry, Rule};
pub use rulings::Withdrawal;
pub use standings::{ChannelStanding, Standing};
pub use tally::Tally;
pub use undecided::{Undecided, UndecidedReason};
