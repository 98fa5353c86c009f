//! Bytes on their way out.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use crate::delivery::Fate;
use crate::events::Dropped;
use crate::limits::SlowConsumerPolicy;
use crate::lossy_queue::{Droppable, LossyQueue};
use crate::now::Moment;
use crate::shared_frame::{SharedFrame, Source};

/// The bytes that wait to be written, in pieces, so that memory is taken and given back
/// as they come and go.
#[derive(Debug)]
pub(super) struct Outbox {
    /// What was queued last and may not be dropped. As long as nothing goes before it, it
    /// is swapped for an empty buffer with every write.
    tail: Vec<u8>,
    /// What goes before it.
    pieces: LossyQueue<Piece>,
    /// The bytes of the pieces that may not be dropped.
    kept: usize,
    in_flight: InFlight,
    /// What was handed out at once before, less and less of it: what the tail is given room for.
    usual: usize,
    /// Some were written since that was last asked.
    progress: bool,
    /// Since when more waits than may wait for long.
    backlog: Option<Moment>,
    /// It has for too long.
    overdue: bool,
}

/// Bytes handed out and not yet known to be written.
#[derive(Clone, Copy, Debug, Default)]
struct InFlight {
    len: usize,
    /// Of the buffer that they are in.
    capacity: usize,
}

#[derive(Debug)]
enum Piece {
    /// Frames of this link.
    Own(Vec<u8>),
    /// A frame of many.
    Shared(SharedFrame),
    /// One that may be dropped, and how many were right before it.
    News(SharedFrame, u64),
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Own(bytes) => bytes.len(),
            Self::Shared(frame) | Self::News(frame, _) => frame.len(),
        }
    }
}

impl Droppable for Piece {
    fn droppable(&self) -> Option<usize> {
        match self {
            Self::News(frame, _) => Some(frame.len()),
            Self::Own(_) | Self::Shared(_) => None,
        }
    }

    fn held(&self) -> usize {
        let bytes = match self {
            Self::Own(bytes) => bytes.capacity(),
            Self::Shared(frame) | Self::News(frame, _) => frame.uncounted(),
        };
        bytes.saturating_add(mem::size_of::<Self>())
    }

    fn lost(&self) -> u64 {
        match self {
            Self::News(_, lost) => *lost,
            Self::Own(_) | Self::Shared(_) => 0,
        }
    }

    fn lose(&mut self, count: u64) {
        if let Self::News(_, lost) = self {
            *lost = lost.saturating_add(count);
        }
    }
}

/// A gap that is told by the message behind it.
#[derive(Clone, Debug)]
pub(super) struct GapAhead {
    /// The message.
    pub(super) source: Arc<Source>,
    /// How many were dropped before it.
    pub(super) lost: u64,
}

impl Outbox {
    /// An empty buffer larger than this goes back, in bytes.
    const KEEP: usize = 1024;
    /// Bytes after which no more of several pieces is handed out at once: what is handed
    /// out is copied for this link alone, and cannot be dropped.
    const PORTION: usize = 64 * 1024;

    pub(super) fn new() -> Self {
        Self {
            tail: Vec::new(),
            pieces: LossyQueue::default(),
            kept: 0,
            in_flight: InFlight::default(),
            usual: 0,
            progress: false,
            backlog: None,
            overdue: false,
        }
    }

    /// Bytes that wait, those handed out and not written included.
    pub(super) fn len(&self) -> usize {
        self.kept().saturating_add(self.pieces.bytes())
    }

    /// Those of them that may not be dropped, or not any more.
    pub(super) fn kept(&self) -> usize {
        let queued = self.tail.len().saturating_add(self.kept);
        queued.saturating_add(self.in_flight.len)
    }

    /// The memory that this takes while anything waits, in bytes, without that of frames
    /// that are [counted](SharedFrame) for all who share them.
    pub(super) fn held(&self) -> usize {
        if self.len() == 0 {
            return 0;
        }
        let queued = self.tail.capacity().saturating_add(self.pieces.held());
        queued.saturating_add(self.in_flight.capacity)
    }

    /// The buffer that frames of this link are appended to.
    #[inline]
    pub(super) fn tail(&mut self) -> &mut Vec<u8> {
        if self.tail.capacity() == 0 && !self.is_being_written() {
            // Not by doubling from nothing with every burst of one who takes all at once.
            self.tail.reserve(self.usual);
        }
        let room = self.tail.capacity().saturating_sub(self.tail.len());
        // Not one buffer that doubles and doubles, with as much room as bytes.
        if self.tail.len() >= Self::PORTION / 2 && room < Self::KEEP {
            self.close_tail();
        }
        &mut self.tail
    }

    /// Whether an empty buffer is kept for the next frames.
    pub(super) fn has_spare(&self) -> bool {
        self.tail.is_empty() && self.tail.capacity() > 0
    }

    /// Gives it back.
    pub(super) fn release_spare(&mut self) {
        if self.tail.is_empty() {
            self.tail = Vec::new();
        }
    }

    /// Makes a piece of the tail, if there is anything in it.
    fn close_tail(&mut self) {
        if self.tail.is_empty() {
            return;
        }
        let mut bytes = mem::take(&mut self.tail);
        if bytes.capacity() / 2 > bytes.len() {
            bytes.shrink_to_fit();
        }
        self.push_own(bytes);
    }

    fn push_own(&mut self, bytes: Vec<u8>) {
        self.kept = self.kept.saturating_add(bytes.len());
        self.pieces.push_back(Piece::Own(bytes));
    }

    /// Queues frames of many that may not be dropped, in one piece.
    pub(super) fn append(&mut self, mut frames: Vec<u8>) {
        if frames.len() < SharedFrame::SHARED_FROM {
            self.tail().extend_from_slice(&frames);
            return;
        }
        self.close_tail();
        if frames.capacity() / 2 > frames.len() {
            frames.shrink_to_fit();
        }
        self.push_own(frames);
    }

    /// Queues a frame of many that may not be dropped. A short one is copied, which is
    /// cheaper than to share it.
    pub(super) fn share(&mut self, frame: &SharedFrame) {
        if frame.len() < SharedFrame::SHARED_FROM {
            self.tail().extend_from_slice(frame);
            return;
        }
        self.close_tail();
        self.kept = self.kept.saturating_add(frame.len());
        self.pieces.push_back(Piece::Shared(frame.clone()));
    }

    /// Queues a frame that may be dropped, as the policy says, which does not
    /// disconnect. Where `max` bytes wait already, others of its kind are dropped for
    /// it, or it is itself.
    pub(super) fn push(
        &mut self,
        frame: SharedFrame,
        max: usize,
        policy: SlowConsumerPolicy,
    ) -> Fate {
        if frame.is_empty() {
            return Fate::behind(self.len());
        }
        self.close_tail();
        let kept = self.kept();
        self.pieces.offer(Piece::News(frame, 0), kept, max, policy)
    }

    /// Says that so many messages for the remote were dropped before they came here: the
    /// next that comes is behind them.
    pub(super) fn lose(&mut self, count: u64) {
        self.pieces.lose_behind(count);
    }

    /// The gap before what is next to be handed out, once all before it is written.
    pub(super) fn gap_ahead(&self) -> Option<GapAhead> {
        match self.pieces.iter().next()? {
            Piece::News(frame, lost) if *lost > 0 && !self.is_being_written() => {
                let (source, lost) = (frame.source()?.clone(), *lost);
                Some(GapAhead { source, lost })
            }
            _ => None,
        }
    }

    /// Puts a frame that tells of the gap in the place of what is next, or leaves it to
    /// the one behind that where there is none.
    pub(super) fn tell_gap(&mut self, frame: Option<Vec<u8>>) {
        let Some(Piece::News(plain, lost)) = self.pieces.pop_front() else {
            return;
        };
        if frame.is_none() {
            self.pieces.lose(lost);
        }
        let piece = frame.map_or(Piece::Shared(plain), Piece::Own);
        self.kept = self.kept.saturating_add(piece.len());
        self.pieces.push_front(piece);
    }

    /// Drops frames until so few bytes wait as are wanted, or no frame is left
    /// that was not handed out.
    pub(super) fn drop_until(&mut self, policy: SlowConsumerPolicy, few: impl Fn(usize) -> bool) {
        let kept = self.kept();
        self.pieces
            .drop_until(policy, |bytes| few(bytes.saturating_add(kept)));
    }

    /// Whether anything was dropped since the last [`take_dropped`](Self::take_dropped).
    #[inline]
    pub(super) fn has_dropped(&self) -> bool {
        self.pieces.has_dropped()
    }

    /// What was dropped since the last call, if anything was.
    pub(super) fn take_dropped(&mut self) -> Option<Dropped> {
        self.pieces.take_dropped()
    }

    /// Says that so many of the bytes that were handed out have been written.
    pub(super) fn written(&mut self, count: usize) {
        self.in_flight.len = self.in_flight.len.saturating_sub(count);
        self.progress |= count > 0;
    }

    /// Whether bytes were written since the last call.
    pub(super) fn take_progress(&mut self) -> bool {
        mem::take(&mut self.progress)
    }

    /// Whether bytes wait that were not handed out.
    pub(super) fn has_bytes(&self) -> bool {
        !self.tail.is_empty() || !self.pieces.is_empty()
    }

    /// Whether bytes were handed out that are not known to be written.
    pub(super) fn is_being_written(&self) -> bool {
        self.in_flight.len > 0
    }

    /// Gives up all that waits and was not handed out. What was handed out are whole frames.
    pub(super) fn clear_rest(&mut self) {
        let in_flight = self.in_flight;
        self.clear();
        self.in_flight = in_flight;
    }

    /// Gives up all that waits, those bytes included that were handed out.
    pub(super) fn clear(&mut self) {
        let mut pieces = mem::take(&mut self.pieces);
        pieces.clear();
        *self = Self {
            pieces,
            ..Self::new()
        };
    }

    /// Swaps what waits for what has been written, and says whether there
    /// is anything. Buffers of a burst that is over go back.
    pub(super) fn swap(&mut self, written: &mut Vec<u8>) -> bool {
        written.clear();
        self.progress |= self.in_flight.len > 0;
        match self.pieces.is_empty() {
            true => mem::swap(&mut self.tail, written),
            false => self.hand_out(written),
        }
        if written.is_empty() && written.capacity() > Self::KEEP {
            *written = Vec::new();
        }
        let wanted = self.tail.len().max(written.len()).saturating_mul(4);
        if self.tail.capacity() > Self::KEEP.max(wanted) {
            self.tail.shrink_to(self.tail.len());
        }
        if !written.is_empty() {
            self.usual = written.len().clamp(self.usual / 2, Self::PORTION);
        }
        self.in_flight = InFlight {
            len: written.len(),
            capacity: written.capacity(),
        };
        !written.is_empty()
    }

    /// Moves pieces, at least one, and no more than [`PORTION`](Self::PORTION) bytes of
    /// several.
    fn hand_out(&mut self, out: &mut Vec<u8>) {
        let has_room = |out: &Vec<u8>, more: usize| {
            out.is_empty() || out.len().saturating_add(more) <= Self::PORTION
        };
        let tells =
            |next: &Piece| matches!(next, Piece::News(frame, 1..) if frame.source().is_some());
        while let Some(next) = self.pieces.iter().next()
            && has_room(out, next.len())
            && !tells(next)
            && let Some(piece) = self.pieces.pop_front()
        {
            if piece.droppable().is_none() {
                self.kept = self.kept.saturating_sub(piece.len());
            }
            match piece {
                Piece::Own(bytes) if out.is_empty() => *out = bytes,
                Piece::Own(bytes) => out.extend_from_slice(&bytes),
                Piece::Shared(frame) | Piece::News(frame, 0) => {
                    out.reserve_exact(frame.len());
                    out.extend_from_slice(&frame);
                }
                // Nobody knows what it was sealed of: the next one tells.
                Piece::News(frame, lost) => {
                    out.extend_from_slice(&frame);
                    self.pieces.lose(lost);
                }
            }
        }
        if self.pieces.is_empty() && has_room(out, self.tail.len()) {
            out.append(&mut self.tail);
        }
    }

    /// Notes whether more waits than the `backlog`.
    pub(super) fn note_backlog(&mut self, now: Duration, backlog: usize) {
        match self.len() > backlog {
            true if self.backlog.is_none() => self.backlog = Some(now.into()),
            true => {}
            false => self.forget_backlog(),
        }
    }

    /// As [`note_backlog`](Self::note_backlog), after what makes no more wait.
    pub(super) fn end_backlog(&mut self, backlog: usize) {
        if self.len() <= backlog {
            self.forget_backlog();
        }
    }

    fn forget_backlog(&mut self) {
        self.backlog = None;
        self.overdue = false;
    }

    /// Lets the time of a backlog begin later, while none of it was handed out: bytes
    /// that were not are not the remote's to read.
    pub(super) fn rest_backlog(&mut self, now: Duration) {
        if !self.is_being_written() && self.backlog.is_some() {
            self.backlog = Some(now.into());
        }
    }

    /// Since when more waits than the backlog, until that is
    /// [overdue](Self::set_overdue). Bytes that were never handed out are not the
    /// remote's to read.
    pub(super) fn backlog_since(&self) -> Option<Duration> {
        let since = self.backlog.filter(|_| self.is_being_written());
        let since = since.filter(|_| !self.overdue);
        since.map(Duration::from)
    }

    /// Says that more than the backlog has waited for too long: so it is until
    /// less does.
    pub(super) fn set_overdue(&mut self) {
        self.overdue = true;
    }

    pub(super) fn is_overdue(&self) -> bool {
        self.overdue
    }
}

#[cfg(test)]
mod tests;
