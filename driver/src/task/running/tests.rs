use std::future::poll_fn;
use std::sync::atomic::AtomicUsize;

use netaio_core::{
    Dispatched, Event, Link, LinkConfig, Node, RequestOptions, Role, types::REQUEST_URI,
};

use super::*;
use crate::clock::Time;
use crate::random::Seeds;
use crate::slots::Slots;

/// Tokens as a link makes them, with an id or without.
pub(super) fn tokens(correlated: bool, count: usize) -> Vec<ReplyToken> {
    let now = Time::default().now();
    let link = |role| {
        let seed = Seeds::known([7; 32]).seed().expect("it is known");
        Link::new(
            now,
            Arc::new(LinkConfig::new(role)),
            None,
            seed.generator(0),
        )
    };
    let (mut client, mut server) = (link(Role::Client), link(Role::Server));
    let options = RequestOptions::new().with_correlation(correlated);
    let message = Message::new(REQUEST_URI, "u", "");
    let mut node = Node::<()>::new();
    let mut token = || {
        client.request(now, &message, &options).expect("it fits");
        let mut bytes = Vec::new();
        assert!(client.poll_outbound(&mut bytes));
        server.receive(now, &bytes);
        let Some(Event::Message(inbound)) = server.poll_event() else {
            panic!("the request does not arrive");
        };
        match server.dispatch(now, inbound, &mut node) {
            Dispatched::Unrouted { reply, .. } => reply,
            other => panic!("there is no handler: {other:?}"),
        }
    };
    (0..count).map(|_| token()).collect()
}

/// A handler that is done once it is told so, and counts how often it is polled.
#[derive(Clone, Default)]
struct Puppet(Arc<(AtomicUsize, AtomicBool, AtomicWaker)>);

impl Puppet {
    fn future(&self) -> BoxFuture<Option<Message>> {
        let this = self.clone();
        Box::pin(poll_fn(move |context| {
            let (polls, done, waker) = &*this.0;
            polls.fetch_add(1, Ordering::SeqCst);
            waker.register(context.waker());
            match done.load(Ordering::SeqCst) {
                true => Poll::Ready(None),
                false => Poll::Pending,
            }
        }))
    }

    fn polls(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    fn wake(&self, done: bool) {
        self.0.1.store(done, Ordering::SeqCst);
        self.0.2.wake();
    }
}

fn poll(running: &mut Running) -> Poll<()> {
    running.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn only_those_who_are_woken_are_polled() {
    let (slots, mut running) = (Slots::new(9), Running::default());
    let puppets: Vec<_> = (0..4).map(|_| Puppet::default()).collect();
    for (puppet, token) in puppets.iter().zip(tokens(true, 4)) {
        assert!(running.has_room(4));
        running.insert(puppet.future(), token, slots.take());
    }
    assert!(!running.has_room(4) && running.has_room(5));
    let polls = || puppets.iter().map(Puppet::polls).collect::<Vec<_>>();
    assert!(poll(&mut running).is_pending() && poll(&mut running).is_pending());
    assert_eq!(polls(), [1, 1, 1, 1]);
    puppets[2].wake(false);
    puppets[2].wake(false);
    assert!(poll(&mut running).is_pending());
    assert_eq!(polls(), [1, 1, 2, 1]);
    puppets[3].wake(true);
    puppets[1].wake(true);
    assert!(poll(&mut running).is_ready());
    assert_eq!(polls(), [1, 2, 2, 2]);
    assert!(running.pop_done().is_some() && running.pop_done().is_some());
    assert!(running.pop_done().is_none() && !running.is_empty());
    // A place is used again, and whoever had it wakes nobody.
    let next = Puppet::default();
    let token = tokens(true, 1).remove(0);
    running.insert(next.future(), token, slots.take());
    assert!(poll(&mut running).is_pending());
    puppets[0].wake(true);
    assert!(poll(&mut running).is_ready());
    assert_eq!((polls(), next.polls()), (vec![2, 2, 2, 2], 1));
}

#[test]
fn one_without_an_id_runs_alone() {
    let (slots, mut running) = (Slots::new(9), Running::default());
    let puppet = Puppet::default();
    let token = tokens(false, 1).remove(0);
    assert!(running.has_room(1));
    running.insert(puppet.future(), token, slots.take());
    assert!(!running.has_room(9));
    assert!(poll(&mut running).is_pending());
    puppet.wake(true);
    assert!(poll(&mut running).is_ready());
    assert!(running.pop_done().is_some() && running.is_empty() && running.has_room(1));
}

#[test]
fn what_many_needed_is_given_up() {
    let (slots, mut running) = (Slots::new(99), Running::default());
    for token in tokens(true, Running::KEEP + 1) {
        let done = Puppet::default();
        done.wake(true);
        running.insert(done.future(), token, slots.take());
    }
    assert!(poll(&mut running).is_ready() && running.places.is_some());
    while running.pop_done().is_some() {}
    assert!(running.is_empty() && running.places.is_none());
}
