//! Tables and lists as people bring them: text in UTF-8 or UTF-16 with any of the usual delimiters, `.xlsx` and `.ods`. One reader for all of them,
//! bounded in memory. Rows carry the number by which a spreadsheet shows them, so that every mistake can be found.

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
