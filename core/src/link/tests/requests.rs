//! Requests and what ends them.

use super::*;
use crate::message::MessageTypes;
use crate::message::types::*;
use crate::place::Place;
use crate::shared::default_reply;

/// What the server sends for the next test.
fn answers(pair: &mut Pair, message: &Message) {
    pair.run();
    pair.tell(message);
    pair.run();
}

#[test]
fn a_request_ends_with_any_answer_that_names_its_uri() {
    let cases = [
        (REQUEST_URI, RESPOND_URI),
        (CREATE_URI, OK),
        (UPDATE_URI, OK),
        (DELETE_URI, OK),
        (SUBSCRIBE_URI, CONFIRM_SUBSCRIBE),
        (UNSUBSCRIBE_URI, CONFIRM_UNSUBSCRIBE),
        (PUBLISH_URI, OK),
        (REQUEST_URI, NOT_FOUND),
        (REQUEST_URI, ERROR),
        (UPDATE_URI, AUTH_ERROR),
        // Those that netaio waits out its timeout for.
        (REQUEST_URI, NOT_PERMITTED),
        (CREATE_URI, NOT_FOUND),
        (REQUEST_URI, OK),
        (DELETE_URI, RESPOND_URI),
    ];
    for (request, answer) in cases {
        let mut pair = Pair::plain();
        let id = pair.request(&Message::new(request, "u", "?"));
        let message = Message::new(answer, "u", "!");
        answers(&mut pair, &message);
        assert_eq!(pair.client.answer(), (id, message), "{request} {answer}");
        assert_eq!(pair.client.link.pending_requests(), 0);
    }
}

#[test]
fn what_is_no_answer_or_names_another_uri_ends_nothing() {
    let mut pair = Pair::plain();
    pair.request(&Message::request("u"));
    let others = [
        Message::notify("u", ""),
        Message::request("u"),
        Message::respond_uri("v", ""),
        Message::respond_uri("", ""),
        Message::respond_uri("ERROR", ""),
        Message::error("v", ""),
    ];
    for message in others {
        answers(&mut pair, &message);
        assert_eq!(pair.client.seen(), [Seen::Unrouted(message)]);
        assert_eq!(pair.client.link.pending_requests(), 1);
    }
}

#[test]
fn a_custom_request_may_have_a_custom_answer() {
    let mut types = MessageTypes::base();
    let ping = types.register(40, "PING").unwrap();
    let pong = types.register(41, "PONG").unwrap();
    let config = LinkConfig::new().with_wire(Wire {
        types,
        ..Wire::default()
    });
    let mut pair = Pair::new(config.clone(), config);
    let options = RequestOptions::new().also_accepting(pong);
    let id = pair.request_with(&Message::new(ping, "u", ""), &options);
    let answer = Message::new(pong, "u", "");
    answers(&mut pair, &answer);
    assert_eq!(pair.client.answer(), (id, answer));
}

#[test]
fn requests_for_one_uri_are_answered_first_in_first_out() {
    let mut pair = Pair::plain();
    pair.server
        .node
        .on(REQUEST_URI, echo, Layer::new())
        .unwrap();
    let ids: Vec<_> = (0..50u8)
        .map(|n| pair.request(&Message::new(REQUEST_URI, "u", [n].to_vec())))
        .collect();
    pair.run();
    let answered: Vec<_> = pair.client.seen();
    assert_eq!(answered.len(), 50);
    for ((n, id), seen) in (0..50u8).zip(ids).zip(answered) {
        assert!(matches!(seen, Seen::Answered(ended, answer)
                if ended == id && answer.message.content[..] == [n]));
    }
}

#[test]
fn requests_for_different_uris_may_be_answered_in_any_order() {
    let mut pair = Pair::plain();
    let a = pair.request(&Message::request("a"));
    let b = pair.request(&Message::request("b"));
    answers(&mut pair, &Message::respond_uri("b", ""));
    assert_eq!(pair.client.answer().0, b);
    answers(&mut pair, &Message::respond_uri("a", ""));
    assert_eq!(pair.client.answer().0, a);
}

#[test]
fn an_answers_type_tells_requests_for_one_uri_apart() {
    let mut pair = Pair::plain();
    let read = pair.request(&Message::request("u"));
    let write = pair.request(&Message::update("u", ""));
    answers(&mut pair, &Message::ok("u", ""));
    assert_eq!(pair.client.answer().0, write);
    answers(&mut pair, &Message::respond_uri("u", ""));
    assert_eq!(pair.client.answer().0, read);
}

#[test]
fn a_cancelled_request_swallows_its_answer() {
    let mut pair = Pair::plain();
    let first = pair.request(&Message::request("u"));
    let second = pair.request(&Message::request("u"));
    pair.client.link.cancel(first);
    pair.client.link.cancel(first);
    assert_eq!(pair.client.link.pending_requests(), 1);
    answers(&mut pair, &Message::respond_uri("u", "first"));
    assert_eq!(pair.client.seen(), []);
    answers(&mut pair, &Message::respond_uri("u", "second"));
    let (id, answer) = pair.client.answer();
    assert_eq!((id, &answer.content[..]), (second, &b"second"[..]));
}

#[test]
fn a_cancelled_request_swallows_an_anonymous_error_too() {
    for secret in ["same", "another"] {
        let mut pair = Pair::new(
            plain().with_outer(hmac("same")),
            plain().with_outer(hmac(secret)),
        );
        pair.server.answers_by_default();
        let request = pair.request(&Message::request("u"));
        pair.client.link.cancel(request);
        pair.run();
        assert_eq!(unopened(&pair.server.sent).len(), 1);
        assert_eq!(pair.client.seen(), [], "{secret}");
        assert_eq!(pair.client.link.deadline(), None);
    }
}

#[test]
fn cancelling_what_has_ended_cancels_nothing_else() {
    let mut pair = Pair::plain();
    let first = pair.request(&Message::request("u"));
    answers(&mut pair, &Message::respond_uri("u", ""));
    assert_eq!(pair.client.answer().0, first);
    let second = pair.request(&Message::request("u"));
    pair.client.link.cancel(first);
    answers(&mut pair, &Message::respond_uri("u", ""));
    assert_eq!(pair.client.answer().0, second);
}

#[test]
fn a_request_fails_at_its_deadline_and_no_sooner() {
    let mut pair = Pair::plain();
    let options = RequestOptions::new().with_timeout(3 * SECOND);
    let id = pair.request_with(&Message::request("u"), &options);
    pair.pass(3 * SECOND - Duration::from_nanos(1));
    assert_eq!(pair.client.seen(), []);
    pair.pass(Duration::from_nanos(1));
    let failed = Seen::Failed(id, RequestError::TimedOut(3 * SECOND));
    assert_eq!(pair.client.seen(), [failed]);
    // What comes now is nobody's answer, but the first is that request's.
    let late = Message::respond_uri("u", "late");
    answers(&mut pair, &late);
    assert_eq!(pair.client.seen(), []);
    answers(&mut pair, &late);
    assert_eq!(pair.client.seen(), [Seen::Unrouted(late)]);
}

/// A peer without ids that answers late, one request after the other.
#[test]
fn no_request_gets_the_late_answer_of_another() {
    let short = RequestOptions::new().with_timeout(SECOND);
    for (request, answer) in [
        (Message::request("u"), Message::respond_uri("u", "")),
        (Message::request("u"), Message::not_found("u", "")),
        (Message::create("u", ""), Message::error("u", "")),
        (Message::request("u"), Message::error_message("no")),
    ] {
        let mut pair = Pair::plain();
        let late = |number: u8| Message {
            content: [number].to_vec().into(),
            ..answer.clone()
        };
        let ids = [0, 1, 2].map(|_| {
            let id = pair.request_with(&request, &short);
            pair.pass(SECOND);
            let failed = Seen::Failed(id, RequestError::TimedOut(SECOND));
            assert_eq!(pair.client.seen(), [failed]);
            id
        });
        let last = pair.request(&request);
        for (number, _) in (0..).zip(ids) {
            answers(&mut pair, &late(number));
            assert_eq!(pair.client.seen(), [], "{answer:?}");
        }
        answers(&mut pair, &late(3));
        assert_eq!(pair.client.answer(), (last, late(3)));
    }
}

/// Where the answer never comes, the next one goes in its place, for a minute.
#[test]
fn an_answer_that_never_comes_costs_others_theirs_for_a_bounded_time() {
    let mut pair = Pair::plain();
    let mut timed_out = 0;
    loop {
        let id = pair.request(&Message::request("u"));
        if timed_out > 0 {
            answers(&mut pair, &Message::respond_uri("u", ""));
        }
        match pair.client.seen()[..] {
            [] => timed_out += 1,
            [Seen::Answered(ended, _)] if ended == id => break,
            ref other => panic!("{other:?}"),
        }
        pair.pass(RequestOptions::DEFAULT_TIMEOUT);
        assert!(matches!(pair.client.seen()[..], [Seen::Failed(failed, _)] if failed == id));
    }
    assert_eq!(timed_out, 7);
    // And not at all where nobody asks for that long.
    pair.request(&Message::request("u"));
    pair.pass(2 * RequestOptions::DEFAULT_TIMEOUT);
    pair.client.seen();
    let id = pair.request(&Message::request("u"));
    answers(&mut pair, &Message::respond_uri("u", ""));
    assert_eq!(pair.client.answer().0, id);
}

#[test]
fn a_cancelled_request_is_forgotten_when_its_time_has_passed_twice() {
    let mut pair = Pair::plain();
    let id = pair.request(&Message::request("u"));
    pair.client.link.cancel(id);
    pair.pass(2 * RequestOptions::DEFAULT_TIMEOUT);
    assert_eq!(pair.client.seen(), []);
    assert_eq!(pair.client.link.deadline(), None);
    let late = Message::respond_uri("u", "late");
    answers(&mut pair, &late);
    assert_eq!(pair.client.seen(), [Seen::Unrouted(late)]);
}

#[test]
fn an_anonymous_error_ends_the_only_request() {
    let errors = [
        Message::not_found("", "not found"),
        Message::error_message("no"),
        Message::not_permitted("", ""),
    ];
    for error in errors {
        let mut pair = Pair::plain();
        let id = pair.request(&Message::request("u"));
        answers(&mut pair, &error);
        assert_eq!(pair.client.answer(), (id, error));
    }
}

#[test]
fn an_anonymous_error_ends_none_of_several_requests() {
    let mut pair = Pair::plain();
    pair.request(&Message::request("u"));
    let second = pair.request(&Message::request("v"));
    let error = Message::not_found("", "not found");
    answers(&mut pair, &error);
    assert_eq!(pair.client.seen(), [Seen::Unrouted(error.clone())]);
    // Nor is it known whether a cancelled one was meant.
    pair.client.link.cancel(second);
    answers(&mut pair, &error);
    assert_eq!(pair.client.seen(), [Seen::Unrouted(error)]);
    assert_eq!(pair.client.link.pending_requests(), 1);
}

#[test]
fn an_unsealed_auth_error_ends_the_only_request_unverified() {
    let mut pair = Pair::new(
        plain().with_outer(hmac("mine")),
        plain().with_outer(hmac("yours")),
    );
    let id = pair.request(&Message::request("u"));
    pair.run();
    let answer = Response {
        message: Message::error_message("HMAC auth failed"),
        verified: false,
    };
    assert_eq!(answer.message.message_type, AUTH_ERROR);
    assert_eq!(pair.client.seen(), [Seen::Answered(id, answer)]);
}

#[test]
fn an_unsealed_error_is_refused_where_it_could_mean_several_or_names_one() {
    let refused = |message: &Message, uris: &[&'static str]| {
        let mut pair = Pair::sealed(hmac("secret"));
        for uri in uris {
            pair.request(&Message::request(*uri));
        }
        pair.client.receive(NOON, &frame(message));
        pair.client.drain(NOON);
        let waiting = pair.client.link.pending_requests();
        waiting == uris.len() && matches!(pair.client.seen()[..], [Seen::Refused(_)])
    };
    let anonymous = Message::error_message("no");
    assert!(refused(&anonymous, &["u", "v"]));
    assert!(refused(&anonymous, &[]));
    assert!(refused(&Message::error("u", ""), &["u"]));
    assert!(refused(&Message::respond_uri("u", ""), &["u"]));
    assert!(!refused(&anonymous, &["u"]));
}

#[test]
fn an_answer_that_fails_the_requests_inner_layer_does_not_end_it() {
    let mut pair = Pair::sealed(hmac("outer"));
    let options = RequestOptions::new().with_inner(inner_hmac("inner"));
    let id = pair.request_with(&Message::request("u"), &options);
    answers(&mut pair, &Message::respond_uri("u", "forged"));
    assert!(matches!(
        pair.client.seen()[..],
        [Seen::Refused(Refusal::Answer { request, .. })] if request == id
    ));
    let genuine = SendOptions::new().with_inner(inner_hmac("inner"));
    let answer = Message::respond_uri("u", "genuine");
    pair.server.send(NOON, &answer, &genuine).unwrap();
    pair.run();
    let (ended, answer) = pair.client.answer();
    assert_eq!((ended, &answer.content[..]), (id, &b"genuine"[..]));
}

#[test]
fn a_server_may_ask_its_client() {
    let mut pair = Pair::sealed(hmac("secret"));
    pair.client
        .node
        .on(REQUEST_URI, echo, Layer::new())
        .unwrap();
    let (ask, options) = (Message::request("u"), RequestOptions::new());
    let id = pair.server.request(NOON, &ask, &options).unwrap();
    pair.run();
    let (ended, answer) = pair.server.answer();
    assert_eq!((ended, answer.message_type), (id, RESPOND_URI));
}

#[test]
fn the_default_answer_to_an_unknown_uri_ends_the_request() {
    let mut pair = Pair::plain();
    pair.server.answers_by_default();
    let id = pair.request(&Message::request("nowhere"));
    pair.run();
    let not_found = Message::not_found("", "not found");
    assert_eq!(pair.client.answer(), (id, not_found));
}

#[test]
fn only_what_asks_gets_the_default_answer() {
    for place in [Pair::plain().server.link.place(), Place::Datagram(REMOTE)] {
        for value in 0..=255 {
            let answer = default_reply(MessageType::new(value), place);
            let expected = matches!(value, 0 | 2..=7 | 31..);
            assert_eq!(answer.is_some(), expected, "{value}");
            // And so two ends do not keep answering each other.
            let again = answer.and_then(|answer| default_reply(answer.message_type, place));
            assert_eq!(again, None, "{value}");
        }
    }
}
