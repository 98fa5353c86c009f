//! A limit of messages in a time.

use std::fmt;
use std::time::Duration;

use netaio_core::{Message, Network, RateLimiter};

use super::rejected;
use crate::connection_id::ConnectionId;
use crate::handler::{Middleware, Next, Request};
use crate::sync::{Mutex, lock};

/// Middleware that lets each sender have so many messages in a time, and answers more with an
/// `ERROR`; those that ask for no answer are dropped.
///
/// A sender is an IPv4 address or a network of 64 bits of IPv6, whatever its connections, or a
/// connection where there is no address. The table of senders is bounded, and a machine of the
/// core: see [`RateLimiter`].
///
/// ```
/// use std::time::Duration;
///
/// use netaio_driver::{Middleware, RateLimit};
///
/// fn takes(_: impl Middleware) {}
///
/// // Ten at once, and then one each 100 ms.
/// takes(RateLimit::new(10, Duration::from_secs(1)));
/// ```
pub struct RateLimit(Mutex<RateLimiter<Sender>>);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Sender {
    Network(Network),
    Connection(ConnectionId),
    Unknown,
}

impl RateLimit {
    /// Senders that are known at a time unless set.
    const SENDERS: usize = 16_384;

    /// Each sender may have `messages` at once, and as many in each `time`.
    #[must_use]
    pub fn new(messages: u32, time: Duration) -> Self {
        Self::with_senders(messages, time, Self::SENDERS)
    }

    /// As [`new`](Self::new), with so many senders known at a time; 16,384 unless set, some
    /// 100 bytes each.
    #[must_use]
    pub fn with_senders(messages: u32, time: Duration, senders: usize) -> Self {
        Self(Mutex::new(RateLimiter::new(messages, time, senders)))
    }
}

impl Middleware for RateLimit {
    async fn handle(&self, mut request: Request, next: Next) -> Option<Message> {
        let remote = &request.remote;
        let sender = match (remote.addr(), remote.connection()) {
            (Some(address), _) => Sender::Network(Network::of(address.ip())),
            (None, Some(connection)) => Sender::Connection(connection.id()),
            (None, None) => Sender::Unknown,
        };
        let now = remote.context().time().monotonic();
        let admitted = lock(&self.0).admit(now, sender).is_ok();
        match admitted {
            true => next.run(request).await,
            false => rejected(&mut request, "too many messages, try again later"),
        }
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RateLimit")
    }
}
