//! One play of a script.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use netaio_core::Now;

use super::config::{GROUP, HOSTS};
use super::host::{Host, Seen};
use crate::input::Input;

/// Datagrams of one script that are on their way at one time; more are lost.
pub(super) const ON_THEIR_WAY: usize = 64;
/// Datagrams of the largest size in one script.
const LARGE: usize = 4;

/// The longest grace of a drain.
const MAX_GRACE: Duration = Duration::from_secs(15);

/// One on its way.
#[derive(Clone)]
pub(super) struct Datagram {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) bytes: Bytes,
}

pub(super) struct Play<'a> {
    pub(super) script: Input<'a>,
    pub(super) now: Now,
    pub(super) hosts: [Host; HOSTS],
    pub(super) network: Vec<Datagram>,
    /// Nodes are polled after each datagram.
    one_by_one: bool,
    pub(super) serial: u32,
    pub(super) large: usize,
    /// Who signs can be copied.
    pub(super) layer: u8,
}

impl<'a> Play<'a> {
    pub(super) fn new(data: &'a [u8], one_by_one: bool) -> Self {
        let mut script = Input::new(data);
        let (layer, limits) = (script.byte(), script.byte());
        let now = Now::new(Duration::from_secs(1000), 1_700_000_000);
        Self {
            hosts: std::array::from_fn(|at| Host::new(now, at, layer, limits)),
            script,
            now,
            network: Vec::new(),
            one_by_one,
            serial: 0,
            large: LARGE,
            layer,
        }
    }

    /// A datagram arrives at whoever it is for.
    pub(super) fn arrive(&mut self, datagram: &Datagram) {
        let Datagram { from, to, bytes } = datagram;
        for host in &mut self.hosts {
            let multicast = *to == GROUP;
            if multicast && host.address != *from || host.address == *to {
                host.receive(self.now, *from, bytes, self.one_by_one);
            }
        }
    }

    /// After every operation: does all that can be done, and looks at all that has to
    /// hold.
    pub(super) fn settle(&mut self) {
        let now = self.now;
        for host in &mut self.hosts {
            host.drain(now);
            let sent = host.transmit();
            if !sent.is_empty() {
                host.drain(now);
            }
            for (to, bytes) in sent {
                if self.network.len() < ON_THEIR_WAY {
                    let from = host.address;
                    self.network.push(Datagram { from, to, bytes });
                }
            }
            host.check(now);
        }
    }

    /// Ends everything: the nodes take their leave, and close in time.
    pub(super) fn finish(mut self) -> [Host; HOSTS] {
        let grace = Duration::from_secs(3);
        for at in 0..HOSTS {
            let (now, host) = (self.now, &mut self.hosts[at]);
            host.blocked = false;
            host.begin_drain(now, grace);
            self.settle();
            // Half of the calls are answered in time.
            if at != 1 {
                while let Some((call, answer)) = self.hosts[at].deferred.pop_front() {
                    self.hosts[at].reply(self.now, call, Some(answer));
                    self.settle();
                }
            }
        }
        // Some have begun before, and have longer.
        self.now = Now::new(self.now.deadline(MAX_GRACE), self.now.unix);
        self.settle();
        for host in &mut self.hosts {
            while let Some((call, answer)) = host.deferred.pop_front() {
                host.reply(self.now, call, Some(answer));
            }
        }
        // Nobody listens any more.
        for datagram in std::mem::take(&mut self.network) {
            self.arrive(&datagram);
        }
        for host in &mut self.hosts {
            host.drain(self.now);
            assert!(host.transmit().is_empty());
            assert!(host.closed && host.waiting.is_empty());
            assert!(matches!(host.seen.last(), Some(Seen::Closed)));
            assert_eq!(host.link.deadline(&mut host.node), None);
            let (node, link) = (&host.node, &host.link);
            assert_eq!((node.inbound_bytes(), node.outbound_bytes()), (0, 0));
            assert_eq!((link.pending_requests(), link.calls_in_flight()), (0, 0));
            host.check_events();
        }
        self.hosts
    }
}
