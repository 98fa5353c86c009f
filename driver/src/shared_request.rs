//! A request that its caller and the task which sends it share.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use netaio_core::{
    CloseReason, Message, MessageType, Now, RequestId, RequestOptions, Response, SendError,
};

use crate::error::RequestError;
use crate::sync::{AtomicBool, Mutex, Ordering, lock};

/// What a request comes to.
pub(crate) type Answer = Result<Response, RequestError>;

/// Whether a request is confirmed: set when an answer comes that is no error, before anything
/// behind it is handled.
pub(crate) type Confirmed = Arc<AtomicBool>;

/// What both ends share. The request is written here and sent from here, and its answer is left
/// here, so that nothing but a pointer goes to the task and back.
struct Shared {
    uri: Bytes,
    message_type: MessageType,
    timeout: Duration,
    fails_fast: bool,
    /// The memory that it holds before it is sent, in bytes.
    bytes: usize,
    state: Mutex<State>,
}

struct State {
    stage: Stage,
    /// Who waits for the answer.
    waker: Option<Waker>,
}

enum Stage {
    /// It is to be sent.
    New(Message, RequestOptions),
    Sent,
    Answered(Answer),
    /// There will be no answer, or it was taken.
    Ended,
}

/// The caller's end of a request. The task sees that it is gone where it
/// [looks](Request::is_canceled).
pub(crate) struct Pending(Arc<Shared>);

/// The task's end of a request. Dropped without an answer, it lets the caller know.
pub(crate) struct Request {
    shared: Arc<Shared>,
    /// A reading of the monotonic clock: the timeout runs since then.
    called: Duration,
    /// A caller waits for the answer, or did.
    awaited: bool,
    answered: bool,
    confirmed: Option<Confirmed>,
}

impl Pending {
    /// A request that is not on its way yet.
    #[inline]
    pub(crate) fn new(message: Message, options: RequestOptions) -> Self {
        let fields = message.uri.len().saturating_add(message.content.len());
        let own = size_of::<Shared>().saturating_add(size_of::<Request>());
        Self(Arc::new(Shared {
            uri: message.uri.clone(),
            message_type: message.message_type,
            timeout: options.timeout(),
            fails_fast: options.fails_fast(),
            bytes: fields.saturating_add(own),
            state: Mutex::new(State {
                stage: Stage::New(message, options),
                waker: None,
            }),
        }))
    }

    /// The end for the task, to be made once. The request is `called` at this reading of the
    /// monotonic clock, and sets a flag when it is confirmed.
    pub(crate) fn request(&self, called: Duration, confirmed: Option<Confirmed>) -> Request {
        Request {
            shared: self.0.clone(),
            called,
            awaited: true,
            answered: false,
            confirmed,
        }
    }

    pub(crate) fn uri(&self) -> &Bytes {
        &self.0.uri
    }

    pub(crate) fn message_type(&self) -> MessageType {
        self.0.message_type
    }
}

/// Is ready with the answer; with nothing where the task has ended without one.
impl Future for Pending {
    type Output = Option<Answer>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = lock(&self.0.state);
        if let Stage::New(..) | Stage::Sent = state.stage {
            let waker = context.waker();
            if state.waker.as_ref().is_some_and(|own| own.will_wake(waker)) {
                return Poll::Pending;
            }
            let before = state.waker.replace(waker.clone());
            // To drop another task's may run its code.
            drop(state);
            drop(before);
            return Poll::Pending;
        }
        let stage = mem::replace(&mut state.stage, Stage::Ended);
        drop(state);
        Poll::Ready(match stage {
            Stage::Answered(answer) => Some(answer),
            _ => None,
        })
    }
}

impl Request {
    /// A request whose answer nobody waits for.
    pub(crate) fn unawaited(message: Message, options: RequestOptions, called: Duration) -> Self {
        let mut request = Pending::new(message, options).request(called, None);
        request.awaited = false;
        request
    }

    /// When it was called, a reading of the monotonic clock.
    pub(crate) fn called(&self) -> Duration {
        self.called
    }

    /// How long its answer may take since then.
    pub(crate) fn timeout(&self) -> Duration {
        self.shared.timeout
    }

    /// The memory that it holds before it is sent, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.shared.bytes
    }

    /// Whether it is an error at once where too many wait.
    pub(crate) fn fails_fast(&self) -> bool {
        self.shared.fails_fast
    }

    /// Whether its caller was dropped, and nobody waits.
    pub(crate) fn is_canceled(&self) -> bool {
        self.awaited && Arc::strong_count(&self.shared) == 1
    }

    /// Sends it by `send`, with what is left of its time, and lets go of the message. Nothing
    /// where nobody waits, or it was sent.
    #[inline]
    pub(crate) fn send(
        &self,
        now: Now,
        send: impl FnOnce(&Message, &RequestOptions) -> Result<RequestId, SendError>,
    ) -> Option<Result<RequestId, SendError>> {
        if self.is_canceled() {
            return None;
        }
        let mut state = lock(&self.shared.state);
        let Stage::New(message, options) = &mut state.stage else {
            return None;
        };
        let spent = now.monotonic.saturating_sub(self.called);
        let left = self.shared.timeout.saturating_sub(spent);
        let options = mem::take(options).with_timeout(left);
        let sent = send(message, &options);
        state.stage = Stage::Sent;
        Some(sent)
    }

    /// Gives its caller the answer.
    #[inline]
    pub(crate) fn answer(mut self, answer: Answer) {
        if let Some(confirmed) = &self.confirmed
            && matches!(&answer, Ok(answer) if !answer.message.is_error())
        {
            confirmed.store(true, Ordering::Release);
        }
        self.answered = true;
        self.end(Stage::Answered(answer));
    }

    /// Fails it: the connection has ended.
    pub(crate) fn refuse(self, reason: &CloseReason) {
        self.answer(Err(SendError::Closed(reason.clone()).into()));
    }

    fn end(&self, stage: Stage) {
        let mut state = lock(&self.shared.state);
        let before = mem::replace(&mut state.stage, stage);
        let waker = state.waker.take();
        drop(state);
        drop(before);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if !self.answered {
            self.end(Stage::Ended);
        }
    }
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Pending {
        Pending::new(Message::request("uri"), RequestOptions::new())
    }

    fn poll(pending: &mut Pending) -> Poll<Option<Answer>> {
        Pin::new(pending).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn it_is_sent_once_and_answered_once() {
        let mut pending = request();
        let request = pending.request(Duration::from_secs(1), None);
        assert!(poll(&mut pending).is_pending() && !request.is_canceled());
        let now = Now::new(Duration::from_secs(3), 0);
        let mut times = Vec::new();
        let mut send = || {
            let sent = request.send(now, |message, options| {
                assert_eq!(&message.uri[..], b"uri");
                times.push(options.timeout());
                Err(SendError::NotConnected)
            });
            sent.is_some()
        };
        assert!(send() && !send());
        // Two of its ten seconds are over.
        assert_eq!(times, [Duration::from_secs(8)]);
        request.answer(Err(RequestError::Closed(CloseReason::Local)));
        let Poll::Ready(Some(Err(RequestError::Closed(reason)))) = poll(&mut pending) else {
            panic!("an answer");
        };
        assert_eq!(reason, CloseReason::Local);
    }

    #[test]
    fn each_end_knows_that_the_other_is_gone() {
        let mut pending = request();
        drop(pending.request(Duration::ZERO, None));
        assert!(matches!(poll(&mut pending), Poll::Ready(None)));
        let request = self::request().request(Duration::ZERO, None);
        assert!(request.is_canceled());
        let sent = request.send(Now::new(Duration::ZERO, 0), |_, _| {
            Err(SendError::NotConnected)
        });
        assert!(sent.is_none());
        let options = RequestOptions::new();
        let unawaited = Request::unawaited(Message::request("uri"), options, Duration::ZERO);
        assert!(!unawaited.is_canceled());
    }
}

#[cfg(loom)]
#[cfg(test)]
mod model {
    use loom::future::block_on;
    use loom::thread;

    use super::*;
    use crate::sync::model::check;

    #[test]
    fn who_waits_is_woken_whether_there_is_an_answer_or_not() {
        check(|| {
            for answered in [true, false] {
                let pending = Pending::new(Message::request("uri"), RequestOptions::new());
                let request = pending.request(Duration::ZERO, None);
                let task = thread::spawn(move || match answered {
                    true => request.answer(Err(RequestError::NotConnected)),
                    false => drop(request),
                });
                assert_eq!(block_on(pending).is_some(), answered);
                task.join().unwrap();
            }
        });
    }
}
