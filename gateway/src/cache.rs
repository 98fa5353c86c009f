//! Resources that are read without asking NATS: what a watch of the bucket keeps here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::push::OrderedConfig;
use async_nats::jetstream::stream::Stream;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::error::NatsError;
use crate::headers;
use crate::interest::Task;
use crate::nats::Nats;

/// What an entry counts besides its key and its content, so that their number is bounded too.
const OVERHEAD: usize = 256;

/// The time between two attempts to watch.
const PAUSE: Duration = Duration::from_secs(1);

/// The bucket as the watch has seen it.
pub(crate) struct Cache {
    kept: Mutex<Kept>,
    /// The number of the last change that is in it.
    applied: watch::Sender<u64>,
    /// The number of the last change that this gateway has made.
    written: AtomicU64,
    /// How often it had the answer.
    hits: AtomicU64,
    /// How old an answer may be.
    staleness: Duration,
}

/// What is kept.
struct Kept {
    entries: HashMap<String, Bytes>,
    /// What they count, and the most.
    bytes: usize,
    most: usize,
    /// Nothing was left out: what is not here is not there.
    is_whole: bool,
    /// The moment whose changes are all in it.
    confirmed: Option<Instant>,
}

impl Cache {
    pub(crate) fn new(staleness: Duration, most: usize) -> Arc<Self> {
        Arc::new(Self {
            kept: Mutex::new(Kept::new(most)),
            applied: watch::Sender::default(),
            written: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            staleness,
        })
    }

    /// The content of a key, `None` for none, if it is known well enough.
    pub(crate) fn get(&self, key: &str) -> Option<Option<Bytes>> {
        // Who changes something here sees it here.
        if *self.applied.borrow() < self.written.load(Ordering::Acquire) {
            return None;
        }
        let found = {
            let kept = self.lock();
            let is_fresh = kept.confirmed?.elapsed() <= self.staleness;
            match kept.entries.get(key) {
                _ if !is_fresh => None,
                Some(content) => Some(Some(content.clone())),
                None => kept.is_whole.then_some(None),
            }
        }?;
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(found)
    }

    /// Notes the number of a change of this gateway's.
    pub(crate) fn wrote(&self, number: u64) {
        self.written.fetch_max(number, Ordering::AcqRel);
    }

    pub(crate) fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the watch of a bucket, whose keys begin so.
    pub(crate) fn keep(self: &Arc<Self>, nats: Nats, stream: Stream, prefix: String) -> Task {
        let watching = Watching {
            cache: Arc::downgrade(self),
            nats,
            stream,
            prefix,
        };
        Task(tokio::spawn(watching.run()).abort_handle())
    }

    fn apply(&self, key: &str, message: &Message, number: u64) {
        let is_deletion = message.headers.as_ref().is_some_and(headers::is_deletion);
        let content = (!is_deletion).then(|| message.payload.clone());
        self.lock().put(key, content);
        self.applied.send_replace(number);
    }

    fn clear(&self) {
        let mut kept = self.lock();
        *kept = Kept::new(kept.most);
        self.applied.send_replace(0);
    }
}

impl Kept {
    fn new(most: usize) -> Self {
        Self {
            entries: HashMap::new(),
            bytes: 0,
            most,
            is_whole: true,
            confirmed: None,
        }
    }

    /// Puts a content in the place of another; one that finds no room is not kept.
    fn put(&mut self, key: &str, content: Option<Bytes>) {
        let size = |content: &Bytes| {
            let bytes = key.len().saturating_add(content.len());
            bytes.saturating_add(OVERHEAD)
        };
        if let Some(old) = self.entries.remove(key) {
            self.bytes = self.bytes.saturating_sub(size(&old));
        }
        let Some(content) = content else { return };
        let bytes = self.bytes.saturating_add(size(&content));
        if bytes > self.most {
            self.is_whole = false;
            return;
        }
        // A copy of its own: a slice would keep the receive buffer alive.
        let content = Bytes::copy_from_slice(&content);
        self.entries.insert(key.to_owned(), content);
        self.bytes = bytes;
    }
}

/// The task that keeps it.
struct Watching {
    cache: Weak<Cache>,
    nats: Nats,
    stream: Stream,
    prefix: String,
}

impl Watching {
    async fn run(self) {
        loop {
            let Err(error) = self.watch().await;
            tracing::debug!(%error, "the bucket is watched again, from the beginning");
            let Some(cache) = self.cache.upgrade() else {
                return;
            };
            cache.clear();
            drop(cache);
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn watch(&self) -> Result<std::convert::Infallible, NatsError> {
        self.nats.connected(self.nats.deadline()).await?;
        let config = OrderedConfig {
            deliver_subject: self.nats.client.new_inbox(),
            description: Some("netaio gateway: cached reads".to_owned()),
            filter_subject: format!("{}>", self.prefix),
            deliver_policy: DeliverPolicy::LastPerSubject,
            ..OrderedConfig::default()
        };
        let consumer = self.stream.create_consumer(config).await;
        let messages = consumer.map_err(NatsError::refused)?.messages().await;
        let mut messages = messages.map_err(NatsError::refused)?;
        let confirming = self.confirm();
        tokio::pin!(confirming);
        loop {
            let message = tokio::select! {
                message = messages.next() => message,
                ended = &mut confirming => return ended,
            };
            let (Some(message), Some(cache)) = (message, self.cache.upgrade()) else {
                return Err(NatsError::Unavailable);
            };
            let message = message.map_err(NatsError::refused)?;
            let number = message.info().map_err(NatsError::refused)?.stream_sequence;
            if let Some(key) = message.subject.strip_prefix(&self.prefix) {
                cache.apply(key, &message, number);
            }
        }
    }

    /// Asks again and again for the number of the last change: once the watch has seen that one, it has
    /// all that there was when the question was asked.
    async fn confirm(&self) -> Result<std::convert::Infallible, NatsError> {
        loop {
            let Some(cache) = self.cache.upgrade() else {
                return Err(NatsError::Unavailable);
            };
            let (asked, seen) = (Instant::now(), *cache.applied.borrow());
            let deadline = self.nats.deadline();
            let info = self.nats.by(deadline, self.stream.get_info()).await;
            if let Ok(Ok(info)) = info {
                let last = info.state.last_sequence;
                if last < seen {
                    return Err(NatsError::refused("it is another bucket now"));
                }
                let mut applied = cache.applied.subscribe();
                let has_all = applied.wait_for(|number| *number >= last);
                if self.nats.by(deadline, has_all).await.is_ok() {
                    cache.lock().confirmed = Some(asked);
                }
            }
            let pause = cache.staleness.checked_div(4).unwrap_or_default();
            drop(cache);
            tokio::time::sleep(pause).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(length: usize) -> Option<Bytes> {
        Some(vec![0; length].into())
    }

    #[tokio::test]
    async fn it_answers_what_is_confirmed_and_no_more() {
        let cache = Cache::new(Duration::from_secs(3_600), 10_000);
        cache.lock().put("a", bytes(1));
        assert_eq!(cache.get("a"), None);
        cache.lock().confirmed = Some(Instant::now());
        assert_eq!(
            (cache.get("a"), cache.get("b")),
            (Some(bytes(1)), Some(None))
        );
        // What this gateway has changed since is not in it.
        cache.wrote(7);
        assert_eq!(cache.get("a"), None);
        cache.applied.send_replace(7);
        assert_eq!((cache.get("a"), cache.hits()), (Some(bytes(1)), 3));
        let old = Instant::now().checked_sub(Duration::from_secs(3_601));
        cache.lock().confirmed = Some(old.unwrap());
        assert_eq!(cache.get("a"), None);
        cache.clear();
        assert_eq!(cache.get("a"), None);
    }

    #[tokio::test]
    async fn bytes_and_entries_are_bounded() {
        let cache = Cache::new(Duration::from_secs(3_600), 3 * OVERHEAD);
        let put = |key: &str, content| cache.lock().put(key, content);
        for key in ["a", "b", "c"] {
            put(key, bytes(0));
        }
        cache.lock().confirmed = Some(Instant::now());
        // The third finds no room: it is asked for, and so is what nobody knows.
        assert_eq!(
            (cache.get("b"), cache.get("c"), cache.get("d")),
            (Some(bytes(0)), None, None)
        );
        put("a", bytes(3 * OVERHEAD));
        assert_eq!((cache.get("a"), cache.lock().bytes), (None, OVERHEAD + 1));
        put("b", None);
        assert_eq!((cache.get("b"), cache.lock().bytes), (None, 0));
    }
}
