//! What a voter has cast, and what is left to cast: of any voter quickly, also of one with thousands of ballots.

use std::collections::{HashMap, HashSet};

use acclaim_ballot_log::{LogEntry, leaf_hash};
use acclaim_contest::{Phase, VoterTag, days::day_at, pass::Pass, rules::Period};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth,
    ballots::BallotStatus,
    body::{MAX_EXACT, contest_id, no_contest},
    casting::window,
    description::shapes,
    directory::Contest,
    extract::{Path, Query},
    problem::{self, Problem},
    recorded::shown,
    sheet::number,
    state::Api,
};

/// Ballots of one reading, and of one answer.
const PAGE: usize = 500;
/// Readings of one request. Whoever casts category by category, in several channels, can have more ballots than that.
const MOST_PAGES: usize = 24;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(mine))
}

/// A voter's own ballots.
#[derive(Serialize, ToSchema)]
#[schema(as = OwnVotes)]
struct Mine {
    contest: String,
    /// The channel of the pass, where the contest has channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    /// Where the contest has periods: the one to vote in now, today or the smallest number with a category left. Absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    /// With numbered ballots: numbers with a category left.
    #[serde(skip_serializing_if = "Option::is_none")]
    ballots_left: Option<u32>,
    /// The newest ballots of this channel that fill categories, at most 500, in the order of the log.
    ballots: Vec<MyBallot>,
    /// Ask with `before` of this for older ones. Absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    older: Option<u64>,
    /// Categories without a ballot, in this channel and period. Absent, as are `period` and `ballots_left`, for a voter with more ballots than are
    /// looked through for one answer: there may be some left.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<Vec<String>>,
}

/// A ballot with what it chose.
#[derive(Serialize, ToSchema)]
#[schema(as = OwnBallot)]
struct MyBallot {
    #[serde(flatten)]
    status: BallotStatus,
    /// Where the contest has channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    /// Where the contest has periods: the day, or the ballot's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    /// The log entry, whose hash is `leaf_hash`.
    entry: String,
    /// Category and entry of each vote.
    #[schema(value_type = Vec<shapes::Pair>)]
    selections: Vec<(String, String)>,
}

/// Which ballots to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Older {
    /// Those below this index of the log.
    #[param(maximum = 9007199254740991_u64)]
    before: Option<u64>,
}

/// The voter's own ballots that fill categories, and the categories left.
#[utoipa::path(get, operation_id = "read_own_votes", path = "/v1/contests/{contest}/votes/mine", tag = "voters", security(("pass" = [])),
    params(Older), responses((status = 200, body = Mine, description = "what the voter has cast, and what is left")))]
async fn mine(
    State(api): State<Api>,
    Path(contest): Path<String>,
    Query(older): Query<Older>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let contest = api.directory.contest(&contest_id(&contest)?).ok_or_else(no_contest)?;
    let now = api.stores.clock.now();
    let pass = auth::voter(&api, &headers, &contest, now)?;
    api.limiter.check_pass(pass.voter)?;
    if older.before.is_some_and(|before| before > MAX_EXACT) {
        return Err(Problem::new(&problem::INVALID_PARAMETER, format!("`before` is more than {MAX_EXACT}")));
    }
    let shown = shown_of(&api, &contest).await?;
    let newest = read_page(&api, &contest, &pass, shown).await?;
    let next = next_sheet(&api, &contest, &pass, &newest, now).await?;
    let mut listed = match older.before {
        Some(before) => read_page(&api, &contest, &pass, before.min(shown)).await?,
        None => newest,
    };
    // Whole pages may be of another channel, or replaced.
    for _ in 1..MOST_PAGES {
        let Some(before) = listed.next.filter(|_| listed.ballots.is_empty()) else { break };
        listed = read_page(&api, &contest, &pass, before).await?;
    }
    listed.ballots.reverse();
    let mine = Mine {
        contest: contest.id().to_string(),
        channel: pass.channel.map(|channel| channel.to_string()),
        period: next.period,
        ballots_left: next.ballots_left,
        ballots: listed.ballots,
        older: listed.next,
        left: next.left,
    };
    Ok(([(header::CACHE_CONTROL, "private, no-store")], Json(mine)).into_response())
}

/// How many entries of the log have been shown.
async fn shown_of(api: &Api, contest: &Contest) -> Result<u64, Problem> {
    match contest.phase() {
        Phase::Draft => Ok(0),
        _ => Ok(shown(&api.stores, contest.id()).await?),
    }
}

/// Some of a voter's ballots, newest first.
struct Page {
    /// Those of the pass's channel that fill slots: all but the replaced ones.
    ballots: Vec<MyBallot>,
    /// Before which index the next page begins, if there may be one.
    next: Option<u64>,
}

async fn read_page(api: &Api, contest: &Contest, pass: &Pass, before: u64) -> Result<Page, Problem> {
    let rows =
        api.stores.database.ballots_with_prefix(contest.id(), pass.voter.prefix(), before, PAGE).await?;
    let next = rows.last().filter(|_| rows.len() == PAGE).map(|(oldest, _)| oldest.index);
    let mut ballots = Vec::new();
    for (recorded, line) in rows {
        // Another voter's tag can begin alike; and another pass of the voter's may be of another channel.
        let Ok(LogEntry::Ballot(ballot)) = LogEntry::decode(&line) else { continue };
        if !recorded.state.fills_slots() {
            continue;
        }
        if ballot.voter != pass.voter || ballot.channel != pass.channel.as_ref().map(AsRef::as_ref) {
            continue;
        }
        ballots.push(MyBallot {
            status: BallotStatus::new(recorded, leaf_hash(&line)),
            channel: ballot.channel.map(str::to_owned),
            period: ballot.period.map(str::to_owned),
            entry: String::from_utf8_lossy(&line).into_owned(),
            selections: ballot.selections.iter().map(|(c, e)| (c.to_owned(), e.to_owned())).collect(),
        });
    }
    Ok(Page { ballots, next })
}

/// The categories of `categories` that the voter's ballots of the same channel and period fill; `None` if the voter has more ballots than
/// are read at once.
pub(crate) async fn filled(
    api: &Api,
    contest: &Contest,
    voter: VoterTag,
    channel: Option<&str>,
    period: Option<&str>,
    categories: impl Iterator<Item = &str>,
) -> Result<Option<Vec<String>>, Problem> {
    let channel = channel.and_then(|channel| channel.parse().ok());
    let pass = Pass { voter, channel, group: None, expires: Timestamp::MAX, admission: None };
    let page = read_page(api, contest, &pass, shown_of(api, contest).await?).await?;
    if page.next.is_some() {
        return Ok(None);
    }
    let mine = page.ballots.iter().filter(|mine| mine.period.as_deref() == period);
    let taken: HashSet<&str> =
        mine.flat_map(|mine| mine.selections.iter().map(|(category, _)| category.as_str())).collect();
    let mut filled: Vec<String> =
        categories.filter(|category| taken.contains(category)).map(str::to_owned).collect();
    filled.dedup();
    Ok(Some(filled))
}

/// What is left to vote in.
#[derive(Default)]
struct Next {
    period: Option<String>,
    ballots_left: Option<u32>,
    /// `None` if that is not known.
    left: Option<Vec<String>>,
}

/// What a sheet's ballots fill.
#[derive(Default)]
struct Sheet {
    categories: HashSet<String>,
    votes: usize,
}

/// A voter's sheets in the channel of a pass, by period.
type Sheets = HashMap<Option<String>, Sheet>;

async fn next_sheet(
    api: &Api,
    contest: &Contest,
    pass: &Pass,
    newest: &Page,
    now: Timestamp,
) -> Result<Next, Problem> {
    let rules = &contest.record.definition.rules.ballot;
    let today = match rules.period {
        Period::Once | Period::Counted => None,
        Period::Day => {
            let open = window(contest, now).is_ok();
            let Some(today) = day_at(&contest.days, now).filter(|_| open) else {
                return Ok(Next { left: Some(Vec::new()), ..Next::default() });
            };
            Some(today)
        }
    };
    let Some(sheets) = read_sheets(api, contest, pass, newest, today).await? else {
        return Ok(Next::default());
    };
    let none = Sheet::default();
    let sheet = |period: &Option<String>| sheets.get(period).unwrap_or(&none);
    if rules.period == Period::Counted {
        let most = rules.ballots_per_voter.unwrap_or(0);
        let used_up: HashSet<u32> = sheets
            .iter()
            .filter(|(_, sheet)| left(contest, sheet).next().is_none())
            .filter_map(|(period, _)| number(period.as_deref()?))
            .collect();
        let period = (1..=most).find(|number| !used_up.contains(number)).map(|number| number.to_string());
        let left = period.iter().flat_map(|_| left(contest, sheet(&period))).map(str::to_owned).collect();
        let used_up = u32::try_from(used_up.len()).unwrap_or(u32::MAX);
        return Ok(Next { ballots_left: Some(most.saturating_sub(used_up)), left: Some(left), period });
    }
    let period = today.map(str::to_owned);
    let left = left(contest, sheet(&period)).map(str::to_owned).collect();
    Ok(Next { period, ballots_left: None, left: Some(left) })
}

/// Reads all sheets, or those of `today` alone. `None` if there are more ballots than are read for one request.
async fn read_sheets(
    api: &Api,
    contest: &Contest,
    pass: &Pass,
    newest: &Page,
    today: Option<&str>,
) -> Result<Option<Sheets>, Problem> {
    let mut sheets = Sheets::new();
    let mut before = add_to(&mut sheets, newest, today);
    let mut pages = 1;
    // Whoever has many ballots waits for the others who do: voters with few have the database to themselves meanwhile.
    let mut place = None;
    while let Some(index) = before {
        if pages >= MOST_PAGES {
            return Ok(None);
        }
        if place.is_none() {
            place = api.long_readings.acquire().await.ok();
        }
        before = add_to(&mut sheets, &read_page(api, contest, pass, index).await?, today);
        pages += 1;
    }
    Ok(Some(sheets))
}

/// Adds a page's ballots, and says where to read on: of `today`, no further than a page that reaches back to an earlier day.
fn add_to(sheets: &mut Sheets, page: &Page, today: Option<&str>) -> Option<u64> {
    for ballot in &page.ballots {
        let sheet = sheets.entry(ballot.period.clone()).or_default();
        sheet.votes += ballot.selections.len();
        sheet.categories.extend(ballot.selections.iter().map(|(category, _)| category.clone()));
    }
    let oldest = page.ballots.last().and_then(|ballot| ballot.period.as_deref());
    page.next.filter(|_| today.is_none() || oldest.is_none_or(|oldest| Some(oldest) >= today))
}

/// The categories left on a sheet: neither filled, nor out of reach by the votes that are left in all, nor beyond a limit over several categories.
fn left<'a>(contest: &'a Contest, sheet: &'a Sheet) -> impl Iterator<Item = &'a str> {
    let definition = &contest.record.definition;
    let rules = &definition.rules;
    let size = |votes: u32| usize::try_from(votes).unwrap_or(usize::MAX);
    let most = rules.ballot.votes_in_all.map_or(usize::MAX, size);
    let used_up = rules.limits.iter().filter(move |limit| {
        let filled = limit.categories.iter().filter(|category| sheet.categories.contains(category.as_str()));
        filled.count() >= size(limit.most)
    });
    let beyond: HashSet<&str> =
        used_up.flat_map(|limit| &limit.categories).map(acclaim_contest::CategoryId::as_str).collect();
    let categories = definition.categories.iter().filter(move |category| {
        let [least, _] = rules.votes_in(category);
        sheet.votes.saturating_add(size(least)) <= most
    });
    let ids = categories.map(|category| category.id.as_str());
    ids.filter(move |id| !sheet.categories.contains(*id) && !beyond.contains(id))
}
