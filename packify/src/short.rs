//! Short values as packify packs them, with lengths of one byte each: what auth sections are made of.
//! What is said to be such a value is read as all others are; what is not may be one nonetheless.

use crate::code::{self, Width};

/// The codes of these, with their width.
const ONE: u8 = Width::One.bits();
const BYTES: u8 = ONE | code::BYTES;
const STR: u8 = ONE | code::STR;
const TUPLE: u8 = ONE | code::TUPLE;
const DICT: u8 = ONE | code::DICT;
/// Of more than four bytes.
const INT: u8 = code::INT;

/// A dict, of which the pairs are not looked at.
pub(crate) struct ShortDict<'a> {
    /// The lengths of the pairs.
    pub(crate) lens: &'a [u8],
    /// The pairs, and what is behind the dict.
    pub(crate) rest: &'a [u8],
}

impl<'a> ShortDict<'a> {
    #[inline]
    pub(crate) fn of(slice: &'a [u8]) -> Option<Self> {
        let [DICT, ONE, count, rest @ ..] = slice else {
            return None;
        };
        let (lens, rest) = rest.split_at_checked(usize::from(*count))?;
        Some(Self { lens, rest })
    }
}

/// The pair of a dict, of which key and value are not looked at.
pub(crate) struct ShortPair<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) behind: &'a [u8],
}

impl<'a> ShortPair<'a> {
    #[inline]
    pub(crate) fn of(item: &'a [u8]) -> Option<Self> {
        let [TUPLE, ONE, 2, key_len, value_len, rest @ ..] = item else {
            return None;
        };
        let (key, rest) = rest.split_at_checked(usize::from(*key_len))?;
        let (value, behind) = rest.split_at_checked(usize::from(*value_len))?;
        Some(Self { key, value, behind })
    }
}

/// Whether a slice begins with a whole short `bytes`, `int`, or `str` in ASCII: valid wherever a
/// value is.
#[inline]
pub(crate) fn is_short(slice: &[u8]) -> bool {
    match slice {
        [BYTES | INT, len, bytes @ ..] => bytes.len() >= usize::from(*len),
        _ => text(slice).is_some_and(<[u8]>::is_ascii),
    }
}

/// The text of the short `str` that a slice begins with.
#[inline]
pub(crate) fn text(slice: &[u8]) -> Option<&[u8]> {
    match slice {
        [STR, len, text @ ..] => text.get(..usize::from(*len)),
        _ => None,
    }
}

/// The short `bytes`, `int` or `str` that a slice begins with.
#[inline]
pub(crate) fn first(slice: &[u8]) -> Option<&[u8]> {
    match slice {
        [BYTES | INT | STR, len, ..] => slice.get(..usize::from(*len).saturating_add(2)),
        _ => None,
    }
}
