//! Tables whose entries are lines of the processor's caches.

use alloc::vec::Vec;
use core::hash::{BuildHasher, Hash};

use crate::hashes::Hashes;

/// An entry that has its key in it. Entries are to be as large as a line, 64 bytes, or as two, and
/// aligned to lines.
pub(crate) trait Line {
    type Key: Copy + Eq + Hash;

    fn key(&self) -> Self::Key;

    /// The hash of a key. A key that is a keyed hash needs no other.
    #[inline]
    fn hash(key: Self::Key, hashes: &Hashes) -> u64 {
        hashes.hash_one(key)
    }
}

/// A table of many entries that each message looks into. Other tables look at a list of marks
/// first, and then at the entry that these say: both are memory that no cache has where there are
/// many. This one looks at the entry at once, and at the next ones where it is another, which is
/// seldom: of the places up to five in eight are taken.
#[derive(Clone, Debug)]
pub(crate) struct Lines<T> {
    /// None, or a power of two of them. Behind the place that its hash says an entry has another
    /// one only where all in between are taken.
    places: Vec<Option<T>>,
    len: usize,
    hashes: Hashes,
}

impl<T: Line> Lines<T> {
    /// Places of the smallest table.
    const LEAST: usize = 8;
    /// So many take half a megabyte.
    const MANY: usize = 8192;

    /// None yet. `hashes`: the places are to be known to nobody.
    pub(crate) fn new(hashes: Hashes) -> Self {
        Self {
            places: Vec::new(),
            len: 0,
            hashes,
        }
    }

    /// Changes the places of all entries.
    pub(crate) fn set_hashes(&mut self, hashes: Hashes) {
        self.hashes = hashes;
        self.resize(self.places.len(), |_, _| ());
    }

    pub(crate) fn hashes(&self) -> Hashes {
        self.hashes
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether there are so few that the caches of a processor have them, or most of them.
    pub(crate) fn is_in_caches(&self) -> bool {
        self.places.len() < Self::MANY
    }

    /// Where the entry of a key is, until one is inserted or removed.
    #[inline]
    pub(crate) fn find(&self, key: T::Key) -> Option<usize> {
        self.find_that(key, |_| true)
    }

    /// As [`find`](Self::find), where several entries may have a key.
    #[inline]
    pub(crate) fn find_that(&self, key: T::Key, is: impl Fn(&T) -> bool) -> Option<usize> {
        let mut at = self.first(key)?;
        // Some place is free.
        while let Some(line) = self.get(at) {
            if line.key() == key && is(line) {
                return Some(at);
            }
            at = self.next(at);
        }
        None
    }

    /// The entry at a place, if there is one.
    #[inline]
    pub(crate) fn get(&self, place: usize) -> Option<&T> {
        self.places.get(place)?.as_ref()
    }

    /// The entry at a place, if there is one.
    #[inline]
    pub(crate) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.places.get_mut(place)?.as_mut()
    }

    /// Adds an entry, and says where it is.
    pub(crate) fn insert(&mut self, line: T) -> usize {
        self.insert_among(line, |_, _| ())
    }

    /// As [`insert`](Self::insert), and says of others that move where they are then.
    pub(crate) fn insert_among(&mut self, line: T, moved: impl FnMut(&T, usize)) -> usize {
        if let Some(more) = self.growth() {
            self.resize(self.places.len().saturating_add(more), moved);
        }
        self.len = self.len.saturating_add(1);
        self.put(line)
    }

    /// The places that one entry more makes, if there are too few.
    fn growth(&self) -> Option<usize> {
        let places = self.places.len();
        (self.len >= (places / 8).saturating_mul(5)).then(|| places.max(Self::LEAST))
    }

    /// Takes out the entry of a key.
    pub(crate) fn remove(&mut self, key: T::Key) -> Option<T> {
        self.remove_at(self.find(key)?, |_, _| ())
    }

    /// Takes out the entry at a place, and says of others that move where they are then.
    pub(crate) fn remove_at(
        &mut self,
        mut free: usize,
        mut moved: impl FnMut(&T, usize),
    ) -> Option<T> {
        let removed = self.places.get_mut(free)?.take()?;
        self.len = self.len.saturating_sub(1);
        // Those behind it move up, unless they would then be before their first place.
        let mut at = self.next(free);
        while let Some(line) = self.get(at)
            && let Some(first) = self.first(line.key())
        {
            if self.distance(first, at) >= self.distance(free, at) {
                moved(line, free);
                self.places.swap(free, at);
                free = at;
            }
            at = self.next(at);
        }
        Some(removed)
    }

    /// Gives memory back where few entries are left. Each time, at least as many were removed
    /// before as move.
    pub(crate) fn shrink(&mut self, moved: impl FnMut(&T, usize)) {
        let places = self.places.len();
        if places > Self::LEAST && self.len < places / 8 {
            self.resize(places / 2, moved);
        }
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> usize {
        self.places.len().saturating_mul(size_of::<Option<T>>())
    }

    /// Bytes that one entry more takes.
    pub(crate) fn bytes_growth(&self) -> usize {
        let places = self.growth().unwrap_or(0);
        places.saturating_mul(size_of::<Option<T>>())
    }

    /// All entries.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().flatten()
    }

    /// All entries.
    pub(crate) fn into_entries(self) -> impl Iterator<Item = T> {
        self.places.into_iter().flatten()
    }

    /// All entries.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.iter_mut().flatten()
    }

    fn put(&mut self, line: T) -> usize {
        let mut at = self.first(line.key()).unwrap_or_default();
        while self.get(at).is_some() {
            at = self.next(at);
        }
        if let Some(place) = self.places.get_mut(at) {
            *place = Some(line);
        }
        at
    }

    fn resize(&mut self, places: usize, mut moved: impl FnMut(&T, usize)) {
        let mut others = Vec::new();
        others.reserve_exact(places);
        others.resize_with(places, || None);
        for line in core::mem::replace(&mut self.places, others)
            .into_iter()
            .flatten()
        {
            let at = self.put(line);
            if let Some(line) = self.get(at) {
                moved(line, at);
            }
        }
    }

    /// The place that the entry of a key has unless that is taken.
    #[inline]
    fn first(&self, key: T::Key) -> Option<usize> {
        let last = self.places.len().checked_sub(1)?;
        // The lowest bits, of all that there are, in any case.
        Some(T::hash(key, &self.hashes) as usize & last)
    }

    #[inline]
    fn next(&self, place: usize) -> usize {
        place.wrapping_add(1) & self.places.len().wrapping_sub(1)
    }

    /// How far behind a place another is.
    fn distance(&self, place: usize, other: usize) -> usize {
        other.wrapping_sub(place) & self.places.len().wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use super::*;

    #[derive(Debug)]
    struct Entry(u16, u32);

    impl Line for Entry {
        type Key = u16;

        fn key(&self) -> u16 {
            self.0
        }
    }

    #[test]
    fn whatever_comes_and_goes_each_entry_is_found() {
        let (mut lines, mut expected) = (Lines::new(Hashes::default()), BTreeMap::new());
        assert!(lines.find(1).is_none() && lines.remove(1).is_none() && lines.get(0).is_none());
        let mut state = 1u32;
        for step in 0..50_000u32 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Many at first, and then few.
            let keys = if step < 30_000 { 500 } else { 20 };
            let key = (state >> 16) as u16 % keys;
            match state >> 8 & 1 {
                0 if lines.find(key).is_none() => {
                    assert_eq!(expected.insert(key, step), None);
                    let at = lines.insert(Entry(key, step));
                    assert_eq!(lines.get(at).map(Line::key), Some(key));
                }
                0 => {
                    let at = lines.find(key).unwrap();
                    lines.get_mut(at).unwrap().1 = step;
                    expected.insert(key, step);
                }
                _ => {
                    let removed = lines.remove(key).map(|entry| entry.1);
                    assert_eq!(removed, expected.remove(&key));
                }
            }
            if step % 1000 == 0 {
                lines.set_hashes(Hashes::default());
            }
            assert_eq!(
                (lines.len(), lines.is_empty()),
                (expected.len(), expected.is_empty())
            );
            assert!(lines.len() <= lines.places.len() / 8 * 5);
            if step % 100 == 0 {
                let all: BTreeMap<_, _> = lines.iter_mut().map(|it| (it.0, it.1)).collect();
                assert_eq!(all, expected);
                for key in 0..500 {
                    let found = lines.find(key).and_then(|at| lines.get(at));
                    assert_eq!(found.map(|it| it.1), expected.get(&key).copied());
                }
            }
        }
    }
}
