//! The configuration: one typed section a subject, defaults built in, unknown keys refused. Flags come before environment
//! (`ACCLAIM_<SECTION>_<KEY>`), file and defaults.

mod subjects;

use std::{
    collections::BTreeSet,
    env, fmt, fs,
    net::{IpAddr, SocketAddr},
    num::{NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use acclaim_api::Origins;
use acclaim_ballot_log::WitnessKey;
use acclaim_contest::ContestId;
use acclaim_store::{Witness, keyring::Secret};
use acclaim_store_sqlite::directory::parse_secret;
use anyhow::{Context as _, Result, bail};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de};
use toml::{Table, Value};

pub use self::subjects::Subjects;
use crate::{
    args::target::{data_directory, data_of_environment},
    witness::client::HttpWitness,
};

/// Everything that can be configured.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What the installation is.
    pub installation: Installation,
    /// The listener.
    pub server: Server,
    /// The path of a ballot.
    pub ballots: Ballots,
    /// Rate limits.
    pub limits: Limits,
    /// The intake of a cluster.
    pub redis: Redis,
    /// The ledger of a cluster.
    pub postgres: Postgres,
    /// How voters' subjects are compared.
    pub subjects: Subjects,
    /// Who cosigns checkpoints.
    pub witnesses: Vec<WitnessTable>,
}

/// One witness.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessTable {
    /// Where its `add-checkpoint` is: `https://witness.example.org/acclaim`.
    pub url: String,
    /// Its verifier key, from elsewhere than that address.
    pub vkey: String,
}

/// Witnesses, at most: a note that is read has no more than 64 signatures.
const MAX_WITNESSES: usize = 16;

/// The intake of a cluster.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Redis {
    /// `redis://` or `rediss://`; several of one Redis Cluster, separated by commas.
    pub url: Option<String>,
    /// File with the certificates, in PEM, of the authority that vouches for the servers at `rediss://`; the system's authorities unless named.
    pub ca_file: Option<PathBuf>,
    /// Whether settings that can lose accepted ballots are tolerated.
    pub allow_weak: bool,
    /// Shards of the intake of contests that open from now on.
    pub shards: NonZeroU16,
    /// Most ballots that may wait in one shard.
    pub capacity: NonZeroU64,
}

impl Default for Redis {
    fn default() -> Self {
        let capacity = NonZeroU64::new(1_000_000).unwrap_or(NonZeroU64::MIN);
        Self { url: None, ca_file: None, allow_weak: false, shards: NonZeroU16::MIN, capacity }
    }
}

impl Redis {
    fn authority(&self) -> Result<Option<Vec<u8>>> {
        let Some(file) = &self.ca_file else { return Ok(None) };
        fs::read(file).map(Some).with_context(|| format!("`redis.ca_file`: {}", file.display()))
    }
}

/// The ledger of a cluster.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Postgres {
    /// `postgres://user:password@host/database`.
    pub url: Option<String>,
    /// Most connections of one process.
    pub connections: NonZeroU32,
}

impl Default for Postgres {
    fn default() -> Self {
        Self { url: None, connections: NonZeroU32::new(16).unwrap_or(NonZeroU32::MIN) }
    }
}

// Addresses may hold passwords.
impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("allow_weak", &self.allow_weak).finish_non_exhaustive()
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("connections", &self.connections).finish_non_exhaustive()
    }
}

/// The servers of a cluster.
pub(crate) struct Cluster {
    pub(crate) redis: acclaim_store_redis::Settings,
    pub(crate) postgres: acclaim_store_postgres::Settings,
}

/// What the installation is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Installation {
    /// First part of each log's origin, such as `vote.example.org`. Set at first start, fixed from then on; `localhost` unless said
    /// otherwise.
    pub name: Option<String>,
    /// The data directory; `./acclaim-data` unless said otherwise. Embedded only.
    pub data: Option<PathBuf>,
    /// File with the installation's secret, 64 hexadecimal digits. In a cluster only: embedded, it is in the data directory.
    pub secret_file: Option<PathBuf>,
    /// Contests that are left alone, since their logs are not what they were: nothing of them is recorded, and the others go on.
    pub without: Vec<ContestId>,
}

/// The listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Connections at once, at most; 16,384 unless said otherwise, or as many as the limit of open files allows.
    pub connections: Option<NonZeroUsize>,
    /// The path below which a proxy publishes the server, such as `/vote`; none unless it is said.
    pub base_path: String,
    /// Sites whose pages may read what is public, such as `https://www.example.org`; `*`, the default, is all of them.
    pub cors_origins: Vec<String>,
    /// Where health and metrics are answered in full, to everyone who can connect; nowhere unless it is said.
    pub operation_listen: Option<SocketAddr>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            connections: None,
            base_path: String::new(),
            cors_origins: vec!["*".to_owned()],
            operation_listen: None,
        }
    }
}

/// The path of a ballot.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ballots {
    /// Milliseconds from a ballot's arrival to its answer, at most. A contest's `closed` follows its closing instant by so much and a half.
    pub deadline_ms: NonZeroU64,
    /// Ballots of voters that may wait for their answers, and as many of gateways.
    pub waiting: NonZeroUsize,
}

impl Default for Ballots {
    fn default() -> Self {
        let settings = acclaim_api::Settings::default();
        let deadline = u64::try_from(settings.ballot_deadline.as_millis()).unwrap_or(u64::MAX);
        Self {
            deadline_ms: NonZeroU64::new(deadline).unwrap_or(NonZeroU64::MIN),
            waiting: NonZeroUsize::new(settings.waiting_ballots).unwrap_or(NonZeroUsize::MIN),
        }
    }
}

/// Rate limits.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Requests a second of one pass.
    pub per_pass: NonZeroU32,
    /// Requests a second of one network: /24 of IPv4, /48 of IPv6.
    pub per_network: NonZeroU32,
    /// Networks without that limit.
    #[serde(deserialize_with = "networks")]
    pub allow: Vec<IpNet>,
    /// Proxies that are believed to name their clients.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which they do: `x-forwarded-for` or `forwarded`. Whichever a request has, unless it is said.
    pub forwarded_header: Option<ForwardedHeader>,
}

/// Reads a list of networks; an address by itself is a network of one.
fn networks<'de, D: Deserializer<'de>>(list: D) -> Result<Vec<IpNet>, D::Error> {
    let network = |text: &String| {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map_err(|_| {
            de::Error::custom(format!("`{text}` is neither an address nor a network such as 192.0.2.0/24"))
        })
    };
    Vec::<String>::deserialize(list)?.iter().map(network).collect()
}

/// A header in which proxies name their clients.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`
    XForwardedFor,
    /// `Forwarded`
    Forwarded,
}

impl From<ForwardedHeader> for acclaim_api::ForwardedHeader {
    fn from(header: ForwardedHeader) -> Self {
        match header {
            ForwardedHeader::XForwardedFor => Self::XForwardedFor,
            ForwardedHeader::Forwarded => Self::Forwarded,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let limits = acclaim_api::Limits::default();
        Self {
            per_pass: limits.per_pass,
            per_network: limits.per_prefix,
            allow: limits.allow,
            trusted_proxies: limits.trusted_proxies,
            forwarded_header: None,
        }
    }
}

/// Prefix of the variables that stand for keys of the configuration.
const PREFIX: &str = "ACCLAIM_";
/// Sections, as they begin those variables.
const SECTIONS: [&str; 7] = ["installation", "server", "ballots", "limits", "redis", "postgres", "subjects"];
/// The variable that holds a cluster's secret, unless a file does.
const SECRET: &str = "ACCLAIM_SECRET";

impl Config {
    /// The defaults on a data directory.
    #[must_use]
    pub fn embedded(data: PathBuf) -> Self {
        Self { installation: Installation { data: Some(data), ..Installation::default() }, ..Self::default() }
    }

    /// Reads the file, if one is named, and the environment over it.
    ///
    /// # Errors
    /// With the key's name, when something cannot be read or used.
    pub fn read(file: Option<&Path>) -> Result<Self> {
        let mut table = match file {
            Some(file) => {
                let named = || format!("the configuration {}", file.display());
                let text = fs::read_to_string(file).with_context(named)?;
                // By itself, so that a mistake is told with its line.
                toml::from_str::<Self>(&text).with_context(named)?;
                text.parse::<Table>().with_context(named)?
            }
            None => Table::new(),
        };
        for (name, value) in env::vars() {
            apply_variable(&mut table, &name, &value)?;
        }
        let mut config: Self = Value::Table(table)
            .try_into()
            .context("the configuration, with the environment's ACCLAIM_<SECTION>_<KEY>")?;
        if let Some(data) = data_of_environment() {
            config.installation.data = Some(data);
        }
        Ok(config)
    }

    /// The data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        data_directory(self.installation.data.as_ref())
    }

    /// The servers, if the installation is a cluster.
    pub(crate) fn cluster(&self) -> Result<Option<Cluster>> {
        match (&self.redis.url, &self.postgres.url) {
            (None, None) => Ok(None),
            (Some(redis), Some(_)) => Ok(Some(Cluster {
                redis: acclaim_store_redis::Settings {
                    authority: self.redis.authority()?,
                    allow_weak: self.redis.allow_weak,
                    capacity: self.redis.capacity.get(),
                    ..acclaim_store_redis::Settings::new(redis)
                },
                postgres: self.postgres()?,
            })),
            _ => bail!("a cluster needs both `redis.url` and `postgres.url`, and only one is configured"),
        }
    }

    /// The cluster's database.
    pub(crate) fn postgres(&self) -> Result<acclaim_store_postgres::Settings> {
        let url = self.postgres.url.as_ref().context("`postgres.url` is not configured")?;
        let connections = self.postgres.connections.get();
        Ok(acclaim_store_postgres::Settings { connections, ..acclaim_store_postgres::Settings::new(url) })
    }

    /// The installation's secret in a cluster.
    pub(crate) fn secret(&self) -> Result<Secret> {
        let (named, text) = match &self.installation.secret_file {
            Some(file) => {
                let named = format!("the secret's file {}", file.display());
                let text = fs::read_to_string(file).with_context(|| named.clone())?;
                (named, text)
            }
            None => (SECRET.to_owned(), env::var(SECRET).unwrap_or_default()),
        };
        parse_secret(&text).with_context(|| {
            format!("{named} must hold the installation's secret, 64 hexadecimal digits: make it once with `openssl rand -hex 32`")
        })
    }

    /// # Errors
    /// With the key's name, when something cannot be used.
    pub(crate) fn api(&self) -> Result<acclaim_api::Settings> {
        Ok(acclaim_api::Settings {
            domains: self.subjects.table()?,
            ballot_deadline: Duration::from_millis(self.ballots.deadline_ms.get()),
            waiting_ballots: self.ballots.waiting.get(),
            limits: acclaim_api::Limits {
                per_pass: self.limits.per_pass,
                per_prefix: self.limits.per_network,
                allow: self.limits.allow.clone(),
                trusted_proxies: self.limits.trusted_proxies.clone(),
                forwarded_header: self.limits.forwarded_header.map(Into::into),
            },
            base_path: self.server.base_path.parse().context("`server.base_path`")?,
            origins: Origins::read(&self.server.cors_origins).context("`server.cors_origins`")?,
            has_operation_listener: self.server.operation_listen.is_some(),
            // What Redis holds outlives this process.
            may_accept: self.redis.url.is_some(),
            without: self.installation.without.iter().cloned().collect(),
            ..acclaim_api::Settings::default()
        })
    }

    /// The witnesses.
    ///
    /// # Errors
    /// With the key's name, when one is not a witness.
    pub(crate) fn witnesses(&self) -> Result<Vec<Arc<dyn Witness>>> {
        if self.witnesses.len() > MAX_WITNESSES {
            bail!("`witnesses` names more than {MAX_WITNESSES}");
        }
        let mut names = BTreeSet::new();
        let witness = |(number, table): (usize, &WitnessTable)| -> Result<Arc<dyn Witness>> {
            let named = |key: &str| format!("`witnesses[{number}].{key}`");
            let vkey: WitnessKey = table.vkey.parse().with_context(|| named("vkey"))?;
            if !names.insert(vkey.to_string()) {
                bail!("{}: the same key as before", named("vkey"));
            }
            Ok(Arc::new(HttpWitness::new(&table.url, vkey).with_context(|| named("url"))?))
        };
        self.witnesses.iter().enumerate().map(witness).collect()
    }

    pub(crate) fn sequencer(&self) -> acclaim_sequencer::Settings {
        let deadline = Duration::from_millis(self.ballots.deadline_ms.get());
        acclaim_sequencer::Settings {
            grace: deadline + (deadline / 2).min(Duration::from_secs(1)),
            without: self.installation.without.iter().cloned().collect(),
            shards: if self.redis.url.is_some() { self.redis.shards.get() } else { 1 },
            ..acclaim_sequencer::Settings::default()
        }
    }
}

/// Sets the key that a variable stands for; other variables are nobody's business.
fn apply_variable(table: &mut Table, name: &str, value: &str) -> Result<()> {
    let Some(rest) = name.strip_prefix(PREFIX).map(str::to_lowercase) else { return Ok(()) };
    // A list of tables has no keys of its own to overlay.
    if rest == "witnesses" {
        let list = format!("witnesses = {value}").parse::<Table>().with_context(|| name.to_owned())?;
        table.extend(list);
        return Ok(());
    }
    let found = SECTIONS.iter().find_map(|section| {
        rest.strip_prefix(section)
            .and_then(|rest| rest.strip_prefix('_'))
            .map(|key| (*section, key.to_owned()))
    });
    let Some((section, key)) = found else { return Ok(()) };
    // Numbers and lists as TOML writes them; anything else is text.
    let value = format!("value = {value}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(value.to_owned()));
    match table.entry(section).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(section) => drop(section.insert(key, value)),
        _ => bail!("the configuration: `{section}` is not a table"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_overrides_file_and_unknown_keys_fail() {
        let mut table: Table = "[server]\nlisten = \"127.0.0.1:1\"\n".parse().unwrap();
        apply_variable(&mut table, "ACCLAIM_SERVER_LISTEN", "127.0.0.1:9").unwrap();
        apply_variable(&mut table, "ACCLAIM_LIMITS_PER_PASS", "7").unwrap();
        apply_variable(&mut table, "ACCLAIM_KEY", "secret").unwrap();
        let config: Config = Value::Table(table.clone()).try_into().unwrap();
        assert_eq!((config.server.listen.port(), config.limits.per_pass.get()), (9, 7));
        apply_variable(&mut table, "ACCLAIM_SERVER_LISTNE", "x").unwrap();
        let error = Value::Table(table).try_into::<Config>().unwrap_err();
        assert!(error.to_string().contains("listne"), "{error}");
    }

    /// The environment's variables, as the message about an unknown key of each section lists them.
    #[test]
    fn variables_of_the_environment_are_those_they_were() {
        let mut names = vec!["ACCLAIM_WITNESSES".to_owned(), SECRET.to_owned()];
        for section in SECTIONS {
            let error = format!("[{section}]\n\"?\" = 1").parse::<Table>().unwrap().try_into::<Config>();
            let message = error.unwrap_err().to_string();
            let (_, expected) = message.split_once("expected ").unwrap();
            let keys = expected.lines().next().unwrap_or_default().split('`').skip(1).step_by(2);
            names.extend(keys.map(|key| format!("{PREFIX}{section}_{key}").to_uppercase()));
        }
        insta::assert_snapshot!(names.join("\n"));
    }

    #[test]
    fn reads_addresses_as_networks_and_names_bad_values() {
        let read = |list: &str| {
            let mut table = Table::new();
            apply_variable(&mut table, "ACCLAIM_LIMITS_TRUSTED_PROXIES", list).unwrap();
            Value::Table(table).try_into::<Config>()
        };
        let config = read(r#"["127.0.0.1", "10.0.0.0/8", "::1"]"#).unwrap();
        let networks: Vec<String> = config.limits.trusted_proxies.iter().map(ToString::to_string).collect();
        assert_eq!(networks, ["127.0.0.1/32", "10.0.0.0/8", "::1/128"]);
        let error = read(r#"["10.0.0.0/33"]"#).unwrap_err().to_string();
        assert!(error.contains("10.0.0.0/33") && error.contains("trusted_proxies"), "{error}");
    }

    #[test]
    fn names_key_of_bad_base_path_or_origin() {
        let error = |name: &str, value: &str| {
            let mut table = Table::new();
            apply_variable(&mut table, name, value).unwrap();
            let config: Config = Value::Table(table).try_into().unwrap();
            format!("{:#}", config.api().err().unwrap())
        };
        assert!(
            error("ACCLAIM_SERVER_BASE_PATH", "/v1").starts_with("`server.base_path`: `/v1` is no base path")
        );
        let origin = error("ACCLAIM_SERVER_CORS_ORIGINS", r#"["example.org"]"#);
        assert!(origin.starts_with("`server.cors_origins`: `example.org` is no origin"), "{origin}");
    }

    #[test]
    fn names_key_of_bad_witness() {
        const ONE: &str =
            "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G";
        let read = |list: &str| {
            let mut table = Table::new();
            apply_variable(&mut table, "ACCLAIM_WITNESSES", list)?;
            Value::Table(table).try_into::<Config>()?.witnesses()
        };
        let witness = |url: &str, vkey: &str| format!("{{ url = \"{url}\", vkey = \"{vkey}\" }}");
        let good = witness("https://witness.example.org", ONE);
        assert_eq!(read(&format!("[{good}]")).unwrap().len(), 1);
        let log = "vote.example.org/photo-2021+9049215d+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
        for (list, told) in [
            (format!("[{good}, {good}]"), "witnesses[1].vkey"),
            (format!("[{}]", witness("https://witness.example.org", log)), "witnesses[0].vkey"),
            (format!("[{}]", witness("witness.example.org", ONE)), "witnesses[0].url"),
            ("[{ url = \"https://w\" }]".to_owned(), "vkey"),
            ("[{ url = \"https://w\", vkey = \"\", name = \"\" }]".to_owned(), "name"),
            (format!("[{}]", [&*good; 17].join(",")), "more than 16"),
            ("nonsense".to_owned(), "ACCLAIM_WITNESSES"),
        ] {
            let error = read(&list).unwrap_err();
            assert!(format!("{error:#}").contains(told), "{error:#}");
        }
    }

    #[test]
    fn names_key_of_unreadable_ca_file() {
        let read = |file: &Path| {
            let url = |scheme| Some(format!("{scheme}://h"));
            let redis = Redis { url: url("rediss"), ca_file: Some(file.to_owned()), ..Redis::default() };
            let postgres = Postgres { url: url("postgres"), ..Postgres::default() };
            Config { redis, postgres, ..Config::default() }.cluster()
        };
        let folder = tempfile::tempdir().unwrap();
        let Err(error) = read(&folder.path().join("none")) else { panic!("read") };
        assert!(format!("{error:#}").contains("redis.ca_file"), "{error:#}");
        let file = folder.path().join("authority");
        fs::write(&file, "PEM").unwrap();
        assert_eq!(read(&file).unwrap().unwrap().redis.authority.unwrap(), b"PEM");
    }
}
