//! Revoked passes: generations identify revoked voters, and barred voters get no passes.
//!
//! The reasons are deleted with the tag key.

use acclaim_ballot_log::Hash;
use acclaim_contest::{ContestId, Instant, Phase, VoterTag};
use acclaim_store::{
    Database, RequestId, StoreError,
    contests::{ContestChange, ContestState, PassCountOutcome, PassCountRequest},
    pass_revocations::{
        PassRevocation, PassRevocationMode, PassRevocationOutcome, RevokedCounts, RevokedVoter,
    },
};

use super::samples::{append, change, definition};

const AMA: VoterTag = VoterTag([0xa1; 16]);
const KOFI: VoterTag = VoterTag([0xa2; 16]);

fn revocation(by: &str, key: &str, request: u8, mode: PassRevocationMode) -> PassRevocation {
    let at = Instant::from_seconds(7).unwrap_or_else(|| Instant::at_or_before(jiff::Timestamp::UNIX_EPOCH));
    let reason = "the link was forwarded".to_owned();
    PassRevocation { id: RequestId::new(by, key), request: [request; 32], mode, reason, at }
}

/// The generation of a revocation that was executed.
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

    let other_tag_key =
        database.revoke_passes(id, b"x", &revocation("chair", "k", 1, PassRevocationMode::Bar), &[AMA]).await;
    assert!(matches!(other_tag_key, Err(StoreError::Conflict(_))), "{other_tag_key:?}");
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
    let mut voters = database.revoked_voters(before).await?;
    voters.sort_by_key(|revoked| revoked.voter.0);
    assert_eq!(voters, [voter(AMA, first, true), voter(KOFI, first, true)]);
    assert!(database.revoked_voters(first).await?.is_empty());
    barred_voters(database, id, first).await?;

    // The newest revocation counts. Each staff key has its own `Idempotency-Key`s.
    let second = done(revoke(revocation("deputy", "k", 2, PassRevocationMode::Replace), &[AMA]).await?);
    assert!(second > first);
    assert_eq!(database.revoked_voters(first).await?, [voter(AMA, second, false)]);
    let counts = RevokedCounts { replaced: 1, barred: 1, newest: second };
    assert_eq!(database.count_revoked(id).await?, counts);
    let request_id = RequestId::new("chair", "after");
    let passes = PassCountRequest {
        voters: &[AMA],
        ..PassCountRequest::for_unnamed_voters("pass", &request_id, [1; 32], 1)
    };
    match database.count_passes(id, b"w", passes).await? {
        PassCountOutcome::New(minting) => assert_eq!(minting.generation, second),
        other => assert_eq!(other, PassCountOutcome::IdempotencyKeyUsed, "it is a new request"),
    }
    concurrent_revocations(database, id, second).await?;
    deletes_reasons_with_tag_key(database, id).await?;
    deletes_voters_with_contest(database).await
}

/// A barred voter gets no new pass. A repeated request gets the same passes as before.
async fn barred_voters(database: &dyn Database, id: &ContestId, generation: u32) -> Result<(), StoreError> {
    let count = async |key: &str, voters: &[VoterTag]| {
        let request_id = RequestId::new("chair", key);
        let request = PassCountRequest::for_unnamed_voters("pass", &request_id, [1; 32], 1);
        database.count_passes(id, b"w", PassCountRequest { voters, ..request }).await
    };
    let other = VoterTag([0xa3; 16]);
    let PassCountOutcome::New(minting) = count("other", &[other]).await? else {
        return Err(StoreError::Corrupt("no pass for a voter who is not barred".to_owned()));
    };
    assert_eq!(minting.generation, generation);
    assert_eq!(count("ama", &[other, AMA]).await?, PassCountOutcome::Barred(vec![AMA]));
    assert_eq!(database.passes(id).await?, [("pass".to_owned(), 1)], "no pass was counted");
    assert!(matches!(count("ama", &[other]).await?, PassCountOutcome::New(_)), "the key was not used");
    assert_eq!(count("other", &[other]).await?, PassCountOutcome::Repeated(Some(minting)));
    // A repeated request from before a revocation gets the same answer.
    assert_eq!(count("other", &[AMA]).await?, PassCountOutcome::Repeated(Some(minting)));
    Ok(())
}

/// Concurrent revocations have different generations.
async fn concurrent_revocations(
    database: &dyn Database,
    id: &ContestId,
    before: u32,
) -> Result<(), StoreError> {
    let revoke = async |key: &str| {
        let revocation = revocation("chair", key, 9, PassRevocationMode::Replace);
        database.revoke_passes(id, b"w", &revocation, &[AMA, KOFI]).await
    };
    let (one, other) = tokio::join!(revoke("one"), revoke("other"));
    let (one, other) = (done(one?), done(other?));
    assert!(one != other && one.min(other) > before);
    let newest: Vec<u32> =
        database.revoked_voters(before).await?.iter().map(|revoked| revoked.generation).collect();
    assert_eq!(newest, [one.max(other); 2]);
    Ok(())
}

/// Passes stay revoked after the tag key is destroyed, but reasons and requests are deleted.
///
/// So the same request counts as a new one, and it is refused without the tag key.
async fn deletes_reasons_with_tag_key(database: &dyn Database, id: &ContestId) -> Result<(), StoreError> {
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

/// Generations are not used again.
async fn deletes_voters_with_contest(database: &dyn Database) -> Result<(), StoreError> {
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
