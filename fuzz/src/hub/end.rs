//! One hub, its handlers, and what happened there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::Hash;

use netaio_core::types::{CONFIRM_SUBSCRIBE, SUBSCRIBE_URI, UNSUBSCRIBE_URI};
use netaio_core::{
    Call, Hub, HubEvent, LinkId, Message, Now, Output, ReplyError, RequestId, SendError,
};

use super::config::node;
use super::pipe::Pipe;
use crate::input::Dice;
use crate::traffic::{Handler, answer_to, answers, asks};

pub(super) struct End {
    pub(super) hub: Hub<Handler>,
    /// The requests whose callers wait, each with what its answer says.
    pub(super) waiting: BTreeMap<(LinkId, RequestId), u32>,
    pub(super) deferred: VecDeque<(Call, Message)>,
    /// Everything that was said and written, in its order.
    pub(super) digest: crc32fast::Hasher,
    /// Links that have shut down their sending side, or are closed.
    shut: BTreeSet<LinkId>,
    starving: BTreeMap<LinkId, Starving>,
    /// Links whose messages the application does not take.
    paused: BTreeSet<LinkId>,
    /// Each request will have its own answer.
    pub(super) orderly: bool,
}

/// A link that could go on.
#[derive(Default)]
struct Starving {
    /// So many frames of others were handled meanwhile.
    frames: usize,
    /// So many bytes of its own were not.
    unhandled: usize,
}

impl End {
    pub(super) fn new(id: usize, mode: u8, choice: u8) -> Self {
        let mut seed = id as u64 * 1000;
        let make_rng = move || -> Box<dyn rand_core::CryptoRng + Send> {
            seed += 1;
            Box::new(Dice(seed))
        };
        Self {
            hub: Hub::new(node(id, mode, choice), make_rng),
            waiting: BTreeMap::new(),
            deferred: VecDeque::new(),
            digest: crc32fast::Hasher::new(),
            shut: BTreeSet::new(),
            starving: BTreeMap::new(),
            paused: BTreeSet::new(),
            orderly: true,
        }
    }

    /// Handles the next output, and says whether there was one. `pipe` finds a link's pipe,
    /// and the link's end of it.
    pub(super) fn poll<'a>(
        &mut self,
        now: Now,
        pipe: impl FnOnce(LinkId) -> (&'a mut Pipe, usize),
    ) -> bool {
        let Some(output) = self.hub.poll(now) else {
            return false;
        };
        let mut handled = None;
        match output {
            Output::Call {
                call,
                handler,
                message,
            } => {
                handled = call.link();
                assert!(handled.is_none_or(|link| !self.paused.contains(&link)));
                ("call", handled, &message.uri, &message.content).hash(&mut self.digest);
                self.call(now, handler, &message, call);
            }
            Output::Message { link, message } => {
                handled = Some(link);
                assert!(!self.paused.contains(&link));
                ("message", link, &message.uri).hash(&mut self.digest);
                self.orderly &= !asks(message.message_type);
            }
            Output::Answered {
                link,
                request,
                answer,
            } => {
                handled = Some(link);
                let content = &answer.message.content;
                ("answered", link, request, content).hash(&mut self.digest);
                let serial = self.waiting.remove(&(link, request));
                let serial = serial.expect("an answer to what nobody waits for");
                if self.orderly {
                    assert!(answer.verified);
                    assert!(
                        answer.message.is_error() || answers(&answer, serial),
                        "another's answer: {answer:?}"
                    );
                }
            }
            Output::Failed {
                link,
                request,
                error,
            } => {
                ("failed", link, request, error.to_string()).hash(&mut self.digest);
                let serial = self.waiting.remove(&(link, request));
                assert!(serial.is_some(), "a request that ends twice");
                self.orderly = false;
            }
            Output::Cancelled { link, call, reason } => {
                ("cancelled", link, call, format!("{reason:?}")).hash(&mut self.digest);
                let before = self.deferred.len();
                self.deferred
                    .retain(|(it, _)| (it.link(), it.id()) != (Some(link), call));
                assert_eq!(self.deferred.len() + 1, before, "another's call");
            }
            Output::Write { link, bytes } => {
                assert!(!bytes.is_empty() && !self.shut.contains(&link));
                let (pipe, side) = pipe(link);
                let count = pipe.ways[side].write(bytes);
                (link, &bytes[..count]).hash(&mut self.digest);
                self.hub.written(now, link, count);
            }
            Output::Shutdown { link } => {
                ("shutdown", link).hash(&mut self.digest);
                assert!(self.shut.insert(link), "it is shut down twice");
                let (pipe, side) = pipe(link);
                pipe.ways[side].ended = true;
            }
            Output::Close { link, reason } => {
                ("close", link, reason.to_string()).hash(&mut self.digest);
                assert!(self.hub.link(link).is_none());
                assert!(self.waiting.keys().all(|(other, _)| *other != link));
                self.shut.insert(link);
                self.starving.remove(&link);
                self.orderly = false;
                let (pipe, side) = pipe(link);
                pipe.ways[side].ended = true;
                pipe.ways[1 - side].unread = true;
                pipe.ways[1 - side].bytes.clear();
            }
            Output::Event(event) => {
                format!("{event:?}").hash(&mut self.digest);
                if let HubEvent::Refused { link, .. } = event {
                    handled = Some(link);
                    self.orderly = false;
                }
            }
            other => panic!("an output of no known kind: {other:?}"),
        }
        if let Some(link) = handled {
            self.note_turn(link);
        }
        true
    }

    /// No link waits for long while others have their turns.
    fn note_turn(&mut self, link: LinkId) {
        let links: Vec<_> = self.hub.node().links().collect();
        let per_turn = self.hub.node().config().limits().frames_per_turn();
        let most = 2 * links.len() * per_turn;
        for other in links {
            let Some(waits) = self.hub.link(other) else {
                continue;
            };
            let starving = self.starving.entry(other).or_default();
            // What its remote says as a peer is handled without an output that names it.
            let had_turn = other == link || waits.unhandled() < starving.unhandled;
            starving.unhandled = waits.unhandled();
            starving.frames = match waits.wants_poll() && !had_turn {
                true => starving.frames + 1,
                false => 0,
            };
            let frames = starving.frames;
            assert!(frames <= most, "{other:?} has no turn among {most} frames");
        }
    }

    fn call(&mut self, now: Now, handler: Handler, message: &Message, call: Call) {
        assert_eq!(call.request_type(), message.message_type);
        let limits = self.hub.node().config().limits().clone();
        let in_flight: usize = self.calls_in_flight();
        let abandoned = limits.abandoned_handlers().unwrap_or(limits.handlers());
        let most = limits.handlers() + abandoned;
        assert!(in_flight <= most, "{in_flight} handlers");
        if !asks(message.message_type) {
            return self.reply(now, call, None);
        }
        let mut answer = answer_to(message);
        match handler {
            Handler::Answer => {
                let confirmed = match message.message_type {
                    SUBSCRIBE_URI => self.hub.subscribe(&call, &message.uri),
                    UNSUBSCRIBE_URI => self.hub.unsubscribe(&call, &message.uri),
                    _ => return self.reply(now, call, Some(answer)),
                };
                let subscribed = confirmed.message_type == CONFIRM_SUBSCRIBE;
                let mut subscribers = self.hub.node().subscribers(&message.uri);
                assert!(!subscribed || subscribers.any(|place| place == call.place()));
                if !confirmed.is_error() {
                    answer.message_type = confirmed.message_type;
                }
                self.reply(now, call, Some(answer));
            }
            Handler::Defer => self.deferred.push_back((call, answer)),
            Handler::Ignore => {
                self.reply(now, call, None);
                self.orderly = false;
            }
            Handler::TooLarge => {
                answer.content = [0; 65_536].to_vec().into();
                self.reply(now, call, Some(answer));
            }
            Handler::Drop => {}
        }
    }

    pub(super) fn pause(&mut self, link: LinkId) {
        self.hub.pause(link);
        self.paused.insert(link);
    }

    pub(super) fn resume(&mut self, now: Now, link: LinkId) {
        self.hub.resume(now, link);
        self.paused.remove(&link);
    }

    pub(super) fn resume_all(&mut self, now: Now) {
        while let Some(link) = self.paused.pop_first() {
            self.hub.resume(now, link);
        }
    }

    fn calls_in_flight(&self) -> usize {
        let links = self.hub.node().links();
        links
            .filter_map(|link| self.hub.link(link))
            .map(|link| link.calls_in_flight())
            .sum()
    }

    pub(super) fn reply(&mut self, now: Now, call: Call, answer: Option<Message>) {
        let link = call.link().expect("streams have links");
        match self.hub.reply(now, call, answer) {
            Ok(()) | Err(ReplyError::Replaced(SendError::Seal(_))) => {}
            Err(ReplyError::Closed(reason)) => {
                let link = self.hub.link(link);
                assert!(link.is_none_or(|link| link.close_reason() == Some(&reason)));
            }
            Err(error) => panic!("a reply to one's own call: {error}"),
        }
    }

    /// What has to hold once there is nothing more to do.
    pub(super) fn check(&mut self, now: Now) {
        let deadline = self.hub.deadline();
        assert!(deadline.is_none_or(|at| at > now.monotonic), "it is due");
        let node = self.hub.node();
        let limits = node.config().limits();
        assert_eq!(node.links().len(), self.hub.len());
        assert!(self.hub.len() <= limits.connections());
        let (mut outbound, mut unhandled, mut pending) = (0, 0, 0);
        for link in node.links() {
            let link = self.hub.link(link).expect("a link of the node");
            assert!(!link.wants_poll(), "{link:?} was forgotten");
            let handler = node.may_call() && link.read_room() > 0;
            assert!(!handler || !link.waits_for_budget(), "{link:?} still waits");
            outbound += link.queued();
            unhandled += link.unhandled();
            pending += link.pending_requests();
        }
        assert_eq!(pending, self.waiting.len());
        // Memory: of buffers that have some room, or were written in part; and once of what
        // links share.
        let held = node.outbound_bytes();
        assert!(held <= 2 * outbound + self.hub.len() * (256 << 10));
        assert_eq!(held == 0, outbound == 0);
        assert!(node.inbound_bytes() >= unhandled);
        // What is read at once may come on top, and what was read before it was much; beside
        // it the buffer that a handler's message came in.
        let largest = limits.body() + limits.auth_section();
        let most = limits.inbound_total() + 2 * self.hub.len() * (largest + 4096);
        assert!(
            node.inbound_bytes() <= most,
            "{} held",
            node.inbound_bytes()
        );
        // Several may hold the same frames, and were not all cut yet.
        let most = limits.outbound_total() / 8 * 9 + largest;
        assert!(held <= most, "{held} bytes wait to be written");
    }
}
