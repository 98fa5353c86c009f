//! An answer on its way from the other end.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;

use super::PART_LEN;
use super::pieces::{Pieces, Place};
use super::words::Head;

/// Which bytes of an answer are fetched next.
#[derive(Clone, Debug)]
pub(super) struct Fetching {
    pub(super) head: Head,
    window: u64,
    /// As many bytes come with one question, as far as is known.
    step: u64,
    pieces: Pieces,
    chunks: VecDeque<Bytes>,
    /// Bytes that were taken; all that have come, where they are not taken one by one.
    taken: u64,
    is_stream: bool,
    /// Those that have come or are asked for.
    next: u64,
    in_flight: usize,
    /// What had come when something was asked for anew; nothing has since.
    stuck_at: Option<u64>,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask for bytes from here on.
    Fetch(u64),
    /// Wait for answers, or until some bytes are taken.
    Wait,
    /// All have come.
    Complete,
    /// The other end gives none.
    Stuck,
}

impl Fetching {
    pub(super) fn new(head: Head, window: usize, is_stream: bool) -> Self {
        Self {
            head,
            window: window.max(PART_LEN) as u64,
            step: PART_LEN as u64,
            pieces: Pieces::default(),
            chunks: VecDeque::new(),
            taken: 0,
            is_stream,
            next: 0,
            in_flight: 0,
            stuck_at: None,
        }
    }

    pub(super) fn set_window(&mut self, window: usize) {
        self.window = window.max(PART_LEN) as u64;
    }

    pub(super) fn set_streamed(&mut self, is_stream: bool) {
        self.is_stream = is_stream;
    }

    fn end(&self) -> u64 {
        self.pieces.end()
    }

    pub(super) fn step(&mut self) -> Step {
        loop {
            if self.end() == self.head.len {
                return Step::Complete;
            }
            let from = if self.is_stream {
                self.taken
            } else {
                self.end()
            };
            let most = self.window.div_ceil(PART_LEN as u64);
            let has_room =
                self.next < from.saturating_add(self.window) && (self.in_flight as u64) < most;
            if self.next < self.head.len && has_room {
                let offset = self.next;
                self.next = offset.saturating_add(self.step);
                self.in_flight = self.in_flight.saturating_add(1);
                return Step::Fetch(offset);
            }
            let is_missing = self.next > self.end();
            if self.in_flight > 0 || !is_missing {
                return Step::Wait;
            }
            if self.stuck_at == Some(self.end()) {
                return Step::Stuck;
            }
            self.stuck_at = Some(self.end());
            self.next = self.end();
        }
    }

    /// Takes bytes that were asked for; says whether they make sense.
    pub(super) fn fetched(&mut self, offset: u64, bytes: Bytes) -> bool {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.come(offset, bytes)
    }

    /// Takes bytes; says whether they make sense.
    pub(super) fn come(&mut self, offset: u64, bytes: Bytes) -> bool {
        let end = offset.saturating_add(bytes.len() as u64);
        if end > self.head.len || bytes.is_empty() && offset < self.head.len {
            return false;
        }
        if end < self.head.len {
            self.step = bytes.len() as u64;
        }
        match self.pieces.place(offset, bytes.clone()) {
            Place::Next(next) => self.add(next),
            // There are no more of them than there were questions.
            Place::Ahead => self.pieces.keep(offset, bytes),
            Place::Known => {}
        }
        while let Some(next) = self.pieces.next() {
            self.add(next);
        }
        self.next = self.next.max(self.end());
        true
    }

    fn add(&mut self, next: Bytes) {
        self.pieces.advance(next.len());
        self.chunks.push_back(next);
    }

    /// The next bytes of those that have come.
    pub(super) fn take(&mut self) -> Option<Bytes> {
        let chunk = self.chunks.pop_front()?;
        self.taken = self.taken.saturating_add(chunk.len() as u64);
        Some(chunk)
    }

    /// Forgets what is on its way.
    pub(super) fn lost(&mut self) {
        self.in_flight = 0;
        self.pieces.forget_ahead();
        self.next = self.end();
        self.stuck_at = None;
    }

    /// All that has come and was not taken.
    pub(super) fn rest(&self) -> Bytes {
        match self.chunks.len() {
            0 => Bytes::new(),
            1 => self.chunks.front().cloned().unwrap_or_default(),
            _ => {
                let len = self.chunks.iter().map(Bytes::len);
                let mut all = Vec::with_capacity(len.fold(0, usize::saturating_add));
                for chunk in &self.chunks {
                    all.extend_from_slice(chunk);
                }
                all.into()
            }
        }
    }
}
