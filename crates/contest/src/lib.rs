//! Contests: identifiers, the definition with its rules, ballots and passes, and their validation.
//!
//! Everything here is pure: time, keys and randomness come in as arguments.

pub mod amendment;
pub mod ballot;
mod ballot_state;
pub mod csv_cell;
pub mod days;
mod decimal;
pub mod definition;
mod encoding;
pub mod entry;
pub mod id;
pub mod juror;
pub mod pass;
mod phase;
pub mod rounds;
pub mod rules;
pub mod spreadsheet;
pub mod subject;
pub mod time;
pub mod voter;
pub mod zone;

pub use amendment::Amendment;
pub use ballot::{BallotValidator, SelectionError, SelectionReason};
pub use ballot_state::BallotState;
pub use decimal::Decimal;
pub use definition::{Definition, Mistake, Mistakes, Overrides};
pub use entry::{Category, Entry, Titles};
pub use id::{CategoryId, ContestId, EntryId, InvalidId, PanelId};
pub use phase::Phase;
pub use rounds::{PreviousRound, Rounds};
pub use rules::Rules;
pub use subject::SubjectRules;
pub use time::Instant;
pub use voter::{BallotId, TagKey, VoterTag};
pub use zone::Zone;

/// The largest whole number that every JSON reader keeps exact (RFC 8259, section 6).
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
