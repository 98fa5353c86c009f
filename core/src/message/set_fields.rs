//! Auth fields that were set here, as the section that they are sent as.

use alloc::vec::Vec;
use core::{iter, mem};

use super::auth_view::{AuthView, EMPTY_DICT};
use crate::error::SealError;
use crate::packify::{self, Dict, EncodeError, Pairs, Value};

/// A dict as packify packs it: its items in the order of their bytes, lengths in the smallest
/// widths. It is made anew with each change, in one of two buffers that take turns.
#[derive(Clone, Default)]
pub(super) struct SetFields {
    /// The dict; nothing where it is empty.
    packed: Vec<u8>,
    spare: Vec<u8>,
}

/// Fields that a plugin writes to each of its messages, all of bytes, packed once for all.
#[derive(Clone)]
pub(crate) struct FieldForm<const N: usize> {
    /// The dict of these fields alone, with zeros in the place of values.
    packed: Vec<u8>,
    /// Of each of its bytes, the bits that are not of a value: all or none.
    fixed: Vec<u8>,
    places: [Place; N],
}

/// Where a field is in the dict.
#[derive(Clone, Copy, Default)]
struct Place {
    item: usize,
    item_len: usize,
    /// Its value, at the end of the item.
    value: usize,
    value_len: usize,
}

impl Place {
    /// Its value in a dict.
    #[inline]
    fn of(self, dict: &[u8]) -> Option<&[u8]> {
        dict.get(self.value..)?.get(..self.value_len)
    }

    fn of_mut(self, dict: &mut [u8]) -> Option<&mut [u8]> {
        dict.get_mut(self.value..)?.get_mut(..self.value_len)
    }
}

impl<const N: usize> FieldForm<N> {
    /// A form of fields with these names, and values of so many bytes. None where they are no
    /// such fields: two have one name, say.
    pub(crate) fn new(fields: [(&str, usize); N]) -> Option<Self> {
        let mut form = SetFields::default();
        for (name, len) in fields {
            form.set_bytes(name, &alloc::vec![0; len]).ok()?;
        }
        let items = || {
            form.pairs()
                .map(|pairs| pairs.packed())
                .into_iter()
                .flatten()
        };
        let header = items().map(|pair| pair.item.len()).sum::<usize>();
        let mut end = form.packed.len().checked_sub(header)?;
        let mut places = [Place::default(); N];
        for pair in items() {
            let (item, item_len) = (end, pair.item.len());
            end = end.checked_add(item_len)?;
            let named = |(name, _): &&(&str, usize)| packify::is_packed_str(pair.key, name);
            let mut fields = fields.iter().zip(&mut places);
            let ((_, value_len), place) = fields.find(|(field, _)| named(field))?;
            *place = Place {
                item,
                item_len,
                value: end.checked_sub(*value_len)?,
                value_len: *value_len,
            };
        }
        let mut fixed = alloc::vec![u8::MAX; form.packed.len()];
        for place in &places {
            place.of_mut(&mut fixed)?.fill(0);
        }
        (items().count() == N).then_some(Self {
            packed: form.packed,
            fixed,
            places,
        })
    }

    /// The values of fields that are these alone, packed as they are here. What else is there is
    /// left to who looks at each.
    #[inline]
    pub(crate) fn read<'a>(&self, fields: AuthView<'a>) -> Option<[&'a [u8]; N]> {
        let section = fields.section();
        let form = self.packed.iter().zip(&self.fixed);
        let differs = section
            .iter()
            .zip(form)
            .fold(0, |differs, (byte, (own, fixed))| {
                differs | ((byte ^ own) & fixed)
            });
        if section.len() != self.packed.len() || differs != 0 {
            return None;
        }
        Some(
            self.places
                .map(|place| place.of(section).unwrap_or_default()),
        )
    }

    /// The dict with these values.
    #[inline]
    fn write(&self, values: [&[u8]; N], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.packed);
        let written = out.get_mut(start..).unwrap_or_default();
        for (place, value) in self.places.iter().zip(values) {
            let place = written.get_mut(place.value..);
            if let Some(place) = place.and_then(|place| place.get_mut(..value.len())) {
                place.copy_from_slice(value);
            }
        }
    }
}

impl SetFields {
    #[inline]
    pub(super) fn view(&self) -> AuthView<'_> {
        AuthView::validated(&self.packed)
    }

    /// The section that is sent.
    #[inline]
    pub(super) fn section(&self) -> &[u8] {
        match self.packed.is_empty() {
            true => &EMPTY_DICT,
            false => &self.packed,
        }
    }

    fn pairs(&self) -> Option<Pairs<'_>> {
        self.view().pairs()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.packed.clear();
    }

    /// Makes these the same fields as others.
    pub(super) fn load(&mut self, others: &Self) {
        self.packed.clone_from(&others.packed);
    }

    /// Makes these the fields of a dict. What cannot be packed is left out as a whole.
    pub(super) fn load_dict(&mut self, dict: Dict) {
        self.packed.clear();
        if !dict.is_empty()
            && let Ok(packed) = Value::from(dict).to_vec()
        {
            self.packed = packed;
        }
    }

    /// Removes the field with this name, and says whether it was there.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        let there = self.view().get_packed(name).is_some();
        let len = self.packed.len();
        // What is left was packed before.
        there
            && self
                .renew(len, &|key| packify::is_packed_str(key, name), &[])
                .is_ok()
    }

    /// Sets a field that holds bytes, in place of one with the same name.
    pub(super) fn set_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), SealError> {
        self.set(&|key| packify::is_packed_str(key, name), |out| {
            packify::put_bytes_item(out, name, bytes)
        })
    }

    /// As [`set_bytes`](Self::set_bytes), for a value that is packed already.
    pub(super) fn set_packed(&mut self, name: &str, value: &[u8]) -> Result<(), SealError> {
        self.set(&|key| packify::is_packed_str(key, name), |out| {
            let key_len = packify::prefixed_len(name.len())?;
            packify::put_tuple2_header(out, key_len, value.len())?;
            packify::put_str(out, name)?;
            out.extend_from_slice(value);
            Ok(())
        })
    }

    /// As [`set_packed`](Self::set_packed), with a key that is packed already.
    pub(super) fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<(), SealError> {
        self.set(&|other| other == key, |out| {
            packify::put_tuple2_header(out, key.len(), value.len())?;
            out.extend_from_slice(key);
            out.extend_from_slice(value);
            Ok(())
        })
    }

    /// Adds the fields of a form with these values. Says false, and does nothing, where one of
    /// them is there already, or a value is not as long as the form says.
    #[inline]
    pub(super) fn fill<const N: usize>(&mut self, form: &FieldForm<N>, values: [&[u8]; N]) -> bool {
        let mut lens = form.places.iter().zip(values);
        if lens.any(|(place, value)| place.value_len != value.len()) {
            return false;
        }
        if self.is_empty() {
            form.write(values, &mut self.packed);
            return true;
        }
        self.add(form, values)
    }

    /// As [`fill`](Self::fill), where there are other fields.
    fn add<const N: usize>(&mut self, form: &FieldForm<N>, values: [&[u8]; N]) -> bool {
        let of_form = AuthView::validated(&form.packed);
        let in_form = |(key, _)| of_form.packed().any(|(own, _)| own == key);
        if self.view().packed().any(in_form) {
            return false;
        }
        let len = self.packed.len();
        form.write(values, &mut self.packed);
        let added = form.places.each_ref().map(|place| Added {
            start: place.item.saturating_add(len),
            len: place.item_len,
        });
        self.renew(len, &|_| false, &added).is_ok()
    }

    /// Sets a field in place of those whose keys are the same.
    fn set(
        &mut self,
        is_same: &dyn Fn(&[u8]) -> bool,
        item: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
    ) -> Result<(), SealError> {
        let start = self.packed.len();
        let set = item(&mut self.packed).and_then(|()| {
            let len = self.packed.len().saturating_sub(start);
            self.renew(start, is_same, &[Added { start, len }])
        });
        if set.is_err() {
            self.packed.truncate(start);
        }
        set.map_err(SealError::Auth)
    }

    /// Makes the dict anew: of its items, which end at `len`, those that do not go, and others
    /// that were added behind it.
    fn renew(
        &mut self,
        len: usize,
        goes: &dyn Fn(&[u8]) -> bool,
        added: &[Added],
    ) -> Result<(), EncodeError> {
        let Self { packed, spare } = self;
        let dict = AuthView::validated(packed.get(..len).unwrap_or_default()).pairs();
        let there = dict.map_or(0, |dict| dict.len());
        let stay = dict.map(|dict| dict.packed()).into_iter().flatten();
        let stay = stay.filter(|pair| !goes(pair.key)).map(|pair| pair.item);
        let added_items = added.iter().map(|added| {
            let item = packed.get(added.start..).unwrap_or_default();
            item.get(..added.len).unwrap_or_default()
        });
        // Eight on the stack: messages carry three to five.
        let mut few = [&[][..]; 8];
        let mut many;
        let all = match few.get_mut(..there.saturating_add(added.len())) {
            Some(few) => few,
            None => {
                many = alloc::vec![&[][..]; there.saturating_add(added.len())];
                &mut many
            }
        };
        let mut count = 0usize;
        for (place, item) in iter::zip(all.iter_mut(), stay.chain(added_items)) {
            *place = item;
            count = count.saturating_add(1);
        }
        let items = all.get_mut(..count).unwrap_or_default();
        // As packify sorts the items of a dict.
        items.sort_unstable();
        spare.clear();
        if !items.is_empty() {
            packify::put_dict_header(spare, items.iter().map(|item| item.len()))?;
            items.iter().for_each(|item| spare.extend_from_slice(item));
        }
        mem::swap(packed, spare);
        Ok(())
    }
}

/// An item behind the dict, which is to be in it.
struct Added {
    start: usize,
    len: usize,
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

            let mut one_by_one = SetFields::default();
            for name in others_set {
                one_by_one.set_bytes(name, b"of others").unwrap();
            }
            let mut at_once = one_by_one.clone();
            let before = one_by_one.section().to_vec();
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
                    assert_eq!(at_once.section(), one_by_one.section());
                    let alone = others_set.is_empty();
                    let values = values.each_ref().map(Vec::as_slice);
                    assert_eq!(form.read(at_once.view()), alone.then_some(values));
                    filled += 1;
                }
                false => {
                    assert_eq!(at_once.section(), before);
                    refused += 1;
                }
            }
        }
        assert!(filled > 500 && refused > 500 && none > 500);
    }

    #[test]
    fn a_value_of_another_length_does_not_fit_a_form() {
        let form = FieldForm::new([("a", 4), ("b", 300)]).unwrap();
        let mut fields = SetFields::default();
        for (a, b) in [(3, 300), (5, 300), (4, 299), (4, 0)] {
            assert!(!fields.fill(&form, [&[1; 5][..a], &[1; 300][..b]]));
            assert!(fields.is_empty());
        }
        assert!(fields.fill(&form, [&[1; 4], &[1; 300]]));
        assert_eq!(
            fields.view().get_packed("a"),
            Some(&[0x41, 4, 1, 1, 1, 1][..])
        );
    }

    #[test]
    fn what_is_packed_otherwise_is_not_read_by_a_form() {
        let values = [&[1; 4][..], &[2; 30]];
        let form = FieldForm::new([("b", 4), ("a", 30)]).unwrap();
        let mut fields = SetFields::default();
        assert!(fields.fill(&form, values));
        let section = fields.section();
        let read = |section: &[u8]| form.read(AuthView::validated(section)).is_some();
        assert!(read(section) && !read(&[section, &[0]].concat()));
        let read_as_before = (0..section.len()).filter(|at| {
            assert!(!read(&section[..*at]));
            let mut changed = section.to_vec();
            changed[*at] ^= 1;
            read(&changed)
        });
        // The bytes of the values.
        assert_eq!(read_as_before.count(), 34);
    }

    #[test]
    fn they_are_sent_in_the_order_of_their_bytes() {
        use crate::packify::{DecodeLimits, Value};
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for _ in 0..2_000 {
            let mut fields = SetFields::default();
            for _ in 0..rng.next_u32() % 12 {
                let name = String::from_utf8(random(&mut rng, &[1, 9])).unwrap();
                fields
                    .set_bytes(&name, &random(&mut rng, &[2, 300]))
                    .unwrap();
            }
            fields.insert(&[0], &[0]).unwrap();
            let out = fields.section();
            let value = Value::decode(out, &DecodeLimits::DEFAULT).unwrap();
            assert_eq!(value.to_vec().unwrap(), out);
        }
    }
}
