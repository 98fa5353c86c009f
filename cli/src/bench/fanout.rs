//! Publishing to subscribers on connections of their own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use netaio_core::types::{NOTIFY_URI, PUBLISH_URI};
use netaio_core::{Key, Layer, Limits, Message};
use netaio_driver::{Content, Runtime};

use super::load::{Ask, Server};
use super::totals::{Samples, Totals};
use super::window::{Window, nanoseconds};
use crate::args::ServerChoice;
use crate::asked::Asked;
use crate::codec::hex::hex;
use crate::error::CliError;

/// How often it is looked whether all has been delivered.
const LOOK: Duration = Duration::from_millis(10);

/// A uri that nobody else subscribes to.
///
/// # Errors
/// The system has no randomness.
pub(super) fn uri() -> Result<String, CliError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(CliError::Random)?;
    Ok(format!("bench/{}", hex(&bytes)))
}

/// Asks for a content to be published, whose first bytes say when that was.
#[derive(Clone)]
pub(super) struct Publish {
    pub(super) server: Server,
    pub(super) uri: Arc<str>,
    pub(super) size: usize,
    pub(super) window: Arc<Window>,
    /// To how many subscribers all messages went, as the server says.
    pub(super) told: Arc<AtomicU64>,
}

impl Ask for Publish {
    async fn ask(&self, from: Instant) -> Result<(), CliError> {
        let stamp = nanoseconds(from.saturating_duration_since(self.window.begun()));
        let mut news = vec![b'x'; self.size];
        if let Some(place) = news.first_chunk_mut() {
            *place = stamp.to_be_bytes();
        }
        let uri = self.uri.as_bytes().to_vec();
        let message = Message::new(PUBLISH_URI, uri, news);
        let answer = self.server.ask(message).await?;
        let told = std::str::from_utf8(&answer.content).unwrap_or_default();
        let told: u64 = told.parse().map_err(|_| CliError::Strange)?;
        self.told.fetch_add(told, Ordering::Relaxed);
        Ok(())
    }
}

/// Subscribers that measure, once there is a time to measure.
pub(super) struct Subscribers<R: Runtime> {
    uri: Arc<str>,
    subscribers: Vec<(Asked<R>, Arc<Subscriber>)>,
}

/// One subscriber. Its handler alone takes the lock, until the end.
#[derive(Default)]
struct Subscriber(Mutex<Deliveries>);

#[derive(Default)]
struct Deliveries {
    /// All of them, whether measured or not.
    number: u64,
    /// And since when times count.
    measuring: Option<(Samples, Instant)>,
}

impl Subscriber {
    fn lock(&self) -> MutexGuard<'_, Deliveries> {
        // They are consistent between two statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a notification.
    fn take(&self, news: &[u8]) {
        let now = Instant::now();
        let mut deliveries = self.lock();
        deliveries.number = deliveries.number.saturating_add(1);
        if let (Some((samples, begun)), Some(stamp)) =
            (&mut deliveries.measuring, news.first_chunk())
        {
            // What others publish may have any time in it.
            let stamp = Duration::from_nanos(u64::from_be_bytes(*stamp));
            let from = begun.checked_add(stamp).unwrap_or(now);
            samples.add(from, now);
        }
    }
}

impl<R: Runtime> Subscribers<R> {
    pub(super) fn new(uri: Arc<str>) -> Self {
        let subscribers = Vec::new();
        Self { uri, subscribers }
    }

    pub(super) fn len(&self) -> usize {
        self.subscribers.len()
    }

    /// One more, on a connection like this one.
    ///
    /// # Errors
    /// It cannot connect, or the server refuses.
    pub(super) async fn add(
        &mut self,
        like: &Asked<R>,
        choice: &ServerChoice,
    ) -> Result<(), CliError> {
        let asked = like.another(choice, &Limits::default()).await?;
        let subscriber = Arc::<Subscriber>::default();
        let hearing = subscriber.clone();
        let key = Key::exact(NOTIFY_URI, self.uri.as_bytes().to_vec());
        let handler = move |news: Content| hearing.take(&news);
        match &asked {
            Asked::Tcp { client, .. } => client.on(key, handler, asked.inner(Layer::new()))?,
            Asked::Udp { node, .. } => node.on(key, handler, asked.inner(Layer::new()))?,
        }
        let subscribe = Message::subscribe(self.uri.as_bytes().to_vec());
        Server::of(&asked, choice.timeout).ask(subscribe).await?;
        self.subscribers.push((asked, subscriber));
        Ok(())
    }

    /// Begins to measure.
    pub(super) fn measure(&self, window: &Arc<Window>, totals: &Arc<Totals>) {
        for (_, subscriber) in &self.subscribers {
            let samples = Samples::new(totals.clone(), window.clone());
            subscriber.lock().measuring = Some((samples, window.begun()));
        }
    }

    /// Waits until so many notifications have come, or for ever.
    pub(super) async fn all_delivered(&self, told: u64) {
        while self.delivered() < told {
            R::sleep_until(Instant::now() + LOOK).await;
        }
    }

    /// The notifications that have come.
    pub(super) fn delivered(&self) -> u64 {
        let numbers = self.subscribers.iter().map(|(_, one)| one.lock().number);
        numbers.fold(0, u64::saturating_add)
    }

    /// Ends to measure; the connections that have ended are errors.
    pub(super) fn finish(&self, totals: &Totals) {
        for (asked, subscriber) in &self.subscribers {
            subscriber.lock().measuring = None;
            if let Asked::Tcp { connection, .. } = asked
                && let Some(reason) = connection.close_reason()
            {
                totals.add_error(CliError::Lost(reason));
            }
        }
    }

    /// Takes leave.
    pub(super) async fn close(self) {
        for (asked, _) in self.subscribers {
            asked.unsubscribe(&self.uri).await;
            asked.close().await;
        }
    }
}
