//! Passes for voters whom the organiser knows.

use std::time::Duration;

use acclaim_contest::{
    id::{ChannelId, is_id},
    pass::Pass,
};
use acclaim_store::{Phase, StoreError, contests::Counted};
use axum::{
    Json,
    extract::{Request, State},
    http::header,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{self, ORGANISERS},
    body::{STAFF_LIMIT, idempotency_key, parse, read_json},
    directory::Contest,
    extract::Path,
    problem::{self, Problem},
    state::Api,
};

/// Passes of one request.
const MOST: usize = 10_000;
/// Characters of a subject: an e-mail address with its scheme fits.
const MOST_SUBJECT: usize = 330;
/// A pass serves so long after the closing, for receipts and `votes/mine`.
const AFTER_CLOSING: SignedDuration = SignedDuration::from_hours(30 * 24);
const BODY_DEADLINE: Duration = Duration::from_secs(10);
/// The way of admission that `issued` entries name.
const SOURCE: &str = "pass";

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(mint))
}

/// Whom to mint passes for: `subjects` or `count`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MintRequest {
    /// Such as `mailto:ama@example.org`. The same subject is the same voter.
    subjects: Option<Vec<String>>,
    /// So many voters without names.
    count: Option<usize>,
    /// The channel that their votes count in, where the contest has channels.
    channel: Option<String>,
    /// A label for turnout, such as a region. Never in the log.
    group: Option<String>,
    /// From when on the passes are refused; 30 days after closing unless said otherwise.
    expires: Option<String>,
}

/// Passes, in the order asked for.
#[derive(Serialize, ToSchema)]
struct Minted {
    passes: Vec<MintedPass>,
}

/// One voter's pass.
#[derive(Serialize, ToSchema)]
struct MintedPass {
    subject: String,
    pass: String,
}

/// Mint passes.
///
/// They are counted before they are handed out, and the totals are published in the log. A repeated request gets the same passes, and is not counted again.
#[utoipa::path(post, path = "/v1/contests/{contest}/passes", tag = "staff", request_body = MintRequest, security(("key" = [])),
    params(("contest" = String, Path,), ("Idempotency-Key" = String, Header,)),
    responses((status = 200, body = Minted)))]
async fn mint(
    State(api): State<Api>,
    Path(contest): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (contest, _) = auth::staff_of(&api, request.headers(), &contest, ORGANISERS).await?;
    let id = contest.id().clone();
    let key = idempotency_key(request.headers())?;
    let body = read_json(request, STAFF_LIMIT, BODY_DEADLINE).await?;
    let wanted: MintRequest = parse(&body)?;
    let tag_key = contest.tag_key.as_ref().ok_or_else(|| {
        Problem::new(
            &problem::TAG_KEY_DESTROYED,
            "no pass can be minted any more: the contest's tag key is gone",
        )
    })?;
    if contest.phase() > Phase::Open {
        return Err(Problem::new(&problem::VOTING_CLOSED, "passes are minted until the closing"));
    }
    let channel = channel(&contest, wanted.channel.as_deref())?;
    if wanted.group.as_deref().is_some_and(|group| !is_id(group)) {
        return Err(invalid("group", "is not 1 to 64 of a-z, 0-9, `_`, `.`, `-`"));
    }
    let expires = match wanted.expires {
        Some(text) => {
            text.parse().map_err(|_| invalid("expires", "is not an instant such as 2021-05-01T00:00:00Z"))?
        }
        None => contest.closes().saturating_add(AFTER_CLOSING).unwrap_or(Timestamp::MAX),
    };
    if expires <= api.stores.clock.now() {
        return Err(invalid("expires", "has passed"));
    }
    let subjects = subjects(wanted.subjects, wanted.count, &key)?;

    let wrapped = contest.record.tag_key.as_deref().unwrap_or_default();
    let request = *blake3::hash(&body).as_bytes();
    let count = api.stores.database.count_passes(&id, wrapped, SOURCE, &key, request, subjects.len() as u64);
    let counted = match count.await {
        Err(StoreError::Conflict(_)) => {
            // This process has not heard of it yet.
            api.directory.renew(&id).await?;
            return Err(
                Problem::new(&problem::UNAVAILABLE, "the contest has changed meanwhile").retry_after(1)
            );
        }
        counted => counted?,
    };
    if counted == Counted::KeyUsed {
        return Err(Problem::new(&problem::IDEMPOTENCY_KEY_USED, "the key was used for another request"));
    }
    let pass_key = api
        .keyring
        .pass_keys()
        .last()
        .ok_or_else(|| Problem::new(&problem::INTERNAL, "there is no pass key"))?;
    let passes: Option<Vec<MintedPass>> = subjects
        .into_iter()
        .map(|subject| {
            let pass = Pass {
                voter: tag_key.tag(&subject),
                channel: channel.clone(),
                group: wanted.group.clone(),
                expires,
            };
            pass.mint(pass_key, &id).map(|pass| MintedPass { subject, pass })
        })
        .collect();
    let passes = passes.ok_or_else(|| invalid("expires", "is before 1970"))?;
    Ok(([(header::CACHE_CONTROL, "private, no-store")], Json(Minted { passes })).into_response())
}

/// The channel of the passes: required if and only if the contest has channels, and one of them.
fn channel(contest: &Contest, wanted: Option<&str>) -> Result<Option<ChannelId>, Problem> {
    let channels = &contest.record.definition.rules.channels;
    let known = || channels.iter().map(|channel| channel.id.as_str()).collect::<Vec<_>>().join(", ");
    match wanted {
        None if channels.is_empty() => Ok(None),
        None => Err(invalid("channel", &format!("is missing: the contest's channels are {}", known()))),
        Some(_) if channels.is_empty() => Err(invalid("channel", "the contest has no channels")),
        Some(wanted) => match channels.iter().find(|channel| channel.id.as_str() == wanted) {
            Some(channel) => Ok(Some(channel.id.clone())),
            None => Err(invalid("channel", &format!("is not one of the contest's: {}", known()))),
        },
    }
}

fn invalid(field: &str, what: &str) -> Problem {
    Problem::new(&problem::INVALID_REQUEST, format!("`{field}`: {what}")).with("field", field)
}

fn subjects(given: Option<Vec<String>>, count: Option<usize>, key: &str) -> Result<Vec<String>, Problem> {
    match (given, count) {
        (Some(subjects), None) => {
            check_subjects(&subjects)?;
            Ok(subjects)
        }
        // Made from the request's key, so that its repetition makes the same ones.
        (None, Some(count @ 1..=MOST)) => Ok((0..count)
            .map(|number| {
                let hash = blake3::Hasher::new_derive_key("acclaim v1 made-up subject")
                    .update(key.as_bytes())
                    .update(&(number as u64).to_le_bytes())
                    .finalize();
                let [name @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *hash.as_bytes();
                format!("pass:{}", URL_SAFE_NO_PAD.encode(name))
            })
            .collect()),
        (None, Some(_)) => Err(invalid("count", "is not from 1 to 10,000")),
        _ => Err(invalid("subjects", "either `subjects` or `count` must be there, and not both")),
    }
}

fn check_subjects(subjects: &[String]) -> Result<(), Problem> {
    if !(1..=MOST).contains(&subjects.len()) {
        return Err(invalid("subjects", "are not from 1 to 10,000"));
    }
    for (number, subject) in subjects.iter().enumerate() {
        let fine = !subject.trim().is_empty()
            && subject.chars().count() <= MOST_SUBJECT
            && !subject.chars().any(char::is_control);
        if !fine {
            let field = format!("subjects[{number}]");
            return Err(invalid(&field, "is empty, longer than 330 characters, or has control characters"));
        }
    }
    Ok(())
}
