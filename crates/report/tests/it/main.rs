//! Tests of reading result documents, and of writing them as pages and tables.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod documents;
mod hostile;
mod logs;
mod pages;
mod reading;
mod schema;
mod snapshots;
mod tables;
mod version_2;
