//! Code bytes: a type in six bits, a width in two.

use alloc::vec::Vec;

use crate::error::EncodeError;

pub(crate) const NONE: u8 = 0;
pub(crate) const BYTES: u8 = 1;
pub(crate) const BYTEARRAY: u8 = 2;
pub(crate) const STR: u8 = 3;
pub(crate) const INT: u8 = 4;
pub(crate) const NEG_INT: u8 = 5;
pub(crate) const BOOL: u8 = 6;
pub(crate) const FLOAT: u8 = 7;
pub(crate) const DECIMAL: u8 = 8;
pub(crate) const LIST: u8 = 10;
pub(crate) const SET: u8 = 11;
pub(crate) const TUPLE: u8 = 12;
pub(crate) const DICT: u8 = 13;
pub(crate) const BIG_INT: u8 = 14;
pub(crate) const BIG_NEG: u8 = 15;
pub(crate) const PACKABLE: u8 = 20;

/// The type bits of a code.
pub(crate) const TYPE_MASK: u8 = 0b0011_1111;

/// How many bytes a length takes: the two high bits of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Width {
    One,
    Two,
    Four,
}

impl Width {
    /// The width in a code's high bits; `None` for 00, which is no width.
    #[inline]
    pub(crate) const fn of(code: u8) -> Option<Self> {
        match code >> 6 {
            0 => None,
            1 => Some(Self::One),
            2 => Some(Self::Two),
            _ => Some(Self::Four),
        }
    }

    /// The smallest width that holds `len`.
    #[inline]
    pub(crate) const fn for_len(len: usize) -> Result<Self, EncodeError> {
        match len {
            0..=0xff => Ok(Self::One),
            0x100..=0xffff => Ok(Self::Two),
            _ if len as u64 <= u32::MAX as u64 => Ok(Self::Four),
            _ => Err(EncodeError::TooLong { len }),
        }
    }

    /// The two high bits of a code.
    #[inline]
    pub(crate) const fn bits(self) -> u8 {
        match self {
            Self::One => 0x40,
            Self::Two => 0x80,
            Self::Four => 0xc0,
        }
    }

    /// The number of bytes.
    #[inline]
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
        }
    }

    /// Takes a number of this width off the front of `input`.
    #[inline]
    pub(crate) fn split_number(self, input: &[u8]) -> Option<(usize, &[u8])> {
        match self {
            Self::One => {
                let (byte, rest) = input.split_first()?;
                Some((usize::from(*byte), rest))
            }
            Self::Two => {
                let (bytes, rest) = input.split_first_chunk()?;
                Some((usize::from(u16::from_be_bytes(*bytes)), rest))
            }
            Self::Four => {
                let (bytes, rest) = input.split_first_chunk()?;
                // Where usize has 16 bits no slice is that long: the number fails later on.
                let number = usize::try_from(u32::from_be_bytes(*bytes)).unwrap_or(usize::MAX);
                Some((number, rest))
            }
        }
    }

    /// Appends `number`, which must fit (the width is made for a number at least as large).
    #[inline]
    pub(crate) fn put(self, number: usize, out: &mut Vec<u8>) {
        match self {
            Self::One => out.push(number as u8),
            Self::Two => out.extend_from_slice(&(number as u16).to_be_bytes()),
            Self::Four => out.extend_from_slice(&(number as u32).to_be_bytes()),
        }
    }
}
