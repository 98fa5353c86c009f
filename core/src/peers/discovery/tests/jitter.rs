//! Rounds and answers that are spread by chance.

use super::*;

/// The times of the first rounds.
fn rounds(node: &mut Discovery<u16>) -> Vec<Duration> {
    let mut times = Vec::new();
    while times.len() < 20 {
        let due = node.poll_deadline().unwrap();
        node.handle_timeout(Now::new(due, 0));
        times.extend(node.poll_advertisement().map(|_| due));
    }
    times
}

#[test]
fn rounds_come_up_to_a_tenth_of_their_period_earlier() {
    let mut node = node("me").with_jitter(1);
    let mut before = Duration::ZERO;
    for time in rounds(&mut node) {
        let period = time - before;
        assert!(period <= SECOND * 20 && period >= SECOND * 18, "{period:?}");
        before = time;
    }
    // Not even a tenth of them would be at one time with another node's.
    assert_ne!(before, SECOND * 400);
}

#[test]
fn nodes_that_start_together_part_and_a_seed_gives_the_same_times() {
    let times = |seed| rounds(&mut node("me").with_jitter(seed));
    assert_eq!(times(1), times(1));
    let (one, other) = (times(1), times(2));
    let same = one.iter().zip(&other).skip(1).filter(|(a, b)| a == b);
    assert_eq!(same.count(), 0);
}

#[test]
fn without_jitter_rounds_keep_their_times_and_answers_do_not_wait() {
    let mut plain = node_with(Wire::default(), Peer::new("me").with_data("data"));
    plain = plain.with_jitter(1);
    plain
        .begin(at(0), ManagementConfig::new().with_jitter(false))
        .unwrap();
    plain.poll_advertisement();
    for mut node in [plain, node("me")] {
        for address in 0..1000 {
            let id = alloc::format!("{address}").leak();
            advertise(&mut node, 0, address, id);
        }
        let answer = message(types::PEER_DISCOVERED, "me", "data");
        assert_eq!(node.answer_delay(&answer), Duration::ZERO);
        node.handle_timeout(at(20));
        assert!(node.poll_advertisement().is_some());
        assert_eq!(node.poll_deadline(), Some(at(40).monotonic));
    }
}

#[test]
fn where_many_are_known_answers_wait_by_chance() {
    let mut node = node("me").with_jitter(1);
    let answer = message(types::PEER_DISCOVERED, "me", "data");
    for address in 0..1000 {
        let id = alloc::format!("{address}").leak();
        advertise(&mut node, 0, address, id);
        let longest = match address {
            0..16 => Duration::ZERO,
            _ => Duration::from_millis(2 * (u64::from(address) + 1)).min(SECOND),
        };
        assert!(node.answer_delay(&answer) <= longest);
    }
    let delays = [(); 100].map(|()| node.answer_delay(&answer));
    assert!(delays.iter().any(|delay| *delay > SECOND * 8 / 10));
    assert!(delays.iter().any(|delay| *delay < SECOND * 2 / 10));
    // Only what all send at once.
    let others = [types::ADVERTISE_PEER, types::CONFIRM_SUBSCRIBE];
    for message_type in others {
        let answer = message(message_type, "me", "data");
        assert_eq!(node.answer_delay(&answer), Duration::ZERO);
    }
}
