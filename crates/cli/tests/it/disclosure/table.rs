//! The tables of `docs/organiser.md` as data: permitted reads by phase, and permitted requests.

use std::collections::{BTreeMap, BTreeSet};

/// The phases of the table's columns, in the order of a contest.
pub(super) const PHASES: [&str; 6] = ["draft", "open", "closed", "frozen", "certified", "reopened"];

/// One route of the tables.
#[derive(Debug)]
pub(super) struct Row {
    /// `GET`, `PUT`, `POST` or `DELETE`.
    pub(super) method: String,
    /// The address as in the table. `C` stands for `/v1/contests/{contest}`.
    pub(super) address: String,
    /// The groups with access, by phase.
    pub(super) groups: BTreeMap<&'static str, Vec<String>>,
}

impl Row {
    pub(super) fn is_reading(&self) -> bool {
        self.method == "GET"
    }

    /// Returns the method and the path as in the OpenAPI document.
    pub(super) fn described(&self) -> String {
        let path = self.address.replacen('C', "/v1/contests/{contest}", usize::from(self.is_of_contest()));
        let path = match path.split_once("/log/tile/") {
            Some((contest, _)) => format!("{contest}/log/tile/{{tile}}"),
            None => path,
        };
        format!("{} {path}", self.method)
    }

    pub(super) fn is_of_contest(&self) -> bool {
        self.address.starts_with('C')
    }

    /// Returns a path to request, with parts that each tested contest has from its opening on.
    pub(super) fn path(&self, contest: &str, ballot: &str) -> String {
        let contest = format!("/v1/contests/{contest}");
        self.address
            .replacen('C', &contest, usize::from(self.is_of_contest()))
            .replace("{ballot}", ballot)
            .replace("entries/<N>", "entries/000.p/2")
            .replace("<L>/<N>", "0/000.p/2")
    }
}

/// Returns the rows of both tables.
pub(super) fn rows() -> Vec<Row> {
    let text = include_str!("../../../../../docs/organiser.md");
    let (_, section) = text.split_once("## Who may read what, and when\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let mut rows = Vec::new();
    for line in section.lines().filter(|line| line.starts_with('|') && line.contains('`')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let (addresses, groups) = (cells[1], &cells[2..]);
        let groups: BTreeMap<_, Vec<String>> = match groups {
            [one] => PHASES.iter().map(|phase| (*phase, words(one))).collect(),
            each => {
                assert_eq!(each.len(), PHASES.len(), "{line}");
                PHASES.iter().copied().zip(each.iter().map(|cell| words(cell))).collect()
            }
        };
        for address in addresses.split(", ") {
            let (method, address) = address.trim_matches('`').split_once(' ').unwrap();
            rows.push(Row { method: method.to_owned(), address: address.to_owned(), groups: groups.clone() });
        }
    }
    rows
}

fn words(cell: &str) -> Vec<String> {
    cell.split(", ").map(str::to_owned).collect()
}

/// The tables have every route of the OpenAPI document, and no other route.
#[test]
fn tables_have_every_route() {
    let document = acclaim_api::openapi();
    let described: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let documented: BTreeSet<String> = rows().iter().map(Row::described).collect();
    assert_eq!(documented, described);
}
