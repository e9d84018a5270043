//! Contests: drafts are edited, opened and deleted, and tag keys are destroyed.

use acclaim_ballot_log::Hash;
use acclaim_contest::{ContestId, Phase};
use acclaim_store::{
    Database, RequestId, StoreError,
    contests::{ContestChange, ContestState, PassCountRequest},
};

use super::samples::{append, change, definition};

/// A draft is stored once. It is edited until it is opened, and deleted while it is unused.
pub(super) async fn drafts(database: &dyn Database) -> Result<(), StoreError> {
    let mut draft = definition("drafts");
    database.create_draft(&draft, b"wrapped").await?;
    assert!(matches!(database.create_draft(&draft, b"other").await, Err(StoreError::Conflict(_))));
    // A program that did not refuse the character has stored it. Stored texts are still read.
    draft.title = "Oth\u{202e}er".to_owned();
    assert!(matches!(database.edit_draft(&draft, 7).await, Err(StoreError::Conflict(_))));
    database.edit_draft(&draft, 1).await?;
    let stored = database
        .contest(&draft.id)
        .await?
        .map(|record| (record.revision, record.definition.title.clone(), record.tag_key));
    assert_eq!(stored, Some((2, "Oth\u{202e}er".to_owned(), Some(b"wrapped".to_vec()))));

    let mut opened = append(None, &["first"], 1);
    let state =
        ContestState { phase: Phase::Open, epoch: u64::MAX, shards: 3, ..ContestState::of_draft(&draft) };
    opened.contest = Some(change(1, b"wrapped", &state));
    let stale = database.append(&draft.id, opened.clone()).await;
    assert!(matches!(stale, Err(StoreError::Conflict(_))), "the draft was edited in between");
    opened.contest = Some(change(2, b"other", &state));
    let other = database.append(&draft.id, opened.clone()).await;
    assert!(matches!(other, Err(StoreError::Conflict(_))), "the tag key is of another draft");
    assert_eq!(database.head(&draft.id).await?, None);
    opened.contest = Some(change(2, b"wrapped", &state));
    database.append(&draft.id, opened).await?;
    let stored = database.contest(&draft.id).await?.map(|record| (record.revision, record.state));
    assert_eq!(stored, Some((3, state)));
    let version = database.contest(&draft.id).await?.map(|record| record.version());
    assert_eq!(database.revision(&draft.id).await?, version);
    assert_eq!(database.revision(&definition("nobody").id).await?, None);
    assert!(
        matches!(database.edit_draft(&draft, 3).await, Err(StoreError::Conflict(_))),
        "an open contest cannot be edited"
    );
    assert!(matches!(database.delete_contest(&draft.id).await, Err(StoreError::Conflict(_))));

    let mut test = definition("a-test");
    test.test = true;
    database.create_draft(&test, b"w").await?;
    database.append(&test.id, append(None, &["x"], 1)).await?;
    database.delete_contest(&test.id).await?;
    assert!(database.contest(&test.id).await?.is_none());
    let again = database.create_draft(&test, b"w").await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "one origin has one history");

    let plain = definition("never-used");
    database.create_draft(&plain, b"w").await?;
    database.delete_contest(&plain.id).await?;
    database.create_draft(&plain, b"w").await?;
    database
        .count_passes(
            &plain.id,
            b"w",
            PassCountRequest::for_unnamed_voters("pass", &RequestId::new("chair", "k"), [1; 32], 1),
        )
        .await?;
    database.delete_contest(&plain.id).await?;
    let again = database.create_draft(&plain, b"w").await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "its passes would be valid again");
    Ok(())
}

/// The tag key is destroyed together with the entry about it, or not at all.
pub(super) async fn tag_keys(database: &dyn Database) -> Result<(), StoreError> {
    let (contest, other) = (definition("keyless"), definition("keyed"));
    for contest in [&contest, &other] {
        database.create_draft(contest, b"wrapped").await?;
        database.append(&contest.id, append(None, &["e0"], 1)).await?;
    }
    let id = &contest.id;
    let key = async |id: &ContestId| Ok(database.contest(id).await?.and_then(|record| record.tag_key));
    let state = ContestState { phase: Phase::Closed, ..ContestState::of_draft(&contest) };
    let destroyed = |head, revision| {
        let mut destroyed = append(Some((1, Hash([head; 32]))), &["destroyed"], 2);
        destroyed.contest =
            Some(ContestChange { tag_key_destroyed: true, ..change(revision, b"wrapped", &state) });
        destroyed
    };
    for stale in [destroyed(9, 1), destroyed(1, 7)] {
        assert!(matches!(database.append(id, stale).await, Err(StoreError::Conflict(_))));
        assert_eq!(key(id).await?, Some(b"wrapped".to_vec()));
    }
    database.append(id, destroyed(1, 1)).await?;
    assert_eq!((key(id).await?, database.head(id).await?.map(|head| head.size)), (None, Some(2)));
    let mut later = append(Some((2, Hash([2; 32]))), &["e2"], 3);
    later.contest = Some(change(2, b"", &state));
    database.append(id, later).await?;
    assert_eq!(key(id).await?, None, "the tag key does not come back");
    assert_eq!(key(&other.id).await?, Some(b"wrapped".to_vec()), "the tag key of another contest stays");
    Ok(())
}
