//! Python's `int`: whole numbers of any size.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;

use thiserror::Error;

use crate::natural::Natural;

/// Above this many bytes of magnitude an [`Int`] is displayed in hexadecimal, since decimal
/// digits take a time that grows with the square of the size.
const DECIMAL_DISPLAY_MAX: usize = 1024;

/// A whole number of any size. There is no negative zero. Numbers whose magnitude fits
/// 64 bits do not allocate.
///
/// Displays as decimal digits, and from 1,025 bytes of magnitude on as hexadecimal ones.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Int(Repr);

/// A number has one representation: `Big` begins with a nonzero byte and is longer than 8.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Small {
        negative: bool,
        magnitude: [u8; 8],
    },
    Big {
        negative: bool,
        magnitude: Box<[u8]>,
    },
}

/// A number does not fit the type it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("number does not fit the type")]
pub struct OutOfRange;

impl Int {
    /// Zero.
    pub const ZERO: Self = Self(Repr::Small {
        negative: false,
        magnitude: [0; 8],
    });

    /// From a sign and the bytes of the absolute value, most significant first. Leading
    /// zeros are dropped; zero is never negative.
    pub fn from_be_magnitude(negative: bool, mut magnitude: &[u8]) -> Self {
        while let Some((0, rest)) = magnitude.split_first() {
            magnitude = rest;
        }
        if magnitude.len() > 8 {
            return Self(Repr::Big {
                negative,
                magnitude: magnitude.into(),
            });
        }
        let value = magnitude
            .iter()
            .fold(0, |value: u64, byte| value << 8 | u64::from(*byte));
        Self::small(negative, value)
    }

    fn small(negative: bool, value: u64) -> Self {
        let negative = negative && value != 0;
        Self(Repr::Small {
            negative,
            magnitude: value.to_be_bytes(),
        })
    }

    /// Whether it is below zero.
    pub const fn is_negative(&self) -> bool {
        match self.0 {
            Repr::Small { negative, .. } | Repr::Big { negative, .. } => negative,
        }
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.magnitude().is_empty()
    }

    /// The bytes of the absolute value, most significant first, without leading zeros:
    /// none for 0.
    pub fn magnitude(&self) -> &[u8] {
        match &self.0 {
            Repr::Big { magnitude, .. } => magnitude,
            Repr::Small { magnitude, .. } => {
                let mut bytes: &[u8] = magnitude;
                while let Some((0, rest)) = bytes.split_first() {
                    bytes = rest;
                }
                bytes
            }
        }
    }

    /// The absolute value, if it fits.
    fn magnitude_u128(&self) -> Option<u128> {
        let bytes = self.magnitude();
        if bytes.len() > 16 {
            return None;
        }
        Some(
            bytes
                .iter()
                .fold(0, |value, byte| value << 8 | u128::from(*byte)),
        )
    }
}

impl Default for Int {
    fn default() -> Self {
        Self::ZERO
    }
}

macro_rules! from_small {
    ($($unsigned:ty, $signed:ty;)*) => {$(
        impl From<$unsigned> for Int {
            fn from(value: $unsigned) -> Self {
                Self::small(false, value as u64)
            }
        }

        impl From<$signed> for Int {
            fn from(value: $signed) -> Self {
                Self::small(value < 0, value.unsigned_abs() as u64)
            }
        }
    )*};
}

from_small! { u8, i8; u16, i16; u32, i32; u64, i64; usize, isize; }

impl From<u128> for Int {
    fn from(value: u128) -> Self {
        Self::from_be_magnitude(false, &value.to_be_bytes())
    }
}

impl From<i128> for Int {
    fn from(value: i128) -> Self {
        Self::from_be_magnitude(value < 0, &value.unsigned_abs().to_be_bytes())
    }
}

impl TryFrom<&Int> for u128 {
    type Error = OutOfRange;

    fn try_from(int: &Int) -> Result<Self, OutOfRange> {
        let magnitude = int.magnitude_u128().ok_or(OutOfRange)?;
        if int.is_negative() {
            Err(OutOfRange)
        } else {
            Ok(magnitude)
        }
    }
}

impl TryFrom<&Int> for i128 {
    type Error = OutOfRange;

    fn try_from(int: &Int) -> Result<Self, OutOfRange> {
        let magnitude = int.magnitude_u128().ok_or(OutOfRange)?;
        if int.is_negative() {
            0i128.checked_sub_unsigned(magnitude).ok_or(OutOfRange)
        } else {
            magnitude.try_into().map_err(|_| OutOfRange)
        }
    }
}

macro_rules! try_from_int {
    ($($narrow:ty)*) => {$(
        impl TryFrom<&Int> for $narrow {
            type Error = OutOfRange;

            fn try_from(int: &Int) -> Result<Self, OutOfRange> {
                i128::try_from(int)?.try_into().map_err(|_| OutOfRange)
            }
        }
    )*};
}

try_from_int! { u8 i8 u16 i16 u32 i32 u64 i64 usize isize }

impl Ord for Int {
    fn cmp(&self, other: &Self) -> Ordering {
        let magnitudes = || {
            let (a, b) = (self.magnitude(), other.magnitude());
            a.len().cmp(&b.len()).then_with(|| a.cmp(b))
        };
        match (self.is_negative(), other.is_negative()) {
            (false, false) => magnitudes(),
            (true, true) => magnitudes().reverse(),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

impl PartialOrd for Int {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Int {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(magnitude) = self.magnitude_u128() {
            let sign = if self.is_negative() { "-" } else { "" };
            return write!(f, "{sign}{magnitude}");
        }
        if self.is_negative() {
            f.write_str("-")?;
        }
        if self.magnitude().len() <= DECIMAL_DISPLAY_MAX {
            return fmt_decimal(self.magnitude(), f);
        }
        f.write_str("0x")?;
        self.magnitude()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The digits of a nonzero number, nine at a time from the last ones on.
fn fmt_decimal(magnitude: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut rest = Natural::from_be_bytes(magnitude);
    let mut groups = Vec::new();
    while !rest.is_zero() {
        groups.push(rest.divide::<1_000_000_000>());
    }
    let mut groups = groups.iter().rev();
    if let Some(first) = groups.next() {
        write!(f, "{first}")?;
    }
    groups.try_for_each(|group| write!(f, "{group:09}"))
}

impl fmt::Debug for Int {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;

    use super::*;

    #[test]
    fn has_one_form() {
        assert_eq!(Int::from_be_magnitude(true, &[0, 0]), Int::ZERO);
        assert_eq!(Int::from_be_magnitude(false, &[0; 20]), Int::from(0));
        assert_eq!(Int::from_be_magnitude(true, &[0, 0, 1, 2]), Int::from(-258));
        assert_eq!(
            Int::from_be_magnitude(false, &[255; 8]),
            Int::from(u64::MAX)
        );
        assert_eq!(
            Int::from(1u128 << 64).magnitude(),
            [1, 0, 0, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!(Int::from(258).magnitude(), [1, 2]);
        assert!(Int::ZERO.is_zero() && Int::ZERO.magnitude().is_empty());
    }

    #[test]
    fn converts_back_where_it_fits() {
        for value in [
            0,
            1,
            -1,
            i128::MAX,
            i128::MIN,
            i64::MIN.into(),
            u64::MAX.into(),
        ] {
            assert_eq!(i128::try_from(&Int::from(value)), Ok(value));
        }
        assert_eq!(i64::try_from(&Int::from(i64::MIN)), Ok(i64::MIN));
        assert_eq!(i64::try_from(&Int::from(u64::MAX)), Err(OutOfRange));
        assert_eq!(u64::try_from(&Int::from(u64::MAX)), Ok(u64::MAX));
        assert_eq!(u64::try_from(&Int::from(-1)), Err(OutOfRange));
        assert_eq!(u128::try_from(&Int::from(u128::MAX)), Ok(u128::MAX));
        assert_eq!(u128::try_from(&Int::from(-1)), Err(OutOfRange));
        assert_eq!(i128::try_from(&Int::from(u128::MAX)), Err(OutOfRange));
        assert_eq!(
            u128::try_from(&Int::from_be_magnitude(false, &[1; 17])),
            Err(OutOfRange)
        );
        assert_eq!(u8::try_from(&Int::from(256)), Err(OutOfRange));
        assert_eq!(i8::try_from(&Int::from(-128)), Ok(-128));
    }

    #[test]
    fn orders_by_value() {
        let big = |negative| Int::from_be_magnitude(negative, &[1; 20]);
        let ascending = [
            big(true),
            i128::MIN.into(),
            (-1).into(),
            0.into(),
            1.into(),
            256.into(),
            big(false),
        ];
        assert!(ascending.is_sorted_by(|a, b| a < b));
        assert!(ascending.iter().rev().is_sorted_by(|a, b| a > b));
    }

    #[test]
    fn displays_digits() {
        assert_eq!(Int::from(i128::MIN).to_string(), i128::MIN.to_string());
        assert_eq!(
            Int::from_be_magnitude(false, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
                .to_string(),
            "340282366920938463463374607431768211456"
        );
        let digits = Int::from_be_magnitude(true, &vec![255; 1024]).to_string();
        assert_eq!(digits.len(), 2468);
        let hex = Int::from_be_magnitude(true, &vec![0xab; 1025]).to_string();
        assert!(hex.starts_with("-0xabab"));
    }
}
