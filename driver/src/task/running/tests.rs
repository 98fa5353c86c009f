use std::future::poll_fn;
use std::sync::atomic::AtomicUsize;

use netaio_core::types::REQUEST_URI;
use netaio_core::{Event, Layer, LinkConfig, Node, RequestOptions};

use super::*;
use crate::clock::Time;
use crate::random::Seeds;

/// Calls of one link, as it makes them.
pub(super) fn calls(count: usize) -> Vec<Call> {
    let now = Time::default().now();
    let rng = || {
        let seed = Seeds::known([7; 32]).seed().expect("it is known");
        seed.generator(0)
    };
    let limits = netaio_core::Limits::default();
    let limits = limits.with_handlers_per_connection(count.max(1));
    let config = LinkConfig::new().with_limits(limits.expect("it is not zero"));
    let (mut asking, mut asked) = (
        Node::<()>::for_streams(LinkConfig::new()),
        Node::for_streams(config),
    );
    asked.on(REQUEST_URI, (), Layer::new()).expect("no clash");
    let mut client = asking.connect(now, None, rng());
    let mut server = asked.accept(now, None, rng()).expect("there is room");
    let options = RequestOptions::new().with_correlation(true);
    let message = Message::new(REQUEST_URI, "u", "");
    let mut call = || {
        client
            .request(now, &mut asking, &message, &options)
            .expect("it fits");
        let mut bytes = Vec::new();
        assert!(client.poll_outbound(&mut bytes));
        server.receive(now, &bytes).expect("it is taken");
        match server.poll(now, &mut asked) {
            Some(Event::Call { call, .. }) => call,
            other => panic!("no handler is called: {other:?}"),
        }
    };
    (0..count).map(|_| call()).collect()
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
    let mut running = Running::default();
    let puppets: Vec<_> = (0..4).map(|_| Puppet::default()).collect();
    for (puppet, call) in puppets.iter().zip(calls(4)) {
        running.insert(puppet.future(), call);
    }
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
    // A place is used again, and the waker of the handler before wakes no task.
    let next = Puppet::default();
    running.insert(next.future(), calls(1).remove(0));
    assert!(poll(&mut running).is_pending());
    puppets[0].wake(true);
    assert!(poll(&mut running).is_ready());
    assert_eq!((polls(), next.polls()), (vec![2, 2, 2, 2], 1));
}

#[test]
fn what_many_needed_is_given_up() {
    let mut running = Running::default();
    for call in calls(Running::KEEP + 1) {
        let done = Puppet::default();
        done.wake(true);
        running.insert(done.future(), call);
    }
    assert!(poll(&mut running).is_ready() && running.places.is_some());
    while running.pop_done().is_some() {}
    assert!(running.is_empty() && running.places.is_none());
}
