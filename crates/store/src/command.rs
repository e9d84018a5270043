//! Commands: staff events that wait for the log, in a table keyed by the `Idempotency-Key`.
//!
//! The sequencer records them in order with the ballots.

use acclaim_ballot_log::Amendment;
use acclaim_contest::{BallotId, CategoryId, ContestId, EntryId, PanelId};
use acclaim_text::characters::skeleton;
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{error::Result, request_id::RequestId};

/// The kind of the statement about the destruction of a tag key. No other statement may have it.
pub const TAG_KEY_DESTROYED: &str = "tag-key-destroyed";

/// Whether a kind of statement is [`TAG_KEY_DESTROYED`] or reads like it.
///
/// It reads like it if it differs only in case, in the characters between the words (also none),
/// in invisible characters, or in letters that Unicode defines as compatible.
#[must_use]
pub fn is_reserved(kind: &str) -> bool {
    skeleton(kind) == skeleton(TAG_KEY_DESTROYED)
}

/// How often a juror may enter scores of one category and criterion: the log must stay auditable.
pub const MAX_CORRECTIONS: usize = 100;
/// Code and text of the refusal of a further correction.
pub const TOO_MANY_CORRECTIONS: (&str, &str) = (
    "too-many-corrections",
    "these scores were entered 100 times, the most that a juror can: an organiser can enter them",
);

/// A staff request to a contest. The sequencer turns it into log entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Open a draft now.
    Open,
    /// End voting now.
    Close,
    /// Allow no more rulings.
    Freeze,
    /// Log the seed of the draw.
    Draw {
        /// Lowercase hex.
        seed: String,
    },
    /// Make the result final. Refused unless size, root and result agree with the log.
    Certify {
        /// Size of the log.
        size: u64,
        /// Its root, base64.
        root: String,
        /// SHA-256 of the certified result document, lowercase hex.
        result: String,
        /// Whether undecided categories are certified as they are.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        undecided: bool,
    },
    /// Allow rulings again.
    Reopen(Reason),
    /// Undo the freezing.
    Unfreeze(Reason),
    /// Take no ballots until voting is resumed.
    Suspend(Reason),
    /// Take ballots again.
    Resume(Reason),
    /// Withdraw an entry.
    Withdraw {
        /// The entry.
        entry: EntryId,
        /// The reason.
        #[serde(flatten)]
        reason: Reason,
    },
    /// Void ballots: they no longer count.
    Void {
        /// The ballots.
        ballots: Vec<BallotId>,
        /// The reason.
        #[serde(flatten)]
        reason: Reason,
    },
    /// Undo a withdrawal.
    ReinstateEntry {
        /// The entry.
        entry: EntryId,
        /// The reason.
        #[serde(flatten)]
        reason: Reason,
    },
    /// Undo a void.
    ReinstateBallots {
        /// The ballots.
        ballots: Vec<BallotId>,
        /// The reason.
        #[serde(flatten)]
        reason: Reason,
    },
    /// Change a text of the definition, or the closing to a later instant.
    Amend {
        /// `closes`, `entry:<id>` or `category:<id>`.
        what: String,
        /// Key in the definition.
        key: String,
        /// The new value.
        to: Amendment,
        /// The reason.
        #[serde(flatten)]
        reason: Reason,
    },
    /// Enter a juror's scores.
    Score {
        /// The juror's panel.
        panel: PanelId,
        /// The juror's name.
        juror: String,
        /// The category.
        category: CategoryId,
        /// The criterion, if the panel has criteria.
        criterion: Option<String>,
        /// Entries and their scores.
        values: Vec<(EntryId, String)>,
    },
    /// Recuse a juror from an entry, or take a recusal back.
    Recusal {
        /// The juror's panel.
        panel: PanelId,
        /// The juror's name.
        juror: String,
        /// The entry.
        entry: EntryId,
        /// Whether the juror judges the entry again.
        rejoins: bool,
        /// The reason.
        reason: String,
    },
    /// Choose the winners of a category, as a panel decided.
    Choose {
        /// The category.
        category: CategoryId,
        /// Zero or more entries of the category.
        winners: Vec<EntryId>,
        /// A remark.
        note: Option<String>,
    },
    /// Destroy the contest's tag key, and record a statement about it.
    DestroyTagKey {
        /// The reason, which is the statement's text.
        reason: String,
    },
    /// Record a statement for the readers of the log.
    State {
        /// The statement's kind, not [`TAG_KEY_DESTROYED`].
        kind: String,
        /// The statement's text.
        text: String,
    },
}

/// The reason for a ruling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// A text that is never empty.
    pub reason: String,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A command in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedCommand {
    /// The request's `Idempotency-Key`. It is unique for a contest and a staff key.
    pub key: String,
    /// Name of the staff key that sent the request.
    pub by: String,
    /// The command.
    pub command: Command,
    /// When the request arrived.
    pub received: Timestamp,
}

impl QueuedCommand {
    /// The command's id.
    #[must_use]
    pub fn id(&self) -> RequestId {
        RequestId { by: self.by.clone(), key: self.key.clone() }
    }
}

/// The result of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CommandOutcome {
    /// It is in the log.
    Recorded {
        /// Index of its first entry.
        index: u64,
        /// Number of its entries.
        entries: u64,
        /// Size of the log with them.
        size: u64,
        /// Root of the log with them, base64.
        root: String,
    },
    /// The contest's rules or phase do not allow the command. Nothing was changed.
    Refused {
        /// A stable code, kebab-case.
        code: String,
        /// A sentence.
        detail: String,
        /// With the code [`UNDECIDED`]: the categories that are not decided.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        undecided: Vec<UndecidedCategory>,
    },
}

impl CommandOutcome {
    /// A refusal with only a code and a sentence.
    #[must_use]
    pub fn refused(code: &str, detail: &str) -> Self {
        Self::Refused { code: code.to_owned(), detail: detail.to_owned(), undecided: Vec::new() }
    }
}

/// The code of a refused certification whose winners are not decided.
pub const UNDECIDED: &str = "undecided";

/// A reason why the winners of a category are not decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndecidedCategory {
    /// The category.
    pub category: CategoryId,
    /// A stable code, kebab-case.
    pub reason: String,
    /// A sentence.
    pub text: String,
    /// The panel that the reason is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panel: Option<PanelId>,
    /// The jurors that the reason is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jurors: Vec<String>,
    /// The entries that the reason is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<EntryId>,
}

/// Selects recorded commands to read. In the log they are scattered among the ballots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandFilter<'a> {
    /// [`Command::Certify`]
    Certifications,
    /// [`Command::Score`]
    Scores,
    /// The scores of one juror.
    ScoresByJuror {
        /// The juror's panel.
        panel: &'a PanelId,
        /// The juror's name.
        juror: &'a str,
    },
    /// [`Command::Recusal`]
    Recusals,
    /// The recusals of one juror.
    RecusalsByJuror {
        /// The juror's panel.
        panel: &'a PanelId,
        /// The juror's name.
        juror: &'a str,
    },
    /// Commands that this one corrects or takes back, and the command itself: scores of the same
    /// juror, category and criterion, or recusals of the same juror for the same entry. Else none.
    SameTarget(&'a Command),
}

impl<'a> CommandFilter<'a> {
    /// The recusals of one juror of a panel, or of all jurors.
    #[must_use]
    pub fn recusals(own: Option<(&'a PanelId, &'a str)>) -> Self {
        own.map_or(Self::Recusals, |(panel, juror)| Self::RecusalsByJuror { panel, juror })
    }
}

/// Values at some keys of a command's JSON, as JSON text. Databases have a column for each key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandColumns {
    /// The value of `command`.
    pub kind: String,
    /// The value of `panel`; `None` matches any. The same holds for the fields below.
    pub panel: Option<String>,
    /// The value of `juror`.
    pub juror: Option<String>,
    /// The value of `category`.
    pub category: Option<String>,
    /// The value of `criterion`, `null` if the command has none.
    pub criterion: Option<String>,
    /// The value of `entry`.
    pub entry: Option<String>,
}

impl CommandColumns {
    fn of_kind(kind: &str) -> Self {
        Self { kind: json!(kind).to_string(), ..Self::default() }
    }

    fn of_juror(kind: &str, panel: &PanelId, juror: &str) -> Self {
        let (panel, juror) = (Some(json!(panel).to_string()), Some(json!(juror).to_string()));
        Self { panel, juror, ..Self::of_kind(kind) }
    }
}

impl CommandFilter<'_> {
    /// The values that the selected commands share; `None` if the filter selects no command.
    #[must_use]
    pub fn columns(self) -> Option<CommandColumns> {
        Some(match self {
            Self::Certifications => CommandColumns::of_kind("certify"),
            Self::Scores => CommandColumns::of_kind("score"),
            Self::ScoresByJuror { panel, juror } => CommandColumns::of_juror("score", panel, juror),
            Self::SameTarget(Command::Score { panel, juror, category, criterion, .. }) => CommandColumns {
                category: Some(json!(category).to_string()),
                criterion: Some(json!(criterion).to_string()),
                ..CommandColumns::of_juror("score", panel, juror)
            },
            Self::Recusals => CommandColumns::of_kind("recusal"),
            Self::RecusalsByJuror { panel, juror } => CommandColumns::of_juror("recusal", panel, juror),
            Self::SameTarget(Command::Recusal { panel, juror, entry, .. }) => CommandColumns {
                entry: Some(json!(entry).to_string()),
                ..CommandColumns::of_juror("recusal", panel, juror)
            },
            Self::SameTarget(_) => return None,
        })
    }
}

/// The outcome of queueing a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueOutcome {
    /// The command is queued.
    New,
    /// The same staff key queued the same command before. The outcome is `None` while it is still
    /// queued.
    Known(Option<CommandOutcome>),
    /// The staff key has used the `Idempotency-Key` for another command.
    IdempotencyKeyUsed,
}

/// The command table.
#[async_trait]
pub trait Commands: Send + Sync {
    /// Queues a command unless its id is known. Durable when it returns.
    async fn queue_command(&self, contest: &ContestId, command: &QueuedCommand) -> Result<QueueOutcome>;

    /// The oldest commands without an outcome, at most `limit`, oldest first.
    /// [`Ledger::append`](crate::Ledger::append) stores outcomes.
    async fn pending_commands(&self, contest: &ContestId, limit: usize) -> Result<Vec<QueuedCommand>>;

    /// The selected commands that are in the log, with their outcomes, in the order of the log.
    /// Each has a number above 0. Returns at most `limit` of them, with numbers above `after`.
    async fn recorded_commands(
        &self,
        contest: &ContestId,
        filter: CommandFilter<'_>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, QueuedCommand, CommandOutcome)>>;

    /// The outcome of a command; `None` while it is queued, or if there is no such command.
    async fn command_outcome(&self, contest: &ContestId, id: &RequestId) -> Result<Option<CommandOutcome>>;
}

/// Number of recorded commands that are read in one step. Each can be as large as a request.
const PAGE_SIZE: usize = 64;

/// Passes the selected commands in the log to `take`, in the order of the log, reading by page.
///
/// # Errors
/// If the database fails.
pub async fn for_each_recorded(
    commands: &(impl Commands + ?Sized),
    contest: &ContestId,
    filter: CommandFilter<'_>,
    mut take: impl FnMut(QueuedCommand, CommandOutcome),
) -> Result<()> {
    let mut after = 0;
    loop {
        let page = commands.recorded_commands(contest, filter, after, PAGE_SIZE).await?;
        let is_last = page.len() < PAGE_SIZE;
        for (number, queued, outcome) in page {
            after = number;
            take(queued, outcome);
        }
        if is_last {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_stored_commands() {
        let panel: PanelId = "experts".parse().unwrap();
        let juror = r#"Ama "A" Łoś"#;
        let score = |category: &str, criterion: Option<&str>| Command::Score {
            panel: panel.clone(),
            juror: juror.to_owned(),
            category: category.parse().unwrap(),
            criterion: criterion.map(str::to_owned),
            values: Vec::new(),
        };
        let certify =
            Command::Certify { size: 1, root: String::new(), result: String::new(), undecided: false };
        let selects = |command: &Command, filter: CommandFilter<'_>| {
            let stored = serde_json::to_value(command).unwrap();
            let has = |key: &str, value: &Option<String>| {
                value
                    .as_ref()
                    .is_none_or(|value| stored.get(key).map(ToString::to_string).as_ref() == Some(value))
            };
            filter.columns().is_some_and(|columns| {
                has("command", &Some(columns.kind))
                    && has("panel", &columns.panel)
                    && has("juror", &columns.juror)
                    && has("category", &columns.category)
                    && has("criterion", &columns.criterion)
                    && has("entry", &columns.entry)
            })
        };
        let (a, ab, b) = (score("a", None), score("ab", None), score("a", Some("x")));
        for filter in [CommandFilter::Scores, CommandFilter::ScoresByJuror { panel: &panel, juror }] {
            assert!(selects(&a, filter) && selects(&b, filter) && !selects(&certify, filter));
        }
        assert!(!selects(&a, CommandFilter::ScoresByJuror { panel: &panel, juror: "Ama" }));
        for one in [&a, &ab, &b] {
            for other in [&a, &ab, &b, &certify] {
                assert_eq!(selects(other, CommandFilter::SameTarget(one)), one == other);
            }
        }
        assert!(selects(&certify, CommandFilter::Certifications));
        assert!(!selects(&a, CommandFilter::Certifications));
        assert!(!selects(&certify, CommandFilter::SameTarget(&certify)));
        let recusal = |juror: &str, entry: &str, rejoins| Command::Recusal {
            panel: panel.clone(),
            juror: juror.to_owned(),
            entry: entry.parse().unwrap(),
            rejoins,
            reason: "related".to_owned(),
        };
        let (one, back) = (recusal(juror, "p1", false), recusal(juror, "p1", true));
        let (other, others) = (recusal(juror, "p11", false), recusal("Ama", "p1", false));
        for command in [&one, &back, &other, &others] {
            assert!(selects(command, CommandFilter::Recusals) && !selects(command, CommandFilter::Scores));
            let by_juror = CommandFilter::RecusalsByJuror { panel: &panel, juror };
            assert_eq!(selects(command, by_juror), *command != others);
            assert_eq!(selects(command, CommandFilter::SameTarget(&one)), [&one, &back].contains(&command));
        }
    }

    #[test]
    fn keeps_format_of_earlier_commands() {
        let stored = r#"{"outcome":"refused","code":"frozen","detail":"no"}"#;
        let refused = CommandOutcome::refused("frozen", "no");
        assert_eq!(serde_json::from_str::<CommandOutcome>(stored).unwrap(), refused);
        assert_eq!(serde_json::to_string(&refused).unwrap(), stored);
        let stored = r#"{"command":"certify","size":1,"root":"r","result":"d"}"#;
        let certify =
            Command::Certify { size: 1, root: "r".to_owned(), result: "d".to_owned(), undecided: false };
        assert_eq!(serde_json::from_str::<Command>(stored).unwrap(), certify);
        assert_eq!(serde_json::to_string(&certify).unwrap(), stored);
    }

    #[test]
    fn reserves_kinds_that_look_alike() {
        for kind in [
            "tag-key-destroyed",
            " Tag-Key-Destroyed\n",
            "TAG_KEY_DESTROYED",
            "tag key destroyed",
            "tag--key—destroyed",
            "ｔａｇ-ｋｅｙ-ｄｅｓｔｒｏｙｅｄ",
            "tag-key-des\u{ad}troyed",
            "tag-k\u{200b}ey-destroyed\u{feff}",
            "tag\u{3164}key\u{3164}destroyed",
            "tag-\u{212a}ey-de\u{17f}troyed",
            "\u{202d}tag-key-destroyed\u{202c}",
        ] {
            assert!(is_reserved(kind), "{kind}");
        }
        for kind in ["", "-", "note", "tag-key", "tag-key-destroyed-not", "tag-keys-destroyed"] {
            assert!(!is_reserved(kind), "{kind}");
        }
    }
}
