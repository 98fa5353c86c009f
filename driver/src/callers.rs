//! Callers that wait for answers.

use std::time::Duration;

use netaio_core::{CloseReason, Message, Now, RequestId, RequestOptions, Response, SendError};

use crate::error::RequestError;
use crate::shared_request::{Answer, Pending, Request};
use crate::sync::{AtomicBool, Ordering};

/// The callers of one link, by [`RequestId::index`].
#[derive(Default)]
pub(crate) struct Callers(Vec<Option<Caller>>);

struct Caller {
    id: RequestId,
    request: Request,
}

/// A request that is queued.
#[must_use = "an answer that nobody waits for is dropped"]
pub(crate) struct SentRequest {
    /// When, a reading of the monotonic clock.
    pub(crate) begun: Duration,
    pub(crate) pending: Pending,
}

impl Callers {
    /// Sends a request by `send`, unless its caller was dropped.
    #[inline]
    pub(crate) fn send(
        &mut self,
        now: Now,
        request: Request,
        send: impl FnOnce(&Message, &RequestOptions) -> Result<RequestId, SendError>,
    ) {
        match request.send(now, send) {
            None => {}
            Some(Ok(id)) => self.insert(Caller { id, request }),
            Some(Err(error)) => request.answer(Err(error.into())),
        }
    }

    #[inline]
    fn insert(&mut self, caller: Caller) {
        let index = caller.id.index();
        if index >= self.0.len() {
            self.0.resize_with(index.saturating_add(1), || None);
        }
        if let Some(entry) = self.0.get_mut(index) {
            *entry = Some(caller);
        }
    }

    /// Whether a request waits that was called until then.
    pub(crate) fn wait_since(&self, called: Duration) -> bool {
        let mut waiting = self.0.iter().flatten();
        waiting.any(|caller| caller.request.called() <= called)
    }

    /// Hands the answer of a request to its caller.
    #[inline]
    pub(crate) fn answer(&mut self, id: RequestId, answer: Response) {
        if let Some(request) = self.take(id) {
            request.answer(Ok(answer));
        }
    }

    /// Tells the caller of a request why it failed.
    pub(crate) fn fail(&mut self, id: RequestId, error: netaio_core::RequestError) {
        if let Some(request) = self.take(id) {
            let error = match error {
                netaio_core::RequestError::TimedOut(_) => RequestError::TimedOut(request.timeout()),
                netaio_core::RequestError::Closed(reason) => RequestError::Closed(reason),
                netaio_core::RequestError::NotSent(reason) => RequestError::NotSent(reason),
                netaio_core::RequestError::Undelivered(reason) => RequestError::Undelivered(reason),
                netaio_core::RequestError::Refused(text) => RequestError::Refused(text),
                netaio_core::RequestError::Send(error) => RequestError::Send(error),
                other => RequestError::Closed(CloseReason::Transport(other.to_string())),
            };
            request.answer(Err(error));
        }
    }

    #[inline]
    fn take(&mut self, id: RequestId) -> Option<Request> {
        let caller = self.0.get_mut(id.index())?.take()?;
        Some(caller.request)
    }

    /// Removes the requests whose callers were dropped, and returns them.
    pub(crate) fn take_cancelled(&mut self) -> impl Iterator<Item = RequestId> {
        self.0.iter_mut().filter_map(|entry| {
            let dropped = entry.take_if(|caller| caller.request.is_canceled())?;
            Some(dropped.id)
        })
    }

    /// Removes all requests, fails their callers, and returns them.
    pub(crate) fn take_all(&mut self, reason: &CloseReason) -> impl Iterator<Item = RequestId> {
        self.0.drain(..).flatten().map(|caller| {
            let error = RequestError::Closed(reason.clone());
            caller.request.answer(Err(error));
            caller.id
        })
    }

    /// Fails all callers.
    pub(crate) fn fail_all(&mut self, reason: &CloseReason) {
        self.take_all(reason).for_each(drop);
    }
}

/// Whether callers were dropped before their answers came. The task is woken, since others
/// may wait for their places.
#[derive(Debug, Default)]
pub(crate) struct Cancellations(AtomicBool);

impl Cancellations {
    /// Whether some were, since the last call.
    pub(crate) fn take(&self) -> bool {
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Acquire)
    }

    /// Notes that an answer is waited for no more, and then wakes the task with `wake`.
    pub(crate) fn note(&self, pending: Pending, wake: impl Fn()) {
        // Before the flag is set: the task that sees it looks for callers that are gone.
        drop(pending);
        self.0.store(true, Ordering::Release);
        wake();
    }

    /// Waits for an answer; if it is dropped before, sets the flag and then wakes the task
    /// with `wake`.
    pub(crate) async fn wait(&self, pending: Pending, wake: impl Fn()) -> Option<Answer> {
        let mut waiting = Waiting {
            pending: Some(pending),
            cancellations: self,
            wake,
        };
        let answer = waiting.pending.as_mut()?.await;
        waiting.pending = None;
        answer
    }
}

struct Waiting<'a, W: Fn()> {
    /// `None` once there is nothing to wait for.
    pending: Option<Pending>,
    cancellations: &'a Cancellations,
    wake: W,
}

impl<W: Fn()> Drop for Waiting<'_, W> {
    fn drop(&mut self) {
        if let Some(pending) = self.pending.take() {
            self.cancellations.note(pending, &self.wake);
        }
    }
}

#[cfg(loom)]
#[cfg(test)]
mod model {
    use std::sync::Arc;

    use loom::thread;

    use super::*;
    use crate::sync::model::check;

    #[test]
    fn a_set_flag_means_that_the_callers_are_found() {
        check(|| {
            let cancellations = Arc::new(Cancellations(AtomicBool::new(false)));
            let dropped = Arc::new(AtomicBool::new(false));
            let caller = {
                let (cancellations, dropped) = (cancellations.clone(), dropped.clone());
                thread::spawn(move || {
                    // As a caller's end of the channel is.
                    dropped.store(true, Ordering::Relaxed);
                    cancellations.0.store(true, Ordering::Release);
                })
            };
            if cancellations.take() {
                assert!(dropped.load(Ordering::Relaxed) && !cancellations.take());
                caller.join().unwrap();
            } else {
                caller.join().unwrap();
                assert!(cancellations.take());
            }
        });
    }
}
