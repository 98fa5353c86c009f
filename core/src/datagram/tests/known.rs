//! Who is remembered, vouched for and understood.

use super::*;

#[test]
fn no_more_of_those_who_repeat_ids_are_remembered_than_peers() {
    let limits = Limits::default()
        .with_peers(1)
        .and_then(|limits| limits.with_pending_requests(1))
        .unwrap();
    let wire = Wire {
        limits,
        ..Wire::default()
    };
    let mut node = with_config(LinkConfig::new(Role::Node).with_wire(wire));
    let options = RequestOptions::new().with_correlation(true);
    let ask = |node: &mut DatagramLink, to| {
        let asked = node.request(NOON, at(to), &Message::request("u"), &options);
        asked.map(|id| (id, sent(node).remove(0).1))
    };
    let mut other = link(Layer::new());
    for to in [1, 2] {
        let (_, request) = ask(&mut node, to).unwrap();
        other.receive(NOON, at(9), BytesMut::from(&request[..]));
        let Dispatched::Unrouted { reply, .. } = message(&mut other) else {
            panic!("there is no handler");
        };
        let answer = Message::respond_uri("u", "");
        other.reply(NOON, &reply, &answer).unwrap();
        let (_, answer) = sent(&mut other).remove(0);
        node.receive(NOON, at(to), BytesMut::from(&answer[..]));
        let ended = events(&mut node);
        assert!(matches!(ended[..], [DatagramEvent::Answered { .. }]));
    }
    // The late answer of one that repeats ids is known by its id; the other's is
    // waited for.
    let (cancelled, _) = ask(&mut node, 1).unwrap();
    node.cancel(cancelled);
    let (cancelled, _) = ask(&mut node, 2).unwrap();
    node.cancel(cancelled);
    let refused = ask(&mut node, 1).unwrap_err();
    assert_eq!(refused, SendError::TooManyRequests { max: 1 });
}

#[test]
fn an_answer_with_an_id_that_comes_too_late_is_told_of() {
    let (mut node, mut other) = (link(Layer::new()), link(Layer::new()));
    let options = RequestOptions::new().with_correlation(true);
    let request = Message::request("u");
    let late = node.request(NOON, at(1), &request, &options).unwrap();
    let (_, datagram) = sent(&mut node).remove(0);
    other.receive(NOON, at(9), BytesMut::from(&datagram[..]));
    let Dispatched::Unrouted { reply, .. } = message(&mut other) else {
        panic!("there is no handler");
    };
    let ended = Now::new(NOON.monotonic + options.timeout(), NOON.unix);
    node.handle_timeout(ended);
    match &events(&mut node)[..] {
        [DatagramEvent::Failed { request, .. }] => assert_eq!(*request, late),
        other => panic!("{other:?}"),
    }
    node.request(ended, at(1), &request, &options).unwrap();
    let answer = Message::respond_uri("u", "");
    other.reply(NOON, &reply, &answer).unwrap();
    let (_, answer) = sent(&mut other).remove(0);
    node.receive(ended, at(1), BytesMut::from(&answer[..]));
    let unawaited = Refusal::Unawaited {
        message_type: types::RESPOND_URI,
    };
    match &events(&mut node)[..] {
        [DatagramEvent::Refused { remote, refusal }] => {
            assert_eq!((*remote, refusal), (at(1), &unawaited));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((node.pending_requests(), node.counters().refused), (1, 0));
}

#[test]
fn who_passed_the_inner_layer_alone_is_verified_too() {
    let mut node = link(Layer::new());
    let mut handlers = Node::new();
    handlers.on((types::REQUEST_URI, "open"), (), Layer::new());
    handlers.on((types::REQUEST_URI, "closed"), (), hmac("secret"));
    for (uri, inner, verified) in [
        ("open", Layer::new(), false),
        ("closed", hmac("secret"), true),
    ] {
        let mut other = link(Layer::new());
        let options = SendOptions::new().with_inner(inner);
        other
            .send(NOON, at(9), &Message::request(uri), &options)
            .unwrap();
        let (_, datagram) = sent(&mut other).remove(0);
        node.receive(NOON, at(1), BytesMut::from(&datagram[..]));
        let Some(DatagramEvent::Message(inbound)) = node.poll_event() else {
            panic!("no message");
        };
        let Dispatched::Call { reply, .. } = node.dispatch(NOON, inbound, &mut handlers) else {
            panic!("no call of {uri}");
        };
        assert_eq!(reply.is_verified(), verified, "{uri}");
    }
}

#[cfg(feature = "x25519")]
#[test]
fn a_directory_tells_by_the_address_who_can_be_understood() {
    use crate::error::{DecryptFailure, OpenError};
    use crate::plugin::{KnownPeers, Peer, PeerDirectory, X25519Cipher};

    fn cipher(number: u8) -> X25519Cipher {
        X25519Cipher::from_seed([number; 32])
    }

    /// Knows the nodes at some addresses.
    struct Knows(&'static [u8]);

    impl PeerDirectory for Knows {
        fn look_up(&self, remote: Option<SocketAddr>) -> KnownPeers {
            let known = self.0.iter().find(|number| remote == Some(at(**number)));
            let peer = |number: &u8| Peer::new("id").with_data(cipher(*number).peer_data());
            KnownPeers {
                remote: known.map(peer),
                ..KnownPeers::default()
            }
        }
    }

    let node = |number, knows| {
        let node = link(Layer::new().with_cipher(cipher(number)));
        node.with_directory(Arc::new(Knows(knows)))
    };
    let (mut one, mut two, mut three) = (node(1, &[2]), node(2, &[1]), node(3, &[2]));
    let told = Message::notify("u", "content");
    let tell = |from: &mut DatagramLink| {
        let options = SendOptions::new();
        from.send(NOON, at(2), &told, &options).unwrap();
        let (to, datagram) = sent(from).remove(0);
        assert_eq!(to, at(2));
        BytesMut::from(&datagram[..])
    };
    two.receive(NOON, at(1), tell(&mut one));
    match message(&mut two) {
        Dispatched::Unrouted { message, .. } => assert_eq!(message.content, told.content),
        other => panic!("{other:?}"),
    }
    two.receive(NOON, at(3), tell(&mut three));
    let unknown = Refusal::Open {
        message_type: types::NOTIFY_URI,
        error: OpenError::Decrypt(DecryptFailure::NoPeer),
    };
    match &events(&mut two)[..] {
        [DatagramEvent::Refused { remote, refusal }] => {
            assert_eq!((*remote, refusal), (at(3), &unknown));
        }
        other => panic!("{other:?}"),
    }
    let refused = two.send(NOON, at(3), &told, &SendOptions::new());
    let no_peer = SealError::NoPeer("X25519Cipher");
    assert_eq!(refused, Err(SendError::Seal(no_peer)));
    assert_eq!((two.config().role, two.queued()), (Role::Node, 0));
}
