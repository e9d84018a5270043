//! Load on the whole engine: real servers, a process of the engine, and voters over HTTP who are cheap enough not to be what is measured.

pub mod bulk;
pub mod comparison;
pub mod connection;
pub mod cpu;
pub mod deployment;
pub mod engine;
pub mod load;
pub mod proof;
pub mod voters;
