//! The log's paths: their answers and cache rules, paths that do not exist, and access to entries.

use axum::body::Bytes;
use serde_json::json;

use crate::site::{Answer, Site, ballot};

const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// More ballots than a tile is wide, so that levels 0 and 1 have a tile.
const BALLOTS: usize = 300;

/// Reads a contest's log.
struct Reader<'a> {
    site: &'a Site,
    key: Option<String>,
}

impl<'a> Reader<'a> {
    fn new(site: &'a Site, key: Option<String>) -> Self {
        Self { site, key }
    }

    fn get(&self, path: &str) -> (Answer, Bytes) {
        let bearer = self.key.as_ref().map(|key| format!("Bearer {key}"));
        let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        self.site.exchange("GET", &format!("/v1/contests/paths/log/{path}"), &headers, b"")
    }

    /// Checks that the answer has this content type and cache rule.
    #[track_caller]
    fn finds(&self, path: &str, content_type: &str, cache: &str) -> Vec<u8> {
        let (answer, bytes) = self.get(path);
        let got = (answer.status, &*answer.content_type, answer.header("cache-control"));
        assert_eq!(got, (200, content_type, cache), "{path}");
        bytes.to_vec()
    }

    /// Checks that the request is refused, with an answer that no cache keeps.
    #[track_caller]
    fn is_refused(&self, path: &str, status: u16) {
        let (answer, _) = self.get(path);
        assert_eq!(
            (answer.status, answer.header("cache-control")),
            (status, "no-store"),
            "{path}: {answer:?}"
        );
        assert_eq!(answer.content_type, "application/problem+json", "{path}");
    }
}

/// Makes a contest with more than three hundred entries, and returns the size of its log.
fn create_voted_contest(site: &Site) -> usize {
    let published = json!({"publication": {"entries": "after-close"}});
    site.create("paths", "2021-01-01T00:00:00Z", &published);
    let minted = site.staff("POST", "/v1/contests/paths/passes", "mint", &json!({"count": BALLOTS}));
    let lines: Vec<String> = minted["passes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pass| {
            let mut line = ballot(&["a1", "b1"]);
            line["pass"] = pass["pass"].clone();
            line.to_string()
        })
        .collect();
    let bearer = format!("Bearer {}", site.staff_key("gateway", "paths"));
    let headers = [("authorization", &*bearer), ("content-type", "application/x-ndjson")];
    let answer = site.send("POST", "/v1/contests/paths/ballots/bulk", &headers, lines.join("\n").as_bytes());
    assert_eq!(answer.text.matches("\"recorded\"").count(), BALLOTS, "{answer:?}");
    site.log("paths").len()
}

#[test]
fn every_path_of_the_log_answers_as_the_format_says() {
    let site = Site::start();
    let public = Reader::new(&site, None);
    public.is_refused("checkpoint", 404);
    let size = create_voted_contest(&site);
    let auditor = Reader::new(&site, Some(site.staff_key("auditor", "paths")));

    let note = public.finds("checkpoint", "text/plain; charset=utf-8", "public, max-age=1");
    assert_eq!(String::from_utf8(note).unwrap().lines().nth(1), Some(&*size.to_string()));
    check_hash_tiles(&public, size);
    check_missing_paths(&public, &auditor, size);

    // Entries reveal running totals. Before the closing only auditors read them, and caches must
    // not keep them.
    let last = size % 256;
    for bundle in ["tile/entries/000", &format!("tile/entries/001.p/{last}"), "tile/entries/000.p/1"] {
        public.is_refused(bundle, 403);
        let bytes = auditor.finds(bundle, "application/octet-stream", "private, no-store");
        assert_eq!(bundle_width(&bytes), bundle.split_once(".p/").map_or(256, |(_, w)| w.parse().unwrap()));
    }
    public.is_refused("entries", 403);
    let lines = auditor.finds("entries?from=1&to=3", "application/x-ndjson", "private, no-store");
    assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), 2);
    auditor.is_refused(&format!("entries?to={}", size + 1), 400);
    auditor.is_refused("entries?from=3&to=2", 400);
    let unknown_key = Reader::new(&site, Some("ack_none".to_owned()));
    unknown_key.is_refused("tile/entries/000", 401);

    site.staff("POST", "/v1/contests/paths/close", "close", &json!({}));
    for reader in [&public, &auditor] {
        let bundle = reader.finds("tile/entries/000", "application/octet-stream", IMMUTABLE);
        assert_eq!(bundle_width(&bundle), 256);
        reader.finds("entries?to=2", "application/x-ndjson", "no-cache");
    }
    // No earlier tile has disappeared.
    check_hash_tiles(&public, size);
}

/// Checks that everyone reads hash tiles, at every width that the log ever had.
fn check_hash_tiles(public: &Reader<'_>, size: usize) {
    let full = public.finds("tile/0/000", "application/octet-stream", IMMUTABLE);
    assert_eq!(full.len(), 8_192);
    for width in [1, 2, 17, 255] {
        let partial = public.finds(&format!("tile/0/000.p/{width}"), "application/octet-stream", IMMUTABLE);
        assert!(partial == full[..width * 32], "{width}: a narrower tile is a cut of the full one");
    }
    let last = size % 256;
    let widest = public.finds(&format!("tile/0/001.p/{last}"), "application/octet-stream", IMMUTABLE);
    for width in 1..last {
        let path = format!("tile/0/001.p/{width}");
        assert!(public.finds(&path, "application/octet-stream", IMMUTABLE) == widest[..width * 32], "{path}");
    }
    assert_eq!(public.finds("tile/1/000.p/1", "application/octet-stream", IMMUTABLE).len(), 32);
}

/// Checks paths of tiles that do not exist, or not yet, and wrong spellings of existing paths.
fn check_missing_paths(public: &Reader<'_>, auditor: &Reader<'_>, size: usize) {
    let wider = size % 256 + 1;
    for absent in
        [&*format!("tile/0/001.p/{wider}"), "tile/0/001", "tile/0/002", "tile/0/002.p/1", "tile/0/x001/000"]
    {
        public.is_refused(absent, 404);
        auditor.is_refused(&absent.replace("tile/0/", "tile/entries/"), 404);
    }
    for absent in
        ["tile/1/000", "tile/1/000.p/2", "tile/1/001.p/1", "tile/2/000.p/1", "tile/2/000", "tile/63/000.p/1"]
    {
        public.is_refused(absent, 404);
    }
    for spelling in [
        "000.p/0",
        "000.p/256",
        "000.p/01",
        "000.p/001",
        "000.p/+1",
        "000.p/-1",
        "000.p/1.p/1",
        "000.p/",
        "000.p",
        "0",
        "00",
        "0000",
        "x000/000",
        "x000",
        "000/000",
        "x000/001",
        "x000/x000/000",
        "X000/000",
        "000/",
        "%20000",
        "0%2F00",
        "",
        "x018/x446/x744/x073/x709/x551/615",
        "x018/x446/x744/x073/x709/x551/616",
        "..%2F0%2F000",
        "000%00",
    ] {
        public.is_refused(&format!("tile/0/{spelling}"), 404);
        auditor.is_refused(&format!("tile/entries/{spelling}"), 404);
    }
    for level in ["00", "01", "64", "256", "-1", "+0", "0x0", "a", "data", "Entries", "entries%20"] {
        public.is_refused(&format!("tile/{level}/000"), 404);
        public.is_refused(&format!("tile/{level}/000.p/1"), 404);
    }
    for other in ["", "tile", "tile/", "tile/0", "tile/entries", "checkpoint/", "checkpoints", "latest"] {
        public.is_refused(other, 404);
    }
}

/// Returns the number of entries in a bundle.
fn bundle_width(mut bundle: &[u8]) -> usize {
    let mut width = 0;
    while let [high, low, rest @ ..] = bundle {
        bundle = &rest[usize::from(u16::from_be_bytes([*high, *low]))..];
        width += 1;
    }
    width
}
