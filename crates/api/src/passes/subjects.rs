//! Whom passes are minted for: a list of subjects, read by the contest's rules, or voters without names.

use acclaim_contest::{
    SubjectRules,
    subject::{Person, RefusedSubjects, SubjectsAre},
};
use acclaim_store::{RequestId, StoreError};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::invalid;
use crate::{
    body::no_contest,
    directory::Contest,
    problem::{self, Problem},
    state::Api,
};

/// Passes of one request.
const MOST: usize = 10_000;

/// Whom passes are minted for.
pub(super) enum Whom {
    /// Those of a list, and what it says that its subjects are.
    Subjects(Vec<String>, Option<SubjectsAre>),
    /// The given number of voters without names.
    MadeUp(usize),
}

/// One voter to mint a pass for.
pub(super) struct Voter {
    /// As the list has it first.
    pub(super) subject: String,
    /// What the tag is made of.
    pub(super) canonical: String,
    /// Every place in the list.
    pub(super) positions: Vec<usize>,
}

impl Whom {
    pub(super) fn read(
        subjects: Option<Vec<String>>,
        count: Option<usize>,
        subjects_are: Option<SubjectsAre>,
    ) -> Result<Self, Problem> {
        match (subjects, count) {
            (Some(subjects), None) if (1..=MOST).contains(&subjects.len()) => {
                Ok(Self::Subjects(subjects, subjects_are))
            }
            (Some(_), None) => Err(invalid("subjects", "are not from 1 to 10,000")),
            (None, Some(_)) if subjects_are.is_some() => {
                Err(invalid("subjects_are", "goes with `subjects`, and not with `count`"))
            }
            (None, Some(count @ 1..=MOST)) => Ok(Self::MadeUp(count)),
            (None, Some(_)) => Err(invalid("count", "is not from 1 to 10,000")),
            _ => Err(invalid("subjects", "either `subjects` or `count` must be there, and not both")),
        }
    }

    /// The voters, each once, and the rules by which that was found. Nothing is changed.
    pub(super) async fn voters(
        &self,
        api: &Api,
        contest: &Contest,
        asked: &RequestId,
    ) -> Result<(Vec<Voter>, Option<SubjectRules>), Problem> {
        match self {
            Self::MadeUp(count) => Ok((made_up(asked, *count), None)),
            Self::Subjects(subjects, subjects_are) => {
                let rules = rules(api, kept(api, contest).await?, *subjects_are)?;
                let persons = rules.persons(subjects.iter().map(String::as_str));
                let voter = |Person { canonical, positions }: Person| {
                    let first = positions.first().and_then(|first| subjects.get(*first));
                    Voter { subject: first.cloned().unwrap_or_default(), canonical, positions }
                };
                let voters = persons.map_err(|refused| problem(&refused))?.into_iter().map(voter).collect();
                Ok((voters, Some(rules)))
            }
        }
    }

    /// The voters as an older program made them for the same request.
    pub(super) fn as_made_before(&self, voters: Vec<Voter>, asked: &RequestId) -> Vec<Voter> {
        match self {
            Self::MadeUp(count) => made_up_of_key(&asked.key, *count),
            Self::Subjects(..) => voters,
        }
    }
}

/// The rules that the contest keeps. Asked of the database each time: another process may have had its first list.
pub(super) async fn kept(api: &Api, contest: &Contest) -> Result<Option<SubjectRules>, Problem> {
    match api.stores.database.subjects(contest.id()).await {
        Err(StoreError::Conflict(_)) => Err(no_contest()),
        kept => Ok(kept?),
    }
}

/// The rules by which a request is read.
pub(super) fn rules(
    api: &Api,
    kept: Option<SubjectRules>,
    asked: Option<SubjectsAre>,
) -> Result<SubjectRules, Problem> {
    SubjectRules::of_request(kept, asked, &api.settings.domains).map_err(|error| {
        Problem::new(&problem::REFUSED, error.to_string())
            .with("code", "other-subjects")
            .with("field", "subjects_are")
    })
}

/// Voters made from what names the request, so that its repetition makes the same ones.
fn made_up(asked: &RequestId, count: usize) -> Vec<Voter> {
    let mut hasher = blake3::Hasher::new_derive_key("acclaim v2 made-up subject");
    // With its length, so that no other name and key have the same bytes.
    hasher.update(&(asked.by.len() as u64).to_le_bytes()).update(asked.by.as_bytes());
    hasher.update(asked.key.as_bytes());
    numbered(&hasher, count)
}

/// The voters that older programs made of the `Idempotency-Key` alone.
fn made_up_of_key(key: &str, count: usize) -> Vec<Voter> {
    numbered(blake3::Hasher::new_derive_key("acclaim v1 made-up subject").update(key.as_bytes()), count)
}

/// A voter for each number, made from what has been hashed before.
fn numbered(hasher: &blake3::Hasher, count: usize) -> Vec<Voter> {
    let voter = |number: usize| {
        let hash = hasher.clone().update(&(number as u64).to_le_bytes()).finalize();
        let [name @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *hash.as_bytes();
        let subject = format!("pass:{}", URL_SAFE_NO_PAD.encode(name));
        Voter { canonical: subject.clone(), subject, positions: vec![number] }
    };
    (0..count).map(voter).collect()
}

/// What is wrong with a list, by position.
fn problem(refused: &RefusedSubjects) -> Problem {
    let field = |position: usize| format!("subjects[{position}]");
    let (place, first) = match refused.first.first() {
        Some(first) => (field(first.position), first.to_string()),
        None => ("subjects".to_owned(), String::new()),
    };
    let all: Vec<Value> = refused
        .first
        .iter()
        .map(
            |one| json!({"position": one.position, "subject": one.subject, "reason": one.reason.to_string()}),
        )
        .collect();
    let more = match refused.count {
        1 => "Nothing was minted".to_owned(),
        count => format!("{count} subjects of the list are refused, and nothing was minted"),
    };
    // A reason may be a question.
    let end = if first.ends_with(['?', '.', '!']) { "" } else { "." };
    Problem::new(&problem::INVALID_REQUEST, format!("`{place}`: {first}{end} {more}."))
        .with("field", place)
        .with("refused", all)
        .with("refused_count", refused.count)
}
