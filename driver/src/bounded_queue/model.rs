//! No order of events leaves one end waiting for the other.

use std::sync::Arc;

use loom::future::block_on;
use loom::thread;

use super::*;
use crate::sync::model::{check, join};

/// Puts so many items, each once there is room, as a connection's task does.
fn put_all(queue: &Queue<u8>, count: u8) {
    for number in 0..count {
        block_on(async {
            while queue.is_full() {
                let room = queue.room();
                if queue.is_full() {
                    room.await;
                }
            }
        });
        queue.put(number, 1);
    }
}

#[test]
fn who_waits_for_room_is_woken_by_who_takes() {
    check(|| {
        let queue = Arc::new(Queue::new(Bounds { items: 1, bytes: 9 }));
        let mut items = queue.items();
        let putting = {
            let queue = queue.clone();
            thread::spawn(move || put_all(&queue, 2))
        };
        for number in 0..2 {
            let taken = block_on(items.next());
            assert_eq!(taken.map(|taken| taken.item), Some(number));
        }
        join([putting]);
    });
}

#[test]
fn who_waits_for_room_is_woken_when_nobody_takes() {
    check(|| {
        let queue = Arc::new(Queue::new(Bounds { items: 1, bytes: 9 }));
        let items = queue.items();
        let putting = {
            let queue = queue.clone();
            thread::spawn(move || put_all(&queue, 2))
        };
        drop(items);
        join([putting]);
        assert_eq!(queue.bytes(), 0);
    });
}
