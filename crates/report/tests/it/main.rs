//! Result documents read, and written as pages and tables.

mod documents;
mod hostile;
mod logs;
mod pages;
mod reading;
mod schema;
mod snapshots;
mod tables;
