//! Minting passes for voters whom the organiser knows, and counting a contest's passes.

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
    /// Problems that refuse a request for passes.
    MintingRefusals: INVALID_REQUEST, REFUSED, IDEMPOTENCY_KEY_USED, TAG_KEY_DESTROYED, VOTING_CLOSED
}

/// The voters to mint passes for: `subjects` or `count`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"subjects": ["ama@example.org"]}))]
struct MintRequest {
    /// Mail addresses, also in the form `Ama <ama@example.org>`, or identifiers with a scheme:
    /// `mailto:`, `tel:`, `oidc:`, `code:`, `id:`. Different spellings of one subject are the same
    /// voter.
    subjects: Option<Vec<String>>,
    /// The kind of subjects without a scheme. For the contest's first list the default is
    /// `addresses`. For later lists the default is the kind of the first list.
    subjects_are: Option<SubjectKind>,
    /// Number of voters to mint passes for without naming them, in place of `subjects`.
    #[serde(default, deserialize_with = "optional_whole_number")]
    #[schema(minimum = 1, maximum = 10_000)]
    count: Option<u64>,
    /// The channel that their votes count in, if the contest has channels.
    #[schema(value_type = Option<shapes::Id>)]
    channel: Option<String>,
    /// A label for turnout, for example a region. It is never in the log.
    #[schema(value_type = Option<shapes::Id>)]
    group: Option<String>,
    /// The instant from which the passes are refused. The default is 30 days after closing.
    expires: Option<String>,
}

/// The kind of subjects without a scheme.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SubjectKind {
    /// Mail addresses. Other texts are refused.
    Addresses,
    /// The organiser's own identifiers.
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

/// A pass for each person, in the order of the request.
#[derive(Serialize, ToSchema)]
#[schema(as = Minted)]
struct MintedBody {
    passes: Vec<MintedPass>,
    /// Number of passes.
    minted: usize,
    /// Persons that are in the list more than once. Each of them gets one pass.
    same_person: Vec<SamePerson>,
}

/// One voter's pass.
#[derive(Serialize, ToSchema)]
struct MintedPass {
    /// The first spelling of this person in the list.
    subject: String,
    /// The subject in canonical form. Subjects with the same canonical form are the same voter.
    canonical: String,
    pass: String,
}

/// A person that is in a list more than once.
#[derive(Serialize, ToSchema)]
pub(crate) struct SamePerson {
    canonical: String,
    /// Positions in `subjects`, from 0.
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
    /// Returns a voter that is in the list more than once; `None` for other voters.
    pub(crate) fn of(voter: &Voter) -> Option<Self> {
        let Voter { canonical, positions, .. } = voter;
        (positions.len() > 1).then(|| Self { canonical: canonical.clone(), positions: positions.clone() })
    }
}

/// The number of passes, and how subjects are compared.
#[derive(Serialize, ToSchema)]
struct ContestPasses {
    /// Number of passes for each way of admission, counted when passes are minted.
    #[schema(value_type = BTreeMap<String, u64>)]
    ways: BTreeMap<String, u64>,
    /// Number of voters whose passes were revoked, for each mode of the newest revocation.
    revoked: RevokedNumbers,
    /// Generation of the contest's newest revocation; 0 if there is none. Passes that were minted
    /// before it have a lower generation.
    generation: u32,
    /// How subjects are compared. `form` is `canonical-1`, with `subjects_are` and the table of
    /// `domains`. In older contests `form` is `raw`: subjects are compared byte for byte.
    #[schema(value_type = shapes::SubjectRules)]
    subjects: acclaim_contest::SubjectRules,
    /// Whether these rules are stored with the contest. The first pass of a subject stores them.
    /// Until then the answer has the rules that would be stored now.
    kept: bool,
}

/// Numbers of voters.
#[derive(Serialize, ToSchema)]
struct RevokedNumbers {
    /// Voters that can get new passes.
    replace: u64,
    /// Voters that get no new passes.
    bar: u64,
}

/// Mint passes.
///
/// The whole list is checked first. If one subject is refused, `refused` lists the refused subjects
/// with positions and reasons, and nothing is minted. Passes are counted before they are handed
/// out, and the totals are published in the log. A repeated request gets the same passes and is not
/// counted again.
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
    let id = RequestId::new(&key.name, &idempotency_key(request.headers())?);
    let body = bodies.read_json(request, MAX_STAFF_BODY_BYTES, BODY_TIMEOUT).await?;
    let request: MintRequest = parse(&body)?;
    let identity = RequestIdentity { id, hash: *blake3::hash(&body).as_bytes() };
    let minted = passes.mint(&contest, &identity, request.into()).await?;
    let answer = Json(MintedBody::from(minted));
    Ok(([(header::CACHE_CONTROL, "private, no-store")], answer).into_response())
}

/// Count the passes for each way of admission, and the voters with revoked passes.
///
/// The answer also says how subjects are compared. A client that sends a long file in several
/// requests can use these rules before the first request. It can check the whole file, and find
/// persons that are in the file twice.
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
