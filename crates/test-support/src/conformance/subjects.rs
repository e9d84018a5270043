//! The rules by which a contest's subjects are compared.
//!
//! They are stored with the contest. A later version of the program, or another table of domains,
//! does not change them.

use acclaim_contest::{
    SubjectRules,
    subject::{DefaultScheme, DomainTable},
};
use acclaim_store::{
    Database, RequestId, StoreError,
    contests::{PassCountOutcome, PassCountRequest},
};

use super::{
    passes::{expected_first_count, expected_repeated_count},
    samples::definition,
};

/// The first request for passes that has subject rules stores them. Later requests with other rules
/// are refused.
pub(super) async fn subjects(database: &dyn Database) -> Result<(), StoreError> {
    let contest = definition("subjects");
    let id = &contest.id;
    let unknown = database.subject_rules(&definition("nobody").id).await;
    assert!(matches!(unknown, Err(StoreError::Conflict(_))), "{unknown:?}");
    database.create_draft(&contest, b"w").await?;
    let rules = |subjects_are| SubjectRules::Canonical1 { subjects_are, domains: DomainTable::default() };
    let (mail, ids) = (rules(DefaultScheme::Addresses), rules(DefaultScheme::Ids));
    let revision = database.revision(id).await?;
    let count = async |key, hash_byte, subjects| {
        let request_id = RequestId::new("chair", key);
        let request = PassCountRequest::for_unnamed_voters("pass", &request_id, [hash_byte; 32], 1);
        database.count_passes(id, b"w", PassCountRequest { subjects, ..request }).await
    };
    assert_eq!(count("made-up", 1, None).await?, expected_first_count());
    assert_eq!(count("made-up", 2, Some(&mail)).await?, PassCountOutcome::IdempotencyKeyUsed);
    assert_eq!(database.subject_rules(id).await?, None, "no rules are stored");
    assert_eq!(count("first", 1, Some(&mail)).await?, expected_first_count());
    assert_eq!(database.subject_rules(id).await?, Some(mail.clone()));
    assert_eq!(count("first", 1, Some(&mail)).await?, expected_repeated_count());
    assert_eq!(count("second", 1, Some(&mail)).await?, expected_first_count());
    for other in [&ids, &SubjectRules::Raw] {
        assert_eq!(count("third", 1, Some(other)).await?, PassCountOutcome::SubjectRulesDiffer);
        assert_eq!(
            count("first", 1, Some(other)).await?,
            PassCountOutcome::SubjectRulesDiffer,
            "a repeated request with other rules is refused as well"
        );
    }
    assert_eq!(
        count("third", 2, None).await?,
        expected_first_count(),
        "the refused request did not use up the key `third`"
    );
    assert_eq!(database.subject_rules(id).await?, Some(mail));
    assert_eq!(database.passes(id).await?, [("pass".to_owned(), 4)]);
    assert_eq!(database.revision(id).await?, revision, "the revision of the draft does not change");

    one_of_two_concurrent_requests_stores_rules(database, &ids).await
}

async fn one_of_two_concurrent_requests_stores_rules(
    database: &dyn Database,
    ids: &SubjectRules,
) -> Result<(), StoreError> {
    for (number, keys) in [["k", "k"], ["k", "l"]].into_iter().enumerate() {
        let other = definition(&format!("subjects-of-another-{number}"));
        database.create_draft(&other, b"w").await?;
        assert_eq!(database.subject_rules(&other.id).await?, None);
        let count = async |key, rules| {
            let request_id = RequestId::new("chair", key);
            let request = PassCountRequest::for_unnamed_voters("pass", &request_id, [1; 32], 1);
            database
                .count_passes(&other.id, b"w", PassCountRequest { subjects: Some(rules), ..request })
                .await
        };
        let [first, second] = keys;
        let (first, second) = tokio::join!(count(first, ids), count(second, &SubjectRules::Raw));
        let counted = [first?, second?];
        assert!(
            counted.contains(&expected_first_count())
                && counted.contains(&PassCountOutcome::SubjectRulesDiffer),
            "{counted:?}"
        );
    }
    Ok(())
}
