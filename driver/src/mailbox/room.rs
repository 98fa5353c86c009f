//! Room for what many get: who waits for it, and the turns of a connection's task.

use super::{Mailbox, Ordering, Queue, lock};
use crate::futures::wait_for;

impl Mailbox {
    /// Whether a publisher waits for this connection. Who does is told of
    /// [room](Self::room).
    pub(crate) fn is_waited_for(&self) -> bool {
        // Before the look: what changes after it is told.
        self.awaited.store(true, Ordering::SeqCst);
        let mut queue = lock(&self.queue);
        if queue.closed.is_some() || self.account.is_cut() {
            return false;
        }
        let has_room = self.has_room(&queue);
        queue.flow.waits(has_room)
    }

    /// Whether the link has room behind what is here, and on the way to it.
    pub(super) fn has_room(&self, queue: &Queue) -> bool {
        let on_the_way = self.on_the_way.load(Ordering::Relaxed);
        let waiting = queue.news().saturating_add(on_the_way);
        self.account.has_room(waiting)
    }

    /// Is ready when no publisher waits for this connection.
    pub(crate) async fn room(&self) {
        wait_for(&self.news_room, || (!self.is_waited_for()).then_some(())).await;
    }

    /// Says that a publisher waits no longer: nobody does before there is room.
    pub(crate) fn give_up(&self) {
        lock(&self.queue).flow.give_up();
        self.news_room.notify(usize::MAX);
    }

    /// To be called when the link has published what it holds: publishers go on if there is
    /// room.
    pub(crate) fn note_room(&self) {
        // Nothing to note is the rule, and the task that calls this is the only one to write it.
        if self.on_the_way.load(Ordering::Relaxed) > 0 {
            // Who looks at it behind the lock before this is awaited below.
            let _queue = lock(&self.queue);
            self.on_the_way.store(0, Ordering::Relaxed);
        }
        if !self.awaited.load(Ordering::SeqCst) {
            return;
        }
        let queue = lock(&self.queue);
        let has_room = self.has_room(&queue);
        drop(queue);
        if has_room || self.account.is_cut() {
            self.awaited.store(false, Ordering::SeqCst);
            self.news_room.notify(usize::MAX);
        }
    }

    /// To be called when the transport has taken what it was given, or is `blocked`.
    pub(crate) fn note_turn(&self, blocked: bool) {
        if !self.crowded.load(Ordering::Acquire) {
            return;
        }
        let mut queue = lock(&self.queue);
        let waiting = self.account.waiting(queue.news());
        queue
            .flow
            .had_turn(blocked, waiting, self.droppable_capacity);
        // Nothing more to note before it is crowded again, or the transport takes some.
        if !blocked {
            self.crowded.store(false, Ordering::Release);
        }
    }
}
