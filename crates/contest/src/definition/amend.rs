//! Changing one key of a definition, as `amended` entries do after the opening.

use super::Definition;
use crate::entry::{Amendment, Titles};

impl Definition {
    /// Changes `key` of `what` (`closes`, `entry:<id>` or `category:<id>`). The result is not checked as a whole;
    /// [`Definition::check`] does that.
    ///
    /// # Errors
    /// What does not fit, in words; nothing is changed then.
    pub fn amend(&mut self, what: &str, key: &str, to: &Amendment) -> Result<(), String> {
        if what == "closes" {
            return match (key, to) {
                ("closes", Amendment::Text(text)) => {
                    self.closes =
                        text.parse().map_err(|error: crate::time::InvalidInstant| error.to_string())?;
                    Ok(())
                }
                _ => Err("`closes` takes the key `closes` and an instant".to_owned()),
            };
        }
        if let Some(id) = what.strip_prefix("category:") {
            let category = self.categories.iter_mut().find(|category| category.id.as_str() == id);
            let category = category.ok_or_else(|| format!("there is no category `{id}`"))?;
            return amend_titles(&mut category.title, &mut category.titles, key, to);
        }
        let id = what.strip_prefix("entry:").ok_or_else(|| format!("`{what}` cannot be amended"))?;
        let entry = self.entries.iter_mut().find(|entry| entry.id.as_str() == id);
        let entry = entry.ok_or_else(|| format!("there is no entry `{id}`"))?;
        let optional = match (key, to) {
            ("details", Amendment::Details(details)) => {
                entry.details.clone_from(details);
                return Ok(());
            }
            ("summary", Amendment::Text(text)) => (&mut entry.summary, text),
            ("image", Amendment::Text(text)) => (&mut entry.image, text),
            ("url", Amendment::Text(text)) => (&mut entry.url, text),
            _ => return amend_titles(&mut entry.title, &mut entry.titles, key, to),
        };
        let (field, text) = optional;
        *field = (!text.is_empty()).then(|| text.clone());
        Ok(())
    }
}

fn amend_titles(title: &mut String, titles: &mut Titles, key: &str, to: &Amendment) -> Result<(), String> {
    match (key, to) {
        ("title", Amendment::Text(text)) => title.clone_from(text),
        ("titles", Amendment::Titles(map)) => titles.clone_from(map),
        // An empty list and an empty map of titles look alike to nobody but a parser of JSON.
        ("titles", Amendment::Details(list)) if list.is_empty() => titles.clear(),
        _ => return Err(format!("`{key}` cannot be amended to this")),
    }
    Ok(())
}
