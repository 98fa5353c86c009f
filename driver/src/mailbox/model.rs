//! No order of events loses a command or a wake-up.

use std::future::poll_fn;
use std::sync::Arc;

use futures_channel::oneshot;
use loom::future::block_on;
use loom::thread;
use netaio_core::{Message, SendOptions};

use super::testing::{link, node};
use super::*;
use crate::sync::model::{check, join};

fn mailbox() -> Arc<Mailbox> {
    let limits = Limits::default().with_pending_requests(1);
    let limits = limits.unwrap();
    let account = link(&mut node(&limits)).mailbox_account();
    Arc::new(Mailbox::new(&limits, account))
}

fn frame(number: u8) -> Command {
    // Not so short that it is gathered with others.
    Command::frame(vec![number; SharedFrame::SHARED_FROM].into())
}

fn send() -> Command {
    Command::Send {
        message: Message::notify("u", ""),
        options: SendOptions::new(),
        done: oneshot::channel().0,
    }
}

/// Waits for so many commands as a connection's task does.
fn receive(mailbox: &Mailbox, count: usize) -> Vec<Command> {
    let (mut all, mut some) = (Vec::new(), VecDeque::new());
    while all.len() < count {
        block_on(poll_fn(|context| mailbox.poll(context, Awaited::Command)));
        assert!(mailbox.take(&mut some, usize::MAX).dropped.is_none());
        all.extend(some.drain(..));
    }
    all
}

#[test]
fn what_is_pushed_wakes_the_task() {
    check(|| {
        let mailbox = mailbox();
        let senders = [1, 2].map(|number| {
            let mailbox = mailbox.clone();
            thread::spawn(move || mailbox.push_news(frame(number)).unwrap())
        });
        assert_eq!(receive(&mailbox, 2).len(), 2);
        join(senders);
    });
}

#[test]
fn whoever_waits_for_room_finds_it() {
    check(|| {
        let mailbox = mailbox();
        let sender = {
            let mailbox = mailbox.clone();
            thread::spawn(move || {
                for _ in 0..2 {
                    block_on(mailbox.push_send(send())).unwrap();
                }
            })
        };
        assert_eq!(receive(&mailbox, 2).len(), 2);
        sender.join().unwrap();
    });
}

#[test]
fn whoever_waits_for_room_learns_of_the_end() {
    check(|| {
        let mailbox = mailbox();
        mailbox.try_push(send()).ok().unwrap();
        let sender = {
            let mailbox = mailbox.clone();
            thread::spawn(move || block_on(mailbox.push_send(send())).is_err())
        };
        assert_eq!(mailbox.close(CloseReason::Local).len(), 1);
        assert!(sender.join().unwrap());
    });
}

#[test]
fn at_the_end_each_command_is_taken_late_or_refused() {
    check(|| {
        let mailbox = mailbox();
        let senders = [1, 2].map(|number| {
            let mailbox = mailbox.clone();
            thread::spawn(move || usize::from(mailbox.push_news(frame(number)).is_err()))
        });
        let mut taken = VecDeque::new();
        mailbox.take(&mut taken, usize::MAX);
        let late = mailbox.close(CloseReason::Local).len();
        let refused: usize = join(senders).iter().sum();
        assert_eq!(taken.len() + late + refused, 2);
        assert!(lock(&mailbox.queue).is_empty());
    });
}

#[test]
fn an_abort_reaches_a_connection_that_is_being_closed() {
    check(|| {
        let mailbox = mailbox();
        let other = {
            let mailbox = mailbox.clone();
            thread::spawn(move || mailbox.urge(Urgent::Abort))
        };
        mailbox.close(CloseReason::Local);
        block_on(poll_fn(|context| mailbox.poll(context, Awaited::Abort)));
        other.join().unwrap();
    });
}

#[test]
fn who_waits_for_room_for_news_finds_it() {
    check(|| {
        let limits = Limits::default().with_backlog(SharedFrame::SHARED_FROM);
        let limits = limits.unwrap();
        let account = link(&mut node(&limits)).mailbox_account();
        let mailbox = Arc::new(Mailbox::new(&limits, account));
        mailbox.push_news(frame(1)).unwrap();
        let publisher = {
            let mailbox = mailbox.clone();
            thread::spawn(move || block_on(mailbox.room()))
        };
        mailbox.take(&mut VecDeque::new(), usize::MAX);
        mailbox.note_room();
        publisher.join().unwrap();
    });
}
