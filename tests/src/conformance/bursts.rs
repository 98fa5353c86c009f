//! Many datagrams at once: received and sent with few system calls, where the system has such.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::BytesMut;
use netaio_driver::core::types::*;
use netaio_driver::core::{Frame, Message, Wire};
use netaio_driver::{
    Content, DatagramOptions, DatagramSocket, RequestError, Runtime, UdpEvent, UdpNode,
};

use super::narrow::Narrow;
use super::raw::frame;
use super::raw_node::{RawNode, bind_node, plain_node};
use super::support::{none, spawn_all};

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);
/// As many as the system keeps in any case.
const BURST: usize = 150;
/// Nobody is there, and no loopback address leads there.
const BLACK_HOLE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// A port that no test and hardly anybody else has.
const NOBODY: u16 = 9;

async fn socket<R: Runtime>() -> (R::Datagrams, SocketAddr) {
    let mut options = DatagramOptions::new((Ipv4Addr::LOCALHOST, 0).into());
    options.receive_buffer = Some(1 << 20);
    let socket = R::bind_datagrams(&options).await.unwrap();
    let address = socket.local_address().unwrap();
    (socket, address)
}

/// A burst of two senders arrives once, and that of each in order.
pub async fn a_burst_arrives_once_and_in_order<R: Runtime>() {
    let (receiver, at) = socket::<R>().await;
    let senders = [socket::<R>().await, socket::<R>().await];
    for round in 0..5_usize {
        let mut expected: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for number in 0..BURST {
            // Now and then by turns, now and then some of one behind another.
            let (sender, from) = &senders[usize::from(number % (round + 2) == 0)];
            let bytes = [round as u8, number as u8];
            sender.send(&bytes, at, None).await.unwrap();
            expected.entry(*from).or_default().push(bytes.to_vec());
        }
        let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for _ in 0..BURST {
            let mut buffer = BytesMut::new();
            let received = receiver.receive(&mut buffer).await.unwrap();
            assert_eq!(received.len, buffer.len());
            found
                .entry(received.from)
                .or_default()
                .push(buffer.to_vec());
        }
        assert_eq!(found, expected);
        assert_eq!(receiver.try_receive(&mut BytesMut::new()).unwrap(), None);
    }
}

/// Datagrams of all lengths come whole, one behind another.
pub async fn a_burst_of_all_lengths_arrives_whole<R: Runtime>() {
    // Together less than what the system keeps.
    const LENGTHS: [usize; 10] = [1, 65_507, 0, 100, 2048, 2049, 40_000, 3, 20_000, 8192];
    let (receiver, at) = socket::<R>().await;
    let (sender, from) = socket::<R>().await;
    for round in 0..10_usize {
        // Short ones before, so that as many as ever are received at once.
        let short = std::iter::repeat_n(8, 70 * (round % 2));
        let lengths: Vec<_> = short.chain(LENGTHS).collect();
        let bytes = |number: usize, len| vec![(number + round) as u8; len];
        for (number, len) in lengths.iter().enumerate() {
            let sent = sender.send(&bytes(number, *len), at, None).await;
            assert_eq!(sent.unwrap(), *len);
        }
        for (number, len) in lengths.iter().enumerate() {
            let mut buffer = BytesMut::new();
            let received = receiver.receive(&mut buffer).await.unwrap();
            assert_eq!((received.len, received.from), (*len, from));
            assert_eq!(buffer, bytes(number, *len));
        }
    }
}

/// A node that echoes, of a socket with any address.
async fn echo<R: Runtime>(ip: Ipv4Addr) -> UdpNode<R> {
    let node = UdpNode::<R>::builder().no_group().ignore_own_ip(false);
    let node = node.on((REQUEST_URI, "echo"), |content: Content| content);
    node.on((REQUEST_URI, "later"), |content: Content| async move {
        super::support::yield_times(1).await;
        content
    })
    .bind(SocketAddr::from((ip, 0)))
    .await
    .unwrap()
}

/// Each of the answers to a burst leaves from the address where its question came to, once.
pub async fn answers_to_a_burst_leave_from_where_they_were_asked<R: Runtime>() {
    let node = echo::<R>(Ipv4Addr::UNSPECIFIED).await;
    let port = node.local_addr().port();
    let last = if cfg!(target_os = "linux") { 4 } else { 1 };
    let (raw, _) = socket::<R>().await;
    for uri in ["echo", "later"] {
        let mut asked = BTreeMap::new();
        for number in 0..100_u16 {
            // Some at one address behind one another, some by turns.
            let ip = Ipv4Addr::new(127, 0, 0, 1 + (number * number / 20) as u8 % last);
            let question = frame(REQUEST_URI, uri, number.to_string());
            raw.send(&question, (ip, port).into(), None).await.unwrap();
            asked.insert(number.to_string().into_bytes(), IpAddr::from(ip));
        }
        while !asked.is_empty() {
            let mut buffer = BytesMut::new();
            let received = raw.receive(&mut buffer).await.unwrap();
            let wire = Wire::default();
            let answer = Frame::from_datagram(&wire, buffer).unwrap();
            let answer = answer.decode(&wire).unwrap().into_message();
            let at = asked.remove(&answer.content[..]);
            assert_eq!(
                at,
                Some(received.from.ip()),
                "it is answered once, from there"
            );
        }
    }
}

/// Sends numbers to an address all at once, with others to where none can go between them, and
/// sees that the former arrive in order and that the latter are told.
async fn some_of_a_burst_cannot_leave<R: Runtime>() {
    let node = UdpNode::<R>::builder().no_group().bind("127.0.0.1:0").await;
    let node = node.unwrap();
    let mut events = node.events();
    let sink = RawNode::<R>::new().await;
    let nowhere = SocketAddr::from((BLACK_HOLE, NOBODY));
    // Publishing queues for all subscribers at once, in one order.
    let publisher = node.publisher();
    for to in [nowhere, sink.address()] {
        publisher.subscribe("u", node.remote(to)).unwrap();
    }
    for number in 0..BURST {
        let message = Message::notify("u", number.to_string());
        assert_eq!(publisher.notify("u", &message).unwrap().lost(), 0);
    }
    for number in 0..BURST {
        assert_eq!(sink.receive().await.content, number.to_string());
    }
    for _ in 0..BURST {
        let event = events.next().await.unwrap();
        assert!(
            matches!(event, UdpEvent::NotSent { remote, .. } if remote == nowhere),
            "{event:?}"
        );
    }
    assert_eq!(
        node.metrics().datagrams.not_sent,
        u64::try_from(BURST).unwrap()
    );
}

/// What cannot leave, in the middle of a burst, is told of each; all others arrive, once and in
/// order.
pub async fn what_cannot_leave_keeps_no_other<R: Runtime>() {
    // Others may have a way there.
    if cfg!(target_os = "linux") {
        some_of_a_burst_cannot_leave::<R>().await;
    }
}

/// The same where the system takes a part of what there is at a time, and reports errors of
/// earlier datagrams.
pub async fn a_part_of_a_burst_is_taken<R: Runtime>() {
    if cfg!(target_os = "linux") {
        some_of_a_burst_cannot_leave::<Narrow<R>>().await;
    }
    let asker = bind_node(UdpNode::<Narrow<R>>::builder()).await;
    let other = echo::<Narrow<R>>(Ipv4Addr::LOCALHOST).await;
    let requests = (0..BURST).map(|number| {
        let (asker, to) = (asker.clone(), other.local_addr());
        async move {
            let request = asker.request(to, "echo").content(number.to_string());
            request.timeout(NEVER).await
        }
    });
    for (number, answer) in spawn_all::<R, _>(requests).await.into_iter().enumerate() {
        assert_eq!(answer.unwrap().content, number.to_string());
    }
    assert_eq!(asker.metrics().datagrams.not_sent, 0);
}

/// Requests to nobody, in a burst with others, fail one by one; all others are answered.
pub async fn what_nobody_receives_costs_no_other<R: Runtime>() {
    if !cfg!(any(target_os = "android", target_os = "linux")) {
        return;
    }
    let (asker, other) = (plain_node::<R>().await, plain_node::<R>().await);
    let quick = |content: Content| content;
    other.on((REQUEST_URI, "quick"), quick, none()).unwrap();
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, NOBODY));
    // As many as the core lets wait for one address and uri.
    let requests = (0..60_usize).map(|number| {
        let is_lost = number % 4 == 1;
        let to = if is_lost { nobody } else { other.local_addr() };
        let asker = asker.clone();
        async move {
            let request = asker.request(to, "quick").content(number.to_string());
            (is_lost, number, request.timeout(NEVER).await)
        }
    });
    for (is_lost, number, answer) in spawn_all::<R, _>(requests).await {
        match is_lost {
            true => {
                let error = answer.unwrap_err();
                assert!(matches!(&error, RequestError::Undelivered(_)), "{error}");
            }
            false => assert_eq!(answer.unwrap().content, number.to_string()),
        }
    }
    assert_eq!(
        (
            asker.metrics().datagrams.undelivered,
            asker.metrics().datagrams.not_sent
        ),
        (15, 0)
    );
}
