//! Streams in memory.

use std::collections::VecDeque;
use std::fmt;
use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use event_listener::{Event, EventListener};

use super::fabric::Road;
use crate::futures::{BoxFuture, race};
use crate::runtime::{ReadHalf, WriteHalf};
use crate::sync::{Mutex, lock};

/// Bytes that are on their way, in one direction, before a writer waits.
const CAPACITY: usize = 64 * 1024;

/// One end of a stream in memory.
#[derive(Debug)]
#[non_exhaustive]
pub struct Stream {
    /// What the other end writes.
    pub reader: Reader,
    /// To the other end.
    pub writer: Writer,
}

/// The half of a stream in memory that is read from.
pub struct Reader {
    pipe: Arc<Pipe>,
    /// What the last read waits for.
    waiting: Option<BoxFuture<()>>,
}

/// The half of a stream in memory that is written to.
pub struct Writer {
    pipe: Arc<Pipe>,
    /// What the last write waits for.
    waiting: Option<EventListener>,
}

/// What is between the two ends of a stream in memory.
#[derive(Clone)]
pub struct Wire([Arc<Pipe>; 2]);

/// One direction.
struct Pipe {
    state: Mutex<State>,
    changed: Event,
    /// The way through a network; at once if there is none.
    road: Option<Road>,
}

#[derive(Default)]
struct State {
    parts: VecDeque<Part>,
    /// The bytes of the parts.
    held: usize,
    reader_is_gone: bool,
    is_cut: bool,
}

struct Part {
    /// When it arrives.
    at: Duration,
    /// None at the end.
    bytes: Bytes,
}

/// What a reader finds.
enum Found {
    Bytes(usize),
    /// Something that arrives then.
    Later(Duration),
    Nothing,
}

/// Both ends of a stream, by a road there and another one back.
pub(super) fn streams(roads: Option<[Road; 2]>) -> (Stream, Stream, Wire) {
    let [there, back] = roads.map_or([None, None], |roads| roads.map(Some));
    let pipe = |road| {
        Arc::new(Pipe {
            state: Mutex::new(State::default()),
            changed: Event::new(),
            road,
        })
    };
    let (there, back) = (pipe(there), pipe(back));
    let near = Stream::new(back.clone(), there.clone());
    let far = Stream::new(there.clone(), back.clone());
    (near, far, Wire([there, back]))
}

impl Stream {
    fn new(from: Arc<Pipe>, to: Arc<Pipe>) -> Self {
        Self {
            reader: Reader {
                pipe: from,
                waiting: None,
            },
            writer: Writer {
                pipe: to,
                waiting: None,
            },
        }
    }

    /// Both ends of a stream, and what is between them. Some 64 KiB are on their way before a
    /// writer waits.
    ///
    /// ```
    /// use netaio_driver::testing::Stream;
    /// use netaio_driver::{Connection, Runtime, Server};
    ///
    /// // The other end is for a peer that the test plays byte by byte.
    /// fn serve<R: Runtime>(server: &Server<R>) -> std::io::Result<(Connection, Stream)> {
    ///     let (near, far, _) = Stream::pair();
    ///     let connection = server.serve_halves(far.reader, far.writer, None)?;
    ///     Ok((connection, near))
    /// }
    /// ```
    #[must_use]
    pub fn pair() -> (Self, Self, Wire) {
        streams(None)
    }
}

impl Wire {
    /// Cuts it: from now on both ends fail to read and to write, as where a remote has reset the
    /// connection. What is on its way is lost.
    pub fn cut(&self) {
        for pipe in &self.0 {
            let mut state = lock(&pipe.state);
            state.is_cut = true;
            state.parts.clear();
            state.held = 0;
            drop(state);
            pipe.changed.notify(usize::MAX);
        }
    }
}

impl Pipe {
    fn find(&self, buffer: &mut BytesMut) -> io::Result<Found> {
        let mut state = lock(&self.state);
        if state.is_cut || self.road.as_ref().is_some_and(Road::is_cut) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let open = self.road.as_ref().is_none_or(Road::is_open);
        let Some(part) = state.parts.front_mut().filter(|_| open) else {
            return Ok(Found::Nothing);
        };
        if let Some(road) = &self.road
            && road.now() < part.at
        {
            return Ok(Found::Later(part.at));
        }
        let room = buffer.spare_capacity_mut().len().max(1);
        let count = room.min(part.bytes.len());
        buffer.extend_from_slice(part.bytes.get(..count).unwrap_or_default());
        part.bytes.advance(count);
        // The end stays.
        if count > 0 && part.bytes.is_empty() {
            state.parts.pop_front();
        }
        state.held = state.held.saturating_sub(count);
        drop(state);
        self.changed.notify(usize::MAX);
        Ok(Found::Bytes(count))
    }

    /// Puts bytes on their way, as many as there is room for.
    fn put(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = lock(&self.state);
        if state.is_cut || self.road.as_ref().is_some_and(Road::is_cut) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if state.reader_is_gone {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let count = CAPACITY.saturating_sub(state.held).min(bytes.len());
        if count > 0 {
            let bytes = bytes.get(..count).unwrap_or_default();
            self.send(&mut state, Bytes::copy_from_slice(bytes));
        }
        Ok(count)
    }

    fn send(&self, state: &mut State, bytes: Bytes) {
        let before = state.parts.back().map_or(Duration::ZERO, |part| part.at);
        // What was lost keeps what is behind it.
        let at = self.road.as_ref().map_or(before, Road::arrival).max(before);
        state.held = state.held.saturating_add(bytes.len());
        state.parts.push_back(Part { at, bytes });
        self.changed.notify(usize::MAX);
    }

    /// Sends the end, once.
    fn end(&self) {
        let mut state = lock(&self.state);
        if state.parts.back().is_none_or(|part| !part.bytes.is_empty()) {
            self.send(&mut state, Bytes::new());
        }
    }

    /// Waits until there may be something new, from now on.
    fn changes(&self) -> BoxFuture<()> {
        let changed = self.changed.listen();
        match self.road.as_ref().map(Road::changes) {
            Some(opened) => Box::pin(race(changed, opened)),
            None => Box::pin(changed),
        }
    }

    async fn sleep(&self, until: Duration) {
        match &self.road {
            Some(road) => road.sleep(until).await,
            None => pending().await,
        }
    }
}

impl ReadHalf for Reader {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        loop {
            let pipe = self.pipe.clone();
            // Before the look, so that no change after it is missed.
            let changed = pipe.changes();
            let waiting = self.waiting.insert(match pipe.find(buffer)? {
                Found::Bytes(count) => return Poll::Ready(Ok(count)),
                Found::Later(at) => Box::pin(async move { race(changed, pipe.sleep(at)).await }),
                Found::Nothing => changed,
            });
            ready!(waiting.as_mut().poll(context));
        }
    }
}

impl WriteHalf for Writer {
    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let changed = self.pipe.changed.listen();
            match self.pipe.put(bytes)? {
                0 if !bytes.is_empty() => {}
                count => return Poll::Ready(Ok(count)),
            }
            ready!(Pin::new(self.waiting.insert(changed)).poll(context));
        }
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pipe.end();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        lock(&self.pipe.state).reader_is_gone = true;
        self.pipe.changed.notify(usize::MAX);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.pipe.end();
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader")
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}
