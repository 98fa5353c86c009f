//! That a request was surely not handled.

use super::{Message, types};
use crate::packify::{Value, ValueRef};

/// That no handler had the request, nor will, in an auth field of the `ERROR` that answers it.
///
/// A server that stops says so of requests that it has received and did not begin: who asked
/// may ask another one, and nothing is done twice. A handler may say it as well, that of a
/// proxy for one. Plain netaio peers ignore the field, and get the `ERROR`.
///
/// netaio's auth plugins do not cover it, as they do not cover the message type: whoever
/// can change messages on their way can change it too.
///
/// ```
/// use netaio_core::{Message, NotHandled};
///
/// let error = Message::error("a", "too busy").with_not_handled();
/// assert!(NotHandled::is_said_by(&error));
/// assert!(!NotHandled::is_said_by(&Message::error("a", "too busy")));
/// ```
#[derive(Clone, Copy, Debug)]
pub enum NotHandled {}

impl NotHandled {
    /// The name of the field. Its value is packify's true.
    pub const FIELD: &str = "unhandled";

    /// Whether a message is an `ERROR` which says that.
    #[must_use]
    pub fn is_said_by(message: &Message) -> bool {
        message.message_type == types::ERROR
            && matches!(message.auth.get(Self::FIELD), Some(ValueRef::Bool(true)))
    }
}

impl Message {
    /// The same message, which says that the request was not handled; nobody looks for that
    /// in anything but an `ERROR`.
    #[must_use]
    pub fn with_not_handled(mut self) -> Self {
        // Only a name that is longer than 4 GiB cannot be packed.
        let _ = self.auth.set(NotHandled::FIELD, &Value::Bool(true));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_error_with_the_field_says_so() {
        let error = Message::error("u", "c");
        assert!(!NotHandled::is_said_by(&error));
        let mut said = error.with_not_handled();
        assert!(NotHandled::is_said_by(&said));
        for other in [Value::Bool(false), Value::from(1), Value::None] {
            said.auth.set(NotHandled::FIELD, &other).unwrap();
            assert!(!NotHandled::is_said_by(&said), "{other:?}");
        }
        let answer = Message::respond_uri("u", "c").with_not_handled();
        assert!(!NotHandled::is_said_by(&answer));
    }
}
