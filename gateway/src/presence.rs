//! Peers of the servers here, and of all other gateways: who is connected where.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream::{self, StorageType, Stream};
use async_nats::{HeaderMap, Message as NatsMessage, RequestErrorKind};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use netaio_driver::core::{Message, MessageType, types};
use netaio_driver::{Connection, Peers, Runtime, Server, ServerEvent};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::error::{ConnectError, NatsError, PeerError};
use crate::headers;
use crate::inbox::Inbox;
use crate::interest::Task;
use crate::nats::Nats;
use crate::options::GatewayOptions;
use crate::subject;

/// How many peers are announced at once.
const ANNOUNCED: usize = 32;

/// How many messages of other gateways wait for their peers at once.
const SENDING: usize = 256;

/// What becomes known together: peers come and go in this time before others are told.
const PAUSE: Duration = Duration::from_millis(20);

/// The stream that has one message for each peer, with the gateway that has it, for a time.
#[derive(Clone)]
pub(crate) struct Presence {
    nats: Nats,
    stream: Stream,
    time_to_live: Duration,
}

/// The peers of a server are told to other gateways, and messages come to them from there, until this is
/// dropped. They are listed for a [time to live](GatewayOptions::with_presence) afterwards.
#[must_use = "peers are told to others until this is dropped"]
pub struct SharedPeers {
    _task: Task,
}

impl std::fmt::Debug for SharedPeers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedPeers").finish_non_exhaustive()
    }
}

impl Presence {
    pub(crate) async fn open(
        nats: &Nats,
        options: &GatewayOptions,
        time_to_live: Duration,
    ) -> Result<Self, ConnectError> {
        let name = format!("NETAIO_PEERS_{}", options.prefix);
        let config = stream::Config {
            name: name.clone(),
            description: Some("peers of netaio servers, and who has them".to_owned()),
            subjects: vec![nats.subject("peer", ">")],
            max_messages_per_subject: 1,
            max_age: time_to_live,
            num_replicas: options.replicas,
            storage: StorageType::Memory,
            ..stream::Config::default()
        };
        let failed = |error: &dyn std::fmt::Display| ConnectError::Bucket {
            bucket: name.clone(),
            reason: error.to_string(),
        };
        let stream = nats.jetstream.get_or_create_stream(config).await;
        let stream = stream.map_err(|error| failed(&error))?;
        // Whoever was first has decided.
        let time_to_live = stream.cached_info().config.max_age;
        Ok(Self {
            nats: nats.clone(),
            stream,
            time_to_live,
        })
    }

    /// The ids of all peers, at most so many.
    pub(crate) async fn list(&self, most: usize) -> Result<Vec<Bytes>, NatsError> {
        let deadline = self.nats.deadline();
        let prefix = self.nats.subject("peer", "");
        let list = async {
            self.nats.connected(deadline).await?;
            let subjects = self.stream.info_with_subjects(format!("{prefix}>")).await;
            let subjects = subjects.map_err(|_unanswered| NatsError::Unavailable)?;
            let ids = subjects.take(most).map_ok(|(subject, _)| {
                let tokens = subject.strip_prefix(&prefix)?;
                subject::uri(tokens).map(Bytes::from)
            });
            let ids = ids.try_collect::<Vec<_>>().await;
            let ids = ids.map_err(|_unanswered| NatsError::Unavailable)?;
            Ok(ids.into_iter().flatten().collect())
        };
        self.nats.by(deadline, list).await?
    }

    /// Sends a message to a peer, by the gateway that has it.
    pub(crate) async fn send(&self, id: &[u8], message: &Message) -> Result<(), PeerError> {
        let deadline = self.nats.deadline();
        let subject = self.subject(id)?;
        let uri = subject::tokens(&message.uri).map_err(NatsError::from)?;
        let send = async {
            self.nats.connected(deadline).await?;
            let found = self.stream.get_last_raw_message_by_subject(&subject).await;
            let found = found.map_err(|error| match error.kind() {
                stream::RawMessageErrorKind::NoMessageFound => PeerError::Nowhere,
                _ => NatsError::Unavailable.into(),
            })?;
            let gateway = headers::get(Some(&found.headers), headers::GATEWAY);
            let to = self.nats.subject("to", gateway.ok_or(PeerError::Nowhere)?);
            let room = self.nats.room(&to, message.content.len(), deadline).await?;
            let mut headers = HeaderMap::new();
            headers.insert(headers::GATEWAY, &*self.nats.id);
            headers.insert(headers::TYPE, u8::from(message.message_type).to_string());
            headers.insert(headers::URI, uri);
            headers.insert(headers::TO, subject);
            let client = &self.nats.client;
            let sent = client.request_with_headers(to, headers, message.content.clone());
            let answer = sent.await.map_err(|error| match error.kind() {
                RequestErrorKind::NoResponders => PeerError::Nowhere,
                RequestErrorKind::MaxPayloadExceeded => NatsError::refused(error).into(),
                _ => NatsError::Unavailable.into(),
            })?;
            room.arrived();
            match headers::message_type(answer.headers.as_ref()) {
                Some(types::OK) => Ok(()),
                _ => Err(PeerError::Nowhere),
            }
        };
        self.nats.by(deadline, send).await?
    }

    fn subject(&self, id: &[u8]) -> Result<String, NatsError> {
        Ok(self.nats.subject("peer", &subject::tokens(id)?))
    }

    /// Tells of the peers of a server, and takes messages to them.
    pub(crate) async fn share<R: Runtime>(
        &self,
        server: &Server<R>,
    ) -> Result<SharedPeers, NatsError> {
        let deadline = self.nats.deadline();
        self.nats.connected(deadline).await?;
        let subject = self.nats.subject("to", &self.nats.id);
        let messages = self.nats.client.subscribe(subject).await;
        let messages = messages.map_err(NatsError::refused)?;
        self.nats.round_trip(deadline).await?;
        let sharing = Sharing {
            presence: self.clone(),
            peers: server.peers().clone(),
            connections: HashMap::new(),
            told: HashMap::new(),
            room: Arc::new(Semaphore::new(SENDING)),
        };
        let inbox = Inbox::new(self.nats.clone(), messages);
        let task = tokio::spawn(sharing.run(server.events(), inbox));
        Ok(SharedPeers {
            _task: Task(task.abort_handle()),
        })
    }
}

/// The task of one server.
struct Sharing {
    presence: Presence,
    peers: Peers,
    /// The connections, by the address of the other end.
    connections: HashMap<SocketAddr, Connection>,
    /// The peers that others were told of, and the number of the message.
    told: HashMap<Bytes, u64>,
    room: Arc<Semaphore>,
}

impl Sharing {
    async fn run(mut self, mut events: netaio_driver::ServerEvents, mut messages: Inbox) {
        let every = self.presence.time_to_live.checked_div(3).unwrap_or(PAUSE);
        let mut changes = self.peers.events();
        let mut renewed = Instant::now();
        messages.meanwhile(self.tell(true), drop).await;
        loop {
            let due = renewed.checked_add(every).unwrap_or(renewed);
            tokio::select! {
                event = events.next() => match event {
                    Some(event) => self.note(event),
                    None => return,
                },
                received = messages.next() => match received {
                    Some(received) => self.take(received.message),
                    None => return,
                },
                Some(_) = changes.next() => {
                    // Whoever sends what finds no room is told so when its time is up.
                    let tell = async {
                        tokio::time::sleep(PAUSE).await;
                        self.tell(false).await;
                    };
                    messages.meanwhile(tell, drop).await;
                }
                () = tokio::time::sleep_until(due) => {
                    renewed = Instant::now();
                    messages.meanwhile(self.tell(true), drop).await;
                }
            }
        }
    }

    fn note(&mut self, event: ServerEvent) {
        match event {
            ServerEvent::Connected(connection) => {
                if let Some(address) = connection.remote() {
                    self.connections.insert(address, connection);
                }
            }
            ServerEvent::Closed { connection, .. } => {
                let Some(address) = connection.remote() else {
                    return;
                };
                let is_it = |known: &Connection| known.id() == connection.id();
                if self.connections.get(&address).is_some_and(is_it) {
                    self.connections.remove(&address);
                }
            }
            _ => {}
        }
    }

    /// Tells others of the peers that are here, of all or of the new ones, and of those that have left.
    async fn tell(&mut self, all: bool) {
        let here: HashSet<Bytes> = self
            .peers
            .list()
            .into_iter()
            .map(|known| known.peer.id)
            .collect();
        let left: Vec<_> = self.told.extract_if(|id, _| !here.contains(id)).collect();
        let presence = &self.presence;
        for (id, number) in left {
            presence.remove(&id, number).await;
        }
        let told = &self.told;
        let new = here.into_iter().filter(|id| all || !told.contains_key(id));
        let announced = futures_util::stream::iter(new)
            .map(|id| async {
                let number = presence.announce(&id).await.ok()?;
                Some((id, number))
            })
            .buffer_unordered(ANNOUNCED);
        let announced: Vec<_> = announced.filter_map(std::future::ready).collect().await;
        self.told.extend(announced);
    }

    /// Takes a message of another gateway to the peer that it is for.
    fn take(&self, message: NatsMessage) {
        // Whoever sends more has no answer, and is told so when its time is up.
        let Ok(permit) = self.room.clone().try_acquire_owned() else {
            return;
        };
        let connection = self.recipient(&message);
        let nats = self.presence.nats.clone();
        tokio::spawn(async move {
            let _permit = permit;
            let deadline = nats.deadline();
            let sent = match (connection, read(&message)) {
                (Some(connection), Some(message)) => {
                    let sent = nats.by(deadline, connection.send(message)).await;
                    sent.is_ok_and(|sent| sent.is_ok())
                }
                _ => false,
            };
            let (Some(to), Ok(_room)) = (message.reply, nats.room("", 0, deadline).await) else {
                return;
            };
            let answer = match sent {
                true => types::OK,
                false => types::NOT_FOUND,
            };
            let mut headers = HeaderMap::new();
            headers.insert(headers::TYPE, u8::from(answer).to_string());
            let answered = nats.client.publish_with_headers(to, headers, Bytes::new());
            if let Err(error) = answered.await {
                tracing::debug!(%error, "whoever sends to a peer is not answered");
            }
        });
    }

    fn recipient(&self, message: &NatsMessage) -> Option<Connection> {
        let to = headers::get(message.headers.as_ref(), headers::TO)?;
        let prefix = self.presence.nats.subject("peer", "");
        let id = subject::uri(to.strip_prefix(&prefix)?)?;
        let known = self.peers.get(id)?;
        let mut addresses = known.addresses.iter();
        addresses
            .find_map(|address| self.connections.get(address))
            .cloned()
    }
}

impl Presence {
    /// Tells others that a peer is here: the number of the message.
    async fn announce(&self, id: &[u8]) -> Result<u64, NatsError> {
        let deadline = self.nats.deadline();
        let subject = self.subject(id)?;
        let headers = headers::of_sender(&self.nats.id, None);
        let announce = async {
            self.nats.connected(deadline).await?;
            let room = self.nats.room(&subject, 0, deadline).await?;
            let context = &self.nats.jetstream;
            let sent = context.publish_with_headers(subject, headers, Bytes::new());
            let taken = async { sent.await?.await }.await;
            let taken = taken.map_err(|_unanswered| NatsError::Unavailable)?;
            room.arrived();
            Ok(taken.sequence)
        };
        self.nats.by(deadline, announce).await?
    }

    /// Tells others that a peer is not here any more, unless one of them has said since that it is there.
    async fn remove(&self, id: &[u8], number: u64) {
        let Ok(subject) = self.subject(id) else {
            return;
        };
        let purge = self.stream.purge().filter(subject);
        let purged = purge.sequence(number.saturating_add(1)).await;
        if let Err(error) = purged {
            tracing::debug!(%error, "a peer that has left is listed for a while");
        }
    }
}

/// The message that another gateway has for a peer.
fn read(message: &NatsMessage) -> Option<Message> {
    let headers = message.headers.as_ref();
    let message_type: MessageType = headers::message_type(headers)?;
    let uri = subject::uri(headers::get(headers, headers::URI)?)?;
    Some(Message::new(message_type, uri, message.payload.clone()))
}
