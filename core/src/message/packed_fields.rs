//! Auth fields that were set here, each packed as it was set.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::ops::Range;

use crate::error::SealError;
use crate::packify::{self, EncodeError};

/// The packed items of a dict in one buffer, in the order of their setting, and the place of
/// each.
#[derive(Clone, Default)]
pub(super) struct PackedFields {
    packed: Vec<u8>,
    entries: Vec<Entry>,
}

/// An item: the header of a tuple, then the packed key, then the packed value.
#[derive(Clone, Copy, Default)]
struct Entry {
    /// The first bytes of the item as a number. They are the lengths of a short item and the
    /// begin of its name, and decide on the order of most.
    rank: u64,
    start: usize,
    header_len: usize,
    key_len: usize,
    value_len: usize,
}

impl Entry {
    fn len(&self) -> usize {
        let pair = self.key_len.saturating_add(self.value_len);
        self.header_len.saturating_add(pair)
    }

    fn item(&self) -> Range<usize> {
        self.start..self.start.saturating_add(self.len())
    }

    fn key(&self) -> Range<usize> {
        let start = self.start.saturating_add(self.header_len);
        start..start.saturating_add(self.key_len)
    }

    fn value(&self) -> Range<usize> {
        let end = self.item().end;
        end.saturating_sub(self.value_len)..end
    }
}

/// Fields that a plugin writes to each of its messages, all of bytes, packed once for all.
#[derive(Clone)]
pub(crate) struct FieldForm<const N: usize>(PackedFields);

impl<const N: usize> FieldForm<N> {
    /// A form of fields with these names, and values of so many bytes. None where they are no
    /// such fields: two have one name, say.
    pub(crate) fn new(fields: [(&str, usize); N]) -> Option<Self> {
        let mut form = PackedFields::default();
        for (name, len) in fields {
            form.set_bytes(name, &alloc::vec![0; len]).ok()?;
        }
        (form.entries.len() == N).then_some(Self(form))
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

    /// Makes these the same fields as others, in the buffers already here.
    pub(super) fn load(&mut self, others: &Self) {
        self.packed.clone_from(&others.packed);
        self.entries.clone_from(&others.entries);
    }

    /// The packed value of the field with this name.
    pub(super) fn find(&self, name: &str) -> Option<&[u8]> {
        let mut entries = self.entries.iter();
        let found = entries.find(|entry| packify::is_packed_str(self.key(entry), name))?;
        Some(self.value(found))
    }

    /// Removes the field with this name, and says whether it was there.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        let mut entries = self.entries.iter();
        let position = entries.position(|entry| packify::is_packed_str(self.key(entry), name));
        // Its bytes stay until the buffer is cleared; a message sets few fields.
        position.map(|at| self.entries.remove(at)).is_some()
    }

    /// Each entry as its packed key and its packed value.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.entries
            .iter()
            .map(|entry| (self.key(entry), self.value(entry)))
    }

    /// Writes a field that holds bytes behind the rest, in place of one with the same name.
    pub(super) fn set_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), SealError> {
        let key_len = packify::prefixed_len(name.len()).map_err(SealError::Auth)?;
        let value_len = packify::prefixed_len(bytes.len()).map_err(SealError::Auth)?;
        self.remove(name);
        self.write(key_len, value_len, |out| {
            packify::put_bytes_item(out, name, bytes)
        })
    }

    /// As [`set_bytes`](Self::set_bytes), for a value that is packed already.
    pub(super) fn set_packed(&mut self, name: &str, value: &[u8]) -> Result<(), SealError> {
        let key_len = packify::prefixed_len(name.len()).map_err(SealError::Auth)?;
        self.remove(name);
        self.write(key_len, value.len(), |out| {
            packify::put_tuple2_header(out, key_len, value.len())?;
            packify::put_str(out, name)?;
            out.extend_from_slice(value);
            Ok(())
        })
    }

    /// As [`set_packed`](Self::set_packed), with a key that is packed already.
    pub(super) fn push(&mut self, key: &[u8], value: &[u8]) -> Result<(), SealError> {
        let mut entries = self.entries.iter();
        if let Some(at) = entries.position(|entry| self.key(entry) == key) {
            self.entries.remove(at);
        }
        self.write(key.len(), value.len(), |out| {
            packify::put_tuple2_header(out, key.len(), value.len())?;
            out.extend_from_slice(key);
            out.extend_from_slice(value);
            Ok(())
        })
    }

    /// Appends the fields of a form with these values. Says false, and does nothing, where one of
    /// them is there already, or a value is not as long as the form says.
    pub(super) fn fill<const N: usize>(
        &mut self,
        FieldForm(form): &FieldForm<N>,
        values: [&[u8]; N],
    ) -> bool {
        let in_form = |entry: &Entry| form.iter().any(|(key, _)| key == self.key(entry));
        let fits = |(of, value): (&Entry, &[u8])| {
            packify::prefixed_len(value.len()).is_ok_and(|len| len == of.value_len)
        };
        if self.entries.iter().any(in_form) || !form.entries.iter().zip(values).all(fits) {
            return false;
        }
        let begin = self.packed.len();
        self.packed.extend_from_slice(&form.packed);
        for (entry, value) in form.entries.iter().zip(values) {
            let start = entry.start.saturating_add(begin);
            let entry = Entry { start, ..*entry };
            let place = self.packed.get_mut(entry.value()).unwrap_or_default();
            // In front of the bytes is how many they are.
            let (_, place) = place.split_at_mut(place.len().saturating_sub(value.len()));
            place.copy_from_slice(value);
            self.entries.push(entry);
        }
        true
    }

    /// Writes an item whose key is not there.
    fn write(
        &mut self,
        key_len: usize,
        value_len: usize,
        item: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
    ) -> Result<(), SealError> {
        let start = self.packed.len();
        let header_len = packify::tuple2_header_len(key_len, value_len);
        match header_len.and_then(|len| item(&mut self.packed).map(|()| len)) {
            Ok(header_len) => {
                let item = self.packed.get(start..).unwrap_or_default();
                // Only an item of two values of a byte each is shorter, and comes before all others.
                let first = item.first_chunk().copied().unwrap_or_default();
                self.entries.push(Entry {
                    rank: u64::from_be_bytes(first),
                    start,
                    header_len,
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

    fn item(&self, entry: &Entry) -> &[u8] {
        self.packed.get(entry.item()).unwrap_or_default()
    }

    fn key(&self, entry: &Entry) -> &[u8] {
        self.packed.get(entry.key()).unwrap_or_default()
    }

    fn value(&self, entry: &Entry) -> &[u8] {
        self.packed.get(entry.value()).unwrap_or_default()
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
            packify::put_dict_header(out, entries.iter().map(Entry::len))?;
            for entry in entries {
                out.extend_from_slice(self.item(entry));
            }
            Ok(())
        })
    }

    /// Sorts the entries as packify sorts the items of a dict: by their bytes.
    fn in_order<T>(&self, work: impl FnOnce(&[Entry]) -> T) -> T {
        if self.entries.is_sorted_by(|a, b| self.order(a, b).is_le()) {
            return work(&self.entries);
        }
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

    #[inline]
    fn order(&self, a: &Entry, b: &Entry) -> Ordering {
        let of_bytes = || self.item(a).cmp(self.item(b));
        a.rank.cmp(&b.rank).then_with(of_bytes)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use chacha20::ChaCha8Rng;
    use rand_core::{Rng, SeedableRng};

    use super::*;

    /// Names and values of few letters and all lengths, so that some names come twice.
    fn random(rng: &mut ChaCha8Rng, most: &[usize]) -> Vec<u8> {
        let most = most[rng.next_u32() as usize % most.len()];
        let len = rng.next_u32() as usize % (most + 1);
        (0..len)
            .map(|_| b'a' + (rng.next_u32() % 2) as u8)
            .collect()
    }

    fn encoded(fields: &PackedFields) -> Vec<u8> {
        let mut out = Vec::new();
        fields.encode(&mut out).unwrap();
        out
    }

    #[test]
    fn a_form_makes_what_its_fields_make_one_by_one() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (mut filled, mut refused, mut none) = (0, 0, 0);
        for _ in 0..5_000 {
            let mut name = || String::from_utf8(random(&mut rng, &[1, 3, 300])).unwrap();
            let names: [String; 3] = core::array::from_fn(|_| name());
            let others: Vec<_> = (0..2).map(|_| name()).collect();
            let values: [Vec<u8>; 3] = core::array::from_fn(|_| random(&mut rng, &[4, 32, 300]));
            let others_set = others.get(..rng.next_u32() as usize % 3).unwrap();

            let mut one_by_one = PackedFields::default();
            for name in others_set {
                one_by_one.set_bytes(name, b"of others").unwrap();
            }
            let mut at_once = one_by_one.clone();
            let before = encoded(&one_by_one);
            for (name, value) in names.iter().zip(&values) {
                one_by_one.set_bytes(name, value).unwrap();
            }
            let lens = core::array::from_fn(|at| (names[at].as_str(), values[at].len()));
            let Some(form) = FieldForm::new(lens) else {
                assert!((0..3).any(|at| names[at + 1..].contains(&names[at])));
                none += 1;
                continue;
            };
            let done = at_once.fill(&form, values.each_ref().map(Vec::as_slice));
            assert_eq!(done, !others_set.iter().any(|name| names.contains(name)));
            match done {
                true => {
                    assert_eq!(encoded(&at_once), encoded(&one_by_one));
                    filled += 1;
                }
                false => {
                    assert_eq!(encoded(&at_once), before);
                    refused += 1;
                }
            }
        }
        assert!(filled > 500 && refused > 500 && none > 500);
    }

    #[test]
    fn a_value_of_another_length_does_not_fit_a_form() {
        let form = FieldForm::new([("a", 4), ("b", 300)]).unwrap();
        let mut fields = PackedFields::default();
        for (a, b) in [(3, 300), (5, 300), (4, 299), (4, 0)] {
            assert!(!fields.fill(&form, [&[1; 5][..a], &[1; 300][..b]]));
            assert!(fields.is_empty());
        }
        assert!(fields.fill(&form, [&[1; 4], &[1; 300]]));
        assert_eq!(fields.find("a"), Some(&[0x41, 4, 1, 1, 1, 1][..]));
    }

    #[test]
    fn they_are_sent_in_the_order_of_their_bytes() {
        use crate::packify::{DecodeLimits, Value};
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for _ in 0..2_000 {
            let mut fields = PackedFields::default();
            for _ in 0..rng.next_u32() % 12 {
                let name = String::from_utf8(random(&mut rng, &[1, 9])).unwrap();
                fields
                    .set_bytes(&name, &random(&mut rng, &[2, 300]))
                    .unwrap();
            }
            fields.push(&[0], &[0]).unwrap();
            let out = encoded(&fields);
            let value = Value::decode(&out, &DecodeLimits::DEFAULT).unwrap();
            assert_eq!(value.to_vec().unwrap(), out);
        }
    }
}
