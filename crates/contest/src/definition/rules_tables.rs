//! The tables that say what a voter may cast, who wins and who may read what.

use super::{
    fields::{Field, Table},
    jury_tables,
    mistakes::{Findings, Place, quoted},
    supported,
};
use crate::rules::{
    BallotRules, CastTime, ChampionRules, ChampionTies, Completion, Panel, Period, Publication,
    PublishEntries, PublishResult, PublishStandings, Revision, Rules, WinnerRules, WinnerTies, WinnersBy,
    WinnersFrom,
};

/// The most votes of a ballot in one category.
const MOST_VOTES_PER_CATEGORY: u64 = 1_000;
/// The most votes of a voter in all.
const MOST_VOTES_IN_ALL: u64 = 1_000_000;
/// The most replacements of a voter.
const MOST_REVISIONS: u64 = 1_000;
const DEFAULT_REVISIONS: u32 = 20;
/// The most ballots of a voter, where they are counted.
const MOST_BALLOTS: u64 = 1_000_000;
const DEFAULT_BALLOTS: u32 = 1_000;
/// The most champions or winners of a category: as many as there can be entries.
const MOST_PLACES: u64 = 100_000;
/// The largest integer that every JSON reader keeps exact.
const MOST_EXACT: u64 = (1 << 53) - 1;

/// All rules. Where a value is wrong, a default stands in for it and the findings are not empty.
pub(super) fn rules(root: &mut Table<'_>, categories: usize, findings: &mut Findings) -> Rules {
    let ballot = ballot(root, categories, findings);
    let channels = jury_tables::channels(root, findings);
    let champions = root.field("champions").map(|field| champions(&field, findings));
    let panels = jury_tables::panels(root, findings);
    let draw = jury_tables::draw(root, findings);
    let winners = winners(root, champions.as_ref(), &panels, findings);
    let drawn = matches!(champions, Some(ChampionRules { ties: ChampionTies::Draw, .. }))
        || winners.ties == WinnerTies::Draw;
    match (&draw, drawn) {
        (Some((place, _)), false) => findings.add(*place, "draw", "is only there with ties = \"draw\""),
        (None, true) => findings.add(Place::Nowhere, "draw", "is missing: ties = \"draw\" needs its source"),
        _ => {}
    }
    let publication = publication(root, findings);
    Rules { ballot, channels, champions, winners, panels, draw: draw.map(|(_, draw)| draw), publication }
}

fn ballot(root: &mut Table<'_>, categories: usize, findings: &mut Findings) -> BallotRules {
    let mut table = root.table_or_empty("ballot", findings);
    let per_category = table
        .field("votes_per_category")
        .and_then(|field| votes_per_category(&field, findings))
        .unwrap_or([1, 1]);
    let in_all = table.field("votes_in_all");
    let completion = [("any", Completion::Any), ("all", Completion::All)];
    let completion = word(&mut table, "completion", &completion, findings).unwrap_or(Completion::Any);
    let votes_in_all =
        in_all.and_then(|field| votes_in_all(&field, per_category, completion, categories, findings));
    let revision = [("final", Revision::Final), ("replace", Revision::Replace)];
    let revision = word(&mut table, "revision", &revision, findings);
    let revisions = table.field("revisions").and_then(|field| {
        if revision == Ok(Revision::Final) {
            field.wrong(findings, "is only there with revision = \"replace\"");
        }
        field.number(1..=MOST_REVISIONS, findings)
    });
    let period = [("once", Period::Once), ("day", Period::Day), ("counted", Period::Counted)];
    let period = word(&mut table, "period", &period, findings);
    let ballots = table.field("ballots_per_voter").and_then(|field| {
        if matches!(period, Ok(Period::Once | Period::Day)) {
            field.wrong(findings, "is only there with period = \"counted\"");
        }
        field.number(1..=MOST_BALLOTS, findings)
    });
    let cast_time = [("minute", CastTime::Minute), ("hour", CastTime::Hour), ("day", CastTime::Day)];
    let cast_time = word(&mut table, "cast_time", &cast_time, findings).unwrap_or(CastTime::Minute);
    table.finish(findings);
    let (revision, period) = (revision.unwrap_or(Revision::Final), period.unwrap_or(Period::Once));
    BallotRules {
        votes_per_category: per_category,
        votes_in_all,
        completion,
        revision,
        revisions: (revision == Revision::Replace).then_some(revisions.unwrap_or(DEFAULT_REVISIONS)),
        period,
        ballots_per_voter: (period == Period::Counted).then_some(ballots.unwrap_or(DEFAULT_BALLOTS)),
        cast_time,
    }
}

fn votes_per_category(field: &Field<'_>, findings: &mut Findings) -> Option<[u32; 2]> {
    let [least, most] = field.pair("[least, most], such as [1, 1]", findings)?;
    let least = least.number(1..=MOST_VOTES_PER_CATEGORY, findings);
    let most = most.number(1..=MOST_VOTES_PER_CATEGORY, findings);
    let (least, most) = (least?, most?);
    if least > most {
        field.wrong(findings, format!("the least ({least}) must not be more than the most ({most})"));
        return None;
    }
    Some([least, most])
}

fn votes_in_all(
    field: &Field<'_>,
    [least, _]: [u32; 2],
    completion: Completion,
    categories: usize,
    findings: &mut Findings,
) -> Option<u32> {
    let votes: u32 = field.number(1..=MOST_VOTES_IN_ALL, findings)?;
    let needed = u64::from(least).saturating_mul(u64::try_from(categories).unwrap_or(u64::MAX));
    if votes < least {
        field.wrong(
            findings,
            format!("is {votes}, but a ballot votes for at least {least} entries of a category"),
        );
    } else if completion == Completion::All && u64::from(votes) < needed {
        field.wrong(findings, format!("is {votes}, but completion = \"all\" takes at least {needed} votes"));
    }
    Some(votes)
}

fn champions(field: &Field<'_>, findings: &mut Findings) -> ChampionRules {
    // Stands in for a wrong count: no later check finds fault with it.
    let unknown = ChampionRules { count: u32::MAX, minimum_votes: 0, ties: ChampionTies::Include };
    let Some(mut table) = field.table(findings) else { return unknown };
    let count = table.required("count", findings).and_then(|field| field.number(1..=MOST_PLACES, findings));
    let minimum_votes =
        table.field("minimum_votes").and_then(|field| field.number(0..=MOST_EXACT, findings)).unwrap_or(0);
    let ties = [
        ("include", ChampionTies::Include),
        ("earliest", ChampionTies::Earliest),
        ("draw", ChampionTies::Draw),
    ];
    let ties = word(&mut table, "ties", &ties, findings).unwrap_or(ChampionTies::Include);
    table.finish(findings);
    ChampionRules { count: count.unwrap_or(unknown.count), minimum_votes, ties }
}

fn winners(
    root: &mut Table<'_>,
    champions: Option<&ChampionRules>,
    panels: &[Panel],
    findings: &mut Findings,
) -> WinnerRules {
    let mut table = root.table_or_empty("winners", findings);
    let counted = table.field("count");
    let count = counted.as_ref().and_then(|field| field.number(1..=MOST_PLACES, findings)).unwrap_or(1);
    let from_field = table.field("from");
    let from = [("champions", WinnersFrom::Champions), ("all", WinnersFrom::All)];
    let default = if champions.is_some() { WinnersFrom::Champions } else { WinnersFrom::All };
    let from =
        from_field.as_ref().map_or(Some(default), |field| field.word(&from, findings)).unwrap_or(default);
    if let (Some(field), WinnersFrom::Champions, None) = (&from_field, from, champions) {
        field.wrong(findings, "\"champions\" needs a table [champions]");
    }
    if let (Some(field), WinnersFrom::Champions, Some(champions)) = (&counted, from, champions)
        && count > champions.count
    {
        field.wrong(findings, format!("is {count}, but there are {} champions to win", champions.count));
    }
    let by = deciding(&mut table, panels, findings);
    let weighted = matches!(by, Some(WinnersBy::Weighted));
    let votes_weight = weight(&mut table, "votes_weight", by, findings);
    let scores_weight = weight(&mut table, "scores_weight", by, findings);
    let ties = table.field("ties").and_then(|field| winner_ties(&field, by, panels, findings));
    table.finish(findings);
    WinnerRules {
        count,
        from,
        by: by.unwrap_or(WinnersBy::Votes),
        votes_weight: votes_weight.filter(|_| weighted),
        scores_weight: scores_weight.filter(|_| weighted),
        ties: ties.unwrap_or(WinnerTies::Report),
    }
}

/// What decides who wins; `None` if that is wrong.
fn deciding(table: &mut Table<'_>, panels: &[Panel], findings: &mut Findings) -> Option<WinnersBy> {
    let words = [
        ("votes", WinnersBy::Votes),
        ("scores", WinnersBy::Scores),
        ("weighted", WinnersBy::Weighted),
        ("choice", WinnersBy::Choice),
    ];
    let Some(field) = table.field("by") else { return Some(WinnersBy::Votes) };
    let by = field.word(&words, findings)?;
    if matches!(by, WinnersBy::Scores | WinnersBy::Weighted) && panels.is_empty() {
        field.wrong(findings, "needs at least one [[panel]] whose scores count");
    }
    Some(by)
}

fn weight(
    table: &mut Table<'_>,
    key: &'static str,
    by: Option<WinnersBy>,
    findings: &mut Findings,
) -> Option<u32> {
    if by == Some(WinnersBy::Weighted) {
        let field = table.required(key, findings)?;
        return field.number(1..=jury_tables::MOST_WEIGHT, findings);
    }
    let field = table.field(key)?;
    if by.is_some() {
        field.wrong(findings, "is only there with by = \"weighted\"");
    }
    field.number(1..=jury_tables::MOST_WEIGHT, findings)
}

fn winner_ties(
    field: &Field<'_>,
    by: Option<WinnersBy>,
    panels: &[Panel],
    findings: &mut Findings,
) -> Option<WinnerTies> {
    let ties: WinnerTies = field.parsed(findings)?;
    match &ties {
        WinnerTies::Panel(id) if !panels.iter().any(|panel| panel.id == *id) => {
            field.wrong(findings, format!("there is no panel {}", quoted(id.as_str())));
        }
        WinnerTies::Votes if by == Some(WinnersBy::Votes) => {
            field.wrong(findings, "votes cannot break a tie of votes");
        }
        _ => {}
    }
    supported::check_word(field, "winners.ties", &ties.to_string(), findings);
    Some(ties)
}

fn publication(root: &mut Table<'_>, findings: &mut Findings) -> Publication {
    let mut table = root.table_or_empty("publication", findings);
    let standings = [
        ("organisers", PublishStandings::Organisers),
        ("public", PublishStandings::Public),
        ("after-close", PublishStandings::AfterClose),
    ];
    let entries = [("after-close", PublishEntries::AfterClose), ("live", PublishEntries::Live)];
    let result = [("certified", PublishResult::Certified), ("closed", PublishResult::Closed)];
    let publication = Publication {
        standings: word(&mut table, "standings", &standings, findings)
            .unwrap_or(PublishStandings::Organisers),
        entries: word(&mut table, "entries", &entries, findings).unwrap_or(PublishEntries::AfterClose),
        result: word(&mut table, "result", &result, findings).unwrap_or(PublishResult::Certified),
    };
    table.finish(findings);
    publication
}

/// A word was there and was none of those possible; it has been reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wrong;

/// One of some words; the first of them if the key is absent.
fn word<T: Copy>(
    table: &mut Table<'_>,
    key: &'static str,
    words: &[(&str, T)],
    findings: &mut Findings,
) -> Result<T, Wrong> {
    match (table.field(key), words) {
        (Some(field), _) => field.word(words, findings).ok_or(Wrong),
        (None, [(_, default), ..]) => Ok(*default),
        (None, []) => Err(Wrong),
    }
}
