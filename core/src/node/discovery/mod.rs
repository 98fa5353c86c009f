//! Who is there, and how peers find one another.

mod config;
mod event;
mod managed;
#[cfg(test)]
mod tests;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::hash::Hash;
use core::time::Duration;

use bytes::Bytes;

pub use self::config::{ManagementConfig, ManagementError};
pub use self::event::{GoneReason, IntroductionError, PeerEvent};

use self::event::Events;
use self::managed::Managed;
use super::{Key, Known, PeerChange, PeerRefused, Peers};
use crate::error::SealError;
use crate::limits::Limits;
use crate::message::{Message, MessageType, types};
use crate::now::Now;
use crate::plugin::{Layer, Peer, PeerError, PeerPlugin};
use crate::wire::Wire;

/// The peers that are known, and the automatic management of them.
///
/// An application may keep the table by hand alone. Once it [`begin`](Self::begin)s
/// to manage an app id, nodes introduce themselves: each sends `ADVERTISE_PEER`,
/// to everybody from time to time over datagrams, to the other side over a
/// stream; who receives it answers `PEER_DISCOVERED`; and who goes says
/// `DISCONNECT`. All three have the app id as uri and the packed peer as content.
///
/// An address `A` is whatever tells senders apart, as in [`Peers`]. The table is
/// one for all app ids, as in netaio. Nothing is sent from here: the owner
/// - routes messages with the [`keys`](Self::keys) of an app id, under its inner
///   layer, to [`handle`](Self::handle), and sends the answer;
/// - tells of every valid message, whatever it is, with [`heard`](Self::heard),
///   and of every connection that ended with [`gone`](Self::gone);
/// - sends what [`poll_advertisement`](Self::poll_advertisement) says, and the
///   farewells that [`stop`](Self::stop) returns.
///
/// Its methods are
/// - getters: [`peers`](Self::peers), [`local`](Self::local),
///   [`managed`](Self::managed), [`advertisements`](Self::advertisements),
///   [`farewells`](Self::farewells);
/// - inputs: [`handle`](Self::handle), [`heard`](Self::heard), [`gone`](Self::gone),
///   [`handle_timeout`](Self::handle_timeout);
/// - commands: [`begin`](Self::begin), [`stop`](Self::stop),
///   [`stop_all`](Self::stop_all), [`set_local`](Self::set_local),
///   [`update`](Self::update), [`remove`](Self::remove);
/// - outputs: [`poll_advertisement`](Self::poll_advertisement),
///   [`poll_event`](Self::poll_event), [`poll_deadline`](Self::poll_deadline).
///
/// After any input or command, drain the outputs until only a deadline is left.
/// An owner that takes no events is not told of new peers for ever: when
/// [`Limits::peers`] changes wait, introductions and leaves are ignored.
///
/// ```
/// use netaio_core::plugin::DefaultPeerPlugin;
/// use netaio_core::{Discovery, ManagementConfig, Now, Peer, PeerEvent};
/// use std::sync::Arc;
///
/// let now = Now::default();
/// let [mut alice, mut bob] = ["alice", "bob"].map(|id| {
///     let mut node = Discovery::<u8>::new(Arc::default(), Arc::new(DefaultPeerPlugin));
///     node.set_local(Some(Peer::new(id)))?;
///     node.begin(now, ManagementConfig::new())?;
///     Ok::<_, netaio_core::ManagementError>(node)
/// });
/// # let (mut alice, mut bob) = (alice?, bob?);
///
/// // Alice is at address 1, Bob at 2.
/// let advertisement = alice.poll_advertisement().expect("the first one is due at once");
/// let answer = bob.handle(now, 1, &advertisement.message).expect("Bob answers");
/// assert!(alice.handle(now, 2, &answer).is_none());
///
/// assert!(matches!(bob.poll_event(), Some(PeerEvent::Came(known)) if known.peer.id == "alice"));
/// assert!(matches!(alice.poll_event(), Some(PeerEvent::Came(known)) if known.peer.id == "bob"));
/// # Ok::<(), netaio_core::ManagementError>(())
/// ```
pub struct Discovery<A> {
    wire: Arc<Wire>,
    plugin: Arc<dyn PeerPlugin>,
    local: Option<Peer>,
    /// The local peer's introduction, where an app id is managed.
    packed: Bytes,
    peers: Peers<A>,
    /// In the order of their beginning.
    managed: Vec<Managed>,
    events: Events<A>,
}

/// A message to peers, and the inner layer to seal it with.
#[derive(Clone, Debug)]
pub struct PeerMessage {
    /// The message. Its uri is the app id.
    pub message: Message,
    /// The inner layer of that app id.
    pub inner: Layer,
}

impl<A: Copy + Eq + Hash> Discovery<A> {
    /// No peers, no local peer, and no management. Of `wire` the limits count,
    /// and the codec's for the size of a message.
    #[must_use]
    pub fn new(wire: Arc<Wire>, plugin: Arc<dyn PeerPlugin>) -> Self {
        Self {
            wire,
            plugin,
            local: None,
            packed: Bytes::new(),
            peers: Peers::new(None),
            managed: Vec::new(),
            events: Events::new(),
        }
    }

    /// Who this node is.
    #[must_use]
    pub fn local(&self) -> Option<&Peer> {
        self.local.as_ref()
    }

    /// How peers are packed.
    #[must_use]
    pub fn plugin(&self) -> &Arc<dyn PeerPlugin> {
        &self.plugin
    }

    /// Says who this node is. Where peers are managed, the new introduction is
    /// due at once; who knew this node by another id will miss it as a peer that
    /// has fallen silent.
    ///
    /// # Errors
    /// Peers are managed, and this peer could not be introduced. It is then as
    /// before.
    pub fn set_local(&mut self, local: Option<Peer>) -> Result<(), ManagementError> {
        if !self.managed.is_empty() {
            let app_ids = self.managed.iter().map(|managed| managed.config.app_id());
            self.packed = self.introduction(local.as_ref(), app_ids)?;
            for managed in &mut self.managed {
                managed.due = true;
            }
        }
        let id = local.as_ref().map(|peer| peer.id.clone());
        if let Some(known) = self.peers.set_local(id) {
            let why = GoneReason::Removed;
            self.events.push(PeerEvent::Gone { known, why });
        }
        self.local = local;
        Ok(())
    }

    /// Begins to manage peers for an app id. The first advertisement is due at
    /// once.
    ///
    /// The introduction is made here, and fits a message without plugins. Whether
    /// it fits with the layers' ciphers shows when the first one is sealed.
    ///
    /// # Errors
    /// The local peer cannot be introduced, or this app id is managed already, or
    /// a time is zero.
    pub fn begin(&mut self, now: Now, config: ManagementConfig) -> Result<(), ManagementError> {
        let zero = Some(Duration::ZERO);
        if config.every() == zero || config.timeout() == zero {
            return Err(ManagementError::ZeroTime);
        }
        if self.find(config.app_id()).is_some() {
            return Err(ManagementError::AlreadyManaged(config.app_id().clone()));
        }
        self.packed = self.introduction(self.local.as_ref(), [config.app_id()])?;
        self.managed.push(Managed::new(config, now.monotonic));
        Ok(())
    }

    /// Stops managing peers for an app id, and returns the farewell. Peers stay
    /// in the table; without any management they do not time out.
    pub fn stop(&mut self, app_id: &[u8]) -> Option<PeerMessage> {
        let farewell = self.farewell(app_id)?;
        self.managed
            .retain(|managed| managed.config.app_id() != app_id);
        Some(farewell)
    }

    /// Stops managing peers, and returns a farewell for each app id.
    pub fn stop_all(&mut self) -> Vec<PeerMessage> {
        let farewells = self.farewells().collect();
        self.managed.clear();
        farewells
    }

    /// The app ids that are managed, in the order of their beginning.
    pub fn managed(&self) -> impl Iterator<Item = &ManagementConfig> {
        self.managed.iter().map(|managed| &managed.config)
    }

    /// The keys of the messages of an app id: route them to
    /// [`handle`](Self::handle), under the inner layer of their management.
    #[must_use]
    pub fn keys(app_id: impl Into<Bytes>) -> [Key; 3] {
        let app_id = app_id.into();
        TYPES.map(|message_type| Key::from((message_type, app_id.clone())))
    }

    /// `ADVERTISE_PEER` for one app id: for a connection that was just made.
    #[must_use]
    pub fn advertisement(&self, app_id: &[u8]) -> Option<PeerMessage> {
        let managed = self.find(app_id)?;
        Some(self.peer_message(types::ADVERTISE_PEER, managed))
    }

    /// `DISCONNECT` for one app id: for a connection that is about to be closed.
    #[must_use]
    pub fn farewell(&self, app_id: &[u8]) -> Option<PeerMessage> {
        let managed = self.find(app_id)?;
        Some(self.peer_message(types::DISCONNECT, managed))
    }

    /// [`advertisement`](Self::advertisement) for each app id.
    pub fn advertisements(&self) -> impl Iterator<Item = PeerMessage> {
        let managed = self.managed.iter();
        managed.map(|managed| self.peer_message(types::ADVERTISE_PEER, managed))
    }

    /// [`farewell`](Self::farewell) for each app id.
    pub fn farewells(&self) -> impl Iterator<Item = PeerMessage> {
        let managed = self.managed.iter();
        managed.map(|managed| self.peer_message(types::DISCONNECT, managed))
    }

    /// Takes a message that has one of the [`keys`](Self::keys) of an app id that
    /// is managed, and returns the answer to it. Any other message is ignored.
    pub fn handle(&mut self, now: Now, from: A, message: &Message) -> Option<Message> {
        self.find(&message.uri)?;
        if self.events.is_full(self.limits().peers()) {
            return None;
        }
        match message.message_type {
            types::ADVERTISE_PEER => self
                .introduced(now, from, &message.content)
                .then(|| self.message(types::PEER_DISCOVERED, &message.uri)),
            types::PEER_DISCOVERED => {
                self.introduced(now, from, &message.content);
                None
            }
            types::DISCONNECT => {
                self.left(from, &message.content);
                None
            }
            _ => None,
        }
    }

    /// Notes that a valid message came from an address: one that passed the
    /// layers it had to pass. Any type of message is a sign of life.
    pub fn heard(&mut self, now: Now, from: A) {
        self.peers.heard(from, now.monotonic);
    }

    /// Notes that a connection ended.
    pub fn gone(&mut self, address: A) {
        self.forget_address(address, GoneReason::ConnectionEnded);
    }

    /// The peers that are known.
    #[must_use]
    pub fn peers(&self) -> &Peers<A> {
        &self.peers
    }

    /// Adds a peer or changes its data by hand: netaio's `add_or_update_peer`.
    /// The address is added to those that it has.
    ///
    /// # Errors
    /// It is refused. No peer has changed.
    pub fn update(&mut self, now: Now, peer: Peer, address: A) -> Result<PeerChange, PeerRefused> {
        let (id, limits) = (peer.id.clone(), &self.wire.limits);
        let change = self.peers.update(peer, address, now.monotonic, limits)?;
        self.note(&id, change);
        Ok(change)
    }

    /// Removes a peer by hand: netaio's `remove_peer`.
    pub fn remove(&mut self, id: &[u8]) -> Option<Known<A>> {
        let known = self.peers.remove(id)?;
        let why = GoneReason::Removed;
        self.events.push(PeerEvent::Gone {
            known: known.clone(),
            why,
        });
        Some(known)
    }

    /// Removes an address by hand, and its peer with the last of them.
    pub fn remove_address(&mut self, address: A) {
        self.forget_address(address, GoneReason::Removed);
    }

    /// Drops peers that have fallen silent, then sees which advertisements are
    /// due.
    pub fn handle_timeout(&mut self, now: Now) {
        let now = now.monotonic;
        if let Some(timeout) = self.timeout()
            && self.first_silence().is_some_and(|at| at <= now)
        {
            let why = GoneReason::TimedOut;
            let silent = self.peers.remove_silent(now, timeout);
            for known in silent.peers {
                self.events.push(PeerEvent::Gone { known, why });
            }
            for (address, known) in silent.addresses {
                self.events.push(PeerEvent::AddressGone {
                    known,
                    address,
                    why,
                });
            }
        }
        for managed in &mut self.managed {
            managed.handle_timeout(now);
        }
    }

    /// The next advertisement that is due: to the group for datagrams, to every
    /// connection for streams.
    pub fn poll_advertisement(&mut self) -> Option<PeerMessage> {
        let managed = self.managed.iter_mut().find(|managed| managed.due)?;
        managed.due = false;
        let app_id = managed.config.app_id().clone();
        self.advertisement(&app_id)
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<PeerEvent<A>> {
        self.events.pop()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, a reading of
    /// the monotonic clock: for the next round of advertisements, or because a
    /// peer may have fallen silent.
    #[must_use]
    pub fn poll_deadline(&self) -> Option<Duration> {
        let rounds = self.managed.iter().filter_map(Managed::next);
        rounds.chain(self.first_silence()).min()
    }

    fn limits(&self) -> &Limits {
        &self.wire.limits
    }

    fn find(&self, app_id: &[u8]) -> Option<&Managed> {
        let mut managed = self.managed.iter();
        managed.find(|managed| managed.config.app_id() == app_id)
    }

    /// The shortest timeout.
    fn timeout(&self) -> Option<Duration> {
        self.managed().filter_map(ManagementConfig::timeout).min()
    }

    fn first_silence(&self) -> Option<Duration> {
        self.peers.first_silence(self.timeout()?)
    }

    /// Packs a local peer, if it can be introduced to each of the app ids.
    fn introduction<'a>(
        &self,
        local: Option<&Peer>,
        app_ids: impl IntoIterator<Item = &'a Bytes>,
    ) -> Result<Bytes, ManagementError> {
        let mut local = local.cloned().ok_or(ManagementError::NoLocalPeer)?;
        if local.id.is_empty() || !self.plugin.validate(&local) {
            return Err(ManagementError::NotValid);
        }
        // netaio ignores introductions without data.
        let data = local.data.get_or_insert_default();
        let (len, max) = (data.len().max(local.id.len()), self.limits().peer_data());
        if len > max {
            return Err(ManagementError::TooMuchData { len, max });
        }
        let packed = self.plugin.pack(&local);
        let packed = packed.map_err(ManagementError::NotSendable)?;
        for app_id in app_ids {
            self.check_size(app_id.len(), packed.len())
                .map_err(ManagementError::NotSendable)?;
        }
        Ok(packed.into())
    }

    fn check_size(&self, uri: usize, content: usize) -> Result<(), SealError> {
        let codec = &self.wire.codec;
        let (len, max) = (uri, codec.max_uri());
        if len > max {
            return Err(SealError::UriTooLong { len, max });
        }
        let (len, max) = (uri.saturating_add(content), codec.max_payload());
        if len > max {
            return Err(SealError::BodyTooLong { len, max });
        }
        Ok(())
    }

    fn message(&self, message_type: MessageType, app_id: &Bytes) -> Message {
        Message::new(message_type, app_id.clone(), self.packed.clone())
    }

    fn peer_message(&self, message_type: MessageType, managed: &Managed) -> PeerMessage {
        PeerMessage {
            message: self.message(message_type, managed.config.app_id()),
            inner: managed.config.inner().clone(),
        }
    }

    fn unpack(&self, content: &[u8]) -> Result<Peer, PeerError> {
        let peer = self.plugin.unpack(content, &self.limits().packify())?;
        if peer.id.is_empty() {
            return Err(PeerError::NoId);
        }
        match self.plugin.validate(&peer) {
            true => Ok(peer),
            false => Err(PeerError::NotValid),
        }
    }

    /// Takes an introduction, and says whether it holds.
    fn introduced(&mut self, now: Now, from: A, content: &[u8]) -> bool {
        let limits = &self.wire.limits;
        let introduced = match self.unpack(content) {
            Err(error) => Err(error.into()),
            Ok(peer) => {
                let id = peer.id.clone();
                let change = self.peers.announce(peer, from, now.monotonic, limits);
                change.map(|change| (id, change)).map_err(Into::into)
            }
        };
        match introduced {
            Ok((id, change)) => self.note(&id, change),
            Err(why) => {
                self.refuse(from, why);
                return false;
            }
        }
        true
    }

    /// Takes a leave.
    fn left(&mut self, from: A, content: &[u8]) {
        let id = match self.unpack(content) {
            Ok(peer) => peer.id,
            Err(error) => return self.refuse(from, error.into()),
        };
        let Some(known) = self.peers.get(&id) else {
            return;
        };
        let (addresses, why) = (&known.addresses, GoneReason::Left);
        if !addresses.contains(&from) {
            self.refuse(from, PeerRefused::NotHere.into());
        } else if addresses.first() == Some(&from) {
            if let Some(known) = self.peers.leave(&id, from) {
                self.events.push(PeerEvent::Gone { known, why });
            }
        } else {
            self.forget_address(from, why);
        }
    }

    /// Notes what an introduction changed.
    fn note(&mut self, id: &[u8], change: PeerChange) {
        let event = match change {
            PeerChange::Came => PeerEvent::Came,
            PeerChange::Changed => PeerEvent::Changed,
            PeerChange::Same => return,
        };
        if let Some(known) = self.peers.get(id) {
            self.events.push(event(known.clone()));
        }
    }

    fn refuse(&mut self, address: A, why: IntroductionError) {
        // A node may hear itself: what is sent to a group comes back.
        if why != IntroductionError::Refused(PeerRefused::Local) {
            self.events.push(PeerEvent::Refused { address, why });
        }
    }

    /// Removes an address, and its peer with the last of them.
    fn forget_address(&mut self, address: A, why: GoneReason) {
        let Some(id) = self.peers.at(address).map(|peer| peer.id.clone()) else {
            return;
        };
        if let Some(known) = self.peers.remove_address(address) {
            self.events.push(PeerEvent::Gone { known, why });
        } else if let Some(known) = self.peers.get(&id) {
            let known = known.clone();
            self.events.push(PeerEvent::AddressGone {
                known,
                address,
                why,
            });
        }
    }
}

/// The types of the messages between peers.
const TYPES: [MessageType; 3] = [
    types::ADVERTISE_PEER,
    types::PEER_DISCOVERED,
    types::DISCONNECT,
];

impl<A: fmt::Debug> fmt::Debug for Discovery<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery")
            .field("local", &self.local)
            .field("managed", &self.managed)
            .field("peers", &self.peers)
            .finish_non_exhaustive()
    }
}
