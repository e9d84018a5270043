//! Staff events: the routes that append them to a contest's log.
//!
//! Each request becomes a command in the database. The sequencer processes the commands in order
//! with the ballots. The answer is sent after the commit.

use std::{sync::Arc, time::Duration};

use acclaim_ballot_log::Amendment;
use acclaim_contest::BallotId;
use acclaim_service::commands::{self as service, StaffCommands};
use acclaim_store::{
    RequestId,
    command::{Command, Reason, is_reserved},
};
use acclaim_text::characters;
use axum::{
    Json,
    extract::{FromRef, Request, State},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{Access, ORGANISERS},
    body::{Bodies, MAX_STAFF_BODY_BYTES, idempotency_key, parse, whole_number},
    casting::LogHead,
    description::{refusals, shapes},
    extract::Path,
    problem::Problem,
    state::Api,
};

/// Most ballots of one ruling.
const MAX_BALLOTS_PER_REQUEST: usize = 10_000;
/// Longest reason, note or statement, in bytes.
///
/// At this length an entry of the log holds a reason and a note also in their longest JSON form.
const MAX_TEXT_BYTES: usize = 5_000;
/// How long a staff request's body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(open))
        .routes(routes!(close))
        .routes(routes!(freeze))
        .routes(routes!(draw))
        .routes(routes!(certify))
        .routes(routes!(reopen))
        .routes(routes!(unfreeze))
        .routes(routes!(suspend))
        .routes(routes!(resume))
        .routes(routes!(void))
        .routes(routes!(withdraw))
        .routes(routes!(reinstate))
        .routes(routes!(amend))
        .routes(routes!(choose))
        .routes(routes!(destroy_tag_key))
        .routes(routes!(state_publicly))
}

/// The entries that a command made in the log.
#[derive(Serialize, ToSchema)]
pub(crate) struct Done {
    /// Index of its first entry.
    index: u64,
    /// Number of entries that it made.
    entries: u64,
    log: LogHead,
}

type Answer = Result<Json<Done>, Problem>;

refusals! {
    /// Problems that refuse a command.
    pub(crate) CommandRefusals: INVALID_REQUEST, REFUSED, IDEMPOTENCY_KEY_USED
}

/// No fields.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// The seed of a draw.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"seed": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}))]
struct DrawRequest {
    /// 32 bytes in lowercase hex.
    #[schema(value_type = shapes::Sha256)]
    seed: String,
}

/// The `certify` object at the end of the provisional result.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"size": 13, "root": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "result": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}))]
struct CertifyRequest {
    /// Size of the log.
    #[serde(deserialize_with = "whole_number")]
    #[schema(maximum = 9007199254740991_u64)]
    size: u64,
    /// Its root, base64.
    #[schema(value_type = shapes::Root)]
    root: String,
    /// SHA-256 of the certified document, lowercase hex.
    #[schema(value_type = shapes::Sha256)]
    result: String,
    /// Whether to certify although the winners of some categories are not decided.
    #[serde(default)]
    undecided: bool,
}

/// A reason, with an optional note.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "a complaint was upheld"}))]
struct ReasonRequest {
    #[schema(value_type = shapes::Text)]
    reason: String,
    #[schema(value_type = Option<shapes::Text>)]
    note: Option<String>,
}

/// Ballots to void.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"ballots": ["AAAAAAAAAAAAAAAAAAAAAA"], "reason": "cast by a program"}))]
struct VoidRequest {
    #[schema(value_type = Vec<shapes::BallotId>)]
    ballots: Vec<BallotId>,
    #[schema(value_type = shapes::Text)]
    reason: String,
    #[schema(value_type = Option<shapes::Text>)]
    note: Option<String>,
}

/// An entry to withdraw.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"entry": "photo-02", "reason": "withdrawn by its author"}))]
struct WithdrawRequest {
    #[schema(value_type = shapes::Id)]
    entry: String,
    #[schema(value_type = shapes::Text)]
    reason: String,
    #[schema(value_type = Option<shapes::Text>)]
    note: Option<String>,
}

/// A withdrawn entry, or voided ballots: one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"entry": "photo-02", "reason": "withdrawn by mistake"}))]
struct ReinstateRequest {
    #[schema(value_type = Option<shapes::Id>)]
    entry: Option<String>,
    #[schema(value_type = Option<Vec<shapes::BallotId>>)]
    ballots: Option<Vec<BallotId>>,
    #[schema(value_type = shapes::Text)]
    reason: String,
    #[schema(value_type = Option<shapes::Text>)]
    note: Option<String>,
}

/// A new value for a text, or for the closing instant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"what": "entry:photo-01", "key": "title", "to": "Dawn over the lake", "reason": "a misspelling"}))]
struct AmendRequest {
    /// `closes`, `entry:<id>` or `category:<id>`.
    what: String,
    /// Key of the definition, for example `title`.
    key: String,
    /// New value.
    #[schema(value_type = shapes::Amendment)]
    to: Amendment,
    #[schema(value_type = shapes::Text)]
    reason: String,
    #[schema(value_type = Option<shapes::Text>)]
    note: Option<String>,
}

/// The panel's choice in a category.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"category": "photos", "winners": ["photo-01"]}))]
struct ChooseRequest {
    #[schema(value_type = shapes::Id)]
    category: String,
    /// Zero or more entries.
    #[schema(value_type = Vec<shapes::Id>)]
    winners: Vec<String>,
    #[schema(value_type = Option<shapes::Text>)]
    note: Option<String>,
}

/// Why the tag key is destroyed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "the contest is over"}))]
struct DestructionRequest {
    /// The statement's text in the log.
    #[schema(value_type = shapes::Text)]
    reason: String,
}

/// A statement to all readers of the log.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "notice", "text": "The server was away from 12:00 to 12:05 UTC."}))]
struct StatementRequest {
    #[schema(value_type = shapes::Text)]
    kind: String,
    #[schema(value_type = shapes::Text)]
    text: String,
}

macro_rules! staff_route {
    ($(#[doc = $doc:literal])+ $name:ident $path:literal $body:ty => $command:expr) => {
        $(#[doc = $doc])+
        #[utoipa::path(post, path = $path, tag = "staff", request_body = $body, security(("key" = [])),
            params(("Idempotency-Key" = String, Header,)),
            responses((status = 200, body = Done, description = "recorded in the log"), CommandRefusals))]
        async fn $name(State(staff): State<StaffRequests>, Path(contest): Path<String>, request: Request) -> Answer {
            staff.run(&contest, request, $command).await
        }
    };
}

staff_route!(
    /// Open a draft now.
    open "/v1/contests/{contest}/open" Nothing => |_: Nothing| Ok(Command::Open)
);
staff_route!(
    /// End voting now.
    ///
    /// Ballots are refused at once. The answer is sent when all ballots that arrived before are
    /// recorded.
    close "/v1/contests/{contest}/close" Nothing => |_: Nothing| Ok(Command::Close)
);
staff_route!(
    /// Freeze the contest: no more rulings and scores. A draw needs this first.
    freeze "/v1/contests/{contest}/freeze" Nothing => |_: Nothing| Ok(Command::Freeze)
);
staff_route!(
    /// Log the seed of the draw, from the source that the rules name. Once, after freezing.
    draw "/v1/contests/{contest}/draw" DrawRequest => |body: DrawRequest| Ok(Command::Draw { seed: seed(body.seed)? })
);
staff_route!(
    /// Make the result final.
    ///
    /// If the winners of some categories are not decided, the request is refused with the code
    /// `undecided`. The field `undecided` then lists each reason by category. With `"undecided":
    /// true` in the request they may stay undecided.
    certify "/v1/contests/{contest}/certify" CertifyRequest => |CertifyRequest { size, root, result, undecided }: CertifyRequest| {
        Ok(Command::Certify { size, root, result, undecided })
    }
);
staff_route!(
    /// Allow rulings again after certification.
    reopen "/v1/contests/{contest}/reopen" ReasonRequest => |body: ReasonRequest| {
        Ok(Command::Reopen(reason(body.reason, body.note)?))
    }
);
staff_route!(
    /// Undo freezing: rulings and scores are allowed again.
    ///
    /// Not where the rules have a draw, and not in logs of version 1.
    unfreeze "/v1/contests/{contest}/unfreeze" ReasonRequest => |body: ReasonRequest| {
        Ok(Command::Unfreeze(reason(body.reason, body.note)?))
    }
);
staff_route!(
    /// Take no ballots until voting is resumed.
    ///
    /// Ballots that wait are recorded first. From then on ballots are answered `voting-suspended`.
    /// The closing instant does not move. Not in logs of version 1.
    suspend "/v1/contests/{contest}/suspend" ReasonRequest => |body: ReasonRequest| {
        Ok(Command::Suspend(reason(body.reason, body.note)?))
    }
);
staff_route!(
    /// Take ballots again after a suspension.
    resume "/v1/contests/{contest}/resume" ReasonRequest => |body: ReasonRequest| {
        Ok(Command::Resume(reason(body.reason, body.note)?))
    }
);
staff_route!(
    /// Void ballots: they do not count. Their slots stay occupied.
    void "/v1/contests/{contest}/voids" VoidRequest => |body: VoidRequest| {
        Ok(Command::Void { ballots: ballots(body.ballots)?, reason: reason(body.reason, body.note)? })
    }
);
staff_route!(
    /// Withdraw an entry. Its votes are reported separately.
    withdraw "/v1/contests/{contest}/withdrawals" WithdrawRequest => |body: WithdrawRequest| {
        Ok(Command::Withdraw { entry: id("entry", &body.entry)?, reason: reason(body.reason, body.note)? })
    }
);
staff_route!(
    /// Undo a withdrawal or a void.
    reinstate "/v1/contests/{contest}/reinstatements" ReinstateRequest => |body: ReinstateRequest| {
        let why = reason(body.reason, body.note)?;
        match (body.entry, body.ballots) {
            (Some(entry), None) => Ok(Command::ReinstateEntry { entry: id("entry", &entry)?, reason: why }),
            (None, Some(given)) => Ok(Command::ReinstateBallots { ballots: ballots(given)?, reason: why }),
            _ => Err(Problem::invalid("entry", "give either `entry` or `ballots`, not both")),
        }
    }
);
staff_route!(
    /// Change a text of an entry or category, or close later.
    amend "/v1/contests/{contest}/amendments" AmendRequest => |body: AmendRequest| {
        Ok(Command::Amend { what: body.what, key: body.key, to: amendment(body.to)?, reason: reason(body.reason, body.note)? })
    }
);
staff_route!(
    /// Enter the panel's choice in a category. A later choice replaces it.
    choose "/v1/contests/{contest}/choices" ChooseRequest => |body: ChooseRequest| {
        let winners: Result<Vec<_>, Problem> = body.winners.iter().map(|entry| id("winners", entry)).collect();
        let note = body.note.map(|note| text("note", note)).transpose()?;
        Ok(Command::Choose { category: id("category", &body.category)?, winners: winners?, note })
    }
);
staff_route!(
    /// Destroy the contest's tag key: subjects can then no longer be linked to tags.
    ///
    /// Once, after closing, and for ever. The log records it in a statement of the kind
    /// `tag-key-destroyed`, in the same transaction. Backups and lists of passes still link
    /// subjects to tags.
    destroy_tag_key "/v1/contests/{contest}/tag-key/destruction" DestructionRequest => |body: DestructionRequest| {
        Ok(Command::DestroyTagKey { reason: text("reason", body.reason)? })
    }
);
staff_route!(
    /// Append a statement to the log.
    state_publicly "/v1/contests/{contest}/statements" StatementRequest => |body: StatementRequest| {
        let kind = text("kind", body.kind)?;
        if is_reserved(&kind) {
            return Err(Problem::invalid("kind", "this kind is reserved: destroy the tag key at `tag-key/destruction`"));
        }
        Ok(Command::State { kind, text: text("text", body.text)? })
    }
);

fn id<T: std::str::FromStr<Err: std::fmt::Display>>(field: &str, given: &str) -> Result<T, Problem> {
    given.parse().map_err(|error: T::Err| Problem::invalid(field, error))
}

pub(crate) fn text(field: &str, given: String) -> Result<String, Problem> {
    if given.trim().is_empty() {
        Err(Problem::invalid(field, "is empty"))
    } else if given.len() > MAX_TEXT_BYTES {
        Err(Problem::invalid(field, "is longer than 5,000 bytes"))
    } else {
        check_characters(field, &given)?;
        Ok(given)
    }
}

/// Refuses a text for people that holds a character that such texts must not hold.
fn check_characters(field: &str, given: &str) -> Result<(), Problem> {
    characters::check(given).map_err(|refused| {
        let details =
            json!({"character": characters::code_point(refused.character), "position": refused.position});
        Problem::invalid(field, refused).with("refused", details)
    })
}

/// Checks the characters of the texts in an amendment's new value.
///
/// The definition reports every other mistake of the value, when it is checked as a whole.
fn amendment(to: Amendment) -> Result<Amendment, Problem> {
    match &to {
        Amendment::Text(text) => check_characters("to", text)?,
        Amendment::Titles(titles) => {
            titles.iter().try_for_each(|(tag, title)| check_characters(&format!("to.{tag}"), title))?;
        }
        Amendment::Details(details) => {
            for (index, (label, value)) in details.iter().enumerate() {
                check_characters(&format!("to[{index}][0]"), label)?;
                check_characters(&format!("to[{index}][1]"), value)?;
            }
        }
    }
    Ok(to)
}

/// Checks the seed of a draw: 32 bytes in lowercase hex, as the log has it.
fn seed(given: String) -> Result<String, Problem> {
    let is_hex = given.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if given.len() == 64 && is_hex {
        Ok(given)
    } else {
        Err(Problem::invalid("seed", "is not 32 bytes in lowercase hex: write 64 digits of 0-9 and a-f"))
    }
}

fn reason(reason: String, note: Option<String>) -> Result<Reason, Problem> {
    Ok(Reason { reason: text("reason", reason)?, note: note.map(|note| text("note", note)).transpose()? })
}

fn ballots(ballots: Vec<BallotId>) -> Result<Vec<BallotId>, Problem> {
    let unique: std::collections::HashSet<_> = ballots.iter().collect();
    match ballots.len() {
        0 => Err(Problem::invalid("ballots", "is empty")),
        n if n > MAX_BALLOTS_PER_REQUEST => {
            Err(Problem::invalid("ballots", "names more than 10,000 ballots"))
        }
        n if n != unique.len() => Err(Problem::invalid("ballots", "names a ballot twice")),
        _ => Ok(ballots),
    }
}

/// The state that requests for commands need.
#[derive(Clone)]
struct StaffRequests {
    access: Arc<Access>,
    bodies: Arc<Bodies>,
    commands: Arc<StaffCommands>,
}

impl FromRef<Api> for StaffRequests {
    fn from_ref(api: &Api) -> Self {
        let (access, bodies, commands) =
            (FromRef::from_ref(api), FromRef::from_ref(api), FromRef::from_ref(api));
        Self { access, bodies, commands }
    }
}

impl StaffRequests {
    /// Checks a request, queues its command and waits for the outcome.
    async fn run<B: DeserializeOwned>(
        &self,
        contest: &str,
        request: Request,
        command: impl FnOnce(B) -> Result<Command, Problem>,
    ) -> Answer {
        let (contest, key) = self.access.contest_and_key(request.headers(), contest, ORGANISERS).await?;
        let idempotency_key = idempotency_key(request.headers())?;
        let body = self.bodies.read_json(request, MAX_STAFF_BODY_BYTES, BODY_TIMEOUT).await?;
        let command = command(parse(&body)?)?;
        let request_id = RequestId { by: key.name, key: idempotency_key };
        Ok(Json(self.commands.execute(contest.id(), request_id, command).await?.into()))
    }
}

impl From<service::RecordedCommand> for Done {
    fn from(done: service::RecordedCommand) -> Self {
        let service::RecordedCommand { index, entries, size, root } = done;
        Self { index, entries, log: LogHead { size, root } }
    }
}
