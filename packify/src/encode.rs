//! Writes packed values piece by piece, for callers that build none.

use alloc::vec::Vec;

use crate::code::{self, Width};
use crate::error::EncodeError;
use crate::int::Int;

/// Appends a packed `None`: one byte.
pub fn put_none(out: &mut Vec<u8>) {
    out.push(code::NONE);
}

/// Appends a packed `bool`: two bytes.
pub fn put_bool(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(&[code::BOOL, u8::from(value)]);
}

/// Appends a packed `float`: nine bytes. A NaN keeps its bits.
pub fn put_float(out: &mut Vec<u8>, value: f64) {
    out.push(code::FLOAT);
    out.extend_from_slice(&value.to_be_bytes());
}

/// Appends a packed `int`: two to ten bytes.
pub fn put_u64(out: &mut Vec<u8>, value: u64) {
    put_magnitude(out, false, &value.to_be_bytes());
}

/// Appends a packed `int`: two to ten bytes.
pub fn put_i64(out: &mut Vec<u8>, value: i64) {
    put_magnitude(out, value < 0, &value.unsigned_abs().to_be_bytes());
}

/// Appends a packed `bytes`: [`prefixed_len`] bytes.
///
/// # Errors
///
/// [`EncodeError::TooLong`] past 4,294,967,295 bytes; `out` is as before.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), EncodeError> {
    put_prefixed(out, code::BYTES, bytes)
}

/// Appends a packed `bytearray`: [`prefixed_len`] bytes.
///
/// # Errors
///
/// [`EncodeError::TooLong`] past 4,294,967,295 bytes; `out` is as before.
pub fn put_bytearray(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), EncodeError> {
    put_prefixed(out, code::BYTEARRAY, bytes)
}

/// Appends a packed `str`: [`prefixed_len`] bytes, of its length in UTF-8.
///
/// # Errors
///
/// [`EncodeError::TooLong`] past 4,294,967,295 bytes; `out` is as before.
pub fn put_str(out: &mut Vec<u8>, text: &str) -> Result<(), EncodeError> {
    put_prefixed(out, code::STR, text.as_bytes())
}

/// Appends what precedes the items of a packed tuple of two: [`tuple2_header_len`] bytes.
/// The caller appends the packed key and the packed value, whose lengths are given in bytes.
/// This is an item of a dict.
///
/// # Errors
///
/// [`EncodeError::TooLong`] if a length is past 4,294,967,295; `out` is as before.
pub fn put_tuple2_header(
    out: &mut Vec<u8>,
    key_len: usize,
    value_len: usize,
) -> Result<(), EncodeError> {
    // Most are short.
    if let (Ok(key_len), Ok(value_len)) = (u8::try_from(key_len), u8::try_from(value_len)) {
        let (code, width) = (Width::One.bits() | code::TUPLE, Width::One.bits());
        out.extend_from_slice(&[code, width, 2, key_len, value_len]);
        return Ok(());
    }
    put_header(out, code::TUPLE, [key_len, value_len].into_iter())
}

/// Appends what precedes the items of a packed dict. The caller appends the items, tuples of
/// two whose lengths in bytes are given; in ascending order of their bytes, or packify itself
/// would pack the dict otherwise.
///
/// # Errors
///
/// [`EncodeError::TooLong`] if a length or the count is past 4,294,967,295; `out` is as before.
pub fn put_dict_header(
    out: &mut Vec<u8>,
    item_lens: impl ExactSizeIterator<Item = usize> + Clone,
) -> Result<(), EncodeError> {
    put_header(out, code::DICT, item_lens)
}

/// Appends an item of a dict: a packed tuple of a `str` and a `bytes`.
///
/// # Errors
///
/// [`EncodeError::TooLong`] if a length is past 4,294,967,295.
pub fn put_bytes_item(out: &mut Vec<u8>, key: &str, bytes: &[u8]) -> Result<(), EncodeError> {
    const ONE: u8 = Width::One.bits();
    /// What both packed values have in front, and the tuple in front of them.
    const HEADS: usize = 9;

    out.reserve(HEADS.saturating_add(key.len()).saturating_add(bytes.len()));
    let short = |len: usize| {
        let len = u8::try_from(len).ok()?;
        Some((len, len.checked_add(2)?))
    };
    // Most are short.
    if let (Some((text_len, key_len)), Some((bytes_len, value_len))) =
        (short(key.len()), short(bytes.len()))
    {
        let (tuple, str) = (ONE | code::TUPLE, ONE | code::STR);
        out.extend_from_slice(&[tuple, ONE, 2, key_len, value_len, str, text_len]);
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(&[ONE | code::BYTES, bytes_len]);
        out.extend_from_slice(bytes);
        return Ok(());
    }
    put_tuple2_header(out, prefixed_len(key.len())?, prefixed_len(bytes.len())?)?;
    put_str(out, key)?;
    put_bytes(out, bytes)
}

/// The packed length of a `bytes`, `bytearray` or `str` of `len` bytes.
///
/// # Errors
///
/// [`EncodeError::TooLong`] past 4,294,967,295.
pub const fn prefixed_len(len: usize) -> Result<usize, EncodeError> {
    match Width::for_len(len) {
        Ok(width) => Ok(len.saturating_add(1).saturating_add(width.bytes())),
        Err(error) => Err(error),
    }
}

/// How many bytes [`put_tuple2_header`] appends.
///
/// # Errors
///
/// [`EncodeError::TooLong`] if a length is past 4,294,967,295.
pub const fn tuple2_header_len(key_len: usize, value_len: usize) -> Result<usize, EncodeError> {
    let longest = if key_len < value_len {
        value_len
    } else {
        key_len
    };
    match Width::for_len(longest) {
        Ok(width) => Ok(width.bytes().saturating_mul(2).saturating_add(3)),
        Err(error) => Err(error),
    }
}

#[inline]
pub(crate) fn put_prefixed(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) -> Result<(), EncodeError> {
    // Most are short.
    if let Ok(len) = u8::try_from(bytes.len()) {
        out.reserve(bytes.len().saturating_add(2));
        out.extend_from_slice(&[Width::One.bits() | kind, len]);
        out.extend_from_slice(bytes);
        return Ok(());
    }
    let width = Width::for_len(bytes.len())?;
    out.reserve(prefixed_len(bytes.len())?);
    out.push(width.bits() | kind);
    width.put(bytes.len(), out);
    out.extend_from_slice(bytes);
    Ok(())
}

/// `magnitude` may have leading zeros and takes at most eight bytes.
fn put_magnitude(out: &mut Vec<u8>, negative: bool, magnitude: &[u8; 8]) {
    let kind = if negative { code::NEG_INT } else { code::INT };
    match *magnitude {
        [0, 0, 0, 0, 0, 0, 0, a] => out.extend_from_slice(&[0x40 | kind, a]),
        [0, 0, 0, 0, 0, 0, a, b] => out.extend_from_slice(&[0x80 | kind, a, b]),
        [0, 0, 0, 0, a, b, c, d] => out.extend_from_slice(&[0xc0 | kind, a, b, c, d]),
        [0, 0, 0, a, b, c, d, e] => out.extend_from_slice(&[kind, 5, a, b, c, d, e]),
        [0, 0, a, b, c, d, e, f] => out.extend_from_slice(&[kind, 6, a, b, c, d, e, f]),
        [0, a, b, c, d, e, f, g] => out.extend_from_slice(&[kind, 7, a, b, c, d, e, f, g]),
        [a, b, c, d, e, f, g, h] => out.extend_from_slice(&[kind, 8, a, b, c, d, e, f, g, h]),
    }
}

/// Appends a packed `int` of any size.
///
/// # Errors
///
/// [`EncodeError::TooLong`] if its magnitude is past 4,294,967,295 bytes; `out` is as before.
pub fn put_int(out: &mut Vec<u8>, int: &Int) -> Result<(), EncodeError> {
    let magnitude = int.magnitude();
    let code = code_of_int(int);
    if code & !code::TYPE_MASK != 0 {
        let width = Width::of(code).map_or(0, Width::bytes);
        out.push(code);
        out.extend((magnitude.len()..width).map(|_| 0));
    } else if let Ok(len) = u8::try_from(magnitude.len()) {
        out.extend_from_slice(&[code, len]);
    } else {
        let width = Width::Four;
        Width::for_len(magnitude.len())?;
        out.push(code);
        width.put(magnitude.len(), out);
    }
    out.extend_from_slice(magnitude);
    Ok(())
}

pub(crate) fn code_of_int(int: &Int) -> u8 {
    let kind = if int.is_negative() {
        code::NEG_INT
    } else {
        code::INT
    };
    match int.magnitude().len() {
        0..=1 => Width::One.bits() | kind,
        2 => Width::Two.bits() | kind,
        3..=4 => Width::Four.bits() | kind,
        5..=255 => kind,
        _ if int.is_negative() => code::BIG_NEG,
        _ => code::BIG_INT,
    }
}

pub(crate) fn int_len(int: &Int) -> Result<usize, EncodeError> {
    match int.magnitude().len() {
        0..=1 => Ok(2),
        2 => Ok(3),
        3..=4 => Ok(5),
        len @ 5..=255 => Ok(len.saturating_add(2)),
        len => Width::for_len(len).map(|_| len.saturating_add(5)),
    }
}

/// The width of the count, the width of the lengths, and the length of all that is packed.
pub(crate) fn measure(
    lens: impl Iterator<Item = usize>,
) -> Result<(Width, Width, usize), EncodeError> {
    let (mut count, mut longest, mut total) = (0usize, 0usize, 2usize);
    for len in lens {
        count = count.saturating_add(1);
        longest = longest.max(len);
        total = total.saturating_add(len);
    }
    let (count_width, item_width) = (Width::for_len(count)?, Width::for_len(longest)?);
    let table = count.saturating_mul(item_width.bytes());
    Ok((
        count_width,
        item_width,
        total
            .saturating_add(table)
            .saturating_add(count_width.bytes()),
    ))
}

/// The header of a container of a few short items, as most are.
struct ShortHeader {
    bytes: [u8; Self::FEW + 3],
    used: usize,
}

impl ShortHeader {
    const FEW: usize = 8;

    #[inline]
    fn new(kind: u8, lens: impl ExactSizeIterator<Item = usize>) -> Option<Self> {
        const ONE: u8 = Width::One.bits();
        let count = lens.len();
        if count > Self::FEW {
            return None;
        }
        let mut bytes = [0; Self::FEW + 3];
        let [first, width, number, places @ ..] = &mut bytes;
        (*first, *width, *number) = (ONE | kind, ONE, count as u8);
        for (place, len) in places.iter_mut().zip(lens) {
            *place = u8::try_from(len).ok()?;
        }
        let used = count.saturating_add(3);
        Some(Self { bytes, used })
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }
}

pub(crate) fn put_header(
    out: &mut Vec<u8>,
    kind: u8,
    lens: impl ExactSizeIterator<Item = usize> + Clone,
) -> Result<(), EncodeError> {
    if let Some(short) = ShortHeader::new(kind, lens.clone()) {
        out.extend_from_slice(short.bytes());
        return Ok(());
    }
    let (count_width, item_width, _) = measure(lens.clone())?;
    out.reserve(
        lens.len()
            .saturating_mul(item_width.bytes())
            .saturating_add(6),
    );
    out.extend_from_slice(&[count_width.bits() | kind, item_width.bits()]);
    count_width.put(lens.len(), out);
    for len in lens {
        item_width.put(len, out);
    }
    Ok(())
}
