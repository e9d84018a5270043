//! Requests through a real nginx with Debian's settings: one and two proxies, with TLS, and below a
//! path.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::Stdio,
    time::{Duration, Instant},
};

use acclaim_test_servers::{nginx::Nginx, tls::Authority};
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::{
    backends::succeeded,
    server::{acclaim, client},
    site::{Site, ballot, poll},
};

/// nginx as its documentation shows it first.
fn plain(target: impl std::fmt::Display) -> Nginx {
    Nginx::start(&format!("location / {{ proxy_pass http://{target}; }}"))
}

/// nginx as `deploy/nginx/acclaim.conf` has it, below a path.
fn recommended(target: impl std::fmt::Display, path: &str) -> String {
    let file = fs::read_to_string("../../deploy/nginx/acclaim.conf").unwrap();
    let lines = file
        .replace("127.0.0.1:8080", &target.to_string())
        .replace("location / {", &format!("location {path} {{"));
    assert_ne!(lines, file);
    lines
}

fn address_of(proxy: &Nginx) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], proxy.port()))
}

/// Starts a site with more environment variables.
fn site_with(environment: &[(&str, &str)]) -> Site {
    let mut site = Site::start();
    site.kill();
    site.environment =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    site.restart();
    site
}

/// Opens a contest with a public tally.
fn open_contest(site: &Site) {
    site.create_open("main", "2021-01-01T00:00:00Z", &json!({"publication": {"standings": "public"}}));
    poll("the opening", || {
        (site.send("GET", "/v1/contests/main/tally", &[], b"").status == 200).then_some(())
    });
}

/// Sends a request from an address of this machine. Returns the answer as it is on the wire.
fn exchange(from: &str, to: SocketAddr, request: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
        socket.connect(to).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    (&stream).write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    (&stream).read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(from: &str, to: SocketAddr, path: &str, head: &str) -> String {
    exchange(from, to, &format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{head}\r\n"))
}

/// Does everything that voters, organisers and auditors do, at an address that leads to the site.
fn all_works_at(site: &Site, to: SocketAddr, voter: &str) {
    let through = |path: &str, head: &str| get("127.0.0.1", to, path, head);
    for path in [
        "/",
        "/c/main",
        "/assets/ballot.js",
        "/assets/ballot.css",
        "/docs/",
        "/openapi.json",
        "/v1/contests/main",
    ] {
        assert!(through(path, "").starts_with("HTTP/1.1 200"), "{path}");
    }
    let compressed = through("/assets/ballot.js", "Accept-Encoding: gzip\r\n");
    assert!(compressed.to_ascii_lowercase().contains("content-encoding: gzip\r\n"), "{compressed}");

    vote_at(site, to, voter);
    let staff = client(to, &site.key);
    let log = staff.get("/v1/contests/main/log/entries").unwrap().bytes;
    assert!(log.split(|byte| *byte == b'\n').count() > 2);
}

/// Events arrive when they happen, although nginx buffers answers by default.
fn events_come_at(site: &Site, to: SocketAddr, voter: &str) {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(
        stream,
        "GET /v1/contests/main/tally/stream HTTP/1.1\r\nHost: test\r\nAccept-Encoding: gzip\r\n\r\n"
    )
    .unwrap();
    let started = Instant::now();
    let mut lines = BufReader::new(stream).lines().map(|line| {
        // Comments arrive in any case.
        assert!(started.elapsed() < Duration::from_secs(20), "the event of a ballot does not come");
        line.unwrap()
    });
    let mut event = || -> Value {
        let data = lines.find_map(|line| line.strip_prefix("data: ").map(str::to_owned)).expect("an event");
        serde_json::from_str(&data).unwrap()
    };
    event();
    let size = vote_at(site, to, voter);
    while event()["log"]["size"].as_u64() < Some(size) {}
}

/// Casts a ballot. Returns the size of the log with it.
fn vote_at(site: &Site, to: SocketAddr, voter: &str) -> u64 {
    let pass = site.pass("main", voter);
    let body = ballot(&["a1", "b2"]).to_string();
    let cast = exchange(
        "127.0.0.1",
        to,
        &format!(
            "POST /v1/contests/main/ballots HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: Bearer {pass}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
    );
    assert!(cast.starts_with("HTTP/1.1 201") && cast.contains("\"status\":\"recorded\""), "{cast}");
    let body: Value = serde_json::from_str(cast.split_once("\r\n\r\n").unwrap().1).unwrap();
    body["log"]["size"].as_u64().unwrap()
}

#[test]
fn all_works_behind_one_nginx_and_two_as_they_come() {
    let site = Site::start();
    open_contest(&site);
    let near = plain(site.address);
    all_works_at(&site, address_of(&near), "ama");
    events_come_at(&site, address_of(&near), "esi");
    let far = plain(address_of(&near));
    all_works_at(&site, address_of(&far), "kofi");
}

#[test]
fn all_works_behind_the_recommended_nginx() {
    let site = site_with(&[("ACCLAIM_LIMITS_TRUSTED_PROXIES", r#"["127.0.0.1"]"#)]);
    open_contest(&site);
    let near = Nginx::start(&recommended(site.address, "/"));
    let far = Nginx::start(&recommended(address_of(&near), "/"));
    for (proxy, voters) in [(&near, ["ama", "esi"]), (&far, ["kofi", "yaw"])] {
        all_works_at(&site, address_of(proxy), voters[0]);
        events_come_at(&site, address_of(proxy), voters[1]);
    }
}

#[test]
fn limits_count_client_address_behind_proxies() {
    let site = site_with(&[
        ("ACCLAIM_LIMITS_TRUSTED_PROXIES", r#"["127.0.0.1/32"]"#),
        ("ACCLAIM_LIMITS_ALLOW", "[]"),
        // One burst is allowed. More requests are allowed so slowly that no test waits for one.
        ("ACCLAIM_LIMITS_PER_NETWORK", "40"),
    ]);
    let near = Nginx::start(&recommended(site.address, "/"));
    let far = Nginx::start(&recommended(address_of(&near), "/"));
    for (number, proxy) in [&near, &far].into_iter().enumerate() {
        let greedy = format!("127.1.{number}.1");
        let is_refused = |from: &str, head: &str| {
            let answer = get(from, address_of(proxy), "/v1/contests", head);
            assert!(answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.1 429"), "{answer}");
            answer.starts_with("HTTP/1.1 429")
        };
        // A client can send any of these headers: bytes that are no text, and addresses of others.
        let heads = [
            "",
            "X-Forwarded-For: 192.0.2.7\r\n",
            "X-Forwarded-For: \u{e9}\r\n",
            "Forwarded: for=192.0.2.8\r\n",
            "X-Forwarded-For: 192.0.2.9:1, \"\r\n",
        ];
        let refused = (0..400).position(|attempt| is_refused(&greedy, heads[attempt % heads.len()]));
        assert!(refused.is_some(), "a client behind {number} more proxies must be limited");
        assert!(!is_refused(&format!("127.2.{number}.1"), ""), "another client must not be limited");
    }
}

#[test]
fn proxies_do_not_expose_metrics() {
    let mut site = Site::start();
    for trusted in ["[]", r#"["127.0.0.1"]"#] {
        site.kill();
        site.environment = vec![("ACCLAIM_LIMITS_TRUSTED_PROXIES".to_owned(), trusted.to_owned())];
        site.restart();
        let direct = get("127.0.0.1", site.address, "/metrics", "");
        assert_eq!(direct.starts_with("HTTP/1.1 200"), trusted == "[]", "{direct}");
        for proxy in [plain(site.address), Nginx::start(&recommended(site.address, "/"))] {
            let metrics = get("127.0.0.1", address_of(&proxy), "/metrics", "");
            assert!(metrics.starts_with("HTTP/1.1 401"), "{metrics}");
            let ready = get("127.0.0.1", address_of(&proxy), "/readyz", "");
            assert!(ready.starts_with("HTTP/1.1 200") && ready.contains("{\"ready\":true}"), "{ready}");
            let key = format!("Authorization: Bearer {}\r\n", site.key);
            assert!(get("127.0.0.1", address_of(&proxy), "/metrics", &key).starts_with("HTTP/1.1 200"));
            assert!(get("127.0.0.1", address_of(&proxy), "/readyz", &key).contains("\"reasons\":[]"));
        }
    }
    for head in [
        "Forwarded: for=1.2.3.4\r\n",
        "X-Forwarded-Host: a\r\n",
        "X-Real-IP: x\r\n",
        "Via: 1.1 a\r\n",
        "X-Forwarded-For:\r\n",
    ] {
        site.kill();
        site.environment.clear();
        site.restart();
        assert!(get("127.0.0.1", site.address, "/metrics", head).starts_with("HTTP/1.1 401"), "{head}");
    }
}

#[test]
fn public_listener_hides_metrics_without_key() {
    let operation = crate::server::free_address();
    let site = site_with(&[("ACCLAIM_SERVER_OPERATION_LISTEN", &operation.to_string())]);
    let ask = |to, path, head| get("127.0.0.1", to, path, head);
    for head in ["", "X-Forwarded-For: 192.0.2.1\r\n"] {
        assert!(
            ask(operation, "/metrics", head).contains("acclaim_ballots_total")
                || ask(operation, "/metrics", head).contains("acclaim_waiting_requests")
        );
        assert!(ask(operation, "/readyz", head).contains("\"reasons\":[]"));
    }
    assert!(ask(operation, "/healthz", "").ends_with("alive\n"));
    assert!(ask(operation, "/v1/contests", "").starts_with("HTTP/1.1 404"));
    assert!(ask(site.address, "/metrics", "").starts_with("HTTP/1.1 401"));
    assert!(ask(site.address, "/readyz", "").ends_with("{\"ready\":true}"));
}

#[test]
fn tls_ends_at_the_proxy() {
    let site = site_with(&[("ACCLAIM_LIMITS_TRUSTED_PROXIES", r#"["127.0.0.1"]"#)]);
    open_contest(&site);
    let authority = Authority::new();
    let proxy = Nginx::start_with_tls(&authority, &recommended(site.address, "/"));
    let tls = ureq::tls::TlsConfig::builder().disable_verification(true).build();
    let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).tls_config(tls).build().into();
    let url = format!("https://127.0.0.1:{}/v1/contests/main/ballots", proxy.port());
    let cast = agent
        .post(&url)
        .header("authorization", format!("Bearer {}", site.pass("main", "ama")))
        .send_json(ballot(&["a1"]));
    let mut cast = cast.unwrap();
    assert_eq!(cast.status(), 201);
    let location = cast.headers()["location"].to_str().unwrap().to_owned();
    let recorded: Value = cast.body_mut().read_json().unwrap();
    let mut status = agent.get(format!("https://127.0.0.1:{}{location}", proxy.port())).call().unwrap();
    assert_eq!(status.body_mut().read_json::<Value>().unwrap()["ballot"], recorded["ballot"]);
}

#[test]
fn serves_below_base_path_stripped_or_not() {
    let site = site_with(&[
        ("ACCLAIM_SERVER_BASE_PATH", "/vote"),
        ("ACCLAIM_LIMITS_TRUSTED_PROXIES", r#"["127.0.0.1"]"#),
    ]);
    open_contest(&site);
    let keeps_path = Nginx::start(&recommended(site.address, "/vote/"));
    let strips_path = Nginx::start(&recommended(format!("{}/", site.address), "/vote/"));
    for (proxy, voter) in [(&keeps_path, "ama"), (&strips_path, "kofi")] {
        let to = address_of(proxy);
        let ask = |path: &str| get("127.0.0.1", to, path, "");
        for path in [
            "/vote/",
            "/vote/c/main",
            "/vote/assets/ballot.js",
            "/vote/docs/",
            "/vote/problems",
            "/vote/healthz",
        ] {
            assert!(ask(path).starts_with("HTTP/1.1 200"), "{path}: {}", ask(path));
        }
        assert!(ask("/v1/contests").starts_with("HTTP/1.1 404"), "no route may exist outside the path");
        let page = ask("/vote/c/main");
        assert!(page.contains("src=\"../assets/ballot.js\"") && !page.contains("=\"/"), "{page}");
        assert!(
            ask("/vote/docs").to_ascii_lowercase().contains("\r\nlocation: docs/\r\n"),
            "{}",
            ask("/vote/docs")
        );
        assert!(ask("/vote/openapi.json").contains(r#""servers":[{"url":"/vote"}]"#));

        // The command line gets an address with the path.
        let url = format!("http://{to}/vote");
        let run = |args: &[&str]| {
            let mut command = acclaim();
            succeeded(
                &command.args(args).args(["--url", &url]).env("ACCLAIM_KEY", &site.key).output().unwrap(),
            )
        };
        let passes = run(&["pass", "mint", "main", "--subject", &format!("{voter}@example.org")]);
        let link = passes.lines().last().unwrap().rsplit(',').next().unwrap().to_owned();
        let pass = link.strip_prefix(&format!("{url}/c/main#")).unwrap_or_else(|| panic!("{link}"));

        let agent: ureq::Agent =
            ureq::Agent::config_builder().proxy(None).http_status_as_error(false).build().into();
        let cast = |entries: &[&str]| {
            let request = agent.post(format!("{url}/v1/contests/main/ballots"));
            let mut answer =
                request.header("authorization", format!("Bearer {pass}")).send_json(ballot(entries)).unwrap();
            let location = answer.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
            (answer.status().as_u16(), location, answer.body_mut().read_json::<Value>().unwrap())
        };
        let (status, location, recorded) = cast(&["a1"]);
        let location = location.unwrap();
        assert_eq!(
            (status, &*location),
            (201, &*format!("/vote/v1/contests/main/ballots/{}", recorded["ballot"].as_str().unwrap()))
        );
        assert!(ask(&location).contains("\"recorded\""));
        let (status, _, refused) = cast(&["a2"]);
        assert_eq!((status, &refused["type"]), (409, &json!("/vote/problems/already-voted")));
        assert!(ask(refused["type"].as_str().unwrap()).contains("Other votes stand there"));

        let out = site.folder.path().join(voter);
        run(&["log", "export", "main", "--out", out.to_str().unwrap()]);
        let vkey = fs::read_to_string(out.join("vkey")).unwrap();
        assert!(run(&["audit", "main", "--vkey", vkey.trim()]).contains("audit: clean"));
    }
    let moved = get("127.0.0.1", site.address, "/vote", "");
    assert!(moved.starts_with("HTTP/1.1 308") && moved.contains("location: /vote/\r\n"), "{moved}");
}

#[test]
fn a_definition_of_many_entries_passes_the_recommended_proxy() {
    let site = site_with(&[("ACCLAIM_LIMITS_TRUSTED_PROXIES", r#"["127.0.0.1"]"#)]);
    let mut definition = crate::site::definition("large", "2098-01-01T00:00:00Z");
    let entry =
        |number: usize| json!({"id": format!("p{number}"), "category": "a", "title": "x".repeat(150)});
    definition["entry"] = (0..12_000).map(entry).collect();
    definition["entry"].as_array_mut().unwrap().push(json!({"id": "b1", "category": "b", "title": "B"}));
    let body = definition.to_string();
    assert!(body.len() > 2 << 20);
    let put = |proxy: &Nginx| {
        let key = acclaim_cli::client::IdempotencyKey::new().unwrap();
        client(address_of(proxy), &site.key).put("/v1/contests/large", &key, None, body.clone())
    };
    // nginx allows one megabyte by default. Its answer is no problem document, but it is reported.
    let refused = put(&plain(site.address)).unwrap_err();
    assert!(format!("{refused:#}").contains("413"), "{refused:#}");
    put(&Nginx::start(&recommended(site.address, "/"))).unwrap();
}

#[test]
fn a_public_address_without_tls_is_warned_of() {
    let is_warned = |listen: &str, trusted: &str| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = acclaim();
        command.args(["serve", "--listen", listen, "--data"]).arg(folder.path());
        command.env("ACCLAIM_LIMITS_TRUSTED_PROXIES", trusted).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut messages = BufReader::new(process.stderr.take().unwrap()).lines().map(Result::unwrap);
        let before: Vec<String> =
            messages.by_ref().take_while(|line| !line.contains("listening on http")).collect();
        process.kill().unwrap();
        process.wait().unwrap();
        before.iter().any(|line| line.contains("without TLS"))
    };
    assert!(is_warned("0.0.0.0:0", "[]"));
    assert!(!is_warned("0.0.0.0:0", r#"["127.0.0.1"]"#));
    assert!(!is_warned("127.0.0.1:0", "[]"));
}

/// Pages of other sites can read public data only.
#[test]
fn pages_of_other_sites_read_what_is_public() {
    let site = Site::start();
    open_contest(&site);
    let origin = ("origin", "https://www.example.org");
    let tally = site.send("GET", "/v1/contests/main/tally", &[origin], b"");
    assert_eq!((tally.status, tally.header("access-control-allow-origin")), (200, "*"));
    let missing = site.send("GET", "/v1/contests/none", &[origin], b"");
    assert_eq!((missing.status, missing.header("access-control-allow-origin")), (404, "*"));
    let bearer = format!("Bearer {}", site.key);
    let with_key = site.send("GET", "/v1/contests/main/tally", &[origin, ("authorization", &bearer)], b"");
    assert_eq!((with_key.status, with_key.header("access-control-allow-origin")), (200, ""));
    let ask = [
        origin,
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization"),
    ];
    let preflight = site.send("OPTIONS", "/v1/contests/main/ballots", &ask, b"");
    assert_eq!((preflight.status, preflight.header("access-control-allow-methods")), (204, "GET, HEAD"));
    assert!(!preflight.header("access-control-allow-headers").to_ascii_lowercase().contains("authorization"));
}

#[test]
fn compresses_large_answers_except_ballot_answers() {
    let site = Site::start();
    open_contest(&site);
    let pass = site.pass("main", "ama");
    let bearer = format!("Bearer {pass}");
    let headers =
        [("authorization", &*bearer), ("content-type", "application/json"), ("accept-encoding", "gzip, br")];
    let cast =
        site.send("POST", "/v1/contests/main/ballots", &headers, ballot(&["a1"]).to_string().as_bytes());
    assert_eq!((cast.status, cast.header("content-encoding"), cast.header("vary")), (201, "", ""));
    site.staff.post("/v1/contests/main/close", "close", &json!({})).unwrap();
    poll("the result", || site.staff.get_if_there("/v1/contests/main/result").unwrap());
    let ask = |path: &str, accept: &str| {
        let head = format!("Accept-Encoding: {accept}\r\nAuthorization: Bearer {}\r\n", site.key);
        get("127.0.0.1", site.address, path, &head).split("\r\n\r\n").next().unwrap().to_owned()
    };
    for (path, encodings) in [
        ("/v1/contests/main/result", &["br", "gzip"][..]),
        ("/v1/contests/main/result?format=html", &["br", "gzip"]),
        ("/v1/contests/main/log/entries", &["gzip"]),
        ("/schemas/result-1.json", &["br", "gzip"]),
        ("/openapi.json", &["br", "gzip"]),
        ("/", &["br", "gzip"]),
        ("/c/main", &["br", "gzip"]),
        ("/assets/ballot.js", &["br", "gzip"]),
        ("/docs/swagger-ui-bundle.js", &["br", "gzip"]),
    ] {
        for encoding in encodings {
            let head = ask(path, encoding);
            assert!(head.contains(&format!("content-encoding: {encoding}")), "{path}: {head}");
            assert!(head.to_ascii_lowercase().contains("accept-encoding"), "{path} varies: {head}");
        }
        assert!(!ask(path, "identity").contains("content-encoding"), "{path}");
    }
    for small in ["/v1/contests/main/log/checkpoint", "/healthz", "/v1/contests/none"] {
        assert!(!ask(small, "gzip, br").contains("content-encoding"), "{small}");
    }
}
