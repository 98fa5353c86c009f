//! TLS: whom to believe, and what to show.

use std::path::PathBuf;

use super::runtime::RuntimeName;
use crate::context::{ContextError, Saved, kept};
use crate::tls::{self, TlsClient, TlsError, TlsServer};

/// How a server is spoken to over TLS.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct ClientTls {
    /// Speak TLS 1.3, with a server that proves to be the one of the address. So do the other
    /// options here. TCP and --runtime tokio alone have it.
    #[arg(long)]
    tls: bool,
    /// A PEM file with the authorities that are believed, or with a server's certificate that no
    /// authority has signed.
    /// [default: those that the system has]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The name that the server has to prove. [default: the host of its address]
    #[arg(long, value_name = "NAME")]
    tls_name: Option<String>,
    /// A PEM file with the certificate that is shown to the server, and those behind it.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// A PEM file with the key of --tls-cert, not encrypted.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// What they come to.
    #[arg(skip)]
    client: Option<TlsClient>,
}

impl ClientTls {
    /// Takes what was not typed from a context.
    pub(crate) fn merge(&mut self, saved: &Saved) {
        self.tls |= saved.tls;
        self.ca = self.ca.take().or_else(|| saved.ca.clone());
        self.tls_name = self.tls_name.take().or_else(|| saved.tls_name.clone());
        if self.tls_cert.is_none() {
            self.tls_cert.clone_from(&saved.tls_cert);
            self.tls_key.clone_from(&saved.tls_key);
        }
    }

    /// Puts what was typed into a context.
    ///
    /// # Errors
    /// A file cannot be kept.
    pub(crate) fn save(&self, saved: &mut Saved) -> Result<(), ContextError> {
        let file = |path: &Option<PathBuf>| path.as_ref().map(|path| kept(path)).transpose();
        saved.tls = self.is_wanted();
        saved.ca = file(&self.ca)?;
        saved.tls_name.clone_from(&self.tls_name);
        saved.tls_cert = file(&self.tls_cert)?;
        saved.tls_key = file(&self.tls_key)?;
        Ok(())
    }

    /// Reads the files.
    ///
    /// # Errors
    /// One cannot be used, or TLS is not to be had there.
    pub(crate) fn resolve(&mut self, udp: bool, runtime: RuntimeName) -> Result<(), TlsError> {
        if !self.is_wanted() {
            return Ok(());
        }
        if udp {
            return Err(TlsError::Udp);
        }
        is_there(runtime)?;
        let own = self.tls_cert.as_deref().zip(self.tls_key.as_deref());
        let client = TlsClient::new(self.ca.as_deref(), own, self.tls_name.as_deref())?;
        self.client = Some(client);
        Ok(())
    }

    /// Whether an option asks for TLS.
    pub(crate) fn is_wanted(&self) -> bool {
        self.tls || self.ca.is_some() || self.tls_name.is_some() || self.tls_cert.is_some()
    }

    /// How TLS is spoken, if it is, once the options are resolved.
    pub(crate) fn client(&self) -> Option<&TlsClient> {
        debug_assert_eq!(self.client.is_some(), self.is_wanted());
        self.client.as_ref()
    }
}

/// How clients are served over TLS.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct ServerTls {
    /// A PEM file with the server's certificate, and those behind it: TCP is served over TLS 1.3
    /// alone then. --runtime tokio has it.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// A PEM file with the key of --tls-cert, not encrypted.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// A PEM file with authorities: a client has to show a certificate of one of them.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
    /// What they come to.
    #[arg(skip)]
    server: Option<TlsServer>,
}

impl ServerTls {
    /// Reads the files.
    ///
    /// # Errors
    /// One cannot be used, or TLS is not to be had there.
    pub(crate) fn resolve(&mut self, tcp: bool, runtime: RuntimeName) -> Result<(), TlsError> {
        let Some((certificate, key)) = self.tls_cert.as_deref().zip(self.tls_key.as_deref()) else {
            return Ok(());
        };
        if !tcp {
            return Err(TlsError::Udp);
        }
        is_there(runtime)?;
        let server = TlsServer::new(certificate, key, self.tls_client_ca.as_deref())?;
        self.server = Some(server);
        Ok(())
    }

    /// How TLS is served, if it is, once the options are resolved.
    pub(crate) fn server(&self) -> Option<&TlsServer> {
        debug_assert_eq!(self.server.is_some(), self.tls_cert.is_some());
        self.server.as_ref()
    }
}

fn is_there(runtime: RuntimeName) -> Result<(), TlsError> {
    match runtime {
        _ if !tls::IS_BUILT => Err(TlsError::NotBuilt),
        RuntimeName::Tokio => Ok(()),
        RuntimeName::Smol | RuntimeName::AsyncStd => Err(TlsError::Runtime),
    }
}
