//! Whom passes are minted for: a list of subjects, read by the contest's rules, or voters without names.

use std::collections::{HashMap, HashSet};

use acclaim_contest::{
    SubjectRules, VoterTag,
    subject::{DefaultScheme, Person},
};
use acclaim_store::RequestId;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::error::{PassesError, invalid};

/// Subjects of one request.
const MAX_SUBJECTS: usize = 10_000;

/// Whom passes are minted for.
pub(super) enum PassRecipients {
    /// Those of a list, and what it says that its subjects are.
    Subjects(Vec<String>, Option<DefaultScheme>),
    /// The given number of voters without names.
    Unnamed(usize),
}

/// One voter of a list.
#[derive(Debug)]
pub struct Voter {
    /// As the list has it first.
    pub subject: String,
    /// What is compared, and what the tag is made of.
    pub canonical: String,
    /// Every place in the list, from 0 on.
    pub positions: Vec<usize>,
}

impl PassRecipients {
    pub(super) fn read(
        subjects: Option<Vec<String>>,
        count: Option<usize>,
        subjects_are: Option<DefaultScheme>,
    ) -> Result<Self, PassesError> {
        match (subjects, count) {
            (Some(subjects), None) if (1..=MAX_SUBJECTS).contains(&subjects.len()) => {
                Ok(Self::Subjects(subjects, subjects_are))
            }
            (Some(_), None) => Err(invalid("subjects", "are not from 1 to 10,000")),
            (None, Some(_)) if subjects_are.is_some() => {
                Err(invalid("subjects_are", "goes with `subjects`, and not with `count`"))
            }
            (None, Some(count @ 1..=MAX_SUBJECTS)) => Ok(Self::Unnamed(count)),
            (None, Some(_)) => Err(invalid("count", "is not from 1 to 10,000")),
            _ => Err(invalid("subjects", "either `subjects` or `count` must be there, and not both")),
        }
    }

    /// The voters as an older program made them for the same request.
    pub(super) fn with_version_1_names(&self, voters: Vec<Voter>, asked: &RequestId) -> Vec<Voter> {
        match self {
            Self::Unnamed(count) => unnamed_voters_version_1(&asked.key, *count),
            Self::Subjects(..) => voters,
        }
    }
}

/// The voters of a list by these rules, each once.
pub(super) fn distinct_voters(subjects: &[String], rules: &SubjectRules) -> Result<Vec<Voter>, PassesError> {
    let persons = rules.persons(subjects.iter().map(String::as_str));
    let voter = |Person { canonical, positions }: Person| {
        let first = positions.first().and_then(|first| subjects.get(*first));
        Voter { subject: first.cloned().unwrap_or_default(), canonical, positions }
    };
    Ok(persons.map_err(PassesError::RefusedSubjects)?.into_iter().map(voter).collect())
}

/// Refuses a list that is empty or too long.
pub(super) fn check_length(subjects: &[String]) -> Result<(), PassesError> {
    match (1..=MAX_SUBJECTS).contains(&subjects.len()) {
        true => Ok(()),
        false => Err(invalid("subjects", "are not from 1 to 10,000")),
    }
}

/// The voters that a list names whose passes are to be revoked, each once: subjects as the contest compares them, and made-up ones as minting has answered them.
pub(super) fn voters_to_revoke(
    subjects: &[String],
    kept: Option<&SubjectRules>,
    rules: impl FnOnce() -> Result<SubjectRules, PassesError>,
) -> Result<Vec<Voter>, PassesError> {
    let is_made_up = |subject: &str| subject.starts_with(UNNAMED_PREFIX) && kept != Some(&SubjectRules::Raw);
    let is_only_made_up = subjects.iter().all(|subject| is_made_up(subject));
    if kept.is_none() && !is_only_made_up {
        return Err(PassesError::NoSubjects);
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
        let mut persons = rules()?.persons(listed);
        if let Err(refused) = &mut persons {
            refused.first.iter_mut().for_each(|one| one.position = place(one.position));
        }
        for Person { canonical, positions } in persons.map_err(PassesError::RefusedSubjects)? {
            let positions: Vec<usize> = positions.into_iter().map(place).collect();
            let subject =
                positions.first().and_then(|first| subjects.get(*first)).cloned().unwrap_or_default();
            voters.push(Voter { subject, canonical, positions });
        }
    }
    voters.sort_by_key(|voter| voter.positions.first().copied());
    Ok(voters)
}

/// Voters made from what names the request, so that its repetition makes the same ones.
pub(super) fn unnamed_voters(asked: &RequestId, count: usize) -> Vec<Voter> {
    let mut hasher = blake3::Hasher::new_derive_key("acclaim v2 made-up subject");
    // With its length, so that no other name and key have the same bytes.
    hasher.update(&(asked.by.len() as u64).to_le_bytes()).update(asked.by.as_bytes());
    hasher.update(asked.key.as_bytes());
    numbered(&hasher, count)
}

/// The voters that older programs made of the `Idempotency-Key` alone.
fn unnamed_voters_version_1(key: &str, count: usize) -> Vec<Voter> {
    numbered(blake3::Hasher::new_derive_key("acclaim v1 made-up subject").update(key.as_bytes()), count)
}

/// A voter for each number, made from what has been hashed before.
fn numbered(hasher: &blake3::Hasher, count: usize) -> Vec<Voter> {
    let voter = |number: usize| {
        let hash = hasher.clone().update(&(number as u64).to_le_bytes()).finalize();
        let [name @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *hash.as_bytes();
        let subject = format!("{UNNAMED_PREFIX}{}", URL_SAFE_NO_PAD.encode(name));
        Voter { canonical: subject.clone(), subject, positions: vec![number] }
    };
    (0..count).map(voter).collect()
}

/// Begins the subjects of voters without names.
const UNNAMED_PREFIX: &str = "pass:";

/// The error of a list with voters who get no pass any more.
pub(super) fn barred(voters: &[Voter], tags: &[VoterTag], barred: &[VoterTag]) -> PassesError {
    let barred: HashSet<&VoterTag> = barred.iter().collect();
    let found = voters.iter().zip(tags).filter(|(_, tag)| barred.contains(tag));
    let named = found.map(|(voter, _)| (voter.positions.first().copied(), voter.subject.clone()));
    PassesError::Barred(named.collect())
}
