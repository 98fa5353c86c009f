//! How one message or one request is sent, and how long a handler may run.

mod calls;

use core::time::Duration;

pub use self::calls::{CallOptions, CancelReason};

use crate::message::MessageType;
use crate::plugin::Layer;

/// How one message is sent.
#[derive(Clone, Debug, Default)]
pub struct SendOptions {
    inner: Layer,
    without_auth: bool,
    without_cipher: bool,
}

impl SendOptions {
    /// The link's outer layer and no inner one.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            inner: Layer::new(),
            without_auth: false,
            without_cipher: false,
        }
    }

    /// Seals it with this inner layer first.
    #[must_use]
    pub fn with_inner(mut self, inner: Layer) -> Self {
        self.inner = inner;
        self
    }

    /// Leaves the link's outer auth plugin out: netaio's `use_auth=False`.
    #[must_use]
    pub fn without_auth(mut self) -> Self {
        self.without_auth = true;
        self
    }

    /// Leaves the link's outer cipher plugin out: netaio's `use_cipher=False`.
    #[must_use]
    pub fn without_cipher(mut self) -> Self {
        self.without_cipher = true;
        self
    }

    /// The inner layer.
    #[must_use]
    pub fn inner(&self) -> &Layer {
        &self.inner
    }

    /// What is left of a link's outer layer.
    #[must_use]
    pub fn outer(&self, outer: &Layer) -> Layer {
        match (self.without_auth, self.without_cipher) {
            (false, false) => outer.clone(),
            (true, false) => outer.clone().without_auth(),
            (false, true) => outer.clone().without_cipher(),
            (true, true) => Layer::new(),
        }
    }
}

/// How one request is sent, and how long it waits.
#[derive(Clone, Debug)]
pub struct RequestOptions {
    send: SendOptions,
    timeout: Duration,
    also: Option<MessageType>,
    correlation: Option<bool>,
    fail_fast: bool,
}

impl Default for RequestOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// A timeout, and otherwise the defaults.
///
/// ```
/// # use core::time::Duration;
/// # use netaio_core::{Hub, LinkId, Message, Now, SendError};
/// # fn ask(hub: &mut Hub<()>, now: Now, link: LinkId) -> Result<(), SendError> {
/// let timeout = Duration::from_secs(2);
/// hub.request(now, link, &Message::request("uri"), &timeout.into())?;
/// # Ok(())
/// # }
/// ```
impl From<Duration> for RequestOptions {
    fn from(timeout: Duration) -> Self {
        Self::new().with_timeout(timeout)
    }
}

impl RequestOptions {
    /// The time that a request waits unless told otherwise: netaio's 10 s.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

    /// No inner layer, and netaio's timeout.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            send: SendOptions::new(),
            timeout: Self::DEFAULT_TIMEOUT,
            also: None,
            correlation: None,
            fail_fast: false,
        }
    }

    /// The time from the call to the answer's receipt. The sending counts. An answer that
    /// comes later ends no other request: see [`Correlation`](crate::Correlation). One that
    /// comes twice, as datagrams may, is taken for that of the next request for the uri
    /// unless it [carries an id](Self::with_correlation).
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Seals the request with this inner layer, and expects it of the answer.
    #[must_use]
    pub fn with_inner(mut self, inner: Layer) -> Self {
        self.send = self.send.with_inner(inner);
        self
    }

    /// How the request is sent.
    #[must_use]
    pub fn with_send_options(mut self, send: SendOptions) -> Self {
        self.send = send;
        self
    }

    /// Takes a message of this type as an answer too, as custom requests may
    /// have custom answers.
    #[must_use]
    pub fn also_accepting(mut self, answer: MessageType) -> Self {
        self.also = Some(answer);
        self
    }

    /// Says whether the request carries an id, which lets its answer come in
    /// any order, late or twice; else the [configuration](crate::Correlation) does. With
    /// `true` it is an error where there is no room for one. An id is no proof of who answers.
    #[must_use]
    pub fn with_correlation(mut self, carry: bool) -> Self {
        self.correlation = Some(carry);
        self
    }

    /// Makes it an error at once where
    /// [`Limits::pending_requests`](crate::Limits::pending_requests) wait for answers. Else the
    /// request waits for a place, within its timeout, behind those that do.
    #[must_use]
    pub fn fail_fast(mut self) -> Self {
        self.fail_fast = true;
        self
    }

    /// Whether it is an [error at once](Self::fail_fast) where too many wait.
    #[must_use]
    pub fn fails_fast(&self) -> bool {
        self.fail_fast
    }

    /// How long the request waits.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How the request is sent.
    #[must_use]
    pub fn send_options(&self) -> &SendOptions {
        &self.send
    }

    pub(crate) fn correlation(&self) -> Option<bool> {
        self.correlation
    }

    pub(crate) fn also_accepts(&self) -> Option<MessageType> {
        self.also
    }
}
