//! How long a subscription lasts.

use core::time::Duration;

use super::{AuthView, Message};

/// The time for which a subscription over datagrams lasts unless it is renewed, in an auth
/// field of the `SUBSCRIBE_URI` that asks for it and of the `CONFIRM_SUBSCRIBE` that grants it.
///
/// Over datagrams nothing tells a server that a subscriber is gone, nor a subscriber that its
/// server has forgotten it. So nodes of this implementation ask for a lease, and renew what was
/// granted with a lease [at a third of it](crate::DatagramLink::request), by subscribing
/// again. Plain netaio peers ignore the field: a subscription without a lease lasts until it
/// is ended. Over streams the connection is the lease, and nobody sets the field.
///
/// netaio's auth plugins do not cover it, as they do not cover the message type.
///
/// ```
/// use std::time::Duration;
///
/// use netaio_core::{Lease, Message};
///
/// let minute = Duration::from_secs(60);
/// let subscribe = Message::subscribe("news").with_lease(minute);
/// assert_eq!(Lease::of(&subscribe), Some(minute));
/// assert_eq!(Lease::of(&Message::subscribe("news")), None);
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Lease {}

impl Lease {
    /// The name of the field. Its value is a packify integer: whole seconds, from 1 to
    /// 2^32 - 1.
    pub const FIELD: &str = "lease";

    /// The lease that a message asks for or grants; `None` where it says nothing of one, or
    /// anything but such a number.
    #[must_use]
    pub fn of(message: &Message) -> Option<Duration> {
        Self::in_fields(message.auth.view())
    }

    pub(crate) fn in_fields(auth: AuthView<'_>) -> Option<Duration> {
        let seconds = auth.get(Self::FIELD)?.as_int()?.to_u64()?;
        let seconds = u32::try_from(seconds).ok().filter(|seconds| *seconds > 0)?;
        Some(Duration::from_secs(seconds.into()))
    }
}

impl Message {
    /// The same message, with a lease: whole seconds, one at least and 2^32 - 1 at most.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        let seconds = lease.as_secs().clamp(1, u32::MAX.into());
        // Only a name that is longer than 4 GiB cannot be packed.
        let _ = self.auth.set_u64(Lease::FIELD, seconds);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packify::Value;

    #[test]
    fn what_a_message_says_is_read_and_nothing_else() {
        let seconds = Duration::from_secs;
        let mut message = Message::subscribe("u");
        for (asked, said) in [(0, 1), (1, 1), (60, 60), (1 << 40, (1 << 32) - 1)] {
            message = message.with_lease(seconds(asked));
            assert_eq!(Lease::of(&message), Some(seconds(said)));
            assert_eq!(message.auth.len(), 1);
        }
        let others = [0, -1, 1 << 32].map(|number: i64| Value::from(number));
        for other in others.into_iter().chain([Value::Bool(true), Value::None]) {
            message.auth.set(Lease::FIELD, &other).unwrap();
            assert_eq!(Lease::of(&message), None, "{other:?}");
        }
    }
}
