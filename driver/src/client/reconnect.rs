//! Servers that are reconnected by themselves.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::servers::Position;
use super::{Client, Shared, Subject};
use crate::connection::Connection;
use crate::errands::NotStarted;
use crate::error::ConnectError;
use crate::logging::limited;
use crate::runtime::Runtime;
use crate::timeouts::{Callback, callback};

/// Reconnects servers: netaio's `AutoReconnectTimeoutHandler`, for
/// [`ClientBuilder::auto_reconnect`](crate::ClientBuilder::auto_reconnect).
///
/// A server is reconnected when a request to it times out, and when the
/// connection to it is lost. (netaio notices a loss by the timeouts only.) It is
/// tried as often as [`max_retries`](Self::max_retries) says. The new connection
/// is made to the same address, with the same options, and takes the place of the
/// old one, under its name: the client's own `request`, `send` and so on work
/// again. The old one is closed then, and what still waits on it fails. Handles
/// to it stay closed: see [`Client::connection`] for the new one.
///
/// What was closed on purpose is not reconnected, nor are streams that were
/// handed to the client: they have no address. The client that callbacks get does
/// not keep the client alive, nor do clones of it.
///
/// ```
/// use std::time::Duration;
///
/// use netaio_driver::{AutoReconnect, Client, Runtime};
///
/// # fn client<R: Runtime>() -> Result<Client<R>, netaio_driver::BuildError> {
/// let patient = AutoReconnect::new()
///     .max_retries(60)
///     .delay(Duration::from_secs(10))
///     // A server forgets subscriptions with the connection.
///     .on_reconnect(|_, again| async move {
///         if let Err(error) = again.connection.subscribe("news").await {
///             eprintln!("no news: {error}");
///         }
///     })
///     .on_give_up(|_, gone| async move { eprintln!("{}", gone.error) });
/// Client::builder().auto_reconnect(patient).build()
/// # }
/// ```
pub struct AutoReconnect<R: Runtime> {
    connect_timeout: Duration,
    max_retries: u32,
    delay: Duration,
    on_loss: bool,
    on_reconnect: Option<Callback<Client<R>, Reconnected>>,
    on_give_up: Option<Callback<Client<R>, GaveUp>>,
}

/// A server is connected again.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reconnected {
    /// The new connection.
    pub connection: Connection,
    /// How often it was tried, this time included.
    pub attempt: u32,
}

/// A server could not be reconnected.
#[derive(Debug)]
#[non_exhaustive]
pub struct GaveUp {
    /// The old connection.
    pub connection: Connection,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last time failed.
    pub error: ConnectError,
}

impl<R: Runtime> AutoReconnect<R> {
    /// netaio's defaults: 3 tries of at most 5 s, with 1 s between them.
    #[must_use]
    pub fn new() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            max_retries: 3,
            delay: Duration::from_secs(1),
            on_loss: true,
            on_reconnect: None,
            on_give_up: None,
        }
    }

    /// The time that one try may take; 5 s unless set.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How often it is tried before it is given up; 3 unless set, and with 0
    /// never.
    #[must_use]
    pub fn max_retries(mut self, tries: u32) -> Self {
        self.max_retries = tries;
        self
    }

    /// The pause between two tries, and the least time between the making of a
    /// connection and the first try after its loss; 1 s unless set.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Whether connections that are lost are reconnected, or only those on which
    /// a request times out; `true` unless set.
    #[must_use]
    pub fn on_loss(mut self, on_loss: bool) -> Self {
        self.on_loss = on_loss;
        self
    }

    /// Sets what is called after a server was reconnected: to subscribe again,
    /// say. Until it is done, the server is not reconnected another time.
    #[must_use]
    pub fn on_reconnect<F>(
        mut self,
        callee: impl Fn(Client<R>, Reconnected) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.on_reconnect = Some(callback(callee));
        self
    }

    /// Sets what is called after the last try has failed.
    #[must_use]
    pub fn on_give_up<F>(
        mut self,
        callee: impl Fn(Client<R>, GaveUp) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.on_give_up = Some(callback(callee));
        self
    }

    /// Tries until it succeeds, is given up, or is no longer wanted.
    async fn run(&self, client: Client<R>, given_up: GivenUp<R>) {
        let (old, mut failure) = (&given_up.connection, None);
        let (logs, server) = (old.logs(), old.name());
        for attempt in 1..=self.max_retries {
            if attempt > 1 {
                let until = client.shared.service.time().instant_after(self.delay);
                R::sleep_until(until).await;
            }
            if !client.shared.servers().is_wanted(old) {
                return;
            }
            let position = Position::OnlyOf(old);
            let new = client.reconnect_in(old, self.connect_timeout, position);
            match new.await {
                Ok(connection) => {
                    limited!(logs, INFO, "reconnected", server, attempt);
                    if let Some(callee) = &self.on_reconnect {
                        let reconnected = Reconnected {
                            connection,
                            attempt,
                        };
                        callee(client, reconnected).await;
                    }
                    return;
                }
                Err(error) => {
                    limited!(logs, WARN, "not reconnected", server, attempt, %error);
                    failure = Some((attempt, error));
                }
            }
        }
        let wanted = client.shared.servers().is_wanted(old);
        if let Some((attempts, error)) = failure.filter(|_| wanted) {
            limited!(logs, ERROR, "given up reconnecting", server, attempts, %error);
            let connection = old.clone();
            drop(given_up);
            if let Some(callee) = &self.on_give_up {
                let gave_up = GaveUp {
                    connection,
                    attempts,
                    error,
                };
                callee(client, gave_up).await;
            }
        }
    }
}

impl<R: Runtime> Shared<R> {
    /// Reconnects a server that is late, where that is wanted.
    pub(super) fn reconnect_late(self: &Arc<Self>, connection: &Connection) {
        let wanted = self.reconnect.is_some() && self.servers().is_wanted(connection);
        if wanted && let Err(reason) = self.start_reconnecting(connection, Duration::ZERO) {
            let (logs, server) = (connection.logs(), connection.name());
            limited!(logs, DEBUG, "not reconnected now", server, ?reason);
        }
    }

    /// Takes note of the end of a connection.
    pub(super) fn ended(self: &Arc<Self>, connection: &Connection) {
        if !self.keeps_place(connection) {
            self.servers().leave(connection);
        }
    }

    /// Whether a connection that has ended keeps its place for one that is made
    /// anew.
    fn keeps_place(self: &Arc<Self>, connection: &Connection) -> bool {
        let (Some(policy), Some(place)) = (&self.reconnect, connection.client_place()) else {
            return false;
        };
        let made = {
            let servers = self.servers();
            let wanted = servers.is_wanted(connection);
            servers.made(connection).filter(|_| wanted)
        };
        let Some(made) = made else {
            return false;
        };
        if !policy.on_loss {
            return self.errands.has(Subject::Reconnect(place));
        }
        // A server that accepts and closes at once is not asked without a pause.
        let first = made.saturating_add(policy.delay);
        let started = self.start_reconnecting(connection, first);
        // Where it is busy with the place it will look again when it is done.
        matches!(started, Ok(()) | Err(NotStarted::Busy))
    }

    /// Reconnects a server, not before `first`, a monotonic reading.
    fn start_reconnecting(
        self: &Arc<Self>,
        old: &Connection,
        first: Duration,
    ) -> Result<(), NotStarted> {
        let (Some(policy), Some(place), Some(_address)) =
            (&self.reconnect, old.client_place(), old.address())
        else {
            return Err(NotStarted::Impossible);
        };
        let policy = policy.clone();
        let errand = || {
            let client = Client::lend(self.clone());
            let given_up = GivenUp {
                client: Arc::downgrade(self),
                connection: old.clone(),
            };
            async move {
                let time = client.shared.service.time();
                if first > time.now().monotonic {
                    R::sleep_until(time.instant(first)).await;
                }
                policy.run(client, given_up).await;
            }
        };
        let client = Arc::downgrade(self);
        let look_again = move || {
            let Some(client) = client.upgrade() else {
                return;
            };
            // It may have ended meanwhile, and found its place busy.
            let now_there = client.servers().at(place).cloned();
            if let Some(connection) = now_there.filter(Connection::has_ended) {
                client.ended(&connection);
            }
        };
        let subject = Subject::Reconnect(place);
        self.errands.start(subject, errand, look_again)
    }
}

/// Takes the place from a connection that has ended and was not replaced.
struct GivenUp<R: Runtime> {
    client: Weak<Shared<R>>,
    connection: Connection,
}

impl<R: Runtime> Drop for GivenUp<R> {
    fn drop(&mut self) {
        if let Some(client) = self.client.upgrade()
            && self.connection.has_ended()
        {
            client.servers().leave(&self.connection);
        }
    }
}

impl<R: Runtime> Default for AutoReconnect<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Runtime> Clone for AutoReconnect<R> {
    fn clone(&self) -> Self {
        Self {
            on_reconnect: self.on_reconnect.clone(),
            on_give_up: self.on_give_up.clone(),
            ..*self
        }
    }
}

impl<R: Runtime> fmt::Debug for AutoReconnect<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AutoReconnect")
            .field("connect_timeout", &self.connect_timeout)
            .field("max_retries", &self.max_retries)
            .field("delay", &self.delay)
            .field("on_loss", &self.on_loss)
            .finish_non_exhaustive()
    }
}
