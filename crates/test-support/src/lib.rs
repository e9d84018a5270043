//! For tests: a clock driven by hand, and stores that fail or stall on demand.

mod clock;
pub mod conformance;
mod faults;
mod faulty_database;
mod faulty_intake;
mod faulty_shown;

pub use clock::ManualClock;
pub use faults::{Fault, Faults, Step};
pub use faulty_database::FaultyDatabase;
pub use faulty_intake::FaultyIntake;
pub use faulty_shown::FaultyShown;
