//! Property tests: each definition written as JSON is read back to an equal value.

use acclaim_contest::{
    Category, Definition, Entry, Instant, Overrides, PreviousRound, Rounds, Titles,
    rules::{
        AdmissionRules, BallotRules, CastTime, ChampionRules, ChampionTies, Channel, Completion, Draw, Panel,
        PanelKind, Period, Publication, PublishEntries, PublishResult, PublishStandings, Revision, Rules,
        WinnerRules, WinnersBy, WinnersFrom,
    },
};
use proptest::{collection::vec, option, prelude::*, sample::select};

fn title() -> impl Strategy<Value = String> {
    "[^\\p{Cc}\u{202a}-\u{202e}\u{2066}-\u{2069}\u{fffd}]{0,20}[!-~é語🎉\"\\\\][^\\p{Cc}\u{202a}-\u{202e}\u{2066}-\u{2069}\u{fffd}]{0,20}[\n\t]?"
}

fn titles() -> impl Strategy<Value = Titles> {
    prop::collection::btree_map("[a-z]{2,3}(-[A-Z]{2})?", title(), 0..3)
}

fn address() -> impl Strategy<Value = String> {
    "https?://[!-~é]{1,30}"
}

/// A number that belongs to a rule: always present with the rule, and seldom without it.
fn number_of<T: Copy>(rule: bool, number: T, stray: bool) -> Option<T> {
    (rule != stray).then_some(number)
}

fn ballot_rules() -> impl Strategy<Value = BallotRules> {
    let completion = select(vec![Completion::Any, Completion::All]);
    let cast_time = select(vec![CastTime::Minute, CastTime::Hour, CastTime::Day]);
    let revision = (any::<bool>(), 1u32..=1000, prop::bool::weighted(0.05));
    let period = select(vec![Period::Once, Period::Day, Period::Counted]);
    let period = (period, 1u32..=10_000, prop::bool::weighted(0.05));
    let votes = (1u32..=3, 3u32..=1000, option::weighted(0.5, 1u32..=20_000));
    (votes, completion, revision, period, cast_time).prop_map(
        |((least, most, votes_in_all), completion, revision, (period, ballots, stray_ballots), cast_time)| {
            let (replace, revisions, stray) = revision;
            let counted = period == Period::Counted;
            BallotRules {
                votes_per_category: [least, most],
                votes_in_all,
                completion: if votes_in_all.is_some() { Completion::Any } else { completion },
                revision: if replace { Revision::Replace } else { Revision::Final },
                // Missing numbers are filled in, so that only superfluous numbers are wrong.
                revisions: number_of(replace, revisions, stray && !replace),
                period,
                ballots_per_voter: number_of(counted, ballots, stray_ballots && !counted),
                cast_time,
            }
        },
    )
}

fn panel() -> impl Strategy<Value = Panel> {
    let kind = select(vec![PanelKind::Score, PanelKind::Points, PanelKind::Rank]);
    let numbers = (select(vec![0u32, 0, 1, 5]), 1u32..=20, 1u32..=1_000_000);
    let stray = prop::bool::weighted(0.1);
    (kind, select(vec![[0i64, 10], [1, 5], [-3, 3]]), numbers, stray).prop_map(
        |(kind, scale, (trim, minimum_jurors, weight), stray)| Panel {
            id: "p".parse().unwrap(),
            kind,
            scale: number_of(kind == PanelKind::Score, scale, stray && kind != PanelKind::Score),
            criteria: number_of(kind == PanelKind::Score, vec![("impact".to_owned(), 2)].as_slice(), stray)
                .map_or_else(Vec::new, <[_]>::to_vec),
            points: number_of(kind == PanelKind::Rank, [12, 10].as_slice(), stray && kind != PanelKind::Rank)
                .map_or_else(Vec::new, <[_]>::to_vec),
            trim,
            minimum_jurors,
            weight,
            jurors: Vec::new(),
        },
    )
}

fn winner_rules() -> impl Strategy<Value = WinnerRules> {
    let by = vec![WinnersBy::Votes, WinnersBy::Scores, WinnersBy::Weighted, WinnersBy::Choice];
    let ties = ["report", "votes", "earliest", "draw", "panel:p0", "panel:p1"];
    let weights = (1u32..=1_000_000, 1u32..=1_000_000, prop::bool::weighted(0.05));
    (1u32..=100_000, any::<bool>(), select(by), weights, select(ties.to_vec())).prop_map(
        |(count, from_all, by, (votes, scores, stray), ties)| {
            let weighted = by == WinnersBy::Weighted;
            WinnerRules {
                count,
                from: if from_all { WinnersFrom::All } else { WinnersFrom::Champions },
                by,
                votes_weight: number_of(weighted, votes, stray),
                scores_weight: number_of(weighted, scores, stray),
                ties: ties.parse().unwrap(),
            }
        },
    )
}

/// Rules of every kind. Many of them contradict themselves.
fn any_rules() -> impl Strategy<Value = Rules> {
    let champion_ties = select(vec![ChampionTies::Include, ChampionTies::Earliest, ChampionTies::Draw]);
    let champions = (1u32..=100_000, 0u64..(1 << 53), champion_ties)
        .prop_map(|(count, minimum_votes, ties)| ChampionRules { count, minimum_votes, ties });
    let publication = (
        select(vec![PublishStandings::Organisers, PublishStandings::Public, PublishStandings::AfterClose]),
        select(vec![PublishEntries::Live, PublishEntries::AfterClose, PublishEntries::Certified]),
        select(vec![PublishResult::Closed, PublishResult::Certified]),
    )
        .prop_map(|(standings, entries, result)| Publication { standings, entries, result });
    let draw = option::of(title().prop_map(|source| Draw { source }));
    let lists = (vec(1u32..=1_000_000, 0..3), vec(panel(), 0..3));
    (ballot_rules(), lists, option::of(champions), winner_rules(), draw, publication).prop_map(
        |(ballot, (weights, mut panels), champions, winners, draw, publication)| {
            for (i, panel) in panels.iter_mut().enumerate() {
                panel.id = format!("p{i}").parse().unwrap();
            }
            let channel = |(i, weight)| Channel { id: format!("channel-{i}").parse().unwrap(), weight };
            let channels = weights.into_iter().enumerate().map(channel).collect();
            let admission = Some(AdmissionRules { methods: vec!["pass".to_owned()] });
            let limits = Vec::new();
            Rules { ballot, channels, champions, winners, panels, draw, publication, limits, admission }
        },
    )
}

fn rules() -> impl Strategy<Value = Rules> {
    any_rules().prop_filter("no contradiction", |rules| rules.contradictions().is_empty())
}

fn definition() -> impl Strategy<Value = Definition> {
    definition_by(rules())
}

fn definition_by(rules: impl Strategy<Value = Rules>) -> impl Strategy<Value = Definition> {
    let entry = (
        (title(), titles()),
        option::of(title()),
        option::of(address()),
        option::of(address()),
        vec((title(), title()), 0..4),
    );
    let category = (title(), titles(), vec(entry, 3..6));
    let zone = select(vec!["UTC", "Europe/Zurich", "America/Argentina/Buenos_Aires", "Asia/Kathmandu"]);
    let window = (0i64..4_000_000_000, 1i64..80_000_000);
    let previous = option::of((1u64..1 << 53, "[A-Za-z0-9+/]{42}", "[0-9a-f]{64}"));
    ((title(), titles(), any::<bool>()), zone, window, rules, vec(category, 1..4), previous).prop_map(
        |((title, titles, test), zone, (opens, length), rules, content, previous)| {
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
                categories.push(Category { id, title, titles, votes: None, champions: None, winners: None });
            }
            Definition {
                rounds: previous.map(|(size, root, result)| Rounds {
                    from: "longlist".parse().unwrap(),
                    previous: Some(PreviousRound {
                        origin: "vote.example.org/longlist".to_owned(),
                        size,
                        root: format!("{root}A="),
                        result,
                    }),
                }),
                id: "any.contest_1".parse().unwrap(),
                title,
                titles,
                test,
                time_zone: zone.to_owned(),
                opens: Instant::from_seconds(opens).unwrap(),
                closes: Instant::from_seconds(opens + length).unwrap(),
                rules,
                categories,
                entries,
            }
        },
    )
}

proptest! {
    #[test]
    fn json_round_trips(definition in definition()) {
        let json = definition.to_json();
        let read = Definition::from_json(json.as_bytes(), &Overrides::default());
        prop_assert_eq!(read.as_ref().map_err(ToString::to_string), Ok(&definition), "{}", json);
        // Pretty-printed JSON with another key order is the same contest.
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(Definition::from_json(pretty.as_bytes(), &Overrides::default()).unwrap(), definition);
    }

    #[test]
    fn toml_and_json_have_same_structure(definition in definition()) {
        let value: toml::Value = serde_json::from_str(&definition.to_json()).unwrap();
        let text = toml::to_string(&value).unwrap();
        let read = Definition::from_toml(text.as_bytes(), &mut |_| Err(String::new()), &Overrides::default());
        prop_assert_eq!(read.map_err(|mistakes| mistakes.to_string()), Ok(definition), "{}", text);
    }

    /// Each contradiction is refused with both of its keys. Rules without contradictions are
    /// accepted.
    #[test]
    fn refuses_exactly_contradictory_rules(
        definition in definition_by(any_rules())
    ) {
        let contradictions = definition.rules.contradictions();
        let read = Definition::from_json(definition.to_json().as_bytes(), &Overrides::default());
        let Err(mistakes) = read else {
            prop_assert_eq!(&contradictions, &[]);
            return Ok(());
        };
        let messages: Vec<String> = mistakes.0.iter().map(ToString::to_string).collect();
        for contradiction in contradictions {
            let last = |key: &str| key.rsplit('.').next().unwrap().to_owned();
            let [one, other] = contradiction.keys.map(last);
            let mentions = |text: &String| text.contains(&one) && text.contains(&other) && text.contains(contradiction.reason);
            // A missing weight or scale is only reported as missing.
            let missing = |text: &String| text.contains("is missing") && text.contains("weight");
            prop_assert!(messages.iter().any(|text| mentions(text) || missing(text)), "{contradiction:?} {messages:#?}");
        }
    }
}
