//! The voters of a minting or revoking request: a list of subjects, read by the contest's rules, or
//! voters without names.

use std::collections::{HashMap, HashSet};

use acclaim_contest::{
    SubjectRules, VoterTag,
    subject::{DefaultScheme, Person},
};
use acclaim_store::RequestId;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::error::{PassesError, invalid};

/// Maximum number of subjects in one request.
const MAX_SUBJECTS: usize = 10_000;

/// The voters for whom passes are minted.
pub(super) enum PassRecipients {
    /// The subjects of a list, and the meaning of subjects without a scheme.
    Subjects(Vec<String>, Option<DefaultScheme>),
    /// The given number of voters without names.
    Unnamed(usize),
}

/// One voter of a list.
#[derive(Debug)]
pub struct Voter {
    /// The subject at its first place in the list.
    pub subject: String,
    /// The canonical subject. Voters are compared by it, and the voter tag is made from it.
    pub canonical: String,
    /// Every position in the list, from 0 on.
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
            (Some(_), None) => Err(invalid("subjects", "must be 1 to 10,000 subjects")),
            (None, Some(_)) if subjects_are.is_some() => {
                Err(invalid("subjects_are", "can be given only with `subjects`, not with `count`"))
            }
            (None, Some(count @ 1..=MAX_SUBJECTS)) => Ok(Self::Unnamed(count)),
            (None, Some(_)) => Err(invalid("count", "must be from 1 to 10,000")),
            _ => Err(invalid("subjects", "give either `subjects` or `count`, not both")),
        }
    }

    /// Returns the voters that an older program made for the same request.
    pub(super) fn with_version_1_names(&self, voters: Vec<Voter>, request: &RequestId) -> Vec<Voter> {
        match self {
            Self::Unnamed(count) => unnamed_voters_version_1(&request.key, *count),
            Self::Subjects(..) => voters,
        }
    }
}

/// Returns the voters of a list by these rules, each once.
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
        false => Err(invalid("subjects", "must be 1 to 10,000 subjects")),
    }
}

/// Returns the voters whose passes a list revokes, each once.
///
/// A list holds subjects, which are compared by the contest's rules, and names that minting without
/// subjects returned.
pub(super) fn voters_to_revoke(
    subjects: &[String],
    stored: Option<&SubjectRules>,
    rules: impl FnOnce() -> Result<SubjectRules, PassesError>,
) -> Result<Vec<Voter>, PassesError> {
    let is_unnamed =
        |subject: &str| subject.starts_with(UNNAMED_PREFIX) && stored != Some(&SubjectRules::Raw);
    let is_only_unnamed = subjects.iter().all(|subject| is_unnamed(subject));
    if stored.is_none() && !is_only_unnamed {
        return Err(PassesError::NoSubjects);
    }
    let mut voters: Vec<Voter> = Vec::new();
    let mut indexes: HashMap<&str, usize> = HashMap::new();
    let (mut plain_subjects, mut plain_positions) = (Vec::new(), Vec::new());
    for (position, subject) in subjects.iter().enumerate() {
        if !is_unnamed(subject) {
            plain_subjects.push(subject.as_str());
            plain_positions.push(position);
        } else if !subject.bytes().all(|byte| byte.is_ascii_graphic()) {
            // Another text would be another voter, for whom no pass was minted.
            let problem =
                "is not a name that minting returned: such a name has only visible ASCII characters";
            return Err(invalid(&format!("subjects[{position}]"), problem));
        } else if let Some(voter) = indexes.get(&**subject).and_then(|index| voters.get_mut(*index)) {
            voter.positions.push(position);
        } else {
            indexes.insert(subject, voters.len());
            voters.push(Voter {
                subject: subject.clone(),
                canonical: subject.clone(),
                positions: vec![position],
            });
        }
    }
    if !plain_subjects.is_empty() {
        let original_position = |position: usize| plain_positions.get(position).copied().unwrap_or(position);
        let mut persons = rules()?.persons(plain_subjects);
        if let Err(refused) = &mut persons {
            refused.first.iter_mut().for_each(|one| one.position = original_position(one.position));
        }
        for Person { canonical, positions } in persons.map_err(PassesError::RefusedSubjects)? {
            let positions: Vec<usize> = positions.into_iter().map(original_position).collect();
            let subject =
                positions.first().and_then(|first| subjects.get(*first)).cloned().unwrap_or_default();
            voters.push(Voter { subject, canonical, positions });
        }
    }
    voters.sort_by_key(|voter| voter.positions.first().copied());
    Ok(voters)
}

/// Returns voters made from the request's id, so that a repeated request makes the same voters.
pub(super) fn unnamed_voters(request: &RequestId, count: usize) -> Vec<Voter> {
    let mut hasher = blake3::Hasher::new_derive_key("acclaim v2 made-up subject");
    // The length comes first, so that no other name and key give the same bytes.
    hasher.update(&(request.by.len() as u64).to_le_bytes()).update(request.by.as_bytes());
    hasher.update(request.key.as_bytes());
    numbered_voters(&hasher, count)
}

/// Returns the voters that older programs made from the `Idempotency-Key` alone.
fn unnamed_voters_version_1(key: &str, count: usize) -> Vec<Voter> {
    numbered_voters(
        blake3::Hasher::new_derive_key("acclaim v1 made-up subject").update(key.as_bytes()),
        count,
    )
}

/// Returns a voter for each number, made from the hashed content and the number.
fn numbered_voters(hasher: &blake3::Hasher, count: usize) -> Vec<Voter> {
    let voter = |number: usize| {
        let hash = hasher.clone().update(&(number as u64).to_le_bytes()).finalize();
        let [name @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *hash.as_bytes();
        let subject = format!("{UNNAMED_PREFIX}{}", URL_SAFE_NO_PAD.encode(name));
        Voter { canonical: subject.clone(), subject, positions: vec![number] }
    };
    (0..count).map(voter).collect()
}

/// Prefix of the subjects of voters without names.
const UNNAMED_PREFIX: &str = "pass:";

/// Returns the error of a list with voters who can get no new pass.
pub(super) fn barred(voters: &[Voter], tags: &[VoterTag], barred: &[VoterTag]) -> PassesError {
    let barred: HashSet<&VoterTag> = barred.iter().collect();
    let barred_voters = voters.iter().zip(tags).filter(|(_, tag)| barred.contains(tag));
    let positions_and_subjects =
        barred_voters.map(|(voter, _)| (voter.positions.first().copied(), voter.subject.clone()));
    PassesError::Barred(positions_and_subjects.collect())
}
