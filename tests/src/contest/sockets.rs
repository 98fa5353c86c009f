//! The sockets of runtimes, for floors.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::thread;

use futures_lite::io::{AsyncRead as _, AsyncWrite as _};
use netaio_driver::Runtime;
use netaio_smol::Smol;
use netaio_tokio::Tokio;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

/// A port of its own on the loopback interface.
const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// A runtime, and its own sockets.
pub trait Sockets: Runtime {
    /// A listening socket.
    type Bound: Send + Sync + 'static;
    /// A connection.
    type Socket: Socket;

    /// Runs a future, on a multi-threaded executor where there is a choice. smol and async-std
    /// have as many threads as their [variables](super::threads) say. No threads at all mean tokio's
    /// executor for one thread, on a thread beside this one.
    ///
    /// # Errors
    /// The runtime cannot be started.
    fn block_on<F: Future>(threads: usize, future: F) -> io::Result<F::Output>;

    /// Listens on the loopback interface.
    ///
    /// # Errors
    /// The system has no port.
    fn bind() -> impl Future<Output = io::Result<(Self::Bound, SocketAddr)>> + Send;

    /// Accepts a connection.
    ///
    /// # Errors
    /// There is none.
    fn take(bound: &Self::Bound) -> impl Future<Output = io::Result<Self::Socket>> + Send;

    /// Connects.
    ///
    /// # Errors
    /// Nobody is there.
    fn dial(address: SocketAddr) -> impl Future<Output = io::Result<Self::Socket>> + Send;
}

/// A connection.
pub trait Socket: Send + 'static {
    /// Reads something; nothing is the end.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes some of it.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// Reads something; nothing is the end.
    fn read(&mut self, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send {
        std::future::poll_fn(move |cx| self.poll_read(cx, buffer))
    }

    /// Writes all of it.
    fn write_all(&mut self, mut bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send {
        std::future::poll_fn(move |cx| {
            while !bytes.is_empty() {
                match ready!(self.poll_write(cx, bytes))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    count => bytes = bytes.get(count..).unwrap_or_default(),
                }
            }
            Poll::Ready(Ok(()))
        })
    }
}

impl Socket for tokio::net::TcpStream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(self).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(self).poll_write(cx, bytes)
    }
}

/// Listening and connecting, which have the same names on every runtime.
macro_rules! tcp {
    () => {
        async fn bind() -> io::Result<(Self::Bound, SocketAddr)> {
            let bound = Self::Bound::bind(ANY).await?;
            let address = bound.local_addr()?;
            Ok((bound, address))
        }

        async fn take(bound: &Self::Bound) -> io::Result<Self::Socket> {
            let (socket, _) = bound.accept().await?;
            socket.set_nodelay(true)?;
            Ok(socket)
        }

        async fn dial(address: SocketAddr) -> io::Result<Self::Socket> {
            let socket = Self::Socket::connect(address).await?;
            socket.set_nodelay(true)?;
            Ok(socket)
        }
    };
}

impl Sockets for Tokio {
    type Bound = tokio::net::TcpListener;
    type Socket = tokio::net::TcpStream;

    fn block_on<F: Future>(threads: usize, future: F) -> io::Result<F::Output> {
        if threads == 0 {
            return beside(future);
        }
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(threads).enable_all().build()?;
        Ok(runtime.block_on(future))
    }

    tcp!();
}

/// Runs a future on this thread, and all that it spawns on tokio's executor for one thread, which is
/// another one.
fn beside<F: Future>(future: F) -> io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let handle = runtime.handle().clone();
    let (running, ended) = async_channel::bounded::<()>(1);
    let worker = thread::spawn(move || {
        // It is closed at the end.
        let _ = runtime.block_on(ended.recv());
    });
    let _within = handle.enter();
    let output = futures_lite::future::block_on(future);
    drop(running);
    // A panic there has been told already.
    let _ = worker.join();
    Ok(output)
}

/// On a runtime with the traits of futures-io.
macro_rules! futures_io {
    ($runtime:ty, $net:path, $block_on:path) => {
        const _: () = {
            use $net as net;

            impl Socket for net::TcpStream {
                fn poll_read(
                    &mut self,
                    cx: &mut Context<'_>,
                    buffer: &mut [u8],
                ) -> Poll<io::Result<usize>> {
                    Pin::new(self).poll_read(cx, buffer)
                }

                fn poll_write(
                    &mut self,
                    cx: &mut Context<'_>,
                    bytes: &[u8],
                ) -> Poll<io::Result<usize>> {
                    Pin::new(self).poll_write(cx, bytes)
                }
            }

            impl Sockets for $runtime {
                type Bound = net::TcpListener;
                type Socket = net::TcpStream;

                fn block_on<F: Future>(_threads: usize, future: F) -> io::Result<F::Output> {
                    Ok($block_on(future))
                }

                tcp!();
            }
        };
    };
}

futures_io!(Smol, smol::net, smol::block_on);
#[cfg(feature = "async-std")]
futures_io!(
    netaio_async_std::AsyncStd,
    async_std::net,
    async_std::task::block_on
);
