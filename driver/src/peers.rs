//! The peers that a server, a client or a node knows.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use netaio_core::{ManagementError, Node, Peer, PeerChange, PeerRefused, Place};

use crate::handler::AnyHandler;
use crate::peer_events::{KnownPeer, PeerEvents};
use crate::remote::Remote;
use crate::service::Service;

/// The peers that a server, a client or a UDP node knows.
///
/// They are added by [automatic management](crate::UdpNode::manage_peers) or by
/// [`add`](Self::add), and a peer-specific plugin finds the keys of a remote
/// here. Over connections a peer belongs to the connection that announced it,
/// and is removed with it. Cloning it copies a pointer.
#[derive(Clone)]
pub struct Peers {
    pub(crate) service: Arc<Service>,
}

impl Peers {
    /// The local peer, if it is set.
    #[must_use]
    pub fn local(&self) -> Option<Peer> {
        self.service.node().local_peer().cloned()
    }

    /// Sets the local peer: netaio's `local_peer`. Where peers are managed, it is
    /// advertised at the next opportunity.
    ///
    /// # Errors
    /// Peers are managed, and this one cannot be advertised.
    pub fn set_local(&self, peer: Peer) -> Result<(), ManagementError> {
        self.service.change(|node| node.set_local_peer(peer))?;
        self.service.peers_changed();
        Ok(())
    }

    /// The peer with this id.
    #[must_use]
    pub fn get(&self, id: impl AsRef<[u8]>) -> Option<KnownPeer> {
        let node = self.service.node();
        let known = node.peers().get(id.as_ref())?;
        Some(self.known(&known))
    }

    /// The peer at this address.
    #[must_use]
    pub fn at(&self, address: SocketAddr) -> Option<KnownPeer> {
        let node = self.service.node();
        if let Some(peer) = node.peers().at(Place::Datagram(address)) {
            return node.peers().get(&peer.id).map(|known| self.known(&known));
        }
        self.all(&node)
            .into_iter()
            .find(|known| known.addresses.contains(&address))
    }

    /// The peer at a remote: the sender of a message, or the end of a connection.
    ///
    /// It is who the remote says that it is. Without an auth plugin before introductions
    /// anybody can say so, of any peer: decide nothing by it. With one
    /// ([`is_vouched`](Self::is_vouched)) it is one of those who have the secret, any of
    /// whom can say that it is another. Only a layer with the peer's own key, as the X25519
    /// cipher with a key that the application has pinned, shows who sent a message.
    #[must_use]
    pub fn of(&self, remote: impl Into<Remote>) -> Option<KnownPeer> {
        let node = self.service.node();
        let peer = node.peers().at(remote.into().place())?;
        let known = node.peers().get(&peer.id)?;
        Some(self.known(&known))
    }

    /// Whether the peer at a remote introduced itself through an auth plugin, of the outer
    /// layer or of its management's inner one. Others can then take neither its id nor its
    /// addresses through an app id without one.
    #[must_use]
    pub fn is_vouched(&self, remote: impl Into<Remote>) -> bool {
        let node = self.service.node();
        node.peers().is_vouched(remote.into().place())
    }

    /// All peers, by ascending id.
    #[must_use]
    pub fn list(&self) -> Vec<KnownPeer> {
        self.all(&self.service.node())
    }

    /// The number of peers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.service.node().peers().len()
    }

    /// Whether there are no peers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a peer or changes what is known of it: netaio's
    /// `add_or_update_peer`. The remote's address is added to those it has.
    ///
    /// # Errors
    /// It is refused: for one, the remote is a connection that has ended or is another
    /// node's. Nothing has changed.
    pub fn add(&self, peer: Peer, remote: impl Into<Remote>) -> Result<PeerChange, PeerRefused> {
        let (now, place) = (self.service.context.time().now(), remote.into().place());
        let change = self
            .service
            .change(|node| node.update_peer(now, peer, place))?;
        self.service.peers_changed();
        Ok(change)
    }

    /// Removes a peer, with all of its addresses and subscriptions.
    pub fn remove(&self, id: impl AsRef<[u8]>) -> Option<KnownPeer> {
        let known = self.service.change(|node| node.remove_peer(id.as_ref()));
        known.map(|known| self.known(&known))
    }

    /// Removes the address of a remote, and its peer with the last of them.
    pub fn remove_remote(&self, remote: impl Into<Remote>) {
        let place = remote.into().place();
        self.service.change(|node| node.remove_peer_place(place));
    }

    /// The events of peers from now on. An application that does not take them loses
    /// the oldest when more wait than may; [`list`](Self::list) is complete at any
    /// time.
    #[must_use]
    pub fn events(&self) -> PeerEvents {
        self.service.peer_events()
    }

    fn all(&self, node: &Node<AnyHandler>) -> Vec<KnownPeer> {
        let time = self.service.context.time();
        let peers = node.peers();
        peers.list_as(|peer, places, heard| KnownPeer::of(peer, places, heard, time))
    }

    fn known(&self, known: &netaio_core::KnownPeer<Place>) -> KnownPeer {
        KnownPeer::new(known, self.service.context.time())
    }
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers").field("len", &self.len()).finish()
    }
}
