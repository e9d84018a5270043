//! Drafts of contests: creating, editing and deleting them.

use std::sync::Arc;

use acclaim_contest::{ContestId, Definition, Phase};
use acclaim_store::{Keyring, StoreError, Stores, hub::Notice, keyring::KeyringError, keys::StaffKey};
use jiff::Timestamp;

use crate::{
    directory::{Contest, Directory},
    rounds::{self, RoundsError, mistake},
};

/// Creates, edits and deletes drafts.
pub struct Drafts {
    stores: Stores,
    directory: Arc<Directory>,
    keyring: Arc<Keyring>,
}

/// The outcome of storing a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// The definition is a new draft.
    Created,
    /// The definition replaced the draft's definition, or is equal to it.
    Edited,
}

/// The reason why a draft is not created, edited or deleted.
///
/// Nothing was changed. Only after [`DraftError::Store`] this is not certain.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// The definition has mistakes that it does not show alone, or its entries are not available.
    #[error(transparent)]
    Definition(#[from] RoundsError),
    /// The contest is no longer a draft.
    #[error("{0}")]
    NotADraft(String),
    /// A contest with this id exists at this revision, and the request does not edit it.
    #[error("the contest exists at revision {0}: send it as If-Match to edit it")]
    Exists(u64),
    /// There is no contest of this id, or its revision is not the one to be edited.
    #[error("the contest is at another revision")]
    OtherRevision,
    /// Another request changed the contest at the same time.
    #[error("{0}")]
    ChangedMeanwhile(String),
    /// No tag key can be created for the contest.
    #[error(transparent)]
    Key(#[from] KeyringError),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Drafts {
    /// Returns the drafts of these stores.
    #[must_use]
    pub fn new(stores: Stores, directory: Arc<Directory>, keyring: Arc<Keyring>) -> Self {
        Self { stores, directory, keyring }
    }

    /// Creates a draft, or edits one if `expected` accepts its revision.
    ///
    /// The same definition sent again changes nothing. Its first answer was most likely lost. `key`
    /// is the staff key of the request. The answer reveals no draft that the key does not cover.
    /// The contest is `None` if another request has deleted it meanwhile.
    ///
    /// # Errors
    /// - [`DraftError::Definition`]: the definition has mistakes, or its entries are not available.
    /// - [`DraftError::NotADraft`], [`DraftError::Exists`], [`DraftError::OtherRevision`],
    ///   [`DraftError::ChangedMeanwhile`]: the stored contest does not allow it.
    /// - [`DraftError::Key`]: no tag key can be created.
    /// - [`DraftError::Store`]: a store failed.
    pub async fn put(
        &self,
        key: &StaffKey,
        id: &ContestId,
        definition: Definition,
        expected: Option<&(dyn Fn(u64) -> bool + Sync)>,
    ) -> Result<(PutOutcome, Option<Arc<Contest>>), DraftError> {
        check(id, &definition, self.stores.clock.now())?;
        let definition = rounds::resolve(&self.stores, &self.directory, key, definition).await?;
        let outcome = self.store(id, &definition, expected).await?;
        self.directory.refresh(id).await?;
        self.stores.hub.send(Notice::ContestChanged(id.clone()));
        Ok((outcome, self.directory.contest(id)))
    }

    async fn store(
        &self,
        id: &ContestId,
        definition: &Definition,
        expected: Option<&(dyn Fn(u64) -> bool + Sync)>,
    ) -> Result<PutOutcome, DraftError> {
        let database = &self.stores.database;
        match (database.contest(id).await?, expected) {
            (None, None) => {
                let tag_key = self.keyring.new_tag_key(id)?;
                database.create_draft(definition, &tag_key).await.map_err(changed_meanwhile)?;
                Ok(PutOutcome::Created)
            }
            (Some(known), _)
                if known.state.phase == Phase::Draft
                    && known.definition.to_json() == definition.to_json() =>
            {
                Ok(PutOutcome::Edited)
            }
            (Some(known), Some(expected)) if expected(known.revision) => {
                if known.state.phase != Phase::Draft {
                    return Err(DraftError::NotADraft("only drafts can be edited".to_owned()));
                }
                database.edit_draft(definition, known.revision).await.map_err(changed_meanwhile)?;
                Ok(PutOutcome::Edited)
            }
            (Some(known), None) => Err(DraftError::Exists(known.revision)),
            (_, Some(_)) => Err(DraftError::OtherRevision),
        }
    }

    /// Deletes a draft, or a test contest with all its data.
    ///
    /// # Errors
    /// - [`DraftError::NotADraft`]: the contest is neither a draft nor a test.
    /// - [`DraftError::Store`]: a store failed.
    pub async fn delete(&self, id: &ContestId) -> Result<(), DraftError> {
        self.stores.database.delete_contest(id).await.map_err(|error| match error {
            StoreError::Conflict(detail) => DraftError::NotADraft(detail),
            other => other.into(),
        })?;
        // The sequencer removes the rest.
        self.stores.hub.send(Notice::ContestChanged(id.clone()));
        self.directory.refresh(id).await?;
        Ok(())
    }
}

/// Checks the facts that the definition alone does not show.
fn check(id: &ContestId, definition: &Definition, now: Timestamp) -> Result<(), RoundsError> {
    if definition.id != *id {
        return Err(mistake("contest.id", &format!("is {}, but the path says {id}", definition.id), None));
    }
    if definition.closes.timestamp() <= now {
        return Err(mistake("contest.closes", &format!("{} has passed", definition.closes), None));
    }
    Ok(())
}

fn changed_meanwhile(error: StoreError) -> DraftError {
    match error {
        StoreError::Conflict(detail) => DraftError::ChangedMeanwhile(detail),
        other => other.into(),
    }
}
