use alloc::collections::VecDeque;

use SlowConsumerPolicy::{DropNewest, DropOldest};

use super::*;

#[test]
fn what_is_handed_out_counts_until_it_is_written() {
    let (mut outbox, mut writing) = (Outbox::new(), Vec::new());
    outbox.tail().extend_from_slice(&[1; 5000]);
    assert!(outbox.swap(&mut writing));
    outbox.tail().push(2);
    assert_eq!((writing.len(), outbox.len()), (5000, 5001));
    outbox.written(4000);
    assert_eq!(outbox.len(), 1001);
    assert!(outbox.swap(&mut writing));
    assert_eq!((&writing[..], outbox.len()), (&[2][..], 1));
    assert!(!outbox.swap(&mut writing));
    assert!(outbox.len() == 0 && writing.capacity() <= Outbox::KEEP);
    assert!(outbox.tail.capacity() <= Outbox::KEEP);
}

/// Everything that is handed out.
fn all(outbox: &mut Outbox) -> Vec<u8> {
    let (mut all, mut writing) = (Vec::new(), Vec::new());
    while outbox.swap(&mut writing) {
        all.extend_from_slice(&writing);
    }
    all
}

/// What was dropped, in messages and bytes.
fn dropped(outbox: &mut Outbox) -> (u64, u64) {
    let dropped = outbox.take_dropped().unwrap_or_default();
    (dropped.messages, dropped.bytes)
}

fn push(outbox: &mut Outbox, frame: &'static str, max: usize, policy: SlowConsumerPolicy) {
    outbox.push(frame.as_bytes().to_vec().into(), max, policy);
}

#[test]
fn frames_keep_their_places() {
    let mut outbox = Outbox::new();
    for (own, frame) in [("a", "B"), ("", "C"), ("d", "E"), ("f", "")] {
        outbox.tail().extend_from_slice(own.as_bytes());
        push(&mut outbox, frame, 100, DropOldest);
    }
    assert_eq!(outbox.len(), 6);
    assert_eq!(all(&mut outbox), b"aBCdEf");
    assert_eq!((outbox.len(), dropped(&mut outbox)), (0, (0, 0)));
}

#[test]
fn one_end_of_the_frames_is_dropped_and_nothing_else() {
    let cases = [
        (DropOldest, "aghi45", (3, 3)),
        (DropNewest, "a1g2h3i", (2, 2)),
    ];
    for (policy, left, count) in cases {
        let mut outbox = Outbox::new();
        for (own, frame) in [("a", "1"), ("g", "2"), ("h", "3"), ("i", "4"), ("", "5")] {
            outbox.tail().extend_from_slice(own.as_bytes());
            push(&mut outbox, frame, 6, policy);
        }
        assert_eq!(dropped(&mut outbox), count);
        assert_eq!(all(&mut outbox), left.as_bytes(), "{policy:?}");
    }
}

#[test]
fn what_is_handed_out_is_not_dropped() {
    let mut outbox = Outbox::new();
    let frame = SharedFrame::from(alloc::vec![7; Outbox::PORTION / 2]);
    for _ in 0..4 {
        outbox.push(frame.clone(), usize::MAX, DropOldest);
    }
    let mut writing = Vec::new();
    assert!(outbox.swap(&mut writing));
    assert_eq!(writing.len(), Outbox::PORTION);
    outbox.drop_until(DropOldest, |_| false);
    assert_eq!((outbox.len(), dropped(&mut outbox).0), (Outbox::PORTION, 2));
    // With nothing to make room, what comes is dropped itself.
    push(&mut outbox, "late", Outbox::PORTION, DropOldest);
    assert_eq!(dropped(&mut outbox), (1, 4));
    outbox.written(1);
    push(&mut outbox, "soon", Outbox::PORTION, DropOldest);
    assert_eq!(all(&mut outbox), b"soon");
}

#[test]
fn a_backlog_is_one_until_less_waits() {
    let (mut outbox, mut writing) = (Outbox::new(), Vec::new());
    let second = Duration::from_secs;
    outbox.tail().extend_from_slice(&[0; 11]);
    outbox.note_backlog(second(1), 10);
    // It could not be read yet.
    assert_eq!(outbox.backlog_since(), None);
    outbox.swap(&mut writing);
    outbox.note_backlog(second(2), 10);
    assert_eq!(outbox.backlog_since(), Some(second(1)));
    outbox.set_overdue();
    outbox.note_backlog(second(3), 10);
    assert_eq!((outbox.backlog_since(), outbox.is_overdue()), (None, true));
    outbox.end_backlog(10);
    assert!(outbox.is_overdue());
    outbox.written(1);
    outbox.end_backlog(10);
    assert!(!outbox.is_overdue());
    outbox.tail().push(0);
    outbox.note_backlog(second(9), 10);
    assert_eq!(outbox.backlog_since(), Some(second(9)));
}

/// The same as a queue of single pieces, whatever happens in whatever order.
#[test]
fn it_does_as_a_plain_queue_does() {
    use chacha20::ChaCha8Rng;
    use rand_core::{Rng, SeedableRng};

    for seed in 0..200 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let policy = [DropOldest, DropNewest][seed as usize % 2];
        let mut outbox = Outbox::new();
        // Pieces, each with whether it may be dropped.
        let mut plain = VecDeque::<(SharedFrame, bool)>::new();
        let mut in_flight = 0;
        for step in 0..500_u32 {
            let choice = rng.next_u32();
            let len = (choice >> 8) as usize % 5000;
            let piece = SharedFrame::from(alloc::vec![step as u8; len]);
            let waiting = |plain: &VecDeque<(SharedFrame, bool)>| -> usize {
                plain.iter().map(|(piece, _)| piece.len()).sum()
            };
            match choice % 8 {
                0 | 1 => {
                    outbox.tail().extend_from_slice(&piece);
                    plain.push_back((piece, false));
                }
                2..=5 => {
                    const MAX: usize = 100_000;
                    outbox.push(piece.clone(), MAX, policy);
                    while policy == DropOldest
                        && !piece.is_empty()
                        && waiting(&plain) + in_flight >= MAX
                        && let Some(at) = plain.iter().position(|(_, may)| *may)
                    {
                        plain.remove(at);
                    }
                    if waiting(&plain) + in_flight < MAX && !piece.is_empty() {
                        plain.push_back((piece, true));
                    }
                }
                6 => {
                    let count = len.min(in_flight);
                    outbox.written(count);
                    in_flight -= count;
                }
                _ => {
                    let mut writing = Vec::new();
                    outbox.swap(&mut writing);
                    in_flight = writing.len();
                    let mut expected = Vec::new();
                    while expected.len() < writing.len() {
                        let (piece, _) = plain.pop_front().unwrap();
                        expected.extend_from_slice(&piece);
                    }
                    assert!(expected == writing, "seed {seed}, step {step}");
                }
            }
            assert_eq!(outbox.len(), waiting(&plain) + in_flight, "{seed}, {step}");
        }
    }
}
