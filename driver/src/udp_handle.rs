//! Handles to UDP nodes, and the commands of their tasks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_channel::Sender;
use event_listener::Event;
use futures_channel::oneshot;
use netaio_core::{
    Call, CloseReason, FanOut, Limits, Message, PeerMessage, RequestOptions, Response, SendError,
    SendOptions,
};

use crate::address::destination;
use crate::callers::{Cancellations, SentRequest};
use crate::context::Context;
use crate::error::RequestError;
use crate::logging::Logs;
use crate::panics::Panicked;
use crate::shared_request::{self, Confirmed, Pending};
use crate::states::States;
use crate::timeouts::{TimedOut, TimeoutObserver};

/// A command to the task of a UDP node.
pub(crate) enum Command {
    /// Send a message, and report whether it was queued.
    Send {
        to: SocketAddr,
        message: Message,
        options: SendOptions,
        done: oneshot::Sender<Result<(), SendError>>,
    },
    /// Introduce the node to an address, and report whether that was queued.
    Introduce {
        to: SocketAddr,
        done: oneshot::Sender<Result<(), SendError>>,
    },
    /// Say to all that the node was introduced to what it has to say of itself.
    Announce(Box<PeerMessage>),
    /// Send a message to many.
    Forward(Box<FanOut>),
    /// A handler has completed.
    Reply {
        call: Call,
        completed: Result<Option<Message>, Panicked>,
    },
    /// Check the peers: a deadline may have changed, or an advertisement is due.
    CheckPeers,
    /// Receive no more, send the farewells, finish the calls in flight within this time,
    /// then end.
    Drain(Duration),
}

/// A request to an address.
pub(crate) struct Request {
    pub(crate) to: SocketAddr,
    pub(crate) request: shared_request::Request,
}

/// A handle to a UDP node, whatever its runtime.
#[derive(Clone)]
pub(crate) struct UdpHandle(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) context: Arc<Context>,
    pub(crate) commands: Sender<Command>,
    /// A queue of their own, so that other commands do not delay requests.
    pub(crate) requests: Sender<Request>,
    /// The memory that those hold, in bytes.
    pub(crate) request_bytes: AtomicUsize,
    pub(crate) cancellations: Cancellations,
    /// Handles requests that time out.
    pub(crate) observer: Arc<dyn TimeoutObserver<SocketAddr>>,
    /// Notified when there is room for publications, if publishers wait for it.
    pub(crate) room: Event,
    pub(crate) room_is_awaited: AtomicBool,
    /// Notified when the task has ended, which closes the channels.
    pub(crate) ended: Event,
    /// Set before `aborted` is notified, when the task and its handlers have to end.
    pub(crate) is_aborted: AtomicBool,
    pub(crate) aborted: Event,
}

impl Shared {
    pub(crate) fn limits(&self) -> &Limits {
        self.context.limits()
    }

    /// Whether a publication has room among the commands.
    pub(crate) fn has_room(&self) -> bool {
        let capacity = self.commands.capacity().unwrap_or(usize::MAX);
        self.commands.is_closed() || self.commands.len() < capacity.div_ceil(2)
    }

    /// Says that a publisher looks for room.
    pub(crate) fn expect_room(&self) {
        self.room_is_awaited.store(true, Ordering::SeqCst);
    }

    /// To be called when there may be room.
    pub(crate) fn note_room(&self) {
        let awaited = &self.room_is_awaited;
        if awaited.load(Ordering::SeqCst) && awaited.swap(false, Ordering::SeqCst) {
            self.room.notify(usize::MAX);
        }
    }

    /// Ends the node at once.
    pub(crate) fn abort(&self) {
        self.is_aborted.store(true, Ordering::Release);
        self.aborted.notify(usize::MAX);
    }

    pub(crate) fn is_aborted(&self) -> bool {
        self.is_aborted.load(Ordering::Acquire)
    }
}

impl UdpHandle {
    pub(crate) fn logs(&self) -> &Logs {
        &self.0.context.logs
    }

    pub(crate) fn states(&self) -> &States {
        &self.0.context.states
    }

    /// Whether both are handles to the same node.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Sends a message, and waits until it is sealed and queued.
    pub(crate) async fn send(
        &self,
        to: SocketAddr,
        message: Message,
        options: SendOptions,
    ) -> Result<(), SendError> {
        let to = destination(to);
        self.execute(|done| Command::Send {
            to,
            message,
            options,
            done,
        })
        .await
    }

    /// Introduces the node to an address, and waits until that is sealed and queued.
    pub(crate) async fn introduce(&self, to: SocketAddr) -> Result<(), SendError> {
        let to = destination(to);
        self.execute(|done| Command::Introduce { to, done }).await
    }

    /// Has the task execute a command, and waits for what it reports.
    async fn execute(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<(), SendError>>) -> Command,
    ) -> Result<(), SendError> {
        let (done, result) = oneshot::channel();
        let closed = || SendError::Closed(CloseReason::Local);
        let sent = self.0.commands.send(command(done)).await;
        sent.map_err(|_| closed())?;
        result.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Sends a request, and waits for its answer.
    pub(crate) async fn send_request(
        &self,
        to: SocketAddr,
        message: Message,
        options: RequestOptions,
    ) -> Result<Response, RequestError> {
        let sent = self.begin_request(to, message, options, None)?;
        self.finish_request(to, sent).await
    }

    /// Queues a request, behind all that was queued before, which sets a flag when it is
    /// confirmed. It is to be [finished](Self::finish_request).
    ///
    /// # Errors
    /// The node has ended, or takes requests too slowly.
    pub(crate) fn begin_request(
        &self,
        to: SocketAddr,
        message: Message,
        options: RequestOptions,
        confirmed: Option<Confirmed>,
    ) -> Result<SentRequest, SendError> {
        let begun = self.0.context.time().monotonic();
        let pending = Pending::new(message, options);
        let request = Request {
            to: destination(to),
            request: pending.request(begun, confirmed),
        };
        let limits = self.0.limits();
        let (max, bytes) = (limits.pending_requests(), request.request.bytes());
        let waiting = &self.0.request_bytes;
        let held = waiting.fetch_add(bytes, Ordering::Relaxed);
        let many = request.request.fails_fast() && self.0.requests.len() >= max;
        // As many bytes as may wait for a place.
        let refused = match many || held.saturating_add(bytes) > limits.outbound_queue() {
            true => Some(SendError::TooManyRequests { max }),
            false => {
                let sent = self.0.requests.try_send(request);
                sent.err().map(|_| SendError::Closed(CloseReason::Local))
            }
        };
        if let Some(error) = refused {
            waiting.fetch_sub(bytes, Ordering::Relaxed);
            return Err(error);
        }
        Ok(SentRequest { begun, pending })
    }

    /// Queues a request whose answer nobody waits for, however many there are: for the end of
    /// what the application has asked for.
    pub(crate) fn request_unawaited(
        &self,
        to: SocketAddr,
        message: Message,
        options: RequestOptions,
    ) {
        let called = self.0.context.time().monotonic();
        let request = shared_request::Request::unawaited(message, options, called);
        let (to, bytes) = (destination(to), request.bytes());
        let waiting = &self.0.request_bytes;
        waiting.fetch_add(bytes, Ordering::Relaxed);
        if self.0.requests.try_send(Request { to, request }).is_err() {
            waiting.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    /// Waits for the answer of a request, and has it told that there was none in time.
    pub(crate) async fn finish_request(
        &self,
        to: SocketAddr,
        sent: SentRequest,
    ) -> Result<Response, RequestError> {
        let SentRequest { begun, pending } = sent;
        let (uri, message_type) = (pending.uri().clone(), pending.message_type());
        let closed = RequestError::Closed(CloseReason::Local);
        // Where the queue is full, the task runs soon anyway.
        let wake = || drop(self.0.commands.try_send(Command::CheckPeers));
        let answer = self.0.cancellations.wait(pending, wake).await;
        let answer = answer.unwrap_or(Err(closed));
        if answer.is_ok() {
            self.0.context.note_round_trip(begun);
        }
        if let Err(RequestError::TimedOut(timeout)) = answer {
            self.0.observer.clone().timed_out(TimedOut {
                to,
                uri,
                message_type,
                timeout,
            });
        }
        answer
    }
}
