//! The keys and channels in Redis, version 1. `docs/cluster.md` describes them for operators.
//!
//! All keys of one shard have the same hash tag `{<contest>:<shard>}`. So one node of a Redis
//! Cluster holds all of them, and one script can use them.

use acclaim_contest::ContestId;

/// Prefix of every key and channel. The number is the layout's version.
const PREFIX: &str = "acclaim:1";
/// The channel for the message that a shard without waiting ballots has received ballots.
pub(crate) const WAKE: &str = "acclaim:1:wake";
/// The channel of notices between processes.
pub(crate) const NOTICES: &str = "acclaim:1:notices";

/// Number of cells of the slot table, a power of two.
pub(crate) const CELLS: u64 = 1 << 22;
/// Length of a block's header in characters: digest in hex, number of items so far, arrival of the
/// block's first item in milliseconds.
pub(crate) const HEADER_LENGTH: usize = 40 + 16 + 16;

/// The keys of one shard.
#[derive(Debug, Clone)]
pub(crate) struct ShardKeys {
    /// Hash: the epoch, the state (`fenced`, `open`, `sealed`), the position up to which the shard
    /// is trimmed (`base`), and the position up to which it is filled (`end`).
    pub(crate) meta: String,
    /// List: one header for each block.
    pub(crate) index: String,
    /// List: the blocks. Each block has the items that one call of the script `submit` added.
    pub(crate) buffer: String,
    /// String: cells of 16 bits. A cell has the fingerprint of the last slot that was marked in it.
    pub(crate) slots: String,
    /// Set: ids of the waiting ballots that were answered `accepted`.
    pub(crate) promised: String,
    /// List: the blocks of earlier sessions, until they are recorded.
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
