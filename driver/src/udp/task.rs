//! The task that drives a UDP node: it alone receives and sends.

use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::PoisonError;
use std::time::Duration;

use async_channel::Receiver;
use bytes::BytesMut;
use netaio_core::{
    CloseReason, DatagramEvent, DatagramLink, Dispatched, Inbound, Message, Now, PeerMessage,
    ReplyToken, SendOptions, Transmits,
};

use super::handle::{Command, Handle, Shared};
use crate::callers::Callers;
use crate::clock;
use crate::futures::{BoxFuture, race, yield_now};
use crate::remote::{Kind, Place, Remote};
use crate::runtime::{DatagramSocket, Runtime};
use crate::service::Invoked;
use crate::slots::Slot;

/// Things that happen before other tasks have their turn.
const STEPS: usize = 64;

/// A node and what is under way on it.
pub(super) struct Task<R: Runtime> {
    link: DatagramLink,
    socket: R::Datagrams,
    /// Whoever sends from these addresses is this machine.
    own: Vec<IpAddr>,
    commands: Receiver<Command>,
    callers: Callers,
    buffer: BytesMut,
    /// Datagrams that are being sent, and how many have been.
    sending: Transmits,
    sent: usize,
    timer: Option<(Duration, BoxFuture<()>)>,
    /// Handlers that were not done at once.
    running: usize,
    /// A message that waits for a free slot.
    blocked: Option<Inbound>,
    stopping: bool,
    aborted: bool,
    now: Now,
    handle: Handle,
    /// The last to be dropped, after the socket.
    _ending: Ending,
}

/// Says that the node has ended when it is dropped, be it with a task that was
/// never finished.
struct Ending(Handle);

impl Drop for Ending {
    fn drop(&mut self) {
        let shared = &self.0.0;
        shared.commands.close();
        shared.service.table.close();
        shared.aborted.notify(usize::MAX);
        shared.ended.notify(usize::MAX);
    }
}

/// What happened first.
enum Step {
    Sent(io::Result<usize>),
    Received(io::Result<(usize, SocketAddr)>),
    Told(Option<Command>),
    Unblocked,
    Timer,
}

impl<R: Runtime> Task<R> {
    pub(super) fn new(
        link: DatagramLink,
        socket: R::Datagrams,
        own: Vec<IpAddr>,
        commands: Receiver<Command>,
        handle: Handle,
    ) -> Self {
        Self {
            link,
            socket,
            own,
            commands,
            callers: Callers::default(),
            buffer: BytesMut::new(),
            sending: Transmits::new(),
            sent: 0,
            timer: None,
            running: 0,
            blocked: None,
            stopping: false,
            aborted: false,
            now: clock::now(),
            _ending: Ending(handle.clone()),
            handle,
        }
    }

    fn shared(&self) -> &Shared {
        &self.handle.0
    }

    /// Runs until the node is stopped.
    pub(super) async fn run(mut self) {
        let mut steps = 0;
        while !self.aborted {
            self.take_commands();
            self.take_events();
            self.look_at_peers();
            self.refill();
            if self.stopping && self.is_idle() {
                break;
            }
            let step = self.step().await;
            self.now = clock::now();
            self.take_step(step);
            // A socket that is always ready would never let go of its thread.
            steps += 1;
            if steps == STEPS {
                steps = 0;
                yield_now().await;
            }
        }
        self.callers.fail_all(&CloseReason::Local);
    }

    /// Takes what is to be sent next, once the last of what there was is sent:
    /// until then that still counts as queued.
    fn refill(&mut self) {
        if self.sent >= self.sending.count() {
            self.sent = 0;
            self.link.poll_outbound(&mut self.sending);
        }
    }

    /// Nothing runs, nothing is to be sent.
    fn is_idle(&self) -> bool {
        let sent = self.sent >= self.sending.count() && self.link.queued() == 0;
        self.running == 0 && self.blocked.is_none() && sent
    }

    fn take_commands(&mut self) {
        if self.handle.0.given_up.take() {
            for request in self.callers.take_given_up() {
                self.link.cancel(request);
            }
        }
        let limit = self.shared().limits().frames_per_turn();
        for _ in 0..limit {
            match self.commands.try_recv() {
                Ok(command) => self.obey(command),
                Err(_) => return,
            }
        }
    }

    fn obey(&mut self, command: Command) {
        let now = self.now;
        match command {
            Command::Send {
                to,
                message,
                options,
                done,
            } => {
                let sent = self.link.send(now, to, &message, &options);
                if let Some(done) = done {
                    // Nobody minds a sender that has lost interest.
                    let _ = done.send(sent);
                } else if let Err(error) = sent {
                    tracing::warn!(%to, %error, "a notification was not sent");
                }
            }
            Command::Request {
                to,
                message,
                options,
                called,
                done,
            } => {
                if done.is_canceled() {
                    return;
                }
                let timeout = options.timeout();
                let spent = now.monotonic.saturating_sub(called);
                let options = options.with_timeout(timeout.saturating_sub(spent));
                match self.link.request(now, to, &message, &options) {
                    Ok(request) => self.callers.insert(request, done, timeout),
                    Err(error) => {
                        let _ = done.send(Err(error.into()));
                    }
                }
            }
            Command::Forward { to, frame } => {
                if let Err(error) = self.link.forward(now, &to, &frame) {
                    tracing::warn!(%error, "a notification was not sent");
                }
            }
            Command::Reply { reply, answer } => {
                self.running = self.running.saturating_sub(1);
                if let Some(answer) = answer {
                    self.reply(&reply, &answer, false);
                }
            }
            Command::Look => {}
            Command::Stop => self.stop(),
            Command::Abort => self.aborted = true,
        }
    }

    /// Takes leave of the peers, fails the waiting requests, and receives no
    /// more.
    fn stop(&mut self) {
        if std::mem::replace(&mut self.stopping, true) {
            return;
        }
        self.callers.fail_all(&CloseReason::Local);
        let table = self.shared().service.table.clone();
        for farewell in table.change_quietly(|discovery| discovery.stop_all()) {
            self.multicast(farewell);
        }
    }

    fn take_events(&mut self) {
        while let Some(event) = self.link.poll_event() {
            match event {
                DatagramEvent::Message(inbound) => self.handle_message(inbound),
                DatagramEvent::Answered {
                    request,
                    answer,
                    remote,
                } => {
                    self.heard(remote);
                    self.callers.end(request, Ok(answer));
                }
                DatagramEvent::Failed { request, error } => self.callers.end(request, Err(error)),
                event => tracing::debug!(?event, "datagram refused"),
            }
        }
        let counters = self.shared().counters.lock();
        *counters.unwrap_or_else(PoisonError::into_inner) = self.link.counters();
    }

    /// Whoever sends something valid is alive.
    fn heard(&self, remote: SocketAddr) {
        let (table, now) = (&self.shared().service.table, self.now);
        let mut discovery = table.discovery();
        if !discovery.peers().is_empty() {
            discovery.heard(now, Place::Datagram(remote));
        }
    }

    /// Handles a message. One whose handler is not done at once goes on in a task
    /// of its own, for datagrams have no order that is to be kept.
    fn handle_message(&mut self, inbound: Inbound) {
        let service = self.shared().service.clone();
        if !service.slots.is_free() {
            self.blocked = Some(inbound);
            return;
        }
        let Some(address) = inbound.remote() else {
            return;
        };
        let remote = Remote(Kind::Datagram(self.handle.clone(), address));
        let dispatched = self.link.dispatch(self.now, inbound, &mut &*service);
        if !matches!(dispatched, Dispatched::Refused) {
            self.heard(address);
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
            let answer = match shared.commands.is_closed() {
                true => None,
                false => {
                    let given_up = async {
                        aborted.await;
                        None
                    };
                    race(&mut future, given_up).await
                }
            };
            drop(slot);
            // A node that has ended answers nobody.
            let _ = shared.commands.send(Command::Reply { reply, answer }).await;
        });
    }

    /// Answers. What no handler asked for stays within a budget.
    fn reply(&mut self, token: &ReplyToken, answer: &Message, unprompted: bool) {
        let sent = match unprompted {
            true => self.link.answer(self.now, token, answer).map(|_| ()),
            false => self.link.reply(self.now, token, answer),
        };
        if let Err(error) = sent {
            tracing::warn!(remote = ?token.remote(), %error, "a handler's reply was not sent");
            let text = format!("the reply could not be sent: {error}");
            let substitute = Message::error(token.uri().clone(), text);
            // Where that cannot be sent either, nothing can.
            let _ = self.link.reply(self.now, token, &substitute);
        }
    }

    /// Lets those who have fallen silent go, and sends what is due.
    fn look_at_peers(&mut self) {
        let (table, now) = (self.shared().service.table.clone(), self.now);
        if self.stopping {
            return;
        }
        let due = |at: Option<Duration>| at.is_some_and(|at| at <= now.monotonic);
        if due(table.discovery().poll_deadline()) {
            table.change_quietly(|discovery| discovery.handle_timeout(now));
        }
        loop {
            let advertisement = table.discovery().poll_advertisement();
            let Some(advertisement) = advertisement else {
                return;
            };
            self.multicast(advertisement);
        }
    }

    fn multicast(&mut self, PeerMessage { message, inner }: PeerMessage) {
        let Some(group) = self.shared().group else {
            return;
        };
        let options = SendOptions::new().with_inner(inner);
        if let Err(error) = self.link.send(self.now, group, &message, &options) {
            tracing::warn!(%group, %error, "peers were not told of this node");
        }
    }

    /// Waits for whatever happens first.
    async fn step(&mut self) -> Step {
        self.set_timer();
        let send = async {
            match self.sending.get(self.sent) {
                Some((to, datagram)) => Step::Sent(self.socket.send(datagram, to).await),
                None => pending().await,
            }
        };
        let (may_receive, blocked) = (self.may_receive(), self.blocked.is_some());
        let receive = async {
            match may_receive {
                true => Step::Received(self.socket.receive(&mut self.buffer).await),
                false => pending().await,
            }
        };
        let service = &self.handle.0.service;
        let unblock = async {
            match blocked {
                true => service.slots.wait().await,
                false => pending().await,
            }
            Step::Unblocked
        };
        let tell = async { Step::Told(self.commands.recv().await.ok()) };
        let time = async {
            match &mut self.timer {
                Some((_, timer)) => timer.await,
                None => pending().await,
            }
            Step::Timer
        };
        race(send, race(race(receive, unblock), race(tell, time))).await
    }

    fn may_receive(&self) -> bool {
        // What is not read stays with the system, which drops what is too much.
        let limits = self.shared().limits();
        !self.stopping && self.blocked.is_none() && self.link.queued() < limits.outbound_queue()
    }

    fn take_step(&mut self, step: Step) {
        match step {
            Step::Sent(result) => {
                if let Err(error) = result {
                    // It belongs to one datagram, perhaps an earlier one.
                    tracing::debug!(%error, "a datagram was not sent");
                }
                self.sent = self.sent.saturating_add(1);
            }
            Step::Received(Ok((len, from))) => {
                self.receive(len, from);
                self.receive_more();
            }
            Step::Received(Err(error)) => tracing::debug!(%error, "cannot receive a datagram"),
            Step::Told(Some(command)) => self.obey(command),
            // The handle that this task holds keeps the channel open.
            Step::Told(None) => self.aborted = true,
            Step::Unblocked => {
                if let Some(inbound) = self.blocked.take() {
                    self.handle_message(inbound);
                }
            }
            Step::Timer => {
                self.timer = None;
                self.link.handle_timeout(self.now);
            }
        }
    }

    fn receive(&mut self, len: usize, from: SocketAddr) {
        let datagram = self.buffer.split_to(len.min(self.buffer.len()));
        if self.own.contains(&from.ip()) {
            return;
        }
        self.link.receive(self.now, from, datagram);
        self.take_events();
    }

    /// Takes what else has come, up to a turn's worth.
    fn receive_more(&mut self) {
        for _ in 1..self.shared().limits().frames_per_turn() {
            if !self.may_receive() {
                return;
            }
            match self.socket.try_receive(&mut self.buffer) {
                Ok(Some((len, from))) => self.receive(len, from),
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(%error, "cannot receive a datagram");
                    return;
                }
            }
        }
    }

    /// Sets the timer where there is an earlier deadline than it is set to.
    fn set_timer(&mut self) {
        let link = self.link.poll_deadline().map(|deadline| deadline.at);
        let peers = match self.stopping {
            true => None,
            false => self.shared().service.table.discovery().poll_deadline(),
        };
        let Some(at) = link.into_iter().chain(peers).min() else {
            return;
        };
        if self.timer.as_ref().is_none_or(|(set, _)| at < *set) {
            let timer = R::sleep_until(clock::instant(at));
            self.timer = Some((at, Box::pin(timer)));
        }
    }
}
