//! Casts the ballots of requests: reads each one, checks it and waits for its outcome.

use std::{
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use acclaim_service::{
    casting::{CastError, CastOutcome, Casting, PreparedBallot},
    directory::{Contest, Directory},
    submission_queue::Permit,
};
use acclaim_store::Clock;
use axum::extract::Request;
use tokio::time::{Sleep, sleep};

use crate::{
    auth::Access,
    base_path::BasePath,
    body::{parse, read_ballot},
    casting::{self, BallotRequest},
    errors::contest_not_found,
    limits::Limiter,
    metrics::Metrics,
    problem::Problem,
};

/// Casts the ballots of requests, one or many.
///
/// The service is made once: a request clones one pointer.
pub(crate) struct BallotService {
    pub(crate) access: Arc<Access>,
    pub(crate) casting: Arc<Casting>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) base_path: BasePath,
    /// Time that a ballot may take from its arrival to its answer.
    pub(crate) deadline: Duration,
}

impl BallotService {
    /// Counts the outcome of a ballot in the metrics.
    pub(crate) fn count(&self, outcome: &Result<CastOutcome, Problem>) {
        let label = outcome.as_ref().map_or_else(|problem| problem.kind().code, casting::label);
        self.metrics.count_ballot(label);
    }

    /// Casts the ballot of a request.
    ///
    /// `respond_async`: the request asks not to wait until the ballot is recorded.
    pub(crate) async fn cast(
        &self,
        contest: &str,
        request: Request,
        respond_async: bool,
    ) -> Result<CastOutcome, Problem> {
        let mut timer = pin!(sleep(self.deadline));
        let contest = self.directory.find(contest).ok_or_else(contest_not_found)?;
        match self.read(&contest, request, timer.as_mut()).await? {
            (PreparedBallot::Done(cast), _) => Ok(*cast),
            (PreparedBallot::Ready(ballot), permit) => {
                let promised = self.casting.can_promise(&contest, &ballot, respond_async).await?;
                let sent = self.casting.send(&contest, *ballot, promised, permit)?;
                Ok(self.casting.outcome(&contest, sent, timer).await?)
            }
        }
    }

    /// Reads a ballot out of its request and drops the request.
    ///
    /// The connection's buffer can then be used again while the ballot waits.
    async fn read(
        &self,
        contest: &Contest,
        request: Request,
        mut timer: Pin<&mut Sleep>,
    ) -> Result<(PreparedBallot, Permit), Problem> {
        let permits = self.casting.permits(contest.id());
        if !permits.has_voter_permit() {
            // A refusal does as little as possible. It reads the body to keep the connection open.
            read_ballot(request, timer.as_mut()).await?;
            return Err(CastError::QueueFull.into());
        }
        let pass = self.access.voter(request.headers(), contest, self.clock.now())?;
        self.limiter.check_pass(pass.voter)?;
        let body = read_ballot(request, timer).await?;
        // A ballot arrives with its last byte, so that no voter chooses after the closing.
        let arrived = self.clock.now();
        self.casting.check_clock()?;
        // The pass may have been revoked while the ballot was arriving.
        self.access.check_revoked(&pass)?;
        // The permit is taken only now, so that a slow request takes no capacity of other ballots.
        let permit = permits.try_acquire_for_voter().ok_or(CastError::QueueFull)?;
        let request: BallotRequest = parse(&body)?;
        Ok((self.casting.prepare(contest, pass, request.votes(), arrived).await?, permit))
    }
}
