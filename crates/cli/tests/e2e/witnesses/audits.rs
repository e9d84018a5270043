//! Audits that demand a witness: one that keeps up, one that is stopped, and one that refuses.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use acclaim_ballot_log::{Checkpoint, VerifierKey, WitnessKey};
use serde_json::{Value, json};

use super::{copy, note, process::Process, run, set_witnesses, until_cosigned, vkey, vote};
use crate::{
    server::{acclaim, free_address},
    site::{Site, poll},
    verifiers::Verdict,
};

const NAME: &str = "witness.example.org";

/// An audit that follows, as a process. It is killed when dropped, also by a failing test.
struct Follower(Option<Child>);

impl Follower {
    /// Returns the output until the end.
    fn verdict(mut self) -> Verdict {
        self.0.take().unwrap().wait_with_output().unwrap().into()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if let Some(process) = &mut self.0 {
            let _gone = process.kill();
            let _gone = process.wait();
        }
    }
}

/// A site with a contest and its witness.
struct WatchedSite {
    site: Site,
    vkey: VerifierKey,
    witness: WitnessKey,
}

impl WatchedSite {
    fn start() -> (Self, Process) {
        let mut site = Site::start();
        let contest = site.create("watched", "2021-01-01T00:00:00Z", &json!({}));
        let vkey = vkey(&contest);
        let process = Process::start(&site.folder.path().join("w"), free_address(), NAME, &vkey);
        let witness = process.key.clone();
        set_witnesses(&mut site, &[(process.address, &witness)]);
        vote(&site, "watched", 100);
        until_cosigned(&site, "watched", &[&witness]);
        (Self { site, vkey, witness }, process)
    }

    /// The audit of the server. An entry may wait the given number of seconds for its cosignature.
    fn audit(&self, seconds: u32) -> Command {
        let mut audit = acclaim();
        audit.args(["audit", "watched", "--url", &format!("http://{}", self.site.address)]);
        audit.env("ACCLAIM_KEY", &self.site.key);
        self.demand(&mut audit, seconds);
        audit
    }

    fn demand(&self, audit: &mut Command, seconds: u32) {
        audit.args(["--vkey", &self.vkey.to_string(), "--witness", &self.witness.to_string()]);
        audit.args(["--cosigned-within", &seconds.to_string()]);
    }

    /// Starts an audit that follows. With `reads_entries` it has the key for entries.
    fn follow(&self, seconds: u32, copy: &str, reads_entries: bool) -> Follower {
        let mut audit = self.audit(seconds);
        audit.args(["--follow", "--every", "0.1", "--copy"]).arg(self.site.folder.path().join(copy));
        if !reads_entries {
            audit.env_remove("ACCLAIM_KEY");
        }
        Follower(Some(audit.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()))
    }

    /// Sizes of the newest checkpoint and of the newest cosigned one.
    fn sizes(&self) -> (u64, u64) {
        let size = |name| {
            let note = note(&self.site, "watched", name).unwrap();
            Checkpoint::open(note, &self.vkey).unwrap().size
        };
        (size("checkpoint"), size("checkpoint.cosigned"))
    }

    /// Checks that each kind of audit finds the cosigned checkpoint behind.
    #[track_caller]
    fn lags(&self) {
        let (newest, cosigned) = self.sizes();
        assert!(newest > cosigned && cosigned > 0, "{newest}, {cosigned}");
        for (number, reads_entries) in [(0, true), (1, false)] {
            let followed = self.follow(1, &format!("lags-{number}"), reads_entries).verdict();
            self.is_found_to_lag(&followed, newest, cosigned);
        }
        self.is_found_to_lag(&run(&mut self.audit(1)), newest, cosigned);

        let report = self.audit(1).arg("--json").output().unwrap();
        assert_eq!(report.status.code(), Some(1));
        let report: Value = serde_json::from_slice(&report.stdout).unwrap();
        let witnesses = &report["witnesses"];
        assert_eq!(
            (&report["clean"], &witnesses["newest"]["size"], &witnesses["cosigned"][0]["size"]),
            (&json!(false), &json!(newest), &json!(cosigned)),
            "{report}"
        );
        let ages = [&witnesses["newest"]["age_seconds"], &witnesses["cosigned"][0]["age_seconds"]];
        assert!(ages.iter().all(|age| age.is_u64()), "{report}");
    }

    #[track_caller]
    fn is_found_to_lag(&self, verdict: &Verdict, newest: u64, cosigned: u64) {
        assert_eq!(verdict.status, 1, "{verdict:?}");
        let begins = |words: String| {
            verdict.output.lines().any(|line| line.starts_with(&words) && line.ends_with(" ago"))
        };
        assert!(begins(format!("newest checkpoint: {newest} entries, ")), "{verdict:?}");
        assert!(begins(format!("cosigned by {NAME}: {cosigned} entries at ")), "{verdict:?}");
        let finding = format!(
            "index {cosigned}: this entry has waited more than 1 second for a cosignature of the witness {NAME}, which has cosigned {cosigned} of {newest} entries"
        );
        assert!(verdict.output.lines().any(|line| line == finding), "{verdict:?}");
        assert!(verdict.output.ends_with("audit: 1 discrepancy\n"), "{verdict:?}");
    }
}

#[test]
fn a_witness_that_is_stopped_leaves_entries_without_cosignature() {
    let (watched, process) = WatchedSite::start();
    let address = process.address;
    let before = watched.follow(1, "before", true);
    process.kill();
    vote(&watched.site, "watched", 30);
    let (newest, cosigned) = watched.sizes();
    let followed = before.verdict();
    assert_eq!(followed.status, 1, "{followed:?}");
    assert!(followed.output.contains(&format!("which has cosigned {cosigned} of ")), "{followed:?}");
    assert!(newest > cosigned);
    watched.lags();

    // The export has the one checkpoint, without a cosignature.
    watched.site.staff.post("/v1/contests/watched/close", "close", &json!({})).unwrap();
    let folder = watched.site.export("watched", "without");
    let verdict = audit_folder(&watched, &folder);
    assert_eq!(verdict.status, 1, "{verdict:?}");
    for words in [
        "the checkpoint is not cosigned by the witness ",
        "newest checkpoint: ",
        "cosigned by witness.example.org: nothing\n",
    ] {
        assert!(verdict.output.contains(words), "{words}: {verdict:?}");
    }

    // The witness is back. Everything is cosigned within its time, also in an export.
    let _process = Process::start(&watched.site.folder.path().join("w"), address, NAME, &watched.vkey);
    let verdict = run(&mut watched.audit(90));
    assert_eq!(verdict.status, 0, "{verdict:?}");
    let folder = watched.site.export("watched", "with");
    let verdict = audit_folder(&watched, &folder);
    assert_eq!(verdict.status, 0, "{verdict:?}");
    let size = watched.site.log("watched").len();
    for words in [
        format!("newest checkpoint: {size} entries, the last of "),
        format!("cosigned by {NAME}: {size} entries at "),
    ] {
        assert!(verdict.output.contains(&words), "{words}: {verdict:?}");
    }
}

fn audit_folder(watched: &WatchedSite, folder: &Path) -> Verdict {
    let mut audit = acclaim();
    audit.arg("audit").arg(folder);
    watched.demand(&mut audit, 1);
    run(&mut audit)
}

#[test]
fn a_witness_that_refuses_is_no_clean_audit() {
    let (mut watched, process) = WatchedSite::start();
    // The operator restores an older state, whose checkpoint is cosigned. Other votes follow.
    let older = watched.site.folder.path().join("older");
    watched.site.kill();
    copy(&watched.site.data(), &older);
    watched.site.restart();
    vote(&watched.site, "watched", 20);
    until_cosigned(&watched.site, "watched", &[&watched.witness]);
    watched.site.kill();
    fs::remove_dir_all(watched.site.data()).unwrap();
    copy(&older, &watched.site.data());
    watched.site.restart();
    vote(&watched.site, "watched", 40);
    poll("the witness's alarm", || process.has_logged("ALARM").then_some(()));
    watched.lags();
}

#[test]
fn a_log_in_motion_whose_witness_follows_is_clean() {
    let (watched, _process) = WatchedSite::start();
    let followers =
        [true, false].map(|reads_entries| watched.follow(60, &format!("f{reads_entries}"), reads_entries));
    let verdicts: Vec<Verdict> = thread::scope(|scope| {
        let voters =
            scope.spawn(|| (1..=3).for_each(|round| drop(vote(&watched.site, "watched", 200 + round))));
        let verdicts = (0..3).map(|_| run(&mut watched.audit(60))).collect();
        voters.join().unwrap();
        verdicts
    });
    for verdict in verdicts {
        assert_eq!(verdict.status, 0, "{verdict:?}");
        for words in ["newest checkpoint: ", "cosigned by witness.example.org: ", "audit: clean"] {
            assert!(verdict.output.contains(words), "{words}: {verdict:?}");
        }
    }
    let staff = |path: &str, body: &Value| {
        watched.site.staff.post(&format!("/v1/contests/watched/{path}"), path, body)
    };
    staff("close", &json!({})).unwrap();
    let result: Value = watched.site.staff.get("/v1/contests/watched/result").unwrap().json().unwrap();
    staff("certify", &result["certify"]).unwrap();
    let size = watched.site.log("watched").len();
    for follower in followers {
        let verdict = follower.verdict();
        assert_eq!(verdict.status, 0, "{verdict:?}");
        assert!(verdict.output.contains("audit: clean, and certified\n"), "{verdict:?}");
        // The audit ends only after the certified log is cosigned too.
        assert!(verdict.output.contains(&format!("\ncosigned by {NAME}: {size} entries at ")), "{verdict:?}");
    }
}
