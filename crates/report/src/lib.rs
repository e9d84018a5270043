//! A result document for people: read as what it is, bytes from outside, and written as CSV and as one HTML page.
//!
//! What is written depends on the document alone, and on the contest's time zone where that is known. A report counts nothing and checks no figure: that is what audits are for, and the page says how.
//! Hence it can be made of any document that somebody was handed, years later, without the log.
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

/// The published schema of the document, version 1: JSON Schema 2020-12.
pub const SCHEMA_1: &str = include_str!("../../../docs/schemas/result-1.json");

/// The published schema of the document, version 2: JSON Schema 2020-12.
pub const SCHEMA_2: &str = include_str!("../../../docs/schemas/result-2.json");
