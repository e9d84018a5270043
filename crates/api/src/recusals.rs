//! Recusals: a juror does not judge an entry, and may take that back.
//!
//! Organisers enter recusals for any juror, jurors for themselves.

use std::{sync::Arc, time::Duration};

use acclaim_contest::{EntryId, PanelId};
use acclaim_service::{
    commands::StaffCommands,
    directory::Contest,
    jury::{JuryReader, StandingRecusal},
};
use acclaim_store::{Command, RequestId, keys::Role};
use axum::{
    Json,
    extract::{FromRef, Request, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{Access, SCORE_READERS, SCORERS},
    body::{Bodies, MAX_STAFF_BODY_BYTES, idempotency_key, parse},
    commands::{self, CommandRefusals, Done},
    description::shapes,
    extract::Path,
    problem::Problem,
    scores::panel_and_juror,
    state::Api,
};

/// Time that a request's body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(recuse, read)).routes(routes!(rejoin))
}

/// A juror, an entry, and the reason.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"panel": "jury", "juror": "Ama Mensah", "entry": "photo-01", "reason": "a relative"}))]
struct RecusalRequest {
    /// With a juror's key: that key's panel, or absent.
    #[schema(value_type = Option<shapes::Id>)]
    panel: Option<String>,
    /// With a juror's key: that juror, or absent.
    juror: Option<String>,
    #[schema(value_type = shapes::Id)]
    entry: String,
    #[schema(value_type = shapes::Text)]
    reason: String,
}

/// Recuse a juror from an entry. The juror's earlier scores for it are dropped.
///
/// Jurors do so for themselves with a juror's key, organisers for any juror, until freezing. Not in
/// logs of version 1.
#[utoipa::path(post, path = "/v1/contests/{contest}/recusals", tag = "staff", request_body = RecusalRequest, security(("key" = [])),
    params(("Idempotency-Key" = String, Header,)), responses((status = 200, body = Done, description = "recorded in the log"), CommandRefusals))]
async fn recuse(
    State(requests): State<RecusalRequests>,
    Path(contest): Path<String>,
    request: Request,
) -> Result<Json<Done>, Problem> {
    requests.enter(&contest, request, false).await
}

/// Take a recusal back: the juror judges the entry again. Dropped scores do not come back.
#[utoipa::path(post, path = "/v1/contests/{contest}/rejoinings", tag = "staff", request_body = RecusalRequest, security(("key" = [])),
    params(("Idempotency-Key" = String, Header,)), responses((status = 200, body = Done, description = "recorded in the log"), CommandRefusals))]
async fn rejoin(
    State(requests): State<RecusalRequests>,
    Path(contest): Path<String>,
    request: Request,
) -> Result<Json<Done>, Problem> {
    requests.enter(&contest, request, true).await
}

/// The state that requests for recusals need.
#[derive(Clone)]
struct RecusalRequests {
    access: Arc<Access>,
    bodies: Arc<Bodies>,
    jury: Arc<JuryReader>,
    commands: Arc<StaffCommands>,
}

impl FromRef<Api> for RecusalRequests {
    fn from_ref(api: &Api) -> Self {
        let (access, bodies) = (FromRef::from_ref(api), FromRef::from_ref(api));
        Self { access, bodies, jury: FromRef::from_ref(api), commands: FromRef::from_ref(api) }
    }
}

impl RecusalRequests {
    async fn enter(&self, contest: &str, request: Request, rejoins: bool) -> Result<Json<Done>, Problem> {
        let (contest, key) = self.access.contest_and_key(request.headers(), contest, SCORERS).await?;
        let id = contest.id();
        let request_id = RequestId::new(&key.name, &idempotency_key(request.headers())?);
        let body = self.bodies.read_json(request, MAX_STAFF_BODY_BYTES, BODY_TIMEOUT).await?;
        let RecusalRequest { panel, juror, entry, reason } = parse(&body)?;
        let (panel, juror) = panel_and_juror(panel, juror, &key)?;
        let (panel, entry) = check(&contest, &panel, &entry)?;
        let jurors = self.jury.load_jurors_by_name(&contest, &key, panel.as_str(), &juror).await?;
        let juror = jurors.find(&panel, &juror).map_err(|error| Problem::invalid("juror", error))?.to_owned();
        let reason = commands::text("reason", reason)?;
        let command = Command::Recusal { panel, juror, entry, rejoins, reason };
        self.jury.check_juror(&contest, &key, &request_id, &command).await?;
        Ok(Json(self.commands.execute(id, request_id, command).await?.into()))
    }
}

/// Returns the panel and the entry that a request names.
fn check(contest: &Contest, panel: &str, entry: &str) -> Result<(PanelId, EntryId), Problem> {
    let definition = &contest.record.definition;
    let mut panels = definition.rules.panels.iter().map(|panel| &panel.id);
    let known = panels.find(|known| known.as_str() == panel).cloned();
    let panel = known.ok_or_else(|| Problem::invalid("panel", "the contest has no such panel"))?;
    let known = definition.entries.iter().map(|known| &known.id).find(|known| known.as_str() == entry);
    let entry = known.cloned().ok_or_else(|| Problem::invalid("entry", "the contest has no such entry"))?;
    Ok((panel, entry))
}

/// The recusals that stand.
#[derive(Serialize, ToSchema)]
struct Recusals {
    contest: String,
    /// By panel, juror and entry, in byte order.
    recusals: Vec<StandingRecusalBody>,
}

/// A recusal that was not taken back.
#[derive(Serialize, ToSchema)]
#[schema(as = StandingRecusal)]
struct StandingRecusalBody {
    panel: String,
    juror: String,
    entry: String,
    reason: String,
    /// Name of the staff key that entered it.
    by: String,
    /// Its index in the log.
    index: u64,
}

impl From<StandingRecusal> for StandingRecusalBody {
    fn from(standing: StandingRecusal) -> Self {
        let StandingRecusal { panel, juror, entry, reason, by, index } = standing;
        Self { panel, juror, entry, reason, by, index }
    }
}

/// Read the recusals that stand. Jurors read only their own.
#[utoipa::path(get, operation_id = "read_recusals", path = "/v1/contests/{contest}/recusals", tag = "staff", security(("key" = [])), responses((status = 200, body = Recusals, description = "the standing recusals")))]
async fn read(
    State(access): State<Arc<Access>>,
    State(jury): State<Arc<JuryReader>>,
    Path(contest): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (contest, key) = access.contest_and_key(&headers, &contest, SCORE_READERS).await?;
    let own = (key.role == Role::Juror).then_some(&key);
    let recusals = jury.recusals(&contest, own).await?.into_iter().map(StandingRecusalBody::from).collect();
    let body = Json(Recusals { contest: contest.id().to_string(), recusals });
    Ok(([(header::CACHE_CONTROL, "private, no-store")], body).into_response())
}
