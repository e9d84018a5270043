//! Data directories on which the server refuses to start: it says why, changes nothing, and ends
//! with status 2. Also a contest that is left out.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    server::acclaim,
    site::{Site, ballot},
};

/// The longest time until a refused start ends.
const EXIT_TIMEOUT: Duration = Duration::from_secs(30);

/// Tries to serve, which must be refused. Returns standard error.
#[track_caller]
pub(crate) fn refused(data: &Path) -> String {
    let mut command = acclaim();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
    let mut process =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program must start");
    let started = Instant::now();
    while process.try_wait().unwrap().is_none() {
        if started.elapsed() > EXIT_TIMEOUT {
            process.kill().unwrap();
            panic!("the server started");
        }
        // Sleeps: `std` cannot wait for the end of a process with a time-out.
        thread::sleep(Duration::from_millis(5));
    }
    let output = process.wait_with_output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(output.stdout.is_empty());
    words
}

#[test]
fn a_directory_in_use_and_one_without_its_secret() {
    let mut site = Site::start();
    let words = refused(&site.data());
    assert!(words.contains("in use") && words.contains(&site.address.to_string()), "{words}");
    site.kill();
    for (name, mode) in [("", 0o700), ("secret", 0o600), ("acclaim.db", 0o600), ("acclaim.db-wal", 0o600)] {
        let metadata = fs::metadata(site.data().join(name)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, mode, "{name}: only its owner may open it");
    }
    let secret = site.data().join("secret");
    let secret_bytes = fs::read(&secret).unwrap();
    fs::remove_file(&secret).unwrap();
    let words = refused(&site.data());
    assert!(words.contains("secret") && words.contains("missing"), "{words}");
    assert!(!secret.exists(), "no new secret may be created");
    fs::write(&secret, &secret_bytes[..40]).unwrap();
    assert!(refused(&site.data()).contains("64 hexadecimal digits"));
    // The secret of another installation opens nothing.
    fs::write(&secret, "00".repeat(32)).unwrap();
    refused(&site.data());
    fs::write(&secret, secret_bytes).unwrap();
    site.restart();
}

#[test]
fn a_directory_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "not a folder").unwrap();
    let words = refused(&file.join("data"));
    assert!(words.contains(file.to_str().unwrap()), "{words}");
    let readable = folder.path().join("readable");
    fs::create_dir(&readable).unwrap();
    let mut permissions = fs::metadata(&readable).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&readable, permissions).unwrap();
    if fs::write(readable.join("probe"), "").is_ok() {
        println!("skipped: this user may write anywhere");
        return;
    }
    assert!(refused(&readable).contains("readable"));
}

#[test]
fn a_database_of_another_version_or_program() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret"), "00".repeat(32)).unwrap();
    let database = folder.path().join("acclaim.db");
    let newer = empty_database(999);
    fs::write(&database, &newer).unwrap();
    let words = refused(folder.path());
    assert!(words.contains("version 999"), "{words}");
    assert_eq!(fs::read(&database).unwrap(), newer, "the file must stay unchanged");
    fs::write(&database, "a letter, and no database").unwrap();
    assert!(refused(folder.path()).contains("acclaim.db"));
}

/// A database without tables, with this `user_version`: the header and an empty leaf page of
/// `sqlite_schema` (<https://www.sqlite.org/fileformat2.html>).
fn empty_database(version: u32) -> Vec<u8> {
    let mut page = vec![0; 4096];
    page[..16].copy_from_slice(b"SQLite format 3\0");
    // Page size 4096, rollback journal, no reserved space, fixed payload fractions.
    page[16..24].copy_from_slice(&[0x10, 0, 1, 1, 0, 64, 32, 32]);
    for (at, value) in [(24, 1), (28, 1), (44, 4), (56, 1), (60, version), (92, 1), (96, 3_040_000)] {
        page[at..at + 4].copy_from_slice(&u32::to_be_bytes(value));
    }
    // An empty table leaf. Its cells would begin at the page's end.
    page[100] = 0x0d;
    page[105..107].copy_from_slice(&4096_u16.to_be_bytes());
    page
}

/// The other contests go on, and the process counts as ready.
#[test]
fn a_contest_that_is_left_alone_takes_no_ballots() {
    let mut site = Site::start();
    for id in ["alone", "other"] {
        site.create(id, "2021-01-01T00:00:00Z", &json!({}));
    }
    let passes = ["alone", "other"].map(|id| site.pass(id, "mailto:voter@example.org"));
    assert_eq!(site.cast("alone", &passes[0], &ballot(&["a1"])).status, 201);
    site.kill();
    site.environment = vec![("ACCLAIM_INSTALLATION_WITHOUT".to_owned(), r#"["alone"]"#.to_owned())];
    site.restart();
    let answer = site.cast("alone", &passes[0], &ballot(&["b1"]));
    assert_eq!((answer.status, &answer.body["type"]), (503, &json!("/problems/unavailable")), "{answer:?}");
    assert_eq!(site.cast("other", &passes[1], &ballot(&["a1"])).status, 201);
    assert_eq!(site.send("GET", "/readyz", &[], b"").status, 200);
}
