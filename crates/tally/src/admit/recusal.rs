//! Admission of recusals, and of jurors who take theirs back.

use acclaim_ballot_log::entry::Recusal;

use super::scores;
use crate::recusals::RecusalKey;
use crate::refusal::Refusal;
use crate::tally::Tally;

/// Admits a recusal, or that a juror takes one back.
pub(super) fn admit(tally: &Tally, recusal: &Recusal, recuses: bool) -> Result<RecusalKey, Refusal> {
    let (panel, rules) = scores::find_panel(tally, &recusal.panel)?;
    scores::check_juror(rules, &recusal.juror)?;
    let entry = tally.roster.entry_number(recusal.entry.as_str());
    let entry = entry.ok_or_else(|| Refusal::UnknownEntry(recusal.entry.to_string()))?;
    let category = tally.roster.entry(entry).category;
    let key = RecusalKey { panel, category, juror: recusal.juror.clone(), entry };
    // The fold of a share keeps no recusals; the fold of the whole finds one that is entered twice.
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
