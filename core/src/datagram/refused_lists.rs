//! Receivers of what there was no room for.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::fan_out::Receivers;

/// Receivers of messages that were refused for want of room, each list with the number of
/// messages, until another message is taken. That brings them where they are counted, so that
/// what was taken before says nothing of them.
#[derive(Debug, Default)]
pub(crate) struct RefusedLists(VecDeque<(Receivers, u64)>);

impl RefusedLists {
    /// So many more were refused. Where the lists hold more than `max` bytes, the oldest are
    /// forgotten.
    pub(crate) fn add(&mut self, to: &Receivers, count: u64, max: usize) {
        match self.0.iter_mut().find(|(known, _)| known.is(to)) {
            Some((_, refused)) => *refused = refused.saturating_add(count),
            None if to.is_empty() => {}
            None => self.0.push_back((to.clone(), count)),
        }
        let mut bytes: usize = self.0.iter().map(|(list, _)| list.bytes()).sum();
        while bytes > max
            && let Some((oldest, _)) = self.0.pop_front()
        {
            bytes = bytes.saturating_sub(oldest.bytes());
        }
    }

    /// All of them, for the message that is taken.
    pub(crate) fn take(&mut self) -> Vec<(Receivers, u64)> {
        core::mem::take(&mut self.0).into()
    }
}
