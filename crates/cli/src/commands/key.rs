//! `acclaim key`: directly on the database of a data directory or of a cluster, also while a server runs on it.

use std::sync::Arc;

use acclaim_contest::{
    ContestId, Instant, PanelId,
    juror::{UnknownJuror, check_name, is_same},
};
use acclaim_store::{
    Database, Keyring, Phase, StoreError, jurors,
    keys::{PROCESS_KEY, Role, StaffKey},
};
use acclaim_store_postgres::PostgresDatabase;
use acclaim_store_sqlite::{SqliteDatabase, directory};
use anyhow::{Context as _, Error, Result, anyhow, bail};
use serde_json::json;

use crate::{
    args::{
        data_directory,
        staff::{DataArgs, KeyCommand, KeyCreateArgs, KeyListArgs, KeyRevokeArgs},
    },
    clock,
    config::Config,
    engine,
    outcome::{Hint, Outcome},
    output::{self, Table},
    random,
};

pub(super) fn run(command: KeyCommand) -> Result<Outcome> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        match command {
            KeyCommand::Create(args) => create(args).await,
            KeyCommand::List(args) => list(&args).await,
            KeyCommand::Revoke(args) => revoke(&args).await,
            KeyCommand::RotatePassKey(args) => rotate(&args).await,
        }
    })
}

async fn database(data: &DataArgs) -> Result<Arc<dyn Database>> {
    if data.data.is_none() {
        let config = Config::read(None)?;
        if config.postgres.url.is_some() {
            return Ok(Arc::new(PostgresDatabase::connect(&config.postgres()?).await?));
        }
    }
    let path = data_directory(data.data.as_ref()).join("acclaim.db");
    if !path.exists() {
        bail!("there is no installation: {} does not exist", path.display());
    }
    Ok(Arc::new(SqliteDatabase::open_beside(&path)?))
}

async fn create(args: KeyCreateArgs) -> Result<Outcome> {
    let database = database(&args.data).await?;
    if let Some(Err(problem)) = args.name.as_deref().map(check_name) {
        bail!("the name {:?}: {problem}", args.name.unwrap_or_default());
    }
    let name = if args.role == Role::Juror {
        juror_name(&*database, &args).await?
    } else if args.panel.is_some() {
        bail!("--panel is for jurors: a key of role {} is not for one panel", args.role);
    } else {
        match args.name {
            Some(name) => name,
            None => format!("{}-{}", args.role, random::hex::<4>()?),
        }
    };
    if name == PROCESS_KEY {
        bail!("the name {name:?}: logs know by it what is decided without a key");
    }
    let key = engine::new_key()?;
    let staff = StaffKey {
        name,
        role: args.role,
        contests: (!args.contest.is_empty()).then_some(args.contest),
        panel: args.panel,
        created: Instant::at_or_before(clock::now()),
        revoked: None,
    };
    if let Err(error) = engine::add_key(&*database, &key, &staff).await {
        let is_in_use = matches!(error.downcast_ref(), Some(StoreError::Conflict(_)));
        return Err(if is_in_use { name_in_use(&*database, &staff).await? } else { error });
    }
    output::note(&format!("the key {}, shown this once:", staff.name));
    output::line(&key)?;
    Ok(Outcome::Done)
}

/// The juror's name in the log. A juror's key is of no use unless it is for a panel that there is, and for a juror whom the panel may have.
async fn juror_name(database: &dyn Database, args: &KeyCreateArgs) -> Result<String> {
    let ([contest], Some(panel), Some(name)) = (&args.contest[..], &args.panel, &args.name) else {
        bail!("a juror's key needs --contest, once, --panel and --name, the juror's name in the log");
    };
    let record =
        database.contest(contest).await?.with_context(|| format!("there is no contest {contest}"))?;
    let panels = &record.definition.rules.panels;
    let Some(rules) = panels.iter().find(|known| known.id == *panel) else {
        let ids: Vec<&str> = panels.iter().map(|panel| panel.id.as_str()).collect();
        match ids.is_empty() {
            true => bail!("the contest {contest} has no panels"),
            false => bail!("the contest {contest} has no panel {panel}; it has {}", ids.join(", ")),
        }
    };
    let mut known = jurors::jurors(database, &record).await?;
    let keys = database.staff_keys().await?;
    if rules.jurors.is_empty() {
        // A lost key's juror goes on under the name that the log knows.
        let own = keys.iter().filter(|key| jurors::is_jurors(key, contest, panel));
        own.for_each(|key| known.add(panel, &key.name));
    }
    let registered = match known.find(panel, name) {
        Ok(registered) => registered.to_owned(),
        Err(UnknownJuror::NotThere { .. }) if rules.jurors.is_empty() => name.clone(),
        Err(unknown) => bail!("the name {name:?}: {unknown}"),
    };
    let has_key = |key: &&StaffKey| {
        key.revoked.is_none() && jurors::is_jurors(key, contest, panel) && is_same(&key.name, &registered)
    };
    if let Some(key) = keys.iter().find(has_key) {
        bail!(
            "{:?} has a key for the panel {panel} already: the name is in use until the key is revoked",
            key.name
        );
    }
    if registered != *name {
        output::note(&format!("the juror is written as the contest knows the name: {registered}"));
    }
    Ok(registered)
}

/// Why a key with this name cannot be added: which key has the name, and what to do without one.
async fn name_in_use(database: &dyn Database, wanted: &StaffKey) -> Result<Error> {
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
    Ok(anyhow!(Hint(advice)).context(problem))
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
) -> Result<String> {
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

async fn list(args: &KeyListArgs) -> Result<Outcome> {
    let keys = database(&args.data).await?.staff_keys().await?;
    if args.json {
        output::json(&json!({"keys": keys}))?;
        return Ok(Outcome::Done);
    }
    let mut table = Table::new(&["name", "role", "contests", "panel", "created", "revoked"]);
    for key in keys {
        let contests = match &key.contests {
            None => "all".to_owned(),
            Some(contests) => contests.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        let revoked = key.revoked.map_or_else(String::new, |at| at.to_string());
        let panel = key.panel.map_or_else(String::new, |panel| panel.to_string());
        table.row([key.name, key.role.to_string(), contests, panel, key.created.to_string(), revoked]);
    }
    table.print()?;
    Ok(Outcome::Done)
}

async fn revoke(args: &KeyRevokeArgs) -> Result<Outcome> {
    let now = Instant::at_or_before(clock::now());
    database(&args.data).await?.revoke_staff_key(&args.name, now).await.context("nothing was revoked")?;
    output::line(format_args!("revoked: {}", args.name))?;
    Ok(Outcome::Done)
}

async fn rotate(args: &DataArgs) -> Result<Outcome> {
    let database = database(args).await?;
    let config = Config::read(None)?;
    let secret = if args.data.is_none() && config.postgres.url.is_some() {
        config.secret()?
    } else {
        let path = data_directory(args.data.as_ref()).join("secret");
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("the secret {}", path.display()))?;
        directory::parse_secret(&text).with_context(|| format!("{} is not a secret", path.display()))?
    };
    let keyring = Keyring::open(&*database, secret, None).await?;
    let id = keyring.rotate_pass_key(&*database).await?;
    output::line(format_args!("pass key {id} signs passes from the next start of the server on"))?;
    Ok(Outcome::Done)
}
