//! Floods of requests without credentials: memory stays bounded on every route, and voting
//! continues.
//!
//! The floods are in their own test binary, so that no other test shares the machine with a flood.
//! Its tests take turns.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test helpers panic to fail the test"
)]

#[expect(dead_code, reason = "the end-to-end tests use the rest")]
#[path = "../../../api/tests/router/answer.rs"]
mod answer;
#[expect(dead_code, reason = "the end-to-end tests use the rest")]
#[path = "../e2e/cluster_servers.rs"]
mod cluster_servers;
#[path = "../../../api/tests/router/described.rs"]
mod described;
#[path = "../../../api/tests/router/samples.rs"]
mod samples;
#[expect(dead_code, reason = "the end-to-end tests use the rest")]
#[path = "../e2e/server.rs"]
mod server;
#[expect(dead_code, reason = "the end-to-end tests use the rest")]
#[path = "../e2e/site.rs"]
mod site;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    runtime::Runtime,
    task::JoinSet,
};

use crate::site::{Site, ballot};

/// The number of connections of a flood.
const CONNECTIONS: usize = 600;
/// The duration of a flood.
const FLOOD_TIME: Duration = Duration::from_millis(700);
/// The most by which a flood may raise the memory of the process, in bytes.
///
/// It covers the budget of large bodies, the page caches of the database, one large document being
/// written, and the connections.
const MAX_GROWTH: u64 = 480 << 20;
/// The most threads of the process.
const MAX_THREADS: u64 = 100;
/// The most time for one ballot during a flood. The flood shares two cores with a debug build.
const MAX_LATENCY: Duration = Duration::from_secs(4);

/// Each test holds this lock, so that floods take turns.
static TURN: Mutex<()> = Mutex::new(());

fn take_turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The behaviour of the clients of a flood.
#[derive(Clone, Copy, PartialEq)]
enum Clients {
    /// Each client sends one request after the other, and reads the answers.
    Read,
    /// Each client sends several requests at once, and does not read.
    DoNotRead,
}

/// The memory and the threads of a process, from /proc (proc(5)).
struct Process(u32);

impl Process {
    /// Returns the process that the lock of the site's data directory names.
    ///
    /// The lock reads ` (process 12, http://127.0.0.1:8080)`.
    fn of(site: &Site) -> Self {
        let lock = fs::read_to_string(site.data().join("lock")).unwrap();
        let number = lock.trim_start().strip_prefix("(process ").and_then(|rest| rest.split_once(','));
        Self(number.unwrap().0.parse().unwrap())
    }

    fn status(&self, key: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Resets the peak, and returns the present memory in bytes.
    fn start_counting(&self) -> u64 {
        fs::write(format!("/proc/{}/clear_refs", self.0), "5").unwrap();
        self.status("VmRSS") << 10
    }

    fn peak(&self) -> u64 {
        self.status("VmHWM") << 10
    }
}

/// Sends requests over many connections at once, until the time is up.
async fn flood(address: SocketAddr, request: String, clients: Clients) {
    let mut connections = JoinSet::new();
    let end = tokio::time::Instant::now() + FLOOD_TIME;
    for _ in 0..CONNECTIONS {
        let request = request.clone();
        connections.spawn(async move {
            let _timed_out = tokio::time::timeout_at(end, send(address, &request, clients)).await;
        });
    }
    while connections.join_next().await.is_some() {}
}

async fn send(address: SocketAddr, request: &str, clients: Clients) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    if clients == Clients::DoNotRead {
        stream.write_all(request.repeat(3).as_bytes()).await?;
        return std::future::pending().await;
    }
    let mut read = vec![0; 64 << 10];
    loop {
        stream.write_all(request.as_bytes()).await?;
        // A small answer arrives in one piece.
        if stream.read(&mut read).await? == 0 {
            stream = TcpStream::connect(address).await?;
        }
    }
}

/// Casts ballots in another contest until `stop` is set. Returns the latency of each ballot.
fn cast_beside(site: &Site, passes: Vec<String>, stop: &AtomicBool) -> Vec<Duration> {
    let mut latencies = Vec::new();
    for pass in passes {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let started = Instant::now();
        let answer = site.cast("other", &pass, &ballot(&["a1"]));
        assert_eq!(answer.status, 201, "{answer:?}");
        latencies.push(started.elapsed());
    }
    latencies
}

/// A site with a small contest with a public log, a large contest, and one for the voting.
///
/// Returns the site and the passes for the voting.
fn stage() -> (Site, Vec<String>) {
    let site = Site::start();
    let public = json!({"publication": {"standings": "public", "entries": "live"}});
    site.create_open("main", "2021-01-01T00:00:00Z", &public);
    site.create_open("other", "2021-01-01T00:00:00Z", &json!({}));
    site.create_open("large", "2021-01-01T00:00:00Z", &large());
    let passes = |contest: &str, count: usize| -> Vec<String> {
        let subjects: Vec<String> = (0..count).map(|voter| format!("voter-{voter}@example.org")).collect();
        let path = format!("/v1/contests/{contest}/passes");
        let minted = site.staff.post(&path, "mint", &json!({"subjects": subjects})).unwrap();
        let passes = minted["passes"].as_array().unwrap().iter();
        passes.map(|pass| pass["pass"].as_str().unwrap().to_owned()).collect()
    };
    cast_in_bulk(&site, "main", &passes("main", 4_000));
    let others = passes("other", 5_000);
    (site, others)
}

fn cast_in_bulk(site: &Site, contest: &str, passes: &[String]) {
    let lines: Vec<String> = passes
        .iter()
        .map(|pass| json!({"pass": pass, "selections": ballot(&["a1", "b2"])["selections"]}).to_string())
        .collect();
    let bearer = format!("Bearer {}", site.key);
    let headers = [("authorization", &*bearer), ("content-type", "application/x-ndjson")];
    let path = format!("/v1/contests/{contest}/ballots/bulk");
    let answer = site.send("POST", &path, &headers, lines.join("\n").as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// A contest with 20,000 entries in 40 categories: a document of some megabytes.
fn large() -> Value {
    let categories: Vec<Value> = (0..40)
        .map(|number| json!({"id": format!("c{number}"), "title": format!("Category {number}")}))
        .collect();
    let entry = |number: usize| {
        json!({"id": format!("e{number}"), "category": format!("c{}", number % 40), "title": format!("Entry {number}"),
            "summary": "A few sentences that voters read before they choose. ".repeat(4)})
    };
    let entries: Vec<Value> = (0..20_000).map(entry).collect();
    json!({"category": categories, "entry": entries, "publication": {"standings": "public", "entries": "live"}})
}

/// Runs a flood and checks the process. `request` is a whole request.
fn check_flood(site: &Site, runtime: &Runtime, passes: &mut Vec<String>, request: &str, clients: Clients) {
    let process = Process::of(site);
    let before = process.start_counting();
    let stop = Arc::new(AtomicBool::new(false));
    let casting_passes = passes.split_off(passes.len().saturating_sub(60));
    let latencies = std::thread::scope(|scope| {
        let casting = scope.spawn(|| cast_beside(site, casting_passes, &stop));
        runtime.block_on(flood(site.address, request.to_owned(), clients));
        stop.store(true, Ordering::Relaxed);
        casting.join().unwrap()
    });
    let (growth, threads) = (process.peak().saturating_sub(before), process.status("Threads"));
    let slowest = latencies.iter().max().copied().unwrap_or_default();
    let summary = format!(
        "{}: {} MB more, {threads} threads, {} ballots beside it, the slowest in {slowest:?}",
        request.lines().next().unwrap(),
        growth >> 20,
        latencies.len()
    );
    eprintln!("{summary}");
    assert!(growth <= MAX_GROWTH && threads <= MAX_THREADS && slowest <= MAX_LATENCY, "{summary}");
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")
}

/// Returns a path of the API description with a value for each parameter.
fn filled(path: &str, contest: &str) -> String {
    let id = "0123456789abcdef0123456789abcdef";
    let values = [
        ("{contest}", contest),
        ("{id}", id),
        ("{ballot}", id),
        ("{tile}", "entries/000"),
        ("{name}", "first-operator"),
    ];
    let filled = values.iter().fold(path.to_owned(), |path, (key, value)| path.replace(key, value));
    assert!(!filled.contains('{'), "a parameter of {path} has no value here");
    filled
}

#[test]
fn no_route_fills_the_memory() {
    let _turn = take_turn();
    let (site, mut passes) = stage();
    let runtime = Runtime::new().unwrap();
    let openapi = site.send("GET", "/openapi.json", &[], b"").body;
    let paths = openapi["paths"].as_object().unwrap();
    let readable = paths.iter().filter(|(_, methods)| methods.get("get").is_some());
    let mut requests: Vec<String> =
        readable.flat_map(|(path, _)| ["main", "large"].map(|contest| get(&filled(path, contest)))).collect();
    requests.extend(["/", "/c/main", "/assets/ballot.js", "/openapi.json", "/docs/"].map(get));
    requests.push(get("/v1/contests/large?categories=c1&limit=1000"));
    requests.dedup();
    for request in requests {
        check_flood(&site, &runtime, &mut passes, &request, Clients::DoNotRead);
    }
}

#[test]
fn ballot_requests_keep_memory_bounded() {
    let _turn = take_turn();
    let (site, mut passes) = stage();
    let runtime = Runtime::new().unwrap();
    let unknown = get("/v1/contests/main/ballots/0123456789abcdef0123456789abcdef");
    check_flood(&site, &runtime, &mut passes, &unknown, Clients::Read);
    let head = unknown.replacen("GET", "HEAD", 1);
    check_flood(&site, &runtime, &mut passes, &head, Clients::Read);
    let large = get("/v1/contests/large").replacen("GET", "HEAD", 1);
    check_flood(&site, &runtime, &mut passes, &large, Clients::Read);
    // The same ballot, sent again and again.
    let pass = site.pass("main", "again");
    let body = ballot(&["a1"]).to_string();
    assert_eq!(site.cast("main", &pass, &ballot(&["a1"])).status, 201);
    let again = format!(
        "POST /v1/contests/main/ballots HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {pass}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    check_flood(&site, &runtime, &mut passes, &again, Clients::Read);
}

#[test]
fn page_of_entries_leads_to_the_next() {
    let _turn = take_turn();
    let (site, _) = stage();
    let read = |query: &str| site.send("GET", &format!("/v1/contests/large?{query}"), &[], b"");
    let whole = site.send("GET", "/v1/contests/large", &[], b"").body;
    let mut expected = whole["entries"].as_array().unwrap().clone();
    expected.retain(|entry| entry["category"] == "c3" || entry["category"] == "c5");
    let mut entries = Vec::new();
    let mut query = "categories=c3,c5&limit=300".to_owned();
    loop {
        let page = read(&query).body;
        assert_eq!((&page["entries_in_all"], &page["categories"]), (&json!(20_000), &whole["categories"]));
        entries.extend(page["entries"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { break };
        query = format!("categories=c3,c5&limit=300&after={next}");
    }
    assert!(entries == expected);
    assert_eq!(read("categories=").body["entries"], json!([]));
    for (query, named) in
        [("categories=c3,cx", "`cx`"), ("after=nobody", "`nobody`"), ("limit=0", "1 to 1000")]
    {
        let answer = read(query);
        answer.problem(400, "invalid-parameter");
        answer.names(named);
    }
    // The compressed document reads the same.
    let packed = site.send("GET", "/v1/contests/large", &[("accept-encoding", "gzip")], b"");
    assert!(packed.body == whole);
    let head =
        "HEAD /v1/contests/large HTTP/1.1\r\nhost: a\r\naccept-encoding: gzip\r\nconnection: close\r\n\r\n";
    let mut stream = std::net::TcpStream::connect(site.address).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.contains("content-encoding: gzip\r\n") && answer.contains("vary: Accept-Encoding\r\n"),
        "{answer}"
    );
}
