//! An embedded engine in this process, with contests, passes and keys for the tests.

use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroU64},
    time::Duration,
};

use acclaim_cli::{
    config::Config,
    engine::{self, Engine, Role as ProcessRole},
};
use acclaim_contest::Instant;
use acclaim_store::{
    Keys as _,
    keys::{Role, StaffKey},
    staff_keys,
};
use acclaim_store_sqlite::SqliteDatabase;
use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Method, Request, StatusCode},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::described::{self, Exchange};

/// The time-out of each wait.
const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// An embedded engine with its router.
pub(super) struct Stage {
    folder: TempDir,
    engine: Option<Engine>,
    router: Router,
    /// The operator key of the process itself.
    operator: String,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TestAnswer {
    pub(super) status: u16,
    /// Names and values, sorted.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl TestAnswer {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Returns the problem's code; empty if the answer is not a problem.
    pub(super) fn code(&self) -> String {
        let json = self.json();
        json["type"].as_str().unwrap_or_default().trim_start_matches("/problems/").to_owned()
    }
}

impl Stage {
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (engine, router, operator) = Self::run(&folder).await;
        Self { folder, engine: Some(engine), router, operator }
    }

    async fn run(folder: &TempDir) -> (Engine, Router, String) {
        let mut config = Config::embedded(folder.path().join("data"));
        config.limits.allow = vec!["192.0.2.0/24".parse().unwrap()];
        config.limits.per_pass = NonZeroU32::MAX;
        config.ballots.deadline_ms = NonZeroU64::new(1_000).unwrap();
        let engine = Engine::start(&config, ProcessRole::All).await.unwrap();
        let (router, operator) = (engine.router(), engine.operator_key().to_owned());
        (engine, router, operator)
    }

    /// Stops the engine, and starts it again on the stored data.
    pub(super) async fn restart(&mut self) {
        self.engine.take().unwrap().stop().await;
        let (engine, router, operator) = Self::run(&self.folder).await;
        (self.engine, self.router, self.operator) = (Some(engine), router, operator);
    }

    fn database(&self) -> SqliteDatabase {
        SqliteDatabase::open_beside(&self.folder.path().join("data/acclaim.db")).unwrap()
    }

    /// Creates a staff key for one contest, or for all.
    pub(super) async fn key(&self, role: Role, contest: Option<&str>, name: &str) -> String {
        let key = staff_keys::random_token().unwrap();
        let staff = StaffKey {
            name: name.to_owned(),
            role,
            contests: contest.map(|contest| vec![contest.parse().unwrap()]),
            panel: (role == Role::Juror).then(|| "experts".parse().unwrap()),
            created: Instant::at_or_before(jiff::Timestamp::UNIX_EPOCH),
            expires: None,
            revoked: None,
        };
        engine::add_key(&self.database(), &key, &staff).await.unwrap();
        key
    }

    /// Revokes a key, as `acclaim key revoke` does beside a running server.
    pub(super) async fn revoke(&self, name: &str) {
        let at = Instant::at_or_before(jiff::Timestamp::UNIX_EPOCH);
        self.database().revoke_staff_key(name, at).await.unwrap();
    }

    /// Sends a request and returns the answer with its body unread.
    pub(super) async fn answer(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> axum::response::Response {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            request = request.header("content-type", "application/json");
            Body::from(body.to_string())
        };
        let mut request = request.body(body).unwrap();
        let peer: SocketAddr = "192.0.2.7:1000".parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        let Ok(response) = self.router.clone().oneshot(request).await;
        response
    }

    /// Sends a request and returns the whole answer. Of an endless stream it returns only the head.
    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> TestAnswer {
        let sent = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let (parts, body) = self.answer(method, path, token, headers, body).await.into_parts();
        let mut headers: Vec<_> = parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        headers.sort();
        let is_endless = path.ends_with("/stream") && parts.status == StatusCode::OK;
        let body = if is_endless { Vec::new() } else { body.collect().await.unwrap().to_bytes().to_vec() };
        let answer = TestAnswer { status: parts.status.as_u16(), headers, body };
        if !is_endless {
            let content_type = answer.headers.iter().find(|(name, _)| name == "content-type");
            described::check(&Exchange {
                method,
                path,
                request: &sent,
                status: answer.status,
                content_type: content_type.map_or("", |(_, value)| value.as_str()),
                answer: &answer.body,
            });
        }
        answer
    }

    pub(super) async fn get(&self, path: &str, token: Option<&str>) -> TestAnswer {
        self.send("GET", path, token, &[], &Value::Null).await
    }

    /// Makes a change with the process's own operator key. The change must succeed.
    pub(super) async fn change(&self, method: &str, path: &str, body: &Value) -> Value {
        let path = format!("/v1/contests/{path}");
        let token = self.operator.clone();
        self.change_by(&token, method, &path, body).await
    }

    async fn change_by(&self, token: &str, method: &str, path: &str, body: &Value) -> Value {
        let key = blake3::hash(format!("{method} {path} {body}").as_bytes()).to_hex();
        let answer = self.send(method, path, Some(token), &[("idempotency-key", &key)], body).await;
        assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.text());
        answer.json()
    }

    /// Enters a juror's scores with the juror's key.
    pub(super) async fn score(&self, contest: &str, key: &str, values: &[(&str, &str)]) {
        let body = json!({"category": "a", "values": values});
        self.change_by(key, "POST", &format!("/v1/contests/{contest}/scores"), &body).await;
    }

    /// Mints a pass for each subject.
    pub(super) async fn passes(&self, contest: &str, subjects: &[&str]) -> Vec<String> {
        let minted = self.change("POST", &format!("{contest}/passes"), &json!({"subjects": subjects})).await;
        let passes = minted["passes"].as_array().unwrap().iter();
        passes.map(|pass| pass["pass"].as_str().unwrap().to_owned()).collect()
    }

    /// Casts a ballot for one entry, and returns its id.
    pub(super) async fn cast(&self, contest: &str, pass: &str, entry: &str) -> String {
        let body = json!({"selections": [{"category": entry[..1], "entry": entry}]});
        let path = format!("/v1/contests/{contest}/ballots");
        let answer = self.send("POST", &path, Some(pass), &[], &body).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["ballot"].as_str().unwrap().to_owned()
    }

    /// Certifies the present result, decided or not.
    pub(super) async fn certify(&self, contest: &str) {
        let result = self.wait_for(&format!("/v1/contests/{contest}/result"), "certify").await;
        let mut request = result["certify"].clone();
        request["undecided"] = true.into();
        self.change("POST", &format!("{contest}/certify"), &request).await;
    }

    /// Waits until staff can read an object with this key.
    pub(super) async fn wait_for(&self, path: &str, key: &str) -> Value {
        let asking = async {
            loop {
                let answer = self.get(path, Some(&self.operator)).await;
                if answer.status == 200 && !answer.json()[key].is_null() {
                    return answer.json();
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(WAIT_TIMEOUT, asking).await.unwrap_or_else(|_| panic!("{path} has no {key}"))
    }
}

/// The definition of a contest with two categories and a panel of jurors, which opens on command.
pub(super) fn definition(id: &str, more: &Value) -> Value {
    let entry = |id: &str| json!({"id": id, "category": id[..1], "title": id.to_uppercase()});
    let entries = ["a1", "a2", "b1", "b2"].map(entry);
    let mut definition = json!({
        "contest": {"id": id, "title": "A prize", "time_zone": "UTC", "opens": "2099-01-01T00:00:00Z", "closes": "2099-12-01T00:00:00Z"},
        "winners": {"count": 1, "from": "all", "by": "scores"},
        "panel": [{"id": "experts", "kind": "score", "scale": [0, 10]}],
        "category": [{"id": "a", "title": "A"}, {"id": "b", "title": "B"}],
        "entry": entries,
    });
    for (table, keys) in more.as_object().into_iter().flatten() {
        if !definition[table].is_object() {
            definition[table] = json!({});
        }
        for (key, value) in keys.as_object().unwrap() {
            definition[table][key] = value.clone();
        }
    }
    definition
}
