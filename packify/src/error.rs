//! What can be wrong with packed bytes, and with a value that is to be packed.

use thiserror::Error;

/// Why bytes are not a packed value, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("at byte {offset}: {kind}")]
pub struct DecodeError {
    kind: DecodeErrorKind,
    offset: usize,
}

impl DecodeError {
    #[cold]
    pub(crate) const fn new(kind: DecodeErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// What is wrong.
    pub const fn kind(&self) -> DecodeErrorKind {
        self.kind
    }

    /// Where: bytes from the start of the input. For [`DecodeErrorKind::Truncated`] this is
    /// where the missing part should begin, else the first byte of what was refused.
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

/// What is wrong with packed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// A part is longer than the input, or than the slice of the container that holds it.
    #[error("{what} needs {needed} bytes, {left} are left")]
    Truncated {
        /// The part, in words.
        what: &'static str,
        /// Its length in bytes, by what comes before it.
        needed: usize,
        /// The bytes that there are.
        left: usize,
    },
    /// The six low bits of the code are no type that packify knows.
    #[error("code {code:#04x} has an unknown type")]
    UnknownType {
        /// The code byte.
        code: u8,
    },
    /// The code says that no length follows, of a type that has one.
    #[error("code {code:#04x} lacks the width of the length")]
    NoWidth {
        /// The code byte.
        code: u8,
    },
    /// The item-width byte of a container is not 0x40, 0x80 or 0xc0.
    #[error("item width is {byte:#04x}, not 0x40, 0x80 or 0xc0")]
    BadItemWidth {
        /// The byte found.
        byte: u8,
    },
    /// A str, a decimal or the name of a packable is not UTF-8.
    #[error("text is not UTF-8")]
    NotUtf8,
    /// The text of a decimal is none that Python's `decimal.Decimal` accepts.
    #[error("decimal is not a number")]
    BadDecimal,
    /// An item of a dict is not a tuple of two.
    #[error("dict item is not a tuple of key and value")]
    NotAPair,
    /// A set item or dict key that Python cannot hash: a list, set, dict, bytearray or
    /// signaling NaN, or a tuple with one inside.
    #[error("set item or dict key is not hashable")]
    Unhashable,
    /// A packable, and [`DecodeLimits::packables`](crate::DecodeLimits::packables) is off.
    #[error("packables are refused")]
    PackableRefused,
    /// Containers inside one another past [`DecodeLimits::depth`](crate::DecodeLimits::depth).
    #[error("containers are nested more than {limit} deep")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// More container items than [`DecodeLimits::items`](crate::DecodeLimits::items).
    #[error("containers hold more than {limit} items")]
    TooManyItems {
        /// The limit.
        limit: usize,
    },
}

/// Why a value cannot be packed. Nothing has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A length or a count is past 4,294,967,295, the most that four bytes can say.
    #[error("a length of {len} does not fit four bytes")]
    TooLong {
        /// The length in bytes, or the number of items.
        len: usize,
    },
}

/// A list, set, dict, bytearray or signaling NaN (or a tuple with one inside) can be neither
/// an item of a set nor a key of a dict: Python cannot hash it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("value is not hashable")]
pub struct Unhashable;
