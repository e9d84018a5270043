//! Revoked passes: who is revoked is known by generation, a barred voter gets no pass, and reasons go with the tag key.

use acclaim_ballot_log::Hash;
use acclaim_contest::{ContestId, Instant, Phase, VoterTag};
use acclaim_store::{
    Database, RequestId, StoreError,
    contests::{ContestChange, ContestState, PassCountOutcome, PassCountRequest},
    pass_revocations::{
        PassRevocation, PassRevocationMode, PassRevocationOutcome, RevokedCounts, RevokedVoter,
    },
};

use super::{append, change, definition};

const AMA: VoterTag = VoterTag([0xa1; 16]);
const KOFI: VoterTag = VoterTag([0xa2; 16]);

fn revocation(by: &str, key: &str, request: u8, mode: PassRevocationMode) -> PassRevocation {
    let at = Instant::from_seconds(7).unwrap_or_else(|| Instant::at_or_before(jiff::Timestamp::UNIX_EPOCH));
    let reason = "the link was forwarded".to_owned();
    PassRevocation { id: RequestId::new(by, key), request: [request; 32], mode, reason, at }
}

/// The generation of a revocation that is done.
#[expect(clippy::panic, reason = "a broken promise")]
fn done(revoked: PassRevocationOutcome) -> u32 {
    match revoked {
        PassRevocationOutcome::Done { generation, .. } => generation,
        PassRevocationOutcome::IdempotencyKeyUsed => panic!("{revoked:?}"),
    }
}

pub(super) async fn pass_revocations(database: &dyn Database) -> Result<(), StoreError> {
    let contest = definition("revocations");
    let id = &contest.id;
    database.create_draft(&contest, b"w").await?;
    let before = database.revoked_voters(0).await?.last().map_or(0, |last| last.generation);
    let revoke = async |revocation: PassRevocation, voters: &[VoterTag]| {
        database.revoke_passes(id, b"w", &revocation, voters).await
    };
    let none = RevokedCounts { replaced: 0, barred: 0, newest: 0 };
    assert_eq!(database.count_revoked(id).await?, none);

    let of_another =
        database.revoke_passes(id, b"x", &revocation("chair", "k", 1, PassRevocationMode::Bar), &[AMA]).await;
    assert!(matches!(of_another, Err(StoreError::Conflict(_))), "{of_another:?}");
    let first = done(revoke(revocation("chair", "k", 1, PassRevocationMode::Bar), &[AMA, KOFI]).await?);
    assert!(first > before);
    assert_eq!(
        done(revoke(revocation("chair", "k", 1, PassRevocationMode::Bar), &[AMA, KOFI]).await?),
        first,
        "the same request"
    );
    assert_eq!(
        revoke(revocation("chair", "k", 2, PassRevocationMode::Bar), &[AMA]).await?,
        PassRevocationOutcome::IdempotencyKeyUsed
    );
    let voter = |voter, generation, is_barred| RevokedVoter { voter, generation, is_barred };
    let mut found = database.revoked_voters(before).await?;
    found.sort_by_key(|found| found.voter.0);
    assert_eq!(found, [voter(AMA, first, true), voter(KOFI, first, true)]);
    assert!(database.revoked_voters(first).await?.is_empty());
    barred_voters(database, id, first).await?;

    // The newest one decides; another staff key has its own Idempotency-Keys.
    let second = done(revoke(revocation("deputy", "k", 2, PassRevocationMode::Replace), &[AMA]).await?);
    assert!(second > first);
    assert_eq!(database.revoked_voters(first).await?, [voter(AMA, second, false)]);
    let counts = RevokedCounts { replaced: 1, barred: 1, newest: second };
    assert_eq!(database.count_revoked(id).await?, counts);
    let asked = RequestId::new("chair", "after");
    let passes = PassCountRequest {
        voters: &[AMA],
        ..PassCountRequest::for_unnamed_voters("pass", &asked, [1; 32], 1)
    };
    match database.count_passes(id, b"w", passes).await? {
        PassCountOutcome::New(minting) => assert_eq!(minting.generation, second),
        other => assert_eq!(other, PassCountOutcome::IdempotencyKeyUsed, "it is a new request"),
    }
    two_at_once(database, id, second).await?;
    reasons_go_with_the_tag_key(database, id).await?;
    a_deleted_contest_leaves_no_voter(database).await
}

/// No new pass, and the old ones again as they were.
async fn barred_voters(database: &dyn Database, id: &ContestId, generation: u32) -> Result<(), StoreError> {
    let count = async |key: &str, voters: &[VoterTag]| {
        let asked = RequestId::new("chair", key);
        let made_up = PassCountRequest::for_unnamed_voters("pass", &asked, [1; 32], 1);
        database.count_passes(id, b"w", PassCountRequest { voters, ..made_up }).await
    };
    let other = VoterTag([0xa3; 16]);
    let PassCountOutcome::New(minting) = count("other", &[other]).await? else {
        return Err(StoreError::Corrupt("a voter who is not barred".to_owned()));
    };
    assert_eq!(minting.generation, generation);
    assert_eq!(count("ama", &[other, AMA]).await?, PassCountOutcome::Barred(vec![AMA]));
    assert_eq!(database.passes(id).await?, [("pass".to_owned(), 1)], "nothing was counted");
    assert!(matches!(count("ama", &[other]).await?, PassCountOutcome::New(_)), "the key was not used");
    assert_eq!(count("other", &[other]).await?, PassCountOutcome::Repeated(Some(minting)));
    // A request from before a revocation is answered as it was.
    assert_eq!(count("other", &[AMA]).await?, PassCountOutcome::Repeated(Some(minting)));
    Ok(())
}

/// Each has a generation of its own.
async fn two_at_once(database: &dyn Database, id: &ContestId, before: u32) -> Result<(), StoreError> {
    let revoke = async |key: &str| {
        let revocation = revocation("chair", key, 9, PassRevocationMode::Replace);
        database.revoke_passes(id, b"w", &revocation, &[AMA, KOFI]).await
    };
    let (one, other) = tokio::join!(revoke("one"), revoke("other"));
    let (one, other) = (done(one?), done(other?));
    assert!(one != other && one.min(other) > before);
    let newest: Vec<u32> =
        database.revoked_voters(before).await?.iter().map(|found| found.generation).collect();
    assert_eq!(newest, [one.max(other); 2]);
    Ok(())
}

/// Passes stay revoked; why and of whom is gone, so that the same request is a new one, which no tag key lets in.
async fn reasons_go_with_the_tag_key(database: &dyn Database, id: &ContestId) -> Result<(), StoreError> {
    database.append(id, append(None, &["e0"], 1)).await?;
    let voters = database.revoked_voters(0).await?;
    let state = ContestState { phase: Phase::Closed, ..ContestState::of_draft(&definition("revocations")) };
    let mut destroyed = append(Some((1, Hash([1; 32]))), &["destroyed"], 2);
    destroyed.contest = Some(ContestChange { tag_key_destroyed: true, ..change(1, b"w", &state) });
    database.append(id, destroyed).await?;
    assert_eq!(database.revoked_voters(0).await?, voters);
    let late =
        database.revoke_passes(id, b"w", &revocation("chair", "k", 1, PassRevocationMode::Bar), &[AMA]).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
    Ok(())
}

/// Generations are never used again.
async fn a_deleted_contest_leaves_no_voter(database: &dyn Database) -> Result<(), StoreError> {
    let contest = definition("revocations-deleted");
    let id = &contest.id;
    let revoke = async || {
        database.create_draft(&contest, b"w").await?;
        let revocation = revocation("chair", "k", 1, PassRevocationMode::Bar);
        Ok::<_, StoreError>(done(
            database.revoke_passes(id, b"w", &revocation, &[VoterTag([0xa4; 16])]).await?,
        ))
    };
    let first = revoke().await?;
    database.delete_contest(id).await?;
    assert!(database.revoked_voters(first - 1).await?.is_empty());
    assert!(revoke().await? > first);
    Ok(())
}
