//! Helper constructors. The uri comes first in all of them, then the content.

use bytes::Bytes;

use super::{Message, MessageType, types};

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident(uri $(, $content:ident)?) = $kind:ident;)*) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub fn $name(uri: impl Into<Bytes> $(, $content: impl Into<Bytes>)?) -> Self {
                Self::new(types::$kind, uri, constructors!(@content $($content)?))
            }
        )*
    };
    (@content $content:ident) => { $content };
    (@content) => { Bytes::new() };
}

impl Message {
    constructors! {
        /// `REQUEST_URI`: asks for the content of a uri.
        request(uri) = REQUEST_URI;
        /// `CREATE_URI`: creates a uri with a content.
        create(uri, content) = CREATE_URI;
        /// `UPDATE_URI`: replaces the content of a uri.
        update(uri, content) = UPDATE_URI;
        /// `DELETE_URI`: deletes a uri.
        delete(uri) = DELETE_URI;
        /// `SUBSCRIBE_URI`: asks to be notified about a uri.
        subscribe(uri) = SUBSCRIBE_URI;
        /// `UNSUBSCRIBE_URI`: ends a subscription.
        unsubscribe(uri) = UNSUBSCRIBE_URI;
        /// `PUBLISH_URI`: publishes a content to a uri's subscribers.
        publish(uri, content) = PUBLISH_URI;
        /// `NOTIFY_URI`: notifies a subscriber of a uri.
        notify(uri, content) = NOTIFY_URI;
        /// `RESPOND_URI` (netaio's `make_respond_uri_msg`).
        respond_uri(uri, content) = RESPOND_URI;
        /// `OK` (netaio's `make_ok_msg`, whose uri and content default to empty).
        ok(uri, content) = OK;
        /// `CONFIRM_SUBSCRIBE` with the uri that was subscribed to.
        confirm_subscribe(uri) = CONFIRM_SUBSCRIBE;
        /// `CONFIRM_UNSUBSCRIBE` with the uri that was unsubscribed from.
        confirm_unsubscribe(uri) = CONFIRM_UNSUBSCRIBE;
        /// `ERROR`, whatever the text says.
        error(uri, content) = ERROR;
        /// `AUTH_ERROR`, whatever the text says.
        auth_error(uri, content) = AUTH_ERROR;
        /// `NOT_FOUND` (netaio's `make_not_found_msg`, whose text defaults to
        /// `not found` and whose uri to empty).
        not_found(uri, content) = NOT_FOUND;
        /// `NOT_PERMITTED` (netaio's `make_not_permitted_msg`, whose text
        /// defaults to `not permitted` and whose uri to empty).
        not_permitted(uri, content) = NOT_PERMITTED;
    }

    /// netaio's `make_error_msg`: uri `ERROR`, and the type guessed from the
    /// text as [`guess_error_type`] guesses it. Prefer the typed constructors,
    /// with the uri of the request that failed.
    #[must_use]
    pub fn error_message(text: impl Into<Bytes>) -> Self {
        let text = text.into();
        Self::new(guess_error_type(&text), Bytes::from_static(b"ERROR"), text)
    }
}

/// The type that netaio guesses for an error text: `NOT_FOUND` where it
/// contains `not found`, else `AUTH_ERROR` for `auth` (so "author missing" is
/// one), else `NOT_PERMITTED` for `not permitted`, else `ERROR`.
#[must_use]
pub fn guess_error_type(text: &[u8]) -> MessageType {
    let contains = |part: &[u8]| text.windows(part.len()).any(|window| window == part);
    if contains(b"not found") {
        MessageType::NOT_FOUND
    } else if contains(b"auth") {
        MessageType::AUTH_ERROR
    } else if contains(b"not permitted") {
        MessageType::NOT_PERMITTED
    } else {
        MessageType::ERROR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_types_are_guessed_in_netaios_order() {
        let guesses = [
            ("uri not found", MessageType::NOT_FOUND),
            ("auth not found", MessageType::NOT_FOUND),
            ("author missing", MessageType::AUTH_ERROR),
            ("auth not permitted", MessageType::AUTH_ERROR),
            ("not permitted", MessageType::NOT_PERMITTED),
            ("Not Found", MessageType::ERROR),
            ("", MessageType::ERROR),
        ];
        for (text, expected) in guesses {
            let message = Message::error_message(text);
            assert_eq!(message.message_type, expected, "{text}");
            assert!(message.is_anonymous_error());
        }
    }

    #[test]
    fn constructors_set_type_uri_and_content() {
        let message = Message::respond_uri("echo", "hi");
        assert_eq!(message.message_type, MessageType::RESPOND_URI);
        assert_eq!(
            (&message.uri[..], &message.content[..]),
            (&b"echo"[..], &b"hi"[..])
        );
        assert!(Message::request("echo").content.is_empty());
        assert!(Message::not_found("", "not found").is_anonymous_error());
        assert!(!Message::not_found("echo", "not found").is_anonymous_error());
    }
}
