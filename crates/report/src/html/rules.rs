//! The rules of the contest, in words.

mod by_category;

use acclaim_contest::{
    Rules,
    rules::{
        AdmissionRules, BallotRules, ChampionRules, ChampionTies, Completion, Panel, PanelKind, Period,
        Revision, WinnerRules, WinnerTies, WinnersBy, WinnersFrom,
    },
};
use maud::{Markup, html};

pub(super) use self::by_category::own_numbers;
use super::{
    jurors::names,
    words::{group_digits, instant, isolate_text, join_list, pluralize, with_minus_sign},
};
use crate::document::Document;

pub(super) fn section(rules: &Rules, document: &Document) -> Markup {
    html! {
        section id="rules" aria-labelledby="rules-title" {
            h2 id="rules-title" { "The rules" }
            p class="muted" { (if document.should_show_votes() { "Fixed before the first vote, and the first entry of the log." } else { "Fixed before the opening, and the first entry of the log." }) }
            dl class="said" {
                @if let Some(admission) = rules.admission.as_ref().filter(|_| document.should_show_votes()) { div { dt { "Voters" } dd { (voters(admission)) } } }
                @if document.should_show_votes() { div { dt { "A ballot" } dd { (ballot(&rules.ballot)) } } }
                (by_category::limits(document))
                @if !rules.channels.is_empty() { div { dt { "Channels" } dd { (channels(rules)) } } }
                @if let Some(champions) = &rules.champions { div { dt { "Champions" } dd { (champion(champions)) } } }
                div { dt { "Winners" } dd { (winner(&rules.winners)) } }
                (by_category::own_rules(document))
                @for rule in &rules.panels { div { dt { "Panel " code { (rule.id) } } dd { (panel(rule)) } } }
                @if let Some(draw) = &rules.draw {
                    div {
                        dt { "Lots" }
                        dd {
                            "Drawn with a seed from: " (isolate_text(&draw.source)) ". "
                            @match &document.draw {
                                Some(drawn) => {
                                    "Seed " code { (isolate_text(&drawn.seed)) } ", from " (isolate_text(&drawn.source)) ", entered by " (isolate_text(&drawn.by))
                                    " on " (instant(document, drawn.at)) ", entry " (group_digits(drawn.index)) " of the log."
                                }
                                None => "No seed is logged, so that ties which lots would decide stay.",
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The ways of admission.
fn voters(admission: &AdmissionRules) -> Markup {
    let ways: Vec<Markup> = admission
        .methods
        .iter()
        .map(|method| match method.as_str() {
            "pass" => html! { "a pass from the organiser" },
            "code" => html! { "a printed code" },
            "email" => html! { "an e-mail address" },
            "sms" => html! { "a telephone number" },
            "oidc" => html! { "an account elsewhere" },
            "open" => html! { "no proof of who they are" },
            other => html! { code { (isolate_text(other)) } },
        })
        .collect();
    html! {
        "Voters are admitted by " (join_list(&ways)) "."
        @if ways.len() > 1 { " There is one vote for each way." }
    }
}

fn ballot(rules: &BallotRules) -> Markup {
    let [least, most] = rules.votes_per_category;
    html! {
        @if least == most { (pluralize(u64::from(most), "vote", "votes")) " in a category. " }
        @else { "From " (least) " to " (most) " votes in a category. " }
        @if let Some(most) = rules.votes_in_all { "At most " (pluralize(u64::from(most), "vote", "votes")) " in all. " }
        @match rules.completion {
            Completion::Any => {}
            Completion::All => "A voter counts only with a vote in every category. ",
        }
        @match rules.period {
            Period::Once => {}
            Period::Day => "Once a day. ",
            Period::Counted => { "Up to " (pluralize(u64::from(rules.ballots_per_voter.unwrap_or(0)), "ballot", "ballots")) " a voter. " }
        }
        @match rules.revision {
            Revision::Final => "A vote is final.",
            Revision::Replace => {
                "A voter may replace a ballot "
                @if let Some(most) = rules.revisions { (pluralize(u64::from(most), "time", "times")) } @else { "again" }
                " until closing."
            }
        }
    }
}

fn channels(rules: &Rules) -> Markup {
    let channels: Vec<Markup> = rules
        .channels
        .iter()
        .map(|channel| html! { code { (channel.id) } " with weight " (channel.weight) })
        .collect();
    html! { "An entry’s share is the weighted mean of its shares of each channel’s votes: " (join_list(&channels)) "." }
}

fn champion(rules: &ChampionRules) -> Markup {
    html! {
        "The first " (group_digits(u64::from(rules.count))) " by votes in each category"
        @if rules.minimum_votes > 0 { ", with at least " (pluralize(rules.minimum_votes, "vote", "votes")) }
        ". "
        @match rules.ties {
            ChampionTies::Include => "Of entries tied at the cut all are champions.",
            ChampionTies::Earliest => "Of entries tied at the cut those come first that were first to reach their total.",
            ChampionTies::Draw => "Among entries tied at the cut lots decide.",
        }
    }
}

fn winner(rules: &WinnerRules) -> Markup {
    html! {
        (pluralize(u64::from(rules.count), "winner", "winners")) " in each category, "
        @match rules.from { WinnersFrom::Champions => "from the champions", WinnersFrom::All => "from all entries" }
        ", "
        @match rules.by {
            WinnersBy::Votes => "by votes",
            WinnersBy::Scores => "by the panels’ scores",
            WinnersBy::Weighted => {
                "by votes with weight " (rules.votes_weight.unwrap_or(0)) " and scores with weight " (rules.scores_weight.unwrap_or(0))
            }
            WinnersBy::Choice => "by the panel’s choice",
        }
        "."
        @if rules.by != WinnersBy::Choice {
            " "
            @match &rules.ties {
                WinnerTies::Report => "Tied entries share the place.",
                WinnerTies::Votes => "Of tied entries the one with more votes comes first.",
                WinnerTies::Panel(panel) => { "Of tied entries the one with the higher figure at panel " code { (panel) } " comes first." }
                WinnerTies::Earliest => "Of tied entries the one comes first that was first to reach its total.",
                WinnerTies::Draw => "Among tied entries lots decide.",
                WinnerTies::Countback => "Of tied entries the one comes first to which more jurors gave the highest value, then the next lower one.",
            }
        }
    }
}

fn panel(panel: &Panel) -> Markup {
    let criteria: Vec<Markup> = panel
        .criteria
        .iter()
        .map(|(name, weight)| html! { (isolate_text(name)) " (" (weight) ")" })
        .collect();
    let points: Vec<String> = panel.points.iter().map(u32::to_string).collect();
    html! {
        @match panel.kind {
            PanelKind::Score => {
                "The mean of the jurors’ scores"
                @if let Some([lowest, highest]) = panel.scale {
                    " from " (with_minus_sign(&lowest.to_string())) " to " (with_minus_sign(&highest.to_string()))
                }
            }
            PanelKind::Points => "The sum of the jurors’ points",
            PanelKind::Rank => { "The sum of points for the jurors’ ranks: " (points.join(", ")) }
        }
        "."
        @if !criteria.is_empty() { " Criteria with their weights: " (join_list(&criteria)) "." }
        @if panel.trim > 0 {
            " Of each entry the " (panel.trim) " lowest and the " (panel.trim) " highest are dropped."
        }
        @if panel.minimum_jurors > 1 { " An entry with fewer than " (panel.minimum_jurors) " jurors has no figure." }
        @if panel.weight != 1 { " The panel has weight " (panel.weight) "." }
        @if !panel.jurors.is_empty() { " Only these jurors judge: " (names(&panel.jurors)) "." }
    }
}
