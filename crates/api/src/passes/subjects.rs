//! Whom passes are minted for: a list of subjects, read by the contest's rules, or voters without names.

use std::collections::{HashMap, HashSet};

use acclaim_contest::{
    SubjectRules, VoterTag,
    subject::{Person, RefusedSubjects, SubjectsAre},
};
use acclaim_service::directory::Contest;
use acclaim_store::RequestId;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::invalid;
use crate::{
    body::unread,
    problem::{self, Problem},
    state::Api,
};

/// Subjects of one request.
const MOST: usize = 10_000;
/// Barred subjects that an answer names.
const MAX_NAMED: usize = 100;

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
                let voters =
                    persons.map_err(|refused| problem(&refused, "minted"))?.into_iter().map(voter).collect();
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
    api.stores.database.subjects(contest.id()).await.map_err(unread)
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
        let subject = format!("{MADE_UP}{}", URL_SAFE_NO_PAD.encode(name));
        Voter { canonical: subject.clone(), subject, positions: vec![number] }
    };
    (0..count).map(voter).collect()
}

/// Begins the subjects of voters without names.
const MADE_UP: &str = "pass:";

/// The voters that a list names whose passes are to be revoked, each once: subjects as the contest compares them, and made-up ones as minting has answered them.
pub(super) async fn voters_to_revoke(
    api: &Api,
    contest: &Contest,
    subjects: &[String],
    subjects_are: Option<SubjectsAre>,
) -> Result<Vec<Voter>, Problem> {
    if !(1..=MOST).contains(&subjects.len()) {
        return Err(invalid("subjects", "are not from 1 to 10,000"));
    }
    let kept = kept(api, contest).await?;
    let is_made_up = |subject: &str| subject.starts_with(MADE_UP) && kept != Some(SubjectRules::Raw);
    let is_only_made_up = subjects.iter().all(|subject| is_made_up(subject));
    if kept.is_none() && !is_only_made_up {
        let detail = "no pass of a subject was minted in this contest, so that none can be revoked";
        return Err(Problem::new(&problem::REFUSED, detail).with("code", "no-subjects"));
    }
    let mut voters: Vec<Voter> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let (mut listed, mut listed_at) = (Vec::new(), Vec::new());
    for (position, subject) in subjects.iter().enumerate() {
        if !is_made_up(subject) {
            listed.push(subject.as_str());
            listed_at.push(position);
        } else if !subject.bytes().all(|byte| byte.is_ascii_graphic()) {
            // Another text would be another voter, whose passes nobody has.
            let what = "is not a name that minting gave: it has visible ASCII characters alone";
            return Err(invalid(&format!("subjects[{position}]"), what));
        } else if let Some(voter) = places.get(&**subject).and_then(|place| voters.get_mut(*place)) {
            voter.positions.push(position);
        } else {
            places.insert(subject, voters.len());
            voters.push(Voter {
                subject: subject.clone(),
                canonical: subject.clone(),
                positions: vec![position],
            });
        }
    }
    if !listed.is_empty() {
        let place = |position: usize| listed_at.get(position).copied().unwrap_or(position);
        let mut persons = rules(api, kept, subjects_are)?.persons(listed);
        if let Err(refused) = &mut persons {
            refused.first.iter_mut().for_each(|one| one.position = place(one.position));
        }
        for Person { canonical, positions } in persons.map_err(|refused| problem(&refused, "revoked"))? {
            let positions: Vec<usize> = positions.into_iter().map(place).collect();
            let subject =
                positions.first().and_then(|first| subjects.get(*first)).cloned().unwrap_or_default();
            voters.push(Voter { subject, canonical, positions });
        }
    }
    voters.sort_by_key(|voter| voter.positions.first().copied());
    Ok(voters)
}

/// The answer to a list with voters who get no pass any more.
pub(super) fn barred(voters: &[Voter], tags: &[VoterTag], barred: &[VoterTag]) -> Problem {
    let barred: HashSet<&VoterTag> = barred.iter().collect();
    let found: Vec<&Voter> =
        voters.iter().zip(tags).filter(|(_, tag)| barred.contains(tag)).map(|(voter, _)| voter).collect();
    let all: Vec<Value> = found
        .iter()
        .take(MAX_NAMED)
        .map(|voter| json!({"position": voter.positions.first(), "subject": voter.subject}))
        .collect();
    let detail = format!(
        "{} of the list get no pass any more, and nothing was minted: their passes were revoked with the mode `bar`. \
         A revocation with the mode `replace` lets them have passes again",
        found.len()
    );
    Problem::new(&problem::REFUSED, detail)
        .with("code", "barred")
        .with("barred", all)
        .with("barred_count", found.len())
}

/// What is wrong with a list, by position. `done` is what would have been done with it.
fn problem(refused: &RefusedSubjects, done: &str) -> Problem {
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
        1 => format!("Nothing was {done}"),
        count => format!("{count} subjects of the list are refused, and nothing was {done}"),
    };
    // A reason may be a question.
    let end = if first.ends_with(['?', '.', '!']) { "" } else { "." };
    Problem::new(&problem::INVALID_REQUEST, format!("`{place}`: {first}{end} {more}."))
        .with("field", place)
        .with("refused", all)
        .with("refused_count", refused.count)
}
