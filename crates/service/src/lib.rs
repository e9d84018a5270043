//! The work of the API without HTTP: this crate knows neither status codes nor routes.
//!
//! Each module has its own error enum. The API maps these errors to problems.
//!
//! - [`directory`]: contests as requests read them.
//! - [`drafts`], [`rounds`]: creating, editing and deleting definitions, and the entries that they
//!   take from another contest.
//! - [`casting`]: from a voter's selections to a ballot, and to its answer. [`submission_queue`]
//!   holds the ballots on their way to the intake, and the requests that wait for them.
//! - [`ballot_progress`], [`recorded`], [`own_votes`]: the outcome of a ballot, the published part
//!   of the log, and a voter's own ballots.
//! - [`sheet`], [`window`]: the channel and period of a ballot, and the time in which a contest
//!   takes ballots.
//! - [`commands`], [`passes`]: the requests of staff.
//! - [`jury`], [`score_sheet`]: the scores of jurors, and the scores that a contest accepts.
//! - [`revoked_passes`]: which passes are refused.
//! - [`long_reads`]: the limit of long database reads.
//! - [`readiness`]: whether ballots can be recorded.

pub mod ballot_progress;
pub mod casting;
pub mod commands;
pub mod directory;
pub mod drafts;
#[cfg(test)]
mod fixture;
pub mod jury;
pub mod long_reads;
pub mod own_votes;
pub mod passes;
pub mod readiness;
pub mod recorded;
pub mod revoked_passes;
pub mod rounds;
pub mod score_sheet;
pub mod sheet;
pub mod submission_queue;
pub mod window;
