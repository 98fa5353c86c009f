//! The server that a command sends requests to.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use netaio_core::plugin::X25519Cipher;
use netaio_core::types::AUTH_ERROR;
use netaio_core::{Layer, Limits, ManagementConfig, Message, SendError, SendOptions};
use netaio_driver::{
    Client, ClientBuilder, ConnectError, Connection, Remote, RequestError, Response, Runtime,
    UdpNode,
};

use crate::address::Address;
use crate::alternatives::Alternatives;
use crate::args::{Own, ServerChoice};
use crate::error::CliError;
use crate::meeting::{meet, meet_at};
use crate::tls::TlsError;
use crate::udp::resolve_within;

/// A server, and the client or node that sends to it.
pub(crate) enum Asked<R: Runtime> {
    Tcp {
        client: Client<R>,
        connection: Connection,
        /// What encrypts between both, where there are identities.
        boxes: Option<X25519Cipher>,
    },
    Udp {
        node: UdpNode<R>,
        server: SocketAddr,
        /// The same.
        boxes: Option<X25519Cipher>,
    },
}

impl<R: Runtime> Asked<R> {
    /// Does the work with a server: connected to it, or at an address for datagrams. Of the
    /// addresses that a name has for those, the next one is asked where a request has surely not
    /// come to the one before: nobody receives there, or there is no way. One that is silent may
    /// have been asked, and so no other one is.
    ///
    /// # Errors
    /// The server cannot be reached, or the work's own.
    pub(crate) async fn with<T>(
        choice: &ServerChoice,
        work: impl AsyncFn(&Self) -> Result<T, CliError>,
    ) -> Result<(Self, T), CliError> {
        Self::with_limits(choice, &Limits::default(), work).await
    }

    /// The same, within limits.
    ///
    /// # Errors
    /// The server cannot be reached, or the work's own.
    pub(crate) async fn with_limits<T>(
        choice: &ServerChoice,
        limits: &Limits,
        work: impl AsyncFn(&Self) -> Result<T, CliError>,
    ) -> Result<(Self, T), CliError> {
        if !choice.udp {
            let asked = Self::connect(choice, limits).await?;
            let done = work(&asked).await?;
            return Ok((asked, done));
        }
        let servers = resolve_within::<R>(&choice.address, choice.timeout).await;
        let servers = servers.map_err(|source| ConnectError {
            address: choice.address.clone(),
            source,
        })?;
        let mut nobody = None;
        for server in servers {
            let node = match Self::bind(choice, limits, server).await {
                Ok(node) => node,
                // This machine may be without the family of that address.
                Err(error) if nobody.is_some() => {
                    tracing::info!(%server, %error, "this address cannot be asked");
                    continue;
                }
                Err(error) => return Err(error),
            };
            let work = async {
                let asked = Self::meet_at(choice, node, server).await?;
                let done = work(&asked).await?;
                Ok((asked, done))
            };
            match work.await {
                Ok(done) => return Ok(done),
                Err(error) if is_of_nobody(&error) => {
                    tracing::info!(%server, %error, "nobody was asked at this address");
                    nobody = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        // A name that resolves has an address.
        Err(nobody.unwrap_or_else(|| RequestError::NotConnected.into()))
    }

    /// One more connection to the server, or one more socket that sends to it.
    ///
    /// # Errors
    /// It cannot be connected or bound.
    pub(crate) async fn another(
        &self,
        choice: &ServerChoice,
        limits: &Limits,
    ) -> Result<Self, CliError> {
        match self {
            Self::Tcp { .. } => Self::connect(choice, limits).await,
            Self::Udp { server, .. } => {
                let node = Self::bind(choice, limits, *server).await?;
                Self::meet_at(choice, node, *server).await
            }
        }
    }

    async fn connect(choice: &ServerChoice, limits: &Limits) -> Result<Self, CliError> {
        let Some(own) = choice.identity.own() else {
            let client = client(choice, limits, choice.timeout)?.build()?;
            let connection = client.connect(&choice.address).await?;
            return Ok(Self::Tcp {
                client,
                connection,
                boxes: None,
            });
        };
        let mut servers = Alternatives::new(&choice.address, choice.timeout)?;
        while let Some((server, until)) = servers.next() {
            match Self::meet(choice, limits, own, &server, until).await {
                // One that is not believed is no reason to ask another: it has to be told.
                Err(error) if error.may_pass() => servers.failed(server, error),
                met => return met,
            }
        }
        Err(servers.into_error())
    }

    /// Connects to a server that introduces itself.
    async fn meet(
        choice: &ServerChoice,
        limits: &Limits,
        own: &Own,
        server: &Address,
        until: Instant,
    ) -> Result<Self, CliError> {
        let left = || until.saturating_duration_since(Instant::now());
        let client = client(choice, limits, left())?
            .local_peer(own.identity.passing().map_err(CliError::Random)?)
            .manage_peers(ManagementConfig::for_streams())
            .build()?;
        // Before the server can introduce itself.
        let events = client.peers().events();
        let connection = client.connect(server).await?;
        // One alone has all of its time for an answer, too.
        let timeout = match choice.address.contains(',') {
            true => left(),
            false => choice.timeout,
        };
        let boxes = meet(own, (&client, &connection), events, server, timeout).await?;
        Ok(Self::Tcp {
            client,
            connection,
            boxes: Some(boxes),
        })
    }

    /// An inner layer of what is sent there, with what encrypts between both ends, if anything does.
    pub(crate) fn inner(&self, layer: Layer) -> Layer {
        match self {
            Self::Tcp {
                boxes: Some(boxes), ..
            }
            | Self::Udp {
                boxes: Some(boxes), ..
            } => layer.with_cipher(boxes.clone()),
            _ => layer,
        }
    }

    async fn bind(
        choice: &ServerChoice,
        limits: &Limits,
        server: SocketAddr,
    ) -> Result<UdpNode<R>, CliError> {
        let any = match server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let builder = UdpNode::<R>::builder()
            .outer(choice.outer.layer())
            .limits(limits.clone())
            .no_group()
            // The server may be on this machine.
            .ignore_own_ip(false);
        let builder = match choice.identity.own() {
            None => builder,
            Some(own) => builder
                .local_peer(own.identity.passing().map_err(CliError::Random)?)
                .manage_peers(ManagementConfig::new()),
        };
        Ok(builder.bind(SocketAddr::new(any, 0)).await?)
    }

    /// A server at an address for datagrams, which introduces itself where there are identities.
    async fn meet_at(
        choice: &ServerChoice,
        node: UdpNode<R>,
        server: SocketAddr,
    ) -> Result<Self, CliError> {
        // In the form in which it is known as the sender of what comes from there.
        let server = node.remote(server).addr().unwrap_or(server);
        let boxes = match choice.identity.own() {
            None => None,
            Some(own) => {
                let address = choice.address.parse();
                let address = address.map_err(|problem: &str| CliError::Usage(problem.into()))?;
                Some(meet_at(own, (&node, server), &address, choice.timeout).await?)
            }
        };
        Ok(Self::Udp {
            node,
            server,
            boxes,
        })
    }

    /// The server as a remote.
    pub(crate) fn remote(&self) -> Remote {
        match self {
            Self::Tcp { connection, .. } => connection.into(),
            Self::Udp { node, server, .. } => node.remote(*server),
        }
    }

    /// Whether an answer shows that a server by datagrams does not know this client any more, as one
    /// that has restarted: over a connection its end would.
    pub(crate) fn is_forgotten(&self, answer: Result<&Response, &RequestError>) -> bool {
        let has_met = matches!(self, Self::Udp { boxes: Some(_), .. });
        has_met
            && match answer {
                Ok(answer) => answer.message_type == AUTH_ERROR,
                // Another one has taken its place.
                Err(error) => matches!(error, RequestError::Send(SendError::Seal(_))),
            }
    }

    /// Ends a subscription over UDP, as a connection would by its end. The confirmation is not waited
    /// for: the server may have stopped.
    pub(crate) async fn unsubscribe(&self, uri: &str) {
        if let Self::Udp { .. } = self {
            let message = Message::unsubscribe(uri.to_owned());
            let options = SendOptions::new().with_inner(self.inner(Layer::new()));
            let _ = self.remote().send_with(message, options).await;
        }
    }

    /// Ends where nothing more is to be sent: the remote's end of a connection is not waited for. A
    /// server that knows this client by datagrams is told.
    pub(crate) async fn part(self) {
        if let Self::Udp { boxes: Some(_), .. } = self {
            self.close().await;
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

/// What connects to a server, within a time.
fn client<R: Runtime>(
    choice: &ServerChoice,
    limits: &Limits,
    timeout: Duration,
) -> Result<ClientBuilder<R>, TlsError> {
    let builder = Client::builder()
        .outer(choice.outer.layer())
        .limits(limits.clone())
        .connect_timeout(timeout);
    match choice.tls.client() {
        Some(tls) => tls.connect(builder),
        None => Ok(builder),
    }
}

/// Whether a request has come to nobody, for the address alone.
fn is_of_nobody(error: &CliError) -> bool {
    use RequestError::{NotSent, Undelivered};
    matches!(error, CliError::Request(NotSent(_) | Undelivered(_)))
}
