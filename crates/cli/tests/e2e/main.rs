//! The real binary as a process, over HTTP.

mod kill;
mod server;
