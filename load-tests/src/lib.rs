//! Load tests of the whole engine, with real servers, an engine process, and voters over HTTP.
//!
//! The voters cost little processor time, so that the measurements are about the engine.

pub mod bulk;
pub mod comparison;
pub mod connection;
pub mod cpu;
pub mod deployment;
pub mod engine;
pub mod load;
pub mod proof;
pub mod voters;
