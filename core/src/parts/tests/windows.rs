//! Several parts on their way at once, over networks of all kinds.

use alloc::collections::BTreeMap;

use super::*;

/// Numbers that look random, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

/// Sends a content through a network that keeps as many messages, in an order of its own, and of a
/// hundred loses and doubles so many; returns how often it asked. What is lost is asked again when
/// nothing else is on its way, as a timer would.
fn through(len: usize, reply_len: usize, seed: u64, [loss, doubles]: [u64; 2]) -> usize {
    let mut dice = Dice(seed);
    let limits = Limits::default().with_long_window(6 * PART_LEN).unwrap();
    let mut inbox = Inbox::new(&limits);
    let reply = Message::new(types::OK, "u", bytes(reply_len));
    let mut request = long(len, 1);
    let (mut handled, mut questions) = (0, 0);
    // Questions to be answered, and those that are on their way or whose answers are.
    let mut waiting: BTreeMap<u64, (Asked, Message)> = BTreeMap::new();
    let mut flying: Vec<(u64, Message)> = Vec::new();
    let mut backward: Vec<(u64, Message)> = Vec::new();
    loop {
        match request.poll() {
            Next::Ask(asked, question) => {
                questions += 1;
                waiting.insert(questions, (asked, question.clone()));
                flying.push((questions, question));
                assert!(flying.len() <= 20 + backward.len() + waiting.len());
                continue;
            }
            Next::Done(answer) => {
                assert_eq!((handled, answer), (1, reply));
                return questions as usize;
            }
            Next::Later | Next::Wait => {}
            other => panic!("{other:?}"),
        }
        waiting.retain(|_, (asked, _)| request.awaits(*asked));
        if flying.is_empty() && backward.is_empty() {
            // Time passes.
            flying.extend(
                waiting
                    .iter()
                    .map(|(number, (_, question))| (*number, question.clone())),
            );
            assert!(!flying.is_empty());
        }
        let at = dice.roll((flying.len() + backward.len()) as u64) as usize;
        let is_lost = dice.roll(100) < loss;
        let is_doubled = dice.roll(100) < doubles;
        if at < flying.len() {
            let (number, question) = flying.swap_remove(at);
            if is_doubled {
                flying.push((number, question.clone()));
            }
            if is_lost {
                continue;
            }
            let answer = match inbox.receive(at_zero(), link(1), question.content) {
                Received::Answer(answer) => answer,
                Received::Begun(ticket, ..) => inbox.accept(ticket),
                Received::Whole(ticket, message) => {
                    handled += 1;
                    assert_eq!(message.content, bytes(len));
                    inbox.replied(at_zero(), ticket, Some(reply.clone()))
                }
                Received::Waiting(_) => panic!("it does not run"),
            };
            backward.push((number, answer));
        } else {
            let (number, answer) = backward.swap_remove(at - flying.len());
            if is_doubled {
                backward.push((number, answer.clone()));
            }
            if is_lost {
                continue;
            }
            if let Some((asked, _)) = waiting.remove(&number) {
                request.answered(asked, &answer).unwrap();
            }
        }
    }
}

const fn at_zero() -> Now {
    at(0)
}

#[test]
fn whatever_a_network_does_contents_and_answers_arrive_whole_and_once() {
    for seed in 0..40 {
        for conditions in [[0, 0], [0, 30], [20, 0], [20, 20]] {
            let [len, reply_len] = [(seed as usize % 5) * 300_000, (seed as usize % 3) * 400_000];
            let asked = through(len, reply_len, seed, conditions);
            if conditions == [0, 0] {
                // Whatever the order, nothing is sent twice.
                let parts = len.div_ceil(PART_LEN).max(1) + reply_len.div_ceil(PART_LEN);
                assert!(asked <= parts + 2, "{asked} of {parts}");
            }
        }
    }
}

#[test]
fn no_more_is_on_its_way_than_either_end_wants() {
    for (mine, theirs, parts) in [(4, 9, 4), (9, 4, 4), (1, 1, 1)] {
        let limits = Limits::default()
            .with_long_window(theirs * PART_LEN)
            .unwrap();
        let mut inbox = Inbox::new(&limits);
        let reply = Message::new(types::OK, "u", bytes(900_000));
        let mut request = long(900_000, 1);
        request.set_window(mine * PART_LEN);
        ask(&mut request, &mut inbox, &reply).unwrap();
        let mut asked: Vec<_> = core::iter::from_fn(|| question(&mut request)).collect();
        assert_eq!(asked.len(), parts);
        // The last one first: it is kept, and none is sent again.
        while let Some((asked, question)) = asked.pop() {
            let answer = answer(&mut inbox, 1, question, &reply);
            request.answered(asked, &answer).unwrap();
        }
        assert_eq!(request.sent(), (parts * PART_LEN) as u64);
        assert!(inbox.held() < 2 * parts * PART_LEN + PART_LEN);
        while request.head().is_none() {
            ask(&mut request, &mut inbox, &reply).unwrap();
        }
        let fetching: Vec<_> = core::iter::from_fn(|| question(&mut request)).collect();
        assert_eq!(fetching.len(), mine);
    }
}

#[test]
fn what_comes_beyond_a_gap_is_bounded() {
    let limits = Limits::default().with_long_window(8 * PART_LEN).unwrap();
    let mut inbox = Inbox::new(&limits);
    let reply = Message::new(types::OK, "u", "");
    ask(&mut long(10_000_000, 1), &mut inbox, &reply).unwrap();
    let before = inbox.held();
    let part = |offset, len| Word::Part {
        id: [1; ID_LEN],
        offset,
        bytes: bytes(len).into(),
    };
    for offset in 1..100_000 {
        inbox.receive(at(0), link(1), part(offset, 1).encode().into());
    }
    assert!(inbox.held() - before < 8 * PART_LEN);
    let least = inbox.held();
    for offset in (PART_LEN as u64..10_000_000).step_by(PART_LEN) {
        inbox.receive(at(0), link(1), part(offset, PART_LEN).encode().into());
    }
    assert_eq!(inbox.held(), least, "there are as many pieces as may be");
    inbox.receive(at(0), link(1), part(0, 2).encode().into());
    let whole = inbox.receive(at(0), link(1), part(2, PART_LEN).encode().into());
    let Received::Answer(answer) = whole else {
        panic!("it is not whole");
    };
    // All pieces are used up by what came.
    let end = PART_LEN as u64 + 2;
    let said = Said::decode(answer.content);
    let until = end + 8 * PART_LEN as u64;
    assert_eq!(said, Some(Said::GoOn { offset: end, until }));
}
