//! The automatic management of peers.

mod config;
mod contested;
mod departed;
mod duplicates;
mod event;
mod inputs;
mod jitter;
mod keys;
mod managed;
mod messages;
#[cfg(test)]
mod tests;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::hash::Hash;
use core::time::Duration;

use bytes::Bytes;

pub use self::config::{ManagementConfig, ManagementError};
pub use self::event::{IntroductionError, PeerEvent, RemovalReason};
pub use self::messages::PeerMessage;

use self::contested::Contested;
use self::departed::Departed;
use self::duplicates::Duplicates;
use self::event::Events;
use self::jitter::Jitter;
use self::keys::Keys;
use self::managed::Managed;
use crate::hashes::Hashes;
use crate::limits::Limits;
use crate::message::{Message, types};
use crate::now::Now;
use crate::peers::table::PeerTable;
use crate::plugin::{Peer, PeerPlugin};
use crate::wire::Wire;

/// The peers that are known, and the automatic management of them.
///
/// An application may keep the table by hand alone. Once it [`begin`](Self::begin)s
/// to manage an app id, nodes introduce themselves: each sends `ADVERTISE_PEER`,
/// in rounds to a group over datagrams, to the other side over a stream; who
/// receives it answers `PEER_DISCOVERED`; and who leaves sends `DISCONNECT`. All
/// three have the app id as uri and the packed peer as content.
///
/// An address `A` is whatever tells senders apart, as in [`PeerTable`]. The table is
/// one for all app ids, as in netaio. Nothing is sent from here: the owner
/// - routes messages with the [`keys`](Self::keys) of an app id, under its inner
///   layer, to [`handle`](Self::handle), and sends the answer;
/// - calls [`heard`](Self::heard) for every valid message, whatever it is, and
///   [`connection_ended`](Self::connection_ended) for every connection that ended;
/// - sends what [`poll_advertisement`](Self::poll_advertisement) and
///   [`poll_question`](Self::poll_question) return, and the farewells that
///   [`stop`](Self::stop) returns.
///
/// Datagrams overtake one another, and an introduction that a `DISCONNECT` has
/// overtaken must not bring the peer back. Where an app id has rounds of
/// introductions ([`ManagementConfig::every`]), one that comes within a second of
/// the peer's `DISCONNECT`, from the same address and with the same data, is
/// answered by an advertisement. A node that was in fact restarted answers that,
/// and is accepted; should this fail, the next round brings it back. Without
/// rounds every introduction is accepted: streams, which keep the order, have none
/// as a rule.
///
/// A node that crashes and comes back with a new id finds its address taken by its old
/// self. Where there are rounds, a newcomer whose introduction passed an auth plugin takes the
/// address at once, if it is known nowhere else. Otherwise the peer that is known there is
/// asked with an advertisement, three times within three seconds, and gives way if no
/// introduction of its own comes by then. One that passed an auth plugin, or was added by the
/// application, gives way to nobody who did not. Who has answered is not asked again for a
/// minute; nor is an address taken at once twice in a minute, but by the one it was taken
/// from.
///
/// If the clock goes back, rounds go on within one period of the time that is
/// given, and peers expire within two timeouts.
///
/// Its methods are
/// - getters: [`peers`](Self::peers), [`local`](Self::local),
///   [`managed`](Self::managed), [`advertisements`](Self::advertisements),
///   [`farewells`](Self::farewells);
/// - inputs: [`handle`](Self::handle), [`heard`](Self::heard),
///   [`connection_ended`](Self::connection_ended),
///   [`handle_timeout`](Self::handle_timeout),
///   [`set_own_addresses`](Self::set_own_addresses), [`not_asked`](Self::not_asked);
/// - commands: [`begin`](Self::begin), [`stop`](Self::stop),
///   [`stop_all`](Self::stop_all), [`set_local`](Self::set_local),
///   [`advertise`](Self::advertise), [`update`](Self::update), [`remove`](Self::remove),
///   [`remove_address`](Self::remove_address);
/// - outputs: [`poll_advertisement`](Self::poll_advertisement),
///   [`poll_question`](Self::poll_question), [`answer_delay`](Self::answer_delay),
///   [`poll_event`](Self::poll_event), [`poll_deadline`](Self::poll_deadline).
///
/// After any input or command, drain the outputs until only a deadline is left.
/// While [`Limits::peers`] events wait to be taken, introductions and
/// `DISCONNECT`s are ignored: what remotes do must not pile up.
///
/// ```
/// use netaio_core::plugin::DefaultPeerPlugin;
/// use netaio_core::{Discovery, ManagementConfig, ManagementError, Now, Peer, PeerEvent};
/// use std::sync::Arc;
///
/// fn node(now: Now, id: &'static str) -> Result<Discovery<u8>, ManagementError> {
///     let mut node = Discovery::new(Arc::default(), Arc::new(DefaultPeerPlugin));
///     node.set_local(Some(Peer::new(id)))?;
///     node.begin(now, ManagementConfig::new())?;
///     Ok(node)
/// }
///
/// // Alice is at address 1, Bob at 2.
/// let now = Now::default();
/// let (mut alice, mut bob) = (node(now, "alice")?, node(now, "bob")?);
/// let advertisement = alice.poll_advertisement().expect("the first one is due at once");
/// let answer = bob.handle(now, 1, &advertisement.message).expect("Bob answers");
/// assert!(alice.handle(now, 2, &answer).is_none());
///
/// assert!(matches!(bob.poll_event(), Some(PeerEvent::Added(known)) if known.peer.id == "alice"));
/// assert!(matches!(alice.poll_event(), Some(PeerEvent::Added(known)) if known.peer.id == "bob"));
/// # Ok::<(), ManagementError>(())
/// ```
pub struct Discovery<A> {
    wire: Arc<Wire>,
    plugin: Arc<dyn PeerPlugin>,
    local: Option<Peer>,
    /// The local peer's introduction, where an app id is managed.
    packed: Bytes,
    peers: PeerTable<A>,
    /// In the order of their beginning.
    managed: Vec<Managed>,
    departed: Departed<A>,
    contested: Contested<A>,
    duplicates: Duplicates<A>,
    /// Where this node's own messages to a group come back from.
    own: Vec<A>,
    jitter: Option<Jitter>,
    keys: Keys,
    events: Events<A>,
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
            peers: PeerTable::new(None),
            managed: Vec::new(),
            departed: Departed::new(),
            contested: Contested::new(),
            duplicates: Duplicates::new(),
            own: Vec::new(),
            jitter: None,
            keys: Keys::default(),
            events: Events::new(),
        }
    }

    pub(crate) fn set_hashes(&mut self, hashes: Hashes) {
        self.peers.set_hashes(hashes);
    }

    /// Spreads rounds and answers by chance, from a seed that is this node's own; without one
    /// nothing is spread. See [`ManagementConfig::with_jitter`].
    #[must_use]
    pub fn with_jitter(mut self, seed: u64) -> Self {
        self.set_jitter(seed);
        self
    }

    pub(crate) fn set_jitter(&mut self, seed: u64) {
        self.jitter = Some(Jitter::new(seed));
    }

    /// Says from which addresses this node's own messages to a group come back: what comes
    /// from elsewhere by the local peer's id is [another node's](PeerEvent::DuplicateId). Where
    /// none is named, only what differs from the local peer's data is.
    pub fn set_own_addresses(&mut self, own: impl IntoIterator<Item = A>) {
        self.own = own.into_iter().collect();
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

    /// Sets who this node is. Where peers are managed, its introduction is due at
    /// once; where this node was known by another id, that one expires.
    ///
    /// # Errors
    /// Peers are managed, and this peer could not be introduced. It is then as
    /// before.
    pub fn set_local(&mut self, local: Option<Peer>) -> Result<(), ManagementError> {
        if !self.managed.is_empty() {
            let app_ids = self.managed.iter().map(|managed| managed.config.app_id());
            self.packed = self.introduction(local.as_ref(), app_ids)?;
            self.advertise();
        }
        let id = local.as_ref().map(|peer| peer.id.clone());
        if let Some(known) = self.peers.set_local(id) {
            let reason = RemovalReason::Application;
            self.events.push(PeerEvent::Removed { known, reason });
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
    /// The local peer cannot be introduced, or this app id is managed already, a
    /// time is zero, or a timeout is shorter than two periods.
    pub fn begin(&mut self, now: Now, config: ManagementConfig) -> Result<(), ManagementError> {
        let zero = Some(Duration::ZERO);
        if config.every() == zero || config.timeout() == zero {
            return Err(ManagementError::ZeroTime);
        }
        if self.find(config.app_id()).is_some() {
            return Err(ManagementError::AlreadyManaged(config.app_id().clone()));
        }
        self.check_times(&config)?;
        self.packed = self.introduction(self.local.as_ref(), [config.app_id()])?;
        self.observe(now);
        self.managed.push(Managed::new(config, now.monotonic));
        Ok(())
    }

    /// The table is one, so that the shortest of all timeouts counts, for the longest of all
    /// periods.
    fn check_times(&self, config: &ManagementConfig) -> Result<(), ManagementError> {
        let all = || self.managed().chain([config]);
        let every = all().filter_map(ManagementConfig::every).max();
        let timeout = all().filter_map(ManagementConfig::timeout).min();
        match (every, timeout) {
            (Some(every), Some(timeout)) if timeout < every.saturating_mul(2) => {
                Err(ManagementError::TimeoutTooShort { timeout, every })
            }
            _ => Ok(()),
        }
    }

    /// Stops managing peers for an app id, and returns the farewell. Peers stay
    /// in the table; without any management they do not time out.
    pub fn stop(&mut self, app_id: &[u8]) -> Option<PeerMessage> {
        let farewell = self.farewell(app_id)?;
        self.managed
            .retain(|managed| managed.config.app_id() != app_id);
        self.contested.stop(app_id);
        Some(farewell)
    }

    /// Stops managing peers, and returns a farewell for each app id.
    pub fn stop_all(&mut self) -> Vec<PeerMessage> {
        let farewells = self.farewells().collect();
        self.managed.clear();
        self.contested = Contested::new();
        farewells
    }

    /// The app ids that are managed, in the order of their beginning.
    pub fn managed(&self) -> impl Iterator<Item = &ManagementConfig> {
        self.managed.iter().map(|managed| &managed.config)
    }

    /// Makes an advertisement due at once for each app id that is managed, besides the rounds:
    /// nobody may have heard the last ones.
    pub fn advertise(&mut self) {
        for managed in &mut self.managed {
            managed.due = true;
        }
    }

    /// The peers that are known.
    #[must_use]
    pub fn peers(&self) -> &PeerTable<A> {
        &self.peers
    }

    /// Removes the peers that have expired, and those that were asked and did not answer, then
    /// sees which advertisements are due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.observe(now);
        let now = now.monotonic;
        if let Some(timeout) = self.timeout()
            && self.next_expiry().is_some_and(|at| at <= now)
        {
            let reason = RemovalReason::TimedOut;
            let expired = self.peers.remove_expired(now, timeout);
            for known in expired.peers {
                self.events.push(PeerEvent::Removed { known, reason });
            }
            for (address, known) in expired.addresses {
                self.events.push(PeerEvent::AddressRemoved {
                    known,
                    address,
                    reason,
                });
            }
        }
        self.settle_contested(now);
        for managed in &mut self.managed {
            managed.handle_timeout(now, self.jitter.as_mut());
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

    /// The next question that is due, and to whom: whether a peer is still there whose address
    /// another one has. One that cannot be sent is to be [given back](Self::not_asked).
    pub fn poll_question(&mut self, now: Now) -> Option<(A, PeerMessage)> {
        loop {
            let (address, app_id) = self.contested.next_question(now.monotonic)?;
            if let Some(question) = self.advertisement(&app_id) {
                return Some((address, question));
            }
        }
    }

    /// Notes that a question was not sent to an address: whoever is known there stays.
    pub fn not_asked(&mut self, address: A) {
        self.contested.not_asked(address);
    }

    /// How long an answer that was [made](Self::handle) waits before it is sent, so that those
    /// of many nodes do not come at once: of a `PEER_DISCOVERED`, where more than 16 peers are
    /// known, up to 2 ms for each of them, and a second at most. Each call draws anew.
    pub fn answer_delay(&mut self, answer: &Message) -> Duration {
        let peers = self.peers.len();
        let managed = self.managed.iter();
        let mut managed = managed.filter(|managed| *managed.config.app_id() == answer.uri);
        let spread = managed.any(|managed| {
            let config = &managed.config;
            config.jitter() && config.every().is_some()
        });
        match &mut self.jitter {
            Some(jitter) if spread && answer.message_type == types::PEER_DISCOVERED => {
                jitter.of_answer(peers)
            }
            _ => Duration::ZERO,
        }
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<PeerEvent<A>> {
        self.events.pop()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, a reading of
    /// the monotonic clock: for the next round of advertisements, or because a
    /// peer may have expired. It is not further away than the period or the timeout
    /// from the last time that was given.
    #[must_use]
    pub fn poll_deadline(&self) -> Option<Duration> {
        let rounds = self.managed.iter().filter_map(Managed::next);
        let contested = self.contested.deadline();
        rounds.chain(self.next_expiry()).chain(contested).min()
    }

    pub(super) fn local_id(&self) -> Option<&Bytes> {
        self.local.as_ref().map(|local| &local.id)
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

    fn next_expiry(&self) -> Option<Duration> {
        self.peers.next_expiry(self.timeout()?)
    }
}

impl<A: fmt::Debug> fmt::Debug for Discovery<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery")
            .field("local", &self.local)
            .field("managed", &self.managed)
            .field("peers", &self.peers)
            .finish_non_exhaustive()
    }
}
