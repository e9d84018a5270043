//! The command `acclaim key`, on a server or directly in the database of a data directory or a
//! cluster. A server may be running on the database.

use std::sync::Arc;

use acclaim_contest::Instant;
use acclaim_store::{
    Database, Keyring, StoreError,
    keys::{Role, StaffKey},
    staff_keys::{self, CreatedKey, NewKey, NewKeyError, SecretSource},
};
use acclaim_store_postgres::PostgresDatabase;
use acclaim_store_sqlite::{SqliteDatabase, directory};
use anyhow::{Context as _, Result, anyhow, bail};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::{
    args::{
        staff::{DataArgs, KeyCommand, KeyCreateArgs, KeyListArgs, KeyRevokeArgs, KeyTarget},
        target::{data_directory, staff_key},
    },
    client::{Client, IdempotencyKey},
    clock,
    config::Config,
    outcome::{Hint, Outcome},
    output::{self, Table},
};

pub(super) fn run(command: KeyCommand) -> Result<Outcome> {
    match command {
        KeyCommand::Create(args) => create(args),
        KeyCommand::List(args) => list(&args),
        KeyCommand::Revoke(args) => revoke(&args),
        KeyCommand::RotatePassKey(args) => runtime()?.block_on(rotate(&args)),
    }
}

fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// The place where staff keys are made, listed and revoked: a server or a database.
enum StaffKeys {
    Server(Client),
    /// The database is dropped before the runtime that its connections need.
    Database(Arc<dyn Database>, Runtime),
}

/// The server's answer with a new key.
#[derive(Deserialize)]
struct NewKeyAnswer {
    key: String,
    #[serde(flatten)]
    description: StaffKey,
}

#[derive(Deserialize)]
struct KeyList {
    keys: Vec<StaffKey>,
}

impl StaffKeys {
    fn open(target: &KeyTarget) -> Result<Self> {
        match &target.url {
            Some(url) => Ok(Self::Server(Client::of_server(url, staff_key(target.key_file.as_deref())?)?)),
            None => {
                let runtime = runtime()?;
                Ok(Self::Database(runtime.block_on(database(target.data.data.as_ref()))?, runtime))
            }
        }
    }

    fn create(&self, new_key: NewKey) -> Result<CreatedKey> {
        match self {
            Self::Server(client) => {
                let body = json!({
                    "role": new_key.role, "contests": new_key.contests, "panel": new_key.panel, "name": new_key.name,
                    "expires": new_key.expires,
                });
                let answer = client.post("/v1/keys", &IdempotencyKey::new()?.part(0), &body)?;
                let NewKeyAnswer { key: token, description: key } =
                    serde_json::from_value(answer).context("the server's answer contains no key")?;
                Ok(CreatedKey { token, key })
            }
            Self::Database(database, runtime) => {
                let now = Instant::at_or_before(clock::now());
                let created =
                    runtime.block_on(staff_keys::create(&**database, new_key, SecretSource::Random, now));
                created.map_err(|error| match &error {
                    NewKeyError::NameInUse { advice, .. } => {
                        anyhow!(Hint(advice.clone())).context(error.to_string())
                    }
                    _ => error.into(),
                })
            }
        }
    }

    fn list(&self) -> Result<Vec<StaffKey>> {
        match self {
            Self::Server(client) => Ok(client.get("/v1/keys")?.json::<KeyList>()?.keys),
            Self::Database(database, runtime) => Ok(runtime.block_on(database.staff_keys())?),
        }
    }

    fn revoke(&self, name: &str) -> Result<()> {
        match self {
            Self::Server(client) => {
                let path = format!("/v1/keys/{}", utf8_percent_encode(name, NON_ALPHANUMERIC));
                client.delete(&path, &IdempotencyKey::new()?.part(0))
            }
            Self::Database(database, runtime) => {
                let now = Instant::at_or_before(clock::now());
                let revoked = runtime.block_on(database.revoke_staff_key(name, now));
                revoked.map_err(|error| {
                    let done = match error {
                        StoreError::Unknown(_) => {
                            "it is not known whether the key was revoked: check with `acclaim key list`"
                        }
                        _ => "nothing was revoked",
                    };
                    anyhow::Error::new(error).context(done)
                })
            }
        }
    }
}

async fn database(data: Option<&std::path::PathBuf>) -> Result<Arc<dyn Database>> {
    if data.is_none() {
        let config = Config::read(None)?;
        if config.postgres.url.is_some() {
            return Ok(Arc::new(PostgresDatabase::connect(&config.postgres()?).await?));
        }
    }
    let path = data_directory(data).join("acclaim.db");
    if !path.exists() {
        bail!("there is no installation: {} does not exist. Name its directory with --data", path.display());
    }
    Ok(Arc::new(SqliteDatabase::open_beside(&path)?))
}

fn create(args: KeyCreateArgs) -> Result<Outcome> {
    let KeyCreateArgs { role, contest, panel, name, expires, target } = args;
    // These checks name the command line's options. The server or the database checks the rest.
    if role != Role::Juror && panel.is_some() {
        bail!("--panel is only for the role juror: leave it out for the role {role}");
    }
    if role == Role::Juror && (contest.len() != 1 || panel.is_none() || name.is_none()) {
        bail!("a juror's key needs one --contest, --panel, and --name with the juror's name in the log");
    }
    let contests = (!contest.is_empty()).then_some(contest);
    let new_key = NewKey { role, contests, panel, name: name.clone(), expires };
    let CreatedKey { token, key } = StaffKeys::open(&target)?.create(new_key)?;
    if name.is_some_and(|name| name != key.name) {
        output::note(&format!("the key has the juror's name as it is in the contest: {}", key.name));
    }
    output::note(&format!("the key {}, which is shown only this once:", key.name));
    output::line(&token)?;
    Ok(Outcome::Done)
}

fn list(args: &KeyListArgs) -> Result<Outcome> {
    let keys = StaffKeys::open(&args.target)?.list()?;
    if args.json {
        output::json(&json!({"keys": keys}))?;
        return Ok(Outcome::Done);
    }
    let instant = |at: Option<Instant>| at.map_or_else(String::new, |at| at.to_string());
    let mut table = Table::new(&["name", "role", "contests", "panel", "created", "expires", "revoked"]);
    for key in keys {
        let contests = match &key.contests {
            None => "all".to_owned(),
            Some(contests) => contests.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        let panel = key.panel.map_or_else(String::new, |panel| panel.to_string());
        let (created, expires, revoked) =
            (key.created.to_string(), instant(key.expires), instant(key.revoked));
        table.row([key.name, key.role.to_string(), contests, panel, created, expires, revoked]);
    }
    table.print()?;
    Ok(Outcome::Done)
}

fn revoke(args: &KeyRevokeArgs) -> Result<Outcome> {
    StaffKeys::open(&args.target)?.revoke(&args.name)?;
    output::line(format_args!("revoked: {}", args.name))?;
    Ok(Outcome::Done)
}

async fn rotate(args: &DataArgs) -> Result<Outcome> {
    let database = database(args.data.as_ref()).await?;
    let config = Config::read(None)?;
    let secret = if args.data.is_none() && config.postgres.url.is_some() {
        config.secret()?
    } else {
        let path = data_directory(args.data.as_ref()).join("secret");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read the secret {}", path.display()))?;
        directory::parse_secret(&text).with_context(|| format!("{} is not a secret", path.display()))?
    };
    let keyring = Keyring::open(&*database, secret, None).await?;
    let id = keyring.rotate_pass_key(&*database).await?;
    output::line(format_args!("pass key {id} signs passes after the next start of the server"))?;
    Ok(Outcome::Done)
}
