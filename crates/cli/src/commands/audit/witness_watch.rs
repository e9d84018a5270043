//! The watch over witnesses of a log: the newest checkpoint that each has cosigned, and the time
//! that entries have waited for a cosignature.
//!
//! A checkpoint has no time, and the times in a log come from the operator. So an audit measures
//! the wait itself: an entry waits from the moment at which this audit first saw a checkpoint over
//! it, by the audit's own clock. Only the time of a cosignature cannot be chosen by the operator.

use std::{collections::VecDeque, fmt, time::Duration};

use acclaim_ballot_log::{WitnessKey, note::NoteError};
use acclaim_contest::Instant;
use acclaim_tally::audit::Finding;
use jiff::Timestamp;
use serde::Serialize;

/// Watches the newest checkpoint and the cosignatures of witnesses.
#[derive(Debug)]
pub(super) struct CosignatureWatch {
    witnesses: Vec<WatchedWitness>,
    /// The longest time that an entry may wait for a cosignature.
    limit: Duration,
    /// The time that counts: the time of the watch without its pauses.
    counted: Duration,
    /// The caller's clock at the last observation. `None` after a pause.
    last_observation: Option<Duration>,
    /// The size of the newest checkpoint, and the counted time at which it was first seen.
    newest: (u64, Duration),
    /// The sizes that not all witnesses have cosigned, in ascending order, and the counted time at
    /// which each was first seen.
    waiting: VecDeque<(u64, Duration)>,
}

/// One witness, and its newest cosignature.
#[derive(Debug)]
struct WatchedWitness {
    key: WitnessKey,
    cosigned: Result<Cosignature, NoteError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cosignature {
    size: u64,
    /// The time of the witness's clock, in seconds since 1970.
    time: u64,
}

/// A checkpoint's note, whose signature by the log is verified, and its size.
pub(super) type SizedNote<'a> = (&'a [u8], u64);

impl CosignatureWatch {
    /// Makes a watch over these witnesses. Entries may wait for a cosignature of each of them for
    /// the time `limit`.
    pub(super) fn new(witnesses: &[WitnessKey], limit: Duration) -> Self {
        let watched =
            |key: &WitnessKey| WatchedWitness { key: key.clone(), cosigned: Err(NoteError::NotSigned) };
        Self {
            witnesses: witnesses.iter().map(watched).collect(),
            limit,
            counted: Duration::ZERO,
            last_observation: None,
            newest: (0, Duration::ZERO),
            waiting: VecDeque::new(),
        }
    }

    /// Records one observation.
    ///
    /// `now` is the time of a clock that only goes forward. `newest` is the size of the newest
    /// checkpoint. `notes` are all notes that may be cosigned.
    pub(super) fn observe(&mut self, now: Duration, newest: u64, notes: &[SizedNote<'_>]) {
        self.counted += self.last_observation.map_or(Duration::ZERO, |last| now.saturating_sub(last));
        self.last_observation = Some(now);
        if newest > self.newest.0 {
            self.newest = (newest, self.counted);
            self.waiting.push_back(self.newest);
        }
        for witness in &mut self.witnesses {
            notes.iter().for_each(|note| witness.take(*note));
        }
        let cosigned = self.witnesses.iter().map(WatchedWitness::size).min().unwrap_or(u64::MAX);
        self.waiting.retain(|(size, _)| *size > cosigned);
    }

    /// Stops the time until the next observation, because the server does not answer. Then a
    /// witness cannot fetch a checkpoint either.
    pub(super) fn pause(&mut self) {
        self.last_observation = None;
    }

    /// Whether every witness has cosigned the newest checkpoint or a later one.
    pub(super) fn is_settled(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Returns a finding for each witness whose cosignature is overdue at the last observation.
    pub(super) fn overdue(&self) -> Vec<Finding> {
        self.witnesses.iter().filter_map(|witness| self.overdue_at(witness)).collect()
    }

    fn overdue_at(&self, witness: &WatchedWitness) -> Option<Finding> {
        let (_, since) = self.waiting.iter().find(|(size, _)| *size > witness.size())?;
        if self.counted.saturating_sub(*since) <= self.limit {
            return None;
        }
        Some(match witness.cosigned {
            Ok(Cosignature { size, .. }) => {
                let (limit, name, newest) = (Age(self.limit), witness.key.name(), self.newest.0);
                let reason = format!(
                    "this entry has waited more than {limit} for a cosignature of the witness {name}, which has cosigned {size} of {newest} entries"
                );
                Finding { index: Some(size), reason }
            }
            Err(error) => Finding { index: None, reason: not_cosigned(&witness.key, error) },
        })
    }

    /// Returns the sizes and ages at `now`. `last_entry` is the last entry under the newest
    /// checkpoint, if it can be read.
    pub(super) fn report(&self, now: Timestamp, last_entry: Option<&[u8]>) -> WitnessReport {
        let (size, first_seen) = self.newest;
        let written = last_entry.and_then(written_at);
        let newest = NewestCheckpoint {
            size,
            age_seconds: match &written {
                Some((_, time)) => seconds_since(time.as_second(), now),
                None => Some(self.counted.saturating_sub(first_seen).as_secs()),
            },
            last_entry: written.map(|(text, _)| text),
        };
        let cosigned = |witness: &WatchedWitness| {
            let (witness, cosigned) = (witness.key.name().to_owned(), witness.cosigned.ok());
            let time = cosigned.and_then(|cosigned| i64::try_from(cosigned.time).ok());
            CosignedCheckpoint {
                witness,
                size: cosigned.map(|cosigned| cosigned.size),
                time: time.and_then(Instant::from_seconds).map(|time| time.to_string()),
                age_seconds: time.and_then(|time| seconds_since(time, now)),
            }
        };
        WitnessReport { newest, cosigned: self.witnesses.iter().map(cosigned).collect() }
    }
}

impl WatchedWitness {
    fn take(&mut self, (note, size): SizedNote<'_>) {
        // The note was verified, so it is UTF-8.
        let found = self.key.find(&String::from_utf8_lossy(note)).map(|found| found.time);
        match (found, &self.cosigned) {
            (Ok(time), Ok(newest)) => self.cosigned = Ok(Cosignature { size, time }.max(*newest)),
            (Ok(time), Err(_)) => self.cosigned = Ok(Cosignature { size, time }),
            // An invalid cosignature is a better explanation than a missing one.
            (Err(error), Err(NoteError::NotSigned)) => self.cosigned = Err(error),
            (Err(_), _) => {}
        }
    }

    fn size(&self) -> u64 {
        self.cosigned.map_or(0, |cosigned| cosigned.size)
    }
}

/// Returns the finding that a required witness has not cosigned a checkpoint.
pub(in crate::commands) fn not_cosigned(witness: &WitnessKey, error: NoteError) -> String {
    format!("the checkpoint is not cosigned by the witness {}: {error}", witness.name())
}

/// The size and age of the newest checkpoint, and of the newest one that each witness has cosigned.
#[derive(Debug, Serialize)]
pub(super) struct WitnessReport {
    newest: NewestCheckpoint,
    cosigned: Vec<CosignedCheckpoint>,
}

#[derive(Debug, Serialize)]
struct NewestCheckpoint {
    size: u64,
    /// The time of its last entry, as it is in the log. It can be cut to a minute, an hour or a
    /// day.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_entry: Option<String>,
    /// The seconds since that time. Without it, the seconds since this audit first saw the
    /// checkpoint. `None` if the time is ahead of this machine's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_seconds: Option<u64>,
}

#[derive(Debug, Serialize)]
struct CosignedCheckpoint {
    witness: String,
    /// The size of the newest cosigned checkpoint. `None` if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// The time of the cosignature, by the witness's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_seconds: Option<u64>,
}

impl WitnessReport {
    /// Returns the lines for people: one for the newest checkpoint, and one for each witness.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        std::iter::once(self.newest.to_string()).chain(self.cosigned.iter().map(ToString::to_string))
    }

    /// Returns the witnesses' cosigned checkpoints, for the end of a line.
    pub(super) fn cosigned(&self) -> String {
        self.cosigned.iter().map(|cosigned| format!("; {cosigned}")).collect()
    }
}

impl fmt::Display for NewestCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "newest checkpoint: {} entries, ", self.size)?;
        let Some(last_entry) = &self.last_entry else {
            return write!(f, "first seen {}", Ago(self.age_seconds));
        };
        let at_most = if is_cut(last_entry) && self.age_seconds.is_some() { "at most " } else { "" };
        write!(f, "the last of {last_entry}, {at_most}{}", Ago(self.age_seconds))
    }
}

impl fmt::Display for CosignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cosigned by {}: ", self.witness)?;
        match (self.size, &self.time) {
            (Some(size), Some(time)) => write!(f, "{size} entries at {time}, {}", Ago(self.age_seconds)),
            (Some(size), None) => write!(f, "{size} entries"),
            (None, _) => f.write_str("nothing"),
        }
    }
}

/// A time in the past, for people, for example `40 minutes ago`.
struct Ago(Option<u64>);

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(seconds) => write!(f, "{} ago", Age(Duration::from_secs(seconds))),
            None => f.write_str("ahead of this machine's clock"),
        }
    }
}

/// A duration for people, in the largest unit that it has at least two of.
struct Age(Duration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match seconds {
            1 => f.write_str("1 second"),
            0..120 => write!(f, "{seconds} seconds"),
            120..7_200 => write!(f, "{} minutes", seconds / 60),
            7_200..172_800 => write!(f, "{} hours", seconds / 3_600),
            _ => write!(f, "{} days", seconds / 86_400),
        }
    }
}

fn seconds_since(time: i64, now: Timestamp) -> Option<u64> {
    u64::try_from(now.as_second().saturating_sub(time)).ok()
}

/// Returns an entry's `at` as it is in the log, and the first instant that it can mean.
fn written_at(entry: &[u8]) -> Option<(String, Timestamp)> {
    let entry: serde_json::Value = serde_json::from_slice(entry).ok()?;
    let text = entry.get("at")?.as_str()?.to_owned();
    let missing = match text.len() {
        10 => "T00:00:00Z",
        14 => ":00:00Z",
        17 => ":00Z",
        _ => "Z",
    };
    let first = format!("{}{missing}", text.trim_end_matches('Z'));
    Some((text, first.parse().ok()?))
}

/// Whether the time of an entry is cut to a minute, an hour or a day.
fn is_cut(at: &str) -> bool {
    at.len() < "2021-03-01T00:00:00Z".len()
}

#[cfg(test)]
mod tests {
    use acclaim_ballot_log::{CosigningKey, SigningKey, empty_root};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    fn witness(name: &str) -> CosigningKey {
        CosigningKey::from_seed(name, &[7; 32]).unwrap()
    }

    /// Makes a checkpoint's note over `size` entries, which these witnesses cosigned at `time`.
    fn note(size: u64, by: &[&CosigningKey], time: u64) -> (Vec<u8>, u64) {
        let mut note =
            SigningKey::from_seed("vote.example.org/photos", &[9; 32]).unwrap().sign(size, empty_root());
        let lines: String = by.iter().map(|key| key.cosign(&note, time).unwrap()).collect();
        note.push_str(&lines);
        (note.into_bytes(), size)
    }

    fn watch(witnesses: &[&CosigningKey]) -> CosignatureWatch {
        let keys: Vec<_> = witnesses.iter().map(|key| key.verifier().clone()).collect();
        CosignatureWatch::new(&keys, LIMIT)
    }

    fn observe(watch: &mut CosignatureWatch, seconds: u64, newest: u64, cosigned: &(Vec<u8>, u64)) {
        watch.observe(Duration::from_secs(seconds), newest, &[(&cosigned.0, cosigned.1)]);
    }

    #[test]
    fn accepts_a_log_in_motion_whose_witness_follows() {
        let key = witness("a");
        let mut watch = watch(&[&key]);
        for second in 0..300 {
            observe(&mut watch, second, 100 + second, &note(60 + second, &[&key], 1));
            assert!(watch.overdue().is_empty() && !watch.is_settled(), "{second}");
        }
        observe(&mut watch, 301, 400, &note(400, &[&key], 1));
        assert!(watch.is_settled());
        // The log no longer grows and is cosigned, so no entry waits.
        observe(&mut watch, 90_000, 400, &note(400, &[&key], 1));
        assert!(watch.overdue().is_empty());
    }

    #[test]
    fn finds_a_witness_that_stands_still() {
        let key = witness("a");
        let mut watch = watch(&[&key]);
        let older = note(100, &[&key], 1);
        observe(&mut watch, 0, 100, &older);
        for second in 1..=61 {
            observe(&mut watch, second, 100 + second, &older);
            assert!(watch.overdue().is_empty(), "{second}: 101 entries were first seen at 1");
        }
        observe(&mut watch, 62, 300, &older);
        let [Finding { index: Some(100), reason }] = &watch.overdue()[..] else {
            panic!("{:?}", watch.overdue())
        };
        assert!(reason.contains("more than 60 seconds") && reason.contains("100 of 300 entries"), "{reason}");
        // The cosigned size grows, but not enough.
        observe(&mut watch, 62, 300, &note(101, &[&key], 1));
        assert!(watch.overdue().is_empty());
        observe(&mut watch, 63, 300, &note(101, &[&key], 1));
        assert_eq!(watch.overdue()[0].index, Some(101));
    }

    #[test]
    fn judges_each_witness() {
        let (key, slow, absent) = (witness("a"), witness("slow"), witness("absent"));
        let mut watch = watch(&[&key, &slow, &absent]);
        observe(&mut watch, 0, 50, &note(50, &[&key, &slow], 1));
        for second in [1, 62] {
            observe(&mut watch, second, 60, &note(60, &[&key], 1));
        }
        let found: Vec<_> = watch.overdue().into_iter().map(|found| (found.index, found.reason)).collect();
        assert!(
            matches!(&found[..], [(Some(50), slow), (None, absent)]
            if slow.contains("witness slow, which has cosigned 50 of 60") && absent.contains("not cosigned by the witness absent")),
            "{found:?}"
        );
    }

    #[test]
    fn the_time_of_a_pause_does_not_count() {
        let key = witness("a");
        let mut watch = watch(&[&key]);
        let older = note(1, &[&key], 1);
        observe(&mut watch, 0, 2, &older);
        observe(&mut watch, 40, 2, &older);
        watch.pause();
        observe(&mut watch, 500, 2, &older);
        observe(&mut watch, 520, 2, &older);
        assert!(watch.overdue().is_empty(), "60 seconds of 520");
        // Repeated pauses do not hide the delay.
        watch.pause();
        observe(&mut watch, 600, 2, &older);
        observe(&mut watch, 601, 2, &older);
        assert_eq!(watch.overdue().len(), 1);
    }

    #[test]
    fn reports_sizes_and_ages() {
        let (key, absent) = (witness("a"), witness("absent"));
        let mut watch = watch(&[&key, &absent]);
        let now: Timestamp = "2021-03-14T12:30:00Z".parse().unwrap();
        let cosigned_at = u64::try_from(now.as_second()).unwrap() - 2_400;
        observe(&mut watch, 0, 312, &note(200, &[&key], cosigned_at));
        observe(&mut watch, 5, 312, &note(200, &[&key], cosigned_at));
        let lines = |at: Option<&str>| {
            let entry = at.map(|at| format!(r#"{{"type":"ballot","at":"{at}"}}"#));
            watch.report(now, entry.as_deref().map(str::as_bytes)).lines().collect::<Vec<_>>()
        };
        for (at, expected) in [
            (None, "first seen 5 seconds ago"),
            (Some("2021-03-14T12:29:59Z"), "the last of 2021-03-14T12:29:59Z, 1 second ago"),
            (Some("2021-03-14T12:05Z"), "the last of 2021-03-14T12:05Z, at most 25 minutes ago"),
            (Some("2021-03-14T08Z"), "the last of 2021-03-14T08Z, at most 4 hours ago"),
            (Some("2021-03-10"), "the last of 2021-03-10, at most 4 days ago"),
            (Some("2021-03-14T12:31Z"), "the last of 2021-03-14T12:31Z, ahead of this machine's clock"),
        ] {
            assert_eq!(
                lines(at),
                [
                    &*format!("newest checkpoint: 312 entries, {expected}"),
                    "cosigned by a: 200 entries at 2021-03-14T11:50:00Z, 40 minutes ago",
                    "cosigned by absent: nothing",
                ]
            );
        }
    }
}
