//! Callers that wait for answers.

use std::time::Duration;

use futures_channel::oneshot;
use netaio_core::{Answer, CloseReason, RequestId};

use crate::error::RequestError;
use crate::sync::{AtomicBool, Ordering};

/// The callers of one link, by [`RequestId::index`].
#[derive(Default)]
pub(crate) struct Callers(Vec<Option<Caller>>);

struct Caller {
    request: RequestId,
    done: oneshot::Sender<Result<Answer, RequestError>>,
    /// The time that the caller gave the request, the way to its task included.
    timeout: Duration,
}

impl Callers {
    pub(crate) fn insert(
        &mut self,
        request: RequestId,
        done: oneshot::Sender<Result<Answer, RequestError>>,
        timeout: Duration,
    ) {
        let index = request.index();
        if index >= self.0.len() {
            self.0.resize_with(index.saturating_add(1), || None);
        }
        if let Some(place) = self.0.get_mut(index) {
            *place = Some(Caller {
                request,
                done,
                timeout,
            });
        }
    }

    /// Tells the caller of a request how it ended.
    pub(crate) fn end(
        &mut self,
        request: RequestId,
        result: Result<Answer, netaio_core::RequestError>,
    ) {
        let caller = self.0.get_mut(request.index()).and_then(Option::take);
        if let Some(Caller { done, timeout, .. }) = caller {
            // Nobody minds a caller that has lost interest.
            let _ = done.send(result.map_err(|error| match error {
                netaio_core::RequestError::TimedOut(_) => RequestError::TimedOut(timeout),
                netaio_core::RequestError::Closed(reason) => RequestError::Closed(reason),
                other => RequestError::Closed(CloseReason::Transport(other.to_string())),
            }));
        }
    }

    /// Takes the requests out whose callers have gone.
    pub(crate) fn take_given_up(&mut self) -> impl Iterator<Item = RequestId> {
        self.0.iter_mut().filter_map(|place| {
            let gone = place.take_if(|caller| caller.done.is_canceled())?;
            Some(gone.request)
        })
    }

    /// Takes all requests out, and tells their callers that there will be no
    /// answer.
    pub(crate) fn take_all(&mut self, reason: &CloseReason) -> impl Iterator<Item = RequestId> {
        self.0.drain(..).flatten().map(|caller| {
            let _ = caller.done.send(Err(RequestError::Closed(reason.clone())));
            caller.request
        })
    }

    /// Tells all of them that there will be no answer.
    pub(crate) fn fail_all(&mut self, reason: &CloseReason) {
        self.take_all(reason).for_each(drop);
    }
}

/// Whether callers have gone before their answers came. Nobody is woken for that:
/// it matters only once something else happens.
#[derive(Debug, Default)]
pub(crate) struct GivenUp(AtomicBool);

impl GivenUp {
    /// Whether some have, since the last call.
    pub(crate) fn take(&self) -> bool {
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Acquire)
    }

    /// Waits for an answer, and takes note where that is given up.
    pub(crate) async fn wait<T>(
        &self,
        result: oneshot::Receiver<T>,
    ) -> Result<T, oneshot::Canceled> {
        let mut waiting = Waiting {
            result: Some(result),
            given_up: self,
        };
        let answer = match &mut waiting.result {
            Some(result) => result.await,
            None => Err(oneshot::Canceled),
        };
        waiting.result = None;
        answer
    }
}

struct Waiting<'a, T> {
    /// None once there is nothing to wait for.
    result: Option<oneshot::Receiver<T>>,
    given_up: &'a GivenUp,
}

impl<T> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        if let Some(result) = self.result.take() {
            // First: whoever sees the flag looks which they are.
            drop(result);
            self.given_up.0.store(true, Ordering::Release);
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
    fn whoever_sees_that_callers_have_gone_finds_them() {
        check(|| {
            let given_up = Arc::new(GivenUp(AtomicBool::new(false)));
            let gone = Arc::new(AtomicBool::new(false));
            let caller = {
                let (given_up, gone) = (given_up.clone(), gone.clone());
                thread::spawn(move || {
                    // As a caller's end of the channel is.
                    gone.store(true, Ordering::Relaxed);
                    given_up.0.store(true, Ordering::Release);
                })
            };
            if given_up.take() {
                assert!(gone.load(Ordering::Relaxed) && !given_up.take());
                caller.join().unwrap();
            } else {
                caller.join().unwrap();
                assert!(given_up.take());
            }
        });
    }
}
