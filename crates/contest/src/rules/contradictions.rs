//! Rules that make no sense together. One list, for whoever writes a definition and for whoever counts a log: what is on it is refused by
//! both, and what is not on it can be counted.

use std::{collections::HashSet, hash::Hash};

use crate::entry::Category;

use super::{
    BallotRules, ChampionTies, Channel, Completion, MAX_BALLOTS_PER_VOTER, Panel, PanelKind, Period,
    Revision, Rules, WinnerTies, WinnersBy, WinnersFrom,
};

/// Two keys of the rules that do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contradiction {
    /// Dotted paths in the definition, such as `winners.ties` and `panel.trim`: the one to change first, then the one that it does not go
    /// with. The same twice if a value makes no sense by itself.
    pub keys: [&'static str; 2],
    /// Why they do not go together, in a few words.
    pub reason: &'static str,
    /// Which of the channels or panels it is about, from 0, if it is about one.
    pub element: Option<usize>,
}

/// The most channels, panels, criteria and places with points: an auditor holds counts for each of them, whoever wrote the log.
pub(crate) const MAX_LIST_LENGTH: usize = 100;
/// What a score on a scale can be: all of it, in ten-thousandths, fits 64 bits.
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
    /// Everything about these rules that makes no sense; empty if a contest can be held by them. Sums of weights are above zero then, and
    /// every panel has what its kind needs.
    #[must_use]
    pub fn contradictions(&self) -> Vec<Contradiction> {
        let mut found = ContradictionList::default();
        ballot(&self.ballot, &mut found);
        channels(&self.channels, &mut found);
        champions(self, &mut found);
        winners(self, &mut found);
        winner_ties(self, &mut found);
        for (i, panel) in self.panels.iter().enumerate() {
            self::panel(i, panel, &mut found);
        }
        panels(self, &mut found);
        draw(self, &mut found);
        limits(self, &mut found);
        found.0
    }

    /// What of a category's own numbers makes no sense under these rules: its key, and why in a few words.
    #[must_use]
    pub fn category_contradiction(&self, category: &Category) -> Option<(&'static str, &'static str)> {
        let [least, most] = self.vote_bounds(category);
        let own_places = if category.winners.is_some() { "winners" } else { "champions" };
        let too_few = self.winners.from == WinnersFrom::Champions
            && self.champions_in(category).is_some_and(|champions| self.winners_in(category) > champions);
        let found = [
            (
                category.votes.is_some() && (most == 0 || least > most),
                "votes",
                "no ballot can have so many votes",
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
        found.into_iter().find(|(holds, ..)| *holds).map(|(_, key, reason)| (key, reason))
    }

    /// How many champions a category has; `None` if the contest has none.
    #[must_use]
    pub fn champions_in(&self, category: &Category) -> Option<u32> {
        self.champions.as_ref().map(|champions| category.champions.unwrap_or(champions.count))
    }

    /// How many winners a category has.
    #[must_use]
    pub fn winners_in(&self, category: &Category) -> u32 {
        category.winners.unwrap_or(self.winners.count)
    }

    /// Whether jurors' scores decide the winners, alone or with the votes.
    fn scores_decide(&self) -> bool {
        matches!(self.winners.by, WinnersBy::Scores | WinnersBy::Weighted)
    }
}

fn ballot(rules: &BallotRules, found: &mut ContradictionList) {
    let [least, most] = rules.votes_per_category;
    let per_category = "ballot.votes_per_category";
    found.add_if(most == 0 || least > most, [per_category, per_category], "no ballot can have so many votes");
    found.add_if(
        least <= most && rules.votes_in_all.is_some_and(|in_all| in_all < least),
        ["ballot.votes_in_all", per_category],
        "one category takes more votes than a voter has in all",
    );
    let replace = rules.revision == Revision::Replace;
    found.add_if(
        !replace && rules.revisions.is_some(),
        ["ballot.revisions", "ballot.revision"],
        "it is only there with revision = \"replace\"",
    );
    found.add_if(
        replace && rules.revisions.is_none(),
        ["ballot.revision", "ballot.revisions"],
        "it does not say how often a voter may replace",
    );
    let counted = rules.period == Period::Counted;
    found.add_if(
        !counted && rules.ballots_per_voter.is_some(),
        ["ballot.ballots_per_voter", "ballot.period"],
        "it is only there with period = \"counted\"",
    );
    found.add_if(
        counted && rules.ballots_per_voter.is_none(),
        ["ballot.period", "ballot.ballots_per_voter"],
        "it does not say how many ballots a voter has",
    );
    found.add_if(
        rules.ballots_per_voter.is_some_and(|ballots| !(1..=MAX_BALLOTS_PER_VOTER).contains(&ballots)),
        ["ballot.ballots_per_voter", "ballot.ballots_per_voter"],
        "a voter has from 1 to 10000 ballots",
    );
}

fn channels(channels: &[Channel], found: &mut ContradictionList) {
    found.add_if(channels.len() > MAX_LIST_LENGTH, ["channel", "channel"], TOO_MANY);
    for i in duplicate_positions(channels.iter().map(|channel| &channel.id)) {
        found.add_if_at(i, true, ["channel.id", "channel.id"], "it is the id of an earlier channel");
    }
    for (i, channel) in channels.iter().enumerate() {
        found.add_if_at(
            i,
            channel.weight == 0,
            ["channel.weight", "channel.weight"],
            "a weight is at least 1",
        );
    }
}

fn champions(rules: &Rules, found: &mut ContradictionList) {
    let Some(champions) = &rules.champions else { return };
    found.add_if(
        champions.ties == ChampionTies::Earliest && !rules.channels.is_empty(),
        ["champions.ties", "channel"],
        "a share moves with every ballot of a channel, so that no entry reaches its own at one ballot",
    );
    found.add_if(
        champions.ties == ChampionTies::Draw && rules.draw.is_none(),
        ["champions.ties", "draw"],
        "the source of the draw's seed is not named",
    );
}

fn winners(rules: &Rules, found: &mut ContradictionList) {
    let winners = &rules.winners;
    if winners.from == WinnersFrom::Champions {
        found.add_if(rules.champions.is_none(), ["winners.from", "champions"], "there are no champions");
        found.add_if(
            rules.champions.as_ref().is_some_and(|champions| winners.count > champions.count),
            ["winners.count", "champions.count"],
            "there are fewer champions than winners",
        );
    }
    found.add_if(
        rules.scores_decide() && rules.panels.is_empty(),
        ["winners.by", "panel"],
        "it needs at least one [[panel]] whose scores count",
    );
    let weighted = winners.by == WinnersBy::Weighted;
    for (key, weight) in
        [("winners.votes_weight", winners.votes_weight), ("winners.scores_weight", winners.scores_weight)]
    {
        found.add_if(
            !weighted && weight.is_some(),
            [key, "winners.by"],
            "it is only there with by = \"weighted\"",
        );
        found.add_if(
            weighted && weight.is_none(),
            ["winners.by", key],
            "by = \"weighted\" needs both weights",
        );
        found.add_if(weight == Some(0), [key, key], "a weight is at least 1");
    }
}

fn winner_ties(rules: &Rules, found: &mut ContradictionList) {
    let by = rules.winners.by;
    let with_by = ["winners.ties", "winners.by"];
    let ties = &rules.winners.ties;
    found.add_if(
        by == WinnersBy::Choice && *ties != WinnerTies::Report,
        with_by,
        "the panel chooses, so that there are no ties to be broken",
    );
    match ties {
        WinnerTies::Report => {}
        WinnerTies::Votes => {
            found.add_if(by == WinnersBy::Votes, with_by, "votes cannot break a tie of votes");
        }
        WinnerTies::Panel(id) => {
            let known = rules.panels.iter().any(|panel| panel.id == *id);
            found.add_if(!known, ["winners.ties", "panel"], "there is no panel of this id");
            found.add_if(
                known && rules.panels.len() == 1 && by == WinnersBy::Scores,
                ["winners.ties", "panel"],
                "with by = \"scores\" the only panel cannot break a tie of its own scores",
            );
        }
        WinnerTies::Earliest => {
            found.add_if(rules.scores_decide(), with_by, "scores are not reached ballot by ballot");
            found.add_if(
                !rules.channels.is_empty(),
                ["winners.ties", "channel"],
                "a share moves with every ballot of a channel, so that no entry reaches its own at one ballot",
            );
        }
        WinnerTies::Draw => {
            found.add_if(
                rules.draw.is_none(),
                ["winners.ties", "draw"],
                "the source of the draw's seed is not named",
            );
        }
        WinnerTies::Countback => {
            found.add_if(!rules.scores_decide(), with_by, "countback goes by single jurors' points or ranks");
            found.add_if(
                !rules.panels.iter().any(|panel| panel.kind != PanelKind::Score),
                ["winners.ties", "panel"],
                "no panel gives points or ranks, which countback counts",
            );
        }
    }
}

/// What a panel has to be by itself.
fn panel(i: usize, panel: &Panel, found: &mut ContradictionList) {
    let (score, rank) = (panel.kind == PanelKind::Score, panel.kind == PanelKind::Rank);
    let scale = ["panel.scale", "panel.kind"];
    found.add_if_at(i, !score && panel.scale.is_some(), scale, "it is only there with kind = \"score\"");
    found.add_if_at(i, score && panel.scale.is_none(), scale, "kind = \"score\" needs its scale");
    found.add_if_at(
        i,
        panel.scale.is_some_and(|[lowest, highest]| lowest >= highest),
        ["panel.scale", "panel.scale"],
        "the lowest score must be below the highest",
    );
    found.add_if_at(
        i,
        panel.scale.is_some_and(|scale| scale.iter().any(|end| !SCALE.contains(end))),
        ["panel.scale", "panel.scale"],
        "a scale lies between -2147483648 and 4294967295",
    );
    let criteria = ["panel.criteria", "panel.kind"];
    found.add_if_at(
        i,
        !score && !panel.criteria.is_empty(),
        criteria,
        "they are only there with kind = \"score\"",
    );
    let twice = duplicate_positions(panel.criteria.iter().map(|(name, _)| name)).next().is_some();
    found.add_if_at(i, twice, ["panel.criteria", "panel.criteria"], "a criterion is there more than once");
    found.add_if_at(
        i,
        panel.criteria.iter().any(|(_, weight)| *weight == 0),
        ["panel.criteria", "panel.criteria"],
        "a weight is at least 1",
    );
    found.add_if_at(
        i,
        panel.criteria.len() > MAX_LIST_LENGTH,
        ["panel.criteria", "panel.criteria"],
        TOO_MANY,
    );
    found.add_if_at(i, panel.points.len() > MAX_LIST_LENGTH, ["panel.points", "panel.points"], TOO_MANY);
    let points = ["panel.points", "panel.kind"];
    found.add_if_at(i, !rank && !panel.points.is_empty(), points, "they are only there with kind = \"rank\"");
    found.add_if_at(i, rank && panel.points.is_empty(), points, "kind = \"rank\" needs its table of points");
    found.add_if_at(
        i,
        u64::from(panel.trim) * 2 >= u64::from(panel.minimum_jurors),
        ["panel.trim", "panel.minimum_jurors"],
        "nothing would be left of the fewest jurors' scores: minimum_jurors must be above twice trim",
    );
    found.add_if_at(i, panel.weight == 0, ["panel.weight", "panel.weight"], "a weight is at least 1");
    found.add_if_at(
        i,
        !panel.jurors.is_empty() && panel.jurors.len() < panel.minimum_jurors as usize,
        ["panel.jurors", "panel.minimum_jurors"],
        "no entry would have a figure: the panel has fewer jurors than minimum_jurors",
    );
    let twice = duplicate_positions(panel.jurors.iter()).next().is_some();
    found.add_if_at(i, twice, ["panel.jurors", "panel.jurors"], "a juror is there more than once");
}

/// What panels have to be together.
fn panels(rules: &Rules, found: &mut ContradictionList) {
    found.add_if(rules.panels.len() > MAX_LIST_LENGTH, ["panel", "panel"], TOO_MANY);
    for i in duplicate_positions(rules.panels.iter().map(|panel| &panel.id)) {
        found.add_if_at(i, true, ["panel.id", "panel.id"], "it is the id of an earlier panel");
    }
    found.add_if(
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
        found.add_if_at(i, true, keys, "a share of the scores is only there where no score is below zero");
    }
    let Some(first) = rules.panels.first().filter(|_| rules.scores_decide()) else { return };
    let is_score = |panel: &Panel| panel.kind == PanelKind::Score;
    let other_scale =
        |panel: &Panel, first: &Panel| panel.scale.zip(first.scale).is_some_and(|(one, other)| one != other);
    if let Some(i) = rules.panels.iter().position(|panel| is_score(panel) != is_score(first)) {
        let keys = ["panel.kind", "winners.by"];
        found.add_if_at(i, true, keys, "a mean on a scale and a sum of points do not add up to one figure");
    } else if let Some(i) = rules.panels.iter().position(|panel| other_scale(panel, first)) {
        let keys = ["panel.scale", "winners.by"];
        found.add_if_at(i, true, keys, "the panels' scores make one figure, so that all are on one scale");
    }
}

fn limits(rules: &Rules, found: &mut ContradictionList) {
    found.add_if(rules.limits.len() > MAX_LIST_LENGTH, ["limit", "limit"], TOO_MANY);
    for (i, limit) in rules.limits.iter().enumerate() {
        let number = limit.categories.len();
        found.add_if_at(
            i,
            number < 2,
            ["limit.categories", "limit.categories"],
            "it is over at least two categories",
        );
        let twice = duplicate_positions(limit.categories.iter()).next().is_some();
        found.add_if_at(
            i,
            twice,
            ["limit.categories", "limit.categories"],
            "a category is there more than once",
        );
        found.add_if_at(
            i,
            limit.most == 0,
            ["limit.most", "limit.most"],
            "no ballot could vote in any of them",
        );
        found.add_if_at(
            i,
            number >= 2 && limit.most as usize >= number,
            ["limit.most", "limit.categories"],
            "it limits nothing: there are no more categories",
        );
        found.add_if_at(
            i,
            rules.ballot.completion == Completion::All && (limit.most as usize) < number,
            ["limit.most", "ballot.completion"],
            "completion = \"all\" asks for a vote in every category",
        );
    }
}

fn draw(rules: &Rules, found: &mut ContradictionList) {
    let drawn = rules.winners.ties == WinnerTies::Draw
        || rules.champions.as_ref().is_some_and(|champions| champions.ties == ChampionTies::Draw);
    found.add_if(
        rules.draw.is_some() && !drawn,
        ["draw", "winners.ties"],
        "nothing is drawn: no ties = \"draw\" is there",
    );
}

/// Positions of what an earlier one equals.
fn duplicate_positions<T: Eq + Hash>(items: impl Iterator<Item = T>) -> impl Iterator<Item = usize> {
    let mut seen = HashSet::new();
    items.enumerate().filter_map(move |(i, item)| (!seen.insert(item)).then_some(i))
}

#[cfg(test)]
mod tests;
