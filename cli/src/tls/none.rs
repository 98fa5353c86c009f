//! Where TLS was not built: nothing of it is ever made.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use netaio_driver::{ClientBuilder, Runtime, Server};

use super::TlsError;

/// How a server is spoken to.
#[derive(Clone, Debug)]
pub(crate) struct TlsClient(Infallible);

impl TlsClient {
    pub(crate) fn new(
        _: Option<&Path>,
        _: Option<(&Path, &Path)>,
        _: Option<&str>,
    ) -> Result<Self, TlsError> {
        Err(TlsError::NotBuilt)
    }

    pub(crate) fn connect<R: Runtime>(
        &self,
        _: ClientBuilder<R>,
    ) -> Result<ClientBuilder<R>, TlsError> {
        match self.0 {}
    }
}

/// How clients are served.
#[derive(Debug)]
pub(crate) struct TlsServer(Infallible);

impl TlsServer {
    pub(crate) fn new(_: &Path, _: &Path, _: Option<&Path>) -> Result<Self, TlsError> {
        Err(TlsError::NotBuilt)
    }

    pub(crate) async fn serve<R: Runtime>(
        &self,
        _: &Server<R>,
        _: &str,
    ) -> Result<Vec<SocketAddr>, TlsError> {
        match self.0 {}
    }

    pub(crate) fn adopt<R: Runtime>(&self, _: &Server<R>, _: TcpListener) -> Result<(), TlsError> {
        match self.0 {}
    }
}

pub(crate) fn advice(_: &io::Error) -> Option<&'static str> {
    None
}
