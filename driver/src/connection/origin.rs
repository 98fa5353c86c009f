//! The client of a connection, and the server that it leads to.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use event_listener::EventListener;

use super::Connection;
use crate::context::Context;
use crate::error::RequestError;
use crate::futures::race;
use crate::mailbox::Urgent;
use crate::options::ConnectionOptions;
use crate::timeouts::TimeoutObserver;

/// The client of a connection, and the server.
pub(crate) struct Origin {
    /// The address that it was given; `None` for a stream that it was handed.
    pub(crate) address: Option<Arc<str>>,
    /// The id of the server among the client's. A connection that replaces this one
    /// has the same.
    pub(crate) server_id: u64,
    /// The client.
    pub(crate) observer: Weak<dyn Reach>,
    /// It is reconnected, whatever the client does with others.
    pub(crate) persistent: bool,
    /// Whether a message has come that passed the layers: [`EVER`] and [`LATELY`].
    pub(crate) heard: AtomicU8,
}

/// What a client knows of the ways to its servers.
pub(crate) trait Reach: TimeoutObserver<Connection> {
    /// The open connection to the server with this id, or to the one that the client's own
    /// requests go to; none of those that were tried.
    fn route(&self, server: Option<u64>, tried: &[Connection]) -> Option<Connection>;

    /// Whether there may be one later: it is being connected to.
    fn may_come(&self, server: Option<u64>) -> bool;

    /// Whether requests wait for that.
    fn holds_requests(&self) -> bool;

    /// Is notified of connections that are made or given up.
    fn changed(&self) -> EventListener;

    fn context(&self) -> &Context;
}

impl dyn Reach {
    /// The client's default connection, which may have to be waited for, and what of the timeout
    /// is left then.
    ///
    /// # Errors
    /// Those of a request: there is no connection, and none is waited for, or none in time.
    pub(crate) async fn reached(
        &self,
        timeout: Duration,
    ) -> Result<(Connection, Duration), RequestError> {
        let context = self.context();
        let time = context.time();
        let until = time.monotonic().saturating_add(timeout);
        let reached = async {
            loop {
                // Before the look, so that no connection made after it is missed.
                let changed = self.changed();
                if let Some(connection) = self.route(None, &[]) {
                    let left = until.saturating_sub(time.monotonic());
                    return Ok((connection, left));
                }
                if !self.holds_requests() || !self.may_come(None) {
                    return Err(RequestError::NotConnected);
                }
                changed.await;
            }
        };
        let late = async {
            (context.sleep_until)(time.instant(until)).await;
            Err(RequestError::TimedOut(timeout))
        };
        race(reached, late).await
    }
}

/// A message has come.
const EVER: u8 = 1;
/// One has come since that was asked last.
const LATELY: u8 = 2;

impl Connection {
    /// Notes that a message has come.
    pub(crate) fn note_heard(&self) {
        if let Some(origin) = self.shared.origin() {
            origin.heard.store(EVER | LATELY, Ordering::Relaxed);
        }
    }

    /// Whether a message has come from the server that a client made it to.
    pub(crate) fn was_heard(&self) -> bool {
        let origin = self.shared.origin();
        origin.is_some_and(|origin| origin.heard.load(Ordering::Relaxed) & EVER != 0)
    }

    /// Whether one has come since the last call.
    pub(crate) fn was_heard_lately(&self) -> bool {
        let origin = self.shared.origin();
        origin.is_some_and(|origin| origin.heard.fetch_and(EVER, Ordering::Relaxed) & LATELY != 0)
    }

    /// Closes the connection, since its remote gives no sign of life, unless a request waits that
    /// was made until `asked`, a reading of the monotonic clock: the remote may be at it.
    pub(crate) fn declare_dead(&self, asked: Duration) {
        self.shared.mailbox.urge(Urgent::Dead { asked });
    }

    /// The id of the server among those of its client.
    pub(crate) fn server_id(&self) -> Option<u64> {
        self.shared.origin().map(|origin| origin.server_id)
    }

    /// The address that was given to a client.
    pub(crate) fn address(&self) -> Option<&str> {
        self.shared.origin()?.address.as_deref()
    }

    /// Its options, for the connection that replaces it.
    pub(crate) fn options(&self) -> ConnectionOptions {
        ConnectionOptions {
            name: self.name().map(Arc::from),
            omitted: self.shared.omitted,
            // Of another handshake.
            certificate: None,
            persistent: self.is_persistent(),
            #[cfg(feature = "testing")]
            single: false,
        }
    }

    pub(crate) fn is_persistent(&self) -> bool {
        let origin = self.shared.origin();
        origin.is_some_and(|origin| origin.persistent)
    }

    /// The client that it is of, if it is not a server's.
    pub(crate) fn reach(&self) -> Option<Arc<dyn Reach>> {
        self.shared.origin()?.observer.upgrade()
    }
}
