//! The peers of one node, behind their lock.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use async_channel::Sender;
use netaio_core::plugin::{DefaultPeerPlugin, KnownPeers, PeerDirectory, PeerPlugin};
use netaio_core::{Discovery, Known, Message, Peer, Wire};

use super::{PeerEvent, PeerEvents};
use crate::clock::Time;
use crate::remote::Place;

/// The peers, and those who want to hear of them.
///
/// The lock is held for a look-up or a change, never while somebody is told.
pub(crate) struct Table {
    discovery: Mutex<Discovery<Place>>,
    listeners: Mutex<Vec<Sender<PeerEvent>>>,
    owner: OnceLock<Weak<dyn Owner>>,
    time: Time,
}

/// What the peers belong to: a server, a client, a UDP node.
pub(crate) trait Owner: Send + Sync {
    /// A peer is heard from this place no more.
    fn left(&self, place: Place);

    /// A deadline may have changed, or an advertisement is due.
    fn changed(&self);
}

/// Who a node is, and how peers are packed, before it starts.
pub(crate) struct Identity {
    pub(crate) local: Option<Peer>,
    pub(crate) plugin: Arc<dyn PeerPlugin>,
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            local: None,
            plugin: Arc::new(DefaultPeerPlugin),
        }
    }
}

impl Table {
    pub(crate) fn new(wire: Arc<Wire>, identity: Identity, time: Time) -> Self {
        let mut discovery = Discovery::new(wire, identity.plugin);
        // Nothing is managed yet, and so it is taken as it is.
        let _ = discovery.set_local(identity.local);
        Self {
            discovery: Mutex::new(discovery),
            listeners: Mutex::default(),
            owner: OnceLock::new(),
            time,
        }
    }

    /// Says whom the peers belong to, once.
    pub(crate) fn set_owner(&self, owner: Weak<dyn Owner>) {
        let _ = self.owner.set(owner);
    }

    pub(crate) fn time(&self) -> &Time {
        &self.time
    }

    fn owner(&self) -> Option<Arc<dyn Owner>> {
        self.owner.get()?.upgrade()
    }

    /// Looks at the peers.
    pub(crate) fn discovery(&self) -> MutexGuard<'_, Discovery<Place>> {
        // It is whole between two calls: poison says nothing about it.
        self.discovery
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something, and tells whoever wants to know.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Discovery<Place>) -> T) -> T {
        let result = self.change_quietly(change);
        self.changed();
        result
    }

    /// Lets the owner see what is to be done.
    pub(crate) fn changed(&self) {
        if let Some(owner) = self.owner() {
            owner.changed();
        }
    }

    /// As [`change`](Self::change), for the one who looks at the deadlines anyway.
    pub(crate) fn change_quietly<T>(&self, change: impl FnOnce(&mut Discovery<Place>) -> T) -> T {
        let mut discovery = self.discovery();
        let result = change(&mut discovery);
        let events: Vec<_> = std::iter::from_fn(|| discovery.poll_event()).collect();
        drop(discovery);
        for event in events {
            self.tell(&event);
        }
        result
    }

    /// Takes what a remote says of itself, and returns the answer.
    pub(crate) fn handle(&self, from: Place, message: &Message) -> Option<Message> {
        let now = self.time.now();
        self.change_quietly(|discovery| discovery.handle(now, from, message))
    }

    pub(crate) fn listen(&self) -> PeerEvents {
        let (sender, events) = PeerEvents::new();
        self.listeners().push(sender);
        events
    }

    /// Lets those who listen know that there will be nothing more.
    pub(crate) fn close(&self) {
        for listener in self.listeners().drain(..) {
            listener.close();
        }
    }

    fn tell(&self, event: &netaio_core::PeerEvent<Place>) {
        let left = match event {
            netaio_core::PeerEvent::Gone { known, .. } => &known.addresses[..],
            netaio_core::PeerEvent::AddressGone { address, .. } => std::slice::from_ref(address),
            _ => &[],
        };
        if let Some(owner) = self.owner().filter(|_| !left.is_empty()) {
            for place in left {
                owner.left(*place);
            }
        }
        tracing::debug!(?event, "peer");
        let Some(event) = PeerEvent::from_core(event, &self.time) else {
            return;
        };
        self.listeners()
            .retain(|listener| match listener.force_send(event.clone()) {
                Ok(None) => true,
                Ok(Some(lost)) => {
                    tracing::warn!(?lost, "nobody took this event in time");
                    true
                }
                Err(_) => false,
            });
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<Sender<PeerEvent>>> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, place: Option<Place>) -> KnownPeers {
        let discovery = self.discovery();
        KnownPeers {
            local: discovery.local().cloned(),
            remote: place.and_then(|place| discovery.peers().at(place).cloned()),
            plugin: Some(discovery.plugin().clone()),
        }
    }

    /// The first address of every peer, by ascending id.
    pub(crate) fn first_addresses(&self) -> Vec<SocketAddr> {
        let discovery = self.discovery();
        let first = |known: &&Known<Place>| known.addresses.first().and_then(Place::address);
        discovery.peers().list().iter().filter_map(first).collect()
    }
}

/// Datagrams: the address says who it is.
impl PeerDirectory for Table {
    fn look_up(&self, remote: Option<SocketAddr>) -> KnownPeers {
        self.known(remote.map(Place::Datagram))
    }
}

/// A connection: it says who it is, and no other can take its place. Its peer
/// goes with it, when its task and its link have let go of this.
pub(crate) struct LinkDirectory {
    table: Arc<Table>,
    place: Place,
}

impl LinkDirectory {
    pub(crate) fn new(table: &Arc<Table>, place: Place) -> Self {
        Self {
            table: table.clone(),
            place,
        }
    }
}

impl PeerDirectory for LinkDirectory {
    fn look_up(&self, _: Option<SocketAddr>) -> KnownPeers {
        self.table.known(Some(self.place))
    }
}

impl Drop for LinkDirectory {
    fn drop(&mut self) {
        let place = self.place;
        self.table.change_quietly(|discovery| discovery.gone(place));
    }
}
