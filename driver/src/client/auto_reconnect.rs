//! The policy of automatic reconnection.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use netaio_core::BackoffConfig;

use super::Client;
use crate::connection::Connection;
use crate::error::ConnectError;
use crate::runtime::Runtime;
use crate::timeouts::{Callback, callback};

/// Reconnects servers: netaio's `AutoReconnectTimeoutHandler`, for
/// [`ClientBuilder::auto_reconnect`](crate::ClientBuilder::auto_reconnect).
///
/// A server is reconnected when a request to it times out, and when the
/// connection to it is lost. (netaio notices a loss by the timeouts only.) It is
/// tried as often as [`max_retries`](Self::max_retries) says. The new connection
/// is made to the same address, with the same name and options, and replaces the old
/// one in the list of the client: the client's own `request`, `send` and so on work
/// again. The old one is closed then, and requests on it fail. Handles to it stay
/// closed: see [`Client::connection`] for the new one.
///
/// Connections that the application closed are not reconnected, nor are streams that
/// were handed to the client: they have no address. The client that callbacks get does
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
///     .on_reconnect(|_, again| async move {
///         if let Err(error) = again.connection.update("status", "back").await {
///             eprintln!("not told: {error}");
///         }
///     })
///     .on_give_up(|_, lost| async move { eprintln!("{}", lost.error) });
/// Client::builder().auto_reconnect(patient).build()
/// # }
/// ```
pub struct AutoReconnect<R: Runtime> {
    pub(super) connect_timeout: Duration,
    pub(super) backoff: BackoffConfig,
    pub(super) on_loss: bool,
    pub(super) hold_requests: bool,
    pub(super) on_reconnect: Option<Callback<Client<R>, Reconnected>>,
    pub(super) on_give_up: Option<Callback<Client<R>, GaveUp>>,
}

/// A server is connected again.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reconnected {
    /// The new connection.
    pub connection: Connection,
    /// The number of tries, this one included.
    pub attempt: u32,
}

/// A server could not be reconnected.
#[derive(Debug)]
#[non_exhaustive]
pub struct GaveUp {
    /// The old connection.
    pub connection: Connection,
    /// The number of tries.
    pub attempts: u32,
    /// Why the last try failed.
    pub error: ConnectError,
}

impl<R: Runtime> AutoReconnect<R> {
    /// netaio's defaults: 3 tries of at most 5 s, with 1 s between them.
    #[must_use]
    pub fn new() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            backoff: BackoffConfig::new(Duration::from_secs(1)).with_tries(Some(3)),
            on_loss: true,
            hold_requests: false,
            on_reconnect: None,
            on_give_up: None,
        }
    }

    /// Tries without end, for those who want a server whenever it is there: each try may take
    /// 5 s, and the pauses between them are drawn evenly from up to 100 ms, and twice as much with
    /// each failure, up to 10 s (full jitter). Requests
    /// [wait](Self::hold_requests) meanwhile.
    #[must_use]
    pub fn persistent() -> Self {
        let backoff = BackoffConfig::new(Duration::from_millis(100))
            .with_factor(2)
            .with_maximum(Duration::from_secs(10))
            .with_jitter(true);
        Self::new().backoff(backoff).hold_requests(true)
    }

    /// Whether the client's own requests and subscriptions wait for a server that is being
    /// connected to, within their timeouts, and messages that it [sends](Client::send), up to
    /// 10 s, or fail at once where none is connected; they fail unless set. Only what is not sent yet waits: what was under way when its connection ended
    /// fails, unless it is [idempotent](crate::RequestBuilder::idempotent).
    #[must_use]
    pub fn hold_requests(mut self, hold: bool) -> Self {
        self.hold_requests = hold;
        self
    }

    /// The time that one try may take; 5 s unless set.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How often it is tried before it is given up; 3 unless set, and with 0 it is
    /// not tried at all. A try whose connection ends before a message comes, and within the
    /// [`connect_timeout`](Self::connect_timeout), has failed: something accepts there and
    /// hangs up.
    #[must_use]
    pub fn max_retries(mut self, tries: u32) -> Self {
        self.backoff = self.backoff.with_tries(Some(tries));
        self
    }

    /// The pause between two tries, and the least time between the making of a
    /// connection and the first try after its loss; 1 s unless set. Where
    /// [`backoff`](Self::backoff) makes it longer with each failure, it is the first
    /// pause.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.backoff = self.backoff.with_first(delay);
        self
    }

    /// Replaces [`delay`](Self::delay) and [`max_retries`](Self::max_retries) by
    /// pauses that grow with each failure, have jitter, or never end.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use netaio_driver::{AutoReconnect, Runtime};
    /// use netaio_driver::core::BackoffConfig;
    ///
    /// # fn policy<R: Runtime>() -> AutoReconnect<R> {
    /// AutoReconnect::new().backoff(
    ///     BackoffConfig::new(Duration::from_millis(200))
    ///         .with_factor(2)
    ///         .with_maximum(Duration::from_secs(60))
    ///         .with_jitter(true),
    /// )
    /// # }
    /// ```
    #[must_use]
    pub fn backoff(mut self, backoff: BackoffConfig) -> Self {
        self.backoff = backoff;
        self
    }

    /// Whether connections that are lost are reconnected, or only those on which
    /// a request times out; `true` unless set.
    #[must_use]
    pub fn on_loss(mut self, on_loss: bool) -> Self {
        self.on_loss = on_loss;
        self
    }

    /// Sets what is called after a server was reconnected. What has a
    /// [`Subscription`](crate::Subscription) is subscribed to again already. Until it has completed, the server is not reconnected another time.
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
            .field("backoff", &self.backoff)
            .field("on_loss", &self.on_loss)
            .finish_non_exhaustive()
    }
}
