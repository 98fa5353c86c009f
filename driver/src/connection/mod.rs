//! Handles to connections.

mod asked;
mod origin;
mod requests;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use event_listener::Event;
use futures_channel::oneshot;
use netaio_core::{
    CloseReason, Layer, Link, LinkId, Message, PeerMessage, Place, SendError, SendOptions,
};

use crate::callers::Cancellations;
use crate::clock::Time;
use crate::connection_id::ConnectionId;
use crate::context::Context;
use crate::futures::wait_for;
use crate::logging::{Logs, limited};
use crate::mailbox::{Command, Mailbox, Urgent};
use crate::options::{ConnectionOptions, Omitted};
use crate::states::States;
use crate::sync::{Mutex, lock};

pub(crate) use asked::Asked;
pub(crate) use origin::{Origin, Reach};

/// A handle to a connection, on either end. Cloning it copies a pointer; the
/// connection stays open until it is closed, not until its handles are dropped.
#[derive(Clone)]
pub struct Connection {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) mailbox: Mailbox,
    pub(crate) closed: Event,
    pub(crate) cancellations: Cancellations,
    context: Arc<Context>,
    /// Its link among those of its server or client.
    pub(crate) link: LinkId,
    pub(crate) omitted: Omitted,
    id: ConnectionId,
    rare: Option<Box<Rare>>,
    /// None before the first.
    extensions: Mutex<Option<Box<States>>>,
    /// It is for one message, and ends when that has no answer.
    #[cfg(feature = "testing")]
    pub(crate) single: bool,
    #[cfg(feature = "testing")]
    unanswered: std::sync::atomic::AtomicBool,
}

/// What most connections of a server do not have.
struct Rare {
    /// Of those that a client has made.
    origin: Option<Origin>,
    name: Option<Arc<str>>,
    certificate: Option<Bytes>,
}

impl Rare {
    /// On the heap, and only where there is some of it.
    fn new(origin: Option<Origin>, options: &mut ConnectionOptions) -> Option<Box<Self>> {
        let (name, certificate) = (options.name.take(), options.certificate.take());
        let is_some = origin.is_some() || name.is_some() || certificate.is_some();
        is_some.then(|| {
            Box::new(Self {
                origin,
                name,
                certificate,
            })
        })
    }
}

impl Shared {
    /// Of those that a client has made.
    #[inline]
    pub(crate) fn origin(&self) -> Option<&Origin> {
        self.rare.as_ref()?.origin.as_ref()
    }
}

#[cfg(feature = "testing")]
impl Shared {
    /// Says that the one message has no answer.
    pub(crate) fn note_unanswered(&self) {
        use std::sync::atomic::Ordering;
        self.unanswered.store(true, Ordering::Release);
    }

    /// Whether that was said.
    pub(crate) fn is_unanswered(&self) -> bool {
        use std::sync::atomic::Ordering;
        self.unanswered.load(Ordering::Acquire)
    }
}

impl Connection {
    /// Bytes that are kept in memory while there is a handle of a connection.
    pub(crate) const BYTES: usize = size_of::<Shared>();

    pub(crate) fn new(
        context: Arc<Context>,
        link: &Link,
        mut options: ConnectionOptions,
        origin: Option<Origin>,
    ) -> Self {
        let shared = Shared {
            mailbox: Mailbox::new(context.limits(), link.mailbox_account()),
            closed: Event::new(),
            cancellations: Cancellations::default(),
            context,
            link: link.id(),
            omitted: options.omitted,
            id: ConnectionId::next(),
            rare: Rare::new(origin, &mut options),
            extensions: Mutex::new(None),
            #[cfg(feature = "testing")]
            single: options.single,
            #[cfg(feature = "testing")]
            unanswered: Default::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The address of the other end; `None` if the stream has no addresses.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        self.shared.mailbox.remote()
    }

    /// Its id: no other connection of this process has the same, before or after it.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.shared.id
    }

    /// The certificate of the other end in DER, where whoever made the TLS connection has
    /// [handed it over](ConnectionOptions::with_certificate).
    #[must_use]
    pub fn certificate(&self) -> Option<Bytes> {
        self.shared.rare.as_ref()?.certificate.clone()
    }

    /// Keeps a value with the connection, one of each type, and returns the one it replaces.
    /// Handlers take it as an [`Extension`](crate::Extension). It is dropped with the last
    /// handle.
    pub fn set_extension<T: Send + Sync + 'static>(&self, value: T) -> Option<Arc<T>> {
        let mut extensions = lock(&self.shared.extensions);
        extensions.get_or_insert_default().insert(value)
    }

    /// The value of a type that is kept with the connection.
    #[must_use]
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        lock(&self.shared.extensions).as_ref()?.get()
    }

    /// Removes the value of a type, and returns it.
    pub fn remove_extension<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        lock(&self.shared.extensions).as_mut()?.remove()
    }

    /// Its outer layer.
    pub(crate) fn outer(&self) -> Layer {
        self.shared.omitted.outer(&self.shared.context.config.outer)
    }

    pub(crate) fn context(&self) -> &Context {
        &self.shared.context
    }

    /// Its name. For a client's connections it is the address that was given to
    /// [`Client::connect`](crate::Client::connect), unless their options set another
    /// one; a server's have none unless their options set one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.shared.rare.as_ref()?.name.as_deref()
    }

    /// Sends a message. It is ready once the message is sealed and queued, not
    /// once it is written.
    ///
    /// Cancel-safe: a message is sent whole or not at all. If the future is dropped
    /// early, it may still be sent.
    ///
    /// # Errors
    /// The message was not sent.
    pub async fn send(&self, message: Message) -> Result<(), SendError> {
        self.send_with(message, SendOptions::new()).await
    }

    /// As [`send`](Self::send), with an inner layer, or without an outer plugin.
    /// Cancel-safe in the same way.
    ///
    /// # Errors
    /// The message was not sent.
    pub async fn send_with(&self, message: Message, options: SendOptions) -> Result<(), SendError> {
        let (done, result) = oneshot::channel();
        let send = Command::Send {
            message,
            options,
            done,
        };
        self.shared.mailbox.push_send(send).await?;
        // The task answers every command, unless it was dropped.
        result
            .await
            .unwrap_or_else(|_| Err(SendError::Closed(self.reason_or_local())))
    }

    /// Waits until all that was [sent](Self::send) before is handed to the system, and TLS and
    /// its like keep nothing back. That the remote has it is what an answer says.
    ///
    /// Cancel-safe. A remote that reads nothing lets it wait, until the connection ends.
    ///
    /// # Errors
    /// The connection ended first: some of it may be lost.
    pub async fn flush(&self) -> Result<(), SendError> {
        let (done, flushed) = oneshot::channel();
        self.shared.mailbox.push(Command::Flush(done))?;
        let closed = |_| SendError::Closed(self.reason_or_local());
        flushed.await.map_err(closed)
    }

    /// Closes the connection: what is queued is written, and waiting requests
    /// fail. It is ready when the connection is closed.
    ///
    /// It takes [`Limits::shutdown_grace`](netaio_core::Limits::shutdown_grace) at most, 10 s
    /// unless set, and a second more where the end of a stream has to be said, as TLS's has.
    /// Longer is waited for no remote: what is not written by then is lost, and
    /// told ([`ClientEvent::Unwritten`](crate::ClientEvent::Unwritten),
    /// [`ServerEvent::Unwritten`](crate::ServerEvent::Unwritten)). Handlers that run are dropped.
    ///
    /// Cancel-safe: once called, the connection closes whether or not it is
    /// waited for.
    pub async fn close(&self) {
        self.command(Command::Close { farewell: true });
        self.closed().await;
    }

    /// Waits until the connection is closed and its last bytes are written or
    /// discarded, and returns the reason. Cancel-safe.
    pub async fn closed(&self) -> CloseReason {
        wait_for(&self.shared.closed, || self.shared.mailbox.ended()).await
    }

    /// Why the connection is closed, if it is: nothing more can be sent or received,
    /// though its last bytes may still have to be written.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.shared.mailbox.close_reason()
    }

    /// Gives the task a command that the end of the connection makes superfluous.
    pub(crate) fn command(&self, command: Command) {
        // An error means that it is closed already.
        let _ = self.shared.mailbox.push(command);
    }

    /// Closes the connection at once: what is queued is not written.
    pub(crate) fn abort(&self) {
        self.shared.mailbox.urge(Urgent::Abort);
    }

    /// Queues a message about peers.
    pub(crate) fn send_peer_message(&self, PeerMessage { message, inner }: &PeerMessage) {
        let queued = self.shared.mailbox.push(Command::Send {
            message: message.clone(),
            options: SendOptions::new().with_inner(inner.clone()),
            done: oneshot::channel().0,
        });
        if let Err(error) = queued {
            let (logs, remote) = (self.logs(), self.remote());
            limited!(logs, DEBUG, "a message about peers was not sent", @remote, %error);
        }
    }

    /// The remote, as its node names it.
    pub(crate) fn place(&self) -> Place {
        Place::Link {
            link: self.shared.link,
            address: self.remote(),
        }
    }

    /// The values that handlers share at this end.
    pub(crate) fn states(&self) -> &States {
        &self.shared.context.states
    }

    /// Whether both are handles to the same connection.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    pub(crate) fn logs(&self) -> &Logs {
        &self.shared.context.logs
    }

    pub(crate) fn time(&self) -> &Time {
        self.shared.context.time()
    }

    /// Marks the connection as ended: its task is dropped.
    pub(crate) fn end(&self) {
        let Shared {
            mailbox, closed, ..
        } = &*self.shared;
        // Their callers are told that they were not sent.
        for late in mailbox.close(CloseReason::Local) {
            late.refuse(&CloseReason::Local);
        }
        mailbox.end();
        closed.notify(usize::MAX);
    }

    /// Whether its task has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.shared.mailbox.ended().is_some()
    }

    /// The close reason for an operation that the end of the task interrupted.
    fn reason_or_local(&self) -> CloseReason {
        self.close_reason().unwrap_or(CloseReason::Local)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("name", &self.name())
            .field("remote", &self.remote())
            .field("closed", &self.close_reason())
            .finish()
    }
}
