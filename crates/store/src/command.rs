//! Staff events on their way into the log: a table in the database, keyed by the `Idempotency-Key`, which the sequencer
//! works off in order with the ballots.

use acclaim_ballot_log::Amendment;
use acclaim_contest::{BallotId, CategoryId, ContestId, EntryId, PanelId};
use acclaim_text::characters::skeleton;
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{error::Result, request_id::RequestId};

/// The kind of the statement that goes with a tag key's destruction, and that nothing else may say.
pub const TAG_KEY_DESTROYED: &str = "tag-key-destroyed";

/// Whether a kind of statement is, or reads like, [`TAG_KEY_DESTROYED`]: in other case, with other or no characters between its words, with characters that
/// cannot be seen, or in letters that Unicode holds to be compatible with it.
#[must_use]
pub fn is_reserved(kind: &str) -> bool {
    skeleton(kind) == skeleton(TAG_KEY_DESTROYED)
}

/// How often a juror may enter scores of one category and criterion: a log whose events of staff grow without end cannot be audited.
pub const MAX_CORRECTIONS: usize = 100;
/// Code and sentence of the refusal of one more.
pub const TOO_MANY_CORRECTIONS: (&str, &str) = (
    "too-many-corrections",
    "these scores were entered 100 times, the most that a juror can: an organiser can enter them",
);

/// What staff asks of a contest. The sequencer turns it into log entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Open a draft now.
    Open,
    /// End voting now.
    Close,
    /// No ruling any more.
    Freeze,
    /// Log the seed of the draw.
    Draw {
        /// Lowercase hex.
        seed: String,
    },
    /// Make the result final; refused unless all three are what the log says.
    Certify {
        /// Size of the log.
        size: u64,
        /// Its root, base64.
        root: String,
        /// SHA-256 of the certified result document, lowercase hex.
        result: String,
        /// Whether categories without a decision are certified as they are.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        undecided: bool,
    },
    /// Allow rulings again.
    Reopen(Reason),
    /// Undo freezing.
    Unfreeze(Reason),
    /// Take no ballots until voting is resumed.
    Suspend(Reason),
    /// Take ballots again.
    Resume(Reason),
    /// Take an entry out.
    Withdraw {
        /// Which one.
        entry: EntryId,
        /// Why.
        #[serde(flatten)]
        reason: Reason,
    },
    /// Take ballots out of the count.
    Void {
        /// Which ones.
        ballots: Vec<BallotId>,
        /// Why.
        #[serde(flatten)]
        reason: Reason,
    },
    /// Undo a withdrawal.
    ReinstateEntry {
        /// Which one.
        entry: EntryId,
        /// Why.
        #[serde(flatten)]
        reason: Reason,
    },
    /// Undo a void.
    ReinstateBallots {
        /// Which ones.
        ballots: Vec<BallotId>,
        /// Why.
        #[serde(flatten)]
        reason: Reason,
    },
    /// Change a text, or close later.
    Amend {
        /// `closes`, `entry:<id>` or `category:<id>`.
        what: String,
        /// Key of the definition.
        key: String,
        /// New value.
        to: Amendment,
        /// Why.
        #[serde(flatten)]
        reason: Reason,
    },
    /// A juror's scores.
    Score {
        /// Which panel.
        panel: PanelId,
        /// Which juror.
        juror: String,
        /// Which category.
        category: CategoryId,
        /// Which criterion.
        criterion: Option<String>,
        /// Entry and score.
        values: Vec<(EntryId, String)>,
    },
    /// A juror does not judge an entry, or does again.
    Recusal {
        /// Which panel.
        panel: PanelId,
        /// Which juror.
        juror: String,
        /// Which entry.
        entry: EntryId,
        /// Whether an earlier recusal is taken back.
        rejoins: bool,
        /// Why.
        reason: String,
    },
    /// The panel's choice.
    Choose {
        /// Which category.
        category: CategoryId,
        /// None or more of its entries.
        winners: Vec<EntryId>,
        /// Remark.
        note: Option<String>,
    },
    /// Destroy the contest's tag key, and say so.
    DestroyTagKey {
        /// Why; the statement's text.
        reason: String,
    },
    /// Something to be known to whoever reads the log.
    State {
        /// Anything but [`TAG_KEY_DESTROYED`].
        kind: String,
        /// The statement.
        text: String,
    },
}

/// Why a ruling is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Never empty.
    pub reason: String,
    /// Remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A command as it waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedCommand {
    /// The request's `Idempotency-Key`; unique among those of the staff key within the contest.
    pub key: String,
    /// Name of the staff key that asked.
    pub by: String,
    /// What is asked.
    pub command: Command,
    /// When it was asked.
    pub received: Timestamp,
}

impl QueuedCommand {
    /// What names it.
    #[must_use]
    pub fn id(&self) -> RequestId {
        RequestId { by: self.by.clone(), key: self.key.clone() }
    }
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CommandOutcome {
    /// It is in the log.
    Recorded {
        /// Index of its first entry.
        index: u64,
        /// How many entries it made.
        entries: u64,
        /// Size of the log with them.
        size: u64,
        /// Root of the log with them, base64.
        root: String,
    },
    /// The contest's rules or phase do not allow it; nothing was changed.
    Refused {
        /// Stable, kebab-case.
        code: String,
        /// A sentence.
        detail: String,
        /// With the code [`UNDECIDED`]: what is not decided.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        undecided: Vec<UndecidedCategory>,
    },
}

impl CommandOutcome {
    /// A refusal that a code and a sentence say all of.
    #[must_use]
    pub fn refused(code: &str, detail: &str) -> Self {
        Self::Refused { code: code.to_owned(), detail: detail.to_owned(), undecided: Vec::new() }
    }
}

/// The code with which certification is refused while winners are not decided.
pub const UNDECIDED: &str = "undecided";

/// A reason why the winners of a category are not decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndecidedCategory {
    /// Which category.
    pub category: CategoryId,
    /// Stable, kebab-case.
    pub reason: String,
    /// A sentence.
    pub text: String,
    /// At which panel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panel: Option<PanelId>,
    /// Of which jurors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jurors: Vec<String>,
    /// For which entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<EntryId>,
}

/// Commands that are looked up later: the log's own entries lie among its ballots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandFilter<'a> {
    /// [`Command::Certify`]
    Certifications,
    /// [`Command::Score`]
    Scores,
    /// Those of one juror.
    ScoresByJuror {
        /// The juror's panel.
        panel: &'a PanelId,
        /// Name.
        juror: &'a str,
    },
    /// [`Command::Recusal`]
    Recusals,
    /// Those of one juror.
    RecusalsByJuror {
        /// The juror's panel.
        panel: &'a PanelId,
        /// Name.
        juror: &'a str,
    },
    /// Those that one command enters, corrects or takes back: scores of the same juror, category and criterion, recusals of the same juror for the same
    /// entry. None for other commands.
    SameTarget(&'a Command),
}

impl<'a> CommandFilter<'a> {
    /// The recusals of one juror of a panel, or of all jurors.
    #[must_use]
    pub fn recusals(own: Option<(&'a PanelId, &'a str)>) -> Self {
        own.map_or(Self::Recusals, |(panel, juror)| Self::RecusalsByJuror { panel, juror })
    }
}

/// What stored commands have at some keys of their JSON, itself as JSON. Databases have a column for each of these keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandColumns {
    /// At `command`.
    pub kind: String,
    /// At `panel`, if it matters, as what follows.
    pub panel: Option<String>,
    /// At `juror`.
    pub juror: Option<String>,
    /// At `category`.
    pub category: Option<String>,
    /// At `criterion`; `null` for none.
    pub criterion: Option<String>,
    /// At `entry`.
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
    /// What the commands have in common; `None` if no command is sought.
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

/// What came of queueing a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueOutcome {
    /// It waits.
    New,
    /// The same command of the same staff key was queued before.
    Known(Option<CommandOutcome>),
    /// The staff key has used the `Idempotency-Key` for another command.
    IdempotencyKeyUsed,
}

/// The command table.
#[async_trait]
pub trait Commands: Send + Sync {
    /// Queues a command unless its id is known. Durable when it returns.
    async fn queue_command(&self, contest: &ContestId, command: &QueuedCommand) -> Result<QueueOutcome>;

    /// The oldest commands without an outcome, at most `most` of them, oldest first. Outcomes are written by
    /// [`Ledger::append`](crate::Ledger::append).
    async fn pending_commands(&self, contest: &ContestId, most: usize) -> Result<Vec<QueuedCommand>>;

    /// Those of the commands that are in the log, with their outcomes, in the order of the log: at most `most` of those behind number `after`. Each
    /// comes with its number, which is above 0.
    async fn recorded_commands(
        &self,
        contest: &ContestId,
        filter: CommandFilter<'_>,
        after: u64,
        most: usize,
    ) -> Result<Vec<(u64, QueuedCommand, CommandOutcome)>>;

    /// What became of a command; `None` while it waits or if there is none.
    async fn command_outcome(&self, contest: &ContestId, id: &RequestId) -> Result<Option<CommandOutcome>>;
}

/// Commands of the log read at once: each can be as large as a request.
const PAGE_SIZE: usize = 64;

/// Hands over those of the commands that are in the log, in its order, a few at a time.
///
/// # Errors
/// When the database fails.
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
        let is_found = |command: &Command, filter: CommandFilter<'_>| {
            let stored = serde_json::to_value(command).unwrap();
            let has = |key: &str, wanted: &Option<String>| {
                wanted
                    .as_ref()
                    .is_none_or(|wanted| stored.get(key).map(ToString::to_string).as_ref() == Some(wanted))
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
            assert!(is_found(&a, filter) && is_found(&b, filter) && !is_found(&certify, filter));
        }
        assert!(!is_found(&a, CommandFilter::ScoresByJuror { panel: &panel, juror: "Ama" }));
        for one in [&a, &ab, &b] {
            for other in [&a, &ab, &b, &certify] {
                assert_eq!(is_found(other, CommandFilter::SameTarget(one)), one == other);
            }
        }
        assert!(
            is_found(&certify, CommandFilter::Certifications) && !is_found(&a, CommandFilter::Certifications)
        );
        assert!(!is_found(&certify, CommandFilter::SameTarget(&certify)));
        let recusal = |juror: &str, entry: &str, rejoins| Command::Recusal {
            panel: panel.clone(),
            juror: juror.to_owned(),
            entry: entry.parse().unwrap(),
            rejoins,
            reason: "related".to_owned(),
        };
        let (one, back) = (recusal(juror, "p1", false), recusal(juror, "p1", true));
        let (other, others) = (recusal(juror, "p11", false), recusal("Ama", "p1", false));
        for found in [&one, &back, &other, &others] {
            assert!(is_found(found, CommandFilter::Recusals) && !is_found(found, CommandFilter::Scores));
            assert_eq!(
                is_found(found, CommandFilter::RecusalsByJuror { panel: &panel, juror }),
                *found != others
            );
            assert_eq!(is_found(found, CommandFilter::SameTarget(&one)), [&one, &back].contains(&found));
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
