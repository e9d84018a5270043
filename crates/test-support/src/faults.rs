//! Planned faults of the steps on a ballot's path.

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

/// The fault of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails before anything is done.
    LostBefore,
    /// The call is done, but reported as failed.
    DoneButReportedFailed,
    /// The call is done, but its outcome is unknown.
    DoneButUnknown,
    /// The call is not done, and its outcome is unknown.
    LostAndUnknown,
    /// The process is killed before the call.
    KilledBefore,
    /// The process is killed after the call, before it gets the answer.
    KilledAfter,
    /// The connections to the servers are cut during the call.
    Cut,
    /// The call is done, but its answer arrives only after [`FaultPlan::release`].
    DoneButLate,
}

impl Fault {
    /// All faults that end without a release.
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

/// Planned faults. The stores of one test share the plan and check it at every step.
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
    /// A plan with a function that cuts connections.
    #[must_use]
    pub fn with_cut(cut: impl Fn() + Send + Sync + 'static) -> Self {
        Self { cut: Some(Box::new(cut)), ..Self::default() }
    }

    /// Plans faults for the next calls of this step, in this order. Later calls work.
    pub fn plan(&self, step: Step, faults: impl IntoIterator<Item = Fault>) {
        let planned = faults.into_iter().map(|fault| (step, fault));
        self.planned.lock().extend(planned);
    }

    /// Number of planned faults that have not occurred yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.planned.lock().len()
    }

    /// Returns when the process is to be killed. The test then ends the process.
    pub async fn wait_for_kill(&self) {
        self.killed.notified().await;
    }

    /// Returns when a step is done and its answer is held back.
    pub async fn wait_for_late_answer(&self) {
        self.late.notified().await;
    }

    /// Releases the answer that is held back.
    pub fn release(&self) {
        self.released.notify_one();
    }

    fn next(&self, step: Step) -> Option<Fault> {
        let mut planned = self.planned.lock();
        let position = planned.iter().position(|(at, _)| *at == step)?;
        Some(planned.remove(position).1)
    }

    /// Runs a step with its planned fault.
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
                let _lost_answer = work.await;
                self.hang_until_killed().await
            }
            Fault::Cut => {
                let cutting = async {
                    if let Some(cut) = &self.cut {
                        cut();
                        // The second cut comes while the call is under way.
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
