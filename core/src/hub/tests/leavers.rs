//! Clients that leave while their handlers run take no places from those who stay.

use super::*;
use crate::calls::ReplyError;
use crate::limits::Limits;
use crate::options::CallOptions;

const LEAVERS: usize = 64;

fn net(abandoned: Option<usize>) -> Net {
    let limits = Limits::default()
        .with_handlers(LEAVERS)
        .and_then(|limits| limits.with_abandoned_handlers(abandoned))
        .unwrap();
    Net::new(limited(limits), LinkConfig::new())
}

/// As many clients as there are places for handlers ask, and one more that has to wait.
fn fill(net: &mut Net) -> usize {
    let last = (0..=LEAVERS).map(|_| {
        let connection = net.connect();
        net.ask(connection, &request("later", ""));
        connection
    });
    let last = last.last().unwrap();
    net.run();
    assert_eq!(net.server().deferred.len(), LEAVERS);
    net.seen(SERVER);
    last
}

/// The server is told that the clients have ended, or are lost.
fn leave(net: &mut Net, connections: core::ops::Range<usize>, resets: bool) {
    let now = net.now;
    for connection in connections {
        let link = net.link(SERVER, connection);
        let hub = &mut net.server().hub;
        match resets {
            true => hub.transport_failed(now, link, "reset"),
            false => hub.handle_eof(now, link),
        }
        net.poll(SERVER);
    }
}

fn is_called(seen: &[Seen], of: LinkId) -> bool {
    seen.iter()
        .any(|seen| matches!(seen, Seen::Called(link, _) if *link == of))
}

fn count(seen: &[Seen], is: fn(&Seen) -> bool) -> usize {
    seen.iter().filter(|seen| is(seen)).count()
}

#[test]
fn as_many_as_there_are_places_leave_and_all_places_are_free() {
    for resets in [false, true] {
        let mut net = net(None);
        let last = fill(&mut net);
        leave(&mut net, 0..LEAVERS, resets);
        let seen = net.seen(SERVER);
        let left = count(&seen, |seen| match seen {
            Seen::HalfClosed(_, reason) => *reason == CloseReason::Remote,
            Seen::Closed(..) => true,
            _ => false,
        });
        assert_eq!(left, LEAVERS);
        let waited = net.link(SERVER, last);
        assert!(is_called(&seen, waited));
        assert_eq!(net.server().deferred.len(), LEAVERS + 1, "{resets}");
        // There is room for the rest of them, and no more.
        for _ in 0..LEAVERS {
            let connection = net.connect();
            net.ask(connection, &request("later", ""));
        }
        net.poll(CLIENT);
        net.run();
        assert_eq!(net.server().deferred.len(), 2 * LEAVERS);
    }
}

#[test]
fn a_handler_outlives_its_link_until_it_answers() {
    let mut net = net(None);
    net.connect();
    net.ask(0, &request("later", ""));
    net.run();
    leave(&mut net, 0..1, true);
    let link = net.link(SERVER, 0);
    let hub = &mut net.loops[SERVER].hub;
    assert!(hub.is_empty() && hub.link(link).is_none() && hub.node().inbound_bytes() > 0);
    let now = net.now;
    let (call, _) = net.server().deferred.pop_front().unwrap();
    let replied = net.server().hub.reply(now, call, Message::ok("later", ""));
    let Err(ReplyError::Closed(CloseReason::Transport(reason))) = replied else {
        panic!("{replied:?}")
    };
    assert_eq!(reason, "reset");
    net.seen(SERVER);
    net.poll(SERVER);
    assert_eq!(net.seen(SERVER), []);
    let hub = &net.loops[SERVER].hub;
    assert_eq!((hub.node().inbound_bytes(), hub.len()), (0, 0));
    assert!(hub.links.is_empty());
}

#[test]
fn a_handler_that_outlives_its_link_ends_in_time() {
    let mut config = LinkConfig::new();
    config.calls = CallOptions::new().with_timeout(Some(5 * SECOND));
    let mut net = Net::new(config, LinkConfig::new());
    net.connect();
    net.ask(0, &request("later", ""));
    net.run();
    leave(&mut net, 0..1, true);
    net.seen(SERVER);
    let link = net.link(SERVER, 0);
    assert_eq!(
        net.loops[SERVER].hub.deadline(),
        Some(net.now.monotonic + 5 * SECOND)
    );
    net.now = after(net.now, 5 * SECOND);
    net.poll(SERVER);
    let timed_out = CancelReason::TimedOut(5 * SECOND);
    assert_eq!(net.seen(SERVER), [Seen::Cancelled(link, timed_out)]);
    assert!(net.server().deferred.is_empty() && net.loops[SERVER].hub.links.is_empty());
}

#[test]
fn no_more_handlers_of_those_who_left_run_on_than_may() {
    let mut net = net(Some(10));
    let last = fill(&mut net);
    leave(&mut net, 0..LEAVERS, true);
    let seen = net.seen(SERVER);
    let cancelled = |seen: &Seen| matches!(seen, Seen::Cancelled(_, CancelReason::NoRoom));
    assert_eq!(count(&seen, cancelled), LEAVERS - 10);
    assert!(is_called(&seen, net.link(SERVER, last)));
    assert_eq!(net.server().deferred.len(), 10 + 1);
    // As they end, others may take their places.
    for _ in 0..10 {
        let now = net.now;
        let (call, _) = net.server().deferred.pop_front().unwrap();
        assert!(net.server().hub.reply(now, call, None).is_err());
    }
    leave(&mut net, last..last + 1, true);
    let seen = net.seen(SERVER);
    assert_eq!(count(&seen, cancelled), 0);
    assert_eq!(net.server().deferred.len(), 1);
}

#[test]
fn where_those_who_left_have_no_room_they_keep_their_places_for_the_grace() {
    let mut net = net(Some(0));
    let last = fill(&mut net);
    leave(&mut net, 0..LEAVERS, false);
    let waits = net.link(SERVER, last);
    let seen = net.seen(SERVER);
    assert!(!is_called(&seen, waits));
    let grace = Limits::default().shutdown_grace();
    net.now = after(net.now, grace);
    net.poll(SERVER);
    let seen = net.seen(SERVER);
    let cancelled = |seen: &Seen| matches!(seen, Seen::Cancelled(_, CancelReason::NoRoom));
    assert_eq!(count(&seen, cancelled), LEAVERS);
    assert!(is_called(&seen, waits));
    assert_eq!(net.server().deferred.len(), 1);
}
