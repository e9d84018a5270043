//! The ballot log of a contest: bytes of entries, Merkle tree, checkpoints, tiles, proofs,
//! verification.
//!
//! The formats are the public C2SP formats: tlog-tiles, tlog-checkpoint, signed-note, tlog-proof,
//! tlog-cosignature, tlog-witness.
//!
//! All functions are pure: bytes in, bytes out.

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

pub use self::checkpoint::{Checkpoint, CheckpointError};
pub use self::cosignature::{CosigningKey, WitnessKey};
pub use self::entry::{BallotEntry, EntryError, Event, LogEntry, NewBallot, Salt, Selections};
pub use self::hash::{Hash, empty_root, leaf_hash};
pub use self::key::{SigningKey, VerifierKey};
pub use self::receipt::{Receipt, ReceiptError};
pub use self::tile::{TileId, TilePath};
pub use self::tree::Tree;
pub use self::witness::AddCheckpoint;
