//! Reports what of the rules makes no sense together, each at its line. The list itself is [`Rules::contradictions`].

use super::{
    mistakes::{Findings, Place},
    tree::{Node, View},
};
use crate::rules::{Contradiction, Rules};

/// What the reader knows of the elements that it read of a list.
#[derive(Debug, Default)]
pub(super) struct ListPositions {
    /// Of each element of the rules, its position in the file: incomplete ones are left out of the rules.
    pub(super) positions: Vec<usize>,
    /// Whether none was left out.
    pub(super) complete: bool,
}

/// Where the rules were read from.
pub(super) struct RulesSource<'t> {
    pub(super) root: Node<'t>,
    pub(super) channels: ListPositions,
    pub(super) panels: ListPositions,
    pub(super) limits: ListPositions,
}

impl RulesSource<'_> {
    /// Reports every contradiction, but those of a value that has been found wrong already: a default stands in for it.
    pub(super) fn report(&self, rules: &Rules, findings: &mut Findings) {
        let contradictions = rules.contradictions();
        if contradictions.is_empty() {
            return;
        }
        // The outermost table may be large: it is looked at once.
        let root = self.root.view();
        // All of them are judged by what was wrong before: of two contradictions of one key neither hides the other.
        let (mut kept, before) = (Vec::new(), &*findings);
        for contradiction in contradictions {
            let paths = contradiction.keys.map(|key| self.path(key, contradiction.element));
            let doubtful = |key: &str, path: &str| self.is_incomplete(key) || before.has_mistake_at(path);
            if !contradiction.keys.iter().zip(&paths).any(|(key, path)| doubtful(key, path)) {
                let places = [&paths[0], &paths[1]].map(|path| place(&root, path));
                kept.push((contradiction, paths, places));
            }
        }
        for (contradiction, paths, places) in kept {
            report(&contradiction, paths, places, findings);
        }
    }

    /// Whether the key is a list from which something was left out.
    fn is_incomplete(&self, key: &str) -> bool {
        match key {
            "panel" => !self.panels.complete,
            "channel" => !self.channels.complete,
            "limit" => !self.limits.complete,
            _ => false,
        }
    }

    /// The path of a key as messages have it: `panel.trim` of the second panel is `panel[1].trim`.
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
    // What stands in the file is told first; the other one is its default, or missing.
    let (place, path, other) = match places {
        [None, Some(place)] => (place, second, first),
        [place, _] => (place.unwrap_or(Place::Nowhere), first, second),
    };
    findings.add(place, path, format!("does not go with {other}: {reason}"));
}

/// Where the value at a path such as `panel[1].trim` stands, if it is there; of a list, where its first element does.
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
