//! The jurors of a contest that was created before jurors had to be known.
//!
//! Each name with a key, or with scores that count, is a juror, in exactly the spelling of the
//! scores.

use acclaim_contest::{ContestId, Definition, Overrides, PanelId};
use acclaim_store::{
    Command, CommandOutcome, Commands as _, Contests as _, Keys as _, Ledger as _,
    command::QueuedCommand,
    jurors::{load_jurors, load_jurors_by_name},
    keys::{Role, StaffKey},
};
use acclaim_store_sqlite::{DataDirectory, SqliteDatabase};
use jiff::Timestamp;

use crate::append;

const COMPOSED: &str = "Juli\u{e1}n";
const DECOMPOSED: &str = "Julia\u{301}n";

fn definition() -> Definition {
    let json = r#"{"contest":{"id":"old","title":"T","time_zone":"UTC","opens":"2021-03-01T00:00:00Z","closes":"2021-04-01T00:00:00Z"},
        "winners":{"count":1,"from":"all","by":"scores"},"panel":[{"id":"experts","kind":"points"},{"id":"students","kind":"points"}],
        "category":[{"id":"a","title":"A"}],"entry":[{"id":"p1","category":"a","title":"One"}]}"#;
    Definition::from_json(json.as_bytes(), &Overrides::default()).unwrap()
}

/// Records a juror's scores, as earlier programs did for any name.
async fn score(
    database: &SqliteDatabase,
    contest: &ContestId,
    at: u64,
    juror: &str,
    values: &[(&str, &str)],
) {
    let command = Command::Score {
        panel: "experts".parse().unwrap(),
        juror: juror.to_owned(),
        category: "a".parse().unwrap(),
        criterion: None,
        values: values.iter().map(|(entry, score)| (entry.parse().unwrap(), (*score).to_owned())).collect(),
    };
    let key = format!("{at}");
    let queued = QueuedCommand { key, by: "chair".to_owned(), command, received: Timestamp::UNIX_EPOCH };
    database.queue_command(contest, &queued).await.unwrap();
    let mut recorded = append(at, 1);
    let outcome = CommandOutcome::Recorded { index: at, entries: 1, size: at + 1, root: String::new() };
    recorded.commands = vec![(queued.id(), outcome)];
    database.append(contest, recorded).await.unwrap();
}

#[tokio::test]
async fn jurors_are_those_with_a_key_or_with_scores_that_stand() {
    let folder = tempfile::tempdir().unwrap();
    let directory = DataDirectory::lock(folder.path()).unwrap();
    let database = directory.database().unwrap();
    let definition = definition();
    let contest = &definition.id;
    database.create_draft(&definition, b"w").await.unwrap();
    let scores = &[("p1", "7")][..];
    for (at, (juror, values)) in (0..).zip([
        (COMPOSED, scores),
        (DECOMPOSED, scores),
        ("Average", scores),
        ("Average", &[]),
        ("Kofi", scores),
    ]) {
        score(&database, contest, at, juror, values).await;
    }
    let at = acclaim_contest::Instant::at_or_before(Timestamp::UNIX_EPOCH);
    let key = |name: &str, panel: &str, revoked| StaffKey {
        name: name.to_owned(),
        role: Role::Juror,
        contests: Some(vec![contest.clone()]),
        panel: panel.parse().ok(),
        created: at,
        expires: None,
        revoked,
    };
    for (hash, key) in [
        key("Ama", "experts", None),
        key("Esi", "students", None),
        key("Lost", "experts", Some(at)),
        key(COMPOSED, "experts", None),
    ]
    .into_iter()
    .enumerate()
    {
        database.add_staff_key([u8::try_from(hash).unwrap(); 32], &key).await.unwrap();
        if key.revoked.is_some() {
            let _known = database.revoke_staff_key(&key.name, at).await;
        }
    }
    let record = database.contest(contest).await.unwrap().unwrap();
    let experts: PanelId = "experts".parse().unwrap();
    let all = load_jurors(&database, &record).await.unwrap();
    assert_eq!(all.of(&experts), ["Ama", COMPOSED, DECOMPOSED, "Kofi"]);
    assert_eq!(all.of(&"students".parse().unwrap()), ["Esi"]);

    // Looked up one by one, the same jurors are found, each in exactly the spelling of the scores.
    let panel = &record.definition.rules.panels[0];
    for (name, expected) in [
        ("Ama", Some("Ama")),
        ("AMA", Some("Ama")),
        (COMPOSED, Some(COMPOSED)),
        (DECOMPOSED, Some(DECOMPOSED)),
        ("kofi", Some("Kofi")),
        ("Average", None),
        ("Esi", None),
        ("Lost", None),
    ] {
        let matching = load_jurors_by_name(&database, &record, panel, name).await.unwrap();
        assert_eq!(matching.find(&experts, name).ok(), expected, "{name}");
        assert_eq!(all.find(&experts, name).ok(), expected, "{name}");
    }
}
