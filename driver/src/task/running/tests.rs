use std::future::poll_fn;
use std::sync::atomic::AtomicUsize;

use super::*;

/// A handler that completes once `wake` says so, and counts how often it is polled.
#[derive(Clone, Default)]
struct Puppet(Arc<(AtomicUsize, AtomicBool, AtomicWaker)>);

impl Puppet {
    fn future(&self) -> HandlerFuture {
        let this = self.clone();
        Spares::default().place(poll_fn(move |context| {
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

fn poll(running: &mut Running<usize>) -> Poll<()> {
    running.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn only_those_who_are_woken_are_polled() {
    let mut running = Running::default();
    let puppets: Vec<_> = (0..4).map(|_| Puppet::default()).collect();
    for (call, puppet) in puppets.iter().enumerate() {
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
    let completed = |running: &mut Running<usize>| running.pop_completed().map(|(call, _)| call);
    assert_eq!(completed(&mut running), Some(3));
    assert_eq!(completed(&mut running), Some(1));
    assert!(completed(&mut running).is_none() && !running.is_empty());
    // A slot is used again.
    let next = Puppet::default();
    running.insert(next.future(), 4);
    assert!(poll(&mut running).is_pending());
    puppets[0].wake(true);
    assert!(poll(&mut running).is_ready());
    assert_eq!((polls(), next.polls()), (vec![2, 2, 2, 2], 1));
    assert_eq!(completed(&mut running), Some(0));
}

#[test]
fn buffers_of_a_burst_are_freed() {
    let mut running = Running::default();
    for call in 0..=Running::<usize>::KEEP {
        let puppet = Puppet::default();
        puppet.wake(true);
        running.insert(puppet.future(), call);
    }
    assert!(poll(&mut running).is_ready() && running.handlers.is_some());
    while running.pop_completed().is_some() {}
    assert!(running.is_empty() && running.handlers.is_none());
}

#[test]
fn one_that_is_cancelled_is_dropped_and_leaves_its_slot_to_others() {
    let mut running = Running::default();
    let puppets: Vec<_> = (0..2).map(|_| Puppet::default()).collect();
    for (call, puppet) in puppets.iter().enumerate() {
        running.insert(puppet.future(), call);
    }
    assert!(poll(&mut running).is_pending());
    puppets[0].wake(true);
    running.cancel(|call| *call == 0);
    // Its future is gone, and nobody is left to be cancelled twice.
    assert_eq!(Arc::strong_count(&puppets[0].0), 1);
    running.cancel(|call| *call == 0);
    let next = Puppet::default();
    running.insert(next.future(), 2);
    assert!(poll(&mut running).is_pending() && !running.is_empty());
    assert_eq!(
        (puppets[0].polls(), puppets[1].polls(), next.polls()),
        (1, 1, 1)
    );
    next.wake(true);
    puppets[1].wake(true);
    assert!(poll(&mut running).is_ready());
    let mut completed = Vec::new();
    while let Some((call, _)) = running.pop_completed() {
        completed.push(call);
    }
    completed.sort_unstable();
    assert!(completed == [1, 2] && running.is_empty());
}
