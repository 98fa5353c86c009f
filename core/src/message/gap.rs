//! How many notifications were lost before one.

use super::Message;

/// The number of notifications that a subscriber was not sent before this one, in an auth
/// field of the notification.
///
/// A server that drops notifications of a slow subscriber, or a node that has no room for them,
/// says so with the next one that it sends there: the least that may be. Who cannot count them, as a
/// gateway whose connection was away, says 1. Plain netaio peers ignore the field.
///
/// netaio's auth plugins do not cover it, as they do not cover the message type: whoever
/// can change messages on their way can change it too.
///
/// ```
/// use netaio_core::{Gap, Message};
///
/// let news = Message::notify("a", "4").with_gap(3);
/// assert_eq!(Gap::of(&news), Some(3));
/// assert_eq!(Gap::of(&Message::notify("a", "4")), None);
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Gap {}

impl Gap {
    /// The name of the field. Its value is a packify integer above zero, of 64 bits at most.
    pub const FIELD: &str = "gap";

    /// How many notifications were lost before a message, as its sender says; `None` where it
    /// says nothing of it, or anything but a number above zero.
    #[must_use]
    pub fn of(message: &Message) -> Option<u64> {
        let lost = message.auth.get(Self::FIELD)?.as_int()?.to_u64()?;
        (lost > 0).then_some(lost)
    }
}

impl Message {
    /// The same message, which says how many were lost before it. None is said by the absence
    /// of the field.
    #[must_use]
    pub fn with_gap(mut self, lost: u64) -> Self {
        if lost == 0 {
            self.auth.remove(Gap::FIELD);
        } else {
            // Only a name that is longer than 4 GiB cannot be packed.
            let _ = self.auth.set_u64(Gap::FIELD, lost);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packify::{Int, Value};

    #[test]
    fn what_a_message_says_is_read_and_nothing_else() {
        let mut message = Message::notify("u", "c");
        for lost in [1, 255, 256, u64::MAX] {
            message = message.with_gap(lost);
            assert_eq!((Gap::of(&message), message.auth.len()), (Some(lost), 1));
        }
        let longer = Value::Int(Int::from_be_magnitude(false, &[1; 9]));
        let others = [Value::from(0), Value::from(-1), Value::Bool(true)];
        for other in others.into_iter().chain([longer, Value::None]) {
            message.auth.set(Gap::FIELD, &other).unwrap();
            assert_eq!(Gap::of(&message), None, "{other:?}");
        }
        assert!(message.with_gap(0).auth.is_empty());
    }
}
