//! The queue of commands between a connection's handles and its task.

mod command;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;

use event_listener::{Event, EventListener};
use netaio_core::{CloseReason, Dropped, Limits, LossyQueue, SendError, SlowConsumerPolicy};

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
}

#[derive(Default)]
struct Queue {
    commands: LossyQueue<Command>,
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

impl Mailbox {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            queue: Mutex::default(),
            waker: AtomicWaker::new(),
            room: Event::new(),
            capacity: limits.pending_requests(),
            droppable_capacity: limits.outbound_queue(),
            policy: limits.slow_consumer(),
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
        let first = queue.commands.is_empty();
        match command {
            Command::Frame(_) | Command::Notify { .. } => {
                let max = self.droppable_capacity;
                if !queue.commands.offer(command, 0, max, self.policy) {
                    let queued = queue.commands.bytes();
                    return Err(Refused::Error(SendError::QueueFull { queued, max }));
                }
            }
            command => queue.commands.push_back(command),
        }
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
        queue.commands.swap(into);
        let dropped = queue.commands.take_dropped();
        drop(queue);
        if was_full {
            self.room.notify(usize::MAX);
        }
        dropped
    }

    /// Is ready when there are commands.
    pub(crate) async fn wait(&self) {
        self.wait_until(|queue| !queue.commands.is_empty()).await;
    }

    /// Refuses further commands, and returns those that came too late.
    pub(crate) fn close(&self, reason: CloseReason) -> VecDeque<Command> {
        let mut queue = lock(&self.queue);
        queue.closed.get_or_insert(reason);
        let mut late = VecDeque::new();
        queue.commands.swap(&mut late);
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
mod tests;
