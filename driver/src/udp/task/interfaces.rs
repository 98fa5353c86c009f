//! The interfaces of this machine: the node's own addresses, and its memberships in groups.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use netaio_core::{Membership, MembershipChange, Now};

use super::Task;
use crate::logging::limited;
use crate::runtime::{DatagramSocket, Interfaces, Runtime};
use crate::udp::events::UdpEvent;
use crate::udp::own::OwnAddresses;

/// What a node knows of the interfaces of its machine.
pub(in super::super) struct Surroundings {
    own: OwnAddresses,
    /// Where it multicasts to.
    group: Option<SocketAddr>,
    /// None where nothing depends on the interfaces.
    membership: Option<Membership<Places>>,
}

type Places = Vec<(u32, Option<Ipv4Addr>)>;

impl Surroundings {
    /// Those of a node that was just bound. `joined`: it is in its groups.
    pub(in super::super) fn new(
        now: Now,
        own: OwnAddresses,
        group: Option<SocketAddr>,
        interfaces: Interfaces,
        joined: bool,
    ) -> Self {
        let depends = group.is_some() || own.are_ignored();
        let membership = depends.then(|| {
            let places = interfaces.places;
            Membership::new(now, joined.then_some(places))
        });
        Self {
            own,
            group,
            membership,
        }
    }

    /// When it is to be looked which interfaces there are.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.membership.as_ref().map(Membership::deadline)
    }

    /// Notes a datagram from there, and says whether it is ignored.
    pub(super) fn ignores(&mut self, from: SocketAddr) -> bool {
        if let Some(membership) = &mut self.membership
            && self.own.is_echo(from)
        {
            membership.came_back();
        }
        self.own.ignores(from)
    }

    /// Notes that a datagram was sent.
    pub(super) fn sent(&mut self, now: Now, to: SocketAddr) {
        if let Some(membership) = &mut self.membership
            && self.group == Some(to)
        {
            membership.sent(now);
        }
    }

    /// Notes that a datagram was not sent, and says whether that is news.
    pub(super) fn send_failed(&mut self, now: Now, to: IpAddr) -> bool {
        match &mut self.membership {
            Some(membership) if self.group.is_some_and(|group| group.ip() == to) => {
                membership.send_failed(now)
            }
            _ => true,
        }
    }
}

impl<R: Runtime, S: DatagramSocket> Task<R, S> {
    /// Sees which interfaces there are, if that is due.
    pub(super) fn look_around(&mut self) {
        let due = self.surroundings.deadline();
        if due.is_some_and(|due| due <= self.now.monotonic) {
            let interfaces = self.socket.interfaces();
            self.adapt(interfaces);
        }
    }

    fn adapt(&mut self, interfaces: io::Result<Interfaces>) {
        let now = self.now;
        let Surroundings {
            own,
            group,
            membership: Some(membership),
        } = &mut self.surroundings
        else {
            return;
        };
        let interfaces = match interfaces {
            Ok(interfaces) => interfaces,
            Err(error) => {
                let _ = membership.looked(now, None);
                limited!(self.handle.logs(), WARN, "cannot read the interfaces of this machine", %error);
                return;
            }
        };
        if let Some(echoes) = own.update(&interfaces) {
            limited!(self.handle.logs(), DEBUG, "own addresses", ?echoes);
            let mut node = self.node.service.node();
            node.set_own_addresses(echoes.iter().copied());
        }
        let rejoin = membership.looked(now, interfaces.places);
        let Some(group) = group.filter(|_| rejoin) else {
            return;
        };
        let joined = self.socket.rejoin();
        let (group, change) = (group.ip(), membership.joined(joined.is_ok()));
        match (change, joined) {
            (Some(MembershipChange::Joined), _) => {
                limited!(self.handle.logs(), INFO, "joined the multicast group", %group);
                self.node.events.emit(|| UdpEvent::GroupJoined);
                // Others are to hear of this node as soon as they can.
                self.node.service.node().advertise();
            }
            (Some(MembershipChange::Lost), Err(error)) => {
                limited!(self.handle.logs(), WARN, "no longer in the multicast group", %group, %error);
                let reason = error.to_string();
                self.node.events.emit(|| UdpEvent::GroupLost { reason });
            }
            _ => {}
        }
    }
}
