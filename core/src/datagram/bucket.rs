//! Bytes at a rate: buckets that leak.

/// So many bytes at once, and so many a second from then on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) burst: u64,
    pub(super) a_second: u64,
}

/// A bucket that leaks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    /// What is in it: whole bytes, and what of one more, in bytes times nanoseconds a second:
    /// exact at any rate.
    bytes: u64,
    settled: u64,
    fraction: u32,
}

impl Bucket {
    const SECOND: u64 = 1_000_000_000;
    const NANOSECONDS: u128 = Self::SECOND as u128;

    /// Lets out what leaks by now. When the clock goes back, nothing does.
    #[inline]
    pub(super) fn settle(&mut self, now: u64, rate: Rate) {
        let elapsed = now.saturating_sub(self.settled);
        self.settled = now;
        // Within the turn that it was filled in it need not be computed.
        if elapsed == 0 || self.bytes() == 0 {
            return;
        }
        let whole = u128::from(self.bytes).saturating_mul(Self::NANOSECONDS);
        let level = whole.saturating_add(self.fraction.into());
        let leaked = u128::from(elapsed).saturating_mul(rate.a_second.into());
        let (bytes, fraction) = match level.saturating_sub(leaked) {
            0 => (0, 0),
            left => Self::divide(left),
        };
        (self.bytes, self.fraction) = (bytes, fraction);
    }

    /// Whole bytes, and the rest.
    fn divide(level: u128) -> (u64, u32) {
        let (bytes, fraction) = match u64::try_from(level) {
            // Up to 18 GB, without a division of 128 bits.
            Ok(level) => (level / Self::SECOND, level % Self::SECOND),
            Err(_) => {
                let (whole, rest) = (level / Self::NANOSECONDS, level % Self::NANOSECONDS);
                let whole = u64::try_from(whole).unwrap_or(u64::MAX);
                (whole, u64::try_from(rest).unwrap_or_default())
            }
        };
        (bytes, u32::try_from(fraction).unwrap_or_default())
    }

    #[inline]
    pub(super) fn bytes(self) -> u64 {
        self.bytes.saturating_add(u64::from(self.fraction > 0))
    }

    pub(super) fn add(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_leaks_exactly_at_any_rate() {
        for a_second in [0, 1, 3, 7_000, 999_999_999, u64::MAX] {
            let rate = Rate { burst: 0, a_second };
            let (mut meter, mut level) = (Bucket::default(), 0u128);
            let mut now = 5;
            for step in 0..200u64 {
                let added = [0, 1, 40_000, 1 << 36][step as usize % 4];
                meter.add(added);
                level += u128::from(added) * 1_000_000_000;
                let elapsed = [0, 1, 777, 1_000_000_000, 30_000_000_001][step as usize % 5];
                now += elapsed;
                let leaked = u128::from(elapsed).saturating_mul(a_second.into());
                level = level.saturating_sub(leaked);
                meter.settle(now, rate);
                let bytes = level.div_ceil(1_000_000_000);
                assert_eq!(u128::from(meter.bytes()), bytes, "{a_second} {step}");
            }
            // Back in time nothing leaks, and from then on it does.
            let before = meter.bytes();
            meter.settle(0, rate);
            assert_eq!((meter.bytes(), meter.settled), (before, 0));
        }
    }
}
