//! Audits that follow a contest: until its result is certified, or until the server shows another
//! history. Also an audit of static files, years later.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::json;

use crate::{
    backends::on_both_backends,
    server::{acclaim, free_address},
    site::{Site, ballot, poll},
};

/// A follower as a process. It is killed when dropped.
struct Follower {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Follower {
    /// Follows the contest `main`. `key` may read entries; without it the follower reads tiles.
    fn start(site: &Site, vkey: &str, key: Option<&str>, copy: &Path) -> Self {
        let mut command = acclaim();
        command
            .args(["audit", "main", "--url", &format!("http://{}", site.address), "--vkey", vkey])
            .args(["--follow", "--every", "0.1", "--copy"])
            .arg(copy);
        if let Some(key) = key {
            command.env("ACCLAIM_KEY", key);
        }
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, output }
    }

    /// Waits until a log of at least `size` entries is found consistent.
    #[track_caller]
    fn sees(&mut self, size: u64) {
        loop {
            let line = self.line();
            let found_size: Option<u64> = line.split(' ').next().and_then(|size| size.parse().ok());
            assert!(line.ends_with(": consistent\n"), "{line}");
            if found_size >= Some(size) {
                return;
            }
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line
    }

    /// Returns the exit status, and the output until the end.
    fn end(mut self) -> (i32, String) {
        let mut stdout = String::new();
        while self.output.read_line(&mut stdout).unwrap() > 0 {}
        (self.process.wait().unwrap().code().unwrap(), stdout)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

/// Creates the contest `main`. Returns its verifier key.
fn open(site: &Site) -> String {
    let contest = site.create("main", "2021-01-01T00:00:00Z", &json!({}));
    contest["log"]["vkey"].as_str().unwrap().to_owned()
}

/// Casts one ballot for each of these voters. Returns the size of the log.
fn vote(site: &Site, voters: std::ops::Range<u32>, entry: &str) -> u64 {
    let mut size = 0;
    for voter in voters {
        let pass = site.pass("main", &format!("voter-{voter}"));
        let answer = site.cast("main", &pass, &ballot(&[entry]));
        assert_eq!(answer.status, 201, "{answer:?}");
        size = answer.body["log"]["size"].as_u64().unwrap();
    }
    size
}

on_both_backends!(an_honest_contest_is_followed_to_its_certified_end);

fn an_honest_contest_is_followed_to_its_certified_end(site: &Site) {
    let vkey = open(site);
    let folder = tempfile::tempdir().unwrap();
    let auditor = site.staff_key("auditor", "main");
    let mut with_entries = Follower::start(site, &vkey, Some(&auditor), &folder.path().join("entries"));
    let mut without = Follower::start(site, &vkey, None, &folder.path().join("tiles"));
    for round in 0..4 {
        let size = vote(site, round * 10..round * 10 + 10, "a1");
        with_entries.sees(size);
        without.sees(size);
    }
    // One follower starts in the middle, and one continues where it ended.
    drop(with_entries);
    let size = vote(site, 40..50, "a2");
    let mut again = Follower::start(site, &vkey, Some(&auditor), &folder.path().join("entries"));
    again.sees(size);
    let mut late = Follower::start(site, &vkey, Some(&auditor), &folder.path().join("late"));
    late.sees(size);

    site.staff.post("/v1/contests/main/close", "close", &json!({})).unwrap();
    let result = poll("the result", || site.staff.get("/v1/contests/main/result").ok());
    let certify = result.json::<serde_json::Value>().unwrap()["certify"].clone();
    site.staff.post("/v1/contests/main/certify", "certify", &certify).unwrap();
    // Entries and result are public now, so a follower without a key sees them too.
    for follower in [again, late, without] {
        let (status, stdout) = follower.end();
        assert_eq!((status, stdout.lines().last()), (0, Some("audit: clean, and certified")), "{stdout}");
    }
}

#[test]
fn a_server_that_is_away_for_a_while_is_waited_for() {
    let mut site = Site::start();
    let vkey = open(&site);
    let folder = tempfile::tempdir().unwrap();
    let auditor = site.staff_key("auditor", "main");
    let mut followers = [("entries", Some(&*auditor)), ("tiles", None)]
        .map(|(name, key)| Follower::start(&site, &vkey, key, &folder.path().join(name)));
    for round in 0..3 {
        let size = vote(&site, round * 10..round * 10 + 10, "a1");
        followers.iter_mut().for_each(|follower| follower.sees(size));
        // The server is killed at any time of a poll.
        site.kill();
        // Sleeps: the server is away for several polls.
        std::thread::sleep(std::time::Duration::from_millis(400));
        site.restart();
    }
    let size = vote(&site, 30..40, "a1");
    followers.iter_mut().for_each(|follower| follower.sees(size));
}

#[test]
fn a_server_that_shows_another_history_is_found_out() {
    let mut site = Site::start();
    let vkey = open(&site);
    let folder = tempfile::tempdir().unwrap();
    let auditor = site.staff_key("auditor", "main");
    vote(&site, 0..10, "a1");
    site.kill();
    let older = folder.path().join("older");
    copy_folder(&site.data(), &older);
    site.restart();

    let size = vote(&site, 10..20, "a1");
    let mut followers = [("entries", Some(&*auditor)), ("tiles", None)].map(|(name, key)| {
        let mut follower = Follower::start(&site, &vkey, key, &folder.path().join(name));
        follower.sees(size);
        follower
    });
    // The operator restores an older state, removes the published checkpoints, and continues with
    // other ballots.
    site.kill();
    fs::remove_dir_all(site.data()).unwrap();
    copy_folder(&older, &site.data());
    fs::remove_dir_all(site.data().join("shown")).unwrap();
    site.restart();
    let other = vote(&site, 20..40, "a2");
    assert!(other > size);
    for follower in &mut followers {
        let mut line = follower.line();
        while line.ends_with(": consistent\n") {
            line = follower.line();
        }
        let refused = ["no proof", "another history", "the root of", "another root", "tiles hold"];
        assert!(refused.iter().any(|reason| line.contains(reason)), "{line}");
        assert_eq!(follower.process.wait().unwrap().code(), Some(1));
    }
    // An audit with a copy from before finds it as well.
    let audit = acclaim()
        .args(["audit", "main", "--url", &format!("http://{}", site.address), "--vkey", &vkey, "--copy"])
        .arg(folder.path().join("entries"))
        .env("ACCLAIM_KEY", &auditor)
        .output()
        .unwrap();
    assert_eq!(audit.status.code(), Some(1), "{}", String::from_utf8_lossy(&audit.stdout));
}

#[test]
fn audits_log_from_static_files() {
    let site = Site::start();
    let vkey = open(&site);
    let size = vote(&site, 0..300, "a1");
    site.staff.post("/v1/contests/main/close", "close", &json!({})).unwrap();
    poll("the result", || site.staff.get("/v1/contests/main/result").ok());
    let exported = site.export("main", "exported");
    let server = file_server(&exported);
    let address = server.address;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    let audit = || {
        let url = format!("http://{address}");
        let output = acclaim().args(["audit", &url, "--vkey", &vkey, "--copy"]).arg(&copy).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (status, stdout) = audit();
    assert_eq!((status, stdout.lines().last()), (Some(0), Some("audit: clean")), "{stdout}");
    // The copy was interrupted in the middle of a line. The next audit continues there.
    let log = copy.join("log.jsonl");
    let whole = fs::read(&log).unwrap();
    assert_eq!(whole, fs::read(exported.join("log.jsonl")).unwrap());
    fs::write(&log, &whole[..whole.len() / 2]).unwrap();
    let (status, stdout) = audit();
    assert_eq!((status, stdout.lines().last()), (Some(0), Some("audit: clean")), "{stdout}");
    assert_eq!(fs::read(&log).unwrap(), whole);
    assert!(whole.iter().filter(|byte| **byte == b'\n').count() as u64 >= size);
}

/// A file server as a process. It is killed when dropped, also by a failing test.
pub(crate) struct FileServer {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Drop for FileServer {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

/// A plain file server on a folder.
pub(crate) fn file_server(folder: &Path) -> FileServer {
    let address = free_address();
    let process = Command::new("python3")
        .args(["-m", "http.server", &address.port().to_string(), "--bind", "127.0.0.1", "--directory"])
        .arg(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = FileServer { process, address };
    poll("the file server", || std::net::TcpStream::connect(address).ok());
    server
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
