//! Datagrams from strangers: what is wrong with them, what is answered, and that
//! it comes to an end.

use std::sync::Arc;
use std::time::Instant;

use netaio_driver::core::plugin::{
    CipherPlugin, DefaultPeerPlugin, FieldNames, OpenContext, PeerPlugin, SealContext,
};
use netaio_driver::core::types::*;
use netaio_driver::core::{
    AuthErrorReply, AuthFields, AuthView, DecryptFailure, FailedCheck, Limits, ManagementConfig,
    Message, MessageTypes, Payload, Peer, SealError,
};
use netaio_driver::{Content, Runtime, UdpNode};

use super::layers::hmac;
use super::raw::{frame, frame_of, frame_with_bad_checksum};
use super::raw_node::{RawNode, bind_node, plain_node};
use super::support::{assert_message, yield_times};

/// The introduction of a peer with so much data.
fn packed(id: &'static str, data: usize) -> Vec<u8> {
    let peer = Peer::new(id).with_data(vec![0; data]);
    DefaultPeerPlugin.pack(&peer).unwrap()
}

/// What a node answers by itself to one address is little; what is not sent is
/// counted, and a handler's own answers are not.
pub async fn the_default_answers_to_a_stranger_are_few<R: Runtime>() {
    const REQUESTS: usize = 100;
    const RATE: u64 = 10;
    let node = bind_node(UdpNode::<R>::builder().on((REQUEST_URI, "known"), || "k")).await;
    let raw = RawNode::<R>::new().await;
    let begun = Instant::now();
    for _ in 0..REQUESTS {
        raw.send(&frame(REQUEST_URI, "unknown", ""), node.local_addr())
            .await;
    }
    raw.send(&frame(REQUEST_URI, "known", ""), node.local_addr())
        .await;
    let mut answers = 0;
    loop {
        let answer = raw.receive().await;
        if answer.message_type == RESPOND_URI {
            break;
        }
        assert_message(&answer, NOT_FOUND, "ERROR", "not found");
        answers += 1;
    }
    let counters = node.metrics().datagrams;
    assert_eq!(counters.received, REQUESTS as u64 + 1);
    assert_eq!(answers + counters.suppressed.per_ip, REQUESTS as u64);
    // As many as there are in a second, and those that the time it took allows.
    let allowed = RATE + begun.elapsed().as_secs_f64().mul_add(RATE as f64, 1.0) as u64;
    assert!((RATE..=allowed).contains(&answers), "{answers} answers");
}

/// What handlers answer has another budget, and so has what they answer by failing.
pub async fn handlers_have_a_budget_of_their_own<R: Runtime>() {
    let limits = Limits::default().with_unverified_replies(0).unwrap();
    let node = UdpNode::<R>::builder()
        .limits(limits)
        .on(REQUEST_URI, |content: Content| content)
        .on(CREATE_URI, || async { vec![0u8; 1 << 20] })
        .default_handler(|| "default");
    let node = bind_node(node).await;
    let raw = RawNode::<R>::new().await;
    for (kind, expected) in [
        (REQUEST_URI, RESPOND_URI),
        (CREATE_URI, ERROR),
        (PUBLISH_URI, OK),
    ] {
        for _ in 0..50 {
            raw.send(&frame(kind, "u", "x"), node.local_addr()).await;
            assert_eq!(raw.receive().await.message_type, expected);
        }
    }
    assert_eq!(node.metrics().datagrams.suppressed, Default::default());
}

/// Without a budget nothing is answered to strangers, and everything is counted.
pub async fn without_a_budget_strangers_hear_nothing<R: Runtime>() {
    let limits = Limits::default().with_unverified_replies_per_ip(0).unwrap();
    let node = UdpNode::<R>::builder()
        .limits(limits)
        .local_peer(Peer::new("node"))
        .manage_peers(ManagementConfig::new())
        .on(CREATE_URI, || "never")
        .inner_auth(hmac("secret"))
        .on((REQUEST_URI, "known"), || "k");
    let node = bind_node(node).await;
    let raw = RawNode::<R>::new().await;
    for datagram in [
        frame(REQUEST_URI, "unknown", ""),
        frame_with_bad_checksum(REQUEST_URI, "known"),
        frame(CREATE_URI, "u", ""),
        frame(ADVERTISE_PEER, "netaio", packed("stranger", 0)),
        frame(REQUEST_URI, "known", ""),
    ] {
        raw.send(&datagram, node.local_addr()).await;
    }
    assert_message(&raw.receive().await, RESPOND_URI, "known", "k");
    let counters = node.metrics().datagrams;
    assert_eq!(counters.suppressed.per_ip, 4);
    assert_eq!((counters.malformed, counters.refused), (1, 1));
    // The introduction was none the less taken.
    assert!(node.peers().get("stranger").is_some());
}

/// A cipher that encrypts nothing, and refuses what says that something was not
/// found.
struct Picky;

impl CipherPlugin for Picky {
    fn encrypt(
        &self,
        payload: &mut Payload,
        _: &mut AuthFields,
        _: usize,
        _: &mut SealContext<'_>,
    ) -> Result<(), SealError> {
        match payload.content() {
            b"not found" => Err(SealError::Plugin("picky")),
            _ => Ok(()),
        }
    }

    fn decrypt(
        &self,
        _: &mut Payload,
        _: AuthView<'_>,
        _: &OpenContext<'_>,
    ) -> Result<(), DecryptFailure> {
        Ok(())
    }

    fn fields(&self) -> FieldNames<'_> {
        FieldNames::default()
    }

    fn encrypts_uri(&self) -> bool {
        false
    }
}

/// What stands in for an answer of the node's own that cannot be sent has the same
/// budget.
pub async fn what_stands_in_for_an_answer_has_its_budget<R: Runtime>() {
    for budget in [10, 0] {
        let limits = Limits::default().with_unverified_replies(budget).unwrap();
        let node = UdpNode::<R>::builder()
            .limits(limits.with_amplification(10).unwrap())
            .cipher(Picky)
            .on((REQUEST_URI, "known"), || "k");
        let node = bind_node(node).await;
        let raw = RawNode::<R>::new().await;
        for uri in ["unknown", "known"] {
            raw.send(&frame(REQUEST_URI, uri, ""), node.local_addr())
                .await;
        }
        if budget > 0 {
            let text = "the reply could not be sent: picky";
            assert_message(&raw.receive().await, ERROR, "unknown", text);
        }
        assert_message(&raw.receive().await, RESPOND_URI, "known", "k");
        assert_eq!(
            node.metrics().datagrams.suppressed.all,
            u64::from(budget == 0)
        );
    }
}

/// Who passes an auth check may have recorded it, and is a stranger all the same; who repeats
/// a cookie is none.
pub async fn a_secret_lifts_no_budget_and_a_cookie_does<R: Runtime>() {
    let sealed = || UdpNode::<R>::builder().auth(hmac("secret"));
    let node = bind_node(sealed()).await;
    let asking = bind_node(sealed()).await;
    for _ in 0..50 {
        let answer = asking.request(node.local_addr(), "u").await.unwrap();
        assert_message(&answer, NOT_FOUND, "ERROR", "not found");
    }
    assert_eq!(node.metrics().datagrams.suppressed, Default::default());

    let limits = Limits::default().with_unverified_replies(0).unwrap();
    let node = bind_node(sealed().limits(limits)).await;
    for _ in 0..50 {
        asking
            .send(node.local_addr(), Message::request("u"))
            .await
            .unwrap();
    }
    while node.metrics().datagrams.received < 50 {
        yield_times(1).await;
    }
    assert_eq!(node.metrics().datagrams.suppressed.all, 50);
}

/// Messages that ask for nothing are not answered where there is no handler, so
/// that two nodes never keep each other busy.
pub async fn stray_answers_are_not_answered<R: Runtime>() {
    let (one, two) = (
        plain_node::<R>().await,
        bind_node(UdpNode::<R>::builder().on(REQUEST_URI, || "here")).await,
    );
    let types = MessageTypes::base();
    let mut strays = 0;
    for kind in types.iter() {
        if matches!(kind.value(), 0 | 2..=7) {
            continue;
        }
        one.send(two.local_addr(), Message::new(kind, "u", "stray"))
            .await
            .unwrap();
        strays += 1;
    }
    assert_eq!(strays, types.iter().count() - 7);
    let answer = one.request(two.local_addr(), "u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
    // What it got is the answer, and nothing else.
    assert_eq!(one.metrics().datagrams.received, 1);
    assert_eq!(two.metrics().datagrams.received, strays as u64 + 1);
}

/// Two nodes with different secrets refuse each other once, and fall silent,
/// although both tell it in their own words.
pub async fn nodes_that_refuse_each_other_fall_silent<R: Runtime>() {
    let words = |_: FailedCheck| Some(Message::not_permitted("", "who are you?"));
    let node = |secret| {
        UdpNode::<R>::builder()
            .auth(hmac(secret))
            .auth_error(AuthErrorReply::Handler(Arc::new(words)))
    };
    let (one, two) = (bind_node(node("one")).await, bind_node(node("two")).await);
    one.send(two.local_addr(), Message::request("u"))
        .await
        .unwrap();
    while one.metrics().datagrams.refused == 0 {
        yield_times(1).await;
    }
    // Both have done what they do about it once a friend has its answer.
    for (node, secret) in [(&one, "one"), (&two, "two")] {
        let friend = bind_node(UdpNode::<R>::builder().auth(hmac(secret))).await;
        let answer = friend.request(node.local_addr(), "u").await.unwrap();
        assert_message(&answer, NOT_FOUND, "ERROR", "not found");
        assert_eq!(node.metrics().datagrams.received, 2);
    }
}

/// A datagram that is cut short is refused, even where the checksum of what is
/// there fits; bytes behind a frame are ignored.
pub async fn short_datagrams_are_refused_and_long_ones_taken<R: Runtime>() {
    let node = bind_node(UdpNode::<R>::builder().on(REQUEST_URI, |content: Content| content)).await;
    let raw = RawNode::<R>::new().await;
    let whole = frame(REQUEST_URI, "u", "content");
    for len in 0..whole.len() {
        raw.send(&whole[..len], node.local_addr()).await;
    }
    // It announces one byte more than it has.
    let mut fits = whole.clone();
    fits[4] += 1;
    raw.send(&fits, node.local_addr()).await;
    let twice = [&whole[..], &whole].concat();
    raw.send(&twice, node.local_addr()).await;
    raw.send(&whole, node.local_addr()).await;
    for _ in 0..2 {
        assert_message(&raw.receive().await, RESPOND_URI, "u", "content");
    }
    let counters = node.metrics().datagrams;
    assert_eq!(counters.malformed, whole.len() as u64 + 1);
    assert_eq!(counters.received, whole.len() as u64 + 3);
}

/// What is no frame is dropped without a word, and counted; a missing auth
/// section counts as an empty one.
pub async fn garbage_is_dropped<R: Runtime>() {
    let node = bind_node(UdpNode::<R>::builder().on(REQUEST_URI, |content: Content| content)).await;
    let raw = RawNode::<R>::new().await;
    let good = frame(REQUEST_URI, "u", "x");
    let changed = |at: usize, bytes: &[u8]| {
        let mut frame = good.clone();
        frame[at..at + bytes.len()].copy_from_slice(bytes);
        frame
    };
    let garbage = [
        vec![0xff; 64],
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        frame_of(14, b"u", b"x", 0),
        changed(1, &[0xff, 0xff]),
        changed(9, &[0xff; 3]),
        changed(9, &[0x4a, 0x40, 0x00]),
        changed(3, &[0, 1]),
        changed(12, &[0xff, 0xff]),
    ];
    let number = garbage.len() as u64;
    for datagram in garbage {
        raw.send(&datagram, node.local_addr()).await;
    }
    let mut bare = good.clone();
    bare[2] = 0;
    bare.drain(9..12);
    raw.send(&bare, node.local_addr()).await;
    let mut answers = Vec::new();
    while answers.last().is_none_or(|kind| *kind != RESPOND_URI) {
        answers.push(raw.receive().await.message_type);
    }
    // Where the checksum is wrong besides, that is told.
    assert!(
        answers[..answers.len() - 1]
            .iter()
            .all(|kind| *kind == ERROR)
    );
    assert_eq!(node.metrics().datagrams.malformed, number);
}

/// A bad checksum is told to whoever sent it, with no plugin applied, in words
/// that can be chosen.
pub async fn a_bad_checksum_is_told_unsealed<R: Runtime>() {
    let plain = UdpNode::<R>::builder();
    let own = UdpNode::<R>::builder()
        .auth(hmac("secret"))
        .error_message(|text| Message::error("checksum", format!("damaged: {text}")));
    let raw = RawNode::<R>::new().await;
    for (builder, uri, text) in [
        (plain, "ERROR", "invalid message"),
        (own, "checksum", "damaged: invalid message"),
    ] {
        let node = bind_node(builder.on(REQUEST_URI, || "never")).await;
        raw.send(
            &frame_with_bad_checksum(REQUEST_URI, "a longer uri"),
            node.local_addr(),
        )
        .await;
        let told = raw.receive().await;
        assert_message(&told, ERROR, uri, text);
        assert!(told.auth.is_empty());
    }
}

/// What strangers ask for is not answered with much more than they sent.
pub async fn answers_to_strangers_are_no_longer_than_they_may_be<R: Runtime>() {
    let node = UdpNode::<R>::builder()
        .local_peer(Peer::new("node").with_data(vec![0; 1000]))
        .manage_peers(ManagementConfig::new())
        .on((REQUEST_URI, "known"), || "k");
    let node = bind_node(node).await;
    let raw = RawNode::<R>::new().await;
    let introduction = |padding| frame(ADVERTISE_PEER, "netaio", packed("raw", padding));
    raw.send(&introduction(0), node.local_addr()).await;
    raw.send(&frame(REQUEST_URI, "known", ""), node.local_addr())
        .await;
    assert_message(&raw.receive().await, RESPOND_URI, "known", "k");
    assert_eq!(node.metrics().datagrams.suppressed.amplified, 1);
    raw.send(&introduction(1000), node.local_addr()).await;
    assert_eq!(raw.receive().await.message_type, PEER_DISCOVERED);
    assert_eq!(node.metrics().datagrams.suppressed.amplified, 1);
}
