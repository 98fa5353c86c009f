//! Packed ints, read where they are.

use core::fmt;

use crate::int::{Int, OutOfRange};

/// A packed int: a sign and a magnitude, as they were packed.
#[derive(Clone, Copy)]
pub struct IntRef<'a> {
    negative: bool,
    magnitude: &'a [u8],
}

impl<'a> IntRef<'a> {
    #[inline]
    pub(crate) const fn new(negative: bool, magnitude: &'a [u8]) -> Self {
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
