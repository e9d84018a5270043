//! How a log begins.

use acclaim_contest::definition::Definition;

use super::{ContestHeader, Event, VERSION};

/// The log's beginning: the contest, its categories and entries, and the opening.
#[must_use]
pub fn opening(definition: &Definition) -> Vec<Event> {
    let header = ContestHeader {
        v: VERSION,
        contest: definition.id.clone(),
        title: definition.title.clone(),
        titles: definition.titles.clone(),
        test: definition.test,
        time_zone: definition.time_zone.clone(),
        opens: definition.opens,
        closes: definition.closes,
        rules: definition.rules.clone(),
        days: definition.days(),
        previous: definition.rounds.as_ref().and_then(|rounds| rounds.previous.clone()),
    };
    let mut events = vec![Event::Contest(header)];
    events.extend(definition.categories.iter().cloned().map(Event::Category));
    events.extend(definition.entries.iter().cloned().map(Event::Entry));
    events.push(Event::Opened { at: definition.opens });
    events
}
