//! Reads tables and lists: text in UTF-8 or UTF-16 with any usual delimiter, `.xlsx` and `.ods`.
//!
//! One reader handles all formats, with bounded memory. Each row keeps the number that a
//! spreadsheet shows for it, so that the author can find each mistake.

mod delimited;
mod encoding;
pub mod file;
mod header;
mod nearest;
mod number;
mod read;
mod table;
mod total;
mod workbook;

pub use encoding::{DecodeError, decode, strip_byte_order_mark};
pub use header::{Header, HeaderMistake, is_same_name};
pub use nearest::{did_you_mean, nearest};
pub use number::{InvalidNumber, decimal};
pub use table::{MAX_CELLS, MAX_TEXT, Row, Table, TableError, TableFormat};
pub use total::is_total;
