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

/// Time after the closing during which a pass is valid by default, for receipts and `votes/mine`.
const AFTER_CLOSING: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Maximum number of attempts to read a list. An attempt fails if another list becomes the
/// contest's first list meanwhile.
const MAX_READINGS: usize = 3;

/// The voters to mint passes for, and the content of the passes.
#[derive(Debug, Default)]
pub struct PassRequest {
    /// The subjects as people write them. Either these or `count` must be given.
    pub subjects: Option<Vec<String>>,
    /// The meaning of subjects without a scheme.
    pub subjects_are: Option<DefaultScheme>,
    /// The number of voters without names.
    pub count: Option<usize>,
    /// The channel in which the votes count.
    pub channel: Option<String>,
    /// A label for turnout.
    pub group: Option<String>,
    /// The instant from which the passes are refused.
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
    /// When the passes were revoked.
    pub at: Instant,
    /// Each voter once, in the order of the list.
    pub voters: Vec<Voter>,
}

/// The number of passes of a contest, and the rules by which it compares subjects.
#[derive(Debug)]
pub struct PassNumbers {
    /// Number of passes counted at minting, by admission method.
    pub ways: BTreeMap<String, u64>,
    /// Numbers of voters with revoked passes.
    pub revoked: RevokedCounts,
    /// The rules for the contest's subjects.
    pub subjects: SubjectRules,
    /// Whether the contest has stored these rules. It stores them with its first list of subjects.
    pub is_kept: bool,
}

/// A list of voters whose passes are to be revoked.
#[derive(Debug)]
pub struct RevocationRequest {
    /// The subjects, or the names that minting without subjects returned.
    pub subjects: Vec<String>,
    /// The meaning of subjects without a scheme.
    pub subjects_are: Option<DefaultScheme>,
    /// Whether the voters may get new passes.
    pub mode: PassRevocationMode,
    /// The reason. It is never in the log.
    pub reason: String,
}

/// The identity of a request: its id, and the hash of its content.
#[derive(Debug, Clone)]
pub struct RequestIdentity {
    /// The staff key and its `Idempotency-Key`.
    pub id: RequestId,
    /// BLAKE3 hash of the body.
    pub hash: [u8; 32],
}

/// Mints and revokes passes.
pub struct Passes {
    stores: Stores,
    keyring: Arc<Keyring>,
    directory: Arc<Directory>,
    revoked: Arc<RevokedPasses>,
    /// The rules for mail addresses by domain. Contests use them whose first list comes from now
    /// on.
    domains: Arc<DomainTable>,
}

impl Passes {
    /// Returns the passes of these stores.
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

    /// Mints passes.
    ///
    /// The whole list is checked first. Passes are counted before they are returned. A repeated
    /// request gets the same passes and is not counted again.
    ///
    /// # Errors
    /// - [`PassesError::TagKeyDestroyed`], [`PassesError::VotingEnded`]: the contest mints no more
    ///   passes.
    /// - [`PassesError::Invalid`], [`PassesError::RefusedSubjects`],
    ///   [`PassesError::OtherSubjects`]: the request is invalid.
    /// - [`PassesError::Barred`]: voters of the list can get no new pass.
    /// - [`PassesError::IdempotencyKeyUsed`]: the key was used for another request.
    /// - [`PassesError::Changed`]: the contest changed meanwhile.
    /// - [`PassesError::Internal`]: a pass key is missing.
    /// - [`PassesError::Unread`], [`PassesError::Store`]: the database fails.
    pub async fn mint(
        &self,
        contest: &Contest,
        identity: &RequestIdentity,
        request: PassRequest,
    ) -> Result<MintedPasses, PassesError> {
        let tag_key = contest.tag_key.as_ref().ok_or(PassesError::TagKeyDestroyed)?;
        if contest.phase() > Phase::Open {
            return Err(PassesError::VotingEnded);
        }
        let grant = self.grant(contest, &request)?;
        let recipients = PassRecipients::read(request.subjects, request.count, request.subjects_are)?;
        let (voters, minting) = self.count(contest, tag_key, identity, grant.minting, &recipients).await?;
        self.mint_all(contest, tag_key, grant, voters, minting)
    }

    /// Returns the voters of a request, counted once for its id, and the content of their passes;
    /// `None` for passes of version 1.
    async fn count(
        &self,
        contest: &Contest,
        tag_key: &TagKey,
        identity: &RequestIdentity,
        minting: MintParameters,
        recipients: &PassRecipients,
    ) -> Result<(Vec<Voter>, Option<MintParameters>), PassesError> {
        let wrapped = contest.record.tag_key.as_deref().unwrap_or_default();
        for _ in 0..MAX_READINGS {
            let (voters, rules) = self.voters(contest, recipients, &identity.id).await?;
            let tags: Vec<VoterTag> = voters.iter().map(|voter| tag_key.tag(&voter.canonical)).collect();
            let passes = PassCountRequest {
                source: AdmissionMethod::Pass.as_str(),
                id: &identity.id,
                request: identity.hash,
                more: voters.len() as u64,
                subjects: rules.as_ref(),
                voters: &tags,
                minting,
            };
            match self.stores.database.count_passes(contest.id(), wrapped, passes).await {
                // This process has missed a change of the contest.
                Err(StoreError::Conflict(_)) => {
                    self.directory.refresh(contest.id()).await?;
                    break;
                }
                Err(error) => return Err(error.into()),
                Ok(PassCountOutcome::New(minting)) => return Ok((voters, Some(minting))),
                Ok(PassCountOutcome::Repeated(minting)) => return Ok((voters, minting)),
                Ok(PassCountOutcome::RepeatedWithoutStaffKey) => {
                    return Ok((recipients.with_version_1_names(voters, &identity.id), None));
                }
                Ok(PassCountOutcome::IdempotencyKeyUsed) => return Err(PassesError::IdempotencyKeyUsed),
                Ok(PassCountOutcome::Barred(barred)) => {
                    return Err(subjects::barred(&voters, &tags, &barred));
                }
                // Another list has become the contest's first list meanwhile.
                Ok(PassCountOutcome::SubjectRulesDiffer) => {}
            }
        }
        Err(PassesError::Changed)
    }

    /// Returns the voters, each once, and the rules by which they were compared. Nothing is
    /// changed.
    async fn voters(
        &self,
        contest: &Contest,
        recipients: &PassRecipients,
        request_id: &RequestId,
    ) -> Result<(Vec<Voter>, Option<SubjectRules>), PassesError> {
        match recipients {
            PassRecipients::Unnamed(count) => Ok((unnamed_voters(request_id, *count), None)),
            PassRecipients::Subjects(subjects, subjects_are) => {
                let rules = self.rules(self.stored_rules(contest).await?, *subjects_are)?;
                Ok((distinct_voters(subjects, &rules)?, Some(rules)))
            }
        }
    }

    /// Returns the rules that the contest has stored.
    ///
    /// They are read from the database each time, because another process may have stored the
    /// contest's first list.
    async fn stored_rules(&self, contest: &Contest) -> Result<Option<SubjectRules>, PassesError> {
        self.stores.database.subject_rules(contest.id()).await.map_err(PassesError::Unread)
    }

    /// Returns the rules by which a request is read.
    fn rules(
        &self,
        stored: Option<SubjectRules>,
        default_scheme: Option<DefaultScheme>,
    ) -> Result<SubjectRules, PassesError> {
        let rules = SubjectRules::resolve(stored, default_scheme, &self.domains);
        rules.map_err(|error| PassesError::OtherSubjects(error.to_string()))
    }

    fn grant(&self, contest: &Contest, request: &PassRequest) -> Result<Grant, PassesError> {
        let now = self.stores.clock.now();
        let channel = channel(contest, request.channel.as_deref())?;
        if request.group.as_deref().is_some_and(|group| !is_id(group)) {
            return Err(invalid("group", "must be 1 to 64 characters of a-z, 0-9, `_`, `.`, `-`"));
        }
        let expires: Timestamp = match &request.expires {
            Some(text) => {
                text.parse().map_err(|_| invalid("expires", "is not an instant like 2021-05-01T00:00:00Z"))?
            }
            None => contest.closes().saturating_add(AFTER_CLOSING).unwrap_or(Timestamp::MAX),
        };
        if expires <= now {
            return Err(invalid("expires", "has passed"));
        }
        let no_key = PassesError::Internal("the installation has no pass key");
        let minting = MintParameters {
            pass_key: self.keyring.pass_keys().last().ok_or(no_key)?.id,
            expires: Instant::at_or_before(expires),
            admitted: Instant::at_or_before(now),
            generation: 0,
        };
        Ok(Grant { channel, group: request.group.clone(), minting })
    }

    /// Returns the passes. They are of version 1 if no content is stored for the request.
    fn mint_all(
        &self,
        contest: &Contest,
        tag_key: &TagKey,
        grant: Grant,
        voters: Vec<Voter>,
        minting: Option<MintParameters>,
    ) -> Result<MintedPasses, PassesError> {
        let MintParameters { pass_key, expires, .. } = minting.unwrap_or(grant.minting);
        let no_key = PassesError::Internal("the pass key of the request is missing");
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

    /// Returns the number of passes, and the rules by which subjects are compared.
    ///
    /// # Errors
    /// [`PassesError::Unread`] if the database cannot be read.
    pub async fn numbers(&self, contest: &Contest) -> Result<PassNumbers, PassesError> {
        let stored = self.stored_rules(contest).await?;
        let is_kept = stored.is_some();
        let subjects = self.rules(stored, None)?;
        let database = &self.stores.database;
        let ways = database.passes(contest.id()).await.map_err(PassesError::Unread)?.into_iter().collect();
        let revoked = database.count_revoked(contest.id()).await.map_err(PassesError::Unread)?;
        Ok(PassNumbers { ways, revoked, subjects, is_kept })
    }

    /// Revokes all passes of subjects that were minted until now.
    ///
    /// A repeated request gets the same answer and revokes no pass that was minted since.
    ///
    /// # Errors
    /// - [`PassesError::TagKeyDestroyed`]: the tag key was destroyed, so no voter of a subject can
    ///   be found.
    /// - [`PassesError::Invalid`], [`PassesError::RefusedSubjects`],
    ///   [`PassesError::OtherSubjects`], [`PassesError::NoSubjects`]: the list is invalid.
    /// - [`PassesError::IdempotencyKeyUsed`]: the key was used for another request.
    /// - [`PassesError::Changed`]: the contest changed meanwhile.
    /// - [`PassesError::Unread`], [`PassesError::Store`]: the database fails.
    pub async fn revoke(
        &self,
        contest: &Contest,
        identity: RequestIdentity,
        request: RevocationRequest,
    ) -> Result<RevokedList, PassesError> {
        let tag_key = contest.tag_key.as_ref().ok_or(PassesError::TagKeyDestroyed)?;
        let RevocationRequest { subjects, subjects_are, mode, reason } = request;
        check_length(&subjects)?;
        let stored = self.stored_rules(contest).await?;
        let rules = || self.rules(stored.clone(), subjects_are);
        let voters = voters_to_revoke(&subjects, stored.as_ref(), rules)?;
        let mut distinct = HashSet::new();
        let tags =
            voters.iter().map(|voter| tag_key.tag(&voter.canonical)).filter(|tag| distinct.insert(*tag));
        let tags: Vec<VoterTag> = tags.collect();
        let at = Instant::at_or_before(self.stores.clock.now());
        let RequestIdentity { id, hash: request } = identity;
        let revocation = PassRevocation { id, request, mode, reason, at };
        let wrapped = contest.record.tag_key.clone().unwrap_or_default();
        match self.store_revocation(contest.id().clone(), wrapped, revocation, tags).await {
            // This process has missed a change of the contest.
            Err(StoreError::Conflict(_)) => {
                self.directory.refresh(contest.id()).await?;
                Err(PassesError::Changed)
            }
            Err(error) => Err(error.into()),
            Ok(PassRevocationOutcome::IdempotencyKeyUsed) => Err(PassesError::IdempotencyKeyUsed),
            Ok(PassRevocationOutcome::Done { generation, at }) => Ok(RevokedList { generation, at, voters }),
        }
    }

    /// Stores a revocation, and notes it in this process.
    ///
    /// It runs in its own task. If the client disconnects, the process must still learn of the
    /// stored revocation.
    async fn store_revocation(
        &self,
        contest: ContestId,
        tag_key: Vec<u8>,
        revocation: PassRevocation,
        tags: Vec<VoterTag>,
    ) -> Result<PassRevocationOutcome, StoreError> {
        let (stores, known) = (self.stores.clone(), Arc::clone(&self.revoked));
        let store_task = tokio::spawn(async move {
            let pending = known.begin();
            let revoked = stores.database.revoke_passes(&contest, &tag_key, &revocation, &tags).await;
            match &revoked {
                Ok(PassRevocationOutcome::Done { generation, .. }) => pending.commit(&tags, *generation),
                Ok(PassRevocationOutcome::IdempotencyKeyUsed)
                | Err(StoreError::Conflict(_) | StoreError::Unavailable(_)) => {
                    pending.cancel();
                }
                // Dropping `pending` marks the outcome as unknown.
                Err(_) => {}
            }
            revoked
        });
        store_task.await.unwrap_or_else(|error| Err(StoreError::Unknown(error.to_string())))
    }
}

/// The content that all passes of a request share.
struct Grant {
    channel: Option<ChannelId>,
    group: Option<String>,
    /// The parameters of a new request. A repeated request uses its stored ones.
    minting: MintParameters,
}

/// Returns the channel of the passes. It is required if the contest has channels, and must be one
/// of them.
fn channel(contest: &Contest, given: Option<&str>) -> Result<Option<ChannelId>, PassesError> {
    let channels = &contest.record.definition.rules.channels;
    let known = || channels.iter().map(|channel| channel.id.as_str()).collect::<Vec<_>>().join(", ");
    match given {
        None if channels.is_empty() => Ok(None),
        None => Err(invalid("channel", format!("is missing: the contest's channels are {}", known()))),
        Some(_) if channels.is_empty() => Err(invalid("channel", "the contest has no channels")),
        Some(given) => match channels.iter().find(|channel| channel.id.as_str() == given) {
            Some(channel) => Ok(Some(channel.id.clone())),
            None => Err(invalid("channel", format!("is not one of the contest's: {}", known()))),
        },
    }
}
