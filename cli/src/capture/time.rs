//! When a packet was captured.

use std::fmt;

/// A time since 1970, in UTC; shown to the microsecond, as RFC 3339 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time {
    seconds: u64,
    nanoseconds: u32,
}

impl Time {
    /// From a number of units of which a second has so many, which are not 0.
    pub(super) fn new(units: u64, per_second: u64, offset: i64) -> Self {
        let per_second = per_second.max(1);
        let (seconds, fraction) = (units / per_second, units % per_second);
        let nanoseconds = u128::from(fraction) * 1_000_000_000 / u128::from(per_second);
        Self {
            seconds: seconds.saturating_add_signed(offset),
            nanoseconds: u32::try_from(nanoseconds).unwrap_or(0),
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.seconds / 86_400, self.seconds % 86_400);
        let (year, month, day) = date(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let micros = self.nanoseconds / 1000;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z"
        )
    }
}

/// The day of the calendar, of a number of days since 1970.
fn date(days: u64) -> (u64, u64, u64) {
    // From 1 March of year 0, so that leap days are the last of their years.
    let days = days.saturating_add(719_468);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let first = (153 * month + 2) / 5;
    let (month, next_year) = match month {
        0..=9 => (month + 3, 0),
        _ => (month - 9, 1),
    };
    (era * 400 + year + next_year, month, day - first + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        let shown = |seconds: u64| Time::new(seconds, 1, 0).to_string();
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (68_169_599, "1972-02-28T23:59:59.000000Z"),
            (68_169_600, "1972-02-29T00:00:00.000000Z"),
            (951_868_800, "2000-03-01T00:00:00.000000Z"),
            (1_735_689_599, "2024-12-31T23:59:59.000000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000000Z"),
        ] {
            assert_eq!(shown(seconds), text);
        }
        let fraction = Time::new(3, 2, -1).to_string();
        assert_eq!(fraction, "1970-01-01T00:00:00.500000Z");
        // Whatever a file says.
        for units in [u64::MAX, u64::MAX - 1, 1 << 63] {
            for per_second in [0, 1, 1_000_000, u64::MAX] {
                for offset in [0, i64::MAX, i64::MIN] {
                    assert!(!Time::new(units, per_second, offset).to_string().is_empty());
                }
            }
        }
    }
}
