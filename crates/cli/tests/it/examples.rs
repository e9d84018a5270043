//! The examples in the guides use existing commands and options.

use std::{fs, path::Path};

use acclaim_cli::args::Cli;
use clap::{Parser as _, error::ErrorKind};

/// Returns the commands of a guide, each with its line number.
fn commands(text: &str) -> Vec<(usize, String)> {
    let mut commands: Vec<(usize, String)> = Vec::new();
    let mut continues = false;
    for (number, line) in (1..).zip(text.lines()) {
        if continues && let Some((_, last)) = commands.last_mut() {
            last.push_str(line.trim_start());
        } else if let Some(command) = line.strip_prefix("$ ") {
            commands.push((number, command.to_owned()));
        } else {
            continue;
        }
        let last = commands.last_mut().unwrap();
        continues = last.1.ends_with('\\');
        if continues {
            last.1.pop();
        }
    }
    commands
}

/// Returns the words of each `acclaim` command in a line, as a shell splits them.
///
/// The words end at a redirection, a pipe, an operator or a comment.
fn words(line: &str) -> Vec<Vec<String>> {
    let (mut all, mut words, mut word, mut quote) = (Vec::new(), Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (c, quote) {
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, Some(open)) if c == open => quote = None,
            (' ', None) => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words.retain(|word| word != "...");
    let ends = |word: &String| matches!(word.as_str(), "#" | ">" | "|" | "&&" | "(no");
    for command in words.split(ends) {
        let begins = command.iter().position(|word| word == "acclaim");
        if begins.is_some_and(|begins| command.iter().take(begins).all(|word| word.contains('='))) {
            all.push(command.iter().skip_while(|word| *word != "acclaim").cloned().collect());
        }
    }
    all
}

#[test]
fn every_example_in_the_guides_is_a_command() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut guides = vec![root.join("README.md"), root.join("deploy/verify/README.md")];
    guides.extend(fs::read_dir(root.join("docs")).unwrap().map(|guide| guide.unwrap().path()));
    let (mut checked, mut wrong) = (0, Vec::new());
    for guide in guides.iter().filter(|guide| guide.extension().is_some_and(|end| end == "md")) {
        for (line, command) in commands(&fs::read_to_string(guide).unwrap()) {
            for words in words(&command) {
                checked += 1;
                let Err(error) = Cli::try_parse_from(&words) else { continue };
                // The example can have a placeholder as a value, which the reader replaces.
                if !matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::DisplayHelp) {
                    wrong.push(format!("{}:{line}: {command}\n{error}", guide.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked > 60, "{checked}");
}
