//! Turns staff commands into log entries.

use acclaim_ballot_log::{
    Event,
    entry::{MAX_ENTRY_LENGTH, Recusal, RulingDetails},
};
use acclaim_contest::{BallotId, Instant, Rules};
use acclaim_store::command::{Command, Reason, TAG_KEY_DESTROYED};

/// Bytes of a ballot's id with quotes and comma.
const BALLOT_BYTES: usize = 25;
/// Bytes of an entry without ballot ids, reason and note.
const ENTRY_BYTES: usize = 1_000;

/// Returns the entries that a staff command becomes under these rules.
///
/// It returns none for `Open` and `Close`, which do more than add entries.
pub(crate) fn of_command(command: &Command, rules: &Rules, by: &str, at: Instant) -> Vec<Event> {
    let by = by.to_owned();
    let details = |reason: &Reason| RulingDetails {
        by: by.clone(),
        reason: reason.reason.clone(),
        note: reason.note.clone(),
        at,
    };
    let event = match command {
        Command::Open | Command::Close => return Vec::new(),
        Command::Freeze => Event::Frozen { by, at },
        Command::Draw { seed } => {
            let source = rules.draw.as_ref().map(|draw| draw.source.clone()).unwrap_or_default();
            Event::Drawn { source, seed: seed.clone(), by, at }
        }
        Command::Certify { result, .. } => Event::Certified { result: result.clone(), by, at },
        Command::Reopen(reason) => Event::Reopened(details(reason)),
        Command::Unfreeze(reason) => Event::Unfrozen(details(reason)),
        Command::Suspend(reason) => Event::Suspended(details(reason)),
        Command::Resume(reason) => Event::Resumed(details(reason)),
        Command::Withdraw { entry, reason } => {
            Event::Withdrawn { entry: entry.clone(), reason: details(reason) }
        }
        Command::Void { ballots, reason } => {
            return split_into_events(ballots, reason, |ballots| Event::Voided {
                ballots,
                reason: details(reason),
            });
        }
        Command::ReinstateEntry { entry, reason } => {
            Event::Reinstated { entry: Some(entry.clone()), ballots: None, reason: details(reason) }
        }
        Command::ReinstateBallots { ballots, reason } => {
            return split_into_events(ballots, reason, |ballots| Event::Reinstated {
                entry: None,
                ballots: Some(ballots),
                reason: details(reason),
            });
        }
        Command::Amend { what, key, to, reason } => {
            Event::Amended { what: what.clone(), key: key.clone(), to: to.clone(), reason: details(reason) }
        }
        Command::Score { panel, juror, category, criterion, values } => Event::Scores {
            panel: panel.clone(),
            juror: juror.clone(),
            category: category.clone(),
            criterion: criterion.clone(),
            values: values.clone(),
            by,
            at,
        },
        Command::Recusal { panel, juror, entry, rejoins, reason } => {
            let (panel, juror, entry, reason) = (panel.clone(), juror.clone(), entry.clone(), reason.clone());
            let recusal = Recusal { panel, juror, entry, reason, by, at };
            if *rejoins { Event::Rejoined(recusal) } else { Event::Recused(recusal) }
        }
        Command::Choose { category, winners, note } => {
            Event::Choice { category: category.clone(), winners: winners.clone(), by, note: note.clone(), at }
        }
        Command::DestroyTagKey { reason } => {
            Event::Statement { kind: TAG_KEY_DESTROYED.to_owned(), text: reason.clone(), by, at }
        }
        Command::State { kind, text } => Event::Statement { kind: kind.clone(), text: text.clone(), by, at },
    };
    vec![event]
}

/// Returns as few entries as can hold the ballots. Each entry has the reason.
fn split_into_events(
    ballots: &[BallotId],
    reason: &Reason,
    event: impl Fn(Vec<BallotId>) -> Event,
) -> Vec<Event> {
    let texts = [Some(&reason.reason), reason.note.as_ref()];
    // Control characters take six bytes in JSON.
    let text_bytes: usize = texts.into_iter().flatten().map(|text| 6 * text.len()).sum();
    let max_ballots = MAX_ENTRY_LENGTH.saturating_sub(ENTRY_BYTES + text_bytes) / BALLOT_BYTES;
    ballots.chunks(max_ballots.max(1)).map(|chunk| event(chunk.to_vec())).collect()
}
