use netaio_core::{Message, SendOptions};

use super::*;

fn mailbox(policy: SlowConsumerPolicy) -> Mailbox {
    let limits = Limits::default().with_outbound_queue(132_096);
    Mailbox::new(&limits.unwrap().with_slow_consumer(policy).unwrap())
}

fn frame(number: u8) -> Command {
    Command::Frame(vec![number; 50_000].into())
}

/// The numbers of the frames that wait, and how much was dropped.
fn taken(mailbox: &Mailbox) -> (Vec<u8>, Option<(u64, u64)>) {
    let mut commands = VecDeque::new();
    let dropped = mailbox.take(&mut commands);
    let numbers = commands.iter().filter_map(|command| match command {
        Command::Frame(frame) => frame.first().copied(),
        _ => None,
    });
    let dropped = dropped.map(|dropped| (dropped.messages, dropped.bytes));
    (numbers.collect(), dropped)
}

#[test]
fn news_that_nobody_takes_is_refused_or_dropped() {
    let cases = [
        (SlowConsumerPolicy::Disconnect, vec![0, 1, 2], None),
        (
            SlowConsumerPolicy::DropOldest,
            vec![2, 3, 4],
            Some((2, 100_000)),
        ),
        (
            SlowConsumerPolicy::DropNewest,
            vec![0, 1, 2],
            Some((2, 100_000)),
        ),
    ];
    for (policy, left, dropped) in cases {
        let mailbox = mailbox(policy);
        // Others are not counted, and stay.
        mailbox.push(Command::Wake).unwrap();
        for number in 0..5 {
            let full = mailbox.push(frame(number)).is_err();
            let disconnects = policy == SlowConsumerPolicy::Disconnect;
            assert_eq!(full, disconnects && number >= 3, "{policy:?}, {number}");
        }
        assert_eq!(taken(&mailbox), (left, dropped));
        mailbox.push(frame(9)).unwrap();
        assert_eq!(taken(&mailbox), (vec![9], None));
    }
}

#[test]
fn a_message_for_one_of_many_counts_as_frame() {
    let mailbox = mailbox(SlowConsumerPolicy::DropOldest);
    for _ in 0..3 {
        let message = Message::notify("u", vec![0; 60_000]);
        let options = SendOptions::new();
        mailbox.push(Command::Notify { message, options }).unwrap();
    }
    mailbox.push(frame(1)).unwrap();
    let (numbers, dropped) = taken(&mailbox);
    assert_eq!((numbers, dropped.unwrap().0), (vec![1], 1));
}

#[test]
fn a_cut_reaches_a_connection_that_writes_its_last() {
    let mailbox = mailbox(SlowConsumerPolicy::Disconnect);
    mailbox.close(CloseReason::Local);
    assert!(mailbox.push(Command::Cut).is_err());
    assert!(lock(&mailbox.queue).aborted);
}
