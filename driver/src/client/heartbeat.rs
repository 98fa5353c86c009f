//! Signs of life above the transport.

use std::time::Duration;

use netaio_core::{Message, RequestOptions};

use crate::connection::Connection;
use crate::error::RequestError;
use crate::futures::race;
use crate::runtime::Runtime;

/// When a client gives a connection up whose server is silent: for
/// [`ClientBuilder::heartbeat`](crate::ClientBuilder::heartbeat).
///
/// TCP's [keepalive](crate::ClientBuilder::keepalive) notices a path that is dead, but no server
/// whose system lives while it stands still, and nothing behind a proxy. Where no message has come
/// for the interval, a heartbeat asks: it is a `REQUEST_URI` message of the uri
/// `netaio/heartbeat`, without content, sealed by the outer layer as any request is. Whatever
/// answers it is a sign of life; a plain netaio server and one of ours say `NOT_FOUND`, unless the
/// application has a handler for it. So is any other message. Where there is none within the
/// timeout the connection is closed, and reconnected where that is wanted. The times to the answers
/// are among the round trips of [`Client::metrics`](crate::Client::metrics).
///
/// A server handles the messages of a connection one behind the other, unless it is told otherwise:
/// a heartbeat waits for the handlers of what was sent before it. So a connection is not closed
/// as long as a request that was sent before the heartbeat waits for its answer, within its own
/// timeout; keepalive finds a dead path meanwhile. Messages that are no requests say nothing of the
/// sort: where their handlers take long, the [timeout](Self::with_timeout) has to be longer.
/// A server whose catch-all handler gives no answer ([`NoReply`](crate::NoReply)) gives none to
/// heartbeats either, and looks dead when it is idle: it is to answer this uri.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    interval: Duration,
    timeout: Duration,
}

impl Heartbeat {
    /// What a heartbeat asks for.
    pub const URI: &'static str = "netaio/heartbeat";

    /// It asks after 15 s of silence, and waits for 10 s.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            interval: Duration::from_secs(15),
            timeout: Duration::from_secs(10),
        }
    }

    /// Sets how long a server may be silent before it is asked; up to twice as long, since
    /// that is looked at once an interval.
    #[must_use]
    pub const fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets how long an answer may take.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Looks after a connection until it ends.
    pub(super) async fn watch<R: Runtime>(self, connection: Connection) {
        let closed = async {
            connection.closed().await;
        };
        race(closed, self.beat::<R>(&connection)).await;
    }

    async fn beat<R: Runtime>(self, connection: &Connection) {
        loop {
            R::sleep_until(connection.time().instant_after(self.interval)).await;
            if connection.was_heard_lately() {
                continue;
            }
            let asked = connection.time().monotonic();
            let request = Message::request(Self::URI);
            let options = RequestOptions::new().with_timeout(self.timeout);
            let Ok(sent) = connection.begin_request(request, options) else {
                return;
            };
            let answer = connection.clone().finish_quietly(sent).await;
            if !matches!(answer, Err(RequestError::TimedOut(_))) {
                continue;
            }
            // It is not asked twice: an answer to the first is a sign of life, however late.
            while !connection.was_heard_lately() {
                connection.declare_dead(asked);
                R::sleep_until(connection.time().instant_after(self.interval)).await;
            }
        }
    }
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self::new()
    }
}
