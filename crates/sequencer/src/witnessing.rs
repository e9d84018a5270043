//! Has witnesses cosign the published checkpoints, in a separate task. Recording, publishing and
//! answering never wait for it.
//!
//! The task works in rounds, so that one checkpoint gathers the cosignatures of all witnesses. In
//! each round the newest checkpoint goes to every witness. The next round begins when all witnesses
//! that answered before have answered, and at least one interval after the start of the last round.
//! A witness that fails is no longer waited for. The task tries it again, with growing delays,
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

use crate::context::Context;
use cosign_request::{CosignOutcome, CosignRequest};

/// Longest time between two attempts at a witness that fails.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(60);

/// The newest published checkpoint, as a note; `None` before the opening.
pub(crate) type NewestCheckpoint = Option<Arc<str>>;

/// Starts the task if there are witnesses. The task ends when the returned set is dropped.
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

/// The cosigning of one contest's checkpoints.
struct CosigningTask {
    context: Context,
    contest: ContestId,
    newest: watch::Receiver<NewestCheckpoint>,
    witness_states: Vec<WitnessState>,
    round: Option<Round>,
    under_way: JoinSet<CosignOutcome>,
    /// Number of cosignatures below the checkpoint that was saved last.
    saved_count: usize,
    /// When the gathered cosignatures are saved; `None` if they are saved.
    save_at: Option<Instant>,
}

/// A checkpoint that goes to every witness.
struct Round {
    note: Arc<str>,
    size: u64,
    began: Instant,
}

/// The state of one witness.
struct WitnessState {
    witness: Arc<dyn Witness>,
    /// The size that the witness cosigned last, as far as this process knows.
    size: u64,
    /// The witness's line below this round's checkpoint.
    line: Option<String>,
    /// Whether the witness answered the last request, or has received none yet.
    answers: bool,
    /// Whether a request to the witness is under way.
    busy: bool,
    /// The witness gets no request before this time.
    not_before: Instant,
    /// Delay after the next failure.
    wait: Duration,
    /// The last error, which is logged once.
    last_error: String,
}

impl CosigningTask {
    fn new(context: &Context, contest: &ContestId, newest: watch::Receiver<NewestCheckpoint>) -> Self {
        let state = |witness: &Arc<dyn Witness>| WitnessState {
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
            witness_states: context.settings.witnesses.iter().map(state).collect(),
            round: None,
            under_way: JoinSet::new(),
            saved_count: 0,
            save_at: None,
        }
    }

    async fn run(mut self) {
        self.load_cosigned().await;
        loop {
            self.save_if_due().await;
            self.begin_round();
            self.submit();
            let wake_time = self.wake_time();
            tokio::select! {
                changed = self.newest.changed() => match changed {
                    Ok(()) => self.handle_newest(),
                    Err(_) => return,
                },
                Some(outcome) = self.under_way.join_next() => self.handle_outcome(outcome),
                () = sleep_until(wake_time) => {}
            }
        }
    }

    /// Reads the saved cosigned checkpoint. If it cannot be read, the witnesses report their sizes.
    async fn load_cosigned(&mut self) {
        let saved = match self.context.stores.published_checkpoints.cosigned(&self.contest).await {
            Ok(Some(saved)) => saved,
            Ok(None) => return,
            Err(error) => {
                return tracing::warn!(contest = %self.contest, %error, "the cosigned checkpoint could not be read");
            }
        };
        let Ok(size) = checkpoint_size(&saved) else { return };
        let newest = self.newest.borrow_and_update().clone();
        // A cosigned note is a published note with cosignature lines below it.
        let current = newest.filter(|newest| saved.starts_with(&**newest));
        for state in &mut self.witness_states {
            if let Ok(cosignature) = state.witness.key().find(&saved) {
                state.size = size;
                state.line = current.is_some().then(|| format!("{}\n", cosignature.line));
            }
        }
        if let Some(note) = current {
            self.saved_count = self.lines().count();
            self.round = Some(Round { note, size, began: Instant::now() });
        }
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        self.witness_states.iter().filter_map(|state| state.line.as_deref())
    }

    /// Handles a newly published checkpoint.
    ///
    /// If it is the round's checkpoint again, its record was lost. The cosignatures stored beside
    /// it were lost too, so they are saved again.
    fn handle_newest(&mut self) {
        let newest = self.newest.borrow_and_update().clone();
        let is_same = |round: &Round| Some(&round.note) == newest.as_ref();
        if self.round.as_ref().is_some_and(is_same) && self.lines().next().is_some() {
            self.save_at = Some(Instant::now());
        }
    }

    /// Whether all witnesses that answer have cosigned.
    fn is_complete(&self) -> bool {
        self.witness_states.iter().all(|state| state.line.is_some() || !state.answers)
    }

    /// When the round ends, even if cosignatures are missing.
    fn deadline(&self, round: &Round) -> Instant {
        match self.is_complete() {
            true => round.began + self.context.settings.witness_interval,
            false => round.began + self.context.settings.witness_timeout,
        }
    }

    /// The newest checkpoint, if it is larger than the round's.
    fn newer(&self) -> Option<(Arc<str>, u64)> {
        let note = self.newest.borrow().clone()?;
        let size = checkpoint_size(&note).ok()?;
        self.round.as_ref().is_none_or(|round| round.size < size).then_some((note, size))
    }

    /// Starts a round with the newest checkpoint, if a round is due.
    fn begin_round(&mut self) {
        let Some((note, size)) = self.newer() else { return };
        let now = Instant::now();
        if self.round.as_ref().is_none_or(|round| self.deadline(round) <= now) {
            self.witness_states.iter_mut().for_each(|state| state.line = None);
            self.round = Some(Round { note, size, began: now });
            self.save_at = None;
        }
    }

    /// Sends the round's checkpoint to every witness that may get a request now.
    fn submit(&mut self) {
        let Some(round) = &self.round else { return };
        let now = Instant::now();
        for (number, state) in self.witness_states.iter_mut().enumerate() {
            if state.busy || state.line.is_some() || state.not_before > now {
                continue;
            }
            state.busy = true;
            state.not_before = now + self.context.settings.witness_interval;
            let cosign_request = CosignRequest {
                witness: Arc::clone(&state.witness),
                stores: self.context.stores.clone(),
                contest: self.contest.clone(),
                note: Arc::clone(&round.note),
                size: round.size,
                known: state.size,
            };
            self.under_way.spawn(cosign_request.send(number, self.context.settings.witness_timeout));
        }
    }

    /// Handles the outcome of a submission.
    fn handle_outcome(&mut self, outcome: Result<CosignOutcome, JoinError>) {
        let outcome = match outcome {
            Ok(outcome) => outcome,
            // The failed task's witness is unknown, so every witness gets a request again.
            Err(error) => {
                tracing::error!(contest = %self.contest, %error, "a submission to a witness failed");
                self.witness_states.iter_mut().for_each(|state| state.busy = false);
                return;
            }
        };
        let Some(state) = self.witness_states.get_mut(outcome.number) else { return };
        state.busy = false;
        state.size = outcome.known;
        match outcome.outcome {
            Ok(line) => {
                state.note_success(&self.contest, self.context.settings.witness_interval);
                if self.round.as_ref().is_some_and(|round| round.size == outcome.size) {
                    state.line = Some(line);
                    self.save_at = Some(Instant::now());
                }
            }
            Err(failure) => state.note_failure(&self.contest, &failure),
        }
    }

    /// When the gathered cosignatures are saved.
    ///
    /// If the saved checkpoint has more cosignatures and more are expected soon, saving waits for
    /// the end of the round.
    fn save_time(&self, round: &Round) -> Option<Instant> {
        let is_enough = self.lines().count() >= self.saved_count || self.is_complete();
        self.save_at.map(|at| if is_enough { at } else { at.max(self.deadline(round)) })
    }

    /// Saves the gathered cosignatures, if that is due.
    async fn save_if_due(&mut self) {
        let Some(round) = &self.round else { return };
        let now = Instant::now();
        if self.save_time(round).is_none_or(|time| time > now) {
            return;
        }
        let gathered_count = self.lines().count();
        let note = self.lines().fold(round.note.to_string(), |note, line| note + line);
        match self.context.stores.published_checkpoints.save_cosigned(&self.contest, &note).await {
            Ok(()) => (self.saved_count, self.save_at) = (gathered_count, None),
            Err(error) => {
                tracing::warn!(contest = %self.contest, %error, "a cosigned checkpoint was not saved");
                self.save_at = Some(now + self.context.settings.retry_after);
            }
        }
    }

    /// When the task must act without an event.
    fn wake_time(&self) -> Option<Instant> {
        let round = self.round.as_ref()?;
        let next = self.newer().map(|_| self.deadline(round));
        let idle_witnesses = self.witness_states.iter().filter(|state| !state.busy && state.line.is_none());
        idle_witnesses.map(|state| state.not_before).chain(next).chain(self.save_time(round)).min()
    }
}

impl WitnessState {
    fn note_success(&mut self, contest: &ContestId, interval: Duration) {
        if !self.last_error.is_empty() {
            tracing::info!(%contest, witness = self.witness.key().name(), "the witness cosigns again");
            self.last_error.clear();
        }
        self.answers = true;
        self.wait = interval;
    }

    fn note_failure(&mut self, contest: &ContestId, failure: &cosign_request::WitnessError) {
        let message = failure.to_string();
        if self.last_error != message {
            let witness = self.witness.key().name();
            if failure.is_alarm() {
                tracing::error!(%contest, witness, error = message, "a witness has seen another history");
            } else {
                tracing::warn!(%contest, witness, error = message, "a witness does not cosign");
            }
            self.last_error = message;
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
