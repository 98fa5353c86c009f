//! The way of a datagram through a link, to a request, a handler, or a refusal.

use core::net::{IpAddr, SocketAddr};

use bytes::BytesMut;

use super::event::{DatagramEvent, Notice};
use super::inlet::{Came, Inbound};
use super::{DatagramLink, Phase};
use crate::calls::{Buffer, Waiting};
use crate::cookies::{Given, Repeated};
use crate::error::{Backpressure, FrameErrorKind};
use crate::events::Refusal;
use crate::exchange::{Failed, Found, Otherwise, Sorted, Target};
use crate::frame::{Frame, SealedMessage};
use crate::message::{AuthView, Gap, types};
use crate::now::Now;
use crate::place::Place;
use crate::shared::{NodeReply, SharedNode, default_reply};

impl DatagramLink {
    /// Takes a datagram, which is handled by [`poll`](Self::poll). Bytes behind its
    /// frame are ignored; a frame that is cut short is refused, even where the checksum
    /// of what is there fits. Once the link is [drained](Self::drain) no handler is called for
    /// what comes: a request is [refused](crate::NotHandled) while others are under way, and all
    /// else is dropped.
    ///
    /// # Errors
    /// It was not taken: too many bytes wait to be handled. Poll, and receive while it is
    /// [wanted](Self::wants_read).
    pub fn receive(
        &mut self,
        now: Now,
        from: SocketAddr,
        datagram: BytesMut,
    ) -> Result<(), Backpressure> {
        self.receive_at(now, from, None, datagram)
    }

    /// As [`receive`](Self::receive), with the address of this node that the datagram came to,
    /// on a socket that is bound to several: whatever is sent to its sender leaves
    /// [from there](crate::Transmits::source), until it sends to another one. Of an answer
    /// that counts which its request came to. Addresses of so many remotes as there may be
    /// [`Limits::subscribers`](crate::Limits::subscribers) are remembered.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn receive_at(
        &mut self,
        now: Now,
        from: SocketAddr,
        local: Option<IpAddr>,
        datagram: BytesMut,
    ) -> Result<(), Backpressure> {
        let buffer = Buffer::own(datagram.len());
        self.take(now, (from, local), datagram, buffer)
    }

    /// The buffer that a datagram is received into, at its end; then say so with
    /// [`received`](Self::received). Datagrams that are received this way take less work than
    /// others: short ones are pieces of one chunk of memory, and none is allocated for each. What
    /// of a message is kept keeps the chunk, of some kilobytes, which counts as
    /// [held](crate::Limits::inbound_total) until the handlers of all of its messages have
    /// answered.
    pub fn receive_buffer(&mut self) -> &mut BytesMut {
        self.inlet.with_room()
    }

    /// Takes a datagram of `len` bytes that was appended to the
    /// [`receive_buffer`](Self::receive_buffer), as [`receive_at`](Self::receive_at) does.
    ///
    /// # Errors
    /// As [`receive`](Self::receive). The bytes are no more in the buffer.
    pub fn received(
        &mut self,
        now: Now,
        from: SocketAddr,
        local: Option<IpAddr>,
        len: usize,
    ) -> Result<(), Backpressure> {
        let (datagram, buffer) = self.inlet.split(len);
        self.take(now, (from, local), datagram, buffer)
    }

    fn take(
        &mut self,
        now: Now,
        (from, local): (SocketAddr, Option<IpAddr>),
        datagram: BytesMut,
        buffer: Buffer,
    ) -> Result<(), Backpressure> {
        self.exchange.now = now;
        if self.is_full() {
            let unhandled = self.inlet.unhandled();
            return Err(Backpressure { unhandled });
        }
        let late = self.is_refusing();
        if self.phase == Phase::Open || late {
            let bytes = datagram.len();
            let came = Came {
                from,
                bytes,
                local,
                buffer,
            };
            self.inlet.push(Inbound {
                came,
                datagram,
                late,
            });
        }
        Ok(())
    }

    /// Fetches what is known of the senders of this turn's datagrams from memory: the processor
    /// waits for all of it at once, and not for each when it is handled.
    pub(super) fn expect<N: SharedNode>(&mut self, node: &mut N) {
        if self.inlet.is_empty() {
            return;
        }
        let most = self.exchange.limits().frames_per_turn();
        let (replies, inlet) = (&mut self.replies, &self.inlet);
        for from in inlet.senders().take(most) {
            replies.expect(from.ip());
        }
        node.expect(&mut inlet.senders().take(most).map(Place::Datagram));
    }

    /// Handles the next message, whether it has waited or just came; it may make an event.
    /// Each message counts in the turn.
    pub(super) fn advance<N: SharedNode>(
        &mut self,
        node: &mut N,
    ) -> Option<DatagramEvent<N::Handler>> {
        if self.may_dispatch()
            && let Some(mut waiting) = self.calls.pop_waiting()
        {
            self.turn = self.turn.saturating_add(1);
            let came = Came::of(&waiting);
            return self.dispatch(node, &mut waiting.sealed, came, None);
        }
        let inbound = self.inlet.pop()?;
        self.turn = self.turn.saturating_add(1);
        self.handle_datagram(node, inbound)
    }

    fn handle_datagram<N: SharedNode>(
        &mut self,
        node: &mut N,
        Inbound {
            came,
            datagram,
            late,
        }: Inbound,
    ) -> Option<DatagramEvent<N::Handler>> {
        let Came {
            from, bytes, local, ..
        } = came;
        self.sources.heard(from, local);
        let now = self.exchange.now;
        let counters = &mut self.counters;
        counters.received = counters.received.saturating_add(1);
        self.replies.received(now, from.ip(), bytes);
        let wire = &self.exchange.config.wire;
        let decoded = Frame::from_datagram(wire, datagram).and_then(|frame| frame.decode(wire));
        let mut sealed = match decoded {
            Ok(sealed) => sealed,
            Err(kind) => {
                let counters = &mut self.counters;
                counters.malformed = counters.malformed.saturating_add(1);
                if matches!(kind, FrameErrorKind::Checksum { .. }) && self.may_answer(from) {
                    let answer = (self.exchange.config.make_error)("invalid message");
                    self.send_unsealed(from, &answer);
                }
                return self.note_refusal(from, Refusal::Frame(kind));
            }
        };
        let message_type = sealed.message_type();
        let place = Place::Datagram(from);
        let sorted = match self.exchange.open_outer(node, &mut sealed, || place) {
            Ok(()) => {
                if self.take_cookies(node, from, &sealed) {
                    node.heard(now, place);
                    return None;
                }
                self.exchange.sort(node, &mut sealed, from, || place)
            }
            Err(error) => {
                let validated = self.is_validated(from);
                let (replies, notices) = (&mut self.replies, &mut self.notices);
                let mut may_answer = || validated || super::may_answer(replies, notices, now, from);
                match self
                    .exchange
                    .sort_unopened(&mut sealed, from, error, &mut may_answer)
                {
                    Ok(sorted) => sorted,
                    Err(failed) => return self.failed(from, failed),
                }
            }
        };
        match sorted {
            Sorted::Message => {
                if !late && self.calls.waiting().0 == 0 && self.may_dispatch() {
                    return self.dispatch(node, &mut sealed, came, None);
                }
                self.put_off(node, sealed, came, late)
            }
            Sorted::Failed(request, error) => {
                node.heard(now, place);
                self.request_failed(request, error);
                None
            }
            Sorted::AskedAgain(request, cookie) => {
                node.heard(now, place);
                self.validation.given(now, from, &cookie);
                self.send_again(node, request, from);
                None
            }
            Sorted::Answered(request, answer) => {
                node.heard(now, place);
                if let Some(given) = self.given_cookie(answer.message.auth.view()) {
                    self.validation.given(now, from, given.cookie);
                }
                if !self.is_answer_to_application(request, &answer.message) {
                    return None;
                }
                Some(DatagramEvent::Answered {
                    request,
                    answer,
                    remote: from,
                })
            }
            // Nobody waits for it, but whoever sent it is there.
            Sorted::Nothing => {
                node.heard(now, place);
                self.note_refusal(from, Refusal::Unawaited { message_type })
            }
            Sorted::Unawaited(refusal) => {
                node.heard(now, place);
                self.note_refusal(from, refusal)
            }
            Sorted::Refused(refusal) => self.refuse(from, refusal),
        }
    }

    /// Takes the cookies beside a message that passed the outer layer, and says whether it has
    /// nothing else to say. One that an answer gives is for the next message to its sender;
    /// one that a notification gives is repeated at once.
    fn take_cookies<N: SharedNode>(
        &mut self,
        node: &mut N,
        from: SocketAddr,
        sealed: &SealedMessage,
    ) -> bool {
        if !self.exchange.has_cookies() {
            return false;
        }
        let auth = sealed.auth();
        let repeated = Repeated::of(auth);
        if let Some(repeated) = &repeated {
            let now = self.exchange.now;
            self.validation.repeated(now, from, repeated.cookie);
        }
        if sealed.message_type() == types::NOTIFY_URI
            && self.phase == Phase::Open
            && let Some(given) = Given::of(auth)
        {
            self.repeat_cookie(node, from, given.cookie);
        }
        repeated.is_some_and(|repeated| repeated.alone)
    }

    /// The cookie that a message gives.
    fn given_cookie<'a>(&self, auth: AuthView<'a>) -> Option<Given<'a>> {
        self.exchange.has_cookies().then(|| Given::of(auth))?
    }

    /// Lets a message wait for a handler's place. Where too many wait it is lost, as datagrams
    /// are, and an asker that can be told is told.
    fn put_off<N: SharedNode>(
        &mut self,
        node: &mut N,
        mut sealed: SealedMessage,
        came: Came,
        late: bool,
    ) -> Option<DatagramEvent<N::Handler>> {
        if late {
            return self.refuse_unbegun(node, &mut sealed, came, Self::STOPPING);
        }
        let Came {
            from, bytes, local, ..
        } = came;
        let (waiting, waiting_bytes) = self.calls.waiting();
        let limits = self.exchange.limits();
        let all = waiting_bytes.saturating_add(bytes);
        if waiting < limits.pending_requests() && all <= limits.outbound_queue() {
            self.calls.wait(Waiting {
                sealed: sealed.into_own_buffer(),
                from,
                bytes,
                local,
                late,
            });
            return None;
        }
        let counters = &mut self.counters;
        counters.lost = counters.lost.saturating_add(1);
        self.refuse_unbegun(node, &mut sealed, came, Self::BUSY);
        Some(DatagramEvent::Lost { remote: from })
    }

    /// Finds the handler of a message. Datagrams have no order that is to be kept. Where a
    /// request is `refused`, with this text, none is called.
    pub(super) fn dispatch<N: SharedNode>(
        &mut self,
        node: &mut N,
        sealed: &mut SealedMessage,
        came: Came,
        refused: Option<&'static str>,
    ) -> Option<DatagramEvent<N::Handler>> {
        let Came {
            from,
            local,
            buffer,
            ..
        } = came;
        self.sources.heard(from, local);
        let place = Place::Datagram(from);
        let now = self.exchange.now;
        let validated = self.is_validated(from);
        let senders = &mut self.replies.senders;
        let may_call = validated || self.validation.budget.may_call(senders, now, from.ip());
        let may_call = may_call && refused.is_none();
        let may_call = may_call && self.may_subscribe(node, sealed, place, validated);
        let (replies, notices) = (&mut self.replies, &mut self.notices);
        let mut may_answer = || validated || super::may_answer(replies, notices, now, from);
        let found = self
            .exchange
            .find(node, sealed, place, may_call, &mut may_answer);
        let Found { target, inner } = match found {
            Ok(found) => found,
            Err(failed) => return self.failed(from, failed),
        };
        let message = self.exchange.opened(node, sealed, place);
        let mut reply = self.calls.spare(from);
        self.exchange.reply_to(&mut reply, &message, inner);
        reply.local = local;
        if matches!(
            target,
            Target::Handler(_) | Target::Else(Otherwise::Deliver)
        ) && let Some(lost) = Gap::of(&message)
        {
            let count = &mut self.counters.lost_notifications;
            *count = count.saturating_add(lost);
        }
        match target {
            Target::Handler(handler) => {
                let kept = !validated && message.message_type.is_request();
                let senders = &mut self.replies.senders;
                let budget = &mut self.validation.budget;
                reply.has_room = kept && budget.begin_call(senders, now, from.ip());
                return Some(DatagramEvent::Call {
                    call: self.calls.begin(now.monotonic, place, reply, buffer),
                    handler,
                    message,
                });
            }
            Target::Else(Otherwise::Withheld) => match refused {
                Some(text) => self.send_refusal(node, reply, text),
                None => self.ask_again(node, &reply),
            },
            Target::Else(Otherwise::Deliver) if refused.is_some() => {}
            Target::Else(Otherwise::Deliver) => {
                return Some(DatagramEvent::Message {
                    message,
                    remote: from,
                });
            }
            Target::Else(Otherwise::Node) => {
                reply.unprompted = true;
                match node.node_message(now, place, &message) {
                    Some(NodeReply { message, delay })
                        if !delay.is_zero() && self.delayed.has_room() =>
                    {
                        self.delayed.push(now.deadline(delay), reply, message);
                    }
                    // One that cannot be sent is lost, as datagrams are.
                    Some(answer) => drop(self.send_reply(node, &reply, &answer.message)),
                    None => {}
                }
                // At once: what is sent depends on what came, not on what came with it.
                self.ask_peers(node);
            }
            Target::Else(Otherwise::NotFound) => {
                reply.unprompted = true;
                if let Some(answer) = default_reply(message.message_type, place) {
                    let _ = self.send_reply(node, &reply, &answer);
                }
                return Some(DatagramEvent::Unrouted {
                    remote: from,
                    message_type: message.message_type,
                    uri: message.uri,
                });
            }
        }
        None
    }

    /// Whether a handler may be called.
    pub(super) fn may_dispatch(&self) -> bool {
        let max = self.exchange.limits().handlers();
        let calls = self.calls.len();
        calls < max && self.budget.may_call_beside(&self.account, calls)
    }

    fn failed<H>(&mut self, from: SocketAddr, failed: Failed) -> Option<DatagramEvent<H>> {
        if let Some(answer) = failed.answer {
            self.send_unsealed(from, &answer);
        }
        self.refuse(from, failed.refusal)
    }

    fn refuse<H>(&mut self, from: SocketAddr, refusal: Refusal) -> Option<DatagramEvent<H>> {
        let counters = &mut self.counters;
        counters.refused = counters.refused.saturating_add(1);
        self.note_refusal(from, refusal)
    }

    /// Behind what may have been said of its answer.
    fn note_refusal<H>(
        &mut self,
        remote: SocketAddr,
        refusal: Refusal,
    ) -> Option<DatagramEvent<H>> {
        let refused = Notice::Refused { remote, refusal };
        self.notices.push_back(refused);
        None
    }
}
