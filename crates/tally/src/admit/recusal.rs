//! Admission of recusals, and of jurors who take a recusal back.

use acclaim_ballot_log::entry::Recusal;

use super::scores;
use crate::{recusals::RecusalKey, refusal::Refusal, tally::Tally};

/// Admits that a juror is recused for an entry, or that a juror takes a recusal back.
pub(super) fn admit(tally: &Tally, recusal: &Recusal, recuses: bool) -> Result<RecusalKey, Refusal> {
    let (panel, rules) = scores::find_panel(tally, &recusal.panel)?;
    scores::check_juror(rules, &recusal.juror)?;
    let entry = tally.roster.entry_number(recusal.entry.as_str());
    let entry = entry.ok_or_else(|| Refusal::UnknownEntry(recusal.entry.to_string()))?;
    let category = tally.roster.entry(entry).category;
    let key = RecusalKey { panel, category, juror: recusal.juror.clone(), entry };
    // The fold of a partition keeps no recusals. The fold of the whole contest finds a repeated
    // one.
    if !tally.scope.is_whole() {
        return Ok(key);
    }
    match (tally.recusals.has(&key), recuses) {
        (true, true) => {
            Err(Refusal::AlreadyRecused { juror: recusal.juror.clone(), entry: recusal.entry.clone() })
        }
        (false, false) => {
            Err(Refusal::NotRecused { juror: recusal.juror.clone(), entry: recusal.entry.clone() })
        }
        _ => Ok(key),
    }
}
