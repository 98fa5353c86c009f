//! UDP nodes ask and answer one another.

use std::net::Ipv6Addr;
use std::thread;
use std::time::Duration;

use netaio_driver::core::types::*;
use netaio_driver::core::{
    Body, DatagramLink, Limits, Message, MessageType, MessageTypes, SealError, SendError,
};
use netaio_driver::{
    Content, DatagramOptions, NoReply, Remote, Reply, RequestError, Runtime, UdpNode, Uri,
};

use super::raw::frame;
use super::raw_node::{RawNode, bind_node, plain_node, skip};
use super::support::{Counter, Door, assert_message, both, spawn, spawn_all, yield_times};
use super::torrent::Torrent;

/// How long a request waits that is not going to be answered.
const SHORT: Duration = Duration::from_millis(20);

/// Every kind of request gets its usual answer, in both directions: a node is
/// server and client at once.
pub async fn every_kind_of_request_is_answered<R: Runtime>() {
    let node = |name: &'static str| {
        UdpNode::<R>::builder()
            .on(REQUEST_URI, move |uri: Uri| format!("{name} reads {uri}"))
            .on(CREATE_URI, move |content: Content| {
                format!("{name} creates {content}")
            })
            .on(UPDATE_URI, move |content: Content| async move {
                yield_times(2).await;
                format!("{name} updates {content}")
            })
            .on(DELETE_URI, move || async move { name })
            .on(SUBSCRIBE_URI, move || name)
            .on(UNSUBSCRIBE_URI, move || async move { name })
            .on(PUBLISH_URI, move |content: Content| content)
    };
    let (one, two) = (bind_node(node("one")).await, bind_node(node("two")).await);
    for (node, other, name) in [(&one, &two, "two"), (&two, &one, "one")] {
        let to = other.local_addr();
        let answer = node.request(to, "a").await.unwrap();
        assert_message(&answer, RESPOND_URI, "a", format!("{name} reads a"));
        let answer = node.create(to, "b", "1").await.unwrap();
        assert_message(&answer, OK, "b", format!("{name} creates 1"));
        let answer = node.update(to, "c", "2").await.unwrap();
        assert_message(&answer, OK, "c", format!("{name} updates 2"));
        let answer = node.delete(to, "d").await.unwrap();
        assert_message(&answer, OK, "d", name);
        let answer = node.subscribe(to, "e").request().await.unwrap();
        assert_message(&answer, CONFIRM_SUBSCRIBE, "e", name);
        let answer = node.unsubscribe(to, "e").await.unwrap();
        assert_message(&answer, CONFIRM_UNSUBSCRIBE, "e", name);
        let publish = Message::publish("f", "news");
        let answer = node.request_message(to, publish).await.unwrap();
        assert_message(&answer, OK, "f", "news");
        assert!(answer.is_verified());

        // The same by a handle to the other one.
        let remote = node.remote(to);
        assert_eq!(remote.addr(), Some(to));
        assert!(remote.connection().is_none());
        let answer = remote.request("g").await.unwrap();
        assert_message(&answer, RESPOND_URI, "g", format!("{name} reads g"));
    }
}

/// A message that is no request reaches its handler, which may ask back.
pub async fn a_message_reaches_its_handler<R: Runtime>() {
    let (told, heard) = async_channel::unbounded();
    let two = bind_node(UdpNode::<R>::builder().on(
        NOTIFY_URI,
        move |content: Content, from: Remote| {
            let told = told.clone();
            async move {
                let answer = from.request("name").content(content.0).await.unwrap();
                told.send((answer, from)).await.unwrap();
            }
        },
    ))
    .await;
    let name = |content: Content| format!("one, who said {content}");
    let one = bind_node(UdpNode::<R>::builder().on((REQUEST_URI, "name"), name)).await;
    let to = two.local_addr();
    one.send(to, Message::notify("u", "first")).await.unwrap();
    one.remote(to)
        .send(Message::notify("u", "second"))
        .await
        .unwrap();
    let mut answers = Vec::new();
    for _ in 0..2 {
        let (answer, from) = heard.recv().await.unwrap();
        assert_eq!(from.addr(), Some(one.local_addr()));
        answers.push(String::from_utf8(answer.content.to_vec()).unwrap());
    }
    answers.sort_unstable();
    assert_eq!(answers, ["one, who said first", "one, who said second"]);
}

/// Types of one's own carry requests and answers; a type that nobody registered
/// is dropped.
pub async fn custom_message_types_work_once_registered<R: Runtime>() {
    let mut types = MessageTypes::base();
    let ping = types.register(31, "PING").unwrap();
    let pong = types.register(255, "PONG").unwrap();
    let builder = || UdpNode::<R>::builder().types(types.clone());
    let pongs = move |content: Content| Reply::new(pong, content);
    let two = bind_node(builder().on(ping, pongs)).await;
    let (told, heard) = async_channel::unbounded();
    let one = bind_node(builder().on(pong, move |message: Message| {
        told.try_send(message).unwrap();
    }))
    .await;
    let to = two.local_addr();
    let request = one.request_message(to, Message::new(ping, "u", "x"));
    assert_message(&request.accept(pong).await.unwrap(), pong, "u", "x");
    // Unasked for, it is a message like any other.
    one.send(to, Message::new(ping, "u", "y")).await.unwrap();
    assert_message(&heard.recv().await.unwrap(), pong, "u", "y");

    let ignorant = bind_node(UdpNode::<R>::builder().on(REQUEST_URI, || "here")).await;
    let to = ignorant.local_addr();
    one.send(to, Message::new(ping, "u", "x")).await.unwrap();
    let answer = one.request(to, "u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
    let counters = ignorant.metrics().datagrams;
    assert_eq!((counters.received, counters.malformed), (2, 1));
}

/// Requests for one uri to several nodes at once are answered by those who were
/// asked, each with its own answer.
pub async fn requests_to_several_nodes_cross_nothing<R: Runtime>() {
    const EACH: usize = 40;
    let mut nodes = Vec::new();
    for name in 0..3 {
        let answer = move |content: Content| format!("{name}: {content}");
        nodes.push(bind_node(UdpNode::<R>::builder().on(REQUEST_URI, answer)).await);
    }
    let asking = plain_node::<R>().await;
    let numbered = (0..EACH).flat_map(|number| (0..3).map(move |name| (name, number)));
    let requests = numbered.map(|(name, number)| {
        let request = asking.request(nodes[name].local_addr(), "u");
        let request = request.content(number.to_string());
        async move { (name, number, request.await.unwrap()) }
    });
    for (name, number, answer) in spawn_all::<R, _>(requests).await {
        let expected = format!("{name}: {number}");
        assert_message(&answer, RESPOND_URI, "u", expected);
    }
}

/// Handlers of one node run side by side: whose requests carry ids may have its
/// answers in any order, and crosses nothing.
pub async fn answers_with_ids_overtake_others<R: Runtime>() {
    const REQUESTS: usize = 20;
    let (announce, started) = async_channel::unbounded();
    let handler = move |content: Content| {
        let (announce, door) = (announce.clone(), Door::new());
        async move {
            announce.send(door.clone()).await.unwrap();
            door.pass().await;
            content
        }
    };
    let node = bind_node(UdpNode::<R>::builder().on(REQUEST_URI, handler)).await;
    let asking = plain_node::<R>().await;
    let requests = (0..REQUESTS).map(|number| {
        let request = asking.request(node.local_addr(), "u");
        let request = request.correlate(true).content(number.to_string());
        async move { (number, request.await.unwrap()) }
    });
    let answered = spawn_all::<R, _>(requests);
    let opened = async {
        let mut doors = Vec::new();
        for _ in 0..REQUESTS {
            doors.push(started.recv().await.unwrap());
        }
        while let Some(door) = doors.pop() {
            door.open();
        }
    };
    let (answers, ()) = both(answered, opened).await;
    for (number, answer) in answers {
        assert_message(&answer, RESPOND_URI, "u", number.to_string());
    }
}

/// What another address sends is no answer, whatever it says.
pub async fn an_answer_from_elsewhere_ends_nothing<R: Runtime>() {
    let (asked, stranger) = (RawNode::<R>::new().await, RawNode::<R>::new().await);
    let node = plain_node::<R>().await;
    let waiting = spawn::<R, _>({
        let request = node.request(asked.address(), "u");
        async move { request.await }
    });
    let (request, from) = asked.receive_from().await;
    assert_message(&request, REQUEST_URI, "u", "");
    assert_eq!(from, node.local_addr());
    for forged in [
        frame(RESPOND_URI, "u", "forged"),
        frame(NOT_FOUND, "u", "forged"),
        frame(ERROR, "ERROR", "forged"),
        frame(AUTH_ERROR, "", "forged"),
    ] {
        stranger.send(&forged, from).await;
    }
    asked.send(&frame(RESPOND_URI, "u", "true"), from).await;
    assert_message(&waiting.await.unwrap(), RESPOND_URI, "u", "true");
    assert_eq!(node.metrics().datagrams.received, 5);
}

/// A request that nobody answers ends with its own timeout, whether somebody is
/// there or not, and the node goes on.
pub async fn a_request_without_an_answer_times_out<R: Runtime>() {
    let mute = RawNode::<R>::new().await;
    let nobody = mute.address();
    let two = bind_node(
        UdpNode::<R>::builder()
            .on((REQUEST_URI, "silent"), || NoReply)
            .on((REQUEST_URI, "done"), || Ok::<(), Reply>(()))
            .on((REQUEST_URI, "later"), || async { None::<&str> })
            .on((REQUEST_URI, "loud"), || "here"),
    )
    .await;
    let one = plain_node::<R>().await;
    let to = two.local_addr();
    let patient = spawn::<R, _>({
        let request = one.request(to, "silent").timeout(2 * SHORT);
        async move { request.await }
    });
    for (to, uri) in [(to, "silent"), (to, "later"), (nobody, "loud")] {
        let error = one.request(to, uri).timeout(SHORT).await.unwrap_err();
        assert_eq!(error, RequestError::TimedOut(SHORT), "{uri}");
    }
    let error = patient.await.unwrap_err();
    assert_eq!(error, RequestError::TimedOut(2 * SHORT));
    for (uri, said) in [("loud", "here"), ("done", "")] {
        let answer = one.request(to, uri).await.unwrap();
        assert_message(&answer, RESPOND_URI, uri, said);
    }
}

/// Datagrams without end keep no request from being answered or timing out, and
/// no node from stopping.
pub async fn endless_datagrams_starve_nobody<R: Runtime>() {
    let node = UdpNode::<Torrent<R>>::builder().on(REQUEST_URI, || "here");
    let node = bind_node(node).await;
    let (nobody, other) = (RawNode::<R>::new().await, plain_node::<R>().await);
    for _ in 0..3 {
        let request = node.request(nobody.address(), "u").timeout(SHORT);
        let error = request.await.unwrap_err();
        assert_eq!(error, RequestError::TimedOut(SHORT));
        let answer = other.request(node.local_addr(), "u").await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", "here");
        let answer = node.request(other.local_addr(), "u").await.unwrap();
        assert_message(&answer, NOT_FOUND, "ERROR", "not found");
    }
    node.stop().await;
}

/// Sends without end keep no request from being answered, and no node from
/// stopping.
pub async fn endless_sends_starve_nobody<R: Runtime>() {
    let limits = Limits::default().with_outbound_queue(1 << 18).unwrap();
    let node = UdpNode::<R>::builder().limits(limits);
    let node = bind_node(node.on(REQUEST_URI, || "here")).await;
    let (sink, asking) = (RawNode::<R>::new().await, plain_node::<R>().await);
    let publisher = node.publisher().clone();
    publisher
        .subscribe("u", node.remote(sink.address()))
        .unwrap();
    let (over, refused) = (Counter::default(), Counter::default());
    let flood = {
        let (over, refused) = (over.clone(), refused.clone());
        thread::spawn(move || {
            let news = Message::notify("u", vec![0; 1000]);
            while over.get() == 0 {
                if publisher.notify("u", &news).unwrap().lost() > 0 {
                    refused.add();
                }
            }
        })
    };
    // As much as may wait does.
    while refused.get() == 0 {
        yield_times(1).await;
    }
    for _ in 0..3 {
        let answer = asking.request(node.local_addr(), "u").await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", "here");
    }
    node.stop_within(SHORT).await;
    over.add();
    flood.join().unwrap();
}

/// Senders wait for their turn, however many they are: nothing is lost between
/// them and the socket.
pub async fn thousands_of_sends_wait_for_their_turn<R: Runtime>() {
    const SENDS: usize = 1500;
    const SIZE: usize = 60_000;
    let limits = Limits::default().with_outbound_queue(1 << 20).unwrap();
    let node = bind_node(UdpNode::<R>::builder().limits(limits)).await;
    let sink = RawNode::<R>::new().await;
    let sends = (0..SENDS).map(|_| {
        let (node, to) = (node.clone(), sink.address());
        async move { node.send(to, Message::notify("u", vec![0; SIZE])).await }
    });
    for sent in spawn_all::<R, _>(sends).await {
        sent.unwrap();
    }
}

/// Without a handler the answer is NOT_FOUND with netaio's uri for datagrams, and
/// it reaches the one who asked.
pub async fn the_default_answer_reaches_the_requester<R: Runtime>() {
    let (one, two) = (plain_node::<R>().await, plain_node::<R>().await);
    let to = one.remote(two.local_addr());
    for request in [
        to.request("u"),
        to.create("u", "x"),
        to.update("u", "x"),
        to.delete("u"),
        to.subscribe("u").request(),
        to.unsubscribe("u"),
    ] {
        let answer = request.await.unwrap();
        assert_message(&answer, NOT_FOUND, "ERROR", "not found");
    }
}

/// An application's own default handler answers in netaio's place.
pub async fn a_default_handler_of_ones_own_answers<R: Runtime>() {
    let two = bind_node(
        UdpNode::<R>::builder()
            .on((REQUEST_URI, "known"), || "k")
            .default_handler(|kind: MessageType, uri: Uri| async move {
                Reply::not_permitted(format!("{kind} {uri}"))
            }),
    )
    .await;
    let one = plain_node::<R>().await;
    let to = one.remote(two.local_addr());
    let answer = to.request("known").await.unwrap();
    assert_message(&answer, RESPOND_URI, "known", "k");
    let answer = to.request("other").await.unwrap();
    assert_message(&answer, NOT_PERMITTED, "other", "REQUEST_URI other");
    let answer = to.delete("known").await.unwrap();
    assert_message(&answer, NOT_PERMITTED, "known", "DELETE_URI known");
}

/// An error that names no uri ends the only request to its sender, and none of
/// several.
pub async fn an_anonymous_error_ends_the_only_request<R: Runtime>() {
    let (alone, many) = (RawNode::<R>::new().await, RawNode::<R>::new().await);
    let (told, heard) = async_channel::unbounded();
    let tell = move |message: Message| {
        told.try_send(message).unwrap();
    };
    let node = bind_node(UdpNode::<R>::builder().on(ERROR, tell)).await;
    let waiting: Vec<_> = [(&alone, "a"), (&many, "b"), (&many, "c")]
        .map(|(to, uri)| {
            let request = node.request(to.address(), uri);
            spawn::<R, _>(async move { request.await.unwrap() })
        })
        .into();
    for (raw, requests) in [(&alone, 1), (&many, 2)] {
        for _ in 0..requests {
            raw.receive().await;
        }
        raw.send(&frame(ERROR, "ERROR", "who?"), node.local_addr())
            .await;
    }
    // That of several is a message like any other.
    assert_message(&heard.recv().await.unwrap(), ERROR, "ERROR", "who?");
    for uri in ["c", "b"] {
        many.send(&frame(RESPOND_URI, uri, "here"), node.local_addr())
            .await;
    }
    let mut waiting = waiting.into_iter();
    let answer = waiting.next().unwrap().await;
    assert_message(&answer, ERROR, "ERROR", "who?");
    for (request, uri) in waiting.zip(["b", "c"]) {
        let answer = request.await;
        assert_message(&answer, RESPOND_URI, uri, "here");
    }
}

/// One request more than may wait for answers waits for a place, and is an error at once
/// where that is wanted.
pub async fn one_request_too_many_waits_for_a_place<R: Runtime>() {
    const MAX: usize = 3;
    let limits = Limits::default().with_pending_requests(MAX).unwrap();
    let node = bind_node(UdpNode::<R>::builder().limits(limits)).await;
    let raw = RawNode::<R>::new().await;
    let mut waiting = Vec::new();
    for number in 0..MAX {
        let request = node.request(raw.address(), number.to_string());
        waiting.push(spawn::<R, _>(async move { request.await.unwrap() }));
        raw.receive().await;
    }
    let one_more = node.request(raw.address(), "u").fail_fast();
    let expected = RequestError::Send(SendError::TooManyRequests { max: MAX });
    assert_eq!(one_more.await.unwrap_err(), expected);
    let late = node.request(raw.address(), "late").timeout(SHORT);
    assert_eq!(late.await.unwrap_err(), expected);
    let patient = node.request(raw.address(), "patient");
    let patient = spawn::<R, _>(patient.into_future());
    for (number, request) in waiting.into_iter().enumerate() {
        let uri = number.to_string();
        raw.send(&frame(RESPOND_URI, &uri, "a"), node.local_addr())
            .await;
        let answer = request.await;
        assert_message(&answer, RESPOND_URI, uri, "a");
    }
    assert_message(&raw.receive().await, REQUEST_URI, "patient", "");
    let answer = frame(RESPOND_URI, "patient", "");
    raw.send(&answer, node.local_addr()).await;
    assert_message(&patient.await.unwrap(), RESPOND_URI, "patient", "");
}

/// A message that does not fit into a datagram is the caller's error, at once.
pub async fn a_message_that_cannot_be_sent_is_an_error_at_once<R: Runtime>() {
    let two = bind_node(UdpNode::<R>::builder().on(REQUEST_URI, || "fine")).await;
    let one = plain_node::<R>().await;
    let to = two.local_addr();
    let max = Body::MAX_PAYLOAD;
    let error = one.create(to, "u", vec![0; max]).await.unwrap_err();
    let expected = SealError::BodyTooLong { len: max + 1, max };
    assert_eq!(error, RequestError::Send(SendError::Seal(expected)));

    // A frame that a stream would carry.
    let mut long = Message::notify("u", vec![0; max - 1]);
    long.auth.set_bytes("padding", &[0; 100]).unwrap();
    let max = DatagramLink::MAX_DATAGRAM;
    match one.send(to, long.clone()).await {
        Err(SendError::Seal(SealError::DatagramTooLong { len, max: most })) => {
            assert!(len > max && most == max, "{len}, {most}");
        }
        other => panic!("{other:?}"),
    }
    let error = one.publisher().broadcast(&long).unwrap_err();
    assert!(
        matches!(error, SealError::DatagramTooLong { .. }),
        "{error}"
    );

    let unknown = Message::new(MessageType::new(99), "u", "");
    let error = one.send(to, unknown).await.unwrap_err();
    assert_eq!(error, SendError::Seal(SealError::UnknownType(99)));
    let answer = one.request(to, "u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "fine");
}

/// Uris and contents are bytes, from none to as many as fit.
pub async fn uris_and_contents_are_any_bytes<R: Runtime>() {
    let two = bind_node(UdpNode::<R>::builder().on(REQUEST_URI, |content: Content| content)).await;
    let one = plain_node::<R>().await;
    let all: Vec<u8> = (0..=255).collect();
    let long = vec![0xa5; Body::MAX_PAYLOAD];
    let cases: [(&[u8], &[u8]); 5] = [
        (b"", b""),
        (b"", &all),
        (&all, b""),
        (b"", &long),
        (&long[..300], &long[300..]),
    ];
    for (uri, content) in cases {
        let request = one.request(two.local_addr(), uri.to_vec());
        let answer = request.content(content.to_vec()).await.unwrap();
        assert_message(&answer, RESPOND_URI, uri, content);
    }
}

/// Nodes at IPv6 addresses.
pub async fn nodes_speak_ipv6<R: Runtime>() {
    let localhost = DatagramOptions::new((Ipv6Addr::LOCALHOST, 0).into());
    if let Err(error) = R::bind_datagrams(&localhost).await {
        return skip(&format!(
            "this machine has no IPv6 loopback interface: {error}"
        ));
    }
    let answers = |from: Remote| from.addr().map(|address| address.to_string());
    let two = UdpNode::<R>::builder().no_group().on(REQUEST_URI, answers);
    let two = two.bind("[::1]:0").await.unwrap();
    let one = UdpNode::<R>::builder().no_group();
    let one = one.bind("[::1]:0").await.unwrap();
    let answer = one.request(two.local_addr(), "u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", one.local_addr().to_string());
}
