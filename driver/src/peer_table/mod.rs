//! The peers of one node, behind their lock.

mod events;
mod introduction;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use netaio_core::plugin::{DefaultPeerPlugin, KnownPeers, PeerDirectory, PeerPlugin};
use netaio_core::{
    Discovery, Known, Limits, LinkConfig, Message, Peer, PeerChange, PeerRefused, Role,
};

pub use self::events::{KnownPeer, PeerEvent, PeerEvents};

use crate::clock::Time;
use crate::events::Listeners;
use crate::logging::{Logs, limited};
use crate::remote_id::RemoteId;
use crate::sources::Sources;

/// The peers, and those who want to hear of them.
///
/// The peers' lock is held for a look-up or a change, never while somebody is
/// told. Whoever tells holds a lock of its own, for a change and until all are
/// told of it.
pub(crate) struct Table {
    discovery: Mutex<Discovery<RemoteId>>,
    listeners: Listeners<PeerEvent>,
    telling: Mutex<()>,
    owner: OnceLock<Weak<dyn Owner>>,
    pub(crate) config: Arc<LinkConfig>,
    sources: Sources,
    pub(crate) logs: Arc<Logs>,
    /// The connections that there are; none where peers are found by address.
    connections: Option<Mutex<HashSet<RemoteId>>>,
}

/// What the peers belong to: a server, a client, a UDP node.
pub(crate) trait Owner: Send + Sync {
    /// A peer is heard from this place no more.
    fn left(&self, remote: RemoteId);

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
    pub(crate) fn new(
        config: Arc<LinkConfig>,
        identity: Identity,
        sources: Sources,
        logs: Arc<Logs>,
    ) -> Self {
        let mut discovery = Discovery::new(config.wire.clone(), identity.plugin);
        // Nothing is managed yet, and so it is taken as it is.
        let _ = discovery.set_local(identity.local);
        Self {
            discovery: Mutex::new(discovery),
            listeners: Listeners::default(),
            telling: Mutex::default(),
            owner: OnceLock::new(),
            connections: (config.role != Role::Node).then(Mutex::default),
            config,
            sources,
            logs,
        }
    }

    /// Says whom the peers belong to, once.
    pub(crate) fn set_owner(&self, owner: Weak<dyn Owner>) {
        let _ = self.owner.set(owner);
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.config.wire.limits
    }

    pub(crate) fn time(&self) -> &Time {
        &self.sources.time
    }

    fn owner(&self) -> Option<Arc<dyn Owner>> {
        self.owner.get()?.upgrade()
    }

    /// Looks at the peers.
    pub(crate) fn discovery(&self) -> MutexGuard<'_, Discovery<RemoteId>> {
        lock(&self.discovery)
    }

    /// Changes something, and tells whoever wants to know.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Discovery<RemoteId>) -> T) -> T {
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
    ///
    /// Whoever changes something next waits until all are told of this: what
    /// happens is told in its order, and who comes back has lost what it lost
    /// as it went.
    pub(crate) fn change_quietly<T>(
        &self,
        change: impl FnOnce(&mut Discovery<RemoteId>) -> T,
    ) -> T {
        // Should this be the last to hold it, it goes when the lock is gone.
        let owner = self.owner();
        let _telling = lock(&self.telling);
        let mut discovery = self.discovery();
        let result = change(&mut discovery);
        let events: Vec<_> = std::iter::from_fn(|| discovery.poll_event()).collect();
        drop(discovery);
        for event in events {
            self.tell(owner.as_deref(), &event);
        }
        result
    }

    /// Adds a peer or changes it by hand.
    pub(crate) fn update(&self, peer: Peer, remote: RemoteId) -> Result<PeerChange, PeerRefused> {
        let now = self.sources.time.now();
        self.change(|discovery| match self.leads_to(remote) {
            true => discovery.update(now, peer, remote),
            false => Err(PeerRefused::NotConnected),
        })
    }

    /// Whether a peer may be there: by a connection that has not ended, or at an
    /// address where there are no connections.
    fn leads_to(&self, remote: RemoteId) -> bool {
        match (&self.connections, remote) {
            (None, RemoteId::Datagram(_)) => true,
            (Some(connections), RemoteId::Connection { .. }) => lock(connections).contains(&remote),
            _ => false,
        }
    }

    /// Takes what a remote says of itself, and returns the answer.
    pub(crate) fn handle(&self, from: RemoteId, message: &Message) -> Option<Message> {
        let now = self.sources.time.now();
        self.change_quietly(|discovery| discovery.handle(now, from, message))
    }

    pub(crate) fn listen(&self) -> PeerEvents {
        let _whole = lock(&self.telling);
        self.listeners.listen()
    }

    /// Lets those who listen know that there will be nothing more.
    pub(crate) fn close(&self) {
        self.listeners.close();
    }

    /// Tells the owner and those who listen.
    fn tell(&self, owner: Option<&dyn Owner>, event: &netaio_core::PeerEvent<RemoteId>) {
        let left = match event {
            netaio_core::PeerEvent::Gone { known, .. } => &known.addresses[..],
            netaio_core::PeerEvent::AddressGone { address, .. } => std::slice::from_ref(address),
            _ => &[],
        };
        if let Some(owner) = owner {
            for remote in left {
                owner.left(*remote);
            }
        }
        limited!(self.logs, DEBUG, "peer", ?event);
        let lost = self
            .listeners
            .emit(|| PeerEvent::from_core(event, &self.sources.time));
        if lost > 0 {
            limited!(self.logs, WARN, "nobody took an event about peers in time");
        }
    }

    fn known(&self, remote: Option<RemoteId>) -> KnownPeers {
        let discovery = self.discovery();
        KnownPeers {
            local: discovery.local().cloned(),
            remote: remote.and_then(|remote| discovery.peers().at(remote).cloned()),
            plugin: Some(discovery.plugin().clone()),
        }
    }

    /// The first address of every peer, by ascending id.
    pub(crate) fn first_addresses(&self) -> Vec<SocketAddr> {
        let discovery = self.discovery();
        let first = |known: &&Known<RemoteId>| known.addresses.first().and_then(RemoteId::address);
        discovery.peers().list().iter().filter_map(first).collect()
    }
}

/// What is locked here is whole between two calls: poison says nothing about it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Datagrams: the address says who it is.
impl PeerDirectory for Table {
    fn look_up(&self, remote: Option<SocketAddr>) -> KnownPeers {
        self.known(remote.map(RemoteId::Datagram))
    }
}

/// A connection: it says who it is, and no other can take its place. Its peer
/// goes with it, when its task and its link have let go of this.
pub(crate) struct LinkDirectory {
    table: Arc<Table>,
    remote: RemoteId,
}

impl LinkDirectory {
    pub(crate) fn new(table: &Arc<Table>, remote: RemoteId) -> Self {
        if let Some(connections) = &table.connections {
            lock(connections).insert(remote);
        }
        Self {
            table: table.clone(),
            remote,
        }
    }
}

impl PeerDirectory for LinkDirectory {
    fn look_up(&self, _: Option<SocketAddr>) -> KnownPeers {
        self.table.known(Some(self.remote))
    }
}

impl Drop for LinkDirectory {
    fn drop(&mut self) {
        let remote = self.remote;
        if let Some(connections) = &self.table.connections {
            lock(connections).remove(&remote);
        }
        self.table
            .change_quietly(|discovery| discovery.gone(remote));
    }
}
