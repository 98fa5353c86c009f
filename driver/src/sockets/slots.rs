//! The memory that datagrams are received into, shared by all sockets of the program.

use std::fmt;
use std::mem;
// Not the checker's, which has none that is there from the beginning.
use std::sync::{Mutex, PoisonError};

/// Datagrams that are received with one system call, at most.
pub(super) const MOST: usize = match cfg!(any(target_os = "android", target_os = "linux")) {
    true => 32,
    false => 1,
};

/// More than a datagram can hold, so that none is truncated.
const ROOM: usize = 64 * 1024;

/// From one slot to the next: the beginnings of all would share few lines of the processor's
/// caches if it were a power of two.
const STRIDE: usize = ROOM + 192;

/// Slots that hold more memory than this, in bytes, are not kept.
pub(super) const KEEP: usize = 512 * 1024;

/// Slots that are kept, of as many threads that receive at the same moment.
const SPARES: usize = 16;

static SPARE: Mutex<Vec<Slots>> = Mutex::new(Vec::new());

/// Room for [`MOST`] datagrams of any length.
///
/// It is 2 MiB of addresses, which are zero when they are allocated: the system gives memory
/// to those alone that something was written to, and short datagrams leave most of each slot
/// as it was. Long ones do not, and so what they fill is let go. Whoever receives has slots
/// only as long as there is something in them.
pub(super) struct Slots {
    bytes: Box<[u8]>,
    /// How much of each was written to.
    touched: [usize; MOST],
}

impl Slots {
    /// Some that nobody uses.
    pub(super) fn take() -> Self {
        let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
        spare.pop().unwrap_or_else(Self::new)
    }

    fn new() -> Self {
        Self {
            bytes: vec![0; MOST * STRIDE].into(),
            touched: [0; MOST],
        }
    }

    /// Whether they hold little enough memory.
    fn are_kept(&self) -> bool {
        !self.bytes.is_empty() && self.touched.iter().sum::<usize>() <= KEEP
    }

    /// Each of them.
    pub(super) fn each(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.bytes.chunks_mut(STRIDE)
    }

    /// The first one.
    pub(super) fn first(&mut self) -> &mut [u8] {
        self.each().next().unwrap_or_default()
    }

    /// Notes that a datagram of so many bytes is in a slot.
    pub(super) fn fill(&mut self, slot: usize, len: usize) {
        if let Some(touched) = self.touched.get_mut(slot) {
            *touched = len.max(*touched);
        }
    }

    /// The beginning of a slot.
    pub(super) fn get(&self, slot: usize, len: usize) -> &[u8] {
        let slot = self.bytes.chunks(STRIDE).nth(slot).unwrap_or_default();
        slot.get(..len).unwrap_or_default()
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        if !self.are_kept() {
            return;
        }
        let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARES {
            spare.push(Self {
                bytes: mem::take(&mut self.bytes),
                touched: self.touched,
            });
        }
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Slots").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_apart_and_hold_any_datagram() {
        let mut slots = Slots::take();
        for (number, slot) in slots.each().enumerate() {
            slot[..ROOM].fill(number as u8);
        }
        assert_eq!(slots.each().count(), MOST);
        for number in 0..MOST {
            slots.fill(number, ROOM);
            assert!(slots.get(number, ROOM).iter().all(|it| *it == number as u8));
        }
        assert_eq!(slots.get(MOST, 1), b"");
        assert_eq!(slots.get(0, STRIDE + 1), b"");
    }
    #[test]
    fn what_long_datagrams_fill_is_let_go() {
        let mut slots = Slots::new();
        assert!(slots.are_kept());
        for slot in 0..MOST {
            slots.fill(slot, KEEP / MOST + 1);
        }
        assert!(!slots.are_kept());
    }
}
