//! netaio over TLS, by tokio-rustls: the client checks the server's certificate
//! and its name before a byte of netaio is sent. It ends by itself.
//!
//!     cargo run -p netaio-tokio --example tls

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use netaio_tokio::types::{CREATE_URI, REQUEST_URI};
use netaio_tokio::{
    Client, Connection, Content, Message, Server, Uri, connect_stream, serve_stream,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

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

/// Accepts connections, each in a task of its own: a client that takes its time
/// over the handshake keeps nobody waiting, unless there are many of them.
async fn accept(listener: TcpListener, tls: TlsAcceptor, server: Server) {
    let handshakes = Arc::new(Semaphore::new(1000));
    while let Ok(place) = handshakes.clone().acquire_owned().await {
        let Ok((stream, remote)) = listener.accept().await else {
            // Out of descriptors, as a rule: some may come back.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (tls, server) = (tls.clone(), server.clone());
        tokio::spawn(async move {
            if let Err(error) = serve(stream, remote, tls, server).await {
                println!("the server refused a connection: {error}");
            }
            drop(place);
        });
    }
}

async fn serve(
    stream: TcpStream,
    remote: SocketAddr,
    tls: TlsAcceptor,
    server: Server,
) -> std::io::Result<()> {
    // The server's own limits begin after the handshake.
    let stream = timeout(Duration::from_secs(10), tls.accept(stream)).await??;
    serve_stream(&server, stream, Some(remote)).map(drop)
}

/// Connects to a server that can prove to be `name`.
async fn connect(
    client: &Client,
    tls: &TlsConnector,
    address: SocketAddr,
    name: &'static str,
) -> Result<Connection, Failure> {
    let stream = TcpStream::connect(address).await?;
    // A message is written whole: nothing is gained by waiting for more.
    stream.set_nodelay(true)?;
    let stream = tls.connect(ServerName::try_from(name)?, stream).await?;
    Ok(connect_stream(client, stream, name)?)
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
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let accepting = tokio::spawn(accept(listener, acceptor, server.clone()));
    println!("listening with TLS on {address}");

    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tls = TlsConnector::from(Arc::new(config));
    let client = Client::builder().build()?;
    let mut messages = client.messages();

    let connection = connect(&client, &tls, address, NAME).await?;
    let answer = connection.request("echo").content("hello").await?.ok()?;
    println!("echo: {}", String::from_utf8_lossy(&answer.content));
    assert_eq!(answer.content, "hello");

    let answer = connection.create("note", "buy milk").await?.ok()?;
    assert_eq!(answer.content, "told");
    let told = messages.next().await.ok_or("the client is gone")?.message;
    println!("note: {}", String::from_utf8_lossy(&told.content));
    assert_eq!(
        (&told.uri[..], &told.content[..]),
        (&b"note"[..], &b"it was created"[..])
    );

    // Whoever cannot prove to be the one that is wanted is not talked to.
    let refused = connect(&client, &tls, address, "another.example").await;
    let error = refused.err().ok_or("the server's name was not checked")?;
    println!("the client refused another name: {error}");

    accepting.abort();
    server.stop().await;
    println!("the client was told: {}", connection.closed().await);
    Ok(())
}
