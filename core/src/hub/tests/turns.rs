//! Links take turns.

use super::*;
use crate::limits::Limits;

/// A server's hub whose handlers echo, and some links.
fn hub<const LINKS: usize>(limits: Limits, handler: Handler) -> (Hub<Handler>, [LinkId; LINKS]) {
    let node = Node::for_streams(limited(limits));
    let mut hub = Hub::new(node, || generator(1));
    let key = (types::REQUEST_URI, "u");
    assert!(hub.on(key, handler, Layer::new()).unwrap().is_none());
    let links = [(); LINKS].map(|()| hub.accept(NOON, None).unwrap());
    (hub, links)
}

/// The links whose messages are handled until there is nothing to do for now. All
/// answers are written at once.
fn round(hub: &mut Hub<Handler>) -> Vec<LinkId> {
    let mut handled = Vec::new();
    while let Some(output) = hub.poll(NOON) {
        match output {
            Output::Call { call, message, .. } => {
                handled.push(call.link().unwrap());
                let answer = Message::respond_uri(message.uri, message.content);
                hub.reply(NOON, call, answer).unwrap();
            }
            Output::Write { link, bytes } => {
                let count = bytes.len();
                hub.written(NOON, link, count);
            }
            other => panic!("{other:?}"),
        }
    }
    handled
}

#[test]
fn a_busy_link_keeps_others_waiting_for_one_turn_at_most() {
    let (mut hub, [busy, calm]) = hub(Limits::default(), Handler::Echo);
    let turn = Limits::default().frames_per_turn();
    let frame = frame(&Message::request("u"));
    hub.receive(NOON, busy, &frame.repeat(10_000)).unwrap();
    hub.receive(NOON, calm, &frame).unwrap();
    let handled = round(&mut hub);
    let at = handled.iter().position(|link| *link == calm);
    assert_eq!(at, Some(turn));
    // And the loop has its own turn, for what comes meanwhile.
    assert_eq!(handled.len(), turn + 1);
    let mut left = 10_000 - turn;
    while left > 0 {
        assert_eq!(hub.deadline(), Some(NOON.monotonic));
        hub.receive(NOON, calm, &frame).unwrap();
        let handled = round(&mut hub);
        let of_calm = handled.iter().filter(|link| **link == calm).count();
        assert_eq!(of_calm, 1);
        assert!(handled.len() <= turn + 1, "{} messages", handled.len());
        left -= handled.len() - 1;
    }
    assert_eq!(hub.deadline(), None);
}

#[test]
fn many_busy_links_are_handled_alike() {
    let (mut hub, links) = hub::<5>(Limits::default(), Handler::Echo);
    let turn = Limits::default().frames_per_turn();
    let frame = frame(&Message::request("u"));
    for link in links {
        hub.receive(NOON, link, &frame.repeat(1000)).unwrap();
    }
    for _ in 0..1000 / turn {
        let handled = round(&mut hub);
        for link in links {
            let count = handled.iter().filter(|it| **it == link).count();
            assert_eq!(count, turn);
        }
    }
    assert_eq!(round(&mut hub).len(), 5 * (1000 % turn));
}

#[test]
fn all_links_that_wait_for_a_handlers_place_go_on_one_after_another() {
    let limits = Limits::default().with_handlers(2).unwrap();
    let (mut hub, links) = hub::<10>(limits, Handler::Defer);
    let frame = frame(&Message::request("u"));
    for link in links {
        hub.receive(NOON, link, &frame.repeat(2)).unwrap();
    }
    let mut running = VecDeque::new();
    let mut handled = Vec::new();
    loop {
        while let Some(output) = hub.poll(NOON) {
            match output {
                Output::Call { call, .. } => running.push_back(call),
                Output::Write { link, bytes } => {
                    let count = bytes.len();
                    hub.written(NOON, link, count);
                }
                other => panic!("{other:?}"),
            }
            assert!(running.len() <= 2);
        }
        if hub.deadline() == Some(NOON.monotonic) {
            continue;
        }
        // Nothing else happens but that one ends.
        let Some(call) = running.pop_front() else {
            break;
        };
        handled.push(call.link().unwrap());
        let answer = Message::respond_uri("u", "");
        hub.reply(NOON, call, answer).unwrap();
    }
    assert_eq!(handled.len(), 20);
    // None waits until another one has had all of its messages handled.
    let mut first: Vec<_> = handled[..10].to_vec();
    first.sort();
    first.dedup();
    assert!(first.len() >= 8, "{handled:?}");
    assert_eq!(hub.node().inbound_bytes(), 0);
}

#[test]
fn one_link_does_not_pass_the_bound_on_handlers_of_all_links() {
    let limits = side_by_side(64).with_handlers(3).unwrap();
    let (mut hub, [link]) = hub(limits, Handler::Defer);
    let mut frames = Vec::new();
    for id in 0..10 {
        let mut request = Message::request("u");
        request.auth.set_u64("rid", id).unwrap();
        frames.extend(frame(&request));
    }
    hub.receive(NOON, link, &frames).unwrap();
    let mut running = Vec::new();
    while let Some(output) = hub.poll(NOON) {
        match output {
            Output::Call { call, .. } => running.push(call),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(running.len(), 3);
    let call = running.remove(0);
    hub.reply(NOON, call, None).unwrap();
    assert!(matches!(hub.poll(NOON), Some(Output::Call { .. })));
}

#[test]
fn a_link_that_is_gone_takes_no_other_ones_turn() {
    let limits = side_by_side(64).with_handlers(1).unwrap();
    let (mut hub, [gone, waits]) = hub(limits, Handler::Defer);
    let mut request = Message::request("u");
    request.auth.set_u64("rid", 1).unwrap();
    let frame = frame(&request);
    hub.receive(NOON, gone, &frame.repeat(2)).unwrap();
    hub.receive(NOON, waits, &frame).unwrap();
    let Some(Output::Call { call, .. }) = hub.poll(NOON) else {
        panic!("no call");
    };
    // Both wait for the place of its handler, which is free when it ends.
    assert!(hub.poll(NOON).is_none());
    hub.transport_failed(NOON, gone, "reset");
    assert!(matches!(hub.poll(NOON), Some(Output::Close { link, .. }) if link == gone));
    let next = hub.poll(NOON);
    assert!(matches!(next, Some(Output::Call { call, .. }) if call.link() == Some(waits)));
    drop(call);
}

#[test]
fn a_paused_link_keeps_its_messages_and_nobody_else_waiting() {
    let (mut hub, [paused, other]) = hub(Limits::default(), Handler::Echo);
    let frame = frame(&Message::request("u"));
    hub.pause(paused);
    for link in [paused, other] {
        hub.receive(NOON, link, &frame.repeat(3)).unwrap();
    }
    assert_eq!(round(&mut hub), [other; 3]);
    assert!(!hub.wants_read(paused) && hub.wants_read(other));
    assert_eq!(hub.deadline(), None);
    hub.resume(NOON, paused);
    assert_eq!(hub.deadline(), Some(NOON.monotonic));
    assert_eq!(round(&mut hub), [paused; 3]);
    assert!(hub.wants_read(paused));
}
