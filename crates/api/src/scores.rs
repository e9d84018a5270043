//! Scores: jurors enter and correct their own, organisers any juror's from paper sheets.
//!
//! The standing scores can be read.

use std::{sync::Arc, time::Duration};

use acclaim_contest::{ContestId, PanelId, juror};
use acclaim_service::{
    commands::StaffCommands,
    jury::{JuryReader, StandingScores, own_name},
    score_sheet::{Mistake, ScoreSheet, ScoreValidator, recused_scores},
};
use acclaim_store::{
    Command, RequestId,
    keys::{Role, StaffKey},
};
use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{Access, SCORE_READERS, SCORERS},
    body::{Bodies, MAX_STAFF_BODY_BYTES, idempotency_key, parse},
    commands::{CommandRefusals, Done},
    description::shapes,
    extract::Path,
    problem::{self, Problem},
    state::Api,
};

/// Time that the scores may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Most mistakes that an answer lists.
const MAX_MISTAKES: usize = 100;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(enter, read))
}

/// A juror's scores in a category.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"panel": "jury", "juror": "Ama Mensah", "category": "photos", "values": [["photo-01", "8.5"]]}))]
struct ScoreRequest {
    /// With a juror's key: that key's panel, or absent.
    #[schema(value_type = Option<shapes::Id>)]
    panel: Option<String>,
    /// With a juror's key: that juror, or absent. In any spelling that is the same in NFC, with
    /// white space collapsed and without case. The log has the registered spelling.
    juror: Option<String>,
    #[schema(value_type = shapes::Id)]
    category: String,
    /// The criterion, if the panel has several.
    criterion: Option<String>,
    /// Entry and score, a decimal with at most four places. They replace all scores that the juror
    /// entered before in this category, by this criterion.
    #[schema(value_type = Vec<shapes::Pair>)]
    values: Vec<(String, String)>,
}

/// Enter a juror's scores in a category. They replace the earlier ones.
///
/// Jurors enter their own with a juror's key, until freezing. Organisers enter any juror's.
#[utoipa::path(post, operation_id = "enter_scores", path = "/v1/contests/{contest}/scores", tag = "staff", request_body = ScoreRequest, security(("key" = [])),
    params(("Idempotency-Key" = String, Header,)), responses((status = 200, body = Done, description = "recorded in the log"), CommandRefusals))]
async fn enter(
    State(access): State<Arc<Access>>,
    State(bodies): State<Arc<Bodies>>,
    State(jury): State<Arc<JuryReader>>,
    State(commands): State<Arc<StaffCommands>>,
    Path(contest): Path<String>,
    request: Request,
) -> Result<Json<Done>, Problem> {
    let (contest, key) = access.contest_and_key(request.headers(), &contest, SCORERS).await?;
    let id = contest.id();
    let request_id = RequestId::new(&key.name, &idempotency_key(request.headers())?);
    let body = bodies.read_json(request, MAX_STAFF_BODY_BYTES, BODY_TIMEOUT).await?;
    let sheet = sheet(parse(&body)?, &key)?;
    let definition = &contest.record.definition;
    let jurors = jury.load_jurors_by_name(&contest, &key, &sheet.panel, &sheet.juror).await?;
    let validator =
        ScoreValidator::new(&definition.rules.panels, &definition.categories, &definition.entries, &jurors);
    let command = validator.command(&sheet, &key.name).map_err(|mistakes| invalid(&mistakes))?;
    check_recusals(&jury, id, &command, &sheet, &request_id).await?;
    jury.check_juror(&contest, &key, &request_id, &command).await?;
    Ok(Json(commands.execute(id, request_id, command).await?.into()))
}

/// Refuses scores for entries that the juror is recused from.
///
/// `admit` refuses them too, but does not name their position in the sheet.
async fn check_recusals(
    jury: &JuryReader,
    id: &ContestId,
    command: &Command,
    sheet: &ScoreSheet,
    request_id: &RequestId,
) -> Result<(), Problem> {
    let Command::Score { panel, juror, .. } = command else { return Ok(()) };
    let recusals = jury.recusals_of(id, panel, juror).await?;
    let mistakes = recused_scores(sheet, |entry| recusals.iter().any(|recusal| recusal.entry == entry));
    // A request that is already decided gets its earlier answer, also after a later recusal.
    if mistakes.is_empty() || jury.is_decided(id, request_id).await? {
        return Ok(());
    }
    Err(invalid(&mistakes))
}

/// Returns the sheet of a request. A juror enters the own scores, in the own panel.
fn sheet(request: ScoreRequest, key: &StaffKey) -> Result<ScoreSheet, Problem> {
    let (panel, juror) = panel_and_juror(request.panel, request.juror, key)?;
    let (category, criterion, values) = (request.category, request.criterion, request.values);
    Ok(ScoreSheet { panel, juror, category, criterion, values })
}

/// Returns the panel and juror of a request.
///
/// With a juror's key these are the key's own, whether or not the request names them.
pub(crate) fn panel_and_juror(
    panel: Option<String>,
    juror: Option<String>,
    key: &StaffKey,
) -> Result<(String, String), Problem> {
    let own = (key.role == Role::Juror).then(|| key.panel.as_ref().map_or("", PanelId::as_str));
    let field = |field: &str, given: Option<String>, own: Option<&str>| match (given, own) {
        (Some(given), Some(own)) if !juror::is_same_name(&given, own) => {
            let detail = format!("`{field}`: the key {} is for \"{own}\" alone", key.name);
            Err(Problem::new(&problem::KEY_INSUFFICIENT, detail).with("field", field))
        }
        (Some(given), _) => Ok(given),
        (None, Some(own)) => Ok(own.to_owned()),
        (None, None) => Err(Problem::invalid(field, "is missing")),
    };
    let panel = field("panel", panel, own)?;
    Ok((panel, field("juror", juror, own.is_some().then_some(key.name.as_str()))?))
}

fn invalid(mistakes: &[Mistake]) -> Problem {
    let to_json = |mistake: &Mistake| json!({"field": mistake.place.to_string(), "problem": mistake.problem});
    let listed: Vec<Value> = mistakes.iter().take(MAX_MISTAKES).map(to_json).collect();
    let (field, detail) = mistakes.first().map_or_else(Default::default, |first| {
        (first.place.to_string(), format!("`{}`: {}", first.place, first.problem))
    });
    Problem::new(&problem::INVALID_REQUEST, detail).with("field", field).with("mistakes", listed)
}

/// The standing scores.
#[derive(Serialize, ToSchema)]
struct Scores {
    contest: String,
    /// With a juror's key: the juror.
    #[serde(skip_serializing_if = "Option::is_none")]
    juror: Option<String>,
    /// With a juror's key: the juror's panel.
    #[serde(skip_serializing_if = "Option::is_none")]
    panel: Option<String>,
    /// By panel, juror, category and criterion, in byte order.
    scores: Vec<StandingScoresBody>,
}

/// The newest scores of a juror in a category, by one criterion if the panel has several.
#[derive(Serialize, ToSchema)]
#[schema(as = StandingScores)]
struct StandingScoresBody {
    panel: String,
    juror: String,
    category: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    criterion: Option<String>,
    /// Entry and score.
    #[schema(value_type = Vec<shapes::Pair>)]
    values: Vec<(String, String)>,
    /// Name of the staff key that entered them.
    by: String,
    /// Their index in the log.
    index: u64,
    /// How often they were entered, including corrections.
    times: u64,
}

impl From<StandingScores> for StandingScoresBody {
    fn from(standing: StandingScores) -> Self {
        let StandingScores { panel, juror, category, criterion, values, by, index, times } = standing;
        Self { panel, juror, category, criterion, values, by, index, times }
    }
}

/// Read the standing scores: the newest of each juror, category and criterion.
///
/// Jurors read only their own.
#[utoipa::path(get, operation_id = "read_scores", path = "/v1/contests/{contest}/scores", tag = "staff", security(("key" = [])),
    responses((status = 200, body = Scores, description = "the standing scores")))]
async fn read(
    State(access): State<Arc<Access>>,
    State(jury): State<Arc<JuryReader>>,
    Path(contest): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (contest, key) = access.contest_and_key(&headers, &contest, SCORE_READERS).await?;
    let id = contest.id();
    let own = (key.role == Role::Juror).then_some(&key);
    let scores = jury.scores(&contest, own).await?.into_iter().map(StandingScoresBody::from).collect();
    let juror = own.map(|key| own_name(&contest, key).to_owned());
    let panel = own.and_then(|key| Some(key.panel.as_ref()?.to_string()));
    let body = Json(Scores { contest: id.to_string(), juror, panel, scores });
    Ok(([(header::CACHE_CONTROL, "private, no-store")], body).into_response())
}
