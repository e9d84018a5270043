//! Staff keys: they expire, are revoked once, and the last operator's key stays.

use std::collections::HashSet;

use acclaim_contest::{ContestId, Instant};
use acclaim_store::{
    Database, RequestId, StoreError,
    keys::{KeyRevocationOutcome, KeyRevocationRequest, Role, StaffKey},
};
use jiff::Timestamp;

use super::samples::definition;

/// A key is added once under its name, and revoked once. A value of the installation is stored
/// once.
pub(super) async fn keys(database: &dyn Database) -> Result<(), StoreError> {
    let at = Instant::at_or_before(Timestamp::UNIX_EPOCH);
    let contests: Option<Vec<ContestId>> = Some(vec![definition("keys").id]);
    let key = StaffKey {
        name: "chair".to_owned(),
        role: Role::Organiser,
        contests: contests.clone(),
        panel: None,
        created: at,
        expires: None,
        revoked: None,
    };
    database.add_staff_key([1; 32], &key).await?;
    assert!(matches!(database.add_staff_key([2; 32], &key).await, Err(StoreError::Conflict(_))));
    assert_eq!(database.staff_key([1; 32]).await?, Some(key.clone()));
    assert_eq!(database.staff_key([2; 32]).await?, None);
    assert_eq!(database.valid_key_hashes(at).await?, HashSet::from([[1; 32]]));
    database.revoke_staff_key("chair", at).await?;
    assert_eq!(database.valid_key_hashes(at).await?, HashSet::new());
    assert!(matches!(database.revoke_staff_key("chair", at).await, Err(StoreError::Conflict(_))));
    assert_eq!(database.staff_keys().await?, [StaffKey { revoked: Some(at), ..key.clone() }]);
    assert!(
        matches!(database.add_staff_key([2; 32], &key).await, Err(StoreError::Conflict(_))),
        "the name is in use"
    );
    last_operator(database, &key).await?;
    let panel = "experts".parse().ok();
    juror_key(database, StaffKey { name: "Ama".to_owned(), role: Role::Juror, panel, ..key }).await?;
    database.add_installation_value("v", b"1").await?;
    assert!(matches!(database.add_installation_value("v", b"2").await, Err(StoreError::Conflict(_))));
    assert!(database.installation_values().await?.contains(&("v".to_owned(), b"1".to_vec())));
    Ok(())
}

/// Keys that expire, and the last key that can create other keys.
async fn last_operator(database: &dyn Database, key: &StaffKey) -> Result<(), StoreError> {
    let after = |seconds| Instant::from_seconds(seconds).unwrap_or(key.created);
    let operator = |name: &str, expires| StaffKey {
        name: name.to_owned(),
        role: Role::Operator,
        contests: None,
        expires,
        ..key.clone()
    };
    let (first, second) = (operator("first", None), operator("second", Some(after(100))));
    let limited = StaffKey { contests: key.contests.clone(), ..operator("of-one", None) };
    for (hash, key) in [([11; 32], &first), ([12; 32], &second), ([13; 32], &limited)] {
        database.add_staff_key(hash, key).await?;
    }
    assert_eq!(database.staff_key([12; 32]).await?, Some(second.clone()));
    let is_valid = async |at| Ok::<_, StoreError>(database.valid_key_hashes(at).await?.contains(&[12; 32]));
    assert!(is_valid(after(99)).await? && !is_valid(after(100)).await?, "the key expires");
    let revoke = async |name: &str, at| {
        let id = RequestId::new("chair", &format!("{name}-{at}"));
        let request = KeyRevocationRequest { id, name: name.to_owned(), within: None, at };
        database.revoke_staff_key_once(&request).await
    };
    let done = |key: &StaffKey, at| {
        KeyRevocationOutcome::Done(Box::new(StaffKey { revoked: Some(at), ..key.clone() }))
    };
    assert_eq!(
        revoke("first", after(100)).await?,
        KeyRevocationOutcome::LastOperator,
        "the other key has expired"
    );
    assert_eq!(revoke("of-one", after(100)).await?, done(&limited, after(100)), "the key is for one contest");
    // Of two concurrent requests, one is refused and one key stays valid.
    let both = tokio::join!(revoke("first", after(99)), revoke("second", after(99)));
    let both = [both.0?, both.1?];
    let is_done = [done(&first, after(99)), done(&second, after(99))].iter().any(|done| both.contains(done));
    assert!(is_done && both.contains(&KeyRevocationOutcome::LastOperator), "{both:?}");
    assert_eq!(revoke("nobody", after(99)).await?, KeyRevocationOutcome::NotFound);
    for name in ["first", "second"] {
        let _may_be_revoked_already = database.revoke_staff_key(name, after(99)).await;
    }
    Ok(())
}

/// A juror who lost the key gets another one, which replaces the lost one once that is revoked.
async fn juror_key(database: &dyn Database, key: StaffKey) -> Result<(), StoreError> {
    let (lost, new) = ([3; 32], [4; 32]);
    database.add_staff_key(lost, &key).await?;
    assert_eq!(database.staff_key(lost).await?, Some(key.clone()));
    let in_use = |added| matches!(added, Err(StoreError::Conflict(_)));
    assert!(in_use(database.add_staff_key(new, &key).await), "the key is not revoked");
    database.revoke_staff_key(&key.name, key.created).await?;
    let other = |panel: &str| StaffKey { panel: panel.parse().ok(), ..key.clone() };
    assert!(in_use(database.add_staff_key(new, &other("public")).await), "the key is for another panel");
    let elsewhere = StaffKey { contests: Some(vec![definition("drafts").id]), ..key.clone() };
    assert!(in_use(database.add_staff_key(new, &elsewhere).await), "the key is for another contest");
    let organiser = StaffKey { role: Role::Organiser, ..key.clone() };
    assert!(in_use(database.add_staff_key(new, &organiser).await), "the key has another role");
    let later = Instant::from_seconds(key.created.seconds() + 1).unwrap_or(key.created);
    let expiring = StaffKey { expires: Some(later), ..key.clone() };
    database.add_staff_key([5; 32], &expiring).await?;
    assert!(in_use(database.add_staff_key(new, &key).await), "the key has not expired");
    let key = StaffKey { created: later, ..key };
    database.add_staff_key(new, &key).await?;
    assert_eq!((database.staff_key(lost).await?, database.staff_key([5; 32]).await?), (None, None));
    assert_eq!(database.staff_key(new).await?, Some(key.clone()));
    let valid = database.valid_key_hashes(key.created).await?;
    assert!(valid.contains(&new) && !valid.contains(&lost), "the lost one stays revoked");
    revokes_once(database, &key, new).await
}

/// A request revokes one key. If it is sent again, it does not revoke the key's successor.
async fn revokes_once(database: &dyn Database, key: &StaffKey, hash: [u8; 32]) -> Result<(), StoreError> {
    let elsewhere = Some(vec![definition("drafts").id]);
    let request = |id: &str, within| KeyRevocationRequest {
        id: RequestId::new("chair", id),
        name: key.name.clone(),
        within,
        at: key.created,
    };
    let revoke = async |request: KeyRevocationRequest| database.revoke_staff_key_once(&request).await;
    assert_eq!(revoke(request("once", elsewhere)).await?, KeyRevocationOutcome::NotFound);
    let done = KeyRevocationOutcome::Done(Box::new(StaffKey { revoked: Some(key.created), ..key.clone() }));
    let both = tokio::join!(
        revoke(request("once", key.contests.clone())),
        revoke(request("once", key.contests.clone())),
    );
    assert_eq!([both.0?, both.1?], [done.clone(), done.clone()], "two concurrent requests");
    assert_eq!(revoke(request("twice", None)).await?, done, "the key was revoked before");
    let next = StaffKey { expires: None, ..key.clone() };
    database.add_staff_key([6; 32], &next).await?;
    assert_eq!(
        revoke(request("once", key.contests.clone())).await?,
        done,
        "the repetition gets the same answer"
    );
    assert_eq!(database.staff_key([6; 32]).await?, Some(next), "the next key stays");
    let other = KeyRevocationRequest { name: "other".to_owned(), ..request("once", None) };
    assert_eq!(revoke(other).await?, KeyRevocationOutcome::IdempotencyKeyUsed(key.name.clone()));
    assert_eq!(database.staff_key(hash).await?, None);
    Ok(())
}
