//! Scores: jurors enter and correct their own, organisers anybody's, from paper sheets; and what stands can be read.
//!
//! What stands is read from the commands that became entries: the table tells what was entered, by whom and at which index of the log, and it is
//! written in the transaction that appends the entries. The log says the same, among the ballots.

use std::{collections::BTreeMap, time::Duration};

use acclaim_contest::{
    ContestId, PanelId, Phase,
    juror::{self, Jurors},
};
use acclaim_service::{
    directory::Contest,
    score_sheet::{Jury, Mistake, Sheet, recused_scores},
};
use acclaim_store::{
    Command, CommandOutcome, RequestId,
    command::{MOST_CORRECTIONS, QueuedCommand, Sought, TOO_MANY_CORRECTIONS, each_recorded},
    jurors,
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
    auth::{self, SCORE_READERS, SCORERS},
    body::{STAFF_LIMIT, idempotency_key, parse, read_json},
    commands::{self, CommandRefusals, Done},
    description::shapes,
    extract::Path,
    problem::{self, Problem},
    recusals,
    state::Api,
};

/// How long the scores may take to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(10);
/// The most mistakes that are listed.
const MOST_MISTAKES: usize = 100;

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
    /// With a juror's key: that juror, or absent. In any spelling that is the same in NFC, with white space collapsed and without case; the log has the
    /// registered one.
    juror: Option<String>,
    #[schema(value_type = shapes::Id)]
    category: String,
    /// Where the panel has criteria.
    criterion: Option<String>,
    /// Entry and score, a decimal of at most four places; they replace all that the juror entered in this category (by this criterion) before.
    #[schema(value_type = Vec<shapes::Pair>)]
    values: Vec<(String, String)>,
}

/// Enter a juror's scores in a category; they replace the earlier ones.
///
/// Jurors enter their own with a juror's key, until freezing; organisers enter any juror's.
#[utoipa::path(post, operation_id = "enter_scores", path = "/v1/contests/{contest}/scores", tag = "staff", request_body = ScoreRequest, security(("key" = [])),
    params(("Idempotency-Key" = String, Header,)), responses((status = 200, body = Done, description = "in the log"), CommandRefusals))]
async fn enter(
    State(api): State<Api>,
    Path(contest): Path<String>,
    request: Request,
) -> Result<Json<Done>, Problem> {
    let (contest, key) = auth::staff_of(&api, request.headers(), &contest, SCORERS).await?;
    let id = contest.id();
    let asked = RequestId::new(&key.name, &idempotency_key(request.headers())?);
    let body = read_json(&api, request, STAFF_LIMIT, BODY_DEADLINE).await?;
    let sheet = sheet(parse(&body)?, &key)?;
    let definition = &contest.record.definition;
    let jurors = jurors_for(&api, &contest, &key, &sheet.panel, &sheet.juror).await?;
    let jury = Jury::new(&definition.rules.panels, &definition.categories, &definition.entries, &jurors);
    let command = jury.command(&sheet, &key.name).map_err(|mistakes| invalid(&mistakes))?;
    check_recusals(&api, id, &command, &sheet, &asked).await?;
    if key.role == Role::Juror {
        let (mut is_repeated, mut entered) = (false, 0);
        let look = |queued: QueuedCommand, _| {
            is_repeated |= queued.id() == asked;
            entered += usize::from(queued.by == key.name);
        };
        each_recorded(&*api.stores.database, id, Sought::SameScores(&command), look).await?;
        // What is sent again is answered again.
        if !is_repeated {
            check_time(&contest)?;
            check_corrections(entered)?;
        }
    }
    commands::decide(&api, id, asked, command).await
}

/// The jurors of a panel among whom one is looked for by name: an own key makes a juror where the panel names none.
pub(crate) async fn jurors_for(
    api: &Api,
    contest: &Contest,
    key: &StaffKey,
    panel: &str,
    juror: &str,
) -> Result<Jurors, Problem> {
    let panels = &contest.record.definition.rules.panels;
    let Some(panel) = panels.iter().find(|known| known.id.as_str() == panel) else {
        return Ok(Jurors::default());
    };
    if key.role == Role::Juror && panel.jurors.is_empty() {
        let mut own = Jurors::default();
        own.add(&panel.id, &key.name);
        return Ok(own);
    }
    let _place = api.long_readings.acquire().await.ok();
    Ok(jurors::jurors_for(&*api.stores.database, &contest.record, panel, juror).await?)
}

/// A juror's name in the log: that of the key, in the spelling of the panel's definition if that names the juror.
pub(crate) fn own_name<'a>(contest: &'a Contest, key: &'a StaffKey) -> &'a str {
    let panels = contest.record.definition.rules.panels.iter();
    let own = panels.filter(|panel| key.panel.as_ref() == Some(&panel.id)).flat_map(|panel| &panel.jurors);
    own.into_iter().find(|juror| juror::is_same(juror, &key.name)).map_or(&key.name, String::as_str)
}

/// The panel of a juror's key, and the juror's name in the log.
pub(crate) fn own_place<'a>(contest: &'a Contest, key: &'a StaffKey) -> Option<(&'a PanelId, &'a str)> {
    Some((key.panel.as_ref()?, own_name(contest, key)))
}

/// Refuses scores for entries that the juror is recused for; `admit` would too, without saying where they stand.
async fn check_recusals(
    api: &Api,
    id: &ContestId,
    command: &Command,
    sheet: &Sheet,
    asked: &RequestId,
) -> Result<(), Problem> {
    let Command::Score { panel, juror, .. } = command else { return Ok(()) };
    let sought = Sought::RecusalsOf { panel, juror };
    let recusals = recusals::standing(&*api.stores.database, id, sought).await?;
    let mistakes = recused_scores(sheet, |entry| recusals.iter().any(|recusal| recusal.entry == entry));
    // What is sent again is answered again, whatever came after it.
    if mistakes.is_empty() || api.stores.database.command_outcome(id, asked).await?.is_some() {
        return Ok(());
    }
    Err(invalid(&mistakes))
}

/// What the request enters. A juror enters the own scores, in the own panel.
fn sheet(request: ScoreRequest, key: &StaffKey) -> Result<Sheet, Problem> {
    let (panel, juror) = panel_and_juror(request.panel, request.juror, key)?;
    let (category, criterion, values) = (request.category, request.criterion, request.values);
    Ok(Sheet { panel, juror, category, criterion, values })
}

/// The panel and juror that a request is about: with a juror's key its own, whether or not the request names them.
pub(crate) fn panel_and_juror(
    panel: Option<String>,
    juror: Option<String>,
    key: &StaffKey,
) -> Result<(String, String), Problem> {
    let own = (key.role == Role::Juror).then(|| key.panel.as_ref().map_or("", PanelId::as_str));
    let field = |field: &str, given: Option<String>, own: Option<&str>| match (given, own) {
        (Some(given), Some(own)) if !juror::is_same(&given, own) => {
            let detail = format!("`{field}`: the key {} is for \"{own}\" alone", key.name);
            Err(Problem::new(&problem::KEY_INSUFFICIENT, detail).with("field", field))
        }
        (Some(given), _) => Ok(given),
        (None, Some(own)) => Ok(own.to_owned()),
        (None, None) => {
            let detail = format!("`{field}`: is missing");
            Err(Problem::new(&problem::INVALID_REQUEST, detail).with("field", field))
        }
    };
    let panel = field("panel", panel, own)?;
    Ok((panel, field("juror", juror, own.is_some().then_some(key.name.as_str()))?))
}

fn invalid(mistakes: &[Mistake]) -> Problem {
    let told = |mistake: &Mistake| json!({"field": mistake.place.to_string(), "problem": mistake.problem});
    let listed: Vec<Value> = mistakes.iter().take(MOST_MISTAKES).map(told).collect();
    let (field, detail) = mistakes.first().map_or_else(Default::default, |first| {
        (first.place.to_string(), format!("`{}`: {}", first.place, first.problem))
    });
    Problem::new(&problem::INVALID_REQUEST, detail).with("field", field).with("mistakes", listed)
}

/// The sequencer would refuse it too; but what jurors send in vain is not to fill the database.
pub(crate) fn check_time(contest: &Contest) -> Result<(), Problem> {
    let (code, detail) = match contest.phase() {
        Phase::Open | Phase::Suspended | Phase::Closed => return Ok(()),
        Phase::Draft => ("not-open", "the contest is a draft: nothing is in its log yet"),
        Phase::Frozen => ("frozen", "the log is frozen: nothing of jurors after it"),
        Phase::Certified => ("out-of-place", "the result is certified: nothing of jurors after it"),
    };
    Err(Problem::new(&problem::REFUSED, detail).with("code", code))
}

/// The sequencer counts too, and no request slips past it.
pub(crate) fn check_corrections(entered: usize) -> Result<(), Problem> {
    if entered < MOST_CORRECTIONS {
        return Ok(());
    }
    let (code, detail) = TOO_MANY_CORRECTIONS;
    Err(Problem::new(&problem::REFUSED, detail).with("code", code))
}

/// What stands.
#[derive(Serialize, ToSchema)]
struct Scores {
    contest: String,
    /// With a juror's key: whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    juror: Option<String>,
    /// With a juror's key: the juror's panel.
    #[serde(skip_serializing_if = "Option::is_none")]
    panel: Option<String>,
    /// By panel, juror, category and criterion, in byte order.
    scores: Vec<Standing>,
}

/// The newest scores of a juror in a category, by one criterion if the panel has several.
#[derive(Serialize, ToSchema)]
#[schema(as = StandingScores)]
pub(crate) struct Standing {
    pub(crate) panel: String,
    pub(crate) juror: String,
    pub(crate) category: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) criterion: Option<String>,
    /// Entry and score.
    #[schema(value_type = Vec<shapes::Pair>)]
    pub(crate) values: Vec<(String, String)>,
    /// Name of the staff key that entered them.
    pub(crate) by: String,
    /// Where they are in the log.
    pub(crate) index: u64,
    /// How often they were entered, corrections included.
    pub(crate) times: u64,
}

/// The scores that stand: the newest of each juror, category and criterion. Jurors read their own.
#[utoipa::path(get, operation_id = "read_scores", path = "/v1/contests/{contest}/scores", tag = "staff", security(("key" = [])),
    responses((status = 200, body = Scores, description = "what stands")))]
async fn read(
    State(api): State<Api>,
    Path(contest): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (contest, key) = auth::staff_of(&api, &headers, &contest, SCORE_READERS).await?;
    let id = contest.id();
    let own = (key.role == Role::Juror).then_some(&key);
    let scores = standing(&api, &contest, own).await?;
    let juror = own.map(|key| own_name(&contest, key).to_owned());
    let panel = own.and_then(|key| Some(key.panel.as_ref()?.to_string()));
    let body = Json(Scores { contest: id.to_string(), juror, panel, scores });
    Ok(([(header::CACHE_CONTROL, "private, no-store")], body).into_response())
}

/// Panel, juror, category and criterion.
type Place = (String, String, String, Option<String>);

/// Drops scores for entries that their juror was recused for after they were entered; also where the juror has rejoined since.
async fn drop_recused(
    api: &Api,
    id: &ContestId,
    own: Option<(&PanelId, &str)>,
    newest: &mut BTreeMap<Place, Standing>,
) -> Result<(), Problem> {
    let sought = Sought::recusals(own);
    let drop = |queued: QueuedCommand, outcome| {
        let (
            Command::Recusal { panel, juror, entry, rejoins: false, .. },
            CommandOutcome::Recorded { index: recused, .. },
        ) = (queued.command, outcome)
        else {
            return;
        };
        let from = (panel.as_str().to_owned(), juror.clone(), String::new(), None);
        let of_juror = newest.range_mut(from..);
        for (_, standing) in of_juror
            .take_while(|((of_panel, of, ..), _)| (of_panel.as_str(), of) == (panel.as_str(), &juror))
            .filter(|(_, standing)| standing.index < recused)
        {
            standing.values.retain(|(scored, _)| scored != entry.as_str());
        }
    };
    each_recorded(&*api.stores.database, id, sought, drop).await?;
    Ok(())
}

/// Of all jurors, or of the one whose key it is.
pub(crate) async fn standing(
    api: &Api,
    contest: &Contest,
    own: Option<&StaffKey>,
) -> Result<Vec<Standing>, Problem> {
    let own = own.and_then(|key| own_place(contest, key));
    let sought = own.map_or(Sought::Scores, |(panel, juror)| Sought::ScoresOf { panel, juror });
    // A big jury's scores, and one juror's with all corrections, are read for few requests at a time.
    let _place = api.long_readings.acquire().await.ok();
    let mut newest: BTreeMap<Place, Standing> = BTreeMap::new();
    let stand = |queued: QueuedCommand, outcome| {
        let (
            Command::Score { panel, juror, category, criterion, values },
            CommandOutcome::Recorded { index, .. },
        ) = (queued.command, outcome)
        else {
            return;
        };
        let [panel, category] = [panel.as_str(), category.as_str()].map(str::to_owned);
        let place = (panel.clone(), juror.clone(), category.clone(), criterion.clone());
        let known = newest.get(&place);
        let times = known.map_or(0, |known| known.times) + 1;
        if known.is_some_and(|known| known.index > index) {
            return;
        }
        let values = values.into_iter().map(|(entry, score)| (entry.to_string(), score)).collect();
        newest.insert(
            place,
            Standing { panel, juror, category, criterion, values, by: queued.by, index, times },
        );
    };
    each_recorded(&*api.stores.database, contest.id(), sought, stand).await?;
    drop_recused(api, contest.id(), own, &mut newest).await?;
    // An empty list takes scores back.
    Ok(newest.into_values().filter(|standing| !standing.values.is_empty()).collect())
}
