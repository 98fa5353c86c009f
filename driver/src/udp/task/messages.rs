//! Received datagrams, the events of the link, and calls of handlers.

use std::future::{pending, poll_fn};
use std::io;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use futures_channel::oneshot;
use netaio_core::{Call, DatagramEvent, Gap, Message, ReplyError};

use super::Task;
use crate::futures::race;
use crate::handler::{AnyHandler, Completion, HandlerFuture, Outcome, PANICKED, Request};
use crate::logging::limited;
use crate::observed;
use crate::panics::{Panicked, discard};
use crate::remote::{Kind, Remote};
use crate::runtime::{DatagramSocket, Received, Runtime, Undelivered};
use crate::sync::lock;
use crate::udp::events::UdpEvent;
use crate::udp_handle::Command;

/// Why a server may not notify any more.
const LAPSED: &str = "the lease has run out, or the server refuses to renew it";

/// Datagrams that are handled before their answers leave: half of what one call to the system gives
/// where it gives several, and as many as it cuts from one. Whoever waits for them goes on while the
/// other half is handled; were all answered at once, the two ends would wait for one another in
/// turns.
const AT_ONCE: usize = 16;

impl<R: Runtime, S: DatagramSocket> Task<R, S> {
    /// Hands the datagram in the link's receive buffer to it.
    pub(super) fn receive(&mut self, received: Received) {
        let Received {
            len, from, local, ..
        } = received;
        self.worked = self.worked.saturating_add(1);
        self.flow.received_messages.add(1);
        self.flow.received_bytes.add(len);
        if self.surroundings.ignores(from) {
            self.link.receive_buffer().clear();
        } else if let Err(error) = self.link.received(self.now, from, local, len) {
            // Nothing is received while the link does not want it.
            limited!(self.logs(), DEBUG, "a datagram was lost", %from, %error);
        }
    }

    /// Receives the datagrams that wait, up to a turn's worth, and no more than are answered at
    /// once.
    pub(super) fn receive_more(&mut self) {
        for _ in 1..self.shared().limits().frames_per_turn().min(AT_ONCE) {
            if !self.link.wants_read() {
                return;
            }
            match self.socket.try_receive(self.link.receive_buffer()) {
                Ok(Some(received)) => self.receive(received),
                Ok(None) => return,
                Err(error) => {
                    self.not_received(&error);
                    return;
                }
            }
        }
    }

    /// Goes on after a receive that failed, for the sake of an earlier datagram perhaps.
    pub(super) fn not_received(&mut self, error: &io::Error) {
        if !self.take_undelivered() {
            limited!(self.logs(), DEBUG, "cannot receive a datagram", %error);
        }
    }

    /// Hears of datagrams that were not delivered, up to a turn's worth; whether of any.
    pub(super) fn take_undelivered(&mut self) -> bool {
        let mut any = false;
        let mut quoted = BytesMut::new();
        for _ in 0..self.shared().limits().frames_per_turn() {
            match self.socket.try_undelivered(&mut quoted) {
                Ok(Some(Undelivered { to, len, error })) => {
                    any = true;
                    self.failed = true;
                    self.worked = self.worked.saturating_add(1);
                    quoted.truncate(len);
                    limited!(self.logs(), DEBUG, "a datagram was not delivered", %to, %error);
                    self.link
                        .undelivered(self.now, to, &quoted, error.to_string());
                    quoted.clear();
                }
                Ok(None) => break,
                Err(error) => {
                    limited!(self.logs(), DEBUG, "cannot tell what was not delivered", %error);
                    break;
                }
            }
        }
        any
    }

    /// Handles events, up to a turn's worth, and returns whether the node has ended.
    pub(super) fn handle_events(&mut self) -> bool {
        let service = self.node.service.clone();
        // Of one message after another, so that not each one has a handle of the node.
        let mut request = None;
        while let Some(event) = self.link.poll(self.now, &mut &*service) {
            // Before handlers and listeners get it, and after.
            self.update_counters();
            match event {
                DatagramEvent::Call {
                    call,
                    handler,
                    message,
                } => {
                    let Some(remote) = call.remote() else {
                        continue;
                    };
                    self.note_gap(&message, remote);
                    let node = &self.handle;
                    let is_same = |last: &mut Remote| last.redirect(node, remote);
                    let new = || Remote(Kind::Datagram(node.clone(), remote));
                    *Request::place(&mut request, is_same, new) = message;
                    self.call(call, &handler, &mut request);
                }
                DatagramEvent::Closed => return true,
                event => self.handle_event(event),
            }
        }
        self.update_counters();
        while let Some(place) = service.node().poll_displaced_subscriber() {
            if let Some(remote) = place.address() {
                limited!(self.logs(), DEBUG, "subscriptions gave way to others", %remote);
                self.node.events.emit(|| UdpEvent::Unsubscribed { remote });
            }
        }
        false
    }

    /// Handles events other than calls.
    fn handle_event(&mut self, event: DatagramEvent<AnyHandler>) {
        let events = &self.node.events;
        match event {
            DatagramEvent::Answered {
                request, answer, ..
            } => self.callers.answer(request, answer),
            DatagramEvent::Failed { request, error } => self.callers.fail(request, error),
            DatagramEvent::Refused { remote, refusal } => {
                limited!(self.logs(), DEBUG, "datagram refused", %remote, reason = %refusal);
                for middleware in &self.node.service.middleware {
                    let remote = Remote(Kind::Datagram(self.handle.clone(), remote));
                    middleware.refused(&remote, &refusal);
                }
                events.emit(|| UdpEvent::Refused {
                    remote,
                    reason: refusal,
                });
            }
            DatagramEvent::Suppressed { remote } => {
                limited!(self.logs(), DEBUG, "answer suppressed", %remote);
                events.emit(|| UdpEvent::Suppressed { remote });
            }
            DatagramEvent::NotSent { remote, error } => {
                // Of the group it is told once, until something is sent there.
                match self.surroundings.send_failed(self.now, remote.ip()) {
                    true => limited!(self.logs(), WARN, "a datagram was not sent", %remote, %error),
                    false => {
                        limited!(self.logs(), DEBUG, "a datagram was not sent again", %remote, %error);
                    }
                }
                events.emit(|| UdpEvent::NotSent { remote, error });
            }
            DatagramEvent::Lapsed { remote, uri } => {
                limited!(
                    self.logs(),
                    WARN,
                    "a subscription may be gone: it is not renewed",
                    %remote,
                    uri = %crate::logging::Shown(&uri)
                );
                self.tell_of_lease(remote, &uri, Some(LAPSED));
                events.emit(|| UdpEvent::Lapsed { remote, uri });
            }
            DatagramEvent::Resubscribed { remote, uri } => {
                self.tell_of_lease(remote, &uri, None);
                events.emit(|| UdpEvent::Resubscribed { remote, uri });
            }
            DatagramEvent::Message { message, remote } => self.deliver(message, remote),
            DatagramEvent::Lost { remote } => {
                limited!(
                    self.logs(),
                    DEBUG,
                    "too many messages wait for a handler",
                    %remote
                );
                events.emit(|| UdpEvent::Lost { remote });
            }
            DatagramEvent::Unrouted {
                remote,
                message_type,
                uri,
            } => {
                let uri = crate::logging::Shown(&uri);
                limited!(self.logs(), DEBUG, "a message has no handler", %remote, %message_type, %uri);
            }
            DatagramEvent::Cancelled { call, reason } => {
                limited!(self.logs(), DEBUG, "a handler is cancelled", %reason);
                // Which its task notices.
                self.cancels.remove(&call);
            }
            event => limited!(self.logs(), DEBUG, "unhandled event", ?event),
        }
    }

    /// Tells streams that a subscription may be gone, or is there again.
    fn tell_of_lease(&self, server: SocketAddr, uri: &Bytes, lapsed: Option<&str>) {
        let remote = Remote(Kind::Datagram(self.handle.clone(), server));
        let node = &*self.node;
        node.subscriptions.tell(&remote, uri, lapsed, node);
    }

    /// Hands a notification to the streams that want it.
    fn deliver(&self, message: Message, address: SocketAddr) {
        self.note_gap(&message, address);
        let remote = Remote(Kind::Datagram(self.handle.clone(), address));
        let node = &*self.node;
        // What they do not want any more is lost, as datagrams are.
        node.subscriptions.deliver(message, &remote, node);
    }

    /// Notes what a remote says was lost before a message.
    fn note_gap(&self, message: &Message, remote: SocketAddr) {
        if let Some(lost) = Gap::of(message) {
            limited!(self.logs(), DEBUG, "the remote has dropped notifications", %remote, lost);
            self.node.events.emit(|| UdpEvent::Gap { remote, lost });
        }
    }

    fn update_counters(&self) {
        let (flow, link) = (&self.flow, &self.link);
        flow.pending_requests.set(link.pending_requests() as u64);
        flow.running_handlers.set(link.calls_in_flight() as u64);
        *lock(&self.node.counters) = self.link.counters();
    }

    /// Calls a handler. One that has not completed by then goes on in a task of its own:
    /// datagrams have no order.
    fn call(&mut self, call: Call, handler: &AnyHandler, request: &mut Option<Request>) {
        let options = handler.options();
        if let Some(options) = options {
            self.link.set_call_options(self.now, &call, options);
        }
        let options = options.unwrap_or(self.link.config().calls);
        let context = &self.node.service.context;
        match observed::call(context, handler, request, &mut self.spares) {
            Ok(Outcome::Done(answer)) => self.reply(call, Ok(answer)),
            Ok(Outcome::Running(future)) if options.timeout().is_some() => {
                let (cancel, cancelled) = oneshot::channel();
                self.cancels.insert(call.id(), cancel);
                self.spawn(call, future, Some(cancelled));
            }
            Ok(Outcome::Running(future)) => self.spawn(call, future, None),
            Err(panicked) => self.reply(call, Err(panicked)),
        }
    }

    fn spawn(
        &mut self,
        call: Call,
        mut future: HandlerFuture,
        cancelled: Option<oneshot::Receiver<()>>,
    ) {
        let handle = self.handle.clone();
        R::spawn(async move {
            let shared = &handle.0;
            let aborted = shared.aborted.listen();
            let completed = match shared.is_aborted() {
                true => Ok(None),
                false => {
                    let handled = poll_fn(|context| future.poll_caught(context));
                    let aborted = async {
                        aborted.await;
                        Ok(None)
                    };
                    let cancelled = async {
                        match cancelled {
                            // The other end is dropped.
                            Some(cancelled) => drop(cancelled.await),
                            None => pending().await,
                        }
                        Ok(None)
                    };
                    race(handled, race(aborted, cancelled)).await
                }
            };
            discard(future);
            let reply = Command::Reply { call, completed };
            // A node that has ended sends no answer.
            let _ = shared.commands.send(reply).await;
        });
    }

    pub(super) fn reply(&mut self, call: Call, completed: Completion) {
        let Some(remote) = call.remote() else {
            return;
        };
        let (now, node) = (self.now, &mut &*self.node.service);
        if !self.cancels.is_empty() {
            self.cancels.remove(&call.id());
        }
        let replied = match completed {
            Ok(answer) => self.link.reply(now, node, call, answer),
            Err(Panicked) => self.link.reply_error(now, node, call, PANICKED),
        };
        self.note_reply(remote, replied);
    }

    fn note_reply(&self, remote: SocketAddr, replied: Result<(), ReplyError>) {
        match replied {
            // A node that has ended sends no answer.
            Ok(()) | Err(ReplyError::Closed(_) | ReplyError::Cancelled) => {}
            Err(error) => {
                limited!(self.logs(), WARN, "an answer was not sent", %remote, %error);
            }
        }
    }
}
