//! Clients over streams of any kind, and servers on listeners of any kind.

use std::future::pending;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use async_channel::{Receiver, Sender};
use netaio_driver::core::types::*;
use netaio_driver::core::{CloseReason, ManagementConfig, Message, Peer};
use netaio_driver::{
    AutoReconnect, ByteStream, Client, ClientEvent, ConnectError, Dial, Incoming, Listener, Missed,
    Publisher, Remote, Runtime, Server, ServerEvent, Uri,
};

use super::pipe::{Hammer, Shape, duplex};
use super::raw::Raw;
use super::support::{assert_message, listen};

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);

/// Where pipes lead that a connector makes: to whoever listens.
struct Exchange<R: Runtime> {
    ends: Sender<ByteStream<R>>,
    hammers: Sender<Hammer>,
}

impl<R: Runtime> Clone for Exchange<R> {
    fn clone(&self) -> Self {
        Self {
            ends: self.ends.clone(),
            hammers: self.hammers.clone(),
        }
    }
}

impl<R: Runtime> Exchange<R> {
    fn new() -> (Self, Receiver<ByteStream<R>>, Receiver<Hammer>) {
        let (ends, accepted) = async_channel::unbounded();
        let (hammers, made) = async_channel::unbounded();
        (Self { ends, hammers }, accepted, made)
    }

    async fn connect(self, dial: Dial<R>) -> io::Result<ByteStream<R>> {
        assert_eq!(dial.address(), "the pipe");
        let [(reader, writer), (far_reader, far_writer)] = duplex(Shape::PLAIN);
        let _ = self.hammers.send(writer.hammer()).await;
        let far = ByteStream::new(far_reader, far_writer);
        let sent = self.ends.send(far).await;
        sent.map_err(|_| io::ErrorKind::ConnectionRefused)?;
        Ok(ByteStream::new(reader, writer))
    }
}

/// What accepts the pipes.
fn accepting<R: Runtime>(streams: Receiver<ByteStream<R>>) -> impl Listener<R> {
    move || {
        let streams = streams.clone();
        async move {
            match streams.recv().await {
                Ok(stream) => Ok(Incoming::from(stream)),
                Err(_) => pending().await,
            }
        }
    }
}

/// A client over pipes is reconnected, has a default server and is a peer, as over TCP.
pub async fn a_connector_is_as_good_as_tcp<R: Runtime>() {
    let (exchange, streams, hammers) = Exchange::<R>::new();
    let manage = || ManagementConfig::new();
    let server = Server::<R>::builder()
        .on(REQUEST_URI, || "here")
        .local_peer(Peer::new("server"))
        .manage_peers(manage())
        .build()
        .unwrap();
    server.serve(accepting(streams)).unwrap();
    let (told, news) = async_channel::unbounded();
    let policy = AutoReconnect::new()
        .delay(Duration::ZERO)
        .on_reconnect(move |_, again| {
            let told = told.clone();
            async move { told.send(again.connection).await.unwrap() }
        });
    let client = Client::<R>::builder()
        .connector(move |dial| exchange.clone().connect(dial))
        .auto_reconnect(policy)
        .local_peer(Peer::new("client"))
        .manage_peers(manage())
        .build()
        .unwrap();
    let mut connection = client.connect("the pipe").await.unwrap();
    client.set_default_server(Some("the pipe"));
    for _ in 0..3 {
        let answer = client.request("u").timeout(NEVER).await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", "here");
        // It was introduced before it could ask.
        assert!(server.peers().get("client").is_some());
        hammers.recv().await.unwrap().strike();
        assert_ne!(connection.closed().await, CloseReason::Local);
        connection = news.recv().await.unwrap();
        assert_eq!(connection.name(), Some("the pipe"));
    }
}

/// A connector has as much time as connecting may take, and its errors are told.
pub async fn a_connector_has_so_much_time<R: Runtime>() {
    let short = Duration::from_millis(5);
    let client =
        Client::<R>::builder()
            .connect_timeout(short)
            .connector(|dial: Dial<R>| async move {
                match dial.host() {
                    "slow" => pending().await,
                    host => Err(io::Error::other(format!("no way to {host}"))),
                }
            });
    let client = client.build().unwrap();
    let ConnectError { source, .. } = client.connect("slow:7").await.unwrap_err();
    assert_eq!(source.kind(), io::ErrorKind::TimedOut);
    for (address, host) in [
        ("here:7", "here"),
        ("[::1]:7", "::1"),
        ("/a/path", "/a/path"),
    ] {
        let error = client.connect(address).await.unwrap_err();
        let expected = format!("cannot connect to {address}: no way to {host}");
        assert_eq!(error.to_string(), expected);
    }
}

/// A connector may connect over TCP, to where it was told or elsewhere.
pub async fn a_connector_may_take_another_way<R: Runtime>() {
    let server = listen(Server::<R>::builder().on(REQUEST_URI, || "here")).await;
    let proxy = server.local_addr();
    let client = Client::<R>::builder().connector(move |dial: Dial<R>| async move {
        match dial.address() {
            "far away" => dial.via(proxy.to_string()).tcp_stream().await,
            _ => dial.tcp_stream().await,
        }
    });
    let client = client.build().unwrap();
    for address in ["far away".to_owned(), proxy.to_string()] {
        let connection = client.connect(&address).await.unwrap();
        assert_eq!(connection.name(), Some(&*address));
        assert_eq!(connection.remote(), Some(proxy));
        let answer = connection.request("u").timeout(NEVER).await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", "here");
    }
}

/// Of a list of servers one is connected to, and another one when that is gone: requests and
/// subscriptions go on there.
pub async fn a_list_of_servers_is_as_good_as_one<R: Runtime>() {
    let service = |name: &'static str| {
        let subscribe = |uri: Uri, who: Remote, publisher: Publisher| {
            let subscribed = publisher.subscribe(&uri, who);
            subscribed.map(drop).map_err(|error| error.to_string())
        };
        let server = Server::<R>::builder().on(REQUEST_URI, move || name);
        listen(server.on(SUBSCRIBE_URI, subscribe))
    };
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let mut servers = vec![service("0").await, service("1").await];
    let [first, second] = [0, 1].map(|index: usize| servers[index].local_addr());
    let list = format!("{first}, {nobody},{second}");
    let client = Client::<R>::builder().build().unwrap();
    let mut events = client.events();
    let connection = client.connect_persistent(&list).await.unwrap();
    assert_eq!(connection.name(), Some(&*list));
    let mut news = client.subscribe("news").await.unwrap();
    let here = |server: &Server<R>| Some(server.local_addr()) == connection.remote();
    let gone = servers.remove(servers.iter().position(here).unwrap());
    gone.stop().await;
    drop(gone);
    loop {
        match events.next().await.unwrap() {
            ClientEvent::Resubscribed { uri, connection } => {
                assert_eq!(uri, "news");
                assert_eq!(connection.remote(), Some(servers[0].local_addr()));
                break;
            }
            _ => continue,
        }
    }
    let answer = client.request("u").timeout(NEVER).await.unwrap();
    let is_second = servers[0].local_addr() == second;
    assert_message(
        &answer,
        RESPOND_URI,
        "u",
        ["0", "1"][usize::from(is_second)],
    );
    let publisher = servers[0].publisher();
    let sent = publisher.notify("news", &Message::notify("news", "again"));
    assert_eq!(sent.unwrap().accepted(), 1);
    let missed = news.next().await.unwrap();
    assert_eq!(missed.err(), Some(Missed::Resubscribed));
    assert_eq!(news.next().await.unwrap().unwrap().message.content, "again");
    servers.remove(0).stop().await;
    let other = Client::<R>::builder().build().unwrap();
    let error = other.connect(&list).await.unwrap_err().to_string();
    for address in [first, nobody, second] {
        assert!(error.contains(&format!("{address}: ")), "{error}");
    }
}

/// A handshake that takes its time keeps no other connection waiting, one that fails is told,
/// and a stop waits for none.
pub async fn handshakes_keep_nobody_waiting<R: Runtime>() {
    let somewhere: SocketAddr = ([192, 0, 2, 1], 7).into();
    let server = Server::<R>::builder().on(REQUEST_URI, || "here");
    let server = server.build().unwrap();
    let mut events = server.events();
    let (incoming, accepted) = async_channel::unbounded();
    let accept = move || {
        let accepted = accepted.clone();
        async move { Ok(accepted.recv().await.unwrap()) }
    };
    server.serve(accept).unwrap();
    let shake = |handshake| Incoming::handshake(Some(somewhere), handshake);
    let (dropped, is_dropped) = async_channel::bounded::<()>(1);
    let stuck = async move {
        let _dropped = dropped;
        pending().await
    };
    incoming
        .send(shake(Box::pin(stuck) as netaio_driver::BoxFuture<_>))
        .await
        .unwrap();
    let fails = async { Err(io::Error::other("who are you")) };
    incoming.send(shake(Box::pin(fails))).await.unwrap();
    let Some(ServerEvent::HandshakeFailed { remote, error }) = events.next().await else {
        panic!("the handshake has failed");
    };
    assert_eq!((remote, &*error), (Some(somewhere), "who are you"));
    let [(reader, writer), (far_reader, far_writer)] = duplex(Shape::PLAIN);
    let shaken = async move {
        let stream = ByteStream::new(far_reader, far_writer);
        Ok(stream.with_remote(somewhere))
    };
    incoming.send(shake(Box::pin(shaken))).await.unwrap();
    let Some(ServerEvent::Connected(connection)) = events.next().await else {
        panic!("the handshake has succeeded");
    };
    assert_eq!(connection.remote(), Some(somewhere));
    let client = Client::<R>::builder().build().unwrap();
    let connection = client.connect_halves(reader, writer, None, "it").unwrap();
    let answer = connection.request("u").timeout(NEVER).await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
    server.stop().await;
    assert!(is_dropped.recv().await.is_err());
}

/// A socket that listens already is served, until the server stops, and none afterwards.
pub async fn a_listening_socket_is_handed_over<R: Runtime>() {
    let socket = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::<R>::builder().on(REQUEST_URI, || "here");
    let server = server.build().unwrap();
    let client = Client::<R>::builder().build().unwrap();
    let mut addresses = Vec::new();
    for _ in 0..2 {
        let socket = socket();
        let address = socket.local_addr().unwrap();
        addresses.push(address);
        server.serve_tcp(socket).unwrap();
        let connection = client.connect(address).await.unwrap();
        let answer = connection.request("u").timeout(NEVER).await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", "here");
    }
    server.stop().await;
    for address in addresses {
        client.connect(address).await.unwrap_err();
    }
    server.serve_tcp(socket()).unwrap_err();
}

/// A listener may have connections without the outer plugins.
pub async fn a_listener_has_options<R: Runtime>() {
    use netaio_driver::ConnectionOptions;
    use netaio_driver::core::plugin::HmacAuth;

    let (ends, streams) = async_channel::unbounded();
    let server = Server::<R>::builder()
        .auth(HmacAuth::new("secret"))
        .on(REQUEST_URI, || "here")
        .build()
        .unwrap();
    let options = ConnectionOptions::new().without_auth();
    server.serve_with(accepting(streams), options).unwrap();
    let [(reader, writer), (far_reader, far_writer)] = duplex(Shape::PLAIN);
    let _ = ends.send(ByteStream::new(far_reader, far_writer)).await;
    let mut raw = Raw::new(reader, writer);
    raw.write(&super::raw::frame(REQUEST_URI, "u", ""))
        .await
        .unwrap();
    let answer = raw.receive().await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
}
