//! Who is remembered, vouched for and understood.

use super::*;

#[test]
fn no_more_of_those_who_repeat_ids_are_remembered_than_peers() {
    let limits = Limits::default().with_peers(1).unwrap();
    let mut node = with_config(limited(limits));
    let options = RequestOptions::new().with_correlation(true);
    let ask = |node: &mut End, to| {
        let asked = node.request(NOON, at(to), &Message::request("u"), &options);
        asked.map(|id| (id, node.sent().remove(0).1))
    };
    let mut other = end(Layer::new());
    other.node.on(types::REQUEST_URI, (), Layer::new()).unwrap();
    for to in [1, 2] {
        let (_, request) = ask(&mut node, to).unwrap();
        other.receive(NOON, at(9), request);
        let call = other.call(NOON);
        other.reply(NOON, call, Message::respond_uri("u", ""));
        let (_, answer) = other.sent().remove(0);
        node.receive(NOON, at(to), answer);
        let ended = node.events(NOON);
        assert!(matches!(ended[..], [DatagramEvent::Answered { .. }]));
    }
    // The late answer of one that repeats ids is known by its id; the other's has its
    // place kept.
    let (cancelled, _) = ask(&mut node, 1).unwrap();
    node.link.cancel(cancelled);
    assert_eq!(node.deadline(), None);
    let (cancelled, _) = ask(&mut node, 2).unwrap();
    node.link.cancel(cancelled);
    let kept = NOON.monotonic + 2 * options.timeout();
    assert_eq!(node.deadline(), Some((kept, DeadlineReason::Request)));
}

#[test]
fn an_answer_with_an_id_that_comes_too_late_is_told_of() {
    let (mut node, mut other) = (end(Layer::new()), end(Layer::new()));
    other.node.on(types::REQUEST_URI, (), Layer::new()).unwrap();
    let options = RequestOptions::new().with_correlation(true);
    let request = Message::request("u");
    let late = node.request(NOON, at(1), &request, &options).unwrap();
    let (_, datagram) = node.sent().remove(0);
    other.receive(NOON, at(9), datagram);
    let call = other.call(NOON);
    let ended = after(NOON, options.timeout());
    match &node.events(ended)[..] {
        [DatagramEvent::Failed { request, .. }] => assert_eq!(*request, late),
        other => panic!("{other:?}"),
    }
    node.request(ended, at(1), &request, &options).unwrap();
    other.reply(NOON, call, Message::respond_uri("u", ""));
    let (_, answer) = other.sent().remove(0);
    node.receive(ended, at(1), answer);
    let unawaited = Refusal::Unawaited {
        message_type: types::RESPOND_URI,
    };
    match &node.events(ended)[..] {
        [DatagramEvent::Refused { remote, refusal }] => {
            assert_eq!((*remote, refusal), (at(1), &unawaited));
        }
        other => panic!("{other:?}"),
    }
    let link = &node.link;
    assert_eq!((link.pending_requests(), link.counters().refused), (1, 0));
}

#[test]
fn who_passed_the_inner_layer_alone_is_verified_too() {
    let mut node = end(Layer::new());
    let keys = ["open", "closed"].map(|uri| (types::REQUEST_URI, uri));
    node.node.on(keys[0], (), Layer::new()).unwrap();
    node.node.on(keys[1], (), hmac("secret")).unwrap();
    for (uri, inner, verified) in [
        ("open", Layer::new(), false),
        ("closed", hmac("secret"), true),
    ] {
        let mut other = end(Layer::new());
        let options = SendOptions::new().with_inner(inner);
        let request = Message::request(uri);
        other.send_with(at(9), &request, &options).unwrap();
        let (_, datagram) = other.sent().remove(0);
        node.receive(NOON, at(1), datagram);
        let call = node.call(NOON);
        assert_eq!(call.is_verified(), verified, "{uri}");
        assert_eq!((call.remote(), call.link()), (Some(at(1)), None));
        node.reply(NOON, call, None);
    }
}

#[cfg(feature = "x25519")]
#[test]
fn a_node_tells_by_the_address_who_can_be_understood() {
    use crate::error::{DecryptFailure, OpenError};
    use crate::place::Place;
    use crate::plugin::{Peer, X25519Cipher};

    fn cipher(number: u8) -> X25519Cipher {
        X25519Cipher::from_seed([number; 32])
    }

    // Each knows one other, and where it is.
    let node = |number, known: u8| {
        let mut end = end(Layer::new().with_cipher(cipher(number)));
        let peer = Peer::new("id").with_data(cipher(known).peer_data());
        let place = Place::Datagram(at(known));
        end.node.update_peer(NOON, peer, place).unwrap();
        end
    };
    let (mut one, mut two, mut three) = (node(1, 2), node(2, 1), node(3, 2));
    let told = Message::notify("u", "content");
    let tell = |from: &mut End| {
        from.send(at(2), &told).unwrap();
        let (to, datagram) = from.sent().remove(0);
        assert_eq!(to, at(2));
        datagram
    };
    two.receive(NOON, at(1), tell(&mut one));
    assert_eq!(two.message().content, told.content);
    two.receive(NOON, at(3), tell(&mut three));
    let unknown = Refusal::Open {
        message_type: types::NOTIFY_URI,
        error: OpenError::Decrypt(DecryptFailure::NoPeer),
    };
    match &two.events(NOON)[..] {
        [DatagramEvent::Refused { remote, refusal }] => {
            assert_eq!((*remote, refusal), (at(3), &unknown));
        }
        other => panic!("{other:?}"),
    }
    let refused = two.send(at(3), &told);
    let no_peer = SealError::NoPeer("X25519Cipher");
    assert_eq!(refused, Err(SendError::Seal(no_peer)));
    assert_eq!(two.link.queued(), 0);
}

#[test]
fn one_request_too_many_waits_for_a_place() {
    let limits = Limits::default().with_pending_requests(1).unwrap();
    let mut node = with_config(limited(limits));
    let ask = |node: &mut End, to, options: &RequestOptions| {
        node.request(NOON, at(to), &Message::request("u"), options)
    };
    let options = RequestOptions::new();
    let first = ask(&mut node, 1, &options).unwrap();
    let second = ask(&mut node, 2, &options).unwrap();
    let refused = ask(&mut node, 3, &options.clone().fail_fast()).unwrap_err();
    assert_eq!(refused, SendError::TooManyRequests { max: 1 });
    assert!(node.events(NOON).is_empty());
    assert_eq!(node.sent().len(), 1);
    let answer = datagram(&Layer::new(), &Message::respond_uri("u", ""));
    // Nothing answers what was not sent.
    node.receive(NOON, at(2), answer.clone());
    assert!(matches!(
        node.events(NOON)[..],
        [] | [DatagramEvent::Message { .. }]
    ));
    node.receive(NOON, at(1), answer.clone());
    let ended = node.events(NOON);
    assert!(matches!(ended[..], [DatagramEvent::Answered { request, .. }] if request == first));
    assert!(matches!(node.sent()[..], [(to, _)] if to == at(2)));
    node.receive(NOON, at(2), answer);
    let ended = node.events(NOON);
    assert!(matches!(ended[..], [DatagramEvent::Answered { request, .. }] if request == second));
}
