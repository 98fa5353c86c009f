//! The items of packed containers, read as they are iterated.

use core::fmt;
use core::iter::FusedIterator;

use crate::code::Width;
use crate::decode::{self, DecodeLimits};
use crate::error::DecodeError;
use crate::head::{self, Head, Table};
use crate::short::{self, ShortDict, ShortPair};
use crate::slices::{Slices, trim};
use crate::view::{Items, Pairs, ValueRef};

impl<'a> Items<'a> {
    /// Whether none are left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same items as packed bytes.
    pub const fn packed(&self) -> PackedItems<'a> {
        PackedItems {
            slices: self.slices,
        }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = ValueRef<'a>;

    fn next(&mut self) -> Option<ValueRef<'a>> {
        self.slices.next().map(ValueRef::validated)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.slices.count();
        (count, Some(count))
    }
}

impl fmt::Debug for Items<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

impl ExactSizeIterator for Items<'_> {}
impl FusedIterator for Items<'_> {}

/// The items of a packed list, set or tuple, each as packed bytes without what its slice
/// holds behind it. See [`Items::packed`].
#[derive(Clone, Copy, Debug)]
pub struct PackedItems<'a> {
    slices: Slices<'a>,
}

impl<'a> Iterator for PackedItems<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.slices.next().map(trim)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.slices.count();
        (count, Some(count))
    }
}

impl ExactSizeIterator for PackedItems<'_> {}
impl FusedIterator for PackedItems<'_> {}

impl<'a> Pairs<'a> {
    /// As [`ValueRef::parse`], for the pairs of a dict: `None` where the value is another one.
    ///
    /// # Errors
    ///
    /// As for `ValueRef::parse`.
    #[inline]
    pub fn parse(input: &'a [u8], limits: &DecodeLimits) -> Result<Option<Self>, DecodeError> {
        decode::validate(input, limits)?;
        Ok(Self::validated(input))
    }

    /// As [`ValueRef::validated`], for the pairs of a dict: `None` where the value is another one.
    #[inline]
    pub fn validated(input: &'a [u8]) -> Option<Self> {
        match ShortDict::of(input) {
            Some(dict) => Some(dict.into()),
            None => ValueRef::validated(input).as_dict(),
        }
    }

    /// Whether none are left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value under the `str` key `key`. Where a key is packed more than once, the last
    /// one counts, as in Python. Looks at every pair: O(n).
    pub fn get(&self, key: &str) -> Option<ValueRef<'a>> {
        self.find(key).map(ValueRef::validated)
    }

    /// The same value as packed bytes.
    pub fn get_packed(&self, key: &str) -> Option<&'a [u8]> {
        self.find(key).map(trim)
    }

    /// As [`get_packed`](Self::get_packed) for several keys at once: the pairs are looked at once.
    #[inline]
    pub fn get_each_packed<const N: usize>(&self, keys: [&str; N]) -> [Option<&'a [u8]>; N] {
        let mut found = [None; N];
        self.for_each_text(|text, value| {
            for (key, found) in keys.iter().zip(&mut found) {
                if text == key.as_bytes() {
                    *found = Some(value);
                }
            }
        });
        found.map(|found| found.map(trim))
    }

    fn find(&self, key: &str) -> Option<&'a [u8]> {
        let mut found = None;
        self.for_each_text(|text, value| {
            if text == key.as_bytes() {
                found = Some(value);
            }
        });
        found
    }

    /// Each pair whose key is a `str`.
    #[inline]
    fn for_each_text(&self, mut each: impl FnMut(&'a [u8], &'a [u8])) {
        let mut slices = self.slices;
        while let Some((key, value)) = slices.next().and_then(Slices::of_pair) {
            if let Some(text) = short::text(key) {
                each(text, value);
            } else if let Ok((Head::Str(text), _)) = head::head(key, key.len()) {
                each(text, value);
            }
        }
    }

    /// The same pairs as packed bytes.
    pub const fn packed(&self) -> PackedPairs<'a> {
        PackedPairs {
            slices: self.slices,
        }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (ValueRef<'a>, ValueRef<'a>);

    fn next(&mut self) -> Option<(ValueRef<'a>, ValueRef<'a>)> {
        let (key, value) = Slices::of_pair(self.slices.next()?)?;
        Some((ValueRef::validated(key), ValueRef::validated(value)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.slices.count();
        (count, Some(count))
    }
}

impl fmt::Debug for Pairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(*self).finish()
    }
}

impl ExactSizeIterator for Pairs<'_> {}
impl FusedIterator for Pairs<'_> {}

impl<'a> From<ShortDict<'a>> for Pairs<'a> {
    #[inline]
    fn from(ShortDict { lens, rest }: ShortDict<'a>) -> Self {
        let width = Width::One;
        let slices = Slices::new(Table { width, lens }, rest);
        Self { slices }
    }
}

/// A pair of a packed dict, as packed bytes. Each slice ends with its value: bytes that were
/// ignored behind it are left out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PackedPair<'a> {
    /// The tuple of key and value. Between the two there may be bytes that nobody reads.
    pub item: &'a [u8],
    /// The key.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
}

impl<'a> PackedPair<'a> {
    /// The key as a `str`, if it is one.
    pub fn key_str(&self) -> Option<&'a str> {
        ValueRef::validated(self.key).as_str()
    }

    /// The key.
    pub fn key_ref(&self) -> ValueRef<'a> {
        ValueRef::validated(self.key)
    }

    /// The value.
    pub fn value_ref(&self) -> ValueRef<'a> {
        ValueRef::validated(self.value)
    }
}

/// The pairs of a packed dict as packed bytes. See [`Pairs::packed`].
#[derive(Clone, Copy, Debug)]
pub struct PackedPairs<'a> {
    slices: Slices<'a>,
}

impl<'a> Iterator for PackedPairs<'a> {
    type Item = PackedPair<'a>;

    fn next(&mut self) -> Option<PackedPair<'a>> {
        let slice = self.slices.next()?;
        let (item, (key, value)) = match ShortPair::of(slice) {
            Some(ShortPair { key, value, behind }) => {
                let (item, _) = slice.split_at_checked(slice.len().saturating_sub(behind.len()))?;
                (item, (key, value))
            }
            None => {
                let item = trim(slice);
                (item, Slices::of_pair(item)?)
            }
        };
        Some(PackedPair {
            item,
            key: trim(key),
            value: trim(value),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.slices.count();
        (count, Some(count))
    }
}

impl ExactSizeIterator for PackedPairs<'_> {}
impl FusedIterator for PackedPairs<'_> {}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::{DecodeLimits, Dict, Value};

    fn parse(packed: &[u8]) -> ValueRef<'_> {
        ValueRef::parse(packed, &DecodeLimits::DEFAULT).unwrap().0
    }

    /// ts, hmac, nonce, as in the protocol's description.
    const AUTH: &[u8] = b"\x4d\x40\x03\x0f\x2d\x1e\
        \x4c\x40\x02\x04\x06\x43\x02ts\x41\x04abcd\
        \x4c\x40\x02\x06\x22\x43\x04hmac\x41\x20hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh\
        \x4c\x40\x02\x07\x12\x43\x05nonce\x41\x101111111111111111";

    #[test]
    fn auth_fields_are_read_in_place() {
        let pairs = parse(AUTH).as_dict().unwrap();
        assert_eq!(pairs.len(), 3);
        assert_eq!(pairs.get("ts").unwrap().as_bytes(), Some(&b"abcd"[..]));
        assert_eq!(
            pairs.get("nonce").unwrap().as_bytes(),
            Some(&[b'1'; 16][..])
        );
        assert!(pairs.get("iv").is_none());
        let keys: Vec<_> = pairs.filter_map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["ts", "hmac", "nonce"]);
    }

    #[test]
    fn keys_of_any_length_are_found_and_only_whole() {
        for len in [0, 1, 254, 255, 256, 70_000] {
            let key = "k".repeat(len);
            let pairs = [(key.as_str().into(), 1.into()), ("other".into(), 2.into())];
            let packed = Value::from(Dict::from_pairs(pairs).unwrap()).to_vec();
            let packed = packed.unwrap();
            let pairs = parse(&packed).as_dict().unwrap();
            assert_eq!(pairs.get_packed(&key), Some(&[0x44, 1][..]), "{len}");
            assert_eq!(pairs.get_packed(&(key + "k")), None, "{len}");
        }
    }

    #[test]
    fn packed_pairs_end_with_their_values() {
        let pairs = parse(AUTH).as_dict().unwrap().packed();
        assert_eq!(
            pairs
                .flat_map(|pair| pair.item.to_vec())
                .collect::<Vec<_>>(),
            AUTH[6..]
        );

        // Junk behind key, value and tuple, and wide lengths in the tuple.
        let packed = b"\x4d\x40\x01\x10\x4c\x80\x02\0\x04\0\x02\x43\x01a!\0!zzz";
        let pairs = parse(packed).as_dict().unwrap();
        let pair = pairs.packed().next().unwrap();
        assert_eq!(pair.key, b"\x43\x01a");
        assert_eq!(pair.value, [0]);
        assert_eq!(pair.item, &packed[4..17]);
        assert_eq!(pair.key_str(), Some("a"));
        assert!(pair.key_ref().as_bytes().is_none() && pair.value_ref().is_none());
        assert!(pairs.get("a").unwrap().is_none());
    }

    #[test]
    fn the_last_of_equal_keys_counts() {
        let packed = b"\x4d\x40\x02\x0a\x0a\
            \x4c\x40\x02\x03\x02\x43\x01a\x44\x01\x4c\x40\x02\x03\x02\x43\x01a\x44\x02";
        let pairs = parse(packed).as_dict().unwrap();
        assert_eq!(pairs.len(), 2);
        let number = |value: ValueRef<'_>| value.as_int().and_then(|int| int.to_u32());
        assert_eq!(pairs.get("a").and_then(number), Some(2));
        let value = parse(packed).to_value();
        assert_eq!(
            value.as_dict().unwrap().as_slice(),
            [("a".into(), 2.into())]
        );
    }
}
