//! Publish and subscribe between UDP nodes.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use netaio_driver::core::types::*;
use netaio_driver::core::{Layer, Limits, Message, Peer, SendOptions, SubscribeError};
use netaio_driver::{
    Client, Content, Publisher, Remote, Reply, Runtime, Server, UdpNode, UdpNodeBuilder, Uri,
};

use super::layers::{cipher, hmac, inner_hmac};
use super::raw_node::{RawNode, bind_node, plain_node};
use super::stamps::Stamps;
use super::support::{assert_message, plain_pair, spawn_all};

/// A node whose handlers do what the messages are for.
pub(super) fn with_news<R: Runtime>(node: UdpNodeBuilder<R>) -> UdpNodeBuilder<R> {
    node.on(
        SUBSCRIBE_URI,
        |uri: Uri, who: Remote, publisher: Publisher| match publisher.subscribe(uri.0, who) {
            Ok(_) => Ok(""),
            Err(error) => Err(Reply::error(error.to_string())),
        },
    )
    .on(
        UNSUBSCRIBE_URI,
        |uri: Uri, who: Remote, publisher: Publisher| publisher.unsubscribe(&uri, &who).to_string(),
    )
    .on(
        PUBLISH_URI,
        |uri: Uri, content: Content, publisher: Publisher| {
            let news = Message::notify(uri.0.clone(), content.0);
            publisher
                .notify(&uri, &news)
                .unwrap()
                .accepted()
                .to_string()
        },
    )
}

/// A node, and what it is notified of.
async fn reader<R: Runtime>(
    node: UdpNodeBuilder<R>,
) -> (UdpNode<R>, async_channel::Receiver<Message>) {
    let (told, heard) = async_channel::unbounded();
    let tell = move |message: Message| {
        told.try_send(message).unwrap();
    };
    (bind_node(node.on(NOTIFY_URI, tell)).await, heard)
}

/// Those who are subscribed are told, in order, and nobody else; subscribing twice
/// and leaving twice do no harm.
pub async fn subscribers_are_told_and_nobody_else<R: Runtime>() {
    let node = bind_node(with_news(UdpNode::<R>::builder())).await;
    let (one, to_one) = reader::<R>(UdpNode::builder()).await;
    let (two, to_two) = reader::<R>(UdpNode::builder()).await;
    let at = node.local_addr();
    for reader in [&one, &one, &two] {
        let confirmed = reader.subscribe(at, "both").request().await.unwrap();
        assert_message(&confirmed, CONFIRM_SUBSCRIBE, "both", "");
    }
    one.subscribe(at, "one").request().await.unwrap();
    for (uri, told) in [("both", "2"), ("one", "1"), ("none", "0"), ("both", "2")] {
        let publish = Message::publish(uri, format!("to {uri}"));
        let published = two.request_message(at, publish).await.unwrap();
        assert_message(&published, OK, uri, told);
    }
    for uri in ["both", "one", "both"] {
        let news = to_one.recv().await.unwrap();
        assert_message(&news, NOTIFY_URI, uri, format!("to {uri}"));
    }
    for _ in 0..2 {
        let news = to_two.recv().await.unwrap();
        assert_message(&news, NOTIFY_URI, "both", "to both");
    }
    let publisher = node.publisher();
    let subscribed = |key| -> Vec<_> {
        let remotes = publisher.subscribed(key).into_iter();
        remotes.filter_map(|remote| remote.addr()).collect()
    };
    assert_eq!(subscribed("both"), [one.local_addr(), two.local_addr()]);
    assert_eq!(
        (publisher.subscribers("one"), subscribed("none").len()),
        (1, 0)
    );
    assert!(publisher.connections().is_empty());
    for left in ["true", "false"] {
        let confirmed = two.unsubscribe(at, "both").await.unwrap();
        assert_message(&confirmed, CONFIRM_UNSUBSCRIBE, "both", left);
    }
    assert_eq!(subscribed("both"), [one.local_addr()]);
    // What comes next is the next that it was subscribed to.
    publisher
        .notify("both", &Message::notify("both", "one only"))
        .unwrap();
    node.send(two.local_addr(), Message::notify("u", "to two"))
        .await
        .unwrap();
    assert_message(&to_two.recv().await.unwrap(), NOTIFY_URI, "u", "to two");
    let news = to_one.recv().await.unwrap();
    assert_message(&news, NOTIFY_URI, "both", "one only");
}

/// A broadcast goes to every known peer once, however many addresses it has, and
/// says to how many.
pub async fn a_broadcast_reaches_every_peer_once<R: Runtime>() {
    let node = plain_node::<R>().await;
    let news = Message::notify("all", "news");
    let delivery = node.publisher().broadcast(&news).unwrap();
    assert_eq!((delivery.accepted(), delivery.lost()), (0, 0));
    let raws = [
        RawNode::<R>::new().await,
        RawNode::<R>::new().await,
        RawNode::<R>::new().await,
    ];
    for (id, raw) in ["a", "a", "b"].into_iter().zip(&raws) {
        let remote = node.remote(raw.address());
        node.peers().add(Peer::new(id), remote).unwrap();
    }
    let delivery = node.publisher().broadcast(&news).unwrap();
    assert_eq!((delivery.accepted(), delivery.lost()), (2, 0));
    for (raw, contents) in raws
        .iter()
        .zip([&["news", "end"][..], &["end"], &["news", "end"]])
    {
        node.send(raw.address(), Message::notify("all", "end"))
            .await
            .unwrap();
        for content in contents {
            assert_message(&raw.receive().await, NOTIFY_URI, "all", content);
        }
    }
}

/// A publisher reaches those that its own node hears from, and nobody else.
pub async fn others_remotes_are_refused<R: Runtime>() {
    let (one, two) = (plain_node::<R>().await, plain_node::<R>().await);
    let pair = plain_pair(Server::<R>::builder()).await;
    let refused = Err(SubscribeError::NotConnected);
    let theirs = two.remote(one.local_addr());
    assert_eq!(one.publisher().subscribe("u", &theirs), refused);
    assert_eq!(one.publisher().subscribe("u", &pair.connection), refused);
    assert_eq!(pair.server.publisher().subscribe("u", &theirs), refused);
    let ours = one.remote(two.local_addr());
    assert_eq!(one.publisher().subscribe("u", &ours), Ok(true));
    assert!(!two.publisher().unsubscribe("u", &ours));
    assert!(!one.publisher().unsubscribe("u", &theirs));
    assert_eq!(one.publisher().subscribers("u"), 1);
    assert!(one.publisher().unsubscribe("u", ours));
}

/// Subscriptions are bounded, since whoever asks for them may have any address.
pub async fn too_many_subscriptions_are_refused<R: Runtime>() {
    let limits = Limits::default()
        .with_subscriptions(2)
        .and_then(|limits| limits.with_subscription_keys(3))
        .and_then(|limits| limits.with_subscribers(2))
        .unwrap();
    // Those that repeat a cookie displace those that have not.
    let node = UdpNode::<R>::builder().limits(limits).cookies(false);
    let node = bind_node(with_news(node)).await;
    let (one, two, three) = (
        plain_node::<R>().await,
        plain_node::<R>().await,
        plain_node::<R>().await,
    );
    let at = node.local_addr();
    for (who, key, problem) in [
        (&one, "a", None),
        (&one, "b", None),
        (&one, "c", Some(SubscribeError::TooMany { max: 2 })),
        (&two, "c", None),
        (&two, "d", Some(SubscribeError::TooManyKeys { max: 3 })),
        (
            &three,
            "a",
            Some(SubscribeError::TooManySubscribers { max: 2 }),
        ),
        (&two, "a", None),
    ] {
        let answer = who.subscribe(at, key).request().await.unwrap();
        match problem {
            None => assert_message(&answer, CONFIRM_SUBSCRIBE, key, ""),
            Some(problem) => assert_message(&answer, ERROR, key, problem.to_string()),
        }
    }
    for key in ["a", "b"] {
        one.unsubscribe(at, key).await.unwrap();
    }
    let answer = three.subscribe(at, "a").request().await.unwrap();
    assert_message(&answer, CONFIRM_SUBSCRIBE, "a", "");
}

/// Notifications pass the layers like everything else, each with a nonce of its
/// own, and may bring an inner layer or leave an outer plugin out.
pub async fn notifications_pass_the_layers<R: Runtime>() {
    let outer = || {
        Layer::new()
            .with_auth(hmac("secret"))
            .with_cipher(cipher("key"))
    };
    let inner = Layer::new().with_auth(inner_hmac("inner"));
    let node = bind_node(with_news(UdpNode::<R>::builder().outer(outer()))).await;
    let (told, heard) = async_channel::unbounded();
    let tell = move |message: Message| {
        told.try_send(message).unwrap();
    };
    let sealed = UdpNode::<R>::builder()
        .outer(outer())
        .on((NOTIFY_URI, "sealed"), tell)
        .inner(inner.clone());
    let (reader, plain) = reader(sealed).await;
    for uri in ["plain", "sealed"] {
        reader
            .subscribe(node.local_addr(), uri)
            .request()
            .await
            .unwrap();
    }
    let publisher = node.publisher();
    let message = Message::notify("plain", "content");
    publisher.notify("plain", &message).unwrap();
    publisher.notify("plain", &message).unwrap();
    let (first, second) = (plain.recv().await.unwrap(), plain.recv().await.unwrap());
    assert_eq!(first.content, second.content);
    let nonce = |message: &Message| message.auth.get_bytes("nonce").unwrap().to_vec();
    assert_ne!(nonce(&first), nonce(&second));
    let message = Message::notify("sealed", "sealed");
    let with_inner = SendOptions::new().with_inner(inner);
    for options in [
        SendOptions::new(),
        with_inner.clone().without_auth(),
        with_inner.clone().without_cipher(),
        with_inner,
    ] {
        publisher.notify_with("sealed", &message, options).unwrap();
    }
    assert_message(&heard.recv().await.unwrap(), NOTIFY_URI, "sealed", "sealed");
    assert_eq!(reader.metrics().datagrams.refused, 3);
    assert!(heard.is_empty());
}

/// A message for many is sealed once for all, and for each of them where a plugin
/// wants to know for whom.
pub async fn a_message_for_many_is_sealed_once<R: Runtime>() {
    for specific in [false, true] {
        let stamps = Stamps::new(specific);
        let node = UdpNode::<R>::builder()
            .auth(stamps.clone())
            .local_peer(Peer::new("node"));
        let node = bind_node(node).await;
        let mut raws = Vec::new();
        for id in ["a", "b", "c"] {
            let raw = RawNode::<R>::new().await;
            let remote = node.remote(raw.address());
            node.peers().add(Peer::new(id), &remote).unwrap();
            node.publisher().subscribe("news", &remote).unwrap();
            raws.push((id, raw));
        }
        let stranger = RawNode::<R>::new().await;
        let remote = node.remote(stranger.address());
        node.publisher().subscribe("news", remote).unwrap();
        let news = Message::notify("news", "");
        let delivery = node.publisher().notify("news", &news).unwrap();
        assert_eq!((delivery.accepted(), delivery.lost()), (4, 0));
        let delivery = node.publisher().broadcast(&news).unwrap();
        assert_eq!((delivery.accepted(), delivery.lost()), (3, 0));
        let (from, to) = match specific {
            true => (Some("node"), None),
            false => (None, Some("nobody")),
        };
        let mut numbers = Vec::new();
        for (id, raw) in &raws {
            for _ in 0..2 {
                let seen = raw.receive().await;
                let expected = (from.unwrap_or("nobody").into(), to.unwrap_or(id).into());
                let (number, names) = Stamps::read(&seen);
                assert_eq!(names, expected);
                numbers.push(number);
            }
        }
        let (number, (_, to)) = Stamps::read(&stranger.receive().await);
        assert_eq!(to, "nobody");
        numbers.push(number);
        numbers.sort_unstable();
        numbers.dedup();
        let sealed = if specific { 7 } else { 2 };
        assert_eq!((numbers.len(), stamps.made()), (sealed, sealed));
    }
}

/// As many as there are can be told, also where each gets its own: none is left
/// out for the others' sake.
pub async fn thousands_are_told<R: Runtime>() {
    const MANY: u16 = 3000;
    for specific in [false, true] {
        let node = bind_node(UdpNode::<R>::builder().auth(Stamps::new(specific))).await;
        let last = RawNode::<R>::new().await;
        for number in 1..=MANY {
            // Nobody is there: these cannot be reached from the loopback interface.
            let address = SocketAddr::from(([192, 0, 2, 1], number));
            let remote = node.remote(address);
            node.publisher().subscribe("news", remote).unwrap();
        }
        let remote = node.remote(last.address());
        node.publisher().subscribe("news", remote).unwrap();
        for content in ["one", "two"] {
            let news = Message::notify("news", content);
            let delivery = node.publisher().notify("news", &news).unwrap();
            assert_eq!((delivery.accepted(), delivery.lost()), (3001, 0));
        }
        for content in ["one", "two"] {
            assert_message(&last.receive().await, NOTIFY_URI, "news", content);
        }
    }
}

/// Who can wait publishes no more than there is room for, however much that is in all.
pub async fn publishers_wait_until_much_is_sent<R: Runtime>() {
    let limits = Limits::default()
        .with_outbound_total(400_000)
        .and_then(|limits| limits.with_publish_wait(Duration::from_secs(3600)));
    let node = bind_node(UdpNode::<R>::builder().limits(limits.unwrap())).await;
    let last = RawNode::<R>::new().await;
    for number in 1..=100 {
        // Nobody is there.
        let remote = node.remote(SocketAddr::from(([192, 0, 2, 1], number)));
        node.publisher().subscribe("news", remote).unwrap();
    }
    let remote = node.remote(last.address());
    node.publisher().subscribe("news", remote).unwrap();
    for number in 0..20_u8 {
        let news = Message::notify("news", vec![number; 1500]);
        let delivery = node.publisher().publish("news", &news).await.unwrap();
        assert_eq!((delivery.accepted(), delivery.lost()), (101, 0));
        let told = last.receive().await;
        assert_message(&told, NOTIFY_URI, "news", vec![number; 1500]);
    }
    // Twice as much as there is room for.
    let publishers = (0..8).map(|_| {
        let publisher = node.publisher().clone();
        async move {
            let news = Message::notify("news", vec![0; 1500]);
            publisher.publish("news", &news).await.unwrap().lost()
        }
    });
    for lost in spawn_all::<R, _>(publishers).await {
        assert_eq!(lost % 101, 0);
    }
    node.stop().await;
    // It waits for nothing that has ended.
    let news = Message::notify("news", "");
    let delivery = node.publisher().publish("news", &news).await.unwrap();
    assert_eq!(delivery.accepted(), 0);
}

/// A node that is gone has no receivers.
pub async fn a_node_that_is_gone_tells_nobody<R: Runtime>() {
    let node = plain_node::<R>().await;
    let raw = RawNode::<R>::new().await;
    let (publisher, remote) = (node.publisher().clone(), node.remote(raw.address()));
    publisher.subscribe("news", remote).unwrap();
    node.stop().await;
    let delivery = publisher.notify("news", &Message::notify("news", ""));
    let delivery = delivery.unwrap();
    assert_eq!((delivery.accepted(), delivery.lost()), (0, 1));
}

/// Handlers that take a remote and a publisher serve connections and datagrams
/// alike, and a client's handlers have no publisher.
pub async fn handlers_serve_both_kinds_of_remotes<R: Runtime>() {
    let subscribe = |uri: Uri, who: Remote, publisher: Publisher| {
        publisher
            .subscribe(uri.0, who)
            .map_or("refused", |new| if new { "new" } else { "old" })
    };
    let kinds = Mutex::new(Vec::new());
    let server = Server::<R>::builder().on(SUBSCRIBE_URI, subscribe);
    let pair = plain_pair(server).await;
    let node = bind_node(UdpNode::<R>::builder().on(SUBSCRIBE_URI, subscribe)).await;
    let asking = plain_node::<R>().await;
    for remote in [
        Remote::from(&pair.connection),
        asking.remote(node.local_addr()),
    ] {
        for expected in ["new", "old"] {
            let answer = remote.subscribe("u").request().await.unwrap();
            assert_message(&answer, CONFIRM_SUBSCRIBE, "u", expected);
        }
        kinds.lock().unwrap().push(remote.connection().is_some());
    }
    assert_eq!(*kinds.lock().unwrap(), [true, false]);
    let client = Client::<R>::builder().on(SUBSCRIBE_URI, subscribe);
    let pair = super::support::pair(
        Server::<R>::builder().on(REQUEST_URI, |who: Remote| async move {
            who.subscribe("u")
                .request()
                .await
                .map(|answer| answer.content.clone())
                .ok()
        }),
        client,
    )
    .await;
    let answer = pair.connection.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "this is no server");
}
