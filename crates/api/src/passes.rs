//! Passes for voters whom the organiser knows.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use acclaim_contest::subject::DefaultScheme;
use acclaim_service::passes::{MintedPasses, PassNumbers, PassRequest, Passes, RequestIdentity, Voter};
use acclaim_store::{RequestId, pass_revocations::RevokedCounts};
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
    auth::{Access, ORGANISERS},
    body::{Bodies, MAX_STAFF_BODY_BYTES, idempotency_key, optional_whole_number, parse},
    description::{refusals, shapes},
    extract::Path,
    problem::Problem,
    state::Api,
};

pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(mint, show))
}

refusals! {
    /// How a request for passes is refused.
    MintingRefusals: INVALID_REQUEST, REFUSED, IDEMPOTENCY_KEY_USED, TAG_KEY_DESTROYED, VOTING_CLOSED
}

/// Whom to mint passes for: `subjects` or `count`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"subjects": ["ama@example.org"]}))]
struct MintRequest {
    /// A mail address each, also as `Ama <ama@example.org>`, or a text with a scheme: `mailto:`, `tel:`, `oidc:`, `code:`, `id:`. The same person is the
    /// same voter, however the subject is written.
    subjects: Option<Vec<String>>,
    /// What subjects without a scheme are. Absent: what the contest's first list said, and of the first list `addresses`.
    subjects_are: Option<SubjectKind>,
    /// The given number of voters without names.
    #[serde(default, deserialize_with = "optional_whole_number")]
    #[schema(minimum = 1, maximum = 10_000)]
    count: Option<u64>,
    /// The channel that their votes count in, where the contest has channels.
    #[schema(value_type = Option<shapes::Id>)]
    channel: Option<String>,
    /// A label for turnout, such as a region. Never in the log.
    #[schema(value_type = Option<shapes::Id>)]
    group: Option<String>,
    /// From when on the passes are refused; 30 days after closing unless said otherwise.
    expires: Option<String>,
}

/// What subjects without a scheme are.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SubjectKind {
    /// Mail addresses; anything else is refused.
    Addresses,
    /// Identifiers of the organiser's own.
    Ids,
}

impl From<SubjectKind> for DefaultScheme {
    fn from(kind: SubjectKind) -> Self {
        match kind {
            SubjectKind::Addresses => Self::Addresses,
            SubjectKind::Ids => Self::Ids,
        }
    }
}

/// A pass for each person, in the order asked for.
#[derive(Serialize, ToSchema)]
#[schema(as = Minted)]
struct MintedBody {
    passes: Vec<MintedPass>,
    /// How many there are.
    minted: usize,
    /// Persons who are more than once in the list: they have one pass.
    same_person: Vec<SamePerson>,
}

/// One voter's pass.
#[derive(Serialize, ToSchema)]
struct MintedPass {
    /// As the list has it, where it has this person first.
    subject: String,
    /// What is compared: who has the same one is the same voter.
    canonical: String,
    pass: String,
}

/// A person who is more than once in a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct SamePerson {
    canonical: String,
    /// Places in `subjects`, from 0 on.
    positions: Vec<usize>,
}

impl From<MintRequest> for PassRequest {
    fn from(request: MintRequest) -> Self {
        let MintRequest { subjects, subjects_are, count, channel, group, expires } = request;
        let count = count.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        Self { subjects, subjects_are: subjects_are.map(Into::into), count, channel, group, expires }
    }
}

impl From<MintedPasses> for MintedBody {
    fn from(minted: MintedPasses) -> Self {
        let same_person = minted.passes.iter().filter_map(|(voter, _)| SamePerson::of(voter)).collect();
        let pass = |(Voter { subject, canonical, .. }, pass)| MintedPass { subject, canonical, pass };
        let passes: Vec<MintedPass> = minted.passes.into_iter().map(pass).collect();
        Self { minted: passes.len(), passes, same_person }
    }
}

impl SamePerson {
    /// A voter who is more than once in the list.
    pub(crate) fn of(voter: &Voter) -> Option<Self> {
        let Voter { canonical, positions, .. } = voter;
        (positions.len() > 1).then(|| Self { canonical: canonical.clone(), positions: positions.clone() })
    }
}

/// How many passes there are, and how subjects are compared.
#[derive(Serialize, ToSchema)]
struct ContestPasses {
    /// Passes counted at minting, by way of admission.
    #[schema(value_type = BTreeMap<String, u64>)]
    ways: BTreeMap<String, u64>,
    /// Voters whose passes were revoked, by the mode of their newest revocation.
    revoked: RevokedNumbers,
    /// The contest's newest revocation; 0 if there is none. Passes minted before it have a lower generation.
    generation: u32,
    /// `form` is `canonical-1`, with `subjects_are` and the table of `domains`; or `raw`, byte for byte, of contests that are older than that.
    #[schema(value_type = shapes::SubjectRules)]
    subjects: acclaim_contest::SubjectRules,
    /// Whether the contest keeps them, from its first pass of a subject on. Until then they are those that it would get now.
    kept: bool,
}

/// Numbers of voters.
#[derive(Serialize, ToSchema)]
struct RevokedNumbers {
    /// They may have new passes.
    replace: u64,
    /// They get none.
    bar: u64,
}

/// Mint passes.
///
/// The whole list is checked first: if one subject is refused, `refused` has them with positions and reasons, and nothing is minted. Passes are counted before they
/// are handed out, and the totals are published in the log. A repeated request gets the same passes, and is not counted again.
#[utoipa::path(post, operation_id = "mint_passes", path = "/v1/contests/{contest}/passes", tag = "staff", request_body = MintRequest, security(("key" = [])),
    params(("Idempotency-Key" = String, Header,)), responses((status = 200, body = MintedBody, description = "the passes"), MintingRefusals))]
async fn mint(
    State(access): State<Arc<Access>>,
    State(bodies): State<Arc<Bodies>>,
    State(passes): State<Arc<Passes>>,
    Path(contest): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (contest, key) = access.contest_and_key(request.headers(), &contest, ORGANISERS).await?;
    let asked = RequestId::new(&key.name, &idempotency_key(request.headers())?);
    let body = bodies.read_json(request, MAX_STAFF_BODY_BYTES, BODY_TIMEOUT).await?;
    let wanted: MintRequest = parse(&body)?;
    let asked = RequestIdentity { id: asked, hash: *blake3::hash(&body).as_bytes() };
    let minted = passes.mint(&contest, &asked, wanted.into()).await?;
    let answer = Json(MintedBody::from(minted));
    Ok(([(header::CACHE_CONTROL, "private, no-store")], answer).into_response())
}

/// How many passes there are, by way of admission, how many voters have revoked ones, and how subjects are compared.
///
/// By the latter a whole file can be checked, and persons found who are in it twice, before the first of several requests.
#[utoipa::path(get, operation_id = "count_passes", path = "/v1/contests/{contest}/passes", tag = "staff", security(("key" = [])),
    responses((status = 200, body = ContestPasses, description = "the numbers")))]
async fn show(
    State(access): State<Arc<Access>>,
    State(passes): State<Arc<Passes>>,
    Path(contest): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (contest, _) = access.contest_and_key(&headers, &contest, ORGANISERS).await?;
    let PassNumbers { ways, revoked, subjects, is_kept } = passes.numbers(&contest).await?;
    let RevokedCounts { replaced, barred, newest } = revoked;
    let revoked = RevokedNumbers { replace: replaced, bar: barred };
    let answer = Json(ContestPasses { ways, revoked, generation: newest, subjects, kept: is_kept });
    Ok(([(header::CACHE_CONTROL, "private, no-store")], answer).into_response())
}
