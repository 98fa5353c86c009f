//! Entries by key, in parts that copies share.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::key::{Kept, KeyRef};

/// A table that is copied in little time, however many entries it has: a change copies one part
/// of it, where somebody has that besides.
#[derive(Clone, Debug)]
pub(super) struct Table<E> {
    /// None, or a power of two of them.
    parts: Vec<Arc<HashTable<(Kept, E)>>>,
    len: usize,
    hasher: DefaultHashBuilder,
}

impl<E> Table<E> {
    /// Entries of a part, as a rule.
    const PART: usize = 256;

    pub(super) fn new() -> Self {
        Self {
            parts: Vec::new(),
            len: 0,
            hasher: DefaultHashBuilder::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn get(&self, key: &KeyRef<'_>) -> Option<&E> {
        let hash = self.hasher.hash_one(key);
        let part = self.parts.get(self.part_of(hash))?;
        let found = part.find(hash, |(kept, _)| *key == kept.borrow());
        found.map(|(_, entry)| entry)
    }

    pub(super) fn contains(&self, key: &KeyRef<'_>) -> bool {
        self.get(key).is_some()
    }

    /// The part that a hash is in. A part itself looks at the lowest and the highest bits.
    #[inline]
    fn part_of(&self, hash: u64) -> usize {
        (hash >> 32) as usize & self.parts.len().wrapping_sub(1)
    }
}

impl<E: Clone> Table<E> {
    pub(super) fn get_mut(&mut self, key: &KeyRef<'_>) -> Option<&mut E> {
        let hash = self.hasher.hash_one(key);
        let at = self.part_of(hash);
        let part = Arc::make_mut(self.parts.get_mut(at)?);
        let found = part.find_mut(hash, |(kept, _)| *key == kept.borrow());
        found.map(|(_, entry)| entry)
    }

    /// The entry of a key, which is made if there is none.
    pub(super) fn entry(&mut self, key: Kept, make: impl FnOnce() -> E) -> Option<&mut E> {
        if self.len >= self.parts.len().saturating_mul(Self::PART) {
            self.split();
        }
        let (hash, hasher) = (self.hasher.hash_one(&key), self.hasher.clone());
        let at = self.part_of(hash);
        let part = Arc::make_mut(self.parts.get_mut(at)?);
        let is = |(kept, _): &(Kept, E)| *kept == key;
        let entry = match part.entry(hash, is, |(kept, _)| hasher.hash_one(kept)) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(vacant) => {
                self.len = self.len.saturating_add(1);
                vacant.insert((key, make())).into_mut()
            }
        };
        Some(&mut entry.1)
    }

    pub(super) fn remove(&mut self, key: &KeyRef<'_>) {
        let hash = self.hasher.hash_one(key);
        let at = self.part_of(hash);
        let Some(part) = self.parts.get_mut(at) else {
            return;
        };
        let found = Arc::make_mut(part).find_entry(hash, |(kept, _)| *key == kept.borrow());
        if let Ok(found) = found {
            drop(found.remove());
            self.len = self.len.saturating_sub(1);
        }
    }

    /// Twice as many parts.
    fn split(&mut self) {
        let (parts, hasher) = (
            self.parts.len().saturating_mul(2).max(1),
            self.hasher.clone(),
        );
        let mut more: Vec<HashTable<_>> = Vec::new();
        more.resize_with(parts, HashTable::new);
        for part in core::mem::take(&mut self.parts) {
            for entry in Arc::unwrap_or_clone(part) {
                let hash = hasher.hash_one(&entry.0);
                let at = (hash >> 32) as usize & parts.wrapping_sub(1);
                if let Some(part) = more.get_mut(at) {
                    part.insert_unique(hash, entry, |(kept, _)| hasher.hash_one(kept));
                }
            }
        }
        self.parts = more.into_iter().map(Arc::new).collect();
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::message::types::REQUEST_URI;
    use crate::routes::key::Key;

    #[test]
    fn a_copy_shares_all_parts_but_those_that_changed() {
        let key = |number: usize| Key::from((REQUEST_URI, number.to_string()));
        let mut table = Table::new();
        assert!(table.get(&key(0).borrow()).is_none() && table.get_mut(&key(0).borrow()).is_none());
        for number in 0..5000 {
            assert_eq!(table.len(), number);
            *table.entry((&key(number)).into(), || 0).unwrap() += number;
            assert_eq!(
                table.entry((&key(number)).into(), || 0),
                Some(&mut { number })
            );
        }
        let copy = table.clone();
        *table.get_mut(&key(7).borrow()).unwrap() = 8;
        table.remove(&key(9).borrow());
        table.remove(&key(9).borrow());
        assert_eq!((table.len(), copy.len()), (4999, 5000));
        let parts = table.parts.iter().zip(&copy.parts);
        let changed = parts.filter(|(part, other)| !Arc::ptr_eq(part, other));
        assert!((1..=2).contains(&changed.count()));
        for number in 0..5000 {
            let expected = match number {
                7 => Some(8),
                9 => None,
                _ => Some(number),
            };
            assert_eq!(table.get(&key(number).borrow()).copied(), expected);
            assert_eq!(copy.get(&key(number).borrow()), Some(&number));
        }
        // More parts, while the copy has the old ones.
        for number in 5000..10_000 {
            table.entry((&key(number)).into(), || number);
        }
        assert_eq!((table.len(), copy.len()), (9999, 5000));
        assert!((5000..10_000).all(|number| table.contains(&key(number).borrow())));
        assert!((0..5000).all(|number| copy.contains(&key(number).borrow())));
    }
}
