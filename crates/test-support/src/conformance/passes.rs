//! Counts of passes: each request is counted once.

use acclaim_store::{
    Database, RequestId, StoreError,
    contests::{MintParameters, PassCountOutcome, PassCountRequest},
};

use super::samples::definition;

/// The outcome of counting [`PassCountRequest::for_unnamed_voters`] for the first time.
///
/// The contest has no revocations.
#[must_use]
pub fn expected_first_count() -> PassCountOutcome {
    PassCountOutcome::New(minting())
}

/// The outcome of counting it again.
#[must_use]
pub fn expected_repeated_count() -> PassCountOutcome {
    PassCountOutcome::Repeated(Some(minting()))
}

fn minting() -> MintParameters {
    PassCountRequest::for_unnamed_voters("", &RequestId::new("", ""), [0; 32], 0).minting
}

/// A repeated request is not counted again. Each staff key has its own `Idempotency-Key`s.
pub(super) async fn passes(database: &dyn Database) -> Result<(), StoreError> {
    let contest = definition("passes");
    let id = &contest.id;
    database.create_draft(&contest, b"w").await?;
    assert_eq!(
        database
            .count_passes(
                id,
                b"w",
                PassCountRequest::for_unnamed_voters("pass", &RequestId::new("chair", "k1"), [1; 32], 10)
            )
            .await?,
        expected_first_count()
    );
    assert_eq!(
        database
            .count_passes(
                id,
                b"w",
                PassCountRequest::for_unnamed_voters("pass", &RequestId::new("chair", "k1"), [1; 32], 10)
            )
            .await?,
        expected_repeated_count()
    );
    assert_eq!(
        database
            .count_passes(
                id,
                b"w",
                PassCountRequest::for_unnamed_voters("pass", &RequestId::new("chair", "k1"), [2; 32], 10)
            )
            .await?,
        PassCountOutcome::IdempotencyKeyUsed
    );
    assert_eq!(
        database
            .count_passes(
                id,
                b"w",
                PassCountRequest::for_unnamed_voters("pass", &RequestId::new("chair", "k2"), [1; 32], 5)
            )
            .await?,
        expected_first_count()
    );
    let other_tag_key = database
        .count_passes(
            id,
            b"other",
            PassCountRequest::for_unnamed_voters("pass", &RequestId::new("chair", "k3"), [1; 32], 5),
        )
        .await;
    assert!(matches!(other_tag_key, Err(StoreError::Conflict(_))), "{other_tag_key:?}");
    let deputy = RequestId::new("deputy", "k1");
    let from_deputy = PassCountRequest::for_unnamed_voters("pass", &deputy, [2; 32], 5);
    assert_eq!(
        database.count_passes(id, b"w", from_deputy).await?,
        expected_first_count(),
        "the key of another staff key"
    );
    assert_eq!(database.count_passes(id, b"w", from_deputy).await?, expected_repeated_count());
    assert_eq!(database.passes(id).await?, [("pass".to_owned(), 20)]);
    Ok(())
}
