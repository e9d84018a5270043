//! A definition written as JSON reads back to the same, whatever it holds.

use acclaim_contest::{
    Category, Definition, Entry, Instant, Overrides, Titles,
    rules::{
        BallotRules, CastTime, ChampionRules, ChampionTies, Completion, Period, Publication, PublishEntries,
        PublishResult, PublishStandings, Revision, Rules, WinnerRules, WinnerTies, WinnersBy, WinnersFrom,
    },
};
use proptest::{collection::vec, option, prelude::*, sample::select};

fn title() -> impl Strategy<Value = String> {
    "[^\\p{Cc}]{0,20}[!-~é語🎉\"\\\\][^\\p{Cc}]{0,20}[\n\t]?"
}

fn titles() -> impl Strategy<Value = Titles> {
    prop::collection::btree_map("[a-z]{2,3}(-[A-Z]{2})?", title(), 0..3)
}

fn address() -> impl Strategy<Value = String> {
    "https?://[!-~é]{1,30}"
}

fn ballot_rules() -> impl Strategy<Value = BallotRules> {
    let completion = select(vec![Completion::Any, Completion::All]);
    let cast_time = select(vec![CastTime::Minute, CastTime::Hour, CastTime::Day]);
    (1u32..=1000, option::of(1000u32..=1_000_000), completion, option::of(1u32..=1000), cast_time).prop_map(
        |(most, votes_in_all, completion, revisions, cast_time)| BallotRules {
            votes_per_category: [1, most],
            votes_in_all,
            completion,
            revision: if revisions.is_some() { Revision::Replace } else { Revision::Final },
            revisions,
            period: Period::Once,
            ballots_per_voter: None,
            cast_time,
        },
    )
}

fn rules() -> impl Strategy<Value = Rules> {
    let champion_ties = select(vec![ChampionTies::Include, ChampionTies::Earliest]);
    let champions = (1u32..=100_000, 0u64..(1 << 53), champion_ties)
        .prop_map(|(count, minimum_votes, ties)| ChampionRules { count, minimum_votes, ties });
    let winners = (
        1u32..=100_000,
        any::<bool>(),
        select(vec![WinnersBy::Votes, WinnersBy::Choice]),
        select(vec![WinnerTies::Report, WinnerTies::Earliest]),
    );
    let publication = (
        select(vec![PublishStandings::Organisers, PublishStandings::Public, PublishStandings::AfterClose]),
        select(vec![PublishEntries::Live, PublishEntries::AfterClose]),
        select(vec![PublishResult::Closed, PublishResult::Certified]),
    )
        .prop_map(|(standings, entries, result)| Publication { standings, entries, result });
    (ballot_rules(), option::of(champions), winners, publication).prop_map(
        |(ballot, champions, (count, from_all, by, ties), publication)| {
            let from =
                if from_all || champions.is_none() { WinnersFrom::All } else { WinnersFrom::Champions };
            let most = champions.as_ref().map_or(u32::MAX, |champions| champions.count);
            let count = if from == WinnersFrom::Champions { count.min(most) } else { count };
            let winners = WinnerRules { count, from, by, votes_weight: None, scores_weight: None, ties };
            Rules { ballot, channels: vec![], champions, winners, panels: vec![], draw: None, publication }
        },
    )
}

fn definition() -> impl Strategy<Value = Definition> {
    let entry = (
        (title(), titles()),
        option::of(title()),
        option::of(address()),
        option::of(address()),
        vec((title(), title()), 0..4),
    );
    let category = (title(), titles(), vec(entry, 1..4));
    let zone = select(vec!["UTC", "Europe/Zurich", "America/Argentina/Buenos_Aires", "Asia/Kathmandu"]);
    let window = (0i64..4_000_000_000, 1i64..100_000_000);
    ((title(), titles(), any::<bool>()), zone, window, rules(), vec(category, 1..4)).prop_map(
        |((title, titles, test), zone, (opens, length), rules, content)| {
            let (mut categories, mut entries) = (Vec::new(), Vec::new());
            for (i, (title, titles, candidates)) in content.into_iter().enumerate() {
                let id: acclaim_contest::CategoryId = format!("c{i}").parse().unwrap();
                for ((title, titles), summary, image, url, details) in candidates {
                    let entry_id = format!("e-{}", entries.len()).parse().unwrap();
                    let category = id.clone();
                    entries.push(Entry {
                        id: entry_id,
                        category,
                        title,
                        titles,
                        summary,
                        image,
                        url,
                        details,
                    });
                }
                categories.push(Category { id, title, titles });
            }
            Definition {
                id: "any.contest_1".parse().unwrap(),
                title,
                titles,
                test,
                time_zone: zone.to_owned(),
                opens: Instant::from_seconds(opens).unwrap(),
                closes: Instant::from_seconds(opens + length).unwrap(),
                rules,
                admission: vec!["pass".to_owned()],
                categories,
                entries,
            }
        },
    )
}

proptest! {
    #[test]
    fn json_reads_back_to_the_same(definition in definition()) {
        let json = definition.to_json();
        let read = Definition::from_json(json.as_bytes(), &Overrides::default());
        prop_assert_eq!(read.as_ref().map_err(ToString::to_string), Ok(&definition), "{}", json);
        // Written out prettily, with its keys in another order, it is the same contest.
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(Definition::from_json(pretty.as_bytes(), &Overrides::default()).unwrap(), definition);
    }

    #[test]
    fn toml_and_json_are_the_same_structure(definition in definition()) {
        let value: toml::Value = serde_json::from_str(&definition.to_json()).unwrap();
        let text = toml::to_string(&value).unwrap();
        let read = Definition::from_toml(text.as_bytes(), &mut |_| Err(String::new()), &Overrides::default());
        prop_assert_eq!(read.map_err(|mistakes| mistakes.to_string()), Ok(definition), "{}", text);
    }
}
