//! Changes one key of a definition, as `amended` log entries do after the opening.

use super::Definition;
use crate::amendment::{Amendment, DefinitionAmendment, EntryAmendment};

impl Definition {
    /// Changes `key` of `what`.
    ///
    /// The result is not checked as a whole. [`Definition::check`] does that.
    ///
    /// # Errors
    /// A message if the amendment cannot be read, or if the category or entry does not exist. The
    /// definition is then unchanged.
    pub fn amend(&mut self, what: &str, key: &str, to: &Amendment) -> Result<(), String> {
        match DefinitionAmendment::read(what, key, to).map_err(|error| error.to_string())? {
            DefinitionAmendment::Closes(closes) => self.closes = closes,
            DefinitionAmendment::Category(id, title) => {
                let category = self.categories.iter_mut().find(|category| category.id.as_str() == id);
                let category = category.ok_or_else(|| format!("there is no category `{id}`"))?;
                title.apply(&mut category.title, &mut category.titles);
            }
            DefinitionAmendment::Entry(id, amended) => {
                let entry = self.entries.iter_mut().find(|entry| entry.id.as_str() == id);
                let entry = entry.ok_or_else(|| format!("there is no entry `{id}`"))?;
                let optional = |text: &str| (!text.is_empty()).then(|| text.to_owned());
                match amended {
                    EntryAmendment::Title(title) => title.apply(&mut entry.title, &mut entry.titles),
                    EntryAmendment::Summary(text) => entry.summary = optional(text),
                    EntryAmendment::Image(text) => entry.image = optional(text),
                    EntryAmendment::Url(text) => entry.url = optional(text),
                    EntryAmendment::Details(details) => details.clone_into(&mut entry.details),
                }
            }
        }
        Ok(())
    }
}
