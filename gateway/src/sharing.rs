//! The peers of a server here: other gateways are told of them, and messages of those come to them.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{HeaderMap, Message as NatsMessage};
use bytes::Bytes;
use futures_util::StreamExt;
use netaio_driver::core::{Message, MessageType, types};
use netaio_driver::{Connection, Peers, Runtime, Server, ServerEvent};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::error::NatsError;
use crate::headers;
use crate::inbox::Inbox;
use crate::interest::Task;
use crate::presence::Presence;
use crate::subject;

/// How many peers are announced at once.
const ANNOUNCED: usize = 32;

/// How many messages of other gateways wait for their peers at once.
const SENDING: usize = 256;

/// What becomes known together: peers come and go in this time before others are told.
const PAUSE: Duration = Duration::from_millis(20);

/// The peers of a server are told to other gateways, and messages come to them from there, until this is
/// dropped. They are listed for a [time to live](crate::GatewayOptions::with_presence) afterwards.
#[must_use = "peers are told to others until this is dropped"]
pub struct SharedPeers {
    _task: Task,
}

impl std::fmt::Debug for SharedPeers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedPeers").finish_non_exhaustive()
    }
}

/// Tells of the peers of a server, and takes messages to them.
pub(crate) async fn share<R: Runtime>(
    presence: &Presence,
    server: &Server<R>,
) -> Result<SharedPeers, NatsError> {
    let nats = &presence.nats;
    let deadline = nats.deadline();
    nats.connected(deadline).await?;
    let subject = nats.subject("to", &nats.id);
    let messages = nats.client.subscribe(subject).await;
    let messages = messages.map_err(NatsError::refused)?;
    nats.round_trip(deadline).await?;
    let sharing = Sharing {
        presence: presence.clone(),
        peers: server.peers().clone(),
        connections: HashMap::new(),
        told: HashMap::new(),
        room: Arc::new(Semaphore::new(SENDING)),
    };
    let inbox = Inbox::new(nats.clone(), messages);
    let task = tokio::spawn(sharing.run(server.events(), inbox));
    Ok(SharedPeers {
        _task: Task(task.abort_handle()),
    })
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

/// The message that another gateway has for a peer.
fn read(message: &NatsMessage) -> Option<Message> {
    let headers = message.headers.as_ref();
    let message_type: MessageType = headers::message_type(headers)?;
    let uri = subject::uri(headers::get(headers, headers::URI)?)?;
    Some(Message::new(message_type, uri, message.payload.clone()))
}
