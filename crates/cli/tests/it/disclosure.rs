//! Secrets stay secret until their time: each route, in each phase, with each kind of credential.
//!
//! The answers must match the tables of `docs/organiser.md`. Two contests differ only in the
//! choices and scores of other persons. Until the certification only readers can see the
//! difference.

mod publication;
mod revocation;
mod stage;
mod table;

use acclaim_store::keys::Role;
use serde_json::{Value, json};

use self::{
    stage::{Stage, TestAnswer, definition},
    table::{PHASES, Row, rows},
};

/// The two contests.
const CONTESTS: [&str; 2] = ["contest-x", "contest-y"];
/// An id of the same length that no contest has.
const NO_CONTEST: &str = "contest-z";
/// In each contest: the choices of all voters but the first.
const CHOICES: [[&str; 3]; 2] = [["a1", "a1", "b1"], ["a2", "a2", "b2"]];
/// In each contest: the scores of the second juror.
const SCORES: [[(&str, &str); 2]; 2] =
    [[("a1", "2.625"), ("a2", "1.375")], [("a1", "8.375"), ("a2", "9.125")]];
/// The scores of the first juror, in both contests.
const SAME_SCORES: [(&str, &str); 2] = [("a1", "6.0625"), ("a2", "5.0625")];

/// A credential that a request can carry.
struct Credential {
    name: &'static str,
    token: Option<String>,
}

/// For each credential: its groups in the tables, besides `anyone`.
const GROUPS: [(&str, &[&str]); 13] = [
    ("none", &[]),
    ("bad key", &[]),
    ("revoked key", &[]),
    ("no token", &[]),
    ("pass", &["voters"]),
    ("pass of another contest", &[]),
    ("juror", &["staff", "jurors"]),
    ("other juror", &["staff", "jurors"]),
    ("auditor", &["staff", "readers"]),
    ("organiser", &["staff", "readers", "organisers"]),
    ("organiser of another contest", &[]),
    ("gateway", &["gateways"]),
    ("operator", &["staff", "readers", "organisers", "gateways", "operators"]),
];

impl Credential {
    fn groups(&self) -> &'static [&'static str] {
        GROUPS.iter().find(|(name, _)| *name == self.name).unwrap().1
    }

    fn is_invalid_key(&self) -> bool {
        ["bad key", "revoked key"].contains(&self.name)
    }

    /// Returns whether the credential may see a draft by any route.
    fn is_staff(&self) -> bool {
        self.groups().contains(&"staff")
    }

    fn is_allowed(&self, row: &Row, phase: &str) -> bool {
        let groups = &row.groups[phase];
        let is_in = |group: &String| match &**group {
            // Only routes of the API itself check keys.
            "anyone" => !self.is_invalid_key() || !row.described().contains(" /v1/"),
            group => self.groups().contains(&group),
        };
        groups.iter().any(is_in)
    }
}

/// One of the two contests, with all credentials.
struct TestContest {
    contest: &'static str,
    credentials: Vec<Credential>,
    passes: Vec<String>,
    /// The last voter's ballot. Until it is cast, an id that no ballot has.
    ballot: String,
}

impl TestContest {
    async fn create(stage: &Stage, contest: &'static str, far: &str) -> Self {
        stage.change("PUT", contest, &definition(contest, &Value::Null)).await;
        let subjects =
            ["first", "second", "third", "fourth"].map(|name| format!("mailto:{name}@example.org"));
        let passes = stage.passes(contest, &subjects.each_ref().map(String::as_str)).await;
        let name = |role: &str| format!("{role} of {contest}");
        let key = async |role, name: String| Some(stage.key(role, Some(contest), &name).await);
        let revoked = key(Role::Organiser, name("revoked")).await;
        stage.revoke(&name("revoked")).await;
        let elsewhere = stage.key(Role::Organiser, Some("elsewhere"), &name("elsewhere")).await;
        let operator = stage.key(Role::Operator, None, &name("operator")).await;
        let tokens = [
            ("none", None),
            ("bad key", Some(format!("ack_{}", "0".repeat(64)))),
            ("revoked key", revoked),
            ("no token", Some("x".repeat(80))),
            ("pass", passes.first().cloned()),
            ("pass of another contest", Some(far.to_owned())),
            ("juror", key(Role::Juror, name("juror")).await),
            ("other juror", key(Role::Juror, name("other juror")).await),
            ("auditor", key(Role::Auditor, name("auditor")).await),
            ("organiser", key(Role::Organiser, name("organiser")).await),
            ("organiser of another contest", Some(elsewhere)),
            ("gateway", key(Role::Gateway, name("gateway")).await),
            ("operator", Some(operator)),
        ];
        let credentials = tokens.into_iter().map(|(name, token)| Credential { name, token }).collect();
        Self { contest, credentials, passes, ballot: "A".repeat(22) }
    }

    fn token(&self, name: &str) -> &str {
        self.credentials.iter().find(|known| known.name == name).unwrap().token.as_deref().unwrap()
    }

    /// Brings the contest from the phase before into `phase`.
    async fn enter(&mut self, stage: &Stage, phase: &str, number: usize) {
        let contest = self.contest;
        let step = async |route: &str, body: Value| {
            stage.change("POST", &format!("{contest}/{route}"), &body).await;
        };
        match phase {
            "draft" => {}
            "open" => {
                step("open", json!({})).await;
                stage.cast(contest, &self.passes[0], "a1").await;
                for (pass, entry) in self.passes[1..].iter().zip(CHOICES[number]) {
                    self.ballot = stage.cast(contest, pass, entry).await;
                }
                stage.score(contest, self.token("juror"), &SAME_SCORES).await;
                stage.score(contest, self.token("other juror"), &SCORES[number]).await;
            }
            "closed" => {
                step("close", json!({})).await;
                step("voids", json!({"ballots": [self.ballot], "reason": "scripted"})).await;
            }
            "frozen" => step("freeze", json!({})).await,
            "certified" => stage.certify(contest).await,
            _ => step("reopen", json!({"reason": "an objection"})).await,
        }
        let published = match phase {
            "draft" => return,
            "open" => "tally",
            _ => "result",
        };
        stage.wait_for(&format!("/v1/contests/{contest}/{published}"), "log").await;
    }

    /// Sends a request with the credential. In the answer the contests' ids are replaced by one
    /// word.
    async fn ask(
        &self,
        stage: &Stage,
        row: &Row,
        method: &str,
        token: Option<&str>,
        contest: &str,
    ) -> TestAnswer {
        let path = row.path(contest, &self.ballot);
        let mut answer = stage.send(method, &path, token, &[], &Value::Null).await;
        let neutral = |text: &str| {
            [CONTESTS[0], CONTESTS[1], NO_CONTEST]
                .iter()
                .fold(text.to_owned(), |text, id| text.replace(id, "contest-@"))
        };
        if std::str::from_utf8(&answer.body).is_ok() {
            answer.body = neutral(&answer.text()).into_bytes();
        }
        answer
    }
}

/// Removes from an answer the values of hashes, random keys and clocks.
///
/// Of each long word the length is left, and of a body that is not text the number of bytes.
fn masked(answer: &TestAnswer) -> (u16, Vec<(String, String)>, String) {
    let headers = answer.headers.iter().map(|(name, value)| (name.clone(), shortened(value))).collect();
    let body = match std::str::from_utf8(&answer.body) {
        Ok(text) => shortened(text),
        Err(_) => answer.body.len().to_string(),
    };
    (answer.status, headers, body)
}

fn shortened(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "+/=_:-".contains(c);
    let mut short = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
        if word.len() >= 16 {
            short.push_str(&format!("#{}", word.len()));
        } else {
            short.push_str(word);
        }
        rest = &rest[word.len()..];
        if word.is_empty() {
            short.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    short
}

/// Checks an answer against the tables.
fn check(row: &Row, phase: &str, credential: &Credential, answer: &TestAnswer) -> Result<(), String> {
    let is_allowed = credential.is_allowed(row, phase);
    let status = answer.status;
    let as_expected = match (is_allowed, row.is_reading()) {
        // No witness cosigns in this test.
        (true, true) if row.address.ends_with(".cosigned") => answer.code() == "not-found",
        (true, true) => status == 200,
        // The request fails after the check of the credential, because the `Idempotency-Key` or the
        // body is missing.
        (true, false) => status == 400 || status == 422,
        (false, _) if credential.is_invalid_key() && phase != "draft" => status == 401,
        (false, _) => [401, 403, 404, 409].contains(&status),
    };
    if as_expected {
        return Ok(());
    }
    let (name, described) = (credential.name, row.described());
    Err(format!("{phase}: {described} with {name}: {status}, allowed: {is_allowed}: {}", answer.text()))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_matches_access_table() {
    let stage = Stage::start().await;
    stage.change("PUT", "elsewhere", &definition("elsewhere", &Value::Null)).await;
    let far = stage.passes("elsewhere", &["mailto:far@example.org"]).await.remove(0);
    let mut test_contests = Vec::new();
    for contest in CONTESTS {
        test_contests.push(TestContest::create(&stage, contest, &far).await);
    }
    let (rows, mut wrong) = (rows(), Vec::new());
    for phase in PHASES {
        for (number, test_contest) in test_contests.iter_mut().enumerate() {
            test_contest.enter(&stage, phase, number).await;
        }
        for row in &rows {
            ask_with_all_credentials(&stage, &test_contests, row, phase, &mut wrong).await;
        }
    }
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

async fn ask_with_all_credentials(
    stage: &Stage,
    test_contests: &[TestContest],
    row: &Row,
    phase: &str,
    wrong: &mut Vec<String>,
) {
    for (number, credential) in test_contests[0].credentials.iter().enumerate() {
        let methods: &[&str] = if row.is_reading() { &["GET", "HEAD"] } else { &[&row.method] };
        let mut statuses = Vec::new();
        for method in methods {
            let mut views = Vec::new();
            for test_contest in test_contests {
                let token = test_contest.credentials[number].token.as_deref();
                let answer = test_contest.ask(stage, row, method, token, test_contest.contest).await;
                // An answer to HEAD has no body with the reason of a refusal.
                if *method != "HEAD" {
                    wrong.extend(check(row, phase, credential, &answer).err());
                }
                let is_unseen = phase == "draft"
                    && row.is_of_contest()
                    && !credential.is_staff()
                    && !credential.is_allowed(row, phase);
                if is_unseen {
                    let none = test_contest.ask(stage, row, method, token, NO_CONTEST).await;
                    let is_404 = answer.status == 404 || row.method == "PUT";
                    if answer != none || !is_404 {
                        let (name, described) = (credential.name, row.described());
                        wrong.push(format!(
                            "{method} {described} shows {name} that there is a draft: {} {}, and without a draft: {} {}",
                            answer.status,
                            answer.text(),
                            none.status,
                            none.text()
                        ));
                    }
                }
                views.push(answer);
            }
            let given: Vec<u16> = views.iter().map(|answer| answer.status).collect();
            if !statuses.is_empty() && statuses != given {
                wrong.push(format!("{phase}: {method} {}: {given:?}, not {statuses:?}", row.described()));
            }
            statuses = given;
            let differ = masked(&views[0]) != masked(&views[1]);
            if differ && keeps_secrets(row, phase, credential) {
                let (name, described) = (credential.name, row.described());
                let views_text = views
                    .iter()
                    .map(|answer| format!("{:?}", masked(answer)))
                    .collect::<Vec<_>>()
                    .join("\n    ");
                wrong.push(format!(
                    "{phase}: {method} {described} shows {name} the choices or scores of others:\n    {views_text}"
                ));
            }
            if credential.name == "other juror"
                && !is_over(phase)
                && views[0].text().contains(SAME_SCORES[0].1)
            {
                wrong.push(format!("{phase}: {} shows a juror the scores of another juror", row.described()));
            }
        }
    }
}

/// Returns whether all choices and scores are public.
fn is_over(phase: &str) -> bool {
    ["certified", "reopened"].contains(&phase)
}

/// Returns whether the answer must be the same in both contests.
///
/// Until the certification this holds for all credentials except readers. A juror also gets the
/// juror's own scores.
fn keeps_secrets(row: &Row, phase: &str, credential: &Credential) -> bool {
    let own_scores = credential.name == "other juror" && row.address == "C/scores";
    !is_over(phase) && !credential.groups().contains(&"readers") && !own_scores
}
