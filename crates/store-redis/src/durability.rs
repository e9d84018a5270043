//! Checks that Redis keeps accepted ballots, by reading its settings, and that its clock agrees
//! with this process's clock.

use std::collections::HashMap;

use acclaim_store::intake::IntakeStatus;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use redis::{RedisError, RedisResult, cmd};

use crate::connection::{Connection, Node};

/// The results of a check of the servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Settings that can lose accepted ballots, by name. A server that does not answer now counts
    /// as at its last answer.
    pub(crate) weak: Vec<String>,
    /// Servers of a cluster that do not answer.
    pub(crate) away: Vec<String>,
    /// Servers whose memory is used up.
    pub(crate) full: Vec<String>,
    /// How far ahead the clocks of the servers are: the value of the server with the largest
    /// difference.
    pub(crate) skew: SignedDuration,
    /// The value of the server with the smallest difference.
    pub(crate) nearest: SignedDuration,
    /// The value of the server with the slowest clock.
    pub(crate) slowest: SignedDuration,
}

impl Findings {
    /// Converts the results to the status that the intake reports.
    pub(crate) fn status(self, weak_is_allowed: bool) -> IntakeStatus {
        let refuses = (!weak_is_allowed && !self.weak.is_empty()).then(|| self.weak.join("; "));
        let Self { weak, away, full, skew, nearest, slowest } = self;
        IntakeStatus { refuses, weak, away, full, skew, nearest, slowest, forged: 0 }
    }
}

/// Checks the servers, and remembers their weaknesses as of their last answers.
#[derive(Debug, Default)]
pub(crate) struct ServerMonitor {
    last_weaknesses: HashMap<Node, Vec<String>>,
}

impl ServerMonitor {
    /// Checks every server that holds data. If one of several does not answer, the others still
    /// take ballots.
    ///
    /// # Errors
    /// If no server answers.
    pub(crate) async fn check_servers(
        &mut self,
        connection: &Connection,
        now: impl Fn() -> Timestamp,
    ) -> RedisResult<Findings> {
        let mut findings = Findings::default();
        let masters = connection.masters().await?;
        let checks = masters.iter().map(|node| async {
            let settings = Settings::read(connection, node).await?;
            Ok::<_, RedisError>((settings, skew(connection, node, &now).await?))
        });
        let mut skews = Vec::new();
        let mut failure = None;
        for (node, answer) in masters.iter().zip(join_all(checks).await) {
            match answer {
                Ok((settings, skew)) => {
                    findings.full.extend(settings.memory_used_up().map(|full| named(full, node)));
                    let weak = settings.weaknesses().into_iter().map(|weak| named(weak, node)).collect();
                    self.last_weaknesses.insert(node.clone(), weak);
                    skews.push(skew);
                }
                Err(error) => {
                    findings.away.push(named(error.to_string(), node));
                    failure = Some(error);
                }
            }
        }
        self.last_weaknesses.retain(|node, _| masters.contains(node));
        for node in &masters {
            findings.weak.extend(self.last_weaknesses.get(node).into_iter().flatten().cloned());
        }
        findings.skew = skews.iter().copied().max_by_key(|skew| skew.abs()).unwrap_or_default();
        findings.nearest = skews.iter().copied().min_by_key(|skew| skew.abs()).unwrap_or_default();
        findings.slowest = skews.iter().copied().min().unwrap_or_default();
        match failure {
            Some(error) if skews.is_empty() => Err(error),
            _ => Ok(findings),
        }
    }
}

fn named(what: String, node: &Node) -> String {
    match node {
        Some((host, port)) => format!("{what} on {host}:{port}"),
        None => what,
    }
}

/// Returns the server's clock minus this process's clock at the middle of the call.
async fn skew(
    connection: &Connection,
    node: &Node,
    now: &impl Fn() -> Timestamp,
) -> RedisResult<SignedDuration> {
    let before = now();
    let (seconds, micros): (i64, i64) = connection.run_on(node, &cmd("TIME")).await?;
    let after = now();
    let server_time = Timestamp::from_microsecond(seconds.saturating_mul(1_000_000).saturating_add(micros))
        .unwrap_or_default();
    let middle = before.saturating_add(after.duration_since(before) / 2).unwrap_or(before);
    Ok(server_time.duration_since(middle))
}

/// Settings by name, from `CONFIG`. Where `CONFIG` is forbidden, `INFO` has some of them.
struct Settings {
    role: String,
    config: HashMap<String, String>,
    info: HashMap<String, String>,
}

impl Settings {
    async fn read(connection: &Connection, node: &Node) -> RedisResult<Self> {
        let text: String = connection.run_on(node, &cmd("INFO")).await?;
        let info: HashMap<String, String> = text
            .lines()
            .filter_map(|line| line.trim_end().split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut config = HashMap::new();
        for name in ["appendonly", "appendfsync", "maxmemory-policy", "maxmemory"] {
            let mut ask = cmd("CONFIG");
            ask.arg("GET").arg(name);
            match connection.run_on::<HashMap<String, String>>(node, &ask).await {
                Ok(values) => config.extend(values),
                Err(error) if error.is_io_error() => return Err(error),
                // Managed servers forbid `CONFIG`.
                Err(_) => {}
            }
        }
        let role = info.get("role").cloned().unwrap_or_default();
        Ok(Self { role, config, info })
    }

    /// Returns a setting by its name in `CONFIG`, or else by its name in `INFO`.
    fn get(&self, config: &str, info: &str) -> Option<&str> {
        self.config.get(config).or_else(|| self.info.get(info)).map(String::as_str)
    }

    /// Returns a text if the server's memory is used up: from then on Redis answers writes with
    /// `OOM`.
    fn memory_used_up(&self) -> Option<String> {
        let number = |text: &str| text.parse::<u64>().ok();
        let limit = self.get("maxmemory", "maxmemory").and_then(number).filter(|limit| *limit > 0)?;
        let info = |name| self.info.get(name).map(String::as_str).and_then(number);
        // Redis does not count the buffers of replication and of the append-only file (redis.conf,
        // `maxmemory`).
        let used = info("used_memory")?.saturating_sub(info("mem_not_counted_for_evict").unwrap_or(0));
        (used >= limit).then(|| format!("{used} of {limit} bytes are used: raise `maxmemory`"))
    }

    fn weaknesses(&self) -> Vec<String> {
        let mut weak = Vec::new();
        if self.role != "master" {
            weak.push(format!("role is {}, not master", self.role));
        }
        match self.get("appendonly", "aof_enabled") {
            Some("yes" | "1") => {}
            Some(_) => weak.push("appendonly is no".to_owned()),
            None => weak.push("appendonly cannot be read".to_owned()),
        }
        match self.get("appendfsync", "appendfsync") {
            Some("always") => {}
            Some(other) => weak.push(format!("appendfsync is {other}, not always")),
            None => weak.push("appendfsync cannot be read".to_owned()),
        }
        let unlimited = self.get("maxmemory", "maxmemory") == Some("0");
        match self.get("maxmemory-policy", "maxmemory_policy") {
            Some("noeviction") => {}
            Some(_) if unlimited => {}
            Some(other) => weak.push(format!("maxmemory-policy is {other}, not noeviction")),
            None => weak.push("maxmemory-policy cannot be read".to_owned()),
        }
        weak
    }
}
