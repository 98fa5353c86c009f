//! Who is told of what, and the handlers that see to it.

use bytes::Bytes;
use netaio_core::Message;
use netaio_driver::{Connection, Content, Publisher, Reply, Uri};

/// Tells a uri's subscribers its new content. One that is deleted has none.
pub(super) fn tell(publisher: &Publisher, uri: &Uri, content: Bytes) {
    let news = Message::notify(uri.0.clone(), content);
    if let Err(error) = publisher.notify(uri, &news) {
        // It was received, but is too long to be sent on.
        tracing::warn!(%uri, %error, "subscribers are not told");
    }
}

/// Answered with `CONFIRM_SUBSCRIBE`.
pub(super) fn subscribe(
    uri: Uri,
    connection: Connection,
    publisher: Publisher,
) -> Result<&'static str, Reply> {
    // A copy of its own: a slice would keep the receive buffer alive.
    let key = Bytes::copy_from_slice(&uri);
    match publisher.subscribe(key, &connection) {
        Ok(_) => Ok(""),
        Err(error) => Err(Reply::error(error.to_string())),
    }
}

/// Answered with `CONFIRM_UNSUBSCRIBE`, whether or not there was a subscription.
pub(super) fn unsubscribe(uri: Uri, connection: Connection, publisher: Publisher) -> &'static str {
    publisher.unsubscribe(&uri, &connection);
    ""
}

/// Answered with `OK` and the number of subscribers that are told.
pub(super) fn publish(uri: Uri, content: Content, publisher: Publisher) -> Result<String, Reply> {
    let news = Message::notify(uri.0.clone(), content.0);
    match publisher.notify(&uri, &news) {
        Ok(delivery) => Ok(delivery.sent.to_string()),
        Err(error) => Err(Reply::error(error.to_string())),
    }
}
