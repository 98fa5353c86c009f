//! Who is told of what, and the handlers that see to it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use netaio_core::{Message, SealError};
use netaio_driver::{Content, Publisher, Remote, Reply, State, Uri};

use super::Shared;
use crate::tally::Tally;

/// The publishers of everything that is served: each reaches its own subscribers.
#[derive(Default)]
pub(super) struct News(Mutex<Vec<Publisher>>);

/// News that did not reach all subscribers, or none.
static UNTOLD: Tally = Tally::new();

/// The turn to change something and to tell of it. Nobody else does meanwhile, and
/// so subscribers hear of changes in the order in which they were made.
pub(super) struct Turn<'a>(MutexGuard<'a, Vec<Publisher>>);

impl News {
    pub(super) fn add(&self, publisher: Publisher) {
        self.turn().0.push(publisher);
    }

    /// Waits for those who have their turn; none of them waits for a subscriber.
    pub(super) fn turn(&self) -> Turn<'_> {
        Turn(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Turn<'_> {
    /// Tells a uri's subscribers its new content, and returns how many they are.
    /// One that is deleted has none.
    ///
    /// # Errors
    /// The content was received, but is too long to be sent on: nobody is told.
    fn publish(&self, uri: &Uri, content: Bytes) -> Result<usize, SealError> {
        let news = Message::notify(uri.0.clone(), content);
        let (mut told, mut failed) = (0_usize, None);
        for publisher in self.0.iter() {
            match publisher.notify(uri, &news) {
                Ok(delivery) => told = told.saturating_add(delivery.sent),
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) if told == 0 => Err(error),
            Some(error) => {
                if let Some(number) = UNTOLD.add() {
                    tracing::warn!(%uri, %error, number, "some subscribers are not told");
                }
                Ok(told)
            }
            None => Ok(told),
        }
    }

    /// The same, where the change stands whether or not anybody hears of it.
    pub(super) fn tell(&self, uri: &Uri, content: Bytes) {
        if let Err(error) = self.publish(uri, content)
            && let Some(number) = UNTOLD.add()
        {
            tracing::warn!(%uri, %error, number, "subscribers are not told");
        }
    }
}

/// Answered with `CONFIRM_SUBSCRIBE`.
pub(super) fn subscribe(
    uri: Uri,
    who: Remote,
    publisher: Publisher,
) -> Result<&'static str, Reply> {
    // A copy of its own: a slice would keep the receive buffer alive.
    let key = Bytes::copy_from_slice(&uri);
    match publisher.subscribe(key, who) {
        Ok(_) => Ok(""),
        Err(error) => Err(Reply::error(error.to_string())),
    }
}

/// Answered with `CONFIRM_UNSUBSCRIBE`, whether or not there was a subscription.
pub(super) fn unsubscribe(uri: Uri, who: Remote, publisher: Publisher) -> &'static str {
    publisher.unsubscribe(&uri, who);
    ""
}

/// Answered with `OK` and the number of subscribers that are told.
pub(super) fn publish(
    uri: Uri,
    content: Content,
    shared: State<Arc<Shared>>,
) -> Result<String, Reply> {
    match shared.news.turn().publish(&uri, content.0) {
        Ok(told) => Ok(told.to_string()),
        Err(error) => Err(Reply::error(error.to_string())),
    }
}
