//! The witness as an HTTP service: `POST /add-checkpoint` (C2SP tlog-witness).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use acclaim_ballot_log::{
    AddCheckpoint, CosigningKey, VerifierKey, WitnessKey,
    witness::{CosignError, MAX_REQUEST_LENGTH},
};
use anyhow::{Result, bail};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use parking_lot::Mutex;

use super::{Identity, client::SIZE_TYPE, state::StateFile};
use crate::{args::witness::WatchedLog, clock};

/// The time in which a request's body must arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A witness service: its key, its watched logs and its state.
pub struct Witness {
    key: CosigningKey,
    /// The keys of the watched logs, by origin.
    logs: BTreeMap<String, VerifierKey>,
    /// Locked from the reading of the newest cosigned checkpoint until the next one is on disk. So
    /// simultaneous requests are processed one after the other.
    state: Mutex<StateFile>,
}

/// The answer to a request.
#[derive(Debug)]
enum Answer {
    Cosigned(String),
    Malformed(&'static str),
    UnknownLog,
    Refused(CosignError),
    /// The state cannot be written, and nothing was cosigned.
    Unwritable,
}

impl Witness {
    /// Makes a witness of these logs.
    ///
    /// # Errors
    /// If `logs` has two keys for one log.
    pub fn new(identity: Identity, logs: Vec<WatchedLog>) -> Result<Self> {
        let mut by_origin = BTreeMap::new();
        for WatchedLog { origin, key } in logs {
            if by_origin.insert(origin.clone(), key).is_some() {
                bail!("--log gives two keys for the log {origin}");
            }
        }
        Ok(Self { key: identity.key, logs: by_origin, state: Mutex::new(identity.state) })
    }

    /// Returns the key that verifies the witness's cosignatures.
    #[must_use]
    pub fn verifier(&self) -> &WitnessKey {
        self.key.verifier()
    }

    /// Returns the routes of the service.
    pub fn router(self) -> Router {
        Router::new()
            .route("/add-checkpoint", post(add_checkpoint))
            .route("/healthz", get(|| async { "ok\n" }))
            .with_state(Arc::new(self))
    }

    /// Checks a request, keeps its checkpoint on disk, and then cosigns it at `time`, in seconds
    /// since 1970.
    ///
    /// The order matters: a checkpoint must be on disk before it is cosigned. The lock makes this
    /// one step.
    fn judge(&self, body: &[u8], time: u64) -> Answer {
        let Ok(text) = std::str::from_utf8(body) else { return Answer::Malformed("not UTF-8") };
        let Ok(request) = text.parse::<AddCheckpoint>() else {
            return Answer::Malformed("not of the form of tlog-witness");
        };
        let Some((origin, key)) = self.logs.get_key_value(request.origin()) else {
            return Answer::UnknownLog;
        };
        let mut state = self.state.lock();
        let latest = state.latest_checkpoint(origin).map(|latest| (latest.size, latest.root));
        let checkpoint = match request.verify_for_origin(origin, key, latest) {
            Ok(checkpoint) => checkpoint,
            Err(refusal) => {
                report(&state, &request, origin, key, &refusal);
                return Answer::Refused(refusal);
            }
        };
        // The same checkpoint is already on disk.
        if latest != Some((checkpoint.size, checkpoint.root))
            && let Err(error) = state.keep(checkpoint, &request.checkpoint)
        {
            tracing::error!(%error, "nothing is cosigned, because the state cannot be written");
            return Answer::Unwritable;
        }
        match self.key.cosign(&request.checkpoint, time) {
            Ok(line) => Answer::Cosigned(line),
            Err(_) => Answer::Malformed("not a signed note"),
        }
    }
}

/// Logs a refusal that the witness's operator should see. Usual refusals are not logged.
fn report(
    state: &StateFile,
    request: &AddCheckpoint,
    origin: &str,
    key: &VerifierKey,
    refusal: &CosignError,
) {
    let Some(latest) = state.latest_checkpoint(origin) else { return };
    let (cosigned, submitted) = (&latest.checkpoint, &request.checkpoint);
    match refusal {
        CosignError::AnotherRoot(_) => {
            tracing::error!(origin, ?cosigned, ?submitted, "ALARM: the log has signed two histories");
        }
        CosignError::Proof(error) => {
            tracing::error!(origin, ?cosigned, ?submitted, %error, "ALARM: no proof that the log continues the cosigned checkpoint");
        }
        // The log has signed this checkpoint, because an unsigned one is refused as `Checkpoint`.
        CosignError::Stale(size) => {
            match acclaim_ballot_log::Checkpoint::open_for_origin(submitted, origin, key) {
                Ok(checkpoint) if checkpoint.size < *size => {
                    tracing::warn!(
                        origin,
                        size,
                        submitted = checkpoint.size,
                        "the log has fewer entries than before: was it set back?"
                    );
                }
                _ => {}
            }
        }
        CosignError::Checkpoint(_) | CosignError::OldIsLarger => {}
    }
}

async fn add_checkpoint(State(witness): State<Arc<Witness>>, body: Body) -> Answer {
    let body = match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, MAX_REQUEST_LENGTH)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return Answer::Malformed("cut off, or too long"),
        Err(_) => return Answer::Malformed("too slow"),
    };
    let time = u64::try_from(clock::now().as_second()).unwrap_or_default();
    // This task runs to its end even if the client disconnects.
    let task = tokio::task::spawn_blocking(move || witness.judge(&body, time));
    task.await.unwrap_or(Answer::Unwritable)
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let plain = |status: StatusCode, words: String| {
            let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
            (status, headers, format!("{words}\n")).into_response()
        };
        match self {
            Self::Cosigned(line) => {
                ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], line).into_response()
            }
            Self::Malformed(what) => {
                plain(StatusCode::BAD_REQUEST, format!("the request is malformed: {what}"))
            }
            Self::UnknownLog => plain(StatusCode::NOT_FOUND, "this log is not watched".to_owned()),
            Self::Unwritable => {
                plain(StatusCode::INTERNAL_SERVER_ERROR, "the witness cannot write its state".to_owned())
            }
            Self::Refused(CosignError::Stale(size)) => {
                (StatusCode::CONFLICT, [(header::CONTENT_TYPE, SIZE_TYPE)], format!("{size}\n"))
                    .into_response()
            }
            Self::Refused(refusal) => {
                let status = match refusal {
                    CosignError::Checkpoint(_) => StatusCode::FORBIDDEN,
                    CosignError::OldIsLarger => StatusCode::BAD_REQUEST,
                    CosignError::AnotherRoot(_) | CosignError::Stale(_) => StatusCode::CONFLICT,
                    CosignError::Proof(_) => StatusCode::UNPROCESSABLE_ENTITY,
                };
                plain(status, refusal.to_string())
            }
        }
    }
}
