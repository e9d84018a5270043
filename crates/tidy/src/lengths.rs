//! Length of files and of comment lines.

use crate::{Finding, Source};

/// The largest number of lines of a file. Most files have fewer than 300.
pub const MAX_FILE_LINES: usize = 500;
/// The largest number of columns of a line that is a comment.
pub const MAX_COMMENT_COLUMNS: usize = 100;

/// A finding if the file has more than [`MAX_FILE_LINES`].
#[must_use]
pub fn file_length(text: &str) -> Option<Finding> {
    let lines = text.lines().count();
    let message =
        format!("{lines} lines, more than {MAX_FILE_LINES}: a file has one subject, so split it by subject");
    (lines > MAX_FILE_LINES).then(|| Finding::new(0, message))
}

/// The comment lines that are longer than [`MAX_COMMENT_COLUMNS`].
///
/// A line without a space after its first word is a link or a table row that cannot be wrapped.
#[must_use]
pub fn comment_columns(text: &str, source: &Source) -> Vec<Finding> {
    let lines = text.lines().zip(source.numbered());
    let long = lines.filter(|(text, (_, line))| {
        let words = line.comment.split_whitespace().count();
        line.code.trim().is_empty() && words > 2 && text.chars().count() > MAX_COMMENT_COLUMNS
    });
    long.map(|(text, (number, _))| {
        let columns = text.chars().count();
        Finding::new(
            number,
            format!("a comment of {columns} columns, more than {MAX_COMMENT_COLUMNS}: wrap it"),
        )
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::{MAX_FILE_LINES, comment_columns, file_length};
    use crate::Source;

    #[test]
    fn names_files_with_too_many_lines() {
        assert_eq!(file_length(&"\n".repeat(MAX_FILE_LINES)), None);
        assert_eq!(file_length(&"\n".repeat(MAX_FILE_LINES + 1)).map(|finding| finding.line), Some(0));
    }

    #[test]
    fn names_long_comment_lines_only() {
        let long = "word ".repeat(25);
        let text = format!("/// {long}\nlet a = \"{long}\";\n/// short\n/// <https://{}>", "x".repeat(120));
        let found: Vec<_> = comment_columns(&text, &Source::read(&text)).iter().map(|one| one.line).collect();
        assert_eq!(found, [1]);
    }
}
