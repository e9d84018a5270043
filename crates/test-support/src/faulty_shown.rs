//! A keeper of the highest checkpoint whose showing goes wrong as planned, and that remembers what was shown.

use std::sync::Arc;

use acclaim_contest::ContestId;
use acclaim_store::{Shown, error::Result};
use async_trait::async_trait;
use parking_lot::Mutex;

use crate::faults::{Faults, Step};

/// A keeper of the highest checkpoint whose showing goes wrong as planned, and that remembers what was shown.
pub struct FaultyShown {
    inner: Arc<dyn Shown>,
    faults: Arc<Faults>,
    notes: Mutex<Vec<String>>,
}

impl FaultyShown {
    /// Around a keeper that works.
    #[must_use]
    pub fn new(inner: Arc<dyn Shown>, faults: Arc<Faults>) -> Self {
        Self { inner, faults, notes: Mutex::default() }
    }

    /// All checkpoints that may have been shown, in their order.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.notes.lock().clone()
    }
}

#[async_trait]
impl Shown for FaultyShown {
    async fn highest(&self, contest: &ContestId) -> Result<Option<String>> {
        self.inner.highest(contest).await
    }

    async fn about_to_show(&self, contest: &ContestId, checkpoint: &str) -> Result<()> {
        self.notes.lock().push(checkpoint.to_owned());
        self.faults.around(Step::Show, self.inner.about_to_show(contest, checkpoint)).await
    }

    async fn cosigned(&self, contest: &ContestId) -> Result<Option<String>> {
        self.inner.cosigned(contest).await
    }

    async fn keep_cosigned(&self, contest: &ContestId, note: &str) -> Result<()> {
        self.inner.keep_cosigned(contest, note).await
    }

    async fn forget(&self, contest: &ContestId) -> Result<()> {
        self.inner.forget(contest).await
    }
}
