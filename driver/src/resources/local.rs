//! The subscribers of this process.

use std::fmt;

use bytes::Bytes;
use netaio_core::{Message, SealError, SendOptions};

use super::bus::{Bus, BusError};
use super::store::Changed;
use crate::logging::{Shown, limited};
use crate::publisher::Publisher;
use crate::remote::Remote;
use crate::sync::{Mutex, MutexGuard, lock};

/// The subscribers of this process: of a server, of a node, or of several.
///
/// Each has subscribers of its own; what is published comes to those of all, to all in the same order.
#[derive(Default)]
pub struct LocalBus(Mutex<Vec<Joined>>);

/// A publisher, and how what goes to its subscribers is sent.
#[derive(Clone)]
struct Joined {
    publisher: Publisher,
    options: SendOptions,
}

impl LocalBus {
    /// A bus without publishers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the publisher of a server or a node. It does not keep it alive.
    pub fn add(&self, publisher: Publisher) {
        self.add_with(publisher, SendOptions::new());
    }

    /// The same, with an inner layer around all that goes to its subscribers, or without an outer
    /// plugin.
    pub fn add_with(&self, publisher: Publisher, options: SendOptions) {
        self.lock().push(Joined { publisher, options });
    }

    /// The lock is held for one message to all of them, which waits for nobody: so all get messages in
    /// the same order.
    fn lock(&self) -> MutexGuard<'_, Vec<Joined>> {
        lock(&self.0)
    }

    /// Notifies the subscribers of a uri here of its content, and returns their number. It waits for
    /// nobody. Nothing but uri and content goes with it: what has happened to a resource is said by
    /// [`tell`](Self::tell) only.
    ///
    /// # Errors
    /// The content is too long to be sent with the outer layer: no subscriber is notified.
    pub fn notify(&self, uri: &[u8], content: Bytes) -> Result<usize, SealError> {
        self.notify_after(uri, content, 0)
    }

    /// As [`notify`](Self::notify), and says that so many notifications were lost before this one: see
    /// [`Gap`](netaio_core::Gap).
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    pub fn notify_after(&self, uri: &[u8], content: Bytes, lost: u64) -> Result<usize, SealError> {
        let news = Message::notify(Bytes::copy_from_slice(uri), content);
        self.send(uri, &news.with_gap(lost))
    }

    /// The number of subscribers of a uri.
    #[must_use]
    pub fn subscribers(&self, uri: &[u8]) -> usize {
        self.count(|publisher| publisher.subscribers(uri))
    }

    /// The number of those that are [subscribed to a pattern](Publisher::subscribe_wildcard).
    #[must_use]
    pub fn wildcard_subscribers(&self, pattern: &[u8]) -> usize {
        self.count(|publisher| publisher.wildcard_subscribers(pattern))
    }

    fn count(&self, subscribers: impl Fn(&Publisher) -> usize) -> usize {
        self.lock()
            .iter()
            .map(|joined| subscribers(&joined.publisher))
            .fold(0, usize::saturating_add)
    }

    fn send(&self, uri: &[u8], news: &Message) -> Result<usize, SealError> {
        let (mut told, mut failed) = (0_usize, None);
        for Joined { publisher, options } in self.lock().iter() {
            match publisher.notify_with(uri, news, options.clone()) {
                Ok(delivery) => told = told.saturating_add(delivery.accepted()),
                Err(error) => failed = Some((error, publisher.clone())),
            }
        }
        match failed {
            Some((error, _)) if told == 0 => Err(error),
            Some((error, publisher)) => {
                let uri = Shown(uri);
                limited!(publisher.logs(), WARN, "some subscribers are not told", %uri, %error);
                Ok(told)
            }
            None => Ok(told),
        }
    }

    /// Notifies the subscribers of a resource here of what has happened to it. It waits for nobody.
    /// Errors are logged: the change is made already.
    pub fn tell(&self, changed: &Changed) {
        self.tell_after(changed, 0);
    }

    /// As [`tell`](Self::tell), and says that so many notifications were lost before this one: see
    /// [`Gap`](netaio_core::Gap).
    pub fn tell_after(&self, changed: &Changed, lost: u64) {
        let Changed {
            uri,
            content,
            change,
        } = changed;
        let news = Message::notify(uri.clone(), content.clone()).with_change(*change);
        let news = news.with_gap(lost);
        if let Err(error) = self.send(uri, &news)
            && let Some(Joined { publisher, .. }) = self.lock().first()
        {
            let uri = Shown(uri);
            limited!(publisher.logs(), WARN, "subscribers are not told", %uri, %error);
        }
    }
}

impl Bus for LocalBus {
    async fn subscribe(
        &self,
        uri: &[u8],
        who: Remote,
        publisher: &Publisher,
    ) -> Result<(), BusError> {
        publisher.subscribe(uri, who)?;
        Ok(())
    }

    async fn subscribe_wildcard(
        &self,
        pattern: &[u8],
        who: Remote,
        publisher: &Publisher,
    ) -> Result<(), BusError> {
        publisher.subscribe_wildcard(pattern, who)?;
        Ok(())
    }

    async fn wait_for_room(&self, uri: &[u8]) {
        let publishers = self.lock().clone();
        for Joined { publisher, .. } in publishers {
            publisher.wait_for_room(uri).await;
        }
    }

    async fn publish(
        &self,
        uri: &[u8],
        content: Bytes,
        _from: Option<&Remote>,
    ) -> Result<usize, BusError> {
        Ok(self.notify(uri, content)?)
    }
}

impl fmt::Debug for LocalBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = self.lock();
        let publishers = joined.iter().map(|joined| &joined.publisher);
        f.debug_list().entries(publishers).finish()
    }
}
