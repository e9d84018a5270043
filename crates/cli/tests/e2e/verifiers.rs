//! The verifiers of a published log: the audit of a folder, the audit of a server, and the verifier
//! in Python. To add one, add a row.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use crate::{forgery::earlier_checkpoint_path, server::acclaim};

/// The verdict of a verifier.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) status: i32,
    /// Standard output, then standard error.
    pub(crate) output: String,
}

/// A verifier of a folder that [`crate::forgery::PublishedLog::write`] wrote.
pub(crate) struct Verifier {
    pub(crate) name: &'static str,
    /// Whether it is the independent one, which has its own texts.
    pub(crate) independent: bool,
    /// Checks the folder of this contest with this verifier key.
    pub(crate) check: fn(folder: &Path, contest: &str, vkey: &str) -> Verdict,
}

/// All verifiers.
pub(crate) const VERIFIERS: &[Verifier] = &[
    Verifier { name: "audit of a folder", independent: false, check: audit_folder },
    Verifier { name: "audit of a server", independent: false, check: audit_server },
    Verifier { name: "audit that follows", independent: false, check: follow },
    Verifier { name: "verify.py", independent: true, check: verify_py },
];

impl From<Output> for Verdict {
    fn from(output: Output) -> Self {
        let texts = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        Self { status: output.status.code().expect("no signal"), output: texts.concat() }
    }
}

fn earlier(folder: &Path) -> Vec<PathBuf> {
    let earlier = earlier_checkpoint_path(folder);
    if earlier.exists() { vec!["--earlier".into(), earlier] } else { Vec::new() }
}

fn audit_folder(folder: &Path, _: &str, vkey: &str) -> Verdict {
    let audit = acclaim().arg("audit").arg(folder).args(["--vkey", vkey]).args(earlier(folder)).output();
    audit.unwrap().into()
}

fn audit_server(folder: &Path, contest: &str, vkey: &str) -> Verdict {
    let address = serve(folder.to_owned(), contest.to_owned());
    let url = format!("http://{address}");
    let args = ["audit", contest, "--url", &url, "--vkey", vkey];
    acclaim().args(args).args(earlier(folder)).output().unwrap().into()
}

/// Follows until the whole log is found consistent, or the follower ends by itself. The former is
/// the verdict `clean`.
fn follow(folder: &Path, contest: &str, vkey: &str) -> Verdict {
    let address = serve(folder.to_owned(), contest.to_owned());
    let copy = tempfile::tempdir().unwrap();
    let mut process = acclaim()
        .args(["audit", contest, "--url", &format!("http://{address}"), "--vkey", vkey, "--follow"])
        .args(["--every", "0.1", "--copy"])
        .arg(copy.path())
        .args(earlier(folder))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(process.stdout.take().unwrap());
    let mut text = String::new();
    // The follower reads the result right after the checkpoint. The line says that this poll is
    // complete.
    let whole = loop {
        let before = text.len();
        if stdout.read_line(&mut text).unwrap() == 0 {
            break false;
        }
        if text[before..].contains("consistent") && process_goes_on(&mut process) {
            break true;
        }
    };
    if whole {
        process.kill().unwrap();
        process.wait().unwrap();
        return Verdict { status: 0, output: text + ": clean" };
    }
    process.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    Verdict { status: process.wait().unwrap().code().expect("no signal"), output: text }
}

/// Whether a process keeps running for so long that a suspicion would have become a finding.
fn process_goes_on(process: &mut Child) -> bool {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(3) {
        if process.try_wait().unwrap().is_some() {
            return false;
        }
        // Sleeps: `std` cannot wait for the end of a process with a time-out.
        thread::sleep(Duration::from_millis(10));
    }
    true
}

fn verify_py(folder: &Path, _: &str, vkey: &str) -> Verdict {
    python().arg("log").arg(folder).args(["--vkey", vkey]).args(earlier(folder)).output().unwrap().into()
}

/// `deploy/verify/verify.py`, run by a Python with the package that it needs.
pub(crate) fn python() -> Command {
    static PYTHON: OnceLock<&str> = OnceLock::new();
    let python = PYTHON.get_or_init(|| {
        let has_package = |python: &&&str| {
            let checked = Command::new(python).args(["-c", "import cryptography"]).output();
            checked.is_ok_and(|checked| checked.status.success())
        };
        let python = ["python3", "/usr/bin/python3"].iter().find(has_package);
        python.expect("no python3 with the package cryptography: apt-get install python3-cryptography")
    });
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/verify/verify.py"));
    command
}

/// Starts a server that serves a folder at the API's addresses. It does not check the content.
///
/// It ends with the test.
pub(crate) fn serve(folder: PathBuf, contest: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (folder, contest) = (folder.clone(), contest.clone());
            // A broken connection is ignored.
            thread::spawn(move || stream.and_then(|stream| answer(stream, &folder, &contest)));
        }
    });
    address
}

fn answer(stream: TcpStream, folder: &Path, contest: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let target = request.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = path.strip_prefix(&format!("/v1/contests/{contest}/")).unwrap_or_default();
    let file = match path {
        "result" => "result.json",
        "log/entries" => "log.jsonl",
        other => other.strip_prefix("log/").unwrap_or("absent"),
    };
    let (status, body) = match fs::read(folder.join(file)) {
        Ok(bytes) if path == "log/entries" => ("200 OK", from(&bytes, query)),
        Ok(bytes) => ("200 OK", bytes),
        Err(_) => (
            "404 Not Found",
            br#"{"type":"/problems/not-found","title":"","status":404,"detail":""}"#.to_vec(),
        ),
    };
    let kind =
        if status.starts_with("200") { "application/octet-stream" } else { "application/problem+json" };
    let length = body.len();
    let mut stream = reader.into_inner();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )?;
    stream.write_all(&body)
}

/// Returns the lines from `from` on. A lying server sends more lines than `to` allows, if it has
/// more.
fn from(log: &[u8], query: &str) -> Vec<u8> {
    let from =
        query.split('&').find_map(|pair| pair.strip_prefix("from=")).map_or(0, |from| from.parse().unwrap());
    log.split_inclusive(|byte| *byte == b'\n').skip(from).flatten().copied().collect()
}
