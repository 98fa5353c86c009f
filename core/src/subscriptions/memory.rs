//! The memory that maps take, and would take with one more entry.

use core::hash::{BuildHasher, Hash};

use hashbrown::HashMap;

use super::slot::Slot;

/// The subscriptions of a subscriber, by the ids of their channels: remotes choose neither.
pub(super) type Slots = HashMap<u32, Slot>;

/// Bytes that a subscriber's own table takes.
pub(super) fn table_bytes(slots: &Slots) -> usize {
    match slots.allocation_size() {
        0 => 0,
        bytes => bytes.saturating_add(size_of::<[usize; 2]>()),
    }
}

/// Bytes that a map grows by, for one entry more: one that is full doubles, unless at most
/// half of it are entries and the rest are marks of those that were removed.
pub(super) fn map_growth<K: Eq + Hash, V, B: BuildHasher>(map: &HashMap<K, V, B>) -> usize {
    /// Entries that a map has memory for once there is one in it.
    const FIRST: usize = 4;
    let bytes = map.allocation_size();
    // Each has a byte of control, and of sixteen places two stay free.
    let entry = size_of::<(K, V)>().saturating_add(1);
    let places = bytes.checked_div(entry).unwrap_or(0);
    let half = (places / 16).saturating_mul(7);
    match map.len() < map.capacity() || map.len() < half {
        true => 0,
        false => bytes.max(FIRST.saturating_mul(size_of::<(K, V)>())),
    }
}

/// Gives memory back when a map is mostly empty. Each time, at least as many
/// entries were removed before as are moved.
pub(super) fn shrink<K: Eq + Hash, V, B: BuildHasher>(map: &mut HashMap<K, V, B>) {
    const FEW: usize = 16;
    let len = map.len();
    if map.capacity() > FEW && map.capacity() / 4 > len {
        map.shrink_to(len.saturating_mul(2));
    }
}
