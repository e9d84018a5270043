//! From a request to a ballot, and from the ballot to what became of it: what casting one and casting many share.

use std::{borrow::Cow, pin::Pin, time::Duration};

use acclaim_ballot_log::{Hash, LogEntry, NewBallot};
use acclaim_contest::{
    BallotId, Phase,
    ballot::{SelectionError, SelectionReason},
    pass::Pass,
};
use acclaim_store::{
    clock::MIN_JUMP,
    hub::{BallotOutcome, Rejection},
    intake::{Item, Offer, Slot, Submitted},
};
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Sleep;
use utoipa::ToSchema;

use crate::{
    ballots::BallotStatus,
    body::{before, objects},
    description::shapes,
    desk::{Answer, Room, Ticket},
    directory::Contest,
    mine,
    problem::{self, Problem},
    recorded::find_recorded,
    sheet::{check_period, slots},
    state::Api,
};

/// How long a ballot waits for an intake that is not ready: just after the opening it is for some milliseconds.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two attempts meanwhile.
const PAUSE: Duration = Duration::from_millis(20);

/// A ballot as a voter sends it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"selections": [{"category": "photos", "entry": "photo-01"}]}))]
pub(crate) struct BallotRequest<'a> {
    /// At least one.
    #[serde(borrow, deserialize_with = "objects")]
    #[schema(min_items = 1)]
    pub(crate) selections: Vec<SelectionRequest<'a>>,
    /// The voter's own standing ballot that this one takes the place of.
    #[schema(value_type = Option<shapes::BallotId>)]
    pub(crate) replaces: Option<Cow<'a, str>>,
    /// The day or the ballot's number, where the contest has periods.
    #[schema(value_type = Option<String>)]
    pub(crate) period: Option<Cow<'a, str>>,
}

/// One vote.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SelectionRequest<'a> {
    #[serde(borrow)]
    #[schema(value_type = shapes::Id)]
    category: Cow<'a, str>,
    #[serde(borrow)]
    #[schema(value_type = shapes::Id)]
    entry: Cow<'a, str>,
}

/// A recorded ballot.
#[derive(Serialize, ToSchema)]
pub(crate) struct Recorded {
    #[schema(value_type = shapes::BallotId)]
    pub(crate) ballot: BallotId,
    #[schema(value_type = shapes::BallotState)]
    status: &'static str,
    /// Its place in the log.
    index: u64,
    #[schema(value_type = shapes::Root)]
    leaf_hash: Hash,
    log: LogHead,
    /// Whether another request that waited for the same ballot counts as the one that had it recorded.
    #[serde(skip)]
    pub(crate) is_repetition: bool,
}

/// A size of the log and its root, base64.
#[derive(Serialize, ToSchema)]
pub(crate) struct LogHead {
    pub(crate) size: u64,
    #[schema(value_type = shapes::Root)]
    pub(crate) root: Hash,
}

/// What became of a ballot.
pub(crate) enum Cast {
    /// It is in the log now.
    Recorded(Recorded),
    /// It was in the log before.
    Again(BallotStatus),
    /// It is kept, and will be recorded or rejected.
    Accepted(BallotId),
}

/// A problem with the instants between which ballots are taken.
fn instants(contest: &Contest, problem: Problem) -> Problem {
    let definition = &contest.record.definition;
    problem
        .with("opens", definition.opens.to_string())
        .with("closes", contest.record.state.closes.to_string())
}

/// Whether the contest takes ballots that arrive at this time: within the window, and not while voting is suspended.
fn takes(contest: &Contest, arrived: Timestamp) -> Result<(), Problem> {
    window(contest, arrived)?;
    if contest.phase() == Phase::Suspended { Err(suspended(contest)) } else { Ok(()) }
}

/// The same by a clock that may have been set forward while the process ran: a voter is not told that voting has ended
/// because of that alone.
fn takes_at(api: &Api, contest: &Contest, arrived: Timestamp) -> Result<(), Problem> {
    let Err(problem) = takes(contest, arrived) else { return Ok(()) };
    let jump = api.stores.clock.jump();
    let without_jump = arrived.saturating_sub(jump).unwrap_or(arrived);
    if *problem.kind() != problem::VOTING_CLOSED || jump < MIN_JUMP || takes(contest, without_jump).is_err() {
        return Err(problem);
    }
    Err(Problem::new(
        &problem::UNAVAILABLE,
        "the server's clock was set past the closing: the operator has to look at it",
    ))
}

fn suspended(contest: &Contest) -> Problem {
    let detail = "the ballot arrived while voting is suspended: cast it again once voting is resumed";
    instants(contest, Problem::new(&problem::VOTING_SUSPENDED, detail))
}

/// Whether a time lies in the window of voting, suspended or not.
pub(crate) fn window(contest: &Contest, arrived: Timestamp) -> Result<(), Problem> {
    let instants = |problem| instants(contest, problem);
    if contest.is_left_alone {
        Err(Problem::new(&problem::UNAVAILABLE, "nothing of this contest is recorded"))
    } else if arrived < contest.opens() {
        Err(instants(Problem::new(&problem::VOTING_NOT_OPEN, "the ballot arrived before the opening")))
    } else if arrived >= contest.closes() || contest.phase() > Phase::Open {
        Err(instants(Problem::new(&problem::VOTING_CLOSED, "the ballot arrived after the closing")))
    } else {
        Ok(())
    }
}

fn invalid_selection(error: SelectionError) -> Problem {
    let mut problem = Problem::new(&problem::INVALID_SELECTION, error.to_string());
    let reason = serde_json::to_value(error.reason).unwrap_or_default();
    for (field, value) in [("category", error.category), ("entry", error.entry)] {
        if let Some(value) = value {
            problem = problem.with(field, value);
        }
    }
    problem.with("reason", reason)
}

/// A ballot with its id and final bytes.
pub(crate) struct Written {
    pub(crate) item: Item,
    /// None if nobody would look them up, or if the ballot replaces another: the sequencer knows what it frees.
    slots: Vec<Slot>,
    /// What is wrong with it now, though it may have been recorded before: the day, or a selection.
    now: Result<(), Problem>,
}

pub(crate) fn write_ballot(
    contest: &Contest,
    pass: Pass,
    request: &BallotRequest<'_>,
    arrived: Timestamp,
    with_slots: bool,
) -> Result<Written, Problem> {
    let rules = &contest.record.definition.rules;
    let period = request.period.as_deref();
    let right_day = check_period(contest, period, arrived)?;
    let replaces: Option<BallotId> = request
        .replaces
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|error| Problem::new(&problem::MALFORMED, format!("`replaces` is {error}")))?;
    let mut selections: Vec<(&str, &str)> =
        request.selections.iter().map(|selection| (&*selection.category, &*selection.entry)).collect();
    let checked = contest.slate.check(&mut selections);
    match &checked {
        Ok(()) => {}
        // Such a ballot may have been recorded before; every other fault is one for good.
        Err(error) if error.reason == SelectionReason::Withdrawn => {}
        Err(error) => return Err(invalid_selection(error.clone())),
    }
    let channel = pass.channel.as_ref().map(AsRef::as_ref);
    let ballot = NewBallot {
        voter: pass.voter,
        channel,
        period,
        replaces,
        at: &rules.ballot.cast_time.cut(arrived),
        selections: selections.iter().copied(),
    };
    let mut entry = Vec::with_capacity(160 + 24 * selections.len());
    let id = ballot.write(contest.id(), &mut entry).map_err(|error| {
        Problem::new(&problem::INVALID_SELECTION, error.to_string()).with("reason", "unwritable")
    })?;
    let categories = selections.iter().map(|(category, _)| *category);
    let slots = match replaces {
        None if with_slots => slots(pass.voter, channel, period, categories),
        _ => Vec::new(),
    };
    let entry = Bytes::from(entry);
    let item = Item { ballot: id, arrived, promised: false, group: pass.group, entry };
    Ok(Written { item, slots, now: right_day.and(checked.map_err(invalid_selection)) })
}

/// A ballot ready to be sent, or the answer that needs no sending.
pub(crate) enum Prepared {
    Ready(Box<Offer>),
    Done(Box<Cast>),
}

/// Checks a ballot by all that is known here.
pub(crate) async fn prepare(
    api: &Api,
    contest: &Contest,
    pass: Pass,
    request: &BallotRequest<'_>,
    arrived: Timestamp,
) -> Result<Prepared, Problem> {
    let Written { item, slots, now } =
        write_ballot(contest, pass, request, arrived, api.stores.intake.remembers_slots())?;
    let Err(refusal) = takes_at(api, contest, arrived).and(now) else {
        return Ok(Prepared::Ready(Box::new(Offer { item, slots })));
    };
    // It may be the repetition of one that was recorded before the window closed, the day ended, or an entry was withdrawn.
    match find_recorded(&api.stores, contest.id(), item.ballot).await? {
        Some((recorded, leaf_hash)) => {
            Ok(Prepared::Done(Box::new(Cast::Again(BallotStatus::new(recorded, leaf_hash)))))
        }
        None => Err(refusal),
    }
}

/// A ballot on its way to the sequencer.
pub(crate) struct Sent {
    item: Item,
    ticket: Ticket,
}

/// Sends a ballot on its way. `promised`: its voter is told `accepted` once the intake has it.
pub(crate) fn send(
    api: &Api,
    contest: &Contest,
    mut offer: Offer,
    promised: bool,
    room: Room,
) -> Result<Sent, Problem> {
    offer.item.promised = promised;
    let item = offer.item.clone();
    let ticket = api.desk.cast(contest, offer, room).ok_or_else(full)?;
    Ok(Sent { item, ticket })
}

/// Sends a ballot again with these slots; without any, for the sequencer to decide whatever the intake remembers.
fn send_again(api: &Api, contest: &Contest, sent: Sent, slots: Vec<Slot>) -> Result<Sent, Problem> {
    let Sent { item, ticket } = sent;
    let room = ticket.leave().ok_or_else(full)?;
    let promised = item.promised;
    send(api, contest, Offer { item, slots }, promised, room)
}

/// The slots with which a ballot was written.
fn slots_of(api: &Api, item: &Item) -> Vec<Slot> {
    if let Ok(LogEntry::Ballot(ballot)) = LogEntry::decode(&item.entry)
        && api.stores.intake.remembers_slots()
        && ballot.replaces.is_none()
    {
        let categories = ballot.selections.iter().map(|(category, _)| category);
        return slots(ballot.voter, ballot.channel, ballot.period, categories);
    }
    Vec::new()
}

pub(crate) fn full() -> Problem {
    Problem::new(&problem::QUEUE_FULL, "too many ballots wait to be recorded")
}

/// Waits for what becomes of a ballot that was sent, until the end.
pub(crate) async fn outcome(
    api: &Api,
    contest: &Contest,
    mut sent: Sent,
    mut end: Pin<&mut Sleep>,
) -> Result<Cast, Problem> {
    let ballot = sent.item.ballot;
    let patience = tokio::time::Instant::now() + PATIENCE;
    let mut was_taken = false;
    loop {
        let answer = match before(end.as_mut(), sent.ticket.answer()).await {
            Some(Some(answer)) => answer,
            Some(None) => return Err(Problem::new(&problem::UNAVAILABLE, "the server is stopping")),
            None => {
                return Err(Problem::new(&problem::OUTCOME_UNKNOWN, "the ballot was not confirmed in time"));
            }
        };
        let submitted = match answer {
            Answer::Decided { outcome, size, root, is_repetition } => {
                return decided(api, contest, ballot, outcome, LogHead { size, root }, is_repetition).await;
            }
            Answer::Kept => return Ok(Cast::Accepted(ballot)),
            Answer::Failed(error) => return Err(error.into()),
            Answer::NotKept(submitted) => submitted,
        };
        match submitted {
            Submitted::Taken => {
                if let Some(done) = look_up(api, contest, &sent.item).await? {
                    return Ok(done);
                }
                was_taken = true;
                sent = send_again(api, contest, sent, Vec::new())?;
            }
            Submitted::Full | Submitted::Buffered => return Err(full()),
            // It may be the copy of one that was on its way before the closing.
            Submitted::Sealed => match look_up(api, contest, &sent.item).await? {
                Some(done) => return Ok(done),
                None if !was_taken => return Err(rejected(contest, Rejection::OutsideWindow)),
                None => {
                    tokio::time::sleep(PAUSE).await;
                    sent = send_again(api, contest, sent, Vec::new())?;
                }
            },
            Submitted::Rebuilding if tokio::time::Instant::now() < patience => {
                tokio::time::sleep(PAUSE).await;
                // With its slots again: nothing was kept, nor looked up.
                let slots = slots_of(api, &sent.item);
                sent = send_again(api, contest, sent, slots)?;
            }
            Submitted::Rebuilding => {
                let detail = "the intake is being rebuilt from the ledger";
                return Err(Problem::new(&problem::UNAVAILABLE, detail).retry_after(2));
            }
        }
    }
}

async fn decided(
    api: &Api,
    contest: &Contest,
    ballot: BallotId,
    outcome: BallotOutcome,
    log: LogHead,
    is_repetition: bool,
) -> Result<Cast, Problem> {
    match outcome {
        BallotOutcome::Recorded { index, leaf_hash } => {
            Ok(Cast::Recorded(Recorded { ballot, status: "recorded", index, leaf_hash, log, is_repetition }))
        }
        BallotOutcome::Same => match find_recorded(&api.stores, contest.id(), ballot).await? {
            Some((recorded, leaf_hash)) => Ok(Cast::Again(BallotStatus::new(recorded, leaf_hash))),
            None => Err(Problem::new(&problem::OUTCOME_UNKNOWN, "the ballot is known but not found")),
        },
        BallotOutcome::Rejected(rejection) => Err(rejected(contest, rejection)),
    }
}

/// What the ledger knows of a ballot whose slots the intake calls taken; `None` if they are free, or filled by one on its way, or if that
/// is for the sequencer to tell.
async fn look_up(api: &Api, contest: &Contest, item: &Item) -> Result<Option<Cast>, Problem> {
    let again = async || {
        let found = find_recorded(&api.stores, contest.id(), item.ballot).await?;
        let again = |(recorded, leaf_hash)| Cast::Again(BallotStatus::new(recorded, leaf_hash));
        Ok::<_, Problem>(found.map(again))
    };
    if let Some(again) = again().await? {
        return Ok(Some(again));
    }
    // Written by this process a moment ago: it is a ballot.
    let Ok(LogEntry::Ballot(ballot)) = LogEntry::decode(&item.entry) else { return Ok(None) };
    let categories = ballot.selections.iter().map(|(category, _)| category);
    let filled = mine::filled(api, contest, ballot.voter, ballot.channel, ballot.period, categories).await?;
    match filled {
        // What fills them may be this ballot, recorded between the two looks.
        Some(categories) if !categories.is_empty() => match again().await? {
            Some(again) => Ok(Some(again)),
            None => Err(rejected(contest, Rejection::AlreadyVoted(categories))),
        },
        // Nothing, or so many ballots that the sequencer knows sooner.
        _ => Ok(None),
    }
}

pub(crate) fn rejected(contest: &Contest, rejection: Rejection) -> Problem {
    match rejection {
        Rejection::AlreadyVoted(categories) => {
            let detail = "an earlier ballot fills a category of this one";
            Problem::new(&problem::ALREADY_VOTED, detail).with("categories", categories)
        }
        Rejection::ReplacedIsNotStanding(standing) => {
            let problem = Problem::new(
                &problem::REPLACED_IS_NOT_STANDING,
                "`replaces` does not name the standing ballot",
            );
            match standing {
                Some(standing) => problem.with("standing", standing.to_string()),
                None => problem,
            }
        }
        Rejection::InvalidSelection(reason, detail) => {
            Problem::new(&problem::INVALID_SELECTION, detail).with("reason", reason)
        }
        Rejection::OutsideWindow => window(contest, Timestamp::MAX)
            .err()
            .unwrap_or_else(|| Problem::new(&problem::VOTING_CLOSED, "the ballot arrived after the closing")),
        Rejection::Refused(code, _) if code == problem::VOTING_SUSPENDED.code => suspended(contest),
        Rejection::Refused(code, detail) => Problem::new(&problem::REFUSED, detail).with("code", code),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, sync::Arc};

    use acclaim_store::{Contests as _, Database, Keyring};
    use acclaim_store_sqlite::DataDirectory;
    use acclaim_test_support::conformance::definition;

    use super::*;
    use crate::directory::Directory;

    #[tokio::test]
    async fn a_ballot_that_slips_into_a_suspension_is_answered_as_one_that_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDirectory::lock(folder.path()).unwrap();
        let secret = data.secret().unwrap();
        let database = Arc::new(data.database().unwrap());
        let keyring = Arc::new(Keyring::open(&*database, secret, Some("test")).await.unwrap());
        let photos = definition("photos");
        database.create_draft(&photos, &keyring.new_tag_key(&photos.id).unwrap()).await.unwrap();
        let all = Arc::clone(&database) as Arc<dyn Database>;
        let directory = Directory::read(all, keyring, HashSet::new()).await.unwrap();
        let contest = directory.contest(&photos.id).unwrap();

        // As the sequencer words what `admit` refuses.
        let slipped = Rejection::Refused("voting-suspended".to_owned(), "while suspended".to_owned());
        let told = [rejected(&contest, slipped), suspended(&contest)];
        let [slipped, refused] = told.map(|problem| serde_json::to_value(problem).unwrap());
        assert_eq!((&slipped, slipped["status"].as_u64()), (&refused, Some(403)));
        assert_eq!(slipped["closes"], photos.closes.to_string());
        let other = rejected(&contest, Rejection::Refused("cast-time".to_owned(), "late".to_owned()));
        assert_eq!(other.kind(), &problem::REFUSED);
    }
}
