//! Background tasks: callbacks and reconnection, one at a time for each subject.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_channel::Sender;
use event_listener::Event;

use crate::caught::caught;
use crate::futures::{BoxFuture, race, wait_for};
use crate::logging::{Logs, limited};
use crate::runtime::Runtime;
use crate::sync::{Mutex, lock};

/// Tasks that can be started from any thread, and all be cancelled. Each has a
/// subject, which has no other task at the same time.
pub(crate) struct BackgroundTasks<K> {
    state: Mutex<State<K>>,
    /// Notified when all tasks are cancelled.
    cancelled: Event,
    /// Notified when a task has ended.
    ended: Event,
    /// The most that run at the same time.
    max: usize,
    logs: Arc<Logs>,
}

struct State<K> {
    /// Each with the number of cancellations before it.
    running: BTreeMap<K, u64>,
    cancellations: u64,
    /// The queue of the task that spawns the others: they may be started by a
    /// thread outside of the runtime.
    spawner: Option<Sender<BoxFuture<()>>>,
    shut_down: bool,
}

/// Why a task was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotStarted {
    /// The subject has a task that has not ended.
    Busy,
    /// As many run as may, or tasks are not enabled.
    Unavailable,
}

impl<K: Ord + Copy + Send + 'static> BackgroundTasks<K> {
    pub(crate) fn new(max: usize, logs: Arc<Logs>) -> Arc<Self> {
        let state = State {
            running: BTreeMap::new(),
            cancellations: 0,
            spawner: None,
            shut_down: false,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            cancelled: Event::new(),
            ended: Event::new(),
            max,
            logs,
        })
    }

    /// Enables tasks to be started, which takes a task that spawns them. Must be
    /// called from within the runtime.
    pub(crate) fn enable<R: Runtime>(&self) {
        let mut state = lock(&self.state);
        // The runtime of the spawner may have been shut down since.
        let ready = state.spawner.as_ref().is_some_and(|to| !to.is_closed());
        if ready || state.shut_down {
            return;
        }
        let (spawner, tasks) = async_channel::unbounded();
        state.spawner = Some(spawner);
        drop(state);
        R::spawn(async move {
            while let Ok(task) = tasks.recv().await {
                R::spawn(task);
            }
        });
    }

    /// Starts the task that `make` returns. `after` is called when it has ended, be
    /// it completed, cancelled or dropped.
    ///
    /// # Errors
    /// It is not started; neither function is called.
    pub(crate) fn start<F: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        subject: K,
        make: impl FnOnce() -> F,
        after: impl FnOnce() + Send + 'static,
    ) -> Result<(), NotStarted> {
        let mut state = lock(&self.state);
        if state.running.contains_key(&subject) {
            return Err(NotStarted::Busy);
        }
        let spawner = state.spawner.clone();
        let room = state.running.len() < self.max;
        let spawner = spawner.filter(|_| room).ok_or(NotStarted::Unavailable)?;
        let since = state.cancellations;
        state.running.insert(subject, since);
        drop(state);
        let entry = Entry {
            tasks: self.clone(),
            subject,
            after: Some(after),
        };
        let task = make();
        let task = Box::pin(async move {
            // Dropped after the task.
            let entry = entry;
            let task = async {
                if let Err(panicked) = caught(task).await {
                    limited!(entry.tasks.logs, WARN, "a background task panicked", %panicked);
                }
            };
            race(entry.tasks.cancelled(since), task).await;
        });
        // If the runtime was shut down, the task is dropped here, and has ended.
        let _ = spawner.try_send(task);
        Ok(())
    }

    /// Whether a subject has a task.
    pub(crate) fn is_running(&self, subject: K) -> bool {
        lock(&self.state).running.contains_key(&subject)
    }

    /// Cancels all tasks, and waits until they have ended. Others may be started
    /// meanwhile, and are not waited for.
    pub(crate) async fn cancel(&self) {
        let cancelled = self.cancel_all(false);
        let have_ended = || {
            let state = lock(&self.state);
            state.running.values().all(|since| *since >= cancelled)
        };
        wait_for(&self.ended, || have_ended().then_some(())).await;
    }

    /// Cancels all tasks; none can be started afterwards.
    pub(crate) fn shut_down(&self) {
        self.cancel_all(true);
    }

    fn cancel_all(&self, shut_down: bool) -> u64 {
        let mut state = lock(&self.state);
        state.cancellations = state.cancellations.saturating_add(1);
        let cancellations = state.cancellations;
        state.shut_down |= shut_down;
        // Dropping the queue may drop tasks, which lock the state.
        let spawner = state.spawner.take_if(|_| shut_down);
        drop(state);
        drop(spawner);
        self.cancelled.notify(usize::MAX);
        cancellations
    }

    /// Is ready when tasks are cancelled that were started after `since`
    /// cancellations.
    async fn cancelled(&self, since: u64) {
        let is_cancelled = || lock(&self.state).cancellations > since;
        wait_for(&self.cancelled, || is_cancelled().then_some(())).await;
    }
}

/// Removes a task from those that run when it is dropped.
struct Entry<K: Ord, F: FnOnce()> {
    tasks: Arc<BackgroundTasks<K>>,
    subject: K,
    after: Option<F>,
}

impl<K: Ord, F: FnOnce()> Drop for Entry<K, F> {
    fn drop(&mut self) {
        lock(&self.tasks.state).running.remove(&self.subject);
        self.tasks.ended.notify(usize::MAX);
        if let Some(after) = self.after.take() {
            after();
        }
    }
}
