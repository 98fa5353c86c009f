//! How others speak to a connection's task.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use atomic_waker::AtomicWaker;
use bytes::Bytes;
use event_listener::{Event, EventListener};
use futures_channel::oneshot;
use netaio_core::{Answer, CloseReason, Limits, Message, RequestOptions, SendError, SendOptions};

use crate::error::RequestError;

/// What a connection is asked to do.
pub(crate) enum Command {
    /// Send a message, and say whether it was taken.
    Send {
        message: Message,
        options: SendOptions,
        done: oneshot::Sender<Result<(), SendError>>,
    },
    /// Send a request. Its time runs since `called`, a monotonic reading.
    Request {
        message: Message,
        options: RequestOptions,
        called: Duration,
        done: oneshot::Sender<Result<Answer, RequestError>>,
    },
    /// Write a frame that was sealed for many.
    Frame(Bytes),
    /// Read no more, finish what is under way, then close.
    Drain,
    /// Close: handle nothing more, write what is queued.
    Close,
    /// Close, and leave unwritten what is queued.
    Abort,
}

/// Why a command was not taken.
enum Refused {
    For(SendError),
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
    /// The most bytes of frames that wait.
    frame_capacity: usize,
}

#[derive(Default)]
struct Queue {
    commands: VecDeque<Command>,
    /// Sends among them.
    sends: usize,
    /// Requests among them.
    requests: usize,
    /// Bytes of the frames among them.
    frame_bytes: usize,
    /// Nothing more is taken.
    closed: Option<CloseReason>,
    /// What is queued to be written is given up.
    aborted: bool,
    /// The task is gone.
    ended: bool,
}

impl Mailbox {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            queue: Mutex::default(),
            waker: AtomicWaker::new(),
            room: Event::new(),
            capacity: limits.pending_requests(),
            frame_capacity: limits.outbound_queue(),
        }
    }

    /// Hands a [`Command::Send`] over, once there is room for it.
    ///
    /// # Errors
    /// The connection has ended.
    pub(crate) async fn push_send(&self, command: Command) -> Result<(), SendError> {
        let (mut command, mut room) = (command, None::<EventListener>);
        loop {
            match self.try_push(command) {
                Ok(()) => return Ok(()),
                Err(Refused::For(error)) => return Err(error),
                Err(Refused::Full(back)) => command = *back,
            }
            match room.take() {
                Some(room) => room.await,
                None => room = Some(self.room.listen()),
            }
        }
    }

    /// Hands any other command over.
    ///
    /// # Errors
    /// The connection has ended, or takes commands too slowly.
    pub(crate) fn push(&self, command: Command) -> Result<(), SendError> {
        self.try_push(command).map_err(|refused| match refused {
            Refused::For(error) => error,
            Refused::Full(_) => SendError::TooManyRequests { max: self.capacity },
        })
    }

    fn try_push(&self, command: Command) -> Result<(), Refused> {
        let mut queue = self.lock();
        if let Some(reason) = &queue.closed {
            let closed = SendError::Closed(reason.clone());
            if matches!(command, Command::Abort) {
                queue.aborted = true;
                drop(queue);
                self.waker.wake();
            }
            return Err(Refused::For(closed));
        }
        match &command {
            Command::Send { .. } if queue.sends >= self.capacity => {
                return Err(Refused::Full(Box::new(command)));
            }
            Command::Send { .. } => queue.sends = queue.sends.saturating_add(1),
            Command::Request { .. } if queue.requests >= self.capacity => {
                let max = self.capacity;
                return Err(Refused::For(SendError::TooManyRequests { max }));
            }
            Command::Request { .. } => queue.requests = queue.requests.saturating_add(1),
            Command::Frame(_) if queue.frame_bytes >= self.frame_capacity => {
                let (queued, max) = (queue.frame_bytes, self.frame_capacity);
                return Err(Refused::For(SendError::QueueFull { queued, max }));
            }
            Command::Frame(frame) => {
                queue.frame_bytes = queue.frame_bytes.saturating_add(frame.len());
            }
            _ => {}
        }
        let first = queue.commands.is_empty();
        queue.commands.push_back(command);
        drop(queue);
        if first {
            self.waker.wake();
        }
        Ok(())
    }

    /// Takes all commands, into a queue that is empty.
    pub(crate) fn take(&self, into: &mut VecDeque<Command>) {
        let mut queue = self.lock();
        let was_full = queue.sends >= self.capacity;
        (queue.sends, queue.requests, queue.frame_bytes) = (0, 0, 0);
        std::mem::swap(&mut queue.commands, into);
        drop(queue);
        if was_full {
            self.room.notify(usize::MAX);
        }
    }

    /// Is ready when there are commands.
    pub(crate) async fn wait(&self) {
        poll_fn(|context| {
            self.waker.register(context.waker());
            match self.lock().commands.is_empty() {
                true => Poll::Pending,
                false => Poll::Ready(()),
            }
        })
        .await;
    }

    /// Refuses further commands, and returns those that came too late.
    pub(crate) fn close(&self, reason: CloseReason) -> VecDeque<Command> {
        let mut queue = self.lock();
        queue.closed.get_or_insert(reason);
        let late = std::mem::take(&mut queue.commands);
        drop(queue);
        self.room.notify(usize::MAX);
        late
    }

    /// Is ready when a closed connection is told to give up what is queued.
    pub(crate) async fn aborted(&self) {
        poll_fn(|context| {
            self.waker.register(context.waker());
            match self.lock().aborted {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }

    /// Says that the task is gone.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
    }

    /// Why nothing more is taken, if so.
    pub(crate) fn closed(&self) -> Option<CloseReason> {
        self.lock().closed.clone()
    }

    /// Why the connection has ended, if its task is gone.
    pub(crate) fn ended(&self) -> Option<CloseReason> {
        let queue = self.lock();
        queue.closed.clone().filter(|_| queue.ended)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A queue is whole between two statements: poison says nothing about it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
