//! A published log that a forger changes. The forger may have the key that signs its checkpoints.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use acclaim_ballot_log::{
    Event, LogEntry, NewBallot, Receipt, Salt, SigningKey, TileId, Tree, bundle::encode_bundle, leaf_hash,
    proof::inclusion, tile::TILE_WIDTH,
};
use acclaim_contest::{BallotId, VoterTag, rules::PublishEntries};
use acclaim_tally::Replay;
use serde_json::Value;

/// The seed of the key that signs the log's checkpoints.
const SEED: [u8; 32] = [9; 32];

/// The published files of a contest. Tests change them piece by piece.
#[derive(Clone)]
pub(crate) struct PublishedLog {
    pub(crate) contest: String,
    origin: String,
    /// The entries.
    pub(crate) lines: Vec<Vec<u8>>,
    /// The entries before the changes. The tiles belong to them, unless the log is signed again.
    honest: Vec<Vec<u8>>,
    /// The checkpoint, a signed note.
    pub(crate) note: String,
    /// The result document.
    pub(crate) result: Option<Vec<u8>>,
    /// Number of bytes missing at the end of the log's file.
    pub(crate) torn: usize,
    /// A change of the first tile of leaf hashes.
    pub(crate) spoil_tile: Option<fn(&mut Vec<u8>)>,
    /// An earlier checkpoint that the auditor has.
    pub(crate) earlier_checkpoint: Option<String>,
}

impl PublishedLog {
    /// Reads an export, and signs its checkpoint with a key that the tests have.
    pub(crate) fn of_export(folder: &Path) -> Self {
        let log = fs::read(folder.join("log.jsonl")).unwrap();
        let lines: Vec<Vec<u8>> =
            log.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let result = fs::read(folder.join("result.json")).unwrap();
        let document: Value = serde_json::from_slice(&result).unwrap();
        let mut published = Self {
            contest: document["contest"].as_str().unwrap().to_owned(),
            origin: document["log"]["origin"].as_str().unwrap().to_owned(),
            honest: lines.clone(),
            lines,
            note: String::new(),
            result: Some(result),
            torn: 0,
            spoil_tile: None,
            earlier_checkpoint: None,
        };
        published.sign();
        published
    }

    /// The log's key.
    pub(crate) fn key(&self) -> SigningKey {
        SigningKey::from_seed(&self.origin, &SEED).unwrap()
    }

    /// The key of another contest of the same installation.
    pub(crate) fn key_of_another_contest(&self) -> SigningKey {
        SigningKey::from_seed(&format!("{}-2", self.origin), &SEED).unwrap()
    }

    /// The key of another party, under the log's name.
    pub(crate) fn key_of_other_party(&self) -> SigningKey {
        SigningKey::from_seed(&self.origin, &[8; 32]).unwrap()
    }

    /// The tree over the first `size` lines.
    pub(crate) fn tree(&self, size: usize) -> Tree {
        tree(&self.lines[..size])
    }

    /// Signs the log in its current state: a forgery by the operator.
    pub(crate) fn sign(&mut self) {
        self.note = self.signed(self.lines.len());
        self.honest = self.lines.clone();
    }

    /// The genuine checkpoint over the first `size` lines.
    pub(crate) fn signed(&self, size: usize) -> String {
        let tree = self.tree(size);
        self.key().sign(tree.size(), tree.root())
    }

    /// The receipt of an entry at an earlier size of the log.
    pub(crate) fn receipt(&self, index: usize, size: usize) -> String {
        let (mut tree, index) = (self.tree(size), index as u64);
        let tiles: HashMap<TileId, Vec<u8>> = tree.changed_tiles().into_iter().collect();
        let path = inclusion(index, tree.size(), &|tile| tiles.get(&tile)).unwrap();
        Receipt { extra: None, index, path, checkpoint: self.signed(size) }.to_string()
    }

    /// The index of the first entry that contains a text, from an index on.
    #[track_caller]
    pub(crate) fn find(&self, from: usize, text: &str) -> usize {
        let lines = self.lines.iter().enumerate().skip(from);
        let mut matching = lines.filter(|(_, line)| String::from_utf8_lossy(line).contains(text));
        matching.next().unwrap_or_else(|| panic!("no entry with {text}")).0
    }

    /// The index of the ballot with this number.
    pub(crate) fn ballot(&self, number: usize) -> usize {
        let ballots =
            self.lines.iter().enumerate().filter(|(_, line)| line.starts_with(br#"{"type":"ballot""#));
        ballots.map(|(index, _)| index).nth(number).unwrap()
    }

    /// Replaces a text in an entry. Returns the entry's index.
    #[track_caller]
    pub(crate) fn replace(&mut self, index: usize, from: &str, to: &str) -> Option<usize> {
        let line = String::from_utf8(self.lines[index].clone()).unwrap();
        assert!(line.contains(from), "{line} has no {from}");
        self.lines[index] = line.replacen(from, to, 1).into_bytes();
        Some(index)
    }

    /// Inserts an entry before another one. In a log of version 2 it gets a salt if it needs one.
    pub(crate) fn insert(&mut self, index: usize, line: impl Into<Vec<u8>>) -> Option<usize> {
        let mut line = line.into();
        if let Ok(LogEntry::Event(event, None)) = LogEntry::decode(&line)
            && self.version() > 1
            && event.is_salted()
        {
            line = event.encode(Some(Salt([7; 16]))).unwrap();
        }
        self.lines.insert(index, line);
        Some(index)
    }

    /// The version that the log declares.
    pub(crate) fn version(&self) -> u32 {
        match LogEntry::decode(&self.lines[0]) {
            Ok(LogEntry::Event(event, _)) => match *event {
                Event::Contest(header) => header.v,
                _ => panic!("no header"),
            },
            _ => panic!("no header"),
        }
    }

    /// Returns the same contest as a log of version 1, with its result.
    pub(crate) fn as_version_1(&self) -> Self {
        let unsalted = |line: &Vec<u8>| match LogEntry::decode(line).unwrap() {
            LogEntry::Ballot(_) => line.clone(),
            LogEntry::Event(mut event, _) => {
                if let Event::Contest(header) = &mut *event {
                    header.v = 1;
                    header.rules.admission = None;
                    header.rules.publication.entries = PublishEntries::AfterClose;
                }
                event.encode(None).unwrap()
            }
        };
        let mut first = Self { lines: self.lines.iter().map(unsalted).collect(), ..self.clone() };
        let mut replay = Replay::new(&self.origin);
        first.lines.iter().for_each(|line| assert!(replay.push(line).is_ok()));
        first.result = replay.result().map(|result| result.json);
        first.sign();
        first
    }

    /// Inserts a ballot with a correct id just before the closing. Its voter is the one of the
    /// ballot at `like`.
    pub(crate) fn cast(
        &mut self,
        like: usize,
        replaces: Option<BallotId>,
        votes: &[(&str, &str)],
    ) -> Option<usize> {
        let line = self.ballot_line(like, replaces, votes);
        self.insert(self.find(0, r#""type":"closed""#), line)
    }

    /// The line of a ballot whose voter is the one of the ballot at `like`.
    pub(crate) fn ballot_line(
        &self,
        like: usize,
        replaces: Option<BallotId>,
        votes: &[(&str, &str)],
    ) -> Vec<u8> {
        let (voter, at) = self.voter_and_time(like);
        let ballot = NewBallot {
            voter,
            channel: None,
            period: None,
            replaces,
            at: &at,
            selections: votes.iter().copied(),
        };
        let mut line = Vec::new();
        ballot.write(&self.contest.parse().unwrap(), &mut line).unwrap();
        line
    }

    fn voter_and_time(&self, index: usize) -> (VoterTag, String) {
        let LogEntry::Ballot(ballot) = LogEntry::decode(&self.lines[index]).unwrap() else {
            panic!("no ballot")
        };
        (ballot.voter, ballot.at.to_owned())
    }

    /// The id of the ballot at an index.
    pub(crate) fn id(&self, index: usize) -> BallotId {
        let LogEntry::Ballot(ballot) = LogEntry::decode(&self.lines[index]).unwrap() else {
            panic!("no ballot")
        };
        ballot.id
    }

    /// Writes all files of an export, and the earlier checkpoint beside them.
    pub(crate) fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        let mut log: Vec<u8> = self.lines.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect();
        log.truncate(log.len() - self.torn);
        fs::write(folder.join("log.jsonl"), log).unwrap();
        fs::write(folder.join("checkpoint"), &self.note).unwrap();
        if let Some(result) = &self.result {
            fs::write(folder.join("result.json"), result).unwrap();
        }
        if let Some(earlier_checkpoint) = &self.earlier_checkpoint {
            fs::write(earlier_checkpoint_path(folder), earlier_checkpoint).unwrap();
        }
        self.write_tiles(folder);
    }

    fn write_tiles(&self, folder: &Path) {
        let mut tree = tree(&self.honest);
        for (tile, mut hashes) in tree.changed_tiles() {
            if let Some(spoil) = self.spoil_tile.filter(|_| (tile.level, tile.number) == (0, 0)) {
                spoil(&mut hashes);
            }
            write(&folder.join(tile.path(tile.width_at(tree.size())).to_string()), &hashes);
        }
        for (number, entries) in self.honest.chunks(TILE_WIDTH.into()).enumerate() {
            // An entry that is too long for a bundle has none.
            if let Ok(bundle) = encode_bundle(entries.iter().map(Vec::as_slice)) {
                let partial = if entries.len() < TILE_WIDTH.into() {
                    format!(".p/{}", entries.len())
                } else {
                    String::new()
                };
                write(&folder.join(format!("tile/entries/{number:03}{partial}")), &bundle);
            }
        }
    }
}

/// The path of the earlier checkpoint that [`PublishedLog::write`] writes.
pub(crate) fn earlier_checkpoint_path(folder: &Path) -> PathBuf {
    folder.with_extension("kept")
}

fn tree(lines: &[Vec<u8>]) -> Tree {
    let mut tree = Tree::new();
    for line in lines {
        tree.append(leaf_hash(line));
    }
    tree
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}
