//! Floods of requests without credentials: memory stays bounded on every route, and casting goes on beside them. A test
//! binary of its own, so that no other test shares the machine with a flood; its tests take turns.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

#[expect(dead_code, reason = "the end-to-end tests use the rest")]
#[path = "../../../api/tests/router/answer.rs"]
mod answer;
#[expect(dead_code, unused_imports, unused_macros, reason = "the end-to-end tests use the rest")]
#[path = "../e2e/backends.rs"]
mod backends;
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

/// Connections of a flood.
const CONNECTIONS: usize = 600;
/// How long a flood lasts.
const FLOOD_TIME: Duration = Duration::from_millis(700);
/// By how much a flood may raise the process's memory: the budget of large bodies, the page caches of the database, one
/// large document being written, and the connections themselves.
const MAX_GROWTH: u64 = 480 << 20;
/// Threads of the process, at most.
const MAX_THREADS: u64 = 100;
/// How long one ballot may take meanwhile. The whole flood shares two cores with a debug build.
const MAX_LATENCY: Duration = Duration::from_secs(4);

/// Held by each test: floods take turns.
static TURN: Mutex<()> = Mutex::new(());

fn take_turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the clients of a flood do.
#[derive(Clone, Copy, PartialEq)]
enum Clients {
    /// Each sends one request after the other, and reads the answers.
    Read,
    /// Each sends some requests at once, and reads nothing.
    DoNotRead,
}

/// The process's memory and threads, from /proc (proc(5)).
struct Process(u32);

impl Process {
    /// The one that has the site's data directory, as its lock says: ` (process 12, http://127.0.0.1:8080)`.
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

    /// Bytes in memory now; from now on the peak is counted anew.
    fn start_counting(&self) -> u64 {
        fs::write(format!("/proc/{}/clear_refs", self.0), "5").unwrap();
        self.status("VmRSS") << 10
    }

    fn peak(&self) -> u64 {
        self.status("VmHWM") << 10
    }
}

/// Sends requests over many connections at once, until time is up.
async fn flood(address: SocketAddr, request: String, clients: Clients) {
    let mut connections = JoinSet::new();
    let end = tokio::time::Instant::now() + FLOOD_TIME;
    for _ in 0..CONNECTIONS {
        let request = request.clone();
        connections.spawn(async move {
            let _until_the_end = tokio::time::timeout_at(end, send(address, &request, clients)).await;
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
        // A small answer comes in one piece.
        if stream.read(&mut read).await? == 0 {
            stream = TcpStream::connect(address).await?;
        }
    }
}

/// Casts ballots in another contest until it is told to stop; returns how long each took.
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

/// A site with a small contest, whose log everyone may read, a large one, and another in which people vote meanwhile.
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

/// 20,000 entries in 40 categories: a document of some megabytes.
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

/// Runs a flood and checks the process; `request` is a whole head.
fn check_flood(site: &Site, runtime: &Runtime, passes: &mut Vec<String>, request: &str, clients: Clients) {
    let process = Process::of(site);
    let before = process.start_counting();
    let stop = Arc::new(AtomicBool::new(false));
    let some = passes.split_off(passes.len().saturating_sub(60));
    let latencies = std::thread::scope(|scope| {
        let casting = scope.spawn(|| cast_beside(site, some, &stop));
        runtime.block_on(flood(site.address, request.to_owned(), clients));
        stop.store(true, Ordering::Relaxed);
        casting.join().unwrap()
    });
    let (growth, threads) = (process.peak().saturating_sub(before), process.status("Threads"));
    let slowest = latencies.iter().max().copied().unwrap_or_default();
    let what = format!(
        "{}: {} MB more, {threads} threads, {} ballots beside it, the slowest in {slowest:?}",
        request.lines().next().unwrap(),
        growth >> 20,
        latencies.len()
    );
    eprintln!("{what}");
    assert!(growth <= MAX_GROWTH && threads <= MAX_THREADS && slowest <= MAX_LATENCY, "{what}");
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")
}

/// A path of the API's description with something for each parameter.
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
    // The same ballot again and again.
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
fn a_page_of_entries_leads_to_the_next() {
    let _turn = take_turn();
    let (site, _) = stage();
    let read = |query: &str| site.send("GET", &format!("/v1/contests/large?{query}"), &[], b"");
    let whole = site.send("GET", "/v1/contests/large", &[], b"").body;
    let mut wanted = whole["entries"].as_array().unwrap().clone();
    wanted.retain(|entry| entry["category"] == "c3" || entry["category"] == "c5");
    let mut found = Vec::new();
    let mut query = "categories=c3,c5&limit=300".to_owned();
    loop {
        let page = read(&query).body;
        assert_eq!((&page["entries_in_all"], &page["categories"]), (&json!(20_000), &whole["categories"]));
        found.extend(page["entries"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { break };
        query = format!("categories=c3,c5&limit=300&after={next}");
    }
    assert!(found == wanted);
    assert_eq!(read("categories=").body["entries"], json!([]));
    for (query, named) in
        [("categories=c3,cx", "`cx`"), ("after=nobody", "`nobody`"), ("limit=0", "1 to 1000")]
    {
        let answer = read(query);
        answer.problem(400, "invalid-parameter");
        answer.names(named);
    }
    // Compressed for a client that takes it, which reads the same.
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
