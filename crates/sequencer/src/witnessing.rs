//! Has witnesses cosign the checkpoints that are shown, in a task beside the contest's own: nothing here is waited for by anybody who records, shows
//! or answers.
//!
//! It goes by rounds, so that a checkpoint gathers the cosignatures of all: the newest checkpoint goes to every witness, and the next round begins when those
//! have answered that answered before, and not within a second. A witness that fails is no longer waited for; it is asked again, ever more seldom,
//! until it answers.

mod cosign_request;

use std::{sync::Arc, time::Duration};

use acclaim_contest::ContestId;
use acclaim_store::{Witness, published_checkpoints::checkpoint_size};
use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
    time::Instant,
};

use crate::Context;
use cosign_request::{CosignOutcome, CosignRequest};

/// The longest time between two attempts at a witness that fails.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(60);

/// The newest checkpoint shown, `None` before the opening.
pub(crate) type NewestCheckpoint = Option<Arc<str>>;

/// Begins, if there are witnesses. It ends when the set is dropped.
pub(crate) fn begin(
    context: &Context,
    contest: &ContestId,
    newest: watch::Receiver<NewestCheckpoint>,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    if !context.settings.witnesses.is_empty() {
        tasks.spawn(CosigningTask::new(context, contest, newest).run());
    }
    tasks
}

/// One contest's witnessing.
struct CosigningTask {
    context: Context,
    contest: ContestId,
    newest: watch::Receiver<NewestCheckpoint>,
    witness_states: Vec<WitnessState>,
    round: Option<Round>,
    under_way: JoinSet<CosignOutcome>,
    /// Cosignatures below the checkpoint that was kept last.
    kept: usize,
    /// When what has been gathered is to be kept; `None` if it has been.
    keep_at: Option<Instant>,
}

/// A checkpoint that goes to every witness.
struct Round {
    note: Arc<str>,
    size: u64,
    began: Instant,
}

/// What is known of one witness.
struct WitnessState {
    witness: Arc<dyn Witness>,
    /// The size that it has cosigned last, as far as is known.
    size: u64,
    /// Its line below this round's checkpoint.
    line: Option<String>,
    /// Whether it answered when it was last asked, or was never asked.
    answers: bool,
    /// Whether it is being asked.
    busy: bool,
    /// Before which it is not asked again.
    not_before: Instant,
    /// How long to wait after the next failure.
    wait: Duration,
    /// What went wrong last, told once.
    last_error: String,
}

impl CosigningTask {
    fn new(context: &Context, contest: &ContestId, newest: watch::Receiver<NewestCheckpoint>) -> Self {
        let place = |witness: &Arc<dyn Witness>| WitnessState {
            witness: Arc::clone(witness),
            size: 0,
            line: None,
            answers: true,
            busy: false,
            not_before: Instant::now(),
            wait: context.settings.witness_interval,
            last_error: String::new(),
        };
        Self {
            context: context.clone(),
            contest: contest.clone(),
            newest,
            witness_states: context.settings.witnesses.iter().map(place).collect(),
            round: None,
            under_way: JoinSet::new(),
            kept: 0,
            keep_at: None,
        }
    }

    async fn run(mut self) {
        self.recall().await;
        loop {
            self.keep().await;
            self.begin_round();
            self.submit();
            let wake = self.wake();
            tokio::select! {
                changed = self.newest.changed() => match changed {
                    Ok(()) => self.handle_newest(),
                    Err(_) => return,
                },
                Some(submitted) = self.under_way.join_next() => self.handle_outcome(submitted),
                () = sleep_until(wake) => {}
            }
        }
    }

    /// Reads what was kept before. What cannot be read is learnt from the witnesses.
    async fn recall(&mut self) {
        let kept = match self.context.stores.published_checkpoints.cosigned(&self.contest).await {
            Ok(Some(kept)) => kept,
            Ok(None) => return,
            Err(error) => return tracing::warn!(contest = %self.contest, %error, "cosigned checkpoint"),
        };
        let Ok(size) = checkpoint_size(&kept) else { return };
        let newest = self.newest.borrow_and_update().clone();
        // A cosigned note is the one that was shown, and lines below it.
        let current = newest.filter(|newest| kept.starts_with(&**newest));
        for place in &mut self.witness_states {
            if let Ok(cosignature) = place.witness.key().find(&kept) {
                place.size = size;
                place.line = current.is_some().then(|| format!("{}\n", cosignature.line));
            }
        }
        if let Some(note) = current {
            self.kept = self.lines().count();
            self.round = Some(Round { note, size, began: Instant::now() });
        }
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        self.witness_states.iter().filter_map(|place| place.line.as_deref())
    }

    /// The same checkpoint told again: where it is kept it was forgotten, and what is kept beside it was as well.
    fn handle_newest(&mut self) {
        let newest = self.newest.borrow_and_update().clone();
        let same = |round: &Round| Some(&round.note) == newest.as_ref();
        if self.round.as_ref().is_some_and(same) && self.lines().next().is_some() {
            self.keep_at = Some(Instant::now());
        }
    }

    /// Whether all have cosigned who can be expected to.
    fn is_complete(&self) -> bool {
        self.witness_states.iter().all(|place| place.line.is_some() || !place.answers)
    }

    /// When the round is over whoever is still missing.
    fn deadline(&self, round: &Round) -> Instant {
        match self.is_complete() {
            true => round.began + self.context.settings.witness_interval,
            false => round.began + self.context.settings.witness_timeout,
        }
    }

    /// The newest checkpoint, if it is newer than the round's.
    fn newer(&self) -> Option<(Arc<str>, u64)> {
        let note = self.newest.borrow().clone()?;
        let size = checkpoint_size(&note).ok()?;
        self.round.as_ref().is_none_or(|round| round.size < size).then_some((note, size))
    }

    /// Goes on to the newest checkpoint, when that is due.
    fn begin_round(&mut self) {
        let Some((note, size)) = self.newer() else { return };
        let now = Instant::now();
        if self.round.as_ref().is_none_or(|round| self.deadline(round) <= now) {
            self.witness_states.iter_mut().for_each(|place| place.line = None);
            self.round = Some(Round { note, size, began: now });
            self.keep_at = None;
        }
    }

    /// Sends the round's checkpoint to every witness whose turn it is.
    fn submit(&mut self) {
        let Some(round) = &self.round else { return };
        let now = Instant::now();
        for (number, place) in self.witness_states.iter_mut().enumerate() {
            if place.busy || place.line.is_some() || place.not_before > now {
                continue;
            }
            place.busy = true;
            place.not_before = now + self.context.settings.witness_interval;
            let cosign_request = CosignRequest {
                witness: Arc::clone(&place.witness),
                stores: self.context.stores.clone(),
                contest: self.contest.clone(),
                note: Arc::clone(&round.note),
                size: round.size,
                known: place.size,
            };
            self.under_way.spawn(cosign_request.send(number, self.context.settings.witness_timeout));
        }
    }

    /// Notes what became of a submission.
    fn handle_outcome(&mut self, submitted: Result<CosignOutcome, JoinError>) {
        let submitted = match submitted {
            Ok(submitted) => submitted,
            // Nobody knows whose it was: all are asked again.
            Err(error) => {
                tracing::error!(contest = %self.contest, %error, "a submission to a witness ended");
                self.witness_states.iter_mut().for_each(|place| place.busy = false);
                return;
            }
        };
        let Some(place) = self.witness_states.get_mut(submitted.number) else { return };
        place.busy = false;
        place.size = submitted.known;
        match submitted.outcome {
            Ok(line) => {
                place.recovered(&self.contest, self.context.settings.witness_interval);
                if self.round.as_ref().is_some_and(|round| round.size == submitted.size) {
                    place.line = Some(line);
                    self.keep_at = Some(Instant::now());
                }
            }
            Err(failure) => place.failed(&self.contest, &failure),
        }
    }

    /// When what has been gathered is to be kept: not while more is to be expected soon, if what is kept by now has more cosignatures.
    fn keep_time(&self, round: &Round) -> Option<Instant> {
        let ripe = self.lines().count() >= self.kept || self.is_complete();
        self.keep_at.map(|at| if ripe { at } else { at.max(self.deadline(round)) })
    }

    /// Keeps what has been gathered, when that is due.
    async fn keep(&mut self) {
        let Some(round) = &self.round else { return };
        let now = Instant::now();
        if self.keep_time(round).is_none_or(|time| time > now) {
            return;
        }
        let gathered = self.lines().count();
        let note = self.lines().fold(round.note.to_string(), |note, line| note + line);
        match self.context.stores.published_checkpoints.save_cosigned(&self.contest, &note).await {
            Ok(()) => (self.kept, self.keep_at) = (gathered, None),
            Err(error) => {
                tracing::warn!(contest = %self.contest, %error, "a cosigned checkpoint is not kept");
                self.keep_at = Some(now + self.context.settings.retry_after);
            }
        }
    }

    /// When there is something to do without anything happening.
    fn wake(&self) -> Option<Instant> {
        let round = self.round.as_ref()?;
        let next = self.newer().map(|_| self.deadline(round));
        let turns = self.witness_states.iter().filter(|place| !place.busy && place.line.is_none());
        turns.map(|place| place.not_before).chain(next).chain(self.keep_time(round)).min()
    }
}

impl WitnessState {
    fn recovered(&mut self, contest: &ContestId, every: Duration) {
        if !self.last_error.is_empty() {
            tracing::info!(%contest, witness = self.witness.key().name(), "the witness cosigns again");
            self.last_error.clear();
        }
        self.answers = true;
        self.wait = every;
    }

    fn failed(&mut self, contest: &ContestId, failure: &cosign_request::WitnessError) {
        let words = failure.to_string();
        if self.last_error != words {
            let witness = self.witness.key().name();
            if failure.is_alarm() {
                tracing::error!(%contest, witness, error = words, "a witness has seen another history");
            } else {
                tracing::warn!(%contest, witness, error = words, "a witness does not cosign");
            }
            self.last_error = words;
        }
        self.answers = false;
        self.not_before = Instant::now() + self.wait;
        self.wait = (self.wait * 2).min(MAX_RETRY_DELAY);
    }
}

async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
