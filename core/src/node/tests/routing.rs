//! Handlers, and messages without one.

use alloc::sync::Arc;
use core::net::SocketAddr;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::super::{LastRoute, Routing};
use super::*;
use crate::error::LayerError;
use crate::place::Place;
use crate::shared::{Destination, SharedNode};

fn server(node: &mut Node<u8>, message: &Message) -> (Vec<LinkEvent<u8>>, Vec<u8>) {
    let mut link = node.accept(NOON, None, generator(1)).unwrap();
    link.receive(NOON, &frame(message)).unwrap();
    let events = poll(&mut link, node, NOON);
    (events, written(&mut link))
}

#[test]
fn a_message_without_a_handler_goes_where_it_is_to_go() {
    let mut node = Node::for_streams(LinkConfig::new());
    let message = Message::request("u");
    let (events, answer) = server(&mut node, &message);
    let not_found = frame(&Message::not_found("", "not found"));
    assert!(matches!(
        &events[..],
        [LinkEvent::Unrouted { message_type: types::REQUEST_URI, uri }] if uri == "u"
    ));
    assert_eq!(answer, not_found);

    node.set_unrouted(Unrouted::Handler(7));
    let (mut events, answer) = server(&mut node, &message);
    assert!(matches!(events[..], [LinkEvent::Call { handler: 7, .. }]));
    assert_eq!(answer, []);
    events.clear();

    node.set_unrouted(Unrouted::Deliver);
    let (events, answer) = server(&mut node, &message);
    assert!(matches!(&events[..], [LinkEvent::Message(it)] if *it == message));
    assert_eq!(answer, []);
}

#[test]
fn answers_and_notifications_are_not_answered_by_the_node() {
    let mut node = Node::for_streams(LinkConfig::new());
    for message in [
        Message::notify("u", ""),
        Message::ok("u", ""),
        Message::not_found("", "not found"),
        Message::error("u", ""),
    ] {
        let (events, answer) = server(&mut node, &message);
        assert!(
            matches!(&events[..], [LinkEvent::Unrouted { message_type, .. }]
                if *message_type == message.message_type)
        );
        assert_eq!(answer.len(), 0, "{message:?}");
    }
}

#[test]
fn layers_that_clash_or_hide_the_uri_are_refused_with_their_handler() {
    let config = LinkConfig::new().with_outer(hmac("outer"));
    let mut node = Node::for_streams(config);
    let hides = Layer::new().with_cipher(Sha256StreamCipher::new("key"));
    for (inner, expected) in [
        (hmac("inner"), LayerError::FieldClash("hmac".into())),
        (hides, LayerError::HiddenUri),
    ] {
        let key = || (types::REQUEST_URI, "u");
        assert_eq!(
            node.on(key(), 1, inner.clone()),
            Err(expected.clone().into())
        );
        assert_eq!(node.once(key(), 1, inner), Err(expected.into()));
        assert_eq!((node.remove(key()), node.remove_once(key())), (None, None));
    }
    // By its type alone a message is found whatever its uri.
    let hides = Layer::new().with_cipher(Sha256StreamCipher::new("key"));
    assert_eq!(node.on(types::CREATE_URI, 1, hides), Ok(None));
    let fits = Layer::new().with_auth(HmacAuth::new("inner").with_hmac_field("camh"));
    assert_eq!(node.on(types::REQUEST_URI, 1, fits.clone()), Ok(None));
    // One that takes its place is no addition.
    assert_eq!(node.on(types::REQUEST_URI, 2, fits), Ok(Some(1)));
    assert_eq!(node.remove(types::REQUEST_URI), Some(2));
}

#[test]
fn handlers_beside_the_node_say_that_they_are_stale() {
    let mut node = Node::for_streams(LinkConfig::new());
    let place = Place::Datagram(([127, 0, 0, 1], 1).into());
    let handler =
        |routing: &Routing<u8>, uri: &[u8]| match routing.route(types::REQUEST_URI, uri, place) {
            Destination::Handler(route) => Some(*route.handler),
            _ => None,
        };
    node.on((types::REQUEST_URI, "a"), 1, Layer::new()).unwrap();
    let before = node.routing().unwrap();
    assert!(!before.is_stale() && handler(&before, b"a") == Some(1));
    // Of as many changes as there are the first one says so.
    node.on((types::REQUEST_URI, "a"), 2, Layer::new()).unwrap();
    node.on((types::REQUEST_URI, "b"), 3, Layer::new()).unwrap();
    assert!(before.is_stale() && handler(&before, b"a") == Some(1));
    let after = node.routing().unwrap();
    assert!(!after.is_stale());
    assert_eq!(
        [&b"a"[..], b"b"].map(|uri| handler(&after, uri)),
        [Some(2), Some(3)]
    );
    // A change that nobody sees copies nothing, and leaves nothing stale.
    drop((before, after));
    node.set_unrouted(Unrouted::Deliver);
    let last = node.routing().unwrap();
    assert!(!last.is_stale());
    let unrouted = last.route(types::REQUEST_URI, b"c", place);
    assert!(matches!(unrouted, Destination::Unrouted(Unrouted::Deliver)));
    node.remove((types::REQUEST_URI, "a"));
    assert!(last.is_stale());
}

#[test]
fn of_many_handlers_those_that_are_expected_are_touched() {
    let mut node = Node::for_streams(LinkConfig::new());
    let uris = [&b"1"[..], b"2", b"3", b"no"];
    let touched = |node: &Node<u32>| {
        let touched = core::cell::Cell::new(0);
        let mut messages = uris.into_iter().map(|uri| (types::REQUEST_URI, uri));
        let routing = node.routing().unwrap();
        routing.expect(&mut messages, |handler| {
            touched.set(touched.get() + handler)
        });
        touched.get()
    };
    for number in 0..10_000_u32 {
        let uri = alloc::format!("{number}");
        node.on((types::REQUEST_URI, uri), number, Layer::new())
            .unwrap();
        if number == 10 {
            assert_eq!(touched(&node), 0);
        }
    }
    let place = Place::Datagram(([127, 0, 0, 1], 1).into());
    for _ in 0..10_000 {
        node.route(types::REQUEST_URI, b"1", place);
    }
    assert_eq!(touched(&node), 6);
    node.set_key_extractor(alloc::sync::Arc::new(|_, _, _| Vec::new()));
    for _ in 0..10_000 {
        node.route(types::REQUEST_URI, b"1", place);
    }
    assert_eq!(touched(&node), 0);
}

#[cfg(feature = "patterns")]
#[test]
fn of_many_patterns_there_is_no_copy() {
    let mut node = Node::for_streams(LinkConfig::new());
    for number in 0..257_u32 {
        assert!(node.routing().is_some(), "{number}");
        let uri = alloc::format!("{number}/{{id}}");
        node.on((types::REQUEST_URI, uri), 0, Layer::new()).unwrap();
    }
    let place = Place::Datagram(([127, 0, 0, 1], 1).into());
    for _ in 0..1000 {
        node.route(types::REQUEST_URI, b"1/2", place);
    }
    assert!(node.routing().is_none());
}

#[test]
fn handlers_that_change_with_each_message_are_the_nodes_alone() {
    let mut node = Node::for_streams(LinkConfig::new());
    node.once((types::REQUEST_URI, "a"), 0, Layer::new())
        .unwrap();
    assert!(node.routing().is_none());
    node.remove_once((types::REQUEST_URI, "a"));
}

#[test]
fn many_handlers_are_had_beside_the_node_once_that_pays() {
    let mut node = Node::for_streams(LinkConfig::new());
    let place = Place::Datagram(([127, 0, 0, 1], 1).into());
    for number in 0..1000_u32 {
        assert_eq!(node.routing().is_some(), number <= 256, "{number}");
        let uri = alloc::format!("{number}");
        node.on((types::REQUEST_URI, uri), 0, Layer::new()).unwrap();
    }
    for _ in 0..1000 / 64 {
        assert!(node.routing().is_none());
        node.route(types::REQUEST_URI, b"1", place);
    }
    assert!(node.routing().is_some());
    node.remove((types::REQUEST_URI, "1"));
    assert!(node.routing().is_none());
}

/// Where a message goes: a handler, and whether it is behind a layer.
fn goal(found: &Destination<&u8>) -> Option<(u8, bool)> {
    match found {
        Destination::Handler(route) => Some((*route.handler, !route.inner.is_empty())),
        _ => None,
    }
}

#[test]
fn one_look_up_after_another_finds_what_each_alone_does() {
    let mut node = Node::for_streams(LinkConfig::new());
    let [from, other] = [1, 2].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let long = "a uri that is too long to be kept beside the others";
    node.on(types::REQUEST_URI, 1, Layer::new()).unwrap();
    node.on((types::REQUEST_URI, "a"), 2, Layer::new()).unwrap();
    node.on((types::REQUEST_URI, "a", other), 3, Layer::new())
        .unwrap();
    node.on((types::CREATE_URI, "a"), 4, Layer::new()).unwrap();
    node.on((types::REQUEST_URI, "inner"), 5, hmac("inner"))
        .unwrap();
    node.on((types::REQUEST_URI, long), 6, Layer::new())
        .unwrap();
    let routing = node.routing().unwrap();
    for from in [from, other] {
        let from = Place::Datagram(from);
        let mut last = LastRoute::new(&routing);
        let uris = [
            "a", "a", "b", "c", "a", "inner", "inner", long, long, "a", "",
        ];
        for (uri, message_type) in uris.into_iter().flat_map(|uri| {
            let types = [types::REQUEST_URI, types::REQUEST_URI, types::CREATE_URI];
            types.map(|message_type| (uri, message_type))
        }) {
            let alone = routing.route(message_type, uri.as_bytes(), from);
            let behind = last.route(message_type, uri.as_bytes(), from);
            assert_eq!(goal(&behind), goal(&alone), "{uri} {message_type:?}");
        }
    }
    let last = LastRoute::new(&routing);
    assert!(!last.routing().is_stale());
    node.remove((types::REQUEST_URI, "a"));
    assert!(last.routing().is_stale());
}

#[test]
fn what_a_programs_own_keys_find_is_looked_up_each_time() {
    let mut node = Node::for_streams(LinkConfig::new());
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    node.set_key_extractor(Arc::new(move |message_type, _: &[u8], _| {
        counter.fetch_add(1, Ordering::Relaxed);
        alloc::vec![message_type.into()]
    }));
    node.on(types::REQUEST_URI, 1, Layer::new()).unwrap();
    let routing = node.routing().unwrap();
    let mut last = LastRoute::new(&routing);
    let place = Place::Datagram(([127, 0, 0, 1], 1).into());
    for _ in 0..3 {
        let found = last.route(types::REQUEST_URI, b"u", place);
        assert_eq!(goal(&found), Some((1, false)));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}
