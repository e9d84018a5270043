//! Reads the tables about ballots, winners and publication.

use acclaim_text::quoted;

use super::{
    contradictions::ListPositions,
    contradictions::RulesSource,
    entries::Categories,
    fields::{Field, Table},
    jury_tables,
    mistakes::Findings,
    tree::{MAX_ELEMENTS, Node},
    votes::{MAX_PLACES, votes_per_category},
};
use crate::{
    MAX_SAFE_INTEGER,
    id::CategoryId,
    rules::{
        BallotRules, CastTime, ChampionRules, ChampionTies, Completion, Limit, MAX_BALLOTS_PER_VOTER, Period,
        Publication, PublishEntries, PublishResult, PublishStandings, Revision, Rules, WinnerRules,
        WinnerTies, WinnersBy, WinnersFrom,
    },
};

/// The maximum number of votes of a voter in all categories.
const MAX_VOTES_IN_ALL: u64 = 1_000_000;
/// The maximum number of replacements of a voter.
const MAX_REVISIONS: u64 = 1_000;
const DEFAULT_REVISIONS: u32 = 20;
const DEFAULT_BALLOTS: u32 = 1_000;

/// Reads all rules.
///
/// If a value is wrong, a default replaces it and the mistake is in `findings`. `node` is the node
/// from which `root` was made.
pub(super) fn rules(
    node: Node<'_>,
    root: &mut Table<'_>,
    categories: &Categories,
    findings: &mut Findings,
) -> Rules {
    let ballot = ballot(root, categories, findings);
    let (channels, channel_positions) = jury_tables::channels(root, findings);
    let champions = root.field("champions").map(|field| champions(&field, findings));
    let (panels, panel_positions) = jury_tables::panels(root, findings);
    let draw = jury_tables::draw(root, findings);
    let winners = winners(root, champions.is_some(), findings);
    let publication = publication(root, findings);
    let (limits, limit_positions) = limits(root, categories, findings);
    let admission = Some(jury_tables::admission(root, findings));
    let rules = Rules { ballot, channels, champions, winners, panels, draw, publication, limits, admission };
    let [channels, panels, limits] = [channel_positions, panel_positions, limit_positions];
    RulesSource { root: node, channels, panels, limits }.report(&rules, findings);
    rules
}

/// Reads the limits over several categories. Incomplete limits are reported and left out.
fn limits(
    root: &mut Table<'_>,
    categories: &Categories,
    findings: &mut Findings,
) -> (Vec<Limit>, ListPositions) {
    let read = |mut table: Table<'_>, findings: &mut Findings| {
        let field = table.required("categories", findings);
        let ids = field.and_then(|field| {
            let elements = field.elements(MAX_ELEMENTS, findings)?;
            let ids: Option<Vec<_>> =
                elements.iter().map(|element| known_category(element, categories, findings)).collect();
            ids
        });
        let most = table.required("most", findings).and_then(|field| field.number(1..=MAX_PLACES, findings));
        table.finish(findings);
        Some(Limit { categories: ids?, most: most? })
    };
    jury_tables::read_list(root, "limit", read, findings)
}

fn known_category(field: &Field<'_>, categories: &Categories, findings: &mut Findings) -> Option<CategoryId> {
    let id: CategoryId = field.parsed(findings)?;
    // The categories of an earlier round are not known yet.
    if !categories.is_empty() && !categories.is_known(id.as_str()) {
        field.wrong(findings, format!("there is no category {}", quoted(id.as_str())));
    }
    Some(id)
}

fn ballot(root: &mut Table<'_>, categories: &Categories, findings: &mut Findings) -> BallotRules {
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
    let revision = word(&mut table, "revision", &revision, findings).unwrap_or(Revision::Final);
    let revisions = table.field("revisions").and_then(|field| field.number(1..=MAX_REVISIONS, findings));
    let period = [("once", Period::Once), ("day", Period::Day), ("counted", Period::Counted)];
    let period = word(&mut table, "period", &period, findings).unwrap_or(Period::Once);
    let ballots = table
        .field("ballots_per_voter")
        .and_then(|field| field.number(1..=u64::from(MAX_BALLOTS_PER_VOTER), findings));
    let cast_time = [("minute", CastTime::Minute), ("hour", CastTime::Hour), ("day", CastTime::Day)];
    let cast_time = word(&mut table, "cast_time", &cast_time, findings).unwrap_or(CastTime::Minute);
    table.finish(findings);
    BallotRules {
        votes_per_category: per_category,
        votes_in_all,
        completion,
        revision,
        revisions: revisions.or((revision == Revision::Replace).then_some(DEFAULT_REVISIONS)),
        period,
        ballots_per_voter: ballots.or((period == Period::Counted).then_some(DEFAULT_BALLOTS)),
        cast_time,
    }
}

/// Reads `votes_in_all`, and checks it against the number of categories.
///
/// [`Rules::contradictions`] cannot check this, because the rules do not know the categories.
fn votes_in_all(
    field: &Field<'_>,
    [least, _]: [u32; 2],
    completion: Completion,
    categories: &Categories,
    findings: &mut Findings,
) -> Option<u32> {
    let votes: u32 = field.number(1..=MAX_VOTES_IN_ALL, findings)?;
    let needed = categories.min_votes(least);
    if completion == Completion::All && u64::from(votes) < needed {
        field.wrong(findings, format!("is {votes}, but completion = \"all\" takes at least {needed} votes"));
    }
    Some(votes)
}

fn champions(field: &Field<'_>, findings: &mut Findings) -> ChampionRules {
    // Replaces a wrong table.
    let fallback = ChampionRules { count: u32::MAX, minimum_votes: 0, ties: ChampionTies::Include };
    let Some(mut table) = field.table(findings) else { return fallback };
    let count = table.required("count", findings).and_then(|field| field.number(1..=MAX_PLACES, findings));
    let minimum_votes = table
        .field("minimum_votes")
        .and_then(|field| field.number(0..=MAX_SAFE_INTEGER, findings))
        .unwrap_or(0);
    let ties = [
        ("include", ChampionTies::Include),
        ("earliest", ChampionTies::Earliest),
        ("draw", ChampionTies::Draw),
    ];
    let ties = word(&mut table, "ties", &ties, findings).unwrap_or(ChampionTies::Include);
    table.finish(findings);
    ChampionRules { count: count.unwrap_or(fallback.count), minimum_votes, ties }
}

fn winners(root: &mut Table<'_>, champions: bool, findings: &mut Findings) -> WinnerRules {
    let mut table = root.table_or_empty("winners", findings);
    let count = table.field("count").and_then(|field| field.number(1..=MAX_PLACES, findings)).unwrap_or(1);
    let from = [("champions", WinnersFrom::Champions), ("all", WinnersFrom::All)];
    let default = if champions { WinnersFrom::Champions } else { WinnersFrom::All };
    let from = table.field("from").map_or(Some(default), |field| field.word(&from, findings));
    let by = [
        ("votes", WinnersBy::Votes),
        ("scores", WinnersBy::Scores),
        ("weighted", WinnersBy::Weighted),
        ("choice", WinnersBy::Choice),
    ];
    let by = word(&mut table, "by", &by, findings);
    let votes_weight = weight(&mut table, "votes_weight", by, findings);
    let scores_weight = weight(&mut table, "scores_weight", by, findings);
    let ties = table.field("ties").and_then(|field| field.parsed(findings));
    table.finish(findings);
    WinnerRules {
        count,
        from: from.unwrap_or(default),
        by: by.unwrap_or(WinnersBy::Votes),
        votes_weight,
        scores_weight,
        ties: ties.unwrap_or(WinnerTies::Report),
    }
}

fn weight(
    table: &mut Table<'_>,
    key: &'static str,
    by: Result<WinnersBy, UnknownWord>,
    findings: &mut Findings,
) -> Option<u32> {
    let field = if by == Ok(WinnersBy::Weighted) { table.required(key, findings) } else { table.field(key) };
    field?.number(1..=jury_tables::MAX_WEIGHT, findings)
}

fn publication(root: &mut Table<'_>, findings: &mut Findings) -> Publication {
    let mut table = root.table_or_empty("publication", findings);
    let standings = [
        ("organisers", PublishStandings::Organisers),
        ("public", PublishStandings::Public),
        ("after-close", PublishStandings::AfterClose),
    ];
    let entries = [
        ("certified", PublishEntries::Certified),
        ("after-close", PublishEntries::AfterClose),
        ("live", PublishEntries::Live),
    ];
    let result = [("certified", PublishResult::Certified), ("closed", PublishResult::Closed)];
    let publication = Publication {
        standings: word(&mut table, "standings", &standings, findings)
            .unwrap_or(PublishStandings::Organisers),
        entries: word(&mut table, "entries", &entries, findings).unwrap_or(PublishEntries::Certified),
        result: word(&mut table, "result", &result, findings).unwrap_or(PublishResult::Certified),
    };
    table.finish(findings);
    publication
}

/// A word that is none of the possible words. It has been reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct UnknownWord;

/// Reads one of the given words. The first one is the default for an absent key.
fn word<T: Copy>(
    table: &mut Table<'_>,
    key: &'static str,
    words: &[(&str, T)],
    findings: &mut Findings,
) -> Result<T, UnknownWord> {
    match (table.field(key), words) {
        (Some(field), _) => field.word(words, findings).ok_or(UnknownWord),
        (None, [(_, default), ..]) => Ok(*default),
        (None, []) => Err(UnknownWord),
    }
}
