//! A Rust file, split into code and comments line by line.

use std::{iter::Peekable, str::CharIndices};

/// A line of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// The code. Comments and the contents of strings and of characters are left out.
    pub code: String,
    /// The comment, with its slashes.
    pub comment: String,
}

/// A Rust file.
#[derive(Debug, Clone)]
pub struct Source {
    /// The lines, in order.
    pub lines: Vec<Line>,
}

/// What the reader is inside of.
enum State {
    Code,
    LineComment,
    /// The depth: block comments nest.
    BlockComment(usize),
    /// The number of `#` that end a raw string. `None` is a string with escapes.
    Text(Option<usize>),
}

impl Source {
    /// Splits the text of a file.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut reader = Reader { chars: text.char_indices().peekable(), text, lines: vec![Line::default()] };
        let mut state = State::Code;
        while let Some((at, character)) = reader.chars.next() {
            state = reader.step(state, at, character);
        }
        Self { lines: reader.lines }
    }

    /// The lines with their numbers, from 1.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &Line)> {
        (1..).zip(&self.lines)
    }

    /// All code, line by line.
    #[must_use]
    pub fn code(&self) -> String {
        self.lines.iter().flat_map(|line| [&line.code, "\n"]).collect()
    }
}

struct Reader<'a> {
    chars: Peekable<CharIndices<'a>>,
    text: &'a str,
    lines: Vec<Line>,
}

impl Reader<'_> {
    fn step(&mut self, state: State, at: usize, character: char) -> State {
        if character == '\n' {
            self.lines.push(Line::default());
            return if matches!(state, State::LineComment) { State::Code } else { state };
        }
        match state {
            State::Code => self.code(at, character),
            State::LineComment => {
                self.comment(character);
                State::LineComment
            }
            State::BlockComment(depth) => self.block_comment(depth, at, character),
            State::Text(hashes) => self.string(hashes, at, character),
        }
    }

    fn code(&mut self, at: usize, character: char) -> State {
        let rest = self.text.get(at..).unwrap_or_default();
        if rest.starts_with("//") || rest.starts_with("/*") {
            self.comment(character);
            return if rest.starts_with("//") { State::LineComment } else { State::BlockComment(0) };
        }
        self.push(character);
        match character {
            '"' => State::Text(None),
            'r' if !self.is_in_word(at) => self.raw_string(rest),
            '\'' => {
                self.skip_character(rest);
                State::Code
            }
            _ => State::Code,
        }
    }

    fn block_comment(&mut self, depth: usize, at: usize, character: char) -> State {
        self.comment(character);
        // The first step is the one behind the slash that opens the comment.
        match self.text.get(at..).unwrap_or_default() {
            rest if rest.starts_with("*/") => {
                self.chars.next();
                self.comment('/');
                if depth == 0 { State::Code } else { State::BlockComment(depth - 1) }
            }
            rest if rest.starts_with("/*") => State::BlockComment(depth + 1),
            _ => State::BlockComment(depth),
        }
    }

    fn string(&mut self, hashes: Option<usize>, at: usize, character: char) -> State {
        match (hashes, character) {
            (None, '\\') => {
                if self.chars.next_if(|(_, next)| *next != '\n').is_none() {
                    return State::Text(None);
                }
                State::Text(None)
            }
            (None, '"') => {
                self.push('"');
                State::Code
            }
            (Some(hashes), '"') if self.hashes_after(at) >= hashes => {
                self.push('"');
                self.skip(hashes);
                State::Code
            }
            (hashes, _) => State::Text(hashes),
        }
    }

    /// After an `r`: the start of a raw string, or a name.
    fn raw_string(&mut self, rest: &str) -> State {
        let hashes = rest.chars().skip(1).take_while(|next| *next == '#').count();
        if rest.chars().nth(1 + hashes) != Some('"') {
            return State::Code;
        }
        self.skip(1 + hashes);
        self.push('"');
        State::Text(Some(hashes))
    }

    /// After a `'`: skips a character literal, and leaves a lifetime.
    fn skip_character(&mut self, rest: &str) {
        let mut next = rest.chars().skip(1);
        let length = match (next.next(), next.next(), next.next()) {
            (Some('\\'), ..) => rest.chars().skip(2).skip(1).take_while(|next| *next != '\'').count() + 3,
            (Some(_), Some('\''), _) => 2,
            _ => return,
        };
        self.skip(length);
        self.push('\'');
    }

    fn hashes_after(&self, at: usize) -> usize {
        self.text.get(at..).unwrap_or_default().chars().skip(1).take_while(|next| *next == '#').count()
    }

    /// Whether the character at this place belongs to a longer name.
    ///
    /// `br"…"` and `cr"…"` are raw strings too.
    fn is_in_word(&self, at: usize) -> bool {
        let before = self.text.get(..at).unwrap_or_default();
        let word = before.trim_end_matches(|one: char| one.is_alphanumeric() || one == '_');
        !matches!(before.get(word.len()..), Some("" | "b" | "c"))
    }

    fn skip(&mut self, characters: usize) {
        for _ in 0..characters {
            self.chars.next();
        }
    }

    fn push(&mut self, character: char) {
        if let Some(line) = self.lines.last_mut() {
            line.code.push(character);
        }
    }

    fn comment(&mut self, character: char) {
        if let Some(line) = self.lines.last_mut() {
            line.comment.push(character);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    /// The code and the comment of each line.
    fn split(text: &str) -> Vec<(String, String)> {
        Source::read(text).lines.into_iter().map(|line| (line.code, line.comment)).collect()
    }

    fn line(code: &str, comment: &str) -> (String, String) {
        (code.to_owned(), comment.to_owned())
    }

    #[test]
    fn separates_comments_from_code() {
        assert_eq!(
            split("let a = 1; // told\n/* x\n/* y */ z */ b"),
            [line("let a = 1; ", "// told"), line("", "/* x"), line(" b", "/* y */ z */"),]
        );
    }

    #[test]
    fn leaves_out_contents_of_strings_and_characters() {
        assert_eq!(
            split(r####"f("// \" told", r#"a "told" // b"#, b"x", '"', '\'', '\u{41}', x::<'a>)"####),
            [line(r#"f("", r"", b"", '', '', '', x::<'a>)"#, "")]
        );
        assert_eq!(split("a(\"one\\\n  // two\", for_r\"x\")")[1].0, "\", for_r\"\")");
    }
}
