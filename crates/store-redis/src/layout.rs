//! The keys and channels in Redis, version 1. `docs/cluster.md` describes them for operators.
//!
//! All keys of a contest's shard share the hash tag `{<contest>:<shard>}`, so that one node of a
//! cluster holds all of them for a script.

use acclaim_contest::ContestId;

/// Prefix of every key and channel. The number is the layout's version.
const PREFIX: &str = "acclaim:1";
/// The channel for messages that an empty shard got ballots.
pub(crate) const WAKE: &str = "acclaim:1:wake";
/// The channel of notices between processes.
pub(crate) const NOTICES: &str = "acclaim:1:notices";

/// Number of cells of the slot table, a power of two.
pub(crate) const CELLS: u64 = 1 << 22;
/// Length of a header in characters: digest in hex, number of items so far, arrival of the first
/// item in milliseconds.
pub(crate) const HEADER_LENGTH: usize = 40 + 16 + 16;

/// The keys of one shard.
#[derive(Debug, Clone)]
pub(crate) struct ShardKeys {
    /// Hash: the epoch, the state (`fenced`, `open`, `sealed`), and the positions up to which the
    /// shard is trimmed and filled.
    pub(crate) meta: String,
    /// List: one header for each block.
    pub(crate) index: String,
    /// List: the blocks. Each block has the items of one submission.
    pub(crate) buffer: String,
    /// String: cells of 16 bits. Each is the fingerprint of the slot that was last marked there.
    pub(crate) slots: String,
    /// Set: ids of the promised ballots that wait.
    pub(crate) promised: String,
    /// List: the blocks of earlier sessions.
    pub(crate) survivors: String,
}

impl ShardKeys {
    pub(crate) fn new(contest: &ContestId, shard: u16) -> Self {
        let key = |name: &str| format!("{PREFIX}:{{{contest}:{shard}}}:{name}");
        Self {
            meta: key("meta"),
            index: key("index"),
            buffer: key("buffer"),
            slots: key("slots"),
            promised: key("promised"),
            survivors: key("survivors"),
        }
    }

    pub(crate) fn all(&self) -> [&str; 6] {
        [&self.meta, &self.index, &self.buffer, &self.slots, &self.promised, &self.survivors]
    }
}

/// Key of the highest published checkpoint of a contest.
pub(crate) fn published_checkpoint(contest: &ContestId) -> String {
    format!("{PREFIX}:{{{contest}}}:shown")
}

/// Key of the newest checkpoint of a contest that witnesses have cosigned.
pub(crate) fn cosigned(contest: &ContestId) -> String {
    format!("{PREFIX}:{{{contest}}}:cosigned")
}

/// Key of the newest publication of a contest.
pub(crate) fn publication(contest: &ContestId) -> String {
    format!("{PREFIX}:{{{contest}}}:publication")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_where_they_were() {
        let contest = "photo-2021".parse().unwrap();
        let keys = ShardKeys::new(&contest, 2);
        let mut names = vec![
            WAKE.to_owned(),
            NOTICES.to_owned(),
            published_checkpoint(&contest),
            cosigned(&contest),
            publication(&contest),
        ];
        names.extend(keys.all().map(str::to_owned));
        names.push(format!("{CELLS} cells, headers of {HEADER_LENGTH}"));
        insta::assert_snapshot!(names.join("\n"));
    }
}
