//! Unix sockets of [async-io](::async_io), for whatever is an [`Executor`].
//!
//! ```
//! use std::os::unix::net::UnixListener;
//!
//! use async_io::Async;
//! use netaio_driver::async_io::Executor;
//! use netaio_driver::unix::UnixConnector;
//! use netaio_driver::{Client, Server};
//!
//! # async fn connect<E: Executor>() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::<E>::builder().build()?;
//! server.serve(Async::<UnixListener>::bind("/run/news/socket")?)?;
//!
//! let client = Client::<E>::builder().connector(UnixConnector).build()?;
//! client.connect("unix:/run/news/socket").await?;
//! # Ok(())
//! # }
//! ```

use std::io;
use std::os::unix::net::{UnixListener, UnixStream};

use async_io::Async;

use crate::async_io::Executor;
use crate::byte_stream::ByteStream;
use crate::client::{Connector, Dial};
use crate::futures_io::byte_stream;
use crate::runtime::Keepalive;
use crate::server::{Incoming, Listener};

/// Connects a client to Unix sockets: addresses are `unix:` and a path. Any other is connected
/// to over TCP.
#[derive(Clone, Copy, Debug, Default)]
pub struct UnixConnector;

impl<E: Executor> Connector<E> for UnixConnector {
    async fn connect(&self, dial: Dial<E>) -> io::Result<ByteStream<E>> {
        match dial.address().strip_prefix("unix:") {
            Some(path) => Ok(byte_stream(Async::<UnixStream>::connect(path).await?)),
            None => dial.tcp_stream().await,
        }
    }
}

impl<E: Executor> Listener<E> for Async<UnixListener> {
    async fn accept(&self, _: Option<Keepalive>) -> io::Result<Incoming<E>> {
        let (stream, _) = Async::<UnixListener>::accept(self).await?;
        Ok(byte_stream(stream).into())
    }
}
