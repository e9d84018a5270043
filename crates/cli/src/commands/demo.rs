//! `acclaim demo`: a whole contest of the WSIS Prizes' shape, with simulated voters over real HTTP, counted and audited.

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
/// How often an entry is chosen, by its place in the voters' favour: five stand out, so that the cut between the fifth and sixth is
/// plain from some hundred voters on.
const ENTRY_WEIGHTS: [u64; 20] = [100, 85, 72, 61, 52, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 2, 1];
const CONNECTIONS: usize = 128;

pub(super) fn run(args: &DemoArgs) -> Result<Outcome> {
    let folder = tempfile::tempdir().context("a temporary directory")?;
    let mut config = Config::embedded(folder.path().join("data"));
    config.server.listen = args.listen;
    // The voters are all on this machine and patient ones.
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

/// A running engine with its listener.
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
        let about = self.client.contest(contest)?;
        // One more than there are voters, for whoever looks on.
        let mut passes = pass::mint_all(&self.client, contest, u64::from(args.voters) + 1)?;
        let invitation = passes.pop().context("no pass was minted")?.pass;
        let ballots = passes
            .into_iter()
            .zip(0..)
            .map(|(minted, voter)| Ballot { pass: minted.pass, body: sheet(&about, voter) })
            .collect();
        let figures = self.vote(ballots)?;
        output::line(format_args!(
            "recorded: {} ballots in {:.2} s ({:.0} a second)",
            figures.recorded,
            figures.elapsed.as_secs_f64(),
            figures.rate()
        ))?;

        post(&self.client, contest, "close", &json!({}))?;
        self.choose()?;
        post(&self.client, contest, "certify", &fetch_certify_request(&self.client, contest)?)?;
        let result: Value = self.client.get(&format!("/v1/contests/{contest}/result"))?.json()?;
        print_result(&result)?;

        let exported = folder.join("log");
        log::export_to(&self.client, contest, &exported)?;
        let vkey = about["log"]["vkey"].as_str().unwrap_or_default();
        output::line(format_args!("verifier key: {vkey}"))?;
        let report = audit::audit_folder(
            &exported,
            &audit::verifier_key(vkey)?,
            audit::audit_inputs::AuditInputs::default(),
            audit::audit_inputs::AuditLimits::of(1024, None),
        )?;
        if report.ballots.recorded != figures.recorded {
            return Err(Refusal(format!(
                "{} ballots were answered recorded, {} are in the log",
                figures.recorded, report.ballots.recorded
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
                    leader["entry"].as_str().unwrap_or("nobody"),
                    first["id"].as_str().unwrap_or_default(),
                    leader["votes"]
                ));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bar.finish_and_clear();
        self.runtime.block_on(voting)?
    }

    /// The simulated expert group takes the first champion of each category.
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
        output::note("serving until interrupted");
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

/// What a voter votes for: all categories for seven of ten voters, some for the rest. The same voter always votes the same.
fn sheet(about: &Value, voter: u64) -> Bytes {
    let mut random = SplitMix(voter);
    let all = random.below(10) < 7;
    let mut selections = Vec::new();
    for category in about["categories"].as_array().into_iter().flatten() {
        let entries: Vec<&Value> = about["entries"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|entry| entry["category"] == category["id"])
            .collect();
        let mut lot = random.below(ENTRY_WEIGHTS.iter().sum());
        let place = ENTRY_WEIGHTS.iter().position(|favour| match lot.checked_sub(*favour) {
            Some(rest) => {
                lot = rest;
                false
            }
            None => true,
        });
        let take = all || selections.is_empty() || random.below(2) == 0;
        if let (true, Some(entry)) = (take, place.and_then(|place| entries.get(place))) {
            selections.push(json!({"category": category["id"], "entry": entry["id"]}));
        }
    }
    json!({"selections": selections}).to_string().into()
}

/// Steele, Lea and Flood's SplitMix64 (2014): small, seeded, the same everywhere.
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
        let of_category = places(&category["champions"]);
        let chosen = places(&category["winners"]["entries"]);
        champions += of_category.len();
        winners += chosen.len();
        let names: Vec<String> = of_category
            .iter()
            .map(|place| format!("{} ({})", text(&place["entry"]), place["votes"]))
            .collect();
        let chosen: Vec<String> = chosen.iter().map(|place| text(&place["entry"])).collect();
        table.row([text(&category["title"]), chosen.join(", "), names.join(", ")]);
    }
    table.print()?;
    output::line(format_args!("champions: {champions}"))?;
    output::line(format_args!("winners: {winners}"))
}
