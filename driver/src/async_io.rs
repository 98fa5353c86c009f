//! TCP and timers of [async-io](::async_io), the reactor under smol and
//! async-std. It needs nothing but an [`Executor`] to be a [`Runtime`].
//!
//! ```
//! use netaio_driver::Server;
//! use netaio_driver::async_io::Executor;
//!
//! /// A thread for every task.
//! struct Threads;
//!
//! impl Executor for Threads {
//!     fn spawn(future: impl Future<Output = ()> + Send + 'static) {
//!         std::thread::spawn(|| async_io::block_on(future));
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! async_io::block_on(async {
//!     let server = Server::<Threads>::builder().bind("127.0.0.1:0").await?;
//!     server.stop().await;
//! #   Ok(())
//! })
//! # }
//! ```

use std::future::{Future, poll_fn};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Instant;

use async_io::{Async, Timer};
use bytes::BytesMut;
use futures_lite::io::AsyncWriteExt;

use crate::futures_io::poll_read;
use crate::{ReadHalf, Runtime, WriteHalf, sockets};

/// What runs tasks. Whatever does is a [`Runtime`], with async-io's sockets and
/// timers.
pub trait Executor: Send + Sync + 'static {
    /// Runs a future on its own; should it panic, that ends nothing else.
    fn spawn(future: impl Future<Output = ()> + Send + 'static);
}

impl<E: Executor> Runtime for E {
    type Listener = Async<TcpListener>;
    type Reader = TcpReader;
    type Writer = TcpWriter;

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        E::spawn(future);
    }

    async fn sleep_until(deadline: Instant) {
        Timer::at(deadline).await;
    }

    async fn resolve(address: &str) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = address.parse() {
            return Ok(vec![address]);
        }
        // The system's resolver blocks.
        let address = address.to_owned();
        blocking::unblock(move || Ok(address.to_socket_addrs()?.collect())).await
    }

    async fn connect(address: SocketAddr) -> io::Result<(TcpReader, TcpWriter)> {
        split(Async::<TcpStream>::connect(address).await?)
    }

    async fn listen(address: SocketAddr) -> io::Result<Async<TcpListener>> {
        Async::new_nonblocking(sockets::listen(address)?)
    }

    fn local_address(listener: &Async<TcpListener>) -> io::Result<SocketAddr> {
        listener.get_ref().local_addr()
    }

    async fn accept(
        listener: &Async<TcpListener>,
    ) -> io::Result<(TcpReader, TcpWriter, SocketAddr)> {
        let (stream, remote) = listener.accept().await?;
        let (reader, writer) = split(stream)?;
        Ok((reader, writer, remote))
    }
}

fn split(stream: Async<TcpStream>) -> io::Result<(TcpReader, TcpWriter)> {
    sockets::prepare(stream.get_ref())?;
    let stream = Arc::new(stream);
    Ok((TcpReader(stream.clone()), TcpWriter(stream)))
}

/// The reading half of a TCP connection.
#[derive(Debug)]
pub struct TcpReader(Arc<Async<TcpStream>>);

impl ReadHalf for TcpReader {
    const WAITS_WITHOUT_BUFFER: bool = true;

    async fn readable(&mut self) -> io::Result<()> {
        let stream = &*self.0;
        poll_fn(|context| {
            loop {
                // The reactor tells what has changed since it was asked, not
                // what is there already: it is asked only where nothing is.
                match stream.get_ref().peek(&mut [0]) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    // The read that follows meets the same error or end.
                    _ => return Poll::Ready(Ok(())),
                }
                ready!(stream.poll_readable(context))?;
            }
        })
        .await
    }

    async fn read(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        let mut stream = &*self.0;
        poll_fn(|context| poll_read(&mut stream, context, buffer)).await
    }
}

/// The writing half of a TCP connection.
#[derive(Debug)]
pub struct TcpWriter(Arc<Async<TcpStream>>);

impl WriteHalf for TcpWriter {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes).await
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        match self.0.get_ref().shutdown(Shutdown::Write) {
            // The remote was faster.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }
}
