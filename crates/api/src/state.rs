//! The state that handlers share. It has many small parts, and each part has its own type.

use std::{collections::HashSet, ops::Deref, sync::Arc, time::Duration};

use acclaim_contest::{ContestId, subject::DomainTable};
use acclaim_service::{
    ballot_progress::BallotProgressReader,
    casting::{Casting, CastingSettings},
    commands::StaffCommands,
    directory::Directory,
    drafts::Drafts,
    jury::JuryReader,
    long_reads::LongReads,
    own_votes::OwnVotes,
    passes::Passes,
    readiness::Readiness,
    revoked_passes::RevokedPasses,
    submission_queue::SubmissionQueue,
};
use acclaim_store::{Database, Keyring, Stores};
use axum::extract::FromRef;
use tokio::task::JoinSet;

use crate::{
    auth::Access,
    ballot_service::BallotService,
    base_path::BasePath,
    body::Bodies,
    cross_origin::Origins,
    document::Documents,
    limits::{Limiter, Limits},
    long_answers::LongAnswers,
    memory::BodyMemory,
    metrics::Metrics,
    render_cache::RenderCache,
    tally_events::TallyStreams,
};

/// The settings of the API.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Time that a ballot may take from its arrival to its answer.
    ///
    /// The setting `grace` of the sequencer must be longer.
    pub ballot_deadline: Duration,
    /// Time that a staff request waits for its outcome.
    pub command_deadline: Duration,
    /// Maximum number of voters' ballots that wait for their answers, in each contest. Further
    /// ballots of voters are answered 503.
    ///
    /// Ballots of gateways have a separate maximum of the same size. A gateway's next lines wait
    /// for a free permit.
    pub waiting_ballots: usize,
    /// Maximum age of the backlog. If the backlog is older, the process is not ready. Ballots are
    /// then answered `accepted`, if `may_accept` allows it.
    pub lag_bound: Duration,
    /// Whether a ballot may be answered `accepted` before it is recorded.
    ///
    /// Requires an intake that keeps its ballots when processes end.
    pub may_accept: bool,
    /// Maximum number of event streams at the same time.
    pub streams: usize,
    /// Contests that the operator excluded. Their ballots and commands are not recorded.
    pub without: HashSet<ContestId>,
    /// How mail addresses are read, by domain. A contest stores this table with its first list of
    /// subjects. So a new table does not change contests that have a list.
    pub domains: DomainTable,
    /// Rate limits.
    pub limits: Limits,
    /// The path below which the server is published.
    pub base_path: BasePath,
    /// The sites whose pages may read public data.
    pub origins: Origins,
    /// Whether health and metrics have a listener of their own.
    ///
    /// If they have, the public listener treats no request as sent from this machine.
    pub has_operation_listener: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ballot_deadline: Duration::from_secs(5),
            command_deadline: Duration::from_secs(30),
            waiting_ballots: 4_096,
            lag_bound: Duration::from_secs(5),
            may_accept: false,
            streams: 2_000,
            without: HashSet::new(),
            domains: DomainTable::default(),
            limits: Limits::default(),
            base_path: BasePath::default(),
            origins: Origins::Any,
            has_operation_listener: false,
        }
    }
}

/// The API's state. Clones share it.
///
/// It is one pointer, because every request clones it several times.
#[derive(Clone)]
pub struct Api(Arc<Parts>);

/// The parts that handlers reach through [`Api`].
pub struct Parts {
    pub(crate) stores: Stores,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) settings: Settings,
    /// The contests as handlers read them.
    pub(crate) directory: Arc<Directory>,
    /// Ballots on their way to the intake, and the requests that wait for their outcomes.
    pub(crate) queue: Arc<SubmissionQueue>,
    /// Casts the ballots of requests.
    pub(crate) ballot_service: Arc<BallotService>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) own_votes: Arc<OwnVotes>,
    pub(crate) commands: Arc<StaffCommands>,
    pub(crate) jury: Arc<JuryReader>,
    pub(crate) passes: Arc<Passes>,
    pub(crate) drafts: Arc<Drafts>,
    pub(crate) ballot_progress: Arc<BallotProgressReader>,
    /// The documents of contests, as `GET /v1/contests/{contest}` answers them.
    pub(crate) documents: Arc<Documents>,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) tally_streams: Arc<TallyStreams>,
    /// Permits for long reads: all ballots of a voter with many ballots, all scores of a jury, or
    /// pieces of a log.
    pub(crate) long_reads: LongReads,
    pub(crate) metrics: Arc<Metrics>,
    /// The memory budgets for large bodies.
    pub(crate) body_memory: Arc<BodyMemory>,
    /// Checks of passes and staff keys.
    pub(crate) access: Arc<Access>,
    /// The reader of staff requests' bodies.
    pub(crate) bodies: Arc<Bodies>,
    /// The cache of rendered results (tables and pages) and of compressed answers.
    pub(crate) rendered: Arc<RenderCache>,
    /// The revoked passes that this process knows. [`Access`] checks the passes of requests against
    /// them.
    pub(crate) revoked_passes: Arc<RevokedPasses>,
    /// The open long answers to staff keys. They end when the key is revoked or expires.
    pub(crate) revocations: Arc<LongAnswers>,
}

impl Deref for Api {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// The parts that handlers take as extractors: each handler takes only the parts that it needs.
macro_rules! parts {
    ($($field:ident: $part:ty,)+) => {
        $(impl FromRef<Api> for $part {
            fn from_ref(api: &Api) -> Self {
                api.$field.clone()
            }
        })+
    };
}

parts! {
    stores: Stores,
    keyring: Arc<Keyring>,
    directory: Arc<Directory>,
    queue: Arc<SubmissionQueue>,
    ballot_service: Arc<BallotService>,
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
    own_votes: Arc<OwnVotes>,
    commands: Arc<StaffCommands>,
    jury: Arc<JuryReader>,
    passes: Arc<Passes>,
    drafts: Arc<Drafts>,
    ballot_progress: Arc<BallotProgressReader>,
    documents: Arc<Documents>,
    limiter: Arc<Limiter>,
    tally_streams: Arc<TallyStreams>,
    long_reads: LongReads,
    body_memory: Arc<BodyMemory>,
    access: Arc<Access>,
    bodies: Arc<Bodies>,
    rendered: Arc<RenderCache>,
}

impl Settings {
    fn casting(&self) -> CastingSettings {
        CastingSettings { may_accept: self.may_accept, lag_bound: self.lag_bound }
    }
}

impl Api {
    /// Makes the state, and reads the contests and the revoked passes.
    ///
    /// `process_key` is the BLAKE3 hash of a token with the role operator, for the process's own
    /// requests.
    ///
    /// # Errors
    /// A store error if the database cannot be read.
    pub async fn new(
        stores: Stores,
        keyring: Arc<Keyring>,
        settings: Settings,
        process_key: Option<[u8; 32]>,
    ) -> Result<Self, acclaim_store::StoreError> {
        let directory = Arc::new(
            Directory::read(Arc::clone(&stores.database), Arc::clone(&keyring), settings.without.clone())
                .await?,
        );
        let revoked_passes = Arc::new(RevokedPasses::read(&*stores.database).await?);
        let metrics = Arc::new(Metrics::default());
        let max_waiting = settings.waiting_ballots;
        let queue =
            SubmissionQueue::new(stores.clone(), Arc::clone(&directory), max_waiting, metrics.of_queue());
        let queue = Arc::new(queue);
        let long_reads = LongReads::default();
        let own_votes = OwnVotes::new(stores.clone(), long_reads.clone());
        let casting = settings.casting();
        let casting = Casting::new(stores.clone(), Arc::clone(&queue), own_votes.clone(), casting);
        let (contests, revoked) = (Arc::clone(&directory), Arc::clone(&revoked_passes));
        let access = Arc::new(Access::new(&stores, Arc::clone(&keyring), contests, revoked, process_key));
        let body_memory = Arc::new(BodyMemory::default());
        let bodies = Arc::new(Bodies::new(Arc::clone(&body_memory), Arc::clone(&access)));
        let (hub, contests) = (Arc::clone(&stores.hub), Arc::clone(&directory));
        let tally_streams = Arc::new(TallyStreams::new(hub, Arc::clone(&queue), contests, settings.streams));
        let limiter = Arc::new(Limiter::new(&settings.limits));
        let ballot_service = BallotService {
            access: Arc::clone(&access),
            casting: Arc::new(casting),
            clock: Arc::clone(&stores.clock),
            directory: Arc::clone(&directory),
            limiter: Arc::clone(&limiter),
            metrics: Arc::clone(&metrics),
            base_path: settings.base_path.clone(),
            deadline: settings.ballot_deadline,
        };
        let readiness = Readiness::new(stores.clone(), Arc::clone(&directory), settings.lag_bound);
        Ok(Self(Arc::new(Parts {
            queue,
            ballot_service: Arc::new(ballot_service),
            readiness: Arc::new(readiness),
            own_votes: Arc::new(own_votes),
            jury: Arc::new(JuryReader::new(Arc::clone(&stores.database), long_reads.clone())),
            passes: Arc::new(Passes::new(
                stores.clone(),
                Arc::clone(&keyring),
                Arc::clone(&directory),
                Arc::clone(&revoked_passes),
                settings.domains.clone(),
            )),
            drafts: Arc::new(Drafts::new(stores.clone(), Arc::clone(&directory), Arc::clone(&keyring))),
            ballot_progress: Arc::new(BallotProgressReader::new(stores.clone(), settings.may_accept)),
            commands: Arc::new(StaffCommands::new(
                stores.clone(),
                Arc::clone(&directory),
                settings.command_deadline,
            )),
            documents: Arc::default(),
            limiter,
            body_memory,
            rendered: Arc::default(),
            revocations: Arc::default(),
            revoked_passes,
            tally_streams,
            access,
            bodies,
            long_reads,
            settings,
            stores,
            keyring,
            directory,
            metrics,
        })))
    }

    /// Starts the background tasks. They end when the returned set is dropped.
    ///
    /// The tasks read the revoked keys and passes from `database`. It has its own connections, so
    /// that a flood of requests does not delay these reads.
    #[must_use]
    pub fn background(&self, database: &Arc<dyn Database>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&self.directory).follow(Arc::clone(&self.stores.hub)));
        tasks.spawn(Arc::clone(&self.queue).answer_decided());
        tasks.spawn(Arc::clone(&self.queue).recover_missed_answers());
        tasks.spawn(Arc::clone(&self.limiter).sweep());
        tasks.spawn(
            Arc::clone(&self.revocations).enforce(Arc::clone(database), Arc::clone(&self.stores.clock)),
        );
        tasks.spawn(Arc::clone(&self.revoked_passes).follow(Arc::clone(database)));
        tasks.spawn(Arc::clone(&self.queue).poll_backlogs());
        tasks
    }
}
