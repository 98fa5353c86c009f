//! netaio over TLS, by tokio-rustls: a stream that keeps written bytes back,
//! and whose end is a message of its own, so that a cut can be told from it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail as tests do"
)]

use std::future::{Future, ready};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use netaio_tests::conformance::guarded;
use netaio_tokio::config::{Correlation, ManagementConfig, ServerBuilder};
use netaio_tokio::core::FrameErrorKind;
use netaio_tokio::error::{RequestError, SendError};
use netaio_tokio::events::{ClientEvent, CloseReason, ServerEvent};
use netaio_tokio::transport::{connect_stream, serve_stream};
use netaio_tokio::types::REQUEST_URI;
use netaio_tokio::{
    AutoReconnect, Client, Connection, Content, Message, Peer, Remote, Server, tls,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_rustls::rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);

/// The frames of a request for `echo` with the content `hi`, and of its answer.
const ECHO: &[u8] = b"\x00\x00\x03\x00\x08\x33\x95\x03\xac\x4d\x40\x00\x00\x04echohi";
const ECHOED: &[u8] = b"\x01\x00\x03\x00\x08\x33\x95\x03\xac\x4d\x40\x00\x00\x04echohi";

fn run(future: impl Future<Output = ()> + Send + 'static) {
    guarded(move || {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async { tokio::spawn(future).await.unwrap() });
    });
}

/// The client's and the server's end of a new TLS connection over a stream. The
/// server may still have to tell something that the client must read.
async fn handshake<S>(near: S, far: S) -> (TlsStream<S>, JoinHandle<TlsStream<S>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let made = rcgen::generate_simple_self_signed(["test.example".into()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.clone()], key.into());
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots);
    let connector = TlsConnector::from(Arc::new(config.with_no_client_auth()));
    let name = ServerName::try_from("test.example").unwrap();
    let far = tokio::spawn(async move { acceptor.accept(far).await.unwrap().into() });
    (connector.connect(name, near).await.unwrap().into(), far)
}

/// As [`handshake`], over TCP.
async fn connected() -> (TlsStream<TcpStream>, TlsStream<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (near, far) = handshake(near.unwrap(), far.unwrap().0).await;
    (near, far.await.unwrap())
}

/// Closes the socket under the TLS: without a shutdown, TLS says nothing.
fn cut(stream: TlsStream<TcpStream>) {
    drop(stream);
}

fn echo() -> ServerBuilder {
    Server::builder().on((REQUEST_URI, "echo"), |content: Content| content)
}

/// Its frames are netaio's, byte for byte.
fn client() -> Client {
    let correlation = Correlation::default().with_requests(false);
    let client = Client::builder().correlation(correlation);
    client.build().unwrap()
}

/// Echoes around the sizes of buffers and of TLS's records, some at a time.
async fn exchange(connection: &Connection, largest: usize) {
    for size in [0, 1, largest / 3, largest] {
        let request = |byte| {
            let request = connection.request("echo").content(vec![byte; size]);
            async move { request.timeout(NEVER).await.unwrap() }
        };
        let answers: [_; 3] = tokio::join!(request(1), request(2), request(3)).into();
        for (byte, answer) in (1..).zip(answers) {
            assert_eq!(answer.into_message().content, vec![byte; size]);
        }
    }
}

/// Answers, a message that nobody asked for, and a stop that lets a handler
/// finish and then says that it is the end.
#[test]
fn a_session_from_its_handshake_to_a_graceful_stop() {
    run(async {
        let (begun, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let slow = {
            let (begun, go) = (begun.clone(), go.clone());
            move |who: Connection| {
                let (begun, go) = (begun.clone(), go.clone());
                async move {
                    let push = Message::notify("push", vec![7; 50_000]);
                    who.send(push).await.unwrap();
                    begun.add_permits(1);
                    go.acquire().await.unwrap().forget();
                    "done"
                }
            }
        };
        let server = echo().on((REQUEST_URI, "slow"), slow).build().unwrap();
        let (near, far) = connected().await;
        let remote = far.get_ref().0.peer_addr().ok();
        let served = serve_stream(&server, far, remote).unwrap();
        assert_eq!(served.remote(), remote);
        let client = client();
        let mut messages = client.messages();
        let connection = connect_stream(&client, near, "tls").unwrap();
        exchange(&connection, 60_000).await;

        let waiting = tokio::spawn({
            let connection = connection.clone();
            async move { connection.request("slow").timeout(NEVER).await }
        });
        begun.acquire().await.unwrap().forget();
        let push = messages.next().await.unwrap().message;
        assert_eq!(push, Message::notify("push", vec![7; 50_000]));
        // Polled once, it has begun.
        let mut stopping = pin!(server.stop_within(NEVER));
        tokio::select! {
            biased;
            () = &mut stopping => panic!("it did not wait for the handler"),
            () = ready(()) => go.add_permits(1),
        }
        stopping.await;
        assert_eq!(waiting.await.unwrap().unwrap().content, "done");
        assert_eq!(connection.closed().await, CloseReason::Remote);
        assert_eq!(served.closed().await, CloseReason::Local);
        assert_eq!(server.connections(), 0);
    });
}

/// Over a transport that takes few bytes at once TLS keeps back most of what is
/// written, until it is flushed.
#[test]
fn what_tls_keeps_back_is_sent_on() {
    run(async {
        let (server, client) = (echo().build().unwrap(), client());
        // With less room the two would wait for each other in the handshake.
        for (capacity, largest) in [(10, 5_000), (100, 60_000), (1 << 20, 60_000)] {
            let (near, far) = duplex(capacity);
            let (near, far) = handshake(near, far).await;
            let connection = connect_stream(&client, near, "memory").unwrap();
            let served = serve_stream(&server, far.await.unwrap(), None).unwrap();
            exchange(&connection, largest).await;
            connection.close().await;
            assert_eq!(served.closed().await, CloseReason::Remote);
        }
    });
}

/// A client that has said its end still gets all its answers, and then the
/// server's end.
#[test]
fn a_half_closed_client_gets_all_its_answers() {
    const REQUESTS: usize = 1_000;
    run(async {
        let server = echo().build().unwrap();
        let (mut near, far) = connected().await;
        let served = serve_stream(&server, far, None).unwrap();
        near.write_all(&ECHO.repeat(REQUESTS)).await.unwrap();
        near.shutdown().await.unwrap();
        let mut answers = Vec::new();
        // It fails where the end is not said.
        near.read_to_end(&mut answers).await.unwrap();
        assert!(answers == ECHOED.repeat(REQUESTS));
        assert_eq!(served.closed().await, CloseReason::Remote);
    });
}

/// What a client with a request under way is told when the server's end of the
/// connection does something.
async fn ending<F: Future<Output = ()>>(
    then: impl FnOnce(TlsStream<TcpStream>) -> F,
) -> CloseReason {
    let (near, mut far) = connected().await;
    let client = client();
    let connection = connect_stream(&client, near, "tls").unwrap();
    let waiting = tokio::spawn({
        let request = connection.request("echo").content("hi").timeout(NEVER);
        async move { request.await.unwrap_err() }
    });
    let mut request = vec![0; ECHO.len()];
    far.read_exact(&mut request).await.unwrap();
    assert_eq!(request, ECHO);
    then(far).await;
    let reason = connection.closed().await;
    assert_eq!(waiting.await.unwrap(), RequestError::Closed(reason.clone()));
    let refused = connection.request("echo").timeout(NEVER).await;
    let closed = SendError::Closed(reason.clone());
    assert_eq!(refused.unwrap_err(), RequestError::Send(closed));
    reason
}

/// Sees that a reason is that of a stream without an end.
#[track_caller]
fn assert_cut(reason: &CloseReason) {
    let CloseReason::Transport(error) = reason else {
        panic!("{reason:?}");
    };
    assert!(error.contains("close_notify"), "{error}");
}

/// A connection that is cut is no connection that has ended, wherever in the
/// stream it happens: whoever is on the way could have done it.
#[test]
fn a_cut_is_an_error_and_fails_what_waits() {
    run(async {
        assert_cut(&ending(|far| async { cut(far) }).await);
        let within_a_frame = ending(|mut far| async {
            far.write_all(&ECHOED[..10]).await.unwrap();
            cut(far);
        });
        assert_cut(&within_a_frame.await);

        let server = echo().build().unwrap();
        let (mut near, far) = connected().await;
        let served = serve_stream(&server, far, None).unwrap();
        near.write_all(ECHO).await.unwrap();
        near.read_exact(&mut [0; ECHOED.len()]).await.unwrap();
        cut(near);
        assert_cut(&served.closed().await);
        server.stop_within(NEVER).await;
    });
}

/// An end that is said is one, and what is missing before it is told.
#[test]
fn an_end_is_no_cut() {
    run(async {
        let between_frames = ending(|mut far| async move { far.shutdown().await.unwrap() });
        assert_eq!(between_frames.await, CloseReason::Remote);
        let within_a_frame = ending(|mut far| async move {
            far.write_all(&ECHOED[..10]).await.unwrap();
            far.shutdown().await.unwrap();
        });
        let reason = within_a_frame.await;
        let CloseReason::Truncated(error) = &reason else {
            panic!("{reason:?}");
        };
        let missing = ECHOED.len() - 10;
        assert_eq!(error.kind, FrameErrorKind::Truncated { missing });
    });
}

/// Bytes that are put into the stream from outside end the connection.
#[test]
fn what_is_not_sealed_is_an_error() {
    run(async {
        let reason = ending(|mut far| async move {
            far.get_mut().0.write_all(ECHOED).await.unwrap();
            // The client has gone, saying why.
            assert!(far.read(&mut [0]).await.is_err());
        });
        let reason = reason.await;
        assert!(matches!(reason, CloseReason::Transport(_)), "{reason:?}");
    });
}

/// A client connects by its connector and again when the server is back, stays a peer, and talks
/// to nobody who cannot prove its name.
#[test]
fn a_client_outlives_its_server() {
    run(async {
        let made = rcgen::generate_simple_self_signed(["test.example".into()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![certificate.clone()], key.into());
        let config = Arc::new(config.unwrap());
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let trusting = ClientConfig::builder().with_root_certificates(roots);
        let connector = tls::TlsConnector::new(Arc::new(trusting.with_no_client_auth()));
        let named = connector.clone().with_server_name("test.example").unwrap();
        let policy = AutoReconnect::new()
            .delay(Duration::from_millis(1))
            .max_retries(u32::MAX);
        let client = Client::builder()
            .connector(named)
            .auto_reconnect(policy)
            .local_peer(Peer::new("client"))
            .manage_peers(ManagementConfig::new())
            .build()
            .unwrap();
        let mut events = client.events();
        let mut address = ([127, 0, 0, 1], 0).into();
        for round in 0..3 {
            let server = echo()
                .local_peer(Peer::new("server"))
                .manage_peers(ManagementConfig::new())
                .build()
                .unwrap();
            let socket = loop {
                // Others may have the port for a moment: those that connect from it.
                if let Ok(socket) = std::net::TcpListener::bind::<std::net::SocketAddr>(address) {
                    break socket;
                }
            };
            socket.set_nonblocking(true).unwrap();
            address = socket.local_addr().unwrap();
            let socket = TcpListener::from_std(socket).unwrap();
            let listener = tls::TlsListener::new(socket, config.clone());
            assert_eq!(listener.local_addr().unwrap(), address);
            server.serve(listener).unwrap();
            if round == 0 {
                client.connect(address).await.unwrap();
            }
            let connection = loop {
                if let Some(ClientEvent::Connected(connection)) = events.next().await {
                    break connection;
                }
            };
            assert_eq!(connection.remote(), Some(address));
            exchange(&connection, 30_000).await;
            assert!(server.peers().get("client").is_some());

            let other = Client::builder()
                .connector(connector.clone())
                .build()
                .unwrap();
            let error = other.connect(address).await.unwrap_err();
            assert!(error.to_string().contains("certificate"), "{error}");
            // Not TLS: the handshake fails, and the server lives.
            let mut refused = server.events();
            let mut plain = TcpStream::connect(address).await.unwrap();
            plain.write_all(ECHO).await.unwrap();
            loop {
                match refused.next().await {
                    Some(ServerEvent::HandshakeFailed { remote, .. })
                        if remote == plain.local_addr().ok() =>
                    {
                        break;
                    }
                    Some(_) => {}
                    None => panic!("the server lives"),
                }
            }
            server.stop().await;
        }
    });
}

/// Each end knows the certificate that the other one has shown, and says who vouches for it.
#[test]
fn certificates_are_whom_tls_vouches_for() {
    run(async {
        let [server_key, client_key] = ["test.example", "device 7"]
            .map(|name| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap());
        let key = |made: &rcgen::CertifiedKey<rcgen::KeyPair>| {
            PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into()
        };
        let trusting = |made: &rcgen::CertifiedKey<rcgen::KeyPair>| {
            let mut roots = RootCertStore::empty();
            roots.add(made.cert.der().clone()).unwrap();
            roots
        };
        let clients = WebPkiClientVerifier::builder(Arc::new(trusting(&client_key)));
        // Who shows none is served too, as a stranger.
        let clients = clients.allow_unauthenticated().build().unwrap();
        let config = ServerConfig::builder().with_client_cert_verifier(clients);
        let chain = vec![server_key.cert.der().clone()];
        let config = config.with_single_cert(chain, key(&server_key)).unwrap();
        let server = Server::builder()
            .on(REQUEST_URI, |who: Remote| {
                let certificate = who.identity().certificate;
                certificate.unwrap_or_else(|| "a stranger".into())
            })
            .build()
            .unwrap();
        let listener = tls::TlsListener::bind("127.0.0.1:0", Arc::new(config)).await;
        let listener = listener.unwrap();
        let address = listener.local_addr().unwrap();
        server.serve(listener).unwrap();

        let chain = vec![client_key.cert.der().clone()];
        let config = || ClientConfig::builder().with_root_certificates(trusting(&server_key));
        let known = config().with_client_auth_cert(chain, key(&client_key));
        let shown = client_key.cert.der().to_vec();
        for (config, expected) in [
            (known.unwrap(), shown),
            (config().with_no_client_auth(), b"a stranger".to_vec()),
        ] {
            let connector = tls::TlsConnector::new(Arc::new(config));
            let connector = connector.with_server_name("test.example").unwrap();
            let client = Client::builder().connector(connector).build().unwrap();
            let connection = client.connect(address).await.unwrap();
            let certificate = connection.certificate().unwrap();
            assert_eq!(&certificate[..], &server_key.cert.der()[..]);
            let answer = connection.request("who").timeout(NEVER).await.unwrap();
            assert_eq!(answer.into_message().content, expected);
        }
        server.stop().await;
    });
}
