//! Streams with the polling traits of [futures-io](futures_lite::io), which
//! smol, async-std and many libraries use: TLS, Unix sockets, pipes in memory.

use std::io;
use std::net::SocketAddr;

use futures_lite::io::{AsyncRead, AsyncWrite, split};

use crate::byte_stream::ByteStream;
use crate::client::Client;
use crate::connection::Connection;
use crate::options::ConnectionOptions;
use crate::runtime::Runtime;
pub use crate::runtime::futures_io::{Reader, Writer};
use crate::server::Server;

/// A stream of any kind, for a [`Connector`](crate::Connector) or a
/// [`Listener`](crate::Listener).
pub fn byte_stream<R: Runtime, S>(stream: S) -> ByteStream<R>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (reader, writer) = split(Box::pin(stream));
    ByteStream::new(Reader(reader), Writer(writer))
}

/// Serves one connection over any stream: a Unix socket, TLS, a pipe in memory.
/// `remote` is the address that keys and handlers see, where there is one. On the runtime's own
/// TCP streams [keepalive](crate::ServerBuilder::keepalive) is set; what is within another
/// stream, TLS say, the application prepares with
/// [`keep_alive`](crate::sockets::keep_alive).
///
/// # Errors
/// The server is stopping or full, or the operating system has no randomness to
/// give.
pub fn serve_stream<R: Runtime, S>(
    server: &Server<R>,
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
pub fn serve_stream_with<R: Runtime, S>(
    server: &Server<R>,
    stream: S,
    remote: Option<SocketAddr>,
    options: ConnectionOptions,
) -> io::Result<Connection>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    // One that has ended already says so when it is read.
    let _ = server.keep_alive(&stream);
    let (reader, writer) = split(Box::pin(stream));
    server.serve_halves_with(Reader(reader), Writer(writer), remote, options)
}

/// Talks to a server over any stream, under a name for
/// [`Client::connection`]. Keepalive is set as by [`serve_stream`].
///
/// # Errors
/// The operating system has no randomness to give.
pub fn connect_stream<R: Runtime, S>(
    client: &Client<R>,
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
pub fn connect_stream_with<R: Runtime, S>(
    client: &Client<R>,
    stream: S,
    options: ConnectionOptions,
) -> io::Result<Connection>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    // One that has ended already says so when it is read.
    let _ = client.keep_alive(&stream);
    let (reader, writer) = split(Box::pin(stream));
    client.connect_halves_with(Reader(reader), Writer(writer), None, options)
}
