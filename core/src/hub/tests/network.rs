//! Nodes on one network, with a multicast group, in virtual time.

use super::*;
use crate::hub::{DatagramHub, DatagramHubEvent, DatagramOutput};
use crate::peers::ManagementConfig;
use crate::plugin::Peer;

/// What came out of a node's hub.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    Called(SocketAddr, Message),
    Message(SocketAddr, Message),
    Answered(SocketAddr, RequestId, Message),
    Failed(RequestId, RequestError),
    Peer(PeerEvent<Place>),
    Closed,
    Lapsed,
    Resubscribed,
}

pub(super) struct Host {
    pub(super) address: SocketAddr,
    pub(super) hub: DatagramHub<Handler>,
    pub(super) deferred: VecDeque<(Call, Message)>,
    pub(super) said: Vec<Said>,
    /// Its socket takes nothing.
    pub(super) blocked: bool,
    /// It is cut off from the others.
    pub(super) silent: bool,
}

pub(super) struct Network {
    pub(super) hosts: Vec<Host>,
    pub(super) now: Now,
    /// Nothing leads to the group.
    pub(super) without_group: bool,
    /// Datagrams that were sent: from, to, and their bytes.
    pub(super) sent: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
}

pub(super) fn group() -> SocketAddr {
    SocketAddr::from(([224, 0, 0, 1], 8888))
}

impl Network {
    pub(super) fn new(hosts: u8) -> Self {
        Self::with(hosts, &plain())
    }

    pub(super) fn with(hosts: u8, config: &LinkConfig) -> Self {
        let host = |number: u8| {
            let mut node = Node::for_datagrams(config.clone());
            node.set_unrouted(crate::Unrouted::Deliver);
            let mut seed = u64::from(number) * 100;
            let mut hub = DatagramHub::new(NOON, node, Some(group()), || {
                seed += 1;
                generator(seed)
            });
            for (key, handler) in [
                ((types::REQUEST_URI, "echo"), Handler::Echo),
                ((types::REQUEST_URI, "later"), Handler::Defer),
                ((types::SUBSCRIBE_URI, "news"), Handler::Subscribe),
                ((types::UNSUBSCRIBE_URI, "news"), Handler::Unsubscribe),
            ] {
                assert!(hub.on(key, handler, Layer::new()).unwrap().is_none());
            }
            Host {
                address: SocketAddr::from(([10, 0, 0, number], 8888)),
                hub,
                deferred: VecDeque::new(),
                said: Vec::new(),
                blocked: false,
                silent: false,
            }
        };
        Self {
            hosts: (1..=hosts).map(host).collect(),
            now: NOON,
            without_group: false,
            sent: Vec::new(),
        }
    }

    /// The hosts manage peers, each under its number.
    pub(super) fn manage_peers(&mut self) {
        for (number, host) in self.hosts.iter_mut().enumerate() {
            let peer = Peer::new(alloc::format!("{number}"));
            let config = ManagementConfig::new();
            host.hub.manage_peers(self.now, peer, config).unwrap();
        }
        self.run();
    }

    pub(super) fn run(&mut self) {
        loop {
            let before = self.sent.len();
            for host in 0..self.hosts.len() {
                self.poll(host);
            }
            for index in before..self.sent.len() {
                let (from, to, bytes) = self.sent[index].clone();
                self.deliver(from, to, &bytes);
            }
            if self.sent.len() == before {
                return;
            }
        }
    }

    pub(super) fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        for host in &mut self.hosts {
            let hears = to == group() && !self.without_group || to == host.address;
            if hears && host.address != from && !host.silent {
                host.hub.receive(self.now, from, bytes).unwrap();
            }
        }
    }

    pub(super) fn poll(&mut self, index: usize) {
        let now = self.now;
        let sent = &mut self.sent;
        let Host {
            address,
            hub,
            deferred,
            said,
            blocked,
            silent,
        } = &mut self.hosts[index];
        loop {
            let Some(output) = hub.poll(now) else {
                match hub.deadline() {
                    Some(at) if at <= now.monotonic => continue,
                    _ => break,
                }
            };
            match output {
                DatagramOutput::Call {
                    call,
                    handler,
                    message,
                } => {
                    said.push(Said::Called(call.remote().unwrap(), message.clone()));
                    let answer = match handler {
                        Handler::Defer => {
                            deferred.push_back((call, message));
                            continue;
                        }
                        Handler::Echo => Message::respond_uri(message.uri, message.content),
                        Handler::Subscribe => hub.subscribe(&call, &message.uri),
                        Handler::Unsubscribe => hub.unsubscribe(&call, &message.uri),
                    };
                    hub.reply(now, call, answer).unwrap();
                }
                DatagramOutput::Message { message, remote } => {
                    said.push(Said::Message(remote, message));
                }
                DatagramOutput::Answered {
                    request,
                    answer,
                    remote,
                } => said.push(Said::Answered(remote, request, answer.message)),
                DatagramOutput::Failed { request, error } => {
                    said.push(Said::Failed(request, error));
                }
                DatagramOutput::Transmit { to, bytes, .. } => {
                    if *blocked {
                        hub.not_sent();
                    } else if !*silent {
                        sent.push((*address, to, bytes.to_vec()));
                    }
                }
                DatagramOutput::Closed => said.push(Said::Closed),
                DatagramOutput::Event(DatagramHubEvent::Peer(event)) => {
                    said.push(Said::Peer(event));
                }
                DatagramOutput::Event(DatagramHubEvent::Lapsed { .. }) => said.push(Said::Lapsed),
                DatagramOutput::Event(DatagramHubEvent::Resubscribed { .. }) => {
                    said.push(Said::Resubscribed);
                }
                DatagramOutput::Cancelled { call, reason } => {
                    panic!("{call:?} is cancelled: {reason:?}")
                }
                DatagramOutput::Event(other) => panic!("{other:?}"),
            }
        }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        let until = after(self.now, time);
        self.run();
        loop {
            let deadlines = self.hosts.iter_mut().filter_map(|it| it.hub.deadline());
            let Some(at) = deadlines.min().filter(|at| *at <= until.monotonic) else {
                break;
            };
            self.now = after(self.now, at.saturating_sub(self.now.monotonic));
            self.run();
        }
        self.now = until;
    }

    pub(super) fn said(&mut self, host: usize) -> Vec<Said> {
        core::mem::take(&mut self.hosts[host].said)
    }

    pub(super) fn ask(&mut self, from: usize, to: usize, message: &Message) -> RequestId {
        let (now, address) = (self.now, self.hosts[to].address);
        let options = RequestOptions::new();
        let hub = &mut self.hosts[from].hub;
        hub.request(now, address, message, &options).unwrap()
    }

    /// The numbers that a host knows peers under.
    pub(super) fn peers(&self, host: usize) -> Vec<Bytes> {
        let peers = self.hosts[host].hub.node().peers().list();
        let mut ids: Vec<_> = peers.iter().map(|known| known.peer.id.clone()).collect();
        ids.sort();
        ids
    }
}
