//! What changes the table of peers, and the events of it.

use core::hash::Hash;
use core::time::Duration;

use bytes::Bytes;

use super::Discovery;
use super::departed::Decision;
use super::event::{IntroductionError, PeerEvent, RemovalReason};
use super::keys;
use crate::message::{Message, types};
use crate::network::Origin;
use crate::now::Now;
use crate::peers::table::{Entry, KnownPeer, PeerChange, PeerRefused};
use crate::plugin::{Peer, PeerError};

impl<A: Copy + Eq + Hash> Discovery<A> {
    /// Takes a message that has one of the [`keys`](Self::keys) of an app id that
    /// is managed, and returns the answer to it: `PEER_DISCOVERED`, or an
    /// `ADVERTISE_PEER` to a peer that has just left, if it may be there again, or to one
    /// that took the address of another. Any other message is ignored.
    ///
    /// Nothing vouches for it, and where it comes from does not count.
    pub fn handle(&mut self, now: Now, from: A, message: &Message) -> Option<Message> {
        self.handle_from(now, from, Origin::default(), message)
    }

    /// As [`handle`](Self::handle), where it is known where the message comes from and
    /// whether it passed an auth plugin. Who introduces itself so
    /// [is vouched for](crate::PeerTable::is_vouched), and takes its id and its address back
    /// from those who are not; both count where there are as many peers as may be
    /// ([`Limits::peers`](crate::Limits::peers)).
    pub fn handle_from(
        &mut self,
        now: Now,
        from: A,
        origin: Origin,
        message: &Message,
    ) -> Option<Message> {
        self.observe(now);
        let rounds = self.find(&message.uri)?.config.every().is_some();
        if self.events.is_full(self.limits().peers()) {
            return None;
        }
        match message.message_type {
            types::ADVERTISE_PEER | types::PEER_DISCOVERED => {
                self.introduced(now, from, origin, message)
            }
            types::DISCONNECT => {
                self.disconnected(now, from, origin, message, rounds);
                None
            }
            _ => None,
        }
    }

    /// Messages came from these addresses, and are about to be handled: fetches what is known of
    /// these.
    pub(crate) fn expect(&mut self, from: &mut dyn Iterator<Item = A>) {
        self.peers.expect(from);
    }

    /// Notes that a valid message came from an address: one that passed the
    /// layers it had to pass. Any type of message is a sign of life.
    pub fn heard(&mut self, now: Now, from: A) {
        self.observe(now);
        self.peers.heard(from, now.monotonic);
    }

    /// Notes that a connection ended.
    pub fn connection_ended(&mut self, address: A) {
        self.forget_address(address, RemovalReason::ConnectionEnded);
    }

    /// Adds a peer or changes its data by hand: netaio's `add_or_update_peer`.
    /// The address is added to those that it has.
    ///
    /// # Errors
    /// It is refused, and nothing has changed. Where the address is another
    /// peer's, [`remove_address`](Self::remove_address) makes it free.
    pub fn update(&mut self, now: Now, peer: Peer, address: A) -> Result<PeerChange, PeerRefused> {
        self.observe(now);
        let (id, limits) = (peer.id.clone(), &self.wire.limits);
        let change = self.peers.update(peer, address, now.monotonic, limits)?;
        self.note_displaced();
        self.note(&id, address, change);
        Ok(change)
    }

    /// Removes a peer by hand: netaio's `remove_peer`.
    pub fn remove(&mut self, id: &[u8]) -> Option<KnownPeer<A>> {
        let known = self.peers.remove(id)?;
        let reason = RemovalReason::Application;
        self.events.push(PeerEvent::Removed {
            known: known.clone(),
            reason,
        });
        Some(known)
    }

    /// Removes an address by hand, and its peer with the last of them.
    pub fn remove_address(&mut self, address: A) {
        self.forget_address(address, RemovalReason::Application);
    }

    /// Notes the time. A clock that went back may have been far ahead: the next
    /// round is due one period from now at the latest, and the next peer may
    /// expire within one timeout.
    pub(super) fn observe(&mut self, now: Now) {
        self.peers.observe(now.monotonic);
        self.contested.observe(now.monotonic);
        for managed in &mut self.managed {
            managed.observe(now.monotonic);
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

    /// Takes an introduction, and returns the answer to it.
    fn introduced(
        &mut self,
        now: Now,
        from: A,
        origin: Origin,
        message: &Message,
    ) -> Option<Message> {
        let peer = match self.unpack(&message.content) {
            Ok(peer) => peer,
            Err(error) => {
                self.refuse(from, error.into());
                return None;
            }
        };
        // Not the message's own, which would keep its receive buffer alive.
        let managed = self.find(&message.uri)?;
        let (app_id, rounds) = (managed.config.app_id().clone(), managed.config.every());
        let now = now.monotonic;
        let answers = message.message_type == types::PEER_DISCOVERED;
        match self.departed.decide(&peer, from, answers, now) {
            Decision::Accept => {}
            Decision::Ask => return Some(self.message(types::ADVERTISE_PEER, &app_id)),
            Decision::Ignore => return None,
        }
        let mut took = false;
        match origin.verified {
            true => took = self.make_way(&peer.id, from, rounds.is_some(), now),
            false if self.peers.is_vouched_anywhere(&peer.id) => {
                self.refuse(from, PeerRefused::NotVouched.into());
                return None;
            }
            false => {}
        }
        // Who asks for an address that is another's may get it later.
        let holder = self.peers.at(from).filter(|known| known.id != peer.id);
        let holder = holder.filter(|_| rounds.is_some() && self.may_contest(from, origin));
        let contest = holder.map(|known| (known.id.clone(), peer.clone()));
        let (id, limits) = (peer.id.clone(), &self.wire.limits);
        let same_as_local = self.local.as_ref().is_some_and(|local| {
            local.data.as_deref().unwrap_or_default() == peer.data.as_deref().unwrap_or_default()
        });
        match self.peers.announce_from(peer, from, origin, now, limits) {
            Ok(change) => {
                self.contested.answered(from, &id, now);
                self.duplicates.heard(&id);
                self.note_displaced();
                self.note(&id, from, change);
            }
            Err(reason) => {
                self.note_duplicate(&id, from, same_as_local, &reason, now);
                let is_taken = reason == PeerRefused::AddressTaken;
                self.refuse(from, reason.into());
                let (known, newcomer) = contest.filter(|_| is_taken)?;
                let newcomer = (newcomer, origin);
                self.contested.begin(from, app_id, known, newcomer, now);
                return None;
            }
        }
        if took {
            // Should the one be alive that was known here, it answers, and is back.
            return Some(self.message(types::ADVERTISE_PEER, &app_id));
        }
        (!answers).then(|| self.message(types::PEER_DISCOVERED, &app_id))
    }

    /// Removes those for whom nobody vouched where somebody vouches for another one: who
    /// took its id before it came, or its address. An address of one who was vouched for is
    /// taken at once where the newcomer is known nowhere else, and says so with `true`: as
    /// a rule it is the same node, which has crashed and is back with another id.
    fn make_way(&mut self, id: &Bytes, from: A, rounds: bool, now: Duration) -> bool {
        let reason = RemovalReason::Displaced;
        let elsewhere = |known: &Entry<A>| known.addresses != [from];
        if !self.peers.is_vouched_anywhere(id)
            && self.peers.entry(id).is_some_and(elsewhere)
            && let Some(known) = self.peers.remove(id)
        {
            self.events.push(PeerEvent::Removed { known, reason });
        }
        let Some(holder) = self.peers.at(from).filter(|peer| peer.id != id) else {
            return false;
        };
        if !self.peers.is_vouched(from) {
            self.forget_address(from, reason);
            return false;
        }
        let is_new = self.peers.entry(id).is_none() && self.local_id() != Some(id);
        if !rounds || !is_new || !self.contested.may_take(from, id, now) {
            return false;
        }
        let holder = holder.id.clone();
        self.contested.taken(from, holder, now);
        self.forget_address(from, reason);
        true
    }

    /// Whether the peer that is known at an address may have to give way to a newcomer:
    /// never one that is vouched for to one that is not.
    fn may_contest(&self, from: A, origin: Origin) -> bool {
        origin.verified || !self.peers.is_verified(from)
    }

    /// Lets those give way that were asked and have not answered.
    pub(super) fn settle_contested(&mut self, now: Duration) {
        while let Some((address, newcomer, origin)) = self.contested.next_unanswered(now) {
            // Something vouches for it since.
            if !self.may_contest(address, origin) {
                continue;
            }
            let id = newcomer.id.clone();
            if self.peers.at(address).is_some_and(|known| known.id != id) {
                self.forget_address(address, RemovalReason::Displaced);
            }
            let limits = &self.wire.limits;
            let announced = self
                .peers
                .announce_from(newcomer, address, origin, now, limits);
            match announced {
                Ok(change) => {
                    self.note_displaced();
                    self.note(&id, address, change);
                }
                Err(reason) => self.refuse(address, reason.into()),
            }
        }
    }

    /// Tells of two nodes with one id, once it is certain that there are two.
    fn note_duplicate(
        &mut self,
        id: &Bytes,
        from: A,
        same_as_local: bool,
        reason: &PeerRefused,
        now: Duration,
    ) {
        let may_be_own = self.own.is_empty() || self.own.contains(&from);
        let tell = match reason {
            // A node hears its own introductions.
            PeerRefused::Local if same_as_local && may_be_own => false,
            PeerRefused::Local => self.duplicates.seen_local(id, from, now),
            PeerRefused::DataMismatch => self.duplicates.seen(id, from, now),
            _ => false,
        };
        if tell {
            let known = self.peers.entry(id);
            let known = known.and_then(|known| known.addresses.first().copied());
            self.events.push(PeerEvent::DuplicateId {
                id: id.clone(),
                known,
                other: from,
            });
        }
    }

    /// Takes a `DISCONNECT`. If there are rounds of introductions, the peer's last
    /// one may have been overtaken.
    fn disconnected(&mut self, now: Now, from: A, origin: Origin, message: &Message, rounds: bool) {
        let id = match self.unpack(&message.content) {
            Ok(peer) => peer.id,
            Err(error) => return self.refuse(from, error.into()),
        };
        let Some(known) = self.peers.entry(&id) else {
            return;
        };
        if !known.addresses.contains(&from) {
            return self.refuse(from, PeerRefused::NotAtAddress.into());
        }
        if self.peers.is_vouched(from) && !origin.verified {
            return self.refuse(from, PeerRefused::NotVouched.into());
        }
        if rounds {
            let peer = known.peer.clone();
            self.departed.insert(peer, from, now.monotonic);
        }
        let reason = RemovalReason::Disconnect;
        match self.peers.leave(&id, from) {
            Some(known) => self.events.push(PeerEvent::Removed { known, reason }),
            None => self.note_address_removed(&id, from, reason),
        }
    }

    /// Notes which peers gave way to others.
    fn note_displaced(&mut self) {
        let reason = RemovalReason::Displaced;
        for known in self.peers.take_displaced() {
            self.events.push(PeerEvent::Removed { known, reason });
        }
    }

    /// Notes what an accepted introduction changed.
    fn note(&mut self, id: &[u8], address: A, change: PeerChange) {
        self.departed.remove(id, address);
        let event = match change {
            PeerChange::Added => PeerEvent::Added,
            PeerChange::Updated => PeerEvent::Updated,
            PeerChange::Unchanged => return,
        };
        if let Some(known) = self.peers.get(id) {
            self.events.push(event(known.clone()));
            self.note_key(known);
        }
    }

    /// Tells of a public key that others have announced as well.
    fn note_key(&mut self, known: KnownPeer<A>) {
        let Some(key) = self.plugin.key(&known.peer, keys::NAME) else {
            return;
        };
        let (peers, plugin) = (&self.peers, &self.plugin);
        let still_has = |id: &Bytes, key: &[u8; 32]| {
            let known = peers.entry(id);
            known.is_some_and(|known| plugin.key(&known.peer, keys::NAME).as_ref() == Some(key))
        };
        let max = self.wire.limits.peers();
        let others = self.keys.announced(key, &known.peer.id, max, still_has);
        if !others.is_empty() {
            self.events.push(PeerEvent::KeyShared { known, others });
        }
    }

    fn refuse(&mut self, address: A, reason: IntroductionError) {
        // A node receives its own messages to a group.
        if reason != IntroductionError::Refused(PeerRefused::Local) {
            self.events.push(PeerEvent::Refused { address, reason });
        }
    }

    /// Removes an address, and its peer with the last of them.
    fn forget_address(&mut self, address: A, reason: RemovalReason) {
        let Some(id) = self.peers.at(address).map(|peer| peer.id.clone()) else {
            return;
        };
        match self.peers.remove_address(address) {
            Some(known) => self.events.push(PeerEvent::Removed { known, reason }),
            None => self.note_address_removed(&id, address, reason),
        }
    }

    fn note_address_removed(&mut self, id: &[u8], address: A, reason: RemovalReason) {
        if let Some(known) = self.peers.get(id) {
            self.events.push(PeerEvent::AddressRemoved {
                known,
                address,
                reason,
            });
        }
    }
}
