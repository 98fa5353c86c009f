//! What several rounds of a measurement come to.

use std::fmt::{self, Display, Formatter};

/// The median of several rounds, with the least and the most. As text, the precision that is asked
/// for is that of all three: `0.95 (0.93..0.96)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The least.
    pub least: f64,
    /// The one in the middle; of an even number, the upper one.
    pub median: f64,
    /// The most.
    pub most: f64,
}

impl Spread {
    /// Of all rounds; zero where there are none.
    pub fn of(rounds: impl IntoIterator<Item = f64>) -> Self {
        let mut rounds: Vec<_> = rounds.into_iter().collect();
        rounds.sort_by(f64::total_cmp);
        let at = |index: usize| rounds.get(index).copied().unwrap_or_default();
        Self {
            least: at(0),
            median: at(rounds.len() / 2),
            most: at(rounds.len().saturating_sub(1)),
        }
    }

    /// Whether the rounds lie within a third of the median: others are to be measured again.
    #[must_use]
    pub fn is_steady(&self) -> bool {
        self.most - self.least <= self.median / 3.0
    }
}

impl Display for Spread {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(2);
        let Self {
            least,
            median,
            most,
        } = self;
        let text = format!("{median:.digits$} ({least:.digits$}..{most:.digits$})");
        f.pad_integral(true, "", &text)
    }
}

/// A number with its thousands apart: `1,234,567`.
#[must_use]
pub fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", &*digits),
    };
    let mut text = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_have_a_middle_and_ends() {
        let spread = Spread::of([3.0, 1.0, 2.0]);
        assert_eq!(format!("{spread:.1}"), "2.0 (1.0..3.0)");
        assert_eq!(format!("{spread:>16.1}"), "  2.0 (1.0..3.0)");
        assert!(!spread.is_steady());
        assert!(Spread::of([0.9, 1.0, 1.1]).is_steady());
        assert_eq!(Spread::of([1.0, 2.0]).median, 2.0);
        assert_eq!(Spread::of([]).median, 0.0);
    }

    #[test]
    fn thousands_are_apart() {
        let numbers = [0.0, 999.4, 1000.0, 1_234_567.0, -1000.0];
        let texts = numbers.map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "1,234,567", "-1,000"]);
    }
}
