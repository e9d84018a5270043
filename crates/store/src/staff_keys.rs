//! Making staff keys: the rules that the API and the command line share.

use acclaim_contest::{
    ContestId, Instant, PanelId, Phase,
    juror::{UnknownJuror, check_name, is_same_name},
};

use crate::{
    Database, Keyring, RequestId, StoreError, jurors,
    keyring::{KeyringError, random_bytes},
    keys::{PROCESS_KEY_NAME, Role, StaffKey},
};

/// Begins every staff key, so that passes and keys are told apart without a look-up.
pub const KEY_PREFIX: &str = "ack_";

/// What a new staff key is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// What it may do.
    pub role: Role,
    /// The contests it is for; `None` for all.
    pub contests: Option<Vec<ContestId>>,
    /// A juror's panel.
    pub panel: Option<PanelId>,
    /// Its name; `None` for one made from the role. A juror's key must have one.
    pub name: Option<String>,
    /// From when on it is refused.
    pub expires: Option<Instant>,
}

/// A staff key with its secret, which is nowhere else.
#[derive(Clone)]
pub struct CreatedKey {
    /// The bearer token.
    pub token: String,
    /// What is kept of it.
    pub key: StaffKey,
}

impl std::fmt::Debug for CreatedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedKey").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Why a staff key is not made.
#[derive(Debug, thiserror::Error)]
pub enum NewKeyError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gave no randomness.
    #[error(transparent)]
    Randomness(#[from] KeyringError),
    /// A value cannot be used.
    #[error("{problem}")]
    Invalid {
        /// `role`, `contests`, `panel`, `name` or `expires`.
        field: &'static str,
        /// A sentence.
        problem: String,
    },
    /// Another key has the name.
    #[error("{problem}")]
    NameInUse {
        /// Which key has it.
        problem: String,
        /// What to do.
        advice: String,
    },
    /// The staff key that asks has used the `Idempotency-Key` for another key.
    #[error("the staff key has used this Idempotency-Key for the key {0:?}, which is another one")]
    IdempotencyKeyUsed(String),
    /// The key that the request made is not valid any more.
    #[error(
        "the key {name:?} that this request made was revoked at {at}: use a new Idempotency-Key for a new key"
    )]
    RevokedSince {
        /// Its name.
        name: String,
        /// When.
        at: Instant,
    },
}

/// Where a new key's secret comes from.
#[derive(Debug, Clone, Copy)]
pub enum SecretSource<'a> {
    /// The system's randomness.
    Random,
    /// The installation's secret and a request's id: the repetition of the request has the same key as its answer, and no secret is stored. Such a secret
    /// serves one row for ever. A key that takes the place of a revoked one has a random secret instead, so that no request of before revives one.
    Request(&'a Keyring, &'a RequestId),
}

/// Makes a staff key. Durable when it returns.
///
/// # Errors
/// [`NewKeyError`]; nothing was changed then, except that it is not known after [`StoreError::Unknown`].
pub async fn create(
    database: &dyn Database,
    wanted: NewKey,
    origin: SecretSource<'_>,
    now: Instant,
) -> Result<CreatedKey, NewKeyError> {
    check(&wanted, now)?;
    let token = match origin {
        SecretSource::Random => random_token()?,
        SecretSource::Request(keyring, id) => {
            let secret = keyring.staff_key_secret(id, juror_of(&wanted).as_deref());
            let token = format!("{KEY_PREFIX}{}", hex(&secret));
            if let Some(known) = made_before(database, &wanted, &token).await? {
                return Ok(known);
            }
            token
        }
    };
    let name = match (wanted.role, &wanted.name) {
        (Role::Juror, Some(name)) => juror_name(database, &wanted, name, now).await?,
        (_, Some(name)) => name.clone(),
        (role, None) => made_name(role, &token),
    };
    let replaces =
        wanted.role == Role::Juror && database.staff_keys().await?.iter().any(|key| key.name == name);
    let token = if replaces { random_token()? } else { token };
    let NewKey { role, contests, panel, expires, .. } = wanted.clone();
    let key = StaffKey { name, role, contests, panel, created: now, expires, revoked: None };
    match database.add_staff_key(hash(&token), &key).await {
        Ok(()) => Ok(CreatedKey { token, key }),
        Err(StoreError::Conflict(_)) => match made_before(database, &wanted, &token).await? {
            // The same request was under way at once.
            Some(known) => Ok(known),
            None => Err(name_in_use(database, &key).await?),
        },
        Err(error) => Err(error.into()),
    }
}

/// The name of a key for which none is wanted.
fn made_name(role: Role, token: &str) -> String {
    format!("{role}-{}", hex(&hash(token)[..4]))
}

/// The juror that a key is for: contest, panel and name.
fn juror_of(wanted: &NewKey) -> Option<String> {
    let (Role::Juror, Some([contest]), Some(panel), Some(name)) =
        (wanted.role, wanted.contests.as_deref(), &wanted.panel, &wanted.name)
    else {
        return None;
    };
    Some(format!("{contest}/{panel}/{name}"))
}

/// BLAKE3 of a token: what is kept of it.
#[must_use]
pub fn hash(token: &str) -> [u8; 32] {
    *blake3::hash(token.as_bytes()).as_bytes()
}

/// A new token of the system's randomness.
///
/// # Errors
/// [`KeyringError::Randomness`]
pub fn random_token() -> Result<String, KeyringError> {
    Ok(format!("{KEY_PREFIX}{}", hex(&random_bytes::<32>()?)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn check(wanted: &NewKey, now: Instant) -> Result<(), NewKeyError> {
    let invalid = |field, problem: String| Err(NewKeyError::Invalid { field, problem });
    if let Some(Err(problem)) = wanted.name.as_deref().map(check_name) {
        return invalid(
            "name",
            format!("the name {:?}: {problem}", wanted.name.as_deref().unwrap_or_default()),
        );
    }
    if wanted.name.as_deref() == Some(PROCESS_KEY_NAME) {
        return invalid(
            "name",
            format!("the name {PROCESS_KEY_NAME:?}: logs know by it what is decided without a key"),
        );
    }
    if wanted.contests.as_ref().is_some_and(Vec::is_empty) {
        return invalid(
            "contests",
            "the list of contests is empty: leave it out for a key for all contests".to_owned(),
        );
    }
    if let Some(expires) = wanted.expires.filter(|expires| *expires <= now) {
        return invalid("expires", format!("the key would expire at {expires}, which has passed"));
    }
    let is_juror_key = wanted.role == Role::Juror;
    if !is_juror_key && wanted.panel.is_some() {
        let problem = format!("a panel is for jurors: a key of role {} is not for one panel", wanted.role);
        return invalid("panel", problem);
    }
    let is_complete =
        matches!((wanted.contests.as_deref(), &wanted.panel, &wanted.name), (Some([_]), Some(_), Some(_)));
    if is_juror_key && !is_complete {
        let problem =
            "a juror's key is for one contest and one panel, and its name is the juror's name in the log";
        return invalid("role", problem.to_owned());
    }
    Ok(())
}

/// The key of a token that the same request made before.
async fn made_before(
    database: &dyn Database,
    wanted: &NewKey,
    token: &str,
) -> Result<Option<CreatedKey>, NewKeyError> {
    let Some(key) = database.staff_key(hash(token)).await? else { return Ok(None) };
    let is_named = match &wanted.name {
        Some(name) if wanted.role == Role::Juror => is_same_name(name, &key.name),
        Some(name) => *name == key.name,
        None => key.name == made_name(wanted.role, token),
    };
    let is_same_otherwise = (key.role, &key.contests, &key.panel, key.expires)
        == (wanted.role, &wanted.contests, &wanted.panel, wanted.expires);
    match key.revoked {
        _ if !(is_named && is_same_otherwise) => Err(NewKeyError::IdempotencyKeyUsed(key.name)),
        Some(at) => Err(NewKeyError::RevokedSince { name: key.name, at }),
        None => Ok(Some(CreatedKey { token: token.to_owned(), key })),
    }
}

/// The juror's name in the log. A juror's key is of no use unless it is for a panel that there is, and for a juror whom the panel may have.
async fn juror_name(
    database: &dyn Database,
    wanted: &NewKey,
    name: &str,
    now: Instant,
) -> Result<String, NewKeyError> {
    let (Some([contest]), Some(panel)) = (wanted.contests.as_deref(), &wanted.panel) else {
        return Ok(name.to_owned());
    };
    let invalid = |field, problem: String| NewKeyError::Invalid { field, problem };
    let Some(record) = database.contest(contest).await? else {
        return Err(invalid("contests", format!("there is no contest {contest}")));
    };
    let panels = &record.definition.rules.panels;
    let Some(rules) = panels.iter().find(|known| known.id == *panel) else {
        let ids: Vec<&str> = panels.iter().map(|panel| panel.id.as_str()).collect();
        let problem = match ids.is_empty() {
            true => format!("the contest {contest} has no panels"),
            false => format!("the contest {contest} has no panel {panel}; it has {}", ids.join(", ")),
        };
        return Err(invalid("panel", problem));
    };
    let mut known = jurors::load_jurors(database, &record).await?;
    let keys = database.staff_keys().await?;
    if rules.jurors.is_empty() {
        // A lost key's juror goes on under the name that the log knows.
        let own = keys.iter().filter(|key| jurors::is_juror_key(key, contest, panel));
        own.for_each(|key| known.add(panel, &key.name));
    }
    let registered = match known.find(panel, name) {
        Ok(registered) => registered.to_owned(),
        Err(UnknownJuror::NotFound { .. }) if rules.jurors.is_empty() => name.to_owned(),
        Err(unknown) => return Err(invalid("name", format!("the name {name:?}: {unknown}"))),
    };
    let has_key = |key: &&StaffKey| {
        key.is_valid(now) && jurors::is_juror_key(key, contest, panel) && is_same_name(&key.name, &registered)
    };
    if let Some(key) = keys.iter().find(has_key) {
        return Err(NewKeyError::NameInUse {
            problem: format!(
                "{:?} has a key for the panel {panel} already: the name is in use until the key is revoked",
                key.name
            ),
            advice: format!("revoke the key {:?} first", key.name),
        });
    }
    Ok(registered)
}

/// Why a key with this name cannot be added: which key has the name, and what to do without one.
async fn name_in_use(database: &dyn Database, wanted: &StaffKey) -> Result<NewKeyError, StoreError> {
    let name = &wanted.name;
    let keys = database.staff_keys().await?;
    let holder = keys.iter().find(|key| key.name == *name);
    let holder = holder.map_or_else(|| "another key".to_owned(), described);
    let advice = match (wanted.contests.as_deref(), &wanted.panel) {
        (Some([contest]), Some(panel)) => advice_to_juror(database, name, contest, panel).await?,
        _ => "take another name".to_owned(),
    };
    let problem = format!(
        "the key was not added: the name {name:?} is in use by {holder}. A name serves one key in the installation, even after the key is revoked"
    );
    Ok(NewKeyError::NameInUse { problem, advice })
}

/// Where a key is used, such as `a revoked key of role juror for the contest prize-2027, panel experts`.
fn described(key: &StaffKey) -> String {
    let revoked = if key.revoked.is_some() { "revoked " } else { "" };
    let contests = match key.contests.as_deref() {
        None => "all contests".to_owned(),
        Some([contest]) => format!("the contest {contest}"),
        Some(contests) => {
            let ids: Vec<&str> = contests.iter().map(ContestId::as_str).collect();
            format!("the contests {}", ids.join(", "))
        }
    };
    let panel = key.panel.as_ref().map_or_else(String::new, |panel| format!(", panel {panel}"));
    format!("a {revoked}key of role {} for {contests}{panel}", key.role)
}

/// What to do about a juror whose name another key has. Where the definition names the jurors, another name for the key would be that of no juror.
async fn advice_to_juror(
    database: &dyn Database,
    name: &str,
    contest: &ContestId,
    panel: &PanelId,
) -> Result<String, StoreError> {
    let other = format!("for example {:?}", format!("{name} ({contest})"));
    let record = database.contest(contest).await?;
    let rules = record.as_ref().map(|record| &record.definition.rules);
    let is_named = rules
        .is_some_and(|rules| rules.panels.iter().any(|known| known.id == *panel && !known.jurors.is_empty()));
    if !is_named {
        return Ok(format!("take another name, {other}"));
    }
    let mut advice = format!(
        "the definition names this juror. An organiser enters the juror's scores with `acclaim rule score {contest} --panel {panel} --csv FILE`, and recuses the juror with `acclaim jury recuse {contest} ENTRY --panel {panel} --juror {name:?} --reason REASON`"
    );
    if record.is_some_and(|record| record.state.phase == Phase::Draft) {
        advice.push_str(&format!(
            ". Or write the name in another way in the definition of this draft, {other}, and make the key for that"
        ));
    }
    Ok(advice)
}
