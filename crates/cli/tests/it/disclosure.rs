//! What is secret stays secret until its time: every route is asked in every phase with every kind of credential, and answers what
//! `docs/organiser.md` says. Two contests differ only in what others chose and scored; until the certification only readers can tell them apart.

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

/// The two contests, and an id of the same length that no contest has.
const CONTESTS: [&str; 2] = ["contest-x", "contest-y"];
const NO_CONTEST: &str = "contest-z";
/// What voters but the first choose in each, and how the second juror scores.
const CHOICES: [[&str; 3]; 2] = [["a1", "a1", "b1"], ["a2", "a2", "b2"]];
const SCORES: [[(&str, &str); 2]; 2] =
    [[("a1", "2.625"), ("a2", "1.375")], [("a1", "8.375"), ("a2", "9.125")]];
/// How the first juror scores in both.
const SAME_SCORES: [(&str, &str); 2] = [("a1", "6.0625"), ("a2", "5.0625")];

/// Something that a request can carry.
struct Credential {
    name: &'static str,
    token: Option<String>,
}

/// The groups of the table that each credential belongs to besides `anyone`.
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

    /// Whether it may see a draft by any route.
    fn is_staff(&self) -> bool {
        self.groups().contains(&"staff")
    }

    fn is_let_in(&self, row: &Row, phase: &str) -> bool {
        let groups = &row.groups[phase];
        let is_in = |group: &String| match &**group {
            // Routes outside of the API's own look at no key.
            "anyone" => !self.is_invalid_key() || !row.described().contains(" /v1/"),
            group => self.groups().contains(&group),
        };
        groups.iter().any(is_in)
    }
}

/// One of the two contests with everyone who asks about it.
struct TestContest {
    contest: &'static str,
    credentials: Vec<Credential>,
    passes: Vec<String>,
    /// The second voter's ballot; until it is cast, an id that no ballot has.
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

    /// Brings the contest into a phase from the one before.
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

    /// What the credential gets, with ids in the place of names.
    async fn ask(
        &self,
        stage: &Stage,
        row: &Row,
        method: &str,
        token: Option<&str>,
        contest: &str,
    ) -> TestAnswer {
        let path = row.path(contest, &self.ballot);
        let mut seen = stage.send(method, &path, token, &[], &Value::Null).await;
        let neutral = |text: &str| {
            [CONTESTS[0], CONTESTS[1], NO_CONTEST]
                .iter()
                .fold(text.to_owned(), |text, id| text.replace(id, "contest-@"))
        };
        if std::str::from_utf8(&seen.body).is_ok() {
            seen.body = neutral(&seen.text()).into_bytes();
        }
        seen
    }
}

/// An answer without what hashes, random keys and clocks make of it: of each long word its length is left, of bytes their number.
fn masked(seen: &TestAnswer) -> (u16, Vec<(String, String)>, String) {
    let headers = seen.headers.iter().map(|(name, value)| (name.clone(), shortened(value))).collect();
    let body = match std::str::from_utf8(&seen.body) {
        Ok(text) => shortened(text),
        Err(_) => seen.body.len().to_string(),
    };
    (seen.status, headers, body)
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

/// What the tables demand of an answer.
fn check(row: &Row, phase: &str, credential: &Credential, seen: &TestAnswer) -> Result<(), String> {
    let is_let_in = credential.is_let_in(row, phase);
    let status = seen.status;
    let as_expected = match (is_let_in, row.is_reading()) {
        // No witness cosigns here.
        (true, true) if row.address.ends_with(".cosigned") => seen.code() == "not-found",
        (true, true) => status == 200,
        // What comes behind the check of the credentials: there is no Idempotency-Key, or no body.
        (true, false) => status == 400 || status == 422,
        (false, _) if credential.is_invalid_key() && phase != "draft" => status == 401,
        (false, _) => [401, 403, 404, 409].contains(&status),
    };
    if as_expected {
        return Ok(());
    }
    let (name, described) = (credential.name, row.described());
    Err(format!("{phase}: {described} with {name}: {status}, let in: {is_let_in}: {}", seen.text()))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_matches_access_table() {
    let stage = Stage::start().await;
    stage.change("PUT", "elsewhere", &definition("elsewhere", &Value::Null)).await;
    let far = stage.passes("elsewhere", &["mailto:far@example.org"]).await.remove(0);
    let mut worlds = Vec::new();
    for contest in CONTESTS {
        worlds.push(TestContest::create(&stage, contest, &far).await);
    }
    let (rows, mut wrong) = (rows(), Vec::new());
    for phase in PHASES {
        for (number, world) in worlds.iter_mut().enumerate() {
            world.enter(&stage, phase, number).await;
        }
        for row in &rows {
            ask_everyone(&stage, &worlds, row, phase, &mut wrong).await;
        }
    }
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

async fn ask_everyone(
    stage: &Stage,
    worlds: &[TestContest],
    row: &Row,
    phase: &str,
    wrong: &mut Vec<String>,
) {
    for (number, credential) in worlds[0].credentials.iter().enumerate() {
        let methods: &[&str] = if row.is_reading() { &["GET", "HEAD"] } else { &[&row.method] };
        let mut statuses = Vec::new();
        for method in methods {
            let mut views = Vec::new();
            for world in worlds {
                let token = world.credentials[number].token.as_deref();
                let seen = world.ask(stage, row, method, token, world.contest).await;
                // A HEAD has no body to say why it is refused.
                if *method != "HEAD" {
                    wrong.extend(check(row, phase, credential, &seen).err());
                }
                let is_unseen = phase == "draft"
                    && row.is_of_contest()
                    && !credential.is_staff()
                    && !credential.is_let_in(row, phase);
                if is_unseen {
                    let none = world.ask(stage, row, method, token, NO_CONTEST).await;
                    let is_404 = seen.status == 404 || row.method == "PUT";
                    if seen != none || !is_404 {
                        let (name, described) = (credential.name, row.described());
                        wrong.push(format!(
                            "{method} {described} tells {name} that there is a draft: {} {}, and where there is none: {} {}",
                            seen.status,
                            seen.text(),
                            none.status,
                            none.text()
                        ));
                    }
                }
                views.push(seen);
            }
            let given: Vec<u16> = views.iter().map(|seen| seen.status).collect();
            if !statuses.is_empty() && statuses != given {
                wrong.push(format!("{phase}: {method} {}: {given:?}, not {statuses:?}", row.described()));
            }
            statuses = given;
            let differ = masked(&views[0]) != masked(&views[1]);
            if differ && keeps_secrets(row, phase, credential) {
                let (name, described) = (credential.name, row.described());
                let told =
                    views.iter().map(|seen| format!("{:?}", masked(seen))).collect::<Vec<_>>().join("\n    ");
                wrong.push(format!(
                    "{phase}: {method} {described} tells {name} what others chose or scored:\n    {told}"
                ));
            }
            if credential.name == "other juror"
                && !is_over(phase)
                && views[0].text().contains(SAME_SCORES[0].1)
            {
                wrong.push(format!("{phase}: {} tells a juror another one's scores", row.described()));
            }
        }
    }
}

/// Whether everything has become public.
fn is_over(phase: &str) -> bool {
    ["certified", "reopened"].contains(&phase)
}

/// Whether the answer must be the same whatever others chose and scored: until the certification, to all but readers, and to jurors but for the own scores.
fn keeps_secrets(row: &Row, phase: &str, credential: &Credential) -> bool {
    let own_scores = credential.name == "other juror" && row.address == "C/scores";
    !is_over(phase) && !credential.groups().contains(&"readers") && !own_scores
}
