//! Publications and changes, to the subscribers of this gateway and of all others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::{HeaderMap, Message as NatsMessage};
use bytes::Bytes;
use netaio_driver::resources::{Bus as _, BusError, Changed, LocalBus};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::NatsError;
use crate::headers;
use crate::inbox::{Inbox, Received};
use crate::interest::{Interests, Task, Topic};
use crate::nats::Nats;
use crate::subject;

/// How many interests are looked through at once, and the time between two such looks.
const SWEEP: (usize, Duration) = (1_024, Duration::from_secs(1));

/// What gateways tell each other by one subject for each uri: publications, which their own gateway has
/// delivered to its own subscribers already, and changes of resources, which the bucket's stream
/// publishes again there once it has them.
pub(crate) struct Bus {
    nats: Nats,
    pub(crate) local: Arc<LocalBus>,
    interests: Interests,
    /// Held for one publication, from the check of the connection to the last local subscriber, so
    /// that all get them in one order.
    order: Mutex<()>,
    /// The publications that were handed to the connection so far.
    sent: AtomicU64,
    /// Those that the server has had.
    arrived: Mutex<u64>,
}

impl Bus {
    pub(crate) fn new(nats: Nats, local: Arc<LocalBus>) -> Arc<Self> {
        let bus = Arc::new(Self {
            nats,
            local,
            interests: Interests::default(),
            order: Mutex::default(),
            sent: AtomicU64::new(0),
            arrived: Mutex::default(),
        });
        let weak = Arc::downgrade(&bus);
        tokio::spawn(async move {
            let (most, every) = SWEEP;
            loop {
                tokio::time::sleep(every).await;
                let Some(bus) = weak.upgrade() else { return };
                bus.interests
                    .sweep(most, |topic| bus.subscribers(topic) > 0);
            }
        });
        bus
    }

    /// Publishes to the subscribers of all gateways, and returns the number of those here. The NATS
    /// server has it by then.
    pub(crate) async fn publish(
        &self,
        uri: &[u8],
        content: Bytes,
        from: HeaderMap,
    ) -> Result<usize, BusError> {
        let deadline = self.nats.deadline();
        let subject = self.nats.subject("uri", &tokens(uri)?);
        let room = self.nats.room(&subject, content.len(), deadline).await;
        let room = room.map_err(unavailable)?;
        let (told, number, connections) = {
            let order = self.nats.by(deadline, self.order.lock()).await;
            let _order = order.map_err(unavailable)?;
            self.nats.connected(deadline).await.map_err(unavailable)?;
            let connections = self.nats.connections();
            let client = &self.nats.client;
            let sent = client.publish_with_headers(subject, from, content.clone());
            let sent = self.nats.by(deadline, sent).await.map_err(unavailable)?;
            sent.map_err(unavailable)?;
            let number = self.sent.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            (self.local.notify(uri, content)?, number, connections)
        };
        self.arrived(number, deadline).await.map_err(unavailable)?;
        // The answer may be that of a server that never had it.
        if self.nats.connections() != connections {
            return Err(unavailable("the connection was lost meanwhile"));
        }
        room.arrived();
        Ok(told)
    }

    /// Waits until the server has had so many publications. Whoever waits meanwhile is served by the
    /// same question.
    async fn arrived(&self, number: u64, deadline: Instant) -> Result<(), NatsError> {
        let mut arrived = self.nats.by(deadline, self.arrived.lock()).await?;
        if *arrived < number {
            let sent = self.sent.load(Ordering::Relaxed);
            self.nats.round_trip(deadline).await?;
            *arrived = sent;
        }
        Ok(())
    }

    /// Subscribes this gateway to what others tell of a topic, if it is not. It is called when the
    /// topic has its subscriber here, which keeps it.
    pub(crate) async fn subscribe(self: &Arc<Self>, topic: Topic) -> Result<(), BusError> {
        let deadline = self.nats.deadline();
        let interest = self.interests.of(&topic);
        let begin = interest
            .task
            .get_or_try_init(|| self.begin(topic, deadline));
        let begun = self.nats.by(deadline, begin).await.map_err(unavailable)?;
        begun.map(drop).map_err(|error| match error {
            NatsError::Refused(reason) => BusError::Refused(reason),
            error => unavailable(error),
        })
    }

    async fn begin(self: &Arc<Self>, topic: Topic, deadline: Instant) -> Result<Task, NatsError> {
        let tokens = match &topic {
            Topic::Uri(uri) => subject::tokens(uri)?,
            Topic::Pattern(pattern) => subject::wildcard(pattern)?,
        };
        self.nats.connected(deadline).await?;
        let subject = self.nats.subject("uri", &tokens);
        let subscribed = self.nats.client.subscribe(subject).await;
        let messages = subscribed.map_err(NatsError::refused)?;
        // What is published after the confirmation is not to be missed.
        self.nats.round_trip(deadline).await?;
        let messages = Inbox::new(self.nats.clone(), messages);
        let delivery = Delivery {
            bus: Arc::downgrade(self),
            id: self.nats.id.clone(),
            prefix: self.nats.subject("uri", ""),
            topic,
            after_loss: false,
            last: 0,
        };
        Ok(Task(tokio::spawn(delivery.run(messages)).abort_handle()))
    }

    fn subscribers(&self, topic: &Topic) -> usize {
        match topic {
            Topic::Uri(uri) => self.local.subscribers(uri),
            Topic::Pattern(pattern) => self.local.wildcard_subscribers(pattern),
        }
    }
}

/// The task of one subscription.
struct Delivery {
    bus: std::sync::Weak<Bus>,
    id: Arc<str>,
    prefix: String,
    topic: Topic,
    /// Messages may have been lost since the last one that was delivered.
    after_loss: bool,
    /// The number of the last change of the uri, if the topic is one; 0 if there was none.
    last: u64,
}

impl Delivery {
    async fn run(mut self, mut inbox: Inbox) {
        while let Some(Received {
            message,
            after_loss,
        }) = inbox.next().await
        {
            let Some(bus) = self.bus.upgrade() else {
                return;
            };
            self.after_loss |= after_loss;
            if let Some(uri) = self.uri(&message) {
                self.deliver(&bus, uri, message, &mut inbox).await;
            }
        }
    }

    /// Which uri a message is about. Others than gateways may publish to subjects that no uri has.
    fn uri(&self, message: &NatsMessage) -> Option<Bytes> {
        match &self.topic {
            Topic::Uri(uri) => Some(uri.clone()),
            Topic::Pattern(_) => {
                let tokens = message.subject.strip_prefix(&self.prefix)?;
                Some(subject::uri(tokens)?.into())
            }
        }
    }

    async fn deliver(&mut self, bus: &Bus, uri: Bytes, message: NatsMessage, inbox: &mut Inbox) {
        let headers = message.headers.as_ref();
        let stored = headers::stored(headers);
        let is_own = headers::get(headers, headers::GATEWAY) == Some(&*self.id);
        // What this gateway has published came to its subscribers before it came to NATS.
        if stored.is_none() && is_own {
            return;
        }
        if bus.interests.has_patterns() && !bus.interests.delivers(&self.topic, &uri) {
            return;
        }
        let lost = self.lost(stored);
        // A publisher that is faster than the subscribers here fills what may wait.
        let room = bus.local.wait_for_room(&uri);
        inbox.meanwhile(room, drop).await;
        match stored {
            Some(_) => {
                let change = headers::change(headers);
                let changed = Changed::new(uri, message.payload, change);
                bus.local.tell_after(&changed, lost);
            }
            None => {
                if let Err(error) = bus.local.notify_after(&uri, message.payload, lost) {
                    tracing::warn!(%error, "a publication of another gateway is not delivered");
                }
            }
        }
    }

    /// How many messages may have been lost before one: 1 stands for any number.
    fn lost(&mut self, stored: Option<headers::Stored>) -> u64 {
        let mut lost = u64::from(std::mem::take(&mut self.after_loss));
        if let (Some(stored), Topic::Uri(_)) = (stored, &self.topic) {
            let is_next = self.last == 0 || stored.before == self.last;
            lost = lost.max(u64::from(!is_next));
            self.last = stored.number;
        }
        lost
    }
}

fn tokens(uri: &[u8]) -> Result<String, BusError> {
    subject::tokens(uri).map_err(|error| BusError::Refused(error.to_string()))
}

/// Why is not for the one who asked.
fn unavailable(error: impl std::fmt::Display) -> BusError {
    tracing::debug!(%error, "nats does not take a publication or a subscription");
    BusError::Unavailable
}
