//! Notifications of subscribers, and the handlers of subscriptions.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use netaio_core::{Change, Message, SealError};
use netaio_driver::{Content, Publisher, Remote, Reply, State, Uri};

use super::Shared;
use crate::tally::Tally;

/// The publishers of the server and the node: each has subscribers of its own.
#[derive(Default)]
pub(super) struct News(Mutex<Vec<Publisher>>);

/// Notifications that were not sent to all subscribers.
static UNTOLD: Tally = Tally::new();

/// A lock that is held for a change and its notification, so that subscribers get
/// notifications in the order of the changes.
pub(super) struct Turn<'a>(MutexGuard<'a, Vec<Publisher>>);

impl News {
    pub(super) fn add(&self, publisher: Publisher) {
        self.turn().0.push(publisher);
    }

    /// Waits for room at the subscribers of a uri, so that who changes and publishes faster
    /// than they read is slowed down. It is asked before a turn, which is not held while
    /// anybody waits.
    pub(super) async fn wait_for_room(&self, uri: &Uri) {
        let publishers = self.turn().0.clone();
        for publisher in publishers {
            publisher.wait_for_room(uri).await;
        }
    }

    /// Waits for the lock, which is held across no write to a subscriber.
    pub(super) fn turn(&self) -> Turn<'_> {
        Turn(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Turn<'_> {
    /// Notifies the subscribers of a uri of its content, and returns their number. Nothing
    /// but uri and content of what others publish goes with it: what has happened to a
    /// resource is said by the store only.
    ///
    /// # Errors
    /// The content was received, but is too long to be sent with the outer layer: no
    /// subscriber is notified.
    fn publish(&self, uri: &Uri, content: Bytes) -> Result<usize, SealError> {
        self.notify(uri, &Message::notify(uri.0.clone(), content))
    }

    fn notify(&self, uri: &Uri, news: &Message) -> Result<usize, SealError> {
        let (mut told, mut failed) = (0_usize, None);
        for publisher in self.0.iter() {
            match publisher.notify(uri, news) {
                Ok(delivery) => told = told.saturating_add(delivery.accepted()),
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

    /// Notifies the subscribers of a uri of what has happened to it. The content of one
    /// that was deleted is empty. Errors are logged: the change is made already.
    pub(super) fn tell(&self, uri: &Uri, content: Bytes, change: Change) {
        let news = Message::notify(uri.0.clone(), content).with_change(change);
        if let Err(error) = self.notify(uri, &news)
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

/// Answered with `OK` and the number of subscribers that are notified.
pub(super) async fn publish(
    uri: Uri,
    content: Content,
    shared: State<Arc<Shared>>,
) -> Result<String, Reply> {
    shared.news.wait_for_room(&uri).await;
    match shared.news.turn().publish(&uri, content.0) {
        Ok(told) => Ok(told.to_string()),
        Err(error) => Err(Reply::error(error.to_string())),
    }
}
