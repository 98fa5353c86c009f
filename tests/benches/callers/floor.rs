//! The least that a client for many callers can do, by hand: callers leave their requests in one
//! buffer, and a task for the connection writes all that there are, reads, and gives the
//! answers to the callers in their order.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use netaio_tests::contest::{Question, Socket, Sockets};

/// A connection. It ends when this is dropped.
pub(super) struct Floor {
    shared: Arc<Shared>,
}

/// One of those who ask.
pub(super) struct Caller {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
}

struct Shared {
    question: Question,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Requests that are not written.
    requests: Vec<u8>,
    /// Who waits, in the order of the requests.
    waiting: VecDeque<Arc<Slot>>,
    /// The connection's task, where it waits.
    link: Option<Waker>,
    is_over: bool,
}

#[derive(Default)]
struct Slot(Mutex<Place>);

/// Where a caller waits for its answer.
#[derive(Default)]
struct Place {
    answer: Vec<u8>,
    is_answered: bool,
    waker: Option<Waker>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Floor {
    pub(super) async fn connect<R: Sockets>(
        address: SocketAddr,
        question: Question,
    ) -> io::Result<Self> {
        let socket = R::dial(address).await?;
        let state = Mutex::default();
        let shared = Arc::new(Shared { question, state });
        let link = Link::new(socket, shared.clone());
        R::spawn(link.run());
        Ok(Self { shared })
    }

    pub(super) fn caller(&self) -> Caller {
        Caller {
            shared: self.shared.clone(),
            slot: Arc::default(),
        }
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl Shared {
    fn end(&self) {
        let mut state = lock(&self.state);
        state.is_over = true;
        let link = state.link.take();
        let waiting = mem::take(&mut state.waiting);
        drop(state);
        link.into_iter().for_each(Waker::wake);
        for slot in waiting {
            slot.wake(&[]);
        }
    }
}

impl Slot {
    /// Gives an answer to who waits; an empty one is the end.
    fn wake(&self, answer: &[u8]) {
        let mut place = lock(&self.0);
        place.answer.clear();
        place.answer.extend_from_slice(answer);
        place.is_answered = true;
        let waker = place.waker.take();
        drop(place);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Caller {
    /// Leaves a request for the connection's task.
    fn leave(&self) -> Result<(), String> {
        let mut state = lock(&self.shared.state);
        if state.is_over {
            return Err("the connection has ended".to_owned());
        }
        let request = &self.shared.question.request;
        state.requests.extend_from_slice(request);
        state.waiting.push_back(self.slot.clone());
        let link = state.link.take();
        drop(state);
        link.into_iter().for_each(Waker::wake);
        Ok(())
    }

    fn poll_answer(&self, cx: &Context<'_>) -> Poll<Result<(), String>> {
        let mut place = lock(&self.slot.0);
        if mem::take(&mut place.is_answered) {
            return Poll::Ready(match place.answer.is_empty() {
                true => Err("the connection has ended".to_owned()),
                false => Ok(()),
            });
        }
        place.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl super::Ask for Caller {
    async fn ask(&mut self) -> Result<(), String> {
        self.leave()?;
        poll_fn(|cx| self.poll_answer(cx)).await
    }
}

/// The task of a connection.
struct Link<S> {
    socket: S,
    shared: Arc<Shared>,
    writing: Vec<u8>,
    written: usize,
    read: Vec<u8>,
    filled: usize,
    /// The others have had their turn, since it was woken.
    has_yielded: bool,
}

impl<S: Socket> Link<S> {
    fn new(socket: S, shared: Arc<Shared>) -> Self {
        Self {
            socket,
            shared,
            writing: Vec::new(),
            written: 0,
            read: vec![0; 64 * 1024],
            filled: 0,
            has_yielded: false,
        }
    }

    async fn run(mut self) {
        // The callers are told that it is over.
        let _ = poll_fn(|cx| self.poll(cx)).await;
        self.shared.end();
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let is_idle = self.poll_write(cx)?.is_pending() & self.poll_read(cx)?.is_pending();
            if lock(&self.shared.state).is_over {
                return Poll::Ready(Ok(()));
            }
            if is_idle {
                return Poll::Pending;
            }
        }
    }

    /// Writes what there is. Those who are about to ask, too, may do so before.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.written == self.writing.len() {
            self.writing.clear();
            self.written = 0;
            let mut state = lock(&self.shared.state);
            if state.requests.is_empty() {
                state.link = Some(cx.waker().clone());
                return Poll::Pending;
            }
            if !mem::replace(&mut self.has_yielded, true) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.has_yielded = false;
            mem::swap(&mut state.requests, &mut self.writing);
        }
        let rest = self.writing.get(self.written..).unwrap_or_default();
        self.socket
            .poll_write(cx, rest)
            .map_ok(|count| self.written += count)
    }

    /// Reads, and answers.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let buffer = self.read.get_mut(self.filled..).unwrap_or_default();
        let count = std::task::ready!(self.socket.poll_read(cx, buffer))?;
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        self.filled += count;
        let mut bytes = self.read.get(..self.filled).unwrap_or_default();
        let mut answers = Vec::new();
        while let Some(length) = (self.shared.question.answer)(bytes)? {
            let (answer, rest) = bytes.split_at(length);
            answers.push(answer);
            bytes = rest;
        }
        let mut state = lock(&self.shared.state);
        let count = answers.len().min(state.waiting.len());
        let waiting: Vec<_> = state.waiting.drain(..count).collect();
        drop(state);
        for (slot, answer) in waiting.iter().zip(answers) {
            slot.wake(answer);
        }
        let (rest, filled) = (bytes.len(), self.filled);
        self.read.copy_within(filled - rest..filled, 0);
        self.filled = rest;
        Poll::Ready(Ok(()))
    }
}
