//! Whether witnesses keep up with a log: what each has cosigned, and how long entries have waited for it.
//!
//! A checkpoint has no time of its own, and the times in a log are the operator's words. So an audit measures the wait itself: an entry waits from the
//! moment at which this audit first saw a checkpoint over it, by the audit's own clock. Only a cosignature has a time that the operator cannot choose.

use std::{collections::VecDeque, fmt, time::Duration};

use acclaim_ballot_log::{WitnessKey, note::NoteError};
use acclaim_contest::Instant;
use acclaim_tally::audit::Finding;
use jiff::Timestamp;
use serde::Serialize;

/// Watches the newest checkpoint and what witnesses cosign.
#[derive(Debug)]
pub(super) struct CosignatureWatch {
    witnesses: Vec<WatchedWitness>,
    /// How long an entry may wait for a cosignature.
    limit: Duration,
    /// The time that counts: without pauses.
    counted: Duration,
    /// The caller's clock at the last look; `None` after a pause.
    last_observation: Option<Duration>,
    /// Size of the newest checkpoint, and when it was first seen.
    newest: (u64, Duration),
    /// Sizes that are not cosigned by all witnesses, in order, and when each was first seen.
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
    /// By the witness's clock, in seconds since 1970.
    time: u64,
}

/// A checkpoint's note that the log signed, and its size.
pub(super) type SizedNote<'a> = (&'a [u8], u64);

impl CosignatureWatch {
    /// Entries may wait this long for a cosignature of each of these witnesses.
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

    /// Takes in one look: the time by a clock that only goes forward, the size of the newest checkpoint, and all notes that may be cosigned.
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

    /// The server does not answer. The time until the next look does not count: a witness cannot fetch anything to cosign either.
    pub(super) fn pause(&mut self) {
        self.last_observation = None;
    }

    /// Whether every witness has cosigned the newest checkpoint or a later one.
    pub(super) fn is_settled(&self) -> bool {
        self.waiting.is_empty()
    }

    /// A finding for each witness whose cosignature has not come within the limit, as of the last look.
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

    /// Sizes and ages as of `now`. `last_entry` is the newest checkpoint's last entry, if it can be read.
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
        // The log has signed it, so it is UTF-8.
        let found = self.key.find(&String::from_utf8_lossy(note)).map(|found| found.time);
        match (found, &self.cosigned) {
            (Ok(time), Ok(newest)) => self.cosigned = Ok(Cosignature { size, time }.max(*newest)),
            (Ok(time), Err(_)) => self.cosigned = Ok(Cosignature { size, time }),
            // A wrong cosignature says more than none.
            (Err(error), Err(NoteError::NotSigned)) => self.cosigned = Err(error),
            (Err(_), _) => {}
        }
    }

    fn size(&self) -> u64 {
        self.cosigned.map_or(0, |cosigned| cosigned.size)
    }
}

/// Why a checkpoint fails the demand for a witness.
pub(in crate::commands) fn not_cosigned(witness: &WitnessKey, error: NoteError) -> String {
    format!("the checkpoint is not cosigned by the witness {}: {error}", witness.name())
}

/// Size and age of the newest checkpoint, and beside it of what each witness has cosigned.
#[derive(Debug, Serialize)]
pub(super) struct WitnessReport {
    newest: NewestCheckpoint,
    cosigned: Vec<CosignedCheckpoint>,
}

#[derive(Debug, Serialize)]
struct NewestCheckpoint {
    size: u64,
    /// The time of its last entry as the log writes it, which may be cut to a minute, an hour or a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_entry: Option<String>,
    /// Seconds since that time, or without it since this audit first saw the checkpoint. `None` if the time is ahead of this machine's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_seconds: Option<u64>,
}

#[derive(Debug, Serialize)]
struct CosignedCheckpoint {
    witness: String,
    /// `None` if nothing that was seen is cosigned.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// By the witness's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_seconds: Option<u64>,
}

impl WitnessReport {
    /// The lines for people: the newest checkpoint, and one for each witness.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        std::iter::once(self.newest.to_string()).chain(self.cosigned.iter().map(ToString::to_string))
    }

    /// What the witnesses have cosigned, for the end of a line.
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

/// How long ago, for people.
struct Ago(Option<u64>);

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(seconds) => write!(f, "{} ago", Age(Duration::from_secs(seconds))),
            None => f.write_str("ahead of this machine's clock"),
        }
    }
}

/// A duration in the largest unit of which there are two or more.
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

/// An entry's `at` as it is written, and the first instant that it can mean.
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

    /// A checkpoint's note over the given number of entries, cosigned by these at a time.
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

    fn look(watch: &mut CosignatureWatch, seconds: u64, newest: u64, cosigned: &(Vec<u8>, u64)) {
        watch.observe(Duration::from_secs(seconds), newest, &[(&cosigned.0, cosigned.1)]);
    }

    #[test]
    fn accepts_a_log_in_motion_whose_witness_follows() {
        let key = witness("a");
        let mut watch = watch(&[&key]);
        for second in 0..300 {
            look(&mut watch, second, 100 + second, &note(60 + second, &[&key], 1));
            assert!(watch.overdue().is_empty() && !watch.is_settled(), "{second}");
        }
        look(&mut watch, 301, 400, &note(400, &[&key], 1));
        assert!(watch.is_settled());
        // It stands still and is cosigned: nothing waits, however long.
        look(&mut watch, 90_000, 400, &note(400, &[&key], 1));
        assert!(watch.overdue().is_empty());
    }

    #[test]
    fn finds_a_witness_that_stands_still() {
        let key = witness("a");
        let mut watch = watch(&[&key]);
        let older = note(100, &[&key], 1);
        look(&mut watch, 0, 100, &older);
        for second in 1..=61 {
            look(&mut watch, second, 100 + second, &older);
            assert!(watch.overdue().is_empty(), "{second}: 101 entries were first seen at 1");
        }
        look(&mut watch, 62, 300, &older);
        let [Finding { index: Some(100), reason }] = &watch.overdue()[..] else {
            panic!("{:?}", watch.overdue())
        };
        assert!(reason.contains("more than 60 seconds") && reason.contains("100 of 300 entries"), "{reason}");
        // A cosignature that moves, and not far enough.
        look(&mut watch, 62, 300, &note(101, &[&key], 1));
        assert!(watch.overdue().is_empty());
        look(&mut watch, 63, 300, &note(101, &[&key], 1));
        assert_eq!(watch.overdue()[0].index, Some(101));
    }

    #[test]
    fn judges_each_witness() {
        let (key, slow, absent) = (witness("a"), witness("slow"), witness("absent"));
        let mut watch = watch(&[&key, &slow, &absent]);
        look(&mut watch, 0, 50, &note(50, &[&key, &slow], 1));
        for second in [1, 62] {
            look(&mut watch, second, 60, &note(60, &[&key], 1));
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
        look(&mut watch, 0, 2, &older);
        look(&mut watch, 40, 2, &older);
        watch.pause();
        look(&mut watch, 500, 2, &older);
        look(&mut watch, 520, 2, &older);
        assert!(watch.overdue().is_empty(), "60 seconds of 520");
        // Pauses again and again do not hide it.
        watch.pause();
        look(&mut watch, 600, 2, &older);
        look(&mut watch, 601, 2, &older);
        assert_eq!(watch.overdue().len(), 1);
    }

    #[test]
    fn reports_sizes_and_ages() {
        let (key, absent) = (witness("a"), witness("absent"));
        let mut watch = watch(&[&key, &absent]);
        let now: Timestamp = "2021-03-14T12:30:00Z".parse().unwrap();
        let cosigned_at = u64::try_from(now.as_second()).unwrap() - 2_400;
        look(&mut watch, 0, 312, &note(200, &[&key], cosigned_at));
        look(&mut watch, 5, 312, &note(200, &[&key], cosigned_at));
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
