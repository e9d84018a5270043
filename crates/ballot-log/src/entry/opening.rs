//! The events at the start of a log, and the definition that is read back from a log.

use acclaim_contest::{PreviousRound, Rounds, definition::Definition};

use super::{ContestHeader, Event, VERSION};

/// The first events of a log: the contest, its categories and entries, and the opening.
#[must_use]
pub fn opening_events(definition: &Definition) -> Vec<Event> {
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

/// The definition in a log: the first events with the later amendments.
///
/// Each event of the log is folded into it.
#[derive(Debug, Clone, Default)]
pub struct LoggedDefinition {
    /// Its `rounds` are empty, because the log has only a part of them.
    definition: Option<Definition>,
    previous: Option<PreviousRound>,
}

impl LoggedDefinition {
    /// Folds the next event of the log, which the log has admitted.
    ///
    /// # Errors
    /// The reason why the event does not fit. The log cannot have admitted this event.
    pub fn fold(&mut self, event: &Event) -> Result<(), String> {
        if let Event::Contest(header) = event {
            self.previous.clone_from(&header.previous);
            self.definition = Some(of_header(header.clone()));
            return Ok(());
        }
        match &mut self.definition {
            Some(definition) => fold_definition(definition, event),
            None => Ok(()),
        }
    }

    /// The definition of the log; `None` before the log's first entry.
    ///
    /// The id of the contest that the entries come from is only in `stored`, and it is copied from
    /// there.
    #[must_use]
    pub fn into_definition(self, stored: &Definition) -> Option<Definition> {
        let Self { definition, previous } = self;
        let rounds = stored
            .rounds
            .clone()
            .map(|Rounds { from, previous: stored }| Rounds { from, previous: previous.or(stored) });
        definition.map(|definition| Definition { rounds, ..definition })
    }
}

/// Applies an event to a definition. Most events do not change it.
///
/// # Errors
/// The reason why the event does not fit. The log cannot have admitted this event.
pub fn fold_definition(definition: &mut Definition, event: &Event) -> Result<(), String> {
    match event {
        Event::Category(category) => definition.categories.push(category.clone()),
        Event::Entry(entry) => definition.entries.push(entry.clone()),
        Event::Opened { at } => definition.opens = *at,
        Event::Amended { what, key, to, .. } => definition.amend(what, key, to)?,
        _ => {}
    }
    Ok(())
}

fn of_header(header: ContestHeader) -> Definition {
    let ContestHeader {
        v: _,
        contest,
        title,
        titles,
        test,
        time_zone,
        opens,
        closes,
        rules,
        days: _,
        previous: _,
    } = header;
    Definition {
        id: contest,
        title,
        titles,
        test,
        time_zone,
        opens,
        closes,
        rules,
        rounds: None,
        categories: Vec::new(),
        entries: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use acclaim_contest::Overrides;

    use super::*;

    #[test]
    fn log_returns_definition_of_its_opening() {
        let text = br#"{
            "contest": {"id": "a", "title": "A", "titles": {"fr": "Ah"}, "time_zone": "Europe/Zurich",
                "opens": "2021-03-01T00:00:00", "closes": "2021-03-31T23:59:00"},
            "ballot": {"period": "day"},
            "winners": {"count": 1, "from": "all", "by": "votes"},
            "category": [{"id": "c", "title": "C"}, {"id": "d", "title": "D", "winners": 2}],
            "entry": [{"id": "e", "category": "c", "title": "E", "summary": "s", "details": [["country", "Ghana"]]},
                {"id": "f", "category": "d", "title": "F"}, {"id": "g", "category": "d", "title": "G"}]
        }"#;
        let definition = Definition::from_json(text, &Overrides::default()).unwrap();
        let mut logged = LoggedDefinition::default();
        assert_eq!(logged.clone().into_definition(&definition), None);
        for event in opening_events(&definition) {
            logged.fold(&event).unwrap();
        }
        assert_eq!(logged.into_definition(&definition), Some(definition));
    }
}
