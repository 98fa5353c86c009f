//! How long a handler may run.

use core::fmt;
use core::time::Duration;

/// How long a handler may run: by default of all handlers of a node
/// ([`LinkConfig::calls`](crate::LinkConfig::calls)), or of one call
/// ([`Link::set_call_options`](crate::Link::set_call_options),
/// [`DatagramLink::set_call_options`](crate::DatagramLink::set_call_options)).
///
/// As with netaio, a handler runs to its end unless told otherwise, also where its asker has
/// closed the connection meanwhile, or lost it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallOptions {
    timeout: Option<Duration>,
    cancel_on_disconnect: bool,
}

impl CallOptions {
    /// A handler runs to its end, however long it takes.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            timeout: None,
            cancel_on_disconnect: false,
        }
    }

    /// Cancels a handler that has not answered after this time; `None` never does. Its asker
    /// gets an `ERROR`, where the message is a [request](crate::MessageType::is_request).
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    /// Cancels a handler whose asker is gone: at the end of its stream, even if it has only
    /// ended its sending side and still waits for the answer, and when the connection is
    /// closed for any other reason. Over datagrams nobody is known to be gone.
    #[must_use]
    pub const fn with_cancel_on_disconnect(mut self, cancel: bool) -> Self {
        self.cancel_on_disconnect = cancel;
        self
    }

    /// See [`with_timeout`](Self::with_timeout).
    #[must_use]
    pub const fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// See [`with_cancel_on_disconnect`](Self::with_cancel_on_disconnect).
    #[must_use]
    pub const fn cancels_on_disconnect(&self) -> bool {
        self.cancel_on_disconnect
    }
}

/// Why a [`Call`](crate::Call) was cancelled: nobody waits for its reply, which is an
/// [error](crate::ReplyError) from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CancelReason {
    /// It took longer than its [timeout](CallOptions::with_timeout).
    TimedOut(Duration),
    /// Its asker is gone, and it is to [be cancelled](CallOptions::with_cancel_on_disconnect)
    /// then.
    Disconnected,
    /// Its asker is gone, and as many handlers of such run as
    /// [may](crate::Limits::abandoned_handlers).
    NoRoom,
}

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut(time) => write!(f, "it took longer than {time:?}"),
            Self::Disconnected => f.write_str("its asker is gone"),
            Self::NoRoom => f.write_str("its asker is gone, and too many of such run"),
        }
    }
}
