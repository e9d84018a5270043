//! Reads a result document and writes it for people: as CSV and as one HTML page.
//!
//! The document is untrusted bytes from outside. The output depends on the document and, if it is
//! known, on the contest's time zone. A report counts nothing and checks no figure. Audits check
//! the figures, and the page says how to run one. A report can therefore be made from a document
//! alone, years later, without the log.
//!
//! No I/O, no clock, no randomness.

mod contradiction;
mod csv;
pub mod document;
mod format;
pub mod html;
mod read;

pub use contradiction::Contradiction;
pub use document::Document;
pub use format::{Format, UnknownFormat};
pub use read::{MAX_DOCUMENT_BYTES, ReadError, Report};

/// The published JSON Schema (2020-12) of a document of version 1.
pub const SCHEMA_1: &str = include_str!("../../../docs/schemas/result-1.json");

/// The published JSON Schema (2020-12) of a document of version 2.
pub const SCHEMA_2: &str = include_str!("../../../docs/schemas/result-2.json");
