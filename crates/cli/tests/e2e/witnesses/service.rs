//! The witness alone, with a log that the test writes: bad input, concurrent requests, kills, and
//! damaged state.

use std::{collections::BTreeMap, fs, path::Path, sync::Barrier, thread, time::Duration};

use acclaim_ballot_log::{AddCheckpoint, Hash, SigningKey, TileId, Tree, VerifierKey, leaf_hash, proof};

use super::process::{Process, command, submit};
use crate::server::{acclaim, free_address};

const NAME: &str = "witness.example.org/w";
const ORIGIN: &str = "vote.example.org/photo-2021";

/// A log with all its tiles. A word in each leaf distinguishes one log from another.
struct Log {
    key: SigningKey,
    tiles: BTreeMap<TileId, Vec<u8>>,
}

impl Log {
    /// Creates a log of `size` leaves. Each leaf has its index and a word.
    fn new(size: u64, word: impl Fn(u64) -> usize) -> Self {
        let (mut tree, mut tiles) = (Tree::new(), BTreeMap::new());
        for index in 0..size {
            tree.append(leaf_hash(format!("{index} {}", word(index)).as_bytes()));
            if index % 256 == 255 || index + 1 == size {
                tiles.extend(tree.changed_tiles());
            }
        }
        Self { key: key(), tiles }
    }

    fn root(&self, size: u64) -> Hash {
        proof::root_at(size, &|tile| self.tiles.get(&tile)).unwrap()
    }

    fn request(&self, old: u64, new: u64) -> AddCheckpoint {
        let proof = proof::consistency(old, new, &|tile| self.tiles.get(&tile)).unwrap();
        AddCheckpoint { old, proof, checkpoint: self.key.sign(new, self.root(new)) }
    }
}

fn key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[9; 32]).unwrap()
}

fn start_witness(state: &Path) -> Process {
    Process::start(state, free_address(), NAME, key().verifier())
}

/// Returns the size that a witness reports as its last cosigned one.
fn size(witness: &Process, log: &Log) -> u64 {
    match submit(witness.address, &log.request(1, 1)).unwrap() {
        (200, _, _) => 1,
        (409, content_type, body) if content_type == "text/x.tlog.size" => {
            body.strip_suffix('\n').unwrap().parse().unwrap()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn refuses_inconsistent_checkpoints_as_specified() {
    let folder = tempfile::tempdir().unwrap();
    let witness = start_witness(&folder.path().join("state"));
    let (log, other) = (Log::new(300, |_| 0), Log::new(300, |index| usize::from(index >= 100)));
    let (status, _, line) = submit(witness.address, &log.request(0, 200)).unwrap();
    assert_eq!(status, 200, "{line}");
    let cosigned = format!("{}{line}", log.request(0, 200).checkpoint);
    assert!(witness.key.find(&cosigned).unwrap().time > 1_600_000_000);

    let good = log.request(200, 300).to_string();
    let strange = SigningKey::from_seed(ORIGIN, &[8; 32]).unwrap().sign(300, log.root(300));
    let unknown = SigningKey::from_seed("vote.example.org/else", &[9; 32]).unwrap().sign(300, log.root(300));
    let with = |checkpoint: String| AddCheckpoint { checkpoint, ..log.request(200, 300) }.to_string();
    let own = "\u{2014} vote.example.org/photo-2021 ";
    for (what, body, expected) in [
        ("nothing", String::new(), 400),
        ("no request", "hello\n".to_owned(), 400),
        ("a proof that is none", good.replacen("\n", "\nAAAA\n", 1), 400),
        ("a number with a sign", good.replacen("old 200", "old +200", 1), 400),
        ("an old size beyond", AddCheckpoint { old: 301, ..log.request(200, 300) }.to_string(), 400),
        ("no note", "old 200\n\nvote.example.org/photo-2021\n".to_owned(), 403),
        ("a checkpoint nobody signed", good.replacen(own, "\u{2014} x ", 1), 403),
        ("another key's", with(strange), 403),
        ("altered", good.replacen("\n300\n", "\n299\n", 1), 403),
        ("a log that is not watched", with(unknown), 404),
        ("an origin that is none", "old 0\n\n\n\n".to_owned(), 404),
        ("an older size", log.request(100, 300).to_string(), 409),
        ("rolled back", log.request(100, 150).to_string(), 409),
        ("another root of the same size", other.request(200, 200).to_string(), 409),
        ("another history", other.request(200, 300).to_string(), 422),
        ("no proof", AddCheckpoint { proof: Vec::new(), ..log.request(200, 300) }.to_string(), 422),
        ("too long", format!("{good}{}", "x".repeat(100_000)), 400),
    ] {
        let (status, content_type, text) = witness.post(body.as_bytes()).unwrap();
        assert_eq!(status, expected, "{what}: {text}");
        let is_size = content_type == "text/x.tlog.size";
        assert_eq!(is_size, expected == 409 && !what.contains("root"), "{what}: {content_type}");
        assert!(!is_size || text == "200\n", "{what}: {text}");
    }
    assert_eq!(witness.post(b"old 0\n\n\xff").unwrap().0, 400);
    assert!(
        witness.has_logged("ALARM: the log has signed two histories"),
        "the alarm must name both histories"
    );
    assert_eq!(size(&witness, &log), 200, "the refused requests must not change the state");
    assert_eq!(witness.post(good.as_bytes()).unwrap().0, 200);
    assert_eq!(submit(witness.address, &log.request(300, 300)).unwrap().0, 200, "a repeated request");
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let get = |path: &str| agent.get(format!("http://{}/{path}", witness.address)).call().unwrap().status();
    assert_eq!((get("healthz").as_u16(), get("add-checkpoint").as_u16(), get("").as_u16()), (200, 405, 404));
}

/// An example is the Go checksum database, whose origin even has spaces.
#[test]
fn a_log_whose_origin_is_not_the_keys_name_is_watched() {
    const OTHER: &str = "go.sum database tree";
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let log = Log::new(300, |_| 0);
    let start = || Process::start_of(&state, free_address(), NAME, &format!("{} {OTHER}", key().verifier()));
    let witness = start();
    let request = |origin: &str, old, new| {
        let checkpoint = key().sign_for_origin(origin, new, log.root(new));
        AddCheckpoint { checkpoint, ..log.request(old, new) }
    };
    let (status, _, line) = submit(witness.address, &request(OTHER, 0, 200)).unwrap();
    assert_eq!(status, 200, "{line}");
    let cosigned = format!("{}{line}", request(OTHER, 0, 200).checkpoint);
    assert!(witness.key.find(&cosigned).is_ok());
    assert_eq!(
        submit(witness.address, &request(ORIGIN, 200, 300)).unwrap().0,
        404,
        "a log under the key's own name is not watched"
    );
    witness.kill();
    let witness = start();
    assert_eq!(
        submit(witness.address, &request(OTHER, 0, 300)).unwrap().0,
        409,
        "the state must belong to the origin"
    );
    assert_eq!(submit(witness.address, &request(OTHER, 200, 300)).unwrap().0, 200);
}

#[test]
fn of_two_histories_at_once_one_is_cosigned() {
    let folder = tempfile::tempdir().unwrap();
    let witness = start_witness(&folder.path().join("state"));
    // For each ten leaves, the fork that was cosigned.
    let mut history = vec![0];
    assert_eq!(submit(witness.address, &Log::new(10, |_| 0).request(0, 10)).unwrap().0, 200);
    for round in 1..=20 {
        let base = 10 * round;
        let word =
            |index: u64, fork| history.get(usize::try_from(index / 10).unwrap()).copied().unwrap_or(fork);
        let forks: Vec<Log> = (0..8).map(|fork| Log::new(base + 10, |index| word(index, fork))).collect();
        let barrier = Barrier::new(forks.len());
        let cosigned: Vec<usize> = thread::scope(|scope| {
            let senders: Vec<_> = (0..)
                .zip(&forks)
                .map(|(fork, log)| {
                    let (request, barrier, address) =
                        (log.request(base, base + 10), &barrier, witness.address);
                    scope.spawn(move || {
                        barrier.wait();
                        (submit(address, &request).unwrap().0 == 200).then_some(fork)
                    })
                })
                .collect();
            senders.into_iter().filter_map(|sender| sender.join().unwrap()).collect()
        });
        assert_eq!(cosigned.len(), 1, "{cosigned:?}");
        assert_eq!(size(&witness, &forks[0]), base + 10);
        history.push(cosigned[0]);
    }
    let log = Log::new(210, |index| history[usize::try_from(index / 10).unwrap()]);
    assert_eq!(submit(witness.address, &log.request(210, 210)).unwrap().0, 200, "{history:?}");
}

#[test]
fn killed_witness_remembers_cosigned_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let log = Log::new(20_000, |_| 0);
    let mut cosigned = 0;
    let mut answered = 0;
    for kill in 0..25_u64 {
        let witness = start_witness(&state);
        let known = size(&witness, &log);
        assert!(known >= cosigned, "{known} is remembered, {cosigned} was cosigned");
        // One checkpoint may have been stored before the kill without an answer. There is at most
        // one, because requests come one after another.
        assert!(known <= cosigned + 1, "{known} is remembered, {cosigned} was cosigned");
        if cosigned > 0 {
            assert_eq!(submit(witness.address, &log.request(known - 1, known - 1)).unwrap().0, 409);
        }
        let address = witness.address;
        let sender = thread::scope(|scope| {
            let sender = scope.spawn(|| {
                let mut at = known;
                while let Some((200, _, _)) = submit(address, &log.request(at, at + 1)) {
                    at += 1;
                }
                at
            });
            // Sleeps: each round kills the witness at another moment.
            thread::sleep(Duration::from_millis(20 + 7 * kill));
            witness.kill();
            sender.join().unwrap()
        });
        answered += sender - known;
        cosigned = sender;
    }
    println!("{answered} cosigned over 25 kills");
    assert!(answered > 50, "{answered}: the witness was killed too rarely during work");
}

#[test]
fn a_state_that_is_damaged_missing_or_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let log = Log::new(10, |_| 0);
    let witness = start_witness(&state);
    assert_eq!(submit(witness.address, &log.request(0, 10)).unwrap().0, 200);
    let refused = |what: &str, log: &VerifierKey| {
        let output = command(&state, free_address(), NAME, log).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(output.stdout.is_empty() && stderr.contains(what), "{stderr}");
    };
    refused("another process runs this witness", key().verifier());
    witness.kill();

    let whole = fs::read_to_string(&state).unwrap();
    for damaged in [
        String::new(),
        whole[..whole.len() / 2].to_owned(),
        whole.replace("\"size\":10", "\"size\":00"),
        whole.replace("\"size\":10", "\"size\":11"),
        whole.replace("\"version\":1", "\"version\":2"),
        format!("{whole}{whole}"),
    ] {
        assert_ne!(damaged, whole);
        fs::write(&state, damaged).unwrap();
        refused("is damaged", key().verifier());
    }
    fs::remove_file(&state).unwrap();
    refused("is missing", key().verifier());
    fs::write(&state, &whole).unwrap();
    let witness = start_witness(&state);
    assert_eq!(size(&witness, &log), 10);
    witness.kill();

    // Two keys of one log are refused.
    let two = acclaim()
        .args(["witness", "--name", NAME, "--log", &key().verifier().to_string(), "--log"])
        .arg(SigningKey::from_seed(ORIGIN, &[8; 32]).unwrap().verifier().to_string())
        .arg("--state")
        .arg(&state)
        .output()
        .unwrap();
    assert_eq!(two.status.code(), Some(2));
    assert!(String::from_utf8(two.stderr).unwrap().contains("two keys"));
}
