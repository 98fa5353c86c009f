//! Looking at packed bytes where they are.

use core::fmt;
use core::iter::FusedIterator;

use super::code;
use super::decode::{self, DecodeLimits, Head, Table};
use super::error::DecodeError;
use super::int::{Int, OutOfRange};
use super::value::Value;

/// A packed value, borrowed from the bytes it was found in. Copying is cheap, nothing
/// allocates, and everything was validated by [`parse`](Self::parse): reading cannot fail.
///
/// What a container holds is read as it is iterated. Sets and dicts show every packed entry
/// in packed order, duplicates too; [`Pairs::get`] and [`to_value`](Self::to_value) see what
/// Python would keep.
#[derive(Clone, Copy, Debug)]
pub enum ValueRef<'a> {
    /// Python's `None`.
    None,
    /// `bytes`.
    Bytes(&'a [u8]),
    /// `bytearray`.
    ByteArray(&'a [u8]),
    /// `str`.
    Str(&'a str),
    /// `int`.
    Int(IntRef<'a>),
    /// `bool`.
    Bool(bool),
    /// `float`.
    Float(f64),
    /// `Decimal`: its text as packed, one that [`Decimal`](super::Decimal) accepts.
    Decimal(&'a str),
    /// `list`.
    List(Items<'a>),
    /// `set`.
    Set(Items<'a>),
    /// `tuple`.
    Tuple(Items<'a>),
    /// `dict`.
    Dict(Pairs<'a>),
    /// An application's own type. Found only where [`DecodeLimits::packables`] is on.
    Packable {
        /// The name of its class.
        name: &'a str,
        /// What its class packed itself as.
        data: &'a [u8],
    },
}

impl<'a> ValueRef<'a> {
    /// Validates the value that `input` begins with, down to its last item, and returns it
    /// with the number of bytes it takes up. Bytes behind it are ignored.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] where packify refuses the bytes, and past the `limits`.
    pub fn parse(input: &'a [u8], limits: &DecodeLimits) -> Result<(Self, usize), DecodeError> {
        let consumed = decode::validate(input, limits)?;
        Ok((Self::read(input), consumed))
    }

    /// Reads one that was validated.
    fn read(input: &'a [u8]) -> Self {
        // No validated value gets to the fallbacks.
        let Ok((head, rest)) = decode::head(input, input.len()) else {
            return Self::None;
        };
        match head {
            Head::None => Self::None,
            Head::Bytes(bytes) => Self::Bytes(bytes),
            Head::ByteArray(bytes) => Self::ByteArray(bytes),
            Head::Str(text) => Self::Str(text_of(text)),
            Head::Int(int) => Self::Int(int),
            Head::Bool(value) => Self::Bool(value),
            Head::Float(value) => Self::Float(value),
            Head::Decimal(text) => Self::Decimal(text_of(text)),
            Head::Container(kind, table) => {
                let items = Items {
                    slices: Slices { table, rest },
                };
                match kind {
                    code::LIST => Self::List(items),
                    code::SET => Self::Set(items),
                    code::TUPLE => Self::Tuple(items),
                    _ => Self::Dict(Pairs {
                        slices: items.slices,
                    }),
                }
            }
            Head::Packable { name, data } => Self::Packable {
                name: text_of(name),
                data,
            },
        }
    }

    /// Copies it into a value of its own. Sets and dicts lose their duplicates as in Python:
    /// of equal keys the first stays, with the last one's value.
    pub fn to_value(&self) -> Value {
        Value::from_ref(self)
    }

    /// Whether it is `None`.
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The content of a `bytes`. A `bytearray` is none.
    pub const fn as_bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The content of a `str`.
    pub const fn as_str(&self) -> Option<&'a str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The number, of an `int`. A `bool` is none.
    pub const fn as_int(&self) -> Option<IntRef<'a>> {
        match self {
            Self::Int(int) => Some(*int),
            _ => None,
        }
    }

    /// The truth, of a `bool`.
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, of a `float`.
    pub const fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// The pairs of a `dict`.
    pub const fn as_dict(&self) -> Option<Pairs<'a>> {
        match self {
            Self::Dict(pairs) => Some(*pairs),
            _ => None,
        }
    }

    /// The items of a `tuple`.
    pub const fn as_tuple(&self) -> Option<Items<'a>> {
        match self {
            Self::Tuple(items) => Some(*items),
            _ => None,
        }
    }

    /// The items of a `list`.
    pub const fn as_list(&self) -> Option<Items<'a>> {
        match self {
            Self::List(items) => Some(*items),
            _ => None,
        }
    }
}

fn text_of(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or_default()
}

/// A packed int: a sign and a magnitude, as they were packed.
#[derive(Clone, Copy)]
pub struct IntRef<'a> {
    negative: bool,
    magnitude: &'a [u8],
}

impl<'a> IntRef<'a> {
    #[inline]
    pub(super) const fn new(negative: bool, magnitude: &'a [u8]) -> Self {
        Self {
            negative,
            magnitude,
        }
    }

    /// Whether it is below zero. 0 packed as a negative number is 0.
    pub fn is_negative(&self) -> bool {
        self.negative && !self.magnitude().is_empty()
    }

    /// The absolute value, big-endian, without leading zeros: empty for 0.
    pub fn magnitude(&self) -> &'a [u8] {
        let mut magnitude = self.magnitude;
        while let Some((0, rest)) = magnitude.split_first() {
            magnitude = rest;
        }
        magnitude
    }

    /// The number, if it fits.
    pub fn to_u32(&self) -> Option<u32> {
        u32::try_from(self.to_u64()?).ok()
    }

    /// The number, if it fits.
    pub fn to_u64(&self) -> Option<u64> {
        u64::try_from(self.to_i128()?).ok()
    }

    /// The number, if it fits.
    pub fn to_i64(&self) -> Option<i64> {
        i64::try_from(self.to_i128()?).ok()
    }

    fn to_i128(self) -> Option<i128> {
        let magnitude = self.magnitude();
        if magnitude.len() > 8 {
            return None;
        }
        let value = magnitude
            .iter()
            .fold(0, |value: i128, byte| value << 8 | i128::from(*byte));
        Some(if self.negative {
            value.wrapping_neg()
        } else {
            value
        })
    }

    /// Copies it into a number of its own.
    pub fn to_int(&self) -> Int {
        Int::from_be_magnitude(self.negative, self.magnitude)
    }
}

impl fmt::Debug for IntRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_int(), f)
    }
}

impl TryFrom<IntRef<'_>> for u32 {
    type Error = OutOfRange;

    fn try_from(int: IntRef<'_>) -> Result<Self, OutOfRange> {
        int.to_u32().ok_or(OutOfRange)
    }
}

impl TryFrom<IntRef<'_>> for u64 {
    type Error = OutOfRange;

    fn try_from(int: IntRef<'_>) -> Result<Self, OutOfRange> {
        int.to_u64().ok_or(OutOfRange)
    }
}

/// The slices that a container gives its items.
#[derive(Clone, Copy, Debug)]
struct Slices<'a> {
    table: Table<'a>,
    rest: &'a [u8],
}

impl<'a> Slices<'a> {
    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (item, rest) = self.rest.split_at_checked(self.table.next_len()?)?;
        self.rest = rest;
        Some(item)
    }

    /// The slices of key and value, of a dict's item.
    #[inline]
    fn of_pair(item: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        decode::pair(item, item.len())
            .ok()
            .map(|pair| (pair.key, pair.value))
    }
}

/// `slice` up to the end of the value that it begins with.
fn trim(slice: &[u8]) -> &[u8] {
    let Ok((head, mut rest)) = decode::head(slice, slice.len()) else {
        return slice;
    };
    if let Head::Container(_, table) = head {
        let mut slices = Slices { table, rest };
        while slices.next().is_some() {}
        rest = slices.rest;
    }
    slice
        .split_at_checked(slice.len().saturating_sub(rest.len()))
        .map_or(slice, |(value, _)| value)
}

/// The items of a packed list, set or tuple, in packed order. To iterate leaves copies as
/// they are.
#[derive(Clone, Copy)]
pub struct Items<'a> {
    slices: Slices<'a>,
}

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
        self.slices.next().map(ValueRef::read)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.slices.table.count();
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
        let count = self.slices.table.count();
        (count, Some(count))
    }
}

impl ExactSizeIterator for PackedItems<'_> {}
impl FusedIterator for PackedItems<'_> {}

/// The pairs of a packed dict, in packed order. To iterate leaves copies as they are.
#[derive(Clone, Copy)]
pub struct Pairs<'a> {
    slices: Slices<'a>,
}

impl<'a> Pairs<'a> {
    /// Whether none are left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value under the `str` key `key`. Where a key is packed more than once, the last
    /// one counts, as in Python. Looks at every pair: O(n).
    pub fn get(&self, key: &str) -> Option<ValueRef<'a>> {
        let mut slices = self.slices;
        let mut found = None;
        while let Some(item) = slices.next() {
            let (packed_key, value) = Slices::of_pair(item)?;
            if let Ok((Head::Str(text), _)) = decode::head(packed_key, packed_key.len())
                && text == key.as_bytes()
            {
                found = Some(value);
            }
        }
        found.map(ValueRef::read)
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
        Some((ValueRef::read(key), ValueRef::read(value)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.slices.table.count();
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

/// A pair of a packed dict, as packed bytes. Each slice ends with its value: bytes that were
/// ignored behind it are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        ValueRef::read(self.key).as_str()
    }

    /// The key.
    pub fn key_ref(&self) -> ValueRef<'a> {
        ValueRef::read(self.key)
    }

    /// The value.
    pub fn value_ref(&self) -> ValueRef<'a> {
        ValueRef::read(self.value)
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
        let item = trim(self.slices.next()?);
        let (key, value) = Slices::of_pair(item)?;
        Some(PackedPair {
            item,
            key: trim(key),
            value: trim(value),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.slices.table.count();
        (count, Some(count))
    }
}

impl ExactSizeIterator for PackedPairs<'_> {}
impl FusedIterator for PackedPairs<'_> {}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec::Vec;

    use super::*;

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

    #[test]
    fn ints_ignore_leading_zeros() {
        let int = |packed: &'static [u8]| parse(packed).as_int().unwrap();
        assert_eq!(
            u32::try_from(int(b"\x04\x06\0\0\xff\xff\xff\xff")),
            Ok(u32::MAX)
        );
        assert_eq!(int(b"\x04\x05\x01\0\0\0\0").to_u32(), None);
        assert_eq!(
            int(b"\x04\x08\xff\xff\xff\xff\xff\xff\xff\xff").to_u64(),
            Some(u64::MAX)
        );
        assert_eq!(int(b"\x04\x09\x01\0\0\0\0\0\0\0\0").to_u64(), None);
        assert_eq!(int(b"\x05\x08\x80\0\0\0\0\0\0\0").to_i64(), Some(i64::MIN));
        assert_eq!(int(b"\x05\x08\x80\0\0\0\0\0\0\x01").to_i64(), None);
        assert_eq!(int(b"\x45\x01").to_u64(), None);
        assert_eq!(int(b"\x45\0").to_u64(), Some(0));
        assert!(!int(b"\x45\0").is_negative() && int(b"\x45\x01").is_negative());
    }

    #[test]
    fn shows_what_it_holds() {
        let packed = b"\x4a\x40\x02\x03\x02\x43\x01a\x45\x07";
        assert_eq!(
            format!("{:?}", parse(packed)),
            r#"List([Str("a"), Int(-7)])"#
        );
    }
}
