//! The scenario with the core alone: a loop around links, nodes and time.

mod end;
mod mind;
mod node;
mod party;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use netaio_core::{CloseReason, Now, Role, SendOptions};

use self::end::{End, Surroundings};
use self::node::Node;
use self::party::Party;
use super::log::{Log, show_delivery};
use super::now_at;
use super::scenario::{Request, Side, Step};
use super::wire::{Delivery, Wire};

/// Plays the steps, and returns what happened.
pub(super) fn play(steps: &[Step]) -> Log {
    let mut player = Player::new();
    for (number, step) in steps.iter().enumerate() {
        player.log.begin(number);
        player.step(number, step);
        player.settle();
        player.wire.log();
    }
    player.log
}

struct Player {
    log: Log,
    wire: Wire,
    elapsed: Duration,
    parties: BTreeMap<String, Party>,
    nodes: BTreeMap<String, Node>,
    /// The ends of each connection: whose, and the number there.
    ends: BTreeMap<(usize, Side), (String, u64)>,
    finished: BTreeSet<Bytes>,
}

impl Player {
    fn new() -> Self {
        let log = Log::default();
        Self {
            wire: Wire::new(log.clone()),
            log,
            elapsed: Duration::ZERO,
            parties: BTreeMap::new(),
            nodes: BTreeMap::new(),
            ends: BTreeMap::new(),
            finished: BTreeSet::new(),
        }
    }

    fn now(&self) -> Now {
        now_at(self.elapsed)
    }

    /// Drains everything until nothing is on its way any more.
    fn settle(&mut self) {
        loop {
            self.drain();
            let now = self.now();
            match self.wire.next_delivery() {
                None => return,
                Some(Delivery::Bytes(stream, way, bytes)) => {
                    if let Some(end) = self.end(stream, Side::reads(way)) {
                        end.link.receive(now, &bytes);
                    }
                }
                Some(Delivery::End(stream, way)) => {
                    if let Some(end) = self.end(stream, Side::reads(way)) {
                        end.eof = true;
                    }
                }
                Some(Delivery::Datagram { from, to, bytes }) => {
                    let mut nodes = self.nodes.values_mut();
                    if let Some(node) = nodes.find(|node| node.address == to) {
                        node.receive(now, from, &bytes);
                    }
                }
            }
        }
    }

    fn drain(&mut self) {
        let now = self.now();
        let mut around = Surroundings {
            wire: &mut self.wire,
            log: &self.log,
            now,
            finished: &self.finished,
        };
        for party in self.parties.values_mut() {
            party.turn(&mut around);
        }
        for node in self.nodes.values_mut() {
            node.turn(&mut around);
        }
    }

    /// Lets time pass, from deadline to deadline.
    fn advance(&mut self, by: Duration) {
        let until = self.elapsed + by;
        loop {
            self.settle();
            let parties = self.parties.values_mut().filter_map(Party::deadline);
            let nodes = self.nodes.values_mut().filter_map(Node::deadline);
            let due = parties.chain(nodes).min().filter(|at| *at <= until);
            let Some(at) = due else {
                break;
            };
            self.elapsed = self.elapsed.max(at);
            let now = self.now();
            for party in self.parties.values_mut() {
                party.handle_timeout(now);
            }
            for node in self.nodes.values_mut() {
                node.handle_timeout(now);
            }
        }
        self.elapsed = until;
    }

    fn step(&mut self, number: usize, step: &Step) {
        let now = self.now();
        if self.wire.obey(step, number, now) {
            return;
        }
        match step {
            Step::Server(party) => self.add(party, Role::Server),
            Step::Client(party) => self.add(party, Role::Client),
            Step::Node(party) => {
                let node = Node::new(party, now, &mut self.wire);
                self.nodes.insert(party.name.clone(), node);
            }
            Step::Connect {
                client,
                server,
                name,
            } => {
                let stream = self.wire.open(name, false);
                let address = self.party(server).address.expect("a server listens");
                self.enter(stream, name, client, address);
                self.enter(stream, name, server, Wire::client_address(stream));
            }
            Step::Intrude { server, name } => {
                let stream = self.wire.open(name, true);
                self.enter(stream, name, server, Wire::client_address(stream));
            }
            Step::Request(request) => self.request(request),
            Step::Send { on, from, message } => {
                let end = self.named(on, *from);
                let sent = end.link.send(now, &message.message(), &SendOptions::new());
                if let Err(error) = sent {
                    let subject = end.label.clone();
                    self.log.write(subject, format!("not sent: {error}"));
                }
            }
            Step::Ask(request) => self.ask(request),
            Step::Tell { on, to, message } => {
                let node = self.node(on);
                let to = to.unwrap_or_else(|| node.group());
                let sent = node
                    .link
                    .send(now, to, &message.message(), &SendOptions::new());
                sent.expect("the scenario's messages fit");
            }
            Step::Notify { on, key, message } => self.notify(on, Some(key), &message.message()),
            Step::Broadcast { on, message } => self.notify(on, None, &message.message()),
            Step::Finish { uri } => {
                self.finished.insert(uri.clone().into());
            }
            Step::Manage { on, app, inner } => match self.nodes.get_mut(on) {
                Some(node) => node.manage(now, app, inner.as_ref()),
                None => self.party(on).manage(now, app, inner.as_ref()),
            },
            Step::Unmanage { on, app } => match self.nodes.get_mut(on) {
                Some(node) => node.unmanage(now, app),
                None => self.party(on).unmanage(now, app),
            },
            Step::Reset { on } => {
                let stream = self.wire.reset(on);
                for side in [Side::Client, Side::Server] {
                    if let Some(end) = self.end(stream, side) {
                        end.link.close(CloseReason::Remote);
                    }
                }
            }
            Step::Advance { ms } => self.advance(Duration::from_millis(*ms)),
            Step::Close { on, from } => {
                let stream = self.wire.find(on);
                let (party, number) = self.ends[&(stream, *from)].clone();
                self.party(&party).close(now, number);
            }
            Step::Stop { on } => self.stop(on),
            Step::Drop { on } => match self.nodes.get_mut(on) {
                Some(node) => node.cut(&mut self.wire),
                None => self.party(on).drop(),
            },
            other => panic!("{other:?} is for the wire"),
        }
    }

    fn add(&mut self, party: &super::cast::Party, role: Role) {
        let name = party.name.clone();
        self.parties.insert(name, Party::new(party, role));
    }

    fn enter(&mut self, stream: usize, name: &str, whose: &str, remote: SocketAddr) {
        let now = self.now();
        let party = self.party(whose);
        let number = party.enter(now, stream, name, remote);
        let side = party.ends[&number].side;
        self.ends.insert((stream, side), (whose.into(), number));
    }

    fn request(&mut self, request: &Request) {
        let now = self.now();
        let subject = request.subject();
        let end = self.named(&request.on, request.from);
        match end
            .link
            .request(now, &request.message(), &request.options())
        {
            Ok(id) => end.asked.push((id, subject)),
            Err(error) => self.log.write(subject, format!("failed: {error}")),
        }
    }

    fn ask(&mut self, request: &Request) {
        let now = self.now();
        let subject = request.subject();
        let to = request.to.expect("a node asks somebody");
        let node = self.node(&request.on);
        let asked = node
            .link
            .request(now, to, &request.message(), &request.options());
        match asked {
            Ok(id) => node.asked.push((id, subject)),
            Err(error) => self.log.write(subject, format!("failed: {error}")),
        }
    }

    /// Tells the subscribers of a key, or everybody.
    fn notify(&mut self, on: &str, key: Option<&String>, message: &netaio_core::Message) {
        let now = self.now();
        let (all, sent) = if let Some(node) = self.nodes.get_mut(on) {
            let to = match key {
                Some(key) => {
                    let subscribed = node.mind.subscriptions.subscribers(key.as_bytes());
                    subscribed.iter().map(|(_, address)| *address).collect()
                }
                None => node.everybody(),
            };
            (to.len(), node.publish(now, &to, message))
        } else {
            let party = self.party(on);
            let to = match key {
                Some(key) => party
                    .mind
                    .subscriptions
                    .subscribers(key.as_bytes())
                    .to_vec(),
                None => party.everybody(),
            };
            let layer = netaio_core::Layer::new();
            (to.len(), party.publish(now, &to, &layer, message))
        };
        self.log.write(on, show_delivery(sent, all - sent));
    }

    fn stop(&mut self, on: &str) {
        let now = self.now();
        match self.nodes.get_mut(on) {
            Some(node) => node.stop(now, &self.log),
            None => self.party(on).stop(now),
        }
    }

    fn party(&mut self, name: &str) -> &mut Party {
        let found = self.parties.get_mut(name);
        found.unwrap_or_else(|| panic!("there is no server or client {name}"))
    }

    fn node(&mut self, name: &str) -> &mut Node {
        let found = self.nodes.get_mut(name);
        found.unwrap_or_else(|| panic!("there is no node {name}"))
    }

    /// An end of a connection, unless it is an intruder's.
    fn end(&mut self, stream: usize, side: Side) -> Option<&mut End> {
        let (party, number) = self.ends.get(&(stream, side))?;
        self.parties.get_mut(party)?.ends.get_mut(number)
    }

    fn named(&mut self, connection: &str, side: Side) -> &mut End {
        let stream = self.wire.find(connection);
        let found = self.end(stream, side);
        found.unwrap_or_else(|| panic!("nobody has this end of {connection}"))
    }
}
