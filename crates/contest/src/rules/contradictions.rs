//! Rules that contradict each other.
//!
//! Definitions and logs use the same list. A definition or a log with such a contradiction is
//! refused. Rules without one can be counted.

use std::{collections::HashSet, hash::Hash};

use super::{
    BallotRules, ChampionTies, Channel, Completion, MAX_BALLOTS_PER_VOTER, Panel, PanelKind, Period,
    Revision, Rules, WinnerTies, WinnersBy, WinnersFrom,
};
use crate::entry::Category;

/// Two keys of the rules that contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contradiction {
    /// Dotted paths in the definition, for example `winners.ties` and `panel.trim`.
    ///
    /// The first key is the one to change, and the second one conflicts with it. Both are the same
    /// if a value is wrong by itself.
    pub keys: [&'static str; 2],
    /// The reason, in a few words.
    pub reason: &'static str,
    /// The index of the channel, panel or limit with the contradiction, from 0, if it is in one.
    pub element: Option<usize>,
}

/// The maximum number of channels, panels, criteria and places with points.
///
/// An auditor holds counts for each of them, for a log of any author.
pub(crate) const MAX_LIST_LENGTH: usize = 100;
/// The range of the scores of a scale. All of them fit in 64 bits, in ten-thousandths.
const SCALE: std::ops::RangeInclusive<i64> = -(1 << 31)..=(1 << 32) - 1;
const TOO_MANY: &str = "there are at most 100 of them";

/// Collects contradictions.
#[derive(Default)]
struct ContradictionList(Vec<Contradiction>);

impl ContradictionList {
    fn add_if(&mut self, holds: bool, keys: [&'static str; 2], reason: &'static str) {
        if holds {
            self.0.push(Contradiction { keys, reason, element: None });
        }
    }

    fn add_if_at(&mut self, element: usize, holds: bool, keys: [&'static str; 2], reason: &'static str) {
        if holds {
            self.0.push(Contradiction { keys, reason, element: Some(element) });
        }
    }
}

impl Rules {
    /// Returns all contradictions of these rules.
    ///
    /// If the list is empty, a contest can use the rules. Then sums of weights are above zero, and
    /// every panel has the keys that its kind needs.
    #[must_use]
    pub fn contradictions(&self) -> Vec<Contradiction> {
        let mut list = ContradictionList::default();
        ballot(&self.ballot, &mut list);
        channels(&self.channels, &mut list);
        champions(self, &mut list);
        winners(self, &mut list);
        winner_ties(self, &mut list);
        for (i, panel) in self.panels.iter().enumerate() {
            self::panel(i, panel, &mut list);
        }
        panels(self, &mut list);
        draw(self, &mut list);
        limits(self, &mut list);
        list.0
    }

    /// Returns the contradiction of a category's own numbers with these rules: its key, and the
    /// reason.
    #[must_use]
    pub fn category_contradiction(&self, category: &Category) -> Option<(&'static str, &'static str)> {
        let [least, most] = self.vote_bounds(category);
        let own_places = if category.winners.is_some() { "winners" } else { "champions" };
        let too_few = self.winners.from == WinnersFrom::Champions
            && self.champions_in(category).is_some_and(|champions| self.winners_in(category) > champions);
        let list = [
            (
                category.votes.is_some() && (most == 0 || least > most),
                "votes",
                "no ballot can have this number of votes",
            ),
            (
                category.votes.is_some() && self.ballot.votes_in_all.is_some_and(|in_all| in_all < least),
                "votes",
                "the category takes more votes than ballot.votes_in_all allows",
            ),
            (
                category.champions.is_some() && self.champions.is_none(),
                "champions",
                "the contest has no champions: there is no table [champions]",
            ),
            (category.champions == Some(0), "champions", "a category with champions has at least one"),
            (category.winners == Some(0), "winners", "a category has at least one winner"),
            (
                too_few && (category.winners.is_some() || category.champions.is_some()),
                own_places,
                "the category has fewer champions than winners",
            ),
        ];
        list.into_iter().find(|(holds, ..)| *holds).map(|(_, key, reason)| (key, reason))
    }

    /// Returns the number of champions of a category. `None` if the contest has no champions.
    #[must_use]
    pub fn champions_in(&self, category: &Category) -> Option<u32> {
        self.champions.as_ref().map(|champions| category.champions.unwrap_or(champions.count))
    }

    /// Returns the number of winners of a category.
    #[must_use]
    pub fn winners_in(&self, category: &Category) -> u32 {
        category.winners.unwrap_or(self.winners.count)
    }

    /// Whether jurors' scores decide the winners, alone or with the votes.
    fn scores_decide(&self) -> bool {
        matches!(self.winners.by, WinnersBy::Scores | WinnersBy::Weighted)
    }
}

fn ballot(rules: &BallotRules, list: &mut ContradictionList) {
    let [least, most] = rules.votes_per_category;
    let per_category = "ballot.votes_per_category";
    list.add_if(
        most == 0 || least > most,
        [per_category, per_category],
        "no ballot can have this number of votes",
    );
    list.add_if(
        least <= most && rules.votes_in_all.is_some_and(|in_all| in_all < least),
        ["ballot.votes_in_all", per_category],
        "one category takes more votes than a voter has in all",
    );
    let replace = rules.revision == Revision::Replace;
    list.add_if(
        !replace && rules.revisions.is_some(),
        ["ballot.revisions", "ballot.revision"],
        "it is only allowed with revision = \"replace\"",
    );
    list.add_if(
        replace && rules.revisions.is_none(),
        ["ballot.revision", "ballot.revisions"],
        "it does not say how often a voter may replace",
    );
    let counted = rules.period == Period::Counted;
    list.add_if(
        !counted && rules.ballots_per_voter.is_some(),
        ["ballot.ballots_per_voter", "ballot.period"],
        "it is only allowed with period = \"counted\"",
    );
    list.add_if(
        counted && rules.ballots_per_voter.is_none(),
        ["ballot.period", "ballot.ballots_per_voter"],
        "it does not say how many ballots a voter has",
    );
    list.add_if(
        rules.ballots_per_voter.is_some_and(|ballots| !(1..=MAX_BALLOTS_PER_VOTER).contains(&ballots)),
        ["ballot.ballots_per_voter", "ballot.ballots_per_voter"],
        "a voter has from 1 to 10000 ballots",
    );
}

fn channels(channels: &[Channel], list: &mut ContradictionList) {
    list.add_if(channels.len() > MAX_LIST_LENGTH, ["channel", "channel"], TOO_MANY);
    for i in duplicate_positions(channels.iter().map(|channel| &channel.id)) {
        list.add_if_at(i, true, ["channel.id", "channel.id"], "it is the id of an earlier channel");
    }
    for (i, channel) in channels.iter().enumerate() {
        list.add_if_at(
            i,
            channel.weight == 0,
            ["channel.weight", "channel.weight"],
            "a weight is at least 1",
        );
    }
}

fn champions(rules: &Rules, list: &mut ContradictionList) {
    let Some(champions) = &rules.champions else { return };
    list.add_if(
        champions.ties == ChampionTies::Earliest && !rules.channels.is_empty(),
        ["champions.ties", "channel"],
        "every ballot of a channel changes the shares, so no single ballot decides when an entry reached its share",
    );
    list.add_if(
        champions.ties == ChampionTies::Draw && rules.draw.is_none(),
        ["champions.ties", "draw"],
        "the source of the draw's seed is not named",
    );
}

fn winners(rules: &Rules, list: &mut ContradictionList) {
    let winners = &rules.winners;
    if winners.from == WinnersFrom::Champions {
        list.add_if(rules.champions.is_none(), ["winners.from", "champions"], "there are no champions");
        list.add_if(
            rules.champions.as_ref().is_some_and(|champions| winners.count > champions.count),
            ["winners.count", "champions.count"],
            "there are fewer champions than winners",
        );
    }
    list.add_if(
        rules.scores_decide() && rules.panels.is_empty(),
        ["winners.by", "panel"],
        "it needs at least one [[panel]] whose scores count",
    );
    let weighted = winners.by == WinnersBy::Weighted;
    for (key, weight) in
        [("winners.votes_weight", winners.votes_weight), ("winners.scores_weight", winners.scores_weight)]
    {
        list.add_if(
            !weighted && weight.is_some(),
            [key, "winners.by"],
            "it is only allowed with by = \"weighted\"",
        );
        list.add_if(
            weighted && weight.is_none(),
            ["winners.by", key],
            "by = \"weighted\" needs both weights",
        );
        list.add_if(weight == Some(0), [key, key], "a weight is at least 1");
    }
}

fn winner_ties(rules: &Rules, list: &mut ContradictionList) {
    let by = rules.winners.by;
    let with_by = ["winners.ties", "winners.by"];
    let ties = &rules.winners.ties;
    list.add_if(
        by == WinnersBy::Choice && *ties != WinnerTies::Report,
        with_by,
        "the panel chooses, so there are no ties to break",
    );
    match ties {
        WinnerTies::Report => {}
        WinnerTies::Votes => {
            list.add_if(by == WinnersBy::Votes, with_by, "votes cannot break a tie of votes");
        }
        WinnerTies::Panel(id) => {
            let known = rules.panels.iter().any(|panel| panel.id == *id);
            list.add_if(!known, ["winners.ties", "panel"], "there is no panel of this id");
            list.add_if(
                known && rules.panels.len() == 1 && by == WinnersBy::Scores,
                ["winners.ties", "panel"],
                "with by = \"scores\" the only panel cannot break a tie of its own scores",
            );
        }
        WinnerTies::Earliest => {
            list.add_if(rules.scores_decide(), with_by, "scores are not reached ballot by ballot");
            list.add_if(
                !rules.channels.is_empty(),
                ["winners.ties", "channel"],
                "every ballot of a channel changes the shares, so no single ballot decides when an entry reached its share",
            );
        }
        WinnerTies::Draw => {
            list.add_if(
                rules.draw.is_none(),
                ["winners.ties", "draw"],
                "the source of the draw's seed is not named",
            );
        }
        WinnerTies::Countback => {
            list.add_if(
                !rules.scores_decide(),
                with_by,
                "countback needs the points or ranks of single jurors",
            );
            list.add_if(
                !rules.panels.iter().any(|panel| panel.kind != PanelKind::Score),
                ["winners.ties", "panel"],
                "no panel gives points or ranks, which countback counts",
            );
        }
    }
}

/// Checks one panel by itself.
fn panel(i: usize, panel: &Panel, list: &mut ContradictionList) {
    let (score, rank) = (panel.kind == PanelKind::Score, panel.kind == PanelKind::Rank);
    let scale = ["panel.scale", "panel.kind"];
    list.add_if_at(i, !score && panel.scale.is_some(), scale, "it is only allowed with kind = \"score\"");
    list.add_if_at(i, score && panel.scale.is_none(), scale, "kind = \"score\" needs its scale");
    list.add_if_at(
        i,
        panel.scale.is_some_and(|[lowest, highest]| lowest >= highest),
        ["panel.scale", "panel.scale"],
        "the lowest score must be below the highest",
    );
    list.add_if_at(
        i,
        panel.scale.is_some_and(|scale| scale.iter().any(|end| !SCALE.contains(end))),
        ["panel.scale", "panel.scale"],
        "a scale lies between -2147483648 and 4294967295",
    );
    let criteria = ["panel.criteria", "panel.kind"];
    list.add_if_at(
        i,
        !score && !panel.criteria.is_empty(),
        criteria,
        "they are only allowed with kind = \"score\"",
    );
    let has_duplicate = duplicate_positions(panel.criteria.iter().map(|(name, _)| name)).next().is_some();
    list.add_if_at(
        i,
        has_duplicate,
        ["panel.criteria", "panel.criteria"],
        "a criterion is there more than once",
    );
    list.add_if_at(
        i,
        panel.criteria.iter().any(|(_, weight)| *weight == 0),
        ["panel.criteria", "panel.criteria"],
        "a weight is at least 1",
    );
    list.add_if_at(i, panel.criteria.len() > MAX_LIST_LENGTH, ["panel.criteria", "panel.criteria"], TOO_MANY);
    list.add_if_at(i, panel.points.len() > MAX_LIST_LENGTH, ["panel.points", "panel.points"], TOO_MANY);
    let points = ["panel.points", "panel.kind"];
    list.add_if_at(
        i,
        !rank && !panel.points.is_empty(),
        points,
        "they are only allowed with kind = \"rank\"",
    );
    list.add_if_at(i, rank && panel.points.is_empty(), points, "kind = \"rank\" needs its table of points");
    list.add_if_at(
        i,
        u64::from(panel.trim) * 2 >= u64::from(panel.minimum_jurors),
        ["panel.trim", "panel.minimum_jurors"],
        "trim could drop all scores: minimum_jurors must be more than twice trim",
    );
    list.add_if_at(i, panel.weight == 0, ["panel.weight", "panel.weight"], "a weight is at least 1");
    list.add_if_at(
        i,
        !panel.jurors.is_empty() && panel.jurors.len() < panel.minimum_jurors as usize,
        ["panel.jurors", "panel.minimum_jurors"],
        "no entry would have a figure: the panel has fewer jurors than minimum_jurors",
    );
    let has_duplicate = duplicate_positions(panel.jurors.iter()).next().is_some();
    list.add_if_at(i, has_duplicate, ["panel.jurors", "panel.jurors"], "a juror is there more than once");
}

/// Checks the panels together.
fn panels(rules: &Rules, list: &mut ContradictionList) {
    list.add_if(rules.panels.len() > MAX_LIST_LENGTH, ["panel", "panel"], TOO_MANY);
    for i in duplicate_positions(rules.panels.iter().map(|panel| &panel.id)) {
        list.add_if_at(i, true, ["panel.id", "panel.id"], "it is the id of an earlier panel");
    }
    list.add_if(
        rules.winners.by == WinnersBy::Votes
            && !rules.panels.is_empty()
            && !matches!(rules.winners.ties, WinnerTies::Panel(_)),
        ["panel", "winners.by"],
        "scores would decide nothing: winners are by votes, and no tie goes to a panel",
    );
    let below_zero = |panel: &Panel| panel.scale.is_some_and(|[lowest, _]| lowest < 0);
    if let Some(i) = rules.panels.iter().position(below_zero)
        && rules.winners.by == WinnersBy::Weighted
    {
        let keys = ["panel.scale", "winners.by"];
        list.add_if_at(i, true, keys, "a share of the scores needs scores that are not below zero");
    }
    let Some(first) = rules.panels.first().filter(|_| rules.scores_decide()) else { return };
    let is_score = |panel: &Panel| panel.kind == PanelKind::Score;
    let other_scale =
        |panel: &Panel, first: &Panel| panel.scale.zip(first.scale).is_some_and(|(one, other)| one != other);
    if let Some(i) = rules.panels.iter().position(|panel| is_score(panel) != is_score(first)) {
        let keys = ["panel.kind", "winners.by"];
        list.add_if_at(i, true, keys, "a mean on a scale and a sum of points do not add up to one figure");
    } else if let Some(i) = rules.panels.iter().position(|panel| other_scale(panel, first)) {
        let keys = ["panel.scale", "winners.by"];
        list.add_if_at(
            i,
            true,
            keys,
            "the panels' scores make one figure, so all panels need the same scale",
        );
    }
}

fn limits(rules: &Rules, list: &mut ContradictionList) {
    list.add_if(rules.limits.len() > MAX_LIST_LENGTH, ["limit", "limit"], TOO_MANY);
    for (i, limit) in rules.limits.iter().enumerate() {
        let number = limit.categories.len();
        list.add_if_at(
            i,
            number < 2,
            ["limit.categories", "limit.categories"],
            "a limit needs at least two categories",
        );
        let has_duplicate = duplicate_positions(limit.categories.iter()).next().is_some();
        list.add_if_at(
            i,
            has_duplicate,
            ["limit.categories", "limit.categories"],
            "a category is there more than once",
        );
        list.add_if_at(
            i,
            limit.most == 0,
            ["limit.most", "limit.most"],
            "no ballot could vote in any of them",
        );
        list.add_if_at(
            i,
            number >= 2 && limit.most as usize >= number,
            ["limit.most", "limit.categories"],
            "it limits nothing: it must be less than the number of categories",
        );
        list.add_if_at(
            i,
            rules.ballot.completion == Completion::All && (limit.most as usize) < number,
            ["limit.most", "ballot.completion"],
            "completion = \"all\" requires a vote in every category",
        );
    }
}

fn draw(rules: &Rules, list: &mut ContradictionList) {
    let drawn = rules.winners.ties == WinnerTies::Draw
        || rules.champions.as_ref().is_some_and(|champions| champions.ties == ChampionTies::Draw);
    list.add_if(
        rules.draw.is_some() && !drawn,
        ["draw", "winners.ties"],
        "nothing is drawn: no rule has ties = \"draw\"",
    );
}

/// Returns the positions of the items that equal an earlier item.
fn duplicate_positions<T: Eq + Hash>(items: impl Iterator<Item = T>) -> impl Iterator<Item = usize> {
    let mut earlier = HashSet::new();
    items.enumerate().filter_map(move |(i, item)| (!earlier.insert(item)).then_some(i))
}

#[cfg(test)]
mod tests;
