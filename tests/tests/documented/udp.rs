//! The README's `UDPNode`: an echo with a secret, peers that find one another, subscriptions.
//!
//! All of it is on the loopback interface. Python's node binds a port of its own there, and so
//! multicasts to our port, as the README says of two nodes on one machine.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Mutex;
use std::time::Duration;

use async_channel::{Receiver, unbounded};
use bytes::Bytes;
use netaio_core::packify::{DecodeLimits, Dict, Value};
use netaio_core::plugin::{DefaultPeerPlugin, HmacAuth, PeerPlugin};
use netaio_core::types::*;
use netaio_core::{Layer, Limits, ManagementConfig, Message, Peer, RemovalReason, SendOptions};
use netaio_tests::conformance::guarded;
use netaio_tests::python::Result;
use netaio_tokio::config::UdpNodeBuilder;
use netaio_tokio::error::RequestError;
use netaio_tokio::events::{PeerEvent, PeerEvents};
use netaio_tokio::{Content, NoReply, Publisher, Remote, Reply, State, UdpNode, Uri};

use tokio::runtime::Builder;

use super::{SHORT, Twin, assert_message, python, serve};

const SECRET: &str = "test";

type Store = Mutex<BTreeMap<Bytes, Bytes>>;

fn peer(id: &'static str) -> Peer {
    let name = (
        Value::Str("name".into()),
        Value::Str("a node in Rust".into()),
    );
    let data = Value::Dict(Dict::from_pairs([name]).unwrap());
    Peer::new(id).with_data(DefaultPeerPlugin.encode_data(&data).unwrap())
}

/// The README's node, and what it says of messages that have come back.
fn node() -> (UdpNodeBuilder, Receiver<Bytes>) {
    let (echoed, echoes) = unbounded();
    let not_found = || Reply::not_found("not found");
    let node = UdpNode::builder()
        .auth(HmacAuth::new(SECRET))
        .interface(Ipv4Addr::LOCALHOST)
        .local_peer(peer("rust"))
        .state(Store::default())
        .on((REQUEST_URI, ""), |content: Content| Reply::ok(content))
        .on(OK, move |content: Content| {
            echoed.try_send(content.0).unwrap()
        })
        .on((REQUEST_URI, "silence"), || NoReply)
        .on(REQUEST_URI, move |uri: Uri, store: State<Store>| {
            let stored = store.lock().unwrap().get(&uri.0).cloned();
            stored.ok_or_else(not_found)
        })
        .on(
            CREATE_URI,
            |uri: Uri, content: Content, store: State<Store>| {
                store.lock().unwrap().insert(uri.0, content.0);
                "stored"
            },
        )
        .on(
            UPDATE_URI,
            |uri: Uri, content: Content, store: State<Store>| {
                store.lock().unwrap().insert(uri.0, content.0);
                "stored"
            },
        )
        .on(DELETE_URI, |uri: Uri, store: State<Store>| {
            store.lock().unwrap().remove(&uri.0);
            "deleted"
        })
        .on(
            SUBSCRIBE_URI,
            |uri: Uri, who: Remote, publisher: Publisher| {
                publisher
                    .subscribe(uri.0, who)
                    .map(|_| "")
                    .map_err(|error| Reply::error(error.to_string()))
            },
        )
        .on(
            UNSUBSCRIBE_URI,
            |uri: Uri, who: Remote, publisher: Publisher| {
                publisher.unsubscribe(&uri, who);
                ""
            },
        );
    (node, echoes)
}

/// The README's message.
fn echo() -> Message {
    Message::new(REQUEST_URI, "", "echo")
}

/// Times that are short enough for a test.
fn management() -> ManagementConfig {
    ManagementConfig::new()
        .with_every(Some(Duration::from_secs(1)))
        .with_timeout(Some(Duration::from_secs(3)))
}

/// Starts Python's node and says where ours is.
async fn python_node(python: &netaio_tests::python::Python, ours: &UdpNode) -> Result<(Twin, u16)> {
    let theirs = serve(python, "udp_node.py", &["--hears-itself"]).await?;
    Ok((theirs, ours.local_addr().port()))
}

#[tokio::test]
async fn the_readmes_node_echoes_and_is_echoed() -> Result<()> {
    let python = python!();
    let (node, echoes) = node();
    let ours = node.bind("127.0.0.1:0").await.unwrap();
    let (mut theirs, port) = python_node(&python, &ours).await?;
    assert_eq!(theirs.ask(&format!("send {port}")).await?, "echo echo");
    ours.send(theirs.address, echo()).await.unwrap();
    assert_eq!(echoes.recv().await.unwrap(), "echo");
    theirs.stop().await;
    ours.stop().await;
    Ok(())
}

/// In Python they are never awaited.
#[tokio::test]
async fn async_handlers_answer_datagrams() -> Result<()> {
    let python = python!();
    let (node, _echoes) = node();
    let node = node.on((REQUEST_URI, ""), |content: Content| async move {
        tokio::task::yield_now().await;
        Reply::ok(format!("{content}, later"))
    });
    let ours = node.bind("127.0.0.1:0").await.unwrap();
    let (mut theirs, port) = python_node(&python, &ours).await?;
    assert_eq!(
        theirs.ask(&format!("send {port}")).await?,
        "echo echo, later"
    );
    theirs.stop().await;
    ours.stop().await;
    Ok(())
}

#[tokio::test]
async fn requests_cross_as_datagrams() -> Result<()> {
    let python = python!();
    let (node, _echoes) = node();
    let ours = node.bind("127.0.0.1:0").await.unwrap();
    let (mut theirs, port) = python_node(&python, &ours).await?;
    assert_eq!(theirs.ask(&format!("ask {port}")).await?, "asked");

    let at = theirs.address;
    let answer = ours.create(at, "stored", "1").await.unwrap();
    assert_message(&answer, OK, "stored", "stored");
    let answer = ours.update(at, "stored", "2").await.unwrap();
    assert_message(&answer, OK, "stored", "stored");
    let answer = ours.request(at, "stored").await.unwrap();
    assert_message(&answer, RESPOND_URI, "stored", "2");
    let answer = ours.delete(at, "stored").await.unwrap();
    assert_message(&answer, OK, "stored", "deleted");
    let answer = ours.request_message(at, echo()).await.unwrap();
    assert_message(&answer, OK, "", "echo");

    // Nobody answers: either side has an end of that.
    let silence = theirs.ask(&format!("silence {port}")).await?;
    let told = format!("request_timeout {port} TimeoutError silence");
    assert_eq!(silence, told);
    let (told, late) = unbounded();
    ours.on_timeout(move |_, late| {
        let told = told.clone();
        async move { told.try_send((late.to, late.uri)).unwrap() }
    });
    let silence = ours.request(at, "silence").timeout(SHORT).await;
    assert_eq!(silence, Err(RequestError::TimedOut(SHORT)));
    assert_eq!(late.recv().await.unwrap(), (at, "silence".into()));
    theirs.stop().await;
    ours.stop().await;
    Ok(())
}

/// It ignores cookies, and is told where its budget ends.
#[tokio::test]
async fn a_python_node_has_a_budget_and_ignores_cookies() -> Result<()> {
    let python = python!();
    let limits = Limits::default()
        .with_unvalidated_burst(400_000)
        .and_then(|limits| limits.with_unvalidated_rate(1))
        .unwrap();
    let (node, _echoes) = node();
    let node = node
        .limits(limits)
        .on((REQUEST_URI, "large"), || vec![b'x'; 60_000]);
    let ours = node.bind("127.0.0.1:0").await.unwrap();
    let (mut theirs, port) = python_node(&python, &ours).await?;
    // A quarter of it is two answers.
    let fetched = theirs.ask(&format!("fetch {port} 8")).await?;
    assert_eq!(fetched, "fetched 6 6 2");
    assert_eq!(ours.metrics().datagrams.unvalidated, 2);
    theirs.stop().await;
    ours.stop().await;
    Ok(())
}

#[tokio::test]
async fn subscribers_over_udp_are_told() -> Result<()> {
    let python = python!();
    let (node, _echoes) = node();
    let (told, news) = unbounded();
    let node = node.on((NOTIFY_URI, "news"), move |content: Content| {
        told.try_send(content.0).unwrap();
    });
    let ours = node.bind("127.0.0.1:0").await.unwrap();
    let (mut theirs, port) = python_node(&python, &ours).await?;
    assert_eq!(theirs.ask("publish").await?, "published 0");
    let answer = ours
        .subscribe(theirs.address, "news")
        .request()
        .await
        .unwrap();
    assert_message(&answer, CONFIRM_SUBSCRIBE, "news", "");
    assert_eq!(theirs.ask("publish").await?, "published 1");
    assert_eq!(news.recv().await.unwrap(), "today");
    let answer = ours.unsubscribe(theirs.address, "news").await.unwrap();
    assert_message(&answer, CONFIRM_UNSUBSCRIBE, "news", "");
    assert_eq!(theirs.ask("publish").await?, "published 0");
    assert!(news.is_empty());

    let publisher = ours.publisher();
    assert_eq!(
        theirs.ask(&format!("subscribe {port}")).await?,
        "subscribed"
    );
    let told = publisher.notify("news", &Message::notify("news", "today"));
    assert_eq!(told.unwrap().accepted(), 1);
    assert_eq!(theirs.hear().await?, "told today");
    let subscribed = publisher.subscribed("news");
    assert_eq!(subscribed[0].addr(), Some(theirs.address));
    assert_eq!(
        theirs.ask(&format!("unsubscribe {port}")).await?,
        "unsubscribed"
    );
    let told = publisher.notify("news", &Message::notify("news", "too late"));
    assert_eq!(told.unwrap().accepted(), 0);
    theirs.stop().await;
    ours.stop().await;
    Ok(())
}

/// The peer that has come.
async fn came(events: &mut PeerEvents) -> netaio_tokio::events::KnownPeer {
    match events.next().await {
        Some(PeerEvent::Added(peer)) => peer,
        other => panic!("{other:?}"),
    }
}

/// Why the peer is gone.
async fn gone(events: &mut PeerEvents) -> RemovalReason {
    match events.next().await {
        Some(PeerEvent::Removed { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn peers_find_one_another_and_part() -> Result<()> {
    let python = python!();
    let (node, echoes) = node();
    let node = node.manage_peers(management());
    let ours = node.bind("127.0.0.1:0").await.unwrap();
    let mut events = ours.peers().events();
    let (mut theirs, port) = python_node(&python, &ours).await?;
    theirs.tell(&format!("manage {port}")).await?;
    let known = came(&mut events).await;
    assert_eq!(
        (&known.peer.id[..], &known.addresses[..]),
        (&b"python"[..], &[theirs.address][..])
    );
    let data = DefaultPeerPlugin
        .parse_data(&known.peer, &DecodeLimits::DEFAULT)
        .unwrap();
    let name = (
        Value::Str("name".into()),
        Value::Str("a node in Python".into()),
    );
    assert_eq!(data, Value::Dict(Dict::from_pairs([name]).unwrap()));
    // Ours has answered with its own introduction.
    theirs.ask_until("peers", "peers rust").await?;

    // Each tells all the peers it knows, who answer, and the group.
    theirs.tell("broadcast").await?;
    assert_eq!(theirs.hear().await?, "echo echo");
    assert_eq!(ours.publisher().broadcast(&echo()).unwrap().accepted(), 1);
    assert_eq!(echoes.recv().await.unwrap(), "echo");
    assert_eq!(theirs.ask(&format!("multicast {port}")).await?, "echo echo");
    let their_port = Some(theirs.address.port());
    let plain = SendOptions::new();
    ours.multicast_with(their_port, echo(), plain)
        .await
        .unwrap();
    assert_eq!(echoes.recv().await.unwrap(), "echo");

    // A peer that leaves takes its subscriptions along.
    assert_eq!(
        theirs.ask(&format!("subscribe {port}")).await?,
        "subscribed"
    );
    assert_eq!(ours.publisher().subscribers("news"), 1);
    theirs.tell("unmanage").await?;
    assert_eq!(gone(&mut events).await, RemovalReason::Disconnect);
    assert_eq!(ours.publisher().subscribers("news"), 0);

    // And the other way round: the farewell that the group would get.
    let farewell = DefaultPeerPlugin.pack(&peer("rust")).unwrap();
    theirs.tell(&format!("manage {port}")).await?;
    came(&mut events).await;
    theirs.ask_until("peers", "peers rust").await?;
    assert!(ours.stop_peer_management("netaio").await);
    let farewell = Message::new(DISCONNECT, "netaio", farewell);
    ours.send(theirs.address, farewell).await.unwrap();
    theirs.ask_until("peers", "peers").await?;
    theirs.stop().await;
    ours.stop().await;
    Ok(())
}

/// Python's node is gone without a word.
#[tokio::test]
async fn a_silent_peer_is_dropped() -> Result<()> {
    let python = python!();
    let (node, _echoes) = node();
    let ours = node
        .manage_peers(management())
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    let mut events = ours.peers().events();
    let (mut theirs, port) = python_node(&python, &ours).await?;
    theirs.tell(&format!("manage {port}")).await?;
    came(&mut events).await;
    drop(theirs);
    assert_eq!(gone(&mut events).await, RemovalReason::TimedOut);
    ours.stop().await;
    Ok(())
}

/// The plugins of peer management are for its traffic only, and keep strangers out of the list.
#[tokio::test]
async fn peer_management_has_plugins_of_its_own() -> Result<()> {
    let python = python!();
    let inner = || Layer::new().with_auth(HmacAuth::new("peers").with_hmac_field("camh"));
    let (node, _echoes) = node();
    let node = node.manage_peers(management().with_inner(inner()));
    let ours = node.bind("127.0.0.1:0").await.unwrap();
    let mut events = ours.peers().events();
    let (mut stranger, port) = python_node(&python, &ours).await?;
    stranger.tell(&format!("manage {port} wrong")).await?;
    // It has been heard, and can talk to us, but is no peer.
    assert_eq!(
        stranger.ask(&format!("multicast {port}")).await?,
        "echo echo"
    );
    let (mut theirs, _) = python_node(&python, &ours).await?;
    theirs.tell(&format!("manage {port} peers")).await?;
    let known = came(&mut events).await;
    assert_eq!(known.addresses, [theirs.address]);
    theirs.ask_until("peers", "peers rust").await?;
    assert_eq!(stranger.ask("peers").await?, "peers");
    assert_eq!(ours.peers().len(), 1);
    theirs.stop().await;
    stranger.stop().await;
    ours.stop().await;
    Ok(())
}

/// The address that this machine has in its network; none where there is only the loopback
/// interface.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent: it need not even be reachable.
    socket.connect("10.254.254.254:1").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback()).then_some(address)
}

/// Unless they are wanted: multicasts come back to whoever sent them. Over the loopback interface
/// other nodes of the machine are heard.
#[tokio::test]
async fn datagrams_of_ones_own_address_are_ignored() {
    let Some(own) = own_address() else {
        return;
    };
    for (ignore, expected) in [(true, "loopback"), (false, "own")] {
        let (heard, messages) = unbounded();
        let node = UdpNode::builder()
            .no_group()
            .ignore_own_ip(ignore)
            .on(NOTIFY_URI, move |content: Content| {
                heard.try_send(content.0).unwrap()
            })
            .bind("0.0.0.0:0")
            .await
            .unwrap();
        let port = node.local_addr().port();
        for (from, name) in [(own, "own"), (Ipv4Addr::LOCALHOST.into(), "loopback")] {
            let other = UdpNode::builder()
                .no_group()
                .bind(SocketAddr::new(from, 0))
                .await
                .unwrap();
            let message = Message::notify("u", name);
            other
                .send(SocketAddr::new(from, port), message)
                .await
                .unwrap();
            // What it has sent is in the other socket's queue.
            other.stop().await;
        }
        assert_eq!(messages.recv().await.unwrap(), expected);
        node.stop().await;
    }
}

/// What was sent last, a farewell among it, is not waited for any longer than it takes.
#[test]
fn a_node_that_has_just_spoken_stops() {
    guarded(|| {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(async {
            let hour = Duration::from_secs(3600);
            let limits = Limits::default().with_shutdown_grace(hour).unwrap();
            let (node, _echoes) = node();
            // No deadline wakes it.
            let node = node
                .limits(limits)
                .manage_peers(ManagementConfig::for_streams());
            let node = node.bind("127.0.0.1:0").await.unwrap();
            node.send(node.local_addr(), Message::notify("u", ""))
                .await
                .unwrap();
            node.stop().await;
        });
    });
}
