//! A real `acclaim serve` on an empty data directory, with an organiser's requests over HTTP.

use std::{
    fmt,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use acclaim_test_servers::wait::{WAIT_TIMEOUT, retry};
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

/// A server process, which is killed when dropped.
pub(crate) struct Stage {
    server: Child,
    agent: Agent,
    /// `http://127.0.0.1:<port>`
    pub(crate) url: String,
    key: String,
    requests: AtomicU32,
    _data: TempDir,
}

impl Stage {
    pub(crate) fn start() -> Self {
        Self::start_in(&[])
    }

    /// Starts a server with additional environment variables.
    pub(crate) fn start_in(environment: &[(&str, &str)]) -> Self {
        let data = TempDir::new().expect("a data directory");
        let mut server = Command::new(env!("CARGO_BIN_EXE_acclaim"))
            .envs(environment.iter().copied())
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("acclaim starts");
        let mut notes = BufReader::new(server.stderr.take().expect("stderr is piped")).lines();
        let url = notes
            .by_ref()
            .map(|line| line.expect("acclaim writes text"))
            .find_map(|line| line.split_once("listening on ").map(|(_, url)| url.trim().to_owned()))
            .expect("acclaim prints its address");
        // Later output is read and dropped, so that it does not fill the pipe.
        thread::spawn(move || notes.for_each(drop));
        let key = BufReader::new(server.stdout.take().expect("stdout is piped")).lines().next();
        let key = key.expect("acclaim prints the first key").expect("acclaim writes text").trim().to_owned();
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .into();
        Self { server, agent, url, key, requests: AtomicU32::new(0), _data: data }
    }

    /// The definition of an open contest: `categories`, each with `entries`.
    ///
    /// The opening is long past, and the closing is far ahead.
    pub(crate) fn definition(id: &str, categories: usize, entries: usize) -> Value {
        let names = [
            "Village libraries online",
            "A clinic in every pocket",
            "Seeds by text message",
            "Schools without walls",
        ];
        let category = |c: usize| {
            json!({"id": format!("c{c:02}"), "title": format!("C{c} Bridging divide number {c} by means of information"),
                "titles": {"fr": format!("C{c} Réduire la fracture {c}")}})
        };
        let entry = |c: usize, e: usize| {
            let name = names.get((c + e) % names.len()).copied().unwrap_or_default();
            json!({"id": format!("p{c:02}{e:02}"), "category": format!("c{c:02}"), "title": format!("{name} {c}.{e}"),
                "summary": "Brings what a town has to places that no road leads to, run by those who live there.",
                "url": "https://example.org/project", "details": [["country", "Ghana"], ["organisation", "Rural Reach"]]})
        };
        json!({
            "contest": {"id": id, "title": "Prizes for Information Society 2026", "time_zone": "Europe/Zurich",
                "opens": "2020-01-01T00:00:00Z", "closes": "2099-12-31T23:00:00Z"},
            "ballot": {"votes_per_category": [1, 1], "revision": "final"},
            "winners": {"count": 1, "from": "all", "by": "votes", "ties": "report"},
            "publication": {"standings": "organisers", "entries": "after-close", "result": "closed"},
            "category": (1..=categories).map(category).collect::<Vec<_>>(),
            "entry": (1..=categories).flat_map(|c| (1..=entries).map(move |e| entry(c, e))).collect::<Vec<_>>(),
        })
    }

    /// Creates a contest, which opens by itself, and waits until it is open.
    pub(crate) fn open(&self, definition: &Value) {
        let id = definition["contest"]["id"].as_str().expect("an id");
        let request = self
            .agent
            .put(format!("{}/v1/contests/{id}", self.url))
            .header("Authorization", self.bearer())
            .header("Idempotency-Key", format!("put-{id}"));
        let mut answer = request.send_json(definition).expect("the server answers");
        let body = answer.body_mut().read_to_string().expect("a body");
        assert_eq!(answer.status(), 201, "{body}");
        until(
            || self.read(&format!("/v1/contests/{id}")).contains("\"phase\":\"open\""),
            || format!("{id} never opened"),
        );
    }

    /// Sends a request of the organiser, which must succeed.
    pub(crate) fn staff(&self, contest: &str, what: &str, body: &Value) -> Value {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let request = self.agent.post(format!("{}/v1/contests/{contest}/{what}", self.url));
        let request = request
            .header("Authorization", self.bearer())
            .header("Idempotency-Key", format!("page-{number}"));
        let mut answer = request.send_json(body).expect("the server answers");
        let body: Value = answer.body_mut().read_json().expect("JSON");
        assert!(answer.status().is_success(), "{what}: {body}");
        body
    }

    /// Certifies the present provisional result.
    pub(crate) fn certify(&self, contest: &str) {
        // After a closing it takes a moment until the result is made.
        let provisional = || -> Value {
            let request = self.agent.get(format!("{}/v1/contests/{contest}/result", self.url));
            let mut answer = request.header("Authorization", self.bearer()).call().expect("an answer");
            answer.body_mut().read_json().expect("JSON")
        };
        until(|| provisional()["certify"].is_object(), || format!("{contest} has no provisional result"));
        self.staff(contest, "certify", &provisional()["certify"]);
    }

    /// Mints the pass of a new voter.
    pub(crate) fn pass(&self, contest: &str) -> String {
        self.mint(contest, &json!({"count": 1}))
    }

    /// Mints the single pass of a request.
    pub(crate) fn mint(&self, contest: &str, body: &Value) -> String {
        let minted = self.staff(contest, "passes", body);
        minted["passes"][0]["pass"].as_str().expect("a pass").to_owned()
    }

    /// Returns the invitation link.
    pub(crate) fn link(&self, contest: &str, pass: &str) -> String {
        format!("{}/c/{contest}#{pass}", self.url)
    }

    /// Casts a ballot with one vote, as another program of the voter does.
    pub(crate) fn cast(&self, contest: &str, pass: &str, category: &str, entry: &str) -> Value {
        self.cast_all(contest, pass, &json!([{"category": category, "entry": entry}]))
    }

    /// Casts a ballot with several votes.
    pub(crate) fn cast_all(&self, contest: &str, pass: &str, selections: &Value) -> Value {
        self.send(contest, pass, &json!({"selections": selections}))
    }

    /// Casts a ballot with one vote in a period.
    pub(crate) fn cast_in(
        &self,
        contest: &str,
        pass: &str,
        period: &str,
        category: &str,
        entry: &str,
    ) -> Value {
        let selections = json!([{"category": category, "entry": entry}]);
        self.send(contest, pass, &json!({"selections": selections, "period": period}))
    }

    fn send(&self, contest: &str, pass: &str, body: &Value) -> Value {
        let request = self.agent.post(format!("{}/v1/contests/{contest}/ballots", self.url));
        let mut answer =
            request.header("Authorization", format!("Bearer {pass}")).send_json(body).expect("an answer");
        answer.body_mut().read_json().expect("JSON")
    }

    /// Returns the answer of `votes/mine`.
    pub(crate) fn mine(&self, contest: &str, pass: &str) -> Value {
        let request = self.agent.get(format!("{}/v1/contests/{contest}/votes/mine", self.url));
        let mut answer = request.header("Authorization", format!("Bearer {pass}")).call().expect("an answer");
        answer.body_mut().read_json().expect("JSON")
    }

    /// Returns the text that is public at a path.
    pub(crate) fn read(&self, path: &str) -> String {
        let mut answer = self.agent.get(format!("{}{path}", self.url)).call().expect("an answer");
        answer.body_mut().read_to_string().expect("text")
    }

    /// Returns category and entry of every vote in the log, in the order of the log.
    ///
    /// The log is public once the contest is closed.
    pub(crate) fn logged_votes(&self, contest: &str) -> Vec<(String, String)> {
        let log = self.read(&format!("/v1/contests/{contest}/log/entries?from=0"));
        let entries = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("an entry"));
        entries
            .filter(|entry| entry["type"] == "ballot")
            .flat_map(|entry| pairs(&entry["selections"]))
            .collect()
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.key)
    }
}

/// Waits until a condition holds; panics with the message after [`WAIT_TIMEOUT`].
#[track_caller]
pub(crate) fn until(is_done: impl Fn() -> bool, message: impl Fn() -> String) {
    let message = &message;
    retry(WAIT_TIMEOUT, || {
        // The message is written after the time-out only: it may read the page.
        let error = fmt::from_fn(move |formatter| formatter.write_str(&message()));
        if is_done() { Ok(()) } else { Err(error) }
    });
}

/// Returns the pairs of a list like `[["c01","p1"], ...]`.
pub(crate) fn pairs(selections: &Value) -> Vec<(String, String)> {
    serde_json::from_value(selections.clone()).expect("pairs of category and entry")
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _killed = self.server.kill();
        let _ended = self.server.wait();
    }
}
