//! The way of a frame through a link, to a request, a handler, or a refusal.

use alloc::boxed::Box;

use super::Link;
use super::calling::OnCall;
use super::event::{LinkEvent, Notice};
use super::phase::Phase;
use crate::calls::{Buffer, Call, InFlight, Waiting};
use crate::config::Role;
use crate::error::{CloseReason, FrameErrorKind};
use crate::events::Refusal;
use crate::exchange::{Failed, Found, Otherwise, Sorted, Target};
use crate::frame::{Frame, SealedMessage};
use crate::limits::Limits;
use crate::message::Message;
use crate::place::Place;
use crate::plugin::Layer;
use crate::routes::Route;
use crate::shared::{Destination, SharedNode, default_reply};

impl Link {
    /// Handles the next message, whether it has waited or just came; it may make an event.
    /// Each message counts in the [turn](Self::begin_turn).
    #[inline]
    pub(super) fn advance<N: SharedNode>(
        &mut self,
        node: &mut N,
        on_call: &mut impl OnCall<N>,
    ) -> Option<LinkEvent<N::Handler>> {
        if self.may_dispatch_waiting()
            && let Some(waiting) = self.calls.pop_waiting()
        {
            let Waiting {
                mut sealed,
                bytes,
                late,
                ..
            } = waiting;
            self.turn = self.turn.saturating_add(1);
            return self.dispatch(node, &mut sealed, (Buffer::own(bytes), !late), on_call);
        }
        let is_next = self.calls.waiting().0 == 0 && self.may_dispatch_some();
        let before = self.inlet.bytes.len();
        let frame = self.next_frame(is_next)?;
        self.turn = self.turn.saturating_add(1);
        let bytes = before.saturating_sub(self.inlet.bytes.len());
        self.handle_frame(node, frame, (bytes, is_next), on_call)
    }

    /// Has the node fetch from memory what it knows of the messages that are about to be handled,
    /// each once, however many turns that takes.
    #[inline]
    pub(super) fn expect<N: SharedNode>(&mut self, node: &mut N) {
        if self.has_unhandled() && self.inlet.expected == 0 {
            let (most, expected) = (self.limits().frames_per_turn(), &mut self.inlet.expected);
            let ahead = self.deframer.ahead(&self.inlet.bytes).take(most);
            let mut ahead = ahead.inspect(|_| *expected = expected.saturating_add(1));
            node.expect_messages(&mut ahead);
        }
    }

    /// The next whole frame, if it may be looked at, as one whose message `is_next` may. What is no
    /// frame begins the end, and so does the end of the stream.
    // As Deframer::next.
    #[inline(always)]
    fn next_frame(&mut self, is_next: bool) -> Option<Frame> {
        if !matches!(self.phase, Phase::Open { .. })
            || self.has_unhandled() && !is_next && !self.may_take_frame_behind()
        {
            return None;
        }
        match self.deframer.next(&mut self.inlet.bytes) {
            Ok(Some(frame)) => {
                self.inlet.expected = self.inlet.expected.saturating_sub(1);
                self.timers.frame(false, self.exchange.now.monotonic);
                return Some(frame);
            }
            Ok(None) if self.eof => {
                self.begin_end(match self.deframer.finish(&self.inlet.bytes) {
                    Ok(()) => CloseReason::Remote,
                    Err(error) => CloseReason::Truncated(error),
                });
            }
            Ok(None) => {
                self.inlet.incomplete = true;
                let begun = !self.inlet.bytes.is_empty();
                self.timers.frame(begun, self.exchange.now.monotonic);
            }
            Err(error) => self.begin_end(CloseReason::Malformed(error)),
        }
        None
    }

    /// Whether [`advance`](Self::advance) has something to do.
    pub(super) fn may_advance(&self) -> bool {
        let next = match self.has_unhandled() {
            true => self.may_take_frame(),
            // The end needs no place for a handler.
            false => self.eof,
        };
        self.may_dispatch_waiting() || matches!(self.phase, Phase::Open { .. }) && next
    }

    /// Whether bytes were received that may hold a whole frame.
    pub(super) fn has_unhandled(&self) -> bool {
        !self.inlet.bytes.is_empty() && !self.inlet.incomplete
    }

    /// Looks into a frame of so many bytes, opens the outer layer, and finds out whom the message
    /// is for. No other one is before it where it `is_next`.
    #[inline]
    fn handle_frame<N: SharedNode>(
        &mut self,
        node: &mut N,
        frame: Frame,
        (bytes, is_next): (usize, bool),
        on_call: &mut impl OnCall<N>,
    ) -> Option<LinkEvent<N::Handler>> {
        let offset = frame.offset();
        let late = self.intake.is_late(bytes);
        let config = &self.exchange.config;
        let mut sealed = match frame.decode(&config.wire) {
            Ok(sealed) => sealed,
            Err(kind @ FrameErrorKind::Checksum { .. }) => {
                if self.exchange.role != Role::Client {
                    self.send_unsealed(&(config.make_error)("invalid message"));
                }
                return self.refuse(Refusal::Frame(kind));
            }
            Err(kind) => {
                self.begin_end(CloseReason::Malformed(kind.at(offset)));
                return None;
            }
        };
        let (id, account) = (self.id, &*self.account);
        let place = || Place::of_link(id, account.remote());
        let sorted = match self.exchange.open_outer(node, &mut sealed, place) {
            Ok(()) => {
                self.timers.authenticated();
                self.account.verify();
                self.exchange.sort(node, &mut sealed, (), place)
            }
            Err(error) => {
                let room = self.may_send_unsealed();
                let sorted = self
                    .exchange
                    .sort_unopened(&mut sealed, (), error, &mut || room);
                match sorted {
                    Ok(sorted) => sorted,
                    Err(failed) => return self.failed(failed),
                }
            }
        };
        match sorted {
            Sorted::Message if late => self.take_late(node, sealed, bytes),
            Sorted::Message => {
                if is_next && self.takes_place_beside(&sealed) && self.may_call() {
                    let buffer = self.inlet.buffer();
                    return self.dispatch(node, &mut sealed, (buffer, true), on_call);
                }
                self.calls.wait(Waiting {
                    sealed: sealed.into_own_buffer(),
                    from: (),
                    bytes,
                    local: None,
                    late: false,
                });
                None
            }
            Sorted::Answered(request, answer) => {
                self.note_received();
                Some(LinkEvent::Answered { request, answer })
            }
            Sorted::Failed(request, error) => {
                self.note_received();
                Some(LinkEvent::Failed { request, error })
            }
            // No request over a stream is kept to be sent again.
            Sorted::Nothing | Sorted::AskedAgain(..) => {
                self.note_received();
                None
            }
            Sorted::Refused(refusal) => self.refuse(refusal),
            Sorted::Unawaited(refusal) => Some(LinkEvent::Refused(refusal)),
        }
    }

    /// Finds the handler of a message. A request is refused where none `may_call` for it.
    #[inline]
    pub(super) fn dispatch<N: SharedNode>(
        &mut self,
        node: &mut N,
        sealed: &mut SealedMessage,
        (buffer, may_call): (Buffer, bool),
        on_call: &mut impl OnCall<N>,
    ) -> Option<LinkEvent<N::Handler>> {
        let place = self.place();
        let withheld = !may_call && sealed.message_type().is_request();
        match node.route(sealed.message_type(), sealed.uri(), place) {
            // As most are: nothing is to be opened, and nobody else can take the handler.
            Destination::Handler(Route {
                handler,
                inner,
                one_time: None,
            }) if inner.is_empty() && !withheld => {
                self.note_received();
                let found = (handler, Layer::new());
                on_call.call(self, node, found, sealed, buffer)
            }
            found => self.dispatch_found(node, sealed, found, (buffer, may_call), on_call),
        }
    }

    /// As [`dispatch`](Self::dispatch), from where a message goes.
    fn dispatch_found<N: SharedNode>(
        &mut self,
        node: &mut N,
        sealed: &mut SealedMessage,
        found: Destination<N::Handler>,
        (buffer, may_call): (Buffer, bool),
        on_call: &mut impl OnCall<N>,
    ) -> Option<LinkEvent<N::Handler>> {
        let (place, room) = (self.place(), self.may_send_unsealed());
        let found = (found, may_call);
        let found = self
            .exchange
            .find_behind_layers(node, sealed, place, found, &mut || room);
        let Found { target, inner } = match found {
            Ok(found) => found,
            Err(failed) => return self.failed(failed),
        };
        self.note_received();
        let otherwise = match target {
            Target::Handler(handler) => {
                return on_call.call(self, node, (handler, inner), sealed, buffer);
            }
            Target::Else(otherwise) => otherwise,
        };
        let message = self.exchange.opened(node, sealed, place);
        let mut reply = self.reply_to(&message, inner);
        let event = match otherwise {
            Otherwise::Deliver => may_call.then_some(LinkEvent::Message(message)),
            Otherwise::Withheld => {
                self.send_refusal(node, &reply);
                None
            }
            Otherwise::Node => {
                reply.unprompted = true;
                if let Some(answer) = node.node_message(self.exchange.now, place, &message) {
                    // The node's own answers are short: they fit.
                    let _ = self.send_reply(node, &reply, &answer.message);
                }
                None
            }
            Otherwise::NotFound => {
                reply.unprompted = true;
                if let Some(answer) = default_reply(message.message_type, place) {
                    let _ = self.send_reply(node, &reply, &answer);
                }
                Some(LinkEvent::Unrouted {
                    message_type: message.message_type,
                    uri: message.uri,
                })
            }
        };
        self.calls.keep(reply);
        event
    }

    /// The address of the reply to a message that passed `inner`.
    #[inline(always)]
    pub(super) fn reply_to(&mut self, message: &Message, inner: Layer) -> Box<InFlight<()>> {
        let mut reply = self.calls.spare(());
        self.exchange.reply_to(&mut reply, message, inner);
        reply
    }

    fn note_received(&mut self) {
        self.received_messages = self.received_messages.wrapping_add(1);
    }

    pub(super) fn begin_call(&mut self, reply: Box<InFlight<()>>, buffer: Buffer) -> Call {
        self.renew_half_closed();
        let now = self.exchange.now.monotonic;
        self.calls.begin(now, self.place(), reply, buffer)
    }

    /// Whether a message may be dispatched that has no other before it, but for a handler's place
    /// among those of all links: one without a correlation id only while no handler runs.
    fn takes_place(&self, sealed: &SealedMessage) -> bool {
        self.may_dispatch_some() && self.takes_place_beside(sealed)
    }

    /// Whether a message may be dispatched beside those in flight, where any one may.
    #[inline]
    fn takes_place_beside(&self, sealed: &SealedMessage) -> bool {
        self.calls.len() == 0 || self.exchange.is_correlated(sealed)
    }

    /// Whether a message waits for nothing but a handler's place among those of all links, if it
    /// has to wait for that.
    #[inline]
    pub(super) fn awaits_place(&self) -> bool {
        matches!(self.phase, Phase::Open { .. } | Phase::Answering(_))
            && self
                .calls
                .first_waiting()
                .is_some_and(|waiting| self.takes_place(&waiting.sealed))
    }

    #[inline]
    fn may_dispatch_waiting(&self) -> bool {
        self.awaits_place() && self.may_call()
    }

    /// Whether this link leaves room to dispatch a message, if only one with an id: not
    /// while it is paused, not beside too many others or one without an id, and not before the answers to
    /// earlier ones are taken. Of two ends that ask each other, one alone holds the other
    /// back at the high-water mark, or both could wait for ever.
    #[inline]
    fn may_dispatch_some(&self) -> bool {
        let max = self.limits().handlers_per_connection();
        !self.paused && self.queued() < self.high_water() && self.calls.has_room(max)
    }

    /// Bytes that wait to be written, at which no more messages are dispatched.
    pub(super) fn high_water(&self) -> usize {
        match self.exchange.role {
            Role::Client => self.limits().outbound_queue(),
            Role::Server | Role::Peer => Limits::HIGH_WATER,
        }
    }

    /// Whether the next frame may be looked at. One message may wait here for a
    /// handler's place among those of all links. Where its message could not be
    /// dispatched for this link's sake, a frame is looked at only for an answer that
    /// somebody waits for, perhaps a handler: other messages then wait, no more than may
    /// be on their way in the other direction. While it is paused it is their bytes alone
    /// that count: an answer may be behind any number of short ones. They are few enough
    /// that this link alone has no unfinished frame give way.
    #[inline]
    pub(super) fn may_take_frame(&self) -> bool {
        self.calls.waiting().0 == 0 && self.may_dispatch_some() || self.may_take_frame_behind()
    }

    /// As [`may_take_frame`](Self::may_take_frame), of one whose message could not be dispatched.
    #[cold]
    fn may_take_frame_behind(&self) -> bool {
        let (waiting, waiting_bytes) = self.calls.waiting();
        let limits = self.limits();
        // What is only refused needs no place, and what came before is few: it waits elsewhere
        // than in front of that.
        if self.intake.has_ended() && self.queued() < self.high_water() {
            return waiting < limits.pending_requests() && waiting_bytes < limits.outbound_queue();
        }
        let (most, most_bytes) = match self.paused {
            true => (usize::MAX, limits.inbound_total() / 4),
            false => (limits.pending_requests(), usize::MAX),
        };
        self.pending_requests() > 0
            && waiting < most
            && waiting_bytes < most_bytes.min(limits.outbound_queue())
    }

    /// Whether bytes are read although they are not to be looked at yet, so that the end
    /// behind them is noticed.
    pub(super) fn may_look_ahead(&self) -> bool {
        !self.paused && self.inlet.bytes.len() < Self::LOOK_AHEAD
    }

    /// Tells the sender that its message failed a check, if that is wanted, and
    /// counts it.
    fn failed<H>(&mut self, failed: Failed) -> Option<LinkEvent<H>> {
        if let Some(answer) = failed.answer {
            self.send_unsealed(&answer);
        }
        self.refuse(failed.refusal)
    }

    /// Counts a refused message, and closes the link at one too many.
    fn refuse<H>(&mut self, refusal: Refusal) -> Option<LinkEvent<H>> {
        let limits = &self.exchange.config.wire.limits;
        if self
            .failures
            .get_or_insert_default()
            .note(self.exchange.now.monotonic, limits)
        {
            self.notices.push_back(Notice::Refused(refusal));
            self.begin_end(CloseReason::TooManyFailures);
            return None;
        }
        Some(LinkEvent::Refused(refusal))
    }

    /// Answers for a handler whose call was dropped.
    pub(super) fn answer_dropped_call<N: SharedNode>(
        &mut self,
        node: &mut N,
    ) -> Option<LinkEvent<N::Handler>> {
        let mut address = self.calls.take_dropped()?;
        // Nobody waits for an answer behind the end.
        while self.close_reason().is_some() {
            address = self.calls.take_dropped()?;
        }
        self.renew_half_closed();
        let error = Message::error(address.uri.to_bytes(), "the handler gave no answer");
        // Where that cannot be sent, the link has ended.
        let _ = self.send_reply(node, &address, &error);
        let (request, uri) = (address.request, address.uri.to_bytes());
        self.calls.keep(address);
        Some(LinkEvent::Unanswered { request, uri })
    }

    /// Whether there is room for an error to somebody who proved nothing.
    fn may_send_unsealed(&self) -> bool {
        self.queued() < self.limits().outbound_queue()
    }

    /// An error for somebody who proved nothing. Where the queue is full it is left out.
    fn send_unsealed(&mut self, message: &Message) {
        if self.may_send_unsealed() {
            // Such a message can only fail to be sealed by being too long; then
            // there is nobody to tell.
            let out = self.outbox.tail();
            let sealed = self.exchange.seal_unsealed(message, out);
            self.sent_messages = self.sent_messages.wrapping_add(sealed.is_ok().into());
            self.after_queue();
        }
    }
}
