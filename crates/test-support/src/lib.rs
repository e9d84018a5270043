//! For tests: a clock driven by hand, and stores that fail or stall on demand.

mod clock;
pub mod conformance;
mod faulty;

pub use clock::ManualClock;
pub use faulty::{Fault, FaultyDatabase, StalledIntake};
