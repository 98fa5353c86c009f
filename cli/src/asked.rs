//! The server that a command sends requests to.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use netaio_driver::{Client, ConnectError, Connection, Remote, Runtime, UdpNode};

use crate::args::ServerChoice;
use crate::error::CliError;
use crate::udp::resolve_within;

/// A server, and the client or node that sends to it.
pub(crate) enum Asked<R: Runtime> {
    Tcp {
        client: Client<R>,
        connection: Connection,
    },
    Udp {
        node: UdpNode<R>,
        server: SocketAddr,
    },
}

impl<R: Runtime> Asked<R> {
    /// Connects, or binds a socket for datagrams.
    pub(crate) async fn reach(choice: &ServerChoice) -> Result<Self, CliError> {
        let outer = choice.outer.layer();
        if !choice.udp {
            let client = Client::<R>::builder()
                .outer(outer)
                .connect_timeout(choice.timeout)
                .build()?;
            let connection = client.connect(&choice.address).await?;
            return Ok(Self::Tcp { client, connection });
        }
        let server = resolve_within::<R>(&choice.address, choice.timeout).await;
        let server = server.map_err(|source| ConnectError {
            address: choice.address.clone(),
            source,
        })?;
        let any = match server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let node = UdpNode::<R>::builder()
            .outer(outer)
            .no_group()
            // The server may be on this machine.
            .ignore_own_ip(false)
            .bind(SocketAddr::new(any, 0))
            .await?;
        // In the form in which it is known as the sender of what comes from there.
        let server = node.remote(server).addr().unwrap_or(server);
        Ok(Self::Udp { node, server })
    }

    /// The server as a remote.
    pub(crate) fn remote(&self) -> Remote {
        match self {
            Self::Tcp { connection, .. } => connection.into(),
            Self::Udp { node, server } => node.remote(*server),
        }
    }

    /// Sends what is queued, and ends.
    pub(crate) async fn close(self) {
        match self {
            Self::Tcp { client, .. } => client.close().await,
            Self::Udp { node, .. } => node.stop().await,
        }
    }
}
