//! Recusals: a juror does not judge an entry, and may take that back. Organisers say so for any juror, jurors for themselves.
//!
//! What stands is read from the commands that became entries, as scores are.

use std::{collections::BTreeMap, time::Duration};

use acclaim_contest::{ContestId, EntryId, PanelId};
use acclaim_service::directory::Contest;
use acclaim_store::{
    Command, CommandOutcome, Commands, RequestId, StoreError,
    command::{QueuedCommand, Sought, each_recorded},
    keys::{Role, StaffKey},
};
use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{self, SCORE_READERS, SCORERS},
    body::{STAFF_LIMIT, idempotency_key, parse, read_json},
    commands::{self, CommandRefusals, Done, invalid},
    description::shapes,
    extract::Path,
    problem::Problem,
    scores::{check_corrections, check_time, jurors_for, own_place, panel_and_juror},
    state::Api,
};

/// How long a request's body may take to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(recuse, read)).routes(routes!(rejoin))
}

/// A juror and an entry, and why.
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

/// Have a juror not judge an entry. Earlier scores of the juror for it are dropped.
///
/// Jurors do so for themselves with a juror's key, organisers for any juror, until freezing. Not in logs of version 1.
#[utoipa::path(post, path = "/v1/contests/{contest}/recusals", tag = "staff", request_body = RecusalRequest, security(("key" = [])),
    params(("Idempotency-Key" = String, Header,)), responses((status = 200, body = Done, description = "in the log"), CommandRefusals))]
async fn recuse(
    State(api): State<Api>,
    Path(contest): Path<String>,
    request: Request,
) -> Result<Json<Done>, Problem> {
    enter(&api, &contest, request, false).await
}

/// Take a recusal back: the juror judges the entry again. Scores that were dropped do not come back.
#[utoipa::path(post, path = "/v1/contests/{contest}/rejoinings", tag = "staff", request_body = RecusalRequest, security(("key" = [])),
    params(("Idempotency-Key" = String, Header,)), responses((status = 200, body = Done, description = "in the log"), CommandRefusals))]
async fn rejoin(
    State(api): State<Api>,
    Path(contest): Path<String>,
    request: Request,
) -> Result<Json<Done>, Problem> {
    enter(&api, &contest, request, true).await
}

async fn enter(api: &Api, contest: &str, request: Request, rejoins: bool) -> Result<Json<Done>, Problem> {
    let (contest, key) = auth::staff_of(api, request.headers(), contest, SCORERS).await?;
    let id = contest.id();
    let asked = RequestId::new(&key.name, &idempotency_key(request.headers())?);
    let body = read_json(api, request, STAFF_LIMIT, BODY_DEADLINE).await?;
    let RecusalRequest { panel, juror, entry, reason } = parse(&body)?;
    let (panel, juror) = panel_and_juror(panel, juror, &key)?;
    let (panel, entry) = check(&contest, &panel, &entry)?;
    let jurors = jurors_for(api, &contest, &key, panel.as_str(), &juror).await?;
    let juror = jurors.find(&panel, &juror).map_err(|error| invalid("juror", &error.to_string()))?.to_owned();
    let reason = commands::text("reason", reason)?;
    let command = Command::Recusal { panel, juror, entry, rejoins, reason };
    if key.role == Role::Juror {
        let (mut is_repeated, mut entered) = (false, 0);
        let look = |queued: QueuedCommand, _| {
            is_repeated |= queued.id() == asked;
            entered += usize::from(queued.by == key.name);
        };
        each_recorded(&*api.stores.database, id, Sought::SameScores(&command), look).await?;
        // What is sent again is answered again; what is sent in vain does not fill the database.
        if !is_repeated {
            check_time(&contest)?;
            check_corrections(entered)?;
        }
    }
    commands::decide(api, id, asked, command).await
}

/// The panel and the entry that a request names.
fn check(contest: &Contest, panel: &str, entry: &str) -> Result<(PanelId, EntryId), Problem> {
    let definition = &contest.record.definition;
    let mut panels = definition.rules.panels.iter().map(|panel| &panel.id);
    let known = panels.find(|known| known.as_str() == panel).cloned();
    let panel = known.ok_or_else(|| invalid("panel", "the contest has no such panel"))?;
    let known = definition.entries.iter().map(|known| &known.id).find(|known| known.as_str() == entry);
    let entry = known.cloned().ok_or_else(|| invalid("entry", "the contest has no such entry"))?;
    Ok((panel, entry))
}

/// The recusals that stand.
#[derive(Serialize, ToSchema)]
struct Recusals {
    contest: String,
    /// By panel, juror and entry, in byte order.
    recusals: Vec<Standing>,
}

/// A recusal that was not taken back.
#[derive(Serialize, ToSchema)]
#[schema(as = StandingRecusal)]
pub(crate) struct Standing {
    pub(crate) panel: String,
    pub(crate) juror: String,
    pub(crate) entry: String,
    pub(crate) reason: String,
    /// Name of the staff key that entered it.
    pub(crate) by: String,
    /// Where it is in the log.
    pub(crate) index: u64,
}

/// The recusals that stand. Jurors read their own.
#[utoipa::path(get, operation_id = "read_recusals", path = "/v1/contests/{contest}/recusals", tag = "staff", security(("key" = [])), responses((status = 200, body = Recusals, description = "those that stand")))]
async fn read(
    State(api): State<Api>,
    Path(contest): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (contest, key) = auth::staff_of(&api, &headers, &contest, SCORE_READERS).await?;
    let own = (key.role == Role::Juror).then_some(&key);
    let recusals = standing_for(&api, &contest, own).await?;
    let body = Json(Recusals { contest: contest.id().to_string(), recusals });
    Ok(([(header::CACHE_CONTROL, "private, no-store")], body).into_response())
}

/// The recusals that stand, of all jurors or of the one whose key it is.
pub(crate) async fn standing_for(
    api: &Api,
    contest: &Contest,
    own: Option<&StaffKey>,
) -> Result<Vec<Standing>, Problem> {
    let sought = Sought::recusals(own.and_then(|key| own_place(contest, key)));
    let _place = api.long_readings.acquire().await.ok();
    Ok(standing(&*api.stores.database, contest.id(), sought).await?)
}

/// The recusals that stand of those sought, by panel, juror and entry.
pub(crate) async fn standing(
    commands: &(impl Commands + ?Sized),
    id: &ContestId,
    sought: Sought<'_>,
) -> Result<Vec<Standing>, StoreError> {
    let mut found = BTreeMap::new();
    // They come in the order of the log.
    let take = |queued: QueuedCommand, outcome| {
        let (
            Command::Recusal { panel, juror, entry, rejoins, reason },
            CommandOutcome::Recorded { index, .. },
        ) = (queued.command, outcome)
        else {
            return;
        };
        let [panel, entry] = [panel.to_string(), entry.to_string()];
        let place = (panel.clone(), juror.clone(), entry.clone());
        if rejoins {
            found.remove(&place);
        } else {
            found.insert(place, Standing { panel, juror, entry, reason, by: queued.by, index });
        }
    };
    each_recorded(commands, id, sought, take).await?;
    Ok(found.into_values().collect())
}
