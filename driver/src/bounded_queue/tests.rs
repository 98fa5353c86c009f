use std::sync::Weak;
use std::task::Waker;

use super::*;

fn bounds(items: usize, bytes: usize) -> Bounds {
    Bounds { items, bytes }
}

fn next<T>(items: &mut Items<T>) -> Poll<Option<Taken<T>>> {
    items.poll_next(&mut Context::from_waker(Waker::noop()))
}

/// The items that wait, with how many were lost before each.
fn drain<T>(items: &mut Items<T>) -> Vec<(T, u64)> {
    let taken = std::iter::from_fn(|| match next(items) {
        Poll::Ready(taken) => taken,
        Poll::Pending => None,
    });
    taken.map(|Taken { item, lost }| (item, lost)).collect()
}

#[test]
fn what_was_lost_is_told_where_it_was_lost() {
    let queue = Queue::new(bounds(3, 1000));
    let mut items = queue.items();
    let lost: Vec<_> = (0..5).map(|number| queue.push(number, 1)).collect();
    assert_eq!(lost, [0, 0, 0, 1, 1].map(Some));
    assert_eq!(drain(&mut items), [(2, 2), (3, 0), (4, 0)]);
    assert_eq!(queue.push(5, 1), Some(0));
    assert_eq!(drain(&mut items), [(5, 0)]);
    // By bytes; the last one stays, however long it is.
    for (number, bytes, lost) in [(6, 600, 0), (7, 300, 0), (8, 200, 1), (9, 5000, 2)] {
        assert_eq!(queue.push(number, bytes), Some(lost));
    }
    assert_eq!((drain(&mut items), queue.bytes()), (vec![(9, 3)], 0));
}

#[test]
fn a_full_queue_is_full_until_half_of_it_was_taken() {
    for (bounds, bytes) in [(bounds(10, 1000), 1), (bounds(1000, 10), 1)] {
        let queue = Queue::new(bounds);
        let mut items = queue.items();
        let fill = (0..).take_while(|number| {
            let full = queue.is_full();
            if !full {
                queue.put(*number, bytes);
            }
            !full
        });
        assert_eq!(fill.count(), 10);
        // What is put all the same is not lost.
        queue.put(10, bytes);
        let mut room = queue.room();
        let mut waits = || {
            let polled = Pin::new(&mut room).poll(&mut Context::from_waker(Waker::noop()));
            polled.is_pending()
        };
        for number in 0..6 {
            assert!(queue.is_full() && waits(), "{number}");
            let Poll::Ready(Some(taken)) = next(&mut items) else {
                panic!("it is there");
            };
            assert_eq!((taken.item, taken.lost), (number, 0));
        }
        assert!(!queue.is_full() && !waits());
        assert_eq!(drain(&mut items).len(), 5);
    }
}

#[test]
fn with_the_last_of_those_who_take_go_the_items() {
    let queue = Queue::new(bounds(2, 1000));
    assert!(!queue.is_taken() && queue.push(Arc::new(0), 1).is_none());
    let item = Arc::new(1);
    let (first, mut second) = (queue.items(), queue.items());
    let weak: Weak<_> = Arc::downgrade(&item);
    queue.put(item, 1);
    queue.put(Arc::new(2), 1);
    drop(first);
    assert!(queue.is_taken() && queue.is_full() && weak.upgrade().is_some());
    let other = second.clone();
    drop(second);
    let room = queue.room();
    drop(other);
    assert!(weak.upgrade().is_none() && !queue.is_full() && !queue.is_taken());
    assert!(
        Pin::new(&mut { room })
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    );
    queue.put(Arc::new(3), 1);
    second = queue.items();
    assert_eq!((second.len(), queue.bytes()), (0, 0));
}

#[test]
fn what_waits_at_the_end_is_still_taken() {
    let queue = Queue::new(Bounds::default());
    let mut items = queue.items();
    assert!(next(&mut items).is_pending());
    queue.put(1, 1);
    drop(queue);
    assert_eq!(drain(&mut items), [(1, 0)]);
    assert_eq!(next(&mut items), Poll::Ready(None));
}
