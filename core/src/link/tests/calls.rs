//! Calls in flight, and their replies.

use super::correlation::asking;
use super::*;
use crate::message::Body;
use crate::message::types::*;

/// A server whose handler the test answers, and a client that has asked it twice.
fn asked_twice() -> Pair {
    let mut pair = Pair::new(asking(LinkConfig::new()), limited(side_by_side(2)));
    let node = &mut pair.server.node;
    node.on(REQUEST_URI, nothing, Layer::new()).unwrap();
    for text in ["first", "second"] {
        pair.request(&Message::new(REQUEST_URI, "u", text));
    }
    pair.run();
    pair.server.seen.clear();
    pair
}

#[test]
fn an_answer_too_long_to_be_sent_becomes_an_error_to_the_asker() {
    let lens = [65_423, 65_424, 65_500, 65_533];
    // Long by its content, or by its uri.
    for (len, uri) in lens.iter().flat_map(|len| [(len, 3), (len, len - 3)]) {
        let mut pair = Pair::plain();
        let node = &mut pair.server.node;
        node.on(REQUEST_URI, nothing, Layer::new()).unwrap();
        let [uri, content] = [uri, len - uri].map(|len| alloc::vec![b'x'; len]);
        let request = Message::new(REQUEST_URI, uri, content);
        // No sender of ours makes it, nor netaio's.
        pair.server.receive(NOON, &frame(&request));
        pair.server.drain(NOON);
        let call = pair.server.unanswered.pop_front().unwrap();
        let reply = pair.server.reply(NOON, call, echo(&request));
        assert!(
            matches!(reply, Err(ReplyError::Replaced(SendError::Seal(_)))),
            "{reply:?}"
        );
        let answers = unopened(&pair.server.outbound());
        let [answer] = &answers[..] else {
            panic!("{} answers", answers.len());
        };
        assert_eq!(answer.message_type, ERROR);
        // With the uri of the request, if there is room for it.
        let fits = request.uri.len() <= Body::MAX_PAYLOAD;
        let named = if fits { request.uri.len() } else { 0 };
        assert_eq!(answer.uri, request.uri[..named]);
        assert_eq!(pair.server.link.calls_in_flight(), 0);
    }
}

#[test]
fn a_request_whose_answer_is_too_long_ends_with_an_error() {
    let mut pair = Pair::plain();
    let node = &mut pair.server.node;
    node.on(REQUEST_URI, nothing, Layer::new()).unwrap();
    let id = pair.request(&Message::request("u"));
    pair.run();
    let call = pair.server.unanswered.pop_front().unwrap();
    let long = Message::respond_uri("u", alloc::vec![0; 70_000]);
    let reply = pair.server.reply(NOON, call, long);
    assert!(matches!(reply, Err(ReplyError::Replaced(_))));
    pair.run();
    let (ended, answer) = pair.client.answer();
    assert_eq!((ended, answer.message_type), (id, ERROR));
}

#[test]
fn the_call_of_another_link_comes_back_and_is_still_answerable() {
    let mut pair = asked_twice();
    let mut other = asked_twice();
    let call = pair.server.unanswered.pop_front().unwrap();
    let answer = Message::respond_uri("u", "first");
    let reply = other.server.reply(NOON, call, answer.clone());
    let Err(ReplyError::OtherLink(call)) = reply else {
        panic!("{reply:?}");
    };
    assert_eq!(other.server.outbound(), []);
    let End { link, node, .. } = &mut other.server;
    let reply = link.reply_error(NOON, node, call, "failed");
    let Err(ReplyError::OtherLink(call)) = reply else {
        panic!("{reply:?}");
    };
    assert_eq!(other.server.link.calls_in_flight(), 2);
    pair.server.reply(NOON, call, answer).unwrap();
    pair.run();
    assert_eq!(pair.client.answer().1.content, "first");
    assert_eq!(pair.server.link.calls_in_flight(), 1);
}

#[test]
fn a_reply_after_the_end_says_why_there_is_nobody_to_answer() {
    let mut pair = asked_twice();
    let reason = CloseReason::Transport("reset".into());
    pair.server.link.transport_failed(reason.clone());
    while let Some(call) = pair.server.unanswered.pop_front() {
        let reply = pair.server.reply(NOON, call, Message::ok("u", ""));
        assert!(matches!(reply, Err(ReplyError::Closed(closed)) if closed == reason));
    }
    pair.server.drain(NOON);
    assert_eq!(pair.server.seen(), [Seen::Closed(reason)]);
}

#[test]
fn a_call_that_is_dropped_is_answered_with_an_error() {
    let mut pair = asked_twice();
    let kept = pair.server.unanswered.pop_front().unwrap();
    pair.server.unanswered.clear();
    assert_eq!(pair.server.link.calls_in_flight(), 2);
    pair.run();
    let unanswered = Seen::Unanswered(REQUEST_URI, "u".into());
    assert_eq!(pair.server.seen(), [unanswered]);
    let answer = pair.client.answer().1;
    assert_eq!((answer.message_type, &answer.uri[..]), (ERROR, &b"u"[..]));
    // The other call is as before.
    let answer = Message::respond_uri("u", "first");
    pair.server.reply(NOON, kept, answer).unwrap();
    pair.run();
    assert_eq!(pair.client.answer().1.content, "first");
    assert_eq!(pair.server.link.calls_in_flight(), 0);
    assert_eq!(pair.server.seen(), []);
}

#[test]
fn all_calls_that_are_dropped_are_noticed_from_another_thread_too() {
    let mut pair = asked_twice();
    let calls = core::mem::take(&mut pair.server.unanswered);
    std::thread::spawn(move || drop(calls)).join().unwrap();
    pair.run();
    let unanswered = Seen::Unanswered(REQUEST_URI, "u".into());
    assert_eq!(pair.server.seen(), [unanswered.clone(), unanswered]);
    assert_eq!(pair.client.seen().len(), 2);
}

#[test]
fn no_answer_is_said_and_lets_the_next_message_go_on() {
    let mut pair = Pair::plain();
    let node = &mut pair.server.node;
    node.on(REQUEST_URI, nothing, Layer::new()).unwrap();
    for _ in 0..3 {
        pair.request(&Message::request("u"));
    }
    for _ in 0..3 {
        pair.run();
        assert_eq!(pair.server.link.calls_in_flight(), 1);
        pair.server.dismiss(NOON);
    }
    pair.run();
    assert_eq!(pair.server.seen().len(), 3);
    assert_eq!((pair.server.sent.len(), pair.client.seen().len()), (0, 0));
}

#[test]
fn a_message_without_an_id_is_handled_alone_and_in_its_place() {
    let mut pair = Pair::new(LinkConfig::new(), limited(side_by_side(8)));
    let node = &mut pair.server.node;
    node.on(REQUEST_URI, nothing, Layer::new()).unwrap();
    let options = |ids| RequestOptions::new().with_correlation(ids);
    for (content, ids) in [
        ("a", true),
        ("b", true),
        ("c", false),
        ("d", true),
        ("e", true),
    ] {
        let message = Message::new(REQUEST_URI, "u", content);
        pair.request_with(&message, &options(ids));
    }
    let mut handled = Vec::new();
    for _ in 0..3 {
        pair.run();
        let seen = pair.server.seen();
        let contents = seen.iter().map(|seen| match seen {
            Seen::Called(message) => message.content.clone(),
            other => panic!("{other:?}"),
        });
        handled.push(contents.collect::<Vec<_>>().concat());
        // The later of two first.
        while let Some(call) = pair.server.unanswered.pop_back() {
            pair.run();
            assert_eq!(pair.server.seen(), []);
            pair.server
                .reply(NOON, call, Message::respond_uri("u", ""))
                .unwrap();
        }
    }
    assert_eq!(handled, [&b"ab"[..], b"c", b"de"]);
}

#[test]
fn no_idle_timeout_loses_the_answer_of_a_slow_handler() {
    let limits = Limits::default().with_idle_timeout(Some(SECOND)).unwrap();
    let mut pair = Pair::new(plain(), limited(limits));
    let node = &mut pair.server.node;
    node.on(REQUEST_URI, nothing, Layer::new()).unwrap();
    let options = RequestOptions::new().with_timeout(100 * SECOND);
    let id = pair.request_with(&Message::request("u"), &options);
    pair.pass(50 * SECOND);
    let call = pair.server.unanswered.pop_front().unwrap();
    let answer = Message::respond_uri("u", "");
    pair.server.reply(pair.now, call, answer.clone()).unwrap();
    pair.run();
    assert_eq!(pair.client.answer(), (id, answer));
    // And then it is idle.
    pair.server.seen.clear();
    pair.pass(SECOND);
    assert_eq!(
        pair.server.seen(),
        [Seen::Closed(CloseReason::Idle(SECOND))]
    );
}

/// A handler's own request is answered behind a message that has to wait for the
/// handler.
#[test]
fn handlers_that_ask_back_are_answered_past_messages_that_wait() {
    let limits = side_by_side(2);
    let mut pair = Pair::new(LinkConfig::new(), limited(limits));
    for end in [&mut pair.client, &mut pair.server] {
        end.node.on(REQUEST_URI, nothing, Layer::new()).unwrap();
        end.node.on(CREATE_URI, echo, Layer::new()).unwrap();
    }
    let options = |ids| RequestOptions::new().with_correlation(ids);
    let asked: Vec<_> = [true, false, true, false]
        .map(|ids| pair.request_with(&Message::request("u"), &options(ids)))
        .into();
    let mut answered = Vec::new();
    while answered.len() < asked.len() {
        pair.run();
        pair.server.seen.clear();
        let call = pair.server.unanswered.pop_front().unwrap();
        let back = Message::create("back", "");
        let id = pair.server.request(NOON, &back, &options(false)).unwrap();
        pair.run();
        assert_eq!(pair.server.answer().0, id);
        pair.server
            .reply(NOON, call, Message::respond_uri("u", ""))
            .unwrap();
        pair.run();
        let seen = pair.client.seen();
        answered.extend(seen.iter().filter_map(|seen| match seen {
            Seen::Answered(id, _) => Some(*id),
            _ => None,
        }));
    }
    assert_eq!(answered, asked);
}

#[test]
fn both_ends_ask_at_once_and_their_handlers_ask_back() {
    let config = asking(limited(side_by_side(4)));
    let mut pair = Pair::new(config.clone(), config);
    for end in [&mut pair.client, &mut pair.server] {
        end.node.on(REQUEST_URI, nothing, Layer::new()).unwrap();
        end.node.on(CREATE_URI, echo, Layer::new()).unwrap();
    }
    let options = RequestOptions::new();
    for _ in 0..3 {
        for end in [&mut pair.client, &mut pair.server] {
            end.request(NOON, &Message::request("u"), &options).unwrap();
        }
    }
    pair.run();
    for end in [&mut pair.client, &mut pair.server] {
        assert_eq!(end.unanswered.len(), 3);
        for _ in 0..3 {
            let back = Message::create("back", "");
            end.request(NOON, &back, &options).unwrap();
        }
    }
    pair.run();
    for end in [&mut pair.client, &mut pair.server] {
        while let Some(call) = end.unanswered.pop_back() {
            end.reply(NOON, call, Message::respond_uri("u", ""))
                .unwrap();
        }
    }
    pair.run();
    for end in [&mut pair.client, &mut pair.server] {
        let seen = end.seen();
        let answered = seen
            .iter()
            .filter(|seen| matches!(seen, Seen::Answered(..)));
        assert_eq!((answered.count(), end.link.pending_requests()), (6, 0));
    }
}

#[test]
fn the_nodes_own_answers_carry_the_id_of_the_request() {
    let mut pair = Pair::new(asking(LinkConfig::new()), LinkConfig::new());
    pair.server.answers_by_default();
    pair.server
        .node
        .on((REQUEST_URI, "b"), echo, Layer::new())
        .unwrap();
    let [a, b] = ["a", "b"].map(|uri| pair.request(&Message::request(uri)));
    pair.run();
    let seen = pair.client.seen();
    let ended = seen.iter().map(|seen| match seen {
        Seen::Answered(id, answer) => (*id, answer.message.message_type),
        other => panic!("{other:?}"),
    });
    let ended: Vec<_> = ended.collect();
    assert_eq!(ended, [(a, NOT_FOUND), (b, RESPOND_URI)]);

    // Without ids it names neither of two.
    let mut pair = Pair::plain();
    pair.server.answers_by_default();
    let ids = ["a", "b"].map(|uri| pair.request(&Message::request(uri)));
    pair.run();
    assert_eq!(pair.client.link.pending_requests(), ids.len());
    let not_found = Seen::Unrouted(Message::not_found("", "not found"));
    assert_eq!(pair.client.seen(), [not_found.clone(), not_found]);
}
