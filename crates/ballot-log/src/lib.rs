//! The ballot log of a contest: its entries' bytes, the Merkle tree over them, signed checkpoints, tiles, proofs, and
//! their verification. The formats are the public C2SP ones: tlog-tiles, tlog-checkpoint, signed-note, tlog-proof.
//!
//! Everything here is pure: bytes in, bytes out.

pub mod entry;
pub mod hash;
pub mod key;

pub use entry::{Amendment, BallotEntry, Event, LogEntry, NewBallot, Selections};
pub use hash::{Hash, leaf_hash};
pub use key::{SigningKey, VerifierKey};
