//! How many messages of each sender a window remembers.

use alloc::collections::BTreeMap;

use slab::Slab;

use crate::place::Place;

/// Those of whom a message is remembered, and how many.
#[derive(Clone, Default)]
pub(in crate::plugin) struct Senders {
    slots: BTreeMap<Place, u32>,
    senders: Slab<Sender>,
}

#[derive(Clone)]
struct Sender {
    place: Place,
    held: usize,
}

impl Senders {
    pub(in crate::plugin) fn held(&self, from: Place) -> usize {
        let slot = self.slots.get(&from);
        let sender = slot.and_then(|slot| self.senders.get(*slot as usize));
        sender.map_or(0, |sender| sender.held)
    }

    /// Counts one more, and returns the sender's slot.
    pub(in crate::plugin) fn add(&mut self, from: Place) -> u32 {
        let senders = &mut self.senders;
        let slot = *self.slots.entry(from).or_insert_with(|| {
            let sender = Sender {
                place: from,
                held: 0,
            };
            // A window with 2^32 senders would be larger than any memory.
            senders.insert(sender) as u32
        });
        if let Some(sender) = senders.get_mut(slot as usize) {
            sender.held = sender.held.saturating_add(1);
        }
        slot
    }

    /// Counts one less of the sender in this slot.
    pub(in crate::plugin) fn remove(&mut self, slot: u32) {
        let index = slot as usize;
        let Some(sender) = self.senders.get_mut(index) else {
            return;
        };
        sender.held = sender.held.saturating_sub(1);
        if sender.held == 0 {
            self.slots.remove(&sender.place);
            self.senders.remove(index);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.senders.len()
    }
}
