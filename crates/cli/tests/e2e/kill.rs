//! SIGKILL at any time under load: no recorded ballot is missing, none counts twice, and the tree
//! continues.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use acclaim_ballot_log::{Checkpoint, Tree, VerifierKey, leaf_hash};
use acclaim_cli::voting_client::{Ballot, VotingClient};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, sync::watch, time::timeout};

use crate::server::{Server, acclaim, client, free_address};

const ROUNDS: u64 = 20;
/// Number of ballots: of one voter each, or of half as many voters.
const BALLOTS: u64 = 6_000;
const CONNECTIONS: usize = 32;
/// The longest wait for a condition.
pub(crate) const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

/// The number of ballots that were cast so far.
#[derive(Clone, Default)]
pub(crate) struct Progress(watch::Sender<u64>);

impl Progress {
    /// Waits until this number of ballots was cast.
    #[track_caller]
    pub(crate) fn wait_for(&self, runtime: &Runtime, ballots: u64) {
        let mut cast = self.0.subscribe();
        let reached = runtime
            .block_on(async { timeout(WAIT_TIMEOUT, cast.wait_for(|cast| *cast >= ballots)).await.is_ok() });
        assert!(reached, "no progress before {ballots} ballots");
    }
}

/// The answer to one ballot.
pub(crate) struct BallotAnswer {
    pub(crate) ballot: String,
    pub(crate) index: u64,
    pub(crate) leaf_hash: String,
    /// Size and root of the log, if the answer is 201.
    pub(crate) head: Option<(u64, String)>,
}

#[test]
fn recorded_ballots_survive_twenty_kills() {
    kill_under_load("final", BALLOTS);
}

#[test]
fn replacements_survive_twenty_kills() {
    kill_under_load("replace", BALLOTS / 2);
}

/// Votes while the server is killed. Where ballots can be replaced, each voter also casts a second
/// ballot that replaces the first.
fn kill_under_load(revision: &str, voters: u64) {
    let seed = seed();
    println!("seed {seed}");
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let address = free_address();
    let mut server = Server::start(&data, address);
    let key = server.key.clone().expect("a first key");
    let staff = client(address, &key);
    let vkey = create(&staff, revision);
    let passes = mint(&staff, voters);

    let cast = Progress::default();
    let runtime = Runtime::new().unwrap();
    let voting = runtime.spawn(vote(vec![address], passes, revision == "replace", cast.clone()));
    let mut random = seed;
    let mut heads: BTreeMap<u64, String> = BTreeMap::new();
    for round in 1..=ROUNDS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let target = round * BALLOTS / (ROUNDS + 2) + (random >> 33) % 40;
        cast.wait_for(&runtime, target);
        server.kill();
        server = Server::start(&data, address);
        note_checkpoint(&staff, &vkey, &mut heads);
    }
    let answered = runtime.block_on(voting).unwrap();
    assert_eq!(answered.len() as u64, BALLOTS);
    note_checkpoint(&staff, &vkey, &mut heads);
    staff.post("/v1/contests/kill/close", "close", &json!({})).unwrap();
    check(&staff, folder.path(), address, &key, &vkey, &answered, heads);
}

fn seed() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "each run kills at other times, and the seed is printed")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn create(staff: &acclaim_cli::client::Client, revision: &str) -> VerifierKey {
    let entries: Vec<Value> = ["a", "b"]
        .iter()
        .flat_map(|category| {
            (1..=4).map(move |n| json!({"id": format!("{category}{n}"), "category": category, "title": "x"}))
        })
        .collect();
    let definition = json!({
        "contest": {"id": "kill", "title": "Kill", "time_zone": "UTC", "opens": "2021-01-01T00:00:00Z", "closes": "2099-01-01T00:00:00Z"},
        "ballot": {"revision": revision},
        "winners": {"count": 1, "from": "all", "by": "votes"},
        "category": [{"id": "a", "title": "A"}, {"id": "b", "title": "B"}],
        "entry": entries,
    });
    let contest = staff
        .put(
            "/v1/contests/kill",
            &acclaim_cli::client::IdempotencyKey::new().unwrap(),
            None,
            definition.to_string(),
        )
        .unwrap();
    contest["log"]["vkey"].as_str().unwrap().parse().unwrap()
}

pub(crate) fn mint(staff: &acclaim_cli::client::Client, voters: u64) -> Vec<Ballot> {
    let minted = staff.post("/v1/contests/kill/passes", "mint", &json!({"count": voters})).unwrap();
    let passes = minted["passes"].as_array().unwrap();
    (0..)
        .zip(passes)
        .map(|(n, pass)| {
            let body = json!({"selections": [
                {"category": "a", "entry": format!("a{}", n % 4 + 1)},
                {"category": "b", "entry": format!("b{}", n % 3 + 1)}]});
            Ballot { pass: pass["pass"].as_str().unwrap().to_owned(), body: body.to_string().into() }
        })
        .collect()
}

/// Casts every ballot, over connections to all the addresses.
pub(crate) async fn vote(
    addresses: Vec<std::net::SocketAddr>,
    ballots: Vec<Ballot>,
    replace: bool,
    cast: Progress,
) -> Vec<BallotAnswer> {
    let ballots: Arc<[Ballot]> = ballots.into();
    let next = Arc::new(AtomicUsize::new(0));
    let voters: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let address = addresses[number % addresses.len()];
            let (ballots, next, cast) = (Arc::clone(&ballots), Arc::clone(&next), cast.clone());
            tokio::spawn(async move {
                let mut voting_client = VotingClient::new(address, "kill");
                let mut answered = Vec::new();
                while let Some(ballot) = ballots.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let first = cast_one(&mut voting_client, ballot, &cast).await;
                    if replace {
                        let second = replacing(ballot, &first.ballot);
                        answered.push(cast_one(&mut voting_client, &second, &cast).await);
                    }
                    answered.push(first);
                }
                answered
            })
        })
        .collect();
    let mut all = Vec::new();
    for voter in voters {
        all.extend(voter.await.unwrap());
    }
    all
}

async fn cast_one(voting_client: &mut VotingClient, ballot: &Ballot, cast: &Progress) -> BallotAnswer {
    let (status, body) = voting_client.cast(ballot).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert!(status.is_success(), "{status}: {body}");
    cast.0.send_modify(|ballots| *ballots += 1);
    BallotAnswer {
        ballot: body["ballot"].as_str().unwrap().to_owned(),
        index: body["index"].as_u64().unwrap(),
        leaf_hash: body["leaf_hash"].as_str().unwrap().to_owned(),
        head: body["log"]["size"]
            .as_u64()
            .map(|size| (size, body["log"]["root"].as_str().unwrap().to_owned())),
    }
}

/// Returns the voter's next ballot: another vote, in one category only.
fn replacing(ballot: &Ballot, first: &str) -> Ballot {
    let body = json!({"selections": [{"category": "a", "entry": "a3"}], "replaces": first});
    Ballot { pass: ballot.pass.clone(), body: body.to_string().into() }
}

/// Records the published checkpoint. Two checkpoints over the same size must be the same.
pub(crate) fn note_checkpoint(
    staff: &acclaim_cli::client::Client,
    vkey: &VerifierKey,
    heads: &mut BTreeMap<u64, String>,
) {
    let note = staff.get("/v1/contests/kill/log/checkpoint").unwrap().bytes;
    let checkpoint = Checkpoint::open(&note, vkey).unwrap();
    note_head(heads, checkpoint.size, &checkpoint.root.to_string());
}

fn note_head(heads: &mut BTreeMap<u64, String>, size: u64, root: &str) {
    let known = heads.entry(size).or_insert_with(|| root.to_owned());
    assert_eq!(*known, root, "two roots over {size} entries");
}

pub(crate) fn check(
    staff: &acclaim_cli::client::Client,
    folder: &std::path::Path,
    address: std::net::SocketAddr,
    key: &str,
    vkey: &VerifierKey,
    answered: &[BallotAnswer],
    mut heads: BTreeMap<u64, String>,
) {
    note_checkpoint(staff, vkey, &mut heads);
    for (size, root) in answered.iter().filter_map(|answer| answer.head.clone()) {
        note_head(&mut heads, size, &root);
    }
    let log = folder.join("log");
    let url = format!("http://{address}");
    let export = acclaim()
        .args(["log", "export", "kill", "--url", &url, "--out"])
        .arg(&log)
        .env("ACCLAIM_KEY", key)
        .status();
    assert!(export.unwrap().success());
    let audit = acclaim().arg("audit").arg(&log).args(["--vkey", &vkey.to_string()]).output().unwrap();
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));

    // The log is read independently: invariants 1, 3, 4 and 5.
    let text = fs::read_to_string(log.join("log.jsonl")).unwrap();
    let mut tree = Tree::without_tiles();
    let mut recorded: HashMap<String, (u64, String)> = HashMap::new();
    let mut slots: HashMap<(String, String), String> = HashMap::new();
    for (index, line) in (0..).zip(text.lines()) {
        tree.append(leaf_hash(line.as_bytes()));
        if let Some(root) = heads.remove(&tree.size()) {
            assert_eq!(
                tree.root().to_string(),
                root,
                "a checkpoint over {} entries was published with another root",
                tree.size()
            );
        }
        let entry: Value = serde_json::from_str(line).unwrap();
        if entry["type"] == "ballot" {
            let id = entry["id"].as_str().unwrap().to_owned();
            let twice = recorded.insert(id.clone(), (index, leaf_hash(line.as_bytes()).to_string()));
            assert_eq!(twice, None, "recorded twice");
            let voter = entry["voter"].as_str().unwrap();
            if let Some(replaced) = entry["replaces"].as_str() {
                let count = slots.len();
                slots.retain(|(tag, _), ballot| !(tag == voter && ballot == replaced));
                assert!(slots.len() < count, "the replaced ballot {replaced} does not stand");
            }
            for selection in entry["selections"].as_array().unwrap() {
                let slot = (voter.to_owned(), selection[0].as_str().unwrap().to_owned());
                assert_eq!(slots.insert(slot, id.clone()), None, "a slot is filled twice");
            }
        }
    }
    assert!(heads.is_empty(), "published checkpoints are not of this log: {heads:?}");
    assert_eq!(recorded.len(), answered.len());
    for answer in answered {
        assert_eq!(recorded.get(&answer.ballot), Some(&(answer.index, answer.leaf_hash.clone())));
    }
}
