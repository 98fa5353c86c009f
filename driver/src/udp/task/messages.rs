//! What came, and its way through the handlers.

use std::net::SocketAddr;
use std::sync::PoisonError;

use netaio_core::{DatagramEvent, Dispatched, Inbound, Message, Refusal, ReplyToken, SendError};

use super::Task;
use crate::futures::{BoxFuture, race};
use crate::logging::limited;
use crate::remote::{Kind, Remote};
use crate::remote_id::RemoteId;
use crate::runtime::{DatagramSocket, Runtime};
use crate::service::Invoked;
use crate::slots::Slot;
use crate::udp::UdpEvent;
use crate::udp_handle::Command;

impl<R: Runtime> Task<R> {
    /// Whether the next datagram may be looked at. What is not stays with the
    /// system, which drops what is too much. While all slots are taken only an
    /// answer is worth it that somebody waits for, perhaps a handler.
    pub(super) fn may_receive(&self) -> bool {
        let wanted = self.waiting.is_empty() || self.link.pending_requests() > 0;
        let room = self.link.queued() < self.shared().limits().outbound_queue();
        wanted && room && !self.stopping
    }

    /// Takes a datagram that is in the buffer.
    pub(super) fn receive(&mut self, len: usize, from: SocketAddr) {
        self.worked = self.worked.saturating_add(1);
        let datagram = self.buffer.split_to(len.min(self.buffer.len()));
        if self.own.contains(from) {
            return;
        }
        self.link.receive(self.now, from, datagram);
        // Before handlers and those who listen hear of it, and after.
        self.update_counters();
        while let Some(event) = self.link.poll_event() {
            match event {
                DatagramEvent::Message(inbound) => self.take_message(inbound, len),
                event => self.handle_event(event),
            }
        }
        self.update_counters();
    }

    /// Takes what else has come, up to a turn's worth.
    pub(super) fn receive_more(&mut self) {
        for _ in 1..self.shared().limits().frames_per_turn() {
            if !self.may_receive() {
                return;
            }
            match self.socket.try_receive(&mut self.buffer) {
                Ok(Some((len, from))) => self.receive(len, from),
                Ok(None) => return,
                Err(error) => {
                    limited!(self.logs(), DEBUG, "cannot receive a datagram", %error);
                    return;
                }
            }
        }
    }

    /// Takes note of everything that is no datagram's own event.
    pub(super) fn take_events(&mut self) {
        while let Some(event) = self.link.poll_event() {
            self.handle_event(event);
        }
        self.update_counters();
    }

    /// Takes note of everything that is no message for a handler.
    fn handle_event(&mut self, event: DatagramEvent) {
        match event {
            DatagramEvent::Answered {
                request,
                answer,
                remote,
            } => {
                self.peer_alive(remote);
                self.callers.end(request, Ok(answer));
            }
            DatagramEvent::Failed { request, error } => self.callers.end(request, Err(error)),
            DatagramEvent::Refused { remote, refusal } => {
                // Nobody waits for such an answer, but whoever sent it is there.
                if matches!(refusal, Refusal::Unawaited { .. }) {
                    self.peer_alive(remote);
                }
                self.update_counters();
                limited!(self.logs(), DEBUG, "datagram refused", %remote, why = ?refusal);
                let events = &self.node.events;
                events.emit(|| {
                    Some(UdpEvent::Refused {
                        remote,
                        why: refusal,
                    })
                });
            }
            DatagramEvent::Suppressed { remote } => {
                self.update_counters();
                limited!(self.logs(), DEBUG, "answer suppressed", %remote);
                let events = &self.node.events;
                events.emit(|| Some(UdpEvent::Suppressed { remote }));
            }
            event => limited!(self.logs(), DEBUG, "unhandled event", ?event),
        }
    }

    fn update_counters(&self) {
        let counters = self.node.counters.lock();
        *counters.unwrap_or_else(PoisonError::into_inner) = self.link.counters();
    }

    /// Whoever sends something valid is alive.
    fn peer_alive(&self, remote: SocketAddr) {
        let (table, now) = (&self.node.service.table, self.now);
        let mut discovery = table.discovery();
        if !discovery.peers().is_empty() {
            discovery.heard(now, RemoteId::Datagram(remote));
        }
    }

    /// Handles a message, or lets it wait for a free slot. Where too many wait it
    /// is lost, as datagrams are.
    fn take_message(&mut self, inbound: Inbound, len: usize) {
        let shared = &self.node;
        if self.waiting.is_empty() && shared.service.slots.is_free() {
            return self.handle_message(inbound);
        }
        let limits = &shared.service.config.wire.limits;
        let bytes = self.waiting_bytes.saturating_add(len);
        if self.waiting.len() < limits.pending_requests() && bytes <= limits.outbound_queue() {
            self.waiting_bytes = bytes;
            self.waiting.push_back((inbound, len));
        } else {
            let remote = inbound.remote();
            limited!(
                self.logs(),
                DEBUG,
                "too many messages wait for a handler",
                ?remote
            );
            let lost = || inbound.remote().map(|remote| UdpEvent::Lost { remote });
            shared.events.emit(lost);
        }
    }

    /// Handles those that wait, up to a turn's worth, while there are slots.
    pub(super) fn handle_waiting(&mut self) {
        let service = self.node.service.clone();
        for _ in 0..service.config.wire.limits.frames_per_turn() {
            if !service.slots.is_free() {
                return;
            }
            let Some((inbound, len)) = self.waiting.pop_front() else {
                return;
            };
            self.waiting_bytes = self.waiting_bytes.saturating_sub(len);
            self.handle_message(inbound);
        }
    }

    /// Handles a message. One whose handler is not done at once goes on in a task
    /// of its own, for datagrams have no order that is to be kept.
    fn handle_message(&mut self, inbound: Inbound) {
        let service = self.node.service.clone();
        let Some(address) = inbound.remote() else {
            return;
        };
        let remote = Remote(Kind::Datagram(self.handle.clone(), address));
        let dispatched = self.link.dispatch(self.now, inbound, &mut &*service);
        if !matches!(dispatched, Dispatched::Refused) {
            self.peer_alive(address);
        }
        match service.invoke(dispatched, remote) {
            Invoked::Nothing => {}
            Invoked::Done {
                reply,
                answer,
                unprompted,
            } => {
                if let Some(answer) = answer {
                    self.reply(&reply, &answer, unprompted);
                }
            }
            Invoked::Running(reply, future) => self.spawn(reply, future, service.slots.take()),
        }
    }

    fn spawn(&mut self, reply: ReplyToken, mut future: BoxFuture<Option<Message>>, slot: Slot) {
        self.running = self.running.saturating_add(1);
        let handle = self.handle.clone();
        R::spawn(async move {
            let shared = &handle.0;
            let aborted = shared.aborted.listen();
            let answer = match shared.is_aborted() {
                true => None,
                false => {
                    let cancellations = async {
                        aborted.await;
                        None
                    };
                    race(&mut future, cancellations).await
                }
            };
            // A node that has ended answers nobody.
            let _ = shared.commands.send(Command::Reply { reply, answer }).await;
            // Not before: answers that wait to be sent are bounded like handlers.
            drop(slot);
        });
    }

    /// Answers. What no handler asked for stays within a budget.
    pub(super) fn reply(&mut self, token: &ReplyToken, answer: &Message, unprompted: bool) {
        if let Err(error) = self.answer(token, answer, unprompted) {
            let remote = token.remote();
            limited!(self.logs(), WARN, "an answer was not sent", ?remote, %error);
            let text = format!("the reply could not be sent: {error}");
            let substitute = Message::error(token.uri().clone(), text);
            // Where that cannot be sent either, nothing can.
            let _ = self.answer(token, &substitute, unprompted);
        }
    }

    fn answer(
        &mut self,
        token: &ReplyToken,
        answer: &Message,
        unprompted: bool,
    ) -> Result<(), SendError> {
        match unprompted {
            true => self.link.answer(self.now, token, answer).map(|_| ()),
            false => self.link.reply(self.now, token, answer),
        }
    }
}
