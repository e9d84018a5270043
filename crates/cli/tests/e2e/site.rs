//! A running installation, embedded or a cluster, and a client that can send any request, also a
//! malformed one.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use acclaim_cli::client::Client;
use acclaim_test_servers::wait::retry;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use crate::{
    answer::Answer,
    samples::{address, ballot, definition},
};
use crate::{
    cluster_servers::Servers,
    described::{self, Exchange},
    server::{Server, acclaim, client, free_address, succeeded},
};

/// The longest wait for a condition.
const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// See the [module](self).
pub(crate) struct Site {
    /// The processes: one embedded, or an API process and a sequencer of a cluster.
    processes: Vec<Server>,
    /// The servers of a cluster; `None` for a site on a data directory.
    servers: Option<Servers>,
    pub(crate) folder: TempDir,
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
    pub(crate) staff: Client,
    agent: ureq::Agent,
    /// The environment of its processes, from the next start on.
    pub(crate) environment: Vec<(String, String)>,
}

impl Site {
    /// Starts an embedded installation on a new data directory.
    pub(crate) fn start() -> Self {
        Self::start_by(Server::start)
    }

    pub(crate) fn start_by(start: impl FnOnce(&Path, SocketAddr) -> Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let server = start(&folder.path().join("data"), address);
        let key = server.key.clone().expect("a first key");
        Self::of(folder, address, key, vec![server], None)
    }

    /// Starts a cluster of an API process and a sequencer, on their own servers.
    pub(crate) fn start_clustered() -> Self {
        Self::start_clustered_on(|folder| {
            let servers = Servers::start(folder);
            let key = servers.operator_key();
            (servers, key)
        })
    }

    /// As [`Site::start_clustered`], on servers that `start` has started. It also returns an
    /// operator's key.
    pub(crate) fn start_clustered_on(start: impl FnOnce(&Path) -> (Servers, String)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (servers, key) = start(folder.path());
        let mut site = Self::of(folder, free_address(), key, Vec::new(), Some(servers));
        site.restart();
        site
    }

    fn of(
        folder: TempDir,
        address: SocketAddr,
        key: String,
        processes: Vec<Server>,
        servers: Option<Servers>,
    ) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            // Answers are not compressed, unless a test asks for it.
            .accept_encoding(ureq::config::AutoHeaderValue::None)
            .timeout_global(Some(WAIT_TIMEOUT))
            // A server may close the connection after a refusal. A request is never sent twice
            // here, so no request may go into such a connection.
            .max_idle_connections(0)
            .build()
            .into();
        let staff = client(address, &key);
        Self { processes, servers, folder, address, key, staff, agent, environment: Vec::new() }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The lines on standard error of the API process before it listened.
    pub(crate) fn startup_log(&self) -> &str {
        &self.processes.last().unwrap().startup_log
    }

    /// Kills every process with SIGKILL. The stores stay.
    pub(crate) fn kill(&mut self) {
        self.processes.drain(..).for_each(Server::kill);
    }

    /// Starts the processes again, on the same stores and address.
    pub(crate) fn restart(&mut self) {
        self.processes = match &self.servers {
            None => vec![Server::start_in(&self.environment, &self.data(), self.address)],
            Some(servers) => [("sequencer", free_address()), ("api", self.address)]
                .map(|(role, address)| servers.serve_in(&self.environment, role, address))
                .into(),
        };
    }

    /// Kills the sequencer of a cluster with SIGKILL.
    pub(crate) fn stop_sequencing(&mut self) {
        assert!(
            self.servers.is_some() && self.processes.len() == 2,
            "the site must have a sequencer and an API process"
        );
        self.processes.remove(0).kill();
    }

    /// Starts another sequencer in its place.
    pub(crate) fn go_on_sequencing(&mut self) {
        let sequencer = self.another_sequencer();
        self.sequence_by(sequencer);
    }

    /// Makes a running sequencer the site's own.
    pub(crate) fn sequence_by(&mut self, sequencer: Server) {
        self.processes.insert(0, sequencer);
    }

    /// The Redis of a cluster.
    pub(crate) fn redis(&self) -> &acclaim_test_servers::redis::Server {
        &self.servers.as_ref().unwrap().redis
    }

    /// Starts one more sequencer of a cluster.
    pub(crate) fn another_sequencer(&self) -> Server {
        self.another_sequencer_at().1
    }

    /// As [`Site::another_sequencer`]. Also returns the address of its metrics.
    pub(crate) fn another_sequencer_at(&self) -> (SocketAddr, Server) {
        let address = free_address();
        (address, self.servers.as_ref().unwrap().serve("sequencer", address))
    }

    /// Starts one more API process of a cluster. Returns its address too.
    pub(crate) fn another_api(&self) -> (SocketAddr, Server) {
        self.another_api_in(&[])
    }

    /// As [`Site::another_api`], with more environment variables.
    pub(crate) fn another_api_in(&self, environment: &[(String, String)]) -> (SocketAddr, Server) {
        let address = free_address();
        (address, self.servers.as_ref().unwrap().serve_in(environment, "api", address))
    }

    /// The URL of the cluster's database.
    pub(crate) fn postgres(&self) -> &str {
        &self.servers.as_ref().unwrap().postgres
    }

    /// Creates a contest of two categories that opens at `opens`. `more` has more tables of the
    /// definition.
    pub(crate) fn create(&self, id: &str, opens: &str, more: &Value) -> Value {
        let mut definition = definition(id, opens);
        for (key, value) in more.as_object().unwrap() {
            definition[key] = value.clone();
        }
        self.staff
            .put(
                &format!("/v1/contests/{id}"),
                &acclaim_cli::client::IdempotencyKey::new().unwrap(),
                None,
                definition.to_string(),
            )
            .unwrap()
    }

    /// Creates a contest that opens in the past. Returns it when the sequencer has opened it.
    pub(crate) fn create_open(&self, id: &str, opens: &str, more: &Value) -> Value {
        self.create(id, opens, more);
        poll("the opening", || {
            let contest = self.staff.contest(&id.parse().unwrap()).unwrap();
            (contest["phase"] == "open").then_some(contest)
        })
    }

    /// Returns a pass for a subject. A word is the name of a mailbox.
    pub(crate) fn pass(&self, contest: &str, subject: &str) -> String {
        let body = json!({"subjects": [address(subject)]});
        let minted =
            self.staff.post(&format!("/v1/contests/{contest}/passes"), &format!("mint-{subject}"), &body);
        minted.unwrap()["passes"][0]["pass"].as_str().unwrap().to_owned()
    }

    /// Creates a staff key with a command beside the running processes.
    pub(crate) fn staff_key(&self, role: &str, contest: &str) -> String {
        self.run_key(&["create", "--role", role, "--contest", contest])
    }

    /// Runs `acclaim key`, which must succeed. Returns its output.
    pub(crate) fn run_key(&self, args: &[&str]) -> String {
        succeeded(&self.key_command(args))
    }

    /// Runs `acclaim key`.
    pub(crate) fn key_command(&self, args: &[&str]) -> Output {
        let mut command = match &self.servers {
            Some(servers) => servers.acclaim(),
            None => acclaim(),
        };
        command.arg("key").args(args);
        if self.servers.is_none() {
            command.arg("--data").arg(self.data());
        }
        command.output().unwrap()
    }

    /// Changes the stores from the next start on: to these servers, or to the data directory.
    /// Returns the former servers.
    pub(crate) fn set_servers(&mut self, servers: Option<Servers>) -> Option<Servers> {
        std::mem::replace(&mut self.servers, servers)
    }

    /// The number that a query of the cluster's database returns; `None` for an embedded site.
    pub(crate) fn number(&self, sql: &str) -> Option<i64> {
        self.servers.as_ref().map(|servers| servers.number(sql))
    }

    /// Executes statements in the cluster's database.
    pub(crate) fn execute(&self, sql: &str) {
        self.servers.as_ref().unwrap().execute(sql);
    }

    /// Sends a request once, as it is.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.send_to(self.address, method, path, headers, body)
    }

    /// As [`Site::send`], to another process of the cluster.
    pub(crate) fn send_to(
        &self,
        address: SocketAddr,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut request =
            ureq::http::Request::builder().method(method).uri(format!("http://{address}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request_body = body;
        let answer = if body.is_empty() {
            self.agent.run(request.body(()).unwrap())
        } else {
            self.agent.run(request.body(body).unwrap())
        };
        let mut answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let bytes = answer.body_mut().read_to_vec().unwrap();
        let answer = Answer::new(answer.status().as_u16(), answer.headers().clone(), &bytes);
        if answer.header("content-encoding").is_empty() {
            described::check(&Exchange {
                method,
                path,
                request: request_body,
                status: answer.status,
                content_type: &answer.content_type,
                answer: &bytes,
            });
        }
        answer
    }

    /// Calls `ask` until it returns a value.
    pub(crate) fn poll<T>(&self, what: &str, ask: impl FnMut() -> Option<T>) -> T {
        poll(what, ask)
    }

    /// Posts JSON with a bearer token.
    pub(crate) fn post(&self, path: &str, token: &str, body: &[u8]) -> Answer {
        let bearer = format!("Bearer {token}");
        self.send("POST", path, &[("authorization", &bearer), ("content-type", "application/json")], body)
    }

    /// Casts a ballot.
    pub(crate) fn cast(&self, contest: &str, pass: &str, ballot: &Value) -> Answer {
        self.post(&format!("/v1/contests/{contest}/ballots"), pass, ballot.to_string().as_bytes())
    }

    /// The log's lines, as staff read them.
    pub(crate) fn log(&self, contest: &str) -> Vec<String> {
        let bytes = self.staff.get(&format!("/v1/contests/{contest}/log/entries")).unwrap().bytes;
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    /// The tally at this size of the log, or a larger one.
    pub(crate) fn tally(&self, contest: &str, size: u64) -> Value {
        poll("the tally", || {
            let tally: Value =
                self.staff.get(&format!("/v1/contests/{contest}/tally")).unwrap().json().unwrap();
            (tally["log"]["size"].as_u64() >= Some(size)).then_some(tally)
        })
    }

    /// Exports a log into a new folder of this name.
    pub(crate) fn export(&self, contest: &str, name: &str) -> PathBuf {
        let out = self.folder.path().join(name);
        let url = format!("http://{}", self.address);
        let export = acclaim()
            .args(["log", "export", contest, "--url", &url, "--out"])
            .arg(&out)
            .env("ACCLAIM_KEY", &self.key)
            .output()
            .unwrap();
        succeeded(&export);
        assert!(fs::exists(out.join("log.jsonl")).unwrap());
        out
    }
}

/// Calls `ask` until it returns a value, and fails after [`WAIT_TIMEOUT`].
#[track_caller]
pub(crate) fn poll<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    retry(WAIT_TIMEOUT, || ask().ok_or(what))
}
