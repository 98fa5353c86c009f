//! The queue of commands between a connection's handles and its task.

mod command;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;

use event_listener::{Event, EventListener};
use netaio_core::{
    CloseReason, Dropped, Limits, LossyQueue, MailboxAccount, Pressure, SendError, SharedFrame,
    SlowConsumerPolicy,
};

pub(crate) use self::command::Command;

use crate::sync::{AtomicWaker, Mutex, lock};

/// Why a command was not queued.
enum Refused {
    Error(SendError),
    /// There is no room for it now.
    Full(Box<Command>),
}

/// The queue of one connection.
pub(crate) struct Mailbox {
    queue: Mutex<Queue>,
    waker: AtomicWaker,
    /// Notified when sends may be pushed again.
    room: Event,
    /// The most sends that wait, and the most requests.
    capacity: usize,
    /// The most bytes of what may be dropped that wait.
    droppable_capacity: usize,
    /// The policy past that number of bytes.
    policy: SlowConsumerPolicy,
    account: MailboxAccount,
}

#[derive(Default)]
struct Queue {
    commands: LossyQueue<Command>,
    /// Short frames behind the commands: one buffer takes less memory and time than a
    /// command for each.
    run: Vec<u8>,
    /// The memory of the commands that the task has taken last.
    taken: usize,
    /// The memory that was published last.
    published: usize,
    /// Sends among them.
    sends: usize,
    /// Requests among them.
    requests: usize,
    /// Set when no more commands are accepted.
    closed: Option<CloseReason>,
    /// What is queued to be written is discarded.
    aborted: bool,
    /// The task has ended.
    ended: bool,
}

impl Queue {
    /// The most bytes of short frames in one buffer.
    const RUN: usize = 64 * 1024;
    /// What memory has to differ by to be published, in bytes.
    const GRAIN: usize = 2 * 1024;

    fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.run.is_empty()
    }

    /// The bytes of what may be dropped.
    fn news(&self) -> usize {
        self.commands.bytes().saturating_add(self.run.len())
    }

    /// Appends a short frame.
    fn append(&mut self, frame: &SharedFrame) {
        if self.run.len().saturating_add(frame.len()) > Self::RUN {
            self.close_run();
        }
        self.run.extend_from_slice(frame);
    }

    /// Makes a command of the short frames.
    fn close_run(&mut self) {
        if !self.run.is_empty() {
            let frames = std::mem::take(&mut self.run);
            self.commands.push_back(Command::Frames(frames));
        }
    }

    /// Moves all commands into a queue that is empty.
    fn swap(&mut self, into: &mut VecDeque<Command>) {
        self.close_run();
        self.taken = self.commands.held();
        self.commands.swap(into);
    }

    /// Publishes what is held, and returns what that means for others.
    fn publish(&mut self, account: &MailboxAccount) -> Pressure {
        let held = self.commands.held().saturating_add(self.run.capacity());
        let held = held.saturating_add(self.taken);
        if held.abs_diff(self.published) < Self::GRAIN && (held > 0 || self.published == 0) {
            return Pressure::default();
        }
        self.published = held;
        account.hold(held, self.news())
    }

    /// Lets go of what may be dropped.
    fn drop_news(&mut self) {
        let policy = SlowConsumerPolicy::DropOldest;
        self.commands.drop_until(policy, |_| false);
        self.commands.take_dropped();
        self.run = Vec::new();
    }
}

impl Mailbox {
    pub(crate) fn new(limits: &Limits, account: MailboxAccount) -> Self {
        Self {
            queue: Mutex::default(),
            waker: AtomicWaker::new(),
            room: Event::new(),
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

    /// Queues a [`Command::Frame`] or a [`Command::Notify`], and returns what that means
    /// for other connections.
    ///
    /// # Errors
    /// The connection has ended, or takes commands too slowly.
    pub(crate) fn push_news(&self, command: Command) -> Result<Pressure, SendError> {
        let mut queue = lock(&self.queue);
        if let Some(reason) = &queue.closed {
            return Err(SendError::Closed(reason.clone()));
        }
        if self.account.is_cut() {
            let queued = queue.news();
            queue.drop_news();
            queue.publish(&self.account);
            return Err(SendError::Closed(CloseReason::SlowConsumer { queued }));
        }
        let (first, max) = (queue.is_empty(), self.droppable_capacity);
        let full = SendError::QueueFull {
            queued: queue.news(),
            max,
        };
        let disconnects = self.policy == SlowConsumerPolicy::Disconnect;
        match command {
            Command::Frame(frame) if disconnects && frame.len() < SharedFrame::SHARED_FROM => {
                if queue.news() >= max {
                    return Err(full);
                }
                queue.append(&frame);
            }
            command => {
                queue.close_run();
                if !queue.commands.offer(command, 0, max, self.policy) {
                    return Err(full);
                }
            }
        }
        let pressure = queue.publish(&self.account);
        drop(queue);
        if first {
            self.waker.wake();
        }
        Ok(pressure)
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
            let closed = SendError::Closed(reason.clone());
            if matches!(command, Command::Abort | Command::Cut) {
                queue.aborted = true;
                drop(queue);
                self.waker.wake();
            }
            return Err(Refused::Error(closed));
        }
        if self.account.is_cut() {
            queue.drop_news();
            queue.publish(&self.account);
        }
        match &command {
            Command::Send { .. } if queue.sends >= self.capacity => {
                return Err(Refused::Full(Box::new(command)));
            }
            Command::Send { .. } => queue.sends = queue.sends.saturating_add(1),
            Command::Request(_) if queue.requests >= self.capacity => {
                let max = self.capacity;
                return Err(Refused::Error(SendError::TooManyRequests { max }));
            }
            Command::Request(_) => queue.requests = queue.requests.saturating_add(1),
            _ => {}
        }
        let first = queue.is_empty();
        queue.close_run();
        queue.commands.push_back(command);
        drop(queue);
        if first {
            self.waker.wake();
        }
        Ok(())
    }

    /// Takes all commands, into a queue that is empty, and returns what was dropped.
    pub(crate) fn take(&self, into: &mut VecDeque<Command>) -> Option<Dropped> {
        let mut queue = lock(&self.queue);
        let was_full = queue.sends >= self.capacity;
        (queue.sends, queue.requests) = (0, 0);
        queue.swap(into);
        queue.publish(&self.account);
        let dropped = queue.commands.take_dropped();
        drop(queue);
        if was_full {
            self.room.notify(usize::MAX);
        }
        dropped
    }

    /// Is ready when there are commands.
    pub(crate) async fn wait(&self) {
        self.wait_until(|queue| !queue.is_empty()).await;
    }

    /// Refuses further commands, and returns those that came too late.
    pub(crate) fn close(&self, reason: CloseReason) -> VecDeque<Command> {
        let mut queue = lock(&self.queue);
        queue.closed.get_or_insert(reason);
        let mut late = VecDeque::new();
        queue.swap(&mut late);
        queue.taken = 0;
        queue.publish(&self.account);
        drop(queue);
        self.room.notify(usize::MAX);
        late
    }

    /// Is ready when a closed connection is aborted.
    pub(crate) async fn aborted(&self) {
        self.wait_until(|queue| queue.aborted).await;
    }

    async fn wait_until(&self, is_ready: impl Fn(&Queue) -> bool) {
        poll_fn(|context| {
            self.waker.register(context.waker());
            match is_ready(&lock(&self.queue)) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }

    /// Whether a closed connection was aborted.
    pub(crate) fn is_aborted(&self) -> bool {
        lock(&self.queue).aborted
    }

    /// Marks the task as ended.
    pub(crate) fn end(&self) {
        lock(&self.queue).ended = true;
    }

    /// Why no more commands are accepted, if so.
    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        lock(&self.queue).closed.clone()
    }

    /// Why the connection has ended, if its task has ended.
    pub(crate) fn ended(&self) -> Option<CloseReason> {
        let queue = lock(&self.queue);
        queue.closed.clone().filter(|_| queue.ended)
    }
}

#[cfg(loom)]
#[cfg(test)]
mod model;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
