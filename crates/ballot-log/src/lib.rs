//! The ballot log of a contest: its entries' bytes, the Merkle tree over them, signed checkpoints, tiles, proofs, and
//! their verification. The formats are the public C2SP ones: tlog-tiles, tlog-checkpoint, signed-note, tlog-proof, tlog-cosignature,
//! tlog-witness.
//!
//! Everything here is pure: bytes in, bytes out.

pub mod bundle;
pub mod checkpoint;
pub mod cosignature;
pub mod entry;
pub mod hash;
pub mod key;
pub mod note;
pub mod proof;
pub mod receipt;
pub mod tile;
pub mod tree;
pub mod witness;

pub use acclaim_contest::Amendment;
pub use checkpoint::{Checkpoint, CheckpointError};
pub use cosignature::{CosigningKey, WitnessKey};
pub use entry::{BallotEntry, EntryError, Event, LogEntry, NewBallot, Salt, Selections};
pub use hash::{Hash, empty_root, leaf_hash};
pub use key::{SigningKey, VerifierKey};
pub use receipt::{Receipt, ReceiptError};
pub use tile::{TileId, TilePath};
pub use tree::Tree;
pub use witness::AddCheckpoint;
