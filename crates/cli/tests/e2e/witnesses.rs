//! Witnesses of a running installation. They cosign published checkpoints. A slow or missing
//! witness delays no ballot. An operator who publishes two histories is detected.

mod audits;
mod process;
mod service;

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use acclaim_ballot_log::{Checkpoint, CosigningKey, Receipt, VerifierKey, WitnessKey};
use acclaim_cli::voting_client::{Ballot, VotingClient};
use serde_json::{Value, json};

use crate::{
    server::{acclaim, free_address},
    site::{Site, ballot, poll},
    verifiers::{Verdict, python},
};
use process::Process;

const VOTERS: usize = 3_000;
const CONNECTIONS: usize = 32;
/// The longest time that a ballot may take on a busy machine. It is shorter than the time-out for a
/// hanging witness.
const MAX_LATENCY: Duration = Duration::from_secs(3);

/// Configures the witnesses of the site's processes, and restarts them.
fn set_witnesses(site: &mut Site, witnesses: &[(SocketAddr, &WitnessKey)]) {
    let table = |(address, key): &(SocketAddr, &WitnessKey)| {
        format!("{{ url = \"http://{address}\", vkey = \"{key}\" }}")
    };
    let list: Vec<String> = witnesses.iter().map(table).collect();
    site.kill();
    site.environment = vec![("ACCLAIM_WITNESSES".to_owned(), format!("[{}]", list.join(",")))];
    site.restart();
}

fn vkey(contest: &Value) -> VerifierKey {
    contest["log"]["vkey"].as_str().unwrap().parse().unwrap()
}

/// Starts a port that accepts connections and never answers.
fn hanging() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut streams = Vec::new();
        while let Ok((stream, _)) = listener.accept() {
            streams.push(stream);
        }
    });
    address
}

fn note(site: &Site, contest: &str, name: &str) -> Option<String> {
    let answer = site.send("GET", &format!("/v1/contests/{contest}/log/{name}"), &[], b"");
    match answer.status {
        200 => Some(answer.text),
        404 => None,
        _ => panic!("{answer:?}"),
    }
}

/// Waits until the newest published checkpoint is cosigned by exactly these witnesses. Returns its
/// note.
fn until_cosigned(site: &Site, contest: &str, by: &[&WitnessKey]) -> String {
    poll("the cosigned checkpoint", || {
        let published = note(site, contest, "checkpoint")?;
        let cosigned = note(site, contest, "checkpoint.cosigned")?;
        let all = by.iter().all(|key| key.find(&published).is_ok());
        (all && published == cosigned && published.matches("\u{2014} ").count() == 1 + by.len())
            .then_some(published)
    })
}

/// Casts all ballots. Returns the answers, and the longest wait for an answer.
fn vote(site: &Site, contest: &'static str, voters: usize) -> (Vec<Value>, Duration) {
    let path = format!("/v1/contests/{contest}/passes");
    let minted = site.staff.post(&path, &format!("mint-{voters}"), &json!({"count": voters})).unwrap();
    let passes = minted["passes"].as_array().unwrap().iter();
    let ballots: Arc<[Ballot]> = passes
        .map(|pass| Ballot {
            pass: pass["pass"].as_str().unwrap().to_owned(),
            body: ballot(&["a1", "b2"]).to_string().into(),
        })
        .collect();
    let next = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let address = site.address;
    let voter = |ballots: Arc<[Ballot]>, next: Arc<AtomicUsize>| async move {
        let mut voting_client = VotingClient::new(address, contest);
        let (mut answers, mut longest) = (Vec::new(), Duration::ZERO);
        while let Some(ballot) = ballots.get(next.fetch_add(1, Ordering::Relaxed)) {
            let started = Instant::now();
            let (status, answer) = voting_client.cast(ballot).await.unwrap();
            assert_eq!(status, 201, "{answer:?}");
            longest = longest.max(started.elapsed());
            answers.push(serde_json::from_slice(&answer).unwrap());
        }
        (answers, longest)
    };
    let voters: Vec<_> =
        (0..CONNECTIONS).map(|_| runtime.spawn(voter(Arc::clone(&ballots), Arc::clone(&next)))).collect();
    let (mut all, mut longest) = (Vec::new(), Duration::ZERO);
    for voter in voters {
        let (answers, waited): (Vec<Value>, _) = runtime.block_on(voter).unwrap();
        all.extend(answers);
        longest = longest.max(waited);
    }
    (all, longest)
}

fn thousands_vote_before_witnesses(mut site: Site) {
    let contest = site.create("watched", "2021-01-01T00:00:00Z", &json!({}));
    let vkey = vkey(&contest);
    let present =
        Process::start(&site.folder.path().join("ours"), free_address(), "witness.example.org/a", &vkey);
    let hangs = CosigningKey::from_seed("witness.example.org/hangs", &[1; 32]).unwrap();
    // This witness is away at first: it is started once for its key, and stopped before the site
    // uses it.
    let (away_state, away_at) = (site.folder.path().join("away"), free_address());
    let away = Process::start(&away_state, away_at, "witness.example.org/c", &vkey);
    let away_key = away.key.clone();
    away.kill();
    set_witnesses(
        &mut site,
        &[(present.address, &present.key), (hanging(), hangs.verifier()), (away_at, &away_key)],
    );

    // A killed sequencer leaves a lease. Voting starts when the lease has expired.
    let first = site.pass("watched", "mailto:first@example.org");
    poll("voting", || (site.cast("watched", &first, &ballot(&["a1", "b1"])).status <= 201).then_some(()));
    let (answers, longest) = vote(&site, "watched", VOTERS);
    println!("{VOTERS} voters, the longest wait {longest:?}");
    assert!(longest < MAX_LATENCY, "{longest:?}: a ballot waited for a witness");
    assert_eq!(answers.len(), VOTERS);
    until_cosigned(&site, "watched", &[&present.key]);

    let away = Process::start(&away_state, away_at, "witness.example.org/c", &vkey);
    assert_eq!(away.key, away_key);
    site.cast("watched", &site.pass("watched", "mailto:one-more@example.org"), &ballot(&["a1", "b1"]));
    until_cosigned(&site, "watched", &[&present.key, &away_key]);
    receipts(&site, &answers, &vkey, &present.key, hangs.verifier());

    let staff =
        |path: &str, body: &Value| site.staff.post(&format!("/v1/contests/watched/{path}"), path, body);
    staff("close", &json!({})).unwrap();
    let result: Value = site.staff.get("/v1/contests/watched/result").unwrap().json().unwrap();
    staff("certify", &result["certify"]).unwrap();
    // No wait is needed here: the export itself waits for the witnesses.
    let folder = site.export("watched", "exported");
    let exported = fs::read_to_string(folder.join("checkpoint")).unwrap();
    assert_eq!(exported, until_cosigned(&site, "watched", &[&present.key, &away_key]));
    let checkpoint = Checkpoint::open(&exported, &vkey).unwrap();
    assert_eq!(checkpoint.size, site.log("watched").len() as u64);
    audits(&site, &folder, &vkey, &[&present.key, &away_key], hangs.verifier());
}

#[test]
fn witnesses_cosign_while_thousands_vote() {
    thousands_vote_before_witnesses(Site::start());
}

#[test]
fn witnesses_cosign_while_thousands_vote_in_a_cluster() {
    thousands_vote_before_witnesses(Site::start_clustered());
}

fn run(command: &mut Command) -> Verdict {
    command.output().unwrap().into()
}

/// A receipt has a cosigned checkpoint. An auditor can demand the cosignature. A verifier without
/// witnesses accepts it too.
fn receipts(site: &Site, answers: &[Value], vkey: &VerifierKey, witness: &WitnessKey, absent: &WitnessKey) {
    let (receipt, entry) = (site.folder.path().join("receipt"), site.folder.path().join("entry"));
    let lines = site.log("watched");
    for answer in answers.iter().step_by(VOTERS / 5) {
        let path = format!("/v1/contests/watched/ballots/{}/proof", answer["ballot"].as_str().unwrap());
        fs::write(&receipt, site.send("GET", &path, &[], b"").text).unwrap();
        let index = usize::try_from(answer["index"].as_u64().unwrap()).unwrap();
        fs::write(&entry, &lines[index]).unwrap();
        for (witness, status) in [(witness, 0), (absent, 1)] {
            let mut verifier = acclaim();
            verifier.args(["receipt", "verify"]).arg(&receipt).arg("--entry").arg(&entry);
            verifier.args(["--vkey", &vkey.to_string(), "--witness", &witness.to_string()]);
            let verdict = run(&mut verifier);
            assert_eq!(verdict.status, status, "{verdict:?}");
        }
        let mut independent = python();
        independent.arg("receipt").arg(&receipt).arg("--entry").arg(&entry);
        let verdict = run(independent.args(["--vkey", &vkey.to_string()]));
        assert_eq!(verdict.status, 0, "{verdict:?}");
    }
}

#[test]
fn receipt_uses_cosigned_checkpoint_once_available() {
    let mut site = Site::start();
    let contest = site.create("watched", "2021-01-01T00:00:00Z", &json!({}));
    let (state, address) = (site.folder.path().join("w"), free_address());
    let start = || Process::start(&state, address, "witness.example.org", &vkey(&contest));
    let witness = start();
    let key = witness.key.clone();
    assert_eq!(note(&site, "watched", "checkpoint.cosigned"), None);
    set_witnesses(&mut site, &[(address, &key)]);
    let receipt = |answers: &[Value]| {
        let path = format!("/v1/contests/watched/ballots/{}/proof", answers[0]["ballot"].as_str().unwrap());
        let receipt: Receipt = site.send("GET", &path, &[], b"").text.parse().unwrap();
        let leaf = answers[0]["leaf_hash"].as_str().unwrap().parse().unwrap();
        receipt.verify(leaf, &vkey(&contest)).unwrap();
        key.find(&receipt.checkpoint).is_ok()
    };
    let (covered, _) = vote(&site, "watched", 10);
    let cosigned = until_cosigned(&site, "watched", &[&key]);
    witness.kill();
    let (later, _) = vote(&site, "watched", 5);
    assert!(receipt(&covered) && !receipt(&later));
    let newest = note(&site, "watched", "checkpoint").unwrap();
    assert_eq!(newest.matches("\u{2014} ").count(), 1, "{newest}");
    assert_eq!(
        note(&site, "watched", "checkpoint.cosigned"),
        Some(cosigned),
        "the cosigned checkpoint stays the older one"
    );

    let _witness = start();
    until_cosigned(&site, "watched", &[&key]);
    assert!(receipt(&covered) && receipt(&later));
}

/// The export and the server pass an audit that demands their witnesses, and fail one that demands
/// another witness.
fn audits(site: &Site, folder: &Path, vkey: &VerifierKey, by: &[&WitnessKey], absent: &WitnessKey) {
    let url = format!("http://{}", site.address);
    let verifiers = || {
        let (mut of_folder, mut of_server) = (acclaim(), acclaim());
        of_folder.arg("audit").arg(folder);
        of_server.args(["audit", "watched", "--url", &url]);
        [of_folder, of_server]
    };
    let verdict = run(python().arg("log").arg(folder).args(["--vkey", &vkey.to_string()]));
    assert_eq!(verdict.status, 0, "{verdict:?}");
    for mut verifier in verifiers() {
        verifier.args(["--vkey", &vkey.to_string()]);
        verifier.args(by.iter().flat_map(|witness| ["--witness".to_owned(), witness.to_string()]));
        let verdict = run(&mut verifier);
        assert_eq!(verdict.status, 0, "{verdict:?}");
        let verdict = run(verifier.args(["--cosigned-within", "1", "--witness", &absent.to_string()]));
        assert_eq!(verdict.status, 1, "{verdict:?}");
        assert!(
            verdict.output.contains("not cosigned by") && verdict.output.contains(absent.name()),
            "{verdict:?}"
        );
    }
    // A cosignature of another checkpoint is wrong.
    let path = folder.join("checkpoint");
    let exported = fs::read_to_string(&path).unwrap();
    let other = CosigningKey::from_seed(absent.name(), &[1; 32]).unwrap();
    let wrong = other.cosign(exported.replacen('\n', "x\n", 1), 1).unwrap();
    fs::write(&path, format!("{exported}{wrong}")).unwrap();
    let [mut of_folder, _] = verifiers();
    let verdict = run(of_folder.args(["--vkey", &vkey.to_string(), "--witness", &absent.to_string()]));
    assert_eq!(verdict.status, 1, "{verdict:?}");
    assert!(verdict.output.contains("wrong"), "{verdict:?}");
    fs::write(&path, exported).unwrap();
}

#[test]
fn an_operator_who_shows_two_histories_is_found_out() {
    let mut site = Site::start();
    let contest = site.create("watched", "2021-01-01T00:00:00Z", &json!({}));
    let witness =
        Process::start(&site.folder.path().join("w"), free_address(), "witness.example.org", &vkey(&contest));
    set_witnesses(&mut site, &[(witness.address, &witness.key)]);
    vote(&site, "watched", 200);
    until_cosigned(&site, "watched", &[&witness.key]);

    // A copy of all files is made, and more votes follow.
    site.kill();
    let (data, older) = (site.data(), site.folder.path().join("older"));
    copy(&data, &older);
    site.restart();
    vote(&site, "watched", 100);
    let first = until_cosigned(&site, "watched", &[&witness.key]);
    let first = Checkpoint::open(&first, &vkey(&contest)).unwrap();
    assert!(!witness.has_logged("ALARM"));

    // The copy is restored, without the record of published checkpoints.
    site.kill();
    fs::remove_dir_all(&data).unwrap();
    copy(&older, &data);
    fs::remove_dir_all(data.join("shown")).unwrap();
    site.restart();
    poll("the witness's warning", || witness.has_logged("set back").then_some(()));
    vote(&site, "watched", 150);
    let second = note(&site, "watched", "checkpoint").unwrap();
    let second = Checkpoint::open(&second, &vkey(&contest)).unwrap();
    assert!(second.size > first.size && second.root != first.root);
    poll("the witness's alarm", || witness.has_logged("ALARM").then_some(()));
    assert_eq!(
        note(&site, "watched", "checkpoint.cosigned"),
        None,
        "the second history must not be cosigned"
    );
    assert!(fs::read_to_string(witness.state()).unwrap().contains(&first.root.to_string()));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(file.file_name());
        match file.file_type().unwrap().is_dir() {
            true => copy(&file.path(), &to),
            false => drop(fs::copy(file.path(), to).unwrap()),
        }
    }
}
