//! What the API does, without HTTP: it knows neither statuses nor routes. Errors are one enum for each module; the API maps them.
//!
//! - [`directory`]: contests as requests read them.
//! - [`drafts`], [`rounds`]: definitions made, edited and deleted, and the entries that they take from another contest.
//! - [`casting`]: from a voter's selections to a ballot, and to its answer. [`submission_queue`] has the ballots on their way to the intake, and the
//!   requests that wait for them.
//! - [`ballot_progress`], [`recorded`], [`own_votes`]: what became of a ballot, what is in the log of it, and of a voter.
//! - [`commands`], [`passes`]: what staff ask for.
//! - [`jury`], [`score_sheet`]: what jurors have scored, and which scores a contest takes.
//! - [`revoked_passes`]: which passes are refused.
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
