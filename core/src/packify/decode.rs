//! Reads one packed value off the front of a slice, and validates whole ones.

use super::code::{self, Width};
use super::decimal;
use super::error::{DecodeError, DecodeErrorKind};
use super::view::IntRef;

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
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What a code byte says, with the payload cut out but not looked into.
#[derive(Clone, Copy)]
pub(super) enum Head<'a> {
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
pub(super) struct Table<'a> {
    pub(super) width: Width,
    pub(super) lens: &'a [u8],
}

impl<'a> Table<'a> {
    #[inline]
    pub(super) fn count(&self) -> usize {
        match self.width {
            Width::One => self.lens.len(),
            Width::Two => self.lens.len() >> 1,
            Width::Four => self.lens.len() >> 2,
        }
    }

    #[inline]
    pub(super) fn next_len(&mut self) -> Option<usize> {
        let (len, rest) = self.width.split_number(self.lens)?;
        self.lens = rest;
        Some(len)
    }
}

/// Cuts slices off the input and knows how far it is.
#[derive(Clone, Copy)]
struct Reader<'a> {
    rest: &'a [u8],
    /// Offset of the input's end from the start of the whole input.
    end: usize,
}

impl<'a> Reader<'a> {
    #[inline]
    fn offset(&self) -> usize {
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
    fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
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
#[inline]
pub(super) fn head(input: &[u8], end: usize) -> Result<(Head<'_>, &[u8]), DecodeError> {
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

/// Checks all of the value that `input` begins with. Returns how many bytes it takes up.
#[inline]
pub(super) fn validate(input: &[u8], limits: &DecodeLimits) -> Result<usize, DecodeError> {
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
            self.value(key, key_end, depth_left, true)?;
            self.value(value, pair.offset(), depth_left, false)?;
        }
        Ok(reader.rest)
    }
}
