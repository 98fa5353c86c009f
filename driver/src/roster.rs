//! The connections of a server.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use netaio_core::plugin::Direction;
use netaio_core::{
    Delivery, LinkId, Message, Place, SealError, SendOptions, SharedFrame, SharedNode,
};

use crate::connection::Connection;
use crate::fanout::FrameSealer;
use crate::futures::{race, yield_now};
use crate::logging::limited;
use crate::mailbox::Command;
use crate::receivers::{Lists, Receivers};
use crate::service::Service;
use crate::sync::{Mutex, lock};

/// The connections of a server, the oldest first.
pub(crate) struct Roster {
    pub(crate) service: Arc<Service>,
    connections: Mutex<Connections>,
    sealer: FrameSealer,
    /// How much was published since a publisher let others run: bytes, or so many receivers.
    published: AtomicUsize,
}

#[derive(Default)]
struct Connections {
    lists: Lists,
    /// Those that may still send something.
    open: BTreeMap<LinkId, Connection>,
    /// Those of remotes that are gone, or may be, while handlers run for them.
    leaving: BTreeMap<LinkId, Connection>,
}

impl Connections {
    fn get(&self, link: LinkId) -> Option<&Connection> {
        self.open.get(&link).or_else(|| self.leaving.get(&link))
    }

    /// Those of these places whose remotes are there.
    fn receivers(&self, places: &[Place]) -> Receivers {
        let links = places.iter().filter_map(|place| place.link());
        Receivers::new(
            links
                .filter_map(|link| self.open.get(&link).cloned())
                .collect(),
        )
    }
}

impl Roster {
    /// What is published before a publisher lets others run, in bytes to each receiver: so much
    /// is worth a write.
    const TURN: usize = 16 * 1024;
    /// Receivers of a message that count as a byte of it.
    const RECEIVERS: usize = 16;

    /// # Errors
    /// The operating system has no randomness to give.
    pub(crate) fn new(service: Arc<Service>) -> io::Result<Arc<Self>> {
        let sealer = FrameSealer::new(service.context.clone(), Direction::ToClient)?;
        Ok(Arc::new(Self {
            service,
            connections: Mutex::default(),
            sealer,
            published: AtomicUsize::new(0),
        }))
    }

    /// Whether a connection is one of these.
    pub(crate) fn contains(&self, connection: &Connection) -> bool {
        let connections = lock(&self.connections);
        let ours = connections.get(connection.shared.link);
        ours.is_some_and(|ours| ours.is(connection))
    }

    /// The connections that are subscribed to a key.
    pub(crate) fn subscribed(&self, key: &[u8]) -> Arc<Receivers> {
        let node = self.service.node();
        let places = node.subscribers(key);
        // Of few it takes no time to list them again, and they would displace others. Where some
        // are there by patterns each key has others.
        let many = places.len() >= Receivers::MANY;
        let stamp = many.then(|| node.subscribers_stamp(key)).flatten();
        let Some(stamp) = stamp else {
            let places: Vec<_> = places.collect();
            drop(node);
            return Arc::new(lock(&self.connections).receivers(&places));
        };
        drop(node);
        if let Some(list) = lock(&self.connections).lists.subscribed(stamp) {
            return list;
        }
        let node = self.service.node();
        let stamp = node.subscribers_stamp(key).unwrap_or(stamp);
        let places: Vec<_> = node.subscribers(key).collect();
        drop(node);
        let mut connections = lock(&self.connections);
        let list = Arc::new(connections.receivers(&places));
        let many = list.connections().len() >= Receivers::MANY;
        let gone = many.then(|| connections.lists.keep(stamp, list.clone()));
        drop(connections);
        // Not under the lock.
        drop(gone);
        list
    }

    /// The connections of the server whose remotes are there, the oldest first.
    pub(crate) fn connections(&self) -> Arc<Receivers> {
        let mut connections = lock(&self.connections);
        if let Some(all) = connections.lists.all() {
            return all;
        }
        let all = connections.open.values().cloned().collect();
        let all = Arc::new(Receivers::new(all));
        connections.lists.set_all(all.clone());
        all
    }

    /// Seals the message, once for all that omit the same plugins unless one is
    /// peer-specific, and queues it for each connection.
    pub(crate) fn deliver(
        &self,
        receivers: &Receivers,
        message: &Message,
        options: &SendOptions,
    ) -> Result<Delivery, SealError> {
        let press = |pressure| (&mut &*self.service).pressure(pressure);
        // All before the first is queued: a message that cannot be sealed
        // is sent to no receiver.
        let mut frames = Vec::new();
        for omitted in receivers.omitted() {
            let frame = self.sealer.seal(omitted, message, options)?;
            let len = frame.as_ref().map_or(message.content.len(), Vec::len);
            self.note_published(len, receivers);
            if let Some(short) = &frame
                && short.len() < SharedFrame::SHARED_FROM
                && receivers.are_many()
            {
                let (gathered, pressure) = receivers.gather(short);
                press(pressure);
                if let Some(gathered) = gathered {
                    let push = |to: &Connection| to.shared.mailbox.push_stretch(&gathered);
                    return Ok(receivers.push(push, press));
                }
            }
            let share = |frame| {
                self.service
                    .change(|node| node.share_message(frame, message, options))
            };
            frames.push((omitted, frame.map(share)));
        }
        let push = |connection: &Connection| {
            let omitted = connection.shared.omitted;
            let frame = frames.iter().find(|(of, _)| *of == omitted);
            connection.shared.mailbox.push_news(match frame {
                Some((_, Some(frame))) => Command::frame(frame.clone()),
                _ => Command::Notify {
                    message: message.clone(),
                    options: options.clone(),
                    lost: 0,
                },
            })
        };
        Ok(receivers.push(push, press))
    }

    /// Lets others run where much was published since somebody did.
    /// Publishers would go on until nobody has room, and all that while nothing is written.
    /// Cancel-safe.
    pub(crate) async fn take_turn(&self) {
        if self.published.load(Ordering::Relaxed) >= Self::TURN {
            self.published.store(0, Ordering::Relaxed);
            yield_now().await;
        }
    }

    fn note_published(&self, len: usize, receivers: &Receivers) {
        let receivers = receivers.connections().len() / Self::RECEIVERS;
        let more = len.max(receivers);
        self.published.fetch_add(more, Ordering::Relaxed);
    }

    /// Waits for room at these connections, for
    /// [`Limits::publish_wait`](netaio_core::Limits::publish_wait) at most. One that has
    /// none by then is not waited for again before it has. Says whether it waited.
    /// Cancel-safe.
    pub(crate) async fn wait_for_room(&self, receivers: &Receivers) -> bool {
        if receivers.has_room() {
            return false;
        }
        let context = &self.service.context;
        let wait = context.limits().publish_wait();
        let full = receivers.connections().iter();
        let full = full.filter(|connection| connection.shared.mailbox.is_waited_for());
        let full: Vec<_> = full.collect();
        if full.is_empty() || wait.is_zero() {
            return false;
        }
        let late = (context.sleep_until)(context.time().instant_after(wait));
        let room = async {
            for connection in &full {
                connection.shared.mailbox.room().await;
            }
        };
        race(room, late).await;
        for connection in full {
            let mailbox = &connection.shared.mailbox;
            if mailbox.is_waited_for() {
                let (logs, remote) = (connection.logs(), connection.remote());
                limited!(logs, DEBUG, "publishers wait for it no longer", @remote);
                mailbox.give_up();
            }
        }
        true
    }

    /// Adds the connection that `make` makes, under the lock.
    pub(crate) fn enter<T, E>(
        &self,
        make: impl FnOnce() -> Result<(Connection, T), E>,
    ) -> Result<(Connection, T), E> {
        let mut connections = lock(&self.connections);
        let (connection, with) = make()?;
        connections
            .open
            .insert(connection.shared.link, connection.clone());
        let all = connections.lists.take_all();
        drop(connections);
        // Not under the lock.
        drop(all);
        Ok((connection, with))
    }

    /// Lists a connection no more, whose remote is gone: it only waits for its handlers.
    pub(crate) fn retire(&self, link: LinkId) {
        let mut connections = lock(&self.connections);
        if let Some(connection) = connections.open.remove(&link) {
            connections.leaving.insert(link, connection);
        }
        let lists = connections.lists.take();
        drop(connections);
        drop(lists);
    }

    /// Removes a connection.
    pub(crate) fn leave(&self, link: LinkId) {
        let mut connections = lock(&self.connections);
        let removed = connections.open.remove(&link);
        let removed = removed.or_else(|| connections.leaving.remove(&link));
        let lists = connections.lists.take();
        drop(connections);
        // Not under the lock.
        drop((removed, lists));
    }

    /// The number of connections whose remotes are there.
    pub(crate) fn len(&self) -> usize {
        lock(&self.connections).open.len()
    }

    /// Whether there are none, and no handlers of others run.
    pub(crate) fn is_empty(&self) -> bool {
        let connections = lock(&self.connections);
        connections.open.is_empty() && connections.leaving.is_empty()
    }

    /// Gives a connection a command.
    pub(crate) fn command(&self, link: LinkId, command: Command) {
        if let Some(connection) = lock(&self.connections).get(link) {
            connection.command(command);
        }
    }

    /// Does something with every connection, and those whose remotes are gone.
    pub(crate) fn for_each(&self, act: impl Fn(&Connection)) {
        let connections = lock(&self.connections);
        let all = connections
            .open
            .values()
            .chain(connections.leaving.values());
        all.for_each(act);
    }
}
