//! Who is at the other end, and who says so.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::connection_id::ConnectionId;
use crate::context::PeerAt;
use crate::remote::{Kind, Remote};

/// Who the sender of a message is, and what vouches for it: what [`Remote::identity`] says.
///
/// Each part stands for itself. A secret of the outer layer vouches for a member of those who
/// have it, a certificate for whom its issuer names; a peer id is what the remote says of
/// itself, unless its introduction was vouched for. The inner layer of a handler is not
/// here: whatever reaches the handler has passed it.
///
/// ```
/// use netaio_driver::{Handler, Remote, Reply};
///
/// fn takes<M>(_: impl Handler<M>) {}
///
/// takes(|remote: Remote| {
///     let who = remote.identity();
///     if !who.authenticated && who.certificate.is_none() {
///         return Err(Reply::not_permitted("nobody vouches for you"));
///     }
///     Ok(format!("hello {:?}", who.connection))
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The connection; `None` for datagrams.
    pub connection: Option<ConnectionId>,
    /// The address. Without an auth plugin nothing shows that a datagram came from there.
    pub address: Option<SocketAddr>,
    /// Whether the outer layer has an auth plugin: messages that it refuses reach no handler.
    pub authenticated: bool,
    /// Whether the outer layer has a cipher. One alone does not show who has sent a message.
    pub encrypted: bool,
    /// The certificate of the other end of a TLS connection in DER, where it was
    /// [handed over](crate::ConnectionOptions::with_certificate).
    pub certificate: Option<Bytes>,
    /// The peer at the remote, where peers are managed.
    pub peer: Option<PeerIdentity>,
}

/// The peer that a remote says to be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerIdentity {
    /// Its id.
    pub id: Bytes,
    /// What it tells of itself, a public key for one, if it tells anything.
    pub data: Option<Bytes>,
    /// Whether its introduction has passed an auth plugin; see
    /// [`Peers::is_vouched`](crate::Peers::is_vouched).
    pub is_vouched: bool,
}

impl Remote {
    /// Who it is, and what vouches for it. The look-up of its peer takes the lock of its
    /// server, client or node.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let context = self.context();
        let connection = self.connection();
        let outer = match &self.0 {
            Kind::Connection(connection) => connection.outer(),
            Kind::Datagram(..) => context.config.outer.clone(),
        };
        let peer = context.peer_at(self.place());
        Identity {
            connection: connection.map(crate::Connection::id),
            address: self.addr(),
            authenticated: outer.authenticates(),
            encrypted: outer.cipher().is_some(),
            certificate: connection.and_then(crate::Connection::certificate),
            peer: peer.map(|PeerAt { peer, is_vouched }| PeerIdentity {
                id: peer.id,
                data: peer.data,
                is_vouched,
            }),
        }
    }
}
