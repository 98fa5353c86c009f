//! What a client is subscribed to, and the streams of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use netaio_core::types::{NOTIFY_URI, UNSUBSCRIBE_URI};
use netaio_core::{Gap, Message, RequestOptions, SendError};

use super::monitor::Monitor;
use super::unsolicited::Unsolicited;
use crate::bounded_queue::{Bounds, Items, Queue};
use crate::connection::{Connection, SentRequest};
use crate::connection_id::ConnectionId;
use crate::error::RequestError;
use crate::events::EventBytes;
use crate::logging::limited;
use crate::sync::{Mutex, lock};

/// What a stream of notifications has to say.
#[derive(Clone, Debug)]
pub(super) enum Notice {
    Message(Unsolicited),
    /// The connection is a new one, and the server notifies again.
    Reconnected,
    /// The server was asked again, and does not notify.
    NotResubscribed(Arc<str>),
}

impl Notice {
    fn bytes(&self) -> usize {
        let more = match self {
            Self::Message(message) => message.event_bytes(),
            Self::Reconnected => 0,
            Self::NotResubscribed(why) => why.len(),
        };
        more.saturating_add(size_of::<Self>())
    }
}

/// The subscriptions of a client that have streams. A handle or two may hold its lock and that
/// of the servers: they take that of the servers first.
pub(super) struct Subscriptions {
    /// How many streams there are: without any nothing is looked up.
    streams: AtomicUsize,
    table: Mutex<Table>,
    monitor: Arc<Monitor>,
}

#[derive(Default)]
struct Table {
    /// By the id of the server, and the uri.
    servers: HashMap<u64, HashMap<Bytes, Channel>>,
    next: u64,
    ended: bool,
}

/// What is subscribed to at one server.
struct Channel {
    /// To ask again: the request of the stream with this id, which is the last that the server
    /// has confirmed, or the first.
    asked_by: u64,
    message: Message,
    options: RequestOptions,
    streams: Vec<Listening>,
}

struct Listening {
    id: u64,
    queue: Queue<Notice>,
    /// It has lost some, and has not said so yet.
    lagging: Arc<AtomicBool>,
    /// The server was asked again by this connection, and the stream does not know yet that it
    /// notifies.
    asked_again: Option<ConnectionId>,
}

/// A uri, and the request that asks for it again.
pub(super) type AskedAgain = (Bytes, Result<SentRequest, SendError>);

/// A stream as it was registered.
pub(super) struct Registered {
    pub(super) id: u64,
    pub(super) items: Items<Notice>,
    pub(super) lagging: Arc<AtomicBool>,
}

impl Subscriptions {
    pub(super) fn new(monitor: Arc<Monitor>) -> Self {
        Self {
            streams: AtomicUsize::new(0),
            table: Mutex::new(Table::default()),
            monitor,
        }
    }

    /// Registers a stream and asks the server. Both at once, so that requests leave in the order
    /// of what is registered.
    ///
    /// # Errors
    /// The request cannot be sent; nothing is registered.
    pub(super) fn add(
        &self,
        connection: &Connection,
        server: u64,
        message: Message,
        options: RequestOptions,
        bounds: Bounds,
    ) -> Result<(Registered, SentRequest), RequestError> {
        let mut table = lock(&self.table);
        if table.ended {
            return Err(RequestError::NotConnected);
        }
        let sent = connection.begin_request(message.clone(), options.clone())?;
        let id = table.next;
        table.next = id.wrapping_add(1);
        let queue = Queue::new(bounds);
        let registered = Registered {
            id,
            items: queue.items(),
            lagging: Arc::default(),
        };
        let channels = table.servers.entry(server).or_default();
        let channel = channels
            .entry(message.uri.clone())
            .or_insert_with(|| Channel {
                asked_by: id,
                message,
                options: lasting(options),
                streams: Vec::new(),
            });
        channel.streams.push(Listening {
            id,
            queue,
            lagging: registered.lagging.clone(),
            asked_again: None,
        });
        self.streams.fetch_add(1, Ordering::Relaxed);
        Ok((registered, sent))
    }

    /// Notes that the server has confirmed what a stream has asked for: that is asked again.
    pub(super) fn confirmed(
        &self,
        server: u64,
        id: u64,
        message: Message,
        options: RequestOptions,
    ) {
        let mut table = lock(&self.table);
        if let Some(channel) = table.channel(server, &message.uri)
            && channel.asked_by < id
        {
            channel.asked_by = id;
            (channel.message, channel.options) = (message, lasting(options));
        }
    }

    /// Removes a stream. With the last one of its uri the server is to notify no more, which
    /// `ask` asks for by the request that it gets.
    pub(super) fn remove<T>(
        &self,
        server: u64,
        uri: &Bytes,
        id: u64,
        ask: impl FnOnce(Message, RequestOptions) -> Option<T>,
    ) -> Option<T> {
        let mut table = lock(&self.table);
        let channels = table.servers.get_mut(&server)?;
        let channel = channels.get_mut(uri)?;
        let before = channel.streams.len();
        channel.streams.retain(|stream| stream.id != id);
        if channel.streams.len() == before {
            return None;
        }
        self.streams.fetch_sub(1, Ordering::Relaxed);
        if !channel.streams.is_empty() {
            return None;
        }
        let channel = channels.remove(uri)?;
        if channels.is_empty() {
            table.servers.remove(&server);
        }
        let message = Message {
            message_type: UNSUBSCRIBE_URI,
            ..channel.message
        };
        // Under the lock, so that requests leave in the order of what is registered.
        ask(message, channel.options)
    }

    /// Hands a notification to the streams of its uri; back, if there are none.
    pub(super) fn deliver(&self, message: Message, connection: &Connection) -> Option<Message> {
        if self.streams.load(Ordering::Relaxed) == 0 || message.message_type != NOTIFY_URI {
            return Some(message);
        }
        let Some(server) = connection.server_id() else {
            return Some(message);
        };
        let mut table = lock(&self.table);
        let Some(channel) = table.channel(server, &message.uri) else {
            return Some(message);
        };
        let notice = Notice::Message(Unsolicited {
            gap: Gap::of(&message).unwrap_or(0),
            // Slices would keep the whole receive buffer.
            message: message.into_owned(),
            connection: connection.clone(),
        });
        for stream in &mut channel.streams {
            stream.notifies_again(connection, &self.monitor);
            stream.push(notice.clone(), connection, &self.monitor);
        }
        None
    }

    /// Asks a server again by a new connection, before anything else is sent there.
    pub(super) fn renew(&self, connection: &Connection, server: u64) -> Vec<AskedAgain> {
        if self.streams.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        let mut table = lock(&self.table);
        let Some(channels) = table.servers.get_mut(&server) else {
            return Vec::new();
        };
        let renew = channels.iter_mut().map(|(uri, channel)| {
            for stream in &mut channel.streams {
                stream.asked_again = Some(connection.id());
            }
            let (message, options) = (channel.message.clone(), channel.options.clone());
            (uri.clone(), connection.begin_request(message, options))
        });
        renew.collect()
    }

    /// Tells the streams of a uri that its server notifies again, those that do not know by a
    /// notification.
    pub(super) fn renewed(&self, connection: &Connection, server: u64, uri: &Bytes) {
        let mut table = lock(&self.table);
        for stream in table.streams(server, uri) {
            stream.notifies_again(connection, &self.monitor);
        }
    }

    /// Tells the streams of a uri that its server does not notify.
    pub(super) fn not_renewed(&self, connection: &Connection, server: u64, uri: &Bytes, why: &str) {
        let mut table = lock(&self.table);
        let notice = Notice::NotResubscribed(why.into());
        for stream in table.streams(server, uri) {
            stream.asked_again.take_if(|by| *by == connection.id());
            stream.push(notice.clone(), connection, &self.monitor);
        }
    }

    /// Ends the streams of a server that is gone for good.
    pub(super) fn end(&self, server: u64) {
        let ended = {
            let mut table = lock(&self.table);
            let ended = table.servers.remove(&server);
            let channels = ended.iter().flat_map(HashMap::values);
            let streams = channels.map(|channel| channel.streams.len()).sum();
            self.streams.fetch_sub(streams, Ordering::Relaxed);
            ended
        };
        // Their queues end with them, not under the lock.
        drop(ended);
    }

    /// Ends all streams; there can be no others.
    pub(super) fn close(&self) {
        let ended = {
            let mut table = lock(&self.table);
            table.ended = true;
            self.streams.store(0, Ordering::Relaxed);
            std::mem::take(&mut table.servers)
        };
        drop(ended);
    }
}

impl Table {
    fn channel(&mut self, server: u64, uri: &Bytes) -> Option<&mut Channel> {
        self.servers.get_mut(&server)?.get_mut(uri)
    }

    fn streams(&mut self, server: u64, uri: &Bytes) -> impl Iterator<Item = &mut Listening> {
        let channel = self.channel(server, uri);
        channel.into_iter().flat_map(|channel| &mut channel.streams)
    }
}

impl Listening {
    /// Queues a notice. Where there is no room the oldest are dropped, which is told.
    fn push(&self, notice: Notice, connection: &Connection, monitor: &Monitor) {
        let bytes = notice.bytes();
        let lost = self.queue.push(notice, bytes).unwrap_or(0);
        if lost > 0 {
            let first = !self.lagging.swap(true, Ordering::Relaxed);
            monitor.lagged(connection, lost, first);
            limited!(
                connection.logs(),
                WARN,
                "notifications were dropped: a subscription is not read fast enough",
                lost
            );
        }
    }

    /// Says that the server notifies again, where it was asked to by this connection.
    fn notifies_again(&mut self, connection: &Connection, monitor: &Monitor) {
        let asked_again = self.asked_again.take_if(|by| *by == connection.id());
        if asked_again.is_some() {
            self.push(Notice::Reconnected, connection, monitor);
        }
    }
}

/// The options of a request that is made again: its timeout was for whoever waited.
fn lasting(options: RequestOptions) -> RequestOptions {
    options.with_timeout(RequestOptions::new().timeout())
}
