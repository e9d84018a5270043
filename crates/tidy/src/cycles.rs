//! Cycles among the files of a crate: a file that imports from another one, which imports from it.

use std::collections::{BTreeMap, BTreeSet};

use crate::Source;

/// How many re-exports a path may lead through.
const MAX_REEXPORTS: usize = 8;

type Path = Vec<String>;

/// The files of a crate.
#[derive(Debug, Default)]
pub struct Crate {
    modules: BTreeMap<Path, Module>,
}

#[derive(Debug)]
struct Module {
    file: String,
    /// What the file imports, and what it names by a path from the crate's root.
    imports: Vec<Path>,
    /// What the file passes on, by name.
    reexports: BTreeMap<String, Path>,
}

impl Crate {
    /// Adds a file. `file`: its path from the folder of the crate's root file, with `/`.
    pub fn add(&mut self, file: &str, source: &Source) {
        let mut path: Path = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if path.last().is_some_and(|last| ["lib", "main", "mod"].contains(&last.as_str())) {
            path.pop();
        }
        let code = without_test_module(source);
        let (mut imports, mut reexports) = (paths_from_root(&code), BTreeMap::new());
        for (is_reexport, tree) in use_declarations(&code) {
            for import in expand(&tree) {
                match import.last() {
                    Some(name) if is_reexport => drop(reexports.insert(name.clone(), import)),
                    _ => imports.push(import),
                }
            }
        }
        self.modules.insert(path, Module { file: file.to_owned(), imports, reexports });
    }

    /// The module in whose file a path ends.
    fn resolve(&self, from: &Path, import: &[String], depth: usize) -> Option<Path> {
        let (mut at, mut rest) = match import.split_first()? {
            (first, rest) if first == "crate" => (Path::new(), rest),
            (first, rest) if first == "self" => (from.clone(), rest),
            (first, _) if first == "super" => (from.clone(), import),
            (first, _) if self.modules.contains_key(&child(from, first)) => (from.clone(), import),
            _ => return None,
        };
        while let Some((part, others)) = rest.split_first() {
            if part == "super" {
                at.pop()?;
            } else if self.modules.contains_key(&child(&at, part)) {
                at.push(part.clone());
            } else {
                let reexport = self.modules.get(&at)?.reexports.get(part);
                return match reexport.filter(|_| depth < MAX_REEXPORTS) {
                    Some(path) => self.resolve(&at, path, depth + 1).or(Some(at)),
                    None => Some(at),
                };
            }
            rest = others;
        }
        Some(at)
    }

    /// The modules that a module imports from.
    fn neighbours(&self, path: &Path, module: &Module) -> BTreeSet<Path> {
        let resolved = module.imports.iter().filter_map(|import| self.resolve(path, import, 0));
        resolved.filter(|other| other != path && self.modules.contains_key(other)).collect()
    }
}

/// The groups of files that import from each other, directly or through others.
#[must_use]
pub fn file_cycles(files: &Crate) -> Vec<Vec<String>> {
    let edges: BTreeMap<_, _> =
        files.modules.iter().map(|(path, module)| (path, files.neighbours(path, module))).collect();
    let reachable = |from: &Path| {
        let (mut reached, mut waiting) = (BTreeSet::new(), vec![from]);
        while let Some(path) = waiting.pop() {
            for next in edges.get(path).into_iter().flatten() {
                if reached.insert(next) {
                    waiting.push(next);
                }
            }
        }
        reached
    };
    let reached: BTreeMap<_, _> = files.modules.keys().map(|path| (path, reachable(path))).collect();
    let mut cycles = BTreeSet::new();
    for (path, others) in reached.iter().filter(|(path, others)| others.contains(*path)) {
        let together =
            others.iter().filter(|other| reached.get(**other).is_some_and(|back| back.contains(path)));
        let names: Vec<_> =
            together.filter_map(|other| files.modules.get(*other)).map(|one| one.file.clone()).collect();
        cycles.insert(names);
    }
    cycles.into_iter().collect()
}

fn child(path: &[String], part: &str) -> Path {
    path.iter().cloned().chain([part.to_owned()]).collect()
}

/// The code before the file's own module of tests.
fn without_test_module(source: &Source) -> String {
    let code = source.code();
    let end = ["mod tests {", "mod tests;"]
        .iter()
        .filter_map(|tests| code.find(&format!("#[cfg(test)]\n{tests}")))
        .min();
    code.get(..end.unwrap_or(code.len())).unwrap_or_default().to_owned()
}

/// The trees of all `use` declarations, and whether they are re-exports.
fn use_declarations(code: &str) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    for statement in code.split_inclusive(';') {
        let Some(tree) = statement.strip_suffix(';') else { continue };
        let mut lines: Vec<_> = tree.lines().collect();
        let begin = lines.iter().rposition(|line| line.trim_start().starts_with("use ") || is_reexport(line));
        let Some(begin) = begin else { continue };
        lines.drain(..begin);
        let is_reexport = lines.first().is_some_and(|line| is_reexport(line));
        let text = lines.join(" ");
        if let Some((_, tree)) = text.split_once("use ") {
            found.push((is_reexport, tree.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
    }
    found
}

fn is_reexport(line: &str) -> bool {
    line.trim_start().strip_prefix("pub").is_some_and(|rest| {
        let rest =
            rest.strip_prefix('(').and_then(|scope| scope.split_once(')')).map_or(rest, |(_, rest)| rest);
        rest.trim_start().starts_with("use ")
    })
}

/// The single paths of a tree: `a::{b, c::D as E}` has `a::b` and `a::c::D`.
fn expand(tree: &str) -> Vec<Path> {
    let tree = tree.trim();
    let Some((head, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        return vec![
            path.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect(),
        ];
    };
    let head: Path =
        head.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect();
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let (mut depth, mut begin, mut parts) = (0_usize, 0, Vec::new());
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(group.get(begin..at).unwrap_or_default());
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(group.get(begin..).unwrap_or_default());
    let paths = parts.into_iter().filter(|part| !part.trim().is_empty()).flat_map(expand);
    // `a::{self}` is `a`.
    let paths = paths.map(|path| if path == ["self"] { Path::new() } else { path });
    paths.map(|path| head.iter().cloned().chain(path).collect()).collect()
}

/// The paths that begin with `crate::`, outside of `use` declarations too.
fn paths_from_root(code: &str) -> Vec<Path> {
    let is_name = |one: char| one.is_alphanumeric() || one == '_';
    code.match_indices("crate::")
        .filter(|(at, _)| !code.get(..*at).unwrap_or_default().ends_with(is_name))
        .map(|(at, _)| code.get(at..).unwrap_or_default())
        .filter(|rest| !rest.starts_with("crate::{"))
        .map(|rest| {
            let end = rest.find(|one: char| !is_name(one) && one != ':').unwrap_or(rest.len());
            rest.get(..end)
                .unwrap_or_default()
                .split("::")
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Crate, expand, file_cycles};
    use crate::Source;

    fn cycles(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let mut all = Crate::default();
        files.iter().for_each(|(file, text)| all.add(file, &Source::read(text)));
        file_cycles(&all)
    }

    #[test]
    fn expands_trees() {
        let paths: Vec<_> =
            expand("a::{self, b, c::{D as E, f}}").iter().map(|path| path.join("::")).collect();
        assert_eq!(paths, ["a", "a::b", "a::c::D", "a::c::f"]);
    }

    #[test]
    fn names_files_that_import_from_each_other() {
        let one = ("one.rs", "use crate::two::Two;\npub struct One;");
        assert_eq!(
            cycles(&[("lib.rs", "mod one;\nmod two;"), one, ("two.rs", "pub struct Two;")]),
            [[""; 0]; 0]
        );
        let two = ("two.rs", "fn two(one: crate::one::One) {}");
        assert_eq!(cycles(&[("lib.rs", "mod one;\nmod two;"), one, two]), [["one.rs", "two.rs"]]);
    }

    #[test]
    fn follows_reexports_and_leaves_out_tests() {
        let root = ("lib.rs", "mod one;\nmod two;\npub use self::one::One;");
        let two = ("two.rs", "pub struct Two;\n#[cfg(test)]\nmod tests {\n    use crate::One;\n}");
        let one = ("one.rs", "use super::two::Two;\npub struct One;");
        assert_eq!(cycles(&[root, one, two]), [[""; 0]; 0]);
        let two = ("two.rs", "use crate::One;");
        assert_eq!(cycles(&[root, one, two]), [["one.rs", "two.rs"]]);
    }
}
