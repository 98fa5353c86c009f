//! What goes to addresses that may be forged: budgets of bytes, the cookies that lift them, and
//! messages for many addresses.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use netaio_driver::core::types::*;
use netaio_driver::core::{Limits, ManagementConfig, Message, Peer};
use netaio_driver::{Content, NoReply, Remote, Runtime, UdpEvent, UdpNode, UdpNodeBuilder};

use super::layers::hmac;
use super::node_publishing::with_news;
use super::raw::frame;
use super::raw_node::{RawNode, bind_node};
use super::support::{Counter, assert_message, yield_times};

const LONG: usize = 60_000;
/// Some three long answers, of which the last has to leave room.
const BURST: usize = 300_000;

/// Limits that allow little to addresses that have shown nothing, and no more for as long as a
/// test takes.
fn limits() -> Limits {
    Limits::default()
        .with_unvalidated_burst(BURST)
        .and_then(|limits| limits.with_unvalidated_rate(1))
        .unwrap()
}

/// A node that answers at length, and how often it was asked.
async fn lengthy<R: Runtime>(node: UdpNodeBuilder<R>) -> (UdpNode<R>, Counter) {
    let calls = Counter::default();
    let count = calls.clone();
    let node = node
        .limits(limits())
        .on((REQUEST_URI, "long"), move || {
            count.add();
            vec![b'x'; LONG]
        })
        .on(CREATE_URI, || "");
    (bind_node(node).await, calls)
}

/// A stranger is answered what the budget allows, whatever vouches for what it sends.
pub async fn whoever_shows_nothing_is_answered_so_many_bytes<R: Runtime>() {
    let sealed = || UdpNode::<R>::builder().auth(hmac("secret"));
    let (node, calls) = lengthy(sealed()).await;
    let raw = RawNode::<R>::new().await;
    // It is recorded on its way to somebody else.
    let honest = bind_node(sealed()).await;
    honest
        .send(raw.address(), Message::request("long"))
        .await
        .unwrap();
    let (recorded, _) = raw.receive_bytes().await;
    let (mut bytes, mut long) = (0, 0);
    for _ in 0..100 {
        raw.send(&recorded, node.local_addr()).await;
        let (answer, _) = raw.receive_bytes().await;
        bytes += answer.len();
        long += usize::from(answer.len() > LONG);
    }
    assert!((3..=4).contains(&long) && calls.get() == long, "{long}");
    assert!(bytes <= BURST + 3 * 100 * recorded.len(), "{bytes}");
    assert_eq!(node.metrics().datagrams.unvalidated, 100 - long as u64);
}

/// However many nodes of one host ask, one after the other: each is answered, and its request
/// handled once.
pub async fn many_short_runs_of_one_host_are_never_refused<R: Runtime>() {
    let (node, calls) = lengthy(UdpNode::<R>::builder()).await;
    for run in 1..=20 {
        let asking = bind_node(UdpNode::<R>::builder()).await;
        let answer = asking.request(node.local_addr(), "long").await.unwrap();
        assert_message(&answer, RESPOND_URI, "long", vec![b'x'; LONG]);
        assert_eq!(calls.get(), run);
    }
    assert!(node.metrics().datagrams.unvalidated > 10);
}

/// Who asks time and again has repeated a cookie before its budget is spent.
pub async fn who_goes_on_is_never_asked_again<R: Runtime>() {
    let (node, calls) = lengthy(UdpNode::<R>::builder()).await;
    let asking = bind_node(UdpNode::<R>::builder()).await;
    for _ in 0..50 {
        let answer = asking.request(node.local_addr(), "long").await.unwrap();
        assert_message(&answer, RESPOND_URI, "long", vec![b'x'; LONG]);
    }
    let counters = node.metrics().datagrams;
    assert_eq!((calls.get(), counters.received), (50, 50));
    assert_eq!(counters.unvalidated, 0);
}

/// An introduction with a MAC that was recorded is answered as any stranger's.
pub async fn a_recorded_introduction_is_answered_a_few_times<R: Runtime>() {
    const RATE: f64 = 10.0;
    let node = |name: &'static str| {
        UdpNode::<R>::builder()
            .auth(hmac("secret"))
            .local_peer(Peer::new(name))
            .manage_peers(ManagementConfig::new().with_every(None))
    };
    let one = bind_node(node("one").on(CREATE_URI, || "")).await;
    let raw = RawNode::<R>::new().await;
    let two = bind_node(UdpNode::<R>::builder().auth(hmac("secret"))).await;
    let peer = netaio_driver::core::plugin::PeerPlugin::pack(
        &netaio_driver::core::plugin::DefaultPeerPlugin,
        &Peer::new("two"),
    );
    let introduction = Message::new(ADVERTISE_PEER, "netaio", peer.unwrap());
    two.send(raw.address(), introduction).await.unwrap();
    let (recorded, _) = raw.receive_bytes().await;
    let begun = Instant::now();
    for sent in 1..=500 {
        raw.send(&recorded, one.local_addr()).await;
        // So that none is lost for want of room.
        while one.metrics().datagrams.received < sent {
            yield_times(1).await;
        }
    }
    let mut answers = 0;
    two.send(raw.address(), Message::notify("end", ""))
        .await
        .unwrap();
    while raw.receive().await.message_type != NOTIFY_URI {
        answers += 1;
    }
    let allowed = begun.elapsed().as_secs_f64().mul_add(RATE, RATE + 1.0);
    assert!((1.0..=allowed).contains(&f64::from(answers)), "{answers}");
}

/// A subscriber that never asks again shows that it receives as it is notified; a stranger gets
/// what the budget allows.
pub async fn subscribers_show_it_by_themselves<R: Runtime>() {
    let node = bind_node(with_news(UdpNode::<R>::builder().limits(limits()))).await;
    let (told, heard) = async_channel::unbounded();
    let tell = move |content: Content| told.try_send(content.len()).unwrap();
    let reader = bind_node(UdpNode::<R>::builder().on(NOTIFY_URI, tell)).await;
    reader
        .subscribe(node.local_addr(), "news")
        .request()
        .await
        .unwrap();
    for _ in 0..20 {
        let news = Message::notify("news", vec![b'x'; LONG]);
        node.publisher().notify("news", &news).unwrap();
        assert_eq!(heard.recv().await, Ok(LONG));
        // What it was given is back before more is sent to it.
        reader
            .subscribe(node.local_addr(), "news")
            .request()
            .await
            .unwrap();
    }
    assert_eq!(node.metrics().datagrams.unvalidated, 0);

    let raw = RawNode::<R>::new().await;
    let node = bind_node(with_news(UdpNode::<R>::builder().limits(limits()))).await;
    let remote = node.remote(raw.address());
    node.publisher().subscribe("news", remote).unwrap();
    for _ in 0..20 {
        let news = Message::notify("news", vec![b'x'; LONG]);
        node.publisher().notify("news", &news).unwrap();
    }
    node.send(raw.address(), Message::notify("end", ""))
        .await
        .unwrap();
    let mut long = 0;
    while raw.receive().await.uri != "end" {
        long += 1;
    }
    assert!(long <= 4, "{long}");
    // The system may have had no room for one of them.
    let unvalidated = node.metrics().datagrams.unvalidated;
    assert!((16..=17).contains(&unvalidated), "{unvalidated}");
}

/// Subscribes addresses of the loopback interface, where nobody is.
fn subscribe_many<R: Runtime>(node: &UdpNode<R>, count: u32) {
    for number in 0..count {
        let ip = Ipv4Addr::from(0x7f01_0000 + number);
        let remote: Remote = node.remote(SocketAddr::from((ip, 9)));
        node.publisher().subscribe("news", remote).unwrap();
    }
}

/// Somebody who asks while something is published to many need not wait until all have it.
pub async fn answers_go_out_between_the_receivers_of_a_publication<R: Runtime>() {
    let node = with_news(UdpNode::<R>::builder()).on(REQUEST_URI, |content: Content| content);
    let node = bind_node(node).await;
    subscribe_many(&node, 10_000);
    // The last one to be told.
    let raw = RawNode::<R>::new().await;
    let remote = node.remote(raw.address());
    node.publisher().subscribe("news", remote).unwrap();
    raw.send(&frame(PUBLISH_URI, "news", "x"), node.local_addr())
        .await;
    raw.send(&frame(REQUEST_URI, "u", "y"), node.local_addr())
        .await;
    assert_message(&raw.receive().await, OK, "news", "10001");
    assert_message(&raw.receive().await, RESPOND_URI, "u", "y");
    assert_message(&raw.receive().await, NOTIFY_URI, "news", "x");
}

/// Length times receivers is limited: what would be more is not sent to anybody.
pub async fn too_much_to_publish_is_refused<R: Runtime>() {
    let limits = Limits::default().with_outbound_total(1 << 20).unwrap();
    let node = bind_node(with_news(UdpNode::<R>::builder().limits(limits))).await;
    subscribe_many(&node, 1000);
    let publish = |len| {
        let news = Message::notify("news", vec![b'x'; len]);
        let delivery = node.publisher().notify("news", &news).unwrap();
        (delivery.accepted(), delivery.lost())
    };
    assert_eq!(publish(2000), (0, 1000));
    assert_eq!(publish(100), (1000, 0));
    // Others that would be too much besides that.
    let mut waiting = 1;
    while publish(100).0 > 0 {
        waiting += 1;
        assert!(waiting < 10, "no limit");
    }
    while publish(900).0 == 0 {
        yield_times(1).await;
    }
}

/// Who is not sent something for want of room is told with the next that it is sent.
pub async fn who_is_not_sent_something_is_told<R: Runtime>() {
    let limits = Limits::default().with_outbound_total(1 << 20).unwrap();
    let node = bind_node(with_news(UdpNode::<R>::builder().limits(limits))).await;
    let subscriber = UdpNode::<R>::builder().on(NOTIFY_URI, || NoReply);
    let subscriber = bind_node(subscriber).await;
    let mut events = subscriber.events();
    let remote = node.remote(subscriber.local_addr());
    node.publisher().subscribe("news", remote).unwrap();
    subscribe_many(&node, 1000);
    let publish = |len| {
        let news = Message::notify("news", vec![b'x'; len]);
        let delivery = node.publisher().notify("news", &news).unwrap();
        (delivery.accepted(), delivery.dropped)
    };
    for _ in 0..3 {
        assert_eq!(publish(2000), (0, 1001));
    }
    assert_eq!(publish(100), (1001, 0));
    match events.next().await.unwrap() {
        UdpEvent::Gap { remote, lost } => assert_eq!((remote, lost), (node.local_addr(), 3)),
        other => panic!("another event: {other:?}"),
    }
    assert_eq!(subscriber.metrics().datagrams.lost_notifications, 3);
}
