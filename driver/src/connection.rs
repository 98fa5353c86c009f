//! A connection, as its users see it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use event_listener::Event;
use futures_channel::oneshot;
use netaio_core::{
    Answer, CloseReason, Message, PeerMessage, RequestOptions, SendError, SendOptions,
};

use crate::budget::{Account, Holder};
use crate::callers::GivenUp;
use crate::clock::Time;
use crate::error::RequestError;
use crate::logging::{Logs, limited};
use crate::mailbox::{Command, Mailbox};
use crate::options::{ConnectionOptions, LeftOut};
use crate::peer_table::Table;
use crate::place::Place;
use crate::states::States;
use crate::timeouts::{Observer, TimedOut};

/// A handle to a connection, on either end. Cloning it copies a pointer; the
/// connection lives until it is closed, not until its handles are gone.
#[derive(Clone)]
pub struct Connection {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) mailbox: Mailbox,
    pub(crate) closed: Event,
    pub(crate) given_up: GivenUp,
    pub(crate) account: Account,
    pub(crate) states: Arc<States>,
    table: Arc<Table>,
    /// Tells the connections of one server apart.
    pub(crate) number: u64,
    pub(crate) left_out: LeftOut,
    pub(crate) origin: Option<Origin>,
    name: Option<Arc<str>>,
    remote: Option<SocketAddr>,
}

/// What a client knows of a connection that it made.
pub(crate) struct Origin {
    /// What it connected to; none for a stream that it was handed.
    pub(crate) address: Option<Arc<str>>,
    /// The connection's place among the client's. One that is made anew takes
    /// the place of the last.
    pub(crate) place: u64,
    /// The client.
    pub(crate) observer: Weak<dyn Observer<Connection>>,
}

impl Connection {
    pub(crate) fn new(
        table: Arc<Table>,
        states: Arc<States>,
        number: u64,
        remote: Option<SocketAddr>,
        options: ConnectionOptions,
        origin: Option<Origin>,
    ) -> Self {
        let shared = Shared {
            mailbox: Mailbox::new(table.limits()),
            closed: Event::new(),
            given_up: GivenUp::default(),
            account: Account::default(),
            states,
            table,
            number,
            left_out: options.left_out,
            origin,
            name: options.name,
            remote,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The address of the other end; none where the stream has no addresses.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        self.shared.remote
    }

    /// The name that it was made by. A client's connections have one: the
    /// address that was given to [`Client::connect`](crate::Client::connect),
    /// unless its options say otherwise; a server's have none unless they do.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.shared.name.as_deref()
    }

    /// Sends a message. It is ready once the message is sealed and queued, not
    /// once it is written.
    ///
    /// Cancel-safe: a message is sent whole or not at all. Dropped early, it
    /// may still be sent.
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
        // The task answers every command, or is gone with the connection.
        result
            .await
            .unwrap_or_else(|_| Err(SendError::Closed(self.reason_or_local())))
    }

    /// Sends a request, and waits for its answer. Cancel-safe: dropped early, the
    /// answer is taken off the connection and dropped.
    pub(crate) async fn send_request(
        &self,
        message: Message,
        options: RequestOptions,
    ) -> Result<Answer, RequestError> {
        let (uri, message_type) = (message.uri.clone(), message.message_type);
        let (done, result) = oneshot::channel();
        self.shared.mailbox.push(Command::Request {
            message,
            options,
            called: self.time().now().monotonic,
            done,
        })?;
        let answer = self.shared.given_up.wait(result).await;
        let answer = answer.unwrap_or_else(|_| Err(RequestError::Closed(self.reason_or_local())));
        if let Err(RequestError::TimedOut(timeout)) = answer {
            let origin = self.shared.origin.as_ref();
            if let Some(observer) = origin.and_then(|origin| origin.observer.upgrade()) {
                observer.timed_out(TimedOut {
                    to: self.clone(),
                    uri,
                    message_type,
                    timeout,
                });
            }
        }
        answer
    }

    /// Closes the connection: what is queued is written, and waiting requests
    /// fail. It is ready when the connection is closed.
    ///
    /// Cancel-safe: once called, the connection closes whether or not it is
    /// waited for.
    pub async fn close(&self) {
        self.take_leave();
        // An error means that it is closed already.
        let _ = self.shared.mailbox.push(Command::Close);
        self.closed().await;
    }

    /// Is ready when the connection is closed and its last bytes are written or
    /// given up, and says why. Cancel-safe.
    pub async fn closed(&self) -> CloseReason {
        loop {
            let closed = self.shared.closed.listen();
            if let Some(reason) = self.shared.mailbox.ended() {
                return reason;
            }
            closed.await;
        }
    }

    /// Why the connection is closed, if it is: nothing more can be sent or
    /// received, though its last bytes may still be on their way.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.shared.mailbox.close_reason()
    }

    /// Queues a message about peers.
    pub(crate) fn tell(&self, PeerMessage { message, inner }: &PeerMessage) {
        let told = self.shared.mailbox.push(Command::Send {
            message: message.clone(),
            options: SendOptions::new().with_inner(inner.clone()),
            done: oneshot::channel().0,
        });
        if let Err(error) = told {
            let (logs, remote) = (self.logs(), self.remote());
            limited!(logs, DEBUG, "the remote was not told of this node", ?remote, %error);
        }
    }

    /// Tells the remote that this node leaves, where it manages peers.
    pub(crate) fn take_leave(&self) {
        let farewells: Vec<_> = self.shared.table.discovery().farewells().collect();
        for farewell in &farewells {
            self.tell(farewell);
        }
    }

    /// Where a peer is that this connection leads to.
    pub(crate) fn place(&self) -> Place {
        Place::Connection {
            number: self.shared.number,
            remote: self.shared.remote,
        }
    }

    /// Whether both are handles to the same connection.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Its place among a client's.
    pub(crate) fn client_place(&self) -> Option<u64> {
        self.shared.origin.as_ref().map(|origin| origin.place)
    }

    /// What a client connected to.
    pub(crate) fn address(&self) -> Option<&str> {
        self.shared.origin.as_ref()?.address.as_deref()
    }

    /// Its options, to make it anew.
    pub(crate) fn options(&self) -> ConnectionOptions {
        ConnectionOptions {
            name: self.shared.name.clone(),
            left_out: self.shared.left_out,
        }
    }

    pub(crate) fn logs(&self) -> &Logs {
        &self.shared.table.logs
    }

    pub(crate) fn time(&self) -> &Time {
        self.shared.table.time()
    }

    /// Whether its task is gone.
    pub(crate) fn has_ended(&self) -> bool {
        self.shared.mailbox.ended().is_some()
    }

    /// The close reason for an operation that the end of the task interrupted.
    fn reason_or_local(&self) -> CloseReason {
        self.close_reason().unwrap_or(CloseReason::Local)
    }
}

/// Says that a connection has ended when it is dropped, be it with a task that
/// was never finished.
pub(crate) struct Ending(pub(crate) Connection);

impl Drop for Ending {
    fn drop(&mut self) {
        let Shared {
            mailbox, closed, ..
        } = &*self.0.shared;
        // Whoever gave these learns of the end as they are dropped.
        drop(mailbox.close(CloseReason::Local));
        mailbox.end();
        closed.notify(usize::MAX);
    }
}

impl Holder for Shared {
    fn account(&self) -> &Account {
        &self.account
    }

    fn cut_off(&self) {
        // A closed connection discards what is still to be written.
        let _ = self.mailbox.push(Command::Cut);
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
