//! Pipes in memory: streams of which everything is known, on any runtime.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use netaio_driver::{ReadHalf, WriteHalf};

/// How a pipe behaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Bytes that it holds.
    pub(super) capacity: usize,
    /// The most bytes that one read or one write moves.
    pub(super) chunk: usize,
    /// Written bytes are kept back until a flush.
    pub(super) holds_back: bool,
    /// Every other read and write waits, although it need not.
    pub(super) hesitates: bool,
}

impl Shape {
    /// A pipe of a socket's size, without quirks.
    pub(super) const PLAIN: Self = Self {
        capacity: 64 * 1024,
        chunk: usize::MAX,
        holds_back: false,
        hesitates: false,
    };
}

struct State {
    bytes: VecDeque<u8>,
    /// Written, not flushed.
    held: Vec<u8>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    written_to_the_end: bool,
    reader_is_gone: bool,
    broken: bool,
    hesitated: [bool; 2],
}

struct Shared {
    shape: Shape,
    state: Mutex<State>,
}

/// The end that is written to.
pub(super) struct PipeWriter(Arc<Shared>);

/// The end that is read from.
pub(super) struct PipeReader(Arc<Shared>);

/// A way to break a pipe from outside.
#[derive(Clone)]
pub(super) struct Hammer(Arc<Shared>);

/// A pipe.
pub(super) fn pipe(shape: Shape) -> (PipeReader, PipeWriter) {
    let state = State {
        bytes: VecDeque::new(),
        held: Vec::new(),
        reader: None,
        writer: None,
        written_to_the_end: false,
        reader_is_gone: false,
        broken: false,
        hesitated: [false; 2],
    };
    let shared = Arc::new(Shared {
        shape,
        state: Mutex::new(state),
    });
    (PipeReader(shared.clone()), PipeWriter(shared))
}

/// Both ends of a stream that goes both ways.
pub(super) fn duplex(shape: Shape) -> [(PipeReader, PipeWriter); 2] {
    let (near_reader, far_writer) = pipe(shape);
    let (far_reader, near_writer) = pipe(shape);
    [(near_reader, near_writer), (far_reader, far_writer)]
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no pipe panics")
    }
}

impl State {
    /// Whether this call shall wait although it need not. Every other does.
    fn hesitate(&mut self, shape: &Shape, direction: usize, waker: &Waker) -> bool {
        let hesitated = &mut self.hesitated[direction];
        *hesitated = shape.hesitates && !*hesitated;
        if *hesitated {
            waker.wake_by_ref();
        }
        *hesitated
    }

    fn wake_reader(&mut self) {
        self.reader.take().into_iter().for_each(Waker::wake);
    }

    fn wake_writer(&mut self) {
        self.writer.take().into_iter().for_each(Waker::wake);
    }
}

impl PipeWriter {
    /// The way to break this pipe later.
    pub(super) fn hammer(&self) -> Hammer {
        Hammer(self.0.clone())
    }
}

impl Hammer {
    /// From now on reads and writes fail.
    pub(super) fn strike(&self) {
        let mut state = self.0.lock();
        state.broken = true;
        state.wake_reader();
        state.wake_writer();
    }
}

fn broken() -> io::Error {
    io::Error::other("struck by the test")
}

impl ReadHalf for PipeReader {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        let shape = self.0.shape;
        let mut state = self.0.lock();
        if state.broken {
            return Poll::Ready(Err(broken()));
        }
        if state.bytes.is_empty() && state.written_to_the_end {
            return Poll::Ready(Ok(0));
        }
        if state.bytes.is_empty() {
            state.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        if state.hesitate(&shape, 0, context.waker()) {
            return Poll::Pending;
        }
        let room = buffer.spare_capacity_mut().len().max(1);
        let count = room.min(shape.chunk).min(state.bytes.len());
        let bytes: Vec<u8> = state.bytes.drain(..count).collect();
        buffer.extend_from_slice(&bytes);
        state.wake_writer();
        Poll::Ready(Ok(count))
    }
}

impl WriteHalf for PipeWriter {
    const NEEDS_FLUSH: bool = true;

    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let shape = self.0.shape;
        let mut state = self.0.lock();
        if state.broken {
            return Poll::Ready(Err(broken()));
        }
        if state.reader_is_gone {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let used = state.bytes.len() + state.held.len();
        let count = (shape.capacity - used).min(shape.chunk).min(bytes.len());
        if count == 0 {
            // Nobody could ever make room for what is kept back.
            let held = std::mem::take(&mut state.held);
            state.bytes.extend(held);
            state.wake_reader();
            state.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        if state.hesitate(&shape, 1, context.waker()) {
            return Poll::Pending;
        }
        let taken = &bytes[..count];
        if shape.holds_back {
            state.held.extend_from_slice(taken);
        } else {
            state.bytes.extend(taken);
            state.wake_reader();
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.lock();
        if state.broken {
            return Poll::Ready(Err(broken()));
        }
        let held = std::mem::take(&mut state.held);
        state.bytes.extend(held);
        state.wake_reader();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.lock();
        state.written_to_the_end = true;
        state.wake_reader();
        Poll::Ready(Ok(()))
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.reader_is_gone = true;
        state.wake_writer();
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.written_to_the_end = true;
        state.wake_reader();
    }
}
