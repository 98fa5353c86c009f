//! Outer and inner layers on the way there and back.

use super::spy::Spy;
use super::*;
use crate::config::{AuthErrorReply, FailedCheck};
use crate::correlation::Correlation;
use crate::error::{AuthFailure, FieldRole, OpenError, SealError};
use crate::message::types::*;

fn both(secret: &str, key: &str) -> Layer {
    hmac(secret).with_cipher(Sha256StreamCipher::new(key))
}

#[test]
fn every_combination_carries_a_request_and_its_answer() {
    let outer = [
        Layer::new(),
        hmac("secret"),
        cipher("key"),
        both("secret", "key"),
        hmac("secret").with_cipher(Sha256StreamCipher::new("key").with_plain_uri()),
    ];
    let inner = [
        Layer::new(),
        inner_hmac("admin"),
        Layer::new().with_cipher(inner_cipher("inner")),
        inner_hmac("admin").with_cipher(inner_cipher("inner")),
    ];
    let all = outer
        .iter()
        .flat_map(|outer| inner.iter().map(move |inner| (outer, inner)));
    for (outer, inner) in all {
        let mut pair = Pair::sealed(outer.clone());
        pair.server
            .node
            .on((CREATE_URI, "u"), echo, inner.clone())
            .unwrap();
        let options = RequestOptions::new().with_inner(inner.clone());
        let id = pair.request_with(&Message::create("u", "content"), &options);
        pair.run();
        let (ended, answer) = pair.client.answer();
        assert_eq!((ended, &answer.content[..]), (id, &b"content"[..]));
        let called = &pair.server.seen()[..];
        assert!(matches!(called, [Seen::Called(message)] if message.content == "content"));

        let sealed = unopened(&pair.client.sent).remove(0);
        let fields = [outer.auth().is_some(), inner.auth().is_some()];
        let found = ["hmac", "camh"].map(|name| sealed.auth.get(name).is_some());
        assert_eq!(found, fields);
    }
}

#[test]
fn a_cipher_hides_uri_and_content_and_a_plain_uri_cipher_the_content() {
    let shows = |sent: &[u8], word: &[u8]| sent.windows(word.len()).any(|part| part == word);
    for (cipher, uri) in [
        (Sha256StreamCipher::new("key"), false),
        (Sha256StreamCipher::new("key").with_plain_uri(), true),
    ] {
        let mut pair = Pair::sealed(Layer::new().with_cipher(cipher));
        pair.server.node.on(CREATE_URI, echo, Layer::new()).unwrap();
        pair.request(&Message::create("the-uri", "the-content"));
        pair.run();
        for sent in [&pair.client.sent, &pair.server.sent] {
            assert_eq!(
                (shows(sent, b"the-uri"), shows(sent, b"the-content")),
                (uri, false)
            );
        }
    }
}

#[test]
fn a_message_sent_twice_has_fresh_fields_each_time() {
    let layer = both("secret", "key");
    let inner = inner_hmac("admin").with_cipher(inner_cipher("inner"));
    let mut pair = Pair::sealed(layer);
    // As a handler would pass a message on that it was called with.
    let mut message = Message::notify("u", "c");
    for name in ["nonce", "ts", "hmac", "iv", "camh", "vi"] {
        message.auth.set_bytes(name, b"an old field 123").unwrap();
    }
    message.auth.set_bytes("own", b"stays").unwrap();
    let options = SendOptions::new().with_inner(inner);
    pair.client.send(NOON, &message, &options).unwrap();
    let later = Now::new(NOON.monotonic + SECOND, NOON.unix + 1);
    pair.client.send(later, &message, &options).unwrap();
    let sent = unopened(&pair.client.outbound());
    for name in ["nonce", "ts", "hmac", "iv", "camh", "vi"] {
        let [first, second] = [0, 1].map(|n| sent[n].auth.get_bytes(name).unwrap());
        assert_ne!(first, second, "{name}");
        assert_ne!(first, b"an old field 123", "{name}");
    }
    assert!(
        sent.iter()
            .all(|message| message.auth.get_bytes("own") == Some(b"stays"))
    );
}

#[test]
fn both_layers_share_nonce_and_timestamp() {
    let mut pair = Pair::sealed(hmac("outer"));
    let options = SendOptions::new().with_inner(inner_hmac("inner"));
    let message = Message::notify("u", "");
    pair.client.send(NOON, &message, &options).unwrap();
    let sent = unopened(&pair.client.outbound()).remove(0);
    assert_eq!(sent.auth.len(), 4);
    let ts = u32::try_from(NOON.unix).unwrap().to_be_bytes();
    assert_eq!(sent.auth.get_bytes("ts"), Some(&ts[..]));
}

#[test]
fn equal_field_names_in_both_layers_are_the_callers_error() {
    let mut pair = Pair::sealed(hmac("outer"));
    let clashing = SendOptions::new().with_inner(hmac("inner"));
    let message = Message::request("u");
    let clash = Err(SendError::Seal(SealError::FieldClash("hmac".into())));
    assert_eq!(pair.client.send(NOON, &message, &clashing), clash);
    let request = RequestOptions::new().with_send_options(clashing);
    let refused = pair.client.request(NOON, &message, &request);
    assert!(matches!(
        refused,
        Err(SendError::Seal(SealError::FieldClash(_)))
    ));
    assert_eq!(pair.client.link.pending_requests(), 0);
    assert_eq!(pair.client.outbound(), []);
}

#[test]
fn a_failed_outer_check_is_told_unsealed() {
    let mut pair = Pair::sealed(both("secret", "key"));
    let stranger = frame(&Message::request("u"));
    pair.server.receive(NOON, &stranger);
    pair.server.drain(NOON);
    let missing = OpenError::Auth(AuthFailure::Missing(FieldRole::Timestamp));
    assert_eq!(
        pair.server.seen(),
        [Seen::Refused(Refusal::Open {
            message_type: REQUEST_URI,
            error: missing
        })]
    );
    let told = unopened(&pair.server.outbound());
    assert_eq!(told, [Message::auth_error("ERROR", "HMAC auth failed")]);
    assert!(told[0].auth.is_empty());
}

#[test]
fn errors_are_not_told_that_they_failed() {
    for (message_type, told) in [(ERROR, 0), (AUTH_ERROR, 0), (NOT_FOUND, 1), (OK, 1)] {
        let mut pair = Pair::sealed(hmac("secret"));
        let stranger = frame(&Message::new(message_type, "u", ""));
        pair.server.receive(NOON, &stranger);
        pair.server.drain(NOON);
        assert_eq!(
            unopened(&pair.server.outbound()).len(),
            told,
            "{message_type}"
        );
    }
}

#[test]
fn a_client_tells_nobody_that_a_check_failed() {
    let mut pair = Pair::sealed(hmac("secret"));
    let stranger = frame(&Message::notify("u", ""));
    pair.client.receive(NOON, &stranger);
    pair.client.drain(NOON);
    assert!(matches!(pair.client.seen()[..], [Seen::Refused(_)]));
    assert_eq!(pair.client.outbound(), []);
}

#[test]
fn what_a_failed_check_is_answered_is_ones_choice() {
    let by_handler = AuthErrorReply::Handler(Arc::new(|check: FailedCheck| {
        assert_eq!(check.failure, AuthFailure::Mismatch);
        (check.message_type == CREATE_URI).then(|| Message::not_permitted("", "no"))
    }));
    let plugins = Message::auth_error("ERROR", "HMAC auth failed");
    let cases = [
        (AuthErrorReply::Plugin, REQUEST_URI, Some(plugins)),
        (AuthErrorReply::Silent, REQUEST_URI, None),
        (by_handler.clone(), REQUEST_URI, None),
        (
            by_handler,
            CREATE_URI,
            Some(Message::not_permitted("", "no")),
        ),
    ];
    for (auth_error, message_type, expected) in cases {
        // The same choice for the outer layer and for a handler's inner one.
        for inner in [false, true] {
            let (outer_secret, inner_secret) = if inner { ("a", "?") } else { ("?", "b") };
            let config = LinkConfig {
                auth_error: auth_error.clone(),
                ..LinkConfig::new().with_outer(hmac("a"))
            };
            let client = LinkConfig::new().with_outer(hmac(outer_secret));
            let mut pair = Pair::new(client, config);
            pair.server
                .node
                .on(message_type, echo, inner_hmac("b"))
                .unwrap();
            let options = SendOptions::new().with_inner(inner_hmac(inner_secret));
            let message = Message::new(message_type, "u", "");
            pair.client.send(NOON, &message, &options).unwrap();
            pair.run();
            let told = unopened(&pair.server.sent);
            assert_eq!(told, expected.iter().cloned().collect::<Vec<_>>());
            assert!(matches!(pair.server.seen()[..], [Seen::Refused(_)]));
        }
    }
}

#[test]
fn what_cannot_be_decrypted_is_dropped_without_a_word() {
    let mut pair = Pair::sealed(cipher("key"));
    let stranger = frame(&Message::request("u"));
    pair.server.receive(NOON, &stranger);
    pair.server.drain(NOON);
    assert!(matches!(
        pair.server.seen()[..],
        [Seen::Refused(Refusal::Open {
            error: OpenError::Decrypt(_),
            ..
        })]
    ));
    assert_eq!(pair.server.outbound(), []);
}

#[test]
fn one_send_may_leave_a_plugin_out() {
    let fields = |options: SendOptions| {
        let mut pair = Pair::sealed(both("secret", "key"));
        let message = Message::notify("u", "");
        pair.client.send(NOON, &message, &options).unwrap();
        let sent = unopened(&pair.client.outbound()).remove(0);
        ["hmac", "iv"].map(|name| sent.auth.get(name).is_some())
    };
    assert_eq!(fields(SendOptions::new()), [true, true]);
    assert_eq!(fields(SendOptions::new().without_auth()), [false, true]);
    assert_eq!(fields(SendOptions::new().without_cipher()), [true, false]);
    let neither = SendOptions::new().without_auth().without_cipher();
    assert_eq!(fields(neither), [false, false]);
}

#[test]
fn what_passes_the_outer_layer_alone_does_not_pass_the_inner_one() {
    let mut pair = Pair::sealed(hmac("outer"));
    pair.server
        .node
        .on(CREATE_URI, echo, inner_hmac("inner"))
        .unwrap();
    let id = pair.request(&Message::create("u", ""));
    pair.run();
    assert!(matches!(pair.server.seen()[..], [Seen::Refused(_)]));
    let answer = Response {
        message: Message::auth_error("ERROR", "HMAC auth failed"),
        verified: false,
    };
    assert_eq!(pair.client.seen(), [Seen::Answered(id, answer)]);
}

#[test]
fn an_error_that_passed_no_inner_layer_is_verified_by_the_outer_one_alone() {
    for ids in [false, true] {
        for (outer, inner, verified) in [
            (Layer::new(), inner_hmac("inner"), false),
            (hmac("outer"), inner_hmac("inner"), true),
            (Layer::new(), Layer::new(), true),
        ] {
            let mut config = plain().with_outer(outer);
            config.correlation = Correlation::default().with_requests(ids);
            let mut pair = Pair::new(config.clone(), config);
            let refuse = |_: &Message| Some(Message::not_found("", "nothing"));
            pair.server
                .node
                .on(CREATE_URI, refuse, Layer::new())
                .unwrap();
            let options = RequestOptions::new().with_inner(inner);
            let id = pair.request_with(&Message::create("u", ""), &options);
            pair.run();
            let seen = pair.client.seen();
            let [Seen::Answered(ended, answer)] = &seen[..] else {
                panic!("{seen:?}");
            };
            assert_eq!((*ended, answer.verified), (id, verified), "{ids}");
        }
    }
}

#[test]
fn a_node_is_asked_for_peers_only_by_peer_specific_plugins() {
    let curious = Layer::new().with_auth(Curious);
    let indifferent = hmac("secret");
    for (outer, asked) in [(&indifferent, 0), (&curious, 3)] {
        let mut pair = Pair::sealed(outer.clone());
        let config = pair.client.node.config().clone();
        let mut spy = Spy::new(Node::for_streams((*config).clone()));
        let (link, plain) = (&mut pair.client.link, SendOptions::new());
        let (place, message) = (link.place(), Message::notify("u", ""));
        link.send(NOON, &mut spy, &message, &plain).unwrap();
        let options = RequestOptions::new();
        link.request(NOON, &mut spy, &message, &options).unwrap();
        pair.tell(&message);
        let bytes = pair.server.outbound();
        pair.client.receive(NOON, &bytes);
        while pair.client.link.poll(NOON, &mut spy).is_some() {}
        assert_eq!(spy.asked, alloc::vec![place; asked]);
    }
}
