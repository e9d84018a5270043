//! A running server's log is verified by third-party libraries (`signed_note`, `tlog_tiles`) while
//! thousands of voters vote. They read only public data over HTTP, and use no code of this project.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use acclaim_cli::{
    client::Client,
    voting_client::{Ballot, VotingClient},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{
    Error, Hash, Tile, TileHashReader, TileReader, check_record, check_tree, prove_record, prove_tree,
    record_hash, tree_hash,
};

use crate::site::{Site, ballot};

const VOTERS: usize = 4_000;
const CONNECTIONS: usize = 24;
/// Number of entries whose inclusion is checked.
const SAMPLES: usize = 3_000;
const LOG: &str = "/v1/contests/watched/log";

/// The public tiles over HTTP. Each is read once, because tiles never change.
struct Tiles<'a> {
    public: &'a Client,
    known: RefCell<HashMap<Tile, Vec<u8>>>,
}

impl TileReader for Tiles<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        let mut known = self.known.borrow_mut();
        let read = |tile: &Tile| {
            // The library's paths also name the height: `tile/8/0/000`.
            let path = tile.path().replacen("tile/8/", "tile/", 1);
            known.entry(*tile).or_insert_with(|| get(self.public, &path)).clone()
        };
        Ok(tiles.iter().map(read).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

fn get(reader: &Client, path: &str) -> Vec<u8> {
    reader.get(&format!("{LOG}/{path}")).unwrap_or_else(|error| panic!("{path}: {error:#}")).bytes
}

/// A client without a key.
fn public(address: SocketAddr) -> Client {
    Client::of_server(&format!("http://{address}"), None).unwrap()
}

/// What the server published during the voting: all checkpoints that were read, and the heads in
/// the answers to voters.
struct ObservedLog {
    checkpoints: BTreeSet<Vec<u8>>,
    answers: Vec<Value>,
}

#[test]
fn third_party_library_verifies_running_log() {
    let site = Site::start();
    let contest = site.create("watched", "2021-01-01T00:00:00Z", &json!({}));
    let public = public(site.address);
    let observed = watch(&site);
    assert_eq!(observed.answers.len(), VOTERS);

    let verifiers = || {
        let verifier = StandardVerifier::new(contest["log"]["vkey"].as_str().unwrap()).unwrap();
        VerifierList::new(vec![Box::new(verifier)])
    };
    let mut heads = BTreeMap::new();
    for note in &observed.checkpoints {
        let note = Note::from_bytes(note).unwrap();
        assert_eq!(note.verify(&verifiers()).unwrap().0.len(), 1);
        let checkpoint = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
        assert_eq!(Some(checkpoint.origin()), contest["log"]["origin"].as_str());
        assert_eq!(heads.insert(checkpoint.size(), *checkpoint.hash()), None, "two checkpoints of one size");
    }
    let signed = heads.len();
    for answer in &observed.answers {
        let root = Hash::parse_hash(answer["log"]["root"].as_str().unwrap()).unwrap();
        let known = *heads.entry(answer["log"]["size"].as_u64().unwrap()).or_insert(root);
        assert_eq!(known, root, "two roots of one size");
    }
    println!("{signed} signed checkpoints, {} heads in all", heads.len());
    assert!(signed > 10 && heads.len() > 20, "the log must grow during the test");

    let tiles = Tiles { public: &public, known: RefCell::default() };
    let heads: Vec<(u64, Hash)> = heads.into_iter().collect();
    every_size_stays_readable(&heads, &tiles);
    all_heads_are_consistent(&heads, &tiles);
    answered_ballots_are_in_log(&site, &observed.answers, &heads, &tiles);
    receipts_are_proofs(&public, &observed.answers, verifiers);
}

/// Casts all ballots, and collects the checkpoints that the public sees meanwhile.
fn watch(site: &Site) -> ObservedLog {
    let minted = site.staff.post("/v1/contests/watched/passes", "mint", &json!({"count": VOTERS})).unwrap();
    let body = |n: usize| ballot(&[["a1", "a2", "a3"][n % 3], ["b1", "b2", "b3"][n % 2]]).to_string();
    let ballots: Arc<[Ballot]> = (0..)
        .zip(minted["passes"].as_array().unwrap())
        .map(|(n, pass)| Ballot { pass: pass["pass"].as_str().unwrap().to_owned(), body: body(n).into() })
        .collect();
    let (over, address) = (AtomicBool::new(false), site.address);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let public = public(address);
            let mut checkpoints = BTreeSet::new();
            loop {
                let last = over.load(Ordering::Acquire);
                checkpoints.insert(get(&public, "checkpoint"));
                if last {
                    return checkpoints;
                }
            }
        });
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let answers = runtime.block_on(vote(address, ballots));
        over.store(true, Ordering::Release);
        ObservedLog { checkpoints: watcher.join().unwrap(), answers }
    })
}

async fn vote(address: SocketAddr, ballots: Arc<[Ballot]>) -> Vec<Value> {
    let next = Arc::new(AtomicUsize::new(0));
    let voters: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (ballots, next) = (Arc::clone(&ballots), Arc::clone(&next));
            tokio::spawn(async move {
                let mut voting_client = VotingClient::new(address, "watched");
                let mut answers = Vec::new();
                while let Some(ballot) = ballots.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (status, answer) = voting_client.cast(ballot).await.unwrap();
                    assert_eq!(status, 201, "{answer:?}");
                    answers.push(serde_json::from_slice(&answer).unwrap());
                }
                answers
            })
        })
        .collect();
    let mut all = Vec::new();
    for voter in voters {
        all.extend(voter.await.unwrap());
    }
    all
}

/// After the log has grown, the tiles of every published size are still readable, also partial
/// ones. They lead to the root of that size.
fn every_size_stays_readable(heads: &[(u64, Hash)], tiles: &Tiles<'_>) {
    for (size, root) in heads {
        let reader = TileHashReader::new(*size, *root, tiles);
        assert_eq!(tree_hash(*size, &reader).unwrap(), *root, "{size}");
    }
}

/// Every two heads are consistent.
fn all_heads_are_consistent(heads: &[(u64, Hash)], tiles: &Tiles<'_>) {
    for (position, (new, new_root)) in heads.iter().enumerate() {
        let reader = TileHashReader::new(*new, *new_root, tiles);
        for (old, old_root) in &heads[..position] {
            let proof = prove_tree(*new, *old, &reader).unwrap();
            check_tree(&proof, *new, *new_root, *old, *old_root)
                .unwrap_or_else(|error| panic!("{old} to {new}: {error}"));
        }
    }
}

/// Every ballot's entry, read from the bundles, has the leaf hash of its answer. Samples are proved
/// under the heads of then and later.
fn answered_ballots_are_in_log(site: &Site, answers: &[Value], heads: &[(u64, Hash)], tiles: &Tiles<'_>) {
    let (size, root) = *heads.last().unwrap();
    let entries = bundles(&site.staff, size);
    let mut random = Random(size);
    for answer in answers {
        let index = answer["index"].as_u64().unwrap();
        let entry = &entries[usize::try_from(index).unwrap()];
        assert_eq!(record_hash(entry).to_string(), answer["leaf_hash"].as_str().unwrap(), "{index}");
        let entry: Value = serde_json::from_slice(entry).unwrap();
        assert_eq!(entry["id"], answer["ballot"], "{index}");
    }
    for sample in 0..SAMPLES {
        let position = random.below(entries.len());
        let index = position as u64;
        let covering = heads.partition_point(|(size, _)| *size <= index);
        // The head is the first one that covers the entry, the newest one, or one in between.
        let (size, root) = match sample % 3 {
            0 => heads[covering],
            1 => (size, root),
            _ => heads[covering + random.below(heads.len() - covering)],
        };
        let proof = prove_record(size, index, &TileHashReader::new(size, root, tiles)).unwrap();
        check_record(&proof, size, root, index, record_hash(&entries[position])).unwrap();
    }
}

/// Reads the entries from bundles. Each bundle has up to 256 entries, each after its length of two
/// bytes.
fn bundles(auditor: &Client, size: u64) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    while (entries.len() as u64) < size {
        let (number, left) = (entries.len() / 256, size - entries.len() as u64);
        let partial = if left < 256 { format!(".p/{left}") } else { String::new() };
        let bundle = get(auditor, &format!("tile/entries/{number:03}{partial}"));
        let mut rest = &bundle[..];
        while let [high, low, tail @ ..] = rest {
            let (entry, tail) = tail.split_at(usize::from(u16::from_be_bytes([*high, *low])));
            entries.push(entry.to_vec());
            rest = tail;
        }
        assert!(rest.is_empty());
    }
    assert_eq!(entries.len() as u64, size);
    entries
}

/// Receipts have the format of their specification: a line, the index, hashes, a blank line, a
/// checkpoint.
fn receipts_are_proofs(public: &Client, answers: &[Value], verifiers: impl Fn() -> VerifierList) {
    for answer in answers.iter().step_by(VOTERS / 50) {
        let ballot = answer["ballot"].as_str().unwrap();
        let receipt = public.get(&format!("/v1/contests/watched/ballots/{ballot}/proof")).unwrap().bytes;
        let receipt = String::from_utf8(receipt).unwrap();
        let (proof, note) = receipt.split_once("\n\n").unwrap();
        let mut lines = proof.lines();
        assert_eq!(lines.next(), Some("c2sp.org/tlog-proof@v1"));
        assert_eq!(lines.next(), Some(&*format!("index {}", answer["index"])));
        let path: Vec<Hash> = lines.map(|line| Hash::parse_hash(line).unwrap()).collect();
        let note = Note::from_bytes(note.as_bytes()).unwrap();
        note.verify(&verifiers()).unwrap();
        let checkpoint = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
        let leaf = STANDARD.decode(answer["leaf_hash"].as_str().unwrap()).unwrap();
        let leaf = Hash(leaf.try_into().unwrap());
        let index = answer["index"].as_u64().unwrap();
        check_record(&path, checkpoint.size(), *checkpoint.hash(), index, leaf).unwrap();
    }
}

/// Pseudo-random samples. Each run over the same sizes has the same ones.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}
