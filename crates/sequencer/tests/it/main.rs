//! The sequencer on the embedded stores, with a clock driven by hand, and stores that fail and stall.

mod closing;
mod faults;
mod rebuild;
mod start;
mod support;
