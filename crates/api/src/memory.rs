//! Limits the memory of large bodies.
//!
//! A body of more than 64 KiB holds a part of a budget as long as its bytes are in memory. Answers
//! have one budget, and requests have another. So clients that send slowly, or do not read, cannot
//! fill the memory.
//!
//! [`crate::shared`] has a separate budget for content that many answers share (a contest, a tally,
//! a result).

use std::{
    collections::VecDeque,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, HttpBody as _},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    network_shares::{NetworkShare, NetworkShares},
    problem::{self, Problem},
    shared::Shared,
    turn::{PIECE, Turn},
};

/// Budget of all large bodies of answers, in bytes. One network gets at most a quarter of it.
const BUDGET: usize = 192 << 20;
/// Budget of all large bodies of requests, in bytes. The largest body that a request may have uses
/// all of it.
const REQUEST_BUDGET: usize = 64 << 20;
/// Number of bytes of a unit. A budget is counted in units.
const UNIT: usize = 1 << 10;
/// How long a request waits for memory for its body.
const REQUEST_MEMORY_TIMEOUT: Duration = Duration::from_secs(5);

/// See the [module](self).
pub(crate) struct BodyMemory {
    free: Arc<Semaphore>,
    shares: Arc<NetworkShares>,
    /// The budget of requests. It is separate, so that clients that read answers slowly do not
    /// block the large requests of staff.
    free_for_requests: Arc<Semaphore>,
}

impl Default for BodyMemory {
    fn default() -> Self {
        Self {
            free: Arc::new(Semaphore::new(BUDGET / UNIT)),
            shares: NetworkShares::of(BUDGET / UNIT),
            free_for_requests: Arc::new(Semaphore::new(REQUEST_BUDGET / UNIT)),
        }
    }
}

/// A part of the budget. Dropping it returns the part.
pub(crate) struct HeldMemory {
    _permit: OwnedSemaphorePermit,
    _share: Option<NetworkShare>,
}

impl BodyMemory {
    /// Reserves memory for a body of an answer to `network`.
    ///
    /// `network` is `None` if the client's network is not limited.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the budget, or the network's share of it, is used up. This method does not
    /// wait: the bytes of a waiting answer would already be in memory.
    pub(crate) fn hold(&self, bytes: usize, network: Option<IpAddr>) -> Result<HeldMemory, Problem> {
        let units = units(bytes);
        let full = || {
            let detail = "too many large answers are on their way to clients that read slowly";
            Problem::new(&problem::UNAVAILABLE, detail).retry_after(5)
        };
        let share = match network {
            // A body larger than a network's share takes the whole share.
            Some(address) => {
                let max_units = self.shares.max_per_network();
                Some(self.shares.take_many(address, units.min(max_units)).ok_or_else(full)?)
            }
            None => None,
        };
        let permit = Arc::clone(&self.free).try_acquire_many_owned(permits(units)).map_err(|_| full())?;
        Ok(HeldMemory { _permit: permit, _share: share })
    }

    /// Waits until there is memory for a request's body. The body is read after that.
    ///
    /// # Errors
    /// `UNAVAILABLE` if there is not enough memory within five seconds.
    pub(crate) async fn wait_for(&self, bytes: usize) -> Result<HeldMemory, Problem> {
        let units = units(bytes).min(REQUEST_BUDGET / UNIT);
        let acquiring = Arc::clone(&self.free_for_requests).acquire_many_owned(permits(units));
        match tokio::time::timeout(REQUEST_MEMORY_TIMEOUT, acquiring).await {
            Ok(Ok(permit)) => Ok(HeldMemory { _permit: permit, _share: None }),
            _ => {
                Err(Problem::new(&problem::UNAVAILABLE, "too many large requests are being read")
                    .retry_after(5))
            }
        }
    }

    /// Takes the memory of a large body from the budget, and sends the body in pieces.
    ///
    /// If the budget is used up, the returned response is a problem. A response with a small or
    /// shared body is returned unchanged.
    pub(crate) fn limit_body(&self, network: Option<IpAddr>, response: Response) -> Response {
        let size = response.body().size_hint().exact().and_then(|size| usize::try_from(size).ok());
        let Some(size) = size.filter(|size| *size > PIECE) else { return response };
        if response.extensions().get::<Shared>().is_some() {
            return response;
        }
        let held = match self.hold(size, network) {
            Ok(held) => held,
            Err(problem) => return problem.into_response(),
        };
        let (parts, body) = response.into_parts();
        // A body whose size is known is completely in memory, so collecting it does not wait.
        let body = match body.collect().now_or_never() {
            Some(Ok(whole)) => {
                Body::new(Pieces([hold_budget(whole.to_bytes(), held)].into(), Turn::default()))
            }
            _ => {
                return Problem::new(&problem::INTERNAL, "the body of an answer was not ready")
                    .into_response();
            }
        };
        Response::from_parts(parts, body)
    }
}

fn units(bytes: usize) -> usize {
    bytes.div_ceil(UNIT).min(BUDGET / UNIT)
}

fn permits(units: usize) -> u32 {
    u32::try_from(units).unwrap_or(u32::MAX)
}

/// Bytes with a part of the budget. The part is returned when the last slice of them is dropped.
struct BudgetedBytes {
    bytes: Bytes,
    _held: HeldMemory,
}

impl AsRef<[u8]> for BudgetedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Returns the bytes. They hold the part of the budget until their last slice is dropped.
pub(crate) fn hold_budget(bytes: Bytes, held: HeldMemory) -> Bytes {
    Bytes::from_owner(BudgetedBytes { bytes, _held: held })
}

/// A body of known size that is sent in pieces.
struct Pieces(VecDeque<Bytes>, Turn);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.1.should_yield(context) {
            return Poll::Pending;
        }
        while let Some(first) = self.0.front_mut() {
            let piece = first.split_to(first.len().min(PIECE));
            if first.is_empty() {
                self.0.pop_front();
            }
            if !piece.is_empty() {
                self.1.sent(piece.len());
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.0.iter().all(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|part| part.len() as u64).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, last, 1]))
    }

    #[test]
    fn limits_each_network_to_a_quarter_of_the_budget() {
        let memory = BodyMemory::default();
        let quarter = memory.hold(BUDGET / 4, network(1)).unwrap();
        assert!(memory.hold(1, network(1)).is_err());
        assert!(memory.hold(BUDGET, network(2)).is_err(), "three quarters are left");
        let _rest = [2, 3, 4].map(|last| memory.hold(BUDGET / 4, network(last)).unwrap());
        assert!(memory.hold(1, None).is_err(), "the budget is used up");
        drop(quarter);
        assert!(memory.hold(BUDGET / 4, network(1)).is_ok());
    }

    #[test]
    fn memory_is_held_until_the_last_slice_is_dropped() {
        let memory = BodyMemory::default();
        let held = memory.hold(BUDGET / 4, network(1)).unwrap();
        let bytes = hold_budget(Bytes::from(vec![0; 10]), held);
        let slice = bytes.slice(2..3);
        drop(bytes);
        assert!(memory.hold(1, network(1)).is_err());
        drop(slice);
        assert!(memory.hold(1, network(1)).is_ok());
    }
}
