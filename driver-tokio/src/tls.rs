//! netaio over TLS, by [rustls] with ring. The versions are those of the configurations; this
//! feature brings TLS 1.3 alone.
//!
//! The example `tls` is a whole program.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use netaio_driver::{Connector, Keepalive, Listener, sockets};
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio_rustls::TlsAcceptor;

pub use tokio_rustls::rustls;

use rustls::pki_types::{InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, CommonState, ServerConfig};

use crate::Tokio;
use crate::aliases::{ByteStream, Dial, Incoming};
use crate::stream::{byte_stream, dial_tcp};

/// Connects a client over TLS: to `host:port` over TCP, and then to a server that can prove to
/// be `host`, before a byte of netaio is sent. Whom it believes is in the configuration.
/// [`Connection::certificate`](crate::Connection::certificate) is the server's.
///
/// ```
/// use std::sync::Arc;
///
/// use netaio_tokio::tls::{rustls, TlsConnector};
/// use netaio_tokio::{AutoReconnect, Client};
///
/// # fn client(roots: rustls::RootCertStore) -> Result<Client, netaio_tokio::error::BuildError> {
/// let config = rustls::ClientConfig::builder()
///     .with_root_certificates(roots)
///     .with_no_client_auth();
/// Client::builder()
///     .connector(TlsConnector::new(Arc::new(config)))
///     .auto_reconnect(AutoReconnect::new())
///     .build()
/// # }
/// ```
#[derive(Clone)]
pub struct TlsConnector {
    tls: tokio_rustls::TlsConnector,
    name: Option<ServerName<'static>>,
}

impl TlsConnector {
    /// A connector that expects servers to have the names that they are connected to by.
    #[must_use]
    pub fn new(config: Arc<ClientConfig>) -> Self {
        Self {
            tls: config.into(),
            name: None,
        }
    }

    /// Expects another name of every server than that of its address.
    ///
    /// # Errors
    /// It is no name of a host.
    pub fn with_server_name(
        mut self,
        name: impl Into<String>,
    ) -> Result<Self, InvalidDnsNameError> {
        self.name = Some(ServerName::try_from(name.into())?);
        Ok(self)
    }
}

impl Connector<Tokio> for TlsConnector {
    async fn connect(&self, dial: Dial) -> io::Result<ByteStream> {
        dial.first_of(|dial| self.connect_to(dial)).await
    }
}

impl TlsConnector {
    /// Connects to one server.
    async fn connect_to(&self, dial: Dial) -> io::Result<ByteStream> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => {
                let name = ServerName::try_from(dial.host().to_owned());
                name.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?
            }
        };
        let stream = dial_tcp(&dial).await?;
        let remote = stream.peer_addr()?;
        let stream = self.tls.connect(name, stream).await?;
        let certificate = certificate(stream.get_ref().1);
        let stream = byte_stream(stream).with_remote(remote);
        Ok(stream.with_certificate(certificate))
    }
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnector")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Accepts connections over TLS, for [`Server::serve`](netaio_driver::Server::serve). Where the
/// configuration has clients show certificates, handlers see them in
/// [`Remote::identity`](crate::Remote::identity).
///
/// ```
/// use std::sync::Arc;
///
/// use netaio_tokio::Server;
/// use netaio_tokio::tls::{rustls, TlsListener};
///
/// # async fn serve(config: rustls::ServerConfig) -> Result<(), Box<dyn std::error::Error>> {
/// // `build` in the place of `bind`: there shall be no port without TLS.
/// let server = Server::builder().build()?;
/// server.serve(TlsListener::bind("0.0.0.0:8888", Arc::new(config)).await?)?;
/// # Ok(())
/// # }
/// ```
pub struct TlsListener {
    tcp: TcpListener,
    tls: TlsAcceptor,
}

impl TlsListener {
    /// Listens at an address.
    ///
    /// # Errors
    /// It cannot be listened on.
    pub async fn bind(address: impl ToSocketAddrs, config: Arc<ServerConfig>) -> io::Result<Self> {
        Ok(Self::new(TcpListener::bind(address).await?, config))
    }

    /// Accepts from a socket that listens.
    #[must_use]
    pub fn new(tcp: TcpListener, config: Arc<ServerConfig>) -> Self {
        Self {
            tcp,
            tls: config.into(),
        }
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// The system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

impl Listener<Tokio> for TlsListener {
    async fn accept(&self, keepalive: Option<Keepalive>) -> io::Result<Incoming> {
        let (stream, remote) = self.tcp.accept().await?;
        let tls = self.tls.clone();
        Ok(Incoming::handshake(Some(remote), async move {
            sockets::prepare(&stream, keepalive)?;
            let stream = tls.accept(stream).await?;
            let certificate = certificate(stream.get_ref().1);
            let stream = byte_stream(stream).with_remote(remote);
            Ok(stream.with_certificate(certificate))
        }))
    }
}

/// The certificate that the other end has shown and that was verified, as the configuration says.
fn certificate(connection: &CommonState) -> Option<Bytes> {
    let certificate = connection.peer_certificates()?.first()?;
    Some(Bytes::copy_from_slice(certificate))
}

impl fmt::Debug for TlsListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsListener")
            .field("tcp", &self.tcp)
            .finish_non_exhaustive()
    }
}
