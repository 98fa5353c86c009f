//! TCP, UDP and timers of [async-io](::async_io), the reactor under smol and
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

mod datagrams;
mod stream;

use std::any::Any;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::Instant;

use async_io::{Async, Timer};

use crate::runtime::{DatagramOptions, Keepalive, Runtime};
use crate::sockets;

pub use datagrams::UdpDatagrams;
use stream::split;
pub use stream::{TcpReader, TcpWriter};

/// What runs tasks. Whatever does is a [`Runtime`], with async-io's sockets and
/// timers.
pub trait Executor: Send + Sync + 'static {
    /// Runs a future as a task of its own; if it panics, that ends no other task.
    fn spawn(future: impl Future<Output = ()> + Send + 'static);

    /// [`Runtime::keep_alive`], for the streams that belong to the executor. Unless it says
    /// otherwise, those of async-io.
    ///
    /// # Errors
    /// As [`Runtime::keep_alive`].
    fn keep_alive(stream: &dyn Any, keepalive: Keepalive) -> io::Result<()> {
        match stream.downcast_ref::<Async<TcpStream>>() {
            Some(stream) => sockets::keep_alive(stream.get_ref(), keepalive),
            None => Ok(()),
        }
    }
}

impl<E: Executor> Runtime for E {
    type Listener = Async<TcpListener>;
    type Reader = TcpReader;
    type Writer = TcpWriter;
    type Datagrams = UdpDatagrams;

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        E::spawn(future);
    }

    async fn sleep_until(deadline: Instant) {
        Timer::at(deadline).await;
    }

    async fn resolve(address: &str) -> io::Result<Vec<SocketAddr>> {
        if let Some(address) = sockets::parse_address(address)? {
            return Ok(vec![address]);
        }
        // The system's resolver blocks.
        let address = address.to_owned();
        blocking::unblock(move || Ok(address.to_socket_addrs()?.collect())).await
    }

    async fn connect(
        address: SocketAddr,
        keepalive: Option<Keepalive>,
    ) -> io::Result<(TcpReader, TcpWriter)> {
        split(Async::<TcpStream>::connect(address).await?, keepalive)
    }

    async fn listen(address: SocketAddr) -> io::Result<Async<TcpListener>> {
        Async::new_nonblocking(sockets::listen(address)?)
    }

    fn adopt(listener: TcpListener) -> io::Result<Async<TcpListener>> {
        Async::new(listener)
    }

    fn local_address(listener: &Async<TcpListener>) -> io::Result<SocketAddr> {
        listener.get_ref().local_addr()
    }

    async fn accept(
        listener: &Async<TcpListener>,
        keepalive: Option<Keepalive>,
    ) -> io::Result<(TcpReader, TcpWriter, SocketAddr)> {
        let (stream, remote) = listener.accept().await?;
        let (reader, writer) = split(stream, keepalive)?;
        Ok((reader, writer, remote))
    }

    fn keep_alive(stream: &dyn Any, keepalive: Keepalive) -> io::Result<()> {
        E::keep_alive(stream, keepalive)
    }

    async fn bind_datagrams(options: &DatagramOptions) -> io::Result<UdpDatagrams> {
        UdpDatagrams::bind(options)
    }

    fn adopt_datagrams(sockets: Vec<UdpSocket>) -> io::Result<UdpDatagrams> {
        UdpDatagrams::adopt(sockets)
    }
}
