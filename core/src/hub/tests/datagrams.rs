//! Nodes on one network, with a multicast group, in virtual time.

use super::*;
use crate::error::Backpressure;
use crate::hub::{DatagramHub, DatagramHubEvent, DatagramOutput};
use crate::limits::Limits;
use crate::peers::{ManagementConfig, RemovalReason};
use crate::plugin::Peer;

/// What came out of a node's hub.
#[derive(Debug, PartialEq)]
enum Said {
    Called(SocketAddr, Message),
    Message(SocketAddr, Message),
    Answered(SocketAddr, RequestId, Message),
    Failed(RequestId, RequestError),
    Peer(PeerEvent<Place>),
    Closed,
}

struct Host {
    address: SocketAddr,
    hub: DatagramHub<Handler>,
    deferred: VecDeque<(Call, Message)>,
    said: Vec<Said>,
    /// Its socket takes nothing.
    blocked: bool,
    /// It is cut off from the others.
    silent: bool,
}

struct Network {
    hosts: Vec<Host>,
    now: Now,
    /// Datagrams that were sent: from, to, and their bytes.
    sent: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
}

fn group() -> SocketAddr {
    SocketAddr::from(([224, 0, 0, 1], 8888))
}

impl Network {
    fn new(hosts: u8) -> Self {
        Self::with(hosts, &LinkConfig::new())
    }

    fn with(hosts: u8, config: &LinkConfig) -> Self {
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
            sent: Vec::new(),
        }
    }

    /// The hosts manage peers, each under its number.
    fn manage_peers(&mut self) {
        for (number, host) in self.hosts.iter_mut().enumerate() {
            let peer = Peer::new(alloc::format!("{number}"));
            let config = ManagementConfig::new();
            host.hub.manage_peers(self.now, peer, config).unwrap();
        }
        self.run();
    }

    fn run(&mut self) {
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

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        for host in &mut self.hosts {
            let hears = to == group() || to == host.address;
            if hears && host.address != from && !host.silent {
                host.hub.receive(self.now, from, bytes).unwrap();
            }
        }
    }

    fn poll(&mut self, index: usize) {
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
                DatagramOutput::Transmit { to, bytes } => {
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
                DatagramOutput::Event(other) => panic!("{other:?}"),
            }
        }
    }

    fn pass(&mut self, time: Duration) {
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

    fn said(&mut self, host: usize) -> Vec<Said> {
        core::mem::take(&mut self.hosts[host].said)
    }

    fn ask(&mut self, from: usize, to: usize, message: &Message) -> RequestId {
        let (now, address) = (self.now, self.hosts[to].address);
        let options = RequestOptions::new();
        let hub = &mut self.hosts[from].hub;
        hub.request(now, address, message, &options).unwrap()
    }

    /// The numbers that a host knows peers under.
    fn peers(&self, host: usize) -> Vec<Bytes> {
        let peers = self.hosts[host].hub.node().peers().list();
        let mut ids: Vec<_> = peers.iter().map(|known| known.peer.id.clone()).collect();
        ids.sort();
        ids
    }
}

fn removed(said: &[Said]) -> Option<RemovalReason> {
    said.iter().find_map(|said| match said {
        Said::Peer(PeerEvent::Removed { why, .. }) => Some(*why),
        _ => None,
    })
}

#[test]
fn nodes_of_a_group_find_each_other() {
    let mut network = Network::new(3);
    network.manage_peers();
    assert_eq!(network.peers(0), ["1", "2"]);
    assert_eq!(network.peers(1), ["0", "2"]);
    assert_eq!(network.peers(2), ["0", "1"]);
    for host in 0..3 {
        let said = network.said(host);
        let added = |said: &Said| matches!(said, Said::Peer(PeerEvent::Added(_)));
        assert!(said.len() == 2 && said.iter().all(added), "{said:?}");
    }
    // And keep each other, by what they advertise.
    network.pass(10 * ManagementConfig::DEFAULT_TIMEOUT);
    for host in 0..3 {
        assert_eq!(
            (network.peers(host).len(), network.said(host).len()),
            (2, 0)
        );
    }
}

#[test]
fn subscribers_get_what_is_published_and_requests_are_answered() {
    let mut network = Network::new(3);
    network.manage_peers();
    for subscriber in [1, 2] {
        network.ask(subscriber, 0, &Message::subscribe("news"));
    }
    network.run();
    for host in 0..3 {
        network.said(host);
    }
    let now = network.now;
    let delivery = network.hosts[0].hub.publish(now, "news", "new").unwrap();
    assert_eq!((delivery.queued, delivery.failed), (2, 0));
    network.run();
    let from = network.hosts[0].address;
    let news = Message::notify("news", "new");
    for subscriber in [1, 2] {
        let expected = [Said::Message(from, news.clone())];
        assert_eq!(network.said(subscriber), expected);
    }
    let id = network.ask(1, 0, &request("echo", "content"));
    network.ask(2, 0, &Message::unsubscribe("news"));
    network.run();
    let answer = Message::respond_uri("echo", "content");
    assert_eq!(network.said(1), [Said::Answered(from, id, answer)]);
    let delivery = network.hosts[0].hub.publish(now, "news", "new").unwrap();
    assert_eq!((delivery.queued, delivery.failed), (1, 0));
}

#[test]
fn what_goes_to_many_is_sealed_once() {
    let config = LinkConfig::new().with_outer(hmac("secret"));
    let mut network = Network::with(3, &config);
    for subscriber in [1, 2] {
        network.ask(subscriber, 0, &Message::subscribe("news"));
    }
    network.run();
    network.sent.clear();
    let now = network.now;
    let published = network.hosts[0].hub.publish(now, "news", "new");
    assert_eq!(published.unwrap().queued, 2);
    network.run();
    let [(_, _, first), (_, _, second)] = &network.sent[..] else {
        panic!("{} datagrams", network.sent.len());
    };
    assert_eq!(first, second);
}

#[test]
fn one_that_falls_silent_is_removed_with_its_subscriptions() {
    let mut network = Network::new(3);
    network.manage_peers();
    network.ask(1, 0, &Message::subscribe("news"));
    network.run();
    network.said(0);
    network.hosts[1].silent = true;
    network.pass(ManagementConfig::DEFAULT_TIMEOUT + SECOND);
    assert_eq!(network.peers(0), ["2"]);
    let said = network.said(0);
    assert_eq!(removed(&said), Some(RemovalReason::TimedOut));
    let node = network.hosts[0].hub.node();
    assert_eq!(node.subscribers(b"news").count(), 0);
    // It comes back, and finds the others again.
    network.hosts[1].silent = false;
    network.pass(ManagementConfig::DEFAULT_EVERY);
    assert_eq!(network.peers(0), ["1", "2"]);
    assert_eq!(network.peers(1), ["0", "2"]);
}

#[test]
fn one_that_leaves_says_so_and_answers_before() {
    let mut network = Network::new(3);
    network.manage_peers();
    network.ask(1, 0, &Message::subscribe("news"));
    let id = network.ask(2, 1, &request("later", "content"));
    network.run();
    for host in 0..3 {
        network.said(host);
    }
    let now = network.now;
    network.hosts[1].hub.drain(now, 5 * SECOND);
    network.run();
    assert_eq!(network.peers(0), ["2"]);
    assert_eq!(removed(&network.said(0)), Some(RemovalReason::Disconnect));
    let node = network.hosts[0].hub.node();
    assert_eq!(node.subscribers(b"news").count(), 0);
    assert!(!network.hosts[1].hub.wants_read());
    assert_eq!(network.said(1), []);
    let (call, message) = network.hosts[1].deferred.pop_front().unwrap();
    let answer = Message::respond_uri(message.uri, message.content);
    let reply = network.hosts[1].hub.reply(now, call, answer);
    reply.unwrap();
    network.run();
    let answered = |said: &Said| matches!(said, Said::Answered(_, it, _) if *it == id);
    assert!(network.said(2).iter().any(answered));
    assert_eq!(network.said(1), [Said::Closed]);
    assert_eq!(network.hosts[1].hub.deadline(), None);
}

#[test]
fn what_a_socket_does_not_take_comes_again_in_its_order() {
    let mut network = Network::new(2);
    network.hosts[1].blocked = true;
    let contents = ["first", "second", "third"];
    let ids = contents.map(|text| network.ask(1, 0, &request("echo", text)));
    network.run();
    assert_eq!(network.sent.len(), 0);
    // One more, while it waits.
    network.ask(1, 0, &request("echo", "fourth"));
    network.run();
    network.hosts[1].hub.writable();
    network.run();
    assert_eq!(network.sent.len(), 0);
    network.hosts[1].blocked = false;
    network.run();
    assert_eq!(network.sent.len(), 0);
    network.hosts[1].hub.writable();
    network.run();
    let answered = network.said(1).into_iter().map(|said| match said {
        Said::Answered(_, id, answer) => (id, answer.content),
        other => panic!("{other:?}"),
    });
    let answered: Vec<_> = answered.collect();
    assert_eq!(answered.len(), 4);
    for (answered, expected) in answered.iter().zip(ids.into_iter().zip(contents)) {
        assert_eq!(
            (answered.0, &answered.1[..]),
            (expected.0, expected.1.as_bytes())
        );
    }
}

#[test]
fn a_hub_that_is_not_polled_takes_a_bounded_number_of_bytes() {
    let mut network = Network::new(2);
    let from = network.hosts[1].address;
    let bytes = frame(&Message::notify("u", [0; 1000].to_vec()));
    let hub = &mut network.hosts[0].hub;
    let mut taken = 0;
    let refused = loop {
        match hub.receive(NOON, from, &bytes) {
            Ok(()) => taken += bytes.len(),
            Err(Backpressure { unhandled }) => break unhandled,
        }
    };
    assert_eq!(refused, taken);
    assert!(!hub.wants_read() && taken <= Limits::HIGH_WATER + bytes.len());
    network.run();
    assert_eq!(network.said(0).len() * bytes.len(), taken);
    assert!(network.hosts[0].hub.wants_read());
}

#[test]
fn a_request_to_nobody_times_out_at_the_hubs_own_deadline() {
    let mut network = Network::new(1);
    let (now, nobody) = (network.now, SocketAddr::from(([10, 0, 0, 99], 8888)));
    let hub = &mut network.hosts[0].hub;
    let options = RequestOptions::new();
    let asked = hub.request(now, nobody, &request("echo", ""), &options);
    let timeout = options.timeout();
    network.pass(timeout);
    let failed = Said::Failed(asked.unwrap(), RequestError::TimedOut(timeout));
    assert_eq!(network.said(0), [failed]);
    assert_eq!(network.hosts[0].hub.deadline(), None);
}

/// All datagrams of a busy while.
fn run() -> Vec<(SocketAddr, SocketAddr, Vec<u8>)> {
    let config = LinkConfig::new().with_outer(hmac("secret"));
    let mut network = Network::with(5, &config);
    network.manage_peers();
    for number in 0..20 {
        let (one, other) = (number % 5, (number + 1) % 5);
        network.ask(one, other, &Message::subscribe("news"));
        network.ask(one, other, &request("echo", "content"));
        network.pass(SECOND);
        let now = network.now;
        network.hosts[other]
            .hub
            .publish(now, "news", "new")
            .unwrap();
        network.pass(5 * SECOND);
    }
    network.sent
}

#[test]
fn the_same_seed_and_inputs_give_the_same_datagrams() {
    let first = run();
    assert!(first.len() > 100);
    assert!(first == run());
}
