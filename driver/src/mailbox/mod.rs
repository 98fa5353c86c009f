//! The queue of commands between a connection's handles and its task.

mod command;
mod queue;
mod room;
mod run;
mod waiting;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use event_listener::{Event, EventListener};
use netaio_core::{
    CloseReason, Dropped, Fate, Limits, MailboxAccount, Pressure, SendError, SharedFrame,
    SlowConsumerPolicy,
};

pub(crate) use self::command::Command;
pub(crate) use self::queue::Urgent;
pub(crate) use self::run::{Run, Stretch};

use self::queue::Queue;

use crate::sync::{AtomicBool, AtomicUsize, AtomicWaker, Mutex, Ordering, lock};

/// Why a command was not queued.
enum Refused {
    Error(SendError),
    /// There is no room for it now.
    Full(Box<Command>),
}

/// What a task waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Awaited {
    /// Any command.
    Command,
    /// What is to be done before all that is queued.
    Urgent,
    /// That a closed connection is aborted.
    Abort,
}

/// The queue of one connection.
pub(crate) struct Mailbox {
    queue: Mutex<Queue>,
    waker: AtomicWaker,
    /// Notified when sends may be pushed again.
    room: Event,
    /// The most sends that wait, and the most requests that do not wait for a place.
    capacity: usize,
    /// Notified when there is room for news, if publishers wait for it.
    news_room: Event,
    awaited: AtomicBool,
    /// Bytes of news that the task has taken, and whose link has not yet published that it has
    /// them. Written behind the lock.
    on_the_way: AtomicUsize,
    /// More waits than may, and the task is to have a turn.
    crowded: AtomicBool,
    /// The most bytes of what may be dropped that wait.
    droppable_capacity: usize,
    /// The policy past that number of bytes.
    policy: SlowConsumerPolicy,
    account: MailboxAccount,
}

/// What it means that something was queued that many get.
#[derive(Debug)]
pub(crate) struct Pushed {
    /// What became of it.
    pub(crate) fate: Fate,
    /// What that means for other connections.
    pub(crate) pressure: Pressure,
    /// Publishers are to wait for this connection.
    pub(crate) is_awaited: bool,
}

/// What the task has taken.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// What was dropped.
    pub(crate) dropped: Option<Dropped>,
    /// The link has no room for what is next.
    pub(crate) left: bool,
    pub(crate) urgent: Option<Urgent>,
}

impl Mailbox {
    pub(crate) fn new(limits: &Limits, account: MailboxAccount) -> Self {
        Self {
            queue: Mutex::default(),
            waker: AtomicWaker::new(),
            room: Event::new(),
            news_room: Event::new(),
            awaited: AtomicBool::new(false),
            on_the_way: AtomicUsize::new(0),
            crowded: AtomicBool::new(false),
            capacity: limits.pending_requests(),
            droppable_capacity: limits.outbound_queue(),
            policy: limits.slow_consumer(),
            account,
        }
    }

    /// Queues a [`Command::Send`] once there is room for it.
    ///
    /// # Errors
    /// The connection has ended.
    pub(crate) async fn push_send(&self, command: Command) -> Result<(), SendError> {
        let (mut command, mut room) = (command, None::<EventListener>);
        loop {
            match self.try_push(command) {
                Ok(()) => return Ok(()),
                Err(Refused::Error(error)) => return Err(error),
                Err(Refused::Full(back)) => command = *back,
            }
            match room.take() {
                Some(room) => room.await,
                None => room = Some(self.room.listen()),
            }
        }
    }

    /// Queues a [`Command::Frame`] or a [`Command::Notify`].
    ///
    /// # Errors
    /// The connection has ended, or its remote reads too slowly.
    pub(crate) fn push_news(&self, command: Command) -> Result<Pushed, SendError> {
        let (policy, max) = (self.policy, self.droppable_capacity);
        self.queue_news(|queue| match command {
            command if policy != SlowConsumerPolicy::Disconnect => {
                queue.waiting().commands.offer(command, 0, max, policy) != Fate::Dropped
            }
            Command::Frame { frame, .. } if frame.len() < SharedFrame::SHARED_FROM => {
                queue.waiting().append(&frame);
                true
            }
            command => {
                queue.waiting().close_run();
                queue.waiting().commands.push_back(command);
                true
            }
        })
    }

    /// Queues frames of a run, where the policy is to [disconnect](Self::drops) slow consumers.
    ///
    /// # Errors
    /// As [`push_news`](Self::push_news).
    pub(crate) fn push_stretch(&self, frames: &Stretch) -> Result<Pushed, SendError> {
        self.queue_news(|queue| {
            queue.waiting().join(frames);
            true
        })
    }

    /// Says that nothing more is appended to a run, and what that means for other connections.
    pub(crate) fn close_run(&self, run: &Run) -> Pressure {
        run.close(&self.account)
    }

    /// The address of the other end of the connection, if the stream has addresses.
    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        self.account.remote()
    }

    /// Whether what many get may be dropped.
    pub(crate) fn drops(&self) -> bool {
        self.policy != SlowConsumerPolicy::Disconnect
    }

    /// Queues what many get by `put`, which says whether it did so, and did not drop it.
    fn queue_news(&self, put: impl FnOnce(&mut Queue) -> bool) -> Result<Pushed, SendError> {
        let mut queue = lock(&self.queue);
        if let Some(reason) = &queue.closed {
            return Err(SendError::Closed(CloseReason::clone(reason)));
        }
        if self.account.is_cut() {
            let queued = queue.news();
            queue.drop_news();
            queue.publish(&self.account);
            return Err(SendError::Closed(CloseReason::SlowConsumer { queued }));
        }
        let (mut wakes, max) = (queue.is_empty(), self.droppable_capacity);
        let waiting = self.account.waiting(queue.news());
        if !self.drops() {
            let wanted = queue.flow.wants_turn();
            if !queue.flow.admit(waiting, max) {
                return Err(SendError::QueueFull {
                    queued: waiting,
                    max,
                });
            }
            if queue.flow.wants_turn() {
                self.crowded.store(true, Ordering::Release);
                wakes |= !wanted;
            }
        }
        let fate = match put(&mut queue) {
            false => Fate::Dropped,
            true if waiting == 0 => Fate::Sent,
            true => Fate::Queued,
        };
        let pressure = queue.publish(&self.account);
        let has_room = self.has_room(&queue);
        let is_awaited = queue.flow.waits(has_room);
        drop(queue);
        if wakes {
            self.waker.wake();
        }
        Ok(Pushed {
            fate,
            pressure,
            is_awaited,
        })
    }

    /// Queues any other command.
    ///
    /// # Errors
    /// The connection has ended, or takes commands too slowly.
    pub(crate) fn push(&self, command: Command) -> Result<(), SendError> {
        self.try_push(command).map_err(|refused| match refused {
            Refused::Error(error) => error,
            Refused::Full(_) => SendError::TooManyRequests { max: self.capacity },
        })
    }

    fn try_push(&self, command: Command) -> Result<(), Refused> {
        let mut queue = lock(&self.queue);
        if let Some(reason) = &queue.closed {
            let closed = SendError::Closed(CloseReason::clone(reason));
            return Err(Refused::Error(closed));
        }
        if self.account.is_cut() {
            queue.drop_news();
            queue.publish(&self.account);
        }
        let first = queue.is_empty();
        let waiting = queue.waiting();
        match &command {
            Command::Send { .. } if waiting.sends >= self.capacity => {
                return Err(Refused::Full(Box::new(command)));
            }
            Command::Send { .. } => waiting.sends = waiting.sends.saturating_add(1),
            Command::Request(request) => {
                let bytes = waiting.request_bytes.saturating_add(request.bytes());
                let many = request.fails_fast() && waiting.requests >= self.capacity;
                // As many bytes as may wait for a place.
                if many || bytes > self.droppable_capacity {
                    let max = self.capacity;
                    return Err(Refused::Error(SendError::TooManyRequests { max }));
                }
                waiting.request_bytes = bytes;
                waiting.requests = waiting.requests.saturating_add(1);
            }
            _ => {}
        }
        waiting.close_run();
        waiting.commands.push_back(command);
        drop(queue);
        if first {
            self.waker.wake();
        }
        Ok(())
    }

    /// Takes commands into a queue that is empty: all of them, or as many as a link takes
    /// that has room for so many more bytes. Where the policy is to drop, the link drops.
    pub(crate) fn take(&self, into: &mut VecDeque<Command>, room: usize) -> Taken {
        let room = match self.policy {
            SlowConsumerPolicy::Disconnect => room,
            _ => usize::MAX,
        };
        let mut queue = lock(&self.queue);
        let was_full = queue.sends() >= self.capacity;
        let news = queue.news();
        let left = queue.move_some(into, room);
        let moved = news.saturating_sub(queue.news());
        if moved > 0 {
            self.on_the_way.fetch_add(moved, Ordering::Relaxed);
        }
        queue.publish(&self.account);
        let taken = Taken {
            dropped: queue.take_dropped(),
            left,
            urgent: queue.urgent,
        };
        let has_room = queue.sends() < self.capacity;
        drop(queue);
        if was_full && has_room {
            self.room.notify(usize::MAX);
        }
        taken
    }

    /// Does something before all that is queued.
    pub(crate) fn urge(&self, urgent: Urgent) {
        let mut queue = lock(&self.queue);
        // A connection that closes already finishes its last frame in any case.
        if urgent != Urgent::Abort && (queue.closed.is_some() || queue.urgent.is_some()) {
            return;
        }
        queue.urgent = Some(urgent);
        drop(queue);
        self.waker.wake();
    }

    /// Is ready when there is what the task waits for. It is polled, and no future: an idle
    /// connection has no room for one.
    pub(crate) fn poll(&self, context: &mut Context<'_>, awaited: Awaited) -> Poll<()> {
        self.waker.register(context.waker());
        let queue = lock(&self.queue);
        let is_ready = match awaited {
            Awaited::Command => !queue.is_empty() || queue.urgent.is_some(),
            Awaited::Urgent => queue.urgent.is_some(),
            Awaited::Abort => queue.urgent == Some(Urgent::Abort),
        };
        match is_ready {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// Refuses further commands, and returns those that came too late.
    pub(crate) fn close(&self, reason: CloseReason) -> VecDeque<Command> {
        let mut queue = lock(&self.queue);
        queue.closed.get_or_insert_with(|| Box::new(reason));
        let late = queue.take_all();
        queue.publish(&self.account);
        drop(queue);
        self.room.notify(usize::MAX);
        self.news_room.notify(usize::MAX);
        late
    }

    /// Whether a closed connection was aborted.
    pub(crate) fn is_aborted(&self) -> bool {
        lock(&self.queue).urgent == Some(Urgent::Abort)
    }

    /// Marks the task as ended.
    pub(crate) fn end(&self) {
        lock(&self.queue).ended = true;
    }

    /// Why no more commands are accepted, if so.
    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        lock(&self.queue).closed.as_deref().cloned()
    }

    /// Why the connection has ended, if its task has ended.
    pub(crate) fn ended(&self) -> Option<CloseReason> {
        let queue = lock(&self.queue);
        queue.closed.as_deref().filter(|_| queue.ended).cloned()
    }
}

#[cfg(loom)]
#[cfg(test)]
mod model;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
