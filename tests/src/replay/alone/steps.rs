//! What the steps of the scenario ask of parties.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use netaio_core::{
    DatagramHub, Hub, LinkId, ManagementConfig, Node, Now, PeerMessage, SendError, SendOptions,
    Unrouted,
};

use super::Player;
use super::handlers::{generators, node};
use super::party::{AnyHub, End, Party, with_hub};
use crate::replay::cast;
use crate::replay::log::show_delivery;
use crate::replay::scenario::{Request, Side, Step, label};
use crate::replay::wire::Wire;

impl Player {
    pub(super) fn step(&mut self, step: &Step) {
        let now = self.world.now();
        let options = SendOptions::new();
        match step {
            Step::Server(party) => {
                let node = node(party, Node::for_streams);
                let rngs = generators(party.seed(), [u64::MAX].into_iter().chain(0..));
                self.add(party, Side::Server, AnyHub::Streams(Hub::new(node, rngs)));
            }
            Step::Client(party) => {
                let mut node = node(party, Node::for_streams);
                node.set_unrouted(Unrouted::Deliver);
                let rngs = generators(party.seed(), [u64::MAX].into_iter().chain(0..));
                self.add(party, Side::Client, AnyHub::Streams(Hub::new(node, rngs)));
            }
            Step::Node(party) => {
                let address = party.at.expect("a node has an address");
                self.world.wire.bind(address, party.group);
                let group = party.group.map(|group| (group, address.port()).into());
                let rngs = generators(party.seed(), [0, u64::MAX].into_iter());
                let hub = DatagramHub::new(now, node(party, Node::for_datagrams), group, rngs);
                self.add(party, Side::Server, AnyHub::Datagrams(hub));
            }
            Step::Connect {
                client,
                server,
                name,
            } => {
                let address = self.party(server).address.expect("a server listens");
                let stream = self.world.wire.open(name, false);
                self.enter(client, name, stream, address);
                self.enter(server, name, stream, Wire::client_address(stream));
            }
            Step::Intrude { server, name } => {
                let stream = self.world.wire.open(name, true);
                self.enter(server, name, stream, Wire::client_address(stream));
            }
            Step::Request(request) => self.request(request),
            Step::Ask(request) => {
                let to = request.to.expect("a node asks somebody");
                let party = self.party(&request.on);
                let (message, options) = (request.message(), request.options());
                let asked = party.datagrams().request(now, to, &message, &options);
                let asked = asked.expect("the scenario's messages fit");
                party.asked.insert((None, asked), request.subject());
            }
            Step::Send { on, from, message } => {
                let (party, link) = self.end(&label(on, *from));
                let sent = party
                    .streams()
                    .send(now, link, &message.message(), &options);
                sent.expect("it is open");
            }
            Step::Tell { on, to, message } => {
                let (hub, message) = (self.party(on).datagrams(), message.message());
                let sent = match to {
                    Some(to) => hub.send(now, *to, &message, &options),
                    None => hub.multicast(now, &message, &options),
                };
                sent.expect("the scenario's messages fit");
            }
            Step::Notify { on, key, message } => {
                let (key, message) = (key.as_bytes(), message.message());
                let delivery =
                    with_hub!(self.party(on), hub => hub.notify(now, key, &message, &options));
                let delivery = delivery.expect("the scenario's messages fit");
                let shown = show_delivery(delivery.queued, delivery.failed);
                self.world.log.write(on, shown);
            }
            Step::Broadcast { on, message } => {
                let message = message.message();
                let delivery =
                    with_hub!(self.party(on), hub => hub.broadcast(now, &message, &options));
                let delivery = delivery.expect("the scenario's messages fit");
                let shown = show_delivery(delivery.queued, delivery.failed);
                self.world.log.write(on, shown);
            }
            Step::Finish { uri } => {
                self.world.finished.insert(uri.clone().into());
            }
            Step::Manage { on, app, inner } => {
                let inner = inner.as_ref().map(cast::Plugins::inner).unwrap_or_default();
                let config = ManagementConfig::new().with_app_id(app.clone());
                let config = config.with_inner(inner);
                let party = self.party(on);
                let managed = with_hub!(party, hub => hub.node_mut().manage_peers(now, config));
                managed.expect("the scenario's peers can be introduced");
                if party.side == Side::Client {
                    let introduction = party.streams().node_mut().poll_advertisement();
                    party.tell_servers(now, introduction.expect("it is due"));
                }
            }
            Step::Unmanage { on, app } => {
                let (party, app) = (self.party(on), app.as_bytes());
                if party.side == Side::Client {
                    let farewell = party.streams().node_mut().stop_peer_management(app);
                    party.tell_servers(now, farewell.expect("it was managed"));
                    return;
                }
                assert!(with_hub!(party, hub => hub.stop_peer_management(now, app)));
            }
            Step::Reset { on } => {
                // To a link it is the remote's last byte: nothing of what the links of
                // the scenario still write would arrive.
                let stream = self.world.wire.reset(on);
                self.receive(stream, Side::Client, &[]);
                self.receive(stream, Side::Server, &[]);
            }
            Step::Close { on, from } => {
                let (party, link) = self.end(&label(on, *from));
                party.streams().close(now, link);
            }
            Step::Stop { on } => {
                let party = self.party(on);
                party.is_stopping = true;
                with_hub!(party, hub => {
                    let grace = hub.node().config().limits().shutdown_grace();
                    hub.drain(now, grace);
                });
            }
            Step::Drop { on } => {
                let party = self.party(on);
                party.is_dropped = true;
                match (&mut party.hub, party.address) {
                    (AnyHub::Streams(hub), _) => hub.drain(now, Duration::ZERO),
                    (AnyHub::Datagrams(_), address) => {
                        self.parties.remove(on);
                        self.world.wire.unbind(address.expect("a node has one"));
                    }
                }
            }
            other => panic!("{other:?} is for the wire"),
        }
    }
}

impl Player {
    fn add(&mut self, party: &cast::Party, side: Side, hub: AnyHub) {
        let made = Party {
            name: party.name.clone(),
            address: party.at,
            side,
            hub,
            ends: BTreeMap::new(),
            asked: BTreeMap::new(),
            calls: Vec::new(),
            kept: BTreeMap::new(),
            is_stopping: false,
            is_dropped: false,
        };
        self.parties.insert(party.name.clone(), made);
    }

    fn party(&mut self, name: &str) -> &mut Party {
        let found = self.parties.get_mut(name);
        found.unwrap_or_else(|| panic!("there is no {name}"))
    }

    /// Gives a party its end of a connection.
    fn enter(&mut self, party: &str, name: &str, stream: usize, remote: SocketAddr) {
        let now = self.world.now();
        let party = self.party(party);
        let link = match party.side {
            Side::Client => party.streams().connect(now, Some(remote)),
            Side::Server => {
                let accepted = party.streams().accept(now, Some(remote));
                accepted.expect("there is room")
            }
        };
        let end = End {
            stream,
            label: label(name, party.side),
            closed: None,
        };
        party.ends.insert(link, end);
    }

    /// Whoever has an end of a connection, and its link.
    pub(super) fn end(&mut self, label: &str) -> (&mut Party, LinkId) {
        let mut parties = self.parties.values_mut();
        let found = parties.find_map(|party| party.link(label).map(|link| (party, link)));
        found.unwrap_or_else(|| panic!("nobody has {label}"))
    }

    fn request(&mut self, request: &Request) {
        let now = self.world.now();
        let (party, link) = self.end(&label(&request.on, request.from));
        let (message, options) = (request.message(), request.options());
        let asked = match party.ends[&link].closed.clone() {
            Some(reason) => Err(SendError::Closed(reason)),
            None => party.streams().request(now, link, &message, &options),
        };
        match asked {
            Ok(id) => drop(party.asked.insert((Some(link), id), request.subject())),
            Err(error) => {
                let line = format!("failed: {error}");
                self.world.log.write(request.subject(), line);
            }
        }
    }
}

impl Party {
    /// As clients of the driver do: sealed for each server.
    fn tell_servers(&mut self, now: Now, PeerMessage { message, inner }: PeerMessage) {
        let options = SendOptions::new().with_inner(inner);
        let links: Vec<_> = self.streams().node().links().collect();
        for link in links {
            let sent = self.streams().send(now, link, &message, &options);
            sent.expect("it is open");
        }
    }
}
