//! What a voter has cast, and what is left to cast: of any voter quickly, also of one with thousands of ballots.

use std::collections::{HashMap, HashSet};

use acclaim_ballot_log::{Hash, LogEntry, entry::BallotEntry, leaf_hash};
use acclaim_contest::{Phase, days::day_at, pass::Pass, rules::Period};
use acclaim_store::{StoreError, Stores, ledger::RecordedBallot};
use jiff::Timestamp;

use crate::{
    directory::Contest, long_reads::LongReads, recorded::published_log_size, sheet::parse_ballot_number,
    window::check_window,
};

/// Ballots of one reading, and of one answer.
const PAGE: usize = 500;
/// Readings of one request. Whoever casts category by category, in several channels, can have more ballots than that.
const MAX_PAGES: usize = 24;

/// A voter's ballot with what it chose.
#[derive(Debug)]
pub struct OwnBallot {
    /// What it is now.
    pub recorded: RecordedBallot,
    /// The hash of its leaf.
    pub leaf_hash: Hash,
    /// Where the contest has channels.
    pub channel: Option<String>,
    /// Where the contest has periods: the day, or the ballot's number.
    pub period: Option<String>,
    /// The log entry.
    pub entry: String,
    /// Category and entry of each vote.
    pub selections: Vec<(String, String)>,
}

/// A voter's ballots in the channel of a pass, and what is left to cast.
#[derive(Debug)]
pub struct OwnBallots {
    /// Those that fill categories, at most 500, in the order of the log.
    pub ballots: Vec<OwnBallot>,
    /// Older ones are before this index of the log; `None` if there are none.
    pub older: Option<u64>,
    /// What is left.
    pub next: RemainingVotes,
}

/// Reads voters' own ballots.
#[derive(Clone)]
pub struct OwnVotes {
    stores: Stores,
    /// Places for readings of all ballots of a voter who has many.
    long_reads: LongReads,
}

/// Some of a voter's ballots, newest first.
struct Page {
    /// Those of the pass's channel that fill slots: all but the replaced ones.
    ballots: Vec<OwnBallot>,
    /// Before which index the next page begins, if there may be one.
    next: Option<u64>,
}

/// What is left to vote in.
#[derive(Debug, Default)]
pub struct RemainingVotes {
    /// The period to vote in now: today, or the smallest number with a category left; `None` if there is none, or if the contest has no periods.
    pub period: Option<String>,
    /// With numbered ballots: numbers with a category left.
    pub ballots_left: Option<u32>,
    /// Categories without a ballot, in this channel and period; `None` if that is not known.
    pub left: Option<Vec<String>>,
}

/// What a sheet's ballots fill.
#[derive(Default)]
struct Sheet {
    categories: HashSet<String>,
    votes: usize,
}

/// A voter's sheets in the channel of a pass, by period.
type Sheets = HashMap<Option<String>, Sheet>;

impl OwnVotes {
    /// Of these stores. `long_reads` bounds the readings of voters with many ballots that go on at once.
    #[must_use]
    pub fn new(stores: Stores, long_reads: LongReads) -> Self {
        Self { stores, long_reads }
    }

    /// A voter's ballots below an index of the log, or the newest, and what is left to cast now.
    ///
    /// # Errors
    /// When a store fails.
    pub async fn list(
        &self,
        contest: &Contest,
        pass: &Pass,
        before: Option<u64>,
    ) -> Result<OwnBallots, StoreError> {
        let now = self.stores.clock.now();
        let shown = self.shown_of(contest).await?;
        let newest = self.read_page(contest, pass, shown).await?;
        let next = self.next_sheet(contest, pass, &newest, now).await?;
        let mut listed = match before {
            Some(before) => self.read_page(contest, pass, before.min(shown)).await?,
            None => newest,
        };
        // Whole pages may be of another channel, or replaced.
        for _ in 1..MAX_PAGES {
            let Some(before) = listed.next.filter(|_| listed.ballots.is_empty()) else { break };
            listed = self.read_page(contest, pass, before).await?;
        }
        listed.ballots.reverse();
        Ok(OwnBallots { ballots: listed.ballots, older: listed.next, next })
    }

    /// The categories of a ballot that its voter's recorded ballots of the same channel and period fill; `None` if the voter has more ballots than are read
    /// at once.
    ///
    /// # Errors
    /// When a store fails.
    pub(crate) async fn filled(
        &self,
        contest: &Contest,
        ballot: &BallotEntry<'_>,
    ) -> Result<Option<Vec<String>>, StoreError> {
        let channel = ballot.channel.and_then(|channel| channel.parse().ok());
        let pass =
            Pass { voter: ballot.voter, channel, group: None, expires: Timestamp::MAX, admission: None };
        let page = self.read_page(contest, &pass, self.shown_of(contest).await?).await?;
        if page.next.is_some() {
            return Ok(None);
        }
        let own = page.ballots.iter().filter(|own| own.period.as_deref() == ballot.period);
        let taken: HashSet<&str> =
            own.flat_map(|own| own.selections.iter().map(|(category, _)| category.as_str())).collect();
        let categories = ballot.selections.iter().map(|(category, _)| category);
        let mut filled: Vec<String> =
            categories.filter(|category| taken.contains(category)).map(str::to_owned).collect();
        filled.dedup();
        Ok(Some(filled))
    }

    /// How many entries of the log have been shown.
    async fn shown_of(&self, contest: &Contest) -> Result<u64, StoreError> {
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
            // Another voter's tag can begin alike; and another pass of the voter's may be of another channel.
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
            let most = rules.ballots_per_voter.unwrap_or(0);
            let used_up: HashSet<u32> = sheets
                .iter()
                .filter(|(_, sheet)| left(contest, sheet).next().is_none())
                .filter_map(|(period, _)| parse_ballot_number(period.as_deref()?))
                .collect();
            let period = (1..=most).find(|number| !used_up.contains(number)).map(|number| number.to_string());
            let left = period.iter().flat_map(|_| left(contest, sheet(&period))).map(str::to_owned).collect();
            let used_up = u32::try_from(used_up.len()).unwrap_or(u32::MAX);
            return Ok(RemainingVotes {
                ballots_left: Some(most.saturating_sub(used_up)),
                left: Some(left),
                period,
            });
        }
        let period = today.map(str::to_owned);
        let left = left(contest, sheet(&period)).map(str::to_owned).collect();
        Ok(RemainingVotes { period, ballots_left: None, left: Some(left) })
    }

    /// Reads all sheets, or those of `today` alone. `None` if there are more ballots than are read for one request.
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
        // Whoever has many ballots waits for the others who do: voters with few have the database to themselves meanwhile.
        let mut place = None;
        while let Some(index) = before {
            if pages >= MAX_PAGES {
                return Ok(None);
            }
            if place.is_none() {
                place = self.long_reads.acquire().await;
            }
            before = add_to(&mut sheets, &self.read_page(contest, pass, index).await?, today);
            pages += 1;
        }
        Ok(Some(sheets))
    }
}

/// Adds a page's ballots, and says where to read on: of `today`, no further than a page that reaches back to an earlier day.
fn add_to(sheets: &mut Sheets, page: &Page, today: Option<&str>) -> Option<u64> {
    for ballot in &page.ballots {
        let sheet = sheets.entry(ballot.period.clone()).or_default();
        sheet.votes += ballot.selections.len();
        sheet.categories.extend(ballot.selections.iter().map(|(category, _)| category.clone()));
    }
    let oldest = page.ballots.last().and_then(|ballot| ballot.period.as_deref());
    page.next.filter(|_| today.is_none() || oldest.is_none_or(|oldest| Some(oldest) >= today))
}

/// The categories left on a sheet: neither filled, nor out of reach by the votes that are left in all, nor beyond a limit over several categories.
fn left<'a>(contest: &'a Contest, sheet: &'a Sheet) -> impl Iterator<Item = &'a str> {
    let definition = &contest.record.definition;
    let rules = &definition.rules;
    let size = |votes: u32| usize::try_from(votes).unwrap_or(usize::MAX);
    let most = rules.ballot.votes_in_all.map_or(usize::MAX, size);
    let used_up = rules.limits.iter().filter(move |limit| {
        let filled = limit.categories.iter().filter(|category| sheet.categories.contains(category.as_str()));
        filled.count() >= size(limit.most)
    });
    let beyond: HashSet<&str> =
        used_up.flat_map(|limit| &limit.categories).map(acclaim_contest::CategoryId::as_str).collect();
    let categories = definition.categories.iter().filter(move |category| {
        let [least, _] = rules.vote_bounds(category);
        sheet.votes.saturating_add(size(least)) <= most
    });
    let ids = categories.map(|category| category.id.as_str());
    ids.filter(move |id| !sheet.categories.contains(*id) && !beyond.contains(id))
}
