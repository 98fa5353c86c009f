//! What changes the table of peers, and who is told.

use core::hash::Hash;

use super::Discovery;
use super::event::{GoneReason, IntroductionError, PeerEvent};
use crate::message::{Message, types};
use crate::now::Now;
use crate::peers::table::{Known, PeerChange, PeerRefused};
use crate::plugin::{Peer, PeerError};

impl<A: Copy + Eq + Hash> Discovery<A> {
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
        let why = GoneReason::Left;
        if !known.addresses.contains(&from) {
            self.refuse(from, PeerRefused::NotHere.into());
        } else if let Some(known) = self.peers.leave(&id, from) {
            self.events.push(PeerEvent::Gone { known, why });
        } else {
            self.note_address_gone(&id, from, why);
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
        match self.peers.remove_address(address) {
            Some(known) => self.events.push(PeerEvent::Gone { known, why }),
            None => self.note_address_gone(&id, address, why),
        }
    }

    fn note_address_gone(&mut self, id: &[u8], address: A, why: GoneReason) {
        if let Some(known) = self.peers.get(id) {
            self.events.push(PeerEvent::AddressGone {
                known: known.clone(),
                address,
                why,
            });
        }
    }
}
