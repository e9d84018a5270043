//! Creation of staff keys: the rules that the API and the command line share.

use acclaim_contest::{
    ContestId, Instant, PanelId, Phase,
    juror::{UnknownJuror, check_name, is_same_name},
};

use crate::{
    Database, Keyring, RequestId, StoreError, jurors,
    keyring::{KeyringError, random_bytes},
    keys::{PROCESS_KEY_NAME, Role, StaffKey},
};

/// The first characters of every staff key. They distinguish keys from passes without a look-up.
pub const KEY_PREFIX: &str = "ack_";

/// The properties of a new staff key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// What the key may do.
    pub role: Role,
    /// The contests that the key is for; `None` for all.
    pub contests: Option<Vec<ContestId>>,
    /// The panel of a juror's key.
    pub panel: Option<PanelId>,
    /// The key's name; `None` for a name made from the role. A juror's key must have a name.
    pub name: Option<String>,
    /// The instant from which the key is refused.
    pub expires: Option<Instant>,
}

/// A staff key with its secret, which is stored nowhere.
#[derive(Clone)]
pub struct CreatedKey {
    /// The bearer token.
    pub token: String,
    /// The key as the database stores it.
    pub key: StaffKey,
}

impl std::fmt::Debug for CreatedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedKey").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Why a staff key is not created.
#[derive(Debug, thiserror::Error)]
pub enum NewKeyError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system returned no random bytes.
    #[error(transparent)]
    Randomness(#[from] KeyringError),
    /// A value is not allowed.
    #[error("{problem}")]
    Invalid {
        /// `role`, `contests`, `panel`, `name` or `expires`.
        field: &'static str,
        /// The reason, a sentence.
        problem: String,
    },
    /// Another key has the name.
    #[error("{problem}")]
    NameInUse {
        /// The sentence that names the other key.
        problem: String,
        /// What to do, a clause.
        advice: String,
    },
    /// The requesting staff key has used the `Idempotency-Key` for another key.
    #[error("the staff key has used this Idempotency-Key for another key, {0:?}")]
    IdempotencyKeyUsed(String),
    /// The key that this request created was revoked since.
    #[error(
        "the key {name:?} that this request made was revoked at {at}: use a new Idempotency-Key for a new key"
    )]
    RevokedSince {
        /// The key's name.
        name: String,
        /// When it was revoked.
        at: Instant,
    },
}

/// The source of a new key's secret.
#[derive(Debug, Clone, Copy)]
pub enum SecretSource<'a> {
    /// Random bytes of the operating system.
    Random,
    /// A hash of the installation's secret and the request's id.
    ///
    /// The repetition of a request returns the same key, and no secret is stored. Such a secret
    /// serves one row for ever. A key that replaces a revoked one has a random secret instead, so
    /// that no earlier request can revive a revoked key.
    Request(&'a Keyring, &'a RequestId),
}

/// Creates a staff key. The key is durable when the function returns.
///
/// # Errors
/// [`NewKeyError`]. Nothing was changed, except after [`StoreError::Unknown`]: then the key may
/// exist.
pub async fn create(
    database: &dyn Database,
    new_key: NewKey,
    source: SecretSource<'_>,
    now: Instant,
) -> Result<CreatedKey, NewKeyError> {
    check(&new_key, now)?;
    let token = match source {
        SecretSource::Random => random_token()?,
        SecretSource::Request(keyring, id) => {
            let secret = keyring.staff_key_secret(id, juror_path(&new_key).as_deref());
            let token = format!("{KEY_PREFIX}{}", hex(&secret));
            if let Some(known) = find_earlier_key(database, &new_key, &token).await? {
                return Ok(known);
            }
            token
        }
    };
    let name = match (new_key.role, &new_key.name) {
        (Role::Juror, Some(name)) => juror_name(database, &new_key, name, now).await?,
        (_, Some(name)) => name.clone(),
        (role, None) => default_name(role, &token),
    };
    let replaces =
        new_key.role == Role::Juror && database.staff_keys().await?.iter().any(|key| key.name == name);
    let token = if replaces { random_token()? } else { token };
    let NewKey { role, contests, panel, expires, .. } = new_key.clone();
    let key = StaffKey { name, role, contests, panel, created: now, expires, revoked: None };
    match database.add_staff_key(hash(&token), &key).await {
        Ok(()) => Ok(CreatedKey { token, key }),
        Err(StoreError::Conflict(_)) => match find_earlier_key(database, &new_key, &token).await? {
            // A concurrent repetition of the same request created the key.
            Some(known) => Ok(known),
            None => Err(name_in_use(database, &key).await?),
        },
        Err(error) => Err(error.into()),
    }
}

/// The name of a key for which the request gives no name.
fn default_name(role: Role, token: &str) -> String {
    format!("{role}-{}", hex(&hash(token)[..4]))
}

/// The juror that a key is for, as `contest/panel/name`; `None` if the key is for no juror.
fn juror_path(new_key: &NewKey) -> Option<String> {
    let (Role::Juror, Some([contest]), Some(panel), Some(name)) =
        (new_key.role, new_key.contests.as_deref(), &new_key.panel, &new_key.name)
    else {
        return None;
    };
    Some(format!("{contest}/{panel}/{name}"))
}

/// The BLAKE3 hash of a token. The database stores only this hash.
#[must_use]
pub fn hash(token: &str) -> [u8; 32] {
    *blake3::hash(token.as_bytes()).as_bytes()
}

/// A new token from random bytes of the operating system: [`KEY_PREFIX`] and 64 hexadecimal digits.
///
/// # Errors
/// [`KeyringError::Randomness`]
pub fn random_token() -> Result<String, KeyringError> {
    Ok(format!("{KEY_PREFIX}{}", hex(&random_bytes::<32>()?)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn check(new_key: &NewKey, now: Instant) -> Result<(), NewKeyError> {
    let invalid = |field, problem: String| Err(NewKeyError::Invalid { field, problem });
    if let Some(Err(problem)) = new_key.name.as_deref().map(check_name) {
        return invalid(
            "name",
            format!("the name {:?}: {problem}", new_key.name.as_deref().unwrap_or_default()),
        );
    }
    if new_key.name.as_deref() == Some(PROCESS_KEY_NAME) {
        return invalid(
            "name",
            format!(
                "the name {PROCESS_KEY_NAME:?}: it is reserved for decisions that are made without a key"
            ),
        );
    }
    if new_key.contests.as_ref().is_some_and(Vec::is_empty) {
        return invalid(
            "contests",
            "the list of contests is empty: leave it out for a key for all contests".to_owned(),
        );
    }
    if let Some(expires) = new_key.expires.filter(|expires| *expires <= now) {
        return invalid("expires", format!("the key would expire at {expires}, which has passed"));
    }
    let is_juror_key = new_key.role == Role::Juror;
    if !is_juror_key && new_key.panel.is_some() {
        let problem = format!("a key of role {} cannot have a panel: panels are for jurors", new_key.role);
        return invalid("panel", problem);
    }
    let is_complete =
        matches!((new_key.contests.as_deref(), &new_key.panel, &new_key.name), (Some([_]), Some(_), Some(_)));
    if is_juror_key && !is_complete {
        let problem =
            "a juror's key is for one contest and one panel, and its name is the juror's name in the log";
        return invalid("role", problem.to_owned());
    }
    Ok(())
}

/// The key that an earlier request created with this token; `None` if there is no such key.
///
/// # Errors
/// `IdempotencyKeyUsed` if the earlier key differs from the new one, `RevokedSince` if it was
/// revoked.
async fn find_earlier_key(
    database: &dyn Database,
    new_key: &NewKey,
    token: &str,
) -> Result<Option<CreatedKey>, NewKeyError> {
    let Some(key) = database.staff_key(hash(token)).await? else { return Ok(None) };
    let is_named = match &new_key.name {
        Some(name) if new_key.role == Role::Juror => is_same_name(name, &key.name),
        Some(name) => *name == key.name,
        None => key.name == default_name(new_key.role, token),
    };
    let is_same_otherwise = (key.role, &key.contests, &key.panel, key.expires)
        == (new_key.role, &new_key.contests, &new_key.panel, new_key.expires);
    match key.revoked {
        _ if !(is_named && is_same_otherwise) => Err(NewKeyError::IdempotencyKeyUsed(key.name)),
        Some(at) => Err(NewKeyError::RevokedSince { name: key.name, at }),
        None => Ok(Some(CreatedKey { token: token.to_owned(), key })),
    }
}

/// The juror's name as the log has it.
///
/// A juror's key is useful only for an existing panel, and for a juror that the panel accepts.
async fn juror_name(
    database: &dyn Database,
    new_key: &NewKey,
    name: &str,
    now: Instant,
) -> Result<String, NewKeyError> {
    let (Some([contest]), Some(panel)) = (new_key.contests.as_deref(), &new_key.panel) else {
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
        // A juror who lost the key continues under the name in the log.
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

/// The error for a name that another key has: which key has it, and what to do instead.
async fn name_in_use(database: &dyn Database, new: &StaffKey) -> Result<NewKeyError, StoreError> {
    let name = &new.name;
    let keys = database.staff_keys().await?;
    let holder = keys.iter().find(|key| key.name == *name);
    let holder = holder.map_or_else(|| "another key".to_owned(), describe);
    let advice = match (new.contests.as_deref(), &new.panel) {
        (Some([contest]), Some(panel)) => advice_to_juror(database, name, contest, panel).await?,
        _ => "take another name".to_owned(),
    };
    let problem = format!(
        "the key was not added: the name {name:?} is in use by {holder}. A name serves one key in the installation, even after the key is revoked"
    );
    Ok(NewKeyError::NameInUse { problem, advice })
}

/// Describes a key for a message.
///
/// Example: `a revoked key of role juror for the contest prize-2027, panel experts`.
fn describe(key: &StaffKey) -> String {
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

/// What to do if another key has the juror's name.
///
/// Where the definition names the jurors, a key of another name would belong to no juror.
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
