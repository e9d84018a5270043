//! Checks of the guarantees of every intake.

use acclaim_contest::{BallotId, ContestId, VoterTag};
use acclaim_store::{
    Intake, StoreError,
    intake::{Cursors, DrainOutcome, Item, Session, Slot, Submission, SubmitOutcome},
};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

/// Ballot `number`, with its own voter and its own slot.
fn submission(number: u8) -> Submission {
    let item = Item {
        ballot: BallotId([number; 16]),
        arrived: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(number.into()),
        promised: number.is_multiple_of(2),
        group: (number > 2).then(|| "africa".to_owned()),
        entry: Bytes::from(vec![number; 3]),
    };
    Submission { item, slots: vec![Slot::new(VoterTag([number; 16]), None, None, "a")] }
}

/// Checks every guarantee of an intake, with a contest that it does not know yet.
///
/// # Errors
/// Any error of the intake. A broken guarantee panics.
pub async fn check_intake(intake: &dyn Intake, contest: ContestId, shards: u16) -> Result<(), StoreError> {
    let session = Session { contest, epoch: 7, shards };
    let before = intake.submit(&session, &[submission(1)]).await?;
    assert_eq!(before, [SubmitOutcome::Rebuilding], "no session has begun");
    assert!(intake.seal(&session).await?.is_none());
    let start = intake.begin(&session).await?;
    assert_eq!(intake.submit(&session, &[submission(1)]).await?, [SubmitOutcome::Rebuilding], "not open yet");
    intake.open(&session).await?;
    assert_eq!(intake.begin(&session).await?, start, "beginning again changes nothing");
    check_buffer(intake, &session, &start).await?;
    check_next_session(intake, &session, &start).await
}

async fn drain_once(
    intake: &dyn Intake,
    session: &Session,
    after: &Cursors,
) -> Result<(Vec<u8>, Cursors), StoreError> {
    match intake.drain(session, after, 100).await? {
        DrainOutcome::Items { items, through } => {
            for item in &items {
                assert_eq!(
                    *item,
                    submission(item.ballot.0[0]).item,
                    "items come back as they were submitted"
                );
            }
            let mut ballots: Vec<u8> = items.iter().map(|item| item.ballot.0[0]).collect();
            ballots.sort_unstable();
            Ok((ballots, through))
        }
        other => Err(StoreError::Corrupt(format!("{other:?}"))),
    }
}

/// Drains until there are `count` items.
async fn drain_all(
    intake: &dyn Intake,
    session: &Session,
    after: &Cursors,
    count: usize,
) -> Result<(Vec<u8>, Cursors), StoreError> {
    let (mut all, mut through) = (Vec::new(), after.clone());
    while all.len() < count {
        let (more, next) = drain_once(intake, session, &through).await?;
        all.extend(more);
        through = next;
    }
    all.sort_unstable();
    Ok((all, through))
}

async fn check_buffer(intake: &dyn Intake, session: &Session, start: &Cursors) -> Result<(), StoreError> {
    let submissions: Vec<Submission> = (1..=4).map(submission).collect();
    assert_eq!(intake.submit(session, &submissions).await?, vec![SubmitOutcome::Buffered; 4]);
    let (first, middle) = drain_all(intake, session, start, 4).await?;
    assert_eq!(first, [1, 2, 3, 4]);
    assert_eq!(drain_all(intake, session, start, 4).await?.0, first, "draining again loses nothing");

    // A repeated slot may be detected. A ballot submitted without slots is always buffered.
    let again = intake.submit(session, &[submission(1)]).await?;
    assert!(matches!(again[..], [SubmitOutcome::SlotTaken | SubmitOutcome::Buffered]));
    let forced = Submission { slots: Vec::new(), ..submission(5) };
    assert_eq!(intake.submit(session, &[forced, submission(6)]).await?, [SubmitOutcome::Buffered; 2]);
    assert!(intake.has_promised_ballot(session, BallotId([6; 16])).await?);
    assert!(!intake.has_promised_ballot(session, BallotId([5; 16])).await?, "the ballot was not promised");

    intake.trim(session, &middle, &[BallotId([2; 16]), BallotId([4; 16])]).await?;
    assert!(!intake.has_promised_ballot(session, BallotId([4; 16])).await?);
    let waiting = intake.backlog(session).await?.items;
    assert!((2..=3).contains(&waiting), "{waiting} wait");
    intake.trim(session, &middle, &[]).await?;
    intake.trim(session, &Cursors { epoch: 6, ..middle.clone() }, &[]).await?;
    assert_eq!(intake.backlog(session).await?.items, waiting, "trimming again drops nothing");
    let strange = intake.drain(session, &Cursors { epoch: 6, ..middle.clone() }, 9).await?;
    assert!(matches!(strange, DrainOutcome::Lost(_)), "cursors of another session");
    let early = intake.drain(session, start, 9).await?;
    assert!(matches!(early, DrainOutcome::Lost(_)), "the items after these cursors are trimmed");

    let rest = usize::try_from(waiting).unwrap_or_default();
    let (drained, end) = drain_all(intake, session, &middle, rest).await?;
    assert!(drained.ends_with(&[5, 6]));
    assert_eq!(intake.seal(session).await?, Some(end.clone()), "the cursors after the last items");
    assert_eq!(intake.seal(session).await?, Some(end.clone()));
    assert_eq!(intake.submit(session, &[submission(8)]).await?, [SubmitOutcome::Sealed]);
    Ok(())
}

/// The items of the former session survive it, and its epoch is refused.
async fn check_next_session(intake: &dyn Intake, old: &Session, start: &Cursors) -> Result<(), StoreError> {
    let session = Session { epoch: u64::MAX, ..old.clone() };
    let waiting = intake.backlog(old).await?.items;
    let new_start = intake.begin(&session).await?;
    assert_ne!(&new_start, start);
    assert!(matches!(intake.drain(old, start, 9).await?, DrainOutcome::Lost(_)));
    assert_eq!(intake.submit(old, &[submission(9)]).await?, [SubmitOutcome::Rebuilding]);
    let mut survived = 0;
    loop {
        let survivors = intake.survivors(&session).await?;
        if survivors.items.is_empty() {
            break;
        }
        survived += survivors.items.len() as u64;
        intake.drop_survivors(&session, &survivors.taken).await?;
    }
    assert_eq!(survived, waiting);
    if intake.has_slot_table() {
        intake.mark_slots_taken(&session, &submission(20).slots).await?;
    }
    intake.open(&session).await?;
    let submitted = intake.submit(&session, &[submission(1), submission(20)]).await?;
    let second = if intake.has_slot_table() { SubmitOutcome::SlotTaken } else { SubmitOutcome::Buffered };
    assert_eq!(submitted, [SubmitOutcome::Buffered, second], "the former session's slots are forgotten");
    assert!(drain_once(intake, &session, &new_start).await?.0.contains(&1));
    intake.forget(&session).await?;
    assert_eq!(intake.submit(&session, &[submission(1)]).await?, [SubmitOutcome::Rebuilding]);
    assert_eq!(intake.backlog(&session).await?.items, 0);
    Ok(())
}
