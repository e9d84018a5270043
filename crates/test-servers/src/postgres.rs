//! A real Postgres from Debian for tests, in a temporary folder and on a free port.
//!
//! It stops when it is dropped, or when the test's process ends.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use sqlx_core::{
    connection::Connection as _, query::query, raw_sql::raw_sql, row::Row as _, sql_str::AssertSqlSafe,
};
use sqlx_postgres::PgConnection;
use tempfile::TempDir;

use crate::{free_port, tls::Authority, wait::retry_async};

/// Password of the only role. It must not be part of any error.
pub const PASSWORD: &str = "correct-horse-battery";
/// Maximum time for a start or a stop.
const START_STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// A running server.
pub struct Server {
    folder: TempDir,
    port: u16,
    user: Option<(u32, u32)>,
    settings: Vec<String>,
    postmaster: Child,
    /// Stops the server when this process's end of its input is closed, however this process ends.
    _watchdog: Child,
    databases: AtomicU32,
}

impl Server {
    /// Starts a server, with settings like `fsync=off`.
    pub async fn start(settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("acclaim-postgres").tempdir().unwrap();
        let user = unprivileged_user();
        give_to_server_user(folder.path());
        let password = folder.path().join("password");
        fs::write(&password, PASSWORD).unwrap();
        let output = as_user(user, &programs().join("initdb"))
            .args([
                "--username=acclaim",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
            ])
            .arg(format!("--pwfile={}", password.display()))
            .arg("-D")
            .arg(folder.path().join("data"))
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let port = free_port();
        let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let postmaster = launch(folder.path(), port, user, &settings);
        let watchdog = watch(folder.path());
        let server = Self {
            folder,
            port,
            user,
            settings,
            postmaster,
            _watchdog: watchdog,
            databases: AtomicU32::new(0),
        };
        server.wait_until_ready().await;
        server
    }

    /// Starts a server for TLS, with the server certificate of `authority`.
    pub async fn start_with_tls(authority: &Authority) -> Self {
        give_to_server_user(authority.folder());
        give_to_server_user(&authority.server_key());
        let certificate = format!("ssl_cert_file={}", authority.server_certificate().display());
        let key = format!("ssl_key_file={}", authority.server_key().display());
        // The certificate names only the first of these addresses.
        Self::start(&["listen_addresses=127.0.0.1,127.0.0.2", "ssl=on", &certificate, &key]).await
    }

    /// Process id of the postmaster. The other processes are its children.
    pub fn process(&self) -> u32 {
        self.postmaster.id()
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database of this server. `port` may be the port of a proxy.
    pub fn url_by(&self, port: u16, database: &str) -> String {
        format!("postgres://acclaim:{PASSWORD}@127.0.0.1:{port}/{database}")
    }

    /// Creates an empty database and returns its name.
    pub async fn empty_database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.execute("postgres", &format!("CREATE DATABASE {name}")).await;
        name
    }

    /// Executes statements in a database.
    pub async fn execute(&self, database: &str, sql: &str) {
        let mut connection = PgConnection::connect(&self.url_by(self.port, database)).await.unwrap();
        raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// The number that a query returns in its first column.
    pub async fn number(&self, database: &str, sql: &str) -> i64 {
        let mut connection = PgConnection::connect(&self.url_by(self.port, database)).await.unwrap();
        let row = query(AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        row.try_get(0).unwrap()
    }

    /// Kills every process of the server at once, like a power cut.
    pub fn kill(&mut self) {
        let postmaster = self.postmaster.id();
        // It is stopped first, so that it starts no other process and no child survives it.
        signal("STOP", &[postmaster]);
        let mut all = children(postmaster);
        all.push(postmaster);
        signal("KILL", &all);
        self.postmaster.wait().unwrap();
        let start = Instant::now();
        while all.iter().any(|process| is_alive(*process)) {
            assert!(start.elapsed() < START_STOP_TIMEOUT, "a killed process is still alive");
            std::thread::yield_now();
        }
    }

    /// Starts the server again after [`Server::kill`].
    pub async fn restart(&mut self) {
        self.postmaster = launch(self.folder.path(), self.port, self.user, &self.settings);
        self.wait_until_ready().await;
    }

    async fn wait_until_ready(&self) {
        let url = self.url_by(self.port, "postgres");
        let connection = retry_async(START_STOP_TIMEOUT, async || {
            PgConnection::connect(&url).await.map_err(|error| {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                format!("Postgres does not answer: {error}\n{log}")
            })
        });
        connection.await.close().await.unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // This signal is the mode `immediate`: the data is not needed any more.
        signal("QUIT", &[self.postmaster.id()]);
        let _ended = self.postmaster.wait();
    }
}

/// A program of the newest installed version.
#[must_use]
pub fn program(name: &str) -> Command {
    Command::new(programs().join(name))
}

/// The folder of the newest installed version's programs.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("Debian's package postgresql is installed");
    let version = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    versions.map(|entry| entry.unwrap().path()).max_by_key(version).unwrap().join("bin")
}

/// Changes the owner of a file or folder to the user of the servers.
pub(crate) fn give_to_server_user(path: &Path) {
    if let Some((uid, gid)) = unprivileged_user() {
        chown(path, Some(uid), Some(gid)).unwrap();
    }
}

/// The user of the servers if the tests run as root: `postgres`, else `nobody`.
///
/// Postgres refuses to run as root.
pub(crate) fn unprivileged_user() -> Option<(u32, u32)> {
    if std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap()) != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let user = |name: &str| {
        let fields: Vec<&str> =
            users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|user| user[0] == name)?;
        Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
    };
    Some(user("postgres").or_else(|| user("nobody")).unwrap())
}

pub(crate) fn as_user(user: Option<(u32, u32)>, program: &Path) -> Command {
    let mut command = Command::new(program);
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    // In its own process group it does not get the tests' Ctrl+C.
    command.stdin(Stdio::null()).process_group(0);
    command
}

fn launch(folder: &Path, port: u16, user: Option<(u32, u32)>, settings: &[String]) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    let mut command = as_user(user, &programs().join("postgres"));
    command.arg("-D").arg(folder.join("data")).arg("-k").arg(folder);
    let port = format!("port={port}");
    let always = [port.as_str(), "listen_addresses=127.0.0.1", "shared_buffers=64MB", "max_connections=60"];
    for setting in always.into_iter().chain(settings.iter().map(String::as_str)) {
        command.args(["-c", setting]);
    }
    command.current_dir(folder).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
}

/// A process that waits for the end of this one, stops a running server and removes its folder.
fn watch(folder: &Path) -> Child {
    let script = r#"read -r _
        if [ -f "$1/data/postmaster.pid" ]; then kill -QUIT "$(head -n 1 "$1/data/postmaster.pid")" 2>/dev/null
            while [ -f "$1/data/postmaster.pid" ] && [ -d "/proc/$(head -n 1 "$1/data/postmaster.pid")" ]; do sleep 0.1; done; fi
        rm -rf "$1""#;
    let mut command = Command::new("sh");
    command.args(["-c", script, "watchdog"]).arg(folder).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap();
    processes
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<u32>().ok())
        .filter(|process| stat(*process).is_some_and(|(_, its_parent)| its_parent == parent))
        .collect()
}

/// State and parent of a process.
fn stat(process: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in brackets may contain any character.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

fn is_alive(process: u32) -> bool {
    stat(process).is_some_and(|(state, _)| state != "Z")
}

fn signal(name: &str, processes: &[u32]) {
    let processes = processes.iter().map(u32::to_string);
    let _may_be_gone =
        Command::new("kill").arg(format!("-{name}")).args(processes).stderr(Stdio::null()).status();
}
