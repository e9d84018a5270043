//! For tests: real servers from Debian's packages, on free ports, in temporary folders, stopped when they are dropped.

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

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
