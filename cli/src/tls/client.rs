//! How a server is spoken to.

use std::any::Any;
use std::io;
use std::path::Path;
use std::sync::Arc;

use netaio_driver::{ClientBuilder, Runtime};
use netaio_tokio::Tokio;
use netaio_tokio::tls::TlsConnector;
use netaio_tokio::tls::rustls::{
    CertificateError, ClientConfig, Error, InvalidMessage, RootCertStore,
};

use super::{TlsError, files};

/// Whom to believe, and what to show.
#[derive(Clone, Debug)]
pub(crate) struct TlsClient(TlsConnector);

impl TlsClient {
    /// Believes the authorities of a file, else the system's; shows a certificate, whose key is in
    /// the other file, if there is one; and expects a name, else that of the address.
    ///
    /// # Errors
    /// A file cannot be used, or the name.
    pub(crate) fn new(
        ca: Option<&Path>,
        own: Option<(&Path, &Path)>,
        name: Option<&str>,
    ) -> Result<Self, TlsError> {
        let roots = match ca {
            Some(path) => files::authorities("the certificates of authorities", path)?,
            None => system()?,
        };
        let config = ClientConfig::builder().with_root_certificates(roots);
        let config = match own {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = files::certificates("the certificate", certificate)?;
                let key = files::key("the certificate's key", key)?;
                let made = config.with_client_auth_cert(chain, key);
                made.map_err(|error| refused(certificate, &error))?
            }
        };
        let connector = TlsConnector::new(Arc::new(config));
        Ok(Self(match name {
            None => connector,
            Some(name) => {
                let named = connector.with_server_name(name);
                named.map_err(|_| TlsError::Name(name.into()))?
            }
        }))
    }

    /// Has a client connect so.
    ///
    /// # Errors
    /// The runtime is not tokio.
    pub(crate) fn connect<R: Runtime>(
        &self,
        builder: ClientBuilder<R>,
    ) -> Result<ClientBuilder<R>, TlsError> {
        // All else here is for any runtime. That it is tokio, its type says.
        let mut builder = Some(builder);
        let any: &mut dyn Any = &mut builder;
        let on_tokio = any.downcast_mut::<Option<ClientBuilder<Tokio>>>();
        let on_tokio = on_tokio.ok_or(TlsError::Runtime)?;
        *on_tokio = on_tokio
            .take()
            .map(|builder| builder.connector(self.0.clone()));
        builder.ok_or(TlsError::Runtime)
    }
}

/// The authorities that the system has. Whoever runs a machine says whom its programs believe.
fn system() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Some systems have certificates that are too old to be read.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    match added {
        0 => {
            let problem = found.errors.first();
            let problem = problem.map(|error| format!(" ({error})"));
            Err(TlsError::NoRoots(problem.unwrap_or_default()))
        }
        _ => Ok(roots),
    }
}

/// Both do not belong together, or the certificate is none that rustls can show.
pub(super) fn refused(path: &Path, error: &Error) -> TlsError {
    let problem = match error {
        Error::InconsistentKeys(_) => "--tls-key names the key of another certificate".into(),
        other => other.to_string(),
    };
    TlsError::Refused {
        path: path.into(),
        problem,
    }
}

/// What a person may try where no connection was made.
pub(crate) fn advice(error: &io::Error) -> Option<&'static str> {
    const NO_TLS: &str =
        "does the server speak TLS? `netaio serve` does with --tls-cert and --tls-key";
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return Some(NO_TLS);
    }
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    Some(match error {
        Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => "--ca names a file with the certificate of the authority that is to be believed",
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "--tls-name says which name the server's certificate has",
        // What `openssl req -x509` makes unless told otherwise. rustls has no name for it.
        Error::InvalidCertificate(CertificateError::Other(other))
            if format!("{other:?}").contains("CaUsedAsEndEntity") =>
        {
            "the server shows an authority's certificate: it has to be one with basicConstraints=CA:FALSE"
        }
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => NO_TLS,
        _ => return None,
    })
}
