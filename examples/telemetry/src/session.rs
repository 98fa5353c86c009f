//! Who may connect: the certificate, the secrets, and a client that has both.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use netaio_tokio::Client;
use netaio_tokio::plugin::HmacAuth;
use netaio_tokio::tls::TlsConnector;
use netaio_tokio::tls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use netaio_tokio::tls::rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::Failure;

const CERTIFICATE: &str = "certificate.der";
const KEY: &str = "key.der";

/// What all members of the service know.
pub(crate) fn members() -> Result<HmacAuth, Failure> {
    Ok(HmacAuth::new(secret("TELEMETRY_SECRET")?))
}

/// What those know who may forget a sensor.
pub(crate) fn admins() -> Result<HmacAuth, Failure> {
    let secret = secret("TELEMETRY_ADMIN_SECRET")?;
    Ok(HmacAuth::new(secret).with_hmac_field("camh"))
}

fn secret(variable: &str) -> Result<String, Failure> {
    std::env::var(variable).map_err(|_| format!("set {variable} to the secret").into())
}

/// The collector's certificate, made at its first start. In earnest it comes from a certificate
/// authority.
pub(crate) fn server_config(folder: &Path) -> Result<Arc<ServerConfig>, Failure> {
    let (certificate, key) = match fs::read(folder.join(KEY)) {
        Ok(key) => (fs::read(folder.join(CERTIFICATE))?, key),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
            let (certificate, key) = (made.cert.der().to_vec(), made.signing_key.serialize_der());
            fs::create_dir_all(folder)?;
            fs::write(folder.join(CERTIFICATE), &certificate)?;
            fs::write(folder.join(KEY), &key)?;
            (certificate, key)
        }
        Err(error) => return Err(error.into()),
    };
    let key = PrivatePkcs8KeyDer::from(key);
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(certificate)], key.into())?;
    Ok(Arc::new(config))
}

/// A client that connects to the collector, once there is one, and again whenever it has to.
pub(crate) async fn client(address: &str, folder: &Path) -> Result<Client, Failure> {
    let path = folder.join(CERTIFICATE);
    let certificate = fs::read(&path).map_err(|error| {
        let path = path.display();
        format!("{path}: {error}; the collector makes it when it starts")
    })?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(certificate))?;
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = Client::builder()
        .auth(members()?)
        .connector(TlsConnector::new(Arc::new(config)))
        .build()?;
    client.connect_persistent(address).await?;
    Ok(client)
}
