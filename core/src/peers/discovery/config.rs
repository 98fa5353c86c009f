//! How peers are managed for one app id.

use core::time::Duration;

use bytes::Bytes;

use crate::error::SealError;
use crate::plugin::Layer;

/// How peers are managed automatically for one application: netaio's
/// `manage_peers_automatically`.
///
/// ```
/// use netaio_core::ManagementConfig;
/// use std::time::Duration;
///
/// let config = ManagementConfig::new()
///     .with_app_id("chat")
///     .with_every(Some(Duration::from_secs(5)))
///     .with_timeout(Some(Duration::from_secs(15)));
/// assert_eq!(config.app_id(), "chat");
/// ```
#[derive(Clone, Debug)]
pub struct ManagementConfig {
    app_id: Bytes,
    inner: Layer,
    every: Option<Duration>,
    timeout: Option<Duration>,
    jitter: bool,
}

impl Default for ManagementConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl ManagementConfig {
    /// netaio's default app id.
    pub const DEFAULT_APP_ID: &'static [u8] = b"netaio";
    /// netaio's time between two advertisements, 20 s.
    pub const DEFAULT_EVERY: Duration = Duration::from_secs(20);
    /// netaio's time without a message after which a peer is removed, 60 s.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

    /// netaio's defaults for datagrams: its app id and times, and no inner layer.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            app_id: Bytes::from_static(Self::DEFAULT_APP_ID),
            inner: Layer::new(),
            every: Some(Self::DEFAULT_EVERY),
            timeout: Some(Self::DEFAULT_TIMEOUT),
            jitter: true,
        }
    }

    /// netaio's defaults for streams: one advertisement for the connections that
    /// there are, and a peer lives as long as its connection.
    #[must_use]
    pub const fn for_streams() -> Self {
        let mut config = Self::new();
        config.every = None;
        config.timeout = None;
        config
    }

    /// The uri of the messages; whoever manages another app id ignores them.
    /// `netaio` by default.
    #[must_use]
    pub fn with_app_id(mut self, app_id: impl Into<Bytes>) -> Self {
        self.app_id = app_id.into();
        self
    }

    /// The inner layer of these messages, and of no others. A cipher in it must
    /// leave the uri readable, as in every inner layer.
    #[must_use]
    pub fn with_inner(mut self, inner: Layer) -> Self {
        self.inner = inner;
        self
    }

    /// The time between two advertisements, at most: with [jitter](Self::with_jitter) it is up
    /// to a tenth shorter; 20 s. `None`: only at the beginning, and when the local
    /// peer changes.
    #[must_use]
    pub fn with_every(mut self, every: Option<Duration>) -> Self {
        self.every = every;
        self
    }

    /// The time without a valid message after which a peer is removed; 60 s.
    /// `None`: never. All app ids share the table of peers, so the shortest of
    /// their timeouts counts. It must be two periods at least, the longest of all
    /// [`every`](Self::with_every): one advertisement may be lost.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    /// Whether over datagrams rounds come up to a tenth of their period earlier by chance, and
    /// answers to advertisements wait up to 2 ms for each peer that is known, a second at
    /// most, where there are more than 16; so they do unless this is `false`. Else nodes that
    /// were started together go on together, and the answers of hundreds come at once, more
    /// than a socket's buffer holds.
    #[must_use]
    pub fn with_jitter(mut self, jitter: bool) -> Self {
        self.jitter = jitter;
        self
    }

    /// The uri of the messages.
    #[must_use]
    pub fn app_id(&self) -> &Bytes {
        &self.app_id
    }

    /// The inner layer.
    #[must_use]
    pub fn inner(&self) -> &Layer {
        &self.inner
    }

    /// The time between two advertisements.
    #[must_use]
    pub fn every(&self) -> Option<Duration> {
        self.every
    }

    /// The time without a valid message after which a peer is removed.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// Whether rounds and answers are spread by chance.
    #[must_use]
    pub fn jitter(&self) -> bool {
        self.jitter
    }
}

/// Why the management of peers could not begin or change. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManagementError {
    /// There is no local peer to introduce.
    #[error("peers are managed by introducing the local peer: set one first")]
    NoLocalPeer,
    /// The local peer has no id, or its plugin does not accept it.
    #[error("the local peer is not valid: give it an id that its peer plugin accepts")]
    NotValid,
    /// The local peer's id or data is longer than [`Limits::peer_data`](crate::Limits).
    #[error("the local peer has {len} bytes of id or data; at most {max} are accepted")]
    TooMuchData {
        /// Length of the longer of both, in bytes.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// The local peer cannot be packed, or fits into no message with the app id
    /// as its uri.
    #[error("the local peer cannot be introduced: {0}")]
    NotSendable(#[source] SealError),
    /// Peers are managed for this app id already.
    #[error("peers are managed for the app id {0:?} already; stop that first")]
    AlreadyManaged(Bytes),
    /// A time between advertisements, or a timeout, of zero.
    #[error("the time between advertisements and the timeout must not be zero")]
    ZeroTime,
    /// A timeout that is shorter than two periods: a peer would be gone as soon as one
    /// datagram is lost. All app ids count together.
    #[error(
        "a peer that is silent for {timeout:?} is removed, and advertisements come every {every:?}: \
         the timeout must be twice that at least"
    )]
    TimeoutTooShort {
        /// The shortest timeout.
        timeout: Duration,
        /// The longest time between two advertisements.
        every: Duration,
    },
}
