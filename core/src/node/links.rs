//! The links of a node: they come, go, and share what there is.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;

use rand_core::CryptoRng;

use super::member::Member;
use super::{Freed, Node, Transport};
use crate::budget::{Account, Pressure};
use crate::config::{LinkConfig, Role};
use crate::datagram::DatagramLink;
use crate::error::TooManyLinks;
use crate::limits::SlowConsumerPolicy;
use crate::link::{Link, Seat};
use crate::message::Message;
use crate::network::Network;
use crate::now::Now;
use crate::options::SendOptions;
use crate::parts::Inbox;
use crate::peers::PeerMessage;
use crate::place::{LinkId, Place};
use crate::shared_frame::SharedFrame;
use crate::sync::Ordering;

impl<H: Clone> Node<H> {
    /// A link over a stream that was just accepted.
    ///
    /// `remote` names the other end in keys and events; links over something
    /// without addresses have none. `rng` makes the nonces: seed it from the
    /// operating system, or with a constant to repeat a run to the byte.
    ///
    /// Where there are [`Limits::connections`](crate::Limits::connections) already, the
    /// oldest closes that has brought no valid message: [`poll_link`](Self::poll_link)
    /// names it.
    ///
    /// # Errors
    /// There are as many as there may be, and none is to close; or as many from this
    /// address as there may be.
    pub fn accept(
        &mut self,
        now: Now,
        remote: Option<SocketAddr>,
        rng: Box<dyn CryptoRng + Send>,
    ) -> Result<Link, TooManyLinks> {
        let config = self.config.clone();
        self.accept_with(now, config, remote, |_| rng)
    }

    /// As [`accept`](Self::accept), with a configuration of the link's own: without an
    /// outer plugin, say. Its generator is made once its name is known.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn accept_with(
        &mut self,
        now: Now,
        config: Arc<LinkConfig>,
        remote: Option<SocketAddr>,
        rng: impl FnOnce(LinkId) -> Box<dyn CryptoRng + Send>,
    ) -> Result<Link, TooManyLinks> {
        let network = remote.map(|address| Network::of(address.ip()));
        let limits = &self.config.wire.limits;
        let displaced = self.crowd.make_room(&self.links, network, limits)?;
        self.to_poll.extend(displaced);
        let rng = rng(LinkId(self.next_link));
        Ok(Link::new(now, self.seat(Role::Server, config, remote), rng))
    }

    /// A link over a stream that this node has just connected, for the rest as
    /// [`accept`](Self::accept). Where peers are managed, it introduces this node
    /// before it sends anything else.
    pub fn connect(
        &mut self,
        now: Now,
        remote: Option<SocketAddr>,
        rng: Box<dyn CryptoRng + Send>,
    ) -> Link {
        let config = self.config.clone();
        self.connect_with(now, config, remote, |_| rng)
    }

    /// As [`connect`](Self::connect), with a configuration of the link's own.
    pub fn connect_with(
        &mut self,
        now: Now,
        config: Arc<LinkConfig>,
        remote: Option<SocketAddr>,
        rng: impl FnOnce(LinkId) -> Box<dyn CryptoRng + Send>,
    ) -> Link {
        let rng = rng(LinkId(self.next_link));
        let mut link = Link::new(now, self.seat(Role::Client, config, remote), rng);
        for PeerMessage { message, inner } in self.advertisements() {
            // That it can be sealed was seen when it was made, unless a plugin wants to
            // know the receiver: then there is nobody to tell yet.
            let options = SendOptions::new().with_inner(inner);
            let _ = link.send(now, self, &message, &options);
        }
        link
    }

    /// The link of a datagram socket, one a node. It multicasts to `group`; `rng` is as
    /// for [`accept`](Self::accept).
    pub fn bind(
        &mut self,
        now: Now,
        group: Option<SocketAddr>,
        rng: Box<dyn CryptoRng + Send>,
    ) -> DatagramLink {
        let (config, budget) = (self.config.clone(), self.budget.clone());
        let publications = self.publications.clone();
        DatagramLink::new(now, config, budget, publications, group, rng)
    }

    /// What takes requests that come [in parts](crate::parts): what it holds counts with what the
    /// links have received, in [`inbound_bytes`](Self::inbound_bytes).
    #[must_use]
    pub fn long_inbox(&self) -> Inbox {
        Inbox::with_budget(self.config.limits(), self.budget.clone())
    }

    fn seat(&mut self, role: Role, config: Arc<LinkConfig>, address: Option<SocketAddr>) -> Seat {
        let link = LinkId(self.next_link);
        self.next_link = self.next_link.wrapping_add(1);
        let account = Arc::new(Account::of(address));
        let place = Place::Link { link, address };
        let member = Member {
            account: account.clone(),
            is_open: true,
            accepted: role == Role::Server,
            authenticates: config.outer.authenticates(),
        };
        self.links.insert(link, member);
        self.crowd.joined(place, &self.config.wire.limits);
        self.budget.set_links(self.links.len());
        Seat {
            id: link,
            role,
            config,
            budget: self.budget.clone(),
            account,
        }
    }

    /// The links that have not ended, in the order of their making.
    pub fn links(&self) -> impl ExactSizeIterator<Item = LinkId> {
        self.links.keys().copied()
    }

    /// A frame that was sealed for many links, so that it counts once for all of them.
    pub fn share(&mut self, frame: Vec<u8>) -> SharedFrame {
        self.share_of(frame, None)
    }

    /// As [`share`](Self::share), of a message that is sealed with these options. Where
    /// messages to slow consumers are [dropped](crate::SlowConsumerPolicy), the next one that
    /// such a link sends is sealed anew, to say how many were: see [`Gap`](crate::Gap).
    pub fn share_message(
        &mut self,
        frame: Vec<u8>,
        message: &Message,
        options: &SendOptions,
    ) -> SharedFrame {
        let drops = self.config.limits().slow_consumer() != SlowConsumerPolicy::Disconnect;
        self.share_of(frame, drops.then_some((message, options)))
    }

    fn share_of(
        &mut self,
        frame: Vec<u8>,
        source: Option<(&Message, &SendOptions)>,
    ) -> SharedFrame {
        let (frame, pressure) = SharedFrame::new(frame, source, &self.budget);
        self.relieve(pressure);
        frame
    }

    /// The memory of what was received and is not yet answered, of all links, in bytes.
    #[must_use]
    pub fn inbound_bytes(&self) -> usize {
        self.budget.held().inbound
    }

    /// The memory of what waits to be written, by all links, in bytes: frames that they
    /// [share](Self::share) count once.
    #[must_use]
    pub fn outbound_bytes(&self) -> usize {
        self.budget.held().outbound
    }

    /// Whether all links together leave room for one more handler.
    #[must_use]
    pub fn may_call(&self) -> bool {
        self.budget.may_call()
    }

    /// A link that is to be polled although nothing came for it: it is to close, for
    /// all links together hold too much, or for one that was accepted.
    pub fn poll_link(&mut self) -> Option<LinkId> {
        self.to_poll.pop_front()
    }

    /// Whether links that [wait](Link::waits_for_budget) may look again, since others
    /// hold less. It says so once.
    pub fn take_freed(&mut self) -> bool {
        let freed = self.take_what_was_freed();
        freed.handlers || freed.room
    }

    /// Whether much of what was held was [let go](Pressure::released). It says so once.
    pub fn take_released(&mut self) -> bool {
        core::mem::take(&mut self.freed.memory)
    }

    pub(crate) fn take_what_was_freed(&mut self) -> Freed {
        let memory = self.freed.memory;
        core::mem::replace(
            &mut self.freed,
            Freed {
                memory,
                ..Freed::default()
            },
        )
    }

    /// Whether calls were dropped without a reply since the last look: their links are
    /// to be polled.
    pub(crate) fn take_dropped_calls(&mut self) -> bool {
        let dropped = &self.budget.dropped_calls;
        // The plain load comes first, as it is all that there is to do as a rule.
        dropped.load(Ordering::Acquire) && dropped.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn has_dropped_calls(&self) -> bool {
        self.budget.dropped_calls.load(Ordering::Acquire)
    }

    /// Whether somebody can be reached at a place: by a link that has not ended, or at
    /// any address of a datagram socket.
    pub(super) fn leads_to(&self, place: Place) -> bool {
        match (self.transport, place) {
            (Transport::Datagrams, Place::Datagram(_)) => true,
            (Transport::Streams, Place::Link { link, address }) => {
                let member = self.links.get(&link);
                member.is_some_and(|member| member.is_open && member.account.remote() == address)
            }
            _ => false,
        }
    }

    /// Drops the subscriptions and the peer of a link.
    pub(super) fn forget_place(&mut self, place: Place) {
        if let Place::Link { link, .. } = place
            && let Some(member) = self.links.get_mut(&link)
        {
            member.is_open = false;
        }
        self.subscriptions.remove(place);
        self.wildcards.remove(place);
        self.discovery.connection_ended(place);
    }

    pub(super) fn forget_link(&mut self, place: Place) {
        if let Place::Link { link, .. } = place
            && let Some(member) = self.links.remove(&link)
        {
            self.crowd.left(&member);
            self.forget_place(place);
            self.budget.set_links(self.links.len());
            // A link that is dropped before its end holds nothing either.
            let pressure = self.budget.close(&member.account);
            self.relieve(pressure);
        }
    }

    /// Marks the links that are to close, where all together hold too much.
    pub(super) fn relieve(&mut self, pressure: Pressure) {
        self.freed.room |= pressure.room;
        self.freed.handlers |= pressure.handlers > 0;
        self.freed.memory |= pressure.released;
        if pressure.inbound || pressure.outbound {
            let links = self.links.iter();
            let links = links.map(|(link, member)| (*link, &member.account));
            self.to_poll.extend(self.budget.cut(pressure, links));
        }
    }
}
