//! tokio's streams as netaio's: TCP, and any other.

use std::io;
use std::net::SocketAddr;

use bytes::BytesMut;
use netaio_driver::{Connection, ConnectionOptions, ReadHalf, WriteHalf};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::{Client, Server};

/// The reading half of a TCP connection.
#[derive(Debug)]
pub struct TcpReader(pub(crate) OwnedReadHalf);

impl ReadHalf for TcpReader {
    const WAITS_WITHOUT_BUFFER: bool = true;

    async fn readable(&mut self) -> io::Result<()> {
        self.0.readable().await
    }

    async fn read(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        self.0.read_buf(buffer).await
    }
}

/// The writing half of a TCP connection.
#[derive(Debug)]
pub struct TcpWriter(pub(crate) OwnedWriteHalf);

impl WriteHalf for TcpWriter {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).await
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        self.0.shutdown().await
    }
}

/// One half of a stream that is not TCP.
struct Half<T>(T);

impl<T: AsyncRead + Unpin + Send + 'static> ReadHalf for Half<T> {
    async fn read(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        self.0.read_buf(buffer).await
    }
}

impl<T: AsyncWrite + Unpin + Send + 'static> WriteHalf for Half<T> {
    const NEEDS_FLUSH: bool = true;

    async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.0.flush().await
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        self.0.shutdown().await
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
/// TLS say, the application prepares with [`keep_alive`](crate::keep_alive).
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
