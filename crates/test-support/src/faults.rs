//! What goes wrong, and at which step of the path of a ballot.

use acclaim_store::{StoreError, error::Result};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// A call to a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after the calls of the traits in `acclaim-store`")]
pub enum Step {
    Submit,
    Drain,
    Append,
    RecordBeforePublish,
    Trim,
    Seal,
    Begin,
    Survivors,
    DropSurvivors,
    MarkSlots,
    Open,
    Contests,
    Contest,
    TakeLease,
    Revision,
    EnsureDurable,
}

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails before anything is done.
    LostBefore,
    /// It is done, and reported as failed.
    DoneButReportedFailed,
    /// It is done, and its outcome is not known.
    DoneButUnknown,
    /// It is not done, and its outcome is not known.
    LostAndUnknown,
    /// The process is killed before it.
    KilledBefore,
    /// The process is killed after it and before it hears so.
    KilledAfter,
    /// The connections to the servers are cut while it is under way.
    Cut,
    /// It is done, and its answer comes when it is released.
    DoneButLate,
}

impl Fault {
    /// Each that ends by itself.
    pub const ALL: [Self; 7] = [
        Self::LostBefore,
        Self::LostAndUnknown,
        Self::DoneButReportedFailed,
        Self::DoneButUnknown,
        Self::KilledBefore,
        Self::KilledAfter,
        Self::Cut,
    ];
}

/// Faults to come. Shared by the stores of one test, which ask at every step.
#[derive(Default)]
pub struct FaultPlan {
    planned: Mutex<Vec<(Step, Fault)>>,
    killed: Notify,
    late: Notify,
    released: Notify,
    /// Cuts the connections to the servers, if there are any.
    cut: Option<Box<dyn Fn() + Send + Sync>>,
}

impl FaultPlan {
    /// With a way to cut connections.
    #[must_use]
    pub fn with_cut(cut: impl Fn() + Send + Sync + 'static) -> Self {
        Self { cut: Some(Box::new(cut)), ..Self::default() }
    }

    /// The next such steps go wrong so, one after the other; those after them work.
    pub fn plan(&self, step: Step, faults: impl IntoIterator<Item = Fault>) {
        let planned = faults.into_iter().map(|fault| (step, fault));
        self.planned.lock().extend(planned);
    }

    /// Faults that have not happened yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.planned.lock().len()
    }

    /// Returns when the process is to be killed: whoever runs it ends it then.
    pub async fn wait_for_kill(&self) {
        self.killed.notified().await;
    }

    /// Returns when a step is done whose answer is held back.
    pub async fn wait_for_late_answer(&self) {
        self.late.notified().await;
    }

    /// Lets the answer come that is held back.
    pub fn release(&self) {
        self.released.notify_one();
    }

    fn next(&self, step: Step) -> Option<Fault> {
        let mut planned = self.planned.lock();
        let position = planned.iter().position(|(at, _)| *at == step)?;
        Some(planned.remove(position).1)
    }

    /// Does a step, with what is planned for it.
    pub(crate) async fn run_step<T>(&self, step: Step, work: impl Future<Output = Result<T>>) -> Result<T> {
        let Some(fault) = self.next(step) else { return work.await };
        let planned = || "planned".to_owned();
        match fault {
            Fault::LostBefore => Err(StoreError::Unavailable(planned())),
            Fault::LostAndUnknown => Err(StoreError::Unknown(planned())),
            Fault::DoneButReportedFailed => work.await.and(Err(StoreError::Unavailable(planned()))),
            Fault::DoneButUnknown => work.await.and(Err(StoreError::Unknown(planned()))),
            Fault::KilledBefore => self.hang_until_killed().await,
            Fault::KilledAfter => {
                let _unheard = work.await;
                self.hang_until_killed().await
            }
            Fault::Cut => {
                let cutting = async {
                    if let Some(cut) = &self.cut {
                        cut();
                        // Once more, while the call is on its way.
                        tokio::task::yield_now().await;
                        cut();
                    }
                };
                tokio::join!(work, cutting).0
            }
            Fault::DoneButLate => {
                let answer = work.await;
                self.late.notify_one();
                self.released.notified().await;
                answer
            }
        }
    }

    async fn hang_until_killed<T>(&self) -> T {
        self.killed.notify_one();
        std::future::pending().await
    }
}
