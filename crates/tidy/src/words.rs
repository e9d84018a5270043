//! Words that the names and sentences of this project avoid, because strangers stumble over them.

use crate::{Finding, Source};

/// Parts of names to avoid, and what to write. One in capitals is avoided in constants only.
pub const NAME_WORDS: &[(&str, &str)] = &[
    ("told", "answer, notify, report or message, whichever it is"),
    ("tell", "answer, notify or report"),
    ("tells", "answers, notifies or reports"),
    ("telling", "answer, notify or report"),
    ("MOST", "MAX_…"),
    ("LEAST", "MIN_…"),
    ("patience", "…_TIMEOUT"),
    ("anew", "again, or the verb for what happens"),
    ("nobody", "the thing that is absent"),
    ("somebody", "the person or the program"),
    ("whoever", "the person or the program"),
    ("whatever", "the thing"),
    ("heed", "handle"),
    ("slate", "BallotValidator"),
    ("traveller", "Relocation"),
    ("halt", "StepError"),
    ("lent", "PooledConnection"),
    ("sought", "CommandFilter"),
];

/// Words to avoid in sentences, in lower case, and what to write.
pub const TEXT_WORDS: &[(&str, &str)] = &[
    ("told", "say who answers, reports or notifies"),
    ("tell", "say who answers, reports or notifies"),
    ("tells", "say who answers, reports or notifies"),
    ("telling", "say who answers, reports or notifies"),
    ("anew", "again"),
    ("nobody", "name the thing that is absent"),
    ("somebody", "name the person or the program"),
    ("whoever", "name the person or the program"),
    ("whatever", "name the thing"),
    ("in the end", "finally"),
    ("has to", "must"),
    ("have to", "must"),
    ("of which", "write two sentences"),
    ("such as", "for example"),
];

/// The names of a file that have a part of [`NAME_WORDS`].
#[must_use]
pub fn names_on_the_list(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in source.numbered() {
        for name in line.code.split(|one: char| !one.is_alphanumeric() && one != '_') {
            let (parts, is_constant) = (parts(name), !name.contains(char::is_lowercase));
            let is_part = |word: &str| {
                parts.iter().any(|part| part == word || (is_constant && part.to_uppercase() == word))
            };
            let found = NAME_WORDS.iter().find(|(word, _)| is_part(word));
            findings.extend(found.map(|(word, instead)| {
                Finding::new(number, format!("`{name}`: instead of \"{word}\" write {instead}"))
            }));
        }
    }
    findings
}

/// The words of [`TEXT_WORDS`] in the comments of a file.
#[must_use]
pub fn words_on_the_list(source: &Source) -> Vec<Finding> {
    let lines = source.numbered().map(|(number, line)| (number, line.comment.as_str()));
    lines.flat_map(|(number, comment)| words_of_text(number, comment)).collect()
}

/// The words of [`TEXT_WORDS`] in a line of text. Code between backticks is left out.
#[must_use]
pub fn words_of_text(number: usize, text: &str) -> Vec<Finding> {
    let prose: Vec<_> = text.split('`').step_by(2).collect();
    let spaced: String = prose
        .join(" code ")
        .chars()
        .map(|one| if one.is_alphanumeric() { one.to_ascii_lowercase() } else { ' ' })
        .collect();
    let words: Vec<_> = spaced.split_whitespace().collect();
    let line = format!(" {} ", words.join(" "));
    let found = TEXT_WORDS.iter().filter(|(word, _)| line.contains(&format!(" {word} ")));
    found.map(|(word, instead)| Finding::new(number, format!("instead of \"{word}\": {instead}"))).collect()
}

/// The parts of a name, in lower case: `NewestTold`, `newest_told` and `NEWEST_TOLD` have two.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut was_lower = false;
    for character in name.chars() {
        if character == '_' || (was_lower && character.is_uppercase()) {
            parts.push(String::new());
        }
        was_lower = character.is_lowercase();
        if let Some(part) = parts.last_mut().filter(|_| character != '_') {
            part.extend(character.to_lowercase());
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::{names_on_the_list, words_on_the_list};
    use crate::Source;

    #[test]
    fn finds_words_in_every_kind_of_name() {
        let source =
            Source::read("fn tells() {}\nstruct NewestTold;\nconst MOST_KEYS: u8 = 1;\nlet most = untold;");
        let lines: Vec<_> = names_on_the_list(&source).iter().map(|found| found.line).collect();
        assert_eq!(lines, [1, 2, 3]);
    }

    #[test]
    fn finds_words_in_comments_only() {
        let source = Source::read(
            "// The voter is told.\nlet a = \"told\";\n// `told` is a key.\n// It has to be, such\n// as here: of-which",
        );
        let lines: Vec<_> = words_on_the_list(&source).iter().map(|found| found.line).collect();
        assert_eq!(lines, [1, 4, 5]);
    }
}
