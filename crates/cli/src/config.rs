//! The configuration: one typed section for each subject, with built-in defaults. Unknown keys are
//! refused.
//!
//! A value comes from the command line, otherwise from the environment (`ACCLAIM_<SECTION>_<KEY>`),
//! otherwise from the file, otherwise from the defaults.

mod cluster;
mod subjects;

use std::{
    collections::BTreeSet,
    env, fs,
    net::{IpAddr, SocketAddr},
    num::{NonZeroU32, NonZeroU64, NonZeroUsize},
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

pub(crate) use self::cluster::Cluster;
pub use self::{
    cluster::{Postgres, Redis},
    subjects::Subjects,
};
use crate::{
    args::target::{data_directory, data_of_environment},
    witness::client::HttpWitness,
};

/// The whole configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The name, the data and the secret of the installation.
    pub installation: Installation,
    /// The listener, and what its clients may do.
    pub server: Server,
    /// The time limit and the queue of ballots.
    pub ballots: Ballots,
    /// Rate limits.
    pub limits: Limits,
    /// The intake of a cluster.
    pub redis: Redis,
    /// The ledger of a cluster.
    pub postgres: Postgres,
    /// The comparison of voters' subjects.
    pub subjects: Subjects,
    /// The witnesses that cosign checkpoints.
    pub witnesses: Vec<WitnessTable>,
}

/// One witness.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessTable {
    /// The address below which its `add-checkpoint` is, for example
    /// `https://witness.example.org/acclaim`.
    pub url: String,
    /// Its verifier key, from a source other than that address.
    pub vkey: String,
}

/// The largest number of witnesses. A note has at most 64 signatures.
const MAX_WITNESSES: usize = 16;

/// The section `installation`: the name, the data and the secret.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Installation {
    /// The first part of each log's origin, for example `vote.example.org`. The first start fixes
    /// it for ever. The default is `localhost`.
    pub name: Option<String>,
    /// The data directory of an embedded installation. The default is `./acclaim-data`.
    pub data: Option<PathBuf>,
    /// File with the installation's secret, 64 hexadecimal digits. Only for a cluster: an embedded
    /// installation has its secret in the data directory.
    pub secret_file: Option<PathBuf>,
    /// Contests that are left out because their logs are damaged. Nothing is recorded for them, and
    /// all other contests run.
    pub without: Vec<ContestId>,
}

/// The section `server`: the listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The address and port to listen on.
    pub listen: SocketAddr,
    /// The largest number of connections at the same time. The default is 16,384, or as many as the
    /// limit of open files allows.
    pub connections: Option<NonZeroUsize>,
    /// The path below which a proxy publishes the server, for example `/vote`. Empty by default.
    pub base_path: String,
    /// The sites whose pages may read public data, for example `https://www.example.org`. `*`, the
    /// default, is all sites.
    pub cors_origins: Vec<String>,
    /// The address of a second listener, which answers health and metrics in full to every client
    /// that can connect. There is no such listener by default.
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

/// The section `ballots`: the time limit and the queue of ballots.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ballots {
    /// The longest time from a ballot's arrival to its answer, in milliseconds.
    ///
    /// A contest's `closed` follows its closing instant after this time and half of it, but at most
    /// a second more.
    pub deadline_ms: NonZeroU64,
    /// The number of voters' ballots that may wait for their answers. The same number of gateways'
    /// ballots may wait beside them.
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

/// The section `limits`: rate limits, and the proxies in front of the server.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The largest number of requests with one pass in a second.
    pub per_pass: NonZeroU32,
    /// The largest number of requests from one network in a second. A network is a /24 of IPv4 or a
    /// /48 of IPv6.
    pub per_network: NonZeroU32,
    /// The networks without these limits.
    #[serde(deserialize_with = "networks")]
    pub allow: Vec<IpNet>,
    /// The proxies that are trusted to name their clients.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which proxies name their clients: `x-forwarded-for` or `forwarded`. By
    /// default, `x-forwarded-for` counts, or `forwarded` if a request has only this one.
    pub forwarded_header: Option<ForwardedHeader>,
}

/// Reads a list of networks. A single address is a network of one address.
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

/// The prefix of the environment variables that set keys of the configuration.
const PREFIX: &str = "ACCLAIM_";
/// The sections, with whose names these variables continue.
const SECTIONS: [&str; 7] = ["installation", "server", "ballots", "limits", "redis", "postgres", "subjects"];
/// The environment variable that holds a cluster's secret, if no file does.
const SECRET: &str = "ACCLAIM_SECRET";

impl Config {
    /// Returns the defaults with this data directory.
    #[must_use]
    pub fn embedded(data: PathBuf) -> Self {
        Self { installation: Installation { data: Some(data), ..Installation::default() }, ..Self::default() }
    }

    /// Reads the file, if one is given, and applies the environment over it.
    ///
    /// # Errors
    /// If the file cannot be read, or if a key is unknown or has an unusable value. The error names
    /// the key.
    pub fn read(file: Option<&Path>) -> Result<Self> {
        let mut table = match file {
            Some(file) => {
                let unreadable = || format!("cannot read the configuration {}", file.display());
                let text = fs::read_to_string(file).with_context(unreadable)?;
                // Checks the file alone first, so that the error names the line of a mistake.
                toml::from_str::<Self>(&text).with_context(unreadable)?;
                text.parse::<Table>().with_context(unreadable)?
            }
            None => Table::new(),
        };
        for (name, value) in env::vars() {
            apply_variable(&mut table, &name, &value)?;
        }
        let mut config: Self = Value::Table(table)
            .try_into()
            .context("the configuration has a mistake, in the file or in an environment variable ACCLAIM_<SECTION>_<KEY>")?;
        if let Some(data) = data_of_environment() {
            config.installation.data = Some(data);
        }
        Ok(config)
    }

    /// Returns the data directory, or its default.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        data_directory(self.installation.data.as_ref())
    }

    /// Returns the settings of the cluster's servers, or `None` if the installation is embedded.
    ///
    /// # Errors
    /// If only one of `redis.url` and `postgres.url` is set, or if `redis.ca_file` cannot be read.
    pub(crate) fn cluster(&self) -> Result<Option<Cluster>> {
        Cluster::read(&self.redis, &self.postgres)
    }

    /// Returns the settings of the cluster's database.
    ///
    /// # Errors
    /// If `postgres.url` is not set.
    pub(crate) fn postgres(&self) -> Result<acclaim_store_postgres::Settings> {
        self.postgres.settings()
    }

    /// Reads the installation's secret of a cluster, from `installation.secret_file` or
    /// `ACCLAIM_SECRET`.
    ///
    /// # Errors
    /// If the file cannot be read, or if the text is not a secret. The error never contains the
    /// text.
    pub(crate) fn secret(&self) -> Result<Secret> {
        let (source, text) = match &self.installation.secret_file {
            Some(file) => {
                let source = format!("the secret's file {}", file.display());
                let text = fs::read_to_string(file).with_context(|| format!("cannot read {source}"))?;
                (source, text)
            }
            None => (SECRET.to_owned(), env::var(SECRET).unwrap_or_default()),
        };
        parse_secret(&text).with_context(|| {
            format!("{source} must hold the installation's secret, 64 hexadecimal digits: make it once with `openssl rand -hex 32`")
        })
    }

    /// Returns the settings of the API.
    ///
    /// # Errors
    /// If a value cannot be used. The error names the key.
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
            // Redis keeps its ballots when this process ends.
            may_accept: self.redis.url.is_some(),
            without: self.installation.without.iter().cloned().collect(),
            ..acclaim_api::Settings::default()
        })
    }

    /// Returns a client for each configured witness.
    ///
    /// # Errors
    /// If there are more than 16 witnesses, if two have the same key, or if an address or a key is
    /// invalid. The error names the key.
    pub(crate) fn witnesses(&self) -> Result<Vec<Arc<dyn Witness>>> {
        if self.witnesses.len() > MAX_WITNESSES {
            bail!("`witnesses` has more than {MAX_WITNESSES} witnesses");
        }
        let mut names = BTreeSet::new();
        let witness = |(number, table): (usize, &WitnessTable)| -> Result<Arc<dyn Witness>> {
            let key_name = |key: &str| format!("`witnesses[{number}].{key}`");
            let vkey: WitnessKey = table.vkey.parse().with_context(|| key_name("vkey"))?;
            if !names.insert(vkey.to_string()) {
                bail!("{}: an earlier witness has the same key", key_name("vkey"));
            }
            Ok(Arc::new(HttpWitness::new(&table.url, vkey).with_context(|| key_name("url"))?))
        };
        self.witnesses.iter().enumerate().map(witness).collect()
    }

    /// Returns the settings of the sequencer, without the witnesses.
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

/// Sets the key that an environment variable stands for. Ignores all other variables.
fn apply_variable(table: &mut Table, name: &str, value: &str) -> Result<()> {
    let Some(rest) = name.strip_prefix(PREFIX).map(str::to_lowercase) else { return Ok(()) };
    // `witnesses` is a list of tables, so the variable replaces the whole list.
    if rest == "witnesses" {
        let list = format!("witnesses = {value}").parse::<Table>().with_context(|| name.to_owned())?;
        table.extend(list);
        return Ok(());
    }
    let section_and_key = SECTIONS.iter().find_map(|section| {
        rest.strip_prefix(section)
            .and_then(|rest| rest.strip_prefix('_'))
            .map(|key| (*section, key.to_owned()))
    });
    let Some((section, key)) = section_and_key else { return Ok(()) };
    // Numbers and lists are written as in TOML. Any other value is text.
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
mod tests;
