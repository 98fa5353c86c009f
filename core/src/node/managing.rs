//! Peers, and the management of them.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::net::SocketAddr;
use core::time::Duration;

use rand_core::{TryCryptoRng, TryRng};

use super::error::PeerManagementError;
use super::target::Target;
use super::{Node, Transport};
use crate::datagram::MAX_DATAGRAM;
use crate::error::{LayerError, SealError};
use crate::message::Message;
use crate::network::Origin;
use crate::now::Now;
use crate::peers::{
    Discovery, KnownPeer, ManagementConfig, ManagementError, PeerChange, PeerEvent, PeerMessage,
    PeerRefused, PeerTable, RemovalReason,
};
use crate::place::Place;
use crate::plugin::{Peer, PeerContext, PeerPlugin, SealContext};
use crate::seal::Sealer;

impl<H: Clone> Node<H> {
    /// Packs peers and their data in a way of one's own. To be called before the local
    /// peer is set.
    #[must_use]
    pub fn with_peer_plugin(mut self, plugin: Arc<dyn PeerPlugin>) -> Self {
        self.discovery = Discovery::new(self.config.wire.clone(), plugin);
        self.with_hashes()
    }

    /// The peers that are known.
    #[must_use]
    pub fn peers(&self) -> &PeerTable<Place> {
        self.discovery.peers()
    }

    /// Who this node is.
    #[must_use]
    pub fn local_peer(&self) -> Option<&Peer> {
        self.discovery.local()
    }

    /// Says from which addresses this node's own messages to its group come back, to tell
    /// [another node with its id](PeerEvent::DuplicateId) from itself. To be called again where
    /// they change.
    pub fn set_own_addresses(&mut self, own: impl IntoIterator<Item = SocketAddr>) {
        let own = own.into_iter().map(Place::Datagram);
        self.discovery.set_own_addresses(own);
    }

    /// Makes an [advertisement](Self::poll_advertisement) due at once for each app id that is
    /// managed, besides the rounds: after the group of a datagram socket was joined anew, say.
    pub fn advertise(&mut self) {
        self.discovery.advertise();
    }

    /// Says who this node is. Where peers are managed, the new introduction is
    /// [due](Self::poll_advertisement) at once.
    ///
    /// # Errors
    /// Peers are managed, and this peer cannot be introduced with the layers of the
    /// messages that do it. The local peer is as before.
    pub fn set_local_peer(&mut self, peer: Peer) -> Result<(), ManagementError> {
        if self.discovery.managed().next().is_some() {
            self.try_introductions(Some(peer.clone()), None)?;
        }
        self.discovery.set_local(Some(peer))
    }

    /// Manages peers for an app id: netaio's `manage_peers_automatically`. From here on
    /// introductions are answered, signs of life noted, silent peers dropped with
    /// their subscriptions, links told of this node as they are made and as they
    /// close, and [advertisements](Self::poll_advertisement) due.
    ///
    /// Over streams a peer lives as long as its link; the config's times are for
    /// datagrams only.
    ///
    /// # Errors
    /// The local peer is not set or cannot be introduced, the app id is managed
    /// already, or the inner layer does not go with the outer one.
    pub fn manage_peers(
        &mut self,
        now: Now,
        config: ManagementConfig,
    ) -> Result<(), PeerManagementError> {
        let config = self.fit_management(config)?;
        let local = self.discovery.local().cloned();
        self.try_introductions(local, Some(&config))?;
        self.begin_management(now, config)
    }

    /// Says who this node is and manages peers, or neither.
    pub(crate) fn manage_peers_as(
        &mut self,
        now: Now,
        local: Peer,
        config: ManagementConfig,
    ) -> Result<(), PeerManagementError> {
        let config = self.fit_management(config)?;
        self.try_introductions(Some(local.clone()), Some(&config))?;
        self.discovery.set_local(Some(local))?;
        self.begin_management(now, config)
    }

    /// A management as the transport has it, whose layers fit.
    fn fit_management(&self, config: ManagementConfig) -> Result<ManagementConfig, LayerError> {
        for key in Discovery::<Place>::keys(config.app_id().clone()) {
            self.check_inner(&key, config.inner())?;
        }
        Ok(match self.transport {
            Transport::Streams => config.with_every(None).with_timeout(None),
            Transport::Datagrams => config,
        })
    }

    /// Sees that a local peer can be introduced wherever peers are managed, and in one
    /// management more.
    fn try_introductions(
        &self,
        local: Option<Peer>,
        more: Option<&ManagementConfig>,
    ) -> Result<(), ManagementError> {
        let plugin = self.discovery.plugin().clone();
        let mut trial = Discovery::<Place>::new(self.config.wire.clone(), plugin);
        trial.set_local(local)?;
        for config in self.discovery.managed().chain(more) {
            trial.begin(Now::default(), config.clone())?;
        }
        for message in trial.advertisements() {
            self.check_size(&message)
                .map_err(ManagementError::NotSendable)?;
        }
        Ok(())
    }

    fn begin_management(
        &mut self,
        now: Now,
        config: ManagementConfig,
    ) -> Result<(), PeerManagementError> {
        let (app_id, inner) = (config.app_id().clone(), config.inner().clone());
        self.discovery.begin(now, config)?;
        for key in Discovery::<Place>::keys(app_id) {
            self.routing_mut()
                .routes
                .set(key, Target::Node, inner.clone());
        }
        Ok(())
    }

    /// Manages the peers of an app id no more, and returns what the others are to be
    /// told. The peers stay known; without any management they do not time out.
    pub fn stop_peer_management(&mut self, app_id: &[u8]) -> Option<PeerMessage> {
        let farewell = self.discovery.stop(app_id)?;
        self.remove_peer_routes(&farewell);
        Some(farewell)
    }

    /// Manages no peers any more, and returns what the others are to be told.
    pub fn stop_all_peer_management(&mut self) -> Vec<PeerMessage> {
        let farewells = self.discovery.stop_all();
        for farewell in &farewells {
            self.remove_peer_routes(farewell);
        }
        farewells
    }

    fn remove_peer_routes(&mut self, farewell: &PeerMessage) {
        for key in Discovery::<Place>::keys(farewell.message.uri.clone()) {
            self.routing_mut().routes.remove(&key);
        }
    }

    /// Adds a peer, or changes what is known of it, by hand: netaio's
    /// `add_or_update_peer`. The place is added to those it has.
    ///
    /// # Errors
    /// It is refused, as at a link that has ended.
    pub fn update_peer(
        &mut self,
        now: Now,
        peer: Peer,
        at: Place,
    ) -> Result<PeerChange, PeerRefused> {
        match self.leads_to(at) {
            true => self.discovery.update(now, peer, at),
            false => Err(PeerRefused::NotConnected),
        }
    }

    /// What is known of whoever introduces itself: whether that passed an auth plugin.
    pub(super) fn origin(&self, from: Place, message: &Message) -> Origin {
        let outer = match from {
            Place::Link { link, .. } => {
                let member = self.links.get(&link);
                member.is_some_and(|member| member.authenticates)
            }
            Place::Datagram(_) => self.config.outer.authenticates(),
        };
        let mut managed = self.discovery.managed();
        let managed = managed.find(|managed| *managed.app_id() == message.uri);
        let inner = managed.is_some_and(|managed| managed.inner().authenticates());
        Origin {
            network: from.network(),
            verified: outer || inner,
        }
    }

    /// Removes a peer by hand, with its subscriptions: netaio's `remove_peer`.
    pub fn remove_peer(&mut self, id: &[u8]) -> Option<KnownPeer<Place>> {
        self.discovery.remove(id)
    }

    /// Removes a place by hand, and its peer with the last of its places.
    pub fn remove_peer_place(&mut self, place: Place) {
        self.discovery.remove_address(place);
    }

    /// Says that a deadline may have come. Early or late calls do no harm.
    pub fn handle_timeout(&mut self, now: Now) {
        self.discovery.handle_timeout(now);
        self.subscriptions.remove_expired(now.monotonic);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due, a reading of the
    /// monotonic clock, if nothing else happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let peers = self.discovery.poll_deadline().into_iter();
        peers.chain(self.subscriptions.next_expiry()).min()
    }

    /// What this node is to say of itself: to every link, or to the group of a
    /// datagram socket, until it returns `None`.
    pub fn poll_advertisement(&mut self) -> Option<PeerMessage> {
        self.discovery.poll_advertisement()
    }

    /// What happened to peers, until it returns `None`. The subscriptions of those who
    /// left are gone then; a link whose peer was displaced keeps its own.
    pub fn poll_event(&mut self) -> Option<PeerEvent<Place>> {
        let event = self.discovery.poll_event()?;
        match &event {
            // Its link is there as before, and closes its subscriptions with it.
            PeerEvent::Removed {
                reason: RemovalReason::Displaced,
                ..
            } if self.transport == Transport::Streams => {}
            PeerEvent::Removed { known, .. } => {
                for place in &known.addresses {
                    self.subscriptions.remove(*place);
                    self.wildcards.remove(*place);
                }
            }
            PeerEvent::AddressRemoved { address, .. } => {
                self.subscriptions.remove(*address);
                self.wildcards.remove(*address);
            }
            _ => {}
        }
        Some(event)
    }

    /// What a link that was just made says of this node.
    pub(crate) fn advertisements(&self) -> Vec<PeerMessage> {
        self.discovery.advertisements().collect()
    }

    /// Sees that a message can be sent with its layers: ciphers make it longer. What
    /// depends on the receiver shows when there is one.
    fn check_size(&self, PeerMessage { message, inner }: &PeerMessage) -> Result<(), SealError> {
        let outer = &self.config.outer;
        if outer.is_peer_specific() || inner.is_peer_specific() {
            return Ok(());
        }
        let mut context = SealContext {
            now: Now::default(),
            rng: &mut Zeros,
            peers: PeerContext {
                measured: true,
                ..PeerContext::default()
            },
        };
        let mut frame = Vec::new();
        let wire = &self.config.wire;
        Sealer::new().seal(wire, outer, inner, message, &mut context, &mut frame)?;
        let (len, max) = (frame.len(), MAX_DATAGRAM);
        match self.transport == Transport::Datagrams && len > max {
            true => Err(SealError::DatagramTooLong { len, max }),
            false => Ok(()),
        }
    }
}

/// Nonces of a frame that is measured and thrown away.
struct Zeros;

impl TryRng for Zeros {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(0);
        Ok(())
    }
}

impl TryCryptoRng for Zeros {}
