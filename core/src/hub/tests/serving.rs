//! Requests, subscriptions, and writes that are cut short.

use super::*;
use crate::calls::ReplyError;
use crate::limits::Limits;
use crate::options::SendOptions;
use crate::subscriptions::SubscribeError;

#[test]
fn requests_are_answered_on_each_connection() {
    let mut net = Net::plain();
    let connections = [(); 3].map(|()| net.connect());
    let asked = connections.map(|connection| {
        let id = net.ask(connection, &request("echo", "content"));
        (net.link(CLIENT, connection), id)
    });
    net.run();
    let answer = Message::respond_uri("echo", "content");
    let expected = asked.map(|(link, id)| Seen::Answered(link, id, answer.clone()));
    assert_eq!(net.seen(CLIENT), expected);
    // And what has no handler.
    let id = net.ask(1, &request("unknown", ""));
    net.run();
    let not_found = Message::not_found("", "not found");
    let link = net.link(CLIENT, 1);
    assert_eq!(net.seen(CLIENT), [Seen::Answered(link, id, not_found)]);
}

#[test]
fn a_request_times_out_at_the_hubs_own_deadline() {
    let mut net = Net::plain();
    net.connect();
    let id = net.ask(0, &request("later", ""));
    net.run();
    let timeout = RequestOptions::DEFAULT_TIMEOUT;
    let deadline = net.client().hub.deadline();
    assert_eq!(deadline, Some(NOON.monotonic + timeout));
    net.pass(timeout);
    let link = net.link(CLIENT, 0);
    let failed = Seen::Failed(link, id, RequestError::TimedOut(timeout));
    assert_eq!(net.seen(CLIENT), [failed]);
    // Its place is kept for a time.
    let kept = Some(NOON.monotonic + 2 * timeout);
    assert_eq!(net.client().hub.deadline(), kept);
    net.pass(timeout);
    assert_eq!(net.client().hub.deadline(), None);
    // A cancelled one is not heard of.
    let id = net.ask(0, &request("later", ""));
    net.client().hub.cancel(link, id);
    net.pass(2 * timeout);
    assert_eq!(net.seen(CLIENT), []);
    assert_eq!(net.client().hub.deadline(), None);
}

#[test]
fn deferred_handlers_answer_in_order_unless_requests_carry_ids() {
    for ids in [false, true] {
        let mut net = Net::new(limited(side_by_side(3)), LinkConfig::new());
        net.connect();
        let options = RequestOptions::new().with_correlation(ids);
        let ids_of = ["a", "b", "c"].map(|text| net.ask_with(0, &request("later", text), &options));
        net.run();
        let mut ended = Vec::new();
        while !net.server().deferred.is_empty() {
            // The last one first, where there are several.
            let last = net.server().deferred.len() - 1;
            net.answer(last);
            net.run();
            ended.extend(net.seen(CLIENT).into_iter().map(|seen| match seen {
                Seen::Answered(_, id, answer) => (id, answer.content),
                other => panic!("{other:?}"),
            }));
        }
        let [a, b, c] = ids_of;
        let in_order = [(a, "a".into()), (b, "b".into()), (c, "c".into())];
        let mut expected = in_order.to_vec();
        if ids {
            expected.reverse();
        }
        assert_eq!(ended, expected);
    }
}

#[test]
fn a_handler_that_fails_or_is_forgotten_ends_the_request() {
    let mut net = Net::plain();
    net.connect();
    net.ask(0, &request("later", ""));
    net.run();
    let (call, _) = net.server().deferred.pop_front().unwrap();
    let now = net.now;
    net.server().hub.reply_error(now, call, "broken").unwrap();
    net.run();
    assert_eq!(net.answers(), ["broken"]);

    net.ask(0, &request("later", ""));
    net.run();
    net.server().deferred.clear();
    net.seen(SERVER);
    // It is noticed when the hub is polled next, and that is due at once.
    assert_eq!(net.server().hub.deadline(), Some(now.monotonic));
    net.ask(0, &request("echo", "next"));
    net.run();
    let link = net.link(SERVER, 0);
    let unanswered = Seen::Unanswered(link, types::REQUEST_URI, "later".into());
    let seen = net.seen(SERVER);
    assert!(seen.contains(&unanswered), "{seen:?}");
    assert_eq!(net.answers()[1], "next");
}

#[test]
fn a_call_from_another_hub_comes_back_and_is_still_answerable() {
    let [mut one, mut other] = [Net::plain(), Net::plain()];
    for net in [&mut one, &mut other] {
        net.connect();
        net.ask(0, &request("later", "content"));
        net.run();
    }
    let (call, message) = one.server().deferred.pop_front().unwrap();
    let answer = Message::respond_uri(message.uri, message.content);
    let reply = other.server().hub.reply(NOON, call, answer.clone());
    let Err(ReplyError::OtherLink(call)) = reply else {
        panic!("{reply:?}");
    };
    one.server().hub.reply(NOON, call, answer).unwrap();
    for net in [&mut one, &mut other] {
        net.run();
    }
    assert_eq!((one.answers().len(), other.answers().len()), (1, 0));
}

#[test]
fn a_message_for_many_is_sealed_once_for_all_of_them() {
    let config = LinkConfig::new().with_outer(hmac("secret"));
    let mut net = Net::new(config.clone(), config);
    for _ in 0..3 {
        net.connect();
    }
    let subscribe = Message::subscribe("news");
    for connection in [0, 2] {
        net.ask(connection, &subscribe);
    }
    net.run();
    assert_eq!(net.answers().len(), 2);
    for connection in &mut net.connections {
        connection.pipes[SERVER].carried.clear();
    }
    let now = net.now;
    let delivery = net.server().hub.publish(now, "news", "new").unwrap();
    assert_eq!((delivery.accepted(), delivery.lost()), (2, 0));
    net.run();
    let expected = [0, 2].map(|number| net.link(CLIENT, number));
    let told = net.seen(CLIENT);
    // netaio's own default handler: nobody answers it.
    assert_eq!(told, []);
    let carried = |number: usize| &net.connections[number].pipes[SERVER].carried;
    assert!(!carried(0).is_empty() && carried(1).is_empty());
    // The same nonce, and the same MAC.
    assert_eq!(carried(0), carried(2));

    // To those who have unsubscribed, or are gone, nothing is sent.
    net.ask(0, &Message::unsubscribe("news"));
    net.run();
    let link = net.link(CLIENT, 2);
    let now = net.now;
    net.client().hub.close(now, link);
    net.run();
    let delivery = net.server().hub.publish(now, "news", "new").unwrap();
    assert_eq!((delivery.accepted(), delivery.lost()), (0, 0));
    assert_eq!(expected.len(), 2);
}

#[test]
fn who_asks_with_a_uri_that_no_confirmation_has_room_for_is_not_subscribed() {
    for (served, len) in LONG_URIS {
        let mut net = Net::plain();
        net.connect();
        if served {
            net.server().hub.serve_subscriptions(None).unwrap();
        }
        let uri = Bytes::from(alloc::vec![b'x'; len]);
        // Longer than what is sent, but not than what is received.
        let subscribe = frame(&Message::subscribe(uri.clone()));
        let (now, link) = (net.now, net.link(SERVER, 0));
        net.server().hub.receive(now, link, &subscribe).unwrap();
        net.run();
        let [error] = &unopened(&net.connections[0].pipes[SERVER].carried)[..] else {
            panic!("not one answer");
        };
        assert_eq!(
            (error.message_type, &error.uri[..]),
            (types::ERROR, &b""[..])
        );
        let max = 4096;
        let expected = SubscribeError::KeyTooLong { len, max }.to_string();
        assert_eq!(error.content, expected);
        let published = net.server().hub.publish(now, uri.clone(), "");
        assert!(published.is_err(), "{published:?}");
        assert_eq!(net.server().hub.node().subscribers(&uri).count(), 0);
    }
}

#[test]
fn the_longest_uri_to_subscribe_to_has_room_for_all_layers() {
    let (outer, inner) = all_layers();
    let limits = Limits::default().with_subscription_key(65_535).unwrap();
    let config = LinkConfig::new().with_outer(outer).with_limits(limits);
    let mut net = Net::new(config.clone(), config);
    net.connect();
    net.server().hub.serve_subscriptions(inner.clone()).unwrap();
    let options = RequestOptions::new()
        .with_inner(inner.clone())
        .with_correlation(true);
    for (len, confirmed) in [(64_910, true), (64_911, false)] {
        let uri = Bytes::from(alloc::vec![b'x'; len]);
        let id = net.ask_with(0, &Message::subscribe(uri.clone()), &options);
        net.run();
        let answer = match confirmed {
            true => Message::confirm_subscribe(uri.clone()),
            false => {
                let error = SubscribeError::KeyTooLong { len, max: 64_910 };
                Message::error(uri.clone(), error.to_string())
            }
        };
        let [Seen::Answered(_, answered, seen)] = &net.seen(CLIENT)[..] else {
            panic!("no answer");
        };
        assert_eq!(*answered, id);
        assert_eq!(seen.message_type, answer.message_type);
        assert_eq!((&seen.uri, &seen.content), (&answer.uri, &answer.content));
        let (now, send) = (net.now, SendOptions::new().with_inner(inner.clone()));
        let news = Message::notify(uri.clone(), "");
        let delivery = net.server().hub.notify(now, &uri, &news, &send).unwrap();
        assert_eq!(delivery.accepted(), usize::from(confirmed));
        net.run();
        net.seen(CLIENT);
    }
}

#[test]
fn one_who_has_too_much_waiting_is_not_delivered_to() {
    let limits = Limits::default().with_outbound_queue(140_000).unwrap();
    let mut net = Net::new(limited(limits), LinkConfig::new());
    net.connect();
    net.ask(0, &Message::subscribe("news"));
    net.run();
    net.connect();
    net.ask(1, &Message::subscribe("news"));
    net.run();
    let (now, first) = (net.now, net.link(SERVER, 0));
    let content = alloc::vec![0; 60_000];
    let large = Message::notify("u", content);
    let options = Default::default();
    while net.server().hub.send(now, first, &large, &options).is_ok() {}
    let hub = &mut net.server().hub;
    assert!(hub.without_room(b"news").eq([first]));
    // It could read none of it yet.
    let delivery = hub.publish(now, "news", "new").unwrap();
    assert_eq!((delivery.sent, delivery.queued), (1, 1));
    while !matches!(hub.poll(now), Some(Output::Write { link, .. }) if link == first) {}
    hub.written(now, first, 0);
    let delivery = hub.publish(now, "news", "new").unwrap();
    assert_eq!((delivery.queued, delivery.cut), (1, 1));
    // It is waited for with its last frame, and gets nothing more.
    while hub.poll(now).is_some() {}
    let delivery = hub.publish(now, "news", "new").unwrap();
    assert_eq!((delivery.queued, delivery.lost(), hub.len()), (1, 0, 2));
}

#[test]
fn what_a_transport_does_not_take_comes_again() {
    let mut net = Net::plain();
    net.capacity = 10;
    net.connect();
    let contents = ["first", "second", "third"];
    for content in contents {
        net.ask(0, &request("echo", content));
    }
    // The client's transport is full at once.
    net.poll(CLIENT);
    let link = net.link(CLIENT, 0);
    assert!(net.client().hub.wants_write(link));
    let waits = net.client().hub.link(link).unwrap().queued();
    assert_eq!(
        waits,
        frame(&request("echo", "firstsecondthird")).len() + 2 * 18 - 10
    );
    net.run();
    assert_eq!(net.answers(), contents);
    assert!(!net.client().hub.wants_write(link));
    assert_eq!(net.client().hub.link(link).unwrap().queued(), 0);
}

#[test]
fn much_in_both_directions_over_a_narrow_transport_does_not_get_stuck() {
    let mut config = limited(side_by_side(4));
    config.correlation = crate::Correlation::default().with_requests(true);
    let mut net = Net::new(config.clone(), config);
    net.capacity = 20_000;
    net.connect();
    let key = (types::REQUEST_URI, "echo");
    let on = net.client().hub.on(key, Handler::Echo, Layer::new());
    assert!(on.unwrap().is_none());
    let message = Message::new(types::REQUEST_URI, "echo", alloc::vec![0; 50_000]);
    let (now, link) = (net.now, net.link(SERVER, 0));
    for _ in 0..40 {
        net.ask(0, &message);
        let options = RequestOptions::new();
        let asked = net.server().hub.request(now, link, &message, &options);
        asked.unwrap();
    }
    net.run();
    for side in [SERVER, CLIENT] {
        let seen = net.seen(side);
        let answered = seen.iter().filter(|it| matches!(it, Seen::Answered(..)));
        assert_eq!(answered.count(), 40);
    }
}

/// All that both sides wrote and saw in a busy while.
fn run(seed: u64) -> (Vec<Vec<u8>>, [Vec<Seen>; 2]) {
    let outer = hmac("secret").with_cipher(Sha256StreamCipher::new("key"));
    let config = limited(side_by_side(2)).with_outer(outer);
    let mut net = Net::seeded(config.clone(), config, seed);
    net.capacity = 100;
    for _ in 0..4 {
        net.connect();
    }
    let options = RequestOptions::new().with_correlation(true);
    for number in 0..20 {
        let connection = number % 4;
        net.ask(connection, &Message::subscribe("news"));
        net.ask(connection, &request("echo", "content"));
        net.ask_with(connection, &request("later", "content"), &options);
        net.run();
        let now = net.now;
        net.server().hub.publish(now, "news", "new").unwrap();
        while !net.server().deferred.is_empty() {
            let last = net.server().deferred.len() - 1;
            net.answer(last);
        }
        net.pass(SECOND);
    }
    let now = net.now;
    net.server().hub.drain(now, SECOND);
    net.pass(SECOND);
    let pipes = net.connections.iter().flat_map(|it| &it.pipes);
    let carried = pipes.map(|pipe| pipe.carried.clone()).collect();
    (carried, [SERVER, CLIENT].map(|side| net.seen(side)))
}

#[test]
fn the_same_seed_and_inputs_give_the_same_bytes_and_outputs() {
    let first = run(1);
    assert!(first.0.iter().all(|carried| carried.len() > 1000));
    assert!(first == run(1));
    let other = run(2);
    assert!(other.0 != first.0);
    assert_eq!(other.1[CLIENT].len(), first.1[CLIENT].len());
}
