//! Callers that wait for answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_channel::oneshot;
use netaio_core::{
    CloseReason, Message, MessageType, Now, RequestId, RequestOptions, Response, SendError,
};

use crate::error::RequestError;
use crate::sync::{AtomicBool, Ordering};

/// The callers of one link, by [`RequestId::index`].
#[derive(Default)]
pub(crate) struct Callers(Vec<Option<Caller>>);

struct Caller {
    request: RequestId,
    done: Done,
    /// When it was called, and the timeout of the request, which runs since then.
    called: Duration,
    timeout: Duration,
}

/// A request of a caller, on its way to the task.
pub(crate) struct Request {
    message: Message,
    options: RequestOptions,
    /// A reading of the monotonic clock: the timeout runs since then.
    called: Duration,
    done: Done,
}

/// Whether a request is confirmed: set when an answer comes that is no error, before anything
/// behind it is handled.
pub(crate) type Confirmed = Arc<AtomicBool>;

/// The other end of a caller's.
struct Done {
    /// `None` where nobody waits for the answer.
    caller: Option<oneshot::Sender<Result<Response, RequestError>>>,
    confirmed: Option<Confirmed>,
}

impl Done {
    fn is_canceled(&self) -> bool {
        self.caller
            .as_ref()
            .is_some_and(oneshot::Sender::is_canceled)
    }

    fn send(self, result: Result<Response, RequestError>) {
        if let Some(confirmed) = self.confirmed
            && matches!(&result, Ok(answer) if !answer.message.is_error())
        {
            confirmed.store(true, Ordering::Release);
        }
        if let Some(done) = self.caller {
            // The caller may have been dropped.
            let _ = done.send(result);
        }
    }
}

/// The caller's end of a request.
pub(crate) type Pending = oneshot::Receiver<Result<Response, RequestError>>;

/// A request that is queued.
#[must_use = "an answer that nobody waits for is dropped"]
pub(crate) struct SentRequest {
    /// When, a reading of the monotonic clock.
    pub(crate) begun: Duration,
    pub(crate) pending: Pending,
    pub(crate) uri: Bytes,
    pub(crate) message_type: MessageType,
}

impl Request {
    /// A request that was made at this reading of the monotonic clock.
    pub(crate) fn new(
        message: Message,
        options: RequestOptions,
        called: Duration,
    ) -> (Self, Pending) {
        let (done, pending) = oneshot::channel();
        let request = Self {
            message,
            options,
            called,
            done: Done {
                caller: Some(done),
                confirmed: None,
            },
        };
        (request, pending)
    }

    /// The same request, which sets a flag when it is confirmed.
    pub(crate) fn noting(mut self, confirmed: Option<Confirmed>) -> Self {
        self.done.confirmed = confirmed;
        self
    }

    /// A request whose answer nobody waits for.
    pub(crate) fn unawaited(message: Message, options: RequestOptions, called: Duration) -> Self {
        Self {
            message,
            options,
            called,
            done: Done {
                caller: None,
                confirmed: None,
            },
        }
    }

    /// Fails the request: the connection has ended.
    pub(crate) fn refuse(self, reason: &CloseReason) {
        self.done
            .send(Err(SendError::Closed(reason.clone()).into()));
    }

    /// The memory that it holds, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let fields = self
            .message
            .uri
            .len()
            .saturating_add(self.message.content.len());
        fields.saturating_add(size_of::<Self>())
    }

    /// Whether it is an error at once where too many wait.
    pub(crate) fn fails_fast(&self) -> bool {
        self.options.fails_fast()
    }
}

impl Callers {
    /// Sends a request by `send`, unless its caller was dropped.
    pub(crate) fn send(
        &mut self,
        now: Now,
        request: Request,
        send: impl FnOnce(&Message, &RequestOptions) -> Result<RequestId, SendError>,
    ) {
        let Request {
            message,
            options,
            called,
            done,
        } = request;
        if done.is_canceled() {
            return;
        }
        let timeout = options.timeout();
        let spent = now.monotonic.saturating_sub(called);
        let options = options.with_timeout(timeout.saturating_sub(spent));
        let error = match send(&message, &options) {
            Ok(request) => {
                return self.insert(Caller {
                    request,
                    done,
                    called,
                    timeout,
                });
            }
            Err(error) => error,
        };
        done.send(Err(error.into()));
    }

    fn insert(&mut self, caller: Caller) {
        let index = caller.request.index();
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
        waiting.any(|caller| caller.called <= called)
    }

    /// Hands the result of a request to its caller.
    pub(crate) fn end(
        &mut self,
        request: RequestId,
        result: Result<Response, netaio_core::RequestError>,
    ) {
        let caller = self.0.get_mut(request.index()).and_then(Option::take);
        if let Some(Caller { done, timeout, .. }) = caller {
            done.send(result.map_err(|error| match error {
                netaio_core::RequestError::TimedOut(_) => RequestError::TimedOut(timeout),
                netaio_core::RequestError::Closed(reason) => RequestError::Closed(reason),
                netaio_core::RequestError::NotSent(reason) => RequestError::NotSent(reason),
                netaio_core::RequestError::Undelivered(reason) => RequestError::Undelivered(reason),
                netaio_core::RequestError::Refused(text) => RequestError::Refused(text),
                netaio_core::RequestError::Send(error) => RequestError::Send(error),
                other => RequestError::Closed(CloseReason::Transport(other.to_string())),
            }));
        }
    }

    /// Removes the requests whose callers were dropped, and returns them.
    pub(crate) fn take_cancelled(&mut self) -> impl Iterator<Item = RequestId> {
        self.0.iter_mut().filter_map(|entry| {
            let dropped = entry.take_if(|caller| caller.done.is_canceled())?;
            Some(dropped.request)
        })
    }

    /// Removes all requests, fails their callers, and returns them.
    pub(crate) fn take_all(&mut self, reason: &CloseReason) -> impl Iterator<Item = RequestId> {
        self.0.drain(..).flatten().map(|caller| {
            caller.done.send(Err(RequestError::Closed(reason.clone())));
            caller.request
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
    pub(crate) fn note<T>(&self, result: oneshot::Receiver<T>, wake: impl Fn()) {
        // Before the flag is set: the task that sees it looks for dropped receivers.
        drop(result);
        self.0.store(true, Ordering::Release);
        wake();
    }

    /// Waits for an answer; if it is dropped before, sets the flag and then wakes the task
    /// with `wake`.
    pub(crate) async fn wait<T>(
        &self,
        result: oneshot::Receiver<T>,
        wake: impl Fn(),
    ) -> Result<T, oneshot::Canceled> {
        let mut waiting = Waiting {
            result: Some(result),
            cancellations: self,
            wake,
        };
        let answer = match &mut waiting.result {
            Some(result) => result.await,
            None => Err(oneshot::Canceled),
        };
        waiting.result = None;
        answer
    }
}

struct Waiting<'a, T, W: Fn()> {
    /// `None` once there is nothing to wait for.
    result: Option<oneshot::Receiver<T>>,
    cancellations: &'a Cancellations,
    wake: W,
}

impl<T, W: Fn()> Drop for Waiting<'_, T, W> {
    fn drop(&mut self) {
        if let Some(result) = self.result.take() {
            self.cancellations.note(result, &self.wake);
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
