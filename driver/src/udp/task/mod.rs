//! The task that drives a UDP node: it alone receives and sends.

mod commands;
mod interfaces;
mod messages;
mod step;

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use async_channel::Receiver;
use event_listener::EventListener;
use futures_channel::oneshot;
use netaio_core::{CallId, CloseReason, DatagramLink, Now, Transmits};

pub(super) use self::interfaces::Surroundings;
use super::events::UdpEvent;
use super::shared::Shared;
use crate::callers::Callers;
use crate::caught::caught;
use crate::futures::yield_now;
use crate::handler::Spares;
use crate::logging::{Logs, limited};
use crate::runtime::{DatagramSocket, Runtime};
use crate::sync::lock;
use crate::timer::Timer;
use crate::traffic::OpenFlow;
use crate::udp_handle::{self, Command, Request, UdpHandle};

/// A node and the calls in flight on it.
pub(super) struct Task<R, S> {
    link: DatagramLink,
    socket: S,
    surroundings: Surroundings,
    inlet: Inlet,
    callers: Callers,
    /// Dropped, they cancel the handlers that have a time.
    cancels: BTreeMap<CallId, oneshot::Sender<()>>,
    /// Of handlers that completed at once.
    spares: Spares,
    /// Datagrams that are being sent, and how many have been.
    sending: Transmits,
    sent: usize,
    /// How often the next one was refused for the sake of earlier ones.
    offered: u8,
    /// Requests may have failed, which is not handled: another must not take the place of one.
    failed: bool,
    /// The last step sent a datagram.
    just_sent: bool,
    timer: Timer<R>,
    /// Datagrams, commands and steps since the last yield.
    worked: usize,
    /// Ready when the node is aborted.
    aborted: EventListener,
    now: Now,
    handle: UdpHandle,
    node: Arc<Shared>,
    flow: OpenFlow,
    /// Dropped last, after the socket.
    _ending: Ending,
}

/// The receiving ends of the channels of a node's handles.
#[derive(Clone)]
pub(super) struct Inlet {
    pub(super) commands: Receiver<Command>,
    pub(super) requests: Receiver<Request>,
}

/// Marks the node as ended on drop, even if its task was dropped unfinished.
struct Ending {
    handle: UdpHandle,
    node: Arc<Shared>,
    inlet: Inlet,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Self {
            handle,
            node,
            inlet,
        } = self;
        inlet.commands.close();
        inlet.requests.close();
        // Dropping the commands fails the calls that wait for them.
        while inlet.commands.try_recv().is_ok() {}
        while let Ok(unsent) = inlet.requests.try_recv() {
            unsent.request.refuse(&CloseReason::Local);
        }
        node.service.close();
        node.events.close();
        node.subscriptions.close();
        handle.0.abort();
        handle.0.room.notify(usize::MAX);
        handle.0.ended.notify(usize::MAX);
    }
}

impl<R: Runtime, S: DatagramSocket> Task<R, S> {
    pub(super) fn new(
        link: DatagramLink,
        socket: S,
        surroundings: Surroundings,
        inlet: Inlet,
        handle: UdpHandle,
        node: Arc<Shared>,
    ) -> Self {
        Self {
            link,
            socket,
            surroundings,
            callers: Callers::default(),
            cancels: BTreeMap::new(),
            spares: Spares::default(),
            sending: Transmits::new(),
            sent: 0,
            offered: 0,
            failed: false,
            just_sent: false,
            timer: Timer::default(),
            worked: 0,
            aborted: handle.0.aborted.listen(),
            now: node.service.context.time().now(),
            _ending: Ending {
                handle: handle.clone(),
                node: node.clone(),
                inlet: inlet.clone(),
            },
            flow: node.service.context.traffic.open(),
            inlet,
            handle,
            node,
        }
    }

    fn shared(&self) -> &udp_handle::Shared {
        &self.handle.0
    }

    fn logs(&self) -> &Logs {
        self.handle.logs()
    }

    /// Runs until the node is stopped, or until something panics that the application
    /// plugged in: then the node has ended, and says so.
    pub(super) async fn run(mut self) {
        let reason = match caught(self.drive()).await {
            Ok(()) => CloseReason::Local,
            Err(panicked) => {
                limited!(self.logs(), ERROR, "the node ends after a panic", %panicked);
                let reason = CloseReason::Failed(panicked.what.clone());
                *lock(&self.node.panicked) = Some(panicked.clone());
                self.node.events.emit(|| UdpEvent::Panicked(panicked));
                reason
            }
        };
        self.callers.fail_all(&reason);
    }

    async fn drive(&mut self) {
        let turn = self.shared().limits().frames_per_turn();
        while !self.shared().is_aborted() {
            self.look_around();
            if mem::take(&mut self.failed) && self.handle_events() {
                break;
            }
            self.take_commands();
            if self.handle_events() {
                break;
            }
            self.refill();
            self.shared().note_room();
            if self.is_due() {
                // Whoever sends meanwhile is heard before the next turn.
                self.receive_more();
                self.worked = self.worked.saturating_add(1);
                self.now = self.node.service.context.time().now();
            } else {
                self.spares.clear();
                let step = self.step().await;
                self.now = self.node.service.context.time().now();
                self.take_step(step);
            }
            // A socket that is always ready would starve the other tasks.
            if self.worked >= turn {
                self.worked = 0;
                yield_now().await;
            }
        }
    }

    /// Takes the next datagrams of the link once those before are sent: until then
    /// they count as queued.
    fn refill(&mut self) {
        if self.sent >= self.sending.count() {
            self.sent = 0;
            self.link.poll_outbound(&mut self.sending);
        }
    }

    /// Whether a deadline has passed.
    fn is_due(&mut self) -> bool {
        let deadline = self.link.deadline(&mut &*self.node.service);
        deadline.is_some_and(|deadline| deadline.at <= self.now.monotonic)
    }
}
