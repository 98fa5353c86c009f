//! Validates packed values, within limits.

use crate::code;
use crate::decimal;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::head::{Head, Reader, Table, head, pair};
use crate::short::{ShortDict, ShortPair, is_short};

/// However large [`DecodeLimits::depth`] is set, deeper nesting than this is refused, so
/// that no input exhausts the stack.
pub const MAX_DEPTH: usize = 256;

/// Bounds on what is accepted as a packed value. Past either bound decoding fails with
/// [`DecodeErrorKind::TooDeep`] or [`DecodeErrorKind::TooManyItems`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Containers inside one another: 0 admits scalars only, 1 a list of scalars. A dict is
    /// one level; the tuples that its pairs are packed as are none. At most [`MAX_DEPTH`].
    /// Default 32: packify itself recurses until Python gives up, a few hundred levels down.
    pub depth: usize,
    /// Items of all containers together: each entry of a list, set or tuple counts one, each
    /// pair of a dict counts one, and what they contain counts besides. Duplicates count.
    /// Default 1,024, as for an auth section.
    pub items: usize,
    /// Whether packables are kept as name and data. Default false: packify refuses a packable
    /// unless it is told of the class, and netaio tells it of none.
    pub packables: bool,
}

impl DecodeLimits {
    /// Depth 32, 1,024 items, no packables.
    pub const DEFAULT: Self = Self {
        depth: 32,
        items: 1024,
        packables: false,
    };

    /// Whatever [`MAX_DEPTH`] and memory allow.
    #[cfg(feature = "serde")]
    pub(crate) const ANY: Self = Self {
        depth: MAX_DEPTH,
        items: usize::MAX,
        packables: true,
    };
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Checks all of the value that `input` begins with. Returns how many bytes it takes up.
#[inline]
pub(crate) fn validate(input: &[u8], limits: &DecodeLimits) -> Result<usize, DecodeError> {
    match validate_short(input, limits) {
        Some(consumed) => Ok(consumed),
        None => validate_any(input, limits),
    }
}

/// As [`validate`], of a dict of short pairs: what nearly all auth sections are. `None` says nothing
/// of other values.
fn validate_short(input: &[u8], limits: &DecodeLimits) -> Option<usize> {
    let mut dict = ShortDict::of(input)?;
    if limits.depth == 0 || dict.lens.len() > limits.items {
        return None;
    }
    for len in dict.lens {
        let (item, behind) = dict.rest.split_at_checked(usize::from(*len))?;
        let pair = ShortPair::of(item)?;
        if !is_short(pair.key) || !is_short(pair.value) {
            return None;
        }
        dict.rest = behind;
    }
    Some(input.len().saturating_sub(dict.rest.len()))
}

#[inline(never)]
fn validate_any(input: &[u8], limits: &DecodeLimits) -> Result<usize, DecodeError> {
    let mut walk = Walk {
        limits,
        items_left: limits.items,
    };
    let depth_left = limits.depth.min(MAX_DEPTH);
    walk.value(input, input.len(), depth_left, false)
}

struct Walk<'l> {
    limits: &'l DecodeLimits,
    items_left: usize,
}

impl Walk<'_> {
    /// `end` is the offset of the end of `input`; `hashable` says that a set item or a dict
    /// key is asked for.
    fn value(
        &mut self,
        input: &[u8],
        end: usize,
        depth_left: usize,
        hashable: bool,
    ) -> Result<usize, DecodeError> {
        let start = end.saturating_sub(input.len());
        let fail = |kind| Err(DecodeError::new(kind, start));
        let (head, rest) = head(input, end)?;
        match head {
            Head::Str(text) if text.is_ascii() => {}
            Head::Str(text) => {
                if core::str::from_utf8(text).is_err() {
                    return fail(DecodeErrorKind::NotUtf8);
                }
            }
            Head::None | Head::Bytes(_) | Head::Int(_) | Head::Bool(_) | Head::Float(_) => {}
            Head::ByteArray(_) if hashable => return fail(DecodeErrorKind::Unhashable),
            Head::ByteArray(_) => {}
            Head::Container(kind, table) => {
                if hashable && kind != code::TUPLE {
                    return fail(DecodeErrorKind::Unhashable);
                }
                let Some(depth_left) = depth_left.checked_sub(1) else {
                    let limit = self.limits.depth.min(MAX_DEPTH);
                    return fail(DecodeErrorKind::TooDeep { limit });
                };
                let Some(items_left) = self.items_left.checked_sub(table.count()) else {
                    let limit = self.limits.items;
                    return fail(DecodeErrorKind::TooManyItems { limit });
                };
                self.items_left = items_left;
                let reader = Reader { rest, end };
                let rest = if kind == code::DICT {
                    self.pairs(table, reader, depth_left)?
                } else {
                    self.items(table, reader, depth_left, hashable || kind == code::SET)?
                };
                return Ok(input.len().saturating_sub(rest.len()));
            }
            Head::Decimal(text) => {
                let Ok(text) = core::str::from_utf8(text) else {
                    return fail(DecodeErrorKind::NotUtf8);
                };
                match decimal::is_signaling(text) {
                    None => return fail(DecodeErrorKind::BadDecimal),
                    Some(true) if hashable => return fail(DecodeErrorKind::Unhashable),
                    Some(_) => {}
                }
            }
            Head::Packable { name, .. } => {
                if !self.limits.packables {
                    return fail(DecodeErrorKind::PackableRefused);
                }
                if core::str::from_utf8(name).is_err() {
                    return fail(DecodeErrorKind::NotUtf8);
                }
            }
        }
        Ok(input.len().saturating_sub(rest.len()))
    }

    fn items<'a>(
        &mut self,
        mut table: Table<'a>,
        mut reader: Reader<'a>,
        depth_left: usize,
        hashable: bool,
    ) -> Result<&'a [u8], DecodeError> {
        while let Some(len) = table.next_len() {
            let item = reader.take(len, "item")?;
            self.value(item, reader.offset(), depth_left, hashable)?;
        }
        Ok(reader.rest)
    }

    fn pairs<'a>(
        &mut self,
        mut table: Table<'a>,
        mut reader: Reader<'a>,
        depth_left: usize,
    ) -> Result<&'a [u8], DecodeError> {
        while let Some(len) = table.next_len() {
            let item = reader.take(len, "item")?;
            let end = reader.offset();
            let pair = pair(item, end)?;
            self.value(pair.key, pair.key_end, depth_left, true)?;
            self.value(pair.value, pair.value_end, depth_left, false)?;
        }
        Ok(reader.rest)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::{Value, ValueRef};
    use DecodeErrorKind as Kind;

    fn refused(input: &[u8]) -> (Kind, usize) {
        let error = ValueRef::parse(input, &DecodeLimits::DEFAULT).unwrap_err();
        assert_eq!(
            Value::decode(input, &DecodeLimits::DEFAULT).unwrap_err(),
            error
        );
        (error.kind(), error.offset())
    }

    #[test]
    fn errors_say_what_and_where() {
        let truncated = |what, needed, left| Kind::Truncated { what, needed, left };
        let cases: &[(&[u8], Kind, usize)] = &[
            (b"", truncated("code", 1, 0), 0),
            (b"\x41", truncated("length", 1, 0), 1),
            (b"\x81\0", truncated("length", 2, 1), 1),
            (b"\x41\x05abc", truncated("bytes", 5, 3), 2),
            (b"\x84\x01", truncated("int", 2, 1), 1),
            (b"\x04\x02\x01", truncated("int", 2, 1), 2),
            (b"\x0e\0\0\0\x02\x01", truncated("int", 2, 1), 5),
            (b"\x06", truncated("bool", 1, 0), 1),
            (b"\x07\0\0", truncated("float", 8, 2), 1),
            (b"\x4a", truncated("item width", 1, 0), 1),
            (b"\x4a\x40", truncated("item count", 1, 0), 2),
            (b"\x4a\x80\x01\0", truncated("item lengths", 2, 1), 3),
            (b"\x4a\x40\x01\x02\0", truncated("item", 2, 1), 4),
            (b"\x4a\x40\x02\x01\0\0", truncated("code", 1, 0), 6),
            (
                b"\x4d\x40\x01\x07\x4c\x40\x02\x01\x02\0\0",
                truncated("dict value", 2, 1),
                10,
            ),
            (b"\x0a\x40\0", Kind::NoWidth { code: 0x0a }, 0),
            (b"\x4a\x40\x01\x01\x01", Kind::NoWidth { code: 1 }, 4),
            (b"\x09", Kind::UnknownType { code: 9 }, 0),
            (b"\x4a\x41\0", Kind::BadItemWidth { byte: 0x41 }, 1),
            (b"\x4a\0\0", Kind::BadItemWidth { byte: 0 }, 1),
            (b"\x43\x01\xff", Kind::NotUtf8, 0),
            (b"\x48\x01\xff", Kind::NotUtf8, 0),
            (b"\x48\x01x", Kind::BadDecimal, 0),
            (b"\x54\x01\0A", Kind::PackableRefused, 0),
            (b"\x4b\x40\x01\x03\x4a\x40\0", Kind::Unhashable, 4),
            (b"\x4b\x40\x01\x02\x42\0", Kind::Unhashable, 4),
            (b"\x4b\x40\x01\x06\x48\x04sNaN", Kind::Unhashable, 4),
            (
                b"\x4b\x40\x01\x07\x4c\x40\x01\x03\x4d\x40\0",
                Kind::Unhashable,
                8,
            ),
            (b"\x4d\x40\x01\x01\0", Kind::NotAPair, 4),
            (b"\x4d\x40\x01\x05\x4c\x40\x01\x01\0", Kind::NotAPair, 4),
            (
                b"\x4d\x40\x01\x07\x4a\x40\x02\x01\x01\0\0",
                Kind::NotAPair,
                4,
            ),
            (
                b"\x4d\x40\x01\x08\x4c\x40\x02\x02\x01\x42\0\0",
                Kind::Unhashable,
                9,
            ),
        ];
        for (input, kind, offset) in cases {
            assert_eq!(refused(input), (*kind, *offset), "{input:02x?}");
        }
    }

    /// `levels` lists inside one another.
    fn nest(levels: usize) -> Vec<u8> {
        let mut packed = Vec::from([0]);
        for _ in 0..levels {
            let mut outer = Vec::from([0xca, 0xc0, 0, 0, 0, 1]);
            outer.extend_from_slice(&u32::try_from(packed.len()).unwrap().to_be_bytes());
            outer.append(&mut packed);
            packed = outer;
        }
        packed
    }

    #[test]
    fn depth_counts_containers() {
        let accepts = |levels, depth| {
            let limits = DecodeLimits {
                depth,
                ..DecodeLimits::DEFAULT
            };
            ValueRef::parse(&nest(levels), &limits)
                .map_err(|error| error.kind())
                .map(|_| ())
        };
        assert_eq!(accepts(0, 0), Ok(()));
        assert_eq!(accepts(1, 0), Err(Kind::TooDeep { limit: 0 }));
        assert_eq!(accepts(32, 32), Ok(()));
        assert_eq!(accepts(33, 32), Err(Kind::TooDeep { limit: 32 }));
        assert_eq!(accepts(MAX_DEPTH, usize::MAX), Ok(()));
        assert_eq!(
            accepts(257, usize::MAX),
            Err(Kind::TooDeep { limit: MAX_DEPTH })
        );
    }

    #[test]
    fn what_is_short_is_valid_as_a_key_and_as_a_value() {
        let mut short = 0;
        for code in 0..=255u8 {
            for len in [0, 1, 2, 3, 4, 200, 255] {
                for content in [&b""[..], b"x", b"ts!", "\u{e4}x".as_bytes(), &[0xff; 300]] {
                    let slice = [&[code, len], content].concat();
                    if !is_short(&slice) {
                        continue;
                    }
                    short += 1;
                    let mut walk = Walk {
                        limits: &DecodeLimits::DEFAULT,
                        items_left: 0,
                    };
                    let consumed = walk.value(&slice, slice.len(), 0, true).unwrap();
                    assert_eq!(consumed, 2 + usize::from(len));
                }
            }
        }
        // Those of `bytes`, of `int`, and of `str` in ASCII, whose content is there.
        assert_eq!(short, 18 + 18 + 9);
    }

    #[test]
    fn short_dicts_are_accepted_as_any_dict_is() {
        let wholes: [&[u8]; 4] = [
            b"\x4d\x40\0",
            b"\x4d\x40\x01\x12\x4c\x40\x02\x05\x08\x43\x03rid\x04\x06\x01\x02\x03\x04\x05\x06",
            b"\x4d\x40\x02\x0d\x10\x4c\x40\x02\x04\x04\x43\x02ts\x41\x02ab\
                \x4c\x40\x02\x07\x04\x43\x05nonce\x41\x02cd!",
            // Bytes that nobody reads, in each place that has room for some.
            b"\x4d\x40\x01\x0c\x4c\x40\x02\x03\x03\x43\0!\x41\0!?behind",
        ];
        let (mut short, mut others) = (0, 0);
        let mut compare = |packed: &[u8], limits: &DecodeLimits| {
            let any = validate_any(packed, limits);
            match validate_short(packed, limits) {
                Some(consumed) => {
                    assert_eq!(any, Ok(consumed), "{packed:02x?}");
                    short += 1;
                }
                None => others += 1,
            }
            assert_eq!(validate(packed, limits), any);
        };
        for whole in wholes {
            for depth in 0..2 {
                for items in 0..3 {
                    let packables = false;
                    let limits = DecodeLimits {
                        depth,
                        items,
                        packables,
                    };
                    compare(whole, &limits);
                }
            }
            for at in 0..whole.len() {
                let (start, _) = whole.split_at(at);
                compare(start, &DecodeLimits::DEFAULT);
                for byte in 0..=255u8 {
                    let mut changed = whole.to_vec();
                    changed[at] = byte;
                    compare(&changed, &DecodeLimits::DEFAULT);
                }
            }
        }
        assert!(short > 5_000 && others > 5_000, "{short}, {others}");
    }

    #[test]
    fn pairs_add_no_level_and_count_once() {
        let dict = b"\x4d\x40\x01\x07\x4c\x40\x02\x01\x01\0\0";
        let limits = DecodeLimits {
            depth: 1,
            items: 1,
            packables: false,
        };
        assert!(ValueRef::parse(dict, &limits).is_ok());
        let limits = DecodeLimits { items: 0, ..limits };
        let error = ValueRef::parse(dict, &limits).unwrap_err();
        assert_eq!(error.kind(), Kind::TooManyItems { limit: 0 });
    }

    #[test]
    fn items_count_over_all_containers() {
        // A list of a list of two.
        let lists = b"\x4a\x40\x01\x07\x4a\x40\x02\x01\x01\0\0";
        let accepts = |items| {
            let limits = DecodeLimits {
                items,
                ..DecodeLimits::DEFAULT
            };
            ValueRef::parse(lists, &limits).is_ok()
        };
        assert!(accepts(3));
        assert!(!accepts(2));
    }

    #[test]
    fn packables_are_kept_when_asked_for() {
        let limits = DecodeLimits {
            packables: true,
            ..DecodeLimits::DEFAULT
        };
        let (value, consumed) = ValueRef::parse(b"\x54\x01\x02Axyz", &limits).unwrap();
        assert_eq!(consumed, 6);
        assert!(matches!(
            value,
            ValueRef::Packable {
                name: "A",
                data: b"xy"
            }
        ));
        let error = ValueRef::parse(b"\x54\x01\x00\xff", &limits).unwrap_err();
        assert_eq!(error.kind(), Kind::NotUtf8);
    }

    #[test]
    fn what_is_behind_a_value_is_ignored() {
        let packed = b"\x4a\x40\x01\x03\0\xff\xff\xff";
        let (value, consumed) = ValueRef::parse(packed, &DecodeLimits::DEFAULT).unwrap();
        assert_eq!(consumed, 7);
        let items = value.as_list().unwrap();
        assert_eq!(items.packed().next(), Some(&[0][..]));
        assert_eq!(value.to_value(), Value::List([Value::None].into()));
    }
}
