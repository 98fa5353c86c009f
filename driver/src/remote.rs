//! Remotes: the other ends of connections, and addresses of datagrams.

use std::fmt;
use std::net::SocketAddr;

use netaio_core::{Message, Place, RequestOptions, Response, SendError, SendOptions};

use crate::callers::SentRequest;
use crate::connection::Connection;
use crate::context::Context;
use crate::error::RequestError;
use crate::logging::Logs;
use crate::shared_request::Confirmed;
use crate::states::States;
use crate::udp_handle::UdpHandle;

/// The sender of a message: the other end of a [`Connection`], or the address of a
/// datagram that a [`UdpNode`](crate::UdpNode) received. Handlers that take it serve
/// both.
///
/// Cloning it copies a pointer or two.
#[derive(Clone)]
pub struct Remote(pub(crate) Kind);

#[derive(Clone)]
pub(crate) enum Kind {
    Connection(Connection),
    Datagram(UdpHandle, SocketAddr),
}

impl Remote {
    /// Its address; `None` if the stream has no addresses.
    #[must_use]
    pub fn addr(&self) -> Option<SocketAddr> {
        match &self.0 {
            Kind::Connection(connection) => connection.remote(),
            Kind::Datagram(_, address) => Some(*address),
        }
    }

    /// The connection to it; `None` for datagrams.
    #[must_use]
    pub fn connection(&self) -> Option<&Connection> {
        match &self.0 {
            Kind::Connection(connection) => Some(connection),
            Kind::Datagram(..) => None,
        }
    }

    /// Whether it is the other end of this very connection.
    #[inline]
    pub(crate) fn is_connection(&self, connection: &Connection) -> bool {
        self.connection().is_some_and(|own| own.is(connection))
    }

    /// Makes it another address of this very node, if it is one.
    #[inline]
    pub(crate) fn redirect(&mut self, node: &UdpHandle, address: SocketAddr) -> bool {
        match &mut self.0 {
            Kind::Datagram(own, to) if own.is(node) => {
                *to = address;
                true
            }
            _ => false,
        }
    }

    /// Sends a message. It is ready once the message is sealed and queued.
    /// Cancel-safe: a message is sent whole or not at all.
    ///
    /// # Errors
    /// The message was not sent.
    pub async fn send(&self, message: Message) -> Result<(), SendError> {
        self.send_with(message, SendOptions::new()).await
    }

    /// As [`send`](Self::send), with an inner layer, or without an outer plugin.
    ///
    /// # Errors
    /// The message was not sent.
    pub async fn send_with(&self, message: Message, options: SendOptions) -> Result<(), SendError> {
        match &self.0 {
            Kind::Connection(connection) => connection.send_with(message, options).await,
            Kind::Datagram(node, to) => node.send(*to, message, options).await,
        }
    }

    pub(crate) async fn send_request(
        self,
        message: Message,
        options: RequestOptions,
    ) -> Result<Response, RequestError> {
        match self.0 {
            Kind::Connection(connection) => connection.send_request(message, options).await,
            Kind::Datagram(node, to) => node.send_request(to, message, options).await,
        }
    }

    /// Queues a request, which sets a flag when it is confirmed. It is to be
    /// [finished](Self::finish_request).
    pub(crate) fn begin_request(
        &self,
        message: Message,
        options: RequestOptions,
        confirmed: Option<Confirmed>,
    ) -> Result<SentRequest, SendError> {
        match &self.0 {
            Kind::Connection(connection) => connection.begin_noted(message, options, confirmed),
            Kind::Datagram(node, to) => node.begin_request(*to, message, options, confirmed),
        }
    }

    pub(crate) async fn finish_request(&self, sent: SentRequest) -> Result<Response, RequestError> {
        match &self.0 {
            Kind::Connection(connection) => connection.clone().finish_request(sent).await,
            Kind::Datagram(node, to) => node.finish_request(*to, sent).await,
        }
    }

    /// Queues a request whose answer nobody waits for.
    pub(crate) fn request_unawaited(&self, message: Message, options: RequestOptions) {
        match &self.0 {
            Kind::Connection(connection) => connection.request_unawaited(message, options),
            Kind::Datagram(node, to) => node.request_unawaited(*to, message, options),
        }
    }

    /// The same server, by what leads to it now: of a client's, the open connection.
    pub(crate) fn current(&self) -> Option<Self> {
        match &self.0 {
            Kind::Connection(connection) => {
                let client = connection.reach()?;
                client.route(connection.server_id(), &[]).map(Self::from)
            }
            Kind::Datagram(..) => Some(self.clone()),
        }
    }

    pub(crate) fn place(&self) -> Place {
        match &self.0 {
            Kind::Connection(connection) => connection.place(),
            Kind::Datagram(_, address) => Place::Datagram(*address),
        }
    }

    pub(crate) fn context(&self) -> &Context {
        match &self.0 {
            Kind::Connection(connection) => connection.context(),
            Kind::Datagram(node, _) => &node.0.context,
        }
    }

    pub(crate) fn logs(&self) -> &Logs {
        match &self.0 {
            Kind::Connection(connection) => connection.logs(),
            Kind::Datagram(node, _) => node.logs(),
        }
    }

    /// The values that handlers share at this end.
    pub(crate) fn states(&self) -> &States {
        match &self.0 {
            Kind::Connection(connection) => connection.states(),
            Kind::Datagram(node, _) => node.states(),
        }
    }
}

impl From<Connection> for Remote {
    fn from(connection: Connection) -> Self {
        Self(Kind::Connection(connection))
    }
}

impl From<&Connection> for Remote {
    fn from(connection: &Connection) -> Self {
        connection.clone().into()
    }
}

impl From<&Remote> for Remote {
    fn from(remote: &Remote) -> Self {
        remote.clone()
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Connection(connection) => connection.fmt(f),
            Kind::Datagram(_, address) => f.debug_tuple("Datagram").field(address).finish(),
        }
    }
}
