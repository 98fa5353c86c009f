//! Byte streams whose halves are of any type.

use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use netaio_core::Link;

use crate::connection::Connection;
use crate::runtime::{ReadHalf, Runtime, WriteHalf};
use crate::service::Service;
use crate::task::{ConnectionObserver, Task};

/// A stream of bytes that netaio is to be spoken over: TCP, TLS, a Unix socket, a pipe in
/// memory. A [`Connector`](crate::Connector) makes them for a client, and a
/// [`Listener`](crate::Listener) for a server.
///
/// The type of its halves is forgotten once, when it is made: reading and writing cost what
/// they cost without it. Each runtime's crate makes one of a stream of its own kind by
/// `byte_stream`.
pub struct ByteStream<R: Runtime> {
    spawn: Spawn,
    remote: Option<SocketAddr>,
    certificate: Option<Bytes>,
    runtime: PhantomData<fn() -> R>,
}

/// Starts the task of a connection over the stream.
type Spawn = Box<dyn FnOnce(Start) + Send>;

struct Start {
    link: Link,
    service: Arc<Service>,
    connection: Connection,
    observer: Arc<dyn ConnectionObserver>,
}

impl<R: Runtime> ByteStream<R> {
    /// A stream of two halves, without an address.
    #[must_use]
    pub fn new(reader: impl ReadHalf, writer: impl WriteHalf) -> Self {
        let spawn = move |start: Start| {
            let Start {
                link,
                service,
                connection,
                observer,
            } = start;
            Task::<R, _, _>::spawn(link, (reader, writer), service, connection, observer);
        };
        Self {
            spawn: Box::new(spawn),
            remote: None,
            certificate: None,
            runtime: PhantomData,
        }
    }

    /// Sets the address of the other end, which keys, limits and handlers see.
    #[must_use]
    pub fn with_remote(mut self, remote: impl Into<Option<SocketAddr>>) -> Self {
        self.remote = remote.into();
        self
    }

    /// Says that this is a TLS connection whose other end has shown this certificate, in DER,
    /// and has proved to have its key: [`Connection::certificate`]. `None` changes nothing.
    #[must_use]
    pub fn with_certificate(mut self, certificate: impl Into<Option<Bytes>>) -> Self {
        self.certificate = certificate.into().or(self.certificate);
        self
    }

    pub(crate) fn certificate(&self) -> Option<Bytes> {
        self.certificate.clone()
    }

    /// The address of the other end, where it has one.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        self.remote
    }

    pub(crate) fn spawn(
        self,
        link: Link,
        service: Arc<Service>,
        connection: Connection,
        observer: Arc<dyn ConnectionObserver>,
    ) {
        (self.spawn)(Start {
            link,
            service,
            connection,
            observer,
        });
    }
}

impl<R: Runtime> fmt::Debug for ByteStream<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteStream")
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}
