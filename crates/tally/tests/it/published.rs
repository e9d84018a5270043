//! Published results of other contests, computed again from their published data.
//!
//! A test that needs the data sets is skipped if they are not available.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::{Path, PathBuf},
};

use acclaim_ballot_log::{Event, NewBallot, entry::opening_events};
use acclaim_contest::{ContestId, Definition, Overrides, TagKey};
use acclaim_tally::Replay;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::line;

/// A folder of the data sets. If it does not exist, prints a line that says so and returns `None`.
fn data(name: &str) -> Option<PathBuf> {
    let sets = std::env::var_os("ACCLAIM_DATA_SETS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let folder = sets.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: {} does not exist", folder.display());
    None
}

fn rows<T: for<'de> Deserialize<'de>>(source: impl Read) -> Vec<T> {
    csv::Reader::from_reader(source).deserialize().map(Result::unwrap).collect()
}

fn file(path: &Path) -> std::fs::File {
    std::fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The log of a contest, from its definition on.
struct Contest {
    replay: Replay,
    id: ContestId,
}

impl Contest {
    fn open(definition: &Value) -> Self {
        let definition =
            Definition::from_json(definition.to_string().as_bytes(), &Overrides::default()).unwrap();
        let mut contest =
            Self { replay: Replay::without_tiles("example.org/published"), id: definition.id.clone() };
        opening_events(&definition).iter().for_each(|event| contest.event(event));
        contest
    }

    fn event(&mut self, event: &Event) {
        self.replay.push(&line(&self.replay, event)).unwrap();
    }

    fn cast(&mut self, voter: &str, channel: Option<&str>, selections: &[(&str, &str)]) {
        let voter = TagKey([7; 32]).tag(voter);
        let (at, selections) = ("2021-03-01", selections.iter().copied());
        let ballot = NewBallot { voter, channel, period: None, replaces: None, at, selections };
        let mut line = Vec::new();
        ballot.write(&self.id, &mut line).unwrap();
        self.replay.push(&line).unwrap();
    }

    fn score(&mut self, panel: &str, juror: &str, values: &[(String, String)]) {
        let scores = json!({"type": "scores", "panel": panel, "juror": juror, "category": "c",
            "values": values, "by": "office", "at": "2021-03-01T12:00:00Z"});
        self.event(&serde_json::from_value(scores).unwrap());
    }

    fn choose(&mut self, category: &str, winners: &[String]) {
        let choice = json!({"type": "choice", "category": category, "winners": winners, "by": "panel",
            "at": "2021-03-05T00:00:00Z"});
        self.event(&serde_json::from_value(choice).unwrap());
    }

    fn close(&mut self) {
        self.event(&Event::Closed { at: "2021-03-02T00:00:00Z".parse().unwrap() });
    }

    fn result(&self) -> Value {
        serde_json::from_slice(&self.replay.result().unwrap().json).unwrap()
    }
}

/// A definition with these tables and one day of voting.
fn definition(tables: &Value) -> Value {
    let mut definition = json!({
        "contest": {"id": "published", "title": "Published", "time_zone": "UTC",
            "opens": "2021-03-01T00:00:00", "closes": "2021-03-02T00:00:00"},
    });
    definition.as_object_mut().unwrap().append(&mut tables.as_object().unwrap().clone());
    definition["ballot"]["cast_time"] = "day".into();
    definition
}

fn entries(category: &str, ids: impl IntoIterator<Item = String>) -> Vec<Value> {
    ids.into_iter().map(|id| json!({"id": id, "category": category, "title": id})).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[derive(Deserialize)]
struct Points {
    year: u16,
    round: String,
    kind: String,
    from_country: String,
    to_country: String,
    points: u32,
}

#[derive(Deserialize)]
struct TiePoints {
    year: u16,
    from_country: String,
    to_country: String,
    points: u32,
}

#[derive(Deserialize)]
struct Final {
    year: u16,
    round: String,
    country: String,
    place: Option<u64>,
    total: String,
}

/// Eurovision Song Contest, grand finals from 2016 to 2025.
///
/// The jury and the public are panels, with one juror for each country. Of entries with equal
/// points, the one with more points from the public comes first. Points and places are those of the
/// data set.
#[test]
fn eurovision_finals_come_to_the_published_places() {
    let Some(folder) = data("eurovision") else { return };
    let points: Vec<Points> = rows(file(&folder.join("eurovision_points.csv")));
    let finals: Vec<Final> = rows(file(&folder.join("eurovision_results.csv")));
    let (mut places, mut ties) = (0, 0);
    for year in (2016..=2025).filter(|year| *year != 2020) {
        let result = eurovision(year, &points, &finals);
        let category = &result["categories"][0];
        let of = |list: &Value, key: &str| -> BTreeMap<String, Value> {
            let places = list.as_array().unwrap().iter();
            places.map(|place| (text(&place["entry"]).to_owned(), place[key].clone())).collect()
        };
        let ranking = of(&category["ranking"], "figure");
        let (winners, ranks) =
            (of(&category["winners"]["entries"], "place"), of(&category["ranking"], "rank"));
        for published in finals.iter().filter(|row| row.year == year && row.round == "final") {
            let country = published.country.to_lowercase();
            assert_eq!(ranking[&country], format!("{}.00", published.total), "{year} {country}");
            // No entry wins with 0 points: the last entry of 2021 has a rank and no place among the
            // winners.
            let place = winners.get(&country).unwrap_or(&ranks[&country]);
            assert_eq!(place.as_u64(), published.place, "{year} {country}");
            places += 1;
        }
        let broken = category["ties"].as_array().unwrap().iter().filter(|tie| tie["concerns"] == "winners");
        for tie in broken {
            assert_eq!(tie["resolved_by"], "panel", "{tie}");
            ties += 1;
        }
    }
    assert_eq!((places, ties), (232, 7));
}

fn eurovision(year: u16, points: &[Points], finals: &[Final]) -> Value {
    let countries = finals.iter().filter(|row| row.year == year && row.round == "final");
    let countries: Vec<String> = countries.map(|row| row.country.to_lowercase()).collect();
    let panel = |id: &str| json!({"id": id, "kind": "points"});
    let mut contest = Contest::open(&definition(&json!({
        "ballot": {},
        "winners": {"count": countries.len(), "by": "scores", "ties": "panel:public"},
        "panel": [panel("jury"), panel("public")],
        "category": [{"id": "c", "title": "Grand final"}],
        "entry": entries("c", countries),
    })));
    let mut lists: BTreeMap<(&str, &str), Vec<(String, String)>> = BTreeMap::new();
    let given = points.iter().filter(|row| row.year == year && row.round == "final" && row.kind != "total");
    for row in given.filter(|row| row.points > 0) {
        let list = lists.entry((&row.kind, &row.from_country)).or_default();
        list.push((row.to_country.to_lowercase(), row.points.to_string()));
    }
    lists.iter().for_each(|((panel, juror), values)| contest.score(panel, juror, values));
    contest.close();
    contest.result()
}

/// Points of the finals of 1969 and 1991: one panel with one juror for each country.
///
/// In 1969 four countries had 18 points each, and no rule broke the tie. In 1991 Sweden and France
/// had 146 points and four twelves each. Sweden had five tens and France had two, so Sweden won.
#[test]
fn eurovision_ties_are_broken_by_countback_or_not_at_all() {
    let Some(folder) = data("eurovision") else { return };
    let points: Vec<TiePoints> = rows(file(&folder.join("eurovision_ties.csv")));
    let of = |year: u16, ties: &str| -> Value {
        let given: Vec<&TiePoints> = points.iter().filter(|row| row.year == year).collect();
        let countries: BTreeSet<&str> =
            given.iter().flat_map(|row| [&*row.from_country, &*row.to_country]).collect();
        let mut contest = Contest::open(&definition(&json!({
            "ballot": {},
            "winners": {"count": 1, "by": "scores", "ties": ties},
            "panel": [{"id": "jury", "kind": "points"}],
            "category": [{"id": "c", "title": "Grand final"}],
            "entry": entries("c", countries.into_iter().map(str::to_owned)),
        })));
        let mut lists: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
        for row in given {
            lists
                .entry(&row.from_country)
                .or_default()
                .push((row.to_country.clone(), row.points.to_string()));
        }
        lists.iter().for_each(|(juror, values)| contest.score("jury", juror, values));
        contest.close();
        contest.result()["categories"][0].take()
    };
    let winners = |category: &Value| -> Vec<(String, String)> {
        let entries = category["winners"]["entries"].as_array().unwrap().iter();
        entries.map(|place| (text(&place["entry"]).to_owned(), text(&place["figure"]).to_owned())).collect()
    };
    let four = ["es", "fr", "gb", "nl"].map(|country| (country.to_owned(), "18.00".to_owned()));
    assert_eq!(winners(&of(1969, "report")), four);
    let shared = ["fr", "se"].map(|country| (country.to_owned(), "146.00".to_owned()));
    assert_eq!(winners(&of(1991, "report")), shared);
    let countback = of(1991, "countback");
    assert_eq!(winners(&countback), [("se".to_owned(), "146.00".to_owned())]);
    let tie = countback["ties"].as_array().unwrap().iter().find(|tie| tie["concerns"] == "winners").unwrap();
    let order = json!([
        {"entry": "se", "counts": [["12", 4], ["10", 5]]},
        {"entry": "fr", "counts": [["12", 4], ["10", 2]]},
    ]);
    assert_eq!((&tie["order"], &tie["resolved_by"]), (&order, &json!("countback")));
}

/// Big Brother Brasil: two channels, one vote per person and fan votes, 50 to 50.
///
/// The published shares of the channels in percent give the published mean, which has two decimals.
/// The exact means are beside them. The description of the rules names the sources: the final of
/// the 25th season, and its fourth eviction. 43.385 was published as 43.38; rounded half up it is
/// 43.39.
#[test]
fn big_brother_brasil_comes_to_the_published_means() {
    let two = [("51.40", "35.37", "43.39", "8677/20000"), ("42.38", "61.41", "51.90", "10379/20000")];
    let three = [
        ("52.38", "45.24", "48.81", "4881/10000"),
        ("35.76", "50.00", "42.88", "268/625"),
        ("11.86", "4.76", "8.31", "831/10000"),
    ];
    check_means(&two);
    check_means(&three);
}

fn check_means(shares: &[(&str, &str, &str, &str)]) {
    let ids = || (0..=shares.len()).map(|number| format!("e{number}"));
    let mut contest = Contest::open(&definition(&json!({
        "ballot": {},
        "channel": [{"id": "unique", "weight": 50}, {"id": "fan", "weight": 50}],
        "category": [{"id": "c", "title": "Out"}],
        "entry": entries("c", ids()),
    })));
    // Each channel has ten thousand votes. The rest of the shares goes to one more entry.
    let votes = |percent: &str| percent.replace('.', "").parse::<usize>().unwrap();
    for channel in ["unique", "fan"] {
        let mut counts: Vec<usize> = shares
            .iter()
            .map(|(unique, fan, ..)| votes(if channel == "fan" { fan } else { unique }))
            .collect();
        counts.push(10_000 - counts.iter().sum::<usize>());
        for (id, count) in ids().zip(counts) {
            for number in 0..count {
                contest.cast(&format!("{channel} {id} {number}"), Some(channel), &[("c", &id)]);
            }
        }
    }
    contest.close();
    let result = contest.result();
    let standings = result["categories"][0]["standings"].as_array().unwrap();
    for (id, (.., share, exact)) in ids().zip(shares) {
        let place = standings.iter().find(|place| place["entry"] == *id).unwrap();
        assert_eq!((text(&place["share"]), text(&place["exact"])), (*share, *exact), "{id}");
    }
}

/// The shape of the WSIS Prizes: 18 categories of 20 entries, with five champions each.
///
/// The panel chooses one winner each. Here one category has two winners and one has none, so that
/// there are still 18.
#[test]
fn wsis_has_90_champions_and_18_winners() {
    let categories: Vec<String> = (1..=18).map(|number| format!("c{number:02}")).collect();
    let ids = |category: &str| -> Vec<String> { (1..=20).map(|n| format!("{category}-{n:02}")).collect() };
    let mut contest = Contest::open(&definition(&json!({
        "ballot": {"votes_in_all": 18},
        "champions": {"count": 5},
        "winners": {"by": "choice"},
        "category": categories.iter().map(|id| json!({"id": id, "title": id})).collect::<Vec<_>>(),
        "entry": categories.iter().flat_map(|id| entries(id, ids(id))).collect::<Vec<_>>(),
    })));
    // Entry n of a category gets n votes.
    for voter in 0..210_usize {
        let number = (1..=20).find(|n| voter < n * (n + 1) / 2).unwrap();
        let votes: Vec<(&str, String)> = categories
            .iter()
            .map(|category| (category.as_str(), format!("{category}-{number:02}")))
            .collect();
        let votes: Vec<(&str, &str)> =
            votes.iter().map(|(category, entry)| (*category, entry.as_str())).collect();
        contest.cast(&voter.to_string(), None, &votes);
    }
    contest.close();
    for (number, category) in categories.iter().enumerate() {
        let winners: &[&str] = match number {
            0 => &["20", "18"],
            1 => &[],
            _ => &["19"],
        };
        let winners: Vec<String> = winners.iter().map(|number| format!("{category}-{number}")).collect();
        contest.choose(category, &winners);
    }
    let result = contest.replay.result().unwrap();
    assert_eq!((result.champions, result.winners, result.undecided), (90, 18, 0));
    let counts: Vec<usize> = contest.result()["categories"]
        .as_array()
        .unwrap()
        .iter()
        .map(|category| category["winners"]["entries"].as_array().unwrap().len())
        .collect();
    assert_eq!((counts[0], counts[1], counts[2..].iter().sum::<usize>()), (2, 0, 16));
}

#[derive(Deserialize)]
struct Vote {
    voter_id: String,
    contest: String,
    project_id: String,
}

#[derive(Deserialize)]
struct Project {
    contest: String,
    project_id: String,
    votes: u64,
}

/// Wroclaw 2015, counted again, and with `completion = "all"` for the same ballots.
///
/// No cut falls into a tie, so `earliest` decides nothing. With `all`, 95,548 of 160,176 voters
/// count, 512 of 545 projects have another rank, and one of three first places goes to another
/// project.
#[test]
fn wroclaw_changes_with_completion_all() {
    let Some(folder) = data("wroclaw2015") else { return };
    let projects: Vec<Project> = rows(file(&folder.join("projects.csv")));
    let ballots = flate2::read::GzDecoder::new(file(&folder.join("ballots.csv.gz")));
    let votes: Vec<Vote> = rows(ballots);
    let any = wroclaw(&projects, &votes, "any");
    let all = wroclaw(&projects, &votes, "all");
    let published: BTreeMap<&str, u64> =
        projects.iter().map(|project| (project.project_id.as_str(), project.votes)).collect();
    assert_eq!(standings(&any).len(), 545);
    for (entry, (_, votes)) in standings(&any) {
        assert_eq!(votes, published[entry.as_str()], "{entry}");
    }
    let ties = any["categories"].as_array().unwrap().iter().flat_map(|c| c["ties"].as_array().unwrap());
    assert!(ties.clone().count() > 0 && ties.clone().all(|tie| tie["concerns"] == "standings"));
    let (recorded, counted) = (&any["counts"]["ballots"]["recorded"], &all["counts"]["ballots"]["counted"]);
    assert_eq!((recorded.as_u64(), counted.as_u64()), (Some(160_176), Some(95_548)));
    let (any, all) = (standings(&any), standings(&all));
    let moved = any.iter().filter(|(entry, (rank, _))| all[*entry].0 != *rank).count();
    let firsts = |standings: &BTreeMap<String, (u64, u64)>| -> BTreeSet<String> {
        standings.iter().filter(|(_, (rank, _))| *rank == 1).map(|(entry, _)| entry.clone()).collect()
    };
    // Project 487 was first of the most expensive projects, and would have come fourth.
    assert_eq!(moved, 512);
    let first = |any: [&str; 3]| any.map(str::to_owned).into();
    assert_eq!((firsts(&any), firsts(&all)), (first(["616", "618", "487"]), first(["616", "618", "136"])));
}

fn wroclaw(projects: &[Project], votes: &[Vote], completion: &str) -> Value {
    let categories: BTreeSet<&str> = projects.iter().map(|project| project.contest.as_str()).collect();
    let id = |category: &str| category.trim_start_matches('_').to_lowercase();
    let entry = |project: &Project| json!({"id": project.project_id, "category": id(&project.contest), "title": project.project_id});
    let mut contest = Contest::open(&definition(&json!({
        "ballot": {"completion": completion},
        "champions": {"count": 5, "ties": "earliest"},
        "category": categories.iter().map(|category| json!({"id": id(category), "title": category})).collect::<Vec<_>>(),
        "entry": projects.iter().map(entry).collect::<Vec<_>>(),
    })));
    for sheet in votes.chunk_by(|a, b| a.voter_id == b.voter_id) {
        let votes: Vec<(String, &str)> =
            sheet.iter().map(|vote| (id(&vote.contest), vote.project_id.as_str())).collect();
        let mut votes: Vec<(&str, &str)> =
            votes.iter().map(|(category, entry)| (category.as_str(), *entry)).collect();
        votes.sort_unstable();
        contest.cast(&sheet[0].voter_id, None, &votes);
    }
    contest.close();
    contest.result()
}

/// The rank and the votes of every entry.
fn standings(result: &Value) -> BTreeMap<String, (u64, u64)> {
    let categories = result["categories"].as_array().unwrap().iter();
    let places = categories.flat_map(|category| category["standings"].as_array().unwrap());
    let figure = |value: &Value| value.as_u64().unwrap();
    places.map(|p| (text(&p["entry"]).to_owned(), (figure(&p["rank"]), figure(&p["votes"])))).collect()
}
