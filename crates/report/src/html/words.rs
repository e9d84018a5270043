//! Formats texts, numbers, times and bars for the page.

use std::borrow::Cow;

use acclaim_contest::{
    Instant, Rules,
    rules::{WinnerTies, WinnersBy},
};
use acclaim_text::shortened;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use crate::document::{Document, category::Rule, figure::Figure};

/// The longest name in lists that repeat names, in characters.
///
/// The bound keeps the page from growing much longer than its document.
const MAX_NAME: usize = 200;

/// Returns a text from outside, escaped and isolated from the direction of the text around it.
pub(super) fn isolate_text(text: &str) -> Markup {
    html! { bdi { (clean(text)) } }
}

/// Returns a name for a list that may repeat it: isolated, and cut off if it is very long.
///
/// The name is of a juror, an entry or a category.
pub(super) fn name(text: &str) -> Markup {
    isolate_text(&shortened(text, MAX_NAME))
}

/// Replaces control characters, which HTML does not allow. Line breaks become spaces.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let replaced = text.chars().map(|character| match character {
        '\n' | '\t' | '\r' => ' ',
        control if control.is_control() => char::REPLACEMENT_CHARACTER,
        other => other,
    });
    Cow::Owned(replaced.collect())
}

/// Returns a number with separators: `1,234,567`.
pub(super) fn group_digits(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a number with its noun: `1 vote`, `1,234 votes`.
pub(super) fn pluralize(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {many}", group_digits(number)) }
}

/// Returns the items as a list: `first, second and third`.
pub(super) fn join_list(items: &[Markup]) -> Markup {
    html! {
        @for (number, item) in items.iter().enumerate() {
            @if number > 0 {
                @if number + 1 == items.len() { " and " } @else { ", " }
            }
            (item)
        }
    }
}

/// Returns a time: `1 March 2021, 00:00 UTC (01:00 in Europe/Zurich)`.
///
/// The `time` element also has a `datetime` attribute for programs. The local time is absent if the
/// contest's time zone is unknown or equals UTC. It is also absent for documents of version 1,
/// because their pages do not change.
pub(super) fn instant(document: &Document, instant: Instant) -> Markup {
    let time = instant.timestamp();
    let clock = if time.as_second() % 60 == 0 { "%H:%M" } else { "%H:%M:%S" };
    let date = "%-d %B %Y, ";
    let zone = document.time_zone.as_ref().filter(|zone| document.v >= 2 && !zone.is_utc_at(instant));
    html! {
        time datetime=(instant) { (time.strftime(&format!("{date}{clock} UTC"))) }
        @if let Some(zone) = zone {
            @let there = zone.at(instant);
            @let is_same_day = there.date() == TimeZone::UTC.to_datetime(time).date();
            " (" (there.strftime(&format!("{}{clock}", if is_same_day { "" } else { date }))) " in " (zone.name()) ")"
        }
    }
}

/// Replaces a leading hyphen by a minus sign, which screen readers read as "minus".
///
/// `figure` is a figure, or a text that may be one.
pub(super) fn with_minus_sign(figure: &str) -> Cow<'_, str> {
    match figure.strip_prefix('-') {
        Some(rest) if rest.starts_with(|first: char| first.is_ascii_digit()) => format!("−{rest}").into(),
        _ => figure.into(),
    }
}

/// Returns a figure with its unit and a bar. `whole` is the figure of the full bar, in hundredths.
///
/// Without `whole` there is no bar.
pub(super) fn measure(figure: &Figure, unit: &str, whole: Option<u128>) -> Markup {
    html! {
        span class="measure" {
            @if let Some(whole) = whole { (bar(figure, whole)) }
            span { (with_minus_sign(figure.as_str())) (unit) }
        }
    }
}

/// Returns a bar. The figure stands beside it as text, so the bar is hidden from screen readers.
///
/// The bar is an SVG drawing and not a background. It is therefore printed, and it appears even if
/// the browser forces its own colours.
fn bar(part: &Figure, whole: u128) -> Markup {
    let part = part.hundredths().unsigned_abs();
    let basis_points = part.saturating_mul(10_000).checked_div(whole).unwrap_or(0).min(10_000);
    let width = format!("{}.{:02}%", basis_points / 100, basis_points % 100);
    html! {
        svg class="bar" aria-hidden="true" focusable="false" {
            rect class="track" width="100%" height="100%" {}
            rect class="fill" width=(width) height="100%" {}
        }
    }
}

/// Returns the largest figure, in hundredths, which the longest bar represents.
///
/// `None` if a figure is below zero, because a bar cannot show it.
pub(super) fn largest<'a>(figures: impl Iterator<Item = &'a Figure>) -> Option<u128> {
    figures
        .map(|figure| u128::try_from(figure.hundredths()).ok())
        .try_fold(0, |largest, one| Some(largest.max(one?)))
}

/// Returns the unit of the figures that decide the winners.
pub(super) fn unit(rules: &Rules) -> &'static str {
    if rules.winners.by == WinnersBy::Weighted { "%" } else { "" }
}

/// Returns a rank as text. `2=` is a shared rank.
pub(super) fn rank(rank: u64, tied: bool) -> Markup {
    html! {
        (group_digits(rank))
        @if tied { span aria-hidden="true" { "=" } span class="heard" { " tied" } }
    }
}

/// Returns the words for the rule that gave an entry its place.
pub(super) fn decided_by(rule: Rule, rules: &Rules) -> Markup {
    let by_panel = match &rules.winners.ties {
        WinnerTies::Panel(panel) => html! { "tied, placed by the figure of panel " code { (panel) } },
        _ => html! { "tied, placed by the figure of a panel" },
    };
    match rule {
        Rule::Votes => html! { "by votes" },
        Rule::Scores => html! { "by scores" },
        Rule::Weighted => html! { "by votes and scores" },
        Rule::Include => html! { "tied at the cut, where all are included" },
        Rule::Report => html! { "tied, where all share the place" },
        Rule::Earliest => html! { "tied, was first to reach its total" },
        Rule::Draw => html! { "tied, placed by lot" },
        Rule::Panel => by_panel,
        Rule::Countback => html! { "tied, placed by countback" },
        Rule::Shared => html! { "tied, and nothing breaks the tie" },
        Rule::Choice => html! { "chosen by the panel" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let numbers =
            [(0, "0"), (999, "999"), (1000, "1,000"), (123_456, "123,456"), (1_234_567, "1,234,567")];
        for (number, text) in numbers {
            assert_eq!(group_digits(number), text);
        }
        assert_eq!(group_digits(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn joins_lists_with_commas_and_and() {
        let items = |count: usize| (0..count).map(|item| html! { (item) }).collect::<Vec<_>>();
        let text = |count| join_list(&items(count)).into_string();
        assert_eq!([text(0), text(1), text(2), text(3)], ["", "0", "0 and 1", "0, 1 and 2"]);
    }

    #[test]
    fn a_bar_is_at_most_full() {
        let figure = |text: &str| serde_json::from_value::<Figure>(text.into()).unwrap();
        for (part, whole, width) in [
            ("5.00", 1000, "50.00%"),
            ("1.00", 300, "33.33%"),
            ("9.00", 100, "100.00%"),
            ("0.00", 0, "0.00%"),
        ] {
            let bar = bar(&figure(part), whole).into_string();
            assert!(bar.contains(&format!("class=\"fill\" width=\"{width}\"")), "{bar}");
        }
        let huge = figure(&format!("{}.00", "9".repeat(30)));
        assert!(bar(&huge, huge.hundredths().unsigned_abs()).into_string().contains("%"));
    }

    #[test]
    fn figures_below_zero_have_a_minus_sign_and_no_bars() {
        let figures: Vec<Figure> =
            ["2.00", "-1.50"].map(|text| serde_json::from_value::<Figure>(text.into()).unwrap()).into();
        assert_eq!((largest(figures.iter()), largest(figures.iter().take(1))), (None, Some(200)));
        assert_eq!(largest([].iter()), Some(0));
        let text = measure(&figures[1], "", None).into_string();
        assert!(text.contains("−1.50") && !text.contains("svg"), "{text}");
        assert_eq!((&*with_minus_sign("-x"), &*with_minus_sign("-3")), ("-x", "−3"));
    }

    #[test]
    fn cuts_off_long_names() {
        let long = "é".repeat(MAX_NAME);
        assert_eq!(name(&long).into_string(), format!("<bdi>{long}</bdi>"));
        assert_eq!(name(&format!("{long}é")).into_string(), format!("<bdi>{long}…</bdi>"));
    }
}
