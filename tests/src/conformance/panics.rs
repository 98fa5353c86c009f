//! What an application plugs in may panic: no task is just missing after that.

use std::collections::BTreeMap;
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use netaio_driver::core::plugin::{AuthPlugin, FieldNames, OpenContext, SealContext};
use netaio_driver::core::types::{REQUEST_URI, RESPOND_URI};
use netaio_driver::core::{
    AuthFailure, AuthFields, AuthView, CloseReason, Message, Now, SealError, SendError,
};
use netaio_driver::{
    AutoReconnect, Client, ClientEvent, Clock, DatagramOptions, Keepalive, RequestError, Runtime,
    Server, ServerEvent, TaskPanicked, UdpEvent, UdpNode,
};

use super::raw::RawListener;
use super::raw_node::{bind_node, plain_node};
use super::support::{assert_message, connect, listen};

/// An auth plugin that panics where a message says `panic`.
struct Fragile;

impl AuthPlugin for Fragile {
    fn make(&self, _: &mut AuthFields, _: &[u8], _: &mut SealContext<'_>) -> Result<(), SealError> {
        Ok(())
    }

    fn check(&self, _: AuthView<'_>, body: &[u8], _: &OpenContext<'_>) -> Result<(), AuthFailure> {
        match body.ends_with(b"panic") {
            true => panic!("a plugin of a test"),
            false => Ok(()),
        }
    }

    fn error(&self) -> Message {
        Message::error_message("never")
    }

    fn fields(&self) -> FieldNames<'_> {
        FieldNames {
            own: Vec::new(),
            shared: Vec::new(),
        }
    }
}

fn said() -> String {
    "a plugin of a test".to_owned()
}

/// The connection that a plugin panics for is closed, and says why; others go on.
pub async fn a_connection_ends_with_a_reason<R: Runtime>() {
    let server = Server::<R>::builder()
        .auth(Fragile)
        .on(REQUEST_URI, || "here");
    let server = listen(server).await;
    let mut events = server.events();
    let (_other, other) = connect(Client::builder(), &server).await;
    let (_client, client) = connect(Client::builder(), &server).await;
    for to in [&other, &client] {
        let answer = to.request("u").await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", "here");
    }
    let error = client.request("u").content("panic").await.unwrap_err();
    assert_eq!(error, RequestError::Closed(CloseReason::Remote));
    let reason = loop {
        if let ServerEvent::Closed { reason, .. } = events.next().await.unwrap() {
            break reason;
        }
    };
    assert_eq!(reason, CloseReason::Failed(said()));
    let answer = other.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
    assert_eq!(server.connections(), 1);
    server.stop().await;
    server.ended().await;
}

/// A client's requests fail with the reason at once.
pub async fn a_client_says_why_it_failed<R: Runtime>() {
    let server = listen(Server::<R>::builder().on(REQUEST_URI, || "panic")).await;
    let (_client, connection) = connect(Client::builder().auth(Fragile), &server).await;
    let error = connection.request("u").await.unwrap_err();
    let reason = CloseReason::Failed(said());
    assert_eq!(error, RequestError::Closed(reason.clone()));
    assert_eq!(connection.closed().await, reason);
}

/// A node that ends so says it: by an event, to those who wait, and by `ended`. Its address
/// is free then.
pub async fn a_node_says_that_it_has_ended<R: Runtime>() {
    let builder = || {
        let node = UdpNode::<R>::builder();
        node.auth(Fragile).on(REQUEST_URI, || "here")
    };
    let node = bind_node(builder()).await;
    let (asker, address) = (plain_node::<R>().await, node.local_addr());
    let mut events = node.events();
    let answer = asker.request(address, "u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
    let fatal = Message::notify("u", "panic");
    asker.send(address, fatal).await.unwrap();
    let panicked = TaskPanicked { what: said() };
    assert_eq!(node.ended().await, Err(panicked.clone()));
    let told = events.next().await;
    assert_eq!(told, Some(UdpEvent::Panicked(panicked.clone())));
    assert_eq!(events.next().await, None);
    let refused = node.request(asker.local_addr(), "u").await;
    let closed = SendError::Closed(CloseReason::Local);
    assert_eq!(refused, Err(RequestError::Send(closed)));
    node.stop().await;
    assert_eq!(node.ended().await, Err(panicked));

    let again = builder().no_group().bind(address).await.unwrap();
    let answer = asker.request(address, "u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
    again.stop().await;
    assert_eq!(again.ended().await, Ok(()));
}

/// A runtime that panics where somebody connects to a port for the second time.
struct Second<R>(PhantomData<fn() -> R>);

impl<R: Runtime> Runtime for Second<R> {
    super::wrapped::as_wrapped!(streams);

    type Datagrams = R::Datagrams;

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        R::spawn(future);
    }

    async fn resolve(address: &str) -> io::Result<Vec<SocketAddr>> {
        R::resolve(address).await
    }

    async fn connect(
        address: SocketAddr,
        keepalive: Option<Keepalive>,
    ) -> io::Result<(Self::Reader, Self::Writer)> {
        static TRIES: Mutex<BTreeMap<u16, u32>> = Mutex::new(BTreeMap::new());
        let number = {
            let mut tries = TRIES.lock().unwrap();
            let number = tries.entry(address.port()).or_default();
            *number += 1;
            *number
        };
        assert!(number != 2, "a runtime of a test");
        R::connect(address, keepalive).await
    }

    async fn bind_datagrams(options: &DatagramOptions) -> io::Result<Self::Datagrams> {
        R::bind_datagrams(options).await
    }
}

/// What panics while a server is reconnected is one try that has failed.
pub async fn reconnecting_goes_on<R: Runtime>() {
    for retries in [1, 2] {
        let listener = RawListener::<R>::new().await;
        let delay = Duration::from_millis(5);
        let policy = AutoReconnect::new().delay(delay).max_retries(retries);
        let client = Client::<Second<R>>::builder().auto_reconnect(policy);
        let client = client.build().unwrap();
        let mut events = client.events();
        client.connect(listener.address()).await.unwrap();
        drop(listener.accept().await);
        let mut tries = 0;
        loop {
            match events.next().await.unwrap() {
                ClientEvent::Reconnecting { attempt, .. } => tries = attempt,
                ClientEvent::Reconnected { attempt, .. } => {
                    assert_eq!((retries, attempt), (2, 2));
                    break;
                }
                ClientEvent::GaveUp { error, .. } => {
                    assert_eq!((retries, tries), (1, 1));
                    assert!(error.contains("a runtime of a test"), "{error}");
                    break;
                }
                _ => {}
            }
        }
    }
}

/// A clock that panics once, when it is told to.
#[derive(Clone)]
pub(super) struct Broken {
    pub(super) start: Instant,
    pub(super) panics: Arc<AtomicBool>,
}

impl Clock for Broken {
    fn now(&self) -> Now {
        match self.panics.swap(false, Ordering::SeqCst) {
            true => panic!("a clock of a test"),
            false => Now::new(self.start.elapsed(), 1_700_000_000),
        }
    }

    fn instant(&self, monotonic: Duration) -> Instant {
        self.start + monotonic
    }
}

/// What panics while a connection is accepted costs that connection alone.
pub async fn accepting_goes_on<R: Runtime>() {
    let panics = Arc::new(AtomicBool::new(false));
    let clock = Broken {
        start: Instant::now(),
        panics: panics.clone(),
    };
    let server = Server::<R>::builder().clock(clock);
    let server = listen(server.on(REQUEST_URI, || "here")).await;
    let mut events = server.events();
    panics.store(true, Ordering::SeqCst);
    let (_lost, lost) = connect(Client::builder(), &server).await;
    assert_eq!(lost.closed().await, CloseReason::Remote);
    match events.next().await {
        Some(ServerEvent::AcceptFailed { error }) => {
            assert_eq!(error, "a task of this side panicked: a clock of a test");
        }
        other => panic!("another event: {other:?}"),
    }
    let (_client, connection) = connect(Client::builder(), &server).await;
    let answer = connection.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
    server.stop().await;
}
