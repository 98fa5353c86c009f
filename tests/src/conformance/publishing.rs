//! Publish and subscribe.

use netaio_driver::core::plugin::{HmacAuth, Sha256StreamCipher};
use netaio_driver::core::types::{
    CONFIRM_SUBSCRIBE, CONFIRM_UNSUBSCRIBE, NOTIFY_URI, PUBLISH_URI, SUBSCRIBE_URI, UNSUBSCRIBE_URI,
};
use netaio_driver::core::{Layer, Limits, Message, SendOptions, SubscribeError};
use netaio_driver::{
    Client, Connection, Content, Publisher, Reply, Runtime, Server, ServerBuilder, Uri,
};

use super::raw::{dial, frame};
use super::support::{assert_message, connect, listen, pair, plain_pair, yield_times};

/// A server whose handlers do what the messages are for.
fn with_news<R: Runtime>(server: ServerBuilder<R>) -> ServerBuilder<R> {
    server
        .on(
            SUBSCRIBE_URI,
            |uri: Uri, who: Connection, publisher: Publisher| match publisher.subscribe(uri.0, &who)
            {
                Ok(_) => Ok(""),
                Err(error) => Err(Reply::error(error.to_string())),
            },
        )
        .on(
            UNSUBSCRIBE_URI,
            |uri: Uri, who: Connection, publisher: Publisher| {
                publisher.unsubscribe(&uri, &who).to_string()
            },
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

/// Those who are subscribed are told, in order, and nobody else; subscribing
/// twice and leaving twice do no harm.
pub async fn subscribers_are_told_and_nobody_else<R: Runtime>() {
    let server = listen(with_news(Server::<R>::builder())).await;
    let (one, one_connection) = connect(Client::builder(), &server).await;
    let (two, two_connection) = connect(Client::builder(), &server).await;
    let (mut to_one, mut to_two) = (one.messages(), two.messages());
    for connection in [&one_connection, &one_connection, &two_connection] {
        let confirmed = connection.subscribe("both").request().await.unwrap();
        assert_message(&confirmed, CONFIRM_SUBSCRIBE, "both", "");
    }
    one_connection.subscribe("one").request().await.unwrap();
    assert_eq!(server.publisher().subscribers("both"), 2);
    for (uri, told) in [("both", "2"), ("one", "1"), ("none", "0"), ("both", "2")] {
        let publish = Message::publish(uri, format!("to {uri}"));
        let published = two_connection.request_message(publish).await.unwrap();
        assert_eq!(published.content, told, "{uri}");
    }
    for uri in ["both", "one", "both"] {
        let news = to_one.next().await.unwrap().message;
        assert_message(&news, NOTIFY_URI, uri, format!("to {uri}"));
    }
    for _ in 0..2 {
        assert_message(
            &to_two.next().await.unwrap().message,
            NOTIFY_URI,
            "both",
            "to both",
        );
    }
    for left in ["true", "false"] {
        let confirmed = two_connection.unsubscribe("both").await.unwrap();
        assert_message(&confirmed, CONFIRM_UNSUBSCRIBE, "both", left);
    }
    assert_eq!(server.publisher().subscribers("both"), 1);
}

/// A broadcast goes to every connection, and says to how many.
pub async fn a_broadcast_reaches_everybody<R: Runtime>() {
    let server = listen(Server::<R>::builder().on(SUBSCRIBE_URI, || "")).await;
    let news = Message::notify("all", "news");
    assert_eq!(server.publisher().broadcast(&news).unwrap().accepted(), 0);
    let mut clients = Vec::new();
    for _ in 0..5 {
        let (client, connection) = connect(Client::builder(), &server).await;
        let messages = client.messages();
        // The answer shows that the server knows the connection.
        connection.subscribe("u").request().await.unwrap();
        clients.push((client, messages));
    }
    let delivery = server.publisher().broadcast(&news).unwrap();
    assert_eq!((delivery.accepted(), delivery.lost()), (5, 0));
    for (_, messages) in &mut clients {
        assert_message(
            &messages.next().await.unwrap().message,
            NOTIFY_URI,
            "all",
            "news",
        );
    }
}

/// The server knows its connections, and which of them are subscribed to what;
/// each can be told something of its own.
pub async fn the_server_lists_who_is_there<R: Runtime>() {
    let server = listen(with_news(Server::<R>::builder())).await;
    let mut clients = Vec::new();
    for key in ["a", "b", "b"] {
        let (client, connection) = connect(Client::builder(), &server).await;
        connection.subscribe(key).request().await.unwrap();
        clients.push((client.messages(), client));
    }
    let publisher = server.publisher();
    let remotes = |connections: Vec<Connection>| -> Vec<_> {
        connections.iter().map(Connection::remote).collect()
    };
    let all = remotes(publisher.connections());
    assert_eq!(all.len(), 3);
    let subscribed = |key| -> Vec<_> {
        let remotes = publisher.subscribed(key).into_iter();
        remotes.map(|remote| remote.addr()).collect()
    };
    assert_eq!(subscribed("a"), all[..1]);
    assert_eq!(subscribed("b"), all[1..]);
    assert!(publisher.subscribed("c").is_empty());
    for (number, connection) in publisher.connections().iter().enumerate() {
        let own = Message::notify("own", number.to_string());
        connection.send(own).await.unwrap();
    }
    for (number, (messages, _)) in clients.iter_mut().enumerate() {
        let told = messages.next().await.unwrap().message;
        assert_message(&told, NOTIFY_URI, "own", number.to_string());
    }
}

/// A connection that has ended is subscribed to nothing, and a handle to it
/// subscribes nobody.
pub async fn a_subscription_ends_with_its_connection<R: Runtime>() {
    let (handles, received) = async_channel::unbounded();
    let builder =
        with_news(Server::<R>::builder()).on((PUBLISH_URI, "me"), move |who: Connection| {
            handles.try_send(who).unwrap();
            "seen"
        });
    let pair = plain_pair(builder).await;
    pair.connection.subscribe("u").request().await.unwrap();
    pair.connection
        .request_message(Message::publish("me", ""))
        .await
        .unwrap();
    let handle = received.recv().await.unwrap();
    let publisher = pair.server.publisher();
    assert_eq!(publisher.subscribe("u", &handle), Ok(false));
    pair.connection.close().await;
    handle.closed().await;
    while pair.server.connections() > 0 {
        yield_times(1).await;
    }
    assert_eq!(publisher.subscribers("u"), 0);
    let gone = Err(SubscribeError::NotConnected);
    assert_eq!(publisher.subscribe("u", &handle), gone);
    // Nor does it when another connection has come.
    let (_client, other) = connect(Client::builder(), &pair.server).await;
    other.subscribe("v").request().await.unwrap();
    assert_eq!(publisher.subscribe("u", &handle), gone);
    assert!(!publisher.unsubscribe("v", &handle));
    assert_eq!(
        publisher
            .notify("u", &Message::notify("u", ""))
            .unwrap()
            .accepted(),
        0
    );
}

/// Notifications pass the layers like everything else, each with a nonce of its
/// own, and may bring an inner layer.
pub async fn notifications_pass_the_layers<R: Runtime>() {
    let outer = || {
        Layer::new()
            .with_auth(HmacAuth::new("secret"))
            .with_cipher(Sha256StreamCipher::new("key"))
    };
    let inner = Layer::new().with_auth(HmacAuth::new("inner").with_hmac_field("camh"));
    let (told, telling) = async_channel::unbounded();
    let client = Client::builder()
        .outer(outer())
        .on((NOTIFY_URI, "sealed"), move |message: Message| {
            told.try_send(message).unwrap();
        })
        .inner(inner.clone());
    let pair = pair(with_news(Server::<R>::builder().outer(outer())), client).await;
    let mut messages = pair.client.messages();
    for uri in ["plain", "sealed"] {
        pair.connection.subscribe(uri).request().await.unwrap();
    }
    let publisher = pair.server.publisher();
    let plain = Message::notify("plain", "content");
    publisher.notify("plain", &plain).unwrap();
    publisher.notify("plain", &plain).unwrap();
    let (first, second) = (
        messages.next().await.unwrap(),
        messages.next().await.unwrap(),
    );
    assert_eq!(first.message.content, second.message.content);
    let nonce = |message: &Message| message.auth.get_bytes("nonce").unwrap().to_vec();
    assert_ne!(nonce(&first.message), nonce(&second.message));
    // Without the inner layer the handler is not reached; with it it is.
    publisher
        .notify("sealed", &Message::notify("sealed", "bare"))
        .unwrap();
    let options = SendOptions::new().with_inner(inner);
    let sealed = Message::notify("sealed", "sealed");
    publisher.notify_with("sealed", &sealed, options).unwrap();
    assert_eq!(telling.recv().await.unwrap().content, "sealed");
}

/// A subscriber that never reads is cut off, and those who read get everything,
/// in order.
pub async fn a_subscriber_that_never_reads_is_cut<R: Runtime>() {
    const SIZE: usize = 60_000;
    let limits = Limits::default().with_outbound_queue(256 * 1024).unwrap();
    let server = listen(with_news(Server::<R>::builder().limits(limits))).await;
    let (client, connection) = connect(Client::builder(), &server).await;
    let mut messages = client.messages();
    connection.subscribe("news").request().await.unwrap();
    let mut slow = dial(&server).await;
    slow.write(&frame(SUBSCRIBE_URI, "news", "")).await.unwrap();
    slow.receive().await.unwrap();
    assert_eq!(server.publisher().subscribers("news"), 2);
    let mut published = 0usize;
    while server.publisher().subscribers("news") == 2 {
        // What the system keeps for a socket is a few megabytes at the most.
        assert!(published < 5000, "the slow one is not cut");
        let content = [&published.to_be_bytes()[..], &vec![0; SIZE]].concat();
        let news = Message::notify("news", content);
        server.publisher().notify("news", &news).unwrap();
        // Pacing: a reader that keeps up is not to be cut.
        let received = messages.next().await.unwrap().message;
        assert_eq!(
            (&received.content[..8], received.content.len()),
            (&published.to_be_bytes()[..], SIZE + 8)
        );
        published += 1;
    }
    let delivery = server
        .publisher()
        .notify("news", &Message::notify("news", "end"))
        .unwrap();
    assert_eq!((delivery.accepted(), delivery.lost()), (1, 0));
    assert_eq!(messages.next().await.unwrap().message.content, "end");
    assert!(connection.close_reason().is_none());
}
