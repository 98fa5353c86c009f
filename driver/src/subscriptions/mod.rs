//! What a client or a UDP node is subscribed to, and the streams of it.

mod asking;
mod notification;
mod stream;
mod watched;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use netaio_core::types::{NOTIFY_URI, UNSUBSCRIBE_URI};
use netaio_core::{Message, RequestOptions, SendError, Wildcards};

pub use self::asking::{NotSubscribed, SubscribeBuilder};
pub use self::notification::Notification;
pub use self::stream::{Missed, Subscription};
pub(crate) use self::watched::Watch;

use self::notification::Notice;
use self::watched::{Grant, Listening};
use crate::bounded_queue::{Bounds, Items, Queue};
use crate::callers::SentRequest;
use crate::connection::Connection;
use crate::error::RequestError;
use crate::remote::{Kind, Remote};
use crate::sync::{AtomicBool, Mutex, lock};

/// The subscriptions of a client or a UDP node that have streams. A handle or two may hold its
/// lock and that of a client's servers: they take that of the servers first.
#[derive(Default)]
pub(crate) struct Subscriptions {
    /// How many streams there are: without any nothing is looked up.
    streams: AtomicUsize,
    table: Mutex<Table>,
}

/// Where notifications come from, whatever leads there now.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// The id among those of a client.
    OfClient(u64),
    At(SocketAddr),
}

impl Source {
    /// The server at the other end; `None` for a server's connections.
    fn of(remote: &Remote) -> Option<Self> {
        match &remote.0 {
            Kind::Connection(connection) => connection.server_id().map(Self::OfClient),
            Kind::Datagram(_, address) => Some(Self::At(*address)),
        }
    }
}

#[derive(Default)]
struct Table {
    servers: HashMap<Source, Channels>,
    next: u64,
    ended: bool,
}

/// What is subscribed to at one server.
#[derive(Default)]
struct Channels {
    by_uri: HashMap<Bytes, Channel>,
    /// Those uris that are wildcards.
    wildcards: Wildcards,
}

/// One uri of a server.
struct Channel {
    /// To ask again: the request of the stream with this id, which is the last that the server
    /// has confirmed, or the first.
    asked_by: u64,
    message: Message,
    options: RequestOptions,
    streams: Vec<Listening>,
}

/// A uri, and the request that asks for it again.
pub(crate) type AskedAgain = (Bytes, Result<SentRequest, SendError>);

/// A stream as it was registered.
struct Registered {
    id: u64,
    items: Items<Notice>,
    lagging: Arc<AtomicBool>,
}

impl Subscriptions {
    /// Registers a stream and asks the server. Both at once, so that requests leave in the order
    /// of what is registered.
    ///
    /// # Errors
    /// The request cannot be sent; nothing is registered.
    fn add(
        &self,
        remote: &Remote,
        server: Source,
        message: Message,
        options: RequestOptions,
        bounds: Bounds,
    ) -> Result<(Registered, SentRequest), RequestError> {
        let mut table = lock(&self.table);
        if table.ended {
            return Err(RequestError::NotConnected);
        }
        let (grant, confirmed) = Grant::asked_for(&message.uri);
        let sent = remote.begin_request(message.clone(), options.clone(), confirmed)?;
        let id = table.next;
        table.next = id.wrapping_add(1);
        let queue = Queue::new(bounds);
        let registered = Registered {
            id,
            items: queue.items(),
            lagging: Arc::default(),
        };
        let channels = table.servers.entry(server).or_default();
        channels.wildcards.insert(&message.uri);
        let channel = channels
            .by_uri
            .entry(message.uri.clone())
            .or_insert_with(|| Channel {
                asked_by: id,
                message,
                options: lasting(options),
                streams: Vec::new(),
            });
        let lagging = registered.lagging.clone();
        channel
            .streams
            .push(Listening::new(id, queue, lagging, grant));
        self.streams.fetch_add(1, Ordering::Relaxed);
        Ok((registered, sent))
    }

    /// Notes that the server has confirmed what a stream has asked for: that is asked again.
    fn confirmed(&self, server: Source, id: u64, message: Message, options: RequestOptions) {
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
    fn remove<T>(
        &self,
        server: Source,
        uri: &Bytes,
        id: u64,
        ask: impl FnOnce(Message, RequestOptions) -> Option<T>,
    ) -> Option<T> {
        let mut table = lock(&self.table);
        let channels = table.servers.get_mut(&server)?;
        let channel = channels.by_uri.get_mut(uri)?;
        let before = channel.streams.len();
        channel.streams.retain(|stream| stream.id != id);
        if channel.streams.len() == before {
            return None;
        }
        self.streams.fetch_sub(1, Ordering::Relaxed);
        if !channel.streams.is_empty() {
            return None;
        }
        let channel = channels.by_uri.remove(uri)?;
        channels.wildcards.remove(uri);
        if channels.by_uri.is_empty() {
            table.servers.remove(&server);
        }
        let message = Message {
            message_type: UNSUBSCRIBE_URI,
            ..channel.message
        };
        // Under the lock, so that requests leave in the order of what is registered.
        ask(message, channel.options)
    }

    /// Whether a message from an address is for a stream: a notification of its uri, or of one
    /// that it matches.
    pub(crate) fn wants(
        &self,
        from: SocketAddr,
        message: (netaio_core::MessageType, &[u8]),
    ) -> bool {
        let (message_type, uri) = message;
        if self.streams.load(Ordering::Relaxed) == 0 || message_type != NOTIFY_URI {
            return false;
        }
        let table = lock(&self.table);
        let Some(channels) = table.servers.get(&Source::At(from)) else {
            return false;
        };
        let mut wanted = channels.by_uri.contains_key(uri);
        if !wanted {
            channels.wildcards.find(uri, |_| wanted = true);
        }
        wanted
    }

    /// Hands a notification to the streams of its uri and of the wildcards that it matches; back,
    /// if no stream has it that the server has confirmed.
    pub(crate) fn deliver(
        &self,
        message: Message,
        from: &Remote,
        watch: &impl Watch,
    ) -> Option<Message> {
        if self.streams.load(Ordering::Relaxed) == 0 || message.message_type != NOTIFY_URI {
            return Some(message);
        }
        let Some(server) = Source::of(from) else {
            return Some(message);
        };
        let mut table = lock(&self.table);
        let Some(Channels { by_uri, wildcards }) = table.servers.get_mut(&server) else {
            return Some(message);
        };
        if !wildcards.is_empty() {
            return deliver_to_all((by_uri, wildcards), message, from, watch);
        }
        let Some(channel) = by_uri.get_mut(&message.uri) else {
            return Some(message);
        };
        let notice = Notice::of(message, from);
        for stream in &mut channel.streams {
            stream.notifies_again(from, watch);
            stream.push(notice.clone(), from, watch);
        }
        None
    }

    /// Asks the server of a client again by a new connection, before anything else is sent there.
    pub(crate) fn renew(&self, connection: &Connection) -> Vec<AskedAgain> {
        if self.streams.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        let remote = connection.into();
        let mut table = lock(&self.table);
        let channels = Source::of(&remote).and_then(|server| table.servers.get_mut(&server));
        let Some(channels) = channels else {
            return Vec::new();
        };
        let renew = channels.by_uri.iter_mut().map(|(uri, channel)| {
            let (grant, confirmed) = Grant::asked_for(uri);
            for stream in &mut channel.streams {
                stream.asked_again(connection.id(), grant.clone());
            }
            let (message, options) = (channel.message.clone(), channel.options.clone());
            let sent = remote.begin_request(message, options, confirmed);
            (uri.clone(), sent)
        });
        renew.collect()
    }

    /// Tells the streams of a uri that its server, which was asked again by a connection, notifies
    /// again; those that do not know by a notification.
    pub(crate) fn renewed(&self, by: &Connection, uri: &Bytes, watch: &impl Watch) {
        let remote = by.into();
        for stream in lock(&self.table).streams(&remote, uri) {
            stream.notifies_again(&remote, watch);
        }
    }

    /// Tells the streams of a uri that its server, which was asked again by a connection, does not
    /// notify.
    pub(crate) fn not_renewed(&self, by: &Connection, uri: &Bytes, why: &str, watch: &impl Watch) {
        let remote = by.into();
        let notice = Notice::NotResubscribed(why.into());
        for stream in lock(&self.table).streams(&remote, uri) {
            stream.is_refused(by.id());
            stream.push(notice.clone(), &remote, watch);
        }
    }

    /// Tells the streams of a uri that its server may not notify any more, for this reason, or
    /// does so again.
    pub(crate) fn tell(
        &self,
        remote: &Remote,
        uri: &Bytes,
        lapsed: Option<&str>,
        watch: &impl Watch,
    ) {
        if self.streams.load(Ordering::Relaxed) == 0 {
            return;
        }
        let notice = match lapsed {
            Some(why) => Notice::NotResubscribed(why.into()),
            None => Notice::Resubscribed,
        };
        for stream in lock(&self.table).streams(remote, uri) {
            stream.push(notice.clone(), remote, watch);
        }
    }

    /// Ends the streams of a client's server that is gone for good.
    pub(crate) fn end(&self, server: u64) {
        let ended = {
            let mut table = lock(&self.table);
            let ended = table.servers.remove(&Source::OfClient(server));
            let channels = ended.iter().flat_map(|channels| channels.by_uri.values());
            let streams = channels.map(|channel| channel.streams.len()).sum();
            self.streams.fetch_sub(streams, Ordering::Relaxed);
            ended
        };
        // Their queues end with them, not under the lock.
        drop(ended);
    }

    /// Ends all streams; there can be no others.
    pub(crate) fn close(&self) {
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
    fn channel(&mut self, server: Source, uri: &Bytes) -> Option<&mut Channel> {
        self.servers.get_mut(&server)?.by_uri.get_mut(uri)
    }

    fn streams(&mut self, remote: &Remote, uri: &Bytes) -> impl Iterator<Item = &mut Listening> {
        let channel = Source::of(remote).and_then(|server| self.channel(server, uri));
        channel.into_iter().flat_map(|channel| &mut channel.streams)
    }
}

/// Hands a notification to the streams of its uri and of the wildcards that it matches; back, if
/// no stream has it that the server has confirmed.
fn deliver_to_all(
    (by_uri, wildcards): (&mut HashMap<Bytes, Channel>, &Wildcards),
    message: Message,
    from: &Remote,
    watch: &impl Watch,
) -> Option<Message> {
    let mut is_taken = false;
    let mut notice = None;
    let uri = message.uri.clone();
    let mut make = || {
        let notice = notice.get_or_insert_with(|| Notice::of(message.clone(), from));
        notice.clone()
    };
    if let Some(channel) = by_uri.get_mut(&uri) {
        is_taken = true;
        for stream in &mut channel.streams {
            stream.notifies_again(from, watch);
            stream.push(make(), from, watch);
        }
    }
    wildcards.find(&uri, |wildcard| {
        let channel = Some(wildcard).filter(|wildcard| **wildcard != uri[..]);
        let channel = channel.and_then(|wildcard| by_uri.get_mut(wildcard));
        for stream in channel.into_iter().flat_map(|channel| &mut channel.streams) {
            match stream.grant.is_confirmed() {
                Some(true) => {
                    is_taken = true;
                    stream.notifies_again(from, watch);
                    stream.push(make(), from, watch);
                }
                // It may be of another subscription.
                Some(false) => stream.push(make(), from, watch),
                None => {}
            }
        }
    });
    Some(message).filter(|_| !is_taken)
}

/// The options of a request that is made again: its timeout was for whoever waited.
fn lasting(options: RequestOptions) -> RequestOptions {
    options.with_timeout(RequestOptions::new().timeout())
}
