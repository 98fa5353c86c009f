//! One node, its handlers, and what happened there.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use netaio_core::packify::Value;
use netaio_core::types::{SUBSCRIBE_URI, UNSUBSCRIBE_URI};
use netaio_core::{
    Call, DatagramEvent, DatagramLink, Frame, Limits, Message, MessageType, Node, Now, Peer,
    PeerEvent, Place, Refusal, ReplyError, RequestError, RequestId, Response, SendError,
    SendOptions, Transmits, Unrouted,
};

use super::answers::{Answers, Cause};
use super::config::{GROUP, address, config, has_auth, management, rates};
use crate::input::Dice;
use crate::traffic::{Handler, answer_to, answers, asks};

/// What happened at one node.
#[derive(Debug, PartialEq)]
pub(super) enum Seen {
    Called(SocketAddr, Message),
    Delivered(SocketAddr, Message),
    Answered(RequestId, SocketAddr, Response),
    Failed(RequestId, RequestError),
    Refused(SocketAddr, Refusal),
    Suppressed(SocketAddr),
    Lost(SocketAddr),
    NotSent(SocketAddr),
    Unrouted(SocketAddr, MessageType, Bytes),
    Lapsed(SocketAddr, Bytes),
    Resubscribed(SocketAddr, Bytes),
    Unanswered(SocketAddr, MessageType, Bytes),
    Closed,
}

/// A request whose caller waits.
pub(super) struct Asked {
    pub(super) to: SocketAddr,
}

pub(super) struct Host {
    pub(super) address: SocketAddr,
    pub(super) link: DatagramLink,
    pub(super) node: Node<Handler>,
    pub(super) waiting: BTreeMap<RequestId, Asked>,
    pub(super) deferred: VecDeque<(Call, Message)>,
    pub(super) answers: Answers,
    /// What its link has handed out and its socket did not take yet.
    outgoing: Vec<(SocketAddr, Bytes)>,
    /// Its socket takes no datagrams for now.
    pub(super) blocked: bool,
    /// Bytes received since it was polled.
    unpolled: usize,
    has_auth: bool,
    /// Nothing has the form of an answer that is none.
    pub(super) genuine: bool,
    pub(super) seen: Vec<Seen>,
    pub(super) peers_seen: Vec<PeerEvent<Place>>,
    pub(super) refused_seen: Vec<PeerEvent<Place>>,
    /// What an owner knows of peers who sees nothing but events.
    told: BTreeMap<Bytes, Vec<Place>>,
    pub(super) sent: Vec<(SocketAddr, Bytes)>,
    drains: bool,
    pub(super) closed: bool,
    received: u64,
    /// Receivers of all publications.
    published: u64,
}

impl Host {
    pub(super) fn new(now: Now, at: usize, layer: u8, choice: u8) -> Self {
        let mut node = Node::for_datagrams(config(layer, choice));
        let link = node.bind(now, Some(GROUP), Box::new(Dice(at as u64)));
        let mut host = Self {
            address: address(at as u8),
            link,
            node,
            waiting: BTreeMap::new(),
            deferred: VecDeque::new(),
            answers: Answers::new(rates(choice)),
            outgoing: Vec::new(),
            blocked: false,
            unpolled: 0,
            has_auth: has_auth(layer),
            genuine: true,
            seen: Vec::new(),
            peers_seen: Vec::new(),
            refused_seen: Vec::new(),
            told: BTreeMap::new(),
            sent: Vec::new(),
            drains: false,
            closed: false,
            received: 0,
            published: 0,
        };
        // The last one is no peer.
        if at < 2 {
            host.manage(now, at as u8);
        }
        host
    }

    /// Manages peers, or does not any more.
    pub(super) fn manage(&mut self, now: Now, id: u8) {
        if let Some(farewell) = self.node.stop_peer_management(management().app_id()) {
            let options = netaio_core::SendOptions::new();
            self.command(now, |link, node| {
                let _ = link.multicast(now, node, &farewell.message, &options);
            });
            return;
        }
        let peer = Peer::new(vec![b'p', id]);
        let managed = self.node.set_local_peer(peer).map_err(Into::into);
        let managed = managed.and_then(|()| self.node.manage_peers(now, management()));
        managed.expect("a peer that can be introduced");
    }

    pub(super) fn limits(&self) -> Limits {
        self.link.config().limits().clone()
    }

    /// Has the link do something, and notes what it has to send for that.
    pub(super) fn command<T>(
        &mut self,
        now: Now,
        command: impl FnOnce(&mut DatagramLink, &mut Node<Handler>) -> T,
    ) -> T {
        self.cause(now, Cause::Sent, command)
    }

    /// As [`command`](Self::command), for what a handler answers.
    pub(super) fn made<T>(
        &mut self,
        now: Now,
        command: impl FnOnce(&mut DatagramLink, &mut Node<Handler>) -> T,
    ) -> T {
        self.cause(now, Cause::Made, command)
    }

    fn cause<T>(
        &mut self,
        now: Now,
        cause: Cause,
        command: impl FnOnce(&mut DatagramLink, &mut Node<Handler>) -> T,
    ) -> T {
        let before = self.link.queued();
        let result = command(&mut self.link, &mut self.node);
        let added = self.link.queued() - before;
        self.answers.queued(cause, now.monotonic, added);
        result
    }

    /// Publishes a frame to the subscribers of a key: it is held once, and sent to each.
    pub(super) fn publish(
        &mut self,
        now: Now,
        key: &str,
        frame: &[u8],
        message: &Message,
    ) -> Result<usize, SendError> {
        let to = self.node.receivers(key.as_bytes())?;
        self.published += to.len() as u64;
        let frame = Some(Bytes::copy_from_slice(frame));
        let options = SendOptions::new();
        let fan_out = self.node.fan_out(to, frame, message, &options)?;
        // Who does not get it is not known from outside: what is sent is looked at at once.
        self.take_outbound();
        let forwarded = self.link.forward(now, &mut self.node, fan_out);
        let mut sending = Transmits::new();
        while self.link.poll_outbound(&mut sending) {
            for (to, datagram) in sending.iter() {
                if !self.answers.has_shown(to) {
                    self.answers.made(now.monotonic, to, datagram.len());
                }
                self.outgoing.push((to, Bytes::copy_from_slice(datagram)));
            }
        }
        forwarded
    }

    /// Takes what the link hands out.
    fn take_outbound(&mut self) {
        let mut sending = Transmits::new();
        while self.link.poll_outbound(&mut sending) {
            for (to, datagram) in sending.iter() {
                assert!(datagram.len() <= DatagramLink::MAX_DATAGRAM);
                self.answers.sent(&self.link.config().wire, to, datagram);
                self.outgoing.push((to, Bytes::copy_from_slice(datagram)));
            }
        }
        self.answers.check_empty();
    }

    /// Takes a datagram, and is polled at once or before it is too much.
    pub(super) fn receive(&mut self, now: Now, from: SocketAddr, bytes: &[u8], poll: bool) {
        if self.drains || self.unpolled + bytes.len() > Limits::HIGH_WATER {
            self.drain(now);
        }
        // What comes during a drain is refused while handlers run, and not looked at else.
        let ignored = self.drains && self.link.calls_in_flight() == 0;
        let received = self.link.receive(now, from, BytesMut::from(bytes));
        received.expect("little waits");
        if ignored {
            return;
        }
        self.answers.received(&self.link.config().wire, from, bytes);
        self.unpolled += bytes.len();
        self.received += 1;
        if poll {
            self.drain(now);
        }
    }

    /// Begins to end.
    pub(super) fn begin_drain(&mut self, now: Now, grace: Duration) {
        self.command(now, |link, node| link.drain(now, node, grace));
        self.drains = true;
        self.drain(now);
        assert!(!self.link.wants_read() || self.link.calls_in_flight() > 0);
    }

    /// Handles all that has come.
    pub(super) fn drain(&mut self, now: Now) {
        self.unpolled = 0;
        loop {
            let before = self.link.queued();
            let event = self.link.poll(now, &mut self.node);
            if matches!(event, Some(DatagramEvent::Closed)) {
                assert_eq!(self.link.queued(), 0, "something is sent behind the end");
                self.answers.dropped();
            }
            let added = self.link.queued().saturating_sub(before);
            self.answers.queued(Cause::Own, now.monotonic, added);
            self.look_at_peers();
            match event {
                Some(event) => self.handle(now, event),
                None if self.link.wants_poll() => {}
                None => break,
            }
        }
    }

    fn handle(&mut self, now: Now, event: DatagramEvent<Handler>) {
        assert!(!self.closed, "an event behind the last one: {event:?}");
        let seen = match event {
            DatagramEvent::Call {
                call,
                handler,
                message,
            } => {
                let remote = call.remote().expect("datagrams have addresses");
                self.call(now, handler, &message, call);
                Seen::Called(remote, message)
            }
            DatagramEvent::Message { message, remote } => Seen::Delivered(remote, message),
            DatagramEvent::Answered {
                request,
                answer,
                remote,
            } => {
                let asked = self.waiting.remove(&request);
                let asked = asked.expect("an answer to what nobody waits for");
                assert_eq!(asked.to, remote, "an answer from somebody else");
                assert!(answer.verified, "what proves nothing ends a request");
                if self.has_auth && self.genuine {
                    self.check_genuine(&answer);
                }
                Seen::Answered(request, remote, answer)
            }
            DatagramEvent::Failed { request, error } => {
                let asked = self.waiting.remove(&request);
                assert!(asked.is_some(), "a request that ends twice");
                Seen::Failed(request, error)
            }
            DatagramEvent::Refused { remote, refusal } => Seen::Refused(remote, refusal),
            DatagramEvent::Suppressed { remote } => Seen::Suppressed(remote),
            DatagramEvent::Lost { remote } => Seen::Lost(remote),
            DatagramEvent::NotSent { remote, .. } => Seen::NotSent(remote),
            DatagramEvent::Unrouted {
                remote,
                message_type,
                uri,
            } => Seen::Unrouted(remote, message_type, uri),
            DatagramEvent::Lapsed { remote, uri } => Seen::Lapsed(remote, uri),
            DatagramEvent::Resubscribed { remote, uri } => Seen::Resubscribed(remote, uri),
            DatagramEvent::Unanswered {
                remote,
                request,
                uri,
            } => {
                self.answers.unanswered(remote);
                Seen::Unanswered(remote, request, uri)
            }
            DatagramEvent::Closed => {
                self.closed = true;
                Seen::Closed
            }
            other => panic!("an event of no known kind: {other:?}"),
        };
        self.seen.push(seen);
    }

    /// Nobody but the nodes seals, and what they say is of a few forms.
    fn check_genuine(&self, answer: &Response) {
        let content = &answer.message.content[..];
        let serial = content.try_into().map_or(0, u32::from_be_bytes);
        let own: [&[u8]; 3] = [b"not found", b"ask again", b""];
        // Of whatever type: no MAC covers it.
        assert!(
            own.contains(&content) || answers(answer, serial),
            "a forgery: {answer:?}"
        );
    }

    fn call(&mut self, now: Now, handler: Handler, message: &Message, call: Call) {
        assert_eq!(call.request_type(), message.message_type);
        assert!(self.deferred.len() < self.limits().handlers());
        if !asks(message.message_type) {
            return self.reply(now, call, None);
        }
        let mut answer = answer_to(message);
        match handler {
            Handler::Answer => {
                match message.message_type {
                    SUBSCRIBE_URI => drop(self.node.subscribe(&message.uri, call.place())),
                    UNSUBSCRIBE_URI => drop(self.node.unsubscribe(&message.uri, call.place())),
                    _ => {}
                }
                self.reply(now, call, Some(answer));
            }
            Handler::Defer => self.deferred.push_back((call, answer)),
            Handler::Ignore => self.reply(now, call, None),
            Handler::TooLarge => {
                answer.content = [0; 65_500].to_vec().into();
                self.reply(now, call, Some(answer));
            }
            Handler::Drop => {}
        }
    }

    pub(super) fn reply(&mut self, now: Now, call: Call, answer: Option<Message>) {
        let result = self.made(now, |link, node| link.reply(now, node, call, answer));
        self.check_reply(result);
    }

    pub(super) fn check_reply(&self, result: Result<(), ReplyError>) {
        match result {
            Ok(()) | Err(ReplyError::Replaced(SendError::Seal(_))) => {}
            Err(ReplyError::NotSent(SendError::QueueFull { queued, max })) => {
                assert!(queued >= max);
            }
            Err(ReplyError::Closed(_)) => assert!(self.closed),
            Err(error) => panic!("a reply to one's own call: {error}"),
        }
    }

    pub(super) fn check_refused_send(&self, error: &SendError) {
        match error {
            SendError::Closed(_) => assert!(!self.link.wants_read()),
            SendError::QueueFull { queued, max } => assert!(queued >= max),
            SendError::TooManyRequests { max } => {
                assert_eq!(*max, self.limits().pending_requests());
            }
            SendError::Seal(_) => {}
            other => panic!("an error of no known kind: {other}"),
        }
    }

    /// Takes the events of peers, and drops nothing but theirs.
    fn look_at_peers(&mut self) {
        while let Some(event) = self.node.poll_event() {
            match &event {
                PeerEvent::Added(known) | PeerEvent::Updated(known) => {
                    let (id, addresses) = (known.peer.id.clone(), known.addresses.clone());
                    self.told.insert(id, addresses);
                }
                PeerEvent::AddressRemoved { known, address, .. } => {
                    let addresses = self.told.get_mut(&known.peer.id).expect("it was added");
                    addresses.retain(|other| other != address);
                    self.check_not_subscribed(&[*address]);
                }
                PeerEvent::Removed { known, .. } => {
                    let told = self.told.remove(&known.peer.id);
                    assert_eq!(told.as_ref(), Some(&known.addresses));
                    self.check_not_subscribed(&known.addresses);
                }
                // They come behind what changed, in whatever order it was.
                _ => {
                    self.refused_seen.push(event);
                    continue;
                }
            }
            self.peers_seen.push(event);
        }
    }

    fn check_not_subscribed(&self, places: &[Place]) {
        for uri in crate::traffic::URIS {
            let mut subscribers = self.node.subscribers(uri.as_bytes());
            assert!(!subscribers.any(|place| places.contains(&place)));
        }
    }

    /// Hands out what is to be sent.
    pub(super) fn transmit(&mut self) -> Vec<(SocketAddr, Bytes)> {
        if self.blocked {
            return Vec::new();
        }
        self.take_outbound();
        let out = std::mem::take(&mut self.outgoing);
        self.sent.extend_from_slice(&out);
        out
    }

    /// The id that the last datagram carried, which anybody can read who sees it.
    pub(super) fn last_id(&self) -> Option<(String, Value)> {
        let (_, sent) = self.sent.last()?;
        let config = self.link.config();
        let frame = Frame::from_datagram(&config.wire, BytesMut::from(&sent[..])).ok()?;
        let sealed = frame.decode(&config.wire).ok()?;
        let field = config.correlation.field();
        Some((field.into(), sealed.auth().get(field)?.to_value()))
    }

    /// What has to hold once there is nothing more to do.
    pub(super) fn check(&mut self, now: Now) {
        let limits = self.limits();
        assert!(self.link.poll(now, &mut self.node).is_none());
        assert!(!self.link.wants_poll());
        // The link's own renewals of subscriptions wait too.
        assert!(self.link.pending_requests() >= self.waiting.len());
        assert!(self.link.pending_requests() <= limits.pending_requests());
        let most = limits.outbound_queue() + DatagramLink::MAX_DATAGRAM;
        assert!(self.link.queued() <= most);
        let deadline = self.link.deadline(&mut self.node);
        let later = deadline.is_none_or(|deadline| deadline.at > now.monotonic);
        assert!(later, "a deadline that has come remains: {deadline:?}");
        let calls = if self.closed { 0 } else { self.deferred.len() };
        assert_eq!(self.link.calls_in_flight(), calls);
        assert_eq!(self.node.outbound_bytes(), self.link.queued());
        let largest = 65_535 * limits.handlers() + limits.outbound_queue();
        assert!(self.node.inbound_bytes() <= largest);
        let counters = self.link.counters();
        assert_eq!(counters.received, self.received);
        let peers = self.node.peers().list();
        assert!(peers.len() <= limits.peers());
        let known = peers.iter().map(|known| (&known.peer.id, &known.addresses));
        assert!(known.eq(self.told.iter()), "the events tell of other peers");
    }

    /// A datagram makes one event at most, and one more where an answer to it was
    /// suppressed; a publication one for each receiver.
    pub(super) fn check_events(&self) {
        let (mut one, mut suppressed) = (0, 0);
        for seen in &self.seen {
            match seen {
                Seen::Suppressed(_) => suppressed += 1,
                Seen::Failed(..) | Seen::NotSent(_) | Seen::Unanswered(..) | Seen::Closed => {}
                _ => one += 1,
            }
        }
        assert!(one <= self.received && suppressed <= self.received + self.published);
    }

    pub(super) fn unrouted(&mut self, choice: u8) {
        self.node.set_unrouted(match choice {
            0 => Unrouted::NotFound,
            1 => Unrouted::Deliver,
            2 => Unrouted::Handler(Handler::Answer),
            _ => Unrouted::Handler(Handler::Defer),
        });
    }
}
