//! Cosigned checkpoints, which are stored beside the highest published one.

use acclaim_contest::ContestId;
use acclaim_store::{PublishedCheckpoints, StoreError};

/// Checks the cosigned checkpoints of a contest.
///
/// - They only grow.
/// - One of the same size with more cosignatures replaces the stored one.
/// - They are deleted with the contest.
///
/// # Errors
/// If the store fails.
///
/// # Panics
/// If a guarantee is broken.
pub async fn check_cosigned(
    checkpoints: &dyn PublishedCheckpoints,
    contest: &ContestId,
) -> Result<(), StoreError> {
    let note = |size: u64, lines: &str| format!("origin\n{size}\nroot\n\n{lines}");
    assert_eq!(checkpoints.cosigned(contest).await?, None);
    let highest = checkpoints.highest(contest).await?;
    for (saved, expected) in [
        (note(9, "one\n"), note(9, "one\n")),
        (note(10, "one\n"), note(10, "one\n")),
        (note(10, "one\ntwo\n"), note(10, "one\ntwo\n")),
        (note(9, "one\ntwo\n"), note(10, "one\ntwo\n")),
    ] {
        checkpoints.save_cosigned(contest, &saved).await?;
        assert_eq!(checkpoints.cosigned(contest).await?, Some(expected));
    }
    assert_eq!(checkpoints.highest(contest).await?, highest, "the highest checkpoint is stored separately");
    assert!(checkpoints.save_cosigned(contest, "nonsense").await.is_err());
    checkpoints.forget(contest).await?;
    assert_eq!(checkpoints.cosigned(contest).await?, None);
    Ok(())
}
