//! How clients are served.

use std::any::Any;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use netaio_driver::{Runtime, Server, listen_all};
use netaio_tokio::Tokio;
use netaio_tokio::tls::TlsListener;
use netaio_tokio::tls::rustls::ServerConfig;
use netaio_tokio::tls::rustls::server::WebPkiClientVerifier;

use super::client::refused;
use super::{TlsError, files};
use crate::systemd::HANDED_OVER;

/// What is shown to clients, and what they are to show.
#[derive(Debug)]
pub(crate) struct TlsServer(Arc<ServerConfig>);

impl TlsServer {
    /// Shows the certificate, whose key is in the other file. With a file of authorities clients
    /// have to show a certificate of one of them.
    ///
    /// # Errors
    /// A file cannot be used.
    pub(crate) fn new(
        certificate: &Path,
        key: &Path,
        client_ca: Option<&Path>,
    ) -> Result<Self, TlsError> {
        let chain = files::certificates("the server's certificate", certificate)?;
        let key = files::key("the server's key", key)?;
        let config = ServerConfig::builder();
        let config = match client_ca {
            None => config.with_no_client_auth(),
            Some(path) => {
                let roots = files::authorities("the certificates of clients' authorities", path)?;
                let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build();
                config.with_client_cert_verifier(verifier.map_err(|error| TlsError::Refused {
                    path: path.into(),
                    problem: error.to_string(),
                })?)
            }
        };
        let config = config.with_single_cert(chain, key);
        let config = config.map_err(|error| refused(certificate, &error))?;
        Ok(Self(Arc::new(config)))
    }

    /// Has a server listen so, at all addresses of a name: which.
    ///
    /// # Errors
    /// It cannot be listened on, or the runtime is not tokio.
    pub(crate) async fn serve<R: Runtime>(
        &self,
        server: &Server<R>,
        address: &str,
    ) -> Result<Vec<SocketAddr>, TlsError> {
        let failed = |error| TlsError::Listen {
            address: address.into(),
            error,
        };
        let server = on_tokio(server)?;
        let mut addresses = Vec::new();
        for (address, tcp) in listen_all::<Tokio>(address).await.map_err(failed)? {
            let listener = TlsListener::new(tcp, self.0.clone());
            server.serve(listener).map_err(failed)?;
            addresses.push(address);
        }
        Ok(addresses)
    }

    /// Has a server accept so from a socket that listens already.
    ///
    /// # Errors
    /// The system refuses, or the runtime is not tokio.
    pub(crate) fn adopt<R: Runtime>(
        &self,
        server: &Server<R>,
        listener: TcpListener,
    ) -> Result<(), TlsError> {
        let failed = |error| TlsError::Listen {
            address: HANDED_OVER.into(),
            error,
        };
        let server = on_tokio(server)?;
        let tcp = Tokio::adopt(listener).map_err(failed)?;
        let listener = TlsListener::new(tcp, self.0.clone());
        server.serve(listener).map_err(failed)
    }
}

/// All else here is for any runtime. That it is tokio, its type says.
fn on_tokio<R: Runtime>(server: &Server<R>) -> Result<&Server<Tokio>, TlsError> {
    let any: &dyn Any = server;
    any.downcast_ref().ok_or(TlsError::Runtime)
}
