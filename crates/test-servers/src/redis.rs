//! Real Redis servers for tests: Debian's `redis-server`, on free ports, in a temporary folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use redis::{Client, Connection, FromRedisValue};

use crate::{free_port, tls::Authority};

/// A running server. It is killed when it is dropped.
pub struct Server {
    child: Child,
    port: u16,
    options: Vec<String>,
    folder: PathBuf,
}

/// Options with which the server loses nothing that it has accepted.
pub const DURABLE: &[&str] = &["--appendonly", "yes", "--appendfsync", "always"];

impl Server {
    /// Starts a server with these command-line options.
    pub fn start(folder: &Path, options: &[&str]) -> Self {
        Self::start_from(folder, options, |_| {})
    }

    /// Starts a server after `fill` has put files into its folder.
    pub fn start_from(folder: &Path, options: &[&str], fill: impl FnOnce(&Path)) -> Self {
        let port = free_port();
        let folder = folder.join(port.to_string());
        fs::create_dir_all(&folder).unwrap();
        fill(&folder);
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let child = spawn(&folder, port, &options);
        let server = Self { child, port, options, folder };
        server.wait();
        server
    }

    /// Starts a durable server that also takes TLS, and returns the TLS port.
    ///
    /// Its certificate is the server certificate of `authority`.
    pub fn start_with_tls(folder: &Path, authority: &Authority) -> (Self, u16) {
        let port = free_port();
        let file = |path: PathBuf| path.to_str().unwrap().to_owned();
        let options = [
            ("--tls-port", port.to_string()),
            ("--tls-cert-file", file(authority.server_certificate())),
            ("--tls-key-file", file(authority.server_key())),
            ("--tls-ca-cert-file", file(authority.certificate())),
            ("--tls-auth-clients", "no".to_owned()),
        ];
        let options = options.iter().flat_map(|(name, value)| [*name, value]);
        let options: Vec<&str> = DURABLE.iter().copied().chain(options).collect();
        (Self::start(folder, &options), port)
    }

    /// Starts a durable replica of this server, and returns when it has this server's data.
    pub fn start_replica(&self, folder: &Path) -> Self {
        let primary = format!("127.0.0.1 {}", self.port);
        let options = [DURABLE, &["--replicaof", &primary, "--repl-diskless-sync-delay", "0"]].concat();
        let replica = Self::start(folder, &options);
        let deadline = Instant::now() + Duration::from_secs(30);
        while !replica.run::<String>(&["INFO", "replication"]).contains("master_link_status:up") {
            assert!(Instant::now() < deadline, "the replica does not follow");
            std::thread::yield_now();
        }
        replica
    }

    /// Waits until this replica has all data of its primary.
    pub fn wait_for_all_of(&self, primary: &Self) {
        let offset = |server: &Self, name: &str| {
            let info: String = server.run(&["INFO", "replication"]);
            info.lines().find_map(|line| line.trim_end().strip_prefix(name)?.parse::<u64>().ok())
        };
        let target = offset(primary, "master_repl_offset:").unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while offset(self, "slave_repl_offset:").is_none_or(|reached| reached < target) {
            assert!(Instant::now() < deadline, "the replica does not catch up");
            std::thread::yield_now();
        }
    }

    /// Disconnects this replica from its primary.
    pub fn fall_behind(&self) {
        // No server listens on this port.
        self.run::<String>(&["REPLICAOF", "127.0.0.1", "1"]);
    }

    /// Promotes this replica to a master.
    pub fn promote(&self) {
        self.run::<String>(&["REPLICAOF", "NO", "ONE"]);
    }

    fn wait(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.try_run::<String>(&["PING"]).ok().as_deref() != Some("PONG") {
            assert!(Instant::now() < deadline, "redis-server did not start");
            std::thread::yield_now();
        }
    }

    /// Its process id.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn connection(&self) -> redis::RedisResult<Connection> {
        Client::open(self.url())?.get_connection_with_timeout(Duration::from_secs(5))
    }

    /// Runs a command.
    ///
    /// # Errors
    /// The errors of the server and of the connection.
    pub fn try_run<T: FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let (name, args) = words.split_first().unwrap();
        redis::cmd(name).arg(args).query(&mut self.connection()?)
    }

    /// Runs a command that must succeed.
    pub fn run<T: FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_run(words).unwrap()
    }

    /// Kills the process immediately, like a power cut.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts the server again with the data on its disk.
    pub fn restart(&mut self) {
        self.child = spawn(&self.folder, self.port, &self.options);
        self.wait();
    }

    /// The folder of its append-only file.
    #[must_use]
    pub fn aof(&self) -> PathBuf {
        self.folder.join("appendonlydir")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _may_have_ended = self.child.kill();
        let _may_have_ended = self.child.wait();
    }
}

fn spawn(folder: &Path, port: u16, options: &[String]) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
        .arg(folder)
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}

/// Starts three masters of one cluster.
#[must_use]
pub fn start_cluster(folder: &Path) -> Vec<Server> {
    let clustered = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
    let options = [DURABLE, &clustered, &["--cluster-require-full-coverage", "no"]].concat();
    let servers: Vec<Server> = (0..3).map(|_| Server::start(folder, &options)).collect();
    let ranges = [("0", "5461"), ("5462", "10922"), ("10923", "16383")];
    for (server, (from, to)) in servers.iter().zip(ranges) {
        server.run::<String>(&["CLUSTER", "ADDSLOTSRANGE", from, to]);
    }
    for (number, server) in servers.iter().enumerate() {
        server.run::<String>(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
    }
    for other in &servers[1..] {
        servers[0].run::<String>(&["CLUSTER", "MEET", "127.0.0.1", &other.port().to_string()]);
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    while !servers.iter().all(|server| knows_all(server, &servers)) {
        assert!(Instant::now() < deadline, "the cluster did not form");
        std::thread::yield_now();
    }
    servers
}

/// Whether a master can reach every other one by its name, and knows the owner of each slot.
///
/// `cluster_state` alone is `ok` earlier.
fn knows_all(server: &Server, masters: &[Server]) -> bool {
    let nodes: String = server.run(&["CLUSTER", "NODES"]);
    let is_linked = |master: &Server| {
        let name: String = master.run(&["CLUSTER", "MYID"]);
        nodes.lines().any(|node| node.starts_with(&name) && node.contains(" connected "))
    };
    let info: String = server.run(&["CLUSTER", "INFO"]);
    let has_line = |text: &str| info.lines().any(|line| line.trim_end() == text);
    has_line("cluster_state:ok") && has_line("cluster_slots_ok:16384") && masters.iter().all(is_linked)
}

/// Moves all keys of a key's hash slot from one master of a cluster to another.
///
/// It moves one key after the other, like the tools of operators.
pub fn move_slot(servers: &[Server], key: &str, from: usize, to: usize) {
    let (source, target) = (&servers[from], &servers[to]);
    let slot = source.run::<u16>(&["CLUSTER", "KEYSLOT", key]).to_string();
    let id = |server: &Server| server.run::<String>(&["CLUSTER", "MYID"]);
    target.run::<String>(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &id(source)]);
    source.run::<String>(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &id(target)]);
    loop {
        let keys: Vec<String> = source.run(&["CLUSTER", "GETKEYSINSLOT", &slot, "1"]);
        let Some(key) = keys.first() else { break };
        // A busy node may need a second attempt. A key is moved whole or not at all.
        let deadline = Instant::now() + Duration::from_secs(20);
        let port = target.port.to_string();
        while let Err(error) = source.try_run::<String>(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]) {
            assert!(Instant::now() < deadline, "{key} is not moved: {error}");
        }
    }
    let others =
        servers.iter().filter(|server| ![from, to].iter().any(|index| servers[*index].port == server.port));
    for server in [target, source].into_iter().chain(others) {
        server.run::<String>(&["CLUSTER", "SETSLOT", &slot, "NODE", &id(target)]);
    }
}
