//! Rules about single categories: limits over several categories, and a category's own numbers.

use std::collections::HashMap;

use acclaim_contest::{
    CategoryId,
    rules::{Limit, Period},
};
use maud::{Markup, html};

use super::super::words::{isolate_text, join_list, name, pluralize};
use crate::document::{
    Document,
    category::{CategoryResult, OwnRules},
};

/// The limits on the number of categories in which a voter votes.
pub(super) fn limits(document: &Document) -> Markup {
    let rules = &document.rules;
    let titles: HashMap<&CategoryId, &str> =
        document.categories.iter().map(|category| (&category.id, category.title.as_str())).collect();
    let where_counted = match (rules.channels.is_empty(), rules.ballot.period) {
        (true, Period::Once) => "A voter",
        (true, Period::Day) => "On each day a voter",
        (true, Period::Counted) => "With each numbered ballot a voter",
        (false, Period::Once) => "In each channel a voter",
        (false, Period::Day) => "In each channel and on each day a voter",
        (false, Period::Counted) => "In each channel and with each numbered ballot a voter",
    };
    html! {
        @if !rules.limits.is_empty() {
            div {
                dt { "Limits" }
                dd {
                    ul { @for one in &rules.limits { li { (limit(where_counted, one, &titles)) } } }
                }
            }
        }
    }
}

fn limit(where_counted: &str, limit: &Limit, titles: &HashMap<&CategoryId, &str>) -> Markup {
    let categories: Vec<Markup> = limit
        .categories
        .iter()
        .map(|category| match titles.get(category) {
            Some(title) => name(title),
            None => html! { code { (category) } },
        })
        .collect();
    html! {
        (where_counted) " votes in at most " (limit.most) " of these "
        (pluralize(categories.len() as u64, "category", "categories")) ": " (join_list(&categories)) "."
    }
}

/// The categories that have their own numbers.
pub(super) fn own_rules(document: &Document) -> Markup {
    let own: Vec<(&CategoryResult, &OwnRules)> = document
        .categories
        .iter()
        .filter_map(|category| Some((category, category.own_rules.as_ref()?)))
        .collect();
    html! {
        @if !own.is_empty() {
            div {
                dt { "Categories with their own numbers" }
                dd {
                    ul {
                        @for (category, own) in own {
                            li { a href={ "#category-" (category.id) } { (isolate_text(&category.title)) } ": " (own_numbers(own)) "." }
                        }
                    }
                }
            }
        }
    }
}

/// Returns the numbers as text: `from 1 to 2 votes on a ballot, 3 champions and 1 winner`.
pub(in super::super) fn own_numbers(own: &OwnRules) -> Markup {
    let mut numbers = Vec::new();
    if let Some([least, most]) = own.votes {
        let most_votes = pluralize(u64::from(most), "vote", "votes");
        numbers.push(match least == most {
            true => html! { (most_votes) " on a ballot" },
            false => html! { "from " (least) " to " (most_votes) " on a ballot" },
        });
    }
    if let Some(champions) = own.champions {
        numbers.push(html! { (pluralize(u64::from(champions), "champion", "champions")) });
    }
    if let Some(winners) = own.winners {
        numbers.push(html! { (pluralize(u64::from(winners), "winner", "winners")) });
    }
    join_list(&numbers)
}
