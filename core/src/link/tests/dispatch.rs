//! From a message to its handler.

use super::spy::Spy;
use super::*;
use crate::message::types::*;
use crate::routes::Key;

fn reply(text: &'static str) -> Message {
    Message::respond_uri("u", text)
}

/// What the server answers to a request for `uri`.
fn answer(pair: &mut Pair, uri: &'static str) -> Message {
    pair.request(&Message::request(uri));
    pair.run();
    pair.server.seen.clear();
    let mut answer = pair.client.answer().1;
    answer.auth.clear();
    answer
}

#[test]
fn a_message_without_a_route_is_told() {
    let mut pair = Pair::plain();
    pair.server.answers_by_default();
    // One that is answered, and one that wants no answer.
    for message in [Message::request("nowhere"), Message::notify("nowhere", "")] {
        pair.client
            .link
            .send(NOON, &mut pair.client.node, &message, &SendOptions::new())
            .unwrap();
        let mut bytes = Vec::new();
        pair.client.link.poll_outbound(&mut bytes);
        pair.client.link.written(bytes.len());
        pair.server.link.receive(NOON, &bytes).unwrap();
        let Some(LinkEvent::Unrouted { message_type, uri }) = pair.server.poll(NOON) else {
            panic!("nothing is told of it");
        };
        assert_eq!(
            (message_type, &uri[..]),
            (message.message_type, &b"nowhere"[..])
        );
        let answered = message.message_type == REQUEST_URI;
        assert!(pair.server.poll(NOON).is_none());
        bytes.clear();
        assert_eq!(pair.server.link.poll_outbound(&mut bytes), answered);
        pair.server.link.written(bytes.len());
    }
}

#[test]
fn the_most_specific_key_wins() {
    let mut pair = Pair::plain();
    let remote = pair.server.link.remote().unwrap();
    let elsewhere = SocketAddr::from(([127, 0, 0, 1], 9999));
    let node = &mut pair.server.node;
    node.on(REQUEST_URI, |_| Some(reply("type")), Layer::new())
        .unwrap();
    node.on(
        (REQUEST_URI, "u", elsewhere),
        |_| Some(reply("other")),
        Layer::new(),
    )
    .unwrap();
    assert_eq!(answer(&mut pair, "u"), reply("type"));
    let node = &mut pair.server.node;
    node.on((REQUEST_URI, "u"), |_| Some(reply("uri")), Layer::new())
        .unwrap();
    assert_eq!(answer(&mut pair, "u"), reply("uri"));
    let node = &mut pair.server.node;
    node.on(
        (REQUEST_URI, "u", remote),
        |_| Some(reply("address")),
        Layer::new(),
    )
    .unwrap();
    assert_eq!(answer(&mut pair, "u"), reply("address"));
    // A one-time handler goes before the permanent one of its key, not before
    // a more specific key.
    let node = &mut pair.server.node;
    node.once((REQUEST_URI, "u"), |_| Some(reply("once")), Layer::new())
        .unwrap();
    assert_eq!(answer(&mut pair, "u"), reply("address"));
    pair.server.node.remove((REQUEST_URI, "u", remote));
    assert_eq!(answer(&mut pair, "u"), reply("once"));
    assert_eq!(answer(&mut pair, "u"), reply("uri"));
}

#[test]
fn a_key_extractor_of_ones_own_replaces_netaios_keys() {
    let mut pair = Pair::plain();
    pair.server.answers_by_default();
    pair.server.node.set_key_extractor(Arc::new(|_, uri, _| {
        let directory = uri.split(|byte| *byte == b'/').next().unwrap_or_default();
        [Key::Custom(directory.to_vec().into())].into()
    }));
    let key = Key::Custom("docs".into());
    pair.server.node.on(key, echo, Layer::new()).unwrap();
    pair.server
        .node
        .on(REQUEST_URI, |_| Some(reply("by type")), Layer::new())
        .unwrap();
    assert_eq!(
        answer(&mut pair, "docs/a"),
        Message::respond_uri("docs/a", "")
    );
    assert_eq!(answer(&mut pair, "a").message_type, NOT_FOUND);
}

#[test]
fn a_forgery_leaves_a_one_time_handler_where_it_is() {
    let inner_layers = [
        inner_hmac("inner"),
        inner_hmac("inner").with_cipher(inner_cipher("key")),
        Layer::new().with_cipher(inner_cipher("key")),
    ];
    for inner in inner_layers {
        let mut pair = Pair::sealed(hmac("outer"));
        pair.server
            .node
            .once((CREATE_URI, "u"), echo, inner.clone())
            .unwrap();
        // From somebody who knows the outer secret alone.
        let forged = SendOptions::new();
        let message = Message::create("u", "forged");
        pair.client.send(NOON, &message, &forged).unwrap();
        pair.run();
        assert!(matches!(pair.server.seen()[..], [Seen::Refused(_)]));

        let genuine = SendOptions::new().with_inner(inner);
        let message = Message::create("u", "genuine");
        pair.client.send(NOON, &message, &genuine).unwrap();
        pair.run();
        let seen = pair.server.seen();
        assert!(matches!(&seen[..], [Seen::Called(message)] if message.content == "genuine"));
        // And now it is gone.
        assert!(pair.server.node.remove_once((CREATE_URI, "u")).is_none());
    }
}

#[test]
fn a_one_time_handler_is_called_once() {
    let mut pair = Pair::plain();
    pair.server
        .node
        .once(REQUEST_URI, echo, Layer::new())
        .unwrap();
    pair.request(&Message::request("a"));
    pair.request(&Message::request("b"));
    pair.run();
    assert_eq!(
        pair.server.seen(),
        [
            Seen::Called(Message::request("a")),
            Seen::Unrouted(Message::request("b"))
        ]
    );
}

#[test]
fn a_failed_inner_check_leaves_the_handler_uncalled() {
    let mut pair = Pair::plain();
    pair.server
        .node
        .on(DELETE_URI, echo, inner_hmac("admin"))
        .unwrap();
    let id = pair.request(&Message::delete("u"));
    pair.run();
    assert!(matches!(
        pair.server.seen()[..],
        [Seen::Refused(Refusal::Open { .. })]
    ));
    let (ended, answer) = pair.client.answer();
    assert_eq!((ended, answer.message_type), (id, AUTH_ERROR));
}

#[test]
fn a_reply_is_sealed_with_its_handlers_inner_layer() {
    let mut pair = Pair::sealed(hmac("outer"));
    let inner = inner_hmac("inner").with_cipher(inner_cipher("key"));
    pair.server
        .node
        .on(CREATE_URI, nothing, inner.clone())
        .unwrap();
    let options = RequestOptions::new().with_inner(inner);
    let id = pair.request_with(&Message::create("u", ""), &options);
    pair.run();
    // However much later it comes.
    let call = pair.server.unanswered.pop_front().unwrap();
    assert_eq!(call.request_type(), CREATE_URI);
    assert_eq!(
        (call.place(), call.link(), call.remote()),
        (
            pair.server.link.place(),
            Some(pair.server.link.id()),
            pair.server.link.remote()
        )
    );
    assert!(call.is_verified());
    let done = Message::ok("u", "done");
    pair.server.reply(NOON, call, done).unwrap();
    pair.run();
    let (ended, answer) = pair.client.answer();
    assert_eq!((ended, &answer.content[..]), (id, &b"done"[..]));
    assert!(answer.auth.get("camh").is_some() && answer.auth.get("vi").is_some());
}

#[test]
fn a_message_whose_one_time_handler_was_taken_goes_to_the_next_as_it_came() {
    let inner = Layer::new().with_cipher(inner_cipher("key"));
    let mut pair = Pair::plain();
    let options = SendOptions::new().with_inner(inner.clone());
    let message = Message::create("u", "content");
    pair.client.send(NOON, &message, &options).unwrap();
    let bytes = pair.client.outbound();
    pair.server.receive(NOON, &bytes);
    let mut spy = Spy::new(Node::for_streams(LinkConfig::new()));
    spy.contended = true;
    let node = &mut spy.node;
    node.once(CREATE_URI, nothing, inner.clone()).unwrap();
    node.on(CREATE_URI, echo, inner).unwrap();
    // Decrypted once: a second time would have encrypted it again.
    let event = pair.server.link.poll(NOON, &mut spy);
    assert!(matches!(event, Some(LinkEvent::Call { message, .. }) if message.content == "content"));
}

#[test]
fn the_messages_of_a_turn_are_expected_once() {
    let limits = Limits::default().with_frames_per_turn(2).unwrap();
    let config = LinkConfig::new().with_limits(limits);
    let mut pair = Pair::new(LinkConfig::new(), config);
    let mut spy = Spy::new(Node::for_streams(LinkConfig::new()));
    spy.node.on(REQUEST_URI, nothing, Layer::new()).unwrap();
    let notes = ["a", "b", "c"].map(|uri| frame(&Message::notify(uri, "")));
    let asked = [frame(&Message::request("d")), frame(&Message::request("e"))];
    let all = [
        notes.concat(),
        asked.concat(),
        frame(&Message::request("f")),
    ]
    .concat();
    pair.server.receive(NOON, &all);
    let link = &mut pair.server.link;
    let mut held = Vec::new();
    // The last ones wait for the handler before them.
    for uris in ["ab", "cd", "ef", ""] {
        while let Some(event) = link.poll(NOON, &mut spy) {
            held.push(event);
        }
        let expected = spy.expected.drain(..).map(|(_, uri)| uri);
        assert_eq!(expected.collect::<Vec<_>>().concat(), uris.as_bytes());
    }
    assert!(link.unhandled() > 0 && held.len() == 4);
}

#[test]
fn after_the_end_a_failed_check_is_neither_told_nor_an_event() {
    let mut pair = Pair::plain();
    let node = &mut pair.server.node;
    node.on(CREATE_URI, echo, inner_hmac("inner")).unwrap();
    node.on(REQUEST_URI, nothing, Layer::new()).unwrap();
    let asked = frame(&Message::request("u"));
    let refused = frame(&Message::create("u", ""));
    // It waits for the handler before it.
    pair.server.receive(NOON, &[asked, refused].concat());
    pair.server.drain(NOON);
    assert_eq!(pair.server.seen(), [Seen::Called(Message::request("u"))]);
    pair.server.close(NOON);
    pair.server.drain(NOON);
    assert_eq!(pair.server.seen(), [Seen::Closed(CloseReason::Local)]);
    assert_eq!(pair.server.outbound(), []);
}
