//! The tools that services are tested with.

use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_channel::unbounded;
use futures_lite::future::{yield_now, zip};
use netaio_driver::core::plugin::HmacAuth;
use netaio_driver::core::types::{CREATE_URI, NOT_FOUND, NOTIFY_URI, REQUEST_URI};
use netaio_driver::core::{CloseReason, Layer, Message};
use netaio_driver::testing::{self, Conditions, Network, NetworkCounters};
use netaio_driver::{
    Client, Content, NoReply, Publisher, Remote, RequestError, Runtime, Server, State, UdpNode,
};

use super::support::Counter;

/// Passes where nothing answers.
const SOON: Duration = Duration::from_millis(100);

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A call is handled as a message of a client, and leaves nothing behind.
pub async fn a_server_is_called_without_a_socket<R: Runtime>() {
    let admin = || HmacAuth::new("admin");
    let builder = Server::<R>::builder()
        .auth(HmacAuth::new("outer").with_hmac_field("camh"))
        .state(Counter::default())
        .on(REQUEST_URI, |content: Content, calls: State<Counter>| {
            calls.add();
            format!("{content} {}", calls.get())
        })
        .on((REQUEST_URI, "where"), |from: SocketAddr| from.to_string())
        .on(CREATE_URI, || "created")
        .inner_auth(admin());
    let server = builder.build().unwrap();
    for count in 1..=3 {
        let answer = server
            .call(Message::request("count"))
            .content("call")
            .await
            .unwrap();
        assert_eq!(
            answer.into_result().unwrap().content,
            format!("call {count}")
        );
    }
    let asked = || Message::request("where");
    assert!(server.call(asked()).await.unwrap().into_result().is_err());
    let from = address("192.0.2.1:7");
    let answer = server.call(asked()).from(from).await.unwrap();
    assert_eq!(answer.into_result().unwrap().content, from.to_string());

    let create = || Message::create("new", "content");
    assert!(server.call(create()).await.unwrap().into_result().is_err());
    let sealed = server.call(create()).inner(Layer::new().with_auth(admin()));
    assert_eq!(
        sealed.await.unwrap().into_result().unwrap().content,
        "created"
    );
    let nothing = server.call(Message::delete("gone")).await.unwrap();
    assert_eq!(nothing.message_type, NOT_FOUND);
    assert_eq!(server.connections(), 0);
}

/// What nothing answers is handled, and the call ends at once; what goes on ends with its time.
pub async fn a_call_that_nothing_answers_ends<R: Runtime>() {
    let (told, news) = unbounded();
    let builder = Server::<R>::builder().on(NOTIFY_URI, move |content: Content| {
        told.try_send(content.to_string()).unwrap();
        NoReply
    });
    let builder = builder
        .on((REQUEST_URI, "later"), || async {
            yield_now().await;
            Err::<(), _>(NoReply)
        })
        .on((REQUEST_URI, "told"), |who: Remote| async move {
            let told = who.send(Message::notify("other", "")).await;
            told.map(|()| NoReply).map_err(|error| error.to_string())
        })
        .on((REQUEST_URI, "asks"), |who: Remote| async move {
            // The call goes on for as long; nobody answers at the other end.
            let answer = who.request("name").timeout(SOON).await;
            assert_eq!(answer, Err(RequestError::TimedOut(SOON)));
            NoReply
        })
        .on((REQUEST_URI, "self"), |who: Remote| async move {
            let answer = Message::respond_uri("self", "by hand");
            who.send(answer).await.unwrap();
            NoReply
        })
        .on((REQUEST_URI, "never"), pending::<()>)
        .on((REQUEST_URI, "gone"), |who: Remote| async move {
            who.connection().unwrap().close().await;
        });
    let server = builder.build().unwrap();
    let unanswered = || Err(RequestError::Unanswered);
    let news_of = Message::notify("u", "news");
    assert_eq!(server.call(news_of).await, unanswered());
    assert_eq!(news.recv().await.unwrap(), "news");
    for uri in ["later", "told", "asks"] {
        let call = server.call(Message::request(uri));
        assert_eq!(call.await, unanswered(), "{uri}");
    }
    // Nobody handles it, and the default answers only what asks.
    let call = server.call(Message::ok("u", "")).await;
    assert_eq!(call, unanswered());
    let call = server.call(Message::request("self")).await;
    assert_eq!(call.unwrap().into_result().unwrap().content, "by hand");
    let late = server.call(Message::request("never")).timeout(SOON);
    assert_eq!(late.await, Err(RequestError::TimedOut(SOON)));
    let gone = server.call(Message::request("gone")).await;
    assert!(matches!(gone, Err(RequestError::Closed(_))), "{gone:?}");
}

/// A handler is called as a function, with the handles of a connection in memory.
pub async fn handlers_are_called_as_functions<R: Runtime>() {
    async fn join(who: Remote, rooms: Publisher, room: Content) -> &'static str {
        rooms.subscribe(&**room, &who).unwrap();
        who.send(Message::notify("welcome", room.0)).await.unwrap();
        "joined"
    }
    let server = Server::<R>::builder().build().unwrap();
    let client = Client::<R>::builder().build().unwrap();
    let mut messages = client.messages();
    let ends = testing::connect(&client, &server).unwrap();
    let (who, rooms) = (Remote::from(&ends.server), server.publisher().clone());
    assert_eq!(join(who, rooms, Content("lobby".into())).await, "joined");
    assert_eq!(messages.next().await.unwrap().message.content, "lobby");
    let delivery = server
        .publisher()
        .notify("lobby", &Message::notify("lobby", "hi"));
    let delivery = delivery.unwrap();
    assert_eq!(delivery.sent + delivery.queued, 1);
    assert_eq!(messages.next().await.unwrap().message.content, "hi");
}

/// A wire that is cut fails both ends.
pub async fn a_wire_is_cut<R: Runtime>() {
    let server = Server::<R>::builder().on(REQUEST_URI, || NoReply);
    let server = server.build().unwrap();
    let client = Client::<R>::builder().build().unwrap();
    let ends = testing::connect(&client, &server).unwrap();
    let waiting = async { ends.client.request("u").await };
    let cut = async { ends.wire.cut() };
    let (answer, ()) = zip(waiting, cut).await;
    assert!(answer.is_err(), "{answer:?}");
    for end in [ends.client, ends.server] {
        assert_eq!(end.closed().await, CloseReason::Remote);
    }
}

/// Sends a hundred messages, and returns what the network counts, and what arrives in its order.
async fn send_through<R: Runtime>(seed: u64, conditions: Conditions) -> (NetworkCounters, Vec<u8>) {
    const SENT: u8 = 100;
    let network = Network::new::<R>(seed);
    network.set_conditions(conditions);
    let [there, here] = [address("10.0.0.1:8888"), address("10.0.0.2:8888")];
    let (told, news) = unbounded();
    let receiver = UdpNode::<R>::builder().on(NOTIFY_URI, move |content: Content| {
        told.try_send(content[0]).unwrap();
        NoReply
    });
    let receiver = receiver.bind_socket(network.bind(there).unwrap()).unwrap();
    let socket = network.bind(here).unwrap();
    let node = UdpNode::<R>::builder().bind_socket(socket).unwrap();
    assert_eq!((node.local_addr(), receiver.local_addr()), (here, there));
    for number in 0..SENT {
        let message = Message::notify("u", vec![number]);
        node.send(there, message).await.unwrap();
    }
    while network.counters().sent < SENT.into() {
        yield_now().await;
    }
    let counters = network.counters();
    let mut arrived = Vec::new();
    for _ in counters.lost..counters.sent + counters.doubled {
        arrived.push(news.recv().await.unwrap());
    }
    assert!(news.try_recv().is_err());
    (counters, arrived)
}

/// What a network loses and doubles follows from its seed.
pub async fn a_network_loses_by_its_seed<R: Runtime>() {
    let (counters, arrived) = send_through::<R>(1, Conditions::new()).await;
    assert_eq!((counters.lost, counters.doubled), (0, 0));
    assert!(arrived.is_sorted() && arrived.len() == 100);
    let bad = || Conditions::new().with_loss(0.4).with_duplicates(0.1);
    let first = send_through::<R>(1, bad()).await;
    assert!(first.0.lost > 0 && first.0.doubled > 0, "{first:?}");
    assert_eq!(send_through::<R>(1, bad()).await, first);
    assert_ne!(send_through::<R>(2, bad()).await, first);
}

/// Datagrams that are not equally late overtake one another, and none is lost.
pub async fn late_datagrams_are_overtaken<R: Runtime>() {
    let delay = Duration::ZERO..=Duration::from_millis(30);
    let slow = Conditions::new().with_delay(delay);
    let (counters, mut arrived) = send_through::<R>(1, slow).await;
    assert_eq!(counters.lost, 0);
    assert!(!arrived.is_sorted());
    arrived.sort_unstable();
    assert!(arrived.iter().copied().eq(0..100));
}

/// A multicast reaches all sockets at its port, and comes back to who sent it.
pub async fn a_group_is_of_all_hosts<R: Runtime>() {
    let network = Network::new::<R>(1);
    let (told, news) = unbounded();
    let mut nodes = Vec::new();
    for host in [
        "10.0.0.1:8888",
        "10.0.0.2:8888",
        "10.0.0.3:8888",
        "10.0.0.3:9",
    ] {
        let told = told.clone();
        let builder = UdpNode::<R>::builder().on(NOTIFY_URI, move |content: Content| {
            told.try_send((host, content.to_string())).unwrap();
            NoReply
        });
        let socket = network.bind(address(host)).unwrap();
        nodes.push(builder.bind_socket(socket).unwrap());
    }
    let [first, ..] = &nodes[..] else {
        unreachable!("there are four");
    };
    assert_eq!(first.group(), Some(address("224.0.0.1:8888")));
    first.multicast(Message::notify("u", "all")).await.unwrap();
    let mut heard = [news.recv().await.unwrap().0, news.recv().await.unwrap().0];
    heard.sort_unstable();
    assert_eq!(heard, ["10.0.0.2:8888", "10.0.0.3:8888"]);
    // Its own is among those that are counted.
    assert_eq!(network.counters().sent, 3);
    assert!(news.try_recv().is_err());
}

/// An address is of one socket at a time, and of a host.
pub async fn an_address_of_a_network_is_taken_once<R: Runtime>() {
    use std::io::ErrorKind::{AddrInUse, AddrNotAvailable};
    let network = Network::new::<R>(1);
    let node = |at: &str| {
        let socket = network.bind(address(at)).map_err(|error| error.kind())?;
        Ok(UdpNode::<R>::builder().bind_socket(socket).unwrap())
    };
    let first = node("10.0.0.1:0").unwrap();
    let at = first.local_addr();
    assert_ne!(at.port(), 0);
    assert_eq!(node(&at.to_string()).map(drop), Err(AddrInUse));
    assert_ne!(node("10.0.0.1:0").unwrap().local_addr(), at);
    for none in ["0.0.0.0:1", "224.0.0.1:1", "[::]:1"] {
        assert_eq!(node(none).map(drop), Err(AddrNotAvailable), "{none}");
    }
    first.stop().await;
    assert_eq!(node(&at.to_string()).unwrap().local_addr(), at);
}

/// Connections over a network have addresses, are late, and wait while a host is isolated.
pub async fn an_isolated_host_is_heard_when_it_is_back<R: Runtime>() {
    let network = Network::new::<R>(1);
    let [there, here] = [address("10.0.0.1:8888"), address("10.0.0.2:40000")];
    let host: IpAddr = there.ip();
    let delay = Duration::from_millis(1)..=Duration::from_millis(2);
    let slow = Conditions::new().with_delay(delay);
    network.set_conditions_between(here.ip(), host, slow);
    let server = Server::<R>::builder().on(REQUEST_URI, |from: SocketAddr| from.to_string());
    let server = server.build().unwrap();
    let client = Client::<R>::builder().build().unwrap();
    let ends = network.connect((&client, here), (&server, there)).unwrap();
    assert_eq!(ends.client.name(), Some("10.0.0.1:8888"));
    assert_eq!(ends.client.remote(), Some(there));
    let answer = client.request("u").await.unwrap();
    assert_eq!(answer.into_result().unwrap().content, here.to_string());

    network.set_isolated(host, true);
    let late = client.request("u").timeout(SOON).await;
    assert_eq!(late, Err(RequestError::TimedOut(SOON)));
    let asked = async { client.request("u").await };
    let back = async { network.set_isolated(host, false) };
    let (answer, ()) = zip(asked, back).await;
    assert!(answer.unwrap().into_result().is_ok());
    assert_eq!(server.connections(), 1);
}

/// A client reconnects through a network: after a cut, and when a host is back.
pub async fn a_client_reconnects_through_a_network<R: Runtime>() {
    let network = Network::new::<R>(1);
    let (host, other) = (address("10.0.0.1:8888"), address("10.0.0.2:0").ip());
    let server = Server::<R>::builder().on(REQUEST_URI, |from: SocketAddr| from.ip().to_string());
    let server = server.build().unwrap();
    server.serve(network.listen(host).unwrap()).unwrap();
    let taken = network.listen(host).map(drop).unwrap_err();
    assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    let client = Client::<R>::builder().connector(network.connector(other));
    let client = client.build().unwrap();
    assert!(client.connect("10.0.0.3:1").await.is_err());
    assert!(client.connect("name:1").await.is_err());
    let connection = client.connect(host).await.unwrap();
    let asked = connection
        .request("u")
        .await
        .unwrap()
        .into_result()
        .unwrap();
    assert_eq!(asked.content, other.to_string());

    network.cut(host.ip());
    assert_eq!(connection.closed().await, CloseReason::Remote);
    network.set_isolated(other, true);
    let again = async { client.connect(host).await.unwrap() };
    let back = async { network.set_isolated(other, false) };
    let (connection, ()) = zip(again, back).await;
    assert!(connection.request("u").await.unwrap().into_result().is_ok());
    server.stop().await;
    connection.closed().await;
    assert!(client.connect(host).await.is_err());
}
