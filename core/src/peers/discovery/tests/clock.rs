//! A clock that goes back, which breaks its contract.

use super::*;

const FAR: u32 = 100_000_000;

/// What a node sent and noticed in 120 s from this time on, if it is woken when it
/// asks for it, as seconds since then.
fn follow(node: &mut Discovery<u16>, from: u32) -> (Vec<u32>, Vec<(u32, PeerEvent<u16>)>) {
    let (mut rounds, mut seen) = (Vec::new(), Vec::new());
    while let Some(deadline) = node.poll_deadline()
        && deadline <= SECOND * (from + 120)
    {
        node.handle_timeout(Now::new(deadline, 0));
        let since = (deadline - SECOND * from).as_secs() as u32;
        rounds.extend(node.poll_advertisement().map(|_| since));
        seen.extend(events(node).into_iter().map(|event| (since, event)));
    }
    (rounds, seen)
}

/// A node that knows a peer, and whose clock was far ahead.
fn far_ahead() -> Discovery<u16> {
    let mut node = node("me");
    node.handle_timeout(at(FAR));
    assert!(node.poll_advertisement().is_some());
    assert!(advertise(&mut node, FAR, 1, "a"));
    events(&mut node);
    node
}

#[test]
fn rounds_go_on_within_one_period() {
    let inputs: [fn(&mut Discovery<u16>); 4] = [
        |node| node.handle_timeout(at(100)),
        |node| node.heard(at(100), 9),
        |node| assert!(node.update(at(100), Peer::new("b"), 2).is_ok()),
        |node| drop(node.handle(at(100), 9, &message(types::DISCONNECT, "z", ""))),
    ];
    for input in inputs {
        let mut node = far_ahead();
        input(&mut node);
        assert_eq!(node.poll_deadline(), Some(SECOND * 120));
        let (rounds, _) = follow(&mut node, 100);
        assert_eq!(rounds, [20, 40, 60, 80, 100, 120]);
    }
}

#[test]
fn peers_expire_within_two_timeouts() {
    let mut node = far_ahead();
    node.heard(at(100), 9);
    let (_, seen) = follow(&mut node, 100);
    assert!(
        matches!(&seen[..], [(120, PeerEvent::Removed { known, reason: RemovalReason::TimedOut })]
            if known.peer.id == "a"),
        "{seen:?}"
    );
    // One that is heard stays.
    let mut node = far_ahead();
    node.heard(at(100), 1);
    for now in (110..1000).step_by(10) {
        node.heard(at(now), 1);
        node.handle_timeout(at(now));
    }
    assert_eq!((node.peers().len(), events(&mut node).len()), (1, 0));
}

#[test]
fn threads_that_read_the_clock_out_of_order_change_nothing() {
    let mut node = node("me");
    assert!(advertise(&mut node, 10, 1, "a") && advertise(&mut node, 9, 2, "b"));
    assert_eq!(node.poll_deadline(), Some(SECOND * 20));
    node.heard(at(30), 1);
    node.heard(at(29), 1);
    node.handle_timeout(at(69));
    events(&mut node);
    assert_eq!(node.peers().list().len(), 1);
    node.handle_timeout(at(89));
    assert!(node.peers().is_empty());
}
