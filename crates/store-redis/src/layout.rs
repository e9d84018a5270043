//! Where things are in Redis. Version 1; `docs/cluster.md` describes it for operators.
//!
//! Every key of a contest's shard shares the hash tag `{<contest>:<shard>}`, so that a script finds them on one node of a cluster.

use acclaim_contest::ContestId;

/// Begins every key and channel; the number is the layout's version.
const PREFIX: &str = "acclaim:1";
/// The channel on which shards that were empty say that they are no longer.
pub(crate) const WAKE: &str = "acclaim:1:wake";
/// The channel of notices between processes.
pub(crate) const NOTICES: &str = "acclaim:1:notices";

/// Cells of the slot table, a power of two.
pub(crate) const CELLS: u64 = 1 << 22;
/// Characters of a header: digest in hex, items so far, arrival of the first item in milliseconds.
pub(crate) const HEADER_LENGTH: usize = 40 + 16 + 16;

/// The keys of one shard.
#[derive(Debug, Clone)]
pub(crate) struct ShardKeys {
    /// Hash: epoch, state (`fenced`, `open`, `sealed`), how far it is trimmed and filled.
    pub(crate) meta: String,
    /// List: a header a block.
    pub(crate) index: String,
    /// List: blocks, each the items of one submission.
    pub(crate) buffer: String,
    /// String: cells of 16 bits, each the fingerprint of the slot that was last marked there.
    pub(crate) slots: String,
    /// Set: ids of promised ballots that wait.
    pub(crate) promised: String,
    /// List: blocks of earlier sessions.
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

/// The highest checkpoint shown of a contest.
pub(crate) fn shown(contest: &ContestId) -> String {
    format!("{PREFIX}:{{{contest}}}:shown")
}

/// The newest checkpoint of a contest that witnesses have cosigned.
pub(crate) fn cosigned(contest: &ContestId) -> String {
    format!("{PREFIX}:{{{contest}}}:cosigned")
}

/// The newest publication of a contest.
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
            shown(&contest),
            cosigned(&contest),
            publication(&contest),
        ];
        names.extend(keys.all().map(str::to_owned));
        names.push(format!("{CELLS} cells, headers of {HEADER_LENGTH}"));
        insta::assert_snapshot!(names.join("\n"));
    }
}
