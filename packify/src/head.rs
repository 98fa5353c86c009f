//! Reads one packed value off the front of a slice, but not what it contains.

use crate::code::{self, Width};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::int_ref::IntRef;
use crate::short::ShortPair;

/// What a code byte says, with the payload cut out but not looked into.
#[derive(Clone, Copy)]
pub(crate) enum Head<'a> {
    None,
    Bytes(&'a [u8]),
    ByteArray(&'a [u8]),
    Str(&'a [u8]),
    Int(IntRef<'a>),
    Bool(bool),
    Float(f64),
    Decimal(&'a [u8]),
    /// List, set, tuple or dict, by its type bits.
    Container(u8, Table<'a>),
    Packable {
        name: &'a [u8],
        data: &'a [u8],
    },
}

/// The lengths of a container's items. The items follow it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table<'a> {
    pub(crate) width: Width,
    pub(crate) lens: &'a [u8],
}

impl<'a> Table<'a> {
    #[inline]
    pub(crate) fn count(&self) -> usize {
        match self.width {
            Width::One => self.lens.len(),
            Width::Two => self.lens.len() >> 1,
            Width::Four => self.lens.len() >> 2,
        }
    }

    #[inline]
    pub(crate) fn next_len(&mut self) -> Option<usize> {
        let (len, rest) = self.width.split_number(self.lens)?;
        self.lens = rest;
        Some(len)
    }
}

/// Cuts slices off the input and knows how far it is.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) rest: &'a [u8],
    /// Offset of the input's end from the start of the whole input.
    pub(crate) end: usize,
}

impl<'a> Reader<'a> {
    #[inline]
    pub(crate) fn offset(&self) -> usize {
        self.end.saturating_sub(self.rest.len())
    }

    #[cold]
    fn truncated(&self, what: &'static str, needed: usize) -> DecodeError {
        let left = self.rest.len();
        DecodeError::new(
            DecodeErrorKind::Truncated { what, needed, left },
            self.offset(),
        )
    }

    #[inline]
    pub(crate) fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(self.truncated(what, len));
        };
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn number(&mut self, width: Width, what: &'static str) -> Result<usize, DecodeError> {
        let Some((number, rest)) = width.split_number(self.rest) else {
            return Err(self.truncated(what, width.bytes()));
        };
        self.rest = rest;
        Ok(number)
    }

    #[inline]
    fn prefixed(&mut self, width: Width, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let len = self.number(width, "length")?;
        self.take(len, what)
    }
}

/// Reads the head of the value that `input` begins with. Returns it with the bytes behind
/// it; for a container these are its items and whatever follows. `end` is the offset of the
/// end of `input`, for errors.
#[inline(always)]
pub(crate) fn head(input: &[u8], end: usize) -> Result<(Head<'_>, &[u8]), DecodeError> {
    let mut reader = Reader { rest: input, end };
    let Some((&code, rest)) = input.split_first() else {
        return Err(reader.truncated("code", 1));
    };
    let offset = reader.offset();
    reader.rest = rest;
    let width = Width::of(code);
    let sized = || width.ok_or(DecodeError::new(DecodeErrorKind::NoWidth { code }, offset));
    let kind = code & code::TYPE_MASK;
    let head = match kind {
        code::BYTES => Head::Bytes(reader.prefixed(sized()?, "bytes")?),
        code::STR => Head::Str(reader.prefixed(sized()?, "str")?),
        code::LIST | code::SET | code::TUPLE | code::DICT => {
            let count_width = sized()?;
            let offset = reader.offset();
            let Some((&byte, rest)) = reader.rest.split_first() else {
                return Err(reader.truncated("item width", 1));
            };
            reader.rest = rest;
            let item_width = match byte {
                0x40 => Width::One,
                0x80 => Width::Two,
                0xc0 => Width::Four,
                _ => {
                    return Err(DecodeError::new(
                        DecodeErrorKind::BadItemWidth { byte },
                        offset,
                    ));
                }
            };
            let count = reader.number(count_width, "item count")?;
            let lens = reader.take(count.saturating_mul(item_width.bytes()), "item lengths")?;
            Head::Container(
                kind,
                Table {
                    width: item_width,
                    lens,
                },
            )
        }
        code::NONE => Head::None,
        code::INT | code::NEG_INT => {
            let magnitude = match width {
                Some(width) => reader.take(width.bytes(), "int")?,
                None => reader.prefixed(Width::One, "int")?,
            };
            Head::Int(IntRef::new(kind == code::NEG_INT, magnitude))
        }
        code::BIG_INT | code::BIG_NEG => {
            let magnitude = reader.prefixed(Width::Four, "int")?;
            Head::Int(IntRef::new(kind == code::BIG_NEG, magnitude))
        }
        code::BOOL => Head::Bool(reader.take(1, "bool")? != [0]),
        code::FLOAT => {
            let Some((bytes, rest)) = reader.rest.split_first_chunk() else {
                return Err(reader.truncated("float", 8));
            };
            reader.rest = rest;
            Head::Float(f64::from_be_bytes(*bytes))
        }
        code::BYTEARRAY => Head::ByteArray(reader.prefixed(sized()?, "bytearray")?),
        code::DECIMAL => Head::Decimal(reader.prefixed(sized()?, "decimal")?),
        code::PACKABLE => {
            let width = sized()?;
            let name_len = reader.number(width, "length of the name")?;
            let data_len = reader.number(width, "length of the data")?;
            let name = reader.take(name_len, "name of the packable")?;
            let data = reader.take(data_len, "data of the packable")?;
            Head::Packable { name, data }
        }
        _ => {
            return Err(DecodeError::new(
                DecodeErrorKind::UnknownType { code },
                offset,
            ));
        }
    };
    Ok((head, reader.rest))
}

/// The packed key and value of a dict's item, each with the offset of its end.
pub(crate) struct Pair<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) key_end: usize,
    pub(crate) value: &'a [u8],
    pub(crate) value_end: usize,
}

/// Cuts a dict's item up. `end` is the offset of its end.
#[inline]
pub(crate) fn pair(item: &[u8], end: usize) -> Result<Pair<'_>, DecodeError> {
    // What all auth fields look like.
    if let Some(ShortPair { key, value, behind }) = ShortPair::of(item) {
        let value_end = end.saturating_sub(behind.len());
        return Ok(Pair {
            key,
            key_end: value_end.saturating_sub(value.len()),
            value,
            value_end,
        });
    }
    any_pair(item, end)
}

#[inline(never)]
fn any_pair(item: &[u8], end: usize) -> Result<Pair<'_>, DecodeError> {
    let not_a_pair = || {
        let start = end.saturating_sub(item.len());
        DecodeError::new(DecodeErrorKind::NotAPair, start)
    };
    let (Head::Container(code::TUPLE, mut pair), rest) = head(item, end)? else {
        return Err(not_a_pair());
    };
    let (Some(key_len), Some(value_len), None) =
        (pair.next_len(), pair.next_len(), pair.next_len())
    else {
        return Err(not_a_pair());
    };
    let mut pair = Reader { rest, end };
    let key = pair.take(key_len, "dict key")?;
    let key_end = pair.offset();
    let value = pair.take(value_len, "dict value")?;
    Ok(Pair {
        key,
        key_end,
        value,
        value_end: pair.offset(),
    })
}
