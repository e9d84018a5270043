//! Drafts of contests: made, edited, and deleted again.

use std::sync::Arc;

use acclaim_contest::{ContestId, Definition, Phase};
use acclaim_store::{Keyring, StoreError, Stores, hub::Notice, keyring::KeyringError, keys::StaffKey};
use jiff::Timestamp;

use crate::{
    directory::{Contest, Directory},
    rounds::{self, RoundsError, mistake},
};

/// Makes, edits and deletes drafts.
pub struct Drafts {
    stores: Stores,
    directory: Arc<Directory>,
    keyring: Arc<Keyring>,
}

/// What became of a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// It is a new draft.
    Created,
    /// It took the place of the draft's, or is the same as that.
    Edited,
}

/// Why a draft is not made, edited or deleted. Nothing was changed, except that of [`DraftError::Store`] it may not be known.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// The definition has mistakes that it cannot tell by itself, or there are no entries to be had for it.
    #[error(transparent)]
    Definition(#[from] RoundsError),
    /// The contest is no draft any more.
    #[error("{0}")]
    NotADraft(String),
    /// There is a contest of this id, which the request does not want to edit.
    #[error("the contest exists at revision {0}: send it as If-Match to edit it")]
    Exists(u64),
    /// There is no contest of this id, or at another revision than the one to be edited.
    #[error("the contest is at another revision")]
    OtherRevision,
    /// Somebody else changed it at the same moment.
    #[error("{0}")]
    ChangedMeanwhile(String),
    /// No key can be made for it.
    #[error(transparent)]
    Key(#[from] KeyringError),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Drafts {
    /// On these stores.
    #[must_use]
    pub fn new(stores: Stores, directory: Arc<Directory>, keyring: Arc<Keyring>) -> Self {
        Self { stores, directory, keyring }
    }

    /// Makes a draft, or edits one if `expected` says so of its revision. The same definition sent again, most likely because the
    /// answer was lost, changes nothing. `key` asks for it, and learns of no draft that it is not for.
    ///
    /// The contest is `None` if somebody has deleted it meanwhile.
    ///
    /// # Errors
    /// [`DraftError`]
    pub async fn put(
        &self,
        key: &StaffKey,
        id: &ContestId,
        definition: Definition,
        expected: Option<&(dyn Fn(u64) -> bool + Sync)>,
    ) -> Result<(PutOutcome, Option<Arc<Contest>>), DraftError> {
        check(id, &definition, self.stores.clock.now())?;
        let definition = rounds::resolve(&self.stores, &self.directory, key, definition).await?;
        let put = self.store(id, &definition, expected).await?;
        self.directory.refresh(id).await?;
        self.stores.hub.send(Notice::ContestChanged(id.clone()));
        Ok((put, self.directory.contest(id)))
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

    /// Deletes a draft, or a test contest with all that belongs to it.
    ///
    /// # Errors
    /// [`DraftError::NotADraft`], [`DraftError::Store`]
    pub async fn delete(&self, id: &ContestId) -> Result<(), DraftError> {
        self.stores.database.delete_contest(id).await.map_err(|error| match error {
            StoreError::Conflict(detail) => DraftError::NotADraft(detail),
            other => other.into(),
        })?;
        // The sequencer clears up the rest.
        self.stores.hub.send(Notice::ContestChanged(id.clone()));
        self.directory.refresh(id).await?;
        Ok(())
    }
}

/// What a definition by itself cannot tell.
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
