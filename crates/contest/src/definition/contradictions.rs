//! Reports rules that contradict each other, with their lines.
//!
//! [`Rules::contradictions`] finds the contradictions.

use super::{
    mistakes::{Findings, Place},
    tree::{Node, View},
};
use crate::rules::{Contradiction, Rules};

/// The positions of the elements of a list that the reader accepted.
#[derive(Debug, Default)]
pub(super) struct ListPositions {
    /// The position in the file of each element in the rules. Incomplete elements are not in the
    /// rules.
    pub(super) positions: Vec<usize>,
    /// Whether no element was left out.
    pub(super) complete: bool,
}

/// The source of the rules.
pub(super) struct RulesSource<'t> {
    pub(super) root: Node<'t>,
    pub(super) channels: ListPositions,
    pub(super) panels: ListPositions,
    pub(super) limits: ListPositions,
}

impl RulesSource<'_> {
    /// Reports the contradictions.
    ///
    /// A contradiction is skipped if one of its values is already reported as wrong, because a
    /// default replaces that value.
    pub(super) fn report(&self, rules: &Rules, findings: &mut Findings) {
        let contradictions = rules.contradictions();
        if contradictions.is_empty() {
            return;
        }
        // The outermost table may be large, so it is viewed only once.
        let root = self.root.view();
        // Each contradiction is checked against the earlier mistakes only. So two contradictions of
        // one key do not hide each other.
        let (mut to_report, earlier) = (Vec::new(), &*findings);
        for contradiction in contradictions {
            let paths = contradiction.keys.map(|key| self.path(key, contradiction.element));
            let has_mistake = |key: &str, path: &str| self.is_incomplete(key) || earlier.has_mistake_at(path);
            if !contradiction.keys.iter().zip(&paths).any(|(key, path)| has_mistake(key, path)) {
                let places = [&paths[0], &paths[1]].map(|path| place(&root, path));
                to_report.push((contradiction, paths, places));
            }
        }
        for (contradiction, paths, places) in to_report {
            report(&contradiction, paths, places, findings);
        }
    }

    /// Whether the key is a list from which an element was left out.
    fn is_incomplete(&self, key: &str) -> bool {
        match key {
            "panel" => !self.panels.complete,
            "channel" => !self.channels.complete,
            "limit" => !self.limits.complete,
            _ => false,
        }
    }

    /// Returns the path of a key for messages: `panel.trim` of the second panel is `panel[1].trim`.
    fn path(&self, key: &str, element: Option<usize>) -> String {
        let list = match key.split_once('.') {
            Some(("panel", rest)) => Some(("panel", rest, &self.panels)),
            Some(("channel", rest)) => Some(("channel", rest, &self.channels)),
            Some(("limit", rest)) => Some(("limit", rest, &self.limits)),
            _ => None,
        };
        match (list, element) {
            (Some((list, rest, listed)), Some(element)) => {
                let position = listed.positions.get(element).copied().unwrap_or(element);
                format!("{list}[{position}].{rest}")
            }
            _ => key.to_owned(),
        }
    }
}

fn report(
    contradiction: &Contradiction,
    [first, second]: [String; 2],
    places: [Option<Place>; 2],
    findings: &mut Findings,
) {
    let Contradiction { keys: [key, other], reason, .. } = contradiction;
    if key == other {
        return findings.add(places[0].unwrap_or(Place::Nowhere), first, *reason);
    }
    // The key that stands in the file comes first. The other key has its default, or is missing.
    let (place, path, other) = match places {
        [None, Some(place)] => (place, second, first),
        [place, _] => (place.unwrap_or(Place::Nowhere), first, second),
    };
    findings.add(place, path, format!("does not go with {other}: {reason}"));
}

/// Returns the place of the value at a path, for example `panel[1].trim`, if it exists.
///
/// The place of a list is the place of its first element.
fn place(root: &View<'_>, path: &str) -> Option<Place> {
    let mut steps = path.split('.');
    let first = steps.next()?;
    let (name, position) = first.split_once('[').unwrap_or((first, ""));
    let mut node = member(root, name)?;
    if let Ok(position) = position.trim_end_matches(']').parse() {
        node = element(node, position)?;
    }
    for name in steps {
        node = member(&node.view(), name)?;
    }
    Some(Place::Main(element(node, 0).unwrap_or(node).at))
}

fn member<'t>(table: &View<'t>, name: &str) -> Option<Node<'t>> {
    let View::Table { pairs, .. } = table else { return None };
    pairs.iter().find(|(key, _)| key == name).map(|(_, node)| *node)
}

fn element(list: Node<'_>, position: usize) -> Option<Node<'_>> {
    let View::Array { elements, .. } = list.view() else { return None };
    elements.get(position).copied()
}
