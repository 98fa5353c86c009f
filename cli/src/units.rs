//! Numbers with their units, for a person.

use std::time::Duration;

/// A time in the unit that suits it, and the unit.
pub(crate) fn units(nanoseconds: u64) -> (f64, &'static str) {
    let value = nanoseconds as f64;
    match nanoseconds {
        0..1_000 => (value, "ns"),
        1_000..1_000_000 => (value / 1e3, "µs"),
        1_000_000..1_000_000_000 => (value / 1e6, "ms"),
        _ => (value / 1e9, "s"),
    }
}

/// A time in nanoseconds, with three significant figures.
pub(crate) fn time(nanoseconds: u64) -> String {
    let (value, unit) = units(nanoseconds);
    match value {
        0.0..10.0 if unit != "ns" => format!("{value:.2} {unit}"),
        0.0..100.0 if unit != "ns" => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

/// A time that somebody has waited.
pub(crate) fn seconds(time: Duration) -> String {
    let text = format!("{:.2}", time.as_secs_f64());
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} s")
}

/// A word for so many things of a kind.
pub(crate) fn plural(number: u64, one: &'static str, many: &'static str) -> &'static str {
    match number {
        1 => one,
        _ => many,
    }
}

/// A number with a comma between thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes, with three significant figures.
#[cfg(feature = "top")]
pub(crate) fn bytes(count: f64) -> String {
    let (mut value, mut unit) = (count, "B");
    for larger in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1e3, larger);
    }
    match value {
        value if unit == "B" => format!("{value:.0} B"),
        0.0..9.995 => format!("{value:.2} {unit}"),
        0.0..99.95 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_figures() {
        for (nanoseconds, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (12_345, "12.3 µs"),
            (148_200, "148 µs"),
            (1_204_000, "1.20 ms"),
            (60_000_000_000, "60.0 s"),
        ] {
            assert_eq!(time(nanoseconds), text);
        }
        assert_eq!(seconds(Duration::from_millis(5000)), "5 s");
        assert_eq!(seconds(Duration::from_millis(250)), "0.25 s");
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[cfg(feature = "top")]
    #[test]
    fn bytes_have_three_figures() {
        for (count, text) in [
            (0.0, "0 B"),
            (999.4, "999 B"),
            (999.6, "1.00 kB"),
            (12_345.0, "12.3 kB"),
            (123_456_789.0, "123 MB"),
            (9.999e9, "10.0 GB"),
            (1e30, "1000000000000 EB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }
}
