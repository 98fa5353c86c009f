//! A UDP node.

use std::net::SocketAddr;
use std::time::Duration;

use netaio_core::{
    CloseReason, DatagramEvent, DatagramLink, Dispatched, Inbound, Layer, ManagementConfig,
    Message, Now, PeerMessage, ReplyToken, RequestError, RequestId, Role, SendOptions, Transmits,
};

use super::end::{Surroundings, show_failure};
use super::mind::{Handler, Mind, Outcome, Place, late};
use crate::replay::cast::{Party, Plugins};
use crate::replay::log::{Log, show, show_answer};
use crate::replay::wire::Wire;

/// A socket's worth of the core.
pub(super) struct Node {
    pub(super) mind: Mind,
    pub(super) address: SocketAddr,
    group: Option<SocketAddr>,
    pub(super) link: DatagramLink,
    pub(super) asked: Vec<(RequestId, String)>,
    running: Vec<(ReplyToken, Message)>,
    stopping: bool,
    stopped: bool,
}

/// Where datagrams come from.
fn place(address: SocketAddr) -> Place {
    (0, address)
}

impl Node {
    pub(super) fn new(party: &Party, now: Now, wire: &mut Wire) -> Self {
        let address = party.at.expect("a node has an address");
        let mind = Mind::new(party, Role::Node);
        wire.bind(address, party.group);
        Self {
            link: DatagramLink::new(now, mind.config.clone(), mind.generator(0)),
            mind,
            address,
            group: party
                .group
                .map(|group| SocketAddr::new(group, address.port())),
            asked: Vec::new(),
            running: Vec::new(),
            stopping: false,
            stopped: false,
        }
    }

    pub(super) fn receive(&mut self, now: Now, from: SocketAddr, datagram: &[u8]) {
        // What it sent to the group itself comes back.
        if !self.stopping && from != self.address {
            self.link.receive(now, from, datagram.into());
        }
    }

    /// Drains the outputs until only a deadline is left.
    pub(super) fn turn(&mut self, around: &mut Surroundings<'_>) {
        let now = around.now;
        let is_done = |(_, message): &mut (_, Message)| around.finished.contains(&message.uri);
        for (token, request) in self.running.extract_if(.., is_done) {
            let sent = self.link.reply(now, &token, &late(&request));
            sent.expect("the scenario's answers fit");
        }
        while let Some(event) = self.link.poll_event() {
            match event {
                DatagramEvent::Message(inbound) => self.handle(around, inbound),
                DatagramEvent::Answered {
                    request,
                    answer,
                    remote,
                } => {
                    self.mind.discovery.heard(now, place(remote));
                    let name = self.name_of(request);
                    around
                        .log
                        .write(name, show_answer(&answer.message, answer.verified));
                }
                DatagramEvent::Failed { request, error } => {
                    let name = self.name_of(request);
                    around.log.write(name, show_failure(&error));
                }
                // The drivers show these to nobody but their log.
                DatagramEvent::Refused { .. } | DatagramEvent::Suppressed { .. } => {}
                other => panic!("{other:?} is new"),
            }
        }
        if !self.stopping {
            self.advertise(now);
        }
        self.mind.take_peer_events(around.log);
        let mut out = Transmits::new();
        while !self.stopped && self.link.poll_outbound(&mut out) {
            for (to, datagram) in out.iter() {
                around.wire.send(self.address, to, datagram);
            }
        }
        if self.stopping && !self.stopped && self.running.is_empty() {
            self.stopped = true;
            around.wire.unbind(self.address);
            let line = format!("stopped, {:?}", self.link.counters());
            around.log.write(&self.mind.name, line);
        }
    }

    fn handle(&mut self, around: &Surroundings<'_>, inbound: Inbound) {
        let now = around.now;
        let from = place(inbound.remote().expect("datagrams have senders"));
        let dispatched = self.link.dispatch(now, inbound, &mut self.mind.router);
        if matches!(dispatched, Dispatched::Refused) {
            return;
        }
        self.mind.discovery.heard(now, from);
        let (handler, message, reply) = match dispatched {
            Dispatched::Call {
                handler,
                message,
                reply,
            } => (handler, message, reply),
            Dispatched::Unrouted { message, reply } => {
                let kind = message.message_type;
                self.answer(
                    now,
                    &reply,
                    netaio_core::Node::<Handler>::default_datagram_answer(kind),
                );
                return;
            }
            Dispatched::Refused => return,
        };
        if let Handler::Act(act) = handler {
            let subject = format!("{} calls", self.mind.name);
            let line = format!("{act:?} for {} {}", from.1, show(&message));
            around.log.write(subject, line);
        }
        match self.mind.act(handler, now, from, &message) {
            Outcome::Answer(answer) if matches!(handler, Handler::Peers) => {
                self.answer(now, &reply, answer);
            }
            Outcome::Answer(answer) => self.reply(now, &reply, answer),
            Outcome::Later => self.running.push((reply, message)),
            Outcome::Publish(answer, to, news) => {
                self.reply(now, &reply, Some(answer));
                let to: Vec<_> = to.into_iter().map(|(_, address)| address).collect();
                self.publish(now, &to, &news);
            }
        }
    }

    /// Answers by itself, within the budget for that.
    fn answer(&mut self, now: Now, token: &ReplyToken, answer: Option<Message>) {
        if let Some(answer) = answer {
            let sent = self.link.answer(now, token, &answer);
            sent.expect("the scenario's answers fit");
        }
    }

    fn reply(&mut self, now: Now, token: &ReplyToken, answer: Option<Message>) {
        if let Some(answer) = answer {
            let sent = self.link.reply(now, token, &answer);
            sent.expect("the scenario's answers fit");
        }
    }

    fn name_of(&mut self, request: RequestId) -> String {
        let found = self.asked.iter().position(|(id, _)| *id == request);
        let (_, name) = self.asked.remove(found.expect("every request has a name"));
        name
    }

    /// Sends a message to some, sealed once.
    pub(super) fn publish(&mut self, now: Now, to: &[SocketAddr], message: &Message) -> usize {
        let frame = self.mind.seal(now, &Layer::new(), message);
        if !to.is_empty() {
            let sent = self.link.forward(now, to, &frame);
            sent.expect("the scenario's messages fit");
        }
        to.len()
    }

    /// The first address of every peer.
    pub(super) fn everybody(&self) -> Vec<SocketAddr> {
        let known = self.mind.discovery.peers().list().into_iter();
        known.map(|known| known.addresses[0].1).collect()
    }

    pub(super) fn manage(&mut self, now: Now, app: &str, inner: Option<&Plugins>) {
        self.mind.manage(now, ManagementConfig::new(), app, inner);
    }

    pub(super) fn unmanage(&mut self, now: Now, app: &str) {
        let farewell = self.mind.unmanage(app);
        self.multicast(now, &farewell);
    }

    fn advertise(&mut self, now: Now) {
        while let Some(advertisement) = self.mind.discovery.poll_advertisement() {
            self.multicast(now, &advertisement);
        }
    }

    /// Tells the group something about peers.
    fn multicast(&mut self, now: Now, PeerMessage { message, inner }: &PeerMessage) {
        if let Some(group) = self.group {
            let options = SendOptions::new().with_inner(inner.clone());
            let sent = self.link.send(now, group, message, &options);
            sent.expect("the scenario's messages fit");
        }
    }

    /// The group that messages to everybody go to.
    pub(super) fn group(&self) -> SocketAddr {
        self.group.expect("the node is in a group")
    }

    /// Receives no more, and takes its leave.
    pub(super) fn stop(&mut self, now: Now, log: &Log) {
        self.stopping = true;
        for (request, name) in std::mem::take(&mut self.asked) {
            self.link.cancel(request);
            let closed = RequestError::Closed(CloseReason::Local);
            log.write(name, show_failure(&closed));
        }
        for farewell in self.mind.discovery.stop_all() {
            self.multicast(now, &farewell);
        }
    }

    /// Ends at once, and tells nobody.
    pub(super) fn cut(&mut self, wire: &mut Wire) {
        (self.stopping, self.stopped) = (true, true);
        self.mind.discovery.stop_all();
        wire.unbind(self.address);
    }

    /// When time matters next.
    pub(super) fn deadline(&mut self) -> Option<Duration> {
        let requests = self.link.poll_deadline().map(|deadline| deadline.at);
        let peers = self.mind.discovery.poll_deadline();
        requests.into_iter().chain(peers).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Now) {
        self.link.handle_timeout(now);
        let peers = self.mind.discovery.poll_deadline();
        if peers.is_some_and(|at| at <= now.monotonic) {
            self.mind.discovery.handle_timeout(now);
        }
    }
}
