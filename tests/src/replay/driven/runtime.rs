//! A runtime whose tasks are another's, while its time and its network are the
//! world's.

use std::future::{Future, poll_fn};
use std::io;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use netaio_driver::{
    DatagramOptions, DatagramSocket, Keepalive, ReadHalf, Received, Runtime, WriteHalf,
};

use super::task::Task;
use super::world::{Backlog, Datagrams, World, current};
use crate::replay::scenario::Way;
use crate::replay::wire::Wire;

/// The runtime of a replay on `R`.
pub(super) struct Replay<R>(PhantomData<fn() -> R>);

/// A listening socket.
pub(super) struct Listener {
    world: Arc<World>,
    address: SocketAddr,
}

/// The half of a connection that is read from: what arrives in this direction.
pub(super) struct Reader {
    world: Arc<World>,
    stream: usize,
    way: Way,
}

/// The half that is written to.
pub(super) struct Writer {
    world: Arc<World>,
    stream: usize,
    way: Way,
}

/// A socket for datagrams.
pub(super) struct Socket {
    world: Arc<World>,
    address: SocketAddr,
}

/// A timer.
struct Sleep {
    world: Arc<World>,
    until: Duration,
    number: Option<u64>,
}

impl<R: Runtime> Runtime for Replay<R> {
    type Listener = Listener;
    type Reader = Reader;
    type Writer = Writer;
    type Datagrams = Socket;

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        R::spawn(Task::new(current(), future));
    }

    fn sleep_until(deadline: Instant) -> impl Future<Output = ()> + Send + 'static {
        let world = current();
        Sleep {
            until: world.since_start(deadline),
            world,
            number: None,
        }
    }

    async fn resolve(address: &str) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![address.parse().expect("the scenario has no names")])
    }

    async fn connect(address: SocketAddr, _: Option<Keepalive>) -> io::Result<(Reader, Writer)> {
        let world = current();
        let name = world.state().next_name.clone();
        let stream = world.connect(address, &name, false);
        Ok(halves(&world, stream, Way::Down, Way::Up))
    }

    async fn listen(address: SocketAddr) -> io::Result<Listener> {
        let world = current();
        let listeners = &mut world.state().listeners;
        let taken = listeners.insert(address, Backlog::default());
        assert!(taken.is_none(), "the scenario's addresses differ");
        Ok(Listener {
            world: world.clone(),
            address,
        })
    }

    fn local_address(listener: &Listener) -> io::Result<SocketAddr> {
        Ok(listener.address)
    }

    async fn accept(
        listener: &Listener,
        _: Option<Keepalive>,
    ) -> io::Result<(Reader, Writer, SocketAddr)> {
        let (world, address) = (&listener.world, &listener.address);
        let stream = poll_fn(|context| {
            let mut state = world.state();
            let backlog = state.listeners.get_mut(address).expect("it listens");
            match backlog.streams.pop_front() {
                Some(stream) => Poll::Ready(stream),
                None => {
                    backlog.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await;
        let (reader, writer) = halves(world, stream, Way::Up, Way::Down);
        Ok((reader, writer, Wire::client_address(stream)))
    }

    async fn bind_datagrams(options: &DatagramOptions) -> io::Result<Socket> {
        let (world, address) = (current(), options.address);
        let mut state = world.state();
        state.sockets.insert(address, Datagrams::default());
        state.wire.bind(address, options.groups.first().copied());
        drop(state);
        Ok(Socket { world, address })
    }
}

fn halves(world: &Arc<World>, stream: usize, reads: Way, writes: Way) -> (Reader, Writer) {
    let reader = Reader {
        world: world.clone(),
        stream,
        way: reads,
    };
    let writer = Writer {
        world: world.clone(),
        stream,
        way: writes,
    };
    (reader, writer)
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.world.state().listeners.remove(&self.address);
    }
}

impl ReadHalf for Reader {
    const WAITS_WITHOUT_BUFFER: bool = true;

    /// Whether anything can be read at once.
    fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.world.state();
        let inbox = state.inbox(self.stream, self.way);
        if inbox.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if inbox.bytes.is_empty() && !inbox.end {
            inbox.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_readable(context))?;
        let mut state = self.world.state();
        let inbox = state.inbox(self.stream, self.way);
        let room = buffer.spare_capacity_mut().len().max(1);
        let count = room.min(inbox.bytes.len());
        buffer.extend(inbox.bytes.drain(..count));
        Poll::Ready(Ok(count))
    }
}

impl Writer {
    fn check(&self) -> io::Result<()> {
        match self.world.state().inbox(self.stream, self.way).reset {
            true => Err(io::ErrorKind::ConnectionReset.into()),
            false => Ok(()),
        }
    }
}

impl WriteHalf for Writer {
    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        let mut state = self.world.state();
        state.wire.write(self.stream, self.way, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        self.world.state().wire.end(self.stream, self.way);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.world.state().wire.end(self.stream, self.way);
    }
}

impl DatagramSocket for Socket {
    fn local_address(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }

    async fn receive(&self, buffer: &mut BytesMut) -> io::Result<Received> {
        poll_fn(|context| {
            let mut state = self.world.state();
            let socket = state.sockets.get_mut(&self.address).expect("it is bound");
            if socket.queue.is_empty() {
                socket.waker = Some(context.waker().clone());
                return Poll::Pending;
            }
            drop(state);
            let received = self.try_receive(buffer).transpose();
            Poll::Ready(received.expect("nobody else receives"))
        })
        .await
    }

    fn try_receive(&self, buffer: &mut BytesMut) -> io::Result<Option<Received>> {
        let mut state = self.world.state();
        let socket = state.sockets.get_mut(&self.address).expect("it is bound");
        Ok(socket.queue.pop_front().map(|(bytes, from)| {
            buffer.extend_from_slice(&bytes);
            Received::new(bytes.len(), from)
        }))
    }

    async fn send(&self, bytes: &[u8], to: SocketAddr, _: Option<IpAddr>) -> io::Result<usize> {
        self.world.state().wire.send(self.address, to, bytes);
        Ok(bytes.len())
    }

    fn own_addresses(&self) -> io::Result<Vec<IpAddr>> {
        // All parties have addresses of their own.
        Ok(Vec::new())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let mut state = self.world.state();
        state.sockets.remove(&self.address);
        state.wire.unbind(self.address);
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let world = self.world.clone();
        let mut state = world.state();
        if let Some(number) = self.number.take() {
            let _same = state.forget_timer(self.until, number);
        }
        if state.elapsed >= self.until {
            return Poll::Ready(());
        }
        self.number = Some(state.set_timer(self.until, context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let _waker = self.world.state().forget_timer(self.until, number);
        }
    }
}
