//! Errands: what runs beside connections, one at a time for each subject.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use async_channel::Sender;
use event_listener::Event;

use crate::futures::{BoxFuture, race};
use crate::runtime::Runtime;
use crate::sync::{Mutex, MutexGuard};

/// Tasks that are started from anywhere and can all be cancelled. Each has a
/// subject, and there is one for each subject at most.
pub(crate) struct Errands<K> {
    state: Mutex<State<K>>,
    /// Notified when errands are to be given up.
    cancelled: Event,
    /// Notified when one is gone.
    gone: Event,
    /// How many there may be.
    max: usize,
}

struct State<K> {
    /// Each with the number of cancellations before it.
    running: BTreeMap<K, u64>,
    cancellations: u64,
    /// Where they are handed over to the runtime: those who start them may be
    /// outside of it.
    spawner: Option<Sender<BoxFuture<()>>>,
    ended: bool,
}

/// Why an errand was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotStarted {
    /// Its subject has one, which is not over yet.
    Busy,
    /// There are too many, or nobody prepared for them.
    Impossible,
}

impl<K: Ord + Copy + Send + 'static> Errands<K> {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        let state = State {
            running: BTreeMap::new(),
            cancellations: 0,
            spawner: None,
            ended: false,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            cancelled: Event::new(),
            gone: Event::new(),
            max,
        })
    }

    /// Lets errands be started from now on. It is called from within the
    /// runtime, and costs a task that waits.
    pub(crate) fn prepare<R: Runtime>(&self) {
        let mut state = self.state();
        // The runtime of the last may be gone.
        let ready = state.spawner.as_ref().is_some_and(|to| !to.is_closed());
        if ready || state.ended {
            return;
        }
        let (spawner, errands) = async_channel::unbounded();
        state.spawner = Some(spawner);
        drop(state);
        R::spawn(async move {
            while let Ok(errand) = errands.recv().await {
                R::spawn(errand);
            }
        });
    }

    /// Starts what `errand` makes. `then` is called when it is over, however it
    /// ends.
    ///
    /// # Errors
    /// It is not started; neither function is called.
    pub(crate) fn start<F: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        subject: K,
        errand: impl FnOnce() -> F,
        then: impl FnOnce() + Send + 'static,
    ) -> Result<(), NotStarted> {
        let mut state = self.state();
        if state.running.contains_key(&subject) {
            return Err(NotStarted::Busy);
        }
        let spawner = state.spawner.clone();
        let room = state.running.len() < self.max;
        let spawner = spawner.filter(|_| room).ok_or(NotStarted::Impossible)?;
        let since = state.cancellations;
        state.running.insert(subject, since);
        drop(state);
        let place = Place {
            errands: self.clone(),
            subject,
            then: Some(then),
        };
        let errand = errand();
        let errand = Box::pin(async move {
            // Dropped after the errand.
            let place = place;
            race(place.errands.cancelled(since), errand).await;
        });
        // Where the runtime is gone, it is dropped, and is over.
        let _ = spawner.try_send(errand);
        Ok(())
    }

    /// Whether a subject has an errand.
    pub(crate) fn has(&self, subject: K) -> bool {
        self.state().running.contains_key(&subject)
    }

    /// Cancels all that there are, and waits until they are gone.
    pub(crate) async fn cancel(&self) {
        let cancelled = self.give_up(false);
        loop {
            let gone = self.gone.listen();
            if self
                .state()
                .running
                .values()
                .all(|since| *since >= cancelled)
            {
                return;
            }
            gone.await;
        }
    }

    /// Cancels all that there are, and lets no more be started.
    pub(crate) fn end(&self) {
        self.give_up(true);
    }

    fn give_up(&self, end: bool) -> u64 {
        let mut state = self.state();
        state.cancellations = state.cancellations.saturating_add(1);
        let cancellations = state.cancellations;
        state.ended |= end;
        // What waits to be handed over is dropped, which locks the state.
        let spawner = if end { state.spawner.take() } else { None };
        drop(state);
        drop(spawner);
        self.cancelled.notify(usize::MAX);
        cancellations
    }

    /// Is ready when errands are given up that were started after so many
    /// cancellations.
    async fn cancelled(&self, since: u64) {
        loop {
            let cancelled = self.cancelled.listen();
            if self.state().cancellations > since {
                return;
            }
            cancelled.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State<K>> {
        // It is whole between two calls: poison says nothing about it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of an errand among the others.
struct Place<K: Ord, F: FnOnce()> {
    errands: Arc<Errands<K>>,
    subject: K,
    then: Option<F>,
}

impl<K: Ord, F: FnOnce()> Drop for Place<K, F> {
    fn drop(&mut self) {
        let state = self.errands.state.lock();
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.running.remove(&self.subject);
        drop(state);
        self.errands.gone.notify(usize::MAX);
        if let Some(then) = self.then.take() {
            then();
        }
    }
}
