//! What the API does, without HTTP: it knows neither statuses nor routes. Errors are one enum for each operation; the API maps them.
//!
//! - [`directory`]: contests as requests read them.
//! - [`casting`]: from a voter's selections to a ballot, and what becomes of it. [`submission_queue`] has the ballots on their way to the intake, and the
//!   requests that wait for them.
//! - [`recorded`], [`own_votes`]: what is in the log, of any ballot and of a voter.
//! - [`score_sheet`]: which scores a contest takes.
//! - [`revoked_passes`]: which passes are refused.

pub mod casting;
pub mod commands;
pub mod directory;
pub mod drafts;
pub mod fates;
pub mod jury;
pub mod long_readings;
pub mod own_votes;
pub mod passes;
pub mod recorded;
pub mod revoked_passes;
pub mod rounds;
pub mod score_sheet;
pub mod sheet;
pub mod submission_queue;
pub mod window;
