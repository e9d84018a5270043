//! Real servers for tests, from Debian's packages, on free ports and in temporary folders.
//!
//! A server stops when its value is dropped.
//! The module [`wait`] waits until a condition holds.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a server that does not start fails its test"
)]

pub mod nginx;
pub mod pgbouncer;
pub mod postgres;
pub mod redis;
pub mod switch;
pub mod tls;
pub mod wait;

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
