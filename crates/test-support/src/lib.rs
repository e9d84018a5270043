//! Support for tests: a manual clock, stores that fail or stall on demand, and the conformance
//! suite.

mod captured_log;
mod clock;
pub mod conformance;
mod faults;
mod faulty_database;
mod faulty_intake;
mod faulty_published_checkpoints;

pub use captured_log::CapturedLog;
pub use clock::ManualClock;
pub use faults::{Fault, FaultPlan, Step};
pub use faulty_database::FaultyDatabase;
pub use faulty_intake::FaultyIntake;
pub use faulty_published_checkpoints::FaultyPublishedCheckpoints;
