//! The result document: JSON with a fixed order of keys and without white space.
//!
//! The same log gives the same bytes.
//!
//! # Schema, versions 1 and 2
//!
//! A log of version 1 always has a document of version 1. A log of version 2 has a document of
//! version 2. Keys marked (2) are only in the document of version 2. `docs/result.md` explains the
//! keys.
//!
//! ```text
//! v            1 or 2
//! contest      the contest's id
//! title        the title that voters read, as amended
//! status       "certified", or "provisional" until then
//! test         whether the contest is a rehearsal, which is never certified
//! log          {origin, size, root}: the log of this result; root in base64
//! opened       first instant of voting; absent before it
//! closed       first instant after voting; absent before it
//! rules        as in the log's first entry
//! previous     {origin, size, root, result}: the contest that the entries come from, as in the
//!              log's first entry; absent if there is none
//! draw         {index, source, seed, by, at}: the seed of the draw; absent if there is none
//! corrects     (2) {index, result, categories}: the result certified before, by the index of its
//!              `certified` entry and its SHA-256; absent if there was none
//!                categories  [{id, champions?, winners?, standings?, ranking?}]: the categories in
//!                            which this result differs
//!                champions, winners  {before, after}, if they differ: for each place, a list of
//!                                    the entries that share it
//!                standings   [{entry, before?, after?}], each {rank, votes}, of the entries whose
//!                            rank or votes differ
//!                ranking     [{entry, before?, after?}], each {rank, figure, exact}, likewise
//! counts       {ballots, voters, incomplete_voters, votes, withdrawn_votes, voided, passes}
//!                ballots  {recorded, counted, replaced, voided, incomplete}: recorded is the sum
//!                         of the others
//!                voided   [{reason, ballots}] in byte order of the reasons
//!                passes   [{source, issued}] in byte order of the sources
//! withdrawn    [{category, entry, title, votes, index, by, reason, note?, at}]: votes of ballots
//!              that count
//! categories   in the order of the definition, each:
//!   id, title
//!   own_rules  (2) {votes?, champions?, winners?}: the category's own numbers in place of the
//!              contest's; absent if it has none
//!   counts     {ballots, voters, votes, withdrawn_votes, voided, channels?}: of ballots with a
//!              vote in this category
//!                channels  [{channel, weight, votes, withdrawn_votes}], if the contest has them
//!   standings  [{entry, title, rank, votes, share, exact?, tied, channels?}]
//!                exact     with channels: the share as a fraction in lowest terms, "10379/20000"
//!                channels  [{channel, votes, share}]
//!   panels     [{panel, kind, jurors, missing?, incomplete?, recused?, figures, without_figure}];
//!              absent if the contest has none
//!                jurors          how many jurors have scored in the category
//!                missing         (2) jurors who have not scored; the rules name them, or they are
//!                                recused for some entries
//!                incomplete      (2) [{juror, entries}]: entries that can win and that the juror
//!                                has not scored
//!                recused         (2) [{juror, entries}]: entries that the juror does not judge
//!                figures         [{entry, title, rank, figure, exact, jurors, recused?, tied}] in
//!                                rank order; recused: how many jurors are recused
//!                without_figure  [{entry, title, jurors, recused?}]: entries that too few jurors
//!                                have scored
//!   ranking    [{entry, title, rank, figure, exact, tied}]: the ranking that decides winners by
//!              scores, or by votes and scores, then in percent; absent otherwise
//!   champions  [{entry, title, place, rank, votes, decided_by}]; absent if the contest has none
//!   winners    {by, decision, undecided?, entries, no_longer_eligible, choice?}
//!                by        "votes", "scores", "weighted" or "choice"
//!                decision  "decided" or "undecided"
//!                undecided (2) [{reason, text, panel?, jurors?, entries?}]: why the winners are
//!                          not decided; reason is a word of [`UndecidedReason`]. Then the entries
//!                          are those that win as things stand
//!                entries   [{entry, title, place, rank, votes, figure?, decided_by}]; figure and
//!                          rank are those of the ranking
//!                choice    {index, by, note?, at} of the panel's choice
//!   ties       [{concerns, rank, votes?, figure?, entries, places?, resolved_by, order?}]
//!                concerns  "standings", "ranking", "champions" or "winners"
//!                places    places left for the entries, at a cut
//!                order     [{entry, index?, lot?, figure?, counts?}]: in the order of the rule for
//!                          ties, each with the value that the rule used
//!   without_rulings  [{entry, rank, votes, share?, tied}]: standings as they would be without any
//!                    void or withdrawal
//! certify      {size, root, result}: in a provisional result after closing, the request by which
//!              an organiser certifies it; never in that of a test
//! ```
//!
//! `decided_by` and `resolved_by` are words of [`Rule`]. Figures have two decimals, rounded half
//! up. `exact` beside a figure is the fraction that is compared. Titles and texts are in the
//! contest's own language.
//!
//! # What is certified
//!
//! `certified.result` in the log is the SHA-256 of the document with status `certified` and without
//! `certify`. The document is that of the log just before this entry, with the size and the root of
//! that prefix. So the document cannot say when it was certified. The log says it.

mod schema;

use acclaim_ballot_log::Hash;
use acclaim_contest::{
    EntryId,
    rules::{Completion, Panel, Rules},
};
use sha2::{Digest as _, Sha256};

pub use self::schema::CertifyRequest;
use self::schema::{
    CategoryCounts, CategoryResult, ChannelCounts, ChoiceNote, Counts, Document, JurorEntries, JurorNotes,
    Log, OwnRules, PanelResult, Passes, RankedFigure, StandingWithoutRulings, TitledStanding, UndecidedNote,
    VoidedBallots, Winners, WithdrawnEntry, WithoutFigure,
};
#[cfg(doc)]
use crate::rule::Rule;
#[cfg(doc)]
use crate::undecided::UndecidedReason;
use crate::{
    figures::ByReason,
    fraction::Fraction,
    numbers::{CategoryNumber, EntryNumber},
    panel::{PanelFigure, PanelFigures},
    ranked::RankedEntry,
    ranking::Ranking,
    roster::EntryState,
    standings::Standing,
    tally::Tally,
    undecided::Undecided,
};

/// The newest version of the schema: that of logs of version 2.
pub const VERSION: u32 = 2;

/// A result document, with its hash and its main numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultDocument {
    /// The document as JSON.
    pub json: Vec<u8>,
    /// SHA-256 of the document in its certified form, in lowercase hex. A `certified` entry carries
    /// it.
    pub sha256: String,
    /// The request that certifies the document, if it can be certified.
    pub certify: Option<CertifyRequest>,
    /// Number of champions in all categories.
    pub champions: usize,
    /// Number of winners in all categories.
    pub winners: usize,
    /// Number of categories whose winners are not decided.
    pub undecided: usize,
}

impl Tally {
    /// The result of the log so far, marked as provisional; `None` before the first entry.
    ///
    /// `root` is the root of the log at [`Tally::size`].
    #[must_use]
    pub fn provisional_result(&self, origin: &str, root: &Hash) -> Option<ResultDocument> {
        let mut document = self.document(origin, root)?;
        let certified = json(&document);
        let sha256 = sha256_hex(&certified);
        let certify = (self.phase.is_closed() && !document.test).then(|| CertifyRequest {
            size: self.size,
            root: *root,
            result: sha256.clone(),
        });
        document.status = "provisional";
        document.certify = certify.as_ref();
        let json = json(&document);
        let [champions, winners, undecided] = document.outcome_counts();
        Some(ResultDocument { json, sha256, certify, champions, winners, undecided })
    }

    /// The result in its certified form; `None` before the first entry.
    ///
    /// `root` is the root of the log at [`Tally::size`].
    #[must_use]
    pub fn certified_result(&self, origin: &str, root: &Hash) -> Option<ResultDocument> {
        let document = self.document(origin, root)?;
        let json = json(&document);
        let sha256 = sha256_hex(&json);
        let [champions, winners, undecided] = document.outcome_counts();
        Some(ResultDocument { json, sha256, certify: None, champions, winners, undecided })
    }

    fn document<'a>(&'a self, origin: &'a str, root: &'a Hash) -> Option<Document<'a>> {
        let header = self.header.as_ref()?;
        let voided = self.voided_by_reason();
        let categories: Vec<CategoryResult<'a>> = self
            .category_numbers()
            .zip(voided.by_category)
            .map(|(number, voided)| self.category_result(number, &header.rules, voided))
            .collect();
        Some(Document {
            v: header.v.min(VERSION),
            contest: &header.contest,
            title: &header.title,
            status: "certified",
            test: header.test,
            log: Log { origin, size: self.size, root },
            opened: self.opened,
            closed: self.closed,
            rules: &header.rules,
            previous: header.previous.as_ref(),
            draw: self.drawn.as_ref(),
            corrects: self.correction(),
            counts: Counts {
                ballots: self.totals,
                voters: self.voters(),
                incomplete_voters: match header.rules.ballot.completion {
                    Completion::Any => 0,
                    Completion::All => self.voters() - self.complete_voters,
                },
                votes: categories.iter().map(|category| category.counts.votes).sum(),
                withdrawn_votes: categories.iter().map(|category| category.counts.withdrawn_votes).sum(),
                voided: voided_ballots(voided.in_all),
                passes: self
                    .issued
                    .iter()
                    .map(|(source, issued)| Passes { source, issued: *issued })
                    .collect(),
            },
            withdrawn: self.withdrawn_entries(),
            categories,
            certify: None,
        })
    }

    fn category_result<'a>(
        &'a self,
        number: CategoryNumber,
        rules: &'a Rules,
        voided: ByReason,
    ) -> CategoryResult<'a> {
        let category = self.roster.category(number);
        let ranking = self.ranking(number);
        let outcome = self.outcome_of(number, ranking.as_ref());
        let votes = self.votes_in(number);
        CategoryResult {
            id: &category.id,
            title: &category.title,
            own_rules: self.own_rules(number),
            counts: CategoryCounts {
                ballots: category.ballots,
                voters: self.voters_in(number),
                votes: votes.counted,
                withdrawn_votes: votes.withdrawn,
                voided: voided_ballots(voided),
                channels: self.channel_counts(number, rules),
            },
            standings: self
                .standings_of(number)
                .into_iter()
                .map(|place| self.titled_standing(place))
                .collect(),
            panels: (0..)
                .zip(&rules.panels)
                .map(|(at, panel)| self.panel_result(at, panel, number))
                .collect(),
            ranking: ranking.as_ref().map(|ranking| self.ranking_result(ranking)),
            champions: outcome.champions,
            winners: Winners {
                by: rules.winners.by,
                decision: outcome.decision,
                undecided: self.undecided_notes(outcome.undecided),
                entries: outcome.winners,
                no_longer_eligible: outcome.no_longer_eligible,
                choice: category.choice.as_ref().map(ChoiceNote::new),
            },
            ties: outcome.ties,
            without_rulings: self.standings_without_rulings(number),
        }
    }

    fn channel_counts<'a>(&self, category: CategoryNumber, rules: &'a Rules) -> Vec<ChannelCounts<'a>> {
        let votes = self.votes_by_channel_in(category);
        rules
            .channels
            .iter()
            .zip(votes)
            .map(|(channel, votes)| ChannelCounts {
                channel: &channel.id,
                weight: channel.weight,
                votes: votes.counted,
                withdrawn_votes: votes.withdrawn,
            })
            .collect()
    }

    fn panel_result<'a>(
        &'a self,
        number: usize,
        panel: &'a Panel,
        category: CategoryNumber,
    ) -> PanelResult<'a> {
        let result = self.panel_figures(number, category);
        let PanelFigures { jurors, figures, without } = &result;
        let progress = self.juror_notes(number, panel, category);
        let figure = |(entry, rank, tied)| {
            let at = figures.binary_search_by_key(&entry, |figure| figure.entry).ok()?;
            let PanelFigure { figure, jurors, recused, .. } = figures.get(at)?;
            let juror_counts = Some((*jurors, *recused));
            Some(self.ranked_figure((entry, rank, tied), figure.decimal(), figure, juror_counts))
        };
        PanelResult {
            panel: &panel.id,
            kind: panel.kind,
            jurors: *jurors,
            missing: progress.missing,
            incomplete: progress.incomplete,
            recused: progress.recused,
            figures: result.entry_figures().ranked().into_iter().filter_map(figure).collect(),
            without_figure: without
                .iter()
                .map(|(entry, jurors, recused)| {
                    let EntryState { id, title, .. } = self.roster.entry(*entry);
                    WithoutFigure { entry: id, title, jurors: *jurors, recused: *recused }
                })
                .collect(),
        }
    }

    /// The document's notes about a panel's jurors; empty in a log of version 1.
    fn juror_notes(&self, number: usize, panel: &Panel, category: CategoryNumber) -> JurorNotes {
        if self.version() < 2 {
            return JurorNotes::default();
        }
        let ids = |entries: Vec<EntryNumber>| -> Vec<EntryId> {
            entries.into_iter().map(|entry| self.roster.entry(entry).id.clone()).collect()
        };
        let can_win = self.candidates_in(category);
        let progress = self.juror_progress(number, panel, category, &can_win);
        let incomplete = progress.incomplete.into_iter();
        let recusals = self.recusals.by_juror(number, category).into_iter();
        JurorNotes {
            missing: progress.missing,
            incomplete: incomplete
                .map(|(juror, entries)| JurorEntries { juror, entries: ids(entries) })
                .collect(),
            recused: recusals
                .map(|(juror, entries)| JurorEntries { juror: juror.to_owned(), entries: ids(entries) })
                .collect(),
        }
    }

    fn undecided_notes(&self, undecided: Vec<Undecided>) -> Vec<UndecidedNote> {
        if self.version() < 2 {
            return Vec::new();
        }
        undecided.into_iter().map(UndecidedNote::new).collect()
    }

    /// A category's own numbers, where they differ from the contest's.
    fn own_rules(&self, number: CategoryNumber) -> Option<OwnRules> {
        let rules = &self.header.as_ref()?.rules;
        let category = self.roster.category(number);
        let champions = rules.champions.as_ref().map_or(0, |champions| champions.count);
        let own = OwnRules {
            votes: (category.votes != rules.ballot.votes_per_category).then_some(category.votes),
            champions: (category.champions != champions).then_some(category.champions),
            winners: (category.winners != rules.winners.count).then_some(category.winners),
        };
        (own != OwnRules::default()).then_some(own)
    }

    fn ranking_result(&self, ranking: &Ranking) -> Vec<RankedFigure<'_>> {
        let places = ranking.places.iter();
        places
            .filter_map(|place| {
                let figure = ranking.figure(place.entry)?;
                let place = (place.entry, place.rank, place.tied);
                Some(self.ranked_figure(place, ranking.print(figure), figure, None))
            })
            .collect()
    }

    fn ranked_figure(
        &self,
        (entry, rank, tied): (EntryNumber, u64, bool),
        figure: String,
        exact: &Fraction,
        juror_counts: Option<(u64, u64)>,
    ) -> RankedFigure<'_> {
        let EntryState { id, title, .. } = self.roster.entry(entry);
        let (jurors, recused) = juror_counts.unzip();
        let recused = recused.unwrap_or(0);
        RankedFigure { entry: id, title, rank, figure, exact: exact.in_lowest_terms(), jurors, recused, tied }
    }

    fn withdrawn_entries(&self) -> Vec<WithdrawnEntry<'_>> {
        let withdrawn = (0..)
            .zip(&self.roster.entries)
            .filter_map(|(number, entry)| Some((number, entry, entry.withdrawn.as_deref()?)));
        withdrawn
            .map(|(number, entry, withdrawal)| WithdrawnEntry {
                category: &self.roster.category(entry.category).id,
                entry: &entry.id,
                title: &entry.title,
                votes: self.roster.votes_of(number),
                withdrawal,
            })
            .collect()
    }

    fn titled_standing(&self, standing: Standing) -> TitledStanding<'_> {
        let Standing { entry, rank, votes, share, exact, tied, channels } = standing;
        let number = self.roster.entry_number(entry.as_str());
        let title = number.map_or("", |number| self.roster.entry(number).title.as_str());
        TitledStanding { entry, title, rank, votes, share, exact, tied, channels }
    }

    fn standings_without_rulings(&self, category: CategoryNumber) -> Vec<StandingWithoutRulings<'_>> {
        let (ranked, shares) = self.ranked_without_rulings(category);
        let share = |entry: EntryNumber| Some(shares.as_ref()?.get(entry)?.percent());
        let places = ranked.into_iter();
        places
            .map(|RankedEntry { entry, rank, votes, tied }| {
                let (share, entry) = (share(entry), &self.roster.entry(entry).id);
                StandingWithoutRulings { entry, rank, votes, share, tied }
            })
            .collect()
    }
}

fn voided_ballots(by_reason: ByReason) -> Vec<VoidedBallots> {
    by_reason.into_iter().map(|(reason, ballots)| VoidedBallots { reason, ballots }).collect()
}

/// SHA-256 in lowercase hex.
fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn json(document: &Document<'_>) -> Vec<u8> {
    // Writing cannot fail: every key is a string, and the buffer is in memory.
    serde_json::to_vec(document).unwrap_or_default()
}
