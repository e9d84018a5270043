//! The style of imports at the head of a file.

use std::{collections::BTreeSet, iter};

use crate::{Finding, Source};

/// Where an import comes from. Groups stand in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Std,
    OtherCrate,
    ThisCrate,
}

/// An import at the head of a file.
struct Import {
    /// The number of its first line.
    line: usize,
    /// The first part of its path.
    root: String,
    /// The path, braces and all.
    path: String,
    /// Whether the line before it is empty.
    begins_group: bool,
    /// Whether it is visible outside of the file. A private import of its
    /// crate may stand beside it.
    is_reexport: bool,
}

/// The imports of a file that are not in the style of this project.
///
/// There are at most three groups, with an empty line between them: `std`, other crates, this
/// crate. A group has one `use` for each crate. Names are imported one by one, but for preludes.
#[must_use]
pub fn import_style(source: &Source) -> Vec<Finding> {
    let imports = head_imports(source);
    let modules = own_modules(source);
    let mut findings: Vec<_> =
        imports.iter().filter(|import| is_glob(&import.path)).map(glob_finding).collect();
    let mut roots = BTreeSet::new();
    for (before, import) in iter::once(None).chain(imports.iter().map(Some)).zip(&imports) {
        if !import.is_reexport && !roots.insert(&import.root) {
            let message = format!("a second `use` of `{}`: merge it with the first", import.root);
            findings.push(Finding::new(import.line, message));
        }
        let Some(before) = before else { continue };
        let (former, own) = (origin(&before.root, &modules), origin(&import.root, &modules));
        if own < former || (own == former) == import.begins_group {
            let message =
                "imports stand in three groups, an empty line between them: std, other crates, this crate";
            findings.push(Finding::new(import.line, message));
        }
    }
    findings
}

fn glob_finding(import: &Import) -> Finding {
    Finding::new(import.line, "an import of all names: import the names that are used")
}

fn is_glob(path: &str) -> bool {
    path.contains("::*") && !path.contains("prelude::*") && !path.starts_with("super::*")
}

fn origin(root: &str, modules: &BTreeSet<String>) -> Origin {
    match root {
        "std" | "core" | "alloc" => Origin::Std,
        "crate" | "self" | "super" => Origin::ThisCrate,
        root if modules.contains(root) => Origin::ThisCrate,
        _ => Origin::OtherCrate,
    }
}

/// The modules that the file declares.
fn own_modules(source: &Source) -> BTreeSet<String> {
    let names = source.lines.iter().filter_map(|line| line.code.split_once("mod ")?.1.strip_suffix(';'));
    names.map(str::to_owned).collect()
}

/// The imports without indentation and attributes.
fn head_imports(source: &Source) -> Vec<Import> {
    let mut imports = Vec::new();
    let mut before: &str = "";
    let mut lines = source.numbered();
    while let Some((number, line)) = lines.next() {
        let import = line.code.split_once("use ").filter(|(visibility, _)| {
            visibility.is_empty() || (visibility.starts_with("pub") && visibility.ends_with(' '))
        });
        if let Some((visibility, path)) = import.filter(|_| !before.starts_with("#[")) {
            let is_reexport = !visibility.is_empty();
            let mut path = path.to_owned();
            while !path.contains(';')
                && let Some((_, more)) = lines.next()
            {
                path.push_str(more.code.trim());
            }
            if !path.contains("::") {
                continue;
            }
            let root = path.split([':', ' ', ';', '{']).next().unwrap_or_default().to_owned();
            let begins_group = before.trim().is_empty();
            imports.push(Import { line: number, root, path, begins_group, is_reexport });
        }
        before = &line.code;
        if line.code.is_empty() && !line.comment.is_empty() {
            before = &line.comment;
        }
    }
    imports
}

#[cfg(test)]
mod tests {
    use super::import_style;
    use crate::Source;

    fn lines(text: &str) -> Vec<usize> {
        import_style(&Source::read(text)).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn takes_three_groups() {
        let good = "use std::a;\n\nuse axum::{\n    b,\n};\nuse tokio::c;\n\nuse crate::d;\nuse super::e;\n";
        assert_eq!(lines(good), [0; 0]);
        assert_eq!(lines("#[cfg(test)]\nuse std::a;\nuse crate::b;\n"), [0; 0]);
        assert_eq!(lines("use axum::b;\n\npub use self::c::C;\nuse self::c::D;\nuse crate::d;\n"), [0; 0]);
    }

    #[test]
    fn names_each_import_out_of_style() {
        assert_eq!(lines("use tokio::c;\n\nuse std::a;\n"), [3]);
        assert_eq!(lines("use std::a;\nuse tokio::c;\n"), [2]);
        assert_eq!(lines("use axum::a;\n\nuse tokio::c;\n"), [3]);
        assert_eq!(lines("use axum::a;\nuse axum::c;\n"), [2]);
        assert_eq!(lines("use axum::*;\nuse proptest::prelude::*;\n"), [1]);
    }
}
