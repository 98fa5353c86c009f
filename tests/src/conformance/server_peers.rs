//! The peers of a server: each belongs to the connection that it introduced
//! itself by.

use netaio_driver::core::plugin::{DefaultPeerPlugin, PeerPlugin};
use netaio_driver::core::types::*;
use netaio_driver::core::{
    IntroductionError, Layer, ManagementConfig, Message, MessageType, Peer, PeerRefused,
    RemovalReason, SendOptions,
};
use netaio_driver::{
    Client, Connection, PeerEvent, PeerEvents, Publisher, ReadHalf, Remote, Runtime, Server,
    ServerBuilder, Uri, WriteHalf,
};

use super::layers::{hmac, inner_hmac};
use super::node_peers::{gone, managed, peer, says};
use super::raw::{Raw, dial, frame};
use super::stamps::Stamps;
use super::support::{assert_message, connect, listen, plain_pair, yield_times};

/// A server that manages its peers, and hands out the connections that its
/// handler for `CREATE_URI` is called by.
async fn hosting<R: Runtime>(
    more: impl FnOnce(ServerBuilder<R>) -> ServerBuilder<R>,
) -> (Server<R>, async_channel::Receiver<Connection>) {
    let (told, connections) = async_channel::unbounded();
    let tell = move |connection: Connection| {
        told.try_send(connection).unwrap();
        "here"
    };
    let subscribe = |uri: Uri, who: Remote, publisher: Publisher| {
        publisher.subscribe(uri.0, who).map_or("refused", |_| "")
    };
    let server = Server::<R>::builder()
        .local_peer(peer("server"))
        .on(CREATE_URI, tell)
        .on(SUBSCRIBE_URI, subscribe);
    (listen(more(server)).await, connections)
}

/// A server that manages its peers from the start.
async fn managing<R: Runtime>() -> (Server<R>, async_channel::Receiver<Connection>) {
    hosting(|server| server.manage_peers(ManagementConfig::new())).await
}

/// Introduces a peer, and waits for the answer.
async fn introduce<I: ReadHalf, O: WriteHalf>(raw: &mut Raw<I, O>, peer: &Peer) {
    raw.write(&says(ADVERTISE_PEER, peer)).await.unwrap();
    let answer = raw.receive().await.unwrap();
    assert_message(&answer, PEER_DISCOVERED, "netaio", packed("server"));
}

/// Asks for something, so that all that was sent before has been taken.
async fn settled<I: ReadHalf, O: WriteHalf>(raw: &mut Raw<I, O>) {
    raw.write(&frame(CREATE_URI, "settled", "")).await.unwrap();
    let answer = raw.receive().await.unwrap();
    assert_message(&answer, OK, "settled", "here");
}

fn packed(id: &'static str) -> Vec<u8> {
    DefaultPeerPlugin.pack(&peer(id)).unwrap()
}

async fn came(events: &mut PeerEvents) -> Peer {
    match events.next().await {
        Some(PeerEvent::Added(known)) => known.peer,
        other => panic!("{other:?}"),
    }
}

async fn refused(events: &mut PeerEvents) -> PeerRefused {
    match events.next().await {
        Some(PeerEvent::Refused {
            reason: IntroductionError::Refused(reason),
            ..
        }) => reason,
        other => panic!("{other:?}"),
    }
}

/// A client that introduces itself is listed and told who the server is; it goes
/// when it says so, and otherwise with its connection.
pub async fn a_client_introduces_itself<R: Runtime>() {
    let (server, connections) = managing::<R>().await;
    let (peers, mut events) = (server.peers(), server.peers().events());
    let mut raw = dial(&server).await;
    introduce(&mut raw, &peer("raw")).await;
    assert_eq!(came(&mut events).await, peer("raw"));
    settled(&mut raw).await;
    let connection = connections.recv().await.unwrap();
    let known = peers.get("raw").unwrap();
    assert_eq!(known.addresses, [connection.remote().unwrap()]);
    assert_eq!(peers.of(&connection).as_ref(), Some(&known));
    assert_eq!(peers.at(known.addresses[0]).as_ref(), Some(&known));
    assert_eq!(peers.list(), [known]);

    raw.write(&says(DISCONNECT, &peer("raw"))).await.unwrap();
    let (left, reason) = gone(&mut events).await;
    assert_eq!(
        (left.peer, reason),
        (peer("raw"), RemovalReason::Disconnect)
    );
    assert_eq!(peers.of(&connection), None);
    introduce(&mut raw, &peer("raw")).await;
    assert_eq!(came(&mut events).await, peer("raw"));
    drop(raw);
    let (left, reason) = gone(&mut events).await;
    assert_eq!(
        (left.peer, reason),
        (peer("raw"), RemovalReason::ConnectionEnded)
    );
    assert!(peers.is_empty());
}

/// One connection is one peer, however many names it goes by, and speaks for no
/// other.
pub async fn one_connection_is_one_peer<R: Runtime>() {
    let (server, _connections) = managing::<R>().await;
    let mut events = server.peers().events();
    let (mut one, mut two) = (dial(&server).await, dial(&server).await);
    introduce(&mut one, &peer("one")).await;
    introduce(&mut two, &peer("two")).await;
    for _ in 0..2 {
        came(&mut events).await;
    }
    for number in 0..50 {
        let named = Peer::new(number.to_string()).with_data("");
        one.write(&says(ADVERTISE_PEER, &named)).await.unwrap();
        assert_eq!(refused(&mut events).await, PeerRefused::AddressTaken);
    }
    let changed = Peer::new("two").with_data("changed");
    for (what, reason) in [
        (says(ADVERTISE_PEER, &changed), PeerRefused::DataMismatch),
        (says(PEER_DISCOVERED, &changed), PeerRefused::DataMismatch),
        (
            says(ADVERTISE_PEER, &peer("two")),
            PeerRefused::AddressTaken,
        ),
        (says(DISCONNECT, &peer("two")), PeerRefused::NotAtAddress),
    ] {
        one.write(&what).await.unwrap();
        assert_eq!(refused(&mut events).await, reason);
    }
    one.write(&says(ADVERTISE_PEER, &peer("server")))
        .await
        .unwrap();
    settled(&mut one).await;
    let listed: Vec<_> = server.peers().list().into_iter().map(|k| k.peer).collect();
    assert_eq!(listed, [peer("one"), peer("two")]);
    // It may change itself.
    introduce(&mut two, &changed).await;
    match events.next().await {
        Some(PeerEvent::Updated(known)) => assert_eq!(known.peer, changed),
        other => panic!("{other:?}"),
    }
    drop(one);
    let (left, reason) = gone(&mut events).await;
    assert_eq!(
        (left.peer, reason),
        (peer("one"), RemovalReason::ConnectionEnded)
    );
    assert_eq!(server.peers().len(), 1);
}

/// A server tells those that are connected when it begins to manage peers, or is
/// somebody else, or stops, and waits for new ones to speak first.
pub async fn a_server_tells_those_that_are_connected<R: Runtime>() {
    let (server, _connections) = hosting::<R>(|server| server).await;
    let mut early = dial(&server).await;
    settled(&mut early).await;
    server
        .manage_peers(ManagementConfig::new().with_app_id("one"))
        .unwrap();
    server.manage_peers(managed().with_app_id("two")).unwrap();
    for app in ["one", "two"] {
        let told = early.receive().await.unwrap();
        assert_message(&told, ADVERTISE_PEER, app, packed("server"));
    }
    let mut late = dial(&server).await;
    settled(&mut late).await;
    server.peers().set_local(peer("changed")).unwrap();
    for raw in [&mut early, &mut late] {
        for app in ["one", "two"] {
            let told = raw.receive().await.unwrap();
            assert_message(&told, ADVERTISE_PEER, app, packed("changed"));
        }
    }
    assert!(server.stop_peer_management("one"));
    assert!(!server.stop_peer_management("one"));
    for raw in [&mut early, &mut late] {
        let told = raw.receive().await.unwrap();
        assert_message(&told, DISCONNECT, "one", packed("changed"));
    }
    // It still answers for the other one.
    let introduction = |app| frame(ADVERTISE_PEER, app, packed("late"));
    for app in ["one", "two"] {
        late.write(&introduction(app)).await.unwrap();
    }
    let answer = late.receive().await.unwrap();
    assert_message(&answer, PEER_DISCOVERED, "two", packed("changed"));
    server.stop().await;
    for raw in [&mut early, &mut late] {
        let told = raw.receive_all().await;
        assert_eq!(told.len(), 1);
        assert_message(&told[0], DISCONNECT, "two", packed("changed"));
    }
}

/// The management's layer is for its messages only, in both directions.
pub async fn management_has_a_layer_of_its_own<R: Runtime>() {
    let inner = Layer::new().with_auth(inner_hmac("peers"));
    let config = managed().with_inner(inner.clone());
    let (server, connections) =
        hosting::<R>(|server| server.auth(hmac("outer")).manage_peers(config)).await;
    let mut events = server.peers().events();
    let (told, heard) = async_channel::unbounded();
    let tell = move |message: Message| {
        told.try_send(message).unwrap();
    };
    let client = Client::builder()
        .auth(hmac("outer"))
        .on(PEER_DISCOVERED, tell)
        .inner(inner.clone());
    let (_client, connection) = connect(client, &server).await;
    let introduction = Message::new(ADVERTISE_PEER, "netaio", packed("client"));
    for layer in [Layer::new(), Layer::new().with_auth(inner_hmac("wrong"))] {
        let options = SendOptions::new().with_inner(layer);
        let sent = connection.send_with(introduction.clone(), options);
        sent.await.unwrap();
    }
    connection.send(Message::create("u", "")).await.unwrap();
    connections.recv().await.unwrap();
    assert!(server.peers().is_empty());
    let options = SendOptions::new().with_inner(inner);
    connection.send_with(introduction, options).await.unwrap();
    assert_eq!(came(&mut events).await, peer("client"));
    let answer = heard.recv().await.unwrap();
    assert_message(&answer, PEER_DISCOVERED, "netaio", packed("server"));
}

/// A plugin that wants to know its peer sees that of each connection.
pub async fn a_plugin_sees_the_peer_of_each_connection<R: Runtime>() {
    let stamps = Stamps::new(true);
    let (server, _connections) = hosting::<R>(|server| server.auth(stamps.clone())).await;
    let (told, handles) = async_channel::unbounded();
    let tell = move |connection: Connection| {
        told.try_send(connection).unwrap();
        "here"
    };
    server.on(REQUEST_URI, tell, Layer::new()).unwrap();
    let mut clients = Vec::new();
    for id in ["a", "b"] {
        let client = Client::builder().local_peer(Peer::new(id));
        let (client, connection) = connect(client.auth(Stamps::new(true)), &server).await;
        let messages = client.messages();
        let answer = connection.request("u").await.unwrap();
        assert_eq!(Stamps::read(&answer).1, ("server".into(), "nobody".into()));
        let handle = handles.recv().await.unwrap();
        server.peers().add(Peer::new(id), &handle).unwrap();
        clients.push((id, connection, messages, client));
    }
    let made = stamps.made();
    let news = Message::notify("u", "");
    assert_eq!(server.publisher().broadcast(&news).unwrap().accepted(), 2);
    for (id, connection, messages, _) in &mut clients {
        let told = messages.next().await.unwrap().message;
        assert_eq!(Stamps::read(&told).1, ("server".into(), id.to_string()));
        let answer = connection.request("u").await.unwrap();
        assert_eq!(Stamps::read(&answer).1, ("server".into(), id.to_string()));
    }
    assert_eq!(stamps.made(), made + 4);
}

/// A peer that is removed loses the subscriptions of its connection, which lives.
pub async fn a_removed_peer_has_no_subscriptions<R: Runtime>() {
    let (server, _connections) = managing::<R>().await;
    let (mut one, mut two) = (dial(&server).await, dial(&server).await);
    introduce(&mut one, &peer("one")).await;
    for raw in [&mut one, &mut two] {
        raw.write(&frame(SUBSCRIBE_URI, "u", "")).await.unwrap();
        let confirmed = raw.receive().await.unwrap();
        assert_message(&confirmed, CONFIRM_SUBSCRIBE, "u", "");
    }
    assert_eq!(server.publisher().subscribers("u"), 2);
    assert!(server.peers().remove("one").is_some());
    assert_eq!(server.publisher().subscribers("u"), 1);
    settled(&mut one).await;
    introduce(&mut one, &peer("one")).await;
    one.write(&frame(SUBSCRIBE_URI, "u", "")).await.unwrap();
    let confirmed = one.receive().await.unwrap();
    assert_message(&confirmed, CONFIRM_SUBSCRIBE, "u", "");
    one.write(&says(DISCONNECT, &peer("one"))).await.unwrap();
    settled(&mut one).await;
    assert_eq!(server.publisher().subscribers("u"), 1);
}

/// A peer is added by hand to a connection that there is, and to no other.
pub async fn a_peer_needs_a_connection<R: Runtime>() {
    let (server, connections) = managing::<R>().await;
    let mut events = server.peers().events();
    let mut raw = dial(&server).await;
    settled(&mut raw).await;
    let connection = connections.recv().await.unwrap();
    let add = |remote: &Remote| server.peers().add(peer("raw"), remote);
    let theirs = plain_pair(Server::<R>::builder()).await;
    let node = super::raw_node::plain_node::<R>().await;
    let gone_or_elsewhere = Err(PeerRefused::NotConnected);
    for elsewhere in [
        Remote::from(&theirs.connection),
        node.remote(node.local_addr()),
    ] {
        assert_eq!(add(&elsewhere), gone_or_elsewhere);
    }
    add(&Remote::from(&connection)).unwrap();
    assert_eq!(came(&mut events).await, peer("raw"));
    drop(raw);
    assert_eq!(gone(&mut events).await.1, RemovalReason::ConnectionEnded);
    assert_eq!(add(&Remote::from(&connection)), gone_or_elsewhere);
    assert!(server.peers().is_empty());
}

/// The events end with their server, however it ends, and those that are asked for
/// later end at once.
pub async fn the_events_end_with_their_server<R: Runtime>() {
    let (server, _connections) = managing::<R>().await;
    let (peers, mut events) = (server.peers().clone(), server.peers().events());
    let mut raw = dial(&server).await;
    introduce(&mut raw, &peer("raw")).await;
    server.stop().await;
    assert_eq!(came(&mut events).await, peer("raw"));
    assert_eq!(gone(&mut events).await.1, RemovalReason::ConnectionEnded);
    assert_eq!(events.next().await, None);
    assert_eq!(peers.events().next().await, None);

    let (server, _connections) = managing::<R>().await;
    let (peers, mut events) = (server.peers().clone(), server.peers().events());
    let mut raw = dial(&server).await;
    introduce(&mut raw, &peer("raw")).await;
    assert_eq!(came(&mut events).await, peer("raw"));
    drop(server);
    assert_eq!(gone(&mut events).await.1, RemovalReason::ConnectionEnded);
    assert_eq!(events.next().await, None);
    assert_eq!(peers.events().next().await, None);
}

/// Connections come and go without end, and leave no peers behind.
pub async fn peers_that_come_and_go_leave_nothing<R: Runtime>() {
    let (server, _connections) = managing::<R>().await;
    for number in 0..100 {
        let mut raw = dial(&server).await;
        let named = Peer::new((number % 7).to_string()).with_data("");
        // Its last connection may not be missed yet.
        let kind: MessageType = if number % 2 == 0 {
            ADVERTISE_PEER
        } else {
            PEER_DISCOVERED
        };
        raw.write(&says(kind, &named)).await.unwrap();
        raw.write(&frame(CREATE_URI, "settled", "")).await.unwrap();
        while raw.receive().await.unwrap().uri != "settled" {}
    }
    while server.connections() > 0 {
        yield_times(1).await;
    }
    assert!(server.peers().is_empty());
}
