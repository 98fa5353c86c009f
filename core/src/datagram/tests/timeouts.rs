//! Handlers that take too long.

use super::*;
use crate::calls::ReplyError;
use crate::options::{CallOptions, CancelReason};

fn serving(timeout: Option<Duration>) -> End {
    let mut config = LinkConfig::new();
    config.calls = CallOptions::new().with_timeout(timeout);
    let mut end = with_config(config);
    for kind in [types::REQUEST_URI, types::NOTIFY_URI] {
        end.node.on(kind, (), Layer::new()).unwrap();
    }
    end
}

fn is_cancelled(events: &[DatagramEvent<()>], of: &Call, after: Duration) -> bool {
    matches!(events, [DatagramEvent::Cancelled { call, reason }]
        if *call == of.id() && *reason == CancelReason::TimedOut(after))
}

#[test]
fn the_asker_of_a_handler_that_takes_too_long_is_told() {
    for (default, own) in [(Some(5 * SECOND), None), (None, Some(5 * SECOND))] {
        let mut node = serving(default);
        node.receive(NOON, at(1), frame(&Message::request("u")));
        let call = node.call(NOON);
        if own.is_some() {
            let options = CallOptions::new().with_timeout(own);
            node.link.set_call_options(NOON, &call, options);
        }
        let due = (NOON.monotonic + 5 * SECOND, DeadlineReason::Handler);
        assert_eq!(node.deadline(), Some(due));
        let late = after(NOON, 5 * SECOND);
        let events = node.events(late);
        assert!(is_cancelled(&events, &call, 5 * SECOND), "{events:?}");
        let sent = node.sent();
        let [(to, datagram)] = &sent[..] else {
            panic!("{} datagrams", sent.len());
        };
        let error = unopened(datagram).remove(0);
        assert_eq!((*to, error.message_type), (at(1), types::ERROR));
        assert_eq!(
            (&error.uri[..], node.link.calls_in_flight()),
            (&b"u"[..], 0)
        );
        let replied = node
            .link
            .reply(late, &mut node.node, call, Message::ok("u", ""));
        assert!(matches!(replied, Err(ReplyError::Cancelled)));
        assert!(node.sent().is_empty() && node.deadline().is_none());
    }
}

#[test]
fn who_asks_for_nothing_is_told_nothing() {
    let mut node = serving(Some(SECOND));
    node.receive(NOON, at(1), frame(&Message::notify("u", "")));
    let call = node.call(NOON);
    let events = node.events(after(NOON, SECOND));
    assert!(is_cancelled(&events, &call, SECOND), "{events:?}");
    assert!(node.sent().is_empty());
}
