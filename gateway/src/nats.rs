//! The connection to NATS: what it is made of, whether it is there, and how long to wait for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::{Client, ConnectOptions, Event};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::error::{ConnectError, NatsError};
use crate::inbox_room::InboxRoom;
use crate::options::GatewayOptions;
use crate::outbox::{InFlight, OVERHEAD, Outbox};

/// One connection, which is made again by itself for as long as it takes.
#[derive(Clone)]
pub(crate) struct Nats {
    pub(crate) client: Client,
    pub(crate) jetstream: jetstream::Context,
    link: watch::Receiver<LinkState>,
    outbox: Arc<Outbox>,
    pub(crate) inbox_room: Arc<InboxRoom>,
    /// The longest time that one thing may take.
    timeout: Duration,
    /// What this process calls itself in messages.
    pub(crate) id: Arc<str>,
    prefix: Arc<str>,
}

/// What has become of the connection so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkState {
    /// Whether it is there.
    pub(crate) connected: bool,
    /// How often messages may have been lost: it was away, or a subscription was too slow.
    pub(crate) losses: u64,
}

impl Nats {
    pub(crate) async fn connect(options: &GatewayOptions) -> Result<Self, ConnectError> {
        let (sender, link) = watch::channel(LinkState {
            connected: true,
            losses: 0,
        });
        let connect = match &options.credentials {
            Some(path) => ConnectOptions::with_credentials_file(path)
                .await
                .map_err(ConnectError::Credentials)?,
            None => ConnectOptions::new(),
        };
        let connect = connect
            .name("netaio gateway")
            .max_reconnects(None)
            .connection_timeout(options.timeout)
            .request_timeout(Some(options.timeout))
            .subscription_capacity(options.queue)
            .client_capacity(options.queue)
            .reconnect_delay_callback(delay)
            .event_callback(move |event| {
                match event {
                    Event::Connected => {
                        sender.send_modify(|link| link.connected = true);
                        tracing::info!("connected to NATS");
                    }
                    Event::Disconnected => {
                        sender.send_modify(|link| {
                            link.connected = false;
                            link.losses = link.losses.saturating_add(1);
                        });
                        tracing::warn!("NATS is gone: requests wait, and are then unavailable");
                    }
                    Event::SlowConsumer(_) => {
                        sender.send_modify(|link| link.losses = link.losses.saturating_add(1));
                        tracing::warn!("messages of NATS came faster than subscribers took them");
                    }
                    event => tracing::warn!(%event, "NATS"),
                }
                std::future::ready(())
            });
        let client = connect.connect(options.servers.as_slice()).await?;
        let jetstream = ContextBuilder::new()
            .timeout(options.timeout)
            .build(client.clone());
        let id = random_id()?;
        Ok(Self {
            client,
            jetstream,
            link,
            outbox: Arc::new(Outbox::new(options.queue_bytes)),
            inbox_room: Arc::new(InboxRoom::new(options.queue_bytes)),
            timeout: options.timeout,
            id: id.into(),
            prefix: options.prefix.as_str().into(),
        })
    }

    /// A subject of this gateway's: `netaio.uri.sensors.7`.
    pub(crate) fn subject(&self, kind: &str, tokens: &str) -> String {
        format!("{}.{kind}.{tokens}", self.prefix)
    }

    /// When what begins now has to have ended.
    pub(crate) fn deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.timeout).unwrap_or(now)
    }

    /// Waits for what NATS does, until a deadline.
    pub(crate) async fn by<T>(
        &self,
        deadline: Instant,
        work: impl Future<Output = T>,
    ) -> Result<T, NatsError> {
        let done = timeout_at(deadline, work).await;
        done.map_err(|_elapsed| NatsError::Unavailable)
    }

    /// Waits until there is a connection.
    pub(crate) async fn connected(&self, deadline: Instant) -> Result<(), NatsError> {
        let mut link = self.link.clone();
        let connected = link.wait_for(|link| link.connected);
        match self.by(deadline, connected).await? {
            Ok(_) => Ok(()),
            // The client has ended.
            Err(_) => Err(NatsError::Unavailable),
        }
    }

    /// Waits until a message may be on its way to NATS.
    pub(crate) async fn room(
        &self,
        subject: &str,
        content: usize,
        deadline: Instant,
    ) -> Result<InFlight, NatsError> {
        let bytes = subject
            .len()
            .saturating_add(content)
            .saturating_add(OVERHEAD);
        let room = async {
            loop {
                tokio::select! {
                    biased;
                    room = self.outbox.room(bytes) => return Ok(room),
                    settled = self.settle(deadline), if self.outbox.has_left() => settled?,
                }
            }
        };
        self.by(deadline, room).await?
    }

    /// Waits until NATS has what nobody waits for any more.
    async fn settle(&self, deadline: Instant) -> Result<(), NatsError> {
        let _alone = self.outbox.settling.lock().await;
        let left = self.outbox.take_left();
        self.round_trip(deadline).await?;
        left.arrived();
        Ok(())
    }

    /// How many connections there have been. What was sent by one that has ended may be lost.
    pub(crate) fn connections(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Acquire)
    }

    /// Waits until the server has had all that was sent before: it answers in order.
    pub(crate) async fn round_trip(&self, deadline: Instant) -> Result<(), NatsError> {
        // Nobody listens there, which the server says at once.
        let subject = self.subject("nobody", &self.id);
        let asked = self.client.request(subject, "".into());
        match self.by(deadline, asked).await? {
            Ok(_) => Ok(()),
            Err(error) => match error.kind() {
                async_nats::RequestErrorKind::NoResponders => Ok(()),
                _ => Err(NatsError::Unavailable),
            },
        }
    }

    /// How many messages that NATS has sent found no room here.
    pub(crate) fn refused(&self) -> u64 {
        self.inbox_room.refused()
    }

    /// What has become of the connection so far.
    pub(crate) fn link(&self) -> LinkState {
        *self.link.borrow()
    }
}

/// The time before an attempt to connect: at random up to 100 ms, and twice that for each
/// attempt before it, 5 s at most, so that the gateways of a server that is gone do not come at once.
fn delay(attempts: usize) -> Duration {
    const LEAST: Duration = Duration::from_millis(100);
    const MOST: Duration = Duration::from_secs(5);
    let doublings = u32::try_from(attempts).unwrap_or(u32::MAX).min(16);
    let most = LEAST.saturating_mul(1 << doublings).min(MOST);
    let mut random = [0; 4];
    // Without randomness all wait for the longest time.
    match getrandom::fill(&mut random) {
        Ok(()) => most.mul_f64(f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX)),
        Err(_) => most,
    }
}

/// 16 random bytes, in hexadecimal digits.
fn random_id() -> Result<String, ConnectError> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| ConnectError::Options(error.to_string()))?;
    Ok(id.iter().map(|byte| format!("{byte:02x}")).collect())
}
