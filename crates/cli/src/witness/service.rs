//! The witness as a service: `POST /add-checkpoint` (tlog-witness).

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

/// How long a request's body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// See the [module](self).
pub struct Witness {
    key: CosigningKey,
    /// The logs that are watched, by origin.
    logs: BTreeMap<String, VerifierKey>,
    /// Held from the look at what was cosigned last until the next is on disk: two requests at once come one after the other.
    state: Mutex<StateFile>,
}

/// What a request is answered.
#[derive(Debug)]
enum Answer {
    Cosigned(String),
    Malformed(&'static str),
    UnknownLog,
    Refused(CosignError),
    /// The state could not be written; nothing was cosigned.
    Unwritable,
}

impl Witness {
    /// A witness of these logs.
    ///
    /// # Errors
    /// If two keys are of one log.
    pub fn new(identity: Identity, logs: Vec<WatchedLog>) -> Result<Self> {
        let mut by_origin = BTreeMap::new();
        for WatchedLog { origin, key } in logs {
            if by_origin.insert(origin.clone(), key).is_some() {
                bail!("--log names two keys of {origin}");
            }
        }
        Ok(Self { key: identity.key, logs: by_origin, state: Mutex::new(identity.state) })
    }

    /// What checks its cosignatures.
    #[must_use]
    pub fn verifier(&self) -> &WitnessKey {
        self.key.verifier()
    }

    /// Its routes.
    pub fn router(self) -> Router {
        Router::new()
            .route("/add-checkpoint", post(add_checkpoint))
            .route("/healthz", get(|| async { "ok\n" }))
            .with_state(Arc::new(self))
    }

    /// Judges a request, keeps the checkpoint, and cosigns it at this time; in this order, and as one step.
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
        // The same again needs no writing: it is on disk.
        if latest != Some((checkpoint.size, checkpoint.root))
            && let Err(error) = state.keep(checkpoint, &request.checkpoint)
        {
            tracing::error!(%error, "the state cannot be written, so nothing is cosigned");
            return Answer::Unwritable;
        }
        match self.key.cosign(&request.checkpoint, time) {
            Ok(line) => Answer::Cosigned(line),
            Err(_) => Answer::Malformed("not a signed note"),
        }
    }
}

/// Tells the operator of the witness what is no everyday refusal.
fn report(
    state: &StateFile,
    request: &AddCheckpoint,
    origin: &str,
    key: &VerifierKey,
    refusal: &CosignError,
) {
    let Some(latest) = state.latest_checkpoint(origin) else { return };
    let (kept, shown) = (&latest.checkpoint, &request.checkpoint);
    match refusal {
        CosignError::AnotherRoot(_) => {
            tracing::error!(origin, ?kept, ?shown, "ALARM: the log has signed two histories");
        }
        CosignError::Proof(error) => {
            tracing::error!(origin, ?kept, ?shown, %error, "ALARM: no proof that the log continues what was cosigned");
        }
        // Signed by the log, or the refusal would be another one.
        CosignError::Stale(size) => match acclaim_ballot_log::Checkpoint::open_for_origin(shown, origin, key)
        {
            Ok(checkpoint) if checkpoint.size < *size => {
                tracing::warn!(
                    origin,
                    size,
                    shown = checkpoint.size,
                    "the log shows less than it did: set back?"
                );
            }
            _ => {}
        },
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
    // Not given up half-way when the client goes away.
    let judging = tokio::task::spawn_blocking(move || witness.judge(&body, time));
    judging.await.unwrap_or(Answer::Unwritable)
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
