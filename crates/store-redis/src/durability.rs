//! Whether Redis keeps what it accepts: settings are read, not hoped for; and whether its clock is ours.

use std::collections::HashMap;

use acclaim_store::intake::IntakeStatus;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use redis::{RedisError, RedisResult, cmd};

use crate::connection::{Connection, Node};

/// What the servers were found to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Settings that can lose accepted ballots, by name. A server that does not answer now is as it was when it last did.
    pub(crate) weak: Vec<String>,
    /// Servers of a cluster that do not answer.
    pub(crate) away: Vec<String>,
    /// Servers whose memory is used up.
    pub(crate) full: Vec<String>,
    /// How far their clocks are ahead; the farthest.
    pub(crate) skew: SignedDuration,
    /// The same of the nearest.
    pub(crate) nearest: SignedDuration,
    /// The same of the slowest.
    pub(crate) slowest: SignedDuration,
}

impl Findings {
    /// What the intake's users are told.
    pub(crate) fn status(self, weak_is_allowed: bool) -> IntakeStatus {
        let refuses = (!weak_is_allowed && !self.weak.is_empty()).then(|| self.weak.join("; "));
        let Self { weak, away, full, skew, nearest, slowest } = self;
        IntakeStatus { refuses, weak, away, full, skew, nearest, slowest, forged: 0 }
    }
}

/// Weaknesses of servers as they last were seen.
#[derive(Debug, Default)]
pub(crate) struct ServerMonitor {
    seen: HashMap<Node, Vec<String>>,
}

impl ServerMonitor {
    /// Asks every server that holds data. One of several that does not answer takes no ballots itself.
    ///
    /// # Errors
    /// If none answers.
    pub(crate) async fn check_servers(
        &mut self,
        connection: &Connection,
        now: impl Fn() -> Timestamp,
    ) -> RedisResult<Findings> {
        let mut findings = Findings::default();
        let masters = connection.masters().await?;
        let looks = masters.iter().map(|node| async {
            let settings = Settings::read(connection, node).await?;
            Ok::<_, RedisError>((settings, skew(connection, node, &now).await?))
        });
        let mut skews = Vec::new();
        let mut failure = None;
        for (node, seen) in masters.iter().zip(join_all(looks).await) {
            match seen {
                Ok((settings, skew)) => {
                    findings.full.extend(settings.memory_used_up().map(|full| named(full, node)));
                    let weak = settings.weaknesses().into_iter().map(|weak| named(weak, node)).collect();
                    self.seen.insert(node.clone(), weak);
                    skews.push(skew);
                }
                Err(error) => {
                    findings.away.push(named(error.to_string(), node));
                    failure = Some(error);
                }
            }
        }
        self.seen.retain(|node, _| masters.contains(node));
        for node in &masters {
            findings.weak.extend(self.seen.get(node).into_iter().flatten().cloned());
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

/// The server's clock less ours, at the middle of the call.
async fn skew(
    connection: &Connection,
    node: &Node,
    now: &impl Fn() -> Timestamp,
) -> RedisResult<SignedDuration> {
    let before = now();
    let (seconds, micros): (i64, i64) = connection.run_on(node, &cmd("TIME")).await?;
    let after = now();
    let theirs = Timestamp::from_microsecond(seconds.saturating_mul(1_000_000).saturating_add(micros))
        .unwrap_or_default();
    let middle = before.saturating_add(after.duration_since(before) / 2).unwrap_or(before);
    Ok(theirs.duration_since(middle))
}

/// Settings by name: from `CONFIG`, or as far as `INFO` tells them where that is forbidden.
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
                Ok(found) => config.extend(found),
                Err(error) if error.is_io_error() => return Err(error),
                // Managed servers forbid it.
                Err(_) => {}
            }
        }
        let role = info.get("role").cloned().unwrap_or_default();
        Ok(Self { role, config, info })
    }

    /// A setting by its name in `CONFIG`, else by that in `INFO`.
    fn get(&self, config: &str, info: &str) -> Option<&str> {
        self.config.get(config).or_else(|| self.info.get(info)).map(String::as_str)
    }

    /// That its memory is used up, if so: from then on Redis answers writes with `OOM`.
    fn memory_used_up(&self) -> Option<String> {
        let number = |text: &str| text.parse::<u64>().ok();
        let most = self.get("maxmemory", "maxmemory").and_then(number).filter(|most| *most > 0)?;
        let info = |name| self.info.get(name).map(String::as_str).and_then(number);
        // Replication buffers and the append-only file's do not count (redis.conf, `maxmemory`).
        let used = info("used_memory")?.saturating_sub(info("mem_not_counted_for_evict").unwrap_or(0));
        (used >= most).then(|| format!("{used} of {most} bytes are used: raise `maxmemory`"))
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
