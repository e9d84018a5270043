//! Streams of a tally.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    backends::on_both_backends,
    site::{Site, ballot, poll},
};

on_both_backends!(a_tally_is_followed_to_its_last_figures, stream_ends_when_key_is_revoked);

/// The lines of an event stream, as they arrive.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn follow(site: &Site) -> Self {
        Self::follow_with(site, "")
    }

    /// Adds more lines to the head of the request.
    fn follow_with(site: &Site, head: &str) -> Self {
        let mut stream = TcpStream::connect(site.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(stream, "GET /v1/contests/main/tally/stream HTTP/1.1\r\nhost: test\r\n{head}\r\n").unwrap();
        Self(BufReader::new(stream))
    }

    /// Reads the rest of the stream. Panics if it does not end.
    fn read_to_end(&mut self) -> String {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).unwrap();
        rest
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended");
        line.trim_end().to_owned()
    }

    /// Returns the next event's id and data.
    fn event(&mut self) -> (String, Value) {
        while self.line() != "event: tally" {}
        let (id, data, end) = (self.line(), self.line(), self.line());
        assert_eq!(end, "");
        let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        (id.strip_prefix("id: ").unwrap().to_owned(), data)
    }
}

/// Waits until the tally is public.
///
/// A request without a key sees no draft. The process can publish figures a moment before it knows
/// of the opening.
fn wait_until_public(site: &Site) {
    poll("the opening", || {
        (site.send("GET", "/v1/contests/main/tally", &[], b"").status == 200).then_some(())
    });
}

fn a_tally_is_followed_to_its_last_figures(site: &Site) {
    site.create("main", "2021-01-01T00:00:00Z", &json!({"publication": {"standings": "public"}}));
    wait_until_public(site);
    let mut first = Stream::follow(site);
    let head: Vec<String> =
        std::iter::from_fn(|| Some(first.line()).filter(|line| !line.is_empty())).collect();
    assert!(head[0].starts_with("HTTP/1.1 200"), "{head:?}");
    assert!(head.contains(&"content-type: text/event-stream".to_owned()), "{head:?}");
    let (_, opened) = first.event();
    assert_eq!((&opened["ballots"]["recorded"], &opened["pending"]), (&json!(0), &json!(0)));

    let mut last = 0;
    for voter in 0..20 {
        let pass = site.pass("main", &format!("mailto:{voter}@example.org"));
        last = site.cast("main", &pass, &ballot(&["a1"])).body["log"]["size"].as_u64().unwrap();
    }
    // An earlier and a new stream both reach the final figures: all ballots recorded, none waiting.
    for stream in [&mut first, &mut Stream::follow(site)] {
        let started = Instant::now();
        let (id, tally) = loop {
            let (id, tally) = stream.event();
            if tally["log"]["size"].as_u64() == Some(last) && tally["pending"] == 0 {
                break (id, tally);
            }
            assert!(started.elapsed() < Duration::from_secs(20), "{tally}");
        };
        assert_eq!((id, &tally["ballots"]["recorded"]), (format!("{last}-0"), &json!(20)));
    }
    check_last_event_id(site, last);
}

fn check_last_event_id(site: &Site, size: u64) {
    // Ids of another size, of ballots that still waited, of an earlier format, and invalid ids: the
    // newest event is sent.
    for id in [format!("{}-0", size - 1), format!("{size}-3"), size.to_string(), "x".to_owned()] {
        let mut stream = Stream::follow_with(site, &format!("last-event-id: {id}\r\n"));
        assert_eq!(stream.event().0, format!("{size}-0"), "{id}");
    }
    let mut stream = Stream::follow_with(site, &format!("last-event-id: {size}-0\r\n"));
    let pass = site.pass("main", "mailto:late@example.org");
    site.cast("main", &pass, &ballot(&["b1"]));
    assert_ne!(stream.event().0, format!("{size}-0"), "the client has this event already");
}

/// Proxies close connections that carry nothing for a minute.
#[test]
fn idle_stream_sends_comments() {
    let site = Site::start();
    site.create("main", "2021-01-01T00:00:00Z", &json!({"publication": {"standings": "public"}}));
    wait_until_public(&site);
    let mut stream = Stream::follow(&site);
    let mut head = Vec::new();
    while let Some(line) = Some(stream.line()).filter(|line| !line.is_empty()) {
        head.push(line);
    }
    for line in ["x-accel-buffering: no", "cache-control: no-store, no-transform"] {
        assert!(head.contains(&line.to_owned()), "{head:?}");
    }
    // The events of the opening end at some time, and comments follow.
    while stream.line() != ":" {}
}

/// `acclaim key revoke` writes to the database, beside the running processes.
fn stream_ends_when_key_is_revoked(site: &Site) {
    site.create("main", "2021-01-01T00:00:00Z", &json!({}));
    poll("the opening", || site.staff.get("/v1/contests/main/tally").ok());
    let create = |name| site.run_key(&["create", "--role", "auditor", "--contest", "main", "--name", name]);
    let [mut kept, mut revoked] = ["kept", "lost"].map(|name| {
        let mut stream = Stream::follow_with(site, &format!("authorization: Bearer {}\r\n", create(name)));
        assert_eq!(stream.line(), "HTTP/1.1 200 OK");
        stream.event();
        stream
    });
    site.run_key(&["revoke", "lost"]);
    assert!(
        !revoked.read_to_end().ends_with("0\r\n\r\n"),
        "the stream must break off, so that its part does not look complete"
    );
    let pass = site.pass("main", "mailto:ama@example.org");
    assert_eq!(site.cast("main", &pass, &ballot(&["a1"])).status, 201);
    while kept.event().1["ballots"]["recorded"] != 1 {}
}

/// One network may have a quarter of the 2,000 streams, unless it is on the list of those without
/// limits.
#[test]
fn one_network_does_not_take_all_streams() {
    let mut site = Site::start();
    site.create("main", "2021-01-01T00:00:00Z", &json!({"publication": {"standings": "public"}}));
    site.kill();
    site.environment = [("ALLOW", "[]"), ("PER_NETWORK", "100000")]
        .map(|(name, value)| (format!("ACCLAIM_LIMITS_{name}"), value.to_owned()))
        .to_vec();
    site.restart();
    wait_until_public(&site);
    let mut streams: Vec<Stream> = (0..500).map(|_| Stream::follow(&site)).collect();
    for stream in &mut streams {
        assert_eq!(stream.line(), "HTTP/1.1 200 OK");
    }
    assert_eq!(Stream::follow(&site).line(), "HTTP/1.1 503 Service Unavailable");
    streams.pop();
    poll("a stream in the place of a closed one", || {
        let mut stream = Stream::follow(&site);
        (stream.line() == "HTTP/1.1 200 OK").then_some(stream)
    });
}
