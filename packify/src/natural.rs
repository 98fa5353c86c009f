//! The little arithmetic on natural numbers of any size that equality and display need.

use alloc::vec::Vec;

/// 32-bit digits, least significant first, so that every step fits 64 bits.
pub(crate) struct Natural {
    pub(crate) limbs: Vec<u32>,
}

impl From<u64> for Natural {
    fn from(value: u64) -> Self {
        Self::from_be_bytes(&value.to_be_bytes())
    }
}

impl Natural {
    pub(crate) fn from_be_bytes(bytes: &[u8]) -> Self {
        let limb = |chunk: &[u8]| {
            chunk
                .iter()
                .fold(0, |limb, byte| limb << 8 | u32::from(*byte))
        };
        let mut natural = Self {
            limbs: bytes.rchunks(4).map(limb).collect(),
        };
        natural.trim();
        natural
    }

    /// From ASCII digits, most significant first.
    pub(crate) fn from_digits(digits: impl Iterator<Item = u8>) -> Self {
        let mut natural = Self { limbs: Vec::new() };
        let (mut group, mut scale) = (0u32, 1u32);
        for digit in digits {
            // Below a billion, both: no product leaves 32 bits.
            group = group.wrapping_mul(10).wrapping_add(u32::from(digit & 0xf));
            scale = scale.wrapping_mul(10);
            if scale == 1_000_000_000 {
                natural.mul_add(scale, group);
                (group, scale) = (0, 1);
            }
        }
        natural.mul_add(scale, group);
        natural
    }

    pub(crate) const fn is_zero(&self) -> bool {
        self.limbs.is_empty()
    }

    fn trim(&mut self) {
        while let Some(0) = self.limbs.last() {
            self.limbs.pop();
        }
    }

    pub(crate) fn mul_add(&mut self, factor: u32, add: u32) {
        let mut carry = u64::from(add);
        for limb in &mut self.limbs {
            let product = u64::from(*limb)
                .wrapping_mul(factor.into())
                .wrapping_add(carry);
            *limb = product as u32;
            carry = product >> 32;
        }
        if carry != 0 {
            self.limbs.push(carry as u32);
        }
    }

    /// The remainder of a division by `DIVISOR`.
    fn remainder<const DIVISOR: u32>(&self) -> u32 {
        let step = |high: u32, limb: &u32| {
            let dividend = u64::from(high) << 32 | u64::from(*limb);
            dividend.checked_rem(DIVISOR.into()).unwrap_or_default() as u32
        };
        self.limbs.iter().rev().fold(0, step)
    }

    /// Divides by `DIVISOR`, and returns the remainder.
    pub(crate) fn divide<const DIVISOR: u32>(&mut self) -> u32 {
        let mut remainder = 0;
        for limb in self.limbs.iter_mut().rev() {
            let dividend = u64::from(remainder) << 32 | u64::from(*limb);
            *limb = dividend.checked_div(DIVISOR.into()).unwrap_or_default() as u32;
            remainder = dividend.checked_rem(DIVISOR.into()).unwrap_or_default() as u32;
        }
        self.trim();
        remainder
    }

    /// Divides by two as often as that leaves no remainder. Returns how often. Not for zero.
    pub(crate) fn strip_twos(&mut self) -> u64 {
        let whole = self.limbs.iter().take_while(|limb| **limb == 0).count();
        self.limbs.drain(..whole);
        let bits = self.limbs.first().map_or(0, |limb| limb.trailing_zeros());
        let mut high = 0;
        for limb in self.limbs.iter_mut().rev() {
            let both = u64::from(high) << 32 | u64::from(*limb);
            high = *limb;
            *limb = both.wrapping_shr(bits) as u32;
        }
        self.trim();
        (whole as u64)
            .saturating_mul(32)
            .saturating_add(bits.into())
    }

    /// As [`strip_twos`](Self::strip_twos), by five.
    pub(crate) fn strip_fives(&mut self) -> u64 {
        // The largest power that fits a limb.
        const FIVES: u32 = 5u32.pow(13);
        let mut count = 0u64;
        while !self.is_zero() && self.remainder::<FIVES>() == 0 {
            self.divide::<FIVES>();
            count = count.saturating_add(13);
        }
        while !self.is_zero() && self.remainder::<5>() == 0 {
            self.divide::<5>();
            count = count.saturating_add(1);
        }
        count
    }
}
