//! Room for what is held, which it shares with what links receive.

use alloc::sync::Arc;

use crate::budget::{Budget, Pressure};
use crate::limits::Limits;

/// What an inbox holds, and may hold: counted with what the links of its node have received.
#[derive(Debug)]
pub(super) struct Room {
    budget: Arc<Budget>,
    held: usize,
    max: usize,
    pressure: Pressure,
}

impl Room {
    pub(super) fn new(limits: &Limits, budget: Arc<Budget>) -> Self {
        Self {
            budget,
            held: 0,
            // The other half is for frames.
            max: limits.long_total().min(limits.inbound_total() / 2),
            pressure: Pressure::default(),
        }
    }

    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Bytes of its own share that are free.
    pub(super) fn free(&self) -> usize {
        self.max.saturating_sub(self.held)
    }

    /// Whether there is room for so many bytes more, here and beside what links hold.
    pub(super) fn has(&self, more: usize) -> bool {
        more <= self.free() && self.budget.has_inbound_room(more)
    }

    /// Counts what one thing takes otherwise than before.
    pub(super) fn change(&mut self, before: usize, after: usize) {
        self.held = self.held.saturating_sub(before).saturating_add(after);
        let pressure = self.budget.change_inbound(before, after);
        self.pressure = self.pressure.with(pressure);
    }

    pub(super) fn take_pressure(&mut self) -> Pressure {
        core::mem::take(&mut self.pressure)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.budget.change_inbound(self.held, 0);
    }
}
