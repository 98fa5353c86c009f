use std::sync::Arc;

use netaio_core::{Droppable, Message, SendOptions, SharedNode};

use super::testing::{link, node};
use super::*;

fn mailbox(policy: SlowConsumerPolicy) -> Mailbox {
    let limits = Limits::default().with_outbound_queue(132_096);
    let limits = limits.unwrap().with_slow_consumer(policy).unwrap();
    Mailbox::new(&limits, link(&mut node(&limits)).mailbox_account())
}

fn frame(number: u8) -> Command {
    Command::frame(vec![number; 50_000].into())
}

/// The numbers of the frames that wait, and how much was dropped.
fn taken(mailbox: &Mailbox) -> (Vec<u8>, Option<(u64, u64)>) {
    let mut commands = VecDeque::new();
    let dropped = mailbox.take(&mut commands, usize::MAX).dropped;
    let numbers = commands.iter().filter_map(|command| match command {
        Command::Frame { frame, .. } => frame.first().copied(),
        _ => None,
    });
    let dropped = dropped.map(|dropped| (dropped.messages, dropped.bytes));
    (numbers.collect(), dropped)
}

#[test]
fn news_that_nobody_takes_is_refused_or_dropped() {
    let cases = [
        (SlowConsumerPolicy::Disconnect, vec![0, 1, 2, 3], None),
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
            let fate = mailbox.push_news(frame(number)).map(|pushed| pushed.fate);
            match policy {
                // It has a turn before it is judged.
                SlowConsumerPolicy::Disconnect if number == 4 => assert!(fate.is_err()),
                SlowConsumerPolicy::DropNewest if number >= 3 => {
                    assert_eq!(fate, Ok(Fate::Dropped));
                }
                _ if number == 0 => assert_eq!(fate, Ok(Fate::Sent)),
                _ => assert_eq!(fate, Ok(Fate::Queued), "{policy:?}, {number}"),
            }
            mailbox.note_turn(true);
        }
        assert_eq!(taken(&mailbox), (left, dropped));
        mailbox.push_news(frame(9)).unwrap();
        assert_eq!(taken(&mailbox), (vec![9], None));
    }
}

#[test]
fn a_message_for_one_of_many_counts_as_frame() {
    let mailbox = mailbox(SlowConsumerPolicy::DropOldest);
    for _ in 0..3 {
        let message = Message::notify("u", vec![0; 60_000]);
        let options = SendOptions::new();
        mailbox
            .push_news(Command::Notify {
                message,
                options,
                lost: 0,
            })
            .unwrap();
    }
    mailbox.push_news(frame(1)).unwrap();
    let (numbers, dropped) = taken(&mailbox);
    assert_eq!((numbers, dropped.unwrap().0), (vec![1], 1));
}

#[test]
fn an_end_goes_before_all_that_is_queued() {
    let mailbox = mailbox(SlowConsumerPolicy::Disconnect);
    mailbox.push_news(frame(1)).unwrap();
    for urgent in [Urgent::Cut, Urgent::Abort, Urgent::Cut] {
        mailbox.urge(urgent);
        let taken = mailbox.take(&mut VecDeque::new(), 0);
        let expected = match urgent {
            Urgent::Cut if taken.urgent == Some(Urgent::Abort) => Urgent::Abort,
            urgent => urgent,
        };
        assert_eq!((taken.urgent, taken.left), (Some(expected), true));
    }
    assert!(mailbox.is_aborted());
    // One that closes already is aborted, and not cut: its last frame is on its way.
    let mailbox = self::mailbox(SlowConsumerPolicy::Disconnect);
    mailbox.close(CloseReason::Local);
    mailbox.urge(Urgent::Cut);
    assert_eq!(lock(&mailbox.queue).urgent, None);
    mailbox.urge(Urgent::Abort);
    assert!(mailbox.is_aborted());
}

#[test]
fn the_task_takes_what_the_link_has_room_for() {
    let mailbox = mailbox(SlowConsumerPolicy::Disconnect);
    let mut commands = VecDeque::new();
    for number in 0..4 {
        mailbox.push_news(frame(number)).unwrap();
        mailbox.push(Command::Wake).unwrap();
    }
    for (room, count, left) in [
        (0, 0, true),
        (1, 2, true),
        (50_001, 4, true),
        (50_000, 2, false),
    ] {
        let taken = mailbox.take(&mut commands, room);
        assert_eq!(
            (commands.drain(..).count(), taken.left),
            (count, left),
            "{room}"
        );
    }
}

#[test]
fn publishers_wait_for_who_has_no_room_and_once_in_vain() {
    let limits = Limits::default().with_backlog(100_000).unwrap();
    let mut node = node(&limits);
    let link = link(&mut node);
    let mailbox = Mailbox::new(&limits, link.mailbox_account());
    let take = || mailbox.take(&mut VecDeque::new(), usize::MAX);
    for number in 0..2 {
        assert!(!mailbox.is_waited_for());
        mailbox.push_news(frame(number)).unwrap();
    }
    assert!(mailbox.is_waited_for());
    mailbox.give_up();
    assert!(!mailbox.is_waited_for());
    take();
    mailbox.note_room();
    assert!(!mailbox.is_waited_for());
    let fill = || {
        mailbox.push_news(frame(2)).unwrap();
        mailbox.push_news(frame(3)).unwrap();
    };
    fill();
    assert!(mailbox.is_waited_for());
    // What is on its way to the link counts until the link has published that it has it.
    take();
    assert!(mailbox.is_waited_for());
    mailbox.note_room();
    assert!(!mailbox.is_waited_for());
    fill();
    assert!(mailbox.is_waited_for());
    // Nobody waits for one that has closed.
    mailbox.close(CloseReason::Local);
    assert!(!mailbox.is_waited_for());
}

#[test]
fn short_frames_are_gathered_and_keep_their_places() {
    let mailbox = mailbox(SlowConsumerPolicy::Disconnect);
    let push = |byte: u8, len: usize| {
        let frame = Command::frame(vec![byte; len].into());
        mailbox.push_news(frame).unwrap();
    };
    push(1, 10);
    push(2, 10);
    mailbox.push(Command::Wake).unwrap();
    push(3, 10);
    push(4, SharedFrame::SHARED_FROM);
    push(5, 10);
    let mut commands = VecDeque::new();
    assert!(!mailbox.take(&mut commands, usize::MAX).left);
    let expected = [vec![1, 2], vec![], vec![3], vec![4], vec![5]];
    assert_eq!(first_bytes(&commands), expected);
}

/// The first bytes of frames of ten bytes, a list for each command.
fn first_bytes(commands: &VecDeque<Command>) -> Vec<Vec<u8>> {
    let commands = commands.iter().map(|command| match command {
        Command::Frames { frames, count } => {
            assert_eq!(*count * 10, frames.len() as u64);
            frames.iter().step_by(10).copied().collect()
        }
        Command::Frame { frame, .. } => vec![frame[0]],
        _ => Vec::new(),
    });
    commands.collect()
}

#[test]
fn frames_of_a_run_keep_their_places_among_others() {
    let mailboxes = [(); 2].map(|()| mailbox(SlowConsumerPolicy::Disconnect));
    let run = Arc::<Run>::default();
    let publish = |bytes: &[u8]| {
        for byte in bytes {
            let frames = run.append(&[*byte; 10]).unwrap();
            for mailbox in &mailboxes {
                mailbox.push_stretch(&frames).unwrap();
            }
        }
    };
    publish(&[1, 2]);
    let own = Command::frame(vec![3; 10].into());
    mailboxes[0].push_news(own).unwrap();
    publish(&[4]);
    mailboxes[1].push(Command::Wake).unwrap();
    publish(&[5, 6]);
    let taken = mailboxes.each_ref().map(|mailbox| {
        let mut commands = VecDeque::new();
        mailbox.take(&mut commands, usize::MAX);
        first_bytes(&commands)
    });
    let expected = [vec![1, 2, 3, 4, 5, 6]];
    assert_eq!(taken[0], expected);
    assert_eq!(taken[1], [vec![1, 2, 4], vec![], vec![5, 6]]);
    // What was taken does not come again.
    publish(&[7]);
    for mailbox in &mailboxes {
        let mut commands = VecDeque::new();
        mailbox.take(&mut commands, usize::MAX);
        assert_eq!(first_bytes(&commands), [vec![7]]);
    }
}

#[test]
fn a_run_that_is_full_counts_once_for_all_who_have_it() {
    let limits = Limits::default();
    let mut node = node(&limits);
    let links = [(); 3].map(|()| link(&mut node));
    let mailboxes = links
        .each_ref()
        .map(|link| Mailbox::new(&limits, link.mailbox_account()));
    let (mut run, mut frames) = (Arc::<Run>::default(), 0);
    for _ in 0..3 {
        while let Some(stretch) = run.append(&[1; 1000]) {
            frames += 1;
            for mailbox in &mailboxes {
                mailbox.push_stretch(&stretch).unwrap();
            }
        }
        let full = std::mem::take(&mut run);
        assert!(mailboxes[0].close_run(&full).is_none());
        assert!(full.append(&[1]).is_none());
    }
    let all = frames * 1000;
    // Beside them, what notes take.
    let once = all..all + 16 * 1024;
    assert!(
        once.contains(&node.outbound_bytes()),
        "{}",
        node.outbound_bytes()
    );
    let mut commands = VecDeque::new();
    for mailbox in &mailboxes {
        let mut taken = VecDeque::new();
        mailbox.take(&mut taken, usize::MAX);
        let bytes = taken.iter().filter_map(Droppable::droppable);
        assert_eq!(bytes.sum::<usize>(), all);
        commands.extend(taken);
    }
    assert!(
        once.contains(&node.outbound_bytes()),
        "{}",
        node.outbound_bytes()
    );
    commands.clear();
    for mailbox in &mailboxes {
        mailbox.close(CloseReason::Local);
    }
    assert_eq!(node.outbound_bytes(), 0);
}

#[test]
fn what_waits_counts_for_all_and_goes_at_once_when_the_link_is_cut() {
    let limits = Limits::default().with_outbound_total(400_000).unwrap();
    let mut node = node(&limits);
    let links = [(); 4].map(|()| link(&mut node));
    let mailboxes = links
        .each_ref()
        .map(|link| Mailbox::new(&limits, link.mailbox_account()));
    let mut cut = Vec::new();
    'all: for _ in 0..1000 {
        for mailbox in &mailboxes[..3] {
            let pushed = mailbox.push_news(Command::frame(vec![1; 1000].into()));
            node.pressure(pushed.unwrap().pressure);
            cut.extend(std::iter::from_fn(|| node.poll_link()));
            if !cut.is_empty() {
                break 'all;
            }
        }
    }
    let cut = links.iter().position(|link| link.id() == cut[0]).unwrap();
    assert!(node.outbound_bytes() > 300_000);
    // Nobody waits for its task.
    mailboxes[cut].push(Command::Wake).unwrap();
    assert!(node.outbound_bytes() < 250_000);
    let late = mailboxes[cut].push_news(Command::frame(vec![1; 1000].into()));
    assert!(matches!(
        late,
        Err(SendError::Closed(CloseReason::SlowConsumer { .. }))
    ));
    for mailbox in &mailboxes {
        mailbox.close(CloseReason::Local);
    }
    assert_eq!(node.outbound_bytes(), 0);
}
