//! What a notification says has happened.

use core::fmt;

use super::Message;
use crate::packify::{Value, ValueRef};

/// What has happened to a resource, in an auth field of the notification that tells its new
/// content.
///
/// netaio's `NOTIFY_URI` has a uri and a content only: a deletion looks like an empty
/// content, and what somebody publishes like the news of the store. So whoever keeps
/// resources says in the field [`FIELD`](Self::FIELD) what it did, and copies no fields of
/// what others publish. Plain netaio peers ignore the field.
///
/// netaio's auth plugins do not cover it, as they do not cover the message type: whoever
/// can change messages on their way can change it too.
///
/// ```
/// use netaio_core::{Change, Message};
///
/// let news = Message::notify("a", "").with_change(Change::Deleted);
/// assert_eq!(Change::of(&news), Some(Change::Deleted));
/// assert_eq!(Change::of(&Message::notify("a", "")), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Change {
    /// It was created with this content.
    Created,
    /// This is its content now.
    Updated,
    /// It was deleted; the content is empty.
    Deleted,
}

impl Change {
    /// The name of the field. Its value is a packify string.
    pub const FIELD: &str = "change";

    const ALL: [Self; 3] = [Self::Created, Self::Updated, Self::Deleted];

    /// What the field holds: `created`, `updated` or `deleted`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }

    /// What a message says has happened; `None` where it says nothing of it, or nothing
    /// that is known here.
    #[must_use]
    pub fn of(message: &Message) -> Option<Self> {
        let Some(ValueRef::Str(name)) = message.auth.get(Self::FIELD) else {
            return None;
        };
        Self::ALL.into_iter().find(|change| change.name() == name)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Message {
    /// The same message, which says what has happened.
    #[must_use]
    pub fn with_change(mut self, change: Change) -> Self {
        // Only what is longer than 4 GiB cannot be packed.
        let _ = self
            .auth
            .set(Change::FIELD, &Value::Str(change.name().into()));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_message_says_is_read_and_nothing_else() {
        for change in Change::ALL {
            let message = Message::notify("u", "c").with_change(change);
            assert_eq!(Change::of(&message), Some(change));
            assert_eq!(message.auth.len(), 1);
        }
        let mut message = Message::notify("u", "c");
        for other in [Value::Str("moved".into()), Value::None, Value::from(1)] {
            message.auth.set(Change::FIELD, &other).unwrap();
            assert_eq!(Change::of(&message), None);
        }
        message.auth.set_bytes(Change::FIELD, b"created").unwrap();
        assert_eq!(Change::of(&message), None);
    }
}
