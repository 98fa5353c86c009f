//! netaio over TLS: the client checks the server's certificate and its name before a byte of
//! netaio is sent. It ends by itself.
//!
//!     cargo run -p netaio-tokio --features tls --example tls

use std::sync::Arc;

use netaio_tokio::tls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use netaio_tokio::tls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use netaio_tokio::tls::{TlsConnector, TlsListener};
use netaio_tokio::types::{CREATE_URI, REQUEST_URI};
use netaio_tokio::{Client, Connection, Content, Message, Server, Uri};

type Failure = Box<dyn std::error::Error>;

/// The name in the server's certificate.
const NAME: &str = "netaio.example";

/// Makes a certificate that vouches for itself. In earnest it comes from a
/// certificate authority, and the client's roots from the system.
fn certificate() -> Result<(CertificateDer<'static>, PrivatePkcs8KeyDer<'static>), Failure> {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    Ok((made.cert.der().clone(), key))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let (certificate, key) = certificate()?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())?;
    // `build` in the place of `bind`: there shall be no port without TLS.
    let server = Server::builder()
        .on((REQUEST_URI, "echo"), |content: Content| content)
        .on(CREATE_URI, |uri: Uri, who: Connection| async move {
            // A message that the client did not ask for, ahead of the answer.
            let told = who.send(Message::notify(uri.0, "it was created")).await;
            told.map_or("not told", |()| "told")
        })
        .build()?;
    let listener = TlsListener::bind("127.0.0.1:0", Arc::new(config)).await?;
    let address = listener.local_addr()?;
    server.serve(listener)?;
    println!("listening with TLS on {address}");

    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tls = TlsConnector::new(Arc::new(config));
    // The address is a number here; with a name it is that which the server proves.
    let client = Client::builder()
        .connector(tls.clone().with_server_name(NAME)?)
        .build()?;
    let mut messages = client.messages();

    let connection = client.connect(address).await?;
    let answer = connection
        .request("echo")
        .content("hello")
        .await?
        .into_result()?;
    println!("echo: {}", String::from_utf8_lossy(&answer.content));
    assert_eq!(answer.content, "hello");

    let answer = connection.create("note", "buy milk").await?.into_result()?;
    assert_eq!(answer.content, "told");
    let told = messages.next().await.ok_or("the client is gone")?.message;
    println!("note: {}", String::from_utf8_lossy(&told.content));
    assert_eq!(
        (&told.uri[..], &told.content[..]),
        (&b"note"[..], &b"it was created"[..])
    );

    // Whoever cannot prove to be the one that is wanted is not talked to.
    let another = Client::builder()
        .connector(tls.with_server_name("another.example")?)
        .build()?;
    let refused = another.connect(address).await;
    let error = refused.err().ok_or("the server's name was not checked")?;
    println!("the client refused another name: {error}");

    server.stop().await;
    println!("the client was told: {}", connection.closed().await);
    Ok(())
}
