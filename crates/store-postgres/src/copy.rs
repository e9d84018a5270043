//! Rows as Postgres's binary COPY format has them (documentation of COPY, section *Binary Format*): a header, each row as a count
//! of fields and each field as its length and its bytes, integers big-endian, and a trailer.

use crate::{
    connection::Lent,
    error::{corrupt, exactly, unavailable},
};
use acclaim_store::error::Result;

/// Signature, flags, length of a header extension.
const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Instead of a count of fields, at the end.
const TRAILER: i16 = -1;
/// So many bytes are sent at once.
const CHUNK: usize = 1 << 20;

/// Rows of one table on their way.
pub(crate) struct Rows {
    bytes: Vec<u8>,
    count: usize,
}

impl Rows {
    /// None yet, with room for `count` rows of about `size` bytes.
    pub(crate) fn with_capacity(count: usize, size: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEADER.len() + count.saturating_mul(size));
        bytes.extend_from_slice(HEADER);
        Self { bytes, count: 0 }
    }

    /// Adds a row: its fields in the order of the columns, as Postgres sends them.
    pub(crate) fn push(&mut self, fields: &[&[u8]]) -> Result<()> {
        let too_large = |_| corrupt("a row too large for the database");
        self.bytes.extend(i16::try_from(fields.len()).map_err(too_large)?.to_be_bytes());
        for field in fields {
            self.bytes.extend(i32::try_from(field.len()).map_err(too_large)?.to_be_bytes());
            self.bytes.extend_from_slice(field);
        }
        self.count += 1;
        Ok(())
    }

    fn finish(mut self) -> Vec<u8> {
        self.bytes.extend(TRAILER.to_be_bytes());
        self.bytes
    }

    /// Copies them into the columns of a table, named as `table (column, ...)`.
    pub(crate) async fn copy_into(self, connection: &mut Lent, target: &str) -> Result<()> {
        let count = self.count;
        let statement = format!("COPY {target} FROM STDIN (FORMAT binary)");
        let mut copy = connection.wire().copy_in_raw(&statement).await.map_err(unavailable)?;
        for chunk in self.finish().chunks(CHUNK) {
            copy.send(chunk).await.map_err(unavailable)?;
        }
        let copied = copy.finish().await.map_err(unavailable)?;
        exactly(copied, count, || corrupt(format!("{copied} rows were copied instead of {count}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_encoded_as_the_documentation_says() {
        let mut rows = Rows::with_capacity(2, 30);
        rows.push(&[&7_i64.to_be_bytes(), &(-2_i32).to_be_bytes()]).unwrap();
        rows.push(&[b"", b"abc"]).unwrap();
        let expected: &[u8] = b"PGCOPY\n\xff\r\n\0\
            \0\0\0\0\0\0\0\0\
            \0\x02\0\0\0\x08\0\0\0\0\0\0\0\x07\0\0\0\x04\xff\xff\xff\xfe\
            \0\x02\0\0\0\0\0\0\0\x03abc\
            \xff\xff";
        assert_eq!(rows.finish(), expected);
    }

    #[test]
    fn no_rows_are_a_header_and_a_trailer() {
        assert_eq!(Rows::with_capacity(0, 0).finish().len(), 21);
    }
}
