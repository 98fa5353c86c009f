//! Bytes on their way out.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use crate::events::Dropped;
use crate::limits::SlowConsumerPolicy;
use crate::lossy_queue::{Droppable, LossyQueue};

/// The bytes that wait to be written: one buffer, swapped for an empty one
/// with every write. Frames that may be dropped wait beside it.
#[derive(Debug)]
pub(super) struct Outbox {
    /// What may not be dropped.
    pub(super) bytes: Vec<u8>,
    frames: Frames,
    /// Bytes handed out and not yet known to be written.
    in_flight: usize,
    /// Some were written since that was last asked.
    progress: bool,
    backlog: Backlog,
}

/// The frames that may be dropped.
#[derive(Debug, Default)]
struct Frames {
    queue: LossyQueue<Placed>,
    /// How many of the bytes that may not be dropped were handed out.
    start: u64,
}

/// A frame and its place: the number of bytes that may not be dropped and go before it,
/// counted from a common start.
#[derive(Debug)]
struct Placed {
    before: u64,
    frame: Bytes,
}

impl Droppable for Placed {
    fn droppable(&self) -> Option<usize> {
        Some(self.frame.len())
    }
}

/// Whether more waits than may wait for long.
#[derive(Clone, Copy, Debug, Default)]
struct Backlog {
    since: Option<Duration>,
    /// It has for too long.
    overdue: bool,
}

impl Outbox {
    /// An empty buffer larger than this goes back, in bytes.
    const KEEP: usize = 1024;
    /// Bytes after which no more frames are handed out at once, since what is
    /// handed out cannot be dropped.
    const PORTION: usize = 64 * 1024;

    pub(super) fn new() -> Self {
        Self {
            bytes: Vec::new(),
            frames: Frames::default(),
            in_flight: 0,
            progress: false,
            backlog: Backlog::default(),
        }
    }

    /// Bytes that wait, those handed out and not written included.
    pub(super) fn len(&self) -> usize {
        self.kept().saturating_add(self.frames.queue.bytes())
    }

    /// Those of them that may not be dropped, or not any more.
    pub(super) fn kept(&self) -> usize {
        self.bytes.len().saturating_add(self.in_flight)
    }

    /// Queues a frame that may be dropped, as the policy says, which does not
    /// disconnect. Where `max` bytes wait already, others of its kind are dropped for
    /// it, or it is itself.
    pub(super) fn push(&mut self, frame: Bytes, max: usize, policy: SlowConsumerPolicy) {
        if frame.is_empty() {
            return;
        }
        let before = self.frames.start.saturating_add(self.bytes.len() as u64);
        let (placed, kept) = (Placed { before, frame }, self.kept());
        self.frames.queue.offer(placed, kept, max, policy);
    }

    /// Drops frames until so few bytes wait as are wanted, or no frame is left
    /// that was not handed out.
    pub(super) fn drop_until(&mut self, policy: SlowConsumerPolicy, few: impl Fn(usize) -> bool) {
        let kept = self.kept();
        let queue = &mut self.frames.queue;
        queue.drop_until(policy, |bytes| few(bytes.saturating_add(kept)));
    }

    /// What was dropped since the last call, if anything was.
    pub(super) fn take_dropped(&mut self) -> Option<Dropped> {
        self.frames.queue.take_dropped()
    }

    /// Says that so many of the bytes that were handed out have been written.
    pub(super) fn written(&mut self, count: usize) {
        self.in_flight = self.in_flight.saturating_sub(count);
        self.progress |= count > 0;
    }

    /// Whether bytes were written since the last call.
    pub(super) fn take_progress(&mut self) -> bool {
        core::mem::take(&mut self.progress)
    }

    /// Whether bytes wait that were not handed out.
    pub(super) fn has_bytes(&self) -> bool {
        !self.bytes.is_empty() || !self.frames.queue.is_empty()
    }

    /// Whether bytes were handed out that are not known to be written.
    pub(super) fn is_being_written(&self) -> bool {
        self.in_flight > 0
    }

    /// Gives up all that waits, those bytes included that were handed out.
    pub(super) fn clear(&mut self) {
        let mut queue = core::mem::take(&mut self.frames.queue);
        queue.clear();
        *self = Self {
            frames: Frames { queue, start: 0 },
            ..Self::new()
        };
    }

    /// Swaps what waits for what has been written, and says whether there
    /// is anything. Buffers of a burst that is over go back.
    pub(super) fn swap(&mut self, written: &mut Vec<u8>) -> bool {
        written.clear();
        self.progress |= self.in_flight > 0;
        if self.frames.queue.is_empty() {
            self.frames.start = 0;
            core::mem::swap(&mut self.bytes, written);
        } else {
            self.frames
                .hand_out(&mut self.bytes, written, Self::PORTION);
        }
        self.in_flight = written.len();
        if written.is_empty() && written.capacity() > Self::KEEP {
            *written = Vec::new();
        }
        let wanted = self.bytes.len().max(written.len()).saturating_mul(4);
        if self.bytes.capacity() > Self::KEEP.max(wanted) {
            self.bytes.shrink_to(self.bytes.len());
        }
        !written.is_empty()
    }

    /// Notes whether more waits than the `backlog`.
    pub(super) fn note_backlog(&mut self, now: Duration, backlog: usize) {
        match self.len() > backlog {
            true if self.backlog.since.is_none() => self.backlog.since = Some(now),
            true => {}
            false => self.backlog = Backlog::default(),
        }
    }

    /// As [`note_backlog`](Self::note_backlog), after what makes no more wait.
    pub(super) fn end_backlog(&mut self, backlog: usize) {
        if self.len() <= backlog {
            self.backlog = Backlog::default();
        }
    }

    /// Lets the time of a backlog begin later, while none of it was handed out: bytes
    /// that were not are not the remote's to read.
    pub(super) fn rest_backlog(&mut self, now: Duration) {
        if !self.is_being_written() && self.backlog.since.is_some() {
            self.backlog.since = Some(now);
        }
    }

    /// Since when more waits than the backlog, until that is
    /// [overdue](Self::set_overdue). Bytes that were never handed out are not the
    /// remote's to read.
    pub(super) fn backlog_since(&self) -> Option<Duration> {
        let since = self.backlog.since.filter(|_| self.is_being_written());
        since.filter(|_| !self.backlog.overdue)
    }

    /// Says that more than the backlog has waited for too long: so it is until
    /// less does.
    pub(super) fn set_overdue(&mut self) {
        self.backlog.overdue = true;
    }

    pub(super) fn is_overdue(&self) -> bool {
        self.backlog.overdue
    }
}

impl Frames {
    /// Moves frames and the bytes between them, in their order, until there are
    /// `portion` bytes.
    fn hand_out(&mut self, bytes: &mut Vec<u8>, out: &mut Vec<u8>, portion: usize) {
        let mut moved = 0;
        while out.len() < portion
            && let Some(Placed { before, frame }) = self.queue.pop_front()
        {
            let before = usize::try_from(before.saturating_sub(self.start)).unwrap_or(usize::MAX);
            out.extend_from_slice(bytes.get(moved..before).unwrap_or_default());
            moved = before;
            out.extend_from_slice(&frame);
        }
        if self.queue.is_empty() {
            out.extend_from_slice(bytes.get(moved..).unwrap_or_default());
            moved = bytes.len();
        }
        bytes.drain(..moved.min(bytes.len()));
        self.start = self.start.saturating_add(moved as u64);
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::VecDeque;

    use SlowConsumerPolicy::{DropNewest, DropOldest};

    use super::*;

    #[test]
    fn what_is_handed_out_counts_until_it_is_written() {
        let (mut outbox, mut writing) = (Outbox::new(), Vec::new());
        outbox.bytes.extend_from_slice(&[1; 5000]);
        assert!(outbox.swap(&mut writing));
        outbox.bytes.push(2);
        assert_eq!((writing.len(), outbox.len()), (5000, 5001));
        outbox.written(4000);
        assert_eq!(outbox.len(), 1001);
        assert!(outbox.swap(&mut writing));
        assert_eq!((&writing[..], outbox.len()), (&[2][..], 1));
        assert!(!outbox.swap(&mut writing));
        assert!(outbox.len() == 0 && writing.capacity() <= Outbox::KEEP);
        assert!(outbox.bytes.capacity() <= Outbox::KEEP);
    }

    /// Everything that is handed out.
    fn all(outbox: &mut Outbox) -> Vec<u8> {
        let (mut all, mut writing) = (Vec::new(), Vec::new());
        while outbox.swap(&mut writing) {
            all.extend_from_slice(&writing);
        }
        all
    }

    /// What was dropped, in messages and bytes.
    fn dropped(outbox: &mut Outbox) -> (u64, u64) {
        let dropped = outbox.take_dropped().unwrap_or_default();
        (dropped.messages, dropped.bytes)
    }

    fn push(outbox: &mut Outbox, frame: &'static str, max: usize, policy: SlowConsumerPolicy) {
        outbox.push(Bytes::from_static(frame.as_bytes()), max, policy);
    }

    #[test]
    fn frames_keep_their_places() {
        let mut outbox = Outbox::new();
        for (own, frame) in [("a", "B"), ("", "C"), ("d", "E"), ("f", "")] {
            outbox.bytes.extend_from_slice(own.as_bytes());
            push(&mut outbox, frame, 100, DropOldest);
        }
        assert_eq!(outbox.len(), 6);
        assert_eq!(all(&mut outbox), b"aBCdEf");
        assert_eq!((outbox.len(), dropped(&mut outbox)), (0, (0, 0)));
    }

    #[test]
    fn one_end_of_the_frames_is_dropped_and_nothing_else() {
        let cases = [
            (DropOldest, "aghi45", (3, 3)),
            (DropNewest, "a1g2h3i", (2, 2)),
        ];
        for (policy, left, count) in cases {
            let mut outbox = Outbox::new();
            for (own, frame) in [("a", "1"), ("g", "2"), ("h", "3"), ("i", "4"), ("", "5")] {
                outbox.bytes.extend_from_slice(own.as_bytes());
                push(&mut outbox, frame, 6, policy);
            }
            assert_eq!(dropped(&mut outbox), count);
            assert_eq!(all(&mut outbox), left.as_bytes(), "{policy:?}");
        }
    }

    #[test]
    fn what_is_handed_out_is_not_dropped() {
        let mut outbox = Outbox::new();
        let frame = Bytes::from(alloc::vec![7; Outbox::PORTION / 2]);
        for _ in 0..4 {
            outbox.push(frame.clone(), usize::MAX, DropOldest);
        }
        let mut writing = Vec::new();
        assert!(outbox.swap(&mut writing));
        assert_eq!(writing.len(), Outbox::PORTION);
        outbox.drop_until(DropOldest, |_| false);
        assert_eq!((outbox.len(), dropped(&mut outbox).0), (Outbox::PORTION, 2));
        // With nothing to make room, what comes is dropped itself.
        push(&mut outbox, "late", Outbox::PORTION, DropOldest);
        assert_eq!(dropped(&mut outbox), (1, 4));
        outbox.written(1);
        push(&mut outbox, "soon", Outbox::PORTION, DropOldest);
        assert_eq!(all(&mut outbox), b"soon");
    }

    #[test]
    fn a_backlog_is_one_until_less_waits() {
        let (mut outbox, mut writing) = (Outbox::new(), Vec::new());
        let second = Duration::from_secs;
        outbox.bytes.extend_from_slice(&[0; 11]);
        outbox.note_backlog(second(1), 10);
        // It could not be read yet.
        assert_eq!(outbox.backlog_since(), None);
        outbox.swap(&mut writing);
        outbox.note_backlog(second(2), 10);
        assert_eq!(outbox.backlog_since(), Some(second(1)));
        outbox.set_overdue();
        outbox.note_backlog(second(3), 10);
        assert_eq!((outbox.backlog_since(), outbox.is_overdue()), (None, true));
        outbox.end_backlog(10);
        assert!(outbox.is_overdue());
        outbox.written(1);
        outbox.end_backlog(10);
        assert!(!outbox.is_overdue());
        outbox.bytes.push(0);
        outbox.note_backlog(second(9), 10);
        assert_eq!(outbox.backlog_since(), Some(second(9)));
    }

    /// The same as a queue of single pieces, whatever happens in whatever order.
    #[test]
    fn it_does_as_a_plain_queue_does() {
        use chacha20::ChaCha8Rng;
        use rand_core::{Rng, SeedableRng};

        for seed in 0..200 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let policy = [DropOldest, DropNewest][seed as usize % 2];
            let mut outbox = Outbox::new();
            // Pieces, each with whether it may be dropped.
            let mut plain = VecDeque::<(Bytes, bool)>::new();
            let mut in_flight = 0;
            for step in 0..500_u32 {
                let choice = rng.next_u32();
                let len = (choice >> 8) as usize % 5000;
                let piece = Bytes::from(alloc::vec![step as u8; len]);
                let waiting = |plain: &VecDeque<(Bytes, bool)>| -> usize {
                    plain.iter().map(|(piece, _)| piece.len()).sum()
                };
                match choice % 8 {
                    0 | 1 => {
                        outbox.bytes.extend_from_slice(&piece);
                        plain.push_back((piece, false));
                    }
                    2..=5 => {
                        const MAX: usize = 100_000;
                        outbox.push(piece.clone(), MAX, policy);
                        while policy == DropOldest
                            && !piece.is_empty()
                            && waiting(&plain) + in_flight >= MAX
                            && let Some(at) = plain.iter().position(|(_, may)| *may)
                        {
                            plain.remove(at);
                        }
                        if waiting(&plain) + in_flight < MAX && !piece.is_empty() {
                            plain.push_back((piece, true));
                        }
                    }
                    6 => {
                        let count = len.min(in_flight);
                        outbox.written(count);
                        in_flight -= count;
                    }
                    _ => {
                        let mut writing = Vec::new();
                        outbox.swap(&mut writing);
                        in_flight = writing.len();
                        let mut expected = Vec::new();
                        while expected.len() < writing.len() {
                            let (piece, _) = plain.pop_front().unwrap();
                            expected.extend_from_slice(&piece);
                        }
                        assert!(expected == writing, "seed {seed}, step {step}");
                    }
                }
                assert_eq!(outbox.len(), waiting(&plain) + in_flight, "{seed}, {step}");
            }
        }
    }
}
