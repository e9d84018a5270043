//! A voter's own ballots and the remaining votes. Reads stay fast even for voters with thousands of
//! ballots.

use std::collections::{HashMap, HashSet};

use acclaim_ballot_log::{Hash, LogEntry, entry::BallotEntry, leaf_hash};
use acclaim_contest::{Phase, days::day_at, pass::Pass, rules::Period};
use acclaim_store::{StoreError, Stores, ledger::RecordedBallot};
use jiff::Timestamp;

use crate::{
    directory::Contest, long_reads::LongReads, recorded::published_log_size, sheet::parse_ballot_number,
    window::check_window,
};

/// Number of ballots in one database read, and in one answer.
const PAGE: usize = 500;
/// Maximum number of reads per request.
///
/// A voter who casts each category separately, in several channels, can have more ballots than
/// these reads return.
const MAX_PAGES: usize = 24;

/// A voter's ballot with its selections.
#[derive(Debug)]
pub struct OwnBallot {
    /// The ballot's id, index and current state.
    pub recorded: RecordedBallot,
    /// The hash of the ballot's leaf.
    pub leaf_hash: Hash,
    /// The channel, if the contest has channels.
    pub channel: Option<String>,
    /// The day or the ballot's number, if the contest has periods.
    pub period: Option<String>,
    /// The log entry.
    pub entry: String,
    /// Category and entry of each vote.
    pub selections: Vec<(String, String)>,
}

/// A voter's ballots in the channel of a pass, and the remaining votes.
#[derive(Debug)]
pub struct OwnBallots {
    /// The ballots that fill slots, at most 500, in the order of the log.
    pub ballots: Vec<OwnBallot>,
    /// Older ballots have a smaller index than this; `None` if there are none.
    pub older: Option<u64>,
    /// The remaining votes.
    pub next: RemainingVotes,
}

/// Reads voters' own ballots.
#[derive(Clone)]
pub struct OwnVotes {
    stores: Stores,
    /// Bounds concurrent reads of all ballots of a voter with many.
    long_reads: LongReads,
}

/// A part of a voter's ballots, newest first.
struct Page {
    /// The ballots of the pass's channel that fill slots. Replaced ballots fill none.
    ballots: Vec<OwnBallot>,
    /// The index before which the next page begins; `None` if this page is the last.
    next: Option<u64>,
}

/// The remaining votes of a voter.
#[derive(Debug, Default)]
pub struct RemainingVotes {
    /// The current period: today, or the smallest ballot number with a category left.
    ///
    /// `None` if there is none, or if the contest has no periods.
    pub period: Option<String>,
    /// Number of ballots with a category left, if the contest numbers ballots.
    pub ballots_left: Option<u32>,
    /// Categories without a ballot in this channel and period; `None` if that is unknown.
    pub left: Option<Vec<String>>,
}

/// The categories and votes that a sheet's ballots fill.
#[derive(Default)]
struct Sheet {
    categories: HashSet<String>,
    votes: usize,
}

/// A voter's sheets in the channel of a pass, by period.
type Sheets = HashMap<Option<String>, Sheet>;

impl OwnVotes {
    /// Returns a reader of these stores. `long_reads` bounds the concurrent reads for voters with
    /// many ballots.
    #[must_use]
    pub fn new(stores: Stores, long_reads: LongReads) -> Self {
        Self { stores, long_reads }
    }

    /// Returns a voter's ballots and the remaining votes.
    ///
    /// The ballots are those below the log index `before`, or the newest ones.
    ///
    /// # Errors
    /// [`StoreError`] if a store fails.
    pub async fn list(
        &self,
        contest: &Contest,
        pass: &Pass,
        before: Option<u64>,
    ) -> Result<OwnBallots, StoreError> {
        let now = self.stores.clock.now();
        let published = self.published_size(contest).await?;
        let newest = self.read_page(contest, pass, published).await?;
        let next = self.next_sheet(contest, pass, &newest, now).await?;
        let mut page = match before {
            Some(before) => self.read_page(contest, pass, before.min(published)).await?,
            None => newest,
        };
        // All ballots of a page may be replaced, or belong to another channel.
        for _ in 1..MAX_PAGES {
            let Some(before) = page.next.filter(|_| page.ballots.is_empty()) else { break };
            page = self.read_page(contest, pass, before).await?;
        }
        page.ballots.reverse();
        Ok(OwnBallots { ballots: page.ballots, older: page.next, next })
    }

    /// Returns the categories of a ballot that the voter's recorded ballots fill in the same
    /// channel and period.
    ///
    /// `None` if the voter has more ballots than one read returns.
    ///
    /// # Errors
    /// [`StoreError`] if a store fails.
    pub(crate) async fn filled(
        &self,
        contest: &Contest,
        ballot: &BallotEntry<'_>,
    ) -> Result<Option<Vec<String>>, StoreError> {
        let channel = ballot.channel.and_then(|channel| channel.parse().ok());
        let pass =
            Pass { voter: ballot.voter, channel, group: None, expires: Timestamp::MAX, admission: None };
        let page = self.read_page(contest, &pass, self.published_size(contest).await?).await?;
        if page.next.is_some() {
            return Ok(None);
        }
        let own = page.ballots.iter().filter(|own| own.period.as_deref() == ballot.period);
        let filled_categories: HashSet<&str> =
            own.flat_map(|own| own.selections.iter().map(|(category, _)| category.as_str())).collect();
        let categories = ballot.selections.iter().map(|(category, _)| category);
        let mut filled: Vec<String> =
            categories.filter(|category| filled_categories.contains(category)).map(str::to_owned).collect();
        filled.dedup();
        Ok(Some(filled))
    }

    /// Returns the number of published log entries.
    async fn published_size(&self, contest: &Contest) -> Result<u64, StoreError> {
        match contest.phase() {
            Phase::Draft => Ok(0),
            _ => published_log_size(&self.stores, contest.id()).await,
        }
    }

    async fn read_page(&self, contest: &Contest, pass: &Pass, before: u64) -> Result<Page, StoreError> {
        let database = &self.stores.database;
        let rows = database.ballots_with_prefix(contest.id(), pass.voter.prefix(), before, PAGE).await?;
        let next = rows.last().filter(|_| rows.len() == PAGE).map(|(oldest, _)| oldest.index);
        let mut ballots = Vec::new();
        for (recorded, line) in rows {
            // Another voter's tag can have the same prefix. Another pass of the voter can be for
            // another channel.
            let Ok(LogEntry::Ballot(ballot)) = LogEntry::decode(&line) else { continue };
            if !recorded.state.fills_slots() {
                continue;
            }
            if ballot.voter != pass.voter || ballot.channel != pass.channel.as_ref().map(AsRef::as_ref) {
                continue;
            }
            ballots.push(OwnBallot {
                recorded,
                leaf_hash: leaf_hash(&line),
                channel: ballot.channel.map(str::to_owned),
                period: ballot.period.map(str::to_owned),
                entry: String::from_utf8_lossy(&line).into_owned(),
                selections: ballot.selections.iter().map(|(c, e)| (c.to_owned(), e.to_owned())).collect(),
            });
        }
        Ok(Page { ballots, next })
    }

    async fn next_sheet(
        &self,
        contest: &Contest,
        pass: &Pass,
        newest: &Page,
        now: Timestamp,
    ) -> Result<RemainingVotes, StoreError> {
        let rules = &contest.record.definition.rules.ballot;
        let today = match rules.period {
            Period::Once | Period::Counted => None,
            Period::Day => {
                let open = check_window(contest, now).is_ok();
                let Some(today) = day_at(&contest.days, now).filter(|_| open) else {
                    return Ok(RemainingVotes { left: Some(Vec::new()), ..RemainingVotes::default() });
                };
                Some(today)
            }
        };
        let Some(sheets) = self.read_sheets(contest, pass, newest, today).await? else {
            return Ok(RemainingVotes::default());
        };
        let none = Sheet::default();
        let sheet = |period: &Option<String>| sheets.get(period).unwrap_or(&none);
        if rules.period == Period::Counted {
            let max_count = rules.ballots_per_voter.unwrap_or(0);
            let used_up: HashSet<u32> = sheets
                .iter()
                .filter(|(_, sheet)| categories_left(contest, sheet).next().is_none())
                .filter_map(|(period, _)| parse_ballot_number(period.as_deref()?))
                .collect();
            let period =
                (1..=max_count).find(|number| !used_up.contains(number)).map(|number| number.to_string());
            let left = period
                .iter()
                .flat_map(|_| categories_left(contest, sheet(&period)))
                .map(str::to_owned)
                .collect();
            let used_up = u32::try_from(used_up.len()).unwrap_or(u32::MAX);
            return Ok(RemainingVotes {
                ballots_left: Some(max_count.saturating_sub(used_up)),
                left: Some(left),
                period,
            });
        }
        let period = today.map(str::to_owned);
        let left = categories_left(contest, sheet(&period)).map(str::to_owned).collect();
        Ok(RemainingVotes { period, ballots_left: None, left: Some(left) })
    }

    /// Reads all sheets, or only the sheet of `today`.
    ///
    /// `None` if the voter has more ballots than one request may read.
    async fn read_sheets(
        &self,
        contest: &Contest,
        pass: &Pass,
        newest: &Page,
        today: Option<&str>,
    ) -> Result<Option<Sheets>, StoreError> {
        let mut sheets = Sheets::new();
        let mut before = add_to(&mut sheets, newest, today);
        let mut pages = 1;
        // A voter with many ballots waits for a permit. So the database stays free for voters with
        // few ballots.
        let mut permit = None;
        while let Some(index) = before {
            if pages >= MAX_PAGES {
                return Ok(None);
            }
            if permit.is_none() {
                permit = self.long_reads.acquire().await;
            }
            before = add_to(&mut sheets, &self.read_page(contest, pass, index).await?, today);
            pages += 1;
        }
        Ok(Some(sheets))
    }
}

/// Adds a page's ballots to their sheets, and returns the index before which reading continues.
///
/// For `today`, reading ends with the first page that reaches an earlier day.
fn add_to(sheets: &mut Sheets, page: &Page, today: Option<&str>) -> Option<u64> {
    for ballot in &page.ballots {
        let sheet = sheets.entry(ballot.period.clone()).or_default();
        sheet.votes += ballot.selections.len();
        sheet.categories.extend(ballot.selections.iter().map(|(category, _)| category.clone()));
    }
    let oldest = page.ballots.last().and_then(|ballot| ballot.period.as_deref());
    page.next.filter(|_| today.is_none() || oldest.is_none_or(|oldest| Some(oldest) >= today))
}

/// Returns the categories that are left on a sheet.
///
/// A category is left if no ballot fills it, the remaining votes suffice for it, and no limit over
/// several categories excludes it.
fn categories_left<'a>(contest: &'a Contest, sheet: &'a Sheet) -> impl Iterator<Item = &'a str> {
    let definition = &contest.record.definition;
    let rules = &definition.rules;
    let size = |votes: u32| usize::try_from(votes).unwrap_or(usize::MAX);
    let max_count = rules.ballot.votes_in_all.map_or(usize::MAX, size);
    let used_up = rules.limits.iter().filter(move |limit| {
        let filled = limit.categories.iter().filter(|category| sheet.categories.contains(category.as_str()));
        filled.count() >= size(limit.most)
    });
    let excluded: HashSet<&str> =
        used_up.flat_map(|limit| &limit.categories).map(acclaim_contest::CategoryId::as_str).collect();
    let categories = definition.categories.iter().filter(move |category| {
        let [min_votes, _] = rules.vote_bounds(category);
        sheet.votes.saturating_add(size(min_votes)) <= max_count
    });
    let ids = categories.map(|category| category.id.as_str());
    ids.filter(move |id| !sheet.categories.contains(*id) && !excluded.contains(id))
}
