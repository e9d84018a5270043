//! Passes for voters whom the organiser knows: minting, counting and revoking them.

mod error;
mod subjects;

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use acclaim_contest::{
    ContestId, Instant, Phase, SubjectRules, TagKey, VoterTag,
    id::{ChannelId, is_id},
    pass::{Admission, AdmissionMethod, Pass},
    subject::{DefaultScheme, DomainTable},
};
use acclaim_store::{
    Keyring, RequestId, StoreError, Stores,
    contests::{MintParameters, PassCountOutcome, PassCountRequest},
    pass_revocations::{PassRevocation, PassRevocationMode, PassRevocationOutcome, RevokedCounts},
};
use jiff::{SignedDuration, Timestamp};

pub use self::{error::PassesError, subjects::Voter};
use self::{
    error::invalid,
    subjects::{PassRecipients, check_length, distinct_voters, unnamed_voters, voters_to_revoke},
};
use crate::{
    directory::{Contest, Directory},
    revoked_passes::RevokedPasses,
};

/// A pass serves so long after the closing, for receipts and `votes/mine`.
const AFTER_CLOSING: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How often a list is read again because another one became the contest's first meanwhile.
const MAX_READINGS: usize = 3;

/// Whom to mint passes for, and what they say.
#[derive(Debug, Default)]
pub struct PassRequest {
    /// The subjects, as people write them; or `count`.
    pub subjects: Option<Vec<String>>,
    /// What subjects without a scheme are.
    pub subjects_are: Option<DefaultScheme>,
    /// The number of voters without names.
    pub count: Option<usize>,
    /// The channel that the votes count in.
    pub channel: Option<String>,
    /// A label for turnout.
    pub group: Option<String>,
    /// From when on the passes are refused: an instant.
    pub expires: Option<String>,
}

/// Passes that were minted.
#[derive(Debug)]
pub struct MintedPasses {
    /// Each voter with the pass, in the order of the list.
    pub passes: Vec<(Voter, String)>,
}

/// Passes that were revoked.
#[derive(Debug)]
pub struct RevokedList {
    /// The revocation's number in the installation.
    pub generation: u32,
    /// When.
    pub at: Instant,
    /// Each voter once, in the order of the list.
    pub voters: Vec<Voter>,
}

/// How many passes a contest has, and how it compares subjects.
#[derive(Debug)]
pub struct PassNumbers {
    /// Passes counted at minting, by way of admission.
    pub ways: BTreeMap<String, u64>,
    /// Voters with revoked passes.
    pub revoked: RevokedCounts,
    /// The rules of its subjects.
    pub subjects: SubjectRules,
    /// Whether the contest keeps them, from its first pass of a subject on.
    pub is_kept: bool,
}

/// A list whose passes are to be revoked.
#[derive(Debug)]
pub struct RevocationRequest {
    /// The subjects, or what minting without names answered.
    pub subjects: Vec<String>,
    /// What subjects without a scheme are.
    pub subjects_are: Option<DefaultScheme>,
    /// What it says of passes to come.
    pub mode: PassRevocationMode,
    /// Why; never in the log.
    pub reason: String,
}

/// What names a request: its id, and the hash of its content.
#[derive(Debug, Clone)]
pub struct RequestIdentity {
    /// The staff key and its `Idempotency-Key`.
    pub id: RequestId,
    /// BLAKE3 of the body.
    pub hash: [u8; 32],
}

/// Mints and revokes passes.
pub struct Passes {
    stores: Stores,
    keyring: Arc<Keyring>,
    directory: Arc<Directory>,
    revoked: Arc<RevokedPasses>,
    /// How mail addresses are read, by domain: for contests whose first list comes from now on.
    domains: Arc<DomainTable>,
}

impl Passes {
    /// On these stores.
    #[must_use]
    pub fn new(
        stores: Stores,
        keyring: Arc<Keyring>,
        directory: Arc<Directory>,
        revoked: Arc<RevokedPasses>,
        domains: DomainTable,
    ) -> Self {
        Self { stores, keyring, directory, revoked, domains: Arc::new(domains) }
    }

    /// Mints passes. The whole list is checked first. Passes are counted before they are handed out. A repeated request gets the same passes, and is not
    /// counted again.
    ///
    /// # Errors
    /// [`PassesError`]
    pub async fn mint(
        &self,
        contest: &Contest,
        asked: &RequestIdentity,
        wanted: PassRequest,
    ) -> Result<MintedPasses, PassesError> {
        let tag_key = contest.tag_key.as_ref().ok_or(PassesError::TagKeyDestroyed)?;
        if contest.phase() > Phase::Open {
            return Err(PassesError::VotingEnded);
        }
        let grant = self.grant(contest, &wanted)?;
        let whom = PassRecipients::read(wanted.subjects, wanted.count, wanted.subjects_are)?;
        let (voters, minting) = self.count(contest, tag_key, asked, grant.minting, &whom).await?;
        self.hand_out(contest, tag_key, grant, voters, minting)
    }

    /// The voters of a request, counted once for its id, and what their passes say; `None` for passes of version 1.
    async fn count(
        &self,
        contest: &Contest,
        tag_key: &TagKey,
        asked: &RequestIdentity,
        minting: MintParameters,
        whom: &PassRecipients,
    ) -> Result<(Vec<Voter>, Option<MintParameters>), PassesError> {
        let wrapped = contest.record.tag_key.as_deref().unwrap_or_default();
        for _ in 0..MAX_READINGS {
            let (voters, rules) = self.voters(contest, whom, &asked.id).await?;
            let tags: Vec<VoterTag> = voters.iter().map(|voter| tag_key.tag(&voter.canonical)).collect();
            let passes = PassCountRequest {
                source: AdmissionMethod::Pass.as_str(),
                id: &asked.id,
                request: asked.hash,
                more: voters.len() as u64,
                subjects: rules.as_ref(),
                voters: &tags,
                minting,
            };
            match self.stores.database.count_passes(contest.id(), wrapped, passes).await {
                // This process has not heard of it yet.
                Err(StoreError::Conflict(_)) => {
                    self.directory.refresh(contest.id()).await?;
                    break;
                }
                Err(error) => return Err(error.into()),
                Ok(PassCountOutcome::New(minting)) => return Ok((voters, Some(minting))),
                Ok(PassCountOutcome::Repeated(minting)) => return Ok((voters, minting)),
                Ok(PassCountOutcome::RepeatedWithoutStaffKey) => {
                    return Ok((whom.with_version_1_names(voters, &asked.id), None));
                }
                Ok(PassCountOutcome::IdempotencyKeyUsed) => return Err(PassesError::IdempotencyKeyUsed),
                Ok(PassCountOutcome::Barred(barred)) => {
                    return Err(subjects::barred(&voters, &tags, &barred));
                }
                // Another list has become the contest's first meanwhile.
                Ok(PassCountOutcome::SubjectRulesDiffer) => {}
            }
        }
        Err(PassesError::Changed)
    }

    /// The voters, each once, and the rules by which that was found. Nothing is changed.
    async fn voters(
        &self,
        contest: &Contest,
        whom: &PassRecipients,
        asked: &RequestId,
    ) -> Result<(Vec<Voter>, Option<SubjectRules>), PassesError> {
        match whom {
            PassRecipients::Unnamed(count) => Ok((unnamed_voters(asked, *count), None)),
            PassRecipients::Subjects(subjects, subjects_are) => {
                let rules = self.rules(self.stored_rules(contest).await?, *subjects_are)?;
                Ok((distinct_voters(subjects, &rules)?, Some(rules)))
            }
        }
    }

    /// The rules that the contest keeps. Asked of the database each time: another process may have had its first list.
    async fn stored_rules(&self, contest: &Contest) -> Result<Option<SubjectRules>, PassesError> {
        self.stores.database.subject_rules(contest.id()).await.map_err(PassesError::Unread)
    }

    /// The rules by which a request is read.
    fn rules(
        &self,
        kept: Option<SubjectRules>,
        asked: Option<DefaultScheme>,
    ) -> Result<SubjectRules, PassesError> {
        let rules = SubjectRules::resolve(kept, asked, &self.domains);
        rules.map_err(|error| PassesError::OtherSubjects(error.to_string()))
    }

    fn grant(&self, contest: &Contest, wanted: &PassRequest) -> Result<Grant, PassesError> {
        let now = self.stores.clock.now();
        let channel = channel(contest, wanted.channel.as_deref())?;
        if wanted.group.as_deref().is_some_and(|group| !is_id(group)) {
            return Err(invalid("group", "is not 1 to 64 of a-z, 0-9, `_`, `.`, `-`"));
        }
        let expires: Timestamp = match &wanted.expires {
            Some(text) => text
                .parse()
                .map_err(|_| invalid("expires", "is not an instant such as 2021-05-01T00:00:00Z"))?,
            None => contest.closes().saturating_add(AFTER_CLOSING).unwrap_or(Timestamp::MAX),
        };
        if expires <= now {
            return Err(invalid("expires", "has passed"));
        }
        let no_key = PassesError::Internal("there is no pass key");
        let minting = MintParameters {
            pass_key: self.keyring.pass_keys().last().ok_or(no_key)?.id,
            expires: Instant::at_or_before(expires),
            admitted: Instant::at_or_before(now),
            generation: 0,
        };
        Ok(Grant { channel, group: wanted.group.clone(), minting })
    }

    /// The passes; of version 1 if nothing is kept of what they say.
    fn hand_out(
        &self,
        contest: &Contest,
        tag_key: &TagKey,
        grant: Grant,
        voters: Vec<Voter>,
        minting: Option<MintParameters>,
    ) -> Result<MintedPasses, PassesError> {
        let MintParameters { pass_key, expires, .. } = minting.unwrap_or(grant.minting);
        let no_key = PassesError::Internal("the pass key of the request is not there");
        let pass_key = self.keyring.pass_keys().iter().find(|key| key.id == pass_key).ok_or(no_key)?;
        let admission = minting.map(|minting| Admission {
            method: AdmissionMethod::Pass,
            at: minting.admitted.timestamp(),
            generation: minting.generation,
        });
        let (channel, group, expires) = (grant.channel, grant.group, expires.timestamp());
        let mut pass = Pass { voter: tag_key.tag(""), channel, group, expires, admission };
        let mut passes = Vec::with_capacity(voters.len());
        for voter in voters {
            pass.voter = tag_key.tag(&voter.canonical);
            let text =
                pass.mint(pass_key, contest.id()).ok_or_else(|| invalid("expires", "is before 1970"))?;
            passes.push((voter, text));
        }
        Ok(MintedPasses { passes })
    }

    /// How many passes there are, and how subjects are compared.
    ///
    /// # Errors
    /// [`PassesError::Unread`]
    pub async fn numbers(&self, contest: &Contest) -> Result<PassNumbers, PassesError> {
        let kept = self.stored_rules(contest).await?;
        let is_kept = kept.is_some();
        let subjects = self.rules(kept, None)?;
        let database = &self.stores.database;
        let ways = database.passes(contest.id()).await.map_err(PassesError::Unread)?.into_iter().collect();
        let revoked = database.count_revoked(contest.id()).await.map_err(PassesError::Unread)?;
        Ok(PassNumbers { ways, revoked, subjects, is_kept })
    }

    /// Revokes all passes of subjects that were minted until now. A repeated request is answered as before and revokes nothing that was minted since.
    ///
    /// # Errors
    /// [`PassesError`]
    pub async fn revoke(
        &self,
        contest: &Contest,
        asked: RequestIdentity,
        wanted: RevocationRequest,
    ) -> Result<RevokedList, PassesError> {
        let tag_key = contest.tag_key.as_ref().ok_or(PassesError::TagKeyDestroyed)?;
        let RevocationRequest { subjects, subjects_are, mode, reason } = wanted;
        check_length(&subjects)?;
        let kept = self.stored_rules(contest).await?;
        let rules = || self.rules(kept.clone(), subjects_are);
        let voters = voters_to_revoke(&subjects, kept.as_ref(), rules)?;
        let mut seen = HashSet::new();
        let tags = voters.iter().map(|voter| tag_key.tag(&voter.canonical)).filter(|tag| seen.insert(*tag));
        let tags: Vec<VoterTag> = tags.collect();
        let at = Instant::at_or_before(self.stores.clock.now());
        let RequestIdentity { id, hash: request } = asked;
        let revocation = PassRevocation { id, request, mode, reason, at };
        let wrapped = contest.record.tag_key.clone().unwrap_or_default();
        match self.store_revocation(contest.id().clone(), wrapped, revocation, tags).await {
            // This process has not heard of it yet.
            Err(StoreError::Conflict(_)) => {
                self.directory.refresh(contest.id()).await?;
                Err(PassesError::Changed)
            }
            Err(error) => Err(error.into()),
            Ok(PassRevocationOutcome::IdempotencyKeyUsed) => Err(PassesError::IdempotencyKeyUsed),
            Ok(PassRevocationOutcome::Done { generation, at }) => Ok(RevokedList { generation, at, voters }),
        }
    }

    /// Stores a revocation, and has this process know it. In a task of its own: a client that goes away must not keep the process from knowing what was
    /// stored.
    async fn store_revocation(
        &self,
        contest: ContestId,
        tag_key: Vec<u8>,
        revocation: PassRevocation,
        tags: Vec<VoterTag>,
    ) -> Result<PassRevocationOutcome, StoreError> {
        let (stores, known) = (self.stores.clone(), Arc::clone(&self.revoked));
        let storing = tokio::spawn(async move {
            let pending = known.begin();
            let revoked = stores.database.revoke_passes(&contest, &tag_key, &revocation, &tags).await;
            match &revoked {
                Ok(PassRevocationOutcome::Done { generation, .. }) => pending.commit(&tags, *generation),
                Ok(PassRevocationOutcome::IdempotencyKeyUsed)
                | Err(StoreError::Conflict(_) | StoreError::Unavailable(_)) => {
                    pending.cancel();
                }
                // Dropped, it leaves a doubt.
                Err(_) => {}
            }
            revoked
        });
        storing.await.unwrap_or_else(|error| Err(StoreError::Unknown(error.to_string())))
    }
}

/// What all passes of a request have in common.
struct Grant {
    channel: Option<ChannelId>,
    group: Option<String>,
    /// As it is if the request is a new one.
    minting: MintParameters,
}

/// The channel of the passes: required if and only if the contest has channels, and one of them.
fn channel(contest: &Contest, wanted: Option<&str>) -> Result<Option<ChannelId>, PassesError> {
    let channels = &contest.record.definition.rules.channels;
    let known = || channels.iter().map(|channel| channel.id.as_str()).collect::<Vec<_>>().join(", ");
    match wanted {
        None if channels.is_empty() => Ok(None),
        None => Err(invalid("channel", format!("is missing: the contest's channels are {}", known()))),
        Some(_) if channels.is_empty() => Err(invalid("channel", "the contest has no channels")),
        Some(wanted) => match channels.iter().find(|channel| channel.id.as_str() == wanted) {
            Some(channel) => Ok(Some(channel.id.clone())),
            None => Err(invalid("channel", format!("is not one of the contest's: {}", known()))),
        },
    }
}
