//! Passes for voters whom the organiser knows.

mod revocations;
mod subjects;

use std::{collections::BTreeMap, time::Duration};

use acclaim_contest::{
    Instant, Phase, TagKey, VoterTag,
    id::{ChannelId, is_id},
    pass::{Admission, Pass, Way},
    subject::SubjectsAre,
};
use acclaim_service::directory::Contest;
use acclaim_store::{
    RequestId, StoreError,
    contests::{Counted, Minting, PassCount},
    pass_revocations::RevokedCounts,
};
use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::subjects::{Voter, Whom};
use crate::{
    auth::{self, ORGANISERS},
    body::{STAFF_LIMIT, idempotency_key, optional_whole_number, parse, read_json, unread},
    description::{refusals, shapes},
    extract::Path,
    problem::{self, Problem},
    state::Api,
};

/// A pass serves so long after the closing, for receipts and `votes/mine`.
const AFTER_CLOSING: SignedDuration = SignedDuration::from_hours(30 * 24);
const BODY_DEADLINE: Duration = Duration::from_secs(10);
/// How often a list is read again because another one became the contest's first meanwhile.
const MAX_READINGS: usize = 3;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(mint, show)).routes(routes!(revocations::revoke))
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
enum SubjectKind {
    /// Mail addresses; anything else is refused.
    Addresses,
    /// Identifiers of the organiser's own.
    Ids,
}

impl From<SubjectKind> for SubjectsAre {
    fn from(kind: SubjectKind) -> Self {
        match kind {
            SubjectKind::Addresses => Self::Addresses,
            SubjectKind::Ids => Self::Ids,
        }
    }
}

/// A pass for each person, in the order asked for.
#[derive(Serialize, ToSchema)]
struct Minted {
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
struct SamePerson {
    canonical: String,
    /// Places in `subjects`, from 0 on.
    positions: Vec<usize>,
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
    params(("Idempotency-Key" = String, Header,)), responses((status = 200, body = Minted, description = "the passes"), MintingRefusals))]
async fn mint(
    State(api): State<Api>,
    Path(contest): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (contest, key) = auth::staff_of(&api, request.headers(), &contest, ORGANISERS).await?;
    let asked = RequestId::new(&key.name, &idempotency_key(request.headers())?);
    let body = read_json(&api, request, STAFF_LIMIT, BODY_DEADLINE).await?;
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
    let grant = Grant::read(&api, &contest, &wanted)?;
    let made_up = wanted.count.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    let whom = Whom::read(wanted.subjects, made_up, wanted.subjects_are.map(Into::into))?;
    let request = Counting { asked: &asked, hash: *blake3::hash(&body).as_bytes(), minting: grant.minting };
    let (voters, minting) = count(&api, &contest, tag_key, &request, &whom).await?;
    let minted = grant.mint(&api, &contest, tag_key, voters, minting)?;
    Ok(([(header::CACHE_CONTROL, "private, no-store")], Json(minted)).into_response())
}

/// How many passes there are, by way of admission, how many voters have revoked ones, and how subjects are compared.
///
/// By the latter a whole file can be checked, and persons found who are in it twice, before the first of several requests.
#[utoipa::path(get, operation_id = "count_passes", path = "/v1/contests/{contest}/passes", tag = "staff", security(("key" = [])),
    responses((status = 200, body = ContestPasses, description = "the numbers")))]
async fn show(
    State(api): State<Api>,
    Path(contest): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (contest, _) = auth::staff_of(&api, &headers, &contest, ORGANISERS).await?;
    let kept = subjects::kept(&api, &contest).await?;
    let is_kept = kept.is_some();
    let subjects = subjects::rules(&api, kept, None)?;
    let database = &api.stores.database;
    let ways = database.passes(contest.id()).await.map_err(unread)?.into_iter().collect();
    let counts = database.count_revoked(contest.id()).await.map_err(unread)?;
    let RevokedCounts { replaced, barred, newest } = counts;
    let revoked = RevokedNumbers { replace: replaced, bar: barred };
    let answer = Json(ContestPasses { ways, revoked, generation: newest, subjects, kept: is_kept });
    Ok(([(header::CACHE_CONTROL, "private, no-store")], answer).into_response())
}

/// A request that mints passes.
struct Counting<'a> {
    asked: &'a RequestId,
    /// Of its content.
    hash: [u8; 32],
    minting: Minting,
}

/// The voters of a request, counted once for its id, and what their passes say; `None` for passes of version 1.
async fn count(
    api: &Api,
    contest: &Contest,
    tag_key: &TagKey,
    request: &Counting<'_>,
    whom: &Whom,
) -> Result<(Vec<Voter>, Option<Minting>), Problem> {
    let Counting { asked, hash, minting } = *request;
    let wrapped = contest.record.tag_key.as_deref().unwrap_or_default();
    for _ in 0..MAX_READINGS {
        let (voters, rules) = whom.voters(api, contest, asked).await?;
        let tags: Vec<VoterTag> = voters.iter().map(|voter| tag_key.tag(&voter.canonical)).collect();
        let passes = PassCount {
            source: Way::Pass.as_str(),
            id: asked,
            request: hash,
            more: voters.len() as u64,
            subjects: rules.as_ref(),
            voters: &tags,
            minting,
        };
        match api.stores.database.count_passes(contest.id(), wrapped, passes).await {
            // This process has not heard of it yet.
            Err(StoreError::Conflict(_)) => {
                api.directory.renew(contest.id()).await?;
                break;
            }
            Err(error) => return Err(error.into()),
            Ok(Counted::New(minting)) => return Ok((voters, Some(minting))),
            Ok(Counted::Again(minting)) => return Ok((voters, minting)),
            Ok(Counted::AgainOfContest) => return Ok((whom.as_made_before(voters, asked), None)),
            Ok(Counted::KeyUsed) => return Err(key_used()),
            Ok(Counted::Barred(barred)) => return Err(subjects::barred(&voters, &tags, &barred)),
            // Another list has become the contest's first meanwhile.
            Ok(Counted::OtherSubjects) => {}
        }
    }
    Err(changed())
}

fn key_used() -> Problem {
    let used = "the staff key has used this Idempotency-Key for another request";
    Problem::new(&problem::IDEMPOTENCY_KEY_USED, used)
}

fn changed() -> Problem {
    Problem::new(&problem::UNAVAILABLE, "the contest has changed meanwhile").retry_after(1)
}

/// What all passes of a request have in common.
struct Grant {
    channel: Option<ChannelId>,
    group: Option<String>,
    /// As it is if the request is a new one.
    minting: Minting,
}

impl Grant {
    fn read(api: &Api, contest: &Contest, wanted: &MintRequest) -> Result<Self, Problem> {
        let now = api.stores.clock.now();
        let channel = channel(contest, wanted.channel.as_deref())?;
        if wanted.group.as_deref().is_some_and(|group| !is_id(group)) {
            return Err(invalid("group", "is not 1 to 64 of a-z, 0-9, `_`, `.`, `-`"));
        }
        let expires: Timestamp = match &wanted.expires {
            Some(text) => text
                .parse()
                .map_err(|_| invalid("expires", "is not an instant such as 2021-05-01T00:00:00Z"))?,
            None => contest.closes().saturating_add(AFTER_CLOSING).unwrap_or(Timestamp::MAX),
        };
        if expires <= now {
            return Err(invalid("expires", "has passed"));
        }
        let no_key = || Problem::new(&problem::INTERNAL, "there is no pass key");
        let minting = Minting {
            pass_key: api.keyring.pass_keys().last().ok_or_else(no_key)?.id,
            expires: Instant::at_or_before(expires),
            admitted: Instant::at_or_before(now),
            generation: 0,
        };
        Ok(Self { channel, group: wanted.group.clone(), minting })
    }

    /// The passes; of version 1 if nothing is kept of what they say.
    fn mint(
        self,
        api: &Api,
        contest: &Contest,
        tag_key: &TagKey,
        voters: Vec<Voter>,
        minting: Option<Minting>,
    ) -> Result<Minted, Problem> {
        let Minting { pass_key, expires, .. } = minting.unwrap_or(self.minting);
        let no_key = || Problem::new(&problem::INTERNAL, "the pass key of the request is not there");
        let pass_key = api.keyring.pass_keys().iter().find(|key| key.id == pass_key).ok_or_else(no_key)?;
        let admission = minting.map(|minting| Admission {
            way: Way::Pass,
            at: minting.admitted.timestamp(),
            generation: minting.generation,
        });
        let (channel, group, expires) = (self.channel, self.group, expires.timestamp());
        let mut pass = Pass { voter: tag_key.tag(""), channel, group, expires, admission };
        let mut minted = Minted {
            passes: Vec::with_capacity(voters.len()),
            minted: voters.len(),
            same_person: Vec::new(),
        };
        for Voter { subject, canonical, positions } in voters {
            pass.voter = tag_key.tag(&canonical);
            let text =
                pass.mint(pass_key, contest.id()).ok_or_else(|| invalid("expires", "is before 1970"))?;
            if positions.len() > 1 {
                minted.same_person.push(SamePerson { canonical: canonical.clone(), positions });
            }
            minted.passes.push(MintedPass { subject, canonical, pass: text });
        }
        Ok(minted)
    }
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
