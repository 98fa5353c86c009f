//! Automatic reconnection.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use netaio_core::{Backoff, CloseReason, Now};
use rand_core::CryptoRng;

use super::Client;
use super::auto_reconnect::{AutoReconnect, GaveUp, Reconnected};
use super::connector::Dialer;
use super::servers::Position;
use super::shared::{Reconnect, Shared, Subject};
use crate::background::NotStarted;
use crate::caught::caught;
use crate::connection::Connection;
use crate::error::{ConnectError, TaskPanicked};
use crate::logging::limited;
use crate::random::Seed;
use crate::runtime::Runtime;
use crate::sources::Sources;
use crate::sync::{Mutex, lock};

/// The policy of a client, and the generator of its jitter.
pub(super) struct Reconnector<R: Runtime> {
    policy: AutoReconnect<R>,
    dialer: Dialer<R>,
    rng: Mutex<Box<dyn CryptoRng + Send>>,
}

impl<R: Runtime> Reconnector<R> {
    /// # Errors
    /// The operating system has no randomness to give.
    pub(super) fn new(
        policy: AutoReconnect<R>,
        dialer: Dialer<R>,
        sources: &Sources,
    ) -> io::Result<Self> {
        let rng = sources.seeds.seed()?.generator(Seed::RECONNECTS);
        Ok(Self {
            policy,
            dialer,
            rng: Mutex::new(rng),
        })
    }

    /// The state after the loss of a connection that was made at `connected_at`. One that was
    /// made anew, after these `tries`, and was of no use is one more try that has failed.
    fn backoff_after_loss(
        &self,
        connection: &Connection,
        connected_at: Now,
        tries: Option<Backoff>,
        now: Now,
    ) -> Backoff {
        let lasted = now.monotonic.saturating_sub(connected_at.monotonic);
        let of_use = connection.was_heard() || lasted >= self.policy.connect_timeout;
        if let Some(mut tries) = tries.filter(|_| !of_use) {
            self.draw(|rng| tries.failure(now, rng));
            return tries;
        }
        let mut backoff = self.backoff();
        backoff.success(connected_at);
        self.draw(|rng| backoff.lost(now, rng));
        backoff
    }

    fn draw(&self, draw: impl FnOnce(&mut dyn CryptoRng)) {
        let mut rng = lock(&self.rng);
        draw(&mut **rng);
    }

    /// Tries until it succeeds, the tries are used up, or the application closes
    /// the connection, and tells of it.
    async fn run(&self, client: Client<R>, old: LostServer, mut backoff: Backoff) {
        let (connection, policy) = (&old.connection, &self.policy);
        let (logs, server) = (connection.logs(), connection.name());
        let tried = caught(self.reconnect(&client, connection, &mut backoff)).await;
        let tried = tried.unwrap_or_else(|panicked| Tried::GaveUp(failed(connection, panicked)));
        match tried {
            Tried::Closed => {}
            Tried::Reconnected(reconnected) => {
                if let Some(callback) = &policy.on_reconnect {
                    callback(client, reconnected).await;
                }
            }
            Tried::GaveUp(error) => {
                let attempts = backoff.failures();
                client.shared.monitor.gave_up(connection, attempts, &error);
                limited!(logs, ERROR, "given up reconnecting", server, attempts, %error);
                let connection = connection.clone();
                drop(old);
                if let Some(callback) = &policy.on_give_up {
                    let gave_up = GaveUp {
                        connection,
                        attempts,
                        error,
                    };
                    callback(client, gave_up).await;
                }
            }
        }
    }

    /// What comes of the tries. A panic is the failure of one.
    async fn reconnect(
        &self,
        client: &Client<R>,
        connection: &Connection,
        backoff: &mut Backoff,
    ) -> Tried {
        let (logs, server) = (connection.logs(), connection.name());
        let shared = &client.shared;
        let (time, monitor) = (shared.service.context.time(), &shared.monitor);
        // Where the tries are used up already, they were connections that ended at once.
        let mut last_error = (backoff.failures() > 0).then(|| ended_at_once(connection));
        while let Some(at) = backoff.next(time.now()) {
            let attempt = backoff.failures().saturating_add(1);
            let delay = at.saturating_sub(time.monotonic());
            monitor.reconnecting(connection, attempt, delay);
            if !delay.is_zero() {
                R::sleep_until(time.instant(at)).await;
            }
            if !shared.servers().may_replace(connection) {
                return Tried::Closed;
            }
            let position = Position::InPlaceOfUnclosed(connection);
            let made = client.reconnect_in(connection, self.policy.connect_timeout, position);
            let made = caught(made).await;
            match made.unwrap_or_else(|panicked| Err(failed(connection, panicked))) {
                Ok(connection) => {
                    shared.servers().set_tries(&connection, backoff.clone());
                    limited!(logs, INFO, "reconnected", server, attempt);
                    monitor.reconnected(&connection, attempt);
                    return Tried::Reconnected(Reconnected {
                        connection,
                        attempt,
                    });
                }
                Err(error) => {
                    limited!(logs, WARN, "not reconnected", server, attempt, %error);
                    monitor.connect_failed(attempt, &error);
                    last_error = Some(error);
                    self.draw(|rng| backoff.failure(time.now(), rng));
                }
            }
        }
        match last_error {
            Some(error) if shared.servers().may_replace(connection) => Tried::GaveUp(error),
            _ => Tried::Closed,
        }
    }
}

/// What has come of the tries to reconnect a server.
enum Tried {
    /// The application has closed the connection, or there was none to make.
    Closed,
    Reconnected(Reconnected),
    GaveUp(ConnectError),
}

impl<R: Runtime> Reconnect for Reconnector<R> {
    fn on_loss(&self) -> bool {
        self.policy.on_loss
    }

    fn holds_requests(&self) -> bool {
        self.policy.hold_requests
    }

    fn connect_timeout(&self) -> Duration {
        self.policy.connect_timeout
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(self.policy.backoff)
    }

    fn failure(&self, tries: &mut Backoff, now: Now) {
        self.draw(|rng| tries.failure(now, rng));
    }

    fn timed_out(self: Arc<Self>, client: &Arc<Shared>, connection: &Connection) {
        if !client.servers().may_replace(connection) {
            return;
        }
        let backoff = self.backoff();
        if let Err(reason) = self.start(client, connection, backoff) {
            let (logs, server) = (connection.logs(), connection.name());
            limited!(logs, DEBUG, "not reconnected now", server, ?reason);
        }
    }

    fn left(self: Arc<Self>, client: &Arc<Shared>, connection: &Connection) {
        if !self.policy.on_loss {
            return;
        }
        client.servers().set_left(connection, true);
        if self.lost(client, connection) != Some(Ok(())) {
            // A task that runs for this server checks the connection when it has ended.
            client.servers().set_left(connection, false);
        }
    }

    fn ended(self: Arc<Self>, client: &Arc<Shared>, connection: &Connection) -> bool {
        let Some(server) = connection.server_id() else {
            return false;
        };
        if !self.policy.on_loss || client.servers().is_replacing(connection) {
            return client.background.is_running(Subject::Reconnect(server));
        }
        // A task that runs for this server checks the connection when it has ended.
        let started = self.lost(client, connection);
        matches!(started, Some(Ok(()) | Err(NotStarted::Busy)))
    }
}

impl<R: Runtime> Reconnector<R> {
    /// Reconnects a server that is gone, if it is listed and the application has not closed
    /// the connection.
    fn lost(
        self: Arc<Self>,
        client: &Arc<Shared>,
        connection: &Connection,
    ) -> Option<Result<(), NotStarted>> {
        let (connected_at, tries) = {
            let servers = client.servers();
            let may_replace = servers.may_replace(connection);
            let connected_at = servers.connected_at(connection).filter(|_| may_replace)?;
            (connected_at, servers.tries(connection))
        };
        let now = client.service.context.time().now();
        let backoff = self.backoff_after_loss(connection, connected_at, tries, now);
        Some(self.start(client, connection, backoff))
    }

    /// Starts the task that reconnects a server.
    fn start(
        self: Arc<Self>,
        client: &Arc<Shared>,
        old: &Connection,
        backoff: Backoff,
    ) -> Result<(), NotStarted> {
        let (Some(server), Some(_address)) = (old.server_id(), old.address()) else {
            return Err(NotStarted::Unavailable);
        };
        let make = || {
            let handle = Client::without_guard(client.clone(), self.dialer.clone());
            let old = LostServer {
                client: Arc::downgrade(client),
                connection: old.clone(),
            };
            async move { self.run(handle, old, backoff).await }
        };
        let weak = Arc::downgrade(client);
        let check_again = move || {
            let Some(client) = weak.upgrade() else {
                return;
            };
            // The new connection may have ended while the task was running.
            let current = client.servers().with_id(server).cloned();
            let Some(connection) = current else {
                return;
            };
            let has_left = client.servers().has_left(&connection);
            if connection.has_ended() {
                client.ended(&connection);
            } else if has_left {
                client.left(&connection, || {});
            }
        };
        let subject = Subject::Reconnect(server);
        client.background.start(subject, make, check_again)
    }
}

/// Why a try has failed that panicked.
fn failed(connection: &Connection, panicked: TaskPanicked) -> ConnectError {
    ConnectError {
        address: connection.address().unwrap_or_default().into(),
        source: io::Error::other(panicked),
    }
}

/// Why a connection was of no use.
fn ended_at_once(connection: &Connection) -> ConnectError {
    let reason = connection.close_reason().unwrap_or(CloseReason::Remote);
    let source = format!("the connection ended before a message came: {reason}");
    ConnectError {
        address: connection.address().unwrap_or_default().into(),
        source: io::Error::new(io::ErrorKind::ConnectionAborted, source),
    }
}

/// Removes a connection from the list on drop, if it has ended and was not replaced.
struct LostServer {
    client: Weak<Shared>,
    connection: Connection,
}

impl Drop for LostServer {
    fn drop(&mut self) {
        if let Some(client) = self.client.upgrade()
            && self.connection.has_ended()
        {
            client.remove(&self.connection);
        }
    }
}
