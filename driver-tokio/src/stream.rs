//! tokio's streams as netaio's: TCP, and any other.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::BytesMut;
use netaio_driver::{
    Connection, ConnectionOptions, Keepalive, Listener, ReadHalf, Runtime, WriteHalf, sockets,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use tokio::net::{TcpListener, TcpStream};

use crate::aliases::{ByteStream, Dial, Incoming};
use crate::{Client, Server, Tokio};

/// The reading half of a TCP connection.
#[derive(Debug)]
pub struct TcpReader(pub(crate) OwnedReadHalf);

impl ReadHalf for TcpReader {
    const WAITS_WITHOUT_BUFFER: bool = true;

    fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_ref().poll_read_ready(context)
    }

    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        poll_read(&mut self.0, context, buffer)
    }

    /// Tokio takes a socket for empty after a short read, until the system says that there is more.
    fn poll_read_now(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        match self.poll_read(context, buffer) {
            Poll::Pending => sockets::read_now(self.0.as_ref(), buffer),
            ready => ready,
        }
    }
}

/// The writing half of a TCP connection.
#[derive(Debug)]
pub struct TcpWriter(pub(crate) OwnedWriteHalf);

impl WriteHalf for TcpWriter {
    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

fn poll_read(
    stream: &mut (impl AsyncRead + Unpin),
    context: &mut Context<'_>,
    buffer: &mut BytesMut,
) -> Poll<io::Result<usize>> {
    pin!(stream.read_buf(buffer)).poll(context)
}

/// One half of a stream that is not TCP.
struct Half<T>(T);

impl<T: AsyncRead + Unpin + Send + 'static> ReadHalf for Half<T> {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        poll_read(&mut self.0, context, buffer)
    }
}

impl<T: AsyncWrite + Unpin + Send + 'static> WriteHalf for Half<T> {
    const NEEDS_FLUSH: bool = true;

    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// A stream of any kind, for a [`Connector`](netaio_driver::Connector) or a [`Listener`]: TLS,
/// a Unix socket, a pipe in memory.
///
/// ```
/// use netaio_tokio::types::REQUEST_URI;
/// use netaio_tokio::{Client, Content, Server};
/// use netaio_tokio::transport::{byte_stream, Dial, Incoming};
/// use tokio::sync::{Mutex, mpsc};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Each connection is a pipe: one end for the client, one for the server.
/// let (ends, accepted) = mpsc::channel(16);
/// let accepted = std::sync::Arc::new(Mutex::new(accepted));
///
/// let server = Server::builder()
///     .on((REQUEST_URI, "echo"), |content: Content| content)
///     .build()?;
/// server.serve(move || {
///     let accepted = accepted.clone();
///     async move {
///         match accepted.lock().await.recv().await {
///             Some(end) => Ok(Incoming::from(byte_stream(end))),
///             None => std::future::pending().await,
///         }
///     }
/// })?;
///
/// let client = Client::builder()
///     .connector(move |_: Dial| {
///         let ends = ends.clone();
///         async move {
///             let (near, far) = tokio::io::duplex(64 * 1024);
///             ends.send(far).await.map_err(std::io::Error::other)?;
///             Ok(byte_stream(near))
///         }
///     })
///     .build()?;
/// client.connect("the pipe").await?;
/// let answer = client.request("echo").content("hi").await?.into_result()?;
/// assert_eq!(&answer.content[..], b"hi");
/// # Ok(())
/// # }
/// ```
pub fn byte_stream<S>(stream: S) -> ByteStream
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (reader, writer) = tokio::io::split(stream);
    ByteStream::new(Half(reader), Half(writer))
}

/// Connects over TCP to the address of a dial, as a client does without a connector: to its
/// addresses as RFC 8305 says, with keepalive. For connectors that speak something over it
/// first, a proxy's protocol for one.
///
/// # Errors
/// The host does not resolve, or no address of it accepts in time.
pub async fn dial_tcp(dial: &Dial) -> io::Result<TcpStream> {
    let (TcpReader(reader), TcpWriter(writer), _) = dial.tcp().await?;
    reader.reunite(writer).map_err(io::Error::other)
}

impl Listener<Tokio> for TcpListener {
    async fn accept(&self, keepalive: Option<Keepalive>) -> io::Result<Incoming> {
        let (reader, writer, remote) = Tokio::accept(self, keepalive).await?;
        Ok(ByteStream::new(reader, writer).with_remote(remote).into())
    }
}

/// Serves one connection over any stream: a Unix socket, TLS, a pipe in memory.
/// `remote` is the address that keys and handlers see, where there is one. The server
/// needs no socket of its own: one made by
/// [`build`](netaio_driver::ServerBuilder::build) has none. The examples `tls`
/// and `unix_socket` are whole programs.
///
/// On a [`TcpStream`](tokio::net::TcpStream)
/// [keepalive](netaio_driver::ServerBuilder::keepalive) is set; what is within another stream,
/// TLS say, the application prepares with [`keep_alive`](crate::transport::keep_alive).
///
/// # Errors
/// The server is stopping or full, or the operating system has no randomness to
/// give.
pub fn serve_stream<S>(
    server: &Server,
    stream: S,
    remote: Option<SocketAddr>,
) -> io::Result<Connection>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    serve_stream_with(server, stream, remote, ConnectionOptions::new())
}

/// As [`serve_stream`], with a name, or without an outer plugin.
///
/// # Errors
/// As [`serve_stream`].
pub fn serve_stream_with<S>(
    server: &Server,
    stream: S,
    remote: Option<SocketAddr>,
    options: ConnectionOptions,
) -> io::Result<Connection>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    // One that has ended already says so when it is read.
    let _ = server.keep_alive(&stream);
    let (reader, writer) = tokio::io::split(stream);
    server.serve_halves_with(Half(reader), Half(writer), remote, options)
}

/// Connects to a server over any stream, with a name for
/// [`Client::connection`](netaio_driver::Client::connection). Keepalive is set as by
/// [`serve_stream`].
///
/// # Errors
/// The operating system has no randomness to give.
pub fn connect_stream<S>(
    client: &Client,
    stream: S,
    name: impl Into<String>,
) -> io::Result<Connection>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let options = ConnectionOptions::new().with_name(name);
    connect_stream_with(client, stream, options)
}

/// As [`connect_stream`], or without an outer plugin, and without a name where
/// the options give none.
///
/// # Errors
/// As [`connect_stream`].
pub fn connect_stream_with<S>(
    client: &Client,
    stream: S,
    options: ConnectionOptions,
) -> io::Result<Connection>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    // One that has ended already says so when it is read.
    let _ = client.keep_alive(&stream);
    let (reader, writer) = tokio::io::split(stream);
    client.connect_halves_with(Half(reader), Half(writer), None, options)
}
