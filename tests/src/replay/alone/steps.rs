//! What the steps of the scenario ask of parties.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use netaio_core::{
    DatagramHub, Hub, LinkId, ManagementConfig, Message, Node, Now, PeerMessage, SendError,
    SendOptions, Unrouted,
};

use super::handlers::{generator, node};
use super::party::{AnyHub, End, Party, with_hub};
use super::{Player, fits};
use crate::replay::cast::{self, Plugins};
use crate::replay::log::show_delivery;
use crate::replay::scenario::{Request, Side, Step, label};
use crate::replay::wire::Wire;

impl Player {
    pub(super) fn step(&mut self, step: &Step) {
        let (now, options) = (self.world.now(), SendOptions::new());
        match step {
            Step::Server(party) => self.add_streams(party, Side::Server),
            Step::Client(party) => self.add_streams(party, Side::Client),
            Step::Node(party) => self.add_datagrams(party),
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
            Step::Request(request) | Step::Ask(request) => self.request(request),
            Step::Send { on, from, message } => {
                let (party, link) = self.end(on, *from);
                fits(
                    party
                        .streams()
                        .send(now, link, &message.message(), &options),
                );
            }
            Step::Tell { on, to, message } => {
                let (hub, message) = (self.party(on).datagrams(), message.message());
                fits(match to {
                    Some(to) => hub.send(now, *to, &message, &options),
                    None => hub.multicast(now, &message, &options),
                });
            }
            Step::Notify { on, key, message } => self.publish(on, Some(key), &message.message()),
            Step::Broadcast { on, message } => self.publish(on, None, &message.message()),
            Step::Finish { uri } => drop(self.world.finished.insert(uri.clone().into())),
            Step::Manage { on, app, inner } => {
                let inner = inner.as_ref().map(Plugins::inner).unwrap_or_default();
                let config = ManagementConfig::new().with_app_id(app.clone());
                let (party, config) = (self.party(on), config.with_inner(inner));
                fits(with_hub!(party, hub => hub.node_mut().manage_peers(now, config)));
                if party.side == Side::Client {
                    let introduction = party.streams().node_mut().poll_advertisement();
                    party.tell_servers(now, introduction);
                }
            }
            Step::Unmanage { on, app } => {
                let (party, app) = (self.party(on), app.as_bytes());
                if party.side == Side::Client {
                    let farewell = party.streams().node_mut().stop_peer_management(app);
                    return party.tell_servers(now, farewell);
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
                let (party, link) = self.end(on, *from);
                party.streams().close(now, link);
            }
            Step::Stop { on } => {
                let party = self.party(on);
                party.is_stopping = true;
                with_hub!(party, hub => {
                    hub.drain(now, hub.node().config().limits().shutdown_grace());
                });
            }
            Step::Drop { on } => {
                let party = self.party(on);
                party.is_dropped = true;
                match (&mut party.hub, party.address) {
                    (AnyHub::Datagrams(_), Some(address)) => {
                        self.parties.remove(on);
                        self.world.wire.unbind(address);
                    }
                    // The core cuts them off.
                    _ => party.streams().drain(now, Duration::ZERO),
                }
            }
            other => panic!("{other:?} is for the wire"),
        }
    }

    fn add_streams(&mut self, party: &cast::Party, side: Side) {
        let mut node = node(party, Node::for_streams);
        if side == Side::Client {
            node.set_unrouted(Unrouted::Deliver);
        }
        let (seed, mut streams) = (party.seed(), [u64::MAX].into_iter().chain(0..));
        let hub = Hub::new(node, move || {
            generator(seed, streams.next().unwrap_or_default())
        });
        self.add(party, side, AnyHub::Streams(hub.into()));
    }

    fn add_datagrams(&mut self, party: &cast::Party) {
        let address = party.at.expect("a node has an address");
        self.world.wire.bind(address, party.group);
        let group = party.group.map(|group| (group, address.port()).into());
        let node = node(party, Node::for_datagrams);
        let mut streams = [0, u64::MAX].into_iter();
        let make_rng = || generator(party.seed(), streams.next().unwrap_or_default());
        let hub = DatagramHub::new(self.world.now(), node, group, make_rng);
        self.add(party, Side::Server, AnyHub::Datagrams(hub.into()));
    }

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
        self.parties.get_mut(name).expect("it is there")
    }

    /// Gives a party its end of a connection.
    fn enter(&mut self, party: &str, name: &str, stream: usize, remote: SocketAddr) {
        let (now, party) = (self.world.now(), self.party(party));
        let link = match party.side {
            Side::Client => party.streams().connect(now, Some(remote)),
            Side::Server => fits(party.streams().accept(now, Some(remote))),
        };
        let (label, closed) = (label(name, party.side), None);
        let end = End {
            stream,
            label,
            closed,
        };
        party.ends.insert(link, end);
    }

    /// Whoever has an end of a connection, and its link.
    pub(super) fn end(&mut self, name: &str, side: Side) -> (&mut Party, LinkId) {
        let label = label(name, side);
        let find = |party: &Party| {
            let mut ends = party.ends.iter();
            ends.find_map(|(link, end)| (end.label == label).then_some(*link))
        };
        let mut parties = self.parties.values_mut();
        let found = parties.find_map(|party| find(party).map(|link| (party, link)));
        found.expect("somebody has it")
    }

    fn request(&mut self, request: &Request) {
        let now = self.world.now();
        let (message, options) = (request.message(), request.options());
        let (party, link, asked) = match request.to {
            Some(to) => {
                let party = self.party(&request.on);
                let asked = party.datagrams().request(now, to, &message, &options);
                (party, None, asked)
            }
            None => {
                let (party, link) = self.end(&request.on, request.from);
                let asked = match party.ends[&link].closed.clone() {
                    Some(reason) => Err(SendError::Closed(reason)),
                    None => party.streams().request(now, link, &message, &options),
                };
                (party, Some(link), asked)
            }
        };
        match asked {
            Ok(id) => drop(party.asked.insert((link, id), request.subject())),
            Err(error) => {
                let line = format!("failed: {error}");
                self.world.log.write(request.subject(), line);
            }
        }
    }

    /// Sends a message to the subscribers of a key, or to everybody.
    fn publish(&mut self, on: &str, key: Option<&String>, message: &Message) {
        let (now, options) = (self.world.now(), SendOptions::new());
        let delivery = fits(with_hub!(self.party(on), hub => match key {
            Some(key) => hub.notify(now, key.as_bytes(), message, &options),
            None => hub.broadcast(now, message, &options),
        }));
        let shown = show_delivery(delivery.accepted(), delivery.lost());
        self.world.log.write(on, shown);
    }
}

impl Party {
    /// A client of the driver seals what it says of itself for each server.
    fn tell_servers(&mut self, now: Now, said: Option<PeerMessage>) {
        let PeerMessage { message, inner } = said.expect("there is something to say");
        let options = SendOptions::new().with_inner(inner);
        let links: Vec<_> = self.streams().node().links().collect();
        for link in links {
            fits(self.streams().send(now, link, &message, &options));
        }
    }
}
