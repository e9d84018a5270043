//! The command `acclaim demo`: a whole contest like the WSIS Prizes, with simulated voters over
//! real HTTP, which is then counted and audited.

#![expect(clippy::indexing_slicing, reason = "reading a JSON value by a key that is not there gives null")]

use std::{
    net::SocketAddr,
    num::NonZeroU64,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use acclaim_api::server;
use acclaim_contest::{
    ContestId, Instant,
    definition::{Definition, Overrides},
};
use anyhow::{Context as _, Result, anyhow};
use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::{runtime::Runtime, sync::oneshot};

use super::{
    audit,
    contest::{fetch_certify_request, post},
    log, pass, serve,
};
use crate::{
    args::DemoArgs,
    client::{Client, IdempotencyKey},
    clock,
    config::Config,
    engine::{Engine, Role},
    outcome::{Outcome, Refusal},
    output::{self, Table},
    progress,
    voting_client::{self, Ballot, VotingSummary},
};

const DEFINITION: &str = include_str!("../../../../deploy/contests/wsis-prizes.toml");
const ENTRIES: &str = include_str!("../../../../deploy/contests/wsis-prizes-entries.csv");
/// The weights with which voters choose the entries of a category, by an entry's position.
///
/// The first five entries stand out, so that the cut between the fifth and the sixth is clear from
/// some hundred voters on.
const ENTRY_WEIGHTS: [u64; 20] = [100, 85, 72, 61, 52, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 2, 1];
const CONNECTIONS: usize = 128;

pub(super) fn run(args: &DemoArgs) -> Result<Outcome> {
    let folder = tempfile::tempdir().context("cannot make a temporary directory")?;
    let mut config = Config::embedded(folder.path().join("data"));
    config.server.listen = args.listen;
    // All voters are on this machine, which needs no rate limits, and they can wait longer for an
    // answer.
    config.limits.allow = vec!["127.0.0.0/8".parse()?, "::1/128".parse()?];
    config.ballots.deadline_ms = NonZeroU64::new(2_000).unwrap_or(NonZeroU64::MIN);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let demo = Demo::start(&runtime, &config)?;
    let (outcome, invitation) = demo.play(args, folder.path())?;
    if !args.exit {
        demo.invite(&invitation)?;
        let stop = runtime.block_on(async { serve::shutdown_signal() })?;
        runtime.block_on(stop);
    }
    demo.stop();
    Ok(outcome)
}

/// A running engine with its listener, client and contest.
struct Demo<'a> {
    runtime: &'a Runtime,
    engine: Engine,
    address: SocketAddr,
    client: Client,
    contest: ContestId,
    key: String,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl<'a> Demo<'a> {
    fn start(runtime: &'a Runtime, config: &Config) -> Result<Self> {
        let (engine, key, listener) = runtime.block_on(async {
            let engine = Engine::start(config, Role::All).await?;
            let key = engine.first_key().await?.context("a new installation has a first key")?;
            let listener = server::listen(config.server.listen).context("cannot listen")?;
            anyhow::Ok((engine, key, listener))
        })?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let router = engine.router();
        let served = runtime.spawn(server::serve(listener, router, server::Settings::default(), async {
            let _dropped = stopped.await;
        }));
        let client = Client::of_server(&format!("http://{address}"), Some(key.clone()))?;
        let contest = create(&client)?;
        Ok(Self { runtime, engine, address, client, contest, key, stop, served })
    }

    fn play(&self, args: &DemoArgs, folder: &std::path::Path) -> Result<(Outcome, String)> {
        let contest = &self.contest;
        output::line(format_args!("contest: {contest}, open at http://{}/c/{contest}", self.address))?;
        let description = self.client.contest(contest)?;
        // One more pass than voters: the user of the demonstration can vote with it.
        let mut passes = pass::mint_all(&self.client, contest, u64::from(args.voters) + 1)?;
        let invitation = passes.pop().context("no pass was minted")?.pass;
        let ballots = passes
            .into_iter()
            .zip(0..)
            .map(|(minted, voter)| Ballot { pass: minted.pass, body: sheet(&description, voter) })
            .collect();
        let summary = self.vote(ballots)?;
        output::line(format_args!(
            "recorded: {} ballots in {:.2} s ({:.0} a second)",
            summary.recorded,
            summary.elapsed.as_secs_f64(),
            summary.rate()
        ))?;

        post(&self.client, contest, "close", &json!({}))?;
        self.choose()?;
        post(&self.client, contest, "certify", &fetch_certify_request(&self.client, contest)?)?;
        let result: Value = self.client.get(&format!("/v1/contests/{contest}/result"))?.json()?;
        print_result(&result)?;

        let exported = folder.join("log");
        log::export_to(&self.client, contest, &exported)?;
        let vkey = description["log"]["vkey"].as_str().unwrap_or_default();
        output::line(format_args!("verifier key: {vkey}"))?;
        let report = audit::audit_folder(
            &exported,
            &audit::verifier_key(vkey)?,
            audit::audit_inputs::AuditInputs::default(),
            audit::audit_inputs::AuditLimits::of(1024, None),
        )?;
        if report.ballots.recorded != summary.recorded {
            return Err(Refusal(format!(
                "{} ballots were confirmed as recorded, but {} are in the log",
                summary.recorded, report.ballots.recorded
            ))
            .into());
        }
        Ok((audit::print(report)?, invitation))
    }

    fn vote(&self, ballots: Vec<Ballot>) -> Result<VotingSummary> {
        let bar = progress::spinner(ballots.len() as u64);
        let cast = Arc::new(AtomicU64::new(0));
        let contest = self.contest.as_str().to_owned();
        let voting = self.runtime.spawn({
            let (cast, address) = (Arc::clone(&cast), self.address);
            async move { voting_client::cast_all(address, &contest, ballots, CONNECTIONS, cast).await }
        });
        while !voting.is_finished() {
            bar.set_position(cast.load(Ordering::Relaxed));
            if let Ok(answer) = self.client.get(&format!("/v1/contests/{}/tally", self.contest)) {
                let tally: Value = answer.json()?;
                let first = &tally["categories"][0];
                let leader = &first["standings"][0];
                bar.set_message(format!(
                    "ballots; {} leads {} with {} votes",
                    leader["entry"].as_str().unwrap_or("no entry"),
                    first["id"].as_str().unwrap_or_default(),
                    leader["votes"]
                ));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bar.finish_and_clear();
        self.runtime.block_on(voting)?
    }

    /// The simulated expert group chooses the first champion of each category.
    fn choose(&self) -> Result<()> {
        let result: Value = self.client.get(&format!("/v1/contests/{}/result", self.contest))?.json()?;
        for category in result["categories"].as_array().into_iter().flatten() {
            let first = category["champions"][0]["entry"].as_str();
            let body = json!({"category": category["id"], "winners": first.into_iter().collect::<Vec<_>>()});
            post(&self.client, &self.contest, "choices", &body)?;
        }
        Ok(())
    }

    fn invite(&self, pass: &str) -> Result<()> {
        output::line(format_args!("page: http://{}/c/{}#{pass}", self.address, self.contest))?;
        output::line(format_args!("API: http://{}/docs", self.address))?;
        output::line(format_args!("operator key: {}", self.key))?;
        output::note("the server keeps running: stop it with Ctrl-C");
        Ok(())
    }

    fn stop(self) {
        let Self { runtime, engine, stop, served, .. } = self;
        drop(stop);
        runtime.block_on(async {
            let _ended = served.await;
            engine.stop().await;
        });
    }
}

fn create(client: &Client) -> Result<ContestId> {
    let now = clock::now();
    let tomorrow = now.saturating_add(SignedDuration::from_hours(24)).unwrap_or(now);
    let overrides = Overrides {
        id: Some("wsis-prizes-demo".parse()?),
        test: None,
        opens: Some(Instant::at_or_before(now).to_string()),
        closes: Some(Instant::at_or_after(tomorrow).to_string()),
        details: None,
    };
    let mut load = |_: &str| Ok(ENTRIES.as_bytes().to_vec());
    let definition = Definition::from_toml(DEFINITION.as_bytes(), &mut load, &overrides)
        .map_err(|error| anyhow!("{error}"))?;
    client.put(
        &format!("/v1/contests/{}", definition.id),
        &IdempotencyKey::new()?,
        None,
        definition.to_json(),
    )?;
    Ok(definition.id)
}

/// Returns a voter's ballot, as the body of a request. Seven of ten voters vote in all categories,
/// the others in some. The same voter number always gives the same ballot.
fn sheet(description: &Value, voter: u64) -> Bytes {
    let mut random = SplitMix(voter);
    let votes_everywhere = random.below(10) < 7;
    let mut selections = Vec::new();
    for category in description["categories"].as_array().into_iter().flatten() {
        let entries: Vec<&Value> = description["entries"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|entry| entry["category"] == category["id"])
            .collect();
        let mut lot = random.below(ENTRY_WEIGHTS.iter().sum());
        let position = ENTRY_WEIGHTS.iter().position(|weight| match lot.checked_sub(*weight) {
            Some(rest) => {
                lot = rest;
                false
            }
            None => true,
        });
        let is_chosen = votes_everywhere || selections.is_empty() || random.below(2) == 0;
        if let (true, Some(entry)) = (is_chosen, position.and_then(|position| entries.get(position))) {
            selections.push(json!({"category": category["id"], "entry": entry["id"]}));
        }
    }
    json!({"selections": selections}).to_string().into()
}

/// The random generator SplitMix64 of Steele, Lea and Flood (2014). It is small and seeded, and
/// gives the same numbers everywhere.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

fn print_result(result: &Value) -> Result<()> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut table = Table::new(&["category", "winner", "champions (votes)"]);
    let (mut champions, mut winners) = (0, 0);
    for category in result["categories"].as_array().into_iter().flatten() {
        let places = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let champions_of_category = places(&category["champions"]);
        let winners_of_category = places(&category["winners"]["entries"]);
        champions += champions_of_category.len();
        winners += winners_of_category.len();
        let names: Vec<String> = champions_of_category
            .iter()
            .map(|champion| format!("{} ({})", text(&champion["entry"]), champion["votes"]))
            .collect();
        let winners_of_category: Vec<String> =
            winners_of_category.iter().map(|winner| text(&winner["entry"])).collect();
        table.row([text(&category["title"]), winners_of_category.join(", "), names.join(", ")]);
    }
    table.print()?;
    output::line(format_args!("champions: {champions}"))?;
    output::line(format_args!("winners: {winners}"))
}
