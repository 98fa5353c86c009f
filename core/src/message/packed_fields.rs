//! Auth fields that were set here, each packed as it was set.

use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::error::SealError;
use crate::packify::{self, EncodeError};

/// Packed keys and values in one buffer, and the place of each.
#[derive(Clone, Default)]
pub(super) struct PackedFields {
    packed: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    start: usize,
    key_len: usize,
    value_len: usize,
}

impl Entry {
    fn len(&self) -> usize {
        self.key_len.saturating_add(self.value_len)
    }

    /// What the packed item, a tuple, begins with, as far as it decides on the order.
    fn head(&self) -> (usize, usize, usize) {
        let len = packify::tuple2_header_len(self.key_len, self.value_len);
        (len.unwrap_or(usize::MAX), self.key_len, self.value_len)
    }
}

impl PackedFields {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.packed.clear();
        self.entries.clear();
    }

    /// Removes the entry with this packed key, and says whether it was there.
    pub(super) fn remove(&mut self, key: &str) -> bool {
        let start = self.packed.len();
        // A name too long to be packed is no field's.
        let found = packify::put_str(&mut self.packed, key).is_ok() && self.take_key_at(start);
        self.packed.truncate(start);
        found
    }

    /// Each entry as its packed key and its packed value.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.entries
            .iter()
            .map(|entry| (self.key(entry), self.value(entry)))
    }

    /// Writes key and value behind the rest, in place of an equal key's.
    pub(super) fn replace(
        &mut self,
        key: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
        value: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
    ) -> Result<(), SealError> {
        let start = self.packed.len();
        let lens = key(&mut self.packed).and_then(|()| {
            let key_len = self.packed.len().saturating_sub(start);
            self.take_key_at(start);
            value(&mut self.packed)?;
            Ok((
                key_len,
                self.packed
                    .len()
                    .saturating_sub(start)
                    .saturating_sub(key_len),
            ))
        });
        match lens {
            Ok((key_len, value_len)) => {
                self.entries.push(Entry {
                    start,
                    key_len,
                    value_len,
                });
                Ok(())
            }
            Err(error) => {
                self.packed.truncate(start);
                Err(SealError::Auth(error))
            }
        }
    }

    /// As [`replace`](Self::replace), with key and value packed already.
    pub(super) fn push(&mut self, key: &[u8], value: &[u8]) {
        let start = self.packed.len();
        self.packed.extend_from_slice(key);
        self.take_key_at(start);
        self.packed.truncate(start);
        self.append(key, value);
    }

    /// Writes a key that is not there yet, and its value.
    pub(super) fn append(&mut self, key: &[u8], value: &[u8]) {
        let start = self.packed.len();
        self.packed.extend_from_slice(key);
        self.packed.extend_from_slice(value);
        self.entries.push(Entry {
            start,
            key_len: key.len(),
            value_len: value.len(),
        });
    }

    /// Removes the entry whose key is the bytes from `start` to the end. Its
    /// bytes stay until the buffer is cleared; a message sets few fields.
    fn take_key_at(&mut self, start: usize) -> bool {
        let wanted = self.packed.get(start..).unwrap_or_default();
        let position = self
            .entries
            .iter()
            .position(|entry| self.key(entry) == wanted);
        position.map(|at| self.entries.remove(at)).is_some()
    }

    /// The packed key, and the packed value behind it.
    fn pair(&self, entry: &Entry) -> &[u8] {
        let end = entry.start.saturating_add(entry.len());
        self.packed.get(entry.start..end).unwrap_or_default()
    }

    fn key(&self, entry: &Entry) -> &[u8] {
        let end = entry.start.saturating_add(entry.key_len);
        self.packed.get(entry.start..end).unwrap_or_default()
    }

    fn value(&self, entry: &Entry) -> &[u8] {
        let start = entry.start.saturating_add(entry.key_len);
        let end = start.saturating_add(entry.value_len);
        self.packed.get(start..end).unwrap_or_default()
    }

    /// Order of the packed tuples `(key, value)`: their headers hold the width
    /// of the lengths and the two lengths, then come the key and the value.
    fn order(&self, a: &Entry, b: &Entry) -> Ordering {
        a.head()
            .cmp(&b.head())
            .then_with(|| self.pair(a).cmp(self.pair(b)))
    }

    /// Each entry in the order of the wire.
    pub(super) fn for_each_in_order(&self, each: &mut dyn FnMut(&[u8], &[u8])) {
        self.in_order(|entries| {
            for entry in entries {
                each(self.key(entry), self.value(entry));
            }
        });
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.in_order(|entries| {
            let item_lens = entries
                .iter()
                .map(|entry| entry.head().0.saturating_add(entry.len()));
            packify::put_dict_header(out, item_lens)?;
            for entry in entries {
                packify::put_tuple2_header(out, entry.key_len, entry.value_len)?;
                out.extend_from_slice(self.pair(entry));
            }
            Ok(())
        })
    }

    /// Sorts the entries as packify sorts the items of a dict.
    fn in_order<T>(&self, work: impl FnOnce(&[Entry]) -> T) -> T {
        // Eight on the stack: messages carry three to five.
        let mut few = [Entry::default(); 8];
        let mut many;
        let sorted: &mut [Entry] = match few.get_mut(..self.entries.len()) {
            Some(few) => {
                few.copy_from_slice(&self.entries);
                few
            }
            None => {
                many = self.entries.clone();
                &mut many
            }
        };
        sorted.sort_unstable_by(|a, b| self.order(a, b));
        work(sorted)
    }
}
